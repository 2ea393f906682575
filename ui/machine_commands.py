"""What the actions of the Machine menu do to the current machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, Qt, QUrl
from PySide6.QtGui import QCloseEvent, QCursor, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu

from app.drives import drives_for
from app.lifecycle import Action
from app.memory_check import memory_warning
from engine.config import MachineConfig
from engine.errors import BancadaError
from engine.events import PowerState
from ui import close_question, save_file, theme
from ui.answer_book import PreferencesBook
from ui.background import soon
from ui.error_dialog import show_error, show_message
from ui.guest_layout import guest_layout
from ui.main_window import MainWindow
from ui.new_disk_dialog import NewDiskDialog
from ui.performance.all_machines import AllMachines
from ui.performance.slowness_dialog import SlownessDialog
from ui.settings.dialog import SettingsDialog
from ui.settings.file_filters import for_device
from ui.settings.page import Page
from ui.setup_key import SetupKey
from ui.vm_session import VmSession
from ui.vm_tab import VmTab

if TYPE_CHECKING:
    from ui.inspector.window import InspectorWindow

_MOST_PASTED = 20_000  # characters; a slip with the clipboard should not type for hours


class MachineCommands(QObject):
    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.window = window
        self.book = PreferencesBook(window)
        self._quitting = False
        self._leaving = False
        self._all_machines: AllMachines | None = None
        self._inspectors: dict[VmSession, InspectorWindow] = {}
        self.hide_window: Callable[[], None] | None = None  # how the application goes on without a window
        actions = window.actions_
        for action, slot in (
            (actions.start, self.start),
            (actions.start_setup, self.start_into_setup),
            (actions.pause, self.pause_or_resume),
            (actions.reset, self.reset),
            (actions.shut_down, self.shut_down),
            (actions.power_off, self.power_off),
            (actions.grab, self.grab),
            (actions.ctrl_alt_delete, self.send_ctrl_alt_delete),
            (actions.paste, self.paste),
            (actions.copy_text, self.copy_text),
            (actions.screenshot, self.screenshot),
            (actions.settings, lambda: self.settings("")),
            (actions.open_folder, self.open_folder),
            (actions.all_machines, self.all_machines),
            (actions.why_slow, self.why_slow),
            (actions.inspector, self.inspect),
            (actions.close_tab, lambda: self.close_tab(window.tab)),
        ):
            action.triggered.connect(slot)
        window.speed_light.clicked.connect(self.why_slow)
        window.current_changed.connect(self._connect_summary)
        window.current_changed.connect(self.update)
        window.sessions.changed.connect(self.update)
        window.sessions.failed.connect(self._failed)
        window.sessions.power_changed.connect(self._leave_when_all_are_off)
        window.close_tab_wanted.connect(self.close_tab)
        window.closing.connect(self.closing)
        window.removable_menu.aboutToShow.connect(self._fill_removable)
        lights = window.lights
        lights.insert_wanted.connect(lambda device, file: self.insert(device, Path(file)))
        lights.choose_wanted.connect(self.choose_image)
        lights.eject_wanted.connect(self.eject)
        lights.settings_wanted.connect(self.settings)
        lights.mute_wanted.connect(self.mute)
        self.update()

    # -- What can be done now --------------------------------------------------------------------------------

    def update(self, *_: object) -> None:
        """Enables what makes sense for the current machine."""
        actions, tab, session = self.window.actions_, self.window.tab, self.window.session

        def can(action: Action) -> bool:
            return session is not None and session.allows(action)

        on = session is not None and session.is_on
        paused = session is not None and session.state is PowerState.PAUSED
        actions.start.setEnabled(can(Action.START))
        actions.start_setup.setEnabled(can(Action.START))
        actions.pause.setEnabled(can(Action.PAUSE) or can(Action.RESUME))
        actions.pause.setChecked(paused)
        actions.pause.setText(self.tr("Resu&me") if paused else self.tr("&Pause"))
        actions.reset.setEnabled(can(Action.RESET))
        actions.shut_down.setEnabled(can(Action.SHUT_DOWN))
        actions.power_off.setEnabled(can(Action.POWER_OFF))
        for action in (actions.grab, actions.full_screen, actions.console_view, actions.console_only):
            action.setEnabled(on)
        for action in (actions.ctrl_alt_delete, actions.paste):
            action.setEnabled(can(Action.SEND_KEYS))
        actions.screenshot.setEnabled(on)
        actions.copy_text.setEnabled(on)
        actions.why_slow.setEnabled(on)
        actions.inspector.setEnabled(on)
        actions.fit_window.setEnabled(on and tab is not None and tab.shows_console)
        actions.console_view.setChecked(tab is not None and tab.shows_console)
        actions.performance.setEnabled(tab is not None)
        actions.performance.setChecked(tab is not None and tab.shows_performance)
        foldered = session is not None and session.folder is not None
        actions.settings.setEnabled(foldered and session is not None and not session.problem)
        actions.open_folder.setEnabled(foldered)
        actions.close_tab.setEnabled(tab is not None)
        self.window.removable_menu.setEnabled(session is not None)

    def _connect_summary(self, tab: VmTab | None) -> None:
        if tab is None or tab.property("has_commands"):
            return
        tab.setProperty("has_commands", True)
        tab.summary.start_wanted.connect(self.start)
        tab.summary.resume_wanted.connect(self.pause_or_resume)
        tab.summary.settings_wanted.connect(self.settings)
        tab.summary.console_wanted.connect(self.update)
        tab.file_dropped.connect(self._file_dropped)
        tab.text_dropped.connect(self.type_text)

    def _failed(self, session: VmSession, headline: str, error: BaseException) -> None:
        show_error(self.window, headline, error)

    # -- Power -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        session = self.window.session
        if session is None or not session.allows(Action.START):
            return
        self.start_session(session)

    def start_into_setup(self) -> None:
        session = self.window.session
        if session is None or not session.allows(Action.START):
            return
        key = SetupKey(session)
        if not self.start_session(session):
            key.deleteLater()

    def start_session(self, session: VmSession) -> bool:
        """Starts a machine; a lack of host memory is said first. False when the person decided against it."""
        warning = memory_warning(session.config.memory_mb)
        if warning and not close_question.ask(
            self.window,
            self.book,
            "low_memory",
            self.tr("Start “{name}” with little memory left?").format(name=session.name),
            warning,
            self.tr("Start"),
            danger=False,
        ):
            return False
        session.start()
        return True

    def pause_or_resume(self) -> None:
        session = self.window.session
        if session is not None:
            if session.allows(Action.RESUME):
                session.resume()
            elif session.allows(Action.PAUSE):
                session.pause()
        self.update()

    def reset(self) -> None:
        session = self.window.session
        if (
            session is not None
            and session.allows(Action.RESET)
            and (not session.is_on or close_question.may_reset(self.window, self.book, session.name))
        ):
            session.reset()

    def shut_down(self) -> None:
        """The power button. A guest that takes no notice of it (DOS) is gone at once: this is asked first."""
        session = self.window.session
        if session is None or not session.allows(Action.SHUT_DOWN):
            return
        if session.hears_power_button or close_question.may_power_off(self.window, self.book, session.name):
            session.shut_down()

    def power_off(self) -> None:
        session = self.window.session
        if (
            session is not None
            and session.allows(Action.POWER_OFF)
            and (not session.is_on or close_question.may_power_off(self.window, self.book, session.name))
        ):
            session.power_off()

    def close_tab(self, tab: VmTab | None) -> None:
        if tab is None:
            return
        session = tab.session
        if session.state is PowerState.OFF and not session.busy:
            self._remove(tab)
            return
        answer = self._way_to_close(session) if session.is_on else close_question.POWER_OFF
        if answer == close_question.BACKGROUND:
            self.window.remove_tab(tab)
        elif answer == close_question.PAUSE:
            if session.allows(Action.PAUSE):
                session.pause()
            self.window.remove_tab(tab)
        elif answer == close_question.SHUT_DOWN and session.hears_power_button:
            session.shut_down()  # the tab stays: the guest may want to know something first
        elif answer in (close_question.SHUT_DOWN, close_question.POWER_OFF):
            session.power_off(lambda: self._remove(tab))

    def _way_to_close(self, session: VmSession) -> str:
        ways = [close_question.SHUT_DOWN, close_question.POWER_OFF]
        if session.folder is not None:  # a machine that exists for this run only cannot be found again
            ways = [close_question.BACKGROUND, close_question.PAUSE, *ways]
        return self._way("close_action", ways, lambda: close_question.how_to_close(self.window, session.name, ways))

    def _way_to_quit(self, names: list[str]) -> str:
        ways = [close_question.SHUT_DOWN, close_question.POWER_OFF]
        if self.hide_window is not None:
            ways.insert(0, close_question.IN_TRAY)
        remembered = [] if self._leaving else ways  # who asks again wants another way
        return self._way("quit_action", remembered, lambda: close_question.how_to_quit(self.window, names, ways))

    def _way(self, preference: str, remembered: list[str], ask: Callable[[], tuple[str, bool]]) -> str:
        """What the preference says, where that is one of ``remembered``; else what the person answers."""
        answer = str(getattr(self.window.preferences, preference))
        if answer not in remembered:
            answer, always = ask()
            if always:
                setattr(self.window.preferences, preference, answer)
                self.window.save_preferences()
        return answer

    def _remove(self, tab: VmTab) -> None:
        session = tab.session
        if session.state is PowerState.OFF or not session.is_on:
            self.window.remove_tab(tab)
            if session.folder is None:
                self.window.sessions.forget(session)

    def closing(self, event: QCloseEvent) -> None:
        """The window is to close: guests that are on are asked about, then powered off before it goes."""
        for tab in self.window.vm_tabs():
            tab.summary.save_notes()
        self.window.save_state()
        busy = [session for session in self.window.sessions if session.state is not PowerState.OFF or session.busy]
        if not busy:
            event.accept()
            return
        event.ignore()
        if self._quitting:
            return
        names = [session.name for session in busy if session.is_on]
        way = self._way_to_quit(names) if names else close_question.POWER_OFF
        if way == close_question.IN_TRAY and self.hide_window is not None:
            self.hide_window()
        elif way == close_question.SHUT_DOWN:
            self._shut_down_all(busy)
        elif way == close_question.POWER_OFF:
            self._power_off_all(busy)

    def _shut_down_all(self, sessions: list[VmSession]) -> None:
        """Presses every power button; the window closes when all are off, and can be used until then."""
        self._leaving = True
        self.window.say(self.tr("Bancada closes when all guests have shut down."))
        for session in sessions:
            session.shut_down() if session.hears_power_button else session.power_off()

    def _leave_when_all_are_off(self, *_: object) -> None:
        if self._leaving and all(session.state is PowerState.OFF for session in self.window.sessions):
            self._leaving = False
            soon(self.window.close)

    def _power_off_all(self, busy: list[VmSession]) -> None:
        self._quitting = True
        self.window.leave_full_screen()
        self.window.setEnabled(False)
        self.window.say(self.tr("Powering off…"))
        waiting = set(busy)

        def one_is_off(session: VmSession) -> None:
            waiting.discard(session)
            if not waiting:
                self._quitting = False
                self.window.setEnabled(True)
                if all(item.state is PowerState.OFF for item in busy):
                    soon(self.window.close)

        for session in busy:
            session.power_off(functools.partial(one_is_off, session))

    # -- Keys, mouse, screen ---------------------------------------------------------------------------------

    def grab(self) -> None:
        tab = self.window.tab
        if tab is not None:
            tab.show_console()
            tab.console.take_input()

    def send_ctrl_alt_delete(self) -> None:
        session = self.window.session
        if session is not None and session.allows(Action.SEND_KEYS):
            session.runner.send_ctrl_alt_del()

    def paste(self) -> None:
        """Types the clipboard's text. Characters that the guest's keyboard does not have are said, not dropped
        silently."""
        text = QGuiApplication.clipboard().text()
        if text:
            self.type_text(text)
        else:
            self.window.say(self.tr("There is no text in the clipboard."))

    def type_text(self, text: str) -> None:
        """Types text into the guest of the current tab."""
        session = self.window.session
        if session is None or not session.allows(Action.SEND_KEYS):
            return
        text = text.replace("\r\n", "\n")
        if len(text) > _MOST_PASTED:
            show_message(
                self.window,
                self.tr("This text is too long to be typed"),
                self.tr("It has {count:,} characters; at most {most:,} can be typed into a guest.").format(
                    count=len(text), most=_MOST_PASTED
                ),
                "warning",
            )
            return
        try:
            left_out = session.runner.type_text(text, guest_layout(self.window.preferences.keyboard_layout))
        except BancadaError as error:
            show_error(self.window, self.tr("The text could not be typed"), error)
            return
        if left_out:
            some = " ".join(dict.fromkeys(left_out[:20]))
            self.window.say(self.tr("Left out, the guest's keyboard has no keys for them: {some}").format(some=some))

    def copy_text(self) -> None:
        """The guest's text for other programs, and for screen readers."""
        session = self.window.session
        if session is None or not session.is_on:
            return
        lines = [line.rstrip() for line in session.runner.screen_text().splitlines()]
        text = "\n".join(lines).strip("\n")
        if not text:
            self.window.say(self.tr("The screen shows no text that can be read."))
            return
        QGuiApplication.clipboard().setText(text)
        self.window.say(self.tr("The screen's text is in the clipboard."))

    def screenshot(self) -> None:
        tab = self.window.tab
        if tab is None or not tab.session.is_on:
            return
        tab.console.release_input()
        picture = tab.console.picture()
        file = save_file.ask(
            self.window,
            self.tr("Save the picture of the screen"),
            save_file.dated_file(tab.session.name, ".png", QStandardPaths.StandardLocation.PicturesLocation),
            self.tr("PNG pictures (*.png)"),
        )
        if file is None:
            return
        if picture.save(str(file)):
            self.window.say(self.tr("Saved: {file}").format(file=file))
        else:
            show_message(
                self.window,
                self.tr("The picture could not be saved"),
                self.tr("{file} cannot be written. Choose another folder or file type.").format(file=file),
                "error",
            )

    # -- Media -----------------------------------------------------------------------------------------------

    def insert(self, device: str, image: Path) -> None:
        if self.window.session is not None:
            self.window.session.insert(device, image)

    def _file_dropped(self, file: str) -> None:
        """A file that was dropped on the screen goes into the drive that takes such; which one is asked where there
        are several."""
        session = self.window.session
        if session is None:
            return
        drives = drives_for(session.config, Path(file))
        if not drives:
            show_message(
                self.window,
                self.tr("There is no drive for this"),
                self.tr("“{name}” has no drive that {file} fits into. Add one in its settings while it is off.").format(
                    name=session.name, file=file
                ),
                "warning",
            )
        elif len(drives) == 1:
            self.insert(drives[0], Path(file))
        else:
            menu = QMenu(self.window)
            for device in drives:
                row = self.window.lights.lights[device].row
                action = menu.addAction(theme.icon(row.icon), self.tr("Insert into {drive}").format(drive=row.name))
                action.triggered.connect(lambda _=False, chosen=device: self.insert(chosen, Path(file)))
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            menu.popup(QCursor.pos())

    def eject(self, device: str) -> None:
        if self.window.session is not None:
            self.window.session.eject(device)

    def choose_image(self, device: str) -> None:
        row = self.window.lights.lights.get(device)
        start = row.row.image.parent if row is not None and row.row.image is not None else Path.home()
        chosen, _ = QFileDialog.getOpenFileName(self.window, self.tr("Choose an image"), str(start), for_device(device))
        if chosen:
            self.insert(device, Path(chosen))

    def mute(self, muted: bool) -> None:
        tab = self.window.tab
        if tab is not None:
            tab.set_muted(muted)
            self.window.lights.set_muted(muted)

    def _fill_removable(self) -> None:
        menu = self.window.removable_menu
        menu.clear()
        for light in self.window.lights.lights.values():
            if light.row.removable:
                submenu = menu.addMenu(theme.icon(light.row.icon), f"{light.row.name}  {light.row.value}")
                self.window.lights.fill_menu(submenu, light.row)
        if menu.isEmpty():
            menu.addAction(self.tr("This machine has no removable devices")).setEnabled(False)

    # -- Figures ---------------------------------------------------------------------------------------------

    def all_machines(self) -> None:
        if self._all_machines is None:
            self._all_machines = AllMachines(self.window.sessions, self.window.histories, self.window)
        self._all_machines.show()
        self._all_machines.raise_()

    def why_slow(self) -> None:
        session = self.window.session
        if session is None or not session.is_on:
            return
        dialog = SlownessDialog(session, self.window)
        dialog.settings_wanted.connect(self.settings)
        dialog.accelerator_wanted.connect(session.use_accelerator)
        dialog.exec()
        dialog.deleteLater()

    def inspect(self) -> None:
        """Opens the machine's Inspector; there is one for each."""
        session = self.window.session
        if session is None or not session.is_on:
            return
        from ui.inspector.window import InspectorWindow  # brings the engine, which the window comes without

        if session not in self._inspectors:
            self._inspectors[session] = InspectorWindow(session, self.window)
        self._inspectors[session].show()
        self._inspectors[session].raise_()

    # -- Settings --------------------------------------------------------------------------------------------

    def settings(self, page: str) -> None:
        session = self.window.session
        if session is None or session.folder is None or session.settings is None:
            return
        folder = session.folder
        before = session.settings
        running = session.state is not PowerState.OFF

        def save(config: MachineConfig) -> None:
            if running:
                session.change_media(config)
                if config.accelerator != before.machine.accelerator:
                    session.use_accelerator(config.accelerator)
                return
            # The old name first: renaming may move the folder, and the drives' paths with it.
            session.save(before.replace(machine=config.replace(name=before.name)))
            if config.name != before.name:
                self.window.rename_machine(self.window.library.find(str(folder.path)), config.name)

        def new_disk(owner: Page, draft: MachineConfig) -> Path | None:
            return NewDiskDialog.make(owner, folder.path, draft)

        dialog = SettingsDialog(
            before.machine, running, save, new_disk, lambda config: memory_warning(config.memory_mb), self.window
        )
        dialog.show_page(page)
        dialog.exec()
        dialog.deleteLater()
        self.window.model.refresh()
        session.changed.emit()

    def open_folder(self) -> None:
        session = self.window.session
        if session is not None and session.folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(session.folder.path)))
