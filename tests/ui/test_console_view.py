"""What the window does with the guest's screen: alone, as large as it is, filmed, and as a place to drop things."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.events import PowerState
from tests.ui.fakes import FakeMachine
from tests.ui.robot import Robot, choose, keys, pick_file, use_menu
from ui.console.console_widget import ConsoleWidget
from ui.console.scaling import ScaleMode
from ui.shell import Shell
from ui.vm_session import VmSession

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
Start = Callable[..., VmSession]


def console_of(shell: Shell) -> ConsoleWidget:
    assert shell.window.tab is not None
    return shell.window.tab.console


def drop(console: ConsoleWidget, data: QMimeData) -> bool:
    """Drags over the console and lets go; whether it was taken."""
    place, button, none = QPoint(50, 50), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, data, button, none)
    QApplication.sendEvent(console, enter)
    if not enter.isAccepted():
        return False
    event = QDropEvent(QPointF(place), Qt.DropAction.CopyAction, data, button, none)
    QApplication.sendEvent(console, event)
    return event.isAccepted()


def file(path: Path) -> QMimeData:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    return data


def test_only_the_console_and_back(shell: Shell, started: Start) -> None:
    started()
    window = shell.window
    use_menu(window, "View", "Only the console")
    assert not window.toolbar.isVisible() and not window.library_view.isVisible()
    assert not window.tabs.tabBar().isVisible() and window.menuBar().isVisible()
    keys(window, Qt.Key.Key_O, CTRL, SHIFT)
    assert window.toolbar.isVisible() and window.library_view.isVisible() and window.tabs.tabBar().isVisible()


def test_the_furniture_is_back_when_the_guest_is_off(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    started()
    keys(shell.window, Qt.Key.Key_O, CTRL, SHIFT)
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: shell.window.toolbar.isVisible())
    assert not shell.window.actions_.console_only.isChecked()


def test_the_window_is_fitted_to_the_guest(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    started()
    console = console_of(shell)
    for height in (400, 480):  # in a width that toolbar and status bar need anyway
        machines[0].screen.set_mode(640, height)
        qtbot.waitUntil(lambda: console.guest_size == (640, height))  # noqa: B023
        keys(shell.window, Qt.Key.Key_W, CTRL, SHIFT)
        qtbot.waitUntil(lambda: console.height() == height)  # noqa: B023


def test_each_machine_keeps_its_scaling(shell: Shell, started: Start) -> None:
    started("First")
    use_menu(shell.window, "View", "Scaling", "Whole multiples, sharp")
    assert console_of(shell).scale_mode is ScaleMode.INTEGER
    started("Second")
    assert console_of(shell).scale_mode is ScaleMode.FIT
    assert shell.window.actions_.fit.isChecked()


def test_a_machine_left_in_full_screen_comes_back_in_it(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    session = started()
    keys(shell.window, Qt.Key.Key_F11)
    assert shell.window.full_screen.on
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: session.state is PowerState.OFF and not session.busy)
    assert not shell.window.full_screen.on
    keys(shell.window, Qt.Key.Key_B, CTRL)
    qtbot.waitUntil(lambda: shell.window.full_screen.on)
    keys(shell.window, Qt.Key.Key_F11)
    assert not shell.window.full_screen.on


def test_a_diskette_is_dropped_on_the_screen(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot, robot: Robot, floppy: Path
) -> None:
    session = started()
    assert session.config.floppy_drives
    if len(session.config.floppy_drives) > 1:
        robot.expect("QMenu", choose(f"Insert into {shell.window.lights.lights['floppy0'].row.name}"))
    assert drop(console_of(shell), file(floppy))
    qtbot.waitUntil(lambda: machines[0].media.get("floppy0") == str(floppy))


def test_text_is_dropped_on_the_screen(shell: Shell, machines: list[FakeMachine], started: Start) -> None:
    started()
    data = QMimeData()
    data.setText("dir\r\n")
    assert drop(console_of(shell), data)
    assert machines[0].keyboard.typed == "dir\n"


def test_nothing_is_dropped_on_a_screen_without_a_guest(
    shell: Shell, make_vm: Callable[..., object], floppy: Path
) -> None:
    make_vm()
    console = ConsoleWidget()
    assert not drop(console, file(floppy))


def test_the_screen_is_filmed_until_the_second_click(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot, tmp_path: Path
) -> None:
    started()
    target = tmp_path / "film.webm"
    robot.expect("QFileDialog", pick_file(target))
    use_menu(shell.window, "Machine", "Film the screen")
    light = shell.window.recording_light
    assert light.isVisible() and light.text().startswith("Film 0:")
    light.click()
    qtbot.waitUntil(lambda: not light.isVisible())
    assert str(target) in shell.window.message.text()
    with av.open(str(target)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 1


def test_a_film_ends_with_its_guest(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot, tmp_path: Path
) -> None:
    started()
    robot.expect("QFileDialog", pick_file(tmp_path / "film.gif"))
    use_menu(shell.window, "Machine", "Film the screen")
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: not shell.window.recording_light.isVisible())
    assert not shell.window.actions_.record.isEnabled()
