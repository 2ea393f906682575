"""Settings: the order in which the firmware looks for something to start."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout

from engine.config import MachineConfig
from ui import theme
from ui.settings.page import Page, note

BOOTABLE = ("floppy", "cdrom", "disk")


class BootPage(Page):
    key = "boot"
    icon_name = "boot"

    def title(self) -> str:
        return self.tr("Boot order")

    def explanation(self) -> str:
        return self.tr(
            "The first ticked device with something to start wins. The same list is in the machine's own Setup (F2 at "
            "power-on); Esc at power-on asks once."
        )

    def build(self) -> None:
        row = QHBoxLayout()
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Boot order"))
        self.list.setMaximumHeight(170)
        self.list.itemChanged.connect(self.edited)
        self.list.currentRowChanged.connect(self._row_chosen)
        row.addWidget(self.list, 1)
        buttons = QVBoxLayout()
        self.up = QPushButton(self.tr("Move &up"))
        self.down = QPushButton(self.tr("Move &down"))
        theme.set_icon(self.up, "up")
        theme.set_icon(self.down, "down")
        self.up.clicked.connect(lambda: self._move(-1))
        self.down.clicked.connect(lambda: self._move(1))
        buttons.addWidget(self.up)
        buttons.addWidget(self.down)
        buttons.addStretch(1)
        row.addLayout(buttons)
        self.body.addLayout(row)
        self.body.addWidget(self.problem_place("boot_order"))
        self._empty = note(self.tr("Nothing is ticked: the machine will only reach the boot menu."))
        self.body.addWidget(self._empty)

    def fill(self, config: MachineConfig) -> None:
        self.list.clear()
        order = [device for device in config.boot_order if device in BOOTABLE]
        for device in [*order, *(device for device in BOOTABLE if device not in order)]:
            item = QListWidgetItem(theme.icon(device), device_names(self)[device])
            item.setData(Qt.ItemDataRole.UserRole, device)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if device in order else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self._empty.setVisible(not order)

    def store(self, config: MachineConfig) -> MachineConfig:
        order = tuple(
            item.data(Qt.ItemDataRole.UserRole)
            for item in (self.list.item(row) for row in range(self.list.count()))
            if item.checkState() == Qt.CheckState.Checked
        )
        self._empty.setVisible(not order)
        return config.replace(boot_order=order)

    def _move(self, by: int) -> None:
        row = self.list.currentRow()
        if 0 <= row + by < self.list.count():
            item = self.list.takeItem(row)
            self.list.insertItem(row + by, item)
            self.list.setCurrentRow(row + by)
            self.edited()

    def _row_chosen(self, row: int) -> None:
        self.up.setEnabled(row > 0)
        self.down.setEnabled(0 <= row < self.list.count() - 1)


def device_names(page: Page) -> dict[str, str]:
    return {"floppy": page.tr("Floppy"), "cdrom": page.tr("CD-ROM"), "disk": page.tr("Hard disk")}
