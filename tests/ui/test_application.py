"""Start-up: no display, nothing heavy imported before it is needed, one machine alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.preferences import Preferences
from app.runner import Runner
from engine.config import MachineConfig
from engine.events import PowerState
from tests.ui.fakes import FakeMachine
from ui import application, theme
from ui.shell import Shell

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_display_it_says_so_and_does_not_abort() -> None:
    environment = {
        name: value for name, value in os.environ.items()
        if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }  # fmt: skip
    program = "import sys\nfrom ui.application import main\nsys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == application.EXIT_FAILED
    assert result.stderr.strip() == application.NO_DISPLAY


def test_the_window_comes_without_plots_sound_and_native_core() -> None:
    program = (
        "import sys\n"
        "from ui.shell import Shell\n"
        "Shell().window.show()\n"
        "heavy = {'pyqtgraph', 'PySide6.QtMultimedia', 'numpy', 'engine._core', 'engine.machine'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_a_window_for_one_machine_closes_with_it(qtbot: QtBot, machines: list[FakeMachine]) -> None:
    runner = Runner(MachineConfig(name="Alone"))
    runner.start()
    shell = Shell()
    shell.application.setQuitOnLastWindowClosed(False)
    shell.show_only(runner)
    shell.window.show()
    menu_bar = shell.window.menuBar()
    assert shell.window.windowTitle() == "Alone – Bancada"
    assert not shell.window.library_view.isVisible()
    assert not shell.window.tabs.tabBar().isVisible()
    assert "Tabs" not in [action.text().replace("&", "") for action in menu_bar.actions() if action.isVisible()]
    first = next(action for action in shell.window.toolbar.actions() if action.isVisible())
    assert first.text() == "&Start"
    tab = shell.window.tab
    assert tab is not None and tab.shows_console
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: not shell.window.isVisible())
    assert runner.state is PowerState.OFF


@pytest.mark.parametrize("choice", [theme.LIGHT, theme.DARK])
def test_text_can_be_read_in_both_themes(choice: str, qtbot: QtBot) -> None:
    colours = theme.LIGHT_COLOURS if choice == theme.LIGHT else theme.DARK_COLOURS
    for ground in (colours.window, colours.surface, colours.sidebar):
        assert contrast(colours.text, ground) >= 7
        for ink in (colours.muted, colours.good, colours.warning, colours.bad):
            assert contrast(ink, ground) >= 4.5, (ink, ground)  # WCAG 2.2, 1.4.3
    assert contrast(colours.accent_text, colours.accent) >= 4.5
    assert contrast(colours.accent_text, colours.accent_hover) >= 4.5
    assert contrast("#ffffff", colours.danger) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_preferences_are_applied_and_kept(shell: Shell, qtbot: QtBot) -> None:
    from ui.preferences_dialog import PreferencesDialog

    dialog = PreferencesDialog(shell.preferences, shell.library.folder, shell.window)
    qtbot.addWidget(dialog)
    dialog.theme.setCurrentIndex(dialog.theme.findData("dark"))
    dialog.scaling.setCurrentIndex(dialog.scaling.findData("integer"))
    dialog.ask_reset.setChecked(False)
    dialog.show()
    assert [button for button in dialog.findChildren(QPushButton) if button.isDefault()] == [dialog.ok]
    before = Preferences(**{name: getattr(shell.preferences, name) for name in ("theme", "scaling", "confirm_reset")})
    assert (before.theme, before.scaling, before.confirm_reset) == ("system", "fit", True)
    dialog.store(shell.preferences)
    shell.window.save_preferences()
    from app import preferences

    assert preferences.load() == shell.preferences
    assert shell.preferences.theme == "dark"
    assert shell.window.actions_.integer.isChecked()
