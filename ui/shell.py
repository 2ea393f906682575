"""The running application: theme, main window, its commands, and what they share."""

from __future__ import annotations

import itertools
import logging

from PySide6.QtCore import QMessageLogContext, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from app import places, preferences
from app.library import Library
from app.problem_report import collect
from app.runner import Runner
from engine.events import PowerState
from ui import language, theme
from ui.about import AboutDialog, KeysDialog
from ui.background import soon
from ui.console.release_keys import release_keys
from ui.error_dialog import ExceptionCatcher
from ui.guide_window import GuideWindow
from ui.library_commands import LibraryCommands
from ui.machine_commands import MachineCommands
from ui.main_window import MainWindow
from ui.preferences_dialog import PreferencesDialog
from ui.problem_report_dialog import ProblemReportDialog
from ui.recording_commands import RecordingCommands
from ui.tray import Tray

WINDOW_FILE = "window.ini"


class Shell:
    """Everything between start-up and the end of the event loop."""

    def __init__(self) -> None:
        self.application = make_application()
        self.preferences = preferences.load()
        language.apply(self.application, self.preferences.language)
        theme.apply(self.application, self.preferences.theme)
        self.library = Library()
        self.window = MainWindow(self.library, self.preferences, places.settings_folder() / WINDOW_FILE)
        self.catcher = ExceptionCatcher(lambda: self.window)
        self.machine_commands = MachineCommands(self.window)
        self.library_commands = LibraryCommands(self.window, self.machine_commands)
        self.recording_commands = RecordingCommands(self.window)
        self.tray = Tray(self.window)
        self.tray.quit_wanted.connect(self._quit_from_tray)
        self.machine_commands.hide_window = self.tray.hide_window
        actions = self.window.actions_
        actions.preferences.triggered.connect(self.edit_preferences)
        actions.about.triggered.connect(lambda: AboutDialog(self.window).open())
        actions.report.triggered.connect(self.report_problem)
        actions.guide.triggered.connect(self.show_guide)
        actions.keys.triggered.connect(self.show_keys)
        actions.quit.triggered.connect(self.window.close)
        self.application.styleHints().colorSchemeChanged.connect(self._apply_theme)

    def run(self) -> int:
        """Runs until the window is closed; returns the exit status."""
        self.catcher.install()
        before = qInstallMessageHandler(_log_qt)
        try:
            return self.application.exec()
        finally:
            qInstallMessageHandler(before)
            self.catcher.uninstall()

    def show_only(self, runner: Runner) -> None:
        """The window shows one machine and nothing else, and closes when that is off."""
        window = self.window
        self.machine_commands.hide_window = None
        session = window.sessions.of_runner(runner)
        window.show_session(session)
        window.tabs.removeTab(window.tabs.indexOf(window.home))
        window.tabs.tabBar().hide()
        window.library_view.hide()
        actions, toolbar = window.actions_, window.toolbar
        for action in (
            actions.library, actions.find, actions.new, actions.open, actions.try_it, actions.home, actions.rename,
            actions.remove, actions.delete, actions.next_tab, actions.previous_tab, actions.close_tab,
        ):  # fmt: skip
            action.setVisible(False)
            action.setShortcuts([])
        window.tabs_menu.menuAction().setVisible(False)
        for action in itertools.takewhile(lambda item: not item.isVisible() or item.isSeparator(), toolbar.actions()):
            action.setVisible(False)  # a separator with nothing before it
        window.setWindowTitle(f"{session.name} – Bancada")

        def power_changed(state: PowerState, _: str) -> None:
            if state is PowerState.OFF:
                soon(window.close)

        session.power_changed.connect(power_changed)

    def _quit_from_tray(self) -> None:
        self.tray.show_window()
        self.window.close()

    def show_guide(self) -> None:
        guide = self.window.findChild(GuideWindow) or GuideWindow(self.window)
        guide.show()
        guide.raise_()

    def show_keys(self) -> None:
        KeysDialog(release_keys(self.preferences.release_keys).label, self.window).open()

    def report_problem(self) -> None:
        """On the machine that is shown; on the program where none is."""
        session = self.window.session
        parts = collect(session.folder, session.runner) if session is not None else collect()
        dialog = ProblemReportDialog(parts, self.window)
        if dialog.exec() and dialog.file is not None:
            self.window.say(self.window.tr("Saved: {file}").format(file=dialog.file))
        dialog.deleteLater()

    def edit_preferences(self) -> None:
        dialog = PreferencesDialog(self.preferences, self.library.folder, self.window)
        if dialog.exec():
            if dialog.ask_all_again:
                self.machine_commands.book.ask_all_again()
            dialog.store(self.preferences)
            self._apply_theme()
            self.window.save_preferences()
        dialog.deleteLater()

    def _apply_theme(self) -> None:
        theme.apply(self.application, self.preferences.theme)


def _log_qt(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    """Qt's own remarks (no sound server, an odd font) are for the log, not for the terminal."""
    serious = kind in (QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)
    logging.getLogger("bancada.qt").log(logging.ERROR if serious else logging.DEBUG, message)


def make_application() -> QApplication:
    """The one QApplication, named and with an icon."""
    existing = QApplication.instance()
    application = existing if isinstance(existing, QApplication) else QApplication(["bancada"])
    application.setApplicationName("Bancada")
    application.setDesktopFileName("bancada")
    application.setWindowIcon(theme.application_icon())
    application.setQuitOnLastWindowClosed(True)
    return application
