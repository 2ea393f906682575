"""Full screen: the guest and nothing else, with a bar that comes when the pointer touches the top edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMainWindow, QWidget

from ui import theme
from ui.console.fullscreen_bar import FullScreenBar
from ui.furniture import Furniture
from ui.vm_tab import VmTab


class FullScreen:
    """Puts a main window into full screen and back; ``furniture`` is what disappears meanwhile, and of ``tabs`` the
    frame."""

    def __init__(
        self,
        window: QMainWindow,
        tabs: QWidget,
        furniture: Furniture,
        machines: Callable[[], Sequence[tuple[str, str]]],
    ) -> None:
        self._window = window
        self._tabs = tabs
        self._furniture = furniture
        self._machines = machines
        self._was_maximized = False
        self._tab: VmTab | None = None
        self.bar = FullScreenBar(window)

    @property
    def on(self) -> bool:
        return self._tab is not None

    def enter(self, tab: VmTab) -> None:
        if not self.on:
            self._was_maximized = self._window.isMaximized()
            self._furniture.set_away(True)
            theme.set_role(self._tabs, "bare")
            self._window.showFullScreen()
        self.show_tab(tab)

    def show_tab(self, tab: VmTab) -> None:
        """Another machine is shown in full screen."""
        if self._tab is not None:
            self._tab.set_remarks_visible(True)
        self._tab = tab
        tab.set_remarks_visible(False)
        tab.show_console()
        self.bar.begin(tab.session.name, self._machines())

    def leave(self) -> None:
        if self._tab is None:
            return
        tab, self._tab = self._tab, None
        tab.set_remarks_visible(True)
        self.bar.end()
        self._furniture.set_away(False)
        theme.set_role(self._tabs, "")
        if self._was_maximized:
            self._window.showMaximized()
        else:
            self._window.showNormal()
        if tab.shows_console:
            tab.console.setFocus()

    def pointer_at(self, position: QPoint) -> None:
        """The pointer, in the window's coordinates, while the guest does not have it."""
        if self.on:
            self.bar.pointer_at(position)

    def resized(self) -> None:
        if self.on:
            self.bar.reposition()
