"""Where the guest's picture lies in the window: aspect-true fit, whole-number scaling, or stretched.

All sizes are physical pixels of the host's screen, so that whole-number scaling is exact on high-density screens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

_NEARLY: Final = 2  # pixels more than the picture has: a thin border is better than a blurred picture
TUBE_HEIGHT: Final = 480  # picture heights below this were shown 4:3 by the monitors of their time


class ScaleMode(Enum):
    FIT = "fit"  # as large as fits
    NONE = "none"  # pixel for pixel, smaller only where the window is too small
    INTEGER = "integer"  # the largest whole multiple, every pixel a sharp square
    STRETCH = "stretch"  # fills the window, shape or no shape


@dataclass(frozen=True, slots=True)
class Placement:
    """The picture's rectangle in the window."""

    x: int
    y: int
    width: int
    height: int

    def contains(self, x: int, y: int, width: int, height: int) -> bool:
        """Whether a rectangle lies wholly inside."""
        inside_x = self.x <= x and x + width <= self.x + self.width
        return inside_x and self.y <= y and y + height <= self.y + self.height


def shape(width: int, height: int, correct_aspect: bool) -> tuple[int, int]:
    """The picture's proportions on a real monitor, as a size."""
    if correct_aspect and height < TUBE_HEIGHT and width * 3 != height * 4:
        return 4, 3
    return width, height


def place(
    guest_width: int, guest_height: int, width: int, height: int, mode: ScaleMode, correct_aspect: bool
) -> Placement:
    """Where a guest picture goes in an area of ``width`` x ``height``; always inside, never empty."""
    guest_width, guest_height = max(guest_width, 1), max(guest_height, 1)
    width, height = max(width, 1), max(height, 1)
    if mode is ScaleMode.STRETCH:
        return Placement(0, 0, width, height)
    across, down = shape(guest_width, guest_height, correct_aspect)
    if mode is ScaleMode.INTEGER:
        ratio = (guest_width * down) / (guest_height * across)  # rows a guest row needs per column
        for factor in range(width // guest_width, 0, -1):
            rows = max(1, round(factor * ratio)) * guest_height
            if rows <= height:
                return _centred(factor * guest_width, rows, width, height)
    fitted = min(width / across, height / down)
    fit = (max(1, int(across * fitted)), max(1, int(down * fitted)))
    if mode is ScaleMode.NONE and guest_width <= width and guest_height <= height:
        return _centred(guest_width, guest_height, width, height)
    if all(0 <= wide - own <= _NEARLY for wide, own in zip(fit, (guest_width, guest_height), strict=True)):
        return _centred(guest_width, guest_height, width, height)
    return _centred(*fit, width, height)


def _centred(picture_width: int, picture_height: int, width: int, height: int) -> Placement:
    return Placement((width - picture_width) // 2, (height - picture_height) // 2, picture_width, picture_height)
