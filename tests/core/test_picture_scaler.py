"""The scaler of pictures, against the mean of what each window pixel covers, worked out with floats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine._core import PictureScaler

SIDES = st.integers(1, 70)


def coverage(length: int, target: int) -> NDArray[np.float64]:
    """How much of each target pixel each picture pixel fills: target x length."""
    edges = np.arange(target + 1) * length / target
    cells = np.arange(length)
    left = np.maximum(edges[:-1, None], cells[None, :])
    right = np.minimum(edges[1:, None], cells[None, :] + 1)
    return np.maximum(right - left, 0) * target / length


def drawn(picture: NDArray[np.uint8], width: int, height: int, sharp: bool = False) -> NDArray[np.uint8]:
    target = np.zeros((height, width, 4), np.uint8)
    scaler = PictureScaler(picture.shape[1], picture.shape[0], width, height, sharp)
    scaler.draw(picture.reshape(-1), picture.shape[1] * 4, target.reshape(-1), width * 4, 0, height)
    return target


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 1000))
def test_a_pixel_is_the_mean_of_what_it_covers(width: int, height: int, wide: int, high: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    expected = np.einsum("yk,xl,klc->yxc", coverage(height, high), coverage(width, wide), picture.astype(float))
    assert np.abs(drawn(picture, wide, high) - expected).max() <= 4


@pytest.mark.parametrize("factor", [1, 2, 3, 5])
def test_whole_multiples_are_exact(factor: int) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (21, 33, 4), np.uint8)
    larger = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    assert (drawn(picture, 33 * factor, 21 * factor) == larger).all()
    assert (drawn(picture, 33 * factor, 21 * factor, sharp=True) == larger).all()


@given(SIDES, SIDES, SIDES, SIDES)
def test_sharp_pictures_have_no_new_colours(width: int, height: int, wide: int, high: int) -> None:
    picture = np.arange(width * height * 4, dtype=np.uint32).astype(np.uint8).reshape(height, width, 4)
    shown = {tuple(pixel) for pixel in drawn(picture, wide, high, sharp=True).reshape(-1, 4)}
    assert shown <= {tuple(pixel) for pixel in picture.reshape(-1, 4)}


@given(SIDES, SIDES, st.data())
def test_all_that_changed_rows_touch_is_redrawn(height: int, high: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, height - 1))
    last = data.draw(st.integers(first + 1, height))
    scaler = PictureScaler(3, height, 2, high)
    before = np.zeros((height, 3, 4), np.uint8)
    after = before.copy()
    after[first:last] = 255
    target = np.zeros((high, 2, 4), np.uint8)
    scaler.draw(after.reshape(-1), 12, target.reshape(-1), 8, *scaler.target_rows(first, last))
    assert (target == drawn(after, 2, high)).all()


def test_sizes_and_buffers_are_checked() -> None:
    for sizes in [(0, 1, 1, 1), (1, 1, 1, 0), (1, -1, 1, 1), (1 << 20, 1, 1, 1)]:
        with pytest.raises(ValueError):
            PictureScaler(*sizes)
    scaler = PictureScaler(4, 4, 8, 8)
    picture, target = np.zeros(64, np.uint8), np.zeros(256, np.uint8)
    for arguments in [
        (picture[:60], 16, target, 32),
        (picture, 12, target, 32),
        (picture, 16, target[:200], 32),
        (picture, 16, target, 16),
    ]:
        with pytest.raises(ValueError):
            scaler.draw(*arguments, 0, 8)
    scaler.draw(picture, 16, target, 32, -5, 1000)
