"""Settings: hard disks on IDE: new, existing, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
)

from engine.config import DiskConfig, MachineConfig
from engine.errors import Problem
from ui import theme
from ui.settings.file_filters import disk_images
from ui.settings.ide_slots import free_slot, slot_box
from ui.settings.page import Page, add_field, new_form

_DISK_SLOTS: Final = (0, 1, 3, 2)


class DisksPage(Page):
    """``make_disk`` asks for a size and makes an image; it returns the new file, or None when the person cancelled."""

    key = "disks"
    icon_name = "disk"

    def __init__(self, make_disk: Callable[[Page, MachineConfig], Path | None] | None = None) -> None:
        self._make_disk = make_disk
        super().__init__()

    def title(self) -> str:
        return self.tr("Hard disks")

    def explanation(self) -> str:
        return self.tr("Removing a disk here takes it out of the machine. Its file stays where it is.")

    def build(self) -> None:
        self.cards: list[_DiskCard] = []
        self._draft = MachineConfig()
        self._column = QVBoxLayout()
        self._column.setSpacing(12)
        self.body.addLayout(self._column)
        row = QHBoxLayout()
        self.add_new = QPushButton(self.tr("&New disk…"))
        self.add_existing = QPushButton(self.tr("Add an &existing disk…"))
        theme.set_icon(self.add_new, "add")
        theme.set_icon(self.add_existing, "open")
        self.add_new.clicked.connect(self._add_new)
        self.add_existing.clicked.connect(self._add_existing)
        self.add_new.setVisible(self._make_disk is not None)
        row.addWidget(self.add_new)
        row.addWidget(self.add_existing)
        row.addStretch(1)
        self.body.addLayout(row)

    def fill(self, config: MachineConfig) -> None:
        self._draft = config
        self._show(list(config.hard_disks))

    def store(self, config: MachineConfig) -> MachineConfig:
        self._draft = config.replace(disks=tuple(card.value() for card in self.cards))
        return self._draft

    def own_problems(self) -> list[Problem]:
        return [
            Problem(
                f"disk[{index}].image",
                self.tr("The file {file} is not there.").format(file=card.image),
                self.tr("Put it back or remove the disk."),
            )
            for index, card in enumerate(self.cards)
            if not card.image.exists()
        ]

    def _current(self) -> list[DiskConfig]:
        return [card.value() for card in self.cards]

    def _show(self, disks: list[DiskConfig]) -> None:
        self.forget_places("disk")
        for card in self.cards:
            card.setParent(None)
            card.deleteLater()
        self.cards = [_DiskCard(self, index, disk) for index, disk in enumerate(disks)]
        for card in self.cards:
            self._column.addWidget(card)

    def _slot(self) -> int | None:
        slot = free_slot(self._draft.replace(disks=tuple(self._current())), _DISK_SLOTS)
        if slot is None:
            self.show_notice(self.tr("All four places of the IDE channels are taken. Remove a drive first."))
        return slot

    def _add_existing(self) -> None:
        slot = self._slot()
        if slot is None:
            return
        chosen, _ = QFileDialog.getOpenFileName(
            self, self.tr("Choose a hard disk image"), str(Path.home()), disk_images()
        )
        if chosen:
            self._add(Path(chosen), slot)

    def _add_new(self) -> None:
        slot = self._slot()
        if slot is None or self._make_disk is None:
            return
        image = self._make_disk(self, self._draft.replace(disks=tuple(self._current())))
        if image is not None:
            self._add(image, slot)

    def _add(self, image: Path, slot: int) -> None:
        self._show([*self._current(), DiskConfig(image, slot)])
        self.edited()

    def remove(self, card: _DiskCard) -> None:
        self._show([other.value() for other in self.cards if other is not card])
        self.edited()


class _DiskCard(QFrame):
    def __init__(self, page: DisksPage, index: int, disk: DiskConfig) -> None:
        super().__init__()
        theme.set_role(self, "card")
        self.image = disk.image
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 12, 14)
        top = QHBoxLayout()
        top.addWidget(theme.heading(disk.image.name, "subtitle"))
        top.addStretch(1)
        remove = QPushButton(page.tr("Remove"))
        theme.set_role(remove, "link")
        remove.setAccessibleName(page.tr("Remove disk {name}").format(name=disk.image.name))
        remove.clicked.connect(lambda: page.remove(self))
        top.addWidget(remove)
        column.addLayout(top)
        where = QLabel(f"{disk.image.parent}  ·  {size_text(disk.image)}")
        where.setWordWrap(True)
        theme.set_role(where, "muted")
        column.addWidget(where)
        form = new_form()
        column.addLayout(form)
        self.slot = slot_box(page.tr("Connection of disk {name}").format(name=disk.image.name))
        self.slot.setCurrentIndex(max(0, self.slot.findData(disk.slot)))
        add_field(form, page.tr("Connection"), self.slot, page.problem_place(f"disk[{index}].slot", self.slot))
        self.read_only = QCheckBox(page.tr("Read-only"))
        self.read_only.setAccessibleName(page.tr("Disk {name} is read-only").format(name=disk.image.name))
        self.read_only.setChecked(disk.read_only)
        add_field(form, "", self.read_only, page.problem_place(f"disk[{index}]"))
        self.slot.currentIndexChanged.connect(page.edited)
        self.read_only.toggled.connect(page.edited)

    def value(self) -> DiskConfig:
        return DiskConfig(self.image, self.slot.currentData(), self.read_only.isChecked())


def size_text(file: Path) -> str:
    """The size of a file on the host, for people."""
    try:
        return bytes_text(file.stat().st_size)
    except OSError:
        return "?"


def bytes_text(count: int) -> str:
    """1.5 GB, 500 MB, 12 KB."""
    size = float(count)
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1024 or unit == "GB":
            return f"{size:.0f} {unit}" if size >= 10 or size == int(size) else f"{size:.1f} {unit}"
        size /= 1024
    return ""
