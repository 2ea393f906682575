"""The window over the real PC, by clicks and keys alone: our diskettes, FreeDOS where it is there, and Setup."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

import app.runner
from app.diagnostics import diagnostics_image
from app.new_vm import NewVmDraft
from app.vm_folder import VmFolder
from engine.events import PowerState
from tests.conftest import GUESTS
from tests.ui.paced import World
from tests.ui.reader_diskette import make_reader_diskette
from tests.ui.robot import (
    Robot,
    choose,
    choose_way,
    click,
    click_row,
    click_tab,
    keys,
    pick_file,
    press,
    use_menu,
    use_toolbar,
    write,
)
from ui.new_vm_wizard import NewVmWizard
from ui.shell import Shell
from ui.vm_session import VmSession
from ui.vm_tab import VmTab
from ui.wizard_pages import DiskPage, MediaPage, NamePage

PATIENCE_MS = 60_000  # host time, for the one test in it: a busy host is slow
MENU = "Mode 13h picture"  # on the diagnostics diskette's menu
SETUP = "System time"  # on the first page of Setup
POST = "F2 or Del: Setup"
CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier
FREEDOS = GUESTS / "freedos-1440k.img"
needs_freedos = pytest.mark.skipif(not FREEDOS.is_file(), reason="the FreeDOS diskette is not there")


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
    qtbot.waitUntil(
        lambda: all(session.state is PowerState.OFF and not session.busy for session in running.window.sessions)
    )
    running.window.close()
    running.window.deleteLater()


@pytest.fixture
def world(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> World:
    """Guests on the "instructions" clock; without this fixture a test has guests that run by themselves."""
    made = World(qtbot)
    monkeypatch.setattr(app.runner, "make_machine", made.make_machine)
    return made


@pytest.fixture
def make_vm(shell: Shell) -> Callable[..., VmFolder]:
    def make(name: str = "PC", floppy: Path | None = None) -> VmFolder:
        draft = NewVmDraft.for_guest("dos", shell.library)
        draft.name, draft.disk_mb, draft.floppy = name, None, floppy
        folder = draft.create(shell.library)
        shell.window.model.refresh()
        return folder

    return make


@pytest.fixture
def started(shell: Shell, world: World, make_vm: Callable[..., VmFolder], tmp_path: Path) -> Callable[..., VmSession]:
    """Makes a machine with a diagnostics diskette of its own, chooses it in the library and presses Ctrl+B."""

    def start(name: str = "PC", floppy: Path | None = None) -> VmSession:
        if floppy is None:
            # One machine at a time writes to a diskette, and tests run side by side.
            floppy = Path(shutil.copy(diagnostics_image(), tmp_path / f"{name}.img"))
        make_vm(name, floppy)
        click_row(shell.window.library_view.list, name)
        keys(shell.window, Qt.Key.Key_B, CTRL)
        session = shell.window.session
        assert session is not None and session.name == name
        world.reach(session, PowerState.RUNNING)
        return session

    return start


Start = Callable[..., VmSession]


def tab_of(shell: Shell) -> VmTab:
    tab = shell.window.tab
    assert tab is not None
    return tab


def type_at(world: World, tab: VmTab, text: str) -> None:
    """At a typist's pace."""
    for character in text:
        if character == "\n":
            QTest.keyClick(tab.console, Qt.Key.Key_Return)
        else:
            QTest.keyClicks(tab.console, character)
        world.run(0.06)


def colours(tab: VmTab) -> int:
    picture = tab.console.picture()
    return len({picture.pixel(x, y) for x in range(0, picture.width(), 8) for y in range(0, picture.height(), 8)})


def picture_size(tab: VmTab) -> tuple[int, int]:
    picture = tab.console.picture()
    return picture.width(), picture.height()


# -- Making and starting -------------------------------------------------------------------------------------


def test_try_it_in_real_time(shell: Shell, qtbot: QtBot) -> None:
    click(shell.window.home.try_tile)
    session, tab = shell.window.session, tab_of(shell)
    assert session is not None
    qtbot.waitUntil(lambda: MENU in session.runner.screen_text(), timeout=PATIENCE_MS)
    QTest.keyClicks(tab.console, "2")
    qtbot.waitUntil(lambda: picture_size(tab) == (320, 200) and colours(tab) > 50, timeout=PATIENCE_MS)


def make_by_wizard(shell: Shell, robot: Robot, name: str, floppy: Path) -> None:
    def through(wizard: NewVmWizard) -> None:
        while wizard.next.isVisible():
            page = wizard.page
            if isinstance(page, NamePage):
                write(page.name, name)
            elif isinstance(page, DiskPage):
                click(page.none)
            elif isinstance(page, MediaPage):
                write(page.floppy.line, str(floppy))
            click(wizard.next)
        if not wizard.start_wanted:
            click(wizard.finish_page.start)
        click(wizard.finish)

    robot.expect("NewVmWizard", through)
    use_toolbar(shell.window.toolbar, "New machine")
    assert robot.done


def test_from_the_wizard_to_the_guests_answer(shell: Shell, world: World, robot: Robot) -> None:
    make_by_wizard(shell, robot, "Diagnostics PC", diagnostics_image())
    session, tab = shell.window.session, tab_of(shell)
    assert session is not None and session.name == "Diagnostics PC"
    world.read(session, MENU)
    world.run(0.1)
    assert shell.window.focusWidget() is tab.console, "what is typed goes to the guest without another click"
    type_at(world, tab, "4")
    world.read(session, "Shift states")
    type_at(world, tab, "aB")
    screen = world.read(session, "30    42     B")
    assert "1E    61     a" in screen


@needs_freedos
def test_freedos_from_the_wizard_to_dir(shell: Shell, world: World, robot: Robot, tmp_path: Path) -> None:
    floppy = tmp_path / "freedos.img"
    floppy.write_bytes(FREEDOS.read_bytes())
    make_by_wizard(shell, robot, "DOS", floppy)
    session, tab = shell.window.session, tab_of(shell)
    assert session is not None
    world.read(session, "A:\\>")
    type_at(world, tab, "ver\n")
    world.read(session, "FreeCom version 0.82")
    type_at(world, tab, "dir\n")
    assert "COMMAND  COM" in world.read(session, "bytes free").upper()


# -- Media ---------------------------------------------------------------------------------------------------


def change_floppy(shell: Shell, world: World, robot: Robot, image: Path) -> None:
    robot.expect("QMenu", choose("Insert image"))
    robot.expect("QFileDialog", pick_file(image))
    light = shell.window.lights.lights["floppy0"]
    click(light)
    world.until(lambda: light.row.image == image)


def test_the_guest_reads_the_diskette_put_in_by_the_light(
    shell: Shell, world: World, started: Start, robot: Robot, tmp_path: Path
) -> None:
    session = started("Reader", make_reader_diskette(tmp_path / "one.img", "THE FIRST DISKETTE"))
    world.read(session, "THE FIRST DISKETTE")
    change_floppy(shell, world, robot, make_reader_diskette(tmp_path / "two.img", "THE SECOND DISKETTE"))
    assert "SECOND" not in session.runner.screen_text()
    type_at(world, tab_of(shell), " ")
    world.read(session, "THE SECOND DISKETTE")
    robot.expect("QMenu", choose("Disconnect “two.img”"))
    light = shell.window.lights.lights["floppy0"]
    click(light)
    world.until(lambda: light.row.image is None)
    type_at(world, tab_of(shell), " ")
    world.run(3)
    assert session.runner.screen_text().count("DISKETTE") == 2, "an empty drive has nothing to read"


@needs_freedos
def test_dos_lists_the_new_diskette(shell: Shell, world: World, started: Start, robot: Robot, tmp_path: Path) -> None:
    first, second = tmp_path / "freedos.img", tmp_path / "second.img"
    first.write_bytes(FREEDOS.read_bytes())
    second.write_bytes(FREEDOS.read_bytes().replace(b"COMMAND COM", b"NEWDISK TXT"))
    session = started("DOS", first)
    tab = tab_of(shell)
    world.read(session, "A:\\>")
    type_at(world, tab, "dir\n")
    assert "NEWDISK" not in world.read(session, "bytes free").upper()
    change_floppy(shell, world, robot, second)
    type_at(world, tab, "cls\ndir\n")
    world.until(lambda: "NEWDISK" in session.runner.screen_text().upper())


# -- Setup ---------------------------------------------------------------------------------------------------


def first_device(session: VmSession) -> str:
    return next((line for line in session.runner.screen_text().splitlines() if " 1. " in line), "")


def test_setup_changes_the_boot_order_for_good(shell: Shell, world: World, started: Start, robot: Robot) -> None:
    session = started()
    tab = tab_of(shell)
    world.read(session, POST)
    QTest.keyClick(tab.console, Qt.Key.Key_F2)
    world.read(session, SETUP)
    QTest.keyClick(tab.console, Qt.Key.Key_Right)
    world.read(session, "Quick boot")
    before = first_device(session)
    type_at(world, tab, "-")
    world.until(lambda: first_device(session) != before)
    after = first_device(session)
    QTest.keyClick(tab.console, Qt.Key.Key_F10)
    world.run(0.5)
    QTest.keyClick(tab.console, Qt.Key.Key_Return)
    world.read(session, MENU)  # it went on and booted
    robot.expect("MessageDialog", press("Power off"))
    keys(shell.window, Qt.Key.Key_E, CTRL)
    world.reach(session, PowerState.OFF)
    use_menu(shell.window, "Machine", "Power", "Start into Setup")
    world.read(session, SETUP)
    QTest.keyClick(tab.console, Qt.Key.Key_Right)
    world.read(session, "Quick boot")
    assert first_device(session) == after


# -- Screen --------------------------------------------------------------------------------------------------


def test_full_screen_and_back_with_a_guest(shell: Shell, world: World, started: Start) -> None:
    session = started()
    window, tab = shell.window, tab_of(shell)
    world.read(session, MENU)
    click(tab.console)
    assert tab.console.grabbed
    keys(tab.console, Qt.Key.Key_Return, CTRL, ALT)
    world.until(window.isFullScreen)
    world.until(lambda: tab.console.size() == window.size(), 5)
    assert not window.menuBar().isVisible() and not window.statusBar().isVisible()
    type_at(world, tab, "2")  # the guest has the keyboard still, or again
    world.until(lambda: picture_size(tab) == (320, 200))
    QTest.keyPress(tab.console, Qt.Key.Key_Control)
    QTest.keyPress(tab.console, Qt.Key.Key_Alt, CTRL)
    QTest.keyRelease(tab.console, Qt.Key.Key_Alt, CTRL)
    QTest.keyRelease(tab.console, Qt.Key.Key_Control)
    assert not tab.console.grabbed
    assert window.isFullScreen()
    keys(tab.console, Qt.Key.Key_Return, CTRL, ALT)
    world.until(lambda: not window.isFullScreen())
    assert window.menuBar().isVisible() and window.statusBar().isVisible()
    QTest.keyClick(tab.console, Qt.Key.Key_Escape)
    world.read(session, MENU)


def test_a_screenshot_is_the_guests_picture(
    shell: Shell, world: World, started: Start, robot: Robot, tmp_path: Path
) -> None:
    session = started()
    tab = tab_of(shell)
    world.read(session, MENU)
    type_at(world, tab, "2")
    world.until(lambda: picture_size(tab) == (320, 200) and colours(tab) > 50)
    world.run(1)
    target = tmp_path / "rings.png"
    robot.expect("QFileDialog", pick_file(target))
    use_menu(shell.window, "Machine", "Capture the screen")
    assert robot.done
    saved = QImage(str(target)).convertToFormat(QImage.Format.Format_RGB32)
    assert saved == tab.console.picture()
    assert QImage(saved).pixelColor(160, 100).red() > 128, "the middle of the rings is red"


# -- Keys ----------------------------------------------------------------------------------------------------


def test_ctrl_alt_del_restarts_the_guest(shell: Shell, world: World, started: Start) -> None:
    session = started()
    for use in (
        lambda: use_menu(shell.window, "Machine", "Send Ctrl+Alt+Del"),
        lambda: use_toolbar(shell.window.toolbar, "Send Ctrl+Alt+Del"),
        lambda: keys(tab_of(shell).console, Qt.Key.Key_Insert, CTRL, ALT),
    ):
        world.read(session, MENU)
        world.run(0.2)
        use()
        world.read(session, POST)


def test_pasted_text_arrives_in_the_guest(shell: Shell, world: World, started: Start) -> None:
    session = started()
    tab = tab_of(shell)
    world.read(session, MENU)
    type_at(world, tab, "4")
    world.read(session, "Shift states")
    QGuiApplication.clipboard().setText("xY")
    use_menu(shell.window, "Edit", "Paste as keystrokes")
    screen = world.read(session, "15    59     Y")
    assert "2D    78     x" in screen


@needs_freedos
def test_a_pasted_command_is_carried_out(shell: Shell, world: World, started: Start, tmp_path: Path) -> None:
    floppy = tmp_path / "freedos.img"
    floppy.write_bytes(FREEDOS.read_bytes())
    session = started("DOS", floppy)
    world.read(session, "A:\\>")
    QGuiApplication.clipboard().setText("ver\r\n")
    keys(shell.window, Qt.Key.Key_V, CTRL)
    world.read(session, "FreeCom version 0.82")


# -- Power ---------------------------------------------------------------------------------------------------


def test_a_paused_guest_does_nothing_until_it_is_resumed(shell: Shell, world: World, started: Start) -> None:
    session = started()
    tab = tab_of(shell)
    world.read(session, MENU)
    use_toolbar(shell.window.toolbar, "Pause")
    world.reach(session, PowerState.PAUSED)
    instructions = session.runner.stats["instructions"]
    type_at(world, tab, "2")
    world.run(2)
    assert session.runner.stats["instructions"] == instructions
    assert MENU in session.runner.screen_text()
    use_menu(shell.window, "Machine", "Power", "Resume")
    world.reach(session, PowerState.RUNNING)
    world.run(2)
    assert MENU in session.runner.screen_text(), "what was typed meanwhile does not come late"
    type_at(world, tab, "2")
    world.until(lambda: picture_size(tab) == (320, 200))


def test_reset_and_power_off_ask_and_are_done(shell: Shell, world: World, started: Start, robot: Robot) -> None:
    session = started()
    world.read(session, MENU)
    robot.expect("MessageDialog", press("Cancel"))
    keys(shell.window, Qt.Key.Key_R, CTRL)
    assert robot.done
    world.run(1)
    assert MENU in session.runner.screen_text()
    robot.expect("MessageDialog", press("Reset"))
    use_toolbar(shell.window.toolbar, "Reset")
    world.read(session, POST)
    world.read(session, MENU)
    robot.expect("MessageDialog", press("Cancel"))
    use_toolbar(shell.window.toolbar, "Power off")
    assert robot.done
    assert session.state is PowerState.RUNNING
    robot.expect("MessageDialog", press("Power off"))
    use_menu(shell.window, "Machine", "Power", "Power off")
    world.reach(session, PowerState.OFF)
    assert not tab_of(shell).shows_console
    assert session.folder is not None and session.folder.holder() is None


def test_delete_after_a_run(shell: Shell, world: World, started: Start, robot: Robot) -> None:
    session = started("Doomed")
    window, folder = shell.window, session.folder
    assert folder is not None
    world.read(session, POST)
    assert not window.actions_.delete.isEnabled(), "not while it runs"
    robot.expect("MessageDialog", press("Power off"))
    keys(window, Qt.Key.Key_E, CTRL)
    world.reach(session, PowerState.OFF)
    robot.expect("MessageDialog", press("Cancel"))
    use_menu(window, "File", "Delete from disk")
    assert robot.done
    assert folder.settings_file.is_file()
    robot.expect("MessageDialog", press("Delete"))
    use_menu(window, "File", "Delete from disk")
    assert robot.done
    assert not folder.path.exists()
    assert window.vm_tabs() == []


# -- Several at once -----------------------------------------------------------------------------------------


def test_two_guests_at_once_each_with_its_own_keys(shell: Shell, world: World, started: Start, tmp_path: Path) -> None:
    first = started("First")
    second = started("Second", make_reader_diskette(tmp_path / "two.img", "I AM THE SECOND"))
    world.read(first, MENU)
    world.read(second, "I AM THE SECOND")
    type_at(world, tab_of(shell), " ")  # the second's tab is shown
    world.until(lambda: second.runner.screen_text().count("I AM THE SECOND") == 2)
    assert MENU in first.runner.screen_text()
    click_tab(shell.window.tabs.tabBar(), "First")
    assert shell.window.session is first
    type_at(world, tab_of(shell), "4")
    world.read(first, "Shift states")
    assert second.runner.screen_text().count("I AM THE SECOND") == 2


def test_closing_the_window_with_guests_running(
    shell: Shell, world: World, started: Start, robot: Robot, tmp_path: Path
) -> None:
    first = started("First")
    second = started("Second", make_reader_diskette(tmp_path / "two.img", "I AM THE SECOND"))
    window = shell.window
    robot.expect("MessageDialog", press("Cancel"))
    keys(window, Qt.Key.Key_Q, CTRL)
    assert robot.done
    assert window.isVisible()
    world.read(first, MENU)
    world.read(second, "I AM THE SECOND")
    robot.expect("MessageDialog", choose_way("Power off"))
    use_menu(window, "File", "Quit")
    world.until(lambda: not window.isVisible())
    assert (first.state, second.state) == (PowerState.OFF, PowerState.OFF)
    for session in (first, second):
        assert session.folder is not None and session.folder.holder() is None
