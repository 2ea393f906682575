"""What a CD-ROM drive tells about itself and its disc: replies of packet commands, as bytes.

Source: MMC-3 (T10/1363-D), section 6, and SPC-2 (T10/1236-D). A data disc of one track and one session; discs that no
CD could hold are DVD-ROMs.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from engine.disks.cd_sector import minute_second_frame

BLOCK_BYTES: Final = 2048
MOST_CD_BLOCKS: Final = 449_850  # 99:59:74
PROFILE_NONE, PROFILE_CD_ROM, PROFILE_DVD_ROM = 0x0000, 0x0008, 0x0010
DATA_TRACK: Final = 0x14  # ADR 1, a data track that was recorded without interruption
LEAD_OUT: Final = 0xAA
EVENT_NONE, EVENT_NEW_MEDIUM, EVENT_REMOVED = 0, 2, 3
_EVENT_CLASS_MEDIA: Final = 4
_DVD_FIRST_SECTOR: Final = 0x30000

PAGE_ERROR_RECOVERY, PAGE_CD, PAGE_AUDIO, PAGE_CAPABILITIES, ALL_PAGES = 0x01, 0x0D, 0x0E, 0x2A, 0x3F
DEFAULT_PAGES: Final = {
    PAGE_ERROR_RECOVERY: bytes((PAGE_ERROR_RECOVERY, 6, 0, 5, 0, 0, 0, 0)),
    PAGE_CD: bytes((PAGE_CD, 6, 0, 0x0D, 0, 60, 0, 75)),
    PAGE_AUDIO: bytes((PAGE_AUDIO, 14, 4, 0, 0, 0, 0, 75, 1, 0xFF, 2, 0xFF, 0, 0, 0, 0)),
}
# Bits that MODE SELECT changes, for page control 1.
CHANGEABLE: Final = {
    PAGE_ERROR_RECOVERY: bytes((PAGE_ERROR_RECOVERY, 6, 0xFF, 0xFF, 0, 0, 0, 0)),
    PAGE_CD: bytes((PAGE_CD, 6, 0, 0x0F, 0, 0, 0, 0)),
    PAGE_AUDIO: bytes((PAGE_AUDIO, 14, 2, 0, 0, 0, 0, 0, 0x0F, 0xFF, 0x0F, 0xFF, 0, 0, 0, 0)),
    PAGE_CAPABILITIES: bytes((PAGE_CAPABILITIES, 18, *bytes(18))),
}


class BadField(Exception):
    """A packet asks for something that there is not."""


@dataclass(frozen=True)
class Disc:
    """The disc in the drive; ``blocks`` is 0 when there is none."""

    blocks: int

    @property
    def profile(self) -> int:
        if self.blocks == 0:
            return PROFILE_NONE
        return PROFILE_DVD_ROM if self.blocks > MOST_CD_BLOCKS else PROFILE_CD_ROM


def address(lba: int, in_time: bool) -> bytes:
    """Four bytes: a block number, or minute, second and frame."""
    return bytes((0, *minute_second_frame(lba))) if in_time else struct.pack(">I", lba)


def inquiry() -> bytes:
    return bytes((0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0)) + b"BANCADA " + b"Virtual CD-ROM  " + b"1.0 "


def sense(key: int, code: int, qualifier: int, lba: int | None) -> bytes:
    """Fixed format; ``lba`` is the block that could not be read."""
    information = struct.pack(">BBBI", 0x70 | (0x80 if lba is not None else 0), 0, key, lba or 0)
    return information + bytes((10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0))


def capacity(disc: Disc) -> bytes:
    return struct.pack(">II", disc.blocks - 1, BLOCK_BYTES)


def table_of_contents(disc: Disc, packet: bytes) -> bytes:
    """READ TOC/PMA/ATIP, formats 0 to 2; in old packets the format stands in the control byte."""
    in_time, form, first = bool(packet[1] & 2), packet[2] & 0x0F or packet[9] >> 6, packet[6]
    if form == 0:
        if first not in (0, 1, LEAD_OUT):
            raise BadField
        body = b"" if first == LEAD_OUT else bytes((0, DATA_TRACK, 1, 0)) + address(0, in_time)
        body += bytes((0, DATA_TRACK, LEAD_OUT, 0)) + address(disc.blocks, in_time)
    elif form == 1:
        body = bytes((0, DATA_TRACK, 1, 0)) + address(0, in_time)
    elif form == 2:
        if first > 1:
            raise BadField
        points = {0xA0: bytes((0, 1, 0, 0)), 0xA1: bytes((0, 1, 0, 0)), 0xA2: address(disc.blocks, True)}
        points[1] = address(0, True)
        body = b"".join(bytes((1, DATA_TRACK, 0, point, 0, 0, 0)) + at for point, at in points.items())
    else:
        raise BadField
    return struct.pack(">HBB", len(body) + 2, 1, 1) + body


def header(packet: bytes, mode: int) -> bytes:
    lba: int = struct.unpack_from(">I", packet, 2)[0]
    return bytes((mode, 0, 0, 0)) + address(lba, bool(packet[1] & 2))


def sub_channel(packet: bytes, lba: int) -> bytes:
    """The audio status is that nothing was played."""
    if not packet[2] & 0x40:
        return bytes((0, 0x15, 0, 0))
    if packet[3] == 1:
        in_time = bool(packet[1] & 2)
        return bytes((0, 0x15, 0, 12, 1, DATA_TRACK, 1, 1)) + address(lba, in_time) * 2
    if packet[3] in (2, 3):
        return bytes((0, 0x15, 0, 20, packet[3], DATA_TRACK, 1, 0)) + bytes(16)
    raise BadField


def capabilities_page(locked: bool) -> bytes:
    """Page 2Ah: reads every kind of CD and DVD-ROMs, a tray that can be locked, 24 times single speed."""
    flags = bytes((0x0B, 0x00, 0x71, 0x60, 0x29 | (2 if locked else 0), 0x00))
    return bytes((PAGE_CAPABILITIES, 18)) + flags + struct.pack(">HHHH", 4234, 256, 128, 4234) + bytes(4)


def mode_pages(wanted: int, pages: dict[int, bytes]) -> bytes:
    if wanted == ALL_PAGES:
        return b"".join(pages[number] for number in sorted(pages))
    if wanted not in pages:
        raise BadField
    return pages[wanted]


def mode_reply(body: bytes, medium_type: int, short: bool) -> bytes:
    """``short``: the header of MODE SENSE(6)."""
    if short:
        return bytes((len(body) + 3, medium_type, 0, 0)) + body
    return struct.pack(">HB5x", len(body) + 6, medium_type) + body


def configuration(disc: Disc, packet: bytes) -> bytes:
    """GET CONFIGURATION: features by number, those that are current, or a single one."""
    profile = disc.profile
    cd, dvd = profile == PROFILE_CD_ROM, profile == PROFILE_DVD_ROM
    features = {
        0x0000: (True, struct.pack(">HBBHBB", PROFILE_DVD_ROM, dvd, 0, PROFILE_CD_ROM, cd, 0)),
        0x0001: (True, bytes((0, 0, 0, 2))),  # ATAPI
        0x0002: (True, bytes(4)),  # morphing: events by polling
        0x0003: (True, bytes((0x29, 0, 0, 0))),  # a tray that locks and ejects
        0x0010: (cd or dvd, struct.pack(">IHBB", BLOCK_BYTES, 1, 0, 0)),
        0x001E: (cd, bytes(4)),
        0x001F: (dvd, b""),
        0x0100: (True, b""),  # power management
    }
    kind, start = packet[1] & 3, struct.unpack_from(">H", packet, 2)[0]
    if kind == 3:
        raise BadField
    body = b""
    for number, (current, data) in features.items():
        if number >= start if kind != 2 else number == start:
            persistent = number in (0x0000, 0x0001, 0x0002, 0x0003)
            if current or kind != 1:
                body += struct.pack(">HBB", number, persistent << 1 | current, len(data)) + data
    return struct.pack(">IHH", len(body) + 4, 0, profile) + body


def event_status(packet: bytes, event: int, medium: bool, tray_open: bool) -> bytes:
    """GET EVENT STATUS NOTIFICATION, polled; of the classes only that of media is known."""
    if not packet[1] & 1:
        raise BadField
    if not packet[4] & 1 << _EVENT_CLASS_MEDIA:
        return bytes((0, 2, 0x80, 1 << _EVENT_CLASS_MEDIA))
    return bytes((0, 6, _EVENT_CLASS_MEDIA, 1 << _EVENT_CLASS_MEDIA, event, medium << 1 | tray_open, 0, 0))


def disc_information() -> bytes:
    """A finished disc with one finished session of one track."""
    return bytes((0, 32, 0x0E, 1, 1, 1, 1, 0x20, 0)) + bytes(25)


def track_information(disc: Disc, packet: bytes) -> bytes:
    """READ TRACK INFORMATION by block, track or session number."""
    kind, number = packet[1] & 3, struct.unpack_from(">I", packet, 2)[0]
    if kind == 3 or (number >= disc.blocks if kind == 0 else number != 1):
        raise BadField
    body = bytes((1, 1, 0, 0x04, 0x01, 0)) + struct.pack(">IIIII", 0, 0, 0, 0, disc.blocks)
    return struct.pack(">H", len(body)) + body


def mechanism_status(tray_open: bool) -> bytes:
    return bytes((0, tray_open << 4, 0, 0, 0, 1, 0, 0))


def dvd_structure(disc: Disc, packet: bytes) -> bytes:
    """READ DVD STRUCTURE: physical format, copyright and manufacturer of a single-layer DVD-ROM."""
    form = packet[7]
    last = _DVD_FIRST_SECTOR + disc.blocks - 1
    replies = {
        0: struct.pack(">BBBBIII", 0x01, 0x0F, 0x01, 0, _DVD_FIRST_SECTOR, last, 0) + bytes(2048 - 16),
        1: bytes(4),
        4: bytes(2048),
    }
    if packet[6] or form not in replies:
        raise BadField
    return struct.pack(">HH", len(replies[form]) + 2, 0) + replies[form]
