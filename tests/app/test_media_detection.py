"""Diskettes that the test formats; CDs are in test_new_vm.py."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from app.media_detection import guess_guest
from tests.conftest import GUESTS


def diskette(path: Path, formatted_by: bytes, *files: str) -> Path:
    """1.44 MB, FAT12, with empty files in its root directory."""
    head = bytearray(b"\xeb\x3c\x90" + formatted_by.ljust(8))
    head += struct.pack("<HBHBHHBHHH", 512, 1, 1, 2, 224, 2880, 0xF0, 9, 18, 2)
    image = bytearray(head.ljust(510, b"\0") + b"\x55\xaa").ljust(1_474_560, b"\0")
    for number, file in enumerate(files):
        base, _, suffix = file.partition(".")
        at = 19 * 512 + number * 32
        image[at : at + 12] = base.ljust(8).encode() + suffix.ljust(3).encode() + b"\x20"
    path.write_bytes(image)
    return path


@pytest.mark.parametrize(
    ("formatted_by", "files", "key"),
    [
        (b"MSDOS5.0", ("IO.SYS", "COMMAND.COM"), "dos"),
        (b"MSDOS5.0", ("README.TXT",), "dos"),
        (b"MSDOS5.0", ("SETUP.EXE", "WIN.CN_"), "windows-3"),
        (b"SYSLINUX", ("LDLINUX.SYS", "BZIMAGE"), "linux"),
        (b"UNKNOWN ", ("GAME.EXE",), ""),
        (b"UNKNOWN ", (), ""),
    ],
)
def test_diskettes(tmp_path: Path, formatted_by: bytes, files: tuple[str, ...], key: str) -> None:
    assert guess_guest(diskette(tmp_path / "disk.img", formatted_by, *files)) == key


def test_what_is_no_fat_diskette_is_not_known(tmp_path: Path) -> None:
    image = tmp_path / "noise.img"
    for content in (b"", b"\xff" * 100, b"\xff" * 1_474_560, bytes(1_474_560)):
        image.write_bytes(content)
        assert guess_guest(image) == ""


@pytest.mark.parametrize(
    ("name", "key"), [("freedos-1440k.img", "dos"), ("floppinux-0.2.1.img", "linux"), ("mikeos45.flp", "")]
)
def test_real_diskettes(name: str, key: str) -> None:
    if not (GUESTS / name).is_file():
        pytest.skip("the shared guests are not there")
    assert guess_guest(GUESTS / name) == key
