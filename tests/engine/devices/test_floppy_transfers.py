"""82077AA data sheet, section 5.1: READ, WRITE, READ TRACK, VERIFY, SCAN, READ ID and FORMAT TRACK, by DMA."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.devices.floppy_rig import (
    CCR,
    DISK_TO_MEMORY,
    DMA_BUFFER,
    DMA_VERIFY,
    DOR,
    FIFO,
    KINDS,
    MEMORY_TO_DISK,
    MSR,
    RATE_BITS,
    FloppyRig,
    sector_bytes,
)

MakeRig = Callable[..., FloppyRig]
READ, READ_MT, WRITE, WRITE_MT = 0x46, 0xC6, 0x45, 0xC5
READ_DELETED, READ_DELETED_SK, WRITE_DELETED = 0x4C, 0x6C, 0x49
READ_TRACK, VERIFY, VERIFY_MT = 0x42, 0x56, 0xD6
SCAN_EQUAL, SCAN_LOW, SCAN_HIGH = 0x51, 0x59, 0x5D
READ_ID, FORMAT = 0x4A, 0x4D
TAIL = (0x1B, 0xFF)  # gap and data length


@pytest.fixture
def rig(make_floppy_rig: MakeRig) -> FloppyRig:
    rig = make_floppy_rig()
    rig.start()
    return rig


def whole_file(rig: FloppyRig) -> bytes:
    return rig.path.read_bytes()


# -- READ DATA (5.1.1)


def test_read_one_sector(rig: FloppyRig) -> None:
    result, data = rig.read(READ, 0, 0, 0, 3, 2, 18, *TAIL)
    assert result == [0x00, 0x00, 0x00, 0, 0, 4, 2]
    assert data == sector_bytes(0, 0, 3)
    assert rig.lights == [(0, False)]


def test_read_several_sectors(rig: FloppyRig) -> None:
    rig.seek(20)
    result, data = rig.read(READ, 4, 20, 1, 5, 2, 18, *TAIL, count=5 * 512)
    assert result == [0x04, 0x00, 0x00, 20, 1, 10, 2]
    assert data == rig.expected([(20, 1, sector) for sector in range(5, 10)])


def test_the_interrupt_comes_when_the_transfer_is_over(rig: FloppyRig) -> None:
    rig.program_dma(DISK_TO_MEMORY, 512)
    edges = rig.irq.edges
    rig.send(READ, 0, 0, 0, 1, 2, 18, *TAIL)
    assert rig.irq.edges == edges
    assert rig.memory.read(DMA_BUFFER, 4) == bytes(4), "nothing moves before its time"
    rig.wait_for_interrupt()
    assert rig.irq.edges == edges + 1
    assert rig.memory.read(DMA_BUFFER, 512) == sector_bytes(0, 0, 1)
    rig.result()


# Table 5-6: the address in the result after terminal count.
@pytest.mark.parametrize(
    ("code", "head", "sector", "count", "address"),
    [
        (READ, 0, 1, 17, [7, 0, 18, 2]),
        (READ, 0, 1, 18, [8, 0, 1, 2]),
        (READ, 1, 1, 17, [7, 1, 18, 2]),
        (READ, 1, 18, 1, [8, 1, 1, 2]),
        (READ_MT, 0, 1, 17, [7, 0, 18, 2]),
        (READ_MT, 0, 18, 1, [7, 1, 1, 2]),
        (READ_MT, 1, 1, 17, [7, 1, 18, 2]),
        (READ_MT, 1, 18, 1, [8, 0, 1, 2]),
        (READ_MT, 0, 1, 36, [8, 0, 1, 2]),
    ],
)
def test_the_address_in_the_result(
    rig: FloppyRig, code: int, head: int, sector: int, count: int, address: list[int]
) -> None:
    rig.seek(7)
    result, _data = rig.read(code, head << 2, 7, head, sector, 2, 18, *TAIL, count=count * 512)
    assert result[0] & 0xC0 == 0
    assert result[1:3] == [0, 0]
    assert result[3:] == address


def test_multi_track_goes_on_at_sector_1_of_side_1(rig: FloppyRig) -> None:
    rig.seek(2)
    result, data = rig.read(READ_MT, 0, 2, 0, 17, 2, 18, *TAIL, count=4 * 512)
    assert data == rig.expected([(2, 0, 17), (2, 0, 18), (2, 1, 1), (2, 1, 2)])
    assert result == [0x04, 0, 0, 2, 1, 3, 2]


def test_multi_track_reads_a_whole_cylinder(rig: FloppyRig) -> None:
    rig.seek(79)
    _result, data = rig.read(READ_MT, 0, 79, 0, 1, 2, 18, *TAIL, count=36 * 512)
    assert data == rig.expected([(79, head, sector) for head in (0, 1) for sector in range(1, 19)])


@pytest.mark.parametrize(("code", "sectors"), [(READ, 18), (READ_MT, 36)])
def test_end_of_cylinder_when_no_terminal_count_comes(rig: FloppyRig, code: int, sectors: int) -> None:
    result, data = rig.read(code, 0, 0, 0, 1, 2, 18, *TAIL, count=sectors * 512 + 1)
    assert result[0] & 0xC0 == 0x40
    assert result[1] == 0x80
    assert data[: sectors * 512] == rig.expected([(0, n // 18, n % 18 + 1) for n in range(sectors)])
    assert data[sectors * 512 :] == b"\xee"


def test_eot_below_the_last_sector_ends_there(rig: FloppyRig) -> None:
    result, data = rig.read(READ, 0, 0, 0, 1, 2, 4, *TAIL, count=512 * 6)
    assert result == [0x40, 0x80, 0, 1, 0, 1, 2]
    assert data[4 * 512 :] == b"\xee" * 1024


def test_eot_beyond_the_last_sector_finds_no_data(rig: FloppyRig) -> None:
    result, data = rig.read(READ, 0, 0, 0, 18, 2, 21, *TAIL, count=512 * 3)
    assert result == [0x40, 0x04, 0, 0, 0, 19, 2]
    assert data[:512] == sector_bytes(0, 0, 18)
    assert data[512:] == b"\xee" * 1024


def test_eot_below_the_first_sector_goes_on_to_the_end_of_the_track(rig: FloppyRig) -> None:
    result, _data = rig.read(READ, 0, 0, 0, 17, 2, 4, *TAIL, count=512 * 9)
    assert result == [0x40, 0x04, 0, 0, 0, 19, 2]


def test_terminal_count_within_a_sector_ends_after_it(rig: FloppyRig) -> None:
    result, data = rig.read(READ, 0, 0, 0, 2, 2, 18, *TAIL, count=700)
    assert result == [0, 0, 0, 0, 0, 4, 2]
    assert data == rig.expected([(0, 0, 2), (0, 0, 3)])[:700]
    assert rig.memory.read(DMA_BUFFER + 700, 4) == b"\xee" * 4


def test_wrong_cylinder(rig: FloppyRig) -> None:
    rig.seek(5)
    result, data = rig.read(READ, 0, 6, 0, 1, 2, 18, *TAIL)
    assert result == [0x40, 0x04, 0x10, 6, 0, 1, 2]
    assert data == b"\xee" * 512


@pytest.mark.parametrize(
    ("select", "head", "sector", "size_code"),
    [(0, 1, 1, 2), (4, 0, 1, 2), (0, 0, 0, 2), (0, 0, 19, 2), (0, 0, 255, 2), (0, 0, 1, 3), (0, 0, 1, 0)],
)
def test_an_id_that_is_not_on_the_track_is_no_data(
    rig: FloppyRig, select: int, head: int, sector: int, size_code: int
) -> None:
    result, data = rig.read(READ, select, 0, head, sector, size_code, 18, *TAIL)
    assert result == [0x40 | select, 0x04, 0, 0, head, sector, size_code]
    assert data == b"\xee" * 512


def test_a_cylinder_beyond_the_formatted_ones_has_no_address_mark(rig: FloppyRig) -> None:
    rig.seek(81)
    result, _data = rig.read(READ, 0, 81, 0, 1, 2, 18, *TAIL)
    assert result == [0x40, 0x01, 0, 81, 0, 1, 2]


def test_no_diskette(rig: FloppyRig) -> None:
    rig.out(DOR, 0x3D)
    assert rig.read(READ, 1, 0, 0, 1, 2, 18, *TAIL)[0] == [0x41, 0x01, 0, 0, 0, 1, 2]
    assert rig.write(WRITE, 1, 0, 0, 1, 2, 18, *TAIL, data=bytes(512)) == [0x41, 0x01, 0, 0, 0, 1, 2]
    assert rig.command(READ_ID, 1)[:3] == [0x41, 0x01, 0]
    assert rig.write(FORMAT, 1, 2, 18, 0x54, 0xF6, data=bytes(72))[:3] == [0x41, 0x01, 0]
    assert rig.lights == []


def test_no_drive(rig: FloppyRig) -> None:
    for number in (2, 3):
        assert rig.read(READ, number, 0, 0, 1, 2, 18, *TAIL)[0][:3] == [0x40 | number, 0x01, 0]
        assert rig.command(READ_ID, number)[:3] == [0x40 | number, 0x01, 0]


def test_motor_off(rig: FloppyRig) -> None:
    rig.out(DOR, 0x0C)
    assert rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)[0][:3] == [0x40, 0x01, 0]


def test_diskette_taken_out_while_the_command_runs(rig: FloppyRig) -> None:
    rig.program_dma(DISK_TO_MEMORY, 512)
    rig.send(READ, 0, 0, 0, 1, 2, 18, *TAIL)
    rig.drives[0].eject()
    rig.wait_for_interrupt()
    assert rig.result()[:3] == [0x40, 0x01, 0]


def test_single_density_finds_no_address_mark(rig: FloppyRig) -> None:
    assert rig.read(READ & ~0x40, 0, 0, 0, 1, 2, 18, *TAIL)[0][:3] == [0x40, 0x01, 0]
    assert rig.command(READ_ID & ~0x40, 0)[:3] == [0x40, 0x01, 0]
    before = whole_file(rig)
    assert rig.write(WRITE & ~0x40, 0, 0, 0, 1, 2, 18, *TAIL, data=bytes(512))[:3] == [0x40, 0x01, 0]
    assert whole_file(rig) == before


@pytest.mark.parametrize("kind", KINDS)
def test_every_medium_reads_to_its_last_sector_at_its_own_data_rate(make_floppy_rig: MakeRig, kind: str) -> None:
    rig = make_floppy_rig(kind)
    rig.start()
    shape = rig.kind
    last = (shape.cylinders - 1, shape.heads - 1, shape.sectors)
    rig.seek(last[0])
    command = (READ, last[1] << 2, last[0], last[1], last[2], 2, shape.sectors, *TAIL)
    accepted = {250, 300} if shape.data_rate == 250 else {shape.data_rate}
    for rate, bits in RATE_BITS.items():
        rig.out(CCR, bits)
        result, data = rig.read(*command)
        if rate in accepted:
            assert result[:3] == [last[1] << 2, 0, 0]
            assert data == sector_bytes(*last)
        else:
            assert result[:3] == [0x40 | last[1] << 2, 0x01, 0], f"{rate} kbit/s cannot read {kind}"
            assert data == b"\xee" * 512


@pytest.mark.parametrize("kind", KINDS)
def test_every_medium_takes_a_write_to_its_last_sector(make_floppy_rig: MakeRig, kind: str) -> None:
    rig = make_floppy_rig(kind)
    rig.start()
    shape = rig.kind
    cylinder, head, sector = shape.cylinders - 1, shape.heads - 1, shape.sectors
    rig.seek(cylinder)
    before = whole_file(rig)
    result = rig.write(WRITE, head << 2, cylinder, head, sector, 2, sector, *TAIL, data=b"W" * 512)
    assert result[:3] == [head << 2, 0, 0]
    assert whole_file(rig) == before[:-512] + b"W" * 512


@pytest.mark.parametrize("kind", ["160K", "180K"])
def test_a_single_sided_medium_has_nothing_on_side_1(make_floppy_rig: MakeRig, kind: str) -> None:
    rig = make_floppy_rig(kind)
    rig.start()
    assert rig.read(READ, 4, 0, 1, 1, 2, 8, *TAIL)[0][:3] == [0x44, 0x01, 0]
    assert rig.command(READ_ID, 4)[:3] == [0x44, 0x01, 0]
    result, data = rig.read(READ_MT, 0, 0, 0, 8, 2, 8, *TAIL, count=1024)
    assert result[:3] == [0x44, 0x01, 0]
    assert data[:512] == sector_bytes(0, 0, 8)


# -- Implied seek (5.2.7)


def test_without_implied_seek_the_head_stays(rig: FloppyRig) -> None:
    assert rig.read(READ, 0, 9, 0, 1, 2, 18, *TAIL)[0][:3] == [0x40, 0x04, 0x10]
    assert rig.drives[0].cylinder == 0


def test_implied_seek(rig: FloppyRig) -> None:
    rig.command_without_result(0x13, 0, 0x40, 0)
    result, data = rig.read(READ, 0, 9, 0, 1, 2, 18, *TAIL)
    assert result == [0x20, 0, 0, 9, 0, 2, 2]
    assert data == sector_bytes(9, 0, 1)
    assert rig.command(0x0E)[0] == 9
    assert rig.command(0x08) == [0x80], "a seek of its own would have to be sensed"
    assert rig.read(READ, 0, 9, 0, 2, 2, 18, *TAIL)[0][0] == 0x00


def test_implied_seek_writes_where_it_went(rig: FloppyRig) -> None:
    rig.command_without_result(0x13, 0, 0x40, 0)
    assert rig.write(WRITE, 4, 70, 1, 1, 2, 18, *TAIL, data=b"i" * 512)[:3] == [0x24, 0, 0]
    assert rig.on_disk(70, 1, 1) == b"i" * 512


# -- WRITE DATA (5.1.3)


def test_write_one_sector_changes_nothing_else(rig: FloppyRig) -> None:
    before = whole_file(rig)
    result = rig.write(WRITE, 0, 0, 0, 2, 2, 18, *TAIL, data=b"w" * 512)
    assert result == [0, 0, 0, 0, 0, 3, 2]
    assert whole_file(rig) == before[:512] + b"w" * 512 + before[1024:]
    assert rig.lights == [(0, True)]


def test_write_over_both_sides(rig: FloppyRig) -> None:
    rig.seek(3)
    data = b"".join(bytes([n]) * 512 for n in range(1, 5))
    result = rig.write(WRITE_MT, 0, 3, 0, 17, 2, 18, *TAIL, data=data)
    assert result == [0x04, 0, 0, 3, 1, 3, 2]
    places = [(3, 0, 17), (3, 0, 18), (3, 1, 1), (3, 1, 2)]
    assert b"".join(rig.on_disk(*place) for place in places) == data
    assert rig.on_disk(3, 1, 3) == sector_bytes(3, 1, 3)


def test_terminal_count_within_a_sector_fills_the_rest_with_zeros(rig: FloppyRig) -> None:
    result = rig.write(WRITE, 0, 0, 0, 5, 2, 18, *TAIL, data=b"x" * 100)
    assert result == [0, 0, 0, 0, 0, 6, 2]
    assert rig.on_disk(0, 0, 5) == b"x" * 100 + bytes(412)
    assert rig.on_disk(0, 0, 6) == sector_bytes(0, 0, 6)


def test_write_without_terminal_count_ends_at_eot(rig: FloppyRig) -> None:
    result = rig.write(WRITE, 0, 0, 0, 17, 2, 18, *TAIL, data=b"y" * 2048)
    assert result == [0x40, 0x80, 0, 1, 0, 1, 2]
    assert rig.on_disk(0, 0, 18) == b"y" * 512
    assert rig.on_disk(0, 1, 1) == sector_bytes(0, 1, 1)


@pytest.mark.parametrize(
    "command",
    [
        (WRITE, 0, 1, 0, 1, 2, 18),
        (WRITE, 0, 0, 1, 1, 2, 18),
        (WRITE, 4, 0, 0, 1, 2, 18),
        (WRITE, 0, 0, 0, 0, 2, 18),
        (WRITE, 0, 0, 0, 19, 2, 255),
        (WRITE, 0, 0, 0, 1, 3, 18),
        (WRITE_MT, 4, 0, 1, 255, 2, 255),
    ],
)
def test_a_write_to_a_sector_that_is_not_there_changes_nothing(rig: FloppyRig, command: tuple[int, ...]) -> None:
    before = whole_file(rig)
    result = rig.write(*command, *TAIL, data=b"!" * 512)
    assert result[0] & 0xC0 == 0x40
    assert result[1] == 0x04
    assert whole_file(rig) == before


@pytest.mark.parametrize("code", [WRITE, WRITE_MT, WRITE_DELETED])
def test_a_write_protected_diskette_is_not_writable(make_floppy_rig: MakeRig, code: int) -> None:
    rig = make_floppy_rig(read_only=True)
    rig.start()
    before = whole_file(rig)
    assert rig.write(code, 0, 0, 0, 1, 2, 18, *TAIL, data=b"!" * 512) == [0x40, 0x02, 0, 0, 0, 1, 2]
    assert rig.write(FORMAT, 0, 2, 18, 0x54, 0xF6, data=bytes(72))[:3] == [0x40, 0x02, 0]
    assert rig.command(0x04, 0)[0] & 0x40
    assert whole_file(rig) == before
    assert rig.lights == []
    assert rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)[0][:3] == [0, 0, 0]


# -- The DMA side


def test_a_masked_channel_is_an_overrun(rig: FloppyRig) -> None:
    before = whole_file(rig)
    for code, mode in ((READ, DISK_TO_MEMORY), (WRITE, MEMORY_TO_DISK), (SCAN_EQUAL, MEMORY_TO_DISK)):
        rig.program_dma(mode, 512, unmask=False)
        assert rig.command(code, 0, 0, 0, 1, 2, 18, *TAIL) == [0x40, 0x10, 0, 0, 0, 1, 2]
    rig.program_dma(MEMORY_TO_DISK, 72, unmask=False)
    assert rig.command(FORMAT, 0, 2, 18, 0x54, 0xF6)[:3] == [0x40, 0x10, 0]
    assert whole_file(rig) == before


def test_dmagate_off_is_an_overrun(rig: FloppyRig) -> None:
    rig.out(DOR, 0x14)
    for code, mode in ((READ, DISK_TO_MEMORY), (WRITE, MEMORY_TO_DISK)):
        rig.program_dma(mode, 512)
        assert rig.command(code, 0, 0, 0, 1, 2, 18, *TAIL)[:3] == [0x40, 0x10, 0]
    rig.program_dma(MEMORY_TO_DISK, 72)
    assert rig.command(FORMAT, 0, 2, 18, 0x54, 0xF6)[:3] == [0x40, 0x10, 0]
    assert rig.on_disk(0, 0, 1) == sector_bytes(0, 0, 1)


def test_dma_verify_mode_counts_and_moves_nothing(rig: FloppyRig) -> None:
    rig.program_dma(DMA_VERIFY, 1024)
    assert rig.command(READ, 0, 0, 0, 1, 2, 18, *TAIL) == [0, 0, 0, 0, 0, 3, 2]
    assert rig.memory.read(DMA_BUFFER, 1024) == bytes(1024)


def test_a_transfer_wraps_inside_its_64_k_page(rig: FloppyRig) -> None:
    rig.program_dma(DISK_TO_MEMORY, 512, address=0x2FF00)
    assert rig.command(READ, 0, 0, 0, 1, 2, 18, *TAIL)[:3] == [0, 0, 0]
    assert rig.memory.read(0x2FF00, 256) + rig.memory.read(0x20000, 256) == sector_bytes(0, 0, 1)
    assert rig.memory.read(0x30000, 4) == bytes(4)


# -- Deleted data (5.1.2, 5.1.4; tables 5-4 and 5-5)


def test_write_deleted_data_writes(rig: FloppyRig) -> None:
    assert rig.write(WRITE_DELETED, 0, 0, 0, 4, 2, 18, *TAIL, data=b"d" * 512) == [0, 0, 0, 0, 0, 5, 2]
    assert rig.on_disk(0, 0, 4) == b"d" * 512


def test_read_deleted_data_stops_at_the_first_ordinary_sector(rig: FloppyRig) -> None:
    result, data = rig.read(READ_DELETED, 0, 0, 0, 4, 2, 18, *TAIL, count=1024)
    assert result == [0x00, 0x00, 0x40, 0, 0, 4, 2]
    assert data == sector_bytes(0, 0, 4) + b"\xee" * 512


def test_read_deleted_data_with_skip_passes_ordinary_sectors_by(rig: FloppyRig) -> None:
    result, data = rig.read(READ_DELETED_SK, 0, 0, 0, 4, 2, 18, *TAIL)
    assert result == [0x40, 0x80, 0x40, 1, 0, 1, 2]
    assert data == b"\xee" * 512


def test_read_data_with_skip_reads_ordinary_sectors(rig: FloppyRig) -> None:
    result, data = rig.read(READ | 0x20, 0, 0, 0, 4, 2, 18, *TAIL)
    assert result[:3] == [0, 0, 0]
    assert data == sector_bytes(0, 0, 4)


# -- READ TRACK (5.1.5)


def test_read_track_starts_behind_the_index_hole(rig: FloppyRig) -> None:
    rig.seek(11)
    result, data = rig.read(READ_TRACK, 4, 11, 1, 1, 2, 18, *TAIL, count=18 * 512)
    assert result == [0x04, 0, 0, 12, 1, 1, 2]
    assert data == rig.expected([(11, 1, sector) for sector in range(1, 19)])


def test_read_track_notes_ids_that_differ_and_reads_on(rig: FloppyRig) -> None:
    result, data = rig.read(READ_TRACK, 0, 0, 0, 5, 2, 18, *TAIL, count=18 * 512)
    assert result[:3] == [0x40, 0x04, 0]
    assert data == rig.expected([(0, 0, sector) for sector in range(1, 19)])


def test_read_track_ends_after_eot_sectors_or_at_terminal_count(rig: FloppyRig) -> None:
    result, data = rig.read(READ_TRACK, 0, 0, 0, 1, 2, 3, *TAIL, count=4 * 512)
    assert result == [0, 0, 0, 1, 0, 1, 2]
    assert data[3 * 512 :] == b"\xee" * 512
    assert rig.read(READ_TRACK, 0, 0, 0, 1, 2, 18, *TAIL, count=1024)[0] == [0, 0, 0, 0, 0, 3, 2]


def test_read_track_stays_on_its_side(rig: FloppyRig) -> None:
    result, data = rig.read(READ_TRACK | 0x80, 0, 0, 0, 1, 2, 18, *TAIL, count=36 * 512)
    assert result == [0, 0, 0, 1, 0, 1, 2]
    assert data[18 * 512 :] == b"\xee" * (18 * 512)


def test_read_track_of_more_sectors_than_there_are(rig: FloppyRig) -> None:
    for eot in (0, 21):
        result, data = rig.read(READ_TRACK, 0, 0, 0, 1, 2, eot, *TAIL, count=0x10000)
        assert result[:3] == [0x40, 0x01, 0]
        assert data[18 * 512 :] == b"\xee" * (0x10000 - 18 * 512)


# -- VERIFY (5.1.6, table 5-7)


def test_verify_to_eot(rig: FloppyRig) -> None:
    assert rig.command(VERIFY, 0, 0, 0, 1, 2, 18, *TAIL) == [0, 0, 0, 1, 0, 1, 2]
    assert rig.command(VERIFY_MT, 0, 0, 0, 1, 2, 18, *TAIL)[:3] == [0x04, 0, 0]
    assert rig.memory.read(DMA_BUFFER, 512) == bytes(512)


def test_verify_to_eot_beyond_the_track(rig: FloppyRig) -> None:
    assert rig.command(VERIFY, 0, 0, 0, 1, 2, 19, *TAIL) == [0x40, 0x04, 0, 0, 0, 19, 2]


def test_verify_so_many_sectors(rig: FloppyRig) -> None:
    assert rig.command(VERIFY, 0x80, 0, 0, 1, 2, 18, 0x1B, 5) == [0, 0, 0, 0, 0, 6, 2]
    assert rig.command(VERIFY, 0x80, 0, 0, 1, 2, 18, 0x1B, 18) == [0, 0, 0, 1, 0, 1, 2]
    assert rig.command(VERIFY_MT, 0x80, 0, 0, 1, 2, 18, 0x1B, 36)[:3] == [0x04, 0, 0]


def test_verify_more_sectors_than_remain(rig: FloppyRig) -> None:
    assert rig.command(VERIFY, 0x80, 0, 0, 10, 2, 18, 0x1B, 10)[:2] == [0x40, 0x80]
    assert rig.command(VERIFY_MT, 0x80, 0, 0, 1, 2, 18, 0x1B, 0)[:2] == [0x44, 0x80]


# -- SCAN (5.1.9)


@pytest.mark.parametrize(
    ("code", "disk", "host", "st2"),
    [
        (SCAN_EQUAL, 5, 5, 0x08),
        (SCAN_EQUAL, 5, 6, 0x04),
        (SCAN_EQUAL, 5, 4, 0x04),
        (SCAN_EQUAL, 5, 0xFF, 0x08),
        (SCAN_EQUAL, 0xFF, 5, 0x08),
        (SCAN_LOW, 5, 5, 0x08),
        (SCAN_LOW, 5, 6, 0x00),
        (SCAN_LOW, 5, 4, 0x04),
        (SCAN_HIGH, 5, 5, 0x08),
        (SCAN_HIGH, 5, 4, 0x00),
        (SCAN_HIGH, 5, 6, 0x04),
    ],
)
def test_scan_of_one_sector(rig: FloppyRig, code: int, disk: int, host: int, st2: int) -> None:
    rig.image.write(0, 0, 6, bytes([disk]) * 512)
    result = rig.write(code, 0, 0, 0, 6, 2, 6, 0x1B, 1, data=bytes([host]) * 512)
    assert result[:3] == [0, 0, st2]


def test_scan_ends_with_the_sector_that_meets_the_condition(rig: FloppyRig) -> None:
    wanted = sector_bytes(0, 0, 4)
    result = rig.write(SCAN_EQUAL, 0, 0, 0, 1, 2, 18, 0x1B, 1, data=wanted * 18)
    assert result == [0, 0, 0x08, 0, 0, 5, 2]
    lower = bytes([1, 1, 3, 0xA5]) * 128
    result = rig.write(SCAN_HIGH, 0, 0, 0, 1, 2, 18, 0x1B, 1, data=lower * 18)
    assert result == [0, 0, 0x08, 0, 0, 4, 2]
    higher = bytes([0xF0]) * 512
    result = rig.write(SCAN_LOW, 0, 0, 0, 1, 2, 18, 0x1B, 1, data=higher * 18)
    assert result == [0, 0, 0x00, 0, 0, 2, 2]


def test_scan_of_a_track_that_does_not_hold_it(rig: FloppyRig) -> None:
    result = rig.write(SCAN_EQUAL, 0, 0, 0, 1, 2, 18, 0x1B, 1, data=bytes(18 * 512 + 1))
    assert result == [0, 0, 0x04, 1, 0, 1, 2]


def test_scan_of_every_other_sector(rig: FloppyRig) -> None:
    wanted = sector_bytes(0, 0, 4)
    assert rig.write(SCAN_EQUAL, 0, 0, 0, 1, 2, 17, 0x1B, 2, data=wanted * 9)[2] == 0x04
    assert rig.write(SCAN_EQUAL, 0, 0, 0, 2, 2, 18, 0x1B, 2, data=wanted * 9) == [0, 0, 0x08, 0, 0, 6, 2]
    passes_eot = rig.write(SCAN_EQUAL, 0, 0, 0, 1, 2, 18, 0x1B, 2, data=wanted * 9 + b"?")
    assert passes_eot[:2] == [0x40, 0x04]


def test_scan_ends_at_terminal_count(rig: FloppyRig) -> None:
    assert rig.write(SCAN_EQUAL, 0, 0, 0, 1, 2, 18, 0x1B, 1, data=bytes(1024)) == [0, 0, 0x04, 0, 0, 3, 2]


# -- READ ID (5.1.10)


def test_read_id_sees_every_sector_pass_by(rig: FloppyRig) -> None:
    rig.seek(33)
    seen = set()
    for _ in range(200):
        result = rig.command(READ_ID, 4)
        assert result[:5] == [0x04, 0, 0, 33, 1]
        assert result[6] == 2
        seen.add(result[5])
    assert seen == set(range(1, 19))


def test_read_id_of_a_track_that_is_not_formatted(rig: FloppyRig) -> None:
    rig.seek(80)
    assert rig.command(READ_ID, 0)[:3] == [0x40, 0x01, 0]


# -- FORMAT TRACK (5.1.7)


def ids(cylinder: int, head: int, sectors: int) -> bytes:
    return b"".join(bytes([cylinder, head, sector, 2]) for sector in range(1, sectors + 1))


def test_format_track_fills_one_track(rig: FloppyRig) -> None:
    rig.seek(2)
    before = whole_file(rig)
    result = rig.write(FORMAT, 4, 2, 18, 0x54, 0xF6, data=ids(2, 1, 18))
    assert result[:3] == [0x04, 0, 0]
    track = 18 * 512
    assert whole_file(rig) == before[: 5 * track] + b"\xf6" * track + before[6 * track :]


def test_format_track_with_interleave_and_fewer_sectors(rig: FloppyRig) -> None:
    some = bytes([0, 0, 3, 2, 0, 0, 1, 2])
    assert rig.write(FORMAT, 0, 2, 2, 0x54, 0x00, data=some)[:3] == [0, 0, 0]
    assert rig.on_disk(0, 0, 1) == rig.on_disk(0, 0, 3) == bytes(512)
    assert rig.on_disk(0, 0, 2) == sector_bytes(0, 0, 2)


def test_format_track_takes_no_sector_that_the_diskette_has_no_room_for(rig: FloppyRig) -> None:
    before = whole_file(rig)
    result = rig.write(FORMAT, 0, 2, 3, 0x54, 0xF6, data=bytes([0, 0, 19, 2, 0, 0, 0, 2, 9, 9, 255, 9]))
    assert result[:3] == [0, 0, 0]
    assert whole_file(rig) == before


def test_format_track_of_another_sector_size_density_or_beyond_the_end_fails(rig: FloppyRig) -> None:
    before = whole_file(rig)
    for size_code in (0, 1, 3, 255):
        assert rig.write(FORMAT, 0, size_code, 9, 0x54, 0xF6, data=ids(0, 0, 9))[:3] == [0x40, 0x01, 0]
    rig.out(CCR, RATE_BITS[250])
    assert rig.write(FORMAT, 0, 2, 9, 0x50, 0xF6, data=ids(0, 0, 9))[:3] == [0x40, 0x01, 0]
    rig.out(CCR, RATE_BITS[500])
    rig.seek(80)
    assert rig.write(FORMAT, 0, 2, 18, 0x54, 0xF6, data=ids(80, 0, 18))[:3] == [0x40, 0x01, 0]
    assert whole_file(rig) == before


def test_format_track_with_too_few_ids_is_an_overrun_behind_those_there_are(rig: FloppyRig) -> None:
    rig.program_dma(MEMORY_TO_DISK, 4)
    rig.memory.write(DMA_BUFFER, ids(0, 0, 18))
    assert rig.command(FORMAT, 0, 2, 18, 0x54, 0xF6)[:3] == [0x40, 0x10, 0]
    assert rig.on_disk(0, 0, 1) == b"\xf6" * 512
    assert rig.on_disk(0, 0, 2) == sector_bytes(0, 0, 2)


def test_format_track_without_sectors(rig: FloppyRig) -> None:
    before = whole_file(rig)
    assert rig.command(FORMAT, 0, 2, 0, 0x54, 0xF6)[:3] == [0, 0, 0]
    assert whole_file(rig) == before


# -- Reset in the execution phase


@pytest.mark.parametrize("command", [(READ, 0, 0, 0, 1, 2, 18, *TAIL), (FORMAT, 0, 2, 18, 0x54, 0xF6)])
def test_reset_before_a_transfer_moves_nothing(rig: FloppyRig, command: tuple[int, ...]) -> None:
    before = whole_file(rig)
    rig.program_dma(DISK_TO_MEMORY if command[0] == READ else MEMORY_TO_DISK, 512)
    rig.send(*command)
    rig.start()
    rig.wait(100)
    assert rig.memory.read(DMA_BUFFER, 512) == bytes(512)
    assert whole_file(rig) == before
    assert rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)[1] == sector_bytes(0, 0, 1)


def test_the_fifo_is_deaf_and_mute_while_a_transfer_runs(rig: FloppyRig) -> None:
    rig.program_dma(DISK_TO_MEMORY, 512)
    rig.send(READ, 0, 0, 0, 1, 2, 18, *TAIL)
    for _ in range(20):
        rig.out(FIFO, 0x10)
        assert rig.inp(FIFO) == 0
    assert rig.inp(MSR) == 0x10
    rig.wait_for_interrupt()
    assert rig.result()[:3] == [0, 0, 0]
