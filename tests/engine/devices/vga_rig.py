"""A display adapter on its own bus, and the register sets of the standard modes, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine import _core
from engine.board_bus import attach
from engine.clock import ManualClock
from engine.console.rom_fonts import rom_font
from engine.console.screen import Screen
from engine.devices.vga import EXTRA_BYTES, Vga

MEGABYTE = 1 << 20
LFB = 0xE0000000


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)


@dataclass(frozen=True)
class ModeRegisters:
    """What a VGA BIOS writes: miscellaneous output, sequencer 0-4, CRTC 0-18h, graphics 0-8, attribute 0-14h."""

    misc: int
    sequencer: bytes
    crtc: bytes
    graphics: bytes
    attribute: bytes


_ATTRIBUTE_TEXT = "0001020304051407 38393A3B3C3D3E3F 0C000F0800"
_ATTRIBUTE_16 = "0001020304051407 38393A3B3C3D3E3F 01000F0000"
_ATTRIBUTE_256 = "0001020304050607 08090A0B0C0D0E0F 41000F0000"
_CRTC_400 = "5F4F50825480BF1F 0041000000000000 9C8E8F284096B9A3FF"

MODES = {
    0x03: ModeRegisters(
        0x67,
        _bytes("0300030002"),
        _bytes("5F4F50825581BF1F 004F0D0E00000000 9C8E8F281F96B9A3FF"),
        _bytes("0000000000100E00FF"),
        _bytes(_ATTRIBUTE_TEXT),
    ),
    0x01: ModeRegisters(
        0x67,
        _bytes("0308030002"),
        _bytes("2D2728902BA0BF1F 004F0D0E00000000 9C8E8F141F96B9A3FF"),
        _bytes("0000000000100E00FF"),
        _bytes(_ATTRIBUTE_TEXT),
    ),
    0x07: ModeRegisters(
        0x66,
        _bytes("0300030002"),
        _bytes("5F4F50825581BF1F 004F0D0E00000000 9C8E8F280D96B9A3FF"),
        _bytes("0000000000100A00FF"),
        _bytes("0008080808080808 1018181818181818 0E000F0800"),
    ),
    0x04: ModeRegisters(
        0x63,
        _bytes("0309030002"),
        _bytes("2D2728902B80BF1F 00C1000000000000 9C8E8F140096B9A2FF"),
        _bytes("0000000000300F00FF"),
        _bytes("0013151702040607 1011121314151617 0100030000"),
    ),
    0x06: ModeRegisters(
        0x63,
        _bytes("0301010006"),
        _bytes("5F4F50825480BF1F 00C1000000000000 9C8E8F280096B9C2FF"),
        _bytes("0000000000000D00FF"),
        _bytes("0017171717171717 1717171717171717 0100010000"),
    ),
    0x0D: ModeRegisters(
        0x63,
        _bytes("03090F0006"),
        _bytes("2D2728902B80BF1F 00C0000000000000 9C8E8F140096B9E3FF"),
        _bytes("0000000000000500FF"),
        _bytes("0001020304050607 1011121314151617 01000F0000"),
    ),
    0x12: ModeRegisters(
        0xE3,
        _bytes("03010F0006"),
        _bytes("5F4F508254800B3E 0040000000000000 EA8CDF2800E704E3FF"),
        _bytes("000000000000050FFF"),
        _bytes(_ATTRIBUTE_16),
    ),
    0x13: ModeRegisters(
        0x63,
        _bytes("03010F000E"),
        _bytes(_CRTC_400),
        _bytes("000000000040050FFF"),
        _bytes(_ATTRIBUTE_256),
    ),
}


class VgaRig:
    """An adapter with hand-cranked time."""

    def __init__(self, vram_mb: int = 4) -> None:
        extra = vram_mb * MEGABYTE + EXTRA_BYTES
        self.memory = _core.PhysicalMemory(MEGABYTE, extra)
        self.bus = _core.Bus(self.memory)
        self.clock = ManualClock()
        self.frames = 0
        self.vga = Vga(self.memory, self.bus, self.clock, vram_mb, self._frame_ready)
        attach(self.bus, self.vga, 0, "vga")
        self.screen = Screen(self.vga)

    def _frame_ready(self) -> None:
        self.frames += 1

    def out(self, port: int, value: int, size: int = 1) -> None:
        self.bus.port_write(port, value, size)

    def inp(self, port: int, size: int = 1) -> int:
        return self.bus.port_read(port, size)

    @property
    def crtc_port(self) -> int:
        return 0x3D4 if self.inp(0x3CC) & 1 else 0x3B4

    def crtc(self, index: int, value: int) -> None:
        self.out(self.crtc_port, index | value << 8, 2)

    def sequencer(self, index: int, value: int) -> None:
        self.out(0x3C4, index | value << 8, 2)

    def graphics(self, index: int, value: int) -> None:
        self.out(0x3CE, index | value << 8, 2)

    def attribute(self, index: int, value: int) -> None:
        """Leaves the display on."""
        self.inp(self.crtc_port + 6)
        self.out(0x3C0, index)
        self.out(0x3C0, value)
        self.out(0x3C0, 0x20)

    def palette(self, colours: Iterable[tuple[int, int, int]], first: int = 0) -> None:
        self.out(0x3C8, first)
        for colour in colours:
            for component in colour:
                self.out(0x3C9, component)

    def set_mode(self, number: int) -> None:
        """Registers, palette and font of a standard mode; memory is cleared."""
        mode = MODES[number]
        self.out(0x3C2, mode.misc)
        for index, value in enumerate(mode.sequencer):
            self.sequencer(index, value)
        self.crtc(0x11, 0)
        for index, value in enumerate(mode.crtc):
            self.crtc(index, value)
        for index, value in enumerate(mode.graphics):
            self.graphics(index, value)
        for index, value in enumerate(mode.attribute):
            self.attribute(index, value)
        self.out(0x3C6, 0xFF)
        self.palette(STANDARD_64 if number in (0x03, 0x01, 0x07, 0x12) else STANDARD_200)
        if number == 0x13:
            self.palette(STANDARD_256)
        self.vga.planes.clear()
        if number in (0x01, 0x03, 0x07):
            self.load_font(16)

    def load_font(self, height: int, block: int = 0) -> None:
        """As the BIOS does it: plane 2 through A0000h."""
        glyphs = rom_font(height)
        first = (block & 3) * 0x4000 + (block >> 2) * 0x2000
        saved = [(0x3C4, i, self.vga.planes.sequencer[i]) for i in (2, 4)]
        saved += [(0x3CE, i, self.vga.planes.graphics[i]) for i in (4, 5, 6)]
        for index, value in ((2, 4), (4, 7)):
            self.sequencer(index, value)
        for index, value in ((4, 2), (5, 0), (6, 4)):
            self.graphics(index, value)
        for code in range(256):
            self.write(0xA0000 + first + code * 32, glyphs[code * height : (code + 1) * height])
        for port, index, value in saved:
            self.out(port, index | value << 8, 2)

    def mode_x(self) -> None:
        """320 by 240 dots, unchained: the well-known change of mode 13h."""
        self.set_mode(0x13)
        self.sequencer(4, 0x06)
        self.out(0x3C2, 0xE3)
        self.crtc(0x11, 0x2C)
        for index, value in (
            (0x06, 0x0D), (0x07, 0x3E), (0x09, 0x41), (0x10, 0xEA), (0x11, 0xAC),
            (0x12, 0xDF), (0x14, 0x00), (0x15, 0xE7), (0x16, 0x06), (0x17, 0xE3),
        ):  # fmt: skip
            self.crtc(index, value)

    def dispi(self, index: int, value: int) -> None:
        self.out(0x1CE, index, 2)
        self.out(0x1CF, value, 2)

    def read_dispi(self, index: int) -> int:
        self.out(0x1CE, index, 2)
        return self.inp(0x1CF, 2)

    def linear(self, width: int, height: int, bpp: int, flags: int = 0x41) -> None:
        self.dispi(4, 0)
        self.dispi(1, width)
        self.dispi(2, height)
        self.dispi(3, bpp)
        self.dispi(4, flags)

    def write(self, address: int, data: bytes) -> None:
        self.bus.write_memory(address, data)

    def read(self, address: int, length: int) -> bytes:
        return self.bus.read_memory(address, length)

    def print(self, row: int, column: int, text: str, attribute: int = 0x07, columns: int = 80) -> None:
        """Into the text window at B8000h (mode 7: B0000h)."""
        base = 0xB8000 if self.inp(0x3CC) & 1 else 0xB0000
        cells = b"".join(bytes((code, attribute)) for code in text.encode("cp437"))
        self.write(base + (row * columns + column) * 2, cells)

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        red, green, blue = self.screen.pixels()[y, x]
        return int(red), int(green), int(blue)

    def shown(self) -> tuple[int, int] | None:
        """Refreshes and takes what changed."""
        self.vga.refresh()
        return self.vga.take_dirty()


def _ega(value: int) -> tuple[int, int, int]:
    def component(high: int, low: int) -> int:
        return (42 if value & high else 0) + (21 if value & low else 0)

    return component(0x04, 0x20), component(0x02, 0x10), component(0x01, 0x08)


STANDARD_64 = [_ega(value) for value in range(64)]
STANDARD_16 = [STANDARD_64[value] for value in (0, 1, 2, 3, 4, 5, 20, 7, 56, 57, 58, 59, 60, 61, 62, 63)]
# 200-line modes: bit 4 is intensity.
STANDARD_200 = [STANDARD_16[value & 7 | value >> 1 & 8] for value in range(64)]
STANDARD_256 = STANDARD_16 + [(value // 4, value // 4, value // 4) for value in range(16, 256)]

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
GREY = (170, 170, 170)
