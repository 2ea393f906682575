"""Every machine that is on, what each takes of the host, and what the host has left."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QDialog, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from app.memory_check import host_memory
from ui import theme
from ui.library_model import state_text
from ui.performance.histories import Histories
from ui.sessions import Sessions

_NUMBERS: Final = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class AllMachines(QDialog):
    """Stays open beside the window."""

    def __init__(self, sessions: Sessions, histories: Histories, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sessions = sessions
        self.setWindowTitle(self.tr("All machines"))
        self.resize(760, 320)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 14)
        self.host = theme.heading("", "muted")
        self.host.setAccessibleName(self.tr("The host"))
        titles = (
            self.tr("Machine"),
            self.tr("State"),
            self.tr("Memory, MB"),
            self.tr("Core, %"),
            self.tr("Million instructions/s"),
            self.tr("Real time, %"),
            self.tr("Disk, MB/s"),
        )
        self.table = QTableWidget(0, len(titles))
        self.table.setHorizontalHeaderLabels(titles)
        self.table.setAccessibleName(self.tr("All machines"))
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.table.setShowGrid(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        column.addWidget(self.table, 1)
        column.addWidget(self.host)
        histories.looked.connect(self._looked)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def _looked(self) -> None:
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Shows what is known now."""
        on = [session for session in self._sessions if session.is_on]
        self.table.setRowCount(len(on))
        number = self.locale().toString
        for row, session in enumerate(on):
            sample = session.history.last
            figures = [f"{session.config.memory_mb}"]
            if sample is not None:
                figures += [
                    number(sample.core_share * 100, "f", 0),
                    number(sample.instructions, "f", 1),
                    number(sample.time_share * 100, "f", 0),
                    number(sample.disk_read + sample.disk_written, "f", 1),
                ]
            for column, text in enumerate([session.name, state_text(session.state), *figures]):
                item = QTableWidgetItem(text)
                if column > 1:
                    item.setTextAlignment(_NUMBERS)
                self.table.setItem(row, column, item)
        memory = host_memory()
        self.host.setText(
            self.tr("The host has {free} of {total} MB of memory free; machines hold {held} MB.").format(
                free=number(memory.available_mb),
                total=number(memory.total_mb),
                held=number(sum(session.config.memory_mb for session in on)),
            )
        )
