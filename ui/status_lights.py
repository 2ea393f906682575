"""One icon a device in the status bar: lit on activity, a menu to change media, a place to drop images on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from ui import theme
from ui.device_list import DeviceRow, lit_devices

_LIT_MS: Final = 140
_ICON: Final = 18


class Light(QToolButton):
    """One device."""

    def __init__(self, row: DeviceRow, lights: StatusLights) -> None:
        super().__init__()
        self.row = row
        self._lights = lights
        self._writing: bool | None = None
        self._off = QTimer(self)
        self._off.setSingleShot(True)
        self._off.timeout.connect(self._go_out)
        theme.set_icon(self, row.icon, _ICON)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self)
        menu.aboutToShow.connect(lambda: lights.fill_menu(menu, self.row))
        self.setMenu(menu)
        self.setAcceptDrops(row.removable)
        self.describe()

    def describe(self) -> None:
        text = f"{self.row.name} {self.row.value}"
        self.setAccessibleName(text)
        self.setToolTip(text)
        self.setProperty("empty", self.row.removable and self.row.image is None)
        self.update()

    def flash(self, writing: bool) -> None:
        if self._writing is not writing:
            self._writing = writing
            self.update()
        self._off.start(_LIT_MS)

    @property
    def is_lit(self) -> bool:
        return self._writing is not None

    def _go_out(self) -> None:
        self._writing = None
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(_ICON + 12, _ICON + 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.property("empty") or self._lights.is_muted(self.row):
            painter.setPen(QColor(theme.colours().muted))
            painter.drawLine(self.width() - 9, 5, self.width() - 4, 10)
            painter.drawLine(self.width() - 9, 10, self.width() - 4, 5)
        if self._writing is not None:
            colour = theme.colours().warning if self._writing else theme.colours().good
            painter.setPen(QColor(theme.colours().window))
            painter.setBrush(QColor(colour))
            painter.drawEllipse(self.width() - 12, self.height() - 12, 9, 9)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self._lights.insert_wanted.emit(self.row.key, url.toLocalFile())
                break


class StatusLights(QWidget):
    """The lights of the machine that is shown."""

    insert_wanted = Signal(str, str)  # device, file
    choose_wanted = Signal(str)  # device: ask for a file
    eject_wanted = Signal(str)
    settings_wanted = Signal(str)  # page
    mute_wanted = Signal(bool)

    def __init__(self, recent: Callable[[str], Sequence[Path]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recent = recent
        self._last_image: dict[str, Path] = {}
        self._muted = False
        self.lights: dict[str, Light] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 4, 0)
        self._row.setSpacing(1)
        self.setAccessibleName(self.tr("Device lights"))

    def show_devices(self, rows: Sequence[DeviceRow]) -> None:
        """Shows lights for these devices; those that are there already are kept."""
        wanted = lit_devices(rows)
        if [row.key for row in wanted] != list(self.lights):
            for light in self.lights.values():
                light.setParent(None)
                light.deleteLater()
            self.lights = {row.key: Light(row, self) for row in wanted}
            for light in self.lights.values():
                self._row.addWidget(light)
        for row in wanted:
            light = self.lights[row.key]
            if light.row.image is not None and row.image is None:
                self._last_image[row.key] = light.row.image
            light.row = row
            light.describe()

    def forget_images(self) -> None:
        """Another machine is shown."""
        self._last_image.clear()

    def set_muted(self, muted: bool) -> None:
        self._muted = muted
        if light := self.lights.get("sound"):
            light.update()

    def is_muted(self, row: DeviceRow) -> bool:
        return row.key == "sound" and self._muted

    def flash(self, device: str, writing: bool) -> None:
        if light := self.lights.get(device):
            light.flash(writing)

    def fill_menu(self, menu: QMenu, row: DeviceRow) -> None:
        menu.clear()
        head = menu.addAction(theme.icon(row.icon), f"{row.name}  {row.value}")
        head.setEnabled(False)
        menu.addSeparator()
        if row.removable:
            self._fill_media(menu, row)
            menu.addSeparator()
        elif row.key == "sound":
            mute = menu.addAction(self.tr("Mute"))
            mute.setCheckable(True)
            mute.setChecked(self._muted)
            mute.triggered.connect(lambda checked: self.mute_wanted.emit(checked))
            menu.addSeparator()
        settings = menu.addAction(theme.icon("settings"), self.tr("Settings…"))
        settings.triggered.connect(lambda: self.settings_wanted.emit(row.page))

    def _fill_media(self, menu: QMenu, row: DeviceRow) -> None:
        device = row.key
        if row.image is not None:
            disconnect = menu.addAction(theme.icon("eject"), self.tr("Disconnect “{name}”").format(name=row.image.name))
            disconnect.triggered.connect(lambda: self.eject_wanted.emit(device))
        elif last := self._last_image.get(device):
            connect = menu.addAction(theme.icon("insert"), self.tr("Connect “{name}”").format(name=last.name))
            connect.triggered.connect(lambda: self.insert_wanted.emit(device, str(last)))
        choose = menu.addAction(theme.icon("open"), self.tr("Insert image…"))
        choose.triggered.connect(lambda: self.choose_wanted.emit(device))
        recent = [file for file in self._recent(device) if file != row.image]
        if recent:
            submenu = menu.addMenu(self.tr("Recent images"))
            for file in recent:
                action = submenu.addAction(file.name)
                action.setToolTip(str(file))
                action.triggered.connect(lambda _=False, chosen=file: self.insert_wanted.emit(device, str(chosen)))
            submenu.setToolTipsVisible(True)
