"""INT 14h, INT 17h and INT 5 on ports that remember."""

from __future__ import annotations

from tests.engine.firmware.fake_board import Bios


def test_serial_line_is_set_up(bios: Bios) -> None:
    bios.bus.writes.clear()
    result = bios.call(0x14, eax=0x00E3, edx=0)  # 9600 baud, 8 bits
    assert bios.bus.writes[:4] == [(0x3FB, 0x80), (0x3F8, 12), (0x3F9, 0), (0x3FB, 0x03)]
    assert result.ah == 0x60


def test_serial_send_and_receive(bios: Bios) -> None:
    assert bios.call(0x14, eax=0x0141, edx=0).ah == 0x60
    assert (0x3F8, 0x41) in bios.bus.writes
    bios.bus.ports[0x3FD] = 0x61
    bios.bus.ports[0x3F8] = 0x5A
    result = bios.call(0x14, eax=0x0200, edx=0)
    assert result.al == 0x5A and result.ah == 0


def test_serial_receive_times_out(bios: Bios) -> None:
    before_ns = bios.clock.now_ns
    result = bios.call(0x14, eax=0x0200, edx=0)
    assert result.ah & 0x80
    assert 900_000_000 <= bios.clock.now_ns - before_ns <= 1_200_000_000
    assert bios.call(0x14, eax=0x0200, edx=0).ah & 0x80  # and again


def test_port_that_is_not_there_changes_nothing(bios: Bios) -> None:
    assert bios.call(0x14, eax=0x0300, edx=2).ax == 0x0300
    assert bios.call(0x17, eax=0x0200, edx=1).ax == 0x0200


def test_printing_strobes_each_byte(bios: Bios) -> None:
    bios.bus.writes.clear()
    result = bios.call(0x17, eax=0x0050, edx=0)
    assert bios.bus.writes == [(0x378, 0x50), (0x37A, 0x0D), (0x37A, 0x0C)]
    assert result.ah == 0x90  # not busy, selected


def test_busy_printer_times_out(bios: Bios) -> None:
    bios.bus.ports[0x379] = 0x5F
    assert bios.call(0x17, eax=0x0050, edx=0).ah & 1


def test_print_screen_sends_every_row(bios: Bios) -> None:
    for character in b"Hello":
        bios.call(0x10, eax=0x0E00 | character)
    bios.bus.writes.clear()
    bios.call(0x05)
    printed = bytes(value for port, value in bios.bus.writes if port == 0x378)
    assert printed.startswith(b"\r\nHello" + b" " * 75 + b"\r\n")
    assert len(printed) == 2 + 25 * 82
    assert bios.byte(0x500) == 0
    assert bios.call(0x10, eax=0x0300).dl == 5  # the cursor is where it was


def test_print_screen_gives_up_on_a_printer_that_stays_busy(bios: Bios) -> None:
    bios.bus.ports[0x379] = 0x5F
    bios.bus.writes.clear()
    before_ns = bios.clock.now_ns
    bios.call(0x05)
    assert bios.byte(0x500) == 0xFF
    assert 19_000_000_000 <= bios.clock.now_ns - before_ns <= 21_000_000_000
    assert (0x37A, 0x0D) not in bios.bus.writes, "nothing is strobed"


def test_print_screen_does_not_wait_for_paper(bios: Bios) -> None:
    bios.bus.ports[0x379] = 0x67
    before_ns = bios.clock.now_ns
    bios.call(0x05)
    assert bios.byte(0x500) == 0xFF and bios.clock.now_ns == before_ns


def test_print_screen_does_not_start_twice(bios: Bios) -> None:
    bios.write(0x500, b"\1")
    bios.bus.writes.clear()
    bios.call(0x05)
    assert not any(port == 0x378 for port, _ in bios.bus.writes)
