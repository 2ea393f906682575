"""Plots, the table of all machines, the light and the question why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from engine.events import PowerState
from tests.ui.fakes import FakeMachine
from tests.ui.robot import Robot, button, choose_item, click, pick_file, use_menu
from ui.error_dialog import MessageDialog
from ui.performance.all_machines import AllMachines
from ui.performance.machine_view import MachineView
from ui.performance.slowness_dialog import SlownessDialog
from ui.settings.dialog import SettingsDialog
from ui.settings.processor_page import ProcessorPage
from ui.shell import Shell
from ui.vm_session import VmSession

Start = Callable[..., VmSession]


def view_of(shell: Shell) -> MachineView:
    views = shell.window.findChildren(MachineView)
    assert len(views) == 1
    return views[0]


def look(shell: Shell, times: int = 4) -> None:
    for _ in range(times):
        shell.window.histories.look()


def test_nothing_is_looked_at_while_nothing_runs(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    assert not shell.window.histories.watches
    session = started()
    assert shell.window.histories.watches
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: session.state is PowerState.OFF)
    assert not shell.window.histories.watches


def test_the_plots_say_what_they_show(shell: Shell, started: Start) -> None:
    started()
    use_menu(shell.window, "View", "Performance")
    look(shell)
    view = view_of(shell)
    words = [label.text() for label in view.findChildren(QLabel)]
    assert any(text.startswith("Instructions: ") and text.endswith("million a second") for text in words)
    assert "vga " in view.devices.text()


def test_figures_as_a_table_and_plots_as_a_picture(shell: Shell, started: Start, robot: Robot, tmp_path: Path) -> None:
    started()
    use_menu(shell.window, "View", "Performance")
    look(shell)
    view = view_of(shell)
    robot.expect("QFileDialog", pick_file(tmp_path / "figures.csv"))
    click(view.save_table)
    assert (tmp_path / "figures.csv").read_text().startswith("seconds,instructions")
    robot.expect("QFileDialog", pick_file(tmp_path / "plots.png"))
    click(view.save_picture)
    assert (tmp_path / "plots.png").read_bytes().startswith(b"\x89PNG")


def test_a_table_that_cannot_be_written_is_told(
    shell: Shell, started: Start, robot: Robot, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started()
    use_menu(shell.window, "View", "Performance")
    look(shell)
    nowhere = tmp_path / "none" / "figures.csv"  # the folder went away after it was chosen
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(nowhere), ""))
    heard: list[str] = []

    def hear(dialog: MessageDialog) -> None:
        heard.append(dialog.text.text())
        click(button(dialog, "OK"))

    robot.expect("MessageDialog", hear)
    click(view_of(shell).save_table)
    qtbot.waitUntil(lambda: robot.done)
    assert str(nowhere) in heard[0]


def test_all_machines_in_one_table(shell: Shell, started: Start) -> None:
    started("First")
    started("Second")
    look(shell)
    use_menu(shell.window, "View", "All machines")
    dialog = shell.window.findChild(AllMachines)
    assert dialog is not None and dialog.isVisible()
    assert [dialog.table.item(row, 0).text() for row in range(dialog.table.rowCount())] == ["First", "Second"]
    assert "MB of memory free" in dialog.host.text()
    dialog.close()


def test_the_light_names_what_runs_the_guest_and_opens_why(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    assert not shell.window.speed_light.isVisible()
    session = started()
    look(shell)
    light = shell.window.speed_light
    assert light.text() == "Interpreter  0 %"  # the clock of the fake stands still
    assert "0 % of real time" in light.toolTip()
    folder = session.folder
    assert folder is not None
    folder.change(lambda settings: settings.replace(machine=settings.machine.replace(accelerator="interpreter")))

    def use_translator(dialog: SlownessDialog) -> None:
        click(button(dialog, "Use the translator now"))

    session.runner._config = session.runner.config.replace(accelerator="interpreter")
    robot.expect("SlownessDialog", use_translator)
    click(light)
    qtbot.waitUntil(lambda: machines[0].accelerator == "translator" and not session.busy)
    assert session.state is PowerState.RUNNING
    assert folder.settings.machine.accelerator == "translator"
    light.setFocus(Qt.FocusReason.OtherFocusReason)


def test_the_light_goes_with_the_guest(shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot) -> None:
    started()
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: not shell.window.speed_light.isVisible())


def test_what_runs_a_guest_is_exchanged_in_its_settings_while_it_runs(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    session = started()

    def exchange(dialog: SettingsDialog) -> None:
        dialog.show_page("processor")
        page = next(page for page in dialog.findChildren(ProcessorPage) if page.isVisible())
        assert not page.model.isEnabled() and not page.clock.isEnabled()
        choose_item(page.accelerator, "Translator")
        click(button(dialog, "OK"))

    robot.expect("SettingsDialog", exchange)
    use_menu(shell.window, "Machine", "Settings")
    qtbot.waitUntil(lambda: machines[0].accelerator == "translator" and not session.busy)
    assert session.folder is not None and session.folder.settings.machine.accelerator == "translator"
