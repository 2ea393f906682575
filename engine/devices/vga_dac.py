"""The palette DAC: 256 colours of three 6-bit (or 8-bit) components at ports 3C6h-3C9h.

IBM PS/2 Hardware Interface Technical Reference, Video Digital-to-Analog Converter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class DacState:
    colours: bytearray = field(default_factory=lambda: bytearray(768))  # red, green, blue as written
    pel_mask: int = 0xFF
    write_index: int = 0
    read_index: int = 0
    component: int = 0
    reading: bool = False
    wide: bool = False  # 8 bits to a component


class Dac:
    """``changed()`` is called whenever a colour on the screen may be another."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.state = DacState()
        self._changed = changed

    def set_wide(self, wide: bool) -> None:
        if wide != self.state.wide:
            self.state.wide = wide
            self._changed()

    def colour(self, index: int) -> int:
        """A colour as xRGB."""
        colours = self.state.colours
        at = index * 3
        if self.state.wide:
            return colours[at] << 16 | colours[at + 1] << 8 | colours[at + 2]
        value = (colours[at] & 63) << 16 | (colours[at + 1] & 63) << 8 | colours[at + 2] & 63
        return value << 2 | value >> 4 & 0x030303

    # -- Ports --------------------------------------------------------------------------------------------

    def read_pel_mask(self) -> int:
        return self.state.pel_mask

    def write_pel_mask(self, value: int) -> None:
        self.state.pel_mask = value & 0xFF
        self._changed()

    def read_dac_state(self) -> int:
        return 3 if self.state.reading else 0

    def write_read_index(self, value: int) -> None:
        state = self.state
        state.read_index = value & 0xFF
        state.component = 0
        state.reading = True

    def read_write_index(self) -> int:
        return self.state.write_index

    def write_write_index(self, value: int) -> None:
        state = self.state
        state.write_index = value & 0xFF
        state.component = 0
        state.reading = False

    def read_data(self) -> int:
        state = self.state
        value = state.colours[state.read_index * 3 + state.component]
        state.component += 1
        if state.component == 3:
            state.component = 0
            state.read_index = state.read_index + 1 & 0xFF
        return value

    def write_data(self, value: int) -> None:
        state = self.state
        state.colours[state.write_index * 3 + state.component] = value & (0xFF if state.wide else 0x3F)
        state.component += 1
        if state.component == 3:
            state.component = 0
            state.write_index = state.write_index + 1 & 0xFF
        self._changed()

    def read_data_block(self, count: int) -> bytes:
        return bytes(self.read_data() for _ in range(count))

    def write_data_block(self, data: bytes) -> None:
        for value in data:
            self.write_data(value)
