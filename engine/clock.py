"""Guest time as devices see it.

The native ``engine._core.Clock`` implements :class:`Clock`; :class:`ManualClock` is cranked by hand in
device tests.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Protocol

SECOND_NS = 1_000_000_000
MILLISECOND_NS = 1_000_000
MICROSECOND_NS = 1_000


class Clock(Protocol):
    """Guest nanoseconds since power-on; callbacks run on the VM's worker thread."""

    @property
    def now_ns(self) -> int: ...

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> int:
        """Calls back once ``now_ns >= when_ns``; returns an id for :meth:`cancel`."""

    def call_in(self, delay_ns: int, callback: Callable[[], None]) -> int: ...

    def cancel(self, call_id: int) -> None:
        """Forgets a call; an unknown or past id is ignored."""


class ManualClock:
    """A clock that stands still until told to advance."""

    def __init__(self) -> None:
        self._now_ns = 0
        self._next_id = 1
        self._heap: list[tuple[int, int]] = []
        self._callbacks: dict[int, Callable[[], None]] = {}

    @property
    def now_ns(self) -> int:
        return self._now_ns

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> int:
        call_id = self._next_id
        self._next_id += 1
        self._callbacks[call_id] = callback
        heapq.heappush(self._heap, (when_ns, call_id))
        return call_id

    def call_in(self, delay_ns: int, callback: Callable[[], None]) -> int:
        return self.call_at(self._now_ns + delay_ns, callback)

    def cancel(self, call_id: int) -> None:
        self._callbacks.pop(call_id, None)

    def advance(self, delay_ns: int) -> None:
        """Moves time forward, running every callback due on the way at its own time."""
        end_ns = self._now_ns + delay_ns
        while self._heap and self._heap[0][0] <= end_ns:
            when_ns, call_id = heapq.heappop(self._heap)
            callback = self._callbacks.pop(call_id, None)
            if callback is not None:
                self._now_ns = max(self._now_ns, when_ns)
                callback()
        self._now_ns = end_ns
