"""Relative motion out of a pointer that is warped back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt

from tests.ui.fakes import FakeMouse
from ui.console.mouse_input import MouseInput

CENTRE = QPoint(500, 400)


@pytest.fixture
def guest() -> FakeMouse:
    return FakeMouse()


@pytest.fixture
def mouse(guest: FakeMouse) -> MouseInput:
    hand = MouseInput()
    hand.attach(guest)
    hand.begin(CENTRE)
    return hand


def total(guest: FakeMouse) -> tuple[int, int]:
    moves = [entry for entry in guest.log if entry[0] == "move"]
    return sum(move[1] for move in moves), sum(move[2] for move in moves)


def test_moves_are_differences(mouse: MouseInput, guest: FakeMouse) -> None:
    assert mouse.moved(QPoint(503, 398), CENTRE) is None
    assert mouse.moved(QPoint(503, 405), CENTRE) is None
    assert guest.log == [("move", 3, -2), ("move", 0, 7)]


def test_a_warp_is_not_a_move(mouse: MouseInput, guest: FakeMouse) -> None:
    assert mouse.moved(QPoint(650, 400), CENTRE) == CENTRE
    assert mouse.moved(CENTRE, CENTRE) is None  # what the warp itself reports
    assert total(guest) == (150, 0)


def test_moves_under_way_before_the_warp_count(mouse: MouseInput, guest: FakeMouse) -> None:
    mouse.moved(QPoint(650, 400), CENTRE)
    mouse.moved(QPoint(660, 400), CENTRE)  # sent before the window system had warped
    mouse.moved(QPoint(502, 400), CENTRE)  # warped, and moved by 2
    assert total(guest) == (162, 0)


def test_buttons_and_those_still_held(mouse: MouseInput, guest: FakeMouse) -> None:
    mouse.pressed(Qt.MouseButton.LeftButton)
    mouse.pressed(Qt.MouseButton.RightButton)
    mouse.released(Qt.MouseButton.LeftButton)
    mouse.release_all()
    mouse.released(Qt.MouseButton.RightButton)  # it was given back already
    assert guest.log == [("press", "left"), ("press", "right"), ("release", "left"), ("release", "right")]


def test_the_wheel_counts_notches_towards_the_person(mouse: MouseInput, guest: FakeMouse) -> None:
    mouse.wheeled(120)
    for _ in range(4):
        mouse.wheeled(-60)  # a fine wheel
    assert sum(entry[1] for entry in guest.log) == 1
