"""One click into the firmware's Setup: presses F2 while the power-on screen offers it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QObject, QTimer

from engine.errors import BancadaError
from engine.events import PowerState
from ui.vm_session import VmSession

_OFFER: Final = "F2 or Del: Setup"
_PRESS_MS: Final = 60
_MOST_PRESSES: Final = 300


class SetupKey(QObject):
    """Lives until Setup is there, the offer has gone, or the machine stops."""

    def __init__(self, session: VmSession) -> None:
        super().__init__(session)
        self._session = session
        self._presses = 0
        self._offered = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        session.power_changed.connect(self._power_changed)
        session.failed.connect(self.deleteLater)

    def _power_changed(self, state: PowerState, _: str) -> None:
        if state is PowerState.RUNNING:
            self._timer.start(_PRESS_MS)
        else:
            self._end()

    def _look(self) -> None:
        runner = self._session.runner
        try:
            offered = _OFFER in runner.screen_text()
        except BancadaError:
            self._end()
            return
        self._presses += 1
        if (self._offered and not offered) or self._presses > _MOST_PRESSES:
            self._end()
            return
        if offered:
            self._offered = True
            runner.press("f2")
            runner.release("f2")

    def _end(self) -> None:
        self._timer.stop()
        self.deleteLater()
