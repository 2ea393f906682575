"""CD images: plain 2048-byte blocks (ISO), or raw sectors of 2352 bytes whose data is cut out.

Raw sectors: ECMA-130 (sync pattern, mode 1 data at 16, mode 2 form 1 data at 24). Read-only, shared by any
number of machines.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from engine.disks.block_device import BlockError
from engine.disks.lock import open_image
from engine.errors import MediumError

BLOCK_BYTES: Final = 2048
RAW_BYTES: Final = 2352
_SYNC: Final = b"\0" + b"\xff" * 10 + b"\0"


class CdImage:
    """Raises MediumError when opened; reads raise BlockError when the host fails, ValueError outside of the CD."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor, _ = open_image(path, writable=False)
        size = os.fstat(self._descriptor).st_size
        head = os.pread(self._descriptor, 16, 0)
        self._stride, self._skip = BLOCK_BYTES, 0
        if head[:12] == _SYNC and size >= RAW_BYTES:
            self._stride, self._skip = RAW_BYTES, 16 if head[15] == 1 else 24
        self.block_count = -(-size // self._stride)
        if size == 0:
            os.close(self._descriptor)
            raise MediumError(path, "The image is empty.", "Choose a CD image.")

    @classmethod
    def open(cls, path: Path) -> CdImage:
        return cls(path)

    def read(self, lba: int, count: int) -> bytes:
        if lba < 0 or count < 0 or lba + count > self.block_count:
            raise ValueError(f"{self.path}: blocks {lba} to {lba + count} are outside of the CD")
        try:
            data = os.pread(self._descriptor, count * self._stride, lba * self._stride)
        except OSError as error:
            raise BlockError(self.path, f"The host cannot read it: {error.strerror}.") from error
        if self._stride == RAW_BYTES:
            starts = range(self._skip, len(data), RAW_BYTES)
            data = b"".join(data[start : start + BLOCK_BYTES] for start in starts)
        return data.ljust(count * BLOCK_BYTES, b"\0")

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
