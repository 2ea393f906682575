"""PIIX4 function 3 (data sheet 290562, section 7): the ACPI registers."""

from __future__ import annotations

import pytest

from engine.clock import ManualClock
from engine.devices.device import ResetKind
from engine.devices.power_management_piix4 import (
    ACPI_DISABLE,
    ACPI_ENABLE,
    APMC,
    DEVACTB,
    DEVACTB_APMC_EN,
    PMBA,
    PMCNTRL,
    PMEN,
    PMREGMISC,
    PMSTS,
    PMTMR,
    PWRBTN,
    SCI_EN,
    SUS_EN,
    TIMER_HZ,
    TMROF,
    PowerManagement,
)
from engine.errors import StateError
from engine.irq import RecordingIrqLine


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sci = RecordingIrqLine()
        self.offs = 0
        self.places: list[int | None] = []
        self.chip = PowerManagement(self.clock, self.sci, self._off, self.places.append)
        self.registers = self.chip.port_map()[0]
        self.apm = {port.offset: port for port in self.chip.apm_port_map()}

    def _off(self) -> None:
        self.offs += 1

    def read(self, offset: int, size: int = 2) -> int:
        assert self.registers.read is not None
        return self.registers.read(offset, size)

    def write(self, offset: int, value: int, size: int = 2) -> None:
        assert self.registers.write is not None
        self.registers.write(offset, value, size)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_the_timer_runs_at_its_rate_and_wraps_at_24_bits(rig: Rig) -> None:
    rig.clock.advance(1_000_000_000)
    assert rig.read(PMTMR, 4) == TIMER_HZ
    rig.clock.advance(4_000_000_000)
    assert rig.read(PMTMR, 4) == 5 * TIMER_HZ % (1 << 24)
    assert rig.read(PMTMR + 1, 1) == rig.read(PMTMR, 4) >> 8 & 0xFF


def test_overflow_of_the_timer_interrupts_every_half_period(rig: Rig) -> None:
    rig.write(PMEN, TMROF)
    rig.write(PMCNTRL, SCI_EN)
    half_ns = (1 << 23) * 1_000_000_000 // TIMER_HZ
    rig.clock.advance(half_ns - 1_000_000)
    assert not rig.sci.level and not rig.read(PMSTS) & TMROF
    rig.clock.advance(2_000_000)
    assert rig.sci.level and rig.read(PMSTS) & TMROF
    rig.write(PMSTS, TMROF)
    assert not rig.sci.level
    rig.clock.advance(half_ns)
    assert rig.sci.level


def test_power_button(rig: Rig) -> None:
    rig.chip.press_power_button()
    assert rig.read(PMSTS) & PWRBTN and not rig.sci.level and not rig.chip.watches_power_button
    rig.write(PMEN, PWRBTN)
    rig.write(PMCNTRL, SCI_EN)
    assert rig.sci.level and rig.chip.watches_power_button
    rig.write(PMSTS + 1, PWRBTN >> 8, 1)  # by byte
    assert not rig.sci.level


def test_acpi_is_taken_and_given_back_through_the_smi_port(rig: Rig) -> None:
    port = rig.apm[APMC]
    assert port.write is not None and port.read is not None
    port.write(ACPI_ENABLE)
    assert rig.read(PMCNTRL) & SCI_EN and port.read() == ACPI_ENABLE
    port.write(ACPI_DISABLE)
    assert not rig.read(PMCNTRL) & SCI_EN


@pytest.mark.parametrize(("value", "offs"), [(SUS_EN, 1), (SUS_EN | 5 << 10, 0), (0, 0)])
def test_soft_off_is_sleep_type_0(rig: Rig, value: int, offs: int) -> None:
    rig.write(PMCNTRL, value)
    assert rig.offs == offs
    assert not rig.read(PMCNTRL) & SUS_EN  # it reads as zero


def test_soft_off_by_a_byte_write(rig: Rig) -> None:
    rig.write(PMCNTRL + 1, SUS_EN >> 8, 1)
    assert rig.offs == 1


def test_the_registers_lie_where_configuration_space_says(rig: Rig) -> None:
    rig.chip.write_configuration(PMBA, 0x0601, 4)
    assert rig.places == []
    rig.chip.write_configuration(PMREGMISC, 1, 1)
    rig.chip.write_configuration(PMBA, 0xB001, 4)
    rig.chip.reset(ResetKind.BUS)
    assert rig.places == [0x600, None, 0xB000, None]


def test_reset_leaves_no_overflow_behind(rig: Rig) -> None:
    rig.clock.advance(10_000_000_000)
    rig.chip.reset(ResetKind.BUS)
    assert not rig.read(PMSTS) & TMROF


def test_an_access_reaches_every_register_under_it(rig: Rig) -> None:
    rig.clock.advance(1_000_000_000)
    assert rig.read(PMTMR - 2, 4) == (TIMER_HZ & 0xFFFF) << 16
    rig.write(PMSTS, PWRBTN << 16 | 0xFFFF, 4)
    assert rig.read(PMSTS, 4) == PWRBTN << 16
    rig.write(PMSTS + 1, 0x00_21_00, 4)  # the high byte of PMSTS, PMEN and the low byte of PMCNTRL
    assert rig.read(PMEN) == 0x21 and rig.read(PMCNTRL) == 0


def test_registers_open_when_the_ports_get_free(rig: Rig) -> None:
    free = False
    rig.chip.ports_are_free = lambda first, count: free
    rig.chip.write_configuration(PMBA, 0x0601, 4)
    rig.chip.write_configuration(PMREGMISC, 1, 1)
    assert rig.places == []
    free = True
    rig.chip.open_windows()
    assert rig.places == [0x600]


def test_the_smi_port_tells_that_its_program_is_in_place(rig: Rig) -> None:
    assert rig.chip.read_configuration(DEVACTB, 4) == DEVACTB_APMC_EN


def test_state_is_taken_over(rig: Rig) -> None:
    rig.chip.write_configuration(PMBA, 0x0601, 4)
    rig.write(PMEN, PWRBTN)
    rig.write(PMCNTRL, SCI_EN)
    rig.chip.press_power_button()
    other = Rig()
    other.chip.load(rig.chip.save())
    assert other.sci.level and other.chip.read_configuration(PMBA, 2) == 0x0601
    assert other.read(PMEN) == PWRBTN
    with pytest.raises(StateError):
        other.chip.load(None)
