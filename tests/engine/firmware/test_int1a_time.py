"""INT 1Ah: ticks and the real-time clock."""

from __future__ import annotations

from tests.engine.firmware.fake_board import Bios


def test_ticks_start_from_the_clock(bios: Bios) -> None:
    result = bios.call(0x1A, eax=0)
    seconds = 12 * 3600 + 34 * 60 + 56
    assert abs((result.cx << 16 | result.dx) - seconds * 18.2065) < 2


def test_midnight_is_told_once(bios: Bios) -> None:
    bios.write(0x470, b"\1")
    assert bios.call(0x1A, eax=0).al == 1
    assert bios.call(0x1A, eax=0).al == 0


def test_set_ticks(bios: Bios) -> None:
    bios.call(0x1A, eax=0x0100, ecx=0x0001, edx=0x2345)
    result = bios.call(0x1A, eax=0)
    assert (result.cx, result.dx) == (1, 0x2345)


def test_time_and_date_are_bcd(bios: Bios) -> None:
    time = bios.call(0x1A, eax=0x0200)
    assert not time.carry and (time.ch, time.cl, time.dh) == (0x12, 0x34, 0x56)
    date = bios.call(0x1A, eax=0x0400)
    assert (date.ch, date.cl, date.dh, date.dl) == (0x20, 0x26, 0x11, 0x23)


def test_set_time_and_date(bios: Bios) -> None:
    bios.call(0x1A, eax=0x0300, ecx=0x2359, edx=0x5800)
    bios.call(0x1A, eax=0x0500, ecx=0x1999, edx=0x1231)
    assert bios.call(0x1A, eax=0x0200).cx == 0x2359
    assert bios.call(0x1A, eax=0x0400).dx == 0x1231
    assert not bios.cmos.cells[0x0B] & 0x80


def test_a_clock_in_binary_mode_still_reads_as_bcd(bios: Bios) -> None:
    bios.cmos.cells[0x0B] |= 4
    for index, value in ((0, 56), (2, 34), (4, 12)):
        bios.cmos.cells[index] = value
    time = bios.call(0x1A, eax=0x0200)
    assert (time.ch, time.cl, time.dh) == (0x12, 0x34, 0x56)


def test_alarm_can_be_set_once(bios: Bios) -> None:
    assert not bios.call(0x1A, eax=0x0600, ecx=0x1300, edx=0).carry
    assert bios.cmos.cells[5] == 0x13 and bios.cmos.cells[0x0B] & 0x20
    assert bios.call(0x1A, eax=0x0600, ecx=0x1400, edx=0).carry
    bios.call(0x1A, eax=0x0700)
    assert not bios.cmos.cells[0x0B] & 0x20


def test_a_program_that_waits_for_the_next_tick_sleeps(bios: Bios) -> None:
    halts = 0
    for _ in range(1000):
        bios.cpu.retired += 50
        bios.clock.advance(500)
        halts += bios.call(0x1A, eax=0).waits
    assert halts > 20
