"""GDT, LDT and IDT."""

from __future__ import annotations

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


class TablesView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._debugger: Debugger | None = None
        self._registers: dict[str, int] = {}
        self.which = QComboBox()
        self.which.setAccessibleName(self.tr("Table"))
        for name in ("gdt", "ldt", "idt"):
            self.which.addItem(name.upper(), name)
        self.which.currentIndexChanged.connect(self.refresh)
        titles = (
            self.tr("Selector or vector"),
            self.tr("Kind"),
            self.tr("Base or offset"),
            self.tr("Limit or selector"),
            "DPL",
            self.tr("Present"),
        )
        self.table = QTableWidget(0, len(titles))
        self.table.setHorizontalHeaderLabels(titles)
        self.table.setAccessibleName(self.tr("Descriptors"))
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
        rows = self._read()
        self.table.setRowCount(len(rows))
        for row, one in enumerate(rows):
            present = self.tr("yes") if one.present else self.tr("no")
            texts = (f"{one.selector:04X}", one.kind, f"{one.base:08X}", f"{one.limit:X}", str(one.dpl), present)
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QTableWidgetItem(text))

    def _read(self) -> list[Descriptor]:
        debugger, registers = self._debugger, self._registers
        if debugger is None or not registers["cr0"] & 1:
            return []  # real mode has none
        if self.which.currentData() == "idt":
            return table(debugger.read, registers["idtr_base"], registers["idtr_limit"], 1)
        if self.which.currentData() == "gdt":
            return table(debugger.read, registers["gdtr_base"], registers["gdtr_limit"])
        return table(debugger.read, registers["ldtr_base"], registers["ldtr_limit"]) if registers["ldtr"] else []
