"""What people do, from the first click to the last, by clicks and keys alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QInputDialog, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from app.preferences import load as load_preferences
from app.vm_folder import VmFolder
from engine.events import PowerState
from tests.ui.fakes import FakeMachine
from tests.ui.robot import (
    Robot,
    button,
    choose,
    choose_item,
    choose_way,
    click,
    click_row,
    click_tab,
    keys,
    pick_file,
    press,
    tick_and_press,
    use_menu,
    use_toolbar,
    write,
)
from ui.new_vm_wizard import NewVmWizard
from ui.preferences_dialog import PreferencesDialog
from ui.settings.dialog import SettingsDialog
from ui.shell import Shell
from ui.vm_session import VmSession
from ui.wizard_pages import DiskPage, GuestPage, MediaPage, NamePage, WizardMemoryPage

CTRL, ALT, SHIFT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
Start = Callable[..., VmSession]


def test_make_a_machine_with_the_wizard_and_start_it(
    shell: Shell, machines: list[FakeMachine], robot: Robot, qtbot: QtBot, floppy: Path
) -> None:
    def through(wizard: NewVmWizard) -> None:
        guest = wizard.page
        assert isinstance(guest, GuestPage)
        click_row(guest.list, "Windows 3.0, 3.1, for Workgroups 3.11")
        click(wizard.next)
        name = wizard.page
        assert isinstance(name, NamePage)
        assert name.name.text() == "Windows 3.1"
        QTest.keyClicks(name.name, "Old Windows")  # the proposal is selected: typing replaces it
        keys(name.name, Qt.Key.Key_Return)
        memory = wizard.page
        assert isinstance(memory, WizardMemoryPage)
        assert memory.spin.value() == 16
        write_number(memory.spin, 24)
        click(wizard.next)
        disk = wizard.page
        assert isinstance(disk, DiskPage)
        write_number(disk.size_mb, 300)
        click(wizard.next)
        media = wizard.page
        assert isinstance(media, MediaPage)
        write(media.floppy.line, str(floppy))
        click(wizard.next)
        click(wizard.next)  # network: nothing to choose
        click(wizard.finish_page.start)
        click(wizard.finish)

    robot.expect("NewVmWizard", through)
    click(shell.window.home.new_tile)
    qtbot.waitUntil(lambda: bool(machines) and machines[0].state is PowerState.RUNNING)
    config = machines[0].config
    assert (config.name, config.memory_mb, config.cpu_model) == ("Old Windows", 24, "486")
    assert config.hard_disks[0].image.stat().st_size == 300 << 20
    assert config.floppy_drives[0].image == floppy
    entry = shell.library.find("Old Windows")
    assert entry.guest == "windows-3"
    tab = shell.window.tab
    assert tab is not None
    qtbot.waitUntil(lambda: tab.shows_console and shell.window.focusWidget() is tab.console)


def test_type_at_a_running_guest(shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot) -> None:
    started()
    tab = shell.window.tab
    assert tab is not None
    assert shell.window.focusWidget() is tab.console
    QTest.keyClicks(tab.console, "dir")
    QTest.keyClick(tab.console, Qt.Key.Key_Return)
    assert machines[0].keyboard.log == ["+d", "-d", "+i", "-i", "+r", "-r", "+enter", "-enter"]


def test_grab_and_release_are_told_in_the_status_bar(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    started()
    window, tab = shell.window, shell.window.tab
    assert tab is not None
    assert "To release: Ctrl+Alt" in window.hint.text()
    click(tab.console)
    qtbot.waitUntil(lambda: tab.console.grabbed)
    assert "To release keyboard and mouse: Ctrl+Alt" in window.hint.text()
    keys(tab.console, Qt.Key.Key_N, CTRL)  # while grabbed the guest gets what would be New
    assert machines[0].keyboard.log == ["+ctrl", "+n", "-n", "-ctrl"]
    QTest.keyPress(tab.console, Qt.Key.Key_Control)
    QTest.keyPress(tab.console, Qt.Key.Key_Alt, CTRL)
    assert tab.console.grabbed
    QTest.keyRelease(tab.console, Qt.Key.Key_Alt, CTRL)
    assert not tab.console.grabbed
    QTest.keyRelease(tab.console, Qt.Key.Key_Control)
    keys(window, Qt.Key.Key_G, CTRL)
    assert tab.console.grabbed


def test_change_the_floppy_by_the_light(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot, floppy: Path
) -> None:
    session = started()
    light = shell.window.lights.lights["floppy0"]
    robot.expect("QMenu", choose("Insert image"))
    robot.expect("QFileDialog", pick_file(floppy))
    click(light)
    qtbot.waitUntil(lambda: machines[0].media.get("floppy0") == str(floppy))
    qtbot.waitUntil(lambda: light.row.image == floppy)
    assert session.folder is not None
    assert session.folder.settings.machine.floppy_drives[0].image == floppy  # there after the next start too
    robot.expect("QMenu", choose(f"Disconnect “{floppy.name}”"))
    click(light)
    qtbot.waitUntil(lambda: light.row.image is None)
    assert machines[0].media["floppy0"] == ""
    robot.expect("QMenu", choose(f"Connect “{floppy.name}”"))
    click(light)
    qtbot.waitUntil(lambda: machines[0].media["floppy0"] == str(floppy))


def test_full_screen_and_back(shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot) -> None:
    started()
    window, tab = shell.window, shell.window.tab
    assert tab is not None
    click(tab.console)
    keys(tab.console, Qt.Key.Key_Return, CTRL, ALT)  # grabbed: works all the same
    qtbot.waitUntil(window.isFullScreen)
    assert not window.menuBar().isVisible()
    assert not window.statusBar().isVisible()
    assert not window.library_view.isVisible()
    assert window.full_screen.bar.isVisible()
    assert "+enter" not in machines[0].keyboard.log
    keys(tab.console, Qt.Key.Key_Return, CTRL, ALT)
    qtbot.waitUntil(lambda: not window.isFullScreen())
    assert window.menuBar().isVisible()
    assert window.library_view.isVisible()
    keys(window, Qt.Key.Key_F11)  # with no grab F11 does it too
    qtbot.waitUntil(window.isFullScreen)
    click(window.full_screen.bar.leave)
    qtbot.waitUntil(lambda: not window.isFullScreen())


def test_another_machine_is_chosen_on_the_full_screen_bar(
    shell: Shell, started: Start, robot: Robot, qtbot: QtBot
) -> None:
    started("First")
    started("Second")
    window = shell.window
    keys(window, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    robot.expect("QMenu", choose("First"))
    click(window.full_screen.bar.machines)
    qtbot.waitUntil(lambda: window.session is not None and window.session.name == "First")
    assert window.isFullScreen()
    assert window.full_screen.bar.machines.text().strip() == "First"
    keys(window, Qt.Key.Key_Right, CTRL, ALT)
    assert window.session is not None and window.session.name == "Second"


def test_settings_cancel_changes_nothing_and_ok_saves(
    shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot, qtbot: QtBot
) -> None:
    folder = make_vm()
    before = folder.settings_file.read_bytes()
    click_row(shell.window.library_view.list, "DOS")

    def change(dialog: SettingsDialog) -> None:
        spin = dialog.page("memory").field.spin  # type: ignore[attr-defined]
        write_number(spin, 32)

    def change_and_cancel(dialog: SettingsDialog) -> None:
        change(dialog)
        click(button(dialog, "Cancel"))

    def change_and_ok(dialog: SettingsDialog) -> None:
        change(dialog)
        click(dialog.ok)

    robot.expect("SettingsDialog", change_and_cancel)
    keys(shell.window, Qt.Key.Key_D, CTRL)
    assert robot.done
    assert folder.settings_file.read_bytes() == before
    robot.expect("SettingsDialog", change_and_ok)
    keys(shell.window, Qt.Key.Key_D, CTRL)
    assert robot.done
    assert folder.settings.machine.memory_mb == 32
    assert shell.window.tab is not None
    assert shell.window.tab.summary.devices.topLevelItem(0).text(1) == "32 MB"  # type: ignore[union-attr]


def test_double_click_on_a_device_opens_its_page(shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot) -> None:
    make_vm()
    click_row(shell.window.library_view.list, "DOS")
    tab = shell.window.tab
    assert tab is not None
    tree = tab.summary.devices
    seen = []

    def look(dialog: SettingsDialog) -> None:
        seen.append(dialog.pages[dialog.stack.currentIndex()].key)
        click(button(dialog, "Cancel"))

    robot.expect("SettingsDialog", look)
    item = next(
        tree.topLevelItem(row) for row in range(tree.topLevelItemCount()) if tree.topLevelItem(row).text(0) == "CD-ROM"
    )  # type: ignore[union-attr]
    spot = tree.visualItemRect(item).center()
    QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    QTest.mouseDClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert seen == ["cdrom"]


def test_pause_and_resume(shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot) -> None:
    session = started()
    pause = shell.window.toolbar.widgetForAction(shell.window.actions_.pause)
    click(pause)
    qtbot.waitUntil(lambda: session.state is PowerState.PAUSED and not session.busy)
    assert "Paused" in shell.window.hint.text()
    assert shell.window.actions_.pause.isChecked()
    click(pause)
    qtbot.waitUntil(lambda: session.state is PowerState.RUNNING and not session.busy)
    assert not shell.window.actions_.pause.isChecked()


def test_power_off_asks_names_the_machine_and_can_be_silenced(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    session = started("Accounts")
    heard = []

    def cancel(dialog: object) -> None:
        heard.append(dialog.headline.text())  # type: ignore[attr-defined]
        press("Cancel")(dialog)

    robot.expect("MessageDialog", cancel)
    keys(shell.window, Qt.Key.Key_E, CTRL)
    assert heard == ["Power off “Accounts”?"]
    assert session.state is PowerState.RUNNING
    robot.expect("MessageDialog", tick_and_press("Do not ask again", "Power off"))
    keys(shell.window, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: session.state is PowerState.OFF and not session.busy)
    assert machines[0].closed
    assert not shell.preferences.confirm_power_off
    keys(shell.window, Qt.Key.Key_B, CTRL)
    qtbot.waitUntil(lambda: session.state is PowerState.RUNNING and not session.busy)
    keys(shell.window, Qt.Key.Key_E, CTRL)  # no question any more
    qtbot.waitUntil(lambda: session.state is PowerState.OFF and not session.busy)


def test_shut_down_presses_the_power_button(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    session = started("Server")
    machine = machines[0]
    machine.hears_power_button = True
    use_menu(shell.window, "Machine", "Power", "Shut down guest")  # nothing can be lost: no question
    qtbot.waitUntil(lambda: machine.power_buttons == 1 and not session.busy)
    assert session.state is PowerState.RUNNING, "the guest takes its time"
    machine.hears_power_button = False
    robot.expect("MessageDialog", press("Cancel"))
    use_toolbar(shell.window.toolbar, "Shut down guest")
    assert robot.done and machine.power_buttons == 1, "a guest without power management would be gone: asked first"
    robot.expect("MessageDialog", press("Power off"))
    use_toolbar(shell.window.toolbar, "Shut down guest")
    qtbot.waitUntil(lambda: session.state is PowerState.OFF and not session.busy)
    assert not shell.window.actions_.shut_down.isEnabled()


def test_every_question_is_asked_again_when_the_person_wants(
    shell: Shell, started: Start, robot: Robot, qtbot: QtBot
) -> None:
    session = started()
    robot.expect("MessageDialog", tick_and_press("Do not ask again", "Power off"))
    keys(shell.window, Qt.Key.Key_E, CTRL)
    qtbot.waitUntil(lambda: session.state is PowerState.OFF and not session.busy)

    def ask_again(dialog: PreferencesDialog) -> None:
        click_row(dialog.list, "Questions")
        assert not dialog.ask_power_off.isChecked()
        click(dialog.ask_all)
        click(dialog.ok)

    robot.expect("PreferencesDialog", ask_again)
    keys(shell.window, Qt.Key.Key_P, CTRL)
    assert robot.done
    keys(shell.window, Qt.Key.Key_B, CTRL)
    qtbot.waitUntil(lambda: session.state is PowerState.RUNNING and not session.busy)
    robot.expect("MessageDialog", press("Cancel"))
    keys(shell.window, Qt.Key.Key_E, CTRL)
    assert robot.done
    assert session.state is PowerState.RUNNING


def test_delete_a_machine(shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot) -> None:
    folder = make_vm("Doomed")
    window = shell.window
    click_row(window.library_view.list, "Doomed")
    robot.expect("MessageDialog", press("Cancel"))
    use_menu(window, "File", "Delete from disk")
    assert robot.done
    assert folder.settings.name == "Doomed"
    assert window.model.rowCount() == 1
    robot.expect("MessageDialog", press("Delete"))
    use_menu(window, "File", "Delete from disk")
    assert not folder.path.exists()
    assert window.model.rowCount() == 0
    assert window.vm_tabs() == []


def test_rename_a_machine(shell: Shell, make_vm: Callable[..., VmFolder], robot: Robot, qtbot: QtBot) -> None:
    make_vm("Old name")
    window = shell.window
    click_row(window.library_view.list, "Old name")

    def answer(dialog: QInputDialog) -> None:
        edit = dialog.findChild(QLineEdit)
        assert edit is not None
        write(edit, "New name")
        QTest.keyClick(edit, Qt.Key.Key_Return)

    robot.expect("QInputDialog", answer)
    keys(window, Qt.Key.Key_F2)
    assert window.tabs.tabText(1) == "New name"
    assert window.session is not None and window.session.folder is not None
    assert window.session.folder.settings.name == "New name"
    keys(window, Qt.Key.Key_B, CTRL)  # the session follows the folder
    qtbot.waitUntil(lambda: window.session is not None and window.session.state is PowerState.RUNNING)


def test_try_it_starts_the_diagnostics_with_one_click(shell: Shell, machines: list[FakeMachine], qtbot: QtBot) -> None:
    click(shell.window.home.try_tile)
    qtbot.waitUntil(lambda: bool(machines) and machines[0].state is PowerState.RUNNING)
    image = machines[0].config.floppy_drives[0].image
    assert image is not None and image.name == "diagnostics.img"
    click_tab(shell.window.tabs.tabBar(), "Home")
    click(shell.window.home.try_tile)  # the one that runs is shown again
    assert len(machines) == 1
    assert shell.window.tab is not None


def test_two_machines_run_at_once_and_tabs_switch(
    shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot
) -> None:
    first, second = started("First"), started("Second")
    assert (first.state, second.state) == (PowerState.RUNNING, PowerState.RUNNING)
    assert machines[1].screen.watched
    assert not machines[0].screen.watched  # a hidden screen makes no frames
    keys(shell.window, Qt.Key.Key_Tab, CTRL, SHIFT)
    assert shell.window.session is first
    assert machines[0].screen.watched and not machines[1].screen.watched


def test_paste_types_the_clipboard(shell: Shell, machines: list[FakeMachine], started: Start) -> None:
    started()
    QGuiApplication.clipboard().setText("dir /w\r\nЖ")
    keys(shell.window, Qt.Key.Key_V, CTRL)
    assert machines[0].keyboard.typed == "dir /w\n"
    assert "Ж" in shell.window.message.text()


def test_send_ctrl_alt_del(shell: Shell, machines: list[FakeMachine], started: Start, qtbot: QtBot) -> None:
    started()
    tab = shell.window.tab
    assert tab is not None
    sent = machines[0].keyboard.log
    use_menu(shell.window, "Machine", "Send Ctrl+Alt+Del")
    assert sent.count("ctrl+alt+delete") == 1
    use_toolbar(shell.window.toolbar, "Send Ctrl+Alt+Del")
    assert sent.count("ctrl+alt+delete") == 2
    click(tab.console)
    keys(tab.console, Qt.Key.Key_Insert, CTRL, ALT)
    assert sent.count("ctrl+alt+delete") == 3


def test_reset_asks_first(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    session = started("Accounts")
    robot.expect("MessageDialog", press("Cancel"))
    keys(shell.window, Qt.Key.Key_R, CTRL)
    assert robot.done
    assert machines[0].resets == 0
    robot.expect("MessageDialog", press("Reset"))
    use_menu(shell.window, "Machine", "Power", "Reset")
    qtbot.waitUntil(lambda: machines[0].resets == 1 and not session.busy)
    assert session.state is PowerState.RUNNING


def test_other_release_keys_are_chosen_in_the_preferences(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    started()
    window, tab = shell.window, shell.window.tab
    assert tab is not None

    def choose_keys(dialog: PreferencesDialog) -> None:
        click_row(dialog.list, "Keyboard and mouse")
        choose_item(dialog.release_keys, "Ctrl+Alt+Shift")
        choose_item(dialog.text_layout, "Portuguese (Brazil, ABNT2)")
        click(dialog.ok)

    robot.expect("PreferencesDialog", choose_keys)
    use_menu(window, "Edit", "Preferences")
    assert robot.done
    assert "To release: Ctrl+Alt+Shift" in window.hint.text()
    click(tab.console)
    assert window.hint.text() == "To release keyboard and mouse: Ctrl+Alt+Shift"
    keys(tab.console, Qt.Key.Key_Return, CTRL, ALT)
    assert not window.isFullScreen()
    assert "+enter" in machines[0].keyboard.log
    for key in (Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Shift):
        QTest.keyPress(tab.console, key)
    for key in (Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Control):
        QTest.keyRelease(tab.console, key)
    assert not tab.console.grabbed
    keys(window, Qt.Key.Key_Return, CTRL, ALT, SHIFT)
    qtbot.waitUntil(window.isFullScreen)
    keys(window, Qt.Key.Key_F11)
    qtbot.waitUntil(lambda: not window.isFullScreen())
    QGuiApplication.clipboard().setText("ação")
    keys(window, Qt.Key.Key_V, CTRL)
    assert machines[0].keyboard.layout == "br"
    kept = load_preferences()
    assert (kept.release_keys, kept.keyboard_layout) == ("ctrl+alt+shift", "br")


def test_the_window_comes_back_where_and_as_it_was(shell: Shell, qtbot: QtBot) -> None:
    window = shell.window
    window.resize(window.width(), 610)  # only the height: the offscreen platform's screen is narrower than the window
    keys(window, Qt.Key.Key_F9)
    use_menu(window, "File", "Quit")
    qtbot.waitUntil(lambda: not window.isVisible())
    again = Shell()
    qtbot.addWidget(again.window)
    again.window.show()
    assert again.window.height() == 610
    assert not again.window.library_view.isVisible()


def test_screenshot_to_a_file(shell: Shell, started: Start, robot: Robot, tmp_path: Path) -> None:
    started()
    target = tmp_path / "screen.png"
    robot.expect("QFileDialog", pick_file(target))
    use_toolbar(shell.window.toolbar, "Capture the screen")
    assert target.read_bytes().startswith(b"\x89PNG")
    assert str(target) in shell.window.message.text()


def test_close_with_guests_running_asks(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    first, second = started("First"), started("Second")
    robot.expect("MessageDialog", press("Cancel"))
    keys(shell.window, Qt.Key.Key_Q, CTRL)
    assert robot.done
    assert shell.window.isVisible()
    assert (first.state, second.state) == (PowerState.RUNNING, PowerState.RUNNING)
    robot.expect("MessageDialog", lambda dialog: QTest.keyClick(dialog, Qt.Key.Key_Escape))
    shell.window.windowHandle().close()  # the cross of the window's frame
    assert robot.done
    assert shell.window.isVisible()
    robot.expect("MessageDialog", choose_way("Power off"))
    use_menu(shell.window, "File", "Quit")
    qtbot.waitUntil(lambda: not shell.window.isVisible())
    assert machines[0].closed and machines[1].closed


def test_a_running_tab_can_be_closed_into_the_background_and_come_back(
    shell: Shell, machines: list[FakeMachine], started: Start, robot: Robot, qtbot: QtBot
) -> None:
    session = started("Server")
    robot.expect("MessageDialog", choose_way("Keep it running"))
    keys(shell.window, Qt.Key.Key_W, CTRL)
    assert shell.window.vm_tabs() == []
    assert session.state is PowerState.RUNNING
    click_row(shell.window.library_view.list, "Server")
    tab = shell.window.tab
    assert tab is not None and tab.shows_console
    robot.expect("MessageDialog", choose_way("Power off"))
    keys(shell.window, Qt.Key.Key_W, CTRL)
    qtbot.waitUntil(lambda: shell.window.vm_tabs() == [])
    assert machines[0].closed


def test_the_library_is_searched(shell: Shell, make_vm: Callable[..., VmFolder]) -> None:
    for name in ("DOS games", "DOS accounts", "Linux"):
        make_vm(name)
    window = shell.window
    keys(window, Qt.Key.Key_F, CTRL)
    assert window.library_view.search.hasFocus()
    QTest.keyClicks(window.library_view.search, "dos acc")
    model = window.library_view.list.model()
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == ["DOS accounts"]
    keys(window, Qt.Key.Key_F9)
    assert not window.library_view.isVisible()


def test_notes_are_kept(shell: Shell, make_vm: Callable[..., VmFolder]) -> None:
    folder = make_vm()
    click_row(shell.window.library_view.list, "DOS")
    tab = shell.window.tab
    assert tab is not None
    tab.summary.notes.setFocus()
    QTest.keyClicks(tab.summary.notes, "Printer on LPT1")
    keys(shell.window, Qt.Key.Key_W, CTRL)
    assert folder.settings.notes == "Printer on LPT1"


def write_number(spin: QSpinBox, value: int) -> None:
    edit = spin.findChild(QLineEdit)
    assert edit is not None
    write(edit, str(value))
    keys(spin, Qt.Key.Key_Tab)
