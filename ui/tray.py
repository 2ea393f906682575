"""The icon in the desktop's notification area: it keeps the application at hand while its window is closed, and tells
when a guest stops or fails while somebody is busy elsewhere."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from engine.events import PowerState
from ui import theme
from ui.main_window import MainWindow
from ui.vm_session import VmSession


class Tray(QObject):
    """There may be no notification area: then the window is minimised instead, and asks for attention."""

    quit_wanted = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._menu = QMenu()
        self._menu.aboutToShow.connect(self._fill)
        self.icon = QSystemTrayIcon(theme.application_icon(), self)
        self.icon.setContextMenu(self._menu)
        self.icon.activated.connect(self._activated)
        self.icon.messageClicked.connect(self.show_window)
        self.told: list[str] = []  # what was said, the newest last
        window.sessions.power_changed.connect(self._power_changed)
        window.sessions.changed.connect(self._update_tip)

    @property
    def is_there(self) -> bool:
        return QSystemTrayIcon.isSystemTrayAvailable()

    def hide_window(self) -> None:
        """The application goes on without a window."""
        self._window.leave_full_screen()
        if not self.is_there:
            self._window.showMinimized()
            return
        self._update_tip()
        self.icon.show()
        QApplication.setQuitOnLastWindowClosed(False)
        self._window.hide()

    def show_window(self) -> None:
        window = self._window
        window.showNormal() if window.isMinimized() else window.show()
        window.raise_()
        window.activateWindow()
        self.icon.hide()
        QApplication.setQuitOnLastWindowClosed(True)

    # -- Telling ---------------------------------------------------------------------------------------------

    def _power_changed(self, session: VmSession, state: PowerState, reason: str) -> None:
        if state is PowerState.CRASHED:
            self._tell(self.tr("“{name}” has failed").format(name=session.name), reason, failed=True)
        elif state is PowerState.OFF:
            self._tell(self.tr("“{name}” is off").format(name=session.name), "")

    def _tell(self, headline: str, text: str, failed: bool = False) -> None:
        window = self._window
        if not window.preferences.notifications or (window.isActiveWindow() and not window.isMinimized()):
            return
        self.told.append(headline)
        if self.is_there:
            was_shown = self.icon.isVisible()
            self.icon.show()
            kind = QSystemTrayIcon.MessageIcon.Warning if failed else QSystemTrayIcon.MessageIcon.Information
            self.icon.showMessage(headline, text or "Bancada", kind)
            self.icon.setVisible(was_shown or window.isHidden())
        else:
            QApplication.alert(window)
            window.say(headline)

    def _update_tip(self, *_: object) -> None:
        names = [session.name for session in self._window.sessions if session.is_on]
        self.icon.setToolTip("Bancada\n" + ("\n".join(names) or self.tr("No machine is on")))

    # -- The menu --------------------------------------------------------------------------------------------

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self.show_window()

    def _fill(self) -> None:
        self._menu.clear()
        self._menu.addAction(self.tr("&Show Bancada"), self.show_window)
        for session in self._window.sessions:
            if session.is_on:
                action = QAction(theme.icon("machine"), session.name.replace("&", "&&"), self._menu)
                action.triggered.connect(lambda _=False, chosen=session: self._show(chosen))
                self._menu.addAction(action)
        self._menu.addSeparator()
        self._menu.addAction(self.tr("&Quit"), self.quit_wanted.emit)

    def _show(self, session: VmSession) -> None:
        self.show_window()
        self._window.show_session(session)
