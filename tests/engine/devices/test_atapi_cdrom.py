"""The CD-ROM drive as a guest's driver sees it: the PACKET protocol, reading, tables, pages and media (MMC-3)."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.devices.device import ResetKind
from engine.disks.cd_sector import whole_sector
from tests.engine.devices.ide_rig import (
    ABRT,
    ASKING,
    BSY,
    DRDY,
    DRQ,
    ERR,
    FAILED,
    PACKET_IN,
    READY,
    SRST,
    CdRig,
    block,
    make_cd,
)

BLOCKS = 400
PACKET, IDENTIFY_PACKET = 0xA0, 0xA1
TEST_UNIT_READY = bytes(12)
NOT_READY, TRAY_OPEN, CHANGED = (2, 0x3A, 0), (2, 0x3A, 2), (6, 0x28, 0)
BAD_OPCODE, OUT_OF_RANGE, BAD_FIELD, BAD_PARAMETERS = (5, 0x20, 0), (5, 0x21, 0), (5, 0x24, 0), (5, 0x26, 0)
WRONG_TRACK_MODE, LOCKED, NO_SENSE = (5, 0x64, 0), (5, 0x53, 2), (0, 0, 0)
EJECT, LOAD, START, STOP = (bytes((0x1B, 0, 0, 0, bits)) for bits in (2, 3, 1, 0))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[CdRig]:
    rig = CdRig(tmp_path, BLOCKS)
    yield rig
    rig.close()


def read_10(lba: int, count: int) -> bytes:
    return struct.pack(">BBIBHx2x", 0x28, 0, lba, 0, count)


def read_12(lba: int, count: int) -> bytes:
    return struct.pack(">BBII2x", 0xA8, 0, lba, count)


def read_cd(lba: int, count: int, fields: int = 0x10, kind: int = 0, sub: int = 0) -> bytes:
    return struct.pack(">BBI", 0xBE, kind << 2, lba) + count.to_bytes(3, "big") + bytes((fields, sub, 0))


def with_length(opcode: int, *rest: int, length: int = 0xFFFF, at: int = 7) -> bytes:
    packet = bytearray(bytes((opcode, *rest)).ljust(12, b"\0"))
    struct.pack_into(">H", packet, at, length)
    return bytes(packet)


def blocks(first: int, count: int) -> bytes:
    return b"".join(map(block, range(first, first + count)))


# -- The PACKET protocol (ATA/ATAPI-4, 9.10)


def test_a_packet_command_with_data(rig: CdRig) -> None:
    rig.out(1, 0)
    rig.out(4, 0x00)
    rig.out(5, 0x08)
    rig.out(7, PACKET)
    assert not rig.irq.level, "the drive asks for the packet without an interrupt (IDENTIFY, word 0)"
    assert rig.alternate & (BSY | DRQ | ERR) == DRQ
    assert rig.count & 3 == PACKET_IN
    rig.write(read_10(5, 1))
    assert rig.irq.level
    assert rig.status == ASKING and not rig.irq.level
    assert rig.count & 3 == 2 and rig.byte_count == 2048
    assert rig.read(2048) == block(5)
    assert rig.irq.level
    assert rig.count & 3 == 3
    assert rig.status == READY and not rig.irq.level
    assert rig.error == 0
    assert rig.lights == [False]


def test_a_packet_command_without_data(rig: CdRig) -> None:
    assert rig.packet(TEST_UNIT_READY) == READY
    rig.done()


def test_a_packet_command_that_fails(rig: CdRig) -> None:
    rig.packet(bytes((0xFF,)))
    assert rig.irq.level
    assert rig.count & 3 == 3
    assert rig.status == FAILED
    assert rig.error == 0x50 | ABRT
    assert rig.sense() == BAD_OPCODE
    assert rig.sense() == NO_SENSE


def test_the_next_command_forgets_the_sense(rig: CdRig) -> None:
    rig.packet(bytes((0xFF,)))
    rig.packet_in(TEST_UNIT_READY)
    assert rig.sense() == NO_SENSE


def test_every_unknown_opcode_has_its_sense(rig: CdRig) -> None:
    known = {0x00, 0x03, 0x12, 0x15, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0x2B, 0x2F, 0x35, 0x42, 0x43, 0x44, 0x45, 0x46}
    known |= {0x47, 0x4A, 0x4B, 0x4E, 0x51, 0x52, 0x55, 0x5A, 0xA5, 0xA8, 0xAD, 0xB9, 0xBA, 0xBB, 0xBD, 0xBE}
    for opcode in range(256):
        if opcode not in known:
            assert rig.packet_fails(bytes((opcode,))) == BAD_OPCODE


def test_overlap_is_not_offered(rig: CdRig) -> None:
    for features in (2, 3):
        rig.out(1, features)
        rig.out(7, PACKET)
        assert (rig.status, rig.error) == (FAILED, ABRT)


@pytest.mark.parametrize("limit", [2, 12, 512, 1000, 2047])
def test_the_byte_count_limits_each_block(rig: CdRig, limit: int) -> None:
    rig.packet(read_10(3, 2), byte_count=limit)
    pieces = rig.pieces()
    rig.done()
    assert b"".join(pieces) == blocks(3, 2)
    assert {len(piece) for piece in pieces[:-1]} == {limit & ~1}
    assert len(pieces[-1]) <= limit


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(2048, [2048] * 5), (4096, [4096, 4096, 2048]), (5000, [4096, 4096, 2048]), (0xFFFE, [10240]), (0, [10240])],
)
def test_blocks_of_data_hold_whole_sectors(rig: CdRig, limit: int, sizes: list[int]) -> None:
    rig.packet(read_10(3, 5), byte_count=limit)
    pieces = rig.pieces()
    rig.done()
    assert [len(piece) for piece in pieces] == sizes
    assert b"".join(pieces) == blocks(3, 5)


def test_replies_are_limited_too(rig: CdRig) -> None:
    whole = rig.packet_in(bytes((0x12, 0, 0, 0, 36)))
    rig.packet(bytes((0x12, 0, 0, 0, 36)), byte_count=10)
    pieces = rig.pieces()
    assert [len(piece) for piece in pieces] == [10, 10, 10, 6]
    assert b"".join(pieces) == whole
    rig.done()


@pytest.mark.parametrize("length", [1, 5, 18, 36, 255])
def test_a_reply_is_no_longer_than_what_was_asked(rig: CdRig, length: int) -> None:
    reply = rig.packet_in(bytes((0x12, 0, 0, 0, length)))
    assert len(reply) == min(length, 36)


def test_odd_lengths_in_small_pieces(rig: CdRig) -> None:
    rig.packet(bytes((0x12, 0, 0, 0, 7)), byte_count=4)
    assert [len(piece) for piece in rig.pieces()] == [4, 3]
    rig.done()


def test_an_allocation_length_of_0_is_no_data(rig: CdRig) -> None:
    for packet in (bytes((0x12,)), with_length(0x43, length=0), with_length(0x5A, 0, 0x2A, length=0)):
        assert rig.packet_in(packet) == b""


def test_a_software_reset_in_the_middle_of_a_transfer(rig: CdRig) -> None:
    rig.packet(read_10(0, 4))
    rig.read(100)
    rig.control(SRST)
    rig.control(0)
    assert (rig.status, rig.error, rig.signature) == (0, 1, (1, 1, 0x14, 0xEB))
    assert not rig.irq.level
    assert rig.packet_in(read_10(9, 1)) == block(9)


# -- ATA commands of packet devices


def test_identify_packet_device(rig: CdRig) -> None:
    words = rig.identify(IDENTIFY_PACKET)
    assert rig.status & ERR == 0
    assert words[0] == 0x8580, "ATAPI CD-ROM, removable, 12-byte packets"
    assert words[49] & 0x0300 == 0x0300, "LBA and DMA"
    assert words[63] == words[88] == 0x0007
    name = b"".join(word.to_bytes(2, "big") for word in words[27:47]).decode("ascii")
    assert name.rstrip() == "Bancada virtual CD-ROM"
    assert words[82] & 0x0210 == 0x0210, "DEVICE RESET and PACKET"


@pytest.mark.parametrize("code", [0x00, 0x30, 0x40, 0x91, 0xC4, 0xC6, 0xE7, 0xFF])
def test_commands_of_disks_abort(rig: CdRig, code: int) -> None:
    assert rig.command(code, count=1) == FAILED
    assert rig.irq.level
    assert (rig.status, rig.error) == (FAILED, ABRT)


@pytest.mark.parametrize(("code", "mode"), [(0xE0, 0), (0xE1, 0x80), (0x94, 0), (0x95, 0x80)])
def test_power_modes(rig: CdRig, code: int, mode: int) -> None:
    assert rig.command(code) == READY
    assert rig.command(0xE5) == READY
    assert rig.count == mode
    rig.packet_in(read_10(0, 1))
    rig.command(0xE5)
    assert rig.count == 0xFF


def test_sleep_until_device_reset(rig: CdRig) -> None:
    assert rig.command(0xE6) == READY
    assert rig.command(IDENTIFY_PACKET) == BSY
    rig.out(7, 0x08)
    assert rig.status == 0
    assert rig.packet_in(read_10(1, 1)) == block(1)


@pytest.mark.parametrize(
    ("features", "count", "good"), [(3, 0x0C, True), (3, 0x22, True), (3, 0x43, False), (0x66, 0, True), (2, 0, False)]
)
def test_set_features(rig: CdRig, features: int, count: int, good: bool) -> None:
    assert rig.command(0xEF, features=features, count=count) == (READY if good else FAILED)


# -- Reading


@pytest.mark.parametrize("packet", [read_10, read_12, read_cd])
def test_reading_blocks(rig: CdRig, packet: Callable[[int, int], bytes]) -> None:
    assert rig.packet_in(packet(0, 1)) == block(0)
    assert rig.packet_in(packet(100, 70)) == blocks(100, 70)
    assert rig.packet_in(packet(BLOCKS - 1, 1)) == block(BLOCKS - 1)
    assert rig.packet_in(packet(7, 0)) == b""
    for lba, count in ((BLOCKS, 1), (BLOCKS - 1, 2), (0xFFFFFFFF, 1), (BLOCKS + 1, 0)):
        assert rig.packet_fails(packet(lba, count)) == OUT_OF_RANGE


def test_read_cd_by_time(rig: CdRig) -> None:
    packet = bytes((0xB9, 0, 0, 0, 2, 10, 0, 2, 13, 0x10, 0, 0))  # 00:02:10 is block 10
    assert rig.packet_in(packet) == blocks(10, 3)
    assert rig.packet_fails(bytes((0xB9, 0, 0, 0, 2, 13, 0, 2, 10, 0x10, 0, 0))) == BAD_FIELD
    assert rig.packet_fails(bytes((0xB9, 0, 0, 0, 1, 0, 0, 2, 10, 0x10, 0, 0))) == OUT_OF_RANGE


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        (0xF8, [(0, 2352)]),
        (0x10, [(16, 2064)]),
        (0x20, [(12, 16)]),
        (0x40, []),
        (0x30, [(12, 2064)]),
        (0xA0, [(0, 16)]),
        (0x18, [(16, 2352)]),
        (0x08, [(2064, 2352)]),
    ],
)
def test_read_cd_gives_the_fields_that_were_asked_for(rig: CdRig, fields: int, parts: list[tuple[int, int]]) -> None:
    sectors = [whole_sector(lba, block(lba)) for lba in (20, 21)]
    expected = b"".join(sector[first:end] for sector in sectors for first, end in parts)
    assert rig.packet_in(read_cd(20, 2, fields)) == expected


def test_read_cd_of_raw_images_gives_their_own_sectors(rig: CdRig, tmp_path: Path) -> None:
    for mode, data_at, kind in ((1, 16, 2), (2, 24, 4)):
        sectors = [
            b"\0" + b"\xff" * 10 + b"\0" + bytes((0, 2, lba, mode)) + bytes([lba + 1]) * 2336 for lba in range(4)
        ]
        path = tmp_path / f"raw{mode}.bin"
        path.write_bytes(b"".join(sectors))
        rig.insert(path)
        assert rig.packet_fails(TEST_UNIT_READY) == CHANGED
        assert rig.packet_in(read_cd(1, 2, 0xF8, kind)) == sectors[1] + sectors[2]
        assert rig.packet_in(read_cd(1, 1, 0x10, kind)) == sectors[1][data_at : data_at + 2048]
        assert rig.packet_fails(read_cd(1, 1, 0x10, 6 - kind)) == WRONG_TRACK_MODE
        assert rig.packet_in(with_length(0x44, 0, 0, 0, 0, 3))[0] == mode
    assert rig.packet_in(read_cd(1, 1, 0x50)) == sectors[1][16:2072], "subheader and data"


def test_read_cd_knows_no_audio_and_no_sub_channels(rig: CdRig) -> None:
    assert rig.packet_fails(read_cd(0, 1, 0x10, kind=1)) == WRONG_TRACK_MODE
    assert rig.packet_fails(read_cd(0, 1, 0xF8, sub=1)) == BAD_FIELD
    assert rig.packet_fails(read_cd(0, 1, 0xFA)) == BAD_FIELD


def test_read_capacity(rig: CdRig) -> None:
    assert rig.packet_in(bytes((0x25,))) == struct.pack(">II", BLOCKS - 1, 2048)


def test_seek_and_verify(rig: CdRig) -> None:
    rig.packet_in(struct.pack(">BBI6x", 0x2B, 0, BLOCKS - 1))
    assert rig.packet_fails(struct.pack(">BBI6x", 0x2B, 0, BLOCKS)) == OUT_OF_RANGE
    rig.packet_in(struct.pack(">BBIBH3x", 0x2F, 0, 0, 0, BLOCKS))
    assert rig.packet_fails(struct.pack(">BBIBH3x", 0x2F, 0, 1, 0, BLOCKS)) == OUT_OF_RANGE


# -- Tables of contents


def toc(form: int, first: int = 0, time: bool = False, length: int = 0xFFFF) -> bytes:
    return with_length(0x43, 2 if time else 0, form, 0, 0, 0, first, length=length)


END = BLOCKS
END_TIME = bytes((0, 0, 7, 25))  # 400 + 150 frames


def test_toc_format_0(rig: CdRig) -> None:
    track = bytes((0, 0x14, 1, 0))
    lead_out = bytes((0, 0x14, 0xAA, 0))
    whole = b"\x00\x12\x01\x01" + track + bytes(4) + lead_out + struct.pack(">I", END)
    assert rig.packet_in(toc(0)) == rig.packet_in(toc(0, 1)) == whole
    in_time = b"\x00\x12\x01\x01" + track + bytes((0, 0, 2, 0)) + lead_out + END_TIME
    assert rig.packet_in(toc(0, time=True)) == in_time
    assert rig.packet_in(toc(0, 0xAA)) == b"\x00\x0a\x01\x01" + lead_out + struct.pack(">I", END)
    assert rig.packet_in(toc(0, length=4)) == b"\x00\x12\x01\x01"
    assert rig.packet_in(toc(0, length=12)) == whole[:12]
    assert rig.packet_fails(toc(0, 2)) == BAD_FIELD


def test_toc_format_1_sessions(rig: CdRig) -> None:
    assert rig.packet_in(toc(1)) == b"\x00\x0a\x01\x01" + bytes((0, 0x14, 1, 0)) + bytes(4)
    assert rig.packet_in(toc(1, time=True))[8:] == bytes((0, 0, 2, 0))
    old = bytearray(toc(0))
    old[9] = 0x40  # SFF-8020: the format in the control byte
    assert rig.packet_in(bytes(old)) == rig.packet_in(toc(1))


def test_toc_format_2_raw(rig: CdRig) -> None:
    rows = {0xA0: bytes((0, 1, 0, 0)), 0xA1: bytes((0, 1, 0, 0)), 0xA2: END_TIME, 1: bytes((0, 0, 2, 0))}
    expected = b"".join(bytes((1, 0x14, 0, point, 0, 0, 0)) + at for point, at in rows.items())
    assert rig.packet_in(toc(2, 1)) == struct.pack(">HBB", 46, 1, 1) + expected
    assert rig.packet_fails(toc(2, 2)) == BAD_FIELD


@pytest.mark.parametrize("form", [3, 4, 5, 15])
def test_toc_formats_of_recordable_discs(rig: CdRig, form: int) -> None:
    assert rig.packet_fails(toc(form)) == BAD_FIELD


def test_read_header(rig: CdRig) -> None:
    assert rig.packet_in(with_length(0x44, 0, 0, 0, 0, 9)) == bytes((1, 0, 0, 0, 0, 0, 0, 9))
    assert rig.packet_in(with_length(0x44, 2, 0, 0, 0, 9)) == bytes((1, 0, 0, 0, 0, 0, 2, 9))
    assert rig.packet_fails(with_length(0x44, 0, 0, 0, 0xFF, 9)) == OUT_OF_RANGE


def test_disc_and_track_information(rig: CdRig) -> None:
    disc = rig.packet_in(with_length(0x51))
    assert len(disc) == 34 and struct.unpack_from(">H", disc)[0] == 32
    assert disc[2] & 0x0F == 0x0E, "finished disc, finished session"
    assert disc[3:7] == bytes((1, 1, 1, 1))
    for kind, number in ((0, 0), (0, BLOCKS - 1), (1, 1), (2, 1)):
        track = rig.packet_in(with_length(0x52, kind, 0, 0, number >> 8, number & 0xFF))
        assert struct.unpack_from(">H", track)[0] == len(track) - 2
        assert track[2:4] == bytes((1, 1)) and struct.unpack_from(">I", track, 24)[0] == BLOCKS
    assert rig.packet_fails(with_length(0x52, 1, 0, 0, 0, 2)) == BAD_FIELD


# -- INQUIRY, mode pages, configuration


def test_inquiry(rig: CdRig) -> None:
    reply = rig.packet_in(bytes((0x12, 0, 0, 0, 96)))
    assert len(reply) == 36 and reply[4] == 31
    assert reply[0] == 5 and reply[1] == 0x80, "a CD-ROM drive, removable"
    assert reply[3] & 0x0F == 1, "ATAPI's format"
    assert reply[8:] == b"BANCADA Virtual CD-ROM  1.0 "
    assert rig.packet_fails(bytes((0x12, 1, 0, 0, 96))) == BAD_FIELD
    assert rig.packet_fails(bytes((0x12, 0, 0x80, 0, 96))) == BAD_FIELD


def mode_sense(page: int, control: int = 0, length: int = 0xFFFF) -> bytes:
    return with_length(0x5A, 0, control << 6 | page, length=length)


@pytest.mark.parametrize(("page", "size"), [(0x01, 8), (0x0D, 8), (0x0E, 16), (0x2A, 20)])
def test_mode_pages(rig: CdRig, page: int, size: int) -> None:
    reply = rig.packet_in(mode_sense(page))
    assert len(reply) == 8 + size
    assert struct.unpack_from(">H", reply)[0] == 6 + size
    assert reply[6:8] == bytes(2), "no block descriptor"
    assert (reply[8], reply[9]) == (page, size - 2)
    short = rig.packet_in(bytes((0x1A, 0, page, 0, 255)))
    assert short[0] == 3 + size and short[1] == reply[2] and short[4:] == reply[8:]
    assert rig.packet_in(mode_sense(page, length=10)) == reply[:10]
    assert (
        len(rig.packet_in(mode_sense(page, control=1))) == len(rig.packet_in(mode_sense(page, control=2))) == 8 + size
    )
    assert rig.packet_fails(mode_sense(page, control=3)) == (5, 0x39, 0)


def test_all_mode_pages(rig: CdRig) -> None:
    reply = rig.packet_in(mode_sense(0x3F))
    each = [rig.packet_in(mode_sense(page))[8:] for page in (0x01, 0x0D, 0x0E, 0x2A)]
    assert reply[8:] == b"".join(each)
    assert rig.packet_fails(mode_sense(0x05)) == BAD_FIELD


def test_the_capabilities_page_tells_the_lock(rig: CdRig) -> None:
    def lock() -> int:
        return rig.packet_in(mode_sense(0x2A))[8 + 6] & 0x0B

    assert lock() == 0x09, "can lock and eject, not locked"
    rig.packet_in(bytes((0x1E, 0, 0, 0, 1)))
    assert lock() == 0x0B
    rig.packet_in(bytes((0x1E, 0, 0, 0, 0)))
    assert lock() == 0x09


def test_the_medium_type_tells_the_tray(rig: CdRig) -> None:
    assert rig.packet_in(mode_sense(0x01))[2] == 0x01
    rig.packet_in(EJECT)
    assert rig.packet_in(mode_sense(0x01))[2] == 0x71
    rig.drive.eject()
    assert rig.packet_in(mode_sense(0x01))[2] == 0x70


def mode_select(rig: CdRig, parameters: bytes, byte_count: int = 0xFFFE) -> None:
    """Sends parameters; the command has ended then, well or not."""
    rig.packet(with_length(0x55, 0x10, length=len(parameters)), byte_count)
    sent = 0
    while rig.alternate & DRQ:
        assert rig.irq.level and rig.status == ASKING
        assert rig.count & 3 == 0, "to the drive"
        assert 0 < rig.byte_count <= byte_count
        count = rig.byte_count
        rig.write(parameters[sent : sent + count].ljust(count + 1 & ~1, b"\0"))
        sent += count
    assert sent == len(parameters)


@pytest.mark.parametrize("byte_count", [0xFFFE, 10])
def test_mode_select_sets_the_volume(rig: CdRig, byte_count: int) -> None:
    page = bytes((0x0E, 14, 6, 0, 0, 0, 0, 75, 1, 0x40, 2, 0x50, 0xFF, 0xFF, 0xFF, 0xFF))
    mode_select(rig, bytes(8) + page, byte_count)
    rig.done()
    after = rig.packet_in(mode_sense(0x0E))[8:]
    assert after[8:12] == bytes((1, 0x40, 2, 0x50))
    assert after[12:] == bytes(4), "ports that there are not"
    assert after[2] == 6
    assert rig.packet_in(mode_sense(0x0E, control=2))[16:20] == bytes((1, 0xFF, 2, 0xFF)), "the default"
    rig.controller.reset(ResetKind.BUS)
    assert rig.packet_in(mode_sense(0x0E))[16:20] == bytes((1, 0xFF, 2, 0xFF))


@pytest.mark.parametrize(
    "parameters",
    [
        bytes(8) + b"\x2a\x12" + bytes(18),
        bytes(8) + b"\x0e\x0d" + bytes(14),
        bytes(8) + b"\x0e\x0e\x04",
        bytes(8) + b"\x3f",
    ],
)
def test_mode_select_refuses_what_it_cannot_set(rig: CdRig, parameters: bytes) -> None:
    before = rig.packet_in(mode_sense(0x3F))
    mode_select(rig, parameters)
    assert rig.status == FAILED
    assert rig.sense() == BAD_PARAMETERS
    assert rig.packet_in(mode_sense(0x3F)) == before


def test_mode_select_without_parameters_is_well(rig: CdRig) -> None:
    assert rig.packet_in(with_length(0x55, 0x10, length=0)) == b""
    assert rig.packet_fails(with_length(0x55, 0x11, length=8)) == BAD_FIELD
    assert rig.packet_fails(with_length(0x55, 0x10, length=5000)) == BAD_PARAMETERS


def features(reply: bytes) -> dict[int, tuple[bool, bytes]]:
    assert struct.unpack_from(">I", reply)[0] == len(reply) - 4
    found, at = {}, 8
    while at < len(reply):
        number, flags, length = struct.unpack_from(">HBB", reply, at)
        assert length % 4 == 0
        found[number] = (bool(flags & 1), reply[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def test_get_configuration(rig: CdRig) -> None:
    reply = rig.packet_in(with_length(0x46))
    assert struct.unpack_from(">H", reply, 6)[0] == 0x0008
    found = features(reply)
    assert found[0x0000] == (True, bytes((0, 0x10, 0, 0, 0, 0x08, 1, 0)))
    assert found[0x0001][1] == bytes((0, 0, 0, 2)), "ATAPI"
    assert found[0x0010] == (True, struct.pack(">IHBB", 2048, 1, 0, 0))
    assert found[0x001E][0] and not found[0x001F][0], "reads a CD, not a DVD"
    assert 0x001F not in features(rig.packet_in(with_length(0x46, 1)))
    assert list(features(rig.packet_in(with_length(0x46, 2, 0, 0x1E)))) == [0x001E]
    assert list(features(rig.packet_in(with_length(0x46, 2, 0, 0x77)))) == []
    assert min(features(rig.packet_in(with_length(0x46, 0, 0, 0x03)))) == 0x0003
    assert rig.packet_in(with_length(0x46, length=8)) == reply[:8]
    assert rig.packet_fails(with_length(0x46, 3)) == BAD_FIELD
    rig.packet_in(EJECT)
    assert struct.unpack_from(">H", rig.packet_in(with_length(0x46)), 6)[0] == 0


def test_a_disc_too_large_for_a_cd_is_a_dvd(rig: CdRig, tmp_path: Path) -> None:
    path = tmp_path / "dvd.iso"
    path.touch()
    os.truncate(path, 2_295_104 * 2048)
    assert rig.packet_fails(with_length(0xAD, at=8)) == (5, 0x30, 2), "a CD has no DVD structure"
    rig.insert(path)
    rig.packet_fails(TEST_UNIT_READY)
    reply = rig.packet_in(with_length(0x46))
    assert struct.unpack_from(">H", reply, 6)[0] == 0x0010
    assert features(reply)[0x001F][0] and not features(reply)[0x001E][0]
    assert rig.packet_in(bytes((0x25,))) == struct.pack(">II", 2_295_103, 2048)
    assert rig.packet_in(toc(0, time=True))[-4:] == bytes((0, 255, 59, 74)), "more minutes than there are"
    structure = rig.packet_in(with_length(0xAD, at=8))
    assert struct.unpack_from(">H", structure)[0] == len(structure) - 2
    assert struct.unpack_from(">II", structure, 8) == (0x30000, 0x30000 + 2_295_103)
    assert rig.packet_in(with_length(0xAD, 0, 0, 0, 0, 0, 0, 1, at=8)) == bytes((0, 6, 0, 0, 0, 0, 0, 0))
    assert rig.packet_fails(with_length(0xAD, 0, 0, 0, 0, 0, 0, 9, at=8)) == BAD_FIELD
    assert rig.packet_in(read_12(2_295_103, 1)) == bytes(2048)


# -- Audio


@pytest.mark.parametrize("opcode", [0x45, 0x47, 0x4B, 0xA5, 0xBA])
def test_there_is_no_audio_to_play(rig: CdRig, opcode: int) -> None:
    assert rig.packet_fails(bytes((opcode, 0, 0, 0, 0, 1, 0, 0, 5))) == WRONG_TRACK_MODE


def test_stop_and_speed_do_nothing(rig: CdRig) -> None:
    rig.packet_in(bytes((0x4E,)))
    rig.packet_in(bytes((0xBB, 0, 0xFF, 0xFF, 0xFF, 0xFF)))


def test_read_sub_channel(rig: CdRig) -> None:
    assert rig.packet_in(with_length(0x42)) == bytes((0, 0x15, 0, 0))
    rig.packet_in(read_10(8, 2))
    position = rig.packet_in(with_length(0x42, 0, 0x40, 1))
    assert position == bytes((0, 0x15, 0, 12, 1, 0x14, 1, 1)) + struct.pack(">II", 10, 10)
    assert rig.packet_in(with_length(0x42, 2, 0x40, 1))[8:12] == bytes((0, 0, 2, 10))
    for form in (2, 3):
        reply = rig.packet_in(with_length(0x42, 0, 0x40, form))
        assert len(reply) == 24 and reply[3] == 20 and reply[4] == form and not reply[8] & 0x80
    assert rig.packet_fails(with_length(0x42, 0, 0x40, 9)) == BAD_FIELD


# -- Media that come and go


def event(rig: CdRig) -> tuple[int, int]:
    """The media event and whether a disc is there (2) and the tray open (1)."""
    reply = rig.packet_in(with_length(0x4A, 1, 0, 0, 0x10))
    assert reply[:4] == bytes((0, 6, 4, 0x10)) and reply[6:] == bytes(2)
    return reply[4], reply[5]


def test_another_disc_is_a_unit_attention_once(rig: CdRig, tmp_path: Path) -> None:
    rig.insert(make_cd(tmp_path / "other.iso", 10))
    assert rig.packet_fails(read_10(0, 1)) == CHANGED
    assert rig.packet_in(read_10(0, 1)) == block(0)
    assert rig.packet_in(bytes((0x25,))) == struct.pack(">II", 9, 2048)


@pytest.mark.parametrize("opcode", [0x12, 0x46, 0x4A])
def test_commands_that_leave_the_unit_attention(rig: CdRig, opcode: int) -> None:
    rig.insert(rig.path)
    rig.packet_in(with_length(opcode, 1 if opcode == 0x4A else 0, 0, 0, 36))
    assert rig.packet_fails(TEST_UNIT_READY) == CHANGED


def test_request_sense_tells_the_unit_attention_first(rig: CdRig) -> None:
    rig.insert(rig.path)
    assert rig.sense() == CHANGED
    assert rig.sense() == NO_SENSE
    rig.packet_in(TEST_UNIT_READY)


def test_an_empty_drive(rig: CdRig) -> None:
    rig.drive.eject()
    for packet in (TEST_UNIT_READY, read_10(0, 1), bytes((0x25,)), toc(0), with_length(0x42), with_length(0x51)):
        assert rig.packet_fails(packet) == NOT_READY
    assert rig.packet_in(with_length(0xBD, length=8, at=8))[1] == 0
    rig.insert(rig.path)
    assert rig.packet_fails(TEST_UNIT_READY) == CHANGED
    rig.packet_in(TEST_UNIT_READY)


def test_media_events_are_told_once(rig: CdRig) -> None:
    assert event(rig) == (0, 2)
    rig.drive.eject()
    assert event(rig) == (3, 0)
    assert event(rig) == (0, 0)
    rig.insert(rig.path)
    assert event(rig) == (2, 2)
    assert event(rig) == (0, 2)
    assert rig.packet_fails(TEST_UNIT_READY) == CHANGED, "an event takes no unit attention away"


def test_get_event_status_of_other_classes(rig: CdRig) -> None:
    assert rig.packet_in(with_length(0x4A, 1, 0, 0, 0x02)) == bytes((0, 2, 0x80, 0x10))
    assert rig.packet_fails(with_length(0x4A, 0, 0, 0, 0x10)) == BAD_FIELD, "there is no asynchronous operation"


def test_the_guest_opens_and_closes_the_tray(rig: CdRig) -> None:
    rig.packet_in(EJECT)
    assert rig.drive.medium is None
    assert event(rig) == (3, 1)
    assert rig.packet_fails(TEST_UNIT_READY) == TRAY_OPEN
    assert rig.packet_in(with_length(0xBD, length=8, at=8))[1] == 0x10
    rig.packet_in(EJECT)
    rig.packet_in(LOAD)
    assert event(rig) == (2, 2)
    assert rig.packet_fails(TEST_UNIT_READY) == CHANGED
    assert rig.packet_in(read_10(2, 1)) == block(2)
    rig.packet_in(LOAD)
    rig.packet_in(START)
    rig.packet_in(STOP)
    assert event(rig) == (0, 2)
    rig.packet_in(TEST_UNIT_READY)


def test_a_locked_tray_stays_closed_for_the_guest_and_opens_for_a_person(rig: CdRig, tmp_path: Path) -> None:
    rig.packet_in(bytes((0x1E, 0, 0, 0, 1)))
    assert rig.drive.locked
    assert rig.packet_fails(EJECT) == LOCKED
    assert rig.packet_in(read_10(2, 1)) == block(2)
    rig.drive.eject()
    assert rig.packet_fails(read_10(2, 1)) == NOT_READY
    assert not rig.drive.locked
    rig.insert(rig.path)
    rig.packet_in(bytes((0x1E,)))


def test_who_ejects_and_restarts_boots_without_the_disc(rig: CdRig) -> None:
    rig.packet_in(EJECT)
    rig.controller.reset(ResetKind.BUS)
    assert rig.drive.medium is None
    rig.controller.reset(ResetKind.POWER_ON)
    assert rig.drive.medium is not None
    rig.packet_in(TEST_UNIT_READY)


def test_a_person_puts_a_disc_into_an_open_tray(rig: CdRig) -> None:
    rig.packet_in(EJECT)
    rig.insert(rig.path)
    assert event(rig) == (2, 2)
    assert rig.packet_fails(TEST_UNIT_READY) == CHANGED
    rig.packet_in(TEST_UNIT_READY)


def test_a_disc_taken_out_in_the_middle_of_a_read(rig: CdRig, tmp_path: Path) -> None:
    rig.packet(read_10(0, 100), byte_count=2048)
    assert rig.read(2048) == block(0)
    rig.drive.eject()
    rig.pieces()
    assert rig.status == FAILED
    assert rig.sense() == NOT_READY


def test_a_smaller_disc_put_in_in_the_middle_of_a_read(rig: CdRig, tmp_path: Path) -> None:
    rig.packet(read_10(0, 100), byte_count=2048)
    rig.insert(make_cd(tmp_path / "small.iso", 3))
    rig.pieces()
    assert rig.status & ERR
    assert rig.status & DRDY
    assert rig.packet_fails(TEST_UNIT_READY) == CHANGED
