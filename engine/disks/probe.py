"""Opens a hard disk image, or says why it cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.disks.block_device import SECTOR_BYTES, BlockDevice
from engine.disks.host_file import Failed
from engine.disks.raw import RawDisk
from engine.errors import MediumError

# Formats that are recognised so that they are not taken for raw and destroyed by a guest's writes.
_OTHER_FORMATS: Final = {
    b"KDMV": "a VMDK disk",
    b"QFI\xfb": "a QCOW2 disk",
    b"<<< ": "a VDI disk",
    b"vhdx": "a VHDX disk",
    b"cone": "a VHD disk",
    b"\x1f\x8b\x08": "compressed with gzip",
    b"PK\x03\x04": "a ZIP archive",
}


def open_disk(path: Path, read_only: bool = False, failed: Failed | None = None) -> BlockDevice:
    """``failed`` hears of the host's errors from then on.

    Raises MediumError naming the file: missing, unreadable, empty, in use, or of a format not supported yet.
    """
    disk = RawDisk(path, read_only, failed)
    head = disk.head(SECTOR_BYTES)
    for magic, what in _OTHER_FORMATS.items():
        if head.startswith(magic):
            disk.close()
            raise MediumError(path, f"This is {what}; only raw disk images can be used.", "Convert or unpack it first.")
    return disk
