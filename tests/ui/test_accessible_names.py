"""What a screen reader says of every control: nothing that takes the keyboard is without a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractScrollArea, QDialog, QScrollBar, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from app.preferences import Preferences
from app.problem_report import Part
from engine.config import MachineConfig
from tests.ui.robot import use_menu
from ui.about import AboutDialog, KeysDialog
from ui.new_disk_dialog import NewDiskDialog
from ui.new_vm_wizard import NewVmWizard
from ui.preferences_dialog import PreferencesDialog
from ui.problem_report_dialog import ProblemReportDialog
from ui.settings.dialog import SettingsDialog
from ui.shell import Shell
from ui.vm_session import VmSession


def nameless(window: QWidget) -> list[str]:
    """Controls that take the keyboard and have no name; parts that Qt makes inside of others speak with these."""
    found = []
    for widget in window.findChildren(QWidget):
        if not widget.focusPolicy() & Qt.FocusPolicy.TabFocus or widget.objectName().startswith("qt_"):
            continue
        if widget.window() is not window:
            continue  # the list of a combo box
        if isinstance(widget, QScrollBar | QTabBar) or widget.focusProxy() is not None:
            continue
        if isinstance(widget.parent(), QAbstractScrollArea) and widget is widget.parent().viewport():
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        if interface is None or not interface.text(QAccessible.Text.Name).strip():
            found.append(f"{type(widget).__name__} in {type(widget.parent()).__name__}")
    return found


def check(windows: Iterable[QWidget]) -> None:
    problems = {type(window).__name__: found for window in windows if (found := nameless(window))}
    assert not problems, problems


def test_the_window_and_a_running_machine(shell: Shell, started: Callable[..., VmSession]) -> None:
    started()
    use_menu(shell.window, "View", "Performance")
    use_menu(shell.window, "View", "All machines")
    check([shell.window])


def test_dialogs(shell: Shell, qtbot: QtBot, tmp_path: Path) -> None:
    config = MachineConfig()
    dialogs: list[QDialog] = [
        PreferencesDialog(Preferences(), tmp_path),
        SettingsDialog(config, False, lambda _: None, lambda *_: None, lambda _: ""),
        NewVmWizard(shell.library, "auto"),
        NewDiskDialog(tmp_path, config),
        ProblemReportDialog([Part("host.txt", "a host")]),
        AboutDialog(),
        KeysDialog("Ctrl+Alt"),
    ]
    for dialog in dialogs:
        qtbot.addWidget(dialog)
    check(dialogs)
