"""Starts a Linux kernel (or anything else in its image format) with no disk: kernel, initial RAM disk, command line.

Source: the kernel's own description of the x86 boot protocol (Documentation/arch/x86/boot.rst), protocol 2.00 and
later. The firmware does what a boot loader does after POST and enters the image's real-mode setup code.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from engine.errors import MediumError
from engine.firmware import bios_data_area as bda
from engine.firmware.memory_map import MEGABYTE, USABLE, memory_map

# The setup header, by offset in the image.
_SETUP_SECTS: Final = 0x1F1
_SYSSIZE: Final = 0x1F4  # of the part after the setup, in paragraphs; a dword since protocol 2.04
_VID_MODE: Final = 0x1FA
_BOOT_FLAG: Final = 0x1FE
_HEADER: Final = 0x202
_VERSION: Final = 0x206
_TYPE_OF_LOADER: Final = 0x210
_LOADFLAGS: Final = 0x211
_RAMDISK_IMAGE: Final = 0x218
_HEAP_END_PTR: Final = 0x224
_CMD_LINE_PTR: Final = 0x228
_INITRD_ADDR_MAX: Final = 0x22C
_CMDLINE_SIZE: Final = 0x238
_PREF_ADDRESS: Final = 0x258
_INIT_SIZE: Final = 0x260
_OLD_CMD_LINE_MAGIC: Final = 0x20
_OLD_CMD_LINE_OFFSET: Final = 0x22
_HEADER_BYTES: Final = 0x268

_LOADED_HIGH: Final = 0x01
_CAN_USE_HEAP: Final = 0x80
_LOADER_OF_ITS_OWN: Final = 0xFF  # a boot loader without a number of its own
_VID_MODE_NORMAL: Final = 0xFFFF
_VID_MODES: Final = {"normal": _VID_MODE_NORMAL, "ext": 0xFFFE, "ask": 0xFFFD}
_UNITS: Final = {"k": 10, "m": 20, "g": 30}
_OLD_CMD_LINE_MARK: Final = 0xA33F

# Where things go. The real-mode part, its heap and stack take one segment.
SETUP_SEGMENT: Final = 0x9000
STACK_TOP: Final = 0xE000
COMMAND_LINE: Final = SETUP_SEGMENT * 16 + STACK_TOP
HIGH_KERNEL: Final = MEGABYTE
LOW_KERNEL: Final = 0x10000
TRAMPOLINE: Final = 0x7C00
SECTOR: Final = 512
_MOST_SETUP_BYTES: Final = 0x8000
_DEFAULT_INITRD_MAX: Final = 0x37FFFFFF


@dataclass(frozen=True)
class LinuxImage:
    """What ``--kernel``, ``--initrd`` and ``--append`` name, checked when the machine is made."""

    kernel: Path
    initrd: Path | None
    command_line: str
    protocol: int  # 0204h: 2.04
    setup_bytes: int
    loaded_high: bool
    initrd_max: int  # highest address the initial RAM disk may touch
    unpacked_end: int  # the kernel needs the memory from 1 MB up to here to unpack itself

    @classmethod
    def open(cls, kernel: Path, initrd: Path | None, command_line: str, ram_bytes: int) -> LinuxImage:
        """Reads the header. Raises MediumError: missing or unreadable file, no kernel, too old, does not fit."""
        head, size = _read_head(kernel)
        if len(head) < _HEADER_BYTES or _word(head, _BOOT_FLAG) != 0xAA55 or head[_HEADER : _HEADER + 4] != b"HdrS":
            raise MediumError(kernel, "This is no Linux kernel image.", "Choose a bzImage (vmlinuz), not vmlinux.")
        protocol = _word(head, _VERSION)
        if protocol < 0x0200:
            raise MediumError(kernel, "This kernel is older than boot protocol 2.00.", "Boot it from a diskette.")
        setup_bytes = ((head[_SETUP_SECTS] or 4) + 1) * SECTOR
        if setup_bytes > min(size, _MOST_SETUP_BYTES):
            raise MediumError(kernel, "The kernel image is cut short or damaged.", "Copy it again.")
        body_bytes = 16 * (_dword(head, _SYSSIZE) if protocol >= 0x0204 else 0)
        if size + 15 < setup_bytes + body_bytes:
            raise MediumError(
                kernel, f"The kernel image is cut short: {size} bytes of {setup_bytes + body_bytes}.", "Copy it again."
            )
        most = _dword(head, _CMDLINE_SIZE) if protocol >= 0x0206 else 255
        most = min(most, bda.EBDA_LINEAR - COMMAND_LINE - 1)
        if len(command_line.encode()) > most:
            raise MediumError(kernel, f"Its command line may have {most} characters, not {len(command_line)}.")
        image = cls(
            kernel,
            initrd,
            command_line,
            protocol,
            setup_bytes,
            bool(head[_LOADFLAGS] & _LOADED_HIGH),
            _dword(head, _INITRD_ADDR_MAX) if protocol >= 0x0203 else _DEFAULT_INITRD_MAX,
            max(_qword(head, _PREF_ADDRESS), HIGH_KERNEL) + _dword(head, _INIT_SIZE) if protocol >= 0x020A else 0,
        )
        initrd_bytes = _read_head(initrd)[1] if initrd is not None else 0
        needed = max(size - setup_bytes, image.unpacked_end - HIGH_KERNEL)
        if not image.loaded_high and size - setup_bytes > SETUP_SEGMENT * 16 - LOW_KERNEL:
            raise MediumError(kernel, "This kernel wants to be loaded below 640 KB and does not fit there.")
        room = image.initrd_place(ram_bytes, initrd_bytes) - HIGH_KERNEL if image.loaded_high else 0
        if image.loaded_high and room < needed:
            megabytes = (HIGH_KERNEL + needed + initrd_bytes + MEGABYTE - 1) // MEGABYTE + 1
            raise MediumError(kernel, f"It needs about {megabytes} MB.", "Give the virtual machine more memory.")
        return image

    def initrd_place(self, ram_bytes: int, length: int) -> int:
        """Address of an initial RAM disk of so many bytes: as high as it may lie, on a page."""
        top = max(r.base + r.length for r in memory_map(ram_bytes) if r.kind == USABLE)
        for limit in self._options("mem"):  # the kernel will use no more than this
            if _size(limit) >= 4 * MEGABYTE:
                top = min(top, _size(limit))
        return (min(top, self.initrd_max + 1) - length) & ~0xFFF

    def _options(self, name: str) -> list[str]:
        """Values of an option of the command line that is the boot loader's business too."""
        return [word[len(name) + 1 :] for word in self.command_line.split() if word.startswith(f"{name}=")]

    def _video_mode(self) -> int:
        """What the last "vga=" asks the setup for: a name or a number."""
        mode = _VID_MODE_NORMAL
        for value in self._options("vga"):
            number = _VID_MODES.get(value, _size(value))
            mode = number if 0 < number <= 0xFFFF else mode
        return mode

    def load(self, write: Callable[[int, bytes], None], ram_bytes: int) -> int:
        """Puts everything into memory; execution goes on at 0000:TRAMPOLINE. Raises MediumError."""
        data = _read_all(self.kernel)
        initrd = _read_all(self.initrd) if self.initrd is not None else b""
        setup = bytearray(data[: self.setup_bytes])
        if len(setup) < self.setup_bytes:
            raise MediumError(self.kernel, "The kernel image got shorter since the machine was made.")
        write(HIGH_KERNEL if self.loaded_high else LOW_KERNEL, data[self.setup_bytes :])
        setup[_TYPE_OF_LOADER] = _LOADER_OF_ITS_OWN
        struct.pack_into("<H", setup, _VID_MODE, self._video_mode())
        if self.protocol >= 0x0201:
            setup[_LOADFLAGS] |= _CAN_USE_HEAP
            struct.pack_into("<H", setup, _HEAP_END_PTR, STACK_TOP - 0x200)
        if self.protocol >= 0x0202:
            struct.pack_into("<I", setup, _CMD_LINE_PTR, COMMAND_LINE)
        else:
            struct.pack_into("<HH", setup, _OLD_CMD_LINE_MAGIC, _OLD_CMD_LINE_MARK, STACK_TOP)
        if initrd:
            place = self.initrd_place(ram_bytes, len(initrd))
            write(place, initrd)
            struct.pack_into("<II", setup, _RAMDISK_IMAGE, place, len(initrd))
        write(SETUP_SEGMENT * 16, bytes(setup))
        write(COMMAND_LINE, self.command_line.encode() + b"\0")
        write(TRAMPOLINE, _TRAMPOLINE_CODE)
        return TRAMPOLINE


# CLI; MOV AX, 9000h; MOV DS/ES/FS/GS/SS, AX; MOV SP, STACK_TOP; CLD; JMP 9020h:0
_TRAMPOLINE_CODE: Final = (
    b"\xfa\xb8"
    + struct.pack("<H", SETUP_SEGMENT)
    + b"\x8e\xd8\x8e\xc0\x8e\xe0\x8e\xe8\x8e\xd0\xbc"
    + struct.pack("<H", STACK_TOP)
    + b"\xfc\xea"
    + struct.pack("<HH", 0, SETUP_SEGMENT + 0x20)
)


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")


def _dword(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _qword(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _size(text: str) -> int:
    """A number as kernels read it, "64M" or "0x314"; 0 when it is none."""
    shift = _UNITS.get(text[-1:].lower(), 0)
    try:
        return int(text[:-1] if shift else text, 0) << shift
    except ValueError:
        return 0


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise MediumError(path, f"It cannot be read: {error.strerror}.") from error


def _read_head(path: Path) -> tuple[bytes, int]:
    with _open(path) as file:
        try:
            head = file.read(_HEADER_BYTES)
            return head, file.seek(0, 2)
        except OSError as error:
            raise MediumError(path, f"It cannot be read: {error.strerror}.") from error


def _read_all(path: Path) -> bytes:
    with _open(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise MediumError(path, f"It cannot be read: {error.strerror}.") from error
