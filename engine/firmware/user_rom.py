"""A firmware image of the person's own in place of ours: a distribution's SeaBIOS, for instance.

The image ends at 4 GiB, and its last 128 KiB are seen below 1 MiB as well. What such a firmware finds out from
CMOS bytes that a board's maker would have set (memory size, floppy drives, boot order), it finds there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.errors import MediumError
from engine.firmware.board import FirmwareBoard
from engine.firmware.settings import Settings

_PAGE_READ: Final = 1  # engine._core.PhysicalMemory.PAGE_READ
_BLOCK: Final = 0x10000
_MOST_BYTES: Final = 0x80000
_SHADOWED: Final = 0x20000
VIDEO_ROM_BYTES: Final = 0x10000

# CMOS bytes that SeaBIOS and the Bochs BIOS take the boot order from: two devices in one, the third in the other.
_BOOT_FIRST_AND_SECOND: Final = 0x3D
_BOOT_THIRD: Final = 0x38
_BOOT_CODES: Final = {"floppy": 1, "disk": 2, "cdrom": 3, "network": 4}
_EQUIPMENT: Final = 0x26  # coprocessor, mouse, 80 columns in colour


def read_rom(path: Path, most: int, unit: int) -> bytes:
    """A ROM image padded to a multiple of ``unit``. Raises MediumError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediumError(path, f"It cannot be read: {error.strerror}.") from error
    if not data or len(data) > most:
        raise MediumError(path, f"A ROM image has between 1 byte and {most // 1024} KB, this one {len(data)} bytes.")
    return data + b"\xff" * (-len(data) % unit)


class UserRom:
    """The same face as :class:`~engine.firmware.bios.Firmware`."""

    def __init__(self, board: FirmwareBoard, image: Path) -> None:
        self._board = board
        self._image = read_rom(image, _MOST_BYTES, _BLOCK)
        if self._image[-16:] in (b"\0" * 16, b"\xff" * 16):
            raise MediumError(image, "There is nothing at the reset vector, 16 bytes before its end.")

    def install(self) -> list[tuple[int, int, int]]:
        """Maps the image; the ROMs below 1 MiB: address, length, and offset in the backing."""
        memory, image = self._board.memory, self._image
        offset = memory.allocate(len(image))
        memory.backing[offset : offset + len(image)] = image
        memory.map_backed(0x100000000 - len(image), len(image), offset, _PAGE_READ)
        low = min(len(image), _SHADOWED)
        rom = (0x100000 - low, low, offset + len(image) - low)
        memory.map_backed(*rom, _PAGE_READ)
        return [rom]

    def reset(self, cold: bool) -> None:
        """The processor is about to start at the reset vector."""
        settings = Settings(self._board)
        settings.load()
        floppies = sum(drive.kind != "none" for drive in self._board.floppies)
        settings.describe_hardware(_EQUIPMENT | (1 | (floppies - 1) << 6 if floppies else 0))
        codes = [_BOOT_CODES[device] for device in settings.boot_order()] + [0, 0, 0]
        self._board.cmos.write_cmos(_BOOT_FIRST_AND_SECOND, codes[0] | codes[1] << 4)
        self._board.cmos.write_cmos(_BOOT_THIRD, codes[2] << 4)
