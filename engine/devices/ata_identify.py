"""IDENTIFY DEVICE: what an ATA disk tells about itself, 256 words.

Source: ATA/ATAPI-6 (T13/1410D), section 8.15; words that later standards retired as ATA-1 has them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from engine.devices.ide_device import identify_modes, identify_string

MOST_CYLINDERS: Final = 16383
MOST_MULTIPLE: Final = 16
LBA28_SECTORS: Final = 0x0FFFFFFF

SET1_NOP, SET1_WRITE_CACHE, SET1_POWER_MANAGEMENT = 0x4000, 0x0020, 0x0008
SET2_FLUSH_EXT, SET2_FLUSH, SET2_48_BIT = 0x2000, 0x1000, 0x0400
_VALID: Final = 0x4000  # bit 14 set, bit 15 clear: the word means something


def default_geometry(sectors: int) -> tuple[int, int, int]:
    """Cylinders, heads, sectors a track: 16 heads and 63 sectors, fewer heads for tiny disks."""
    heads = 16 if sectors >= 16 * 63 * 4 else 4
    return max(1, min(sectors // (heads * 63), MOST_CYLINDERS)), heads, 63


@dataclass(frozen=True)
class Facts:
    """What can differ from disk to disk and from moment to moment."""

    total: int  # sectors
    geometry: tuple[int, int, int]
    heads: int  # of the translation that INITIALIZE DEVICE PARAMETERS set
    sectors: int
    multiple: int
    write_cache: bool
    serial: str
    dma_mode: int  # as SET FEATURES chose it
    slave: bool


def disk_serial(identity: str, slot: int) -> str:
    """Serial number of the disk in an IDE slot (0 to 3): it follows from the machine, never from where the image lies,
    since systems tie licences and drive letters to it. Without an identity the slot's number is all there is."""
    number = zlib.crc32(f"{identity}/{slot}".encode()) if identity else slot
    return f"BANCADA{number:010d}"


def identify_disk(facts: Facts) -> bytes:
    words = [0] * 256
    cylinders = facts.geometry[0]
    if (facts.heads, facts.sectors) != facts.geometry[1:]:
        cylinders = min(facts.total // (facts.heads * facts.sectors), 65535)
    current = cylinders * facts.heads * facts.sectors
    words[0] = 0x0040  # fixed disk
    words[1], words[3], words[6] = facts.geometry
    words[20], words[21], words[22] = 3, 512, 4  # buffer: kind, sectors; bytes of ECC
    words[47] = 0x8000 | MOST_MULTIPLE
    words[48] = 0x0001  # the data register takes dwords
    identify_modes(words, facts.dma_mode)
    words[50], words[51] = _VALID, 0x0200
    words[53] |= 0x0001  # words 54-58 are valid
    words[54], words[55], words[56] = cylinders, facts.heads, facts.sectors
    words[57], words[58] = current & 0xFFFF, current >> 16 & 0xFFFF
    words[59] = 0x0100 | facts.multiple if facts.multiple else 0
    low = min(facts.total, LBA28_SECTORS)
    words[60], words[61] = low & 0xFFFF, low >> 16
    words[80], words[81] = 0x007E, 0x0022  # ATA-1 to ATA/ATAPI-6
    words[82] = SET1_NOP | SET1_WRITE_CACHE | SET1_POWER_MANAGEMENT
    words[83] = _VALID | SET2_FLUSH_EXT | SET2_FLUSH | SET2_48_BIT
    words[84] = words[87] = _VALID
    words[85] = words[82] if facts.write_cache else words[82] & ~SET1_WRITE_CACHE
    words[86] = words[83] & ~_VALID
    # Hardware reset: an 80-wire cable, the number is known by a jumper, the diagnostics passed. Each drive fills in its
    # own byte.
    words[93] = 0x6000 | (0x0B00 if facts.slave else 0x000B)
    for index in range(4):
        words[100 + index] = facts.total >> 16 * index & 0xFFFF
    data = bytearray(b"".join(word.to_bytes(2, "little") for word in words))
    data[20:40] = identify_string(facts.serial, 20)
    data[46:54] = identify_string("1.0", 8)
    data[54:94] = identify_string("Bancada virtual disk", 40)
    return bytes(data)
