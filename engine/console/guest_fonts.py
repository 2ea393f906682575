"""The fonts that guests draw text with in graphics modes, found in the guest's own memory.

A kernel's frame buffer console brings a font of its own, other shapes than the firmware's. The glyphs on the screen
say what to look for: a table of 256 glyphs, one after the other in the order of code page 437.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.console.screen_text import cell_patterns

_HEIGHT: Final = 16  # rows of a glyph, one byte each
_FONT_BYTES: Final = 256 * _HEIGHT
_BLANK: Final = 0x20 * _HEIGHT
_FULL_BLOCK: Final = 0xDB * _HEIGHT
# What makes a table the font of this picture: so many different glyphs, so large a part of them in the table.
_FEWEST_GLYPHS: Final = 8
_SMALLEST_PART: Final = 0.75
_CHUNK_WORDS: Final = 4 << 20
_MOST_PLACES: Final = 256  # where one glyph is found; more are an accident
_REST: Final = 50  # pictures that are passed over after one whose font was not found


class GuestFonts:
    """``ram`` is the guest's memory, a multiple of 4 bytes. ``known`` are the fonts found so far."""

    def __init__(self, ram: memoryview) -> None:
        self._ram = ram
        self._words = np.frombuffer(ram, np.uint32)
        self._rest = 0
        self.known: list[bytes] = []

    def look_for(self, pixels: NDArray[Any]) -> bool:
        """Whether the font of this picture (see ``recognise_text``) was found and is new."""
        if self._rest:
            self._rest -= 1
            return False
        patterns, _ = cell_patterns(pixels, _HEIGHT)
        glyphs = {pattern.tobytes() for pattern in patterns}
        if len(glyphs) < _FEWEST_GLYPHS:
            return False
        font = self._find(glyphs)
        if font is None or font in self.known:
            self._rest = _REST
            return False
        self.known.append(font)
        return True

    def _find(self, glyphs: set[bytes]) -> bytes | None:
        glyph, row = _most_telling(glyphs)
        for place in self._places(glyph[row : row + 4]):
            first = place - row
            # Any of the 256 glyphs of a table may be the one that was found.
            for base in range(first - _FONT_BYTES + _HEIGHT, first + 1, _HEIGHT):
                if base >= 0 and self._is_font(base, glyphs):
                    return bytes(self._ram[base : base + _FONT_BYTES])
        return None

    def _places(self, word: bytes) -> list[int]:
        """Byte offsets of four rows of a glyph; compilers align tables, so only whole words are looked at."""
        key = np.frombuffer(word, np.uint32)[0]
        places: list[int] = []
        for start in range(0, len(self._words), _CHUNK_WORDS):
            found = np.flatnonzero(self._words[start : start + _CHUNK_WORDS] == key)
            places += [(start + int(at)) * 4 for at in found[:_MOST_PLACES]]
        return places[:_MOST_PLACES]

    def _is_font(self, base: int, glyphs: set[bytes]) -> bool:
        ram = self._ram
        if ram[base + _BLANK : base + _BLANK + _HEIGHT] != bytes(_HEIGHT):
            return False
        if ram[base + _FULL_BLOCK : base + _FULL_BLOCK + _HEIGHT] != b"\xff" * _HEIGHT:
            return False
        table = bytes(ram[base : base + _FONT_BYTES])
        known = {table[at : at + _HEIGHT] for at in range(0, _FONT_BYTES, _HEIGHT)}
        return len(glyphs & known) >= len(glyphs) * _SMALLEST_PART


def _most_telling(glyphs: set[bytes]) -> tuple[bytes, int]:
    """A glyph and the first of four of its rows, with as many different dots in them as there are."""
    rows = [(len(set(glyph[row : row + 4]) - {0}), glyph, row) for glyph in glyphs for row in range(0, _HEIGHT, 4)]
    _, glyph, row = max(rows)
    return glyph, row
