"""A machine at rest: what it is made of, its state, its notes, where it lies."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QColor, QDesktopServices, QImage, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app import language
from app.guest_presets import preset
from app.lifecycle import Action
from engine.events import PowerState
from ui import theme
from ui.device_list import devices
from ui.library_model import state_text
from ui.settings.disks_page import bytes_text
from ui.settings.page import banner, set_banner_text
from ui.vm_session import VmSession

_NOTES_SAVE_MS = 800
_PAGE = Qt.ItemDataRole.UserRole


class Preview(QWidget):
    """The last picture of the guest's screen, or a dark monitor."""

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._picture = QImage()
        self.setFixedSize(288, 162)
        self.setAccessibleName(self.tr("Last picture of the screen"))

    def show_picture(self, picture: QImage) -> None:
        self._picture = picture
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        shape = QPainterPath()
        shape.addRoundedRect(self.rect().toRectF(), 8, 8)
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), QColor(theme.colours().console))
        if self._picture.isNull():
            painter.setOpacity(0.5)
            mark = theme.pixmap("machine", 56, self.devicePixelRatioF(), "#8b9bb4")
            painter.drawPixmap((self.width() - 56) // 2, (self.height() - 56) // 2, mark)
            return
        size = self._picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
        ratio = self.devicePixelRatioF()
        small = self._picture.scaled(
            size * ratio, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        small.setDevicePixelRatio(ratio)
        painter.drawImage(left, top, small)

    def sizeHint(self) -> QSize:
        return QSize(288, 162)


class SummaryPage(QScrollArea):
    start_wanted = Signal()
    resume_wanted = Signal()
    console_wanted = Signal()
    settings_wanted = Signal(str)

    def __init__(self, session: VmSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._filling = False
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(self.tr("Summary"))
        content = QWidget()
        theme.set_role(content, "page")
        self.setWidget(content)
        outer = QVBoxLayout(content)
        outer.setContentsMargins(28, 22, 28, 22)
        outer.setSpacing(16)
        outer.addLayout(self._head())
        self._problem = banner("warning", "")
        outer.addWidget(self._problem)
        columns = QHBoxLayout()
        columns.setSpacing(18)
        columns.addWidget(self._device_card(), 3)
        columns.addLayout(self._right_column(), 0)
        outer.addLayout(columns, 1)
        self._save_timer = QTimer(self)
        self._save_timer.setSingleShot(True)
        self._save_timer.timeout.connect(self.save_notes)
        session.changed.connect(self.refresh)
        self.refresh()

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(12)
        picture = QLabel()
        theme.set_icon(picture, "machine", 44)
        row.addWidget(picture)
        words = QVBoxLayout()
        words.setSpacing(2)
        self._name = theme.heading("", "title")
        self._state = theme.heading("", "muted")
        words.addWidget(self._name)
        words.addWidget(self._state)
        row.addLayout(words, 1)
        self.edit = QPushButton(self.tr("Edit settings"))
        theme.set_icon(self.edit, "settings")
        self.edit.clicked.connect(lambda: self.settings_wanted.emit(""))
        self.start = QPushButton()
        theme.set_role(self.start, "primary")
        self.start.clicked.connect(self._start_clicked)
        row.addWidget(self.edit)
        row.addWidget(self.start)
        return row

    def _device_card(self) -> QFrame:
        card = _card()
        column = QVBoxLayout(card)
        column.setContentsMargins(14, 12, 14, 12)
        column.addWidget(theme.heading(self.tr("DEVICES"), "section"))
        self.devices = QTreeWidget()
        self.devices.setColumnCount(2)
        self.devices.setHeaderHidden(True)
        self.devices.setRootIsDecorated(False)
        self.devices.setIconSize(QSize(20, 20))
        self.devices.setFrameShape(QFrame.Shape.NoFrame)
        self.devices.setStyleSheet("QTreeView { border: none; background: transparent; }")
        self.devices.setAccessibleName(self.tr("Devices"))
        self.devices.setToolTip(self.tr("Double click a device to change it"))
        self.devices.itemActivated.connect(self._device_chosen)
        column.addWidget(self.devices, 1)
        column.addWidget(theme.heading(self.tr("Double click a device to change it."), "muted"))
        return card

    def _right_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(14)
        screen = _card()
        inside = QVBoxLayout(screen)
        inside.setContentsMargins(10, 10, 10, 10)
        self.preview = Preview()
        inside.addWidget(self.preview)
        column.addWidget(screen)
        details = _card()
        self._details = QGridLayout(details)
        self._details.setContentsMargins(14, 12, 14, 12)
        self._details.setVerticalSpacing(6)
        self._details.setColumnStretch(1, 1)
        self._details.addWidget(theme.heading(self.tr("DETAILS"), "section"), 0, 0, 1, 2)
        self._guest = self._detail(1, self.tr("Guest"))
        self._place = self._detail(2, self.tr("Location"))
        self._place.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self._place.linkActivated.connect(self._open_folder)
        self._usage = self._detail(3, self.tr("On disk"))
        column.addWidget(details)
        notes = _card()
        inside = QVBoxLayout(notes)
        inside.setContentsMargins(14, 12, 14, 12)
        inside.addWidget(theme.heading(self.tr("NOTES"), "section"))
        self.notes = QPlainTextEdit()
        self.notes.setPlaceholderText(self.tr("What is this machine for?"))
        self.notes.setAccessibleName(self.tr("Notes"))
        self.notes.setTabChangesFocus(True)
        self.notes.setMinimumHeight(60)
        self.notes.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self.notes.textChanged.connect(self._notes_edited)
        inside.addWidget(self.notes, 1)
        column.addWidget(notes, 1)
        for card in (screen, details, notes):
            card.setFixedWidth(310)
        return column

    def _detail(self, row: int, name: str) -> QLabel:
        value = QLabel()
        value.setWordWrap(True)
        self._details.addWidget(theme.heading(name, "muted"), row, 0, Qt.AlignmentFlag.AlignTop)
        self._details.addWidget(value, row, 1)
        return value

    def refresh(self) -> None:
        """Shows the session as it is now."""
        session = self._session
        self._name.setText(session.name)
        state = session.state
        self._state.setText((session.order or state_text(state)).capitalize())
        role = {PowerState.RUNNING: "good", PowerState.PAUSED: "warning", PowerState.CRASHED: "bad"}
        theme.set_role(self._state, "muted" if session.order else role.get(state, "muted"))
        self._fill_devices()
        self._fill_details()
        problem = session.problem
        set_banner_text(self._problem, problem)
        self._problem.setVisible(bool(problem))
        labels = {
            PowerState.PAUSED: self.tr("Resume"),
            PowerState.RUNNING: self.tr("Show the screen"),
            PowerState.CRASHED: self.tr("Start again"),
        }
        self.start.setText(labels.get(state, self.tr("Start this machine")))
        can_start = session.allows(Action.START) or session.allows(Action.RESUME) or state is PowerState.RUNNING
        self.start.setEnabled(can_start)
        self.edit.setEnabled(session.folder is not None and not problem)

    def _fill_devices(self) -> None:
        rows = devices(self._session.config)
        current = self.devices.currentIndex().row()
        self.devices.clear()
        for row in rows:
            value = f"{row.value}   ({row.detail})" if row.detail and not row.removable else row.value
            item = QTreeWidgetItem([row.name, value])
            item.setIcon(0, theme.icon(row.icon))
            item.setData(0, _PAGE, row.page)
            item.setToolTip(1, str(row.image) if row.image else row.detail)
            self.devices.addTopLevelItem(item)
        self.devices.resizeColumnToContents(0)
        self.devices.setColumnWidth(0, self.devices.columnWidth(0) + 24)
        item_before = self.devices.topLevelItem(current)
        if item_before is not None:
            self.devices.setCurrentItem(item_before)

    def _fill_details(self) -> None:
        settings, folder = self._session.settings, self._session.folder
        self._guest.setText(_guest_label(settings.guest) if settings is not None else self.tr("None"))
        if folder is None:
            self._place.setText(self.tr("Only for this run"))
            self._usage.setText("–")
        else:
            shown = _shortened(folder.path)
            self._place.setText(f'<a href="folder" style="color:{theme.colours().accent}">{shown}</a>')
            self._place.setToolTip(str(folder.path))
            self._usage.setText(bytes_text(folder.disk_usage()))
        if not self.notes.hasFocus():
            self._filling = True
            notes = settings.notes if settings is not None else ""
            if notes != self.notes.toPlainText():
                self.notes.setPlainText(notes)
            self._filling = False
        self.notes.setEnabled(folder is not None and settings is not None)

    def _notes_edited(self) -> None:
        if not self._filling:
            self._save_timer.start(_NOTES_SAVE_MS)

    def save_notes(self) -> None:
        """Writes notes that were typed but not written yet."""
        self._save_timer.stop()
        settings = self._session.settings
        text = self.notes.toPlainText()
        if settings is not None and self._session.folder is not None and text != settings.notes:
            try:
                self._session.set_notes(text)
            except Exception as error:
                self._session.failed.emit(self.tr("The notes could not be saved"), error)

    def _device_chosen(self, item: QTreeWidgetItem) -> None:
        if self._session.folder is not None:
            self.settings_wanted.emit(item.data(0, _PAGE))

    def _start_clicked(self) -> None:
        if self._session.state is PowerState.RUNNING:
            self.console_wanted.emit()
        elif self._session.state is PowerState.PAUSED:
            self.resume_wanted.emit()
        else:
            self.start_wanted.emit()

    def _open_folder(self) -> None:
        if self._session.folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._session.folder.path)))


def _card() -> QFrame:
    card = QFrame()
    theme.set_role(card, "card")
    return card


def _guest_label(key: str) -> str:
    return language.text(preset(key).label)


def _shortened(path: Path) -> str:
    """A path with room to break: the folder's name, and its parent in front."""
    return f"…/{path.parent.name}/​{path.name}"
