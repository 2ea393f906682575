"""The physical address map as INT 15h/E820h tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.firmware import bios_data_area as bda

MEGABYTE: Final = 1 << 20
USABLE: Final = 1
RESERVED: Final = 2


@dataclass(frozen=True)
class MemoryRange:
    base: int
    length: int
    kind: int


def memory_map(ram_bytes: int) -> list[MemoryRange]:
    """Ranges in ascending order, for a machine with so much RAM."""
    ranges = [
        MemoryRange(0, bda.EBDA_LINEAR, USABLE),
        MemoryRange(bda.EBDA_LINEAR, 0xA0000 - bda.EBDA_LINEAR, RESERVED),
        MemoryRange(0xE0000, 0x20000, RESERVED),
    ]
    if ram_bytes > MEGABYTE:
        ranges.append(MemoryRange(MEGABYTE, ram_bytes - MEGABYTE, USABLE))
    ranges.append(MemoryRange(0xFFFF0000, 0x10000, RESERVED))
    return ranges
