"""8259A data sheet behaviour of the pair of interrupt controllers."""

from __future__ import annotations

import pytest

from engine.bus import Port
from engine.devices.device import ResetKind
from engine.devices.interrupt_controller_8259 import InterruptControllers, State
from engine.errors import StateError
from engine.irq import IrqLine


class Rig:
    def __init__(self) -> None:
        self.levels: list[bool] = []
        self.pic = InterruptControllers(self.levels.append)
        self.ports: dict[int, Port] = {port.offset: port for port in self.pic.port_map()}
        self.lines: dict[int, IrqLine] = {irq: self.pic.wire(irq).line() for irq in range(16) if irq != 2}
        self.initialize()

    def initialize(self, icw4: int = 0x01, slave_icw4: int = 0x01) -> None:
        for base, vector, cascade, last in ((0x20, 0x08, 0x04, icw4), (0xA0, 0x70, 0x02, slave_icw4)):
            self.out(base, 0x11)
            self.out(base + 1, vector)
            self.out(base + 1, cascade)
            self.out(base + 1, last)
            self.out(base + 1, 0x00)

    def out(self, port: int, value: int) -> None:
        write = self.ports[port].write
        assert write is not None
        write(value)

    def inp(self, port: int) -> int:
        read = self.ports[port].read
        assert read is not None
        return read()

    def irr(self, base: int = 0x20) -> int:
        self.out(base, 0x0A)
        return self.inp(base)

    def isr(self, base: int = 0x20) -> int:
        self.out(base, 0x0B)
        return self.inp(base)

    @property
    def int_pin(self) -> bool:
        return self.levels[-1] if self.levels else False


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_edge_request_raises_int_and_vector_is_icw2_plus_level(rig: Rig) -> None:
    rig.lines[1].set(True)
    assert rig.int_pin
    assert rig.irr() == 0x02
    assert rig.pic.acknowledge() == 0x09
    assert not rig.int_pin
    assert rig.isr() == 0x02
    assert rig.irr() == 0x00


def test_edge_input_that_stays_high_asks_once(rig: Rig) -> None:
    rig.lines[1].set(True)
    rig.pic.acknowledge()
    rig.out(0x20, 0x20)
    assert not rig.int_pin
    rig.lines[1].set(False)
    rig.lines[1].set(True)
    assert rig.int_pin


def test_lower_priority_waits_for_eoi(rig: Rig) -> None:
    rig.lines[1].set(True)
    rig.pic.acknowledge()
    rig.lines[4].set(True)
    assert not rig.int_pin
    rig.out(0x20, 0x20)
    assert rig.pic.acknowledge() == 0x0C


def test_higher_priority_nests(rig: Rig) -> None:
    rig.lines[4].set(True)
    rig.pic.acknowledge()
    rig.lines[0].set(True)
    assert rig.pic.acknowledge() == 0x08
    assert rig.isr() == 0x11
    rig.out(0x20, 0x20)
    assert rig.isr() == 0x10  # a non-specific EOI ends the highest


def test_slave_request_comes_through_cascade(rig: Rig) -> None:
    rig.lines[8].set(True)
    assert rig.pic.acknowledge() == 0x70
    assert rig.isr(0x20) == 0x04
    assert rig.isr(0xA0) == 0x01


def test_second_slave_request_makes_a_new_edge_after_eoi(rig: Rig) -> None:
    rig.lines[10].set(True)
    rig.lines[14].set(True)
    assert rig.pic.acknowledge() == 0x72
    rig.out(0xA0, 0x20)
    rig.out(0x20, 0x20)
    assert rig.int_pin
    assert rig.pic.acknowledge() == 0x76


def test_higher_slave_request_waits_for_the_master_unless_special_fully_nested(rig: Rig) -> None:
    rig.lines[14].set(True)
    rig.pic.acknowledge()
    rig.lines[8].set(True)
    assert not rig.int_pin
    rig.initialize(icw4=0x11)
    for irq in (14, 8):
        rig.lines[irq].set(False)
    rig.lines[14].set(True)
    rig.pic.acknowledge()
    rig.lines[8].set(True)
    assert rig.int_pin
    assert rig.pic.acknowledge() == 0x70


def test_request_withdrawn_before_acknowledge_gives_spurious_7(rig: Rig) -> None:
    rig.lines[3].set(True)
    rig.lines[3].set(False)
    assert not rig.int_pin
    assert rig.pic.acknowledge() == 0x0F
    assert rig.isr() == 0


def test_slave_polled_empty_takes_its_request_from_the_master(rig: Rig) -> None:
    rig.lines[9].set(True)
    rig.out(0xA0, 0x0C)
    assert rig.inp(0xA0) == 0x81
    assert rig.pic.acknowledge() == 0x0F


def test_slave_without_a_request_answers_spurious_15(rig: Rig) -> None:
    # Level-like cascade: the master keeps asking for IR2 when the slave falls between the two INTA pulses.
    rig.lines[9].set(True)
    state = rig.pic.save()
    state.slave.irr = state.slave.lines = 0
    state.master.irr = state.master.lines = 0x04
    pic = InterruptControllers(lambda level: None)
    pic.load(state)
    pic._master.s.irr = 0x04
    pic._master.update()
    assert pic.acknowledge() == 0x77
    assert pic.in_service == 0x04


def test_masked_request_is_remembered_until_unmasked(rig: Rig) -> None:
    rig.out(0x21, 0x02)
    rig.lines[1].set(True)
    assert not rig.int_pin
    assert rig.irr() == 0x02
    rig.out(0x21, 0x00)
    assert rig.int_pin
    assert rig.inp(0x21) == 0


def test_specific_eoi_clears_the_named_level(rig: Rig) -> None:
    rig.lines[4].set(True)
    rig.pic.acknowledge()
    rig.lines[0].set(True)
    rig.pic.acknowledge()
    rig.out(0x20, 0x64)
    assert rig.isr() == 0x01


def test_rotate_on_non_specific_eoi_makes_the_served_level_lowest(rig: Rig) -> None:
    rig.lines[0].set(True)
    rig.pic.acknowledge()
    rig.out(0x20, 0xA0)
    rig.lines[0].set(False)
    rig.lines[0].set(True)
    rig.lines[5].set(True)
    assert rig.pic.acknowledge() == 0x0D


def test_set_priority_command_rotates(rig: Rig) -> None:
    rig.out(0x20, 0xC3)  # 3 lowest: 4 is highest
    rig.lines[0].set(True)
    rig.lines[4].set(True)
    assert rig.pic.acknowledge() == 0x0C


def test_rotate_on_specific_eoi(rig: Rig) -> None:
    rig.lines[2 + 1].set(True)
    rig.pic.acknowledge()
    rig.out(0x20, 0xE3)
    assert rig.isr() == 0
    rig.lines[1].set(True)
    rig.lines[5].set(True)
    assert rig.pic.acknowledge() == 0x0D


def test_automatic_eoi_leaves_nothing_in_service_and_can_rotate(rig: Rig) -> None:
    rig.initialize(icw4=0x03)
    rig.lines[0].set(True)
    rig.pic.acknowledge()
    assert rig.isr() == 0
    rig.out(0x20, 0x80)  # rotate in automatic EOI mode
    rig.lines[0].set(False)
    rig.lines[0].set(True)
    assert rig.pic.acknowledge() == 0x08
    rig.lines[0].set(False)
    rig.lines[0].set(True)
    rig.lines[7].set(True)
    assert rig.pic.acknowledge() == 0x0F


def test_special_mask_mode_lets_lower_levels_through_a_masked_level_in_service(rig: Rig) -> None:
    rig.lines[1].set(True)
    rig.pic.acknowledge()
    rig.lines[6].set(True)
    assert not rig.int_pin
    rig.out(0x20, 0x68)
    assert not rig.int_pin  # level 1 is not masked yet
    rig.out(0x21, 0x02)
    assert rig.pic.acknowledge() == 0x0E
    rig.out(0x20, 0x20)  # a non-specific EOI passes over the masked level
    assert rig.isr() == 0x02
    rig.out(0x20, 0x48)
    rig.out(0x20, 0x20)
    assert rig.isr() == 0


def test_poll_acknowledges_and_names_the_level(rig: Rig) -> None:
    rig.out(0x20, 0x0C)
    assert rig.inp(0x20) == 0x00
    rig.lines[5].set(True)
    rig.out(0x20, 0x0C)
    assert rig.inp(0x20) == 0x85
    assert rig.isr() == 0x20
    assert not rig.int_pin


def test_level_input_asks_again_while_it_is_high(rig: Rig) -> None:
    rig.out(0x4D1, 0x08)  # IRQ 11
    rig.lines[11].set(True)
    assert rig.pic.acknowledge() == 0x73
    rig.out(0xA0, 0x20)
    rig.out(0x20, 0x20)
    assert rig.int_pin
    rig.lines[11].set(False)
    assert not rig.int_pin


def test_two_owners_share_a_level_line(rig: Rig) -> None:
    rig.out(0x4D1, 0x08)
    other = rig.pic.wire(11).line()
    rig.lines[11].set(True)
    other.set(True)
    rig.lines[11].set(False)
    assert rig.int_pin
    other.set(False)
    assert not rig.int_pin


def test_elcr_cannot_make_timer_keyboard_cascade_rtc_and_coprocessor_level(rig: Rig) -> None:
    rig.out(0x4D0, 0xFF)
    rig.out(0x4D1, 0xFF)
    assert (rig.inp(0x4D0), rig.inp(0x4D1)) == (0xF8, 0xDE)


def test_icw1_clears_mask_service_and_edge_latches(rig: Rig) -> None:
    rig.out(0x21, 0xFF)
    rig.lines[1].set(True)
    rig.out(0x20, 0x11)
    rig.out(0x21, 0x20)
    rig.out(0x21, 0x04)
    rig.out(0x21, 0x01)
    assert rig.inp(0x21) == 0
    assert not rig.int_pin  # the input has to rise again
    rig.lines[1].set(False)
    rig.lines[1].set(True)
    assert rig.pic.acknowledge() == 0x21


def test_icw3_and_icw4_are_left_out_when_icw1_says_so(rig: Rig) -> None:
    rig.out(0x20, 0x12)  # single, no ICW4
    rig.out(0x21, 0x40)
    rig.out(0x21, 0xFB)  # already OCW1
    assert rig.inp(0x21) == 0xFB


def test_cascade_input_has_no_wire(rig: Rig) -> None:
    with pytest.raises(ValueError, match="2"):
        rig.pic.wire(2)


def test_load_in_the_middle_of_a_slave_interrupt_goes_on(rig: Rig) -> None:
    rig.lines[10].set(True)
    rig.pic.acknowledge()
    rig.lines[8].set(True)
    saved = rig.pic.save()
    fresh = Rig()
    fresh.pic.load(saved)
    for irq in (10, 8):  # the devices drive their levels again
        fresh.lines[irq].set(True)
    assert fresh.pic.save() == saved
    assert not fresh.int_pin
    fresh.out(0xA0, 0x62)
    fresh.out(0x20, 0x62)
    assert fresh.int_pin
    assert fresh.pic.acknowledge() == 0x70


def test_load_refuses_a_damaged_state(rig: Rig) -> None:
    state = State()
    state.master.lowest = 9
    with pytest.raises(StateError):
        rig.pic.load(state)


def test_reset_forgets_requests_but_not_line_levels(rig: Rig) -> None:
    rig.lines[1].set(True)
    rig.pic.reset(ResetKind.BUS)
    assert not rig.int_pin
    rig.initialize()
    assert not rig.int_pin
    rig.lines[1].set(False)
    rig.lines[1].set(True)
    assert rig.int_pin
