"""The bar that slides from the top edge in full screen: name, pin, other machines, leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QEasingCurve, QEvent, QPoint, QPropertyAnimation, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from ui import theme

_EDGE: Final = 3  # pixels from the top that call the bar
_SHOWN_AT_FIRST_MS: Final = 2500
_LINGER_MS: Final = 700
_SLIDE_MS: Final = 140


class FullScreenBar(QFrame):
    """A child of the full-screen window that lies over the console."""

    leave_wanted = Signal()
    minimise_wanted = Signal()
    machine_chosen = Signal(str)
    ctrl_alt_delete_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        theme.set_role(self, "fullscreen-bar")
        self.setAccessibleName(self.tr("Full-screen bar"))
        self._shown = False
        self._slide = QPropertyAnimation(self, b"pos", self)
        self._slide.setDuration(_SLIDE_MS)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.timeout.connect(self.slide_out)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 10, 5)
        row.setSpacing(4)
        self.pin = self._button("pin", self.tr("Keep the bar on the screen"))
        self.pin.setCheckable(True)
        self.pin.toggled.connect(self._pin_changed)
        row.addWidget(self.pin)
        self.machines = QToolButton()
        self.machines.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.machines.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.machines.setToolTip(self.tr("Switch to another machine"))
        self.machines.setAccessibleName(self.machines.toolTip())
        self.machines.setMinimumWidth(200)
        theme.set_icon(self.machines, "machine", 18)
        self._menu = QMenu(self.machines)
        self.machines.setMenu(self._menu)
        row.addWidget(self.machines, 1)
        keys = self._button("ctrl-alt-del", self.tr("Send Ctrl+Alt+Del"))
        keys.clicked.connect(self.ctrl_alt_delete_wanted)
        row.addWidget(keys)
        self._hint = QLabel()
        theme.set_role(self._hint, "muted")
        row.addWidget(self._hint)
        minimise = self._button("minimise", self.tr("Minimise"))
        minimise.clicked.connect(self.minimise_wanted)
        row.addWidget(minimise)
        self.leave = self._button("leave-fullscreen", self.tr("Leave full screen"))
        self.leave.clicked.connect(self.leave_wanted)
        row.addWidget(self.leave)
        self.set_release_keys("Ctrl+Alt")
        self.hide()

    def set_release_keys(self, keys: str) -> None:
        """Which keys the bar names as the way out, as printed in menus."""
        self._hint.setText(self.tr("{keys} releases  ·  {keys}+Enter leaves").format(keys=keys))
        self.leave.setToolTip(self.tr("Leave full screen ({keys}+Enter)").format(keys=keys))

    def begin(self, name: str, others: Sequence[tuple[str, str]]) -> None:
        """Full screen began, or another machine is shown: ``others`` are (id, name) of all that can be switched to."""
        self.machines.setText(f" {name}")  # a style leaves no room between icon and text
        self._menu.clear()
        for identity, other in others:
            action = self._menu.addAction(theme.icon("machine"), other)
            action.setCheckable(True)
            action.setChecked(other == name)
            action.triggered.connect(lambda _=False, chosen=identity: self.machine_chosen.emit(chosen))
        self.adjustSize()
        self._slide.stop()
        self.move(self._rest(shown=True))
        self._shown = True
        self.show()
        self.raise_()
        self._leaving.start(_SHOWN_AT_FIRST_MS)

    def end(self) -> None:
        self._leaving.stop()
        self._slide.stop()
        self._shown = False
        self.hide()

    @property
    def is_out(self) -> bool:
        """The bar is on the screen, or on its way."""
        return self._shown

    def pointer_at(self, position: QPoint) -> None:
        """Where the pointer is, in the parent's coordinates."""
        if position.y() <= _EDGE and abs(position.x() - self._over.width() // 2) < self.width():
            self.slide_in()
        elif self._shown and not self._leaving.isActive() and not self.geometry().contains(position):
            self._leaving.start(_LINGER_MS)

    def slide_in(self) -> None:
        self._leaving.stop()
        if not self._shown:
            self._shown = True
            self.show()
            self.raise_()
            self._animate(shown=True)

    def slide_out(self) -> None:
        if self._shown and not self.pin.isChecked() and not self.underMouse() and not self._menu.isVisible():
            self._shown = False
            self._animate(shown=False)

    def reposition(self) -> None:
        """The parent has another size."""
        self.move(self._rest(self._shown))

    def _animate(self, shown: bool) -> None:
        self._slide.stop()
        self._slide.setStartValue(self.pos())
        self._slide.setEndValue(self._rest(shown))
        self._slide.start()

    def _rest(self, shown: bool) -> QPoint:
        return QPoint((self._over.width() - self.width()) // 2, 0 if shown else -self.height())

    def _pin_changed(self, pinned: bool) -> None:
        if not pinned:
            self._leaving.start(_LINGER_MS)

    def enterEvent(self, event: QEnterEvent) -> None:
        self._leaving.stop()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._leaving.start(_LINGER_MS)
        super().leaveEvent(event)

    def _button(self, icon_name: str, tip: str) -> QToolButton:
        button = QToolButton()
        theme.set_icon(button, icon_name, 18)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        return button
