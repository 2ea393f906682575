"""The console: what is painted and when, and who has the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QPaintEvent
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.config import MachineConfig
from tests.ui.fakes import FakeMachine
from ui.console.console_widget import ConsoleWidget
from ui.console.scaling import ScaleMode


class WatchedConsole(ConsoleWidget):
    """Notes what is repainted."""

    def __init__(self) -> None:
        self.painted: list[QRect] = []
        super().__init__()

    def paintEvent(self, event: QPaintEvent) -> None:
        self.painted.append(event.region().boundingRect())
        super().paintEvent(event)


@pytest.fixture
def machine() -> FakeMachine:
    return FakeMachine(MachineConfig(), lambda event: None)


@pytest.fixture
def console(qtbot: QtBot, machine: FakeMachine) -> Iterator[WatchedConsole]:
    widget = WatchedConsole()
    qtbot.addWidget(widget)
    widget.resize(720, 400)
    widget.set_scaling(ScaleMode.FIT, correct_aspect=False)
    widget.show()
    qtbot.waitExposed(widget)

    def post(work: Callable[[], None]) -> None:
        work()

    widget.attach(machine.screen, machine.keyboard, machine.mouse, post)
    machine.screen.take_dirty()
    qtbot.wait_until(lambda: bool(widget.painted))
    yield widget
    widget.detach()


def colour_at(console: ConsoleWidget, x: int, y: int) -> tuple[int, int, int]:
    colour = QColor(console.grab(QRect(x, y, 1, 1)).toImage().pixel(0, 0))
    return colour.red(), colour.green(), colour.blue()


def test_the_surface_is_shown(console: WatchedConsole, machine: FakeMachine, qtbot: QtBot) -> None:
    machine.screen.fill(0, 200, (0, 0, 255))  # blue, green, red
    machine.screen.fill(200, 400, (0, 255, 0))
    console.frame_ready()
    qtbot.waitUntil(lambda: machine.screen.taken != [])
    assert colour_at(console, 10, 50) == (255, 0, 0)
    assert colour_at(console, 10, 350) == (0, 255, 0)


def test_only_changed_rows_are_painted(console: WatchedConsole, machine: FakeMachine, qtbot: QtBot) -> None:
    qtbot.wait(40)
    console.painted.clear()
    machine.screen.fill(100, 116, (255, 255, 255))
    console.frame_ready()
    qtbot.waitUntil(lambda: bool(console.painted))
    assert console.painted == [QRect(0, 100, 720, 16)]


def test_nothing_is_painted_while_nothing_changes(console: WatchedConsole, qtbot: QtBot) -> None:
    qtbot.wait(40)
    console.painted.clear()
    console.frame_ready()
    qtbot.wait(60)
    assert console.painted == []


def test_rows_of_many_frames_are_painted_at_once(console: WatchedConsole, machine: FakeMachine, qtbot: QtBot) -> None:
    qtbot.wait(40)
    console.painted.clear()
    for row in range(100):
        machine.screen.fill(row, row + 1, (1, 2, 3))
        console.frame_ready()
    qtbot.waitUntil(lambda: bool(console.painted))
    assert console.painted == [QRect(0, 0, 720, 100)]


def test_a_hidden_console_pulls_nothing_and_asks_for_no_frames(
    console: WatchedConsole, machine: FakeMachine, qtbot: QtBot
) -> None:
    assert machine.screen.watched
    console.hide()
    assert not machine.screen.watched
    machine.screen.taken.clear()
    machine.screen.fill(0, 10, (9, 9, 9))
    console.frame_ready()
    qtbot.wait(40)
    assert machine.screen.taken == []
    console.show()
    assert machine.screen.watched
    qtbot.waitUntil(lambda: machine.screen.taken == [(0, 9)])


def test_another_mode_has_another_size(console: WatchedConsole, machine: FakeMachine, qtbot: QtBot) -> None:
    with qtbot.waitSignal(console.guest_resized) as heard:
        machine.screen.set_mode(1024, 768)
        console.frame_ready()
    assert heard.args == [1024, 768]
    assert (console.placement.width, console.placement.height) == (533, 400)
    assert console.picture().width() == 1024


@pytest.mark.parametrize("mode", list(ScaleMode))
@pytest.mark.parametrize("smooth", [True, False])
def test_every_scaling_paints_the_whole_picture(
    console: WatchedConsole, machine: FakeMachine, qtbot: QtBot, mode: ScaleMode, smooth: bool
) -> None:
    console.resize(1000, 700)
    console.set_scaling(mode, correct_aspect=True, smooth=smooth)
    machine.screen.fill(0, 400, (40, 80, 120))
    console.frame_ready()
    spot = console.placement
    for x in (spot.x + 1, spot.x + spot.width - 2):
        for y in (spot.y + 1, spot.y + spot.height - 2):
            assert colour_at(console, x, y) == (120, 80, 40)
    if spot.y > 1:
        assert colour_at(console, spot.x + 5, spot.y - 1) != (120, 80, 40)


def test_a_click_takes_the_input_and_is_not_passed_on(
    console: WatchedConsole, machine: FakeMachine, qtbot: QtBot
) -> None:
    QTest.mouseClick(console, Qt.MouseButton.LeftButton)
    assert console.grabbed
    assert console.cursor().shape() == Qt.CursorShape.BlankCursor
    assert machine.mouse.log == []
    QTest.mousePress(console, Qt.MouseButton.LeftButton)
    QTest.mouseRelease(console, Qt.MouseButton.LeftButton)
    assert machine.mouse.log == [("press", "left"), ("release", "left")]
    console.release_input()
    assert console.cursor().shape() != Qt.CursorShape.BlankCursor


def test_a_click_need_not_take_the_input(console: WatchedConsole) -> None:
    console.grab_on_click = False
    QTest.mouseClick(console, Qt.MouseButton.LeftButton)
    assert not console.grabbed


def test_hiding_gives_the_input_back_and_lets_go_of_keys(console: WatchedConsole, machine: FakeMachine) -> None:
    console.take_input()
    QTest.keyPress(console, Qt.Key.Key_Shift)
    console.hide()
    assert not console.grabbed
    assert machine.keyboard.log == ["+shift", "-shift"]


def test_tab_belongs_to_the_guest(console: WatchedConsole, machine: FakeMachine) -> None:
    console.setFocus()
    QTest.keyClick(console, Qt.Key.Key_Tab)
    assert machine.keyboard.log == ["+tab", "-tab"]


def test_the_pointer_is_told_while_it_is_the_hosts(console: WatchedConsole, qtbot: QtBot) -> None:
    with qtbot.waitSignal(console.pointer_moved) as heard:
        QTest.mouseMove(console, QPoint(33, 44))
    assert heard.args == [QPoint(33, 44)]


def test_without_a_machine_nothing_goes_anywhere(console: WatchedConsole, machine: FakeMachine) -> None:
    console.detach()
    console.take_input()
    assert not console.grabbed
    QTest.keyClick(console, Qt.Key.Key_A)
    console.frame_ready()
    assert machine.keyboard.log == []
    assert console.picture().isNull()
