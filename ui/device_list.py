"""Which devices a machine has, for the summary page and the lights: one row a device, made from its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QCoreApplication

from engine.config import MachineConfig
from ui.settings.disks_page import size_text
from ui.settings.ide_slots import slot_name
from ui.settings.memory_field import memory_text
from ui.settings.processor_page import model_names


@dataclass(frozen=True)
class DeviceRow:
    """``key`` as in the engine's events ("floppy0"), or the page's key; ``page`` is the settings page."""

    key: str
    icon: str
    name: str
    value: str
    page: str
    removable: bool = False
    image: Path | None = None
    light: bool = True  # has a light in the status bar
    detail: str = ""


def devices(config: MachineConfig) -> list[DeviceRow]:
    """All devices of a machine in the order people expect them."""
    rows = [
        DeviceRow("memory", "memory", _tr("Memory"), memory_text(config.memory_mb), "memory", light=False),
        DeviceRow(
            "processor",
            "processor",
            _tr("Processor"),
            model_names().get(config.cpu_model, config.cpu_model),
            "processor",
            light=False,
        ),
    ]
    rows += drives(config)
    for index, port in enumerate(config.serial):
        if port.kind != "none":
            value = port.target or {"memory": _tr("nothing"), "pty": _tr("pseudo-terminal")}.get(port.kind, port.kind)
            name = _tr("Serial port COM{number}").format(number=index + 1)
            rows.append(DeviceRow(f"serial{index}", "serial", name, value, "serial"))
    if config.printer is not None:
        rows.append(DeviceRow("printer", "printer", _tr("Printer LPT1"), config.printer.name, "serial"))
    value = _tr("VGA, {size} MB").format(size=config.video_memory_mb)
    rows.append(DeviceRow("display", "display", _tr("Display"), value, "display", light=False))
    if config.sound:
        rows.append(DeviceRow("sound", "sound", _tr("Sound"), _tr("PC speaker"), "sound"))
    return rows


def drives(config: MachineConfig) -> list[DeviceRow]:
    """Floppy drives, hard disks and CD-ROM drives."""
    rows = []
    for index, floppy in enumerate(config.floppy_drives):
        if floppy.drive == "none":
            continue
        name = _tr("Floppy {letter}:").format(letter="AB"[index])
        rows.append(_removable(f"floppy{index}", "floppy", name, floppy.image, floppy.drive.replace("M", " MB")))
    many = len(config.hard_disks) > 1
    for index, disk in enumerate(config.hard_disks):
        name = _tr("Hard disk {number}").format(number=index + 1) if many else _tr("Hard disk")
        detail = f"{size_text(disk.image)}, {slot_name(disk.slot)}"
        rows.append(DeviceRow(f"disk{index}", "disk", name, disk.image.name, "disks", detail=detail))
    many = len(config.cdrom_drives) > 1
    for index, cdrom in enumerate(config.cdrom_drives):
        name = _tr("CD-ROM {number}").format(number=index + 1) if many else _tr("CD-ROM")
        rows.append(_removable(f"cdrom{index}", "cdrom", name, cdrom.image, slot_name(cdrom.slot)))
    return rows


def _removable(key: str, icon: str, name: str, image: Path | None, detail: str) -> DeviceRow:
    value = image.name if image else _tr("empty")
    return DeviceRow(key, icon, name, value, icon, removable=True, image=image, detail=detail)


def lit_devices(rows: Sequence[DeviceRow]) -> list[DeviceRow]:
    return [row for row in rows if row.light]


def _tr(text: str) -> str:
    return QCoreApplication.translate("Devices", text)
