"""The only place where the engine's callback becomes Qt signals.

The callback runs on a machine's worker thread; the signals are queued and arrive on the GUI thread. Payloads are
frozen. Lights are coalesced here, so that a busy disk does not fill the queue.
"""

from __future__ import annotations

import threading

from PySide6.QtCore import QObject, Qt, Signal

from engine.events import Activity, Event, FrameReady, MediumChanged, Notice, PowerChanged


class EngineBridge(QObject):
    """Give ``receive`` to a runner as its callback; listen to the signals."""

    power_changed = Signal(PowerChanged)
    frame_ready = Signal()
    activity = Signal(Activity)
    medium_changed = Signal(MediumChanged)
    notice = Signal(Notice)

    _arrived = Signal(object)
    _wake = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._frame_waits = False
        self._lit: dict[tuple[str, bool], Activity] = {}
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._wake.connect(self._deliver_coalesced, Qt.ConnectionType.QueuedConnection)
        self._closed = False

    def receive(self, event: Event) -> None:
        """On any thread."""
        if self._closed:
            return
        if isinstance(event, FrameReady | Activity):
            with self._lock:
                idle = not self._frame_waits and not self._lit
                if isinstance(event, FrameReady):
                    self._frame_waits = True
                else:
                    self._lit[(event.device, event.writing)] = event
            if not idle:
                return
        try:
            if isinstance(event, FrameReady | Activity):
                self._wake.emit()
            else:
                self._arrived.emit(event)
        except RuntimeError:
            self._closed = True  # the window is gone; nobody listens any more

    def close(self) -> None:
        """Nothing is delivered from now on."""
        self._closed = True

    def _deliver_coalesced(self) -> None:
        with self._lock:
            frame, self._frame_waits = self._frame_waits, False
            lit, self._lit = list(self._lit.values()), {}
        if self._closed:
            return
        if frame:
            self.frame_ready.emit()
        for event in lit:
            self.activity.emit(event)

    def _deliver(self, event: object) -> None:
        if self._closed:
            return
        if isinstance(event, PowerChanged):
            self.power_changed.emit(event)
        elif isinstance(event, MediumChanged):
            self.medium_changed.emit(event)
        elif isinstance(event, Notice):
            self.notice.emit(event)
