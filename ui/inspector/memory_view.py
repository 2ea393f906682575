"""Memory from an address on, as bytes and characters."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.debug.address import AddressError, linear
from engine.debug.debugger import Debugger
from ui import save_file, theme
from ui.error_dialog import show_error

_SHOWN: Final = 1024  # bytes
_ROW: Final = 16
_SAVED: Final = 1 << 20  # bytes at most


class MemoryView(QWidget):
    """The address is followed: ``ss:esp`` shows the stack at every stop."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._debugger: Debugger | None = None
        self._registers: dict[str, int] = {}
        self.address = QLineEdit("cs:eip")
        self.address.setAccessibleName(self.tr("Address"))
        self.address.setToolTip(self.tr("cs:ip, ss:esp+8, 7C00 … numbers are hexadecimal, addresses linear"))
        self.address.textChanged.connect(self.refresh)
        self.save = QPushButton(self.tr("&Save…"))
        self.save.setAutoDefault(False)
        self.save.clicked.connect(self._save)
        self._problem = QLabel()
        theme.set_role(self._problem, "problem")
        self._problem.hide()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(self.tr("Memory"))
        head = QHBoxLayout()
        label = QLabel(self.tr("&Address"))
        label.setBuddy(self.address)
        head.addWidget(label)
        head.addWidget(self.address, 1)
        head.addWidget(self.save)
        column = QVBoxLayout(self)
        column.addLayout(head)
        column.addWidget(self._problem)
        column.addWidget(self.text, 1)

    def show_memory(self, debugger: Debugger, registers: dict[str, int]) -> None:
        self._debugger, self._registers = debugger, registers
        self.refresh()

    def refresh(self) -> None:
        """Shows what is at the address now."""
        if self._debugger is None:
            return
        try:
            start = linear(self.address.text(), self._registers)
        except AddressError as error:
            self._problem.setText(str(error))
            self._problem.show()
            return
        self._problem.hide()
        content = self._debugger.read(start, _SHOWN)
        self.text.setPlainText(dump(start, content) or self.tr("No memory is mapped here."))

    def _save(self) -> None:
        if self._debugger is None:
            return
        proposed = Path.home() / "memory.bin"
        file = save_file.ask(self, self.tr("Save memory (1 MB at most)"), proposed, self.tr("All files (*)"))
        if file is None:
            return
        try:
            file.write_bytes(self._debugger.read(linear(self.address.text(), self._registers), _SAVED))
        except (AddressError, OSError) as error:
            show_error(self, self.tr("The memory could not be saved"), error)


def dump(start: int, content: bytes) -> str:
    """Rows of sixteen bytes with their addresses and characters."""
    rows = []
    for at in range(0, len(content), _ROW):
        piece = content[at : at + _ROW]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        rows.append(f"{(start + at) & 0xFFFFFFFF:08X}  {piece[:8].hex(' '):23}  {piece[8:].hex(' '):23}  {characters}")
    return "\n".join(rows)
