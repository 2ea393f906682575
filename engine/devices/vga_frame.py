"""Where the picture of the display adapter is."""

from __future__ import annotations

from typing import NamedTuple


class Frame(NamedTuple):
    """Where a picture is: ``height`` rows of ``width`` pixels (blue, green, red and an unused byte), the first at the
    start of ``surface``, the next ``stride`` bytes further. Any thread may read it while the guest draws."""

    surface: memoryview
    width: int
    height: int
    stride: int
