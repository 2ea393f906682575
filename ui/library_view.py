"""The library at the left: a search box over the list of machines."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.library import LibraryEntry
from engine.events import PowerState
from ui import theme
from ui.library_model import ENTRY, PROBLEM, STATE, SUBTITLE, THUMBNAIL, LibraryFilter, LibraryModel
from ui.thumbnails import SIZE

_ROW_HEIGHT = 48


class LibraryDelegate(QStyledItemDelegate):
    """Paints a machine: icon with a dot for its state, name, state in words."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, _ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = theme.colours()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        pointed = bool(option.state & QStyle.StateFlag.State_MouseOver)
        area = option.rect.adjusted(6, 1, -6, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or pointed:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.tint if chosen else colours.hover))
            painter.drawRoundedRect(area, 7, 7)
        if option.state & QStyle.StateFlag.State_HasFocus and chosen:
            painter.setPen(QColor(colours.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(area, 7, 7)
        icon = QRect(area.left() + 9, area.center().y() - 11, 24, 24)
        thumbnail = index.data(THUMBNAIL)
        if thumbnail is None:
            theme.icon("warning" if index.data(PROBLEM) else "machine").paint(painter, icon)
        else:
            icon = QRect(area.left() + 4, area.center().y() - SIZE.height() // 2, SIZE.width(), SIZE.height())
            size = thumbnail.deviceIndependentSize().toSize()
            painter.drawPixmap(icon.center() - QRect(QPoint(), size).center(), thumbnail)
        dot = _dot_colour(index.data(STATE))
        if dot:
            painter.setPen(QColor(colours.tint if chosen else colours.sidebar))
            painter.setBrush(QColor(dot))
            painter.drawEllipse(QPoint(icon.right() - 1, icon.bottom() - 2), 5, 5)
        text = area.adjusted(43 if thumbnail is None else SIZE.width() + 14, 6, -8, -6)
        painter.setFont(theme.bold(option.font))
        painter.setPen(QColor(colours.text))
        metrics = painter.fontMetrics()
        name = metrics.elidedText(index.data(), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, name)
        small = option.font
        small.setPointSizeF(max(7.0, small.pointSizeF() * 0.88))
        painter.setFont(small)
        painter.setPen(QColor(dot or (colours.warning if index.data(PROBLEM) else colours.muted)))
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, index.data(SUBTITLE))
        painter.restore()


def _dot_colour(state: PowerState | None) -> str:
    colours = theme.colours()
    if state is None:
        return ""
    return {PowerState.RUNNING: colours.good, PowerState.PAUSED: colours.warning, PowerState.CRASHED: colours.bad}.get(
        state, ""
    )


class LibraryList(QListView):
    """Enter opens the chosen machine, as a click does."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
            return
        super().keyPressEvent(event)


class LibraryView(QWidget):
    open_wanted = Signal(object)  # LibraryEntry
    start_wanted = Signal(object)  # LibraryEntry, by a double click
    menu_wanted = Signal(object, QPoint)
    new_wanted = Signal()
    close_wanted = Signal()

    def __init__(self, model: LibraryModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        theme.set_role(self, "sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._model = model
        self._filter = LibraryFilter(model)
        head = QHBoxLayout()
        head.setContentsMargins(14, 10, 6, 2)
        head.addWidget(theme.heading(self.tr("LIBRARY"), "section"))
        head.addStretch(1)
        new = _small_button("add", self.tr("New machine (Ctrl+N)"))
        new.clicked.connect(self.new_wanted)
        hide = _small_button("close", self.tr("Hide the library (F9)"))
        hide.clicked.connect(self.close_wanted)
        head.addWidget(new)
        head.addWidget(hide)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(self.tr("Search the library"))
        self.search.addAction(theme.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(self._search)
        box = QFrame()
        box_row = QHBoxLayout(box)
        box_row.setContentsMargins(10, 2, 10, 6)
        box_row.addWidget(self.search)
        self.list = LibraryList()
        theme.set_role(self.list, "library")
        self.list.setAccessibleName(self.tr("Machines"))
        self.list.setModel(self._filter)
        self.list.setItemDelegate(LibraryDelegate(self.list))
        self.list.setMouseTracking(True)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.clicked.connect(self._open)
        self.list.activated.connect(self._open)
        self.list.doubleClicked.connect(self._start)
        self.list.customContextMenuRequested.connect(self._menu)
        self._empty = QLabel()
        self._empty.setWordWrap(True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._empty.setContentsMargins(20, 30, 20, 0)
        theme.set_role(self._empty, "muted")
        self._stack = QStackedLayout()
        self._stack.addWidget(self.list)
        self._stack.addWidget(self._empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(box)
        column.addLayout(self._stack, 1)
        model.modelReset.connect(self._rows_changed)
        self._filter.modelReset.connect(self._rows_changed)
        self._rows_changed()

    def select(self, path: Path | None) -> None:
        """Marks the machine in this folder as the current one, or none."""
        row = self._model.row_of(path) if path is not None else -1
        if row < 0:
            self.list.clearSelection()
            self.list.setCurrentIndex(QModelIndex())
            return
        index = self._filter.mapFromSource(self._model.index(row))
        self.list.setCurrentIndex(index)

    def current(self) -> LibraryEntry | None:
        index = self.list.currentIndex()
        return index.data(ENTRY) if index.isValid() else None

    def _search(self, text: str) -> None:
        self._filter.search(text)
        self._rows_changed()

    def _rows_changed(self) -> None:
        if self._filter.rowCount():
            self._stack.setCurrentWidget(self.list)
            return
        self._empty.setText(
            self.tr("No machine matches.")
            if self._model.rowCount()
            else self.tr("No machines yet.\nThe + above makes one.")
        )
        self._stack.setCurrentWidget(self._empty)

    def _open(self, index: QModelIndex) -> None:
        self.open_wanted.emit(index.data(ENTRY))

    def _start(self, index: QModelIndex) -> None:
        self.start_wanted.emit(index.data(ENTRY))

    def _menu(self, position: QPoint) -> None:
        index = self.list.indexAt(position)
        if index.isValid():
            self.list.setCurrentIndex(index)
            self.menu_wanted.emit(index.data(ENTRY), self.list.viewport().mapToGlobal(position))


def _small_button(icon_name: str, tip: str) -> QToolButton:
    button = QToolButton()
    theme.set_icon(button, icon_name, 16)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
