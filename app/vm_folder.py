"""One machine's folder: ``machine.toml``, disks, NVRAM, log, and the lock that keeps two processes off it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.config_file import VmSettings, read_settings, write_settings
from engine.errors import BancadaError, HostResourceError

SETTINGS_NAME: Final = "machine.toml"
LOCK_NAME: Final = "machine.lock"
NVRAM_NAME: Final = "nvram.bin"
_LOCK_TRIES: Final = 10  # somebody who only looks holds the lock for an instant
_LOCK_PAUSE_S: Final = 0.02


class MachineInUseError(BancadaError):
    """Another process, or another window, runs this machine."""


class MachineFileError(BancadaError):
    """A file in the machine's folder cannot be written."""


@dataclass(frozen=True)
class Holder:
    """Who runs a machine."""

    host: str
    pid: int

    @property
    def is_this_process(self) -> bool:
        return self.pid == os.getpid() and self.host == socket.gethostname()

    def __str__(self) -> str:
        return f"process {self.pid}" + ("" if self.host == socket.gethostname() else f" on {self.host}")


class FolderLock:
    """Held while the machine runs. The kernel lets go of it when the process dies, however it dies.

    ``was_stale``: the one who held it before did not let go in order (a crash, a power failure of the host).
    """

    def __init__(self, handle: int, was_stale: bool) -> None:
        self._handle = handle
        self.was_stale = was_stale

    def release(self) -> None:
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1


class VmFolder:
    """``path`` is the folder, or the machine.toml in it. Nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        path = Path(os.path.abspath(path))
        self.path = path.parent if path.name == SETTINGS_NAME else path
        self._cached: tuple[tuple[int, int, int], VmSettings] | None = None
        self._guard = threading.RLock()

    def __repr__(self) -> str:
        return f"VmFolder({str(self.path)!r})"

    # -- Layout

    @property
    def settings_file(self) -> Path:
        return self.path / SETTINGS_NAME

    @property
    def lock_file(self) -> Path:
        return self.path / LOCK_NAME

    @property
    def nvram_file(self) -> Path:
        return self.path / NVRAM_NAME

    @property
    def log_file(self) -> Path:
        """The last run's log; older ones have -1, -2, ... before the extension."""
        return self.path / "machine.log"

    @property
    def crash_report_file(self) -> Path:
        return self.path / "crash-report.txt"

    @property
    def control_socket(self) -> Path:
        return self.path / "control.sock"

    # -- Settings

    @property
    def settings(self) -> VmSettings:
        """What machine.toml says now. Raises ConfigError."""
        with self._guard:
            stamp = self._stamp()
            if self._cached is None or stamp is None or self._cached[0] != stamp:
                settings = read_settings(self.settings_file)
                if stamp is None:
                    return settings
                self._cached = (stamp, settings)
            return self._cached[1]

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def id(self) -> str:
        return self.settings.id

    def save(self, settings: VmSettings) -> None:
        """Writes machine.toml; comments of the person who edited it stay. Raises ConfigError, MachineFileError."""
        with self._guard:
            try:
                write_settings(self.settings_file, settings)
            except OSError as error:
                raise MachineFileError(
                    f"{self.settings_file}: the settings could not be saved ({error.strerror}). {_advice(error)}"
                ) from error
            self._cached = None

    def change(self, change: Callable[[VmSettings], VmSettings]) -> VmSettings:
        """Reads the settings as they are now, changes and saves them."""
        with self._guard:
            settings = change(self.settings)
            self.save(settings)
            return settings

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self.settings_file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    # -- Lock

    def lock(self) -> FolderLock:
        """Takes the machine for this process. Raises MachineInUseError, or HostResourceError when the folder cannot
        be written to."""
        try:
            handle = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise HostResourceError(
                f"{self.path}: this folder cannot be written to ({error.strerror}), so the machine in it cannot be "
                "started. Copy the folder to a place of your own, or change its permissions."
            ) from error
        try:
            if not _take(handle):
                holder = _read_holder(handle)
                raise MachineInUseError(
                    f"“{self._label()}” is already running"
                    + (f" ({holder})" if holder is not None else "")
                    + ". Stop it there first, or use its window."
                )
            was_stale = _read_holder(handle) is not None
            content = json.dumps({"host": socket.gethostname(), "pid": os.getpid()}) + "\n"
            os.ftruncate(handle, 0)
            os.pwrite(handle, content.encode(), 0)
        except OSError as error:
            os.close(handle)
            raise HostResourceError(
                f"{self.lock_file}: cannot be written ({error.strerror}). {_advice(error)}"
            ) from error
        except BaseException:
            os.close(handle)
            raise
        return FolderLock(handle, was_stale)

    def holder(self) -> Holder | None:
        """Who runs the machine now, in this process or another; None when nobody does."""
        held, named = self._look_at_lock()
        return (named or Holder(socket.gethostname(), 0)) if held else None

    def left_by(self) -> Holder | None:
        """Who ran the machine last and did not switch it off in order; None when all is well, or it runs now."""
        held, named = self._look_at_lock()
        return None if held else named

    def _look_at_lock(self) -> tuple[bool, Holder | None]:
        """Whether the lock is held, and who stands in it."""
        try:
            handle = os.open(self.lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False, None
        try:
            held = False
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                held = True
            return held, _read_holder(handle)
        finally:
            os.close(handle)

    def _label(self) -> str:
        try:
            return self.settings.name
        except BancadaError:
            return self.path.name

    # -- Size

    def disk_usage(self) -> int:
        """Bytes that the folder takes on the host's disk (growing disks take what they hold, not their size)."""
        total = 0
        for root, _, files in os.walk(self.path):
            for file in files:
                with contextlib.suppress(OSError):
                    total += os.lstat(Path(root) / file).st_blocks * 512
        return total


def _take(handle: int) -> bool:
    for attempt in range(_LOCK_TRIES):
        if attempt:
            time.sleep(_LOCK_PAUSE_S)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
    return False


def _read_holder(handle: int) -> Holder | None:
    try:
        content = json.loads(os.pread(handle, 1000, 0))
        return Holder(str(content["host"]), int(content["pid"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _advice(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full: make room and try again."
    if error.errno == errno.EROFS:
        return "The file system is read-only: copy the machine's folder to another place."
    return "Check that the folder can be written to."
