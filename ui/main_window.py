"""The main window: library at the left, a tab per machine, toolbar, lights of the current machine."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QPoint, QSettings, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QMainWindow, QMenu, QSplitter, QTabBar, QTabWidget

from app.library import Library, LibraryEntry
from app.preferences import Preferences
from app.recent_media import recent
from engine.errors import BancadaError
from engine.events import PowerState
from ui import theme
from ui.actions import fill_menus, fill_toolbar, make_actions, set_host_keys
from ui.console.key_input import (
    CTRL_ALT_DELETE,
    FULL_SCREEN,
    NEXT_MACHINE,
    PREVIOUS_MACHINE,
    SCREENSHOT,
    release_hint,
)
from ui.console.release_keys import release_keys
from ui.console.scaling import ScaleMode
from ui.device_list import devices
from ui.fit_window import fit_window
from ui.full_screen import FullScreen
from ui.furniture import Furniture
from ui.home_page import HomePage
from ui.library_model import LibraryModel
from ui.library_view import LibraryView
from ui.performance.histories import Histories
from ui.performance.speed_light import SpeedLight
from ui.recording_light import RecordingLight
from ui.sessions import Sessions
from ui.status_lights import StatusLights
from ui.thumbnails import Thumbnails
from ui.vm_session import VmSession, kind_of
from ui.vm_tab import VmTab

_MESSAGE_MS = 6000


class MainWindow(QMainWindow):
    """Layout and state of the window. What the actions do is in ``MachineCommands`` and ``LibraryCommands``."""

    current_changed = Signal(object)  # VmTab or None
    closing = Signal(QCloseEvent)
    close_tab_wanted = Signal(object)

    def __init__(self, library: Library, preferences: Preferences, window_file: Path) -> None:
        super().__init__()
        self.library = library
        self.preferences = preferences
        self.sessions = Sessions(self)
        self.histories = Histories(self.sessions, self)
        self.thumbnails = Thumbnails(self.sessions, self._wants_thumbnails, self)
        self.model = LibraryModel(library, self.sessions, self.thumbnails, self)
        self.actions_ = make_actions(self)
        self.store = QSettings(str(window_file), QSettings.Format.IniFormat)
        self.setWindowTitle("Bancada")
        self.setWindowIcon(theme.application_icon())
        self.setUnifiedTitleAndToolBarOnMac(True)
        self._build_middle()
        self._build_status_bar()
        self.removable_menu = QMenu(self.tr("Removable &devices"), self)
        theme.set_icon(self.removable_menu, "eject")
        self.tabs_menu = fill_menus(self, self.actions_, self.removable_menu)
        self.toolbar = fill_toolbar(self, self.actions_)
        self.tabs_menu.aboutToShow.connect(self._fill_tabs_menu)
        self.full_screen = FullScreen(
            self,
            self.tabs,
            Furniture(lambda: [self.menuBar(), self.toolbar, self.statusBar(), self.library_view, self.tabs.tabBar()]),
            lambda: [(tab.session.identity, tab.session.name) for tab in self.vm_tabs() if tab.session.is_on],
        )
        self._beside_console = Furniture(lambda: [self.toolbar, self.library_view, self.tabs.tabBar()])
        self._connect()
        self._restore()
        self._current_changed()

    # -- Layout ----------------------------------------------------------------------------------------------

    def _build_middle(self) -> None:
        self.library_view = LibraryView(self.model)
        self.home = HomePage()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setTabsClosable(True)
        self.tabs.setMovable(True)
        self.tabs.setIconSize(QSize(16, 16))
        self.tabs.tabBar().setAccessibleName(self.tr("Machines"))
        self.tabs.tabBar().setElideMode(Qt.TextElideMode.ElideRight)
        self.tabs.addTab(self.home, theme.icon("home"), self.tr("Home"))
        for side in (QTabBar.ButtonPosition.RightSide, QTabBar.ButtonPosition.LeftSide):
            self.tabs.tabBar().setTabButton(0, side, None)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(self.library_view)
        self.split.addWidget(self.tabs)
        self.split.setStretchFactor(1, 1)
        self.split.setCollapsible(1, False)
        self.split.setHandleWidth(1)
        self.library_view.setMinimumWidth(180)
        self.split.setSizes([250, 1000])
        self.setCentralWidget(self.split)

    def _build_status_bar(self) -> None:
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        self.hint = QLabel()
        self.hint.setAccessibleName(self.tr("Hint"))
        bar.addPermanentWidget(self.hint)
        self.message = QLabel()
        self.message.setAccessibleName(self.tr("Message"))
        self.message.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        bar.addPermanentWidget(self.message, 1)
        self.recording_light = RecordingLight()
        bar.addPermanentWidget(self.recording_light)
        self.speed_light = SpeedLight()
        bar.addPermanentWidget(self.speed_light)
        self.lights = StatusLights(lambda device: recent(kind_of(device)))
        bar.addPermanentWidget(self.lights)

        self._message_timer = QTimer(self)
        self._message_timer.setSingleShot(True)
        self._message_timer.timeout.connect(self.message.clear)

    def _connect(self) -> None:
        actions = self.actions_
        self.tabs.currentChanged.connect(self._current_changed)
        self.tabs.tabCloseRequested.connect(lambda index: self.close_tab_wanted.emit(self.tabs.widget(index)))
        self.sessions.changed.connect(self._session_changed)
        self.model.modelReset.connect(self._mark_current)
        actions.library.toggled.connect(self.library_view.setVisible)
        actions.find.triggered.connect(self._find)
        actions.home.triggered.connect(lambda: self.tabs.setCurrentWidget(self.home))
        actions.next_tab.triggered.connect(lambda: self.step(1))
        actions.previous_tab.triggered.connect(lambda: self.step(-1))
        self.histories.looked.connect(self._show_speed)
        actions.performance.triggered.connect(self._show_performance)
        actions.console_view.triggered.connect(self._show_console)
        actions.console_only.triggered.connect(self._show_console_only)
        actions.fit_window.triggered.connect(self._fit_window)
        actions.full_screen.triggered.connect(self._toggle_full_screen)
        for mode, action in actions.scaling().items():
            action.triggered.connect(lambda _=False, chosen=mode: self._set_scaling(chosen))
        actions.correct_aspect.triggered.connect(lambda: self._set_scaling(self._scale_mode(self.session)))
        self.library_view.close_wanted.connect(lambda: actions.library.setChecked(False))
        bar = self.full_screen.bar
        bar.leave_wanted.connect(self.leave_full_screen)
        bar.minimise_wanted.connect(self.showMinimized)
        bar.machine_chosen.connect(self._switch_machine)
        bar.ctrl_alt_delete_wanted.connect(actions.ctrl_alt_delete.trigger)

    # -- Tabs ------------------------------------------------------------------------------------------------

    def vm_tabs(self) -> list[VmTab]:
        widgets = (self.tabs.widget(index) for index in range(self.tabs.count()))
        return [widget for widget in widgets if isinstance(widget, VmTab)]

    @property
    def tab(self) -> VmTab | None:
        """The machine's tab that is shown; None on the Home tab."""
        widget = self.tabs.currentWidget()
        return widget if isinstance(widget, VmTab) else None

    @property
    def session(self) -> VmSession | None:
        return self.tab.session if self.tab is not None else None

    def tab_of(self, session: VmSession) -> VmTab | None:
        return next((tab for tab in self.vm_tabs() if tab.session is session), None)

    def show_session(self, session: VmSession) -> VmTab:
        """Turns to the machine's tab, made when there is none."""
        tab = self.tab_of(session)
        if tab is None:
            tab = VmTab(session, self.histories)
            tab.grab_changed.connect(self._grab_changed)
            tab.hot_key.connect(self._hot_key)
            tab.pointer_moved.connect(lambda position, source=tab: self._pointer_moved(source, position))
            session.activity.connect(lambda device, writing: self._flash(session, device, writing))
            session.power_changed.connect(lambda state, reason: self._power_changed(session, state, reason))
            self._apply_to(tab)
            if self.preferences.show_figures:
                tab.show_performance(True)
            self.tabs.addTab(tab, theme.icon("machine"), session.name.replace("&", "&&"))
        self.tabs.setCurrentWidget(tab)
        self._session_changed(session)
        return tab

    def remove_tab(self, tab: VmTab) -> None:
        """Takes the tab away; its machine must be off."""
        tab.shut()
        self.tabs.removeTab(self.tabs.indexOf(tab))
        tab.deleteLater()

    def step(self, by: int) -> None:
        """The next or previous tab; in full screen the next or previous machine that is on."""
        if self.full_screen.on:
            shown = [tab for tab in self.vm_tabs() if tab.session.is_on]
            if self.tab in shown:
                self.tabs.setCurrentWidget(shown[(shown.index(self.tab) + by) % len(shown)])
            return
        self.tabs.setCurrentIndex((self.tabs.currentIndex() + by) % self.tabs.count())

    def rename_machine(self, entry: LibraryEntry, name: str) -> None:
        """Renames a machine that is off; its folder may move. Raises BancadaError or OSError."""
        session = self.sessions.find(entry.path)
        renamed = self.library.rename(entry, name)
        if session is not None and renamed.path != entry.path:
            session.move_to(renamed.folder)
        self.model.refresh()
        if session is not None:
            self._session_changed(session)
            self._mark_current()

    def _switch_machine(self, identity: str) -> None:
        for tab in self.vm_tabs():
            if tab.session.identity == identity:
                self.tabs.setCurrentWidget(tab)

    def _fill_tabs_menu(self) -> None:
        menu, actions = self.tabs_menu, self.actions_
        menu.clear()
        menu.addAction(actions.next_tab)
        menu.addAction(actions.previous_tab)
        menu.addSeparator()
        menu.addAction(actions.home)
        for tab in self.vm_tabs():
            action = QAction(theme.icon("machine"), tab.session.name.replace("&", "&&"), menu)
            action.setCheckable(True)
            action.setChecked(tab is self.tab)
            action.triggered.connect(lambda _=False, chosen=tab: self.tabs.setCurrentWidget(chosen))
            menu.addAction(action)

    # -- Reactions -------------------------------------------------------------------------------------------

    def _current_changed(self) -> None:
        tab, session = self.tab, self.session
        self.actions_.scaling()[self._scale_mode(session)].setChecked(True)
        self.lights.forget_images()
        self.lights.show_devices(devices(session.config) if session is not None else [])
        self.lights.set_muted(tab is not None and tab.muted)
        self._mark_current()
        self._show_speed()
        if tab is not None and self.full_screen.on:
            self.full_screen.show_tab(tab)
        elif self.full_screen.on:
            self.leave_full_screen()
        if tab is not None and tab.shows_console:
            tab.console.setFocus()
        self.update_hint()
        self.current_changed.emit(tab)

    def _mark_current(self) -> None:
        folder = self.session.folder if self.session is not None else None
        self.library_view.select(folder.path if folder is not None else None)

    def _session_changed(self, session: VmSession) -> None:
        tab = self.tab_of(session)
        if tab is not None:
            index = self.tabs.indexOf(tab)
            self.tabs.setTabText(index, session.name.replace("&", "&&"))
            names = {PowerState.RUNNING: "start", PowerState.PAUSED: "pause", PowerState.CRASHED: "error"}
            self.tabs.setTabIcon(index, theme.icon(names.get(session.state, "machine")))
        if session is self.session:
            self.lights.show_devices(devices(session.config))
            self.update_hint()

    def _power_changed(self, session: VmSession, state: PowerState, reason: str) -> None:
        if session is not self.session:
            return
        if state in (PowerState.OFF, PowerState.CRASHED):
            if self.full_screen.on:
                self.leave_full_screen()
            self._show_console_only(False)
        elif state is PowerState.RUNNING and not reason and self._remembered(session, "full_screen"):
            self._toggle_full_screen()  # it was just switched on, and was left so
        self.current_changed.emit(self.tab)

    def _wants_thumbnails(self) -> bool:
        return self.preferences.thumbnails and self.library_view.isVisible()

    def _show_speed(self) -> None:
        self.speed_light.show_speed(self.session)

    def _flash(self, session: VmSession, device: str, writing: bool) -> None:
        if session is self.session:
            self.lights.flash(device, writing)

    def _grab_changed(self, grabbed: bool) -> None:
        self.update_hint()

    def update_hint(self) -> None:
        """The status bar always says how to give keyboard and mouse, and how to get them back."""
        tab, keys = self.tab, release_keys(self.preferences.release_keys).label
        if tab is None:
            self.hint.setText(self.tr("Choose a machine in the library, or make a new one."))
        elif tab.session.order:
            self.hint.setText(tab.session.order)
        elif tab.console.grabbed:
            self.hint.setText(release_hint(keys))
        elif tab.shows_console and tab.session.state is PowerState.PAUSED:
            self.hint.setText(self.tr("Paused. Ctrl+J goes on.    To release: {keys}").format(keys=keys))
        elif tab.shows_console:
            give = self.tr("Click or Ctrl+G") if self.preferences.grab_on_click else "Ctrl+G"
            text = self.tr("{give}: keyboard and mouse to the guest.    To release: {keys}")
            self.hint.setText(text.format(give=give, keys=keys))
        else:
            self.hint.setText(self.tr("Ctrl+B starts the machine."))

    def say(self, text: str) -> None:
        """A short message in the status bar, beside the hint; it goes by itself."""
        self.message.setText(text)
        self._message_timer.start(_MESSAGE_MS)

    def _hot_key(self, name: str) -> None:
        actions = self.actions_
        action = {
            FULL_SCREEN: actions.full_screen,
            CTRL_ALT_DELETE: actions.ctrl_alt_delete,
            NEXT_MACHINE: actions.next_tab,
            PREVIOUS_MACHINE: actions.previous_tab,
            SCREENSHOT: actions.screenshot,
        }.get(name)
        if action is not None:
            action.trigger()

    def _find(self) -> None:
        self.actions_.library.setChecked(True)
        self.library_view.search.setFocus()
        self.library_view.search.selectAll()

    # -- View ------------------------------------------------------------------------------------------------

    def _show_performance(self, shown: bool) -> None:
        if self.tab is not None:
            self.tab.show_performance(shown)

    def _show_console(self, shown: bool) -> None:
        tab = self.tab
        if tab is not None:
            if shown:
                tab.show_console()
            else:
                tab.show_summary()
            self.update_hint()

    def _show_console_only(self, shown: bool) -> None:
        tab = self.tab
        shown = shown and tab is not None and tab.session.is_on
        if shown and tab is not None:
            tab.show_console()
        self._beside_console.set_away(shown)
        self.actions_.console_only.setChecked(shown)

    def _fit_window(self) -> None:
        if self.tab is not None and self.tab.shows_console and not self.full_screen.on:
            fit_window(self, self.tab.console)

    def _toggle_full_screen(self) -> None:
        session = self.session
        if self.full_screen.on:
            self.leave_full_screen()
        elif self.tab is not None and self.tab.session.is_on:
            self.full_screen.enter(self.tab)
        if session is not None:
            self._remember(session, "full_screen", "yes" if self.full_screen.on else "")
        self.actions_.full_screen.setChecked(self.full_screen.on)

    def leave_full_screen(self) -> None:
        self.full_screen.leave()
        self.actions_.full_screen.setChecked(False)

    def _pointer_moved(self, tab: VmTab, position: QPoint) -> None:
        self.full_screen.pointer_at(tab.console.mapTo(self, position))

    def _scale_mode(self, session: VmSession | None) -> ScaleMode:
        """That of a machine, or what machines have that were given none."""
        own = self._remembered(session, "scaling") if session is not None else None
        return ScaleMode(own) if own in [mode.value for mode in ScaleMode] else ScaleMode(self.preferences.scaling)

    def _set_scaling(self, mode: ScaleMode) -> None:
        if self.session is not None and self.session.settings is not None:
            self._remember(self.session, "scaling", mode.value)
        else:
            self.preferences.scaling = mode.value
        self.store.setValue("correct_aspect", self.actions_.correct_aspect.isChecked())
        self.save_preferences()

    def apply_preferences(self) -> None:
        """Brings what is shown in step with the preferences."""
        self.actions_.scaling()[self._scale_mode(self.session)].setChecked(True)
        keys = release_keys(self.preferences.release_keys)
        set_host_keys(self.actions_, keys.shortcut_prefix)
        self.full_screen.bar.set_release_keys(keys.label)
        for tab in self.vm_tabs():
            self._apply_to(tab)
        self.update_hint()

    def _apply_to(self, tab: VmTab) -> None:
        wanted = self.preferences
        mode = self._scale_mode(tab.session)
        tab.console.set_scaling(mode, self.actions_.correct_aspect.isChecked(), wanted.smooth_scaling)
        tab.console.grab_on_click = wanted.grab_on_click
        tab.console.set_release_keys(wanted.release_keys)
        tab.set_volume(wanted.volume if wanted.sound else 0)

    def save_preferences(self) -> None:
        """Applies and writes the preferences; a failure to write is said and changes nothing else."""
        self.apply_preferences()
        try:
            self.preferences.save()
        except BancadaError as error:
            self.say(str(error))

    # -- What is remembered of each machine ---------------------------------------------------------------------

    def _remember(self, session: VmSession, what: str, value: str) -> None:
        """By the machine's id: it stays when its folder is renamed or moved."""
        if session.settings is not None:
            self.store.setValue(f"machines/{session.settings.id}/{what}", value)

    def _remembered(self, session: VmSession, what: str) -> str:
        if session.settings is None:
            return ""
        return str(self.store.value(f"machines/{session.settings.id}/{what}", ""))

    # -- The window's own state --------------------------------------------------------------------------------

    def _restore(self) -> None:
        self.resize(1180, 720)
        if geometry := self.store.value("geometry"):
            self.restoreGeometry(geometry)
        if split := self.store.value("split"):
            self.split.restoreState(split)
        self.split.setHandleWidth(1)
        shown = self.store.value("library", True, type=bool)
        self.actions_.library.setChecked(bool(shown))
        self.library_view.setVisible(bool(shown))
        self.actions_.correct_aspect.setChecked(bool(self.store.value("correct_aspect", True, type=bool)))
        self.apply_preferences()

    def save_state(self) -> None:
        if not self.full_screen.on:
            self.store.setValue("geometry", self.saveGeometry())
        self.store.setValue("split", self.split.saveState())
        self.store.setValue("library", self.actions_.library.isChecked())
        self.store.sync()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ActivationChange:
            if self.isActiveWindow():
                self.model.refresh()  # another program may have made or removed machines
            elif self.tab is not None:
                self.tab.console.release_input()
        super().changeEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.full_screen.resized()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closing.emit(event)
