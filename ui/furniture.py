"""What stands around the guest's screen, and disappears where nothing shall."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QWidget


class Furniture:
    """``pieces`` are the widgets; those that were hidden before stay so afterwards."""

    def __init__(self, pieces: Callable[[], Sequence[QWidget]]) -> None:
        self._pieces = pieces
        self._hidden: list[QWidget] = []
        self.is_away = False

    def set_away(self, away: bool) -> None:
        if away == self.is_away:
            return
        self.is_away = away
        if away:
            self._hidden = [widget for widget in self._pieces() if not widget.isHidden()]
        for widget in self._hidden:
            widget.setVisible(not away)
