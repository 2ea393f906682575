"""Which guest a CD or diskette is for, by what is written on it: the preset that its images propose.

CDs are known by their volume label; diskettes by who formatted them and by the files in their root directory.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final

_SECTOR: Final = 512
LARGEST_DISKETTE: Final = 2880 * 1024  # bytes
_CD_SECTOR: Final = 2048
_ENTRY: Final = 32  # bytes of a FAT directory entry

# Volume labels of installation CDs (ISO 9660, ECMA-119 section 8.4.7), the more special first.
_LABELS: Final = (
    (r"FD1[0-9]|FREEDOS|FDLEGACY|FDLIVE", "dos"),
    (r"WIN_?95", "windows-95"),
    (r"WIN_?98|WIN_?ME", "windows-98"),
    (r"NT ?3|WINNT3", "windows-nt3"),
    (r"NTW?S?_?4|WINNT4?|NTWKS40.*|NTSRV40.*", "windows-nt4"),
    (r"W2P.*|W2K.*|W2S.*|WIN2K.*|WIN2000", "windows-2000"),
    (r"WXP.*|WXH.*|GRTMP.*|GRTMH.*|WINXP.*|XP.*SP[0-9]", "windows-xp"),
    (r"FREEBSD|[0-9]+_[0-9]+.*I386.*", "freebsd"),
    (r"NETBSD", "netbsd"),
    (r"OPENBSD", "openbsd"),
    (r"OS2|WARP|ARCA", "os2"),
    (r"DEBIAN|UBUNTU|FEDORA|SLACK|SUSE|GENTOO|ARCH_|ALPINE|KNOPPIX|MANDR|RED ?HAT|CENTOS|MINT|PUPPY|.*LINUX", "linux"),
)

# Files in a diskette's root directory, any of them, the more special first.
_FILES: Final = (
    (("WIN.CN_", "WIN.CNF", "WINSETUP.BIN", "SETUP.SHH"), "windows-3"),
    (("VMLINUZ", "LINUX", "LDLINUX.SYS", "BZIMAGE"), "linux"),
    (("KERNEL.SYS", "IO.SYS", "IBMBIO.COM", "IBMIO.COM", "DRBIOS.SYS", "COMMAND.COM"), "dos"),
)
# Names that formatting programs leave in the boot sector, at offset 3.
_FORMATTED_BY: Final = ((r"FRDOS|FreeDOS|MSDOS|PCDOS|DRDOS|IBM  ", "dos"), (r"SYSLINUX|mkfs\.fat|mkdosfs", "linux"))


def guess_guest(image: Path) -> str:
    """The key of a preset; empty when the medium is not known or not readable."""
    try:
        with image.open("rb") as file:
            head = file.read(64 * _SECTOR)
            file.seek(16 * _CD_SECTOR)
            found = _of_cd(file.read(72))
            return found if found or image.stat().st_size > LARGEST_DISKETTE else _of_diskette(head)
    except OSError:
        return ""


def _of_cd(descriptor: bytes) -> str:
    if len(descriptor) < 72 or descriptor[:6] != b"\x01CD001":
        return ""
    label = descriptor[40:72].decode("ascii", "replace").strip().upper()
    return next((key for pattern, key in _LABELS if re.match(pattern, label)), "")


def _of_diskette(head: bytes) -> str:
    files = set(_root_files(head))
    for names, key in _FILES:
        if files.intersection(names):
            return key
    formatted_by = head[3:11].decode("ascii", "replace")
    return next((key for pattern, key in _FORMATTED_BY if re.match(pattern, formatted_by)), "")


def _root_files(head: bytes) -> list[str]:
    """Names in the root directory of a FAT12 diskette, as far as they are in ``head``; none for other formats."""
    if len(head) < _SECTOR:
        return []
    bytes_per_sector, _, reserved, fats, entries = struct.unpack_from("<HBHBH", head, 11)
    (sectors_per_fat,) = struct.unpack_from("<H", head, 22)
    if bytes_per_sector != _SECTOR or not 1 <= fats <= 2 or not 1 <= sectors_per_fat <= 12:
        return []
    start = (reserved + fats * sectors_per_fat) * _SECTOR
    names = []
    for at in range(start, min(start + entries * _ENTRY, len(head) - _ENTRY + 1), _ENTRY):
        name, attributes = head[at : at + 11], head[at + 11]
        if name[0] == 0:
            break
        if name[0] != 0xE5 and not attributes & 0x08:  # deleted; a label, or part of a long name
            base, suffix = (part.decode("ascii", "replace").rstrip() for part in (name[:8], name[8:]))
            names.append(f"{base}.{suffix}".rstrip("."))
    return names
