"""Tells a guest that waits from one that works, so that waiting can cost the host nothing.

A program that waits for a key asks INT 16h/01h (or the time, INT 1Ah/00h) again and again with next to nothing in
between. A poll counts as *quick* when it found nothing, when no other BIOS service was called since the last poll,
and when that one was at most ``QUICK_INSTRUCTIONS`` and ``QUICK_NS`` of guest time ago. After ``PATIENCE`` quick
polls in a row the stub executes STI;HLT once before it answers; while the waiting goes on, the next halt comes
after ``PATIENCE_AGAIN`` polls. A program that looks at the keyboard now and then while it computes, draws or loads
never gets there: its polls are far apart or come between other calls. One that does wait loses nothing, because
what it waits for arrives by interrupt and an interrupt ends the halt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

QUICK_INSTRUCTIONS: Final = 3_000
QUICK_NS: Final = 300_000
PATIENCE: Final = 128
PATIENCE_AGAIN: Final = 16


@dataclass
class IdleDetector:
    """``poll`` after each fruitless look for input, ``busy`` on anything else a program asks the BIOS to do."""

    polls: int = 0
    limit: int = PATIENCE
    last_retired: int = 0
    last_ns: int = 0

    def poll(self, retired: int, now_ns: int) -> bool:
        """Whether to halt now."""
        quick = retired - self.last_retired <= QUICK_INSTRUCTIONS and now_ns - self.last_ns <= QUICK_NS
        self.last_retired = retired
        self.last_ns = now_ns
        if not quick:
            self.busy()
            return False
        self.polls += 1
        if self.polls < self.limit:
            return False
        self.polls = 0
        self.limit = PATIENCE_AGAIN
        return True

    def halted(self, retired: int, now_ns: int) -> None:
        """The halt is over: the time it took is not held against the program."""
        self.last_retired = retired
        self.last_ns = now_ns

    def busy(self) -> None:
        """The program works, or got what it waited for."""
        self.polls = 0
        self.limit = PATIENCE
