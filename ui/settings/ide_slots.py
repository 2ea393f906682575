"""The four places of the IDE channels, as people call them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox

from engine.config import MAX_IDE_DRIVES, MachineConfig


def slot_name(slot: int) -> str:
    names = (
        QCoreApplication.translate("IdeSlots", "IDE 0: primary master"),
        QCoreApplication.translate("IdeSlots", "IDE 1: primary slave"),
        QCoreApplication.translate("IdeSlots", "IDE 2: secondary master"),
        QCoreApplication.translate("IdeSlots", "IDE 3: secondary slave"),
    )
    return names[slot] if 0 <= slot < len(names) else f"IDE {slot}"


def slot_box(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    for slot in range(MAX_IDE_DRIVES):
        box.addItem(slot_name(slot), slot)
    return box


def free_slot(config: MachineConfig, wanted: tuple[int, ...]) -> int | None:
    """The first of the ``wanted`` slots that nothing is on, else None."""
    taken = {disk.slot for disk in config.hard_disks} | {cdrom.slot for cdrom in config.cdrom_drives}
    return next((slot for slot in wanted if slot not in taken), None)
