"""Disassembly from the present instruction on, with breakpoints."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from engine.debug.debugger import Debugger
from engine.debug.disassembly import LONGEST, Instruction, code_bits, disassemble
from ui import theme

_SHOWN: Final = 40


class CodeView(QTableWidget):
    """The first row is the next instruction."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setHorizontalHeaderLabels(["", self.tr("Address"), self.tr("Bytes"), self.tr("Instruction")])
        self.setAccessibleName(self.tr("Disassembly"))
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        self._instructions: list[Instruction] = []
        self._base = 0
        self._breakpoints: list[int] = []

    def show_code(self, debugger: Debugger, registers: dict[str, int]) -> None:
        """From CS:EIP on."""
        self._base = registers["cs_base"]
        code = debugger.read(self._base + registers["eip"], _SHOWN * LONGEST)
        self._instructions = disassemble(code, registers["eip"], code_bits(registers), _SHOWN)
        self._breakpoints = debugger.breakpoints
        self.setRowCount(len(self._instructions))
        selector = registers["cs"]
        for row, one in enumerate(self._instructions):
            texts = (self._mark(row), f"{selector:04X}:{one.offset:08X}", one.code.hex(" "), one.text)
            for column, text in enumerate(texts):
                self.setItem(row, column, QTableWidgetItem(text))
        if self._instructions:
            self.setCurrentCell(0, 3)

    def show_breakpoints(self, debugger: Debugger) -> None:
        """Breakpoints changed, the code did not."""
        self._breakpoints = debugger.breakpoints
        for row in range(self.rowCount()):
            if (mark := self.item(row, 0)) is not None:
                mark.setText(self._mark(row))

    def _mark(self, row: int) -> str:
        is_breakpoint = self._linear_of(row) in self._breakpoints
        return ("●" if is_breakpoint else " ") + ("▶" if row == 0 else " ")

    def _linear_of(self, row: int) -> int:
        return (self._base + self._instructions[row].offset) & 0xFFFFFFFF

    @property
    def chosen(self) -> int | None:
        """The linear address of the row that is chosen."""
        row = self.currentRow()
        return self._linear_of(row) if 0 <= row < len(self._instructions) else None

    @property
    def behind_call(self) -> int | None:
        """Where "step over" runs to: behind the next instruction when it is a call or a repetition."""
        if not self._instructions or not self._instructions[0].goes_away:
            return None
        return (self._linear_of(0) + len(self._instructions[0].code)) & 0xFFFFFFFF

    def set_dimmed(self, dimmed: bool) -> None:
        self.setEnabled(not dimmed)
        self.setStyleSheet(f"color: {theme.colours().muted}" if dimmed else "")

    def sizeHintForColumn(self, column: int) -> int:
        return super().sizeHintForColumn(column) + (8 if column else 14)
