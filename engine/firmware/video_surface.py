"""Pixels and glyphs in graphics modes: one class for each organisation of video memory.

All have the same few methods, so that text output and pixel services do not ask which mode it is. Colours are
attribute values; bit 7 of a glyph's colour asks for XOR, as INT 10h/09h and 0Eh define it.
"""

from __future__ import annotations

from typing import Final, Protocol

from engine.firmware.guest_memory import ByteSpace
from engine.firmware.video_ports import VideoPorts

_PLANES: Final = 4


class Surface(Protocol):
    """A graphics page. Positions are in pixels; the caller has checked nothing, the surface clips."""

    width: int
    height: int

    def draw_glyph(self, x: int, y: int, glyph: bytes, colour: int, background: int) -> None: ...
    def read_glyph(self, x: int, y: int, rows: int) -> bytes:
        """8 pixels a row, a bit set where the pixel is not background (0)."""

    def fill(self, x: int, y: int, width: int, height: int, colour: int) -> None: ...
    def move_up(self, x: int, y: int, width: int, height: int, by: int) -> None:
        """Moves the contents of a rectangle by rows; negative is down. What is uncovered stays as it was."""

    def read_pixel(self, x: int, y: int) -> int: ...
    def write_pixel(self, x: int, y: int, colour: int) -> None: ...


def _row_moves(y: int, height: int, by: int) -> list[tuple[int, int]]:
    """(from, to) rows, in an order that overwrites nothing still needed."""
    if by > 0:
        return [(row, row - by) for row in range(y + by, y + height)]
    return [(row, row - by) for row in range(y + height - 1 + by, y - 1, -1)]


class PlanarSurface:
    """16 colours in four planes, 8 pixels a byte; modes 0Dh-12h and VESA 102h and such."""

    def __init__(
        self, guest: ByteSpace, ports: VideoPorts, base: int, pitch: int, width: int, height: int, planes: int = 15
    ) -> None:
        self._guest = guest
        self._ports = ports
        self._base = base
        self._pitch = pitch
        self._planes = planes
        self.width = width
        self.height = height

    def _plain(self) -> None:
        """Write mode 0, all bits, no function: processor data goes to the planes of the map mask."""
        self._ports.graphics(1, 0)
        self._ports.graphics(3, 0)
        self._ports.graphics(5, 0)
        self._ports.graphics(8, 0xFF)

    def _restore(self) -> None:
        self._ports.sequencer(2, 0x0F)
        self._ports.graphics(3, 0)
        self._ports.graphics(4, 0)
        self._ports.graphics(8, 0xFF)

    def _fits(self, x: int, y: int, rows: int) -> bool:
        return 0 <= x <= self.width - 8 and 0 <= y <= self.height - rows

    def draw_glyph(self, x: int, y: int, glyph: bytes, colour: int, background: int) -> None:
        if not self._fits(x, y, len(glyph)):
            return
        at = self._base + y * self._pitch + x // 8
        self._plain()
        if colour & 0x80:
            self._ports.graphics(3, 0x18)
            self._ports.sequencer(2, colour & 15)
            for row, bits in enumerate(glyph):
                self._guest.read_byte(at + row * self._pitch)
                self._guest.write_byte(at + row * self._pitch, bits)
        else:
            for mask, invert, fixed in (
                (colour & ~background, 0x00, None),
                (background & ~colour, 0xFF, None),
                (colour & background, 0, 0xFF),
                (~(colour | background), 0, 0x00),
            ):
                if mask & 15:
                    self._ports.sequencer(2, mask & 15)
                    for row, bits in enumerate(glyph):
                        value = bits ^ invert if fixed is None else fixed
                        self._guest.write_byte(at + row * self._pitch, value)
        self._restore()

    def read_glyph(self, x: int, y: int, rows: int) -> bytes:
        out = bytearray(rows)
        if not self._fits(x, y, rows):
            return bytes(out)
        at = self._base + y * self._pitch + x // 8
        self._ports.graphics(5, 0)
        for plane in range(_PLANES):
            self._ports.graphics(4, plane)
            for row in range(rows):
                out[row] |= self._guest.read_byte(at + row * self._pitch)
        self._restore()
        return bytes(out)

    def fill(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        first, count = x // 8, width // 8
        self._plain()
        for mask, value in ((colour & 15, 0xFF), (~colour & 15, 0)):
            if mask:
                self._ports.sequencer(2, mask)
                if count == self._pitch:
                    self._guest.write(self._base + y * self._pitch, bytes([value]) * (count * height))
                    continue
                for row in range(y, y + height):
                    self._guest.write(self._base + row * self._pitch + first, bytes([value]) * count)
        self._restore()

    def move_up(self, x: int, y: int, width: int, height: int, by: int) -> None:
        first, count = x // 8, width // 8
        self._plain()
        for plane in range(_PLANES):
            self._ports.graphics(4, plane)
            self._ports.sequencer(2, 1 << plane)
            if count == self._pitch:
                source, target = (y + by, y) if by > 0 else (y, y - by)
                length = (height - abs(by)) * self._pitch
                data = self._guest.read(self._base + source * self._pitch, length)
                self._guest.write(self._base + target * self._pitch, data)
                continue
            for source, target in _row_moves(y, height, by):
                data = self._guest.read(self._base + source * self._pitch + first, count)
                self._guest.write(self._base + target * self._pitch + first, data)
        self._restore()

    def read_pixel(self, x: int, y: int) -> int:
        if not (0 <= x < self.width and 0 <= y < self.height):
            return 0
        at, bit = self._base + y * self._pitch + x // 8, 7 - x % 8
        self._ports.graphics(5, 0)
        value = 0
        for plane in range(_PLANES):
            self._ports.graphics(4, plane)
            value |= (self._guest.read_byte(at) >> bit & 1) << plane
        self._restore()
        return value

    def write_pixel(self, x: int, y: int, colour: int) -> None:
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        at = self._base + y * self._pitch + x // 8
        self._plain()
        self._ports.graphics(8, 0x80 >> x % 8)
        self._guest.read_byte(at)
        if colour & 0x80:
            self._ports.graphics(3, 0x18)
            self._ports.sequencer(2, colour & 15)
            self._guest.write_byte(at, 0xFF)
        else:
            self._ports.sequencer(2, ~colour & 15)
            self._guest.write_byte(at, 0x00)
            self._guest.read_byte(at)
            self._ports.sequencer(2, colour & 15)
            self._guest.write_byte(at, 0xFF)
        self._restore()


class CgaSurface:
    """Modes 4-6: even rows at B8000h, odd rows 8 KiB further, 2 or 1 bits a pixel."""

    PITCH: Final = 80
    BANK: Final = 0x2000

    def __init__(self, guest: ByteSpace, bits: int) -> None:
        self._guest = guest
        self._bits = bits
        self._mask = (1 << bits) - 1
        self.width = 640 // bits
        self.height = 200

    def _row(self, y: int) -> int:
        return 0xB8000 + (y & 1) * self.BANK + (y >> 1) * self.PITCH

    def _spread(self, bits: int, colour: int) -> int:
        """8 pixels as 8 or 16 bits, most significant first."""
        value = 0
        for position in range(7, -1, -1):
            value = value << self._bits | (colour & self._mask if bits >> position & 1 else 0)
        return value

    def draw_glyph(self, x: int, y: int, glyph: bytes, colour: int, background: int) -> None:
        if not (0 <= x <= self.width - 8 and 0 <= y <= self.height - len(glyph)):
            return
        at = x * self._bits // 8
        for row, bits in enumerate(glyph):
            data = self._spread(bits, colour) | self._spread(~bits & 0xFF, background)
            if colour & 0x80:
                data = self._spread(bits, colour) ^ int.from_bytes(
                    self._guest.read(self._row(y + row) + at, self._bits), "big"
                )
            self._guest.write(self._row(y + row) + at, data.to_bytes(self._bits, "big"))

    def read_glyph(self, x: int, y: int, rows: int) -> bytes:
        out = bytearray(rows)
        if not (0 <= x <= self.width - 8 and 0 <= y <= self.height - rows):
            return bytes(out)
        for row in range(rows):
            data = int.from_bytes(self._guest.read(self._row(y + row) + x * self._bits // 8, self._bits), "big")
            for position in range(8):
                if data >> position * self._bits & self._mask:
                    out[row] |= 1 << position
        return bytes(out)

    def fill(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        first, count = x * self._bits // 8, width * self._bits // 8
        # The colour of INT 10h/06h and 07h is a byte of pixels in these modes.
        for row in range(y, y + height):
            self._guest.write(self._row(row) + first, bytes([colour & 0xFF]) * count)

    def move_up(self, x: int, y: int, width: int, height: int, by: int) -> None:
        first, count = x * self._bits // 8, width * self._bits // 8
        for source, target in _row_moves(y, height, by):
            self._guest.write(self._row(target) + first, self._guest.read(self._row(source) + first, count))

    def _pixel(self, x: int, y: int) -> tuple[int, int]:
        return self._row(y) + x * self._bits // 8, 8 - self._bits - x * self._bits % 8

    def read_pixel(self, x: int, y: int) -> int:
        if not (0 <= x < self.width and 0 <= y < self.height):
            return 0
        at, shift = self._pixel(x, y)
        return self._guest.read_byte(at) >> shift & self._mask

    def write_pixel(self, x: int, y: int, colour: int) -> None:
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        at, shift = self._pixel(x, y)
        old = self._guest.read_byte(at)
        bits = (colour & self._mask) << shift
        self._guest.write_byte(at, old ^ bits if colour & 0x80 else old & ~(self._mask << shift) | bits)


class LinearSurface:
    """A pixel after the other: mode 13h and the linear VESA modes, 1 to 4 bytes a pixel.

    Deep modes show text in the 16 standard colours.
    """

    def __init__(self, guest: ByteSpace, base: int, pitch: int, width: int, height: int, bits: int = 8) -> None:
        self._guest = guest
        self._base = base
        self._pitch = pitch
        self._bits = bits
        self._bytes = (bits + 7) // 8
        self.width = width
        self.height = height

    def _pixel_bytes(self, colour: int) -> bytes:
        if self._bits == 8:
            return bytes([colour & 0xFF])
        level = 0xFF if colour & 8 else 0xAA
        dark = 0x55 if colour & 8 else 0
        red, green, blue = (level if colour & mask else dark for mask in (4, 2, 1))
        if self._bits >= 24:
            return bytes((blue, green, red, 0))[: self._bytes]
        if self._bits == 16:
            return (red >> 3 << 11 | green >> 2 << 5 | blue >> 3).to_bytes(2, "little")
        return (red >> 3 << 10 | green >> 3 << 5 | blue >> 3).to_bytes(2, "little")

    def draw_glyph(self, x: int, y: int, glyph: bytes, colour: int, background: int) -> None:
        if not (0 <= x <= self.width - 8 and 0 <= y <= self.height - len(glyph)):
            return
        ink, paper = self._pixel_bytes(colour), self._pixel_bytes(background)
        exclusive = self._bits > 8 and colour & 0x80
        for row, bits in enumerate(glyph):
            at = self._base + (y + row) * self._pitch + x * self._bytes
            if exclusive:
                old = int.from_bytes(self._guest.read(at, 8 * self._bytes), "little")
                ink = self._pixel_bytes(colour & 15)
                shape = b"".join(ink if bits >> p & 1 else bytes(self._bytes) for p in range(7, -1, -1))
                new = old ^ int.from_bytes(shape, "little")
                self._guest.write(at, new.to_bytes(8 * self._bytes, "little"))
                continue
            self._guest.write(at, b"".join(ink if bits >> p & 1 else paper for p in range(7, -1, -1)))

    def read_glyph(self, x: int, y: int, rows: int) -> bytes:
        out = bytearray(rows)
        if not (0 <= x <= self.width - 8 and 0 <= y <= self.height - rows):
            return bytes(out)
        size = self._bytes
        for row in range(rows):
            data = self._guest.read(self._base + (y + row) * self._pitch + x * size, 8 * size)
            for pixel in range(8):
                if any(data[pixel * size : (pixel + 1) * size]):
                    out[row] |= 0x80 >> pixel
        return bytes(out)

    def fill(self, x: int, y: int, width: int, height: int, colour: int) -> None:
        line = self._pixel_bytes(colour) * width
        for row in range(y, y + height):
            self._guest.write(self._base + row * self._pitch + x * self._bytes, line)

    def move_up(self, x: int, y: int, width: int, height: int, by: int) -> None:
        at, count = self._base + x * self._bytes, width * self._bytes
        if count == self._pitch:
            source, target = (y + by, y) if by > 0 else (y, y - by)
            data = self._guest.read(at + source * self._pitch, (height - abs(by)) * self._pitch)
            self._guest.write(at + target * self._pitch, data)
            return
        for source, target in _row_moves(y, height, by):
            self._guest.write(at + target * self._pitch, self._guest.read(at + source * self._pitch, count))

    def read_pixel(self, x: int, y: int) -> int:
        if not (0 <= x < self.width and 0 <= y < self.height):
            return 0
        return self._guest.read_byte(self._base + y * self._pitch + x * self._bytes)

    def write_pixel(self, x: int, y: int, colour: int) -> None:
        if 0 <= x < self.width and 0 <= y < self.height:
            self._guest.write(self._base + y * self._pitch + x * self._bytes, self._pixel_bytes(colour))
