"""What Setup keeps in CMOS, and the bytes PC software reads there.

Bytes 10h-2Dh are the PC/AT's, with their checksum at 2Eh (IBM PC/AT Technical Reference, "Real-Time Clock CMOS
RAM"). Ours are at 40h-5Fh with a mark and a checksum of their own; when those are wrong, defaults hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from engine.config import BOOT_DEVICES
from engine.firmware.board import FirmwareBoard
from engine.firmware.drives import FLOPPY_TYPES
from engine.firmware.memory_map import MEGABYTE

DIAGNOSTIC: Final = 0x0E
SHUTDOWN: Final = 0x0F
FLOPPY_TYPES_BYTE: Final = 0x10
DISK_TYPES_BYTE: Final = 0x12
EQUIPMENT_BYTE: Final = 0x14
BASE_MEMORY: Final = 0x15
EXTENDED_MEMORY: Final = 0x17
DISK_TYPE_EXTENDED: Final = 0x19
CHECKSUM: Final = 0x2E
EXTENDED_MEMORY_FOUND: Final = 0x30
MEMORY_ABOVE_16M: Final = 0x34

_OURS: Final = 0x40
_MARK: Final = 0xBA
_VERSION: Final = 1
_ORDER: Final = _OURS + 2  # 4 bytes: index in BOOT_DEVICES plus one, 0 ends
_CONFIGURED_ORDER: Final = _OURS + 6  # the virtual machine's own order when Setup saved
_FLAGS: Final = _OURS + 10
_PORTS: Final = _OURS + 11
_BOOT_DELAY: Final = _OURS + 12
_LENGTH: Final = 0x1E
_OUR_CHECKSUM: Final = _OURS + _LENGTH

_FLAG_QUICK_BOOT: Final = 0x01
_FLAG_NUM_LOCK: Final = 0x02
_FLAG_A20: Final = 0x04
MAX_BOOT_DELAY: Final = 30


@dataclass
class Values:
    """The settings themselves, as Setup edits them."""

    boot_order: list[str] = field(default_factory=lambda: ["floppy", "cdrom", "disk"])
    quick_boot: bool = False
    num_lock: bool = True
    a20: bool = True
    serial: list[bool] = field(default_factory=lambda: [True] * 4)
    parallel: bool = True
    boot_delay: int = 0  # seconds that POST waits for a key


class Settings:
    """Loads and stores :class:`Values` in CMOS."""

    def __init__(self, board: FirmwareBoard) -> None:
        self._board = board
        self._cmos = board.cmos
        self.values = self.defaults()

    def defaults(self) -> Values:
        """Boot order from the virtual machine's configuration, everything else as new."""
        return Values(boot_order=[device for device in self._board.config.boot_order if device in BOOT_DEVICES])

    def boot_order(self) -> list[str]:
        return list(self.values.boot_order)

    def _sum(self) -> int:
        return sum(self._cmos.read_cmos(_OURS + index) for index in range(_LENGTH)) & 0xFFFF

    def _stored_sum(self) -> int:
        return self._cmos.read_cmos(_OUR_CHECKSUM) << 8 | self._cmos.read_cmos(_OUR_CHECKSUM + 1)

    def load(self) -> bool:
        """Takes the settings over from CMOS; False (and defaults) when there are none or they are damaged."""
        self.values = self.defaults()
        cmos = self._cmos
        if cmos.read_cmos(_OURS) != _MARK or cmos.read_cmos(_OURS + 1) != _VERSION or self._sum() != self._stored_sum():
            return False
        values = self.values
        flags, ports = cmos.read_cmos(_FLAGS), cmos.read_cmos(_PORTS)
        values.quick_boot = bool(flags & _FLAG_QUICK_BOOT)
        values.num_lock = bool(flags & _FLAG_NUM_LOCK)
        values.a20 = bool(flags & _FLAG_A20)
        values.serial = [bool(ports >> index & 1) for index in range(4)]
        values.parallel = bool(ports & 0x10)
        values.boot_delay = min(cmos.read_cmos(_BOOT_DELAY), MAX_BOOT_DELAY)
        # An order that was changed in the machine's configuration since is newer than Setup's.
        if self._read_order(_CONFIGURED_ORDER) == list(self._board.config.boot_order):
            values.boot_order = self._read_order(_ORDER) or values.boot_order
        return True

    def _read_order(self, first: int) -> list[str]:
        order: list[str] = []
        for index in range(4):
            value = self._cmos.read_cmos(first + index)
            if not 1 <= value <= len(BOOT_DEVICES):
                break
            if BOOT_DEVICES[value - 1] not in order:
                order.append(BOOT_DEVICES[value - 1])
        return order

    def _write_order(self, first: int, order: list[str]) -> None:
        codes = [BOOT_DEVICES.index(device) + 1 for device in order if device in BOOT_DEVICES][:4]
        for index, code in enumerate(codes + [0] * (4 - len(codes))):
            self._cmos.write_cmos(first + index, code)

    def store(self, values: Values) -> None:
        """Settings to CMOS, and CMOS to the host's NVRAM file."""
        self.values = values
        cmos = self._cmos
        for index in range(_LENGTH):
            cmos.write_cmos(_OURS + index, 0)
        cmos.write_cmos(_OURS, _MARK)
        cmos.write_cmos(_OURS + 1, _VERSION)
        self._write_order(_ORDER, values.boot_order)
        self._write_order(_CONFIGURED_ORDER, list(self._board.config.boot_order))
        flags = values.quick_boot * _FLAG_QUICK_BOOT | values.num_lock * _FLAG_NUM_LOCK | values.a20 * _FLAG_A20
        cmos.write_cmos(_FLAGS, flags)
        ports = sum(on << index for index, on in enumerate(values.serial[:4])) | values.parallel << 4
        cmos.write_cmos(_PORTS, ports)
        cmos.write_cmos(_BOOT_DELAY, values.boot_delay)
        total = self._sum()
        cmos.write_cmos(_OUR_CHECKSUM, total >> 8)
        cmos.write_cmos(_OUR_CHECKSUM + 1, total & 0xFF)
        self._board.save_nvram()

    def describe_hardware(self, equipment: int) -> None:
        """The PC/AT's bytes: drives, equipment, memory, checksum; what POST found, not what somebody chose."""
        board, cmos = self._board, self._cmos
        kinds = [FLOPPY_TYPES[drive.kind][0] if drive.kind in FLOPPY_TYPES else 0 for drive in board.floppies[:2]]
        kinds += [0] * (2 - len(kinds))
        disks = [board.hard_disk(slot) is not None for slot in (0, 1)]
        extended_kib = min(max(board.memory.ram_bytes // 1024 - 1024, 0), 0xFFFF)
        above_16m = max(board.memory.ram_bytes - 16 * MEGABYTE, 0) // 0x10000
        values = {
            DIAGNOSTIC: 0,
            FLOPPY_TYPES_BYTE: kinds[0] << 4 | kinds[1],
            DISK_TYPES_BYTE: (0xF0 if disks[0] else 0) | (0x0F if disks[1] else 0),
            DISK_TYPE_EXTENDED: 47 if disks[0] else 0,
            DISK_TYPE_EXTENDED + 1: 47 if disks[1] else 0,
            EQUIPMENT_BYTE: equipment & 0xFF,
            BASE_MEMORY: 640 & 0xFF,
            BASE_MEMORY + 1: 640 >> 8,
            EXTENDED_MEMORY: extended_kib & 0xFF,
            EXTENDED_MEMORY + 1: extended_kib >> 8,
            EXTENDED_MEMORY_FOUND: extended_kib & 0xFF,
            EXTENDED_MEMORY_FOUND + 1: extended_kib >> 8,
            MEMORY_ABOVE_16M: min(above_16m, 0xFFFF) & 0xFF,
            MEMORY_ABOVE_16M + 1: min(above_16m, 0xFFFF) >> 8,
        }
        for index, value in values.items():
            cmos.write_cmos(index, value)
        total = sum(cmos.read_cmos(index) for index in range(0x10, 0x2E))
        cmos.write_cmos(CHECKSUM, total >> 8 & 0xFF)
        cmos.write_cmos(CHECKSUM + 1, total & 0xFF)
