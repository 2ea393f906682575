"""Diskette images: raw sectors, cylinder by cylinder, in every size of the PC's history.

Short images are padded with zeros: in memory at first, in the file from the guest's first write on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.disks.block_device import BlockError
from engine.disks.host_file import Failed, HostFile
from engine.errors import MediumError

SECTOR_BYTES: Final = 512
SECTOR_SIZE_CODE: Final = 2  # N: 128 << 2


@dataclass(frozen=True)
class FloppyFormat:
    """One kind of diskette; ``data_rate`` in kbit/s."""

    name: str
    cylinders: int
    heads: int
    sectors: int
    data_rate: int

    @property
    def size(self) -> int:
        return self.cylinders * self.heads * self.track_bytes

    @property
    def track_bytes(self) -> int:
        return self.sectors * SECTOR_BYTES


FORMATS: Final = (
    FloppyFormat("160K", 40, 1, 8, 250),
    FloppyFormat("180K", 40, 1, 9, 250),
    FloppyFormat("320K", 40, 2, 8, 250),
    FloppyFormat("360K", 40, 2, 9, 250),
    FloppyFormat("720K", 80, 2, 9, 250),
    FloppyFormat("1.2M", 80, 2, 15, 500),
    FloppyFormat("1.44M", 80, 2, 18, 500),
    FloppyFormat("1.68M", 80, 2, 21, 500),
    FloppyFormat("1.72M", 82, 2, 21, 500),
    FloppyFormat("2.88M", 80, 2, 36, 1000),
)


def format_for(size: int, boot_sector: bytes) -> FloppyFormat | None:
    """By exact size; else by the boot sector's parameter block; else the smallest 3.5" or 5.25" kind that holds it."""
    exact = next((kind for kind in FORMATS if kind.size == size), None)
    if exact is not None:
        return exact
    described = _described(boot_sector)
    if described is not None and size < described.size + described.track_bytes:
        return described  # some programs leave a few bytes of their own behind the last sector
    # An image that is just a boot sector or a few is written for a 1.44 MB drive.
    usual = next(kind for kind in FORMATS if kind.name == "1.44M")
    if size <= usual.size:
        return usual
    return next((kind for kind in FORMATS if kind.size >= size), None)


def _described(sector: bytes) -> FloppyFormat | None:
    """The kind whose geometry a FAT boot sector names."""
    if len(sector) < SECTOR_BYTES or sector[510:512] != b"\x55\xaa":
        return None
    total = int.from_bytes(sector[19:21], "little")
    sectors = int.from_bytes(sector[24:26], "little")
    heads = int.from_bytes(sector[26:28], "little")
    for kind in FORMATS:
        if (kind.sectors, kind.heads) == (sectors, heads) and kind.size == total * SECTOR_BYTES:
            return kind
    return None


class FloppyImage:
    """One diskette. Raises MediumError when opened; reads and writes raise BlockError when the host fails, and
    ``failed`` hears of it."""

    def __init__(self, path: Path, read_only: bool = False, failed: Failed | None = None) -> None:
        self.path = path
        self._file = HostFile(path, not read_only, failed)
        self.write_protected = not self._file.writable
        size = self._file.size
        kind = format_for(size, self._file.head(SECTOR_BYTES)) if size else None
        if kind is None:
            self._file.close()
            if size == 0:
                raise MediumError(path, "The image is empty.", "Choose a diskette image.")
            raise MediumError(path, f"{size} bytes are too many for a diskette.", "The largest holds 2.88 MB.")
        self.format = kind
        self.cylinders, self.heads, self.sectors = kind.cylinders, kind.heads, kind.sectors
        self.data_rate = kind.data_rate

    @classmethod
    def open(cls, path: Path, read_only: bool = False, failed: Failed | None = None) -> FloppyImage:
        return cls(path, read_only, failed)

    def holds(self, cylinder: int, head: int, sector: int) -> bool:
        """Whether a sector (counted from 1) exists."""
        return 0 <= cylinder < self.cylinders and 0 <= head < self.heads and 1 <= sector <= self.sectors

    def _offset(self, cylinder: int, head: int, sector: int) -> int:
        if not self.holds(cylinder, head, sector):
            raise ValueError(f"{self.path}: there is no sector {cylinder}/{head}/{sector}")
        return ((cylinder * self.heads + head) * self.sectors + sector - 1) * SECTOR_BYTES

    def read(self, cylinder: int, head: int, sector: int) -> bytes:
        return self._file.read(self._offset(cylinder, head, sector), SECTOR_BYTES)

    def write(self, cylinder: int, head: int, sector: int, data: bytes) -> None:
        """One sector; shorter data is padded with zeros."""
        offset = self._offset(cylinder, head, sector)
        if self.write_protected:
            raise BlockError(self.path, "The diskette is write-protected.")
        # A file that grew sector by sector could have the size of another kind of diskette when it is opened next.
        self._file.grow(self.format.size)
        self._file.write(offset, data[:SECTOR_BYTES].ljust(SECTOR_BYTES, b"\0"))

    def format_track(self, cylinder: int, head: int, sector_ids: Sequence[int], fill: int) -> None:
        """Fills the named sectors of a track; numbers the diskette does not have are left out."""
        for sector in sector_ids:
            if self.holds(cylinder, head, sector):
                self.write(cylinder, head, sector, bytes([fill & 0xFF]) * SECTOR_BYTES)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()
