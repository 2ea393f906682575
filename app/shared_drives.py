"""Who holds which image, among the machines of this process: any number of readers, or one writer.

A CD is read by all. Diskettes and disks that are written have one holder: a second machine would see a file system
change under its feet. Machines of other processes are kept apart by the locks that the engine puts on the files;
here the answer can name the machine.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.config import MachineConfig
from engine.errors import MediumInUseError


@dataclass(frozen=True)
class Hold:
    """One machine's drive with an image in it."""

    owner: str  # the machine's name, for messages
    owner_key: int  # tells machines of one name apart
    device: str  # "floppy0", "disk1", "cdrom0"
    image: Path
    writable: bool


_guard = threading.Lock()
_holds: list[tuple[object, Hold]] = []  # with the identity of the file


def hold_all(owner: str, owner_key: int, config: MachineConfig) -> None:
    """Takes all images of a machine that is about to start, or none. Raises MediumInUseError."""
    wanted = [Hold(owner, owner_key, *item) for item in images_of(config)]
    with _guard:
        taken: list[tuple[object, Hold]] = []
        for hold in wanted:
            identity = _identity(hold.image)
            _refuse_conflict(identity, hold, [*_holds, *taken])
            taken.append((identity, hold))
        _holds.extend(taken)


def hold(owner: str, owner_key: int, device: str, image: Path, writable: bool) -> None:
    """Takes one image, in place of the one the drive held. Raises MediumInUseError; the old one stays held then."""
    new = Hold(owner, owner_key, device, image, writable)
    identity = _identity(image)
    with _guard:
        others = [item for item in _holds if not _is_drive(item[1], owner_key, device)]
        _refuse_conflict(identity, new, others)
        _holds[:] = [*others, (identity, new)]


def release(owner_key: int, device: str | None = None) -> None:
    """Lets go of one drive's image, or of all of a machine."""
    with _guard:
        _holds[:] = [
            item
            for item in _holds
            if item[1].owner_key != owner_key or (device is not None and item[1].device != device)
        ]


def held(owner_key: int, device: str) -> Hold | None:
    """What a machine's drive holds."""
    with _guard:
        return next((item for _, item in _holds if _is_drive(item, owner_key, device)), None)


def holders(image: Path) -> list[Hold]:
    """The drives that hold this image now."""
    identity = _identity(image)
    with _guard:
        return [item for known, item in _holds if known == identity]


def images_of(config: MachineConfig) -> Iterable[tuple[str, Path, bool]]:
    """Device, image and whether it is written, for every drive with a medium."""
    for index, floppy in enumerate(config.floppy_drives):
        if floppy.image is not None:
            yield f"floppy{index}", floppy.image, not floppy.read_only and _can_write(floppy.image)
    for index, disk in enumerate(config.hard_disks):
        yield f"disk{index}", disk.image, not disk.read_only
    for index, cdrom in enumerate(config.cdrom_drives):
        if cdrom.image is not None:
            yield f"cdrom{index}", cdrom.image, False


def _refuse_conflict(identity: object, new: Hold, others: list[tuple[object, Hold]]) -> None:
    for known, other in others:
        if known != identity:
            continue
        if not new.writable and not other.writable:
            continue
        who = "this machine" if other.owner_key == new.owner_key else f"“{other.owner}”"
        what = "may write to it" if other.writable else "is using it"
        fix = "Eject it there or stop that machine first, attach it read-only in both, or use a copy of the image."
        raise MediumInUseError(new.image, f"{who} has it in drive {other.device} and {what}.", fix)


def _is_drive(hold: Hold, owner_key: int, device: str) -> bool:
    return hold.owner_key == owner_key and hold.device == device


def _identity(image: Path) -> object:
    """The same for every name of one file."""
    try:
        status = image.stat()
        return status.st_dev, status.st_ino
    except OSError:
        return os.path.realpath(image)


def _can_write(image: Path) -> bool:
    return os.access(image, os.W_OK)
