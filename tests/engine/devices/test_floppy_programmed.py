"""82077AA data sheet, section 4.2: transfers without DMA, byte by byte through the FIFO."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.engine.devices.floppy_rig import BUSY, DIO, DOR, FIFO, MSR, NON_DMA, RQM, FloppyRig, sector_bytes

READ, READ_MT, WRITE, WRITE_MT, VERIFY, FORMAT = 0x46, 0xC6, 0x45, 0xC5, 0x56, 0x4D
TAIL = (0x1B, 0xFF)


@pytest.fixture
def rig(make_floppy_rig: Callable[..., FloppyRig]) -> FloppyRig:
    rig = make_floppy_rig()
    rig.start()
    rig.use_programmed_transfers()
    return rig


def test_msr_and_interrupts_of_a_programmed_read(rig: FloppyRig) -> None:
    rig.send(READ, 0, 0, 0, 1, 2, 1, *TAIL)
    assert rig.inp(MSR) == NON_DMA | BUSY
    rig.wait_for_interrupt()
    assert rig.inp(MSR) == RQM | DIO | NON_DMA | BUSY
    edges = rig.irq.edges
    data = bytearray([rig.inp(FIFO)])
    assert not rig.irq.level, "the request is served"
    data += bytes(rig.inp(FIFO) for _ in range(511))
    assert bytes(data) == sector_bytes(0, 0, 1)
    assert rig.irq.edges == edges + 1, "the result's own interrupt"
    assert rig.inp(MSR) == RQM | DIO | BUSY
    assert rig.result() == [0, 0, 0, 1, 0, 1, 2]


def test_read_over_both_sides(rig: FloppyRig) -> None:
    result, data = rig.read_programmed(READ_MT, 0, 0, 0, 1, 2, 18, *TAIL)
    assert result == [0x04, 0, 0, 1, 0, 1, 2]
    assert data == rig.expected([(0, head, sector) for head in (0, 1) for sector in range(1, 19)])


def test_read_beyond_the_track_gives_what_there_is_and_then_the_error(rig: FloppyRig) -> None:
    result, data = rig.read_programmed(READ, 0, 0, 0, 17, 2, 21, *TAIL)
    assert result == [0x40, 0x04, 0, 0, 0, 19, 2]
    assert data == rig.expected([(0, 0, 17), (0, 0, 18)])


def test_write_over_both_sides(rig: FloppyRig) -> None:
    data = b"".join(bytes([n]) * 512 for n in range(20))
    result, taken = rig.write_programmed(WRITE_MT, 0, 0, 0, 17, 2, 18, *TAIL, data=data)
    assert result == [0x04, 0, 0, 1, 0, 1, 2]
    assert taken == 20 * 512
    assert rig.on_disk(0, 0, 17) + rig.on_disk(0, 0, 18) + rig.on_disk(0, 1, 1) == data[:1536]
    assert rig.on_disk(0, 1, 18) == data[-512:]
    assert rig.on_disk(0, 0, 16) == sector_bytes(0, 0, 16)


def test_a_sector_is_on_the_diskette_when_its_last_byte_came_and_not_before(rig: FloppyRig) -> None:
    rig.send(WRITE, 0, 0, 0, 1, 2, 2, *TAIL)
    rig.wait_for_request()
    for _ in range(511):
        rig.out(FIFO, 0x77)
    assert rig.on_disk(0, 0, 1) == sector_bytes(0, 0, 1)
    rig.out(FIFO, 0x77)
    assert rig.on_disk(0, 0, 1) == b"\x77" * 512
    assert rig.inp(MSR) == RQM | NON_DMA | BUSY


@pytest.mark.parametrize(
    ("command", "st1", "st2"),
    [
        ((WRITE, 0, 1, 0, 1, 2, 18), 0x04, 0x10),
        ((WRITE, 0, 0, 0, 19, 2, 19), 0x04, 0),
        ((WRITE, 1, 0, 0, 1, 2, 18), 0x01, 0),
        ((READ, 0, 0, 1, 1, 2, 18), 0x04, 0),
        ((READ, 1, 0, 0, 1, 2, 18), 0x01, 0),
    ],
)
def test_a_command_that_fails_asks_for_no_data(rig: FloppyRig, command: tuple[int, ...], st1: int, st2: int) -> None:
    rig.send(*command, *TAIL)
    rig.wait_for_interrupt()
    assert rig.inp(MSR) == RQM | DIO | BUSY
    assert rig.result()[:3] == [0x40 | command[1], st1, st2]


def test_a_write_protected_diskette_asks_for_no_data(make_floppy_rig: Callable[..., FloppyRig]) -> None:
    rig = make_floppy_rig(read_only=True)
    rig.start()
    rig.use_programmed_transfers()
    assert rig.write_programmed(WRITE, 0, 0, 0, 1, 2, 18, *TAIL, data=b"") == ([0x40, 0x02, 0, 0, 0, 1, 2], 0)
    assert rig.write_programmed(FORMAT, 0, 2, 18, 0x54, 0xF6, data=b"")[1] == 0


def test_scan(rig: FloppyRig) -> None:
    wanted = sector_bytes(0, 0, 3)
    result, taken = rig.write_programmed(0x51, 0, 0, 0, 1, 2, 18, 0x1B, 1, data=wanted * 18)
    assert result == [0, 0, 0x08, 0, 0, 4, 2]
    assert taken == 3 * 512
    result, taken = rig.write_programmed(0x51, 0, 0, 0, 1, 2, 2, 0x1B, 1, data=wanted * 18)
    assert result == [0, 0, 0x04, 1, 0, 1, 2]
    assert taken == 1024


def test_read_track_and_read_deleted(rig: FloppyRig) -> None:
    result, data = rig.read_programmed(0x42, 0, 0, 0, 1, 2, 18, *TAIL)
    assert result[:3] == [0, 0, 0]
    assert data == rig.expected([(0, 0, sector) for sector in range(1, 19)])
    result, data = rig.read_programmed(0x4C, 0, 0, 0, 5, 2, 18, *TAIL)
    assert result == [0, 0, 0x40, 0, 0, 5, 2]
    assert data == sector_bytes(0, 0, 5)


def test_verify_moves_nothing(rig: FloppyRig) -> None:
    assert rig.read_programmed(VERIFY, 0, 0, 0, 1, 2, 18, *TAIL) == ([0, 0, 0, 1, 0, 1, 2], b"")


def test_format_track(rig: FloppyRig) -> None:
    ids = b"".join(bytes([0, 1, sector, 2]) for sector in range(1, 19))
    result, taken = rig.write_programmed(FORMAT, 4, 2, 18, 0x54, 0xE5, data=ids + b"more")
    assert result[:3] == [0x04, 0, 0]
    assert taken == 72
    assert all(rig.on_disk(0, 1, sector) == b"\xe5" * 512 for sector in range(1, 19))
    assert rig.on_disk(0, 0, 18) == sector_bytes(0, 0, 18)


def test_the_guest_may_poll_with_dmagate_off(rig: FloppyRig) -> None:
    rig.out(DOR, 0x14)
    result, data = rig.read_programmed(READ, 0, 0, 0, 2, 2, 2, *TAIL)
    assert result[:3] == [0, 0, 0]
    assert data == sector_bytes(0, 0, 2)
    assert not rig.irq.level


@pytest.mark.parametrize("moved", [0, 1, 511])
def test_reset_in_the_middle_of_a_write_leaves_the_sector_alone(rig: FloppyRig, moved: int) -> None:
    rig.send(WRITE, 0, 0, 0, 1, 2, 2, *TAIL)
    rig.wait_for_request()
    for _ in range(moved):
        rig.out(FIFO, 0x77)
    rig.start()
    for _ in range(600):
        rig.inp(FIFO)
    assert rig.on_disk(0, 0, 1) == sector_bytes(0, 0, 1)
    rig.use_programmed_transfers()
    assert rig.read_programmed(READ, 0, 0, 0, 1, 2, 1, *TAIL)[1] == sector_bytes(0, 0, 1)


def test_reset_in_the_middle_of_a_read(rig: FloppyRig) -> None:
    rig.send(READ, 0, 0, 0, 1, 2, 18, *TAIL)
    rig.wait_for_request()
    rig.inp(FIFO)
    rig.start()
    assert rig.inp(FIFO) == 0
    assert rig.command(0x10) == [0x90]


def test_the_controller_waits_for_a_processor_that_stopped(rig: FloppyRig) -> None:
    rig.send(READ, 0, 0, 0, 1, 2, 1, *TAIL)
    rig.wait_for_request()
    rig.inp(FIFO)
    rig.wait(10_000)
    assert rig.inp(MSR) == RQM | DIO | NON_DMA | BUSY
    rig.out(FIFO, 0x08)
    assert bytes(rig.inp(FIFO) for _ in range(511)) == sector_bytes(0, 0, 1)[1:]


def test_diskette_taken_out_between_two_sectors(rig: FloppyRig) -> None:
    rig.send(READ, 0, 0, 0, 1, 2, 18, *TAIL)
    rig.wait_for_request()
    rig.drives[0].eject()
    assert bytes(rig.inp(FIFO) for _ in range(512)) == sector_bytes(0, 0, 1)
    assert rig.result() == [0x40, 0x01, 0, 0, 0, 2, 2]


def test_diskette_taken_out_while_the_processor_writes_a_sector(rig: FloppyRig) -> None:
    rig.send(WRITE, 0, 0, 0, 1, 2, 18, *TAIL)
    rig.wait_for_request()
    rig.drives[0].eject()
    for _ in range(512):
        rig.out(FIFO, 0x77)
    assert rig.result()[:3] == [0x40, 0x01, 0]
    assert rig.on_disk(0, 0, 1) == sector_bytes(0, 0, 1)


def test_a_smaller_diskette_put_in_between_two_sectors(
    rig: FloppyRig, make_floppy_rig: Callable[..., FloppyRig]
) -> None:
    """The address in the command no longer exists: an error, and nothing outside of the new image."""
    rig.seek(60)
    rig.send(WRITE, 4, 60, 1, 17, 2, 18, *TAIL)
    rig.wait_for_request()
    other = make_floppy_rig("160K")
    before = other.path.read_bytes()
    rig.drives[0].insert(other.image)
    for _ in range(512):
        rig.out(FIFO, 0x77)
    assert rig.result()[:3] == [0x44, 0x01, 0]
    assert other.path.read_bytes() == before


def test_a_transfer_saved_in_the_middle_goes_on_in_another_machine(
    rig: FloppyRig, make_floppy_rig: Callable[..., FloppyRig]
) -> None:
    rig.send(READ, 0, 0, 0, 1, 2, 3, *TAIL)
    rig.wait_for_request()
    start = bytes(rig.inp(FIFO) for _ in range(700))
    other = make_floppy_rig()
    for drive, state in zip(other.drives, [drive.save() for drive in rig.drives], strict=True):
        drive.load(state)
    other.fdc.load(rig.fdc.save())
    rest = bytes(other.inp(FIFO) for _ in range(3 * 512 - 700))
    assert start + rest == rig.expected([(0, 0, 1), (0, 0, 2), (0, 0, 3)])
    assert other.result() == [0, 0, 0, 1, 0, 1, 2]


def test_a_write_saved_in_the_middle_goes_on_in_another_machine(
    rig: FloppyRig, make_floppy_rig: Callable[..., FloppyRig]
) -> None:
    rig.send(WRITE, 0, 0, 0, 1, 2, 1, *TAIL)
    rig.wait_for_request()
    for _ in range(100):
        rig.out(FIFO, 0x11)
    other = make_floppy_rig()
    other.drives[0].load(rig.drives[0].save())
    other.fdc.load(rig.fdc.save())
    for _ in range(412):
        other.out(FIFO, 0x22)
    assert other.result()[:3] == [0, 0, 0]
    assert other.on_disk(0, 0, 1) == b"\x11" * 100 + b"\x22" * 412
    assert rig.on_disk(0, 0, 1) == sector_bytes(0, 0, 1)
