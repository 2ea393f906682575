"""Loggers: one a topic below ``bancada``, and one file a machine, kept beside it."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Final

KEPT_LOGS: Final = 3  # older runs: machine-1.log is the one before
MAX_LOG_BYTES: Final = 4 << 20  # a guest that makes one device complain for ever must not fill the disk

_FORMAT: Final = "%(asctime)s.%(msecs)03d %(levelname)s %(message)s"


def logger(topic: str) -> logging.Logger:
    return logging.getLogger(f"bancada.{topic}")


def show_on_terminal(verbose: bool = False) -> None:
    """Warnings and errors (everything with ``verbose``) on standard error."""
    root = logging.getLogger("bancada")
    if not any(isinstance(handler, _TerminalHandler) for handler in root.handlers):
        handler = _TerminalHandler()
        handler.setFormatter(logging.Formatter("bancada: %(message)s"))
        root.addHandler(handler)
        root.propagate = False
    root.setLevel(logging.DEBUG if verbose else logging.WARNING)


class _TerminalHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error as it is when something is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        import sys

        self.stream = sys.stderr
        super().emit(record)


class MachineLog:
    """The log of one run. A log that cannot be written is no reason not to run a machine: it goes quiet."""

    def __init__(self, file: Path | None, name: str) -> None:
        self._logger = logging.Logger(f"bancada.machine.{name}", logging.DEBUG)
        self._handler: logging.FileHandler | None = None
        self._written = 0
        if file is None:
            return
        with contextlib.suppress(OSError):
            _rotate(file)
            self._handler = _QuietFileHandler(file, mode="w", encoding="utf-8")
            self._handler.setFormatter(logging.Formatter(_FORMAT, "%Y-%m-%d %H:%M:%S"))
            self._logger.addHandler(self._handler)

    def info(self, message: str) -> None:
        self._log(logging.INFO, message)

    def warning(self, message: str) -> None:
        self._log(logging.WARNING, message)

    def error(self, message: str) -> None:
        self._log(logging.ERROR, message)

    def close(self) -> None:
        if self._handler is not None:
            self._logger.removeHandler(self._handler)
            self._handler.close()
            self._handler = None

    def _log(self, level: int, message: str) -> None:
        if self._handler is None or self._written > MAX_LOG_BYTES:
            return
        self._written += len(message) + 40
        if self._written > MAX_LOG_BYTES:
            message = "The log is full; nothing more is written in this run."
        self._logger.log(level, message)


class _QuietFileHandler(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """The host's disk is full: the guest goes on."""


def _rotate(file: Path) -> None:
    for age in range(KEPT_LOGS, 0, -1):
        newer = _aged(file, age - 1)
        if newer.exists():
            newer.replace(_aged(file, age))


def _aged(file: Path, age: int) -> Path:
    return file if age == 0 else file.with_stem(f"{file.stem}-{age}")
