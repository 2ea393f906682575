"""Where the picture lies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.console.scaling import Placement, ScaleMode, place

SIZES = st.integers(1, 3000)


@pytest.mark.parametrize(
    ("guest", "area", "mode", "correct", "expected"),
    [
        ((640, 480), (1280, 960), ScaleMode.FIT, False, Placement(0, 0, 1280, 960)),
        ((640, 480), (1366, 768), ScaleMode.FIT, False, Placement(171, 0, 1024, 768)),
        ((320, 200), (1000, 600), ScaleMode.FIT, True, Placement(100, 0, 800, 600)),  # 4:3 as on a monitor
        ((320, 200), (1000, 625), ScaleMode.FIT, False, Placement(0, 0, 1000, 625)),
        ((720, 400), (1600, 1000), ScaleMode.INTEGER, False, Placement(80, 100, 1440, 800)),
        ((320, 200), (1600, 1200), ScaleMode.INTEGER, True, Placement(0, 0, 1600, 1200)),  # 5 by 6
        ((800, 600), (400, 300), ScaleMode.INTEGER, False, Placement(0, 0, 400, 300)),  # too large: fits
        ((720, 400), (1000, 600), ScaleMode.NONE, True, Placement(140, 100, 720, 400)),
        ((1024, 768), (512, 512), ScaleMode.NONE, True, Placement(0, 64, 512, 384)),
        ((1024, 768), (1025, 770), ScaleMode.FIT, True, Placement(0, 1, 1024, 768)),  # nearly its own size: crisp
        ((1024, 768), (1030, 772), ScaleMode.FIT, True, Placement(0, 0, 1029, 772)),
        ((320, 200), (777, 555), ScaleMode.STRETCH, True, Placement(0, 0, 777, 555)),
    ],
)
def test_placement(
    guest: tuple[int, int], area: tuple[int, int], mode: ScaleMode, correct: bool, expected: Placement
) -> None:
    assert place(*guest, *area, mode, correct) == expected


@given(SIZES, SIZES, SIZES, SIZES, st.sampled_from(ScaleMode), st.booleans())
def test_the_picture_is_always_inside_and_never_empty(
    guest_width: int, guest_height: int, width: int, height: int, mode: ScaleMode, correct: bool
) -> None:
    spot = place(guest_width, guest_height, width, height, mode, correct)
    assert spot.width >= 1 and spot.height >= 1
    assert spot.x >= 0 and spot.x + spot.width <= width
    assert spot.y >= 0 and spot.y + spot.height <= height
