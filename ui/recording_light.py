"""The sign in the status bar that a guest's screen is being filmed, and for how long. A click ends the film."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QToolButton

from ui import theme

if TYPE_CHECKING:
    from app.recording import Recorder

_LOOK_MS: Final = 500


class RecordingLight(QToolButton):
    """Hidden while nothing is filmed."""

    def __init__(self) -> None:
        super().__init__()
        theme.set_icon(self, "recording", 16)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setToolTip(self.tr("The screen is filmed. Click to end the film."))
        self.setAccessibleName(self.toolTip())
        self._recorder: Recorder | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        self.hide()

    def show_time_of(self, recorder: Recorder | None) -> None:
        """Shows the length of this recorder's film; None: nothing is filmed."""
        self._recorder = recorder
        self.setVisible(recorder is not None)
        if recorder is None:
            self._timer.stop()
            return
        self._look()
        self._timer.start(_LOOK_MS)

    def _look(self) -> None:
        seconds = int(self._recorder.seconds) if self._recorder is not None else 0
        text = self.tr("Film {time}").format(time=f"{seconds // 60}:{seconds % 60:02}")
        self.setText(text)
        self.setAccessibleName(text)
