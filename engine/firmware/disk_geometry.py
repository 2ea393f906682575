"""Cylinders, heads and sectors: of media, and the ones the BIOS makes up for disks too large for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.errors import BancadaError
from engine.firmware.board import Block

MAX_CYLINDERS: Final = 1024
_ASSISTED_SECTORS: Final = 63
_ASSISTED_HEADS: Final = (16, 32, 64, 128, 255)


@dataclass(frozen=True)
class Geometry:
    cylinders: int
    heads: int
    sectors: int

    @property
    def sector_count(self) -> int:
        return self.cylinders * self.heads * self.sectors

    def lba(self, cylinder: int, head: int, sector: int) -> int | None:
        """Sectors count from 1. None when the address is outside."""
        if cylinder >= self.cylinders or head >= self.heads or not 1 <= sector <= self.sectors:
            return None
        return (cylinder * self.heads + head) * self.sectors + sector - 1

    def chs(self, lba: int) -> tuple[int, int, int]:
        """Cylinder, head and sector (from 1) of a linear address."""
        track, sector = divmod(lba, self.sectors)
        return track // self.heads, track % self.heads, sector + 1


def logical_geometry(block: Block, physical: tuple[int, int, int]) -> Geometry:
    """What INT 13h shows: the partition table's own idea if it has one, the disk's if small enough, else
    LBA-assisted translation."""
    total = block.sector_count
    partitioned = _from_partitions(block, total)
    if partitioned is not None:
        return partitioned
    cylinders, heads, sectors = physical
    if 0 < cylinders <= MAX_CYLINDERS and heads > 0 and sectors > 0:
        return Geometry(cylinders, heads, sectors)
    for heads in _ASSISTED_HEADS:
        cylinders = total // (heads * _ASSISTED_SECTORS)
        if cylinders <= MAX_CYLINDERS:
            return Geometry(max(cylinders, 1), heads, _ASSISTED_SECTORS)
    return Geometry(MAX_CYLINDERS, _ASSISTED_HEADS[-1], _ASSISTED_SECTORS)


def _from_partitions(block: Block, total: int) -> Geometry | None:
    """Heads and sectors a disk was partitioned with: partitions end at the last head and sector of a cylinder,
    and the same geometry puts their first and last sectors where the linear fields say. A table written for
    another geometry (255 heads on a small disk, say) tells nothing about this one."""
    try:
        table = block.read(0, 1)
    except (OSError, BancadaError):
        return None
    if len(table) < 512 or table[510:512] != b"\x55\xaa":
        return None
    for first in range(0x1BE, 0x1FE, 16):
        entry = table[first : first + 16]
        start, length = int.from_bytes(entry[8:12], "little"), int.from_bytes(entry[12:16], "little")
        heads, sectors = entry[5] + 1, entry[6] & 63
        if not length or not entry[4] or entry[5] == 0 or not sectors or heads > 255:
            continue
        geometry = Geometry(min(total // (heads * sectors), MAX_CYLINDERS), heads, sectors)
        if _lba(geometry, entry[1:4]) == start and _ends_at(geometry, entry[5:8], start + length - 1):
            return geometry
    return None


def _lba(geometry: Geometry, address: bytes) -> int | None:
    """A partition table's three bytes: head, sector with the cylinder's high bits, cylinder."""
    return geometry.lba(address[2] | (address[1] & 0xC0) << 2, address[0], address[1] & 63)


def _ends_at(geometry: Geometry, address: bytes, last: int) -> bool:
    # Partitions that end beyond the last cylinder carry its number.
    cylinder = address[2] | (address[1] & 0xC0) << 2
    if cylinder == MAX_CYLINDERS - 1 and last >= MAX_CYLINDERS * geometry.heads * geometry.sectors:
        return True
    return _lba(geometry, address) == last
