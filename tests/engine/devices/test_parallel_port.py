"""The printer port."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.clock import MICROSECOND_NS, SECOND_NS, ManualClock
from engine.devices.parallel_port import ParallelPort, PrinterFile
from engine.errors import HostResourceError
from engine.irq import RecordingIrqLine


class Rig:
    def __init__(self, printer: bool = True) -> None:
        self.clock = ManualClock()
        self.irq = RecordingIrqLine()
        self.printed = bytearray()
        self.jammed = False
        self.port = ParallelPort(self.irq, self.clock, self._take if printer else None)
        self.data, self.status, self.control = self.port.port_map()

    def _take(self, data: bytes) -> bool:
        if not self.jammed:
            self.printed += data
        return not self.jammed

    def out(self, value: int) -> None:
        assert self.control.write is not None
        self.control.write(value)

    def read_status(self) -> int:
        assert self.status.read is not None
        return self.status.read()

    def print(self, character: int, control: int = 0x0C) -> None:
        assert self.data.write is not None
        self.data.write(character)
        self.out(control | 1)
        self.out(control)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_strobe_prints_the_data_register(rig: Rig) -> None:
    rig.print(0x41)
    assert rig.printed == b"A"
    assert not rig.read_status() & 0x80  # busy
    rig.clock.advance(12 * MICROSECOND_NS)
    assert not rig.read_status() & 0x40  # acknowledge
    rig.clock.advance(10 * MICROSECOND_NS)
    assert rig.read_status() & 0xC0 == 0xC0


def test_strobe_while_busy_prints_nothing(rig: Rig) -> None:
    rig.print(0x41)
    rig.print(0x42)
    assert rig.printed == b"A"


def test_interrupt_comes_with_the_end_of_acknowledge_when_enabled(rig: Rig) -> None:
    rig.print(0x41)
    rig.clock.advance(100 * MICROSECOND_NS)
    assert rig.irq.edges == 0
    rig.print(0x42, control=0x1C)
    rig.clock.advance(100 * MICROSECOND_NS)
    assert rig.irq.level
    rig.read_status()
    assert not rig.irq.level


def test_next_strobe_makes_a_new_edge(rig: Rig) -> None:
    for character in b"abc":
        rig.print(character, control=0x1C)
        rig.clock.advance(100 * MICROSECOND_NS)
    assert rig.irq.edges == 3


def test_selected_paper_and_no_error(rig: Rig) -> None:
    rig.out(0x0C)
    assert rig.read_status() & 0x38 == 0x18


def test_nothing_plugged_in_is_busy() -> None:
    rig = Rig(printer=False)
    rig.print(0x41)
    assert rig.read_status() == 0x7F


def test_registers_read_back(rig: Rig) -> None:
    assert rig.data.read is not None and rig.data.write is not None and rig.control.read is not None
    rig.data.write(0x5A)
    assert rig.data.read() == 0x5A
    rig.out(0x0A)
    assert rig.control.read() == 0xCA
    rig.out(0x2A)
    assert rig.data.read() == 0xFF


def test_load_in_the_middle_of_the_handshake(rig: Rig) -> None:
    rig.print(0x41, control=0x1C)
    saved = rig.port.save()
    fresh = Rig()
    fresh.port.load(saved)
    assert fresh.port.save() == saved
    fresh.clock.advance(100 * MICROSECOND_NS)
    assert fresh.irq.level


def test_printer_file_appends(tmp_path: Path) -> None:
    file = tmp_path / "out.prn"
    for text in (b"one ", b"two"):
        printer = PrinterFile(file, lambda text: None)
        printer.print(text)
        printer.close()
    assert file.read_bytes() == b"one two"


def test_printer_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostResourceError, match="nowhere"):
        PrinterFile(tmp_path / "nowhere" / "out.prn", lambda text: None)


def test_printer_file_that_fails_later_says_so_once() -> None:
    notices: list[str] = []
    printer = PrinterFile(Path("/dev/full"), notices.append)
    assert [printer.print(b"x") for _ in range(3)] == [False] * 3
    assert len(notices) == 1
    assert "/dev/full" in notices[0] and "without paper" in notices[0]


def test_a_printer_that_cannot_print_is_out_of_paper_until_it_is_initialised(rig: Rig) -> None:
    rig.jammed = True
    rig.print(0x41)
    assert rig.read_status() & 0xB8 == 0x20  # busy, error, paper out, not selected
    rig.jammed = False
    rig.print(0x42)
    assert rig.printed == b"", "the guest has to look after it first"
    rig.out(0x08)  # INIT
    rig.out(0x0C)
    assert rig.read_status() & 0xB8 == 0x98
    rig.print(0x43)
    assert rig.printed == b"C"


def test_a_printer_without_paper_is_on_line_again_after_a_second(rig: Rig) -> None:
    rig.jammed = True
    rig.print(0x41, control=0x1C)
    rig.clock.advance(SECOND_NS - MICROSECOND_NS)
    assert rig.read_status() & 0xB8 == 0x20
    rig.clock.advance(MICROSECOND_NS)
    assert rig.read_status() & 0xB8 == 0x98
    assert rig.irq.edges == 0, "the character was not acknowledged"
    rig.print(0x41)
    assert rig.read_status() & 0xB8 == 0x20, "there is still no paper"
    rig.jammed = False
    rig.clock.advance(SECOND_NS)
    rig.print(0x41)
    assert rig.printed == b"A"


def test_load_while_out_of_paper(rig: Rig) -> None:
    rig.jammed = True
    rig.print(0x41)
    fresh = Rig()
    fresh.port.load(rig.port.save())
    assert fresh.read_status() & 0xB8 == 0x20
    fresh.clock.advance(SECOND_NS)
    assert fresh.read_status() & 0xB8 == 0x98


def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HostResourceError, match="named pipe"):
        PrinterFile(tmp_path / "pipe", lambda text: None)
