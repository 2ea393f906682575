"""Relative mouse motion from a pointer that is kept in the middle of the console.

The host's pointer is warped back whenever it has gone far enough. The move that a warp causes is not the hand's and
is left out; moves that were under way before the warp are counted as usual.
"""

from __future__ import annotations

from typing import Final, Protocol

from PySide6.QtCore import QPoint, Qt

BUTTON_NAMES: Final = {
    Qt.MouseButton.LeftButton: "left",
    Qt.MouseButton.RightButton: "right",
    Qt.MouseButton.MiddleButton: "middle",
    Qt.MouseButton.BackButton: "back",
    Qt.MouseButton.ForwardButton: "forward",
}
_NOTCH: Final = 120  # QWheelEvent.angleDelta: eighths of a degree, 15 degrees a notch
_LEASH: Final = 100  # pixels the pointer may stray from the middle


class Pointer(Protocol):
    """The guest's mouse; right and down positive, the wheel positive towards the person."""

    def move(self, dx: int, dy: int) -> None: ...

    def wheel(self, notches: int) -> None: ...

    def press(self, button: str) -> None: ...

    def release(self, button: str) -> None: ...


class MouseInput:
    """Feeds one guest's mouse while the console holds the input."""

    def __init__(self) -> None:
        self._pointer: Pointer | None = None
        self._last: QPoint | None = None
        self._warped_to: QPoint | None = None
        self._held: set[str] = set()
        self._wheel_rest = 0

    def attach(self, pointer: Pointer | None) -> None:
        self.release_all()
        self._pointer = pointer

    def begin(self, position: QPoint) -> None:
        """The console takes the pointer, which is at ``position``."""
        self._last = position
        self._warped_to = None
        self._wheel_rest = 0

    def moved(self, position: QPoint, centre: QPoint) -> QPoint | None:
        """The pointer is at ``position``. Returns where to warp it, when it has strayed from ``centre``."""
        if self._last is None:
            self._last = position
        start = self._last
        if self._warped_to is not None and _distance(position, self._warped_to) < _distance(position, self._last):
            start = self._warped_to
            self._warped_to = None
        delta = position - start
        self._last = position
        if not delta.isNull() and self._pointer is not None:
            self._pointer.move(delta.x(), delta.y())
        if self._warped_to is None and _distance(position, centre) > _LEASH:
            self._warped_to = centre
            return centre
        return None

    def pressed(self, button: Qt.MouseButton) -> None:
        name = BUTTON_NAMES.get(button)
        if name is not None and self._pointer is not None:
            self._held.add(name)
            self._pointer.press(name)

    def released(self, button: Qt.MouseButton) -> None:
        name = BUTTON_NAMES.get(button)
        if name in self._held and self._pointer is not None:
            self._held.discard(name)
            self._pointer.release(name)

    def wheeled(self, angle: int) -> None:
        """``angle`` as Qt tells it: positive away from the person."""
        self._wheel_rest += angle
        notches = int(self._wheel_rest / _NOTCH)
        if notches and self._pointer is not None:
            self._wheel_rest -= notches * _NOTCH
            self._pointer.wheel(-notches)

    def release_all(self) -> None:
        for name in sorted(self._held):
            if self._pointer is not None:
                self._pointer.release(name)
        self._held.clear()


def _distance(one: QPoint, other: QPoint) -> int:
    return (one - other).manhattanLength()
