"""Looks at every machine that is on, for its history. Nothing is looked at while none is."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal

from app.figures import PERIOD_S
from ui.sessions import Sessions


class Histories(QObject):
    looked = Signal()  # all machines have a new sample

    def __init__(self, sessions: Sessions, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sessions = sessions
        self._timer: Final = QTimer(self)
        self._timer.setInterval(round(PERIOD_S * 1000))
        self._timer.timeout.connect(self.look)
        sessions.power_changed.connect(self._power_changed)

    @property
    def watches(self) -> bool:
        return self._timer.isActive()

    def look(self) -> None:
        """Takes a sample of every machine that is on."""
        for session in self._sessions:
            if session.is_on:
                session.history.look()
        self.looked.emit()

    def _power_changed(self, *_: object) -> None:
        if any(session.is_on for session in self._sessions):
            if not self._timer.isActive():
                self._timer.start()
        else:
            self._timer.stop()
            self.looked.emit()
