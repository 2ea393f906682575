"""Booting from CD: finds the boot catalog and what its first entry wants.

Source: El Torito Bootable CD-ROM Format Specification 1.0 (Phoenix, IBM), sections 2 and 4.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from engine.firmware.board import CD_BLOCK_BYTES, SECTOR_BYTES
from engine.firmware.drives import FIRST_CDROM, FIRST_HARD_DISK, CdUnit, DriveError
from engine.firmware.int13_disk import Emulation

BOOT_RECORD_BLOCK: Final = 17
_IDENTIFIER: Final = b"\x00CD001\x01EL TORITO SPECIFICATION"
_BOOTABLE: Final = 0x88
_FLOPPY_SHAPES: Final = {1: (80, 2, 15), 2: (80, 2, 18), 3: (80, 2, 36)}
_HARD_DISK: Final = 4
_DEFAULT_SEGMENT: Final = 0x07C0
_MOST_SECTORS: Final = 0x480  # what fits between the default segment and the EBDA


@dataclass(frozen=True)
class CdBoot:
    """What to load where, and the drive it pretends to be."""

    emulation: Emulation
    image: bytes


class NotBootable(Exception):
    """The disc cannot be booted; the message says why, for a person."""


def boot_catalog(cd: CdUnit) -> int:
    """Block of the boot catalog; 0 when the disc has none."""
    record = cd.read(BOOT_RECORD_BLOCK, 1)
    if record[: len(_IDENTIFIER)] != _IDENTIFIER:
        return 0
    return int.from_bytes(record[0x47:0x4B], "little")


def load_boot_image(cd: CdUnit, cd_index: int) -> CdBoot:
    """Reads catalog and image. Raises NotBootable, or DriveError when the drive is empty or fails."""
    if cd.block_count <= BOOT_RECORD_BLOCK:
        raise NotBootable("no disc" if cd.block_count == 0 else "not a bootable disc")
    catalog_block = boot_catalog(cd)
    if not catalog_block or catalog_block >= cd.block_count:
        raise NotBootable("not a bootable disc")
    catalog = cd.read(catalog_block, 1)
    if catalog[0] != 1 or catalog[30:32] != b"\x55\xaa" or sum(struct.unpack("<16H", catalog[:32])) & 0xFFFF:
        raise NotBootable("the boot catalog is damaged")
    indicator, media, segment, _system, _, count, block = struct.unpack_from("<BBHBBHI", catalog, 32)
    if indicator != _BOOTABLE:
        raise NotBootable("not a bootable disc")
    segment = segment or _DEFAULT_SEGMENT
    media &= 0x0F
    if media > _HARD_DISK:
        raise NotBootable("unknown kind of boot image")
    if media == 0:
        drive, geometry, count = FIRST_CDROM + cd_index, (0, 0, 0), count or 4
    else:
        drive = FIRST_HARD_DISK if media == _HARD_DISK else 0
        geometry = _FLOPPY_SHAPES.get(media) or _disk_shape(cd, block)
        count = 1
    count = min(count, _MOST_SECTORS)
    blocks = (count * SECTOR_BYTES + CD_BLOCK_BYTES - 1) // CD_BLOCK_BYTES
    if block >= cd.block_count:
        raise NotBootable("the boot image is missing")
    image = cd.read(block, min(blocks, cd.block_count - block))[: count * SECTOR_BYTES]
    return CdBoot(Emulation(drive, media, cd_index, block, segment, count, geometry), image)


def _disk_shape(cd: CdUnit, block: int) -> tuple[int, int, int]:
    """A hard disk image's geometry, from the end of its first partition."""
    try:
        entry = cd.read(block, 1)[0x1BE:0x1CE]
    except DriveError:
        entry = b""
    if len(entry) < 16:
        return 1, 1, 1
    heads, sectors = entry[5] + 1, max(entry[6] & 63, 1)
    cylinders = (entry[7] | (entry[6] & 0xC0) << 2) + 1
    return cylinders, heads, sectors


def specification_packet(emulation: Emulation, slot: int) -> bytes:
    """The 19 bytes of INT 13h/4Bh."""
    cylinders, heads, sectors = emulation.geometry
    last = max(cylinders - 1, 0)
    return struct.pack(
        "<BBBBIHHHHBBB",
        0x13,
        emulation.media,
        emulation.drive_number,
        slot // 2,
        emulation.first_block,
        slot & 1,
        0,
        emulation.load_segment,
        emulation.sector_count,
        last & 0xFF,
        (last >> 2 & 0xC0) | sectors,
        max(heads - 1, 0),
    )
