"""The PC speaker: counter 2 of the timer and a data bit (port 61h), both through an AND gate to a coil.

The guest's changes are noted with their guest times; sound is made from them when somebody asks for samples, so
a silent machine costs nothing. The level is averaged over each sample, so programs that play samples by switching
the data bit or by short pulses of counter 2 are heard. A high pass takes the resting position away, as the
coil's air does. Tones above hearing count as their average level: programs mean silence, or a carrier.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.clock import MILLISECOND_NS, SECOND_NS, Clock
from engine.devices.device import ResetKind, copy_state
from engine.devices.timer_8254 import Waveform
from engine.errors import StateError

SAMPLE_RATE: Final = 48_000
SAMPLE_NS: Final = SECOND_NS / SAMPLE_RATE
VOLUME: Final = 12_000  # of 32,767, from one end of the coil's way to the other
LATENCY_NS: Final = 60 * MILLISECOND_NS  # the listener is kept this far behind the guest
MAX_CHANGES: Final = 16_384  # older ones are forgotten when nobody listens
INAUDIBLE_NS: Final = SECOND_NS / 18_000  # shorter periods
HIGH_PASS: Final = 0.999  # per sample: 8 Hz
_FILTER_BLOCK: Final = 1024
_QUIET: Final = 1e-4


@dataclass
class State:
    """``data`` is port 61h bit 1; ``counter`` the course of counter 2's output."""

    data: bool = False
    counter: Waveform = field(default_factory=lambda: Waveform(True))


@dataclass(slots=True)
class _Course:
    """What the coil does from ``when_ns`` on."""

    when_ns: int
    data: bool
    counter: Waveform


class PcSpeaker:
    """The guest's side runs on the machine's thread; ``take_samples`` may be called from another one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._state = State()
        self._lock = threading.Lock()
        self._changes: deque[_Course] = deque(maxlen=MAX_CHANGES)
        self._course = _Course(0, False, Waveform(True))
        self._played_ns = 0
        self._resting = 0.0  # where the high pass sees the middle

    # -- The guest's side

    def set_data(self, data: bool) -> None:
        """Port 61h bit 1 changed."""
        if data != self._state.data:
            self._state.data = data
            self._note()

    def set_counter(self, counter: Waveform) -> None:
        """Counter 2's output takes another course."""
        self._state.counter = counter
        if self._state.data:  # behind the closed gate nobody hears it
            self._note()

    def _note(self) -> None:
        course = _Course(self._clock.now_ns, self._state.data, self._state.counter)
        with self._lock:
            self._changes.append(course)

    # -- The listener's side

    @property
    def audible(self) -> bool:
        """There is something to hear, or there was a moment ago."""
        return _sounds(self._state.data, self._state.counter) or bool(self._changes)

    def take_samples(self, count: int) -> bytes:
        """The next ``count`` samples, 16-bit signed little-endian mono at SAMPLE_RATE, in guest time."""
        now_ns = self._clock.now_ns
        length_ns = round(count * SAMPLE_NS)
        with self._lock:
            start_ns = self._played_ns
            # After a pause catch up, after a step back in time start anew; small drifts even out by themselves.
            if not 0 <= now_ns - start_ns <= 4 * LATENCY_NS + length_ns:
                start_ns = max(now_ns - LATENCY_NS - length_ns, 0)
                while self._changes and self._changes[0].when_ns <= start_ns:
                    self._course = self._changes.popleft()
            end_ns = start_ns + length_ns
            if end_ns > now_ns:
                return bytes(2 * count)
            self._played_ns = end_ns
            courses = [self._course]
            while self._changes and self._changes[0].when_ns < end_ns:
                courses.append(self._changes.popleft())
            self._course = courses[-1]
        if len(courses) == 1 and self._at_rest(courses[0], start_ns):
            return bytes(2 * count)
        return self._filtered(_average_levels(courses, start_ns, count)).tobytes()

    def _at_rest(self, course: _Course, at_ns: int) -> bool:
        if _sounds(course.data, course.counter):
            return False
        if course.data and course.counter.until_ns is not None and course.counter.until_ns > at_ns:
            return False
        level = _high_ns(course, at_ns, at_ns + 1)
        return abs(level - self._resting) < _QUIET

    def _filtered(self, levels: NDArray[np.float64]) -> NDArray[np.int16]:
        """High pass: what differs from the slowly following middle, as samples."""
        samples = np.empty(len(levels), dtype="<i2")
        for start in range(0, len(levels), _FILTER_BLOCK):
            block = levels[start : start + _FILTER_BLOCK]
            decay = HIGH_PASS ** np.arange(1, len(block) + 1)
            middle = decay * (self._resting + (1 - HIGH_PASS) * np.cumsum(block / decay))
            samples[start : start + len(block)] = np.round(VOLUME * (block - middle))
            self._resting = float(middle[-1])
        return samples

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        self._state = State()
        self._note()

    def save(self) -> State:
        return copy_state(self._state)

    def load(self, state: State) -> None:
        if not isinstance(state, State) or not isinstance(state.counter, Waveform):
            raise StateError("The saved state of the speaker is of another kind.")
        self._state = copy_state(state)
        with self._lock:
            self._changes.clear()
            self._played_ns = self._clock.now_ns
            self._course = _Course(self._played_ns, state.data, state.counter)


def _sounds(data: bool, counter: Waveform) -> bool:
    return data and counter.period_ns >= INAUDIBLE_NS


def _average_levels(courses: list[_Course], start_ns: int, count: int) -> NDArray[np.float64]:
    """How much of each sample's time the coil is out, 0 to 1."""
    high = np.zeros(count)
    end_ns = start_ns + count * SAMPLE_NS
    for index, course in enumerate(courses):
        begin_ns = max(course.when_ns, start_ns)
        until_ns = courses[index + 1].when_ns if index + 1 < len(courses) else end_ns
        if until_ns > begin_ns and course.data:
            _add_course(high, course, begin_ns, until_ns, start_ns)
    return np.clip(high / SAMPLE_NS, 0.0, 1.0)


def _add_course(high: NDArray[np.float64], course: _Course, begin_ns: float, until_ns: float, start_ns: int) -> None:
    """Adds the time the coil is out between two times to the samples they fall into."""
    first = min(int((begin_ns - start_ns) / SAMPLE_NS), len(high) - 1)
    last = min(int((until_ns - start_ns) / SAMPLE_NS), len(high) - 1)
    if first == last:  # short pulses: no need for arrays
        high[first] += _high_ns(course, begin_ns, until_ns)
        return
    edges = start_ns + np.arange(first, last + 2, dtype=np.float64) * SAMPLE_NS
    edges[0], edges[-1] = begin_ns, until_ns
    high[first : last + 1] += np.diff(_high_since_start(course, edges))


def _high_ns(course: _Course, begin_ns: float, until_ns: float) -> float:
    edges = _high_since_start(course, np.array((begin_ns, until_ns), dtype=np.float64))
    return float(edges[1] - edges[0])


def _high_since_start(course: _Course, times_ns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Total time the coil was out, from some moment to each of ``times_ns``."""
    counter = course.counter
    if not course.data:
        return np.zeros(len(times_ns))
    if counter.period_ns >= INAUDIBLE_NS:
        whole, rest = np.divmod(times_ns - counter.start_ns, counter.period_ns)
        return np.asarray(whole * counter.high_ns + np.minimum(rest, counter.high_ns))
    if counter.period_ns:
        return times_ns * (counter.high_ns / counter.period_ns)
    if counter.until_ns is None:
        return times_ns if counter.level else np.zeros(len(times_ns))
    before = np.minimum(times_ns, counter.until_ns)
    return before if counter.level else times_ns - before
