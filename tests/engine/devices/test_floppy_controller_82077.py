"""82077AA data sheet: registers, reset, and the commands that move no sectors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.clock import MILLISECOND_NS
from engine.devices.device import ResetKind
from engine.devices.floppy_controller_82077 import State
from engine.errors import StateError
from tests.engine.devices.floppy_rig import (
    BUSY,
    CCR,
    DIO,
    DIR,
    DOR,
    DSR,
    FIFO,
    MSR,
    RQM,
    SRA,
    SRB,
    TDR,
    FloppyRig,
)


@pytest.fixture
def rig(make_floppy_rig: Callable[..., FloppyRig]) -> FloppyRig:
    rig = make_floppy_rig()
    rig.start()
    return rig


@pytest.fixture
def cold(make_floppy_rig: Callable[..., FloppyRig]) -> FloppyRig:
    """As after power-on: DOR holds the controller in reset."""
    return make_floppy_rig()


# -- Section 2.1: registers


def test_msr_is_0_while_dor_holds_the_controller_in_reset(cold: FloppyRig) -> None:
    assert cold.inp(DOR) == 0
    cold.wait(100)
    assert cold.inp(MSR) == 0
    cold.out(FIFO, 0x10)
    cold.out(DOR, 0x0C)
    cold.wait_for_interrupt()
    assert cold.inp(MSR) == RQM, "what was written in reset is no command byte"


def test_rqm_comes_some_time_after_reset_ends(cold: FloppyRig) -> None:
    cold.out(DOR, 0x0C)
    assert cold.inp(MSR) == 0
    cold.wait()
    assert cold.inp(MSR) == RQM


def test_dor_reads_back_and_runs_the_motors(rig: FloppyRig) -> None:
    rig.out(DOR, 0x2D)
    assert rig.inp(DOR) == 0x2D
    assert [drive.motor for drive in rig.drives] == [False, True]
    rig.out(DOR, 0x3C)
    assert [drive.motor for drive in rig.drives] == [True, True]
    assert rig.inp(SRB) & 0x23 == 0x03
    rig.out(DOR, 0x1D)
    assert rig.inp(SRB) & 0x23 == 0x21


def test_motor_bits_of_drives_that_are_not_there_do_nothing(rig: FloppyRig) -> None:
    rig.out(DOR, 0xFF)
    assert rig.inp(DOR) == 0xFF
    assert rig.inp(DIR) == 0


def test_dmagate_cuts_the_interrupt_off_and_lets_it_through_later(cold: FloppyRig) -> None:
    cold.out(DOR, 0x04)
    cold.wait()
    assert not cold.irq.level
    assert cold.inp(SRA) & 0x80, "INT is pending all the same"
    cold.out(DOR, 0x0C)
    assert cold.irq.level
    cold.out(DOR, 0x04)
    assert not cold.irq.level


def test_tdr_keeps_two_bits(rig: FloppyRig) -> None:
    rig.out(TDR, 0xFF)
    assert rig.inp(TDR) & 3 == 3
    rig.out(TDR, 0x01)
    assert rig.inp(TDR) & 3 == 1


def test_sra_shows_track_0_and_write_protection_active_low(rig: FloppyRig) -> None:
    assert rig.inp(SRA) & 0x12 == 0x02
    rig.seek(3)
    assert rig.inp(SRA) & 0x12 == 0x12
    rig.image.write_protected = True
    assert rig.inp(SRA) & 0x12 == 0x10


def test_sra_tells_that_there_is_no_second_drive(make_floppy_rig: Callable[..., FloppyRig]) -> None:
    assert make_floppy_rig(drives=1).inp(SRA) & 0x40
    assert not make_floppy_rig(drives=2).inp(SRA) & 0x40


def test_dir_shows_the_disk_change_line_of_the_selected_drive_with_its_motor_on(rig: FloppyRig) -> None:
    assert rig.inp(DIR) & 0x80
    rig.out(DOR, 0x0C)
    assert not rig.inp(DIR) & 0x80
    rig.out(DOR, 0x3C)
    rig.seek(1)
    assert not rig.inp(DIR) & 0x80
    rig.out(DOR, 0x3D)
    assert rig.inp(DIR) & 0x80


def test_disk_change_line_of_an_empty_drive_stays_set(rig: FloppyRig) -> None:
    rig.out(DOR, 0x3D)
    rig.seek(4, drive=1)
    assert rig.inp(DIR) & 0x80


def test_disk_change_line_is_cleared_by_a_step_and_not_by_standing_still(rig: FloppyRig) -> None:
    rig.send(0x07, 0)
    rig.wait_for_interrupt()
    rig.command(0x08)
    assert rig.inp(DIR) & 0x80, "the head was on track 0: no step pulse"
    rig.seek(1)
    assert not rig.inp(DIR) & 0x80
    rig.drives[0].eject()
    assert rig.inp(DIR) & 0x80


@pytest.mark.parametrize("port", [CCR, DSR])
def test_the_data_rate_is_written_to_ccr_or_dsr(rig: FloppyRig, port: int) -> None:
    for bits, good in ((0, True), (1, False), (2, False), (3, False)):
        rig.out(port, bits)
        st0, st1 = rig.command(0x4A, 0)[:2]
        assert (st0, st1) == ((0x00, 0x00) if good else (0x40, 0x01))


def test_software_resets_leave_the_data_rate_alone(rig: FloppyRig) -> None:
    rig.out(CCR, 3)
    rig.out(DOR, 0x18)
    rig.out(DOR, 0x1C)
    rig.wait()
    assert rig.fdc.save().rate == 3


# -- Reset and drive polling (sections 5.2.2 and 6)


def test_four_sense_interrupts_after_reset_then_invalid(cold: FloppyRig) -> None:
    cold.out(DOR, 0x0C)
    cold.wait_for_interrupt()
    assert [cold.command(0x08) for _ in range(4)] == [[0xC0, 0], [0xC1, 0], [0xC2, 0], [0xC3, 0]]
    assert cold.command(0x08) == [0x80]


def test_the_four_reports_after_reset_share_one_interrupt(cold: FloppyRig) -> None:
    cold.out(DOR, 0x0C)
    cold.wait_for_interrupt()
    for _ in range(4):
        cold.command(0x08)
        assert not cold.irq.level
    assert cold.irq.edges == 1


def test_dsr_reset_clears_itself(rig: FloppyRig) -> None:
    rig.out(DSR, 0x80)
    assert rig.inp(MSR) == 0
    rig.wait_for_interrupt()
    assert rig.command(0x08) == [0xC0, 0]


def test_dsr_reset_does_not_end_the_reset_of_dor(cold: FloppyRig) -> None:
    cold.out(DSR, 0x80)
    cold.wait(10)
    assert cold.inp(MSR) == 0
    assert not cold.irq.level


def test_a_reset_while_the_last_one_is_still_under_way(rig: FloppyRig) -> None:
    before = rig.irq.edges
    for _ in range(3):
        rig.out(DOR, 0x18)
        rig.out(DOR, 0x1C)
    rig.wait()
    assert rig.irq.edges == before + 1
    assert [rig.command(0x08)[0] for _ in range(5)] == [0xC0, 0xC1, 0xC2, 0xC3, 0x80]


@pytest.mark.parametrize("sent", [(), (0x46,), (0xE6, 0, 0, 0, 1, 2, 18, 0x1B), (0xE6, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)])
def test_reset_in_mid_command_drops_it(rig: FloppyRig, sent: tuple[int, ...]) -> None:
    rig.send(*sent)
    rig.out(DOR, 0x18)
    assert rig.inp(MSR) == 0
    rig.out(DOR, 0x1C)
    rig.wait(100)
    assert rig.inp(MSR) == RQM
    assert [rig.command(0x08)[0] for _ in range(5)] == [0xC0, 0xC1, 0xC2, 0xC3, 0x80]
    assert rig.command(0x10) == [0x90]


def test_reset_drops_a_result_that_was_half_read(rig: FloppyRig) -> None:
    rig.send(0x0E)
    rig.inp(FIFO)
    rig.out(DSR, 0x80)
    rig.wait()
    assert rig.inp(MSR) == RQM


def test_reset_stops_seeks(rig: FloppyRig) -> None:
    rig.send(0x0F, 0, 40)
    rig.send(0x0F, 1, 40)
    assert rig.inp(MSR) & 0x0F == 0x03
    rig.out(DOR, 0x18)
    rig.out(DOR, 0x1C)
    rig.wait(100)
    assert rig.inp(MSR) == RQM
    assert [rig.command(0x08)[0] for _ in range(5)] == [0xC0, 0xC1, 0xC2, 0xC3, 0x80]


def test_hardware_reset_gives_defaults_and_stops_the_motors(rig: FloppyRig) -> None:
    rig.command_without_result(0x13, 0, 0x4F, 0x22)
    rig.command(0x94)
    rig.fdc.reset(ResetKind.BUS)
    assert not rig.irq.level
    assert not rig.drives[0].motor
    assert rig.fdc.save() == State()


# -- Phases


def test_msr_through_a_command_with_a_result(rig: FloppyRig) -> None:
    rig.out(FIFO, 0x04)
    assert rig.inp(MSR) == RQM | BUSY
    rig.out(FIFO, 0x00)
    assert rig.inp(MSR) == RQM | DIO | BUSY
    rig.inp(FIFO)
    assert rig.inp(MSR) == RQM


def test_msr_through_the_execution_phase(rig: FloppyRig) -> None:
    rig.send(0x4A, 0)
    assert rig.inp(MSR) == BUSY
    rig.out(FIFO, 0x08)
    assert rig.inp(FIFO) == 0
    rig.wait_for_interrupt()
    assert rig.inp(MSR) == RQM | DIO | BUSY


def test_the_first_result_byte_lowers_the_interrupt(rig: FloppyRig) -> None:
    rig.send(0x4A, 0)
    rig.wait_for_interrupt()
    rig.inp(FIFO)
    assert not rig.irq.level
    assert len(rig.result()) == 6


def test_writes_in_the_result_phase_are_lost(rig: FloppyRig) -> None:
    rig.send(0x10)
    rig.out(FIFO, 0x08)
    assert rig.result() == [0x90]
    assert rig.inp(MSR) == RQM


def test_reading_the_fifo_with_nothing_in_it(rig: FloppyRig) -> None:
    assert rig.inp(FIFO) == 0
    assert rig.inp(MSR) == RQM


@pytest.mark.parametrize("code", [0x00, 0x01, 0x0B, 0x15, 0x17, 0x18, 0x1A, 0x1B, 0x1C, 0x1E, 0x1F])
def test_invalid_commands_answer_80h_without_an_interrupt(rig: FloppyRig, code: int) -> None:
    edges = rig.irq.edges
    for options in range(0, 0x100, 0x20):
        assert rig.command(code | options) == [0x80]
    assert rig.irq.edges == edges


@pytest.mark.parametrize("code", [0x23, 0x84, 0x47, 0x28, 0x8D, 0x8A, 0x2E, 0x2F, 0x30, 0x92, 0x53, 0x34, 0x54])
def test_option_bits_that_a_command_does_not_have_make_it_invalid(rig: FloppyRig, code: int) -> None:
    assert rig.command(code) == [0x80]


# -- Section 5.2: control commands


def test_version_is_90h(rig: FloppyRig) -> None:
    assert rig.command(0x10) == [0x90]


def test_part_id_is_not_of_this_chip(rig: FloppyRig) -> None:
    assert rig.command(0x18) == [0x80]


def test_specify_has_no_result_and_shows_in_dumpreg(rig: FloppyRig) -> None:
    rig.command_without_result(0x03, 0xAF, 0x1E)
    assert rig.command(0x0E)[4:6] == [0xAF, 0x1E]
    assert not rig.irq.level


def test_sense_drive_status(rig: FloppyRig) -> None:
    assert rig.command(0x04, 0) == [0x38]
    assert rig.command(0x04, 4) == [0x3C]
    rig.seek(5)
    assert rig.command(0x04, 0) == [0x28]
    rig.image.write_protected = True
    assert rig.command(0x04, 0) == [0x68]


def test_sense_drive_status_of_drives_that_are_empty_or_not_there(rig: FloppyRig) -> None:
    assert rig.command(0x04, 1) == [0x39]
    assert rig.command(0x04, 2) == [0x2A]
    assert rig.command(0x04, 0xFF) == [0x2F]


def test_recalibrate_finds_track_0(rig: FloppyRig) -> None:
    rig.seek(40)
    rig.send(0x07, 0)
    assert rig.inp(MSR) == RQM | 0x01
    rig.wait_for_interrupt()
    assert rig.inp(MSR) == RQM
    assert rig.command(0x08) == [0x20, 0]
    assert rig.drives[0].cylinder == 0


def test_recalibrate_without_a_drive_is_an_equipment_check(rig: FloppyRig) -> None:
    for number in (2, 3):
        rig.send(0x07, number)
        rig.wait_for_interrupt()
        assert rig.command(0x08) == [0x70 | number, 0]


def test_seek_takes_time_and_ends_with_an_interrupt(rig: FloppyRig) -> None:
    rig.send(0x0F, 0, 60)
    assert rig.inp(MSR) == RQM | 0x01
    rig.wait(10)
    assert not rig.irq.level
    assert rig.command(0x08) == [0x80], "nothing to sense yet"
    rig.wait_for_interrupt()
    assert rig.clock.now_ns > 60 * MILLISECOND_NS
    assert rig.command(0x08) == [0x20, 60]
    assert not rig.irq.level
    assert rig.command(0x08) == [0x80]


def test_seek_to_where_the_head_is(rig: FloppyRig) -> None:
    assert rig.seek(7) == [0x20, 7]
    assert rig.seek(7) == [0x20, 7]


def test_seek_beyond_the_last_track_stops_at_the_end(rig: FloppyRig) -> None:
    assert rig.seek(255) == [0x20, 255]
    assert rig.drives[0].cylinder == 82


def test_relative_seek_in_and_out(rig: FloppyRig) -> None:
    rig.seek(10)
    rig.send(0xCF, 0, 5)
    rig.wait_for_interrupt()
    assert rig.command(0x08) == [0x20, 15]
    rig.send(0x8F, 0, 12)
    rig.wait_for_interrupt()
    assert rig.command(0x08) == [0x20, 3]
    rig.send(0x8F, 0, 200)
    rig.wait_for_interrupt()
    assert rig.command(0x08) == [0x20, 0]
    assert rig.drives[0].cylinder == 0


def test_seek_keeps_the_head_select_in_st0(rig: FloppyRig) -> None:
    rig.send(0x0F, 4, 2)
    rig.wait_for_interrupt()
    assert rig.command(0x08) == [0x24, 2]


def test_seeks_of_two_drives_overlap_and_have_an_interrupt_each(rig: FloppyRig) -> None:
    edges = rig.irq.edges
    rig.send(0x0F, 0, 30)
    rig.send(0x0F, 1, 10)
    assert rig.inp(MSR) == RQM | 0x03
    rig.wait_for_interrupt()
    assert rig.inp(MSR) == RQM | 0x01
    assert rig.command(0x08) == [0x21, 10]
    rig.wait_for_interrupt()
    assert rig.command(0x08) == [0x20, 30]
    assert rig.irq.edges == edges + 2


def test_two_seeks_that_end_before_either_is_sensed(rig: FloppyRig) -> None:
    edges = rig.irq.edges
    rig.send(0x0F, 0, 30)
    rig.send(0x0F, 1, 10)
    rig.wait(100)
    assert rig.command(0x08) == [0x21, 10]
    assert rig.irq.level, "the second one asks for itself"
    assert rig.command(0x08) == [0x20, 30]
    assert not rig.irq.level
    assert rig.irq.edges == edges + 2


def test_a_drive_that_seeks_again_unsensed_is_reported_once(rig: FloppyRig) -> None:
    for cylinder in (1, 2, 3, 4, 5, 6):
        rig.send(0x0F, 0, cylinder)
        rig.wait(100)
    assert rig.command(0x08) == [0x20, 6]
    assert rig.command(0x08) == [0x80]


def test_a_new_seek_takes_the_place_of_the_one_under_way(rig: FloppyRig) -> None:
    edges = rig.irq.edges
    rig.send(0x0F, 0, 70)
    rig.wait(5)
    rig.send(0x0F, 0, 10)
    rig.wait_for_interrupt()
    assert rig.command(0x08) == [0x20, 10]
    rig.wait(200)
    assert rig.command(0x08) == [0x80]
    assert rig.irq.edges == edges + 1


def test_a_command_after_an_unsensed_seek_has_an_edge_of_its_own(rig: FloppyRig) -> None:
    rig.send(0x0F, 0, 1)
    rig.wait_for_interrupt()
    edges = rig.irq.edges
    rig.send(0x4A, 0)
    rig.wait(10)
    assert rig.irq.edges == edges + 1
    assert rig.result()[3] == 1


def test_dumpreg_after_hardware_reset(rig: FloppyRig) -> None:
    assert rig.command(0x0E) == [0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0]


def test_dumpreg_shows_what_was_set(rig: FloppyRig) -> None:
    rig.seek(12)
    rig.seek(34, drive=1)
    rig.command_without_result(0x03, 0xDF, 0x02)
    rig.command_without_result(0x12, 0x80 | 0x3C | 0x03)
    rig.command_without_result(0x13, 0, 0x57, 0x11)
    rig.command(0x94)
    assert rig.command(0x0E) == [12, 34, 0, 0, 0xDF, 0x02, 0, 0x80 | 0x3F, 0x57, 0x11]


def test_dumpreg_shows_eot_or_sc_of_the_last_transfer_or_format(rig: FloppyRig) -> None:
    rig.read(0x46, 0, 0, 0, 1, 2, 9, 0x1B, 0xFF)
    assert rig.command(0x0E)[6] == 9
    rig.write(0x4D, 0, 2, 7, 0x50, 0xF6, data=bytes(28))
    assert rig.command(0x0E)[6] == 7


def test_perpendicular_drive_bits_change_only_with_ow(rig: FloppyRig) -> None:
    rig.command_without_result(0x12, 0x84)
    rig.command_without_result(0x12, 0x3B)
    assert rig.command(0x0E)[7] == 0x07
    rig.command_without_result(0x12, 0xB8)
    assert rig.command(0x0E)[7] == 0x38


def test_software_reset_clears_gap_and_wgate_but_no_drive_bits(rig: FloppyRig) -> None:
    rig.command_without_result(0x12, 0xBF)
    rig.start()
    assert rig.command(0x0E)[7] == 0x3C


def test_lock_echoes_its_bit(rig: FloppyRig) -> None:
    assert rig.command(0x94) == [0x10]
    assert rig.command(0x14) == [0x00]


def test_software_reset_gives_configure_its_defaults(rig: FloppyRig) -> None:
    rig.command_without_result(0x13, 0, 0x5A, 0x20)
    rig.start()
    assert rig.command(0x0E)[8:] == [0x20, 0x00]


def test_lock_saves_fifo_threshold_and_precompensation_from_a_software_reset(rig: FloppyRig) -> None:
    rig.command_without_result(0x13, 0, 0x5A, 0x20)
    rig.command(0x94)
    rig.start()
    assert rig.command(0x0E)[7:] == [0x80, 0x0A, 0x20], "implied seek and polling are not of those"
    rig.command(0x14)
    rig.start()
    assert rig.command(0x0E)[7:] == [0x00, 0x20, 0x00]


# -- Saved states


def damaged_states() -> list[State]:
    return [
        State(cylinders=[0] * 3),
        State(seek_ends_ns=[None] * 5),
        State(seek_st0=[]),
        State(specify=[1]),
        State(interrupts=[0xC0] * 5),
        State(cylinders=[0, 0, 0, 256]),
        State(command=[0x00]),
        State(command=[0x46] * 10),
        State(command=[0x28]),
        State(result=[-1]),
        State(rate=4),
        State(pending="boom", pending_ns=1),
        State(pending="reset"),
        State(pending="transfer", pending_ns=1),
        State(pending="transfer", pending_ns=1, command=[0x4D, 0, 2, 1, 1, 1]),
        State(pending="format", pending_ns=1, command=[0x46] * 9),
        State(pending="read id", pending_ns=1, command=[0x04, 0]),
        State(wanted=512, msr=0xA0),
        State(wanted=512, msr=0xA0, command=[0x4A, 0]),
        State(wanted=1 << 30, command=[0x45] * 9),
        State(buffer=bytearray(1 << 20), command=[0x46] * 9),
    ]


@pytest.mark.parametrize("state", damaged_states(), ids=lambda state: repr(state)[:60])
def test_damaged_states_are_refused(rig: FloppyRig, state: State) -> None:
    before = rig.fdc.save()
    with pytest.raises(StateError, match="damaged"):
        rig.fdc.load(state)
    assert rig.fdc.save() == before


def test_a_state_saved_in_the_middle_of_a_seek_goes_on(
    rig: FloppyRig, make_floppy_rig: Callable[..., FloppyRig]
) -> None:
    rig.send(0x0F, 0, 50)
    rig.wait(20)
    other = make_floppy_rig()
    other.clock.advance(rig.clock.now_ns)
    other.fdc.load(rig.fdc.save())
    assert other.inp(MSR) == RQM | 0x01
    other.wait_for_interrupt()
    assert other.command(0x08) == [0x20, 50]


def test_a_state_saved_with_a_result_waiting_drives_the_interrupt_again(
    rig: FloppyRig, make_floppy_rig: Callable[..., FloppyRig]
) -> None:
    rig.send(0x4A, 0)
    rig.wait_for_interrupt()
    other = make_floppy_rig()
    other.fdc.load(rig.fdc.save())
    assert other.irq.level
    assert other.result() == rig.result()
    assert not other.irq.level
