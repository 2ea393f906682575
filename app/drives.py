"""Removable drives in a configuration, by the names that machine and windows use: ``floppy0``, ``cdrom1``."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Final

from app.media_detection import LARGEST_DISKETTE
from engine.config import MachineConfig
from engine.errors import MachineError

_CD_SUFFIXES: Final = (".iso", ".cdr", ".cue")


def removable_devices(config: MachineConfig) -> list[str]:
    """The drives that take media, diskettes first."""
    floppies = [f"floppy{index}" for index in range(len(config.floppy_drives))]
    return floppies + [f"cdrom{index}" for index in range(len(config.cdrom_drives))]


def drives_for(config: MachineConfig, image: Path) -> list[str]:
    """The drives that an image may be meant for, by its name and size; empty when the machine has none such."""
    kind = "floppy"
    if image.suffix.lower() in _CD_SUFFIXES or (image.is_file() and image.stat().st_size > LARGEST_DISKETTE):
        kind = "cdrom"
    return [device for device in removable_devices(config) if device.startswith(kind)]


def medium(config: MachineConfig, device: str) -> tuple[Path | None, bool]:
    """The image in a drive, and whether it is read-only. Raises MachineError for a drive that is not there."""
    kind, index = _drive(config, device)
    if kind == "cdrom":
        return config.cdrom_drives[index].image, True
    floppy = config.floppy_drives[index]
    return floppy.image, floppy.read_only


def with_medium(config: MachineConfig, device: str, image: Path | None, read_only: bool = False) -> MachineConfig:
    """The configuration with another medium in one drive, or none. Raises MachineError."""
    kind, index = _drive(config, device)
    if kind == "cdrom":
        cdroms = list(config.cdrom_drives)
        cdroms[index] = dataclasses.replace(cdroms[index], image=image)
        return config.replace(cdroms=tuple(cdroms))
    floppies = list(config.floppy_drives)
    floppies[index] = dataclasses.replace(floppies[index], image=image, read_only=read_only and image is not None)
    return config.replace(floppies=tuple(floppies))


def _drive(config: MachineConfig, device: str) -> tuple[str, int]:
    known = removable_devices(config)
    match = re.fullmatch(r"(floppy|cdrom)(\d)", device)
    if match is None or device not in known:
        raise MachineError(
            f"“{config.name}” has no removable drive “{device}”. Its drives: {', '.join(known) or 'none'}."
        )
    return match[1], int(match[2])
