"""Interval timer: 8254, counters 0 (IRQ 0), 1 (memory refresh) and 2 (speaker).

Source: Intel 82C54 data sheet (231244). Counters are not stepped: each remembers the input tick it was loaded
at, and its count and output follow from the guest clock in integer arithmetic, so nothing drifts. Only rising
edges of counter 0 are scheduled.

Two liberties are taken with OUT of counter 0. In modes 2 to 5 it is seen low only for an instant before each
rising edge, not for a clock or half a period: a guest that answers late loses no tick by it. And edges come at
most every ``MIN_EDGE_NS``; shorter periods are merged.

Lost ticks: when the guest could not run for a while (realtime clock, busy host), the edges that fell due
meanwhile are delivered afterwards at twice the programmed pace, up to ``MAX_BACKLOG_NS`` worth of them; what
is beyond that is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.bus import Port
from engine.clock import SECOND_NS, Clock
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError
from engine.irq import IrqLine

INPUT_HZ: Final = 1_193_182

# Offsets
COUNTER_0: Final = 0
COUNTER_1: Final = 1
COUNTER_2: Final = 2
CONTROL: Final = 3

# Control word: SC1-0, RW1-0, M2-0, BCD
SC_READ_BACK: Final = 3
RW_LATCH: Final = 0
RW_LSB: Final = 1
RW_MSB: Final = 2
RW_LSB_MSB: Final = 3
READ_BACK_NO_COUNT: Final = 0x20
READ_BACK_NO_STATUS: Final = 0x10
STATUS_OUT: Final = 0x80
STATUS_NULL_COUNT: Final = 0x40

MIN_EDGE_NS: Final = 10_000
MAX_BACKLOG_NS: Final = 5 * SECOND_NS


def ticks_at(now_ns: int) -> int:
    """Input clock ticks since time 0."""
    return now_ns * INPUT_HZ // SECOND_NS


def ns_of_tick(tick: int) -> int:
    """The first nanosecond that belongs to ``tick``."""
    return -(-tick * SECOND_NS // INPUT_HZ)


@dataclass(slots=True)
class CounterState:
    """One counter. Ticks are absolute (since guest time 0)."""

    mode: int = 3
    rw: int = RW_LSB_MSB
    bcd: bool = False
    gate: bool = True
    out: bool = True  # OUT while nothing is loaded
    loaded: bool = False  # a count was loaded since the control word
    armed: bool = False  # modes 1, 5: a complete count is written
    running: bool = False  # the counting element decrements
    start_tick: int = 0  # when the count below was (or will be) loaded
    count: int = 0x10000  # loaded into the counting element at start_tick; what it stands at when not running
    reload: int = 0x10000  # count register, decoded
    pending_tick: int | None = None  # modes 2, 3: a new count takes over at this tick
    pending_low: bool = False  # mode 3: it takes over at the low half
    null_until: int | None = None  # null count flag set until this tick; -1: until a count is written
    write_low: int | None = None  # first byte of a two-byte count
    read_high: bool = False  # the next read is of the high byte
    latched_count: int | None = None
    latched_status: int | None = None


@dataclass(slots=True)
class State:
    counters: list[CounterState] = field(
        default_factory=lambda: [CounterState(), CounterState(), CounterState(gate=False)]
    )
    edge_tick: int | None = None  # next rising edge of counter 0 still to be delivered
    call_ns: int | None = None  # when the scheduled call is due
    backlog: int = 0  # lost edges still owed


@dataclass(frozen=True, slots=True)
class Waveform:
    """What counter 2 puts out from now on: high for ``high_ns``, then low, every ``period_ns``, counted from
    ``start_ns``; ``period_ns`` 0: steady at ``level`` until something is written."""

    level: bool
    start_ns: float = 0.0
    period_ns: float = 0.0
    high_ns: float = 0.0
    until_ns: float | None = None  # steady ``level`` turns over then (modes 0, 1)


class _Counter:
    """Register semantics and arithmetic of one counter; ``t`` is the current tick."""

    def __init__(self) -> None:
        self.s = CounterState()

    # -- The counting element

    def _wrap(self) -> int:
        return 10_000 if self.s.bcd else 0x10000

    def _settle(self, t: int) -> None:
        """Lets a new count written in modes 2 and 3 take over when its time has come."""
        s = self.s
        if s.pending_tick is not None and t >= s.pending_tick:
            s.start_tick = s.pending_tick - ((s.reload + 1) // 2 if s.pending_low else 0)
            s.count = s.reload
            s.pending_tick = None
            s.pending_low = False

    def out(self, t: int) -> bool:
        """Level of OUT."""
        self._settle(t)
        s = self.s
        if not s.loaded:
            return s.out
        if s.mode in (2, 3):
            if not s.running or t < s.start_tick:
                return True
            phase = (t - s.start_tick) % s.count
            return phase != s.count - 1 if s.mode == 2 else phase < (s.count + 1) // 2
        if s.mode in (4, 5):
            return not (s.running and t == s.start_tick + s.count)
        if s.mode == 0:
            return s.count <= 0 or (s.running and t >= s.start_tick + s.count)
        return not s.running or t < s.start_tick or t >= s.start_tick + s.count  # mode 1

    def value(self, t: int) -> int:
        """The counting element as a guest reads it (BCD digits in BCD)."""
        self._settle(t)
        s = self.s
        elapsed = max(t - s.start_tick, 0) if s.running else 0
        if s.mode == 3 and s.loaded:
            half = (s.count + 1) // 2
            phase = elapsed % s.count
            step = phase if phase < half else phase - half
            count = (s.count & ~1) - 2 * step
        elif s.mode == 2 and s.loaded:
            count = s.count - elapsed % s.count
        else:
            count = s.count - elapsed
        count %= self._wrap()
        if s.bcd:
            count = count // 1000 << 12 | count // 100 % 10 << 8 | count // 10 % 10 << 4 | count % 10
        return count

    def next_rise(self, t: int) -> int | None:
        """The first tick after ``t`` at which OUT goes high, or None."""
        self._settle(t)
        s = self.s
        if not s.loaded or not s.running:
            return None
        if s.mode in (2, 3):
            if s.pending_tick is not None:
                if s.pending_low:
                    return s.pending_tick + s.reload // 2
                return s.pending_tick
            return s.start_tick + (max(t - s.start_tick, 0) // s.count + 1) * s.count
        rise = s.start_tick + s.count + (1 if s.mode in (4, 5) else 0)
        return rise if rise > t else None

    def _freeze(self, t: int) -> None:
        """Stops decrementing; the count stands where it is."""
        s = self.s
        if s.running:
            if s.mode in (0, 4) or not s.loaded:
                s.count -= max(t - s.start_tick, 0)
            else:
                count = self.value(t)
                s.count = (_from_bcd(count) if s.bcd else count) or self._wrap()
            s.running = False

    def set_gate(self, level: bool, t: int) -> None:
        s = self.s
        if level == s.gate:
            return
        self._settle(t)
        s.gate = level
        if s.mode in (0, 4):
            if not s.loaded:
                return
            if level:
                s.start_tick = max(t, s.start_tick)
                s.running = True
            else:
                self._freeze(t)
        elif level:  # a rising edge triggers modes 1 and 5, restarts 2 and 3
            if s.armed:
                self._load(t + 1)
        elif s.mode in (2, 3) and s.loaded:
            self._freeze(t)
            s.pending_tick = None

    def _load(self, tick: int) -> None:
        """Count register to counting element at ``tick``."""
        s = self.s
        s.count = s.reload
        s.start_tick = tick
        s.loaded = True
        s.running = s.gate or s.mode in (1, 5)
        s.pending_tick = None
        s.null_until = tick

    # -- Registers

    def write_control(self, value: int, t: int) -> None:
        s = self.s
        self._settle(t)
        self._freeze(t)
        s.count = s.count % self._wrap()
        s.mode = value >> 1 & 7
        if s.mode > 5:
            s.mode &= 3
        s.rw = value >> 4 & 3
        s.bcd = bool(value & 1)
        s.out = s.mode != 0
        s.loaded = s.armed = s.running = False
        s.pending_tick = None
        s.pending_low = False
        s.null_until = -1
        s.write_low = None
        s.read_high = False
        s.latched_count = s.latched_status = None

    def write(self, value: int, t: int) -> bool:
        """A byte of the count. True when the counter's course may have changed."""
        s = self.s
        if s.rw == RW_LSB_MSB:
            if s.write_low is None:
                s.write_low = value
                if s.mode == 0:  # the first byte stops counting and pulls OUT low
                    self._freeze(t)
                    s.loaded = False
                    s.out = False
                    return True
                return False
            value = value << 8 | s.write_low
            s.write_low = None
        elif s.rw == RW_MSB:
            value <<= 8
        self._settle(t)
        s.reload = (_from_bcd(value) if s.bcd else value) or self._wrap()
        if s.mode in (2, 3) and s.reload == 1:
            s.reload = 2  # 1 is not allowed; the shortest period is 2
        s.armed = True
        if s.mode in (1, 5):
            s.null_until = -1  # until the trigger
        elif s.mode in (2, 3) and s.loaded and s.running and t >= s.start_tick:
            self._load_later(t)
        else:
            self._load(t + 1)
        return True

    def _load_later(self, t: int) -> None:
        """Modes 2 and 3: the new count waits for the end of the (half) cycle."""
        s = self.s
        phase = (t - s.start_tick) % s.count
        cycle = t - phase
        half = (s.count + 1) // 2
        s.pending_low = s.mode == 3 and phase < half
        s.pending_tick = cycle + (half if s.pending_low else s.count)
        s.null_until = s.pending_tick

    def read(self, t: int) -> int:
        s = self.s
        if s.latched_status is not None:
            status, s.latched_status = s.latched_status, None
            return status
        latched = s.latched_count
        count = self.value(t) if latched is None else latched
        if s.rw == RW_LSB_MSB:
            high, s.read_high = s.read_high, not s.read_high
            if high:
                s.latched_count = None
            return count >> 8 if high else count & 0xFF
        s.latched_count = None
        return count >> 8 if s.rw == RW_MSB else count & 0xFF

    def latch_count(self, t: int) -> None:
        if self.s.latched_count is None:
            self.s.latched_count = self.value(t)

    def latch_status(self, t: int) -> None:
        s = self.s
        if s.latched_status is None:
            null = s.null_until is not None and (s.null_until < 0 or t < s.null_until)
            s.latched_status = (
                (STATUS_OUT if self.out(t) else 0)
                | (STATUS_NULL_COUNT if null else 0)
                | s.rw << 4
                | s.mode << 1
                | int(s.bcd)
            )


def _from_bcd(value: int) -> int:
    return (value >> 12) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15)


class Timer8254:
    """The three counters. ``counter2_changed`` is called when counter 2's output takes another course."""

    def __init__(self, out0: IrqLine, clock: Clock, counter2_changed: Callable[[], None] | None = None) -> None:
        self._out0 = out0
        self._clock = clock
        self.counter2_changed = counter2_changed
        self._counters = [_Counter() for _ in range(3)]
        self._edge_tick: int | None = None
        self._call_ns: int | None = None
        self._call_id = 0
        self._backlog = 0
        self.reset(ResetKind.POWER_ON)

    def port_map(self) -> list[Port]:
        return [
            Port(COUNTER_0, lambda: self._read(0), lambda value: self._write(0, value)),
            Port(COUNTER_1, lambda: self._read(1), lambda value: self._write(1, value)),
            Port(COUNTER_2, lambda: self._read(2), lambda value: self._write(2, value)),
            Port(CONTROL, None, self.write_control),
        ]

    # -- Registers

    def _now(self) -> int:
        return ticks_at(self._clock.now_ns)

    def _read(self, index: int) -> int:
        return self._counters[index].read(self._now())

    def _write(self, index: int, value: int) -> None:
        if self._counters[index].write(value, self._now()):
            self._changed(index)

    def write_control(self, value: int) -> None:
        t = self._now()
        select = value >> 6
        if select == SC_READ_BACK:
            for index, counter in enumerate(self._counters):
                if value & 2 << index:
                    if not value & READ_BACK_NO_COUNT:
                        counter.latch_count(t)
                    if not value & READ_BACK_NO_STATUS:
                        counter.latch_status(t)
        elif value >> 4 & 3 == RW_LATCH:
            self._counters[select].latch_count(t)
        else:
            self._counters[select].write_control(value, t)
            self._changed(select)

    def _changed(self, index: int) -> None:
        if index == 0:
            self._backlog = 0
            self._drive_out0()
            self._arm(self._now())
        elif index == 2 and self.counter2_changed is not None:
            self.counter2_changed()

    # -- Counter 0: IRQ 0

    def _drive_out0(self) -> None:
        counter = self._counters[0]
        self._out0.set(counter.s.mode in (2, 3) or counter.out(self._now()))

    def _arm(self, t: int) -> None:
        """Schedules the next rising edge after tick ``t``."""
        self._edge_tick = self._counters[0].next_rise(t)
        if self._edge_tick is None:
            self._schedule(None)
            return
        when_ns = ns_of_tick(self._edge_tick)
        now_ns = self._clock.now_ns
        if self._backlog:
            half_ns = self._period_ns() // 2
            if now_ns + half_ns + half_ns // 2 < when_ns:  # never right before a regular edge
                when_ns = now_ns + half_ns
        elif self._period_ns() < MIN_EDGE_NS and self._counters[0].s.mode in (2, 3):
            when_ns = max(when_ns, now_ns + MIN_EDGE_NS)
        self._schedule(when_ns)

    def _schedule(self, when_ns: int | None) -> None:
        if self._call_ns is not None:
            self._clock.cancel(self._call_id)
        self._call_ns = when_ns
        if when_ns is not None:
            self._call_id = self._clock.call_at(when_ns, self._due)

    def _period_ns(self) -> int:
        return self._counters[0].s.count * SECOND_NS // INPUT_HZ

    def _due(self) -> None:
        self._call_ns = None
        t = self._now()
        edge = self._edge_tick
        if edge is not None and t >= edge:
            self._count_lost(edge, t)
        elif self._backlog:
            self._backlog -= 1
        else:
            self._arm(t)
            return
        self._out0.set(False)
        self._out0.set(True)
        self._arm(t)

    def _count_lost(self, edge: int, t: int) -> None:
        """Edges that fell due between ``edge`` and ``t`` are owed to the guest."""
        counter = self._counters[0]
        counter.out(t)  # a pending count takes over
        s = counter.s
        period_ns = self._period_ns()
        if s.mode not in (2, 3) or period_ns < MIN_EDGE_NS:
            return
        lost = max(t - max(edge, s.start_tick), 0) // s.count
        self._backlog = min(self._backlog + lost, MAX_BACKLOG_NS // period_ns)

    # -- Counter 2: speaker

    @property
    def counter2_out(self) -> bool:
        """OUT of counter 2 (port 61h bit 5)."""
        return self._counters[2].out(self._now())

    @property
    def gate2(self) -> bool:
        return self._counters[2].s.gate

    def set_gate2(self, level: bool) -> None:
        """GATE of counter 2 (port 61h bit 0)."""
        if level != self._counters[2].s.gate:
            self._counters[2].set_gate(level, self._now())
            self._changed(2)

    def counter2_waveform(self) -> Waveform:
        """OUT of counter 2 from now on, for the speaker."""
        t = self._now()
        counter = self._counters[2]
        level = counter.out(t)
        s = counter.s
        if not s.loaded or not s.running:
            return Waveform(level)
        tick_ns = SECOND_NS / INPUT_HZ
        if s.mode in (2, 3):
            # A count that waits for its half cycle is taken as if it were there already: a millisecond of sound.
            count = s.reload if s.pending_tick is not None else s.count
            high = (count + 1) // 2 if s.mode == 3 else count - 1
            return Waveform(level, s.start_tick * tick_ns, count * tick_ns, high * tick_ns)
        end = s.start_tick + s.count
        return Waveform(level, until_ns=end * tick_ns if t < end and s.mode in (0, 1) else None)

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        """The chip has no reset pin: its power-on state is undefined. Here counters 0 and 1 stand still with
        OUT high until they are programmed."""
        if kind is not ResetKind.POWER_ON:
            return
        self._restore(State())

    def save(self) -> State:
        return copy_state(
            State([counter.s for counter in self._counters], self._edge_tick, self._call_ns, self._backlog)
        )

    def load(self, state: State) -> None:
        if not isinstance(state, State) or len(state.counters) != 3:
            raise StateError("The saved state of the timer is of another kind.")
        if any(not 0 <= c.mode <= 5 or not 1 <= c.reload <= 0x10000 or abs(c.count) > 1 << 62 for c in state.counters):
            raise StateError("The saved state of the timer is damaged.")
        if any(c.mode in (2, 3) and c.loaded and c.count < 1 for c in state.counters):
            raise StateError("The saved state of the timer is damaged.")
        self._restore(copy_state(state))

    def _restore(self, state: State) -> None:
        for counter, counter_state in zip(self._counters, state.counters, strict=True):
            counter.s = counter_state
        self._edge_tick = state.edge_tick
        self._backlog = state.backlog
        self._drive_out0()
        self._schedule(state.call_ns)
        if self.counter2_changed is not None:
            self.counter2_changed()
