"""What the registers say the picture is: from CRTC, attribute controller, sequencer, graphics controller and the
registers beyond VGA to one ``_core.Picture``, which the native converter draws.

IBM PS/2 Hardware Interface Technical Reference, Video Subsystem. A monitor shows a scan line for every line
counted; here lines that the registers repeat (200-line modes) make one row of the surface, and ``scale`` says by
how much a row and a pixel are to be stretched.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from engine._core import Picture, PixelFormat
from engine.devices.vga_dispi import Dispi

# Attribute controller, register 10h.
ATTRIBUTE_MODE: Final = 0x10
ATTRIBUTE_LINE_GRAPHICS: Final = 0x04
ATTRIBUTE_BLINK: Final = 0x08
ATTRIBUTE_PANNING_COMPATIBILITY: Final = 0x20
ATTRIBUTE_P5P4_SELECT: Final = 0x80
COLOR_PLANE_ENABLE: Final = 0x12
HORIZONTAL_PEL_PANNING: Final = 0x13
COLOR_SELECT: Final = 0x14

_BLANK_WIDTH, _BLANK_HEIGHT = 720, 400
_SMALLEST = 16  # a picture smaller than this in a direction is none: nobody sees the registers half written
_FONT_OFFSETS = (0x0000, 0x4000, 0x8000, 0xC000, 0x2000, 0x6000, 0xA000, 0xE000)
_LINEAR_FORMATS = {
    8: PixelFormat.INDEXED8,
    15: PixelFormat.RGB555,
    16: PixelFormat.RGB565,
    24: PixelFormat.RGB888,
    32: PixelFormat.XRGB8888,
}


@dataclass(frozen=True)
class DisplayMode:
    """A picture, and what people and programs want to know about it."""

    picture: Picture
    name: str
    scale: tuple[int, int] = (1, 1)  # dots of the monitor for a pixel of the surface, across and down
    columns: int = 0  # text
    rows: int = 0
    cell_height: int = 0


@dataclass(frozen=True)
class RegisterFiles:
    """The registers of a standard VGA, by their indices."""

    sequencer: Sequence[int]
    graphics: Sequence[int]
    crtc: Sequence[int]
    attribute: Sequence[int]
    palette_enabled: bool  # attribute address register, bit 5: the display is on
    pel_mask: int
    colour: Callable[[int], int]  # DAC entry as xRGB


def decode_mode(registers: RegisterFiles, dispi: Dispi) -> DisplayMode:
    """Never raises, whatever the registers hold."""
    off = bool(registers.sequencer[1] & 0x20)
    if dispi.enabled:
        mode = _beyond_vga(registers, dispi)
    else:
        off |= not registers.palette_enabled or not registers.crtc[0x17] & 0x80
        mode = _text(registers) if not registers.graphics[6] & 0x01 else _graphics(registers)
        if mode.picture.width < _SMALLEST or mode.picture.height < _SMALLEST:
            off = True
            mode.picture.width, mode.picture.height = _BLANK_WIDTH, _BLANK_HEIGHT
    if off:
        blank = Picture()
        blank.format = PixelFormat.BLANK
        blank.width, blank.height = mode.picture.width, mode.picture.height
        return DisplayMode(blank, "off", mode.scale)
    return mode


def _display_lines(crtc: Sequence[int]) -> int:
    return (crtc[0x12] | (crtc[0x07] & 0x02) << 7 | (crtc[0x07] & 0x40) << 3) + 1


def _line_compare(crtc: Sequence[int]) -> int:
    return crtc[0x18] | (crtc[0x07] & 0x10) << 4 | (crtc[0x09] & 0x40) << 3


def _address_counter(picture: Picture, registers: RegisterFiles) -> None:
    """What text and graphics share: where the counter starts and how it becomes an address."""
    crtc = registers.crtc
    picture.start = (crtc[0x0C] << 8 | crtc[0x0D]) + (crtc[0x08] >> 5 & 3)
    picture.row_addresses = crtc[0x13] * 2
    picture.first_line = crtc[0x08] & 0x1F
    double_word = bool(crtc[0x14] & 0x40)
    picture.word_mode = not double_word and not crtc[0x17] & 0x40
    picture.wrap_bit = 15 if crtc[0x17] & 0x20 else 13
    picture.split_panning = not registers.attribute[ATTRIBUTE_MODE] & ATTRIBUTE_PANNING_COMPATIBILITY


def _text(registers: RegisterFiles) -> DisplayMode:
    crtc, attribute = registers.crtc, registers.attribute
    double = 2 if crtc[0x09] & 0x80 else 1
    half_clock = bool(registers.sequencer[1] & 0x08)
    columns = crtc[0x01] + 1
    picture = Picture()
    picture.format = PixelFormat.TEXT
    picture.cell_width = 8 if registers.sequencer[1] & 0x01 else 9
    picture.width = columns * picture.cell_width
    picture.height = max(_display_lines(crtc) // double, 1)
    _address_counter(picture, registers)
    picture.row_lines = (crtc[0x09] & 0x1F) + 1
    picture.split_line = -(-(_line_compare(crtc) + 1) // double)
    panning = attribute[HORIZONTAL_PEL_PANNING] & 0x0F
    if picture.cell_width == 9:
        picture.panning = panning + 1 if panning < 8 else 0
    else:
        picture.panning = panning & 7
    select = registers.sequencer[3]
    picture.font_a = _FONT_OFFSETS[(select >> 2 & 3) | (select >> 3 & 4)]
    picture.font_b = _FONT_OFFSETS[(select & 3) | (select >> 2 & 4)]
    picture.line_graphics = bool(attribute[ATTRIBUTE_MODE] & ATTRIBUTE_LINE_GRAPHICS)
    picture.blink = bool(attribute[ATTRIBUTE_MODE] & ATTRIBUTE_BLINK)
    picture.underline_line = crtc[0x14] & 0x1F
    picture.cursor_address = (crtc[0x0E] << 8 | crtc[0x0F]) + (crtc[0x0B] >> 5 & 3) & 0xFFFF
    if not crtc[0x0A] & 0x20:
        picture.cursor_first, picture.cursor_last = crtc[0x0A] & 0x1F, crtc[0x0B] & 0x1F
    picture.palette = _palette_16(registers)
    rows = -(-picture.height // picture.row_lines)
    scale = (2 if half_clock else 1, double)
    return DisplayMode(picture, f"text {columns}x{rows}", scale, columns, rows, picture.row_lines)


def _graphics(registers: RegisterFiles) -> DisplayMode:
    crtc, attribute = registers.crtc, registers.attribute
    characters = crtc[0x01] + 1
    lines_per_row = (crtc[0x09] & 0x1F) + 1
    double = 2 if crtc[0x09] & 0x80 else 1
    picture = Picture()
    _address_counter(picture, registers)
    picture.bank_lines = ~crtc[0x17] & 3
    if picture.bank_lines:
        repeat = double
        picture.row_lines = lines_per_row
    else:
        repeat = double * lines_per_row
        picture.row_lines = 1
        picture.first_line = 0
    picture.height = max(_display_lines(crtc) // repeat, 1)
    picture.split_line = -(-(_line_compare(crtc) + 1) // repeat)
    panning = attribute[HORIZONTAL_PEL_PANNING] & 7
    colours = 1 << (attribute[COLOR_PLANE_ENABLE] & 0x0F).bit_count()
    across = 2 if registers.sequencer[1] & 0x08 else 1
    if registers.graphics[5] & 0x40:
        picture.format = PixelFormat.PACKED
        picture.width = characters * 4
        picture.panning = panning >> 1
        picture.palette = _palette_256(registers)
        colours = 256
        across *= 2
    else:
        picture.format = PixelFormat.CGA if registers.graphics[5] & 0x20 else PixelFormat.PLANAR
        picture.width = characters * 8
        picture.panning = panning
        picture.palette = _palette_16(registers)
    return DisplayMode(picture, f"{picture.width}x{picture.height}x{colours}", (across, repeat))


def _beyond_vga(registers: RegisterFiles, dispi: Dispi) -> DisplayMode:
    state = dispi.state
    picture = Picture()
    picture.width, picture.height = state.xres, state.yres
    name = f"{state.xres}x{state.yres}x{state.bpp}"
    if dispi.planar:
        picture.format = PixelFormat.PLANAR
        picture.row_addresses = dispi.pitch
        picture.start = state.y_offset * dispi.pitch + state.x_offset // 8
        picture.panning = state.x_offset & 7
        picture.plane_mask = 0xFFFFFFFF
        picture.palette = _palette_16(registers)
        return DisplayMode(picture, name)
    picture.format = _LINEAR_FORMATS[state.bpp]
    picture.pitch = dispi.pitch
    picture.origin = state.y_offset * dispi.pitch + state.x_offset * ((state.bpp + 7) // 8)
    if state.bpp == 8:
        picture.palette = _palette_256(registers)
    return DisplayMode(picture, name)


def _palette_16(registers: RegisterFiles) -> bytes:
    """Four bits through the attribute controller's palette to the DAC."""
    attribute = registers.attribute
    enabled = attribute[COLOR_PLANE_ENABLE] & 0x0F
    select = attribute[COLOR_SELECT]
    colours = []
    for value in range(16):
        index = attribute[value & enabled] & 0x3F
        if attribute[ATTRIBUTE_MODE] & ATTRIBUTE_P5P4_SELECT:
            index = index & 0x0F | (select & 3) << 4
        index |= (select & 0x0C) << 4
        colours.append(registers.colour(index & registers.pel_mask))
    return struct.pack("<16I", *colours) + bytes(240 * 4)


def _palette_256(registers: RegisterFiles) -> bytes:
    return struct.pack("<256I", *(registers.colour(value & registers.pel_mask) for value in range(256)))
