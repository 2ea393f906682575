"""What goes wrong is said in words, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.vm_folder import VmFolder
from engine.events import PowerState
from tests.ui.fakes import FakeMachine
from tests.ui.robot import Robot, choose, click, click_row, keys, pick_file, press, write
from ui.error_dialog import ExceptionCatcher, MessageDialog
from ui.new_vm_wizard import NewVmWizard
from ui.settings.dialog import SettingsDialog
from ui.shell import Shell
from ui.vm_session import VmSession
from ui.wizard_pages import DiskPage, MediaPage, NamePage

CTRL = Qt.KeyboardModifier.ControlModifier
Start = Callable[..., VmSession]


def hear(heard: list[str], text: str = "OK") -> Callable[[MessageDialog], None]:
    """A step that notes a dialog's words and presses a button."""

    def step(dialog: MessageDialog) -> None:
        heard.append(f"{dialog.headline.text()} | {dialog.text.text()}")
        press(text)(dialog)

    return step


def test_a_vanished_image_is_named_and_the_machine_stays_off(
    shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot, qtbot: QtBot, floppy: Path
) -> None:
    make_vm("DOS", floppy)
    floppy.unlink()
    click_row(shell.window.library_view.list, "DOS")
    heard: list[str] = []
    robot.expect("MessageDialog", hear(heard))
    keys(shell.window, Qt.Key.Key_B, CTRL)
    qtbot.waitUntil(lambda: robot.done)
    assert heard[0].startswith("“DOS” could not be started | ")
    assert str(floppy) in heard[0]
    session = shell.window.session
    assert session is not None and session.state is PowerState.OFF
    assert shell.window.actions_.start.isEnabled(), "and can be tried again"


def test_a_medium_that_cannot_be_used_leaves_the_old_one(
    shell: Shell, started: Start, robot: Robot, qtbot: QtBot, floppy: Path, tmp_path: Path
) -> None:
    started("DOS", floppy)
    bad = tmp_path / "bad.img"
    bad.write_bytes(b"")
    heard: list[str] = []
    robot.expect("QMenu", choose("Insert image"))
    robot.expect("QFileDialog", pick_file(bad))
    robot.expect("MessageDialog", hear(heard))
    light = shell.window.lights.lights["floppy0"]
    click(light)
    qtbot.waitUntil(lambda: robot.done)
    assert heard == [f"The medium could not be inserted | {bad}: The image is empty. Choose another file."]
    assert light.row.image == floppy


def test_a_hand_edited_file_with_a_wrong_value_is_an_entry_with_its_problem(
    shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot, qtbot: QtBot
) -> None:
    folder = make_vm("Edited")
    text = folder.settings_file.read_text()
    folder.settings_file.write_text(text.replace("memory_mb = 16", "memory_mb = 'lots'"))
    shell.window.model.refresh()
    heard: list[str] = []
    robot.expect("MessageDialog", hear(heard))
    click_row(shell.window.library_view.list, folder.path.name)
    qtbot.waitUntil(lambda: robot.done)
    assert "machine.toml" in heard[0] and "memory_mb" in heard[0]
    assert shell.window.vm_tabs() == []


def test_a_file_that_breaks_while_its_tab_is_open(shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot) -> None:
    folder = make_vm("DOS")
    click_row(shell.window.library_view.list, "DOS")
    folder.settings_file.write_text("memory_mb = [")
    session, tab = shell.window.session, shell.window.tab
    assert session is not None and tab is not None
    session.changed.emit()
    assert not shell.window.actions_.start.isEnabled()
    assert not shell.window.actions_.settings.isEnabled()
    assert not tab.summary.start.isEnabled()


def test_a_crash_is_told_and_the_application_lives_on(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    first, second = started("First"), started("Second")
    machines[1].crash("The virtual machine stopped because of an internal error: division by zero")
    qtbot.waitUntil(lambda: second.state is PowerState.CRASHED)
    tab = shell.window.tab
    assert tab is not None and not tab.shows_console
    assert tab.remarks.isVisible() and "division by zero" in tab.remarks.text.text()
    assert first.state is PowerState.RUNNING
    assert tab.summary.start.text() == "Start again"
    click(tab.summary.start)
    qtbot.waitUntil(lambda: second.state is PowerState.RUNNING and not second.busy)
    assert machines[1].closed and len(machines) == 3


def test_what_the_machine_reports_is_shown_until_it_is_closed(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    started()
    machines[0].notice("The floppy file is read-only; the guest sees write protection.")
    tab = shell.window.tab
    assert tab is not None
    qtbot.waitUntil(tab.remarks.isVisible)
    assert "read-only" in tab.remarks.text.text()


def test_a_guest_that_switches_itself_off(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    session = started()
    keys(shell.window, Qt.Key.Key_F11)
    qtbot.waitUntil(shell.window.isFullScreen)
    machines[0].guest_powers_off()
    qtbot.waitUntil(lambda: session.state is PowerState.OFF)
    assert not shell.window.isFullScreen()
    tab = shell.window.tab
    assert tab is not None and not tab.shows_console
    assert not tab.summary.preview._picture.isNull(), "the last picture stays to be seen"


@pytest.mark.parametrize("megabytes", [0, 99_999])
def test_absurd_memory_is_refused_beside_the_field(
    shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot, megabytes: int
) -> None:
    folder = make_vm("DOS")
    click_row(shell.window.library_view.list, "DOS")
    before = folder.settings_file.read_bytes()

    def try_it(dialog: SettingsDialog) -> None:
        page = dialog.page("memory")
        page.field.spin.setValue(megabytes)  # type: ignore[attr-defined]
        label = next(label for path, label, _ in page._places if path == "memory_mb")
        assert label.isVisible()
        assert label.text() == f"{megabytes} MB of memory is not possible. Allowed: 1 to 3072 MB."
        assert not dialog.ok.isEnabled()
        assert "Memory" in dialog.message.text()
        dialog.reject()

    robot.expect("SettingsDialog", try_it)
    keys(shell.window, Qt.Key.Key_D, CTRL)
    assert robot.done
    assert folder.settings_file.read_bytes() == before


def test_the_wizard_says_what_is_wrong_beside_the_field(shell: Shell, robot: Robot, tmp_path: Path) -> None:
    file = tmp_path / "a file"
    file.write_bytes(b"")

    def through(wizard: NewVmWizard) -> None:
        click(wizard.next)
        name = wizard.page
        assert isinstance(name, NamePage)
        write(name.name, "")
        assert not wizard.next.isEnabled()
        assert any(label.isVisible() and "name" in label.text().lower() for label, _ in name._places.values())
        write(name.name, "Fine")
        assert wizard.next.isEnabled()
        write(name.location.line, str(file / "folder"))
        assert not wizard.next.isEnabled()
        write(name.location.line, str(tmp_path / "machines"))
        click(wizard.next)
        click(wizard.next)
        disk = wizard.page
        assert isinstance(disk, DiskPage)
        click(disk.existing)
        assert not wizard.next.isEnabled()
        write(disk.file.line, str(tmp_path / "not there.img"))
        assert not wizard.next.isEnabled()
        assert any(label.isVisible() and "not there.img" in label.text() for label, _ in disk._places.values())
        click(disk.none)
        assert wizard.next.isEnabled()
        click(wizard.next)
        media = wizard.page
        assert isinstance(media, MediaPage)
        write(media.cdrom.line, str(tmp_path))
        assert not wizard.next.isEnabled()
        write(media.cdrom.line, "")
        click(wizard.next)
        click(wizard.cancel)

    robot.expect("NewVmWizard", through)
    click(shell.window.home.new_tile)
    assert robot.done
    assert shell.library.entries() == []


def test_going_back_in_the_wizard_keeps_what_was_typed(shell: Shell, robot: Robot) -> None:
    def through(wizard: NewVmWizard) -> None:
        click(wizard.next)
        name = wizard.page
        assert isinstance(name, NamePage)
        write(name.name, "Mine")
        click(wizard.next)
        click(wizard.back)
        click(wizard.back)
        click(wizard.next)
        assert name.name.text() == "Mine"
        QTest.keyClick(wizard, Qt.Key.Key_Escape)

    robot.expect("NewVmWizard", through)
    keys(shell.window, Qt.Key.Key_N, CTRL)
    assert robot.done


def test_an_uncaught_exception_is_logged_and_told_once(
    shell: Shell, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    catcher = ExceptionCatcher(lambda: shell.window)
    for _ in range(3):
        try:
            raise RuntimeError("a defect")
        except RuntimeError as error:
            catcher.hook(RuntimeError, error, error.__traceback__)
    qtbot.waitUntil(lambda: isinstance(QApplication.activeModalWidget(), MessageDialog))
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, MessageDialog)
    assert "Traceback" not in dialog.text.text() and "log" in dialog.text.text()
    assert sum("a defect" in (record.exc_text or "") or record.exc_info is not None for record in caplog.records) == 3
    press("OK")(dialog)
    qtbot.waitUntil(lambda: QApplication.activeModalWidget() is None)
    assert shell.window.isVisible()


def test_a_clipboard_too_long_to_type(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    started()
    QApplication.clipboard().setText("x" * 100_000)
    heard: list[str] = []
    robot.expect("MessageDialog", hear(heard))
    keys(shell.window, Qt.Key.Key_V, CTRL)
    qtbot.waitUntil(lambda: robot.done)
    assert "too long" in heard[0]
    assert machines[0].keyboard.typed == ""


def test_opening_something_that_is_no_machine(shell: Shell, robot: Robot, qtbot: QtBot, floppy: Path) -> None:
    heard: list[str] = []
    robot.expect("QFileDialog", pick_file(floppy))
    robot.expect("MessageDialog", hear(heard))
    keys(shell.window, Qt.Key.Key_O, CTRL)
    qtbot.waitUntil(lambda: robot.done)
    assert "The machine could not be opened" in heard[0]
