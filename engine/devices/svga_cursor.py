"""The hardware cursor of the SVGA: a shape, and its place on the surface that people see.

The cursor is laid over the finished picture, so that video memory never holds it; what it covers is kept and put
back before the picture under it is drawn anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_SIDE: Final = 256  # pixels

Pixels = NDArray[np.uint32]  # rows, columns; xRGB


@dataclass(slots=True)
class CursorShape:
    """The picture becomes ``(pixel & keep) ^ toggle``, or with ``alpha`` a blend of premultiplied ``toggle``."""

    hot_x: int = 0
    hot_y: int = 0
    width: int = 0
    height: int = 0
    keep: bytes = b""  # 4 bytes a pixel: xRGB masks
    toggle: bytes = b""  # 4 bytes a pixel: xRGB, or with ``alpha`` ARGB
    alpha: bool = False

    def fits(self) -> bool:
        """Whether the parts are of one size and within bounds (for saved states)."""
        size = self.width * self.height * 4
        if not (0 <= self.width <= MAX_SIDE and 0 <= self.height <= MAX_SIDE):
            return False
        return len(self.toggle) == size and len(self.keep) == (0 if self.alpha else size)


def masked_shape(
    hot: tuple[int, int], size: tuple[int, int], and_mask: bytes, xor_mask: bytes, depth: int
) -> CursorShape:
    """A cursor of an AND mask of 1 bit a pixel and an XOR mask of ``depth`` bits (1, 8, 16, 24 or 32), rows padded
    to 32 bits. Sizes were checked by the caller."""
    width, height = size
    keep = np.where(_bits(and_mask, width, height), np.uint32(0xFFFFFF), np.uint32(0))
    if depth == 1:
        toggle = np.where(_bits(xor_mask, width, height), np.uint32(0xFFFFFF), np.uint32(0))
    else:
        toggle = _colours(xor_mask, width, height, depth)
    return CursorShape(*hot, width, height, keep.astype("<u4").tobytes(), toggle.astype("<u4").tobytes())


def _bits(data: bytes, width: int, height: int) -> NDArray[np.bool_]:
    rows = np.frombuffer(data, np.uint8).reshape(height, -1)
    return np.unpackbits(rows, axis=1)[:, :width].astype(np.bool_)


def _colours(data: bytes, width: int, height: int, depth: int) -> Pixels:
    rows = np.frombuffer(data, np.uint8).reshape(height, -1)[:, : width * depth // 8]
    if depth == 32:
        return np.asarray(rows.copy().view("<u4").reshape(height, width) & 0xFFFFFF, np.uint32)
    if depth == 24:
        parts = rows.reshape(height, width, 3).astype(np.uint32)
        return np.asarray(parts[..., 0] | parts[..., 1] << 8 | parts[..., 2] << 16, np.uint32)
    if depth == 16:
        words = rows.copy().view("<u2").reshape(height, width).astype(np.uint32)
        return np.asarray((words & 0xF800) << 8 | (words & 0x07E0) << 5 | (words & 0x001F) << 3, np.uint32)
    return np.asarray(rows.astype(np.uint32) * 0x010101, np.uint32)


@dataclass(slots=True)
class _Covered:
    """What lies under the cursor on the surface."""

    x: int
    y: int
    pixels: Pixels


@dataclass(slots=True)
class CursorOverlay:
    """Puts the cursor onto a surface and takes it off again."""

    _covered: _Covered | None = field(default=None)

    def take_off(self, surface: Pixels) -> tuple[int, int] | None:
        """Restores what the cursor covered; the rows touched (first, last)."""
        covered, self._covered = self._covered, None
        if covered is None:
            return None
        height, width = covered.pixels.shape
        if covered.y + height > surface.shape[0] or covered.x + width > surface.shape[1]:
            return None  # the mode changed: everything is drawn anew
        surface[covered.y : covered.y + height, covered.x : covered.x + width] = covered.pixels
        return covered.y, covered.y + height - 1

    def put(self, surface: Pixels, shape: CursorShape, x: int, y: int) -> tuple[int, int] | None:
        """Draws the shape with its hot spot at x, y, as far as it is inside; the rows touched."""
        left, top = x - shape.hot_x, y - shape.hot_y
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + shape.width, surface.shape[1]), min(top + shape.height, surface.shape[0])
        if x0 >= x1 or y0 >= y1:
            return None
        window = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        under = surface[y0:y1, x0:x1]
        self._covered = _Covered(x0, y0, under.copy())
        toggle = np.frombuffer(shape.toggle, "<u4").reshape(shape.height, shape.width)[window]
        if shape.alpha:
            under[:] = _blended(under, toggle)
        else:
            keep = np.frombuffer(shape.keep, "<u4").reshape(shape.height, shape.width)[window]
            under[:] = (under & keep) ^ toggle
        return y0, y1 - 1


def _blended(under: Pixels, over: Pixels) -> Pixels:
    """Premultiplied alpha: over + under * (1 - alpha)."""
    rest = 255 - (over >> 24)
    result = np.zeros_like(under)
    for shift in (0, 8, 16):
        channel = (over >> shift & 0xFF) + ((under >> shift & 0xFF) * rest + 127) // 255
        result |= np.minimum(channel, 255).astype(np.uint32) << shift
    return result
