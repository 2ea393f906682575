"""A guest's screen: paints its surface, takes keyboard and mouse, gives them back.

The picture is a QImage over the machine's own memory; only rows that changed are painted, at the guest's refresh rate
at most, and nothing while nothing changes or the console is hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any, Final

from PySide6.QtCore import QEvent, QMimeData, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QCursor,
    QDragEnterEvent,
    QDropEvent,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from ui import theme
from ui.console.key_input import KeyInput, Keys
from ui.console.mouse_input import MouseInput, Pointer
from ui.console.release_keys import CTRL_ALT, release_keys
from ui.console.scaled_picture import ScaledPicture
from ui.console.scaling import Placement, ScaleMode, place

_EMPTY: Final = (720, 400)
_DIMMED: Final = QColor(10, 14, 22, 150)
_MARK: Final = 36  # pixels: radius of the mark on a paused guest's picture
_MARK_GROUND: Final = QColor(47, 125, 246, 220)


class ConsoleWidget(QWidget):
    """Shows one machine. ``attach`` gives it one, ``detach`` takes it away before the machine is closed."""

    grab_changed = Signal(bool)
    hot_key = Signal(str)
    pointer_moved = Signal(QPoint)  # while not grabbed: for the full-screen bar
    guest_resized = Signal(int, int)
    file_dropped = Signal(str)
    text_dropped = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._screen: Any = None
        self._post: Callable[[Callable[[], None]], None] | None = None
        self._picture = ScaledPicture()
        self._guest_size = _EMPTY
        self._placement = Placement(0, 0, 1, 1)
        self._ratio = 1.0  # physical pixels to one of Qt's
        self._mode = ScaleMode.FIT
        self.grab_on_click = True
        self._correct_aspect = True
        self._grabbed = False
        self._dimmed = False
        self._keys = KeyInput(self)
        self._keys.release_wanted.connect(self.release_input)
        self._keys.hot_key.connect(self.hot_key)
        self._mouse = MouseInput()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setMinimumSize(160, 100)
        self.setAccessibleName(self.tr("Screen of the virtual machine"))
        self.set_release_keys(CTRL_ALT.name)

    # -- The machine -------------------------------------------------------------------------------------

    def attach(
        self, screen: Any, keyboard: Keys, mouse: Pointer, post: Callable[[Callable[[], None]], None] | None = None
    ) -> None:
        """Shows a machine's screen and sends its keyboard and mouse what the host's do.

        ``post`` brings work to the machine's thread: a hidden console asks for no frames.
        """
        self._screen = screen
        self._post = post
        self._keys.attach(keyboard)
        self._mouse.attach(mouse)
        self._make_image()
        self._watch(self.isVisible())
        self.update()

    def detach(self) -> None:
        """Lets go of the machine and its memory."""
        self.release_input()
        self._keys.attach(None)
        self._mouse.attach(None)
        self._screen = self._post = None
        self._picture.forget()
        self._guest_size = _EMPTY
        self.update()

    def frame_ready(self) -> None:
        """The surface changed. Call on the GUI thread."""
        if self._screen is not None and self.isVisible():
            self._take_rows()

    @property
    def guest_size(self) -> tuple[int, int]:
        """Width and height of the guest's screen in its pixels."""
        return self._guest_size

    def set_dimmed(self, dimmed: bool) -> None:
        """A paused guest's picture is shown darker."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.update()

    def picture(self) -> QImage:
        """A copy of what the guest shows."""
        return self._picture.guest.copy()

    def _watch(self, interested: bool) -> None:
        screen = self._screen
        if screen is not None and self._post is not None:
            self._post(lambda: screen.watch(interested))

    def _make_image(self) -> None:
        screen = self._screen
        frame = screen.frame
        width, height = frame.width, frame.height
        if width <= 0 or height <= 0:
            self._picture.forget()
            return
        self._picture.show(frame)
        if (width, height) != self._guest_size:
            self._guest_size = (width, height)
            self.guest_resized.emit(width, height)
        self._place()

    def _take_rows(self) -> None:
        screen = self._screen
        rows = screen.take_dirty()
        if not self._picture.shows(screen.frame):
            self._make_image()
            self.update()
            return
        if rows is None:
            return
        first, last = self._picture.redraw(*rows)
        spot, ratio = self._placement, self._ratio
        top, bottom = floor((spot.y + first) / ratio), ceil((spot.y + last) / ratio)
        left, right = floor(spot.x / ratio), ceil((spot.x + spot.width) / ratio)
        self.update(left, top, right - left, bottom - top)

    # -- Painting ----------------------------------------------------------------------------------------

    @property
    def scale_mode(self) -> ScaleMode:
        return self._mode

    def set_scaling(self, mode: ScaleMode, correct_aspect: bool, smooth: bool = True) -> None:
        self._mode, self._correct_aspect, self._picture.sharp = mode, correct_aspect, not smooth
        self._place()
        self.update()

    @property
    def placement(self) -> Placement:
        """Where the picture is, in physical pixels."""
        return self._placement

    def _place(self) -> None:
        self._ratio = ratio = self.devicePixelRatioF()
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        self._placement = place(*self._guest_size, width, height, self._mode, self._correct_aspect)
        self._picture.fit(self._placement.width, self._placement.height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._place()
        self._watch(True)
        self.frame_ready()

    def paintEvent(self, event: QPaintEvent) -> None:
        spot, ratio, changed = self._placement, self._ratio, event.rect()
        painter = QPainter(self)
        inside = spot.contains(changed.x(), changed.y(), changed.width(), changed.height())
        if inside and ratio == 1 and not self._dimmed:
            # What a running guest draws: nothing but rows of its picture.
            painter.drawImage(changed.topLeft(), self._picture.scaled, changed.translated(-spot.x, -spot.y))
            return
        ground = QColor("black" if self.window().isFullScreen() else theme.colours().console)
        if self._picture.guest.isNull():
            painter.fillRect(event.rect(), ground)
            return
        target = QRectF(spot.x / ratio, spot.y / ratio, spot.width / ratio, spot.height / ratio)
        seen = event.rect().intersected(target.toAlignedRect())
        if seen != event.rect():
            painter.fillRect(event.rect(), ground)
        if seen.isEmpty():
            return
        painter.setClipRect(seen)
        image = self._picture.scaled
        painter.drawImage(target, image, QRectF(image.rect()))
        if self._dimmed:
            painter.fillRect(seen, _DIMMED)
            painter.setClipRect(event.rect())
            self._paint_pause_mark(painter)

    def _paint_pause_mark(self, painter: QPainter) -> None:
        """Two bars on a disc in the middle: the guest stands still because it is paused, not because it hangs."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_MARK_GROUND)
        middle = self.rect().center()
        painter.drawEllipse(middle, _MARK, _MARK)
        painter.setBrush(Qt.GlobalColor.white)
        wide, high = _MARK // 4, _MARK
        for left in (middle.x() - _MARK // 2 + wide // 2, middle.x() + wide // 2):
            painter.drawRoundedRect(left, middle.y() - high // 2, wide, high, 2, 2)

    def set_release_keys(self, name: str) -> None:
        """Which keys give the input back: a name of the preferences, "ctrl+alt"."""
        self._keys.set_release_keys(name)
        text = self.tr("Keys go to the guest. {keys} gives keyboard and mouse back.")
        self.setAccessibleDescription(text.format(keys=release_keys(name).label))

    # -- Taking and giving back the input ----------------------------------------------------------------

    @property
    def grabbed(self) -> bool:
        """Keyboard and mouse belong to the guest."""
        return self._grabbed

    def take_input(self) -> None:
        """Gives keyboard and mouse to the guest."""
        if self._grabbed or self._screen is None or not self.isVisible():
            return
        self._grabbed = True
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.setCursor(Qt.CursorShape.BlankCursor)
        centre = self._centre()
        QCursor.setPos(centre)
        self._mouse.begin(centre)
        self.grabMouse(Qt.CursorShape.BlankCursor)
        self.grabKeyboard()
        self.grab_changed.emit(True)

    def release_input(self) -> None:
        """Gives keyboard and mouse back to the host."""
        if not self._grabbed:
            return
        self._grabbed = False
        self._keys.release_all()
        self._mouse.release_all()
        self.releaseKeyboard()
        self.releaseMouse()
        self.unsetCursor()
        self.grab_changed.emit(False)

    def _centre(self) -> QPoint:
        return self.mapToGlobal(self.rect().center())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._keys.release_all()
        self.release_input()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._keys.release_all()
        self.release_input()
        self._watch(False)
        super().hideEvent(event)

    # -- Keys --------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and self._grabbed:
            event.accept()  # no shortcut of the window while the guest has the keyboard
            return True
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._place()
        return super().event(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return False  # Tab is the guest's

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self._screen is None:
            super().keyPressEvent(event)
        else:
            self._keys.press(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if self._screen is None:
            super().keyReleaseEvent(event)
        else:
            self._keys.release(event)

    # -- Mouse -------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._grabbed:
            self._mouse.pressed(event.button())
        elif event.button() == Qt.MouseButton.LeftButton and self.grab_on_click:
            self.take_input()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._mouse.released(event.button())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self._grabbed:
            self.pointer_moved.emit(event.position().toPoint())
            return
        target = self._mouse.moved(event.globalPosition().toPoint(), self._centre())
        if target is not None:
            QCursor.setPos(target)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._screen is not None and (_local_file(event.mimeData()) or event.mimeData().hasText()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        if file := _local_file(event.mimeData()):
            self.file_dropped.emit(file)
        else:
            self.text_dropped.emit(event.mimeData().text())

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._grabbed:
            self._mouse.wheeled(event.angleDelta().y())
            event.accept()


def _local_file(data: QMimeData) -> str:
    """The first file of this computer among what is dragged; empty when there is none."""
    return next((url.toLocalFile() for url in data.urls() if url.isLocalFile()), "")
