"""The character generator ROM: code page 437 in cells of 8 by 8, 8 by 14 and 8 by 16 dots.

The shapes are the public-domain UNSCII fonts from the ``unscii`` package; the few characters of the code page
that it does not have are drawn here. The firmware loads these fonts into plane 2, and the screen recognises
their glyphs in graphics modes.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

# What code points 00h-1Fh and 7Fh show; the rest of the code page is Python's own codec.
_LOW: Final = "\0☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
CODE_PAGE_437: Final = _LOW + bytes(range(0x20, 0x7F)).decode("ascii") + "⌂" + bytes(range(0x80, 0x100)).decode("cp437")

HEIGHTS: Final = (8, 14, 16)

# Shapes in the rows named; rows before and after are blank.
_DRAWN_16: Final[dict[str, tuple[int, str]]] = {
    "♂": (2, "...1111. .....11. ....1.1. ...1..1. .1111... 11..11.. 11..11.. 11..11.. 11..11.. .1111..."),
    "♀": (2, "..1111.. .11..11. .11..11. .11..11. .11..11. ..1111.. ...11... .111111. ...11... ...11..."),
    "☼": (3, "...11... ...11... 11.11.11 ..1111.. 111..111 111..111 ..1111.. 11.11.11 ...11... ...11..."),
    "↕": (2, "...11... ..1111.. .111111. ...11... ...11... ...11... .111111. ..1111.. ...11..."),
    "↓": (2, "...11... ...11... ...11... ...11... ...11... ...11... ...11... .111111. ..1111.. ...11..."),
    "↑": (2, "...11... ..1111.. .111111. ...11... ...11... ...11... ...11... ...11... ...11... ...11..."),
    "↨": (2, "...11... ..1111.. .111111. ...11... ...11... ...11... .111111. ..1111.. ...11... .111111."),
    "⌂": (5, "...1.... ..111... .11.11.. 11...11. 11...11. 11...11. 1111111."),
    "⌐": (6, "1111111. 11...... 11...... 11...... 11......"),
    "∟": (6, "11...... 11...... 11...... 11...... 1111111."),
    "∙": (7, "...11... ...11..."),
    "▲": (4, "...1.... ..111... ..111... .11111.. .11111.. 1111111. 1111111."),
    "▼": (4, "1111111. 1111111. .11111.. .11111.. ..111... ..111... ...1...."),
}
_DRAWN_8: Final[dict[str, tuple[int, str]]] = {
    "♂": (0, "...1111. .....11. ....1.1. .1111... 11..11.. 11..11.. 11..11.. .1111..."),
    "♀": (0, "..1111.. .11..11. .11..11. ..1111.. ...11... .111111. ...11..."),
    "☼": (0, "...1.... .1.1.1.. ..111... 111.111. 111.111. ..111... .1.1.1.. ...1...."),
    "↕": (0, "...11... ..1111.. .111111. ...11... ...11... .111111. ..1111.. ...11..."),
    "↓": (0, "...11... ...11... ...11... ...11... .111111. ..1111.. ...11..."),
    "⌂": (1, "...1.... ..111... .11.11.. 11...11. 11...11. 1111111."),
    "⌐": (3, "1111111. 11...... 11......"),
    "∙": (3, "...11... ...11..."),
}


def _rows(drawing: tuple[int, str], height: int) -> bytes:
    first, lines = drawing
    rows = [int(line.replace(".", "0"), 2) for line in lines.split()]
    return bytes([0] * first + rows + [0] * (height - first - len(rows)))


def _glyphs(shapes: Mapping[int, list[int]], drawn: Mapping[str, tuple[int, str]], height: int) -> list[bytes]:
    blank = [0] * height
    glyphs = []
    for character in CODE_PAGE_437:
        if character in drawn:
            glyphs.append(_rows(drawn[character], height))
        elif character == "\0":
            glyphs.append(bytes(height))
        else:
            glyphs.append(bytes(shapes.get(ord(character), blank)))
    return glyphs


def _shorten(glyph: bytes, is_box: bool) -> bytes:
    """An 8 by 14 glyph from an 8 by 16 one: two rows less above the base line, so that all letters stay on it.

    Line drawing and shading lose a row at either end instead, which keeps lines of neighbours together.
    """
    if is_box:
        return glyph[1:15]
    rows = list(glyph)
    while len(rows) > 14 and rows[0] == 0:
        del rows[0]
    # Glyphs that reach the top lose rows that look like the one above.
    while len(rows) > 14:
        alike = [i for i in range(1, 12) if rows[i] == rows[i - 1]]
        del rows[alike[len(alike) // 2] if alike else 0]
    return bytes(rows)


@functools.cache
def rom_font(height: int) -> bytes:
    """All 256 glyphs of a font, ``height`` bytes each from the top row down; bit 7 is the leftmost dot.

    ``height`` is 8, 14 or 16.
    """
    from unscii.raw_unscii.unscii_8 import unscii_8_bytes
    from unscii.raw_unscii.unscii_16 import unscii_16_bytes

    if height == 8:
        return b"".join(_glyphs(unscii_8_bytes, _DRAWN_8, 8))
    glyphs = _glyphs(unscii_16_bytes, _DRAWN_16, 16)
    if height == 16:
        return b"".join(glyphs)
    if height != 14:
        raise ValueError(f"There is no font of height {height}; there are {HEIGHTS}.")
    return b"".join(_shorten(glyph, 0xB0 <= code <= 0xDF) for code, glyph in enumerate(glyphs))
