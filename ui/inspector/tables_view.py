"""GDT, LDT, IDT, and what the page tables map."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from engine.debug.debugger import Debugger
from engine.debug.descriptors import Descriptor, table

_PAGES: Final = "pages"
_Table = tuple[list[str], list[list[str]]]  # titles, and rows of texts


class TablesView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._debugger: Debugger | None = None
        self._registers: dict[str, int] = {}
        self.which = QComboBox()
        self.which.setAccessibleName(self.tr("Table"))
        for name in ("gdt", "ldt", "idt"):
            self.which.addItem(name.upper(), name)
        self.which.addItem(self.tr("Pages that are mapped"), _PAGES)
        self.which.currentIndexChanged.connect(self.refresh)
        self.table = QTableWidget(0, 0)
        self.table.setAccessibleName(self.tr("Table"))
        self.table.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        column = QVBoxLayout(self)
        column.addWidget(self.which)
        column.addWidget(self.table, 1)

    def show_tables(self, debugger: Debugger, registers: dict[str, int]) -> None:
        self._debugger, self._registers = debugger, registers
        self.refresh()

    def refresh(self) -> None:
        """Reads the chosen table."""
        titles, rows = self._pages() if self.which.currentData() == _PAGES else self._descriptors()
        self.table.setColumnCount(len(titles))
        self.table.setHorizontalHeaderLabels(titles)
        self.table.setRowCount(len(rows))
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QTableWidgetItem(text))

    def _descriptors(self) -> _Table:
        titles = [
            self.tr("Selector or vector"),
            self.tr("Kind"),
            self.tr("Base or offset"),
            self.tr("Limit or selector"),
            "DPL",
            self.tr("Present"),
        ]
        return titles, [
            [
                f"{one.selector:04X}",
                one.kind,
                f"{one.base:08X}",
                f"{one.limit:X}",
                str(one.dpl),
                self._said(one.present),
            ]
            for one in self._read()
        ]

    def _pages(self) -> _Table:
        titles = [
            self.tr("Linear, from"),
            self.tr("to"),
            self.tr("Physical, from"),
            self.tr("Size, KB"),
            self.tr("Writable"),
            self.tr("For programs"),
        ]
        mapped = self._debugger.mapped() if self._debugger is not None else []
        return titles, [
            [
                f"{one.linear:08X}",
                f"{one.linear + one.length - 1:08X}",
                f"{one.physical:08X}",
                self.locale().toString(one.length >> 10),
                self._said(one.writable),
                self._said(one.user),
            ]
            for one in mapped
        ]

    def _said(self, value: bool) -> str:
        return self.tr("yes") if value else self.tr("no")

    def _read(self) -> list[Descriptor]:
        debugger, registers = self._debugger, self._registers
        if debugger is None or not registers["cr0"] & 1:
            return []  # real mode has none
        if self.which.currentData() == "idt":
            return table(debugger.read, registers["idtr_base"], registers["idtr_limit"], 1)
        if self.which.currentData() == "gdt":
            return table(debugger.read, registers["gdtr_base"], registers["gdtr_limit"])
        return table(debugger.read, registers["ldtr_base"], registers["ldtr_limit"]) if registers["ldtr"] else []
