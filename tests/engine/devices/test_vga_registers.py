"""Ports of the display adapter: indices, read-back, protection, the DAC and the retrace."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.devices.device import ResetKind
from engine.errors import StateError
from tests.engine.devices.vga_rig import MODES, VgaRig


@pytest.fixture
def rig() -> VgaRig:
    return VgaRig()


def test_registers_read_back_what_the_bios_wrote(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    mode = MODES[0x03]
    for index, value in enumerate(mode.sequencer):
        rig.out(0x3C4, index)
        assert rig.inp(0x3C5) == value
    for index, value in enumerate(mode.graphics):
        rig.out(0x3CE, index)
        assert rig.inp(0x3CF) == value
    for index, value in enumerate(mode.crtc):
        rig.out(0x3D4, index)
        assert rig.inp(0x3D5) == value
    for index, value in enumerate(mode.attribute):
        rig.inp(0x3DA)
        rig.out(0x3C0, index | 0x20)
        assert rig.inp(0x3C1) == value
    assert rig.inp(0x3CC) == mode.misc


def test_reserved_bits_read_zero(rig: VgaRig) -> None:
    rig.sequencer(1, 0xFF)
    rig.out(0x3C4, 1)
    assert rig.inp(0x3C5) == 0x3D
    rig.graphics(5, 0xFF)
    rig.out(0x3CE, 5)
    assert rig.inp(0x3CF) == 0x7B


def test_crtc_moves_with_misc_output_bit_0(rig: VgaRig) -> None:
    rig.out(0x3C2, 0x67)
    rig.crtc(0x0E, 0x12)
    assert rig.inp(0x3D4) == 0x0E
    assert rig.inp(0x3B4) == 0xFF
    rig.out(0x3C2, 0x66)
    assert rig.inp(0x3D5) == 0xFF
    assert rig.inp(0x3B5) == 0x12
    rig.out(0x3D5, 0x99)
    assert rig.inp(0x3B5) == 0x12


def test_protect_bit_spares_only_line_compare(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.crtc(0x11, 0x80)
    rig.crtc(0x00, 0x12)
    rig.crtc(0x07, 0xFF & ~0x10)
    rig.out(0x3D4, 0x00)
    assert rig.inp(0x3D5) == 0x5F
    rig.out(0x3D4, 0x07)
    assert rig.inp(0x3D5) == 0x1F & ~0x10


def test_attribute_flip_flop_is_reset_by_input_status_1(rig: VgaRig) -> None:
    rig.out(0x3C2, 0x67)
    rig.out(0x3C0, 0x11)  # an odd write leaves it waiting for data
    rig.inp(0x3DA)
    rig.out(0x3C0, 0x11)
    rig.out(0x3C0, 0x2A)
    assert rig.inp(0x3C1) == 0x2A
    assert rig.inp(0x3C0) == 0x11


def test_dac_counts_through_components_and_entries(rig: VgaRig) -> None:
    rig.palette([(1, 2, 3), (63, 62, 0xFF)], first=254)
    rig.out(0x3C7, 254)
    assert rig.inp(0x3C7) == 3
    assert [rig.inp(0x3C9) for _ in range(6)] == [1, 2, 3, 63, 62, 63]
    rig.out(0x3C8, 0)
    assert rig.inp(0x3C7) == 0
    assert rig.inp(0x3C8) == 0


def test_dac_wraps_at_the_last_entry(rig: VgaRig) -> None:
    rig.palette([(9, 9, 9), (7, 6, 5)], first=255)
    rig.out(0x3C7, 0)
    assert [rig.inp(0x3C9) for _ in range(3)] == [7, 6, 5]


def test_string_output_fills_the_palette(rig: VgaRig) -> None:
    rig.out(0x3C8, 16)
    rig.vga.dac.write_data_block(bytes(range(48)))
    rig.out(0x3C7, 17)
    assert rig.vga.dac.read_data_block(3) == bytes((3, 4, 5))


def test_monitor_sense_answers(rig: VgaRig) -> None:
    assert rig.inp(0x3C2) & 0x10


@pytest.mark.parametrize(("mode", "hertz"), [(0x03, 70.08), (0x13, 70.08), (0x12, 59.94), (0x0D, 70.08)])
def test_refresh_rate_follows_the_crtc(rig: VgaRig, mode: int, hertz: float) -> None:
    rig.set_mode(mode)
    assert rig.vga.refresh_hz == pytest.approx(hertz, rel=0.001)


def test_a_program_that_polls_sees_one_retrace_a_frame(rig: VgaRig) -> None:
    rig.set_mode(0x13)
    rising, retracing, displaying = 0, False, 0
    step_ns = 5_000
    for _ in range(1_000_000_000 // step_ns):
        status = rig.inp(0x3DA)
        if status & 8 and not retracing:
            rising += 1
        retracing = bool(status & 8)
        assert not retracing or status & 1
        displaying += not status & 1
        rig.clock.advance(step_ns)
    assert rising == 70
    # 400 of 449 lines, 80 of 100 characters.
    assert displaying * step_ns / 1e9 == pytest.approx(400 / 449 * 0.8, abs=0.01)


def test_retrace_interrupt_status_is_latched_until_cleared(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.crtc(0x11, 0x8E & ~0x10)
    rig.crtc(0x11, 0x8E | 0x10)
    rig.clock.advance(20_000_000)
    assert rig.inp(0x3C2) & 0x80
    rig.crtc(0x11, 0x8E & ~0x10)
    rig.crtc(0x11, 0x8E | 0x10)
    assert not rig.inp(0x3C2) & 0x80


def test_absurd_timing_still_retraces(rig: VgaRig) -> None:
    rig.out(0x3C2, 0x67)
    for index in range(0x19):
        rig.crtc(index, 0xFF if index != 0x11 else 0x7F)
    seen = set()
    for _ in range(4000):
        seen.add(rig.inp(0x3DA) & 9)
        rig.clock.advance(10_000)
    assert seen == {0, 1, 9}


def test_dispi_checks_its_values(rig: VgaRig) -> None:
    assert rig.read_dispi(0) == 0xB0C5
    assert rig.read_dispi(10) == 4 * 16
    rig.dispi(1, 4000)
    assert rig.read_dispi(1) == 640
    rig.dispi(3, 17)
    assert rig.read_dispi(3) == 8
    rig.linear(2560, 1600, 32)  # 16 MB into 4
    assert not rig.read_dispi(4) & 1
    rig.dispi(4, 2)
    assert [rig.read_dispi(index) for index in (1, 2, 3)] == [2560, 1600, 32]


def test_dispi_geometry_is_fixed_while_enabled(rig: VgaRig) -> None:
    rig.linear(640, 480, 8)
    rig.dispi(1, 800)
    assert rig.read_dispi(1) == 640
    assert rig.read_dispi(7) == 4 * 1024 * 1024 // 640
    rig.dispi(6, 1024)
    assert rig.read_dispi(6) == 1024
    rig.dispi(6, 320)  # less than is displayed
    assert rig.read_dispi(6) == 1024
    rig.dispi(8, 65535)
    assert rig.read_dispi(8) == 1024 - 640
    rig.dispi(9, 65535)
    assert rig.read_dispi(9) == 4096 - 480


def test_reset_brings_the_power_on_state(rig: VgaRig) -> None:
    fresh = VgaRig().vga.save()
    rig.linear(640, 480, 32)
    rig.set_mode(0x12)
    rig.write(0xA0000, b"\xff" * 1000)
    rig.vga.reset(ResetKind.POWER_ON)
    again = rig.vga.save()
    again.latches = fresh.latches
    assert again == fresh


def test_a_saved_state_shows_the_same_picture(rig: VgaRig) -> None:
    rig.set_mode(0x12)
    for plane in range(4):
        rig.sequencer(2, 1 << plane)
        rig.write(0xA0000, bytes(range(plane, 250)) * 100)
    state = rig.vga.save()
    picture = rig.screen.pixels()
    other = VgaRig()
    other.vga.load(state)
    assert (other.screen.pixels() == picture).all()
    assert other.vga.save() == state
    # The state is a copy: the running device does not change it.
    rig.set_mode(0x03)
    other.vga.load(state)
    assert (other.screen.pixels() == picture).all()


def test_a_text_state_is_loaded_over_a_mapped_text_window(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(0, 0, "saved" * 100)
    state = rig.vga.save()
    rig.print(0, 0, "later" * 100)
    rig.vga.load(state)
    assert rig.screen.text().startswith("savedsaved")
    assert rig.read(0xB8000, 4) == b"s\x07a\x07"


def test_a_state_of_another_adapter_is_refused(rig: VgaRig) -> None:
    with pytest.raises(StateError, match="8 MB"):
        VgaRig(vram_mb=8).vga.load(rig.vga.save())


PORTS = (*range(0x3B4, 0x3B6), 0x3BA, *range(0x3C0, 0x3D0), 0x3D4, 0x3D5, 0x3DA, 0x1CE, 0x1CF)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(PORTS), st.integers(0, 0xFFFF), st.sampled_from((1, 2))), min_size=20, max_size=200
    )
)
def test_rubbish_in_registers_never_hurts(writes: list[tuple[int, int, int]]) -> None:
    rig = VgaRig(vram_mb=1)
    rig.set_mode(0x03)
    for number, (port, value, size) in enumerate(writes):
        rig.out(port, value, size)
        rig.inp(port, size)
        if number % 10 == 0:
            rig.write(0xA0000 + value, bytes(100))
            rig.clock.advance(1_000_000)
            rig.vga.refresh()
            rig.screen.text()
            rig.screen.cursor()
    _, width, height, stride = rig.screen.frame
    assert 0 < width <= 2560 and 0 < height <= 1600 and stride == width * 4
    state = rig.vga.save()
    rig.vga.load(state)
    assert rig.vga.save() == state
