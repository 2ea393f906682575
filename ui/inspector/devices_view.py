"""The registers of every device."""

from __future__ import annotations

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QTreeWidget, QTreeWidgetItem, QWidget

from engine.debug.device_state import rows
from engine.machine import Machine


class DevicesView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._machine: Machine | None = None
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Devices"))
        self.list.setFixedWidth(200)
        self.list.currentRowChanged.connect(self.refresh)
        self.fields = QTreeWidget()
        self.fields.setRootIsDecorated(False)
        self.fields.setHeaderLabels([self.tr("Register"), self.tr("Value")])
        self.fields.setAccessibleName(self.tr("Registers of the device"))
        self.fields.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        row = QHBoxLayout(self)
        row.addWidget(self.list)
        row.addWidget(self.fields, 1)

    def show_devices(self, machine: Machine) -> None:
        self._machine = machine
        if not self.list.count():
            self.list.addItems(list(machine.board.devices))
            self.list.setCurrentRow(0)
        self.refresh()

    def refresh(self) -> None:
        """Reads the chosen device."""
        item, machine = self.list.currentItem(), self._machine
        if item is None or machine is None:
            return
        state = machine.call(machine.board.devices[item.text()].save)
        self.fields.clear()
        self.fields.addTopLevelItems([QTreeWidgetItem([name, value]) for name, value in rows(state)])
        self.fields.resizeColumnToContents(0)
