"""The standard VGA modes: register values, palettes and what text output must know of each.

Register values are those of the IBM VGA's parameter table (IBM Personal System/2 Hardware Interface Technical
Reference, Video Subsystem, and the BIOS Interface Technical Reference, INT 10h, save pointer table): 64 bytes a
mode, in the order columns, rows minus one, character height, page length, sequencer 1-4, miscellaneous output,
CRTC 0-18h, attribute controller 0-13h, graphics controller 0-8.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Layout(Enum):
    """How a mode's video memory is organised."""

    TEXT = "text"
    CGA_4 = "cga 4 colours"
    CGA_2 = "cga 2 colours"
    PLANAR = "planar"
    LINEAR = "linear"


class Dac(Enum):
    """Which colours a mode set loads."""

    NONE = 0
    CGA = 1
    EGA = 2
    MONO = 3
    VGA_256 = 4


@dataclass(frozen=True)
class VideoMode:
    """One mode of INT 10h/00h. ``table`` is its row of the parameter table with 400-line text."""

    number: int
    layout: Layout
    table: int
    dac: Dac
    segment: int
    colours: int
    width: int  # pixels in graphics modes, columns in text modes
    height: int

    @property
    def is_text(self) -> bool:
        return self.layout is Layout.TEXT


@dataclass(frozen=True)
class Registers:
    """One row of the parameter table, taken apart."""

    columns: int
    rows: int
    character_height: int
    page_bytes: int
    sequencer: bytes
    miscellaneous: int
    crtc: bytes
    attribute: bytes
    graphics: bytes


_TEXT_AC_200: Final = "0001020304050607 1011121314151617 08000F00"
_TEXT_AC_350: Final = "0001020304051407 38393A3B3C3D3E3F 08000F00"
_TEXT_AC_400: Final = "0001020304051407 38393A3B3C3D3E3F 0C000F08"
_MONO_AC_350: Final = "0008080808080808 1018181818181818 0E000F08"
_PLANAR_AC_200: Final = "0001020304050607 1011121314151617 01000F00"
_PLANAR_AC: Final = "0001020304051407 38393A3B3C3D3E3F 01000F00"
_TEXT_GC: Final = "0000000000100E00FF"
_MONO_GC: Final = "0000000000100A00FF"
_PLANAR_GC: Final = "000000000000050FFF"

_TEXT_40_200: Final = (
    f"2818080008 09030002 63 2D2728902BA0BF1F 00C7060700000000 9C8E8F141F96B9A3FF {_TEXT_AC_200} {_TEXT_GC}"
)
_TEXT_80_200: Final = (
    f"5018080010 01030002 63 5F4F50825581BF1F 00C7060700000000 9C8E8F281F96B9A3FF {_TEXT_AC_200} {_TEXT_GC}"
)
_TEXT_40_350: Final = (
    f"28180E0008 09030002 A3 2D2728902BA0BF1F 004D0B0C00000000 83855D141F63BAA3FF {_TEXT_AC_350} {_TEXT_GC}"
)
_TEXT_80_350: Final = (
    f"50180E0010 01030002 A3 5F4F50825581BF1F 004D0B0C00000000 83855D281F63BAA3FF {_TEXT_AC_350} {_TEXT_GC}"
)
_TEXT_40_400: Final = (
    f"2818100008 08030002 67 2D2728902BA0BF1F 004F0D0E00000000 9C8E8F141F96B9A3FF {_TEXT_AC_400} {_TEXT_GC}"
)
_TEXT_80_400: Final = (
    f"5018100010 00030002 67 5F4F50825581BF1F 004F0D0E00000000 9C8E8F281F96B9A3FF {_TEXT_AC_400} {_TEXT_GC}"
)
_MONO_80_350: Final = (
    f"50180E0010 00030003 A6 5F4F50825581BF1F 004D0B0C00000000 83855D280D63BAA3FF {_MONO_AC_350} {_MONO_GC}"
)
_MONO_80_400: Final = (
    f"5018100010 00030002 66 5F4F50825581BF1F 004F0D0E00000000 9C8E8F280F96B9A3FF {_MONO_AC_350} {_MONO_GC}"
)
_CGA_4: Final = (
    "2818080040 09030002 63 2D2728902B80BF1F 00C1000000000000 9C8E8F140096B9A2FF"
    " 0013151702040607 1011121314151617 01000300 00000000 00300F00FF"
)
_CGA_2: Final = (
    "5018080040 01010006 63 5F4F50825480BF1F 00C1000000000000 9C8E8F280096B9C2FF"
    " 0017171717171717 1717171717171717 01000100 00000000 00000D00FF"
)
_EGA_320: Final = (
    f"2818080020 090F0006 63 2D2728902B80BF1F 00C0000000000000 9C8E8F140096B9E3FF {_PLANAR_AC_200} {_PLANAR_GC}"
)
_EGA_640: Final = (
    f"5018080040 010F0006 63 5F4F50825480BF1F 00C0000000000000 9C8E8F280096B9E3FF {_PLANAR_AC_200} {_PLANAR_GC}"
)
_EGA_MONO: Final = (
    "50180E0080 010F0006 A2 5F4F50825480BF1F 0040000000000000 83855D280F63BAE3FF"
    " 0008000018180000 0008000000180000 0B000500 00000000 00000505FF"
)
_EGA_350: Final = (
    f"50180E0080 010F0006 A3 5F4F50825480BF1F 0040000000000000 83855D280F63BAE3FF {_PLANAR_AC} {_PLANAR_GC}"
)
_VGA_2: Final = (
    "501D1000A0 010F0006 E3 5F4F508254800B3E 0040000000000000 EA8CDF2800E704C3FF"
    f" 003F3F3F3F3F3F3F 3F3F3F3F3F3F3F3F 01000F00 {_PLANAR_GC}"
)
_VGA_16: Final = (
    f"501D1000A0 010F0006 E3 5F4F508254800B3E 0040000000000000 EA8CDF2800E704E3FF {_PLANAR_AC} {_PLANAR_GC}"
)
_VGA_256: Final = (
    "2818080020 010F000E 63 5F4F50825480BF1F 0041000000000000 9C8E8F284096B9A3FF"
    " 0001020304050607 08090A0B0C0D0E0F 41000F00 00000000 0040050FFF"
)
_UNUSED: Final = "00" * 64

_ROWS: Final = (
    *(_TEXT_40_200,) * 2, *(_TEXT_80_200,) * 2, _CGA_4, _CGA_4, _CGA_2, _MONO_80_350,
    *(_UNUSED,) * 5, _EGA_320, _EGA_640, _EGA_MONO, _EGA_350, _EGA_MONO, _EGA_350,
    *(_TEXT_40_350,) * 2, *(_TEXT_80_350,) * 2, _TEXT_40_400, _TEXT_80_400, _MONO_80_400,
    _VGA_2, _VGA_16, _VGA_256,
)  # fmt: skip
ROW_BYTES: Final = 64
_TABLE: Final = b"".join(bytes.fromhex(row.replace(" ", "")) for row in _ROWS)

MODES: Final = {
    mode.number: mode
    for mode in (
        VideoMode(0x00, Layout.TEXT, 0x17, Dac.EGA, 0xB800, 16, 40, 25),
        VideoMode(0x01, Layout.TEXT, 0x17, Dac.EGA, 0xB800, 16, 40, 25),
        VideoMode(0x02, Layout.TEXT, 0x18, Dac.EGA, 0xB800, 16, 80, 25),
        VideoMode(0x03, Layout.TEXT, 0x18, Dac.EGA, 0xB800, 16, 80, 25),
        VideoMode(0x04, Layout.CGA_4, 0x04, Dac.CGA, 0xB800, 4, 320, 200),
        VideoMode(0x05, Layout.CGA_4, 0x05, Dac.CGA, 0xB800, 4, 320, 200),
        VideoMode(0x06, Layout.CGA_2, 0x06, Dac.CGA, 0xB800, 2, 640, 200),
        VideoMode(0x07, Layout.TEXT, 0x19, Dac.MONO, 0xB000, 2, 80, 25),
        VideoMode(0x0D, Layout.PLANAR, 0x0D, Dac.CGA, 0xA000, 16, 320, 200),
        VideoMode(0x0E, Layout.PLANAR, 0x0E, Dac.CGA, 0xA000, 16, 640, 200),
        VideoMode(0x0F, Layout.PLANAR, 0x11, Dac.MONO, 0xA000, 2, 640, 350),
        VideoMode(0x10, Layout.PLANAR, 0x12, Dac.EGA, 0xA000, 16, 640, 350),
        VideoMode(0x11, Layout.PLANAR, 0x1A, Dac.EGA, 0xA000, 2, 640, 480),
        VideoMode(0x12, Layout.PLANAR, 0x1B, Dac.EGA, 0xA000, 16, 640, 480),
        VideoMode(0x13, Layout.LINEAR, 0x1C, Dac.VGA_256, 0xA000, 256, 320, 200),
    )
}

# Rows of the table for text modes 0-3 and 7 with 200, 350 and 400 lines.
_TEXT_ROWS: Final = {
    200: {0: 0x00, 1: 0x01, 2: 0x02, 3: 0x03},
    350: {0: 0x13, 1: 0x14, 2: 0x15, 3: 0x16, 7: 0x07},
    400: {0: 0x17, 1: 0x17, 2: 0x18, 3: 0x18, 7: 0x19},
}
# What the CGA's and MDA's mode register would hold (40:65), by mode.
CGA_MODE_VALUES: Final = (0x2C, 0x28, 0x2D, 0x29, 0x2A, 0x2E, 0x1E, 0x29)


def parameter_table() -> bytes:
    """All rows, as the save pointer table of the video ROM offers them."""
    return _TABLE


def table_row(mode: VideoMode, scan_lines: int) -> int:
    """Row of the parameter table; text modes depend on the number of scan lines (200, 350, 400)."""
    return _TEXT_ROWS.get(scan_lines, {}).get(mode.number, mode.table)


def registers_of(row: int) -> Registers:
    """One row of the parameter table."""
    return parse_registers(_TABLE[row * ROW_BYTES : (row + 1) * ROW_BYTES])


def parse_registers(data: bytes) -> Registers:
    """64 bytes in the layout of the parameter table."""
    return Registers(
        columns=data[0],
        rows=data[1] + 1,
        character_height=data[2],
        page_bytes=int.from_bytes(data[3:5], "little"),
        sequencer=data[5:9],
        miscellaneous=data[9],
        crtc=data[10:35],
        attribute=data[35:55],
        graphics=data[55:64],
    )


def _ega_colours() -> bytes:
    """64 colours: bits 0-2 blue, green, red at two thirds, bits 3-5 the same at one third."""
    out = bytearray()
    for index in range(64):
        for low, high in ((2, 5), (1, 4), (0, 3)):
            out.append((index >> low & 1) * 0x2A + (index >> high & 1) * 0x15)
    return bytes(out)


def _cga_colours() -> bytes:
    """64 entries: bits 0-2 blue, green, red, bit 4 intensity; colour 6 is brown."""
    out = bytearray()
    for index in range(64):
        bright = 0x15 if index & 0x10 else 0
        red, green, blue = ((index >> bit & 1) * 0x2A + bright for bit in (2, 1, 0))
        if index & 0x17 == 0x06:
            green = 0x15
        out += bytes((red, green, blue))
    return bytes(out)


def _mono_levels() -> bytes:
    return bytes(level for index in range(64) for level in [(0x00, 0x2A, 0x00, 0x3F)[index >> 3 & 3]] * 3)


def _vga_colours() -> bytes:
    """Mode 13h: the 16 CGA colours, 16 greys, nine rings of 24 hues (three brightnesses by three saturations)."""
    cga = _cga_colours()
    out = bytearray(cga[: 8 * 3] + cga[16 * 3 : 24 * 3])
    for grey in (0x00, 0x05, 0x08, 0x0B, 0x0E, 0x11, 0x14, 0x18, 0x1C, 0x20, 0x24, 0x28, 0x2D, 0x32, 0x38, 0x3F):
        out += bytes((grey, grey, grey))
    rings = (
        (0x00, 0x10, 0x1F, 0x2F, 0x3F), (0x1F, 0x27, 0x2F, 0x37, 0x3F), (0x2D, 0x31, 0x36, 0x3A, 0x3F),
        (0x00, 0x07, 0x0E, 0x15, 0x1C), (0x0E, 0x11, 0x15, 0x18, 0x1C), (0x14, 0x16, 0x18, 0x1A, 0x1C),
        (0x00, 0x04, 0x08, 0x0C, 0x10), (0x08, 0x0A, 0x0C, 0x0E, 0x10), (0x0B, 0x0C, 0x0D, 0x0F, 0x10),
    )  # fmt: skip
    for ring in rings:
        for hue in range(24):
            step, part = hue % 8, hue // 8
            up, down = min(step, 4), max(0, min(4, 8 - step))
            # From blue over magenta to red, over yellow to green, over cyan back to blue.
            levels = ((up, 0, down), (down, up, 0), (0, down, up))[part]
            out += bytes(ring[level] for level in levels)
    return bytes(out) + bytes(8 * 3)


def dac_colours(dac: Dac) -> bytes:
    """Red, green, blue of each colour register that a mode set loads, 6 bits each."""
    return _DAC[dac]


_DAC: Final = {
    Dac.NONE: b"",
    Dac.CGA: _cga_colours(),
    Dac.EGA: _ega_colours(),
    Dac.MONO: _mono_levels(),
    Dac.VGA_256: _vga_colours(),
}
assert len(_TABLE) == 29 * ROW_BYTES
