"""The console and the menus, and nothing else around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget


class ConsoleOnly:
    """``furniture`` is what disappears; what was hidden before stays so afterwards."""

    def __init__(self, furniture: Callable[[], Sequence[QWidget]]) -> None:
        self._furniture = furniture
        self._hidden: list[QWidget] = []
        self.on = False

    def set_on(self, on: bool) -> None:
        if on == self.on:
            return
        self.on = on
        if on:
            self._hidden = [widget for widget in self._furniture() if not widget.isHidden()]
        for widget in self._hidden:
            widget.setVisible(not on)
