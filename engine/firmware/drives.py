"""Drives as INT 13h numbers them: what answers at DL, in sectors and blocks, with BIOS status codes.

Status codes: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, INT 13h.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from engine.errors import BancadaError
from engine.firmware.board import CD_BLOCK_BYTES, SECTOR_BYTES, CdromDrive, FloppyDriveUnit, HardDisk
from engine.firmware.disk_geometry import Geometry

FIRST_HARD_DISK: Final = 0x80
FIRST_CDROM: Final = 0xE0
# CMOS and INT 13h/08h numbers of drive types, and cylinders, heads, sectors.
FLOPPY_TYPES: Final[dict[str, tuple[int, Geometry]]] = {
    "360K": (1, Geometry(40, 2, 9)),
    "1.2M": (2, Geometry(80, 2, 15)),
    "720K": (3, Geometry(80, 2, 9)),
    "1.44M": (4, Geometry(80, 2, 18)),
    "2.88M": (5, Geometry(80, 2, 36)),
}


class DiskStatus(IntEnum):
    OK = 0x00
    BAD_COMMAND = 0x01
    ADDRESS_MARK = 0x02
    WRITE_PROTECTED = 0x03
    SECTOR_NOT_FOUND = 0x04
    CHANGED = 0x06
    MEDIA_TYPE = 0x0C
    CONTROLLER = 0x20
    NO_MEDIUM = 0x31
    TIMEOUT = 0x80
    NOT_LOCKED = 0xB0
    VOLUME_LOCKED = 0xB1
    NOT_REMOVABLE = 0xB2
    WRITE_FAULT = 0xCC


class DriveError(Exception):
    """A request that fails; ``status`` is what AH will hold."""

    def __init__(self, status: DiskStatus) -> None:
        self.status = status
        super().__init__(status.name)


class Drive(Protocol):
    """Something INT 13h can read. Addresses count ``block_bytes``."""

    block_bytes: int
    light: str

    @property
    def geometry(self) -> Geometry: ...
    @property
    def block_count(self) -> int: ...
    def read(self, lba: int, count: int) -> bytes: ...
    def write(self, lba: int, data: bytes) -> None: ...


@dataclass
class FloppyUnit:
    """A floppy drive with whatever lies in it."""

    drive: FloppyDriveUnit
    light: str
    block_bytes: int = SECTOR_BYTES

    @property
    def type_number(self) -> int:
        return FLOPPY_TYPES.get(self.drive.kind, (0, Geometry(0, 0, 0)))[0]

    @property
    def geometry(self) -> Geometry:
        """The medium's; that of the drive when it is empty."""
        medium = self.drive.medium
        if medium is not None:
            return Geometry(medium.cylinders, medium.heads, medium.sectors)
        return FLOPPY_TYPES.get(self.drive.kind, (0, Geometry(80, 2, 18)))[1]

    @property
    def block_count(self) -> int:
        return self.geometry.sector_count if self.drive.medium is not None else 0

    def check(self) -> None:
        """Raises when there is no medium, or another one than last time."""
        if self.drive.medium is None:
            raise DriveError(DiskStatus.TIMEOUT)
        if self.drive.changed:
            self.drive.changed = False
            raise DriveError(DiskStatus.CHANGED)

    def read(self, lba: int, count: int) -> bytes:
        medium = self.drive.medium
        if medium is None:
            raise DriveError(DiskStatus.TIMEOUT)
        geometry = self.geometry
        try:
            return b"".join(medium.read(*geometry.chs(at)) for at in range(lba, lba + count))
        except (OSError, BancadaError) as error:
            raise DriveError(DiskStatus.CONTROLLER) from error

    def write(self, lba: int, data: bytes) -> None:
        medium = self.drive.medium
        if medium is None:
            raise DriveError(DiskStatus.TIMEOUT)
        if medium.write_protected:
            raise DriveError(DiskStatus.WRITE_PROTECTED)
        geometry = self.geometry
        try:
            for index in range(len(data) // SECTOR_BYTES):
                medium.write(*geometry.chs(lba + index), data[index * SECTOR_BYTES : (index + 1) * SECTOR_BYTES])
        except (OSError, BancadaError) as error:
            raise DriveError(DiskStatus.CONTROLLER) from error

    def format_track(self, cylinder: int, head: int, sectors: list[int], fill: int) -> None:
        medium = self.drive.medium
        if medium is None:
            raise DriveError(DiskStatus.TIMEOUT)
        if medium.write_protected:
            raise DriveError(DiskStatus.WRITE_PROTECTED)
        if cylinder >= medium.cylinders or head >= medium.heads:
            raise DriveError(DiskStatus.SECTOR_NOT_FOUND)
        try:
            medium.format_track(cylinder, head, sectors, fill)
        except (OSError, BancadaError) as error:
            raise DriveError(DiskStatus.CONTROLLER) from error


@dataclass
class HardDiskUnit:
    """An IDE disk with the geometry the BIOS shows."""

    disk: HardDisk
    slot: int
    light: str
    logical: Geometry
    block_bytes: int = SECTOR_BYTES

    @property
    def geometry(self) -> Geometry:
        return self.logical

    @property
    def block_count(self) -> int:
        return self.disk.block.sector_count

    def read(self, lba: int, count: int) -> bytes:
        try:
            return self.disk.block.read(lba, count)
        except (OSError, BancadaError) as error:
            raise DriveError(DiskStatus.CONTROLLER) from error

    def write(self, lba: int, data: bytes) -> None:
        try:
            self.disk.block.write(lba, data)
        except (OSError, BancadaError) as error:
            raise DriveError(DiskStatus.WRITE_FAULT) from error


@dataclass
class CdUnit:
    """A CD-ROM drive: blocks of 2048 bytes, read only."""

    drive: CdromDrive
    slot: int
    light: str
    locks: int = 0
    block_bytes: int = CD_BLOCK_BYTES

    @property
    def geometry(self) -> Geometry:
        return Geometry(0, 0, 0)

    @property
    def block_count(self) -> int:
        medium = self.drive.medium
        return 0 if medium is None else medium.block_count

    def read(self, lba: int, count: int) -> bytes:
        medium = self.drive.medium
        if medium is None:
            raise DriveError(DiskStatus.NO_MEDIUM)
        try:
            return medium.read(lba, count)
        except (OSError, BancadaError) as error:
            raise DriveError(DiskStatus.CONTROLLER) from error

    def write(self, lba: int, data: bytes) -> None:
        raise DriveError(DiskStatus.WRITE_PROTECTED)


@dataclass
class EmulatedUnit:
    """A floppy or hard disk image on a CD (El Torito): 512-byte sectors from block ``first_block`` on."""

    cd: CdUnit
    first_block: int
    shape: Geometry
    light: str
    block_bytes: int = SECTOR_BYTES

    @property
    def geometry(self) -> Geometry:
        return self.shape

    @property
    def block_count(self) -> int:
        return self.shape.sector_count

    def read(self, lba: int, count: int) -> bytes:
        per_block = CD_BLOCK_BYTES // SECTOR_BYTES
        first = lba // per_block
        last = (lba + count - 1) // per_block
        # An image may be shorter on the disc than the diskette it stands for.
        blocks = min(last - first + 1, max(self.cd.block_count - self.first_block - first, 0))
        data = self.cd.read(self.first_block + first, blocks) if blocks else b""
        skip = lba % per_block * SECTOR_BYTES
        return data[skip : skip + count * SECTOR_BYTES].ljust(count * SECTOR_BYTES, b"\0")

    def write(self, lba: int, data: bytes) -> None:
        raise DriveError(DiskStatus.WRITE_PROTECTED)
