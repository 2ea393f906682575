"""What each guest system wants: proposals for a new machine, all of them changeable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.config import DEFAULT_CPU_MODEL

DEFAULT_KEY: Final = "dos"


@dataclass(frozen=True)
class GuestPreset:
    """``disk_mb`` 0: no hard disk is needed. ``note`` tells a person what to know before the installation."""

    key: str  # stands in machine.toml
    label: str
    family: str
    memory_mb: int
    disk_mb: int
    cpu_model: str = DEFAULT_CPU_MODEL
    floppies: tuple[str, ...] = ("1.44M",)
    cdroms: int = 1
    boot_order: tuple[str, ...] = ("floppy", "cdrom", "disk")
    video_memory_mb: int = 16
    sound: bool = True
    note: str = ""


FAMILIES: Final = ("DOS", "Windows", "Linux", "BSD", "Other")

_INSTALL_CD: Final = ("cdrom", "disk", "floppy")
_FDISK: Final = "Partition the disk with FDISK and format it with FORMAT C: /S before the installation."

PRESETS: Final[tuple[GuestPreset, ...]] = (
    GuestPreset(
        "dos",
        "MS-DOS, FreeDOS, PC DOS",
        "DOS",
        16,
        500,
        cpu_model="pentium",
        video_memory_mb=4,
        note="Up to 504 MB every DOS sees the whole disk. DOS before 7.1 uses at most 2 GB in a partition.",
    ),
    GuestPreset(
        "dos-old",
        "DOS before 5.0 (two diskette drives)",
        "DOS",
        1,
        30,
        cpu_model="386",
        floppies=("1.44M", "1.2M"),
        cdroms=0,
        boot_order=("floppy", "disk"),
        video_memory_mb=1,
        note="DOS 3.3 and older know disks up to 32 MB.",
    ),
    GuestPreset(
        "windows-3",
        "Windows 3.0, 3.1, for Workgroups 3.11",
        "Windows",
        16,
        500,
        cpu_model="486",
        video_memory_mb=4,
        note="Install DOS first, then run SETUP from the Windows diskettes.",
    ),
    GuestPreset(
        "windows-95",
        "Windows 95",
        "Windows",
        64,
        2000,
        cpu_model="pentium",
        note=f"{_FDISK} Faster processors than a Pentium of 350 MHz need Microsoft's patch; set a slower one if it fails.",
    ),
    GuestPreset(
        "windows-98", "Windows 98, Me", "Windows", 256, 8000, note="More than 512 MB of memory makes Windows 98 fail."
    ),
    GuestPreset(
        "windows-nt3",
        "Windows NT 3.1, 3.5, 3.51",
        "Windows",
        64,
        1000,
        cpu_model="pentium",
        note="NT 3.1 refuses processors newer than a Pentium.",
    ),
    GuestPreset(
        "windows-nt4",
        "Windows NT 4.0",
        "Windows",
        256,
        4000,
        cpu_model="pentium-ii",
        boot_order=_INSTALL_CD,
        note="The first partition must end below 4 GB until service pack 4 is installed.",
    ),
    GuestPreset("windows-2000", "Windows 2000", "Windows", 512, 8000, boot_order=_INSTALL_CD),
    GuestPreset("windows-xp", "Windows XP", "Windows", 1024, 20000, boot_order=_INSTALL_CD, video_memory_mb=32),
    GuestPreset(
        "linux-old",
        "Linux before 2.6",
        "Linux",
        64,
        2000,
        cpu_model="pentium",
        note="Old boot loaders want their partition below cylinder 1024 (504 MB without, 8 GB with LBA).",
    ),
    GuestPreset("linux", "Linux (32 bit)", "Linux", 512, 8000, boot_order=_INSTALL_CD),
    GuestPreset("freebsd", "FreeBSD (i386)", "BSD", 512, 8000, boot_order=_INSTALL_CD),
    GuestPreset("netbsd", "NetBSD (i386)", "BSD", 256, 4000, boot_order=_INSTALL_CD),
    GuestPreset("openbsd", "OpenBSD (i386)", "BSD", 512, 8000, boot_order=_INSTALL_CD),
    GuestPreset(
        "os2",
        "OS/2, ArcaOS",
        "Other",
        64,
        2000,
        cpu_model="pentium",
        note="Old versions read their installation diskettes in the order printed on them.",
    ),
    GuestPreset(
        "hobby", "A kernel or boot sector of your own", "Other", 32, 0, note="Port E9h writes to the debug file."
    ),
    GuestPreset("other", "Something else", "Other", 64, 2000),
)

_BY_KEY: Final = {item.key: item for item in PRESETS}


def preset(key: str) -> GuestPreset:
    """The preset of a key; an unknown key (of a newer version, or edited by hand) is "other"."""
    return _BY_KEY.get(key, _BY_KEY["other"])


def is_known(key: str) -> bool:
    return key in _BY_KEY


def of_family(family: str) -> tuple[GuestPreset, ...]:
    return tuple(item for item in PRESETS if item.family == family)
