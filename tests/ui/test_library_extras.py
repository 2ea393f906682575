"""Favourites, the guest's text in the clipboard, and machines that a killed program left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.vm_folder import VmFolder
from engine.events import PowerState
from tests.ui.fakes import FakeMachine
from tests.ui.robot import Robot, button, click, click_row, keys, press, use_menu
from ui.error_dialog import MessageDialog
from ui.library_model import THUMBNAIL
from ui.shell import Shell
from ui.vm_session import VmSession

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def rows(shell: Shell) -> list[str]:
    model = shell.window.library_view.list.model()
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_a_favourite_moves_to_the_top_and_back(shell: Shell, make_vm: Callable[..., VmFolder]) -> None:
    for name in ("Abacus", "Zebra"):
        make_vm(name)
    click_row(shell.window.library_view.list, "Zebra")
    use_menu(shell.window, "File", "Favourite")
    assert rows(shell) == ["Zebra", "Abacus"]
    assert shell.window.actions_.favourite.isChecked()
    use_menu(shell.window, "File", "Favourite")
    assert rows(shell) == ["Abacus", "Zebra"]


def test_the_guests_text_goes_to_the_clipboard(
    shell: Shell, machines: list[FakeMachine], started: Callable[..., VmSession]
) -> None:
    started()
    machines[0].keyboard.typed = "A:\\>dir   \n\n"
    keys(shell.window, Qt.Key.Key_C, CTRL, SHIFT)
    assert QGuiApplication.clipboard().text() == "A:\\>dir"
    machines[0].keyboard.typed = ""
    use_menu(shell.window, "Edit", "Copy the screen's text")
    assert "no text" in shell.window.message.text()


def test_machines_that_a_killed_program_left_are_told_once(
    shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot, qtbot: QtBot
) -> None:
    lock = make_vm("Server").lock()
    os.dup2(os.open(os.devnull, os.O_RDWR), lock._handle)
    heard: list[str] = []

    def hear(dialog: MessageDialog) -> None:
        heard.append(dialog.text.text())
        click(button(dialog, "OK"))

    robot.expect("MessageDialog", hear)
    shell.library_commands.tell_left_running()
    qtbot.waitUntil(lambda: robot.done)
    assert "•  Server" in heard[0]
    shell.library_commands.tell_left_running()  # no dialog now


def test_a_folder_that_was_copied_in_the_file_manager_is_asked_about(
    shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot
) -> None:
    original = make_vm("Original")
    copy = original.path.with_name("copy")
    shutil.copytree(original.path, copy)
    settings = copy / "machine.toml"
    settings.write_text(settings.read_text().replace('"Original"', '"Copied"'))
    shell.window.model.refresh()
    robot.expect("MessageDialog", press("It is a copy"))
    click_row(shell.window.library_view.list, "Copied")
    assert VmFolder(copy).id != original.id
    click_row(shell.window.library_view.list, "Original")  # nothing is asked
    click_row(shell.window.library_view.list, "Copied")


def test_a_running_guest_has_a_live_picture_in_the_library(
    shell: Shell, machines: list[FakeMachine], started: Callable[..., VmSession], qtbot: QtBot
) -> None:
    session = started("DOS")
    index = shell.window.model.index(0)
    assert index.data(THUMBNAIL) is None
    shell.window.thumbnails.look()
    before = index.data(THUMBNAIL).toImage()
    machines[0].screen.fill(0, 400, (0xF0, 0xF0, 0x10))
    shell.window.thumbnails.look()
    assert index.data(THUMBNAIL).toImage() != before
    shell.window.grab()  # paints it
    shell.preferences.thumbnails = False
    assert index.data(THUMBNAIL) is None
    shell.preferences.thumbnails = True
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: session.state is PowerState.OFF)
    assert index.data(THUMBNAIL) is None
