"""What the machine is made of, in words: for POST, Setup and the boot menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.firmware.board import FirmwareBoard
from engine.firmware.drives import FLOPPY_TYPES
from engine.firmware.int13_disk import DiskServices

IDE_NAMES: Final = ("Primary master", "Primary slave", "Secondary master", "Secondary slave")
_FLOPPY_SIZES: Final = {
    "360K": '360 KB, 5.25"',
    "1.2M": '1.2 MB, 5.25"',
    "720K": '720 KB, 3.5"',
    "1.44M": '1.44 MB, 3.5"',
    "2.88M": '2.88 MB, 3.5"',
}
_CPU_NAMES: Final = {
    "386": "80386",
    "486": "80486",
    "pentium": "Pentium",
    "pentium-pro": "Pentium Pro",
    "pentium-ii": "Pentium II",
    "pentium-iii": "Pentium III",
    "pentium-4": "Pentium 4",
    "host-like": "Host",
}


@dataclass(frozen=True)
class DriveLine:
    """One drive: where it is, what it is, and what is in it. ``device`` is its name for the boot menu."""

    place: str
    what: str
    device: str = ""


def cpu_name(board: FirmwareBoard) -> str:
    model = board.config.cpu_model
    return f"{_CPU_NAMES.get(model, model)} class"


def floppy_lines(board: FirmwareBoard) -> list[DriveLine]:
    lines = []
    number = 0
    for index, drive in enumerate(board.floppies):
        what = _FLOPPY_SIZES.get(drive.kind, "None")
        device = ""
        if drive.kind in FLOPPY_TYPES:
            device = f"floppy{number}"
            number += 1
            what += "" if drive.medium is not None else ", empty"
        lines.append(DriveLine(f"Floppy {chr(ord('A') + index)}:", what, device))
    return lines


def ide_lines(board: FirmwareBoard, disks: DiskServices) -> list[DriveLine]:
    lines = []
    for slot, place in enumerate(IDE_NAMES):
        what, device = "None", ""
        for index, disk in enumerate(disks.disks):
            if disk.slot == slot:
                shape = disk.geometry
                what = f"Hard disk, {_size(disk.block_count * 512)} ({shape.cylinders}/{shape.heads}/{shape.sectors})"
                device = f"disk{index}"
        for index, cdrom in enumerate(disks.cdroms):
            if cdrom.slot == slot:
                what = "CD-ROM" if cdrom.block_count else "CD-ROM, empty"
                device = f"cdrom{index}"
        lines.append(DriveLine(place, what, device))
    return lines


def _size(size: int) -> str:
    if size >= 10 << 30:
        return f"{size / (1 << 30):.0f} GB"
    if size >= 1 << 30:
        return f"{size / (1 << 30):.1f} GB"
    return f"{size >> 20} MB" if size >= 1 << 20 else f"{size >> 10} KB"
