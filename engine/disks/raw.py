"""Raw disk images: the disk's bytes in order. A new one is sparse: it takes room only as the guest writes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from engine.disks.block_device import SECTOR_BYTES, BlockError
from engine.disks.lock import open_image
from engine.errors import HostResourceError, MediumError


class RawDisk:
    """An image whose last partial sector reads as padded with zeros."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self._path = path
        self._descriptor, writable = open_image(path, not read_only)
        self._read_only = not writable
        size = os.fstat(self._descriptor).st_size
        self._sector_count = -(-size // SECTOR_BYTES)
        if size == 0:
            os.close(self._descriptor)
            raise MediumError(path, "The image is empty.", "Choose a disk image, or make a new disk.")

    @property
    def path(self) -> Path:
        return self._path

    @property
    def sector_count(self) -> int:
        return self._sector_count

    @property
    def read_only(self) -> bool:
        return self._read_only

    def _check(self, lba: int, count: int) -> None:
        if lba < 0 or count < 0 or lba + count > self._sector_count:
            raise ValueError(f"{self._path}: sectors {lba} to {lba + count} are outside of the disk")

    def read(self, lba: int, count: int) -> bytes:
        self._check(lba, count)
        try:
            data = os.pread(self._descriptor, count * SECTOR_BYTES, lba * SECTOR_BYTES)
        except OSError as error:
            raise BlockError(self._path, f"The host cannot read it: {error.strerror}.") from error
        return data.ljust(count * SECTOR_BYTES, b"\0")

    def write(self, lba: int, data: bytes) -> None:
        self._check(lba, len(data) // SECTOR_BYTES)
        if self._read_only:
            raise BlockError(self._path, "The image is read-only.")
        offset, rest = lba * SECTOR_BYTES, memoryview(data)
        try:
            while rest:
                done = os.pwrite(self._descriptor, rest, offset)
                offset, rest = offset + done, rest[done:]
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise BlockError(self._path, f"The host cannot write it: {error.strerror}.", full) from error

    def flush(self) -> None:
        if self._read_only:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise BlockError(self._path, f"The host cannot write it: {error.strerror}.") from error

    def close(self) -> None:
        if self._descriptor >= 0:
            try:
                self.flush()
            finally:
                os.close(self._descriptor)
                self._descriptor = -1


def create_raw(path: Path, size_bytes: int) -> None:
    """Makes a new, empty disk. Raises MediumError when the file exists, HostResourceError when it cannot be made;
    nothing is left behind then."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise MediumError(path, "The file exists already.", "Choose another name.") from error
    except OSError as error:
        raise HostResourceError(f"{path}: the disk cannot be made: {error.strerror}. Choose another folder.") from error
    try:
        os.ftruncate(descriptor, size_bytes)
        os.fsync(descriptor)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise HostResourceError(f"{path}: a disk of {size_bytes >> 20} MB cannot be made: {error.strerror}.") from error
    finally:
        os.close(descriptor)
