"""All registers in groups; those that changed since the last stop are marked with a dot and bold."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QTreeWidget, QTreeWidgetItem, QWidget

from ui import theme

_FLAGS: Final = {
    0: "CF", 2: "PF", 4: "AF", 6: "ZF", 7: "SF", 8: "TF", 9: "IF", 10: "DF", 11: "OF", 14: "NT", 16: "RF", 17: "VM", 18: "AC",
}  # fmt: skip
_GENERAL: Final = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags")
_SEGMENTS: Final = ("cs", "ss", "ds", "es", "fs", "gs", "ldtr", "tr")


class RegisterView(QTreeWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setColumnCount(2)
        self.setHeaderLabels([self.tr("Register"), self.tr("Value")])
        self.setAccessibleName(self.tr("Registers"))
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setUniformRowHeights(True)
        self._before: dict[str, str] = {}
        self._items: dict[str, QTreeWidgetItem] = {}
        self._groups = {
            title: QTreeWidgetItem(self, [title])
            for title in (self.tr("General"), self.tr("Segments"), self.tr("System"), "x87", "SSE")
        }
        for number, group in enumerate(self._groups.values()):
            group.setExpanded(number < 2)

    def show_registers(self, registers: dict[str, int]) -> None:
        texts = _texts(registers)
        for (_, group), names in zip(self._groups.items(), _grouped(texts), strict=True):
            for name in names:
                if name not in self._items:
                    self._items[name] = QTreeWidgetItem(group, [name, ""])
                item, changed = self._items[name], self._before.get(name, texts[name]) != texts[name]
                item.setText(0, f"• {name}" if changed else name)
                item.setText(1, texts[name])
                font = theme.bold(self.font()) if changed else self.font()
                item.setFont(0, font)
                item.setFont(1, font)
        self._before = texts
        for column in (0, 1):
            self.resizeColumnToContents(column)


def _grouped(texts: dict[str, str]) -> tuple[list[str], ...]:
    x87 = [name for name in texts if name.startswith(("st", "f")) and name not in _SEGMENTS]
    sse = [name for name in texts if name.startswith(("xmm", "mxcsr"))]
    known = {*_GENERAL, *_SEGMENTS, *x87, *sse}
    return [*_GENERAL], [*_SEGMENTS], [name for name in texts if name not in known], x87, sse


def _texts(registers: dict[str, int]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, value in registers.items():
        if name in _SEGMENTS:
            base, limit = registers[f"{name}_base"], registers[f"{name}_limit"]
            texts[name] = f"{value:04X}  {base:08X} {limit:X}"
        elif name.rpartition("_")[0] in _SEGMENTS:
            continue
        elif name == "eflags":
            texts[name] = f"{value:08X}  " + " ".join(flag for bit, flag in _FLAGS.items() if value >> bit & 1)
        else:
            digits = 32 if name.startswith("xmm") else 20 if name.startswith("st") else 8
            texts[name] = f"{value:0{digits}X}"
    return texts
