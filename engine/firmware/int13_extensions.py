"""INT 13h extensions: linear addresses (41h-48h, 4Eh), removable media, El Torito functions (4Bh-4Dh).

Source: Phoenix Enhanced Disk Drive Specification 1.1 and 3.0; El Torito Bootable CD-ROM Format Specification 1.0.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from engine import resources
from engine.firmware.board import CD_BLOCK_BYTES, SECTOR_BYTES
from engine.firmware.call import Call
from engine.firmware.drives import FIRST_CDROM, FIRST_HARD_DISK, CdUnit, DiskStatus, Drive, DriveError, HardDiskUnit
from engine.firmware.el_torito import boot_catalog, specification_packet
from engine.firmware.int13_disk import DiskServices

EDD_VERSION: Final = 0x30
_ACCESS: Final = 0x01  # 42h-44h, 47h, 48h
_REMOVABLE: Final = 0x02  # 45h, 46h, 48h, 49h
_ENHANCED: Final = 0x04  # 48h, 4Eh
_MOST_BLOCKS: Final = 127
_FLAT_ADDRESS: Final = 0xFFFFFFFF


class DiskExtensions:
    """Functions 41h and up; everything else goes on to the classic services."""

    def __init__(self, disks: DiskServices, write_physical: Callable[[int, bytes], None]) -> None:
        self._disks = disks
        self._write_physical = write_physical
        self._functions: dict[int, Callable[[Call, Drive], None]] = {
            0x41: self._check,
            0x42: self._read,
            0x43: self._write,
            0x44: self._verify,
            0x45: self._lock,
            0x46: self._eject,
            0x47: self._seek,
            0x48: self._parameters,
            0x49: self._changed,
            0x4E: self._configure,
        }

    def service(self, call: Call) -> None:
        function = call.ah
        if function in (0x4B, 0x4D):
            self._el_torito(call)
            return
        handler = self._functions.get(function)
        if handler is None:
            self._disks.service(call)
            return
        drive = self._disks.drive(call.dl)
        if drive is None or call.dl < FIRST_HARD_DISK:
            self._disks.finish(call, DiskStatus.BAD_COMMAND)
            return
        try:
            handler(call, drive)
        except DriveError as error:
            self._disks.finish(call, error.status)

    def _check(self, call: Call, drive: Drive) -> None:
        if call.bx != 0x55AA:
            self._disks.finish(call, DiskStatus.BAD_COMMAND)
            return
        call.bx = 0xAA55
        call.cx = _ACCESS | _ENHANCED | (_REMOVABLE if isinstance(drive, CdUnit) else 0)
        self._disks.finish(call, DiskStatus.OK)
        call.ah = EDD_VERSION

    # -- Transfers ----------------------------------------------------------------------------------------

    def _packet(self, call: Call, drive: Drive) -> tuple[int, int, int, int, int | None]:
        """(count, segment, offset, lba, flat address) of the disk address packet at DS:SI."""
        data = call.fetch(call.ds, call.si, 16)
        size, _, count, _, offset, segment, lba = struct.unpack("<BBBBHHQ", data)
        if size < 16:
            raise DriveError(DiskStatus.BAD_COMMAND)
        flat = None
        if size >= 24 and (segment << 16 | offset) == _FLAT_ADDRESS:
            flat = int.from_bytes(call.fetch(call.ds, call.si + 16 & 0xFFFF, 8), "little") & 0xFFFFFFFF
        if count > _MOST_BLOCKS or count == 0:
            raise DriveError(DiskStatus.BAD_COMMAND)
        return count, segment, offset, lba, flat

    def _done(self, call: Call, blocks: int, status: DiskStatus) -> None:
        """The packet's block count becomes what was really moved."""
        if status is not DiskStatus.OK:
            call.store(call.ds, call.si + 2 & 0xFFFF, blocks.to_bytes(2, "little"))
        self._disks.finish(call, status)

    def _ready(self, call: Call, drive: Drive, lba: int, count: int, writing: bool) -> DiskStatus:
        self._disks.touch(call.dl, drive, writing)
        if drive.block_count == 0:
            return DiskStatus.NO_MEDIUM
        return DiskStatus.OK if lba + count <= drive.block_count else DiskStatus.SECTOR_NOT_FOUND

    def _read(self, call: Call, drive: Drive) -> None:
        count, segment, offset, lba, flat = self._packet(call, drive)
        status = self._ready(call, drive, lba, count, writing=False)
        if status is not DiskStatus.OK:
            self._done(call, 0, status)
            return
        data = drive.read(lba, count)
        if flat is None:
            call.store(segment, offset, data)
        else:
            self._write_physical(flat, data)
        self._done(call, count, DiskStatus.OK)

    def _write(self, call: Call, drive: Drive) -> None:
        count, segment, offset, lba, flat = self._packet(call, drive)
        if flat is not None:
            raise DriveError(DiskStatus.BAD_COMMAND)
        data = call.fetch_long(segment, offset, count * drive.block_bytes)
        status = self._ready(call, drive, lba, count, writing=True)
        if status is DiskStatus.OK:
            drive.write(lba, data)
        self._done(call, count if status is DiskStatus.OK else 0, status)

    def _verify(self, call: Call, drive: Drive) -> None:
        count, _, _, lba, _ = self._packet(call, drive)
        self._done(call, count, self._ready(call, drive, lba, count, writing=False))

    def _seek(self, call: Call, drive: Drive) -> None:
        _, _, _, _, _, _, lba = struct.unpack("<BBBBHHQ", call.fetch(call.ds, call.si, 16))
        self._disks.finish(call, DiskStatus.OK if lba < drive.block_count else DiskStatus.SECTOR_NOT_FOUND)

    # -- Drives -------------------------------------------------------------------------------------------

    def _parameters(self, call: Call, drive: Drive) -> None:
        room = int.from_bytes(call.fetch(call.ds, call.si, 2), "little")
        if room < 26:
            raise DriveError(DiskStatus.BAD_COMMAND)
        removable = isinstance(drive, CdUnit)
        shape = drive.geometry
        flags = 0x0074 if removable else 0x0002  # removable, change line, lockable; no geometry; or: geometry valid
        blocks = drive.block_count if not removable or drive.block_count else 0xFFFFFFFFFFFFFFFF
        if not removable and drive.block_count > 0xFC0000:
            flags, shape_values = 0x0000, (0, 0, 0)
        else:
            shape_values = (shape.cylinders, shape.heads, shape.sectors)
        data = struct.pack("<HIIIQH", flags, *shape_values, blocks, drive.block_bytes)
        if room >= 30:
            data += struct.pack("<HH", 0xFFFF, 0xFFFF)  # no device parameter table extension
        if room >= 66 and isinstance(drive, CdUnit | HardDiskUnit):
            data += self._device_path(drive.slot)
        data = (len(data) + 2).to_bytes(2, "little") + data
        call.store(call.ds, call.si, data)
        self._disks.finish(call, DiskStatus.OK)

    @staticmethod
    def _device_path(slot: int) -> bytes:
        """EDD 3.0: host bus and interface path; ISA, ATA, base port and master or slave."""
        base = (resources.IDE_PRIMARY, resources.IDE_SECONDARY)[slot // 2].ports[0]
        path = struct.pack("<HBB2s4s8sQQB", 0xBEDD, 0x24, 0, bytes(2), b"ISA ", b"ATA     ", base, slot & 1, 0)
        return path + bytes([-sum(path) & 0xFF])

    def _configure(self, call: Call, drive: Drive) -> None:
        if call.al > 6:
            raise DriveError(DiskStatus.BAD_COMMAND)
        call.al = 0
        self._disks.finish(call, DiskStatus.OK)

    def _lock(self, call: Call, drive: Drive) -> None:
        if not isinstance(drive, CdUnit):
            raise DriveError(DiskStatus.BAD_COMMAND)
        locks = self._disks.state.locks
        index = (call.dl - FIRST_CDROM) % len(locks)
        if call.al == 0:
            locks[index] = min(locks[index] + 1, 255)
        elif call.al == 1:
            if not locks[index]:
                raise DriveError(DiskStatus.NOT_LOCKED)
            locks[index] -= 1
        elif call.al != 2:
            raise DriveError(DiskStatus.BAD_COMMAND)
        call.al = int(locks[index] > 0)
        self._disks.finish(call, DiskStatus.OK)

    def _eject(self, call: Call, drive: Drive) -> None:
        if not isinstance(drive, CdUnit):
            raise DriveError(DiskStatus.NOT_REMOVABLE)
        if self._disks.state.locks[(call.dl - FIRST_CDROM) % 4]:
            raise DriveError(DiskStatus.VOLUME_LOCKED)
        if drive.block_count == 0:
            raise DriveError(DiskStatus.NO_MEDIUM)
        # The person at the host decides what lies in the drive; the request is granted and nothing moves.
        self._disks.finish(call, DiskStatus.OK)

    def _changed(self, call: Call, drive: Drive) -> None:
        if not isinstance(drive, CdUnit):
            raise DriveError(DiskStatus.BAD_COMMAND)
        self._disks.finish(call, DiskStatus.OK)

    # -- El Torito ----------------------------------------------------------------------------------------

    def _el_torito(self, call: Call) -> None:
        disks = self._disks
        emulation = disks.state.emulation
        if emulation is None or emulation.cd_index >= len(disks.cdroms):
            disks.finish(call, DiskStatus.BAD_COMMAND)
            return
        if call.ah == 0x4B:
            if call.al > 1 or call.dl not in (emulation.drive_number, 0x7F):
                disks.finish(call, DiskStatus.BAD_COMMAND)
                return
            call.store(call.ds, call.si, specification_packet(emulation, disks.cdroms[emulation.cd_index].slot))
            if call.al == 0:
                disks.state.emulation = None
            disks.finish(call, DiskStatus.OK)
            return
        packet = call.fetch(call.ds, call.si, 8)
        count, first = packet[1], packet[6]
        buffer = int.from_bytes(packet[2:6], "little")
        try:
            cd = disks.cdroms[emulation.cd_index]
            catalog = boot_catalog(cd)
            data = cd.read(catalog, 1)[first * SECTOR_BYTES : (first + count) * SECTOR_BYTES] if catalog else b""
        except DriveError as error:
            disks.finish(call, error.status)
            return
        if not data or len(data) > CD_BLOCK_BYTES:
            disks.finish(call, DiskStatus.SECTOR_NOT_FOUND)
            return
        call.store(buffer >> 16, buffer & 0xFFFF, data)
        disks.finish(call, DiskStatus.OK)
