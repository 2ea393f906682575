"""The VGA's registers, written through their ports as any program would.

Names and numbers: IBM Personal System/2 Hardware Interface Technical Reference, Video Subsystem.
"""

from __future__ import annotations

from typing import Final

from engine.firmware.board import FirmwareBus

ATTRIBUTE: Final = 0x3C0
ATTRIBUTE_READ: Final = 0x3C1
MISCELLANEOUS: Final = 0x3C2
SEQUENCER: Final = 0x3C4
DAC_MASK: Final = 0x3C6
DAC_READ: Final = 0x3C7
DAC_WRITE: Final = 0x3C8
DAC_DATA: Final = 0x3C9
MISCELLANEOUS_READ: Final = 0x3CC
GRAPHICS: Final = 0x3CE
CRTC_COLOUR: Final = 0x3D4
CRTC_MONO: Final = 0x3B4
SHOW: Final = 0x20  # attribute index bit 5: the palette feeds the screen


class VideoPorts:
    """Index and data pairs, the attribute controller's flip-flop, the DAC."""

    def __init__(self, bus: FirmwareBus) -> None:
        self._read = bus.port_read
        self._write = bus.port_write
        self.crtc_port = CRTC_COLOUR

    def out(self, port: int, value: int) -> None:
        self._write(port, value & 0xFF, 1)

    def in_(self, port: int) -> int:
        return self._read(port, 1) & 0xFF

    def sequencer(self, index: int, value: int) -> None:
        self._write(SEQUENCER, index, 1)
        self._write(SEQUENCER + 1, value & 0xFF, 1)

    def read_sequencer(self, index: int) -> int:
        self._write(SEQUENCER, index, 1)
        return self.in_(SEQUENCER + 1)

    def graphics(self, index: int, value: int) -> None:
        self._write(GRAPHICS, index, 1)
        self._write(GRAPHICS + 1, value & 0xFF, 1)

    def read_graphics(self, index: int) -> int:
        self._write(GRAPHICS, index, 1)
        return self.in_(GRAPHICS + 1)

    def crtc(self, index: int, value: int) -> None:
        self._write(self.crtc_port, index, 1)
        self._write(self.crtc_port + 1, value & 0xFF, 1)

    def read_crtc(self, index: int) -> int:
        self._write(self.crtc_port, index, 1)
        return self.in_(self.crtc_port + 1)

    def reset_flip_flop(self) -> None:
        """The next write to 3C0h is an index."""
        self._read(self.crtc_port + 6, 1)

    def attribute(self, index: int, value: int) -> None:
        """Writes an attribute register and leaves the screen on."""
        self.reset_flip_flop()
        self._write(ATTRIBUTE, index, 1)
        self._write(ATTRIBUTE, value & 0xFF, 1)
        self._write(ATTRIBUTE, SHOW, 1)

    def read_attribute(self, index: int) -> int:
        self.reset_flip_flop()
        self._write(ATTRIBUTE, index, 1)
        value = self.in_(ATTRIBUTE_READ)
        self.reset_flip_flop()
        self._write(ATTRIBUTE, SHOW, 1)
        return value

    def attributes(self, values: bytes) -> None:
        """All attribute registers from 0 on."""
        self.reset_flip_flop()
        for index, value in enumerate(values):
            self._write(ATTRIBUTE, index, 1)
            self._write(ATTRIBUTE, value, 1)
        self._write(ATTRIBUTE, SHOW, 1)

    def write_dac(self, first: int, colours: bytes) -> None:
        """Colour registers from ``first`` on: red, green, blue."""
        self._write(DAC_WRITE, first & 0xFF, 1)
        for value in colours:
            self._write(DAC_DATA, value & 0xFF, 1)

    def read_dac(self, first: int, count: int) -> bytes:
        self._write(DAC_READ, first & 0xFF, 1)
        return bytes(self.in_(DAC_DATA) for _ in range(count * 3))
