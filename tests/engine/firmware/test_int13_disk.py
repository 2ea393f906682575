"""INT 13h: status codes, addresses, geometry, media."""

from __future__ import annotations

import pytest

from engine.firmware.disk_geometry import Geometry, logical_geometry
from tests.engine.firmware.fake_board import Bios, FakeBlock, FakeDisk, FakeDrive, FakeFloppy

BUFFER = 0x10000


def with_disk(sectors: int = 65 * 16 * 63, geometry: tuple[int, int, int] = (65, 16, 63)) -> Bios:
    bios = Bios(floppies=[FakeDrive(FakeFloppy())], ide=[FakeDisk(FakeBlock(sectors), geometry), None, None, None])
    bios.start()
    return bios


def read(bios: Bios, drive: int, cylinder: int, head: int, sector: int, count: int = 1, function: int = 2):  # type: ignore[no-untyped-def]
    ecx = (cylinder & 0xFF) << 8 | (cylinder >> 2 & 0xC0) | sector
    return bios.call(0x13, eax=function << 8 | count, ebx=0, ecx=ecx, edx=head << 8 | drive, es=BUFFER >> 4)


def test_floppy_sectors_arrive_in_order(bios: Bios) -> None:
    result = read(bios, 0, 3, 1, 17, 2)
    assert not result.carry and result.ah == 0 and result.al == 2
    assert bios.read(BUFFER, 3) == bytes((3, 1, 17))
    assert bios.read(BUFFER + 512, 3) == bytes((3, 1, 18))


def test_a_request_goes_on_over_the_end_of_a_track(bios: Bios) -> None:
    read(bios, 0, 0, 0, 18, 2)
    assert bios.read(BUFFER + 512, 3) == bytes((0, 1, 1))


@pytest.mark.parametrize(("cylinder", "head", "sector"), [(80, 0, 1), (0, 2, 1), (0, 0, 19), (0, 0, 0)])
def test_addresses_outside_the_medium(bios: Bios, cylinder: int, head: int, sector: int) -> None:
    result = read(bios, 0, cylinder, head, sector)
    assert result.carry and result.ah == 0x04 and result.al == 0
    assert bios.byte(0x441) == 0x04


def test_no_medium_is_a_timeout_and_function_1_repeats_it(bios: Bios) -> None:
    bios.floppies[0].medium = None
    assert read(bios, 0, 0, 0, 1).ah == 0x80
    again = bios.call(0x13, eax=0x0100, edx=0)
    assert again.ah == 0x80 and again.carry


def test_change_line_is_told_once(bios: Bios) -> None:
    bios.floppies[0].changed = True
    assert read(bios, 0, 0, 0, 1).ah == 0x06
    assert not read(bios, 0, 0, 0, 1).carry
    bios.floppies[0].changed = True
    assert bios.call(0x13, eax=0x1600, edx=0).ah == 0x06
    assert bios.call(0x13, eax=0x1600, edx=0).ah == 0


def test_floppy_write_reaches_the_medium(bios: Bios) -> None:
    bios.write(BUFFER, b"\xa1" * 512 + b"\xb2" * 512)
    assert not read(bios, 0, 5, 0, 2, 2, function=3).carry
    medium = bios.floppies[0].medium
    assert medium is not None
    assert medium.contents[5, 0, 2] == b"\xa1" * 512 and medium.contents[5, 0, 3] == b"\xb2" * 512


def test_write_protected(bios: Bios) -> None:
    medium = bios.floppies[0].medium
    assert medium is not None
    medium.write_protected = True
    assert read(bios, 0, 0, 0, 1, function=3).ah == 0x03
    assert not medium.contents


def test_format_track_fills_with_the_byte_of_the_parameter_table(bios: Bios) -> None:
    bios.write(BUFFER, b"".join(bytes((7, 1, sector, 2)) for sector in range(1, 19)))
    assert not read(bios, 0, 7, 1, 1, 18, function=5).carry
    medium = bios.floppies[0].medium
    assert medium is not None
    assert medium.formatted == [(7, 1, list(range(1, 19)), 0xF6)]


def test_floppy_parameters(bios: Bios) -> None:
    result = bios.call(0x13, eax=0x0800, edx=0)
    assert (result.ch, result.cl, result.dh, result.dl, result.bl) == (79, 18, 1, 1, 4)
    assert (result.es, result.di) == (0xF000, 0xEFC7)


def test_floppy_type_and_missing_drive(bios: Bios) -> None:
    assert bios.call(0x13, eax=0x1500, edx=0).ah == 2
    missing = bios.call(0x13, eax=0x1500, edx=1)
    assert missing.ah == 0 and not missing.carry
    assert bios.call(0x13, eax=0x0201, ecx=1, edx=1).carry


def test_set_media_type_for_format(bios: Bios) -> None:
    good = bios.call(0x13, eax=0x1800, ecx=79 << 8 | 18, edx=0)
    assert not good.carry and good.es == 0xF000
    assert bios.call(0x13, eax=0x1800, ecx=39 << 8 | 9, edx=0).ah == 0x0C


def test_hard_disk_read_and_parameters() -> None:
    bios = with_disk()
    result = read(bios, 0x80, 2, 3, 4)
    assert not result.carry
    assert int.from_bytes(bios.read(BUFFER, 4), "little") == (2 * 16 + 3) * 63 + 3
    shape = bios.call(0x13, eax=0x0800, edx=0x80)
    assert (shape.ch, shape.cl & 63, shape.dh, shape.dl) == (64, 63, 15, 1)
    size = bios.call(0x13, eax=0x1500, edx=0x80)
    assert size.ah == 3 and size.cx << 16 | size.dx == 65 * 16 * 63


def test_missing_hard_disk(bios: Bios) -> None:
    assert bios.call(0x13, eax=0x0800, edx=0x80).carry
    assert bios.byte(0x475) == 0


def test_hard_disk_transfer_of_64_kib_does_not_wrap() -> None:
    bios = with_disk()
    result = bios.call(0x13, eax=0x0280, ebx=0xF, ecx=1, edx=0x80, es=BUFFER >> 4)
    assert not result.carry
    assert int.from_bytes(bios.read(BUFFER + 0xF + 127 * 512, 4), "little") == 127


def test_hard_disk_write_of_128_sectors() -> None:
    bios = with_disk()
    bios.write(BUFFER, b"".join(bytes([n]) * 512 for n in range(128)))
    assert not bios.call(0x13, eax=0x0380, ebx=0, ecx=1, edx=0x80, es=BUFFER >> 4).carry
    assert bios.ide[0].block.contents[127] == b"\x7f" * 512


def test_disk_tables_at_int_41h() -> None:
    bios = with_disk()
    table = bios.word(0x41 * 4 + 2) * 16 + bios.word(0x41 * 4)
    assert bios.word(table) == 65 and bios.byte(table + 2) == 16 and bios.byte(table + 14) == 63


def test_large_disks_are_translated() -> None:
    block = FakeBlock(4_000_000)
    shape = logical_geometry(block, (3968, 16, 63))
    assert shape.cylinders <= 1024 and shape.sectors == 63 and shape.heads == 64
    assert logical_geometry(FakeBlock(1 << 30), (16383, 16, 63)) == Geometry(1024, 255, 63)


def partitioned(end: tuple[int, int, int], start: int, length: int, sectors: int = 20000) -> FakeBlock:
    """A disk of one partition from 0/1/1 to ``end`` (cylinder, head, sector)."""
    cylinder, head, sector = end
    entry = bytes((0x80, 1, 1, 0, 6, head, sector | cylinder >> 2 & 0xC0, cylinder & 0xFF))
    entry += start.to_bytes(4, "little") + length.to_bytes(4, "little")
    return FakeBlock(sectors, bytes(0x1BE) + entry + bytes(48) + b"\x55\xaa")


def test_partition_table_decides_the_geometry() -> None:
    block = partitioned(end=(49, 5, 17), start=17, length=50 * 6 * 17 - 17)
    assert logical_geometry(block, (19, 16, 63)) == Geometry(20000 // (6 * 17), 6, 17)


def test_partition_that_ends_beyond_the_last_cylinder_decides_too() -> None:
    size = 1 << 25
    block = partitioned(end=(1023, 239, 63), start=63, length=size - 63, sectors=size)
    assert logical_geometry(block, (16383, 16, 63)) == Geometry(1024, 240, 63)


@pytest.mark.parametrize(
    ("end", "start", "length"),
    [
        pytest.param((49, 5, 17), 63, 5000, id="start"),
        pytest.param((1, 31, 63), 63, 20000 - 63, id="end, written for 255 heads"),
    ],
)
def test_partition_table_that_contradicts_itself_is_ignored(end: tuple[int, int, int], start: int, length: int) -> None:
    assert logical_geometry(partitioned(end, start, length), (19, 16, 63)) == Geometry(19, 16, 63)


# -- Extensions ------------------------------------------------------------------------------------------------


def packet(count: int, lba: int, buffer: int = BUFFER, size: int = 16) -> bytes:
    address = (buffer >> 4) << 16
    return bytes((size, 0)) + count.to_bytes(2, "little") + address.to_bytes(4, "little") + lba.to_bytes(8, "little")


def test_extensions_are_there_for_hard_disks_only() -> None:
    bios = with_disk()
    result = bios.call(0x13, eax=0x4100, ebx=0x55AA, edx=0x80)
    assert not result.carry and result.bx == 0xAA55 and result.cx & 1 and result.ah >= 0x21
    assert bios.call(0x13, eax=0x4100, ebx=0x55AA, edx=0).carry


def test_extended_read_and_write() -> None:
    bios = with_disk()
    bios.write(0x5000, packet(3, 1000))
    assert not bios.call(0x13, eax=0x4200, edx=0x80, ds=0x500, esi=0).carry
    assert int.from_bytes(bios.read(BUFFER + 1024, 4), "little") == 1002
    bios.write(BUFFER, b"\x11" * 1536)
    assert not bios.call(0x13, eax=0x4300, edx=0x80, ds=0x500, esi=0).carry
    assert bios.ide[0].block.contents[1002] == b"\x11" * 512


def test_extended_read_beyond_the_end_tells_how_many_were_read() -> None:
    bios = with_disk()
    bios.write(0x5000, packet(2, 65 * 16 * 63 - 1))
    result = bios.call(0x13, eax=0x4200, edx=0x80, ds=0x500, esi=0)
    assert result.carry and result.ah == 0x04
    assert bios.word(0x5002) == 0


def test_extended_read_to_a_flat_address() -> None:
    bios = with_disk()
    data = bytearray(packet(1, 77, size=24)) + (0x200000).to_bytes(8, "little")
    data[4:8] = b"\xff" * 4
    bios.write(0x5000, bytes(data))
    assert not bios.call(0x13, eax=0x4200, edx=0x80, ds=0x500, esi=0).carry
    assert int.from_bytes(bios.read(0x200000, 4), "little") == 77


def test_extended_parameters() -> None:
    bios = with_disk()
    bios.write(0x5000, (30).to_bytes(2, "little"))
    assert not bios.call(0x13, eax=0x4800, edx=0x80, ds=0x500, esi=0).carry
    data = bios.read(0x5000, 30)
    assert int.from_bytes(data[0:2], "little") == 30
    assert int.from_bytes(data[16:24], "little") == 65 * 16 * 63
    assert int.from_bytes(data[24:26], "little") == 512


def test_int_40h_serves_floppies_only() -> None:
    bios = with_disk()
    assert not bios.call(0x40, eax=0x0201, ecx=1, edx=0, es=BUFFER >> 4).carry
    assert bios.call(0x40, eax=0x0201, ecx=1, edx=0x80, es=BUFFER >> 4).carry
