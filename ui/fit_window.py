"""The window is made so large that the guest's screen fits it pixel for pixel."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QMainWindow

from ui.console.console_widget import ConsoleWidget


def fit_window(window: QMainWindow, console: ConsoleWidget) -> None:
    """Resizes the window for this console; no further than the host's screen goes. A maximised window becomes
    an ordinary one."""
    if window.isMaximized():
        window.showNormal()
    width, height = console.guest_size
    ratio = console.devicePixelRatioF()
    wanted = QSize(round(width / ratio), round(height / ratio))
    room = window.screen().availableGeometry()
    frame = window.frameGeometry().size() - window.size()
    size = window.size() + wanted - console.size()
    window.resize(size.boundedTo(room.size() - frame))
    # A window that grew over the screen's edge comes back.
    place = window.frameGeometry()
    window.move(
        max(room.left(), min(place.left(), room.right() + 1 - place.width())),
        max(room.top(), min(place.top(), room.bottom() + 1 - place.height())),
    )
