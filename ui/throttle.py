"""Coalesces many calls into at most one per interval; the last arguments win."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QElapsedTimer, QObject, QTimer


class Throttle(QObject):
    """Calls ``target`` at once when the last call is an interval ago, else once the interval is over."""

    def __init__(self, target: Callable[..., None], interval_ms: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._target = target
        self._interval_ms = interval_ms
        self._arguments: tuple[Any, ...] = ()
        self._since_call = QElapsedTimer()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._call)

    def __call__(self, *arguments: Any) -> None:
        self._arguments = arguments
        if self._timer.isActive():
            return
        passed = self._since_call.elapsed() if self._since_call.isValid() else self._interval_ms
        if passed >= self._interval_ms:
            self._call()
        else:
            self._timer.start(self._interval_ms - int(passed))

    def cancel(self) -> None:
        """Forgets a call that still waits."""
        self._timer.stop()

    def _call(self) -> None:
        self._since_call.start()
        self._target(*self._arguments)
