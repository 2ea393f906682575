"""Small pictures of the guests' screens for the library, made anew every other second while they are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap

from engine.events import PowerState
from ui.sessions import Sessions
from ui.vm_session import VmSession

SIZE: Final = QSize(48, 36)  # of Qt's pixels
_PERIOD_MS: Final = 2000


class Thumbnails(QObject):
    """``wanted`` tells whether anybody sees them and wants them. Nothing is made while no guest runs."""

    changed = Signal(VmSession)

    def __init__(self, sessions: Sessions, wanted: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sessions = sessions
        self._wanted = wanted
        self._pictures: dict[VmSession, tuple[int, QPixmap]] = {}  # with the generation of the screen
        self._timer = QTimer(self)
        self._timer.setInterval(_PERIOD_MS)
        self._timer.timeout.connect(self.look)
        sessions.power_changed.connect(self._power_changed)

    def of(self, session: VmSession | None) -> QPixmap | None:
        """The last picture of a machine that is on; None when there is none."""
        if session is None or not session.is_on or not self._wanted():
            return None
        return self._pictures[session][1] if session in self._pictures else None

    def look(self) -> None:
        """Makes the pictures of screens that changed."""
        if not self._wanted():
            return
        for session in self._sessions:
            machine = session.machine
            if not session.is_on or machine is None:
                continue
            if not machine.screen.watched:
                session.runner.post(machine.screen.refresh)  # nobody else asks for its picture: here at the next look
            generation = machine.screen.generation
            if session in self._pictures and self._pictures[session][0] == generation:
                continue
            surface, width, height, stride = machine.screen.frame
            if width > 0 and height > 0:
                self._pictures[session] = (
                    generation,
                    _small(QImage(surface, width, height, stride, QImage.Format.Format_RGB32)),
                )
                self.changed.emit(session)

    def _power_changed(self, session: VmSession, state: PowerState, _: str) -> None:
        if state in (PowerState.OFF, PowerState.CRASHED):
            self._pictures.pop(session, None)
        if not any(other.is_on for other in self._sessions):
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()


def _small(picture: QImage) -> QPixmap:
    """Twice as many pixels as Qt's: sharp on dense screens."""
    scaled = picture.scaled(SIZE * 2, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    pixmap = QPixmap.fromImage(scaled)
    pixmap.setDevicePixelRatio(2)
    return pixmap
