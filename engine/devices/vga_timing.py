"""When the beam is where: the monitor's timing from the CRTC registers.

IBM PS/2 Hardware Interface Technical Reference, Video Subsystem, CRT controller registers. Values that no
monitor could follow give the timing of the 70 Hz text mode, so that a program that waits for the retrace goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Dot clocks that miscellaneous output bits 2-3 choose; 2 and 3 are external and not fitted.
_DOT_CLOCKS_HZ = (25_175_000, 28_322_000, 25_175_000, 28_322_000)
_MIN_FRAME_NS = 1_000_000_000 // 125
_MAX_FRAME_NS = 1_000_000_000 // 40
MIN_TICK_NS = 1_000_000_000 // 60  # a host screen is not served faster


@dataclass(frozen=True, slots=True)
class Timing:
    """Lengths in nanoseconds of guest time; lines are counted from the first one displayed."""

    frame_ns: int
    line_ns: int
    display_ns: int  # the displayed part of a line
    display_lines: int
    sync_first: int
    sync_end: int

    @property
    def refresh_hz(self) -> float:
        return 1e9 / self.frame_ns


TEXT_70_HZ = Timing(14_268_000, 31_777, 25_422, 400, 412, 414)


def linear_timing(height: int) -> Timing:
    """A mode beyond VGA: 60 Hz, retrace times as in the VESA timings (about 5 % of the frame)."""
    total = height + max(height // 20, 8)
    line_ns = 1_000_000_000 // (60 * total)
    return Timing(line_ns * total, line_ns, line_ns * 4 // 5, height, height + 3, height + 7)


def crtc_timing(miscellaneous_output: int, clocking_mode: int, crtc: Sequence[int]) -> Timing:
    """The timing that the registers program."""
    dots = 8 if clocking_mode & 0x01 else 9
    if clocking_mode & 0x08:
        dots *= 2
    clock_hz = _DOT_CLOCKS_HZ[miscellaneous_output >> 2 & 3]
    overflow = crtc[0x07]
    total_characters = crtc[0x00] + 5
    total_lines = (crtc[0x06] | (overflow & 0x01) << 8 | (overflow & 0x20) << 4) + 2
    display_lines = (crtc[0x12] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3) + 1
    sync_first = crtc[0x10] | (overflow & 0x04) << 6 | (overflow & 0x80) << 2
    line_ns = total_characters * dots * 1_000_000_000 // clock_hz
    frame_ns = line_ns * total_lines
    if not _MIN_FRAME_NS <= frame_ns <= _MAX_FRAME_NS or sync_first >= total_lines or not crtc[0x17] & 0x80:
        return TEXT_70_HZ
    # The end register holds the low four bits of the line at which the pulse ends.
    width = (crtc[0x11] - sync_first) & 0x0F or 16
    display_ns = min(line_ns * (crtc[0x01] + 1) // total_characters, line_ns)
    return Timing(
        frame_ns,
        line_ns,
        display_ns,
        min(display_lines, total_lines),
        sync_first,
        min(sync_first + width, total_lines),
    )
