"""Raw disk images: the disk's bytes in order. A new one is sparse: it takes room only as the guest writes."""

from __future__ import annotations

import os
from pathlib import Path

from engine.disks.block_device import SECTOR_BYTES, BlockError
from engine.disks.host_file import Failed, HostFile
from engine.errors import HostResourceError, MediumError


class RawDisk:
    """An image whose last partial sector reads as padded with zeros. ``failed`` hears of the host's errors."""

    def __init__(self, path: Path, read_only: bool = False, failed: Failed | None = None) -> None:
        self._file = HostFile(path, not read_only, failed)
        self._sector_count = -(-self._file.size // SECTOR_BYTES)
        if self._file.size == 0:
            self._file.close()
            raise MediumError(path, "The image is empty.", "Choose a disk image, or make a new disk.")

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def sector_count(self) -> int:
        return self._sector_count

    @property
    def read_only(self) -> bool:
        return not self._file.writable

    def head(self, length: int) -> bytes:
        """The first bytes of the file. Closes it and raises MediumError when they cannot be read."""
        return self._file.head(length)

    def _check(self, lba: int, count: int) -> None:
        if lba < 0 or count < 0 or lba + count > self._sector_count:
            raise ValueError(f"{self.path}: sectors {lba} to {lba + count} are outside of the disk")

    def read(self, lba: int, count: int) -> bytes:
        self._check(lba, count)
        return self._file.read(lba * SECTOR_BYTES, count * SECTOR_BYTES)

    def write(self, lba: int, data: bytes) -> None:
        self._check(lba, -(-len(data) // SECTOR_BYTES))
        if self.read_only:
            raise BlockError(self.path, "The image is read-only.")
        self._file.write(lba * SECTOR_BYTES, data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


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
