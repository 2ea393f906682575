"""What INT 13h reads and writes: one shape for diskettes, hard disks, CDs and what El Torito makes of a CD."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from engine.firmware.board import CD_BLOCK_BYTES, SECTOR_BYTES, CdromDrive, FloppyDriveUnit, HardDisk

# INT 13h status codes.
OK, BAD_COMMAND, NO_ADDRESS_MARK, WRITE_PROTECTED, SECTOR_NOT_FOUND = 0x00, 0x01, 0x02, 0x03, 0x04
CHANGED, DMA_BOUNDARY, CONTROLLER_FAILED, NOT_READY = 0x06, 0x09, 0x20, 0xAA
NO_MEDIA: Final = 0x31
TIMEOUT: Final = 0x80
MOST_CYLINDERS: Final = 1024


class DriveError(Exception):
    """A request failed; ``status`` is what goes into AH."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"INT 13h status {status:02X}h")


@dataclass(frozen=True)
class Geometry:
    """Cylinders, heads, sectors a track, as the BIOS tells them."""

    cylinders: int
    heads: int
    sectors: int

    def lba(self, cylinder: int, head: int, sector: int) -> int:
        """Linear address of a sector; raises DriveError when there is none."""
        if not (cylinder < self.cylinders and head < self.heads and 1 <= sector <= self.sectors):
            raise DriveError(SECTOR_NOT_FOUND)
        return (cylinder * self.heads + head) * self.sectors + sector - 1


class Drive(Protocol):
    """Addresses and counts are in the drive's own sectors of ``sector_bytes``."""

    key: str  # for the light
    sector_bytes: int

    @property
    def geometry(self) -> Geometry | None: ...

    @property
    def sector_count(self) -> int: ...

    def read(self, lba: int, count: int) -> bytes: ...

    def write(self, lba: int, data: bytes) -> None: ...


class FloppyUnit:
    """A diskette drive."""

    sector_bytes = SECTOR_BYTES

    def __init__(self, drive: FloppyDriveUnit, key: str) -> None:
        self.drive = drive
        self.key = key

    @property
    def geometry(self) -> Geometry | None:
        medium = self.drive.medium
        return Geometry(medium.cylinders, medium.heads, medium.sectors) if medium is not None else None

    @property
    def sector_count(self) -> int:
        geometry = self.geometry
        return geometry.cylinders * geometry.heads * geometry.sectors if geometry else 0

    def _place(self, lba: int) -> tuple[int, int, int]:
        geometry = self.geometry
        if geometry is None:
            raise DriveError(TIMEOUT)
        track, sector = divmod(lba, geometry.sectors)
        cylinder, head = divmod(track, geometry.heads)
        if cylinder >= geometry.cylinders:
            raise DriveError(SECTOR_NOT_FOUND)
        return cylinder, head, sector + 1

    def read(self, lba: int, count: int) -> bytes:
        parts = []
        for index in range(count):
            place = self._place(lba + index)
            medium = self.drive.medium
            if medium is None:
                raise DriveError(TIMEOUT)
            try:
                parts.append(medium.read(*place))
            except Exception as error:
                raise DriveError(NO_ADDRESS_MARK) from error
        return b"".join(parts)

    def write(self, lba: int, data: bytes) -> None:
        for index in range(len(data) // SECTOR_BYTES):
            place = self._place(lba + index)
            medium = self.drive.medium
            if medium is None:
                raise DriveError(TIMEOUT)
            if medium.write_protected:
                raise DriveError(WRITE_PROTECTED)
            try:
                medium.write(*place, data[index * SECTOR_BYTES : (index + 1) * SECTOR_BYTES])
            except Exception as error:
                raise DriveError(CONTROLLER_FAILED) from error


class DiskUnit:
    """A hard disk. Its BIOS geometry has at most 1024 cylinders: larger disks get more heads (LBA assist)."""

    sector_bytes = SECTOR_BYTES

    def __init__(self, disk: HardDisk, key: str) -> None:
        self.disk = disk
        self.key = key

    @property
    def sector_count(self) -> int:
        return self.disk.block.sector_count

    @property
    def geometry(self) -> Geometry:
        cylinders, heads, sectors = self.disk.geometry
        if cylinders <= MOST_CYLINDERS:
            return Geometry(cylinders, heads, sectors)
        heads = next((count for count in (16, 32, 64, 128) if self.sector_count <= MOST_CYLINDERS * count * 63), 255)
        return Geometry(min(self.sector_count // (heads * 63), MOST_CYLINDERS), heads, 63)

    def _check(self, lba: int, count: int) -> None:
        if count < 0 or lba + count > self.sector_count:
            raise DriveError(SECTOR_NOT_FOUND)

    def read(self, lba: int, count: int) -> bytes:
        self._check(lba, count)
        try:
            return self.disk.block.read(lba, count)
        except Exception as error:
            raise DriveError(CONTROLLER_FAILED) from error

    def write(self, lba: int, data: bytes) -> None:
        self._check(lba, len(data) // SECTOR_BYTES)
        if getattr(self.disk.block, "read_only", False):
            raise DriveError(WRITE_PROTECTED)
        try:
            self.disk.block.write(lba, data)
        except Exception as error:
            raise DriveError(CONTROLLER_FAILED) from error


class CdUnit:
    """A CD-ROM as a drive of 2048-byte sectors (El Torito, no emulation)."""

    sector_bytes = CD_BLOCK_BYTES

    def __init__(self, drive: CdromDrive, key: str) -> None:
        self.drive = drive
        self.key = key

    @property
    def geometry(self) -> Geometry | None:
        return None

    @property
    def sector_count(self) -> int:
        medium = self.drive.medium
        return medium.block_count if medium is not None else 0

    def read(self, lba: int, count: int) -> bytes:
        medium = self.drive.medium
        if medium is None:
            raise DriveError(NO_MEDIA)
        if lba + count > medium.block_count:
            raise DriveError(SECTOR_NOT_FOUND)
        try:
            return medium.read(lba, count)
        except Exception as error:
            raise DriveError(CONTROLLER_FAILED) from error

    def write(self, lba: int, data: bytes) -> None:
        raise DriveError(WRITE_PROTECTED)


class EmulatedUnit:
    """A diskette or hard disk whose sectors are an image on a CD (El Torito emulation). Read-only."""

    sector_bytes = SECTOR_BYTES

    def __init__(self, cd: CdUnit, first_block: int, geometry: Geometry) -> None:
        self._cd = cd
        self.key = cd.key
        self.first_block = first_block
        self.geometry = geometry

    @property
    def sector_count(self) -> int:
        return self.geometry.cylinders * self.geometry.heads * self.geometry.sectors

    def read(self, lba: int, count: int) -> bytes:
        per_block = CD_BLOCK_BYTES // SECTOR_BYTES
        first, skip = divmod(lba, per_block)
        blocks = (skip + count + per_block - 1) // per_block
        # The image may end before the geometry does.
        available = max(self._cd.sector_count - self.first_block - first, 0)
        data = self._cd.read(self.first_block + first, min(blocks, available)).ljust(blocks * CD_BLOCK_BYTES, b"\0")
        return data[skip * SECTOR_BYTES :][: count * SECTOR_BYTES]

    def write(self, lba: int, data: bytes) -> None:
        raise DriveError(WRITE_PROTECTED)
