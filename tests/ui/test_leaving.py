"""Closing tabs and the window while guests run: every way, and the one that is remembered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from engine.events import PowerState
from tests.ui.fakes import FakeMachine
from tests.ui.robot import Robot, choose_way, click_row, keys, use_menu
from ui.error_dialog import MessageDialog
from ui.shell import Shell
from ui.vm_session import VmSession

CTRL = Qt.KeyboardModifier.ControlModifier
Start = Callable[..., VmSession]


@pytest.fixture
def tray(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A notification area that is there; what is told in it."""
    told: list[str] = []
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: True)
    monkeypatch.setattr(QSystemTrayIcon, "showMessage", lambda _, headline, *rest: told.append(headline))
    return told


def test_the_window_goes_and_the_guest_stays(
    shell: Shell, started: Start, robot: Robot, qtbot: QtBot, tray: list[str]
) -> None:
    session = started("Server")
    robot.expect("MessageDialog", choose_way("Keep running"))
    keys(shell.window, Qt.Key.Key_Q, CTRL)
    assert not shell.window.isVisible()
    assert session.state is PowerState.RUNNING
    assert shell.tray.icon.isVisible() and "Server" in shell.tray.icon.toolTip()
    shell.tray.icon.activated.emit(QSystemTrayIcon.ActivationReason.Trigger)
    assert shell.window.isVisible() and not shell.tray.icon.isVisible()


def test_without_a_notification_area_the_window_is_minimised(shell: Shell, started: Start, robot: Robot) -> None:
    started()

    def keep(dialog: MessageDialog) -> None:
        assert any("no notification area" in label.text() for label in dialog.findChildren(QLabel))
        choose_way("Keep running")(dialog)

    robot.expect("MessageDialog", keep)
    keys(shell.window, Qt.Key.Key_Q, CTRL)
    assert shell.window.isMinimized() and not shell.tray.icon.isVisible()
    shell.window.showNormal()


def test_guests_that_hear_the_power_button_shut_down_before_the_window_goes(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    started("DOS")
    started("Linux")
    machines[1].hears_power_button = True
    robot.expect("MessageDialog", choose_way("Shut the guest down"))
    use_menu(shell.window, "File", "Quit")
    qtbot.waitUntil(lambda: machines[1].power_buttons == 1 and machines[0].closed)
    assert shell.window.isVisible()
    machines[1].guest_powers_off()
    qtbot.waitUntil(lambda: not shell.window.isVisible())


def test_a_way_to_quit_is_remembered(shell: Shell, started: Start, robot: Robot, qtbot: QtBot) -> None:
    started()
    robot.expect("MessageDialog", choose_way("Power off", always=True))
    keys(shell.window, Qt.Key.Key_Q, CTRL)
    qtbot.waitUntil(lambda: not shell.window.isVisible())
    shell.window.show()
    started("Second")
    keys(shell.window, Qt.Key.Key_Q, CTRL)  # no question: the robot expects none
    qtbot.waitUntil(lambda: not shell.window.isVisible())


def test_a_tab_that_is_closed_pauses_its_guest(shell: Shell, started: Start, robot: Robot, qtbot: QtBot) -> None:
    session = started("Server")
    robot.expect("MessageDialog", choose_way("Pause it"))
    keys(shell.window, Qt.Key.Key_W, CTRL)
    assert shell.window.vm_tabs() == []
    qtbot.waitUntil(lambda: session.state is PowerState.PAUSED and not session.busy)
    click_row(shell.window.library_view.list, "Server")
    assert shell.window.tab is not None and shell.window.tab.shows_console


def test_somebody_busy_elsewhere_is_told_that_a_guest_failed(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot, tray: list[str]
) -> None:
    started("Server")
    shell.window.showMinimized()
    machines[0].crash("The processor stopped.")
    qtbot.waitUntil(lambda: tray == ["“Server” has failed"])
    shell.window.showNormal()


def test_nobody_is_told_who_does_not_want_to_be(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot, tray: list[str]
) -> None:
    session = started("Server")
    shell.preferences.notifications = False
    shell.window.showMinimized()
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: session.state is PowerState.OFF)
    assert tray == []
    shell.window.showNormal()
