"""What the engine raises.

Each error is built from the facts of the case and says, in words for a person, what happened, to which
file or setting, and what to do about it: ``str(error)`` is fit for a dialog. Guest misbehaviour never
raises: it is chip behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class BancadaError(Exception):
    """Base of all errors meant for a person."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a configuration.

    ``path`` names the setting as in machine.toml (``"floppy[0].image"``), ``message`` says what is wrong,
    ``fix`` what is allowed or what to do.
    """

    path: str
    message: str
    fix: str = ""

    def __str__(self) -> str:
        text = f"{self.path}: {self.message}"
        return f"{text} {self.fix}" if self.fix else text


class ConfigError(BancadaError):
    """A configuration that cannot be used. ``problems`` lists everything wrong with it."""

    def __init__(self, problems: list[Problem], file: Path | None = None) -> None:
        self.problems = problems
        self.file = file
        lines = "\n".join(str(problem) for problem in problems)
        super().__init__(f"{file}:\n{lines}" if file else lines)


class MediumError(BancadaError):
    """A floppy, disk or CD image cannot be used."""

    def __init__(self, file: Path | str, message: str, fix: str = "") -> None:
        self.file = Path(file)
        text = f"{file}: {message}"
        super().__init__(f"{text} {fix}" if fix else text)


class MediumInUseError(MediumError):
    """Another running VM writes to the image."""


class HostResourceError(BancadaError):
    """The host cannot give what the VM needs (memory, a port, a device)."""


class StateError(BancadaError):
    """A saved device state does not fit."""


class MachineError(BancadaError):
    """An operation that the machine's present power state does not allow."""


class GuestFailure(BancadaError):
    """The VM's processor cannot go on (an internal fault); ``report`` holds what is known."""

    def __init__(self, message: str, report: str = "") -> None:
        self.report = report
        super().__init__(message)
