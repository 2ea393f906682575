"""The file kinds of the open and save dialogs."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def floppy_images() -> str:
    return _with_all(QCoreApplication.translate("FileKinds", "Floppy images (*.img *.ima *.flp *.vfd *.dsk *.bin)"))


def cd_images() -> str:
    return _with_all(QCoreApplication.translate("FileKinds", "CD images (*.iso *.cdr)"))


def disk_images() -> str:
    return _with_all(
        QCoreApplication.translate("FileKinds", "Hard disk images (*.img *.raw *.vmdk *.vdi *.vhd *.qcow2 *.hdd)")
    )


def for_device(device: str) -> str:
    """Filters for a drive by its key, such as "floppy0"."""
    return cd_images() if device.startswith("cdrom") else floppy_images()


def _with_all(kind: str) -> str:
    return ";;".join((kind, QCoreApplication.translate("FileKinds", "All files (*)")))
