"""Tells a guest that waits from one that works, so that waiting can cost the host nothing.

A program that waits for a key asks INT 16h/01h (or the time, INT 1Ah/00h) again and again with next to nothing in
between. A poll counts as *fruitless* when

- it found nothing, and no other BIOS service was called since the last poll;
- the caller's registers are those of one of the last two polls (a loop that computes carries its state in them);
- the last poll was at most ``QUICK_NS`` of guest time ago, and at most ``QUICK_INSTRUCTIONS`` instructions. A loop
  that goes through protected mode and back needs more; up to ``LOOP_INSTRUCTIONS`` are allowed when it is, to the
  instruction, as long as the round before: then nothing happened in it.

After ``PATIENCE`` fruitless polls in a row the stub executes STI;HLT once before it answers; while the waiting goes
on, the next halt comes after ``PATIENCE_AGAIN`` polls. A program that looks at the keyboard now and then while it
computes, draws or loads never gets there: its polls are far apart, differ, or come between other calls. One that
does wait loses nothing, because what it waits for arrives by interrupt and an interrupt ends the halt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

QUICK_INSTRUCTIONS: Final = 3_000
LOOP_INSTRUCTIONS: Final = 20_000
QUICK_NS: Final = 300_000
PATIENCE: Final = 512  # FreeDOS polls more than 200 times between two steps of its start
PATIENCE_AGAIN: Final = 16


@dataclass
class IdleDetector:
    """``poll`` after each fruitless look for input, ``busy`` on anything else a program asks the BIOS to do."""

    polls: int = 0
    limit: int = PATIENCE
    last_retired: int = 0
    last_gap: int = 0
    last_ns: int = 0
    seen: list[int] = field(default_factory=lambda: [0, 0])

    def poll(self, retired: int, now_ns: int, registers: int) -> bool:
        """Whether to halt now. ``registers``: a number made from the caller's registers."""
        gap = retired - self.last_retired
        short = gap <= QUICK_INSTRUCTIONS or (gap <= LOOP_INSTRUCTIONS and gap == self.last_gap)
        fruitless = short and now_ns - self.last_ns <= QUICK_NS and registers in self.seen
        self.last_retired, self.last_gap, self.last_ns = retired, gap, now_ns
        self.seen = [registers, self.seen[0]]
        if not fruitless:
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
