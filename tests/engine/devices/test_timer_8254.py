"""82C54 data sheet behaviour: modes, latches, gates, exact time."""

from __future__ import annotations

import pytest

from engine.clock import MILLISECOND_NS, SECOND_NS, ManualClock
from engine.devices.timer_8254 import INPUT_HZ, State, Timer8254, ns_of_tick, ticks_at
from engine.errors import StateError
from engine.irq import RecordingIrqLine


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.irq = RecordingIrqLine()
        self.changes = 0
        self.timer = Timer8254(self.irq, self.clock, self.note)
        self.ports = {port.offset: port for port in self.timer.port_map()}
        self.irq.history.clear()  # OUT stands high at power-on

    def note(self) -> None:
        self.changes += 1

    def out(self, port: int, value: int) -> None:
        write = self.ports[port].write
        assert write is not None
        write(value)

    def inp(self, port: int) -> int:
        read = self.ports[port].read
        assert read is not None
        return read()

    def program(self, counter: int, mode: int, count: int, bcd: bool = False) -> None:
        self.out(3, counter << 6 | 0x30 | mode << 1 | int(bcd))
        self.out(counter, count & 0xFF)
        self.out(counter, count >> 8)

    def ticks(self, count: int) -> None:
        """Moves time to the start of the input tick ``count`` later."""
        target = ns_of_tick(ticks_at(self.clock.now_ns) + count)
        self.clock.advance(target - self.clock.now_ns)

    def count(self, counter: int) -> int:
        self.out(3, counter << 6)
        return self.inp(counter) | self.inp(counter) << 8

    def status(self, counter: int) -> int:
        self.out(3, 0xE0 | 2 << counter)
        return self.inp(counter)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_mode_0_output_rises_n_plus_1_clocks_after_the_count(rig: Rig) -> None:
    rig.program(0, 0, 5)
    rig.ticks(5)
    assert not rig.irq.level
    rig.ticks(1)
    assert rig.irq.level
    assert rig.irq.edges == 1
    rig.ticks(100_000)
    assert rig.irq.edges == 1


def test_mode_0_first_byte_of_a_new_count_stops_it(rig: Rig) -> None:
    rig.program(0, 0, 50)
    rig.ticks(10)
    rig.out(0, 0x10)
    rig.ticks(1000)
    assert rig.irq.edges == 0
    rig.out(0, 0x00)
    rig.ticks(17)
    assert rig.irq.edges == 1


def test_mode_0_gate_pauses_counting(rig: Rig) -> None:
    rig.timer.set_gate2(True)
    rig.program(2, 0, 100)
    rig.ticks(51)
    rig.timer.set_gate2(False)
    assert rig.count(2) == 50
    rig.ticks(1000)
    assert rig.count(2) == 50
    assert not rig.timer.counter2_out
    rig.timer.set_gate2(True)
    rig.ticks(49)
    assert not rig.timer.counter2_out
    rig.ticks(1)
    assert rig.timer.counter2_out


def test_mode_0_goes_on_from_ffff_after_terminal_count(rig: Rig) -> None:
    rig.program(0, 0, 3)
    rig.ticks(5)
    assert rig.count(0) == 0xFFFF


def test_mode_1_is_a_one_shot_started_by_the_gate(rig: Rig) -> None:
    rig.program(2, 1, 10)
    rig.ticks(50)
    assert rig.timer.counter2_out
    rig.timer.set_gate2(True)
    rig.ticks(1)
    assert not rig.timer.counter2_out
    rig.ticks(9)
    assert not rig.timer.counter2_out
    rig.ticks(1)
    assert rig.timer.counter2_out
    rig.timer.set_gate2(False)
    rig.timer.set_gate2(True)  # retriggered
    rig.ticks(1)
    assert not rig.timer.counter2_out


def test_mode_2_counts_n_to_1_and_is_low_at_1(rig: Rig) -> None:
    rig.timer.set_gate2(True)
    rig.program(2, 2, 4)
    rig.ticks(1)
    seen = []
    for _ in range(9):
        seen.append((rig.count(2), rig.timer.counter2_out))
        rig.ticks(1)
    assert seen[:5] == [(4, True), (3, True), (2, True), (1, False), (4, True)]
    assert seen[4:] == seen[:5]


def test_mode_2_new_count_waits_for_the_end_of_the_period(rig: Rig) -> None:
    rig.program(0, 2, 100)
    rig.ticks(50)
    rig.out(0, 200)
    rig.out(0, 0)
    rig.ticks(51)
    assert rig.irq.edges == 1  # the end of the first period
    rig.ticks(199)
    assert rig.irq.edges == 1
    rig.ticks(1)
    assert rig.irq.edges == 2


def test_mode_2_gate_low_forces_high_and_rising_gate_reloads(rig: Rig) -> None:
    rig.timer.set_gate2(True)
    rig.program(2, 2, 10)
    rig.ticks(10)
    assert not rig.timer.counter2_out
    rig.timer.set_gate2(False)
    assert rig.timer.counter2_out
    rig.ticks(100)
    rig.timer.set_gate2(True)
    rig.ticks(1)
    assert rig.count(2) == 10


@pytest.mark.parametrize(("count", "high", "low"), [(6, 3, 3), (7, 4, 3), (2, 1, 1), (3, 2, 1)])
def test_mode_3_square_wave_halves(rig: Rig, count: int, high: int, low: int) -> None:
    rig.timer.set_gate2(True)
    rig.program(2, 3, count)
    rig.ticks(1)
    levels = []
    for _ in range(2 * count):
        levels.append(rig.timer.counter2_out)
        rig.ticks(1)
    assert levels == ([True] * high + [False] * low) * 2


def test_mode_3_counts_down_by_two(rig: Rig) -> None:
    rig.program(0, 3, 8)
    rig.ticks(1)
    seen = []
    for _ in range(8):
        seen.append(rig.count(0))
        rig.ticks(1)
    assert seen == [8, 6, 4, 2, 8, 6, 4, 2]


def test_mode_3_new_count_takes_over_at_the_half_cycle(rig: Rig) -> None:
    rig.timer.set_gate2(True)
    rig.program(2, 3, 100)
    rig.ticks(11)
    rig.out(2, 20)
    rig.out(2, 0)
    rig.ticks(39)
    assert rig.timer.counter2_out
    rig.ticks(1)  # the old high half ends; the low half is of the new count
    assert not rig.timer.counter2_out
    rig.ticks(9)
    assert not rig.timer.counter2_out
    rig.ticks(1)
    assert rig.timer.counter2_out


def test_mode_4_strobes_one_clock_low(rig: Rig) -> None:
    rig.timer.set_gate2(True)
    rig.program(2, 4, 5)
    rig.ticks(5)
    assert rig.timer.counter2_out
    rig.ticks(1)
    assert not rig.timer.counter2_out
    rig.ticks(1)
    assert rig.timer.counter2_out
    rig.ticks(0x10000 - 1)
    assert rig.timer.counter2_out  # once only


def test_mode_4_interrupts_once_for_each_count(rig: Rig) -> None:
    rig.program(0, 4, 100)
    rig.ticks(101)
    assert rig.irq.edges == 0
    rig.ticks(1)
    assert rig.irq.edges == 1
    rig.ticks(0x20000)
    assert rig.irq.edges == 1
    rig.out(0, 50)
    rig.out(0, 0)
    rig.ticks(52)
    assert rig.irq.edges == 2


def test_mode_5_strobes_after_the_gate(rig: Rig) -> None:
    rig.program(2, 5, 5)
    rig.ticks(20)
    assert rig.timer.counter2_out
    rig.timer.set_gate2(True)
    rig.ticks(6)
    assert not rig.timer.counter2_out
    rig.ticks(1)
    assert rig.timer.counter2_out


def test_count_zero_is_the_largest(rig: Rig) -> None:
    rig.program(0, 2, 0)
    rig.ticks(0x10000)
    assert rig.irq.edges == 0
    rig.ticks(1)
    assert rig.irq.edges == 1


def test_bcd_counts_in_decimal(rig: Rig) -> None:
    rig.program(0, 2, 0x1000, bcd=True)
    rig.ticks(2)
    assert rig.count(0) == 0x0999
    rig.program(0, 0, 0x0000, bcd=True)
    rig.ticks(2)
    assert rig.count(0) == 0x9999


def test_lsb_only_and_msb_only(rig: Rig) -> None:
    rig.out(3, 0x14)  # counter 0, LSB only, mode 2
    rig.out(0, 100)
    rig.ticks(1)
    assert rig.inp(0) == 100
    rig.out(3, 0x24)  # MSB only
    rig.out(0, 2)
    rig.ticks(2)
    assert rig.inp(0) == 0x01


def test_latched_count_stands_until_it_is_read(rig: Rig) -> None:
    rig.program(0, 2, 1000)
    rig.ticks(1)
    rig.out(3, 0x00)
    rig.ticks(10)
    rig.out(3, 0x00)  # ignored: the first latch is not read yet
    assert rig.inp(0) | rig.inp(0) << 8 == 1000
    assert rig.inp(0) | rig.inp(0) << 8 == 990


def test_read_back_gives_status_before_count(rig: Rig) -> None:
    rig.program(0, 3, 1000)
    rig.ticks(3)
    rig.out(3, 0xC2)
    assert rig.inp(0) == 0x80 | 0x30 | 3 << 1
    assert rig.inp(0) | rig.inp(0) << 8 == 996


def test_null_count_is_set_until_the_count_is_loaded(rig: Rig) -> None:
    rig.out(3, 0x34)
    assert rig.status(0) & 0x40
    rig.out(0, 100)
    rig.out(0, 0)
    assert rig.status(0) & 0x40
    rig.ticks(1)
    assert not rig.status(0) & 0x40


def test_modes_6_and_7_are_2_and_3(rig: Rig) -> None:
    rig.program(0, 7, 1000)
    assert rig.status(0) >> 1 & 7 == 3


def test_control_word_sets_output_to_the_mode_s_first_level(rig: Rig) -> None:
    rig.out(3, 0x30)
    assert not rig.irq.level
    rig.out(3, 0x34)
    assert rig.irq.level


def test_periodic_interrupt_does_not_drift_in_an_hour(rig: Rig) -> None:
    rig.program(0, 3, 0xFFFF)
    start = rig.irq.edges
    rig.clock.advance(3600 * SECOND_NS)
    assert rig.irq.edges - start == (INPUT_HZ * 3600 - 1) // 0xFFFF


def test_dos_tick_is_18_2_per_second(rig: Rig) -> None:
    rig.program(0, 3, 0)
    start = rig.irq.edges
    rig.clock.advance(10 * SECOND_NS)
    assert rig.irq.edges - start == 182


def test_shortest_period_is_bounded(rig: Rig) -> None:
    rig.program(0, 2, 1)
    rig.clock.advance(10 * MILLISECOND_NS)
    assert 900 <= rig.irq.edges <= 1001


class LateClock(ManualClock):
    """A clock that jumps: calls come late, as on a busy host."""

    def jump(self, delay_ns: int) -> None:
        self._now_ns += delay_ns


def test_lost_ticks_are_made_good_at_twice_the_pace() -> None:
    rig = Rig()
    rig.clock = LateClock()
    rig.timer = Timer8254(rig.irq, rig.clock)
    rig.ports = {port.offset: port for port in rig.timer.port_map()}
    rig.program(0, 2, 1193)  # 1 kHz
    rig.clock.advance(10 * MILLISECOND_NS)
    edges = rig.irq.edges
    rig.clock.jump(50 * MILLISECOND_NS)
    rig.clock.advance(10 * MILLISECOND_NS)
    assert 19 <= rig.irq.edges - edges <= 22
    rig.clock.advance(100 * MILLISECOND_NS)
    assert rig.irq.edges - edges in (159, 160, 161)


def test_speaker_waveform_follows_counter_2(rig: Rig) -> None:
    rig.program(2, 3, 1193)
    assert rig.timer.counter2_waveform().period_ns == 0  # gate low
    changes = rig.changes
    rig.timer.set_gate2(True)
    assert rig.changes == changes + 1
    wave = rig.timer.counter2_waveform()
    assert wave.period_ns == pytest.approx(1_000_000, rel=1e-3)
    assert wave.high_ns == pytest.approx(500_000, rel=2e-3)


def test_load_goes_on_with_the_same_edges(rig: Rig) -> None:
    rig.program(0, 2, 1193)
    rig.clock.advance(5_300_000)
    saved = rig.timer.save()
    fresh = Rig()
    fresh.clock.advance(5_300_000)
    fresh.timer.load(saved)
    assert fresh.timer.save() == saved
    before = rig.irq.edges
    rig.clock.advance(20 * MILLISECOND_NS)
    fresh_before = fresh.irq.edges
    fresh.clock.advance(20 * MILLISECOND_NS)
    assert fresh.irq.edges - fresh_before == rig.irq.edges - before == 20
    assert fresh.count(0) == rig.count(0)


def test_load_refuses_a_damaged_state(rig: Rig) -> None:
    state = State()
    state.counters[0].mode = 2
    state.counters[0].loaded = True
    state.counters[0].count = 0
    with pytest.raises(StateError):
        rig.timer.load(state)
