"""CD images: plain 2048-byte blocks (ISO), or raw sectors of 2352 bytes whose data is cut out.

Raw sectors: ECMA-130 (sync pattern, mode 1 data at 16, mode 2 form 1 data at 24). Read-only, shared by any
number of machines.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.disks.cd_sector import DATA_BYTES, RAW_BYTES, SYNC, whole_sector
from engine.disks.host_file import Failed, HostFile
from engine.errors import MediumError

BLOCK_BYTES: Final = DATA_BYTES


class CdImage:
    """Raises MediumError when opened; reads raise BlockError when the host fails (``failed`` hears of it first) and
    ValueError outside of the CD. ``mode`` is the sector mode, 1 or 2."""

    def __init__(self, path: Path, failed: Failed | None = None) -> None:
        self._file = HostFile(path, writable=False, failed=failed)
        if self._file.size == 0:
            self._file.close()
            raise MediumError(path, "The image is empty.", "Choose a CD image.")
        head = self._file.head(len(SYNC) + 4)
        self._stride, self._skip, self.mode = BLOCK_BYTES, 0, 1
        if head[: len(SYNC)] == SYNC and self._file.size >= RAW_BYTES:
            self.mode = 2 if head[15] == 2 else 1
            self._stride, self._skip = RAW_BYTES, 24 if self.mode == 2 else 16
        self.block_count = -(-self._file.size // self._stride)

    @classmethod
    def open(cls, path: Path, failed: Failed | None = None) -> CdImage:
        return cls(path, failed)

    @property
    def path(self) -> Path:
        return self._file.path

    def _stored(self, lba: int, count: int) -> bytes:
        if lba < 0 or count < 0 or lba + count > self.block_count:
            raise ValueError(f"{self.path}: blocks {lba} to {lba + count} are outside of the CD")
        return self._file.read(lba * self._stride, count * self._stride)

    def read(self, lba: int, count: int) -> bytes:
        """The data of ``count`` blocks, 2048 bytes each; an incomplete last block is padded with zeros."""
        data = self._stored(lba, count)
        if self._stride == BLOCK_BYTES:
            return data
        starts = range(self._skip, len(data), RAW_BYTES)
        return b"".join(data[start : start + BLOCK_BYTES] for start in starts)

    def read_raw(self, lba: int, count: int) -> bytes:
        """Whole sectors, 2352 bytes each: the image's own, or made from its data."""
        data = self._stored(lba, count)
        if self._stride == RAW_BYTES:
            return data
        blocks = [data[start : start + BLOCK_BYTES] for start in range(0, len(data), BLOCK_BYTES)]
        return b"".join(whole_sector(lba + index, block) for index, block in enumerate(blocks))

    def close(self) -> None:
        self._file.close()
