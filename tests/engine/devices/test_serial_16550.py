"""PC16550D data sheet behaviour."""

from __future__ import annotations

import pytest

from engine.clock import MICROSECOND_NS, MILLISECOND_NS, ManualClock
from engine.devices.device import ResetKind
from engine.devices.serial_16550 import MAX_WAITING, Serial16550, State
from engine.errors import StateError
from engine.irq import RecordingIrqLine

DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
CHARACTER_NS = 10 * 1_000_000_000 // 115_200  # 8N1 at 115,200


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.irq = RecordingIrqLine()
        self.sent = bytearray()
        self.uart = Serial16550(self.irq, self.clock, self.sent.extend)
        self.ports = {port.offset: port for port in self.uart.port_map()}
        self.out(LCR, 0x83)
        self.out(DATA, 1)
        self.out(IER, 0)
        self.out(LCR, 0x03)
        self.out(MCR, 0x0B)

    def out(self, port: int, value: int) -> None:
        write = self.ports[port].write
        assert write is not None
        write(value)

    def inp(self, port: int) -> int:
        read = self.ports[port].read
        assert read is not None
        return read()

    def characters(self, count: int) -> None:
        self.clock.advance(count * CHARACTER_NS)


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def fifo() -> Rig:
    rig = Rig()
    rig.out(IIR, 0xC7)  # trigger at 14
    return rig


def test_divisor_latch_is_behind_dlab(rig: Rig) -> None:
    rig.out(LCR, 0x83)
    rig.out(DATA, 0x80)
    rig.out(IER, 0x01)
    assert (rig.inp(DATA), rig.inp(IER)) == (0x80, 0x01)
    rig.out(LCR, 0x03)
    assert rig.inp(IER) == 0x00


def test_transmit_takes_a_character_time_and_empties_thr_before_the_shift_register(rig: Rig) -> None:
    assert rig.inp(LSR) == 0x60
    rig.out(DATA, 0x41)
    assert rig.inp(LSR) == 0x20  # in the shift register already
    rig.out(DATA, 0x42)
    assert rig.inp(LSR) == 0x00
    rig.clock.advance(CHARACTER_NS - 1)
    assert rig.sent == b""
    rig.clock.advance(1)
    assert rig.sent == b"A"
    assert rig.inp(LSR) == 0x20
    rig.characters(1)
    assert rig.sent == b"AB"
    assert rig.inp(LSR) == 0x60


@pytest.mark.parametrize(("lcr", "bits"), [(0x03, 10), (0x02, 9), (0x07, 11), (0x1B, 11), (0x00, 7)])
def test_character_time_follows_the_format(rig: Rig, lcr: int, bits: int) -> None:
    rig.out(LCR, lcr)
    rig.out(DATA, 0)
    exact = bits * 1_000_000_000 // 115_200
    rig.clock.advance(exact - 1)
    assert not rig.sent
    rig.clock.advance(1)
    assert rig.sent


def test_thr_empty_interrupt_is_cleared_by_iir_or_by_writing(rig: Rig) -> None:
    rig.out(IER, 0x02)
    assert rig.irq.level  # it is empty now
    assert rig.inp(IIR) == 0x02
    assert rig.inp(IIR) == 0x01
    assert not rig.irq.level
    rig.out(DATA, 0x41)
    rig.out(DATA, 0x42)
    assert not rig.irq.level
    rig.characters(1)
    assert rig.irq.level


def test_received_data_interrupt_follows_the_buffer(rig: Rig) -> None:
    rig.out(IER, 0x01)
    rig.uart.receive(b"xy")
    rig.characters(1)
    assert rig.irq.level
    assert rig.inp(IIR) == 0x04
    assert rig.inp(LSR) & 0x01
    rig.characters(50)  # without a FIFO the far end waits
    assert rig.inp(DATA) == ord("x")
    assert not rig.irq.level
    rig.characters(1)
    assert rig.inp(DATA) == ord("y")
    assert not rig.inp(LSR) & 0x03


def test_fifo_interrupts_at_its_trigger_level(fifo: Rig) -> None:
    fifo.out(IER, 0x01)
    fifo.uart.receive(bytes(range(16)))
    fifo.characters(13)
    assert not fifo.irq.level
    fifo.characters(1)
    assert fifo.inp(IIR) == 0xC4
    assert [fifo.inp(DATA) for _ in range(14)] == list(range(14))
    assert not fifo.irq.level


def test_fifo_times_out_after_four_characters(fifo: Rig) -> None:
    fifo.out(IER, 0x01)
    fifo.uart.receive(b"a")
    fifo.characters(4)
    assert not fifo.irq.level
    fifo.characters(1)
    assert fifo.irq.level
    assert fifo.inp(IIR) == 0xCC
    assert fifo.inp(DATA) == ord("a")
    assert not fifo.irq.level


def test_transmit_fifo_holds_16_and_asks_when_empty(fifo: Rig) -> None:
    fifo.out(IER, 0x02)
    fifo.inp(IIR)
    for value in range(17):  # one in the shift register, sixteen in the FIFO
        fifo.out(DATA, value)
    fifo.inp(IIR)
    fifo.characters(15)
    assert not fifo.irq.level
    fifo.characters(1)
    assert fifo.irq.level
    fifo.characters(1)
    assert fifo.sent == bytes(range(17))


def test_a_slow_guest_loses_nothing(fifo: Rig) -> None:
    message = bytes(range(200))
    fifo.uart.receive(message)
    read = bytearray()
    for _ in range(300):
        fifo.clock.advance(5 * MILLISECOND_NS)
        for _ in range(3):
            if fifo.inp(LSR) & 0x01:
                read.append(fifo.inp(DATA))
    assert read == message
    assert not fifo.inp(LSR) & 0x02


def test_far_end_cannot_fill_the_host(rig: Rig) -> None:
    for _ in range(3):
        rig.uart.receive(bytes(MAX_WAITING))
    assert len(rig.uart.save().waiting) <= MAX_WAITING


def test_loopback_returns_data_and_modem_lines(rig: Rig) -> None:
    rig.inp(MSR)
    rig.out(MCR, 0x1A)  # loop, OUT2, RTS
    assert rig.inp(MSR) & 0xF0 == 0x90
    rig.out(DATA, 0x5A)
    rig.characters(1)
    assert rig.sent == b""
    assert rig.inp(DATA) == 0x5A
    rig.out(MCR, 0x15)
    assert rig.inp(MSR) & 0xF0 == 0x60


def test_overrun_in_loopback(rig: Rig) -> None:
    rig.out(MCR, 0x10)
    rig.out(DATA, 0x01)
    rig.out(DATA, 0x02)
    rig.characters(2)
    assert rig.inp(LSR) & 0x02
    assert not rig.inp(LSR) & 0x02
    assert rig.inp(DATA) == 0x02


def test_fifo_overrun_loses_the_newest(fifo: Rig) -> None:
    fifo.out(MCR, 0x10)
    for value in range(17):
        fifo.out(DATA, value)
    fifo.characters(17)
    assert fifo.inp(LSR) & 0x02
    assert [fifo.inp(DATA) for _ in range(16)] == list(range(16))


def test_line_status_interrupt_has_the_highest_priority(fifo: Rig) -> None:
    fifo.out(IER, 0x0F)
    fifo.out(IIR, 0x07)
    fifo.uart.receive_break()
    assert fifo.inp(IIR) == 0xC6
    assert fifo.inp(LSR) & 0x91 == 0x91
    assert fifo.inp(IIR) == 0xC4
    assert fifo.inp(DATA) == 0x00
    assert fifo.inp(IIR) == 0xC2


def test_error_belongs_to_its_character(fifo: Rig) -> None:
    fifo.uart.receive(b"a")
    fifo.characters(1)
    fifo.uart.receive_break()
    assert fifo.inp(LSR) & 0x91 == 0x81
    fifo.inp(DATA)
    assert fifo.inp(LSR) & 0x91 == 0x91


def test_modem_status_deltas(rig: Rig) -> None:
    rig.out(IER, 0x08)
    assert rig.inp(MSR) == 0xB0
    rig.uart.set_modem_lines(0x30)
    assert rig.irq.level
    assert rig.inp(IIR) == 0x00
    assert rig.inp(MSR) == 0x38
    assert not rig.irq.level
    rig.uart.set_modem_lines(0x70)
    assert rig.inp(MSR) == 0x70  # RI tells its trailing edge only
    rig.uart.set_modem_lines(0x30)
    assert rig.inp(MSR) == 0x34


def test_out2_gates_the_interrupt(rig: Rig) -> None:
    rig.out(MCR, 0x03)
    rig.out(IER, 0x02)
    assert not rig.irq.level
    assert rig.inp(IIR) == 0x02
    rig.out(IER, 0x00)
    rig.out(IER, 0x02)
    rig.out(MCR, 0x0B)
    assert rig.irq.level


def test_fifo_detection_and_scratch(rig: Rig) -> None:
    rig.out(SCR, 0x5A)
    assert rig.inp(SCR) == 0x5A
    assert rig.inp(IIR) & 0xC0 == 0
    rig.out(IIR, 0x01)
    assert rig.inp(IIR) & 0xC0 == 0xC0


def test_fifo_reset_bits(fifo: Rig) -> None:
    fifo.uart.receive(b"abc")
    fifo.characters(3)
    for value in range(4):
        fifo.out(DATA, value)
    fifo.out(IIR, 0x07)
    assert fifo.inp(LSR) & 0x21 == 0x20
    fifo.characters(10)
    assert fifo.sent == b"\0"  # what was on the line already


def test_break_in_loopback(rig: Rig) -> None:
    rig.out(MCR, 0x10)
    rig.out(LCR, 0x43)
    assert rig.inp(LSR) & 0x11 == 0x11


def test_divisor_zero_still_sends(rig: Rig) -> None:
    rig.out(LCR, 0x83)
    rig.out(DATA, 0)
    rig.out(LCR, 0x03)
    rig.out(DATA, 0x41)
    rig.clock.advance(200 * MICROSECOND_NS)
    assert rig.sent == b"A"


def test_master_reset_keeps_divisor_scratch_and_what_is_on_its_way(rig: Rig) -> None:
    rig.out(SCR, 0x77)
    rig.out(IER, 0x0F)
    rig.uart.receive(b"late")
    rig.uart.reset(ResetKind.BUS)
    assert not rig.irq.level
    assert (rig.inp(IER), rig.inp(LCR), rig.inp(MCR), rig.inp(IIR), rig.inp(LSR), rig.inp(SCR)) == (
        0,
        0,
        0,
        1,
        0x60,
        0x77,
    )
    rig.characters(1)
    assert rig.inp(DATA) == ord("l")


def test_load_in_the_middle_of_a_character(fifo: Rig) -> None:
    fifo.out(DATA, 0x41)
    fifo.out(DATA, 0x42)
    fifo.uart.receive(b"cd")
    fifo.clock.advance(CHARACTER_NS // 2)
    saved = fifo.uart.save()
    fresh = Rig()
    fresh.clock.advance(CHARACTER_NS // 2)
    fresh.uart.load(saved)
    assert fresh.uart.save() == saved
    fresh.characters(2)
    assert fresh.sent == b"AB"
    assert (fresh.inp(DATA), fresh.inp(DATA)) == (ord("c"), ord("d"))


def test_load_refuses_more_bytes_than_a_fifo_holds(rig: Rig) -> None:
    with pytest.raises(StateError):
        rig.uart.load(State(receiver=[0] * 17))
