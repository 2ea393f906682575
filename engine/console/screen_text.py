"""Reads the firmware's characters back from a picture: text that a guest prints in a graphics mode.

The picture is cut into the cells of the character grid. A cell with two colours is a bit pattern, looked up
among the glyphs of the ROM fonts and of fonts of the guest's own, in either polarity.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.console.rom_fonts import CODE_PAGE_437, HEIGHTS, rom_font

_CELL_WIDTH: Final = 8
_LARGEST: Final = 1280 * 1024  # pixels; a larger picture is not searched
# What makes the find text and no accident: this many glyphs, in this part of the cells that are not blank.
_FEWEST_GLYPHS: Final = 4
_SMALLEST_PART: Final = 0.25


@functools.lru_cache(maxsize=16)
def _glyphs(font: bytes) -> dict[bytes, str]:
    height = len(font) // 256
    known: dict[bytes, str] = {}
    for code in range(255, 0, -1):  # of glyphs that look alike the lowest code stays
        glyph = font[code * height : (code + 1) * height]
        if any(glyph) and glyph != b"\xff" * height:
            known[glyph] = CODE_PAGE_437[code]
    for code in range(0x20, 0x7F):  # ... unless one of them is ASCII
        glyph = font[code * height : (code + 1) * height]
        if any(glyph):
            known[glyph] = chr(code)
    return known


def recognise_text(pixels: NDArray[Any], guest_fonts: Sequence[bytes] = ()) -> str:
    """``pixels`` is (height, width), a number for each colour; a font is 256 glyphs of one byte a row, in the order
    of code page 437. Returns lines as ``Screen.text`` does."""
    if pixels.size > _LARGEST or pixels.shape[0] < min(HEIGHTS) or pixels.shape[1] < _CELL_WIDTH:
        return ""
    best, best_glyphs = "", 0
    for font in (*(rom_font(height) for height in reversed(HEIGHTS)), *guest_fonts):
        text, glyphs, filled = _read_cells(pixels, font)
        height = len(font) // 256
        if glyphs >= _FEWEST_GLYPHS and glyphs >= filled * _SMALLEST_PART and glyphs * height > best_glyphs:
            best, best_glyphs = text, glyphs * height
    return best


def cell_patterns(pixels: NDArray[Any], height: int) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """The cells with two colours: their dots (one byte a row, the lighter colour is set), and their row and column."""
    patterns, two_colours, _ = _cut(pixels, height)
    return patterns[two_colours], np.argwhere(two_colours)


def _cut(pixels: NDArray[Any], height: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], int]:
    """The dots of every cell, which cells have two colours, and how many are not blank."""
    rows, columns = pixels.shape[0] // height, pixels.shape[1] // _CELL_WIDTH
    cells = pixels[: rows * height, : columns * _CELL_WIDTH].reshape(rows, height, columns, _CELL_WIDTH)
    cells = cells.transpose(0, 2, 1, 3)
    low = cells.min(axis=(2, 3), keepdims=True)
    high = cells.max(axis=(2, 3), keepdims=True)
    set_dots = cells == high
    two_colours = (low != high) & (set_dots | (cells == low)).all(axis=(2, 3), keepdims=True)
    return np.packbits(set_dots, axis=3)[:, :, :, 0], two_colours[:, :, 0, 0], int((low != high).sum())


def _read_cells(pixels: NDArray[Any], font: bytes) -> tuple[str, int, int]:
    """The text, how many glyphs it has, and how many cells are not blank."""
    patterns, two_colours, filled = _cut(pixels, len(font) // 256)
    known = _glyphs(font)
    rows, columns = two_colours.shape
    lines = [[" "] * columns for _ in range(rows)]
    glyphs = 0
    for row, column in np.argwhere(two_colours):
        pattern = patterns[row, column]
        found = known.get(pattern.tobytes()) or known.get((~pattern).tobytes())
        if found is not None:
            glyphs += 1
            lines[row][column] = found
    return "\n".join("".join(line).rstrip() for line in lines), glyphs, filled
