"""The speaker: tones, bit-banging, pulse width, silence."""

from __future__ import annotations

import array

import numpy as np
import pytest

from engine.clock import MILLISECOND_NS, SECOND_NS, ManualClock
from engine.devices.device import ResetKind
from engine.devices.pc_speaker import LATENCY_NS, MAX_CHANGES, SAMPLE_RATE, VOLUME, PcSpeaker
from engine.devices.system_control import SystemControl
from engine.devices.timer_8254 import Timer8254, Waveform
from engine.irq import RecordingIrqLine


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.speaker = PcSpeaker(self.clock)

    def listen(self, milliseconds: int) -> np.ndarray:
        """Lets time pass and takes all the sound of it, in pieces of 10 ms."""
        pieces = array.array("h")
        for _ in range(milliseconds // 10):
            self.clock.advance(10 * MILLISECOND_NS)
            pieces.frombytes(self.speaker.take_samples(SAMPLE_RATE // 100))
        return np.array(pieces, dtype=float)

    def tone(self, hertz: float) -> None:
        period = SECOND_NS / hertz
        self.speaker.set_counter(Waveform(True, float(self.clock.now_ns), period, period / 2))
        self.speaker.set_data(True)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def strongest(samples: np.ndarray) -> float:
    """The frequency with most energy."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * SAMPLE_RATE / len(samples)


@pytest.mark.parametrize("hertz", [100, 440, 1000, 3520])
def test_a_tone_has_its_frequency(rig: Rig, hertz: int) -> None:
    rig.tone(hertz)
    rig.listen(200)
    samples = rig.listen(1000)
    assert strongest(samples) == pytest.approx(hertz, abs=2)
    assert abs(samples.mean()) < 0.03 * VOLUME
    assert samples.max() > 0.4 * VOLUME
    assert samples.min() < -0.4 * VOLUME


def test_a_beep_programmed_through_the_ports(rig: Rig) -> None:
    timer = Timer8254(RecordingIrqLine(), rig.clock)
    timer.counter2_changed = lambda: rig.speaker.set_counter(timer.counter2_waveform())
    control = SystemControl(timer, rig.clock, rig.speaker.set_data, lambda level: None, lambda: None)
    write_counter_2 = timer.port_map()[2].write
    assert write_counter_2 is not None
    timer.write_control(0xB6)
    for value in (1193 & 0xFF, 1193 >> 8):
        write_counter_2(value)
    control.write_port_b(0x03)
    rig.listen(200)
    assert strongest(rig.listen(500)) == pytest.approx(1000, abs=3)
    control.write_port_b(0x00)
    rig.listen(500)
    assert not rig.listen(50).any()


def test_silence_is_zeros(rig: Rig) -> None:
    assert not rig.listen(100).any()
    assert not rig.speaker.audible


def test_a_tone_that_ends_dies_away_without_a_rest(rig: Rig) -> None:
    rig.tone(1000)
    rig.listen(100)
    rig.speaker.set_data(False)
    rig.listen(500)
    assert not rig.listen(100).any()
    assert not rig.speaker.audible


def test_level_that_only_stays_up_is_silent(rig: Rig) -> None:
    rig.speaker.set_data(True)  # counter's output rests high
    rig.listen(500)
    assert not rig.listen(100).any()


def test_bit_banged_square_wave_is_heard(rig: Rig) -> None:
    pieces = array.array("h")
    for half in range(1000):  # 500 Hz
        rig.speaker.set_data(half % 2 == 0)
        rig.clock.advance(MILLISECOND_NS)
        if half % 10 == 9:
            pieces.frombytes(rig.speaker.take_samples(SAMPLE_RATE // 100))
    assert strongest(np.array(pieces[9600:], dtype=float)) == pytest.approx(500, abs=3)


def test_pulse_width_on_a_fast_carrier_plays_samples(rig: Rig) -> None:
    rig.speaker.set_data(True)
    pieces = array.array("h")
    carrier_ns = SECOND_NS // 16_000
    for pulse in range(16_000):
        width = (0.5 + 0.4 * np.sin(2 * np.pi * 440 * pulse / 16_000)) * carrier_ns
        rig.speaker.set_counter(Waveform(False, until_ns=rig.clock.now_ns + float(width)))  # mode 0: low, then high
        rig.clock.advance(carrier_ns)
        if pulse % 160 == 159:
            pieces.frombytes(rig.speaker.take_samples(SAMPLE_RATE // 100))
    assert strongest(np.array(pieces[4800:], dtype=float)) == pytest.approx(440, abs=3)


def test_ultrasonic_tone_is_silent(rig: Rig) -> None:
    rig.tone(40_000)
    rig.listen(500)
    assert not rig.listen(100).any()


def test_listener_ahead_of_the_guest_gets_silence_and_then_everything(rig: Rig) -> None:
    rig.tone(1000)
    assert not any(rig.speaker.take_samples(480))
    assert rig.listen(50).any()


def test_listener_that_comes_late_is_brought_near(rig: Rig) -> None:
    rig.clock.advance(10 * SECOND_NS)
    rig.tone(1000)
    rig.clock.advance(LATENCY_NS)
    rig.speaker.take_samples(480)
    assert any(rig.speaker.take_samples(480))


def test_changes_nobody_listens_to_are_bounded(rig: Rig) -> None:
    for change in range(3 * MAX_CHANGES):
        rig.speaker.set_data(change % 2 == 0)
        rig.clock.advance(1000)
    rig.speaker.take_samples(480)
    assert len(rig.speaker._changes) <= MAX_CHANGES


def test_reset_silences(rig: Rig) -> None:
    rig.tone(1000)
    rig.speaker.reset(ResetKind.BUS)
    rig.listen(500)
    assert not rig.listen(50).any()


def test_load_goes_on_sounding(rig: Rig) -> None:
    rig.tone(1000)
    fresh = Rig()
    fresh.speaker.load(rig.speaker.save())
    assert fresh.speaker.save() == rig.speaker.save()
    assert fresh.listen(100).any()
