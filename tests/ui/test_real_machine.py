"""The window over the real PC: our diagnostics diskette and the firmware's Setup, by clicks and keys alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.diagnostics import diagnostics_image
from app.new_vm import NewVmDraft
from engine.events import PowerState
from tests.ui.robot import Robot, click, click_row, keys, press
from ui.shell import Shell
from ui.vm_session import VmSession

PATIENCE_MS = 60_000  # real time: a busy host is slow
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def shell(qtbot: QtBot) -> Iterator[Shell]:
    running = Shell()
    running.application.setQuitOnLastWindowClosed(False)
    running.window.resize(1100, 720)
    running.window.show()
    qtbot.waitExposed(running.window)
    yield running
    for session in running.window.sessions:
        session.runner.stop_and_wait()
    qtbot.waitUntil(lambda: all(session.state is PowerState.OFF for session in running.window.sessions))
    running.window.close()
    running.window.deleteLater()


@pytest.fixture
def read(qtbot: QtBot) -> Callable[[VmSession, str], str]:
    """Waits until a text is on the guest's screen; returns the screen."""

    def wait(session: VmSession, text: str) -> str:
        qtbot.waitUntil(lambda: text in session.runner.screen_text(), timeout=PATIENCE_MS)
        return session.runner.screen_text()

    return wait


def test_try_it_and_look_at_a_picture(shell: Shell, read: Callable[[VmSession, str], str], qtbot: QtBot) -> None:
    click(shell.window.home.try_tile)
    session, tab = shell.window.session, shell.window.tab
    assert session is not None and tab is not None
    read(session, "Mode 13h picture")
    QTest.keyClicks(tab.console, "2")
    qtbot.waitUntil(
        lambda: (tab.console.picture().width(), tab.console.picture().height()) == (320, 200), timeout=PATIENCE_MS
    )
    qtbot.waitUntil(lambda: colours(tab) > 50, timeout=PATIENCE_MS)
    QTest.keyClick(tab.console, Qt.Key.Key_Escape)
    read(session, "Mode 13h picture")


def colours(tab: object) -> int:
    picture = tab.console.picture()  # type: ignore[attr-defined]
    return len({picture.pixel(x, y) for x in range(0, picture.width(), 8) for y in range(0, picture.height(), 8)})


def test_setup_changes_the_boot_order_for_good(
    shell: Shell, read: Callable[[VmSession, str], str], robot: Robot, qtbot: QtBot
) -> None:
    draft = NewVmDraft.for_guest("dos", shell.library)
    draft.name, draft.disk_mb, draft.floppy = "PC", None, diagnostics_image()
    draft.create(shell.library)
    shell.window.model.refresh()
    click_row(shell.window.library_view.list, "PC")
    session, tab = shell.window.session, shell.window.tab
    assert session is not None and tab is not None

    def enter_setup() -> str:
        keys(shell.window, Qt.Key.Key_B, CTRL)
        qtbot.waitUntil(lambda: session.state is PowerState.RUNNING and not session.busy, timeout=PATIENCE_MS)

        def there() -> bool:
            if "System time" in session.runner.screen_text():
                return True
            QTest.keyClick(tab.console, Qt.Key.Key_F2)
            qtbot.wait(100)
            return False

        qtbot.waitUntil(there, timeout=PATIENCE_MS)
        QTest.keyClick(tab.console, Qt.Key.Key_Right)
        return read(session, "Quick boot")

    def first_device(screen: str) -> str:
        return next(line for line in screen.splitlines() if " 1. " in line)

    before = first_device(enter_setup())
    QTest.keyClicks(tab.console, "-")
    qtbot.waitUntil(lambda: first_device(session.runner.screen_text()) != before, timeout=PATIENCE_MS)
    after = first_device(session.runner.screen_text())
    QTest.keyClick(tab.console, Qt.Key.Key_F10)
    QTest.keyClick(tab.console, Qt.Key.Key_Return)
    read(session, "Mode 13h picture")  # it went on and booted
    robot.expect("MessageDialog", press("Power off"))
    keys(shell.window, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: session.state is PowerState.OFF and not session.busy, timeout=PATIENCE_MS)
    assert first_device(enter_setup()) == after


def test_one_click_into_setup(shell: Shell, read: Callable[[VmSession, str], str], qtbot: QtBot) -> None:
    draft = NewVmDraft.for_guest("dos", shell.library)
    draft.name, draft.disk_mb = "PC", None
    draft.create(shell.library)
    shell.window.model.refresh()
    click_row(shell.window.library_view.list, "PC")
    shell.window.actions_.start_setup.trigger()
    session = shell.window.session
    assert session is not None
    read(session, "System time")
