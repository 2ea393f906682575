"""Modes beyond VGA: the Bochs display interface (VBE_DISPI), index and data register of 16 bits.

Registers as the Bochs VBE documentation (``vbe_display_api.txt``) numbers them. Every value is checked against
the video memory when the mode is enabled: a mode that does not fit is not entered. X and Y resolution and depth
can only be changed while disabled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.bus import PortRange

INDEX_ID: Final = 0x0
INDEX_XRES: Final = 0x1
INDEX_YRES: Final = 0x2
INDEX_BPP: Final = 0x3
INDEX_ENABLE: Final = 0x4
INDEX_BANK: Final = 0x5
INDEX_VIRT_WIDTH: Final = 0x6
INDEX_VIRT_HEIGHT: Final = 0x7
INDEX_X_OFFSET: Final = 0x8
INDEX_Y_OFFSET: Final = 0x9
INDEX_VIDEO_MEMORY_64K: Final = 0xA

ID_LATEST: Final = 0xB0C5
ID_OLDEST: Final = 0xB0C0

ENABLED: Final = 0x01
GETCAPS: Final = 0x02  # resolution and depth read as their maxima
DAC_8BIT: Final = 0x20
LFB_ENABLED: Final = 0x40
NOCLEARMEM: Final = 0x80

MAX_XRES: Final = 2560
MAX_YRES: Final = 1600
MAX_BPP: Final = 32
DEPTHS: Final = (4, 8, 15, 16, 24, 32)


@dataclass(slots=True)
class DispiState:
    index: int = 0
    id: int = ID_LATEST
    xres: int = 640
    yres: int = 480
    bpp: int = 8
    enable: int = 0
    bank: int = 0
    virt_width: int = 640
    x_offset: int = 0
    y_offset: int = 0


class Dispi:
    """The register pair at 1CEh/1CFh.

    ``entered(clear)`` is called when a mode is enabled (``clear``: its memory starts black), ``changed()`` when
    anything else that shapes the picture or the window changes.
    """

    def __init__(self, memory_bytes: int, entered: Callable[[bool], None], changed: Callable[[], None]) -> None:
        self.state = DispiState()
        self._memory_bytes = memory_bytes
        self._entered = entered
        self._changed = changed

    def port_map(self) -> list[PortRange]:
        # Index and data overlap as words: 1CEh-1CFh and 1CFh-1D0h.
        return [PortRange(0, 3, read=self._read, write=self._write, width=2)]

    def reset(self) -> None:
        self.state = DispiState()

    @property
    def enabled(self) -> bool:
        return bool(self.state.enable & ENABLED)

    @property
    def planar(self) -> bool:
        return self.state.bpp == 4

    @property
    def pitch(self) -> int:
        """Bytes from one row to the next (4 bits per pixel: in each plane)."""
        return _row_bytes(self.state.virt_width, self.state.bpp)

    @property
    def virt_height(self) -> int:
        """Rows that the video memory holds at the present virtual width."""
        return min(self._usable_bytes(self.state.bpp) // max(self.pitch, 1), 0xFFFF)

    def _usable_bytes(self, bpp: int) -> int:
        return self._memory_bytes // 4 if bpp == 4 else self._memory_bytes

    # -- Ports --------------------------------------------------------------------------------------------

    def _read(self, offset: int, size: int) -> int:
        return self.state.index if offset == 0 else self.read_register(self.state.index)

    def _write(self, offset: int, value: int, size: int) -> None:
        if offset == 0:
            self.state.index = value & 0xFFFF
        else:
            self.write_register(self.state.index, value & 0xFFFF)

    def read_register(self, index: int) -> int:
        state = self.state
        caps = bool(state.enable & GETCAPS)
        if index == INDEX_ID:
            return state.id
        if index == INDEX_XRES:
            return MAX_XRES if caps else state.xres
        if index == INDEX_YRES:
            return MAX_YRES if caps else state.yres
        if index == INDEX_BPP:
            return MAX_BPP if caps else state.bpp
        if index == INDEX_ENABLE:
            return state.enable
        if index == INDEX_BANK:
            return state.bank
        if index == INDEX_VIRT_WIDTH:
            return state.virt_width
        if index == INDEX_VIRT_HEIGHT:
            return self.virt_height
        if index == INDEX_X_OFFSET:
            return state.x_offset
        if index == INDEX_Y_OFFSET:
            return state.y_offset
        if index == INDEX_VIDEO_MEMORY_64K:
            return self._memory_bytes >> 16
        return 0

    def write_register(self, index: int, value: int) -> None:
        state = self.state
        if index == INDEX_ENABLE:
            self._write_enable(value)
        elif index == INDEX_ID:
            if ID_OLDEST <= value <= ID_LATEST:
                state.id = value
        elif index == INDEX_XRES:
            if not self.enabled and 0 < value <= MAX_XRES:
                state.xres = value
        elif index == INDEX_YRES:
            if not self.enabled and 0 < value <= MAX_YRES:
                state.yres = value
        elif index == INDEX_BPP:
            value = value or 8  # the oldest interface had no depth: 0 was 256 colours
            if not self.enabled and value in DEPTHS:
                state.bpp = value
        elif index == INDEX_BANK:
            state.bank = value & 0x3FFF  # bits 14 and 15 choose the read and the write window, which are one
            self._changed()
        elif index == INDEX_VIRT_WIDTH:
            self._write_virt_width(value)
        elif index == INDEX_X_OFFSET:
            state.x_offset = min(value, max(state.virt_width - state.xres, 0))
            self._changed()
        elif index == INDEX_Y_OFFSET:
            state.y_offset = min(value, max(self.virt_height - state.yres, 0))
            self._changed()

    def _write_virt_width(self, value: int) -> None:
        state = self.state
        if value < state.xres or _row_bytes(value, state.bpp) * state.yres > self._usable_bytes(state.bpp):
            return
        state.virt_width = value
        state.x_offset = min(state.x_offset, max(value - state.xres, 0))
        state.y_offset = min(state.y_offset, max(self.virt_height - state.yres, 0))
        self._changed()

    def _write_enable(self, value: int) -> None:
        state = self.state
        value &= ENABLED | GETCAPS | DAC_8BIT | LFB_ENABLED | NOCLEARMEM
        if not value & ENABLED:
            state.enable = value
            state.bank = 0
            self._changed()
            return
        if _row_bytes(state.xres, state.bpp) * state.yres > self._usable_bytes(state.bpp):
            return
        entering = not self.enabled
        state.enable = value
        if entering:
            state.virt_width = state.xres
            state.x_offset = state.y_offset = state.bank = 0
            self._entered(not value & NOCLEARMEM)
        self._changed()

    def load(self, state: DispiState) -> bool:
        """Takes a saved state over; False if it cannot be this interface's."""
        fits = (
            0 < state.xres <= MAX_XRES
            and 0 < state.yres <= MAX_YRES
            and state.bpp in DEPTHS
            and state.xres <= state.virt_width <= 0xFFFF
            and _row_bytes(state.virt_width, state.bpp) * state.yres <= self._usable_bytes(state.bpp)
        )
        if fits or not state.enable & ENABLED:
            self.state = state
            return True
        return False


def _row_bytes(width: int, bpp: int) -> int:
    return width // 8 if bpp == 4 else width * ((bpp + 7) // 8)
