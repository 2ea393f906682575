"""An image file on the host: the one place where images are read and written, and where the host's errors are met."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.disks.block_device import BlockError
from engine.disks.lock import open_image
from engine.errors import MediumError

Failed = Callable[[BlockError], None]
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class HostFile:
    """Bytes at offsets; what lies behind the end reads as zeros.

    Every error of the host raises BlockError, and ``failed(error)`` hears of it first: that the disk is full each time
    (a person makes room and goes on), anything else once for each kind, since guests try again and again.
    """

    def __init__(self, path: Path, writable: bool, failed: Failed | None = None) -> None:
        self.path = path
        self._failed = failed
        self._told: set[str] = set()
        self._descriptor, self.writable = open_image(path, writable)
        self.size = os.fstat(self._descriptor).st_size  # what the file holds as long as nobody else cuts it

    def head(self, length: int) -> bytes:
        """The first bytes, to tell what the file is. Closes the file and raises MediumError when they cannot be read."""
        try:
            return os.pread(self._descriptor, length, 0)
        except OSError as error:
            self._release()
            raise MediumError(
                self.path, f"The host cannot read it: {_reason(error)}.", "Choose another image."
            ) from error

    def read(self, offset: int, length: int) -> bytes:
        try:
            data = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise self._told_of(f"The host cannot read it: {_reason(error)}.") from error
        if len(data) < min(self.size - offset, length):
            raise self._told_of("The file became shorter while it was in use.")
        return data.ljust(length, b"\0")

    def write(self, offset: int, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                done = os.pwrite(self._descriptor, rest, offset)
                if done == 0:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                offset, rest = offset + done, rest[done:]
        except OSError as error:
            raise self._cannot_write(error) from error
        self.size = max(self.size, offset)

    def grow(self, size: int) -> None:
        """Makes a shorter file this long; no room is taken for it."""
        if self.size >= size:
            return
        try:
            os.ftruncate(self._descriptor, size)
        except OSError as error:
            raise self._cannot_write(error) from error
        self.size = size

    def flush(self) -> None:
        """Returns when everything written is on the host's disk."""
        if self._descriptor < 0 or not self.writable:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._told_of(f"The host cannot write it: {_reason(error)}.") from error

    def close(self) -> None:
        """Flushes, and lets the file go even when that fails (BlockError)."""
        try:
            self.flush()
        finally:
            self._release()

    def _release(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _cannot_write(self, error: OSError) -> BlockError:
        return self._told_of(f"The host cannot write it: {_reason(error)}.", error.errno in _NO_ROOM)

    def _told_of(self, message: str, full: bool = False) -> BlockError:
        error = BlockError(self.path, message, full)
        if self._failed is not None and (full or message not in self._told):
            self._told.add(message)
            self._failed(error)
        return error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
