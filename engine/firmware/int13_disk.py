"""INT 13h: floppy and hard disk services with cylinder, head and sector addresses.

Requests are carried out at once on the media; the controllers' registers are left alone. Linear addresses and
CD-ROM functions are in ``int13_extensions``.
Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, INT 13h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.board import SECTOR_BYTES, FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.disk_geometry import Geometry, logical_geometry
from engine.firmware.drives import (
    FIRST_CDROM,
    FIRST_HARD_DISK,
    FLOPPY_TYPES,
    CdUnit,
    DiskStatus,
    Drive,
    DriveError,
    EmulatedUnit,
    FloppyUnit,
    HardDiskUnit,
)
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.rom import DISKETTE_TABLE, SYSTEM_SEGMENT

VECTOR_DISKETTE_TABLE: Final = 0x1E * 4
VECTOR_DISK_TABLE: Final = (0x41 * 4, 0x46 * 4)
_MOTOR_TICKS: Final = 0x25


@dataclass
class Emulation:
    """An El Torito image standing for a drive, and what the boot catalog said of it."""

    drive_number: int
    media: int
    cd_index: int
    first_block: int
    load_segment: int
    sector_count: int
    geometry: tuple[int, int, int]


@dataclass
class DiskState:
    """``emulation``: a CD image that stands for a drive. ``locks``: times each CD drive was locked."""

    emulation: Emulation | None = None
    locks: list[int] = field(default_factory=lambda: [0] * 4)


class DiskServices:
    """Finds the drive that DL names and carries requests out."""

    def __init__(self, board: FirmwareBoard, guest: GuestMemory) -> None:
        self._board = board
        self._guest = guest
        self.state = DiskState()
        self.floppies: list[FloppyUnit] = []
        self.disks: list[HardDiskUnit] = []
        self.cdroms: list[CdUnit] = []
        self._functions: dict[int, Callable[[Call, Drive], None]] = {
            0x02: self._read,
            0x03: self._write,
            0x04: self._verify,
            0x05: self._format,
            0x08: self._parameters,
            0x09: self._nothing,
            0x0A: self._read_long,
            0x0B: self._write_long,
            0x0C: self._seek,
            0x0D: self._nothing,
            0x10: self._nothing,
            0x11: self._nothing,
            0x14: self._nothing,
            0x16: self._change_line,
            0x17: self._set_type,
            0x18: self._set_media,
        }
        self.find_drives()

    # -- Drives -----------------------------------------------------------------------------------------

    def find_drives(self) -> None:
        """Looks which drives there are; geometries are made up here, once a reset."""
        board = self._board
        self.floppies = [
            FloppyUnit(drive, f"floppy{index}")
            for index, drive in enumerate(board.floppies)
            if drive.kind in FLOPPY_TYPES
        ]
        self.disks = []
        for index, slot in enumerate(board.hard_disk_slots):
            disk = board.hard_disk(slot)
            if disk is not None:
                self.disks.append(HardDiskUnit(disk, slot, f"disk{index}", logical_geometry(disk.block, disk.geometry)))
        self.cdroms = []
        for index, slot in enumerate(board.cdrom_slots):
            cdrom = board.cdrom(slot)
            if cdrom is not None:
                self.cdroms.append(CdUnit(cdrom, slot, f"cdrom{index}"))

    def emulated_unit(self) -> EmulatedUnit | None:
        """The drive made from a CD image, while there is one."""
        emulation = self.state.emulation
        if emulation is None or emulation.media == 0 or emulation.cd_index >= len(self.cdroms):
            return None
        cd = self.cdroms[emulation.cd_index]
        return EmulatedUnit(cd, emulation.first_block, Geometry(*emulation.geometry), cd.light)

    def drive(self, number: int) -> Drive | None:
        """What answers at a drive number."""
        emulation = self.state.emulation
        emulated = self.emulated_unit()
        if emulation is not None and emulated is not None:
            base = emulation.drive_number & 0x80
            if number == base:
                return emulated
            if base <= number < base + 0x60:
                number -= 1
        if number < len(self.floppies):
            return self.floppies[number]
        if FIRST_HARD_DISK <= number < FIRST_HARD_DISK + len(self.disks):
            return self.disks[number - FIRST_HARD_DISK]
        if FIRST_CDROM <= number < FIRST_CDROM + len(self.cdroms):
            return self.cdroms[number - FIRST_CDROM]
        return None

    def count(self, hard: bool) -> int:
        """Drives of one kind, the emulated one included."""
        emulation = self.state.emulation
        more = int(emulation is not None and emulation.media != 0 and bool(emulation.drive_number & 0x80) == hard)
        return len(self.disks if hard else self.floppies) + more

    # -- Dispatch ---------------------------------------------------------------------------------------

    def floppy_service(self, call: Call) -> None:
        """INT 40h: the floppy half of INT 13h."""
        if call.dl < FIRST_HARD_DISK:
            self.service(call)
        else:
            self.finish(call, DiskStatus.BAD_COMMAND)

    def service(self, call: Call) -> None:
        function = call.ah
        if function == 0x00:
            self._reset(call)
        elif function == 0x01:
            self._last_status(call)
        elif function == 0x15:
            self._type(call)
        else:
            drive = self.drive(call.dl)
            handler = self._functions.get(function)
            if handler is None or isinstance(drive, CdUnit):
                self.finish(call, DiskStatus.BAD_COMMAND)
            elif drive is None:
                if function == 0x08:
                    call.cx = call.dx = 0
                self.finish(call, DiskStatus.TIMEOUT if call.dl < FIRST_HARD_DISK else DiskStatus.BAD_COMMAND)
            else:
                try:
                    handler(call, drive)
                except DriveError as error:
                    self.finish(call, error.status)

    def finish(self, call: Call, status: DiskStatus) -> None:
        """AH, CF and the status byte of the data area."""
        call.ah = status
        call.carry = status is not DiskStatus.OK
        self.remember(call.dl, status)

    def remember(self, number: int, status: DiskStatus) -> None:
        self._guest.write_byte(bda.FLOPPY_STATUS if number < FIRST_HARD_DISK else bda.DISK_STATUS, status)

    def touch(self, number: int, drive: Drive, writing: bool) -> None:
        """Light, motor, and whether the medium is still the same."""
        self._board.activity(drive.light, writing)
        if isinstance(drive, FloppyUnit):
            self._guest.write_byte(bda.FLOPPY_MOTOR_TIMEOUT, _MOTOR_TICKS)
            drive.check()
            self._note_medium(number, drive)

    def _note_medium(self, number: int, drive: FloppyUnit) -> None:
        """Data rate and media state of 40:90, 40:91 as after a successful access."""
        if number > 1:
            return
        geometry = drive.geometry
        kind = drive.drive.kind
        if geometry.sectors > 18:
            state = 0xD7
        elif geometry.sectors > 15:
            state = 0x17
        elif geometry.sectors > 9:
            state = 0x15
        elif geometry.cylinders > 42:
            state = 0x97
        else:
            state = 0x74 if kind == "1.2M" else 0x93
        self._guest.write_byte(bda.FLOPPY_MEDIA + number, state)

    # -- Small functions ----------------------------------------------------------------------------------

    def _reset(self, call: Call) -> None:
        self._guest.write_byte(bda.FLOPPY_RECALIBRATE, 0)
        known = self.drive(call.dl) is not None or call.dl < FIRST_HARD_DISK
        self.finish(call, DiskStatus.OK if known else DiskStatus.BAD_COMMAND)

    def _last_status(self, call: Call) -> None:
        status = self._guest.read_byte(bda.FLOPPY_STATUS if call.dl < FIRST_HARD_DISK else bda.DISK_STATUS)
        call.ah = status
        call.carry = status != 0

    def _nothing(self, call: Call, drive: Drive) -> None:
        hard_only = call.ah in (0x09, 0x0D, 0x10, 0x11, 0x14) and call.dl < FIRST_HARD_DISK
        self.finish(call, DiskStatus.BAD_COMMAND if hard_only else DiskStatus.OK)

    def _type(self, call: Call) -> None:
        drive = self.drive(call.dl)
        call.carry = False
        if isinstance(drive, FloppyUnit):
            call.ah = 1 if drive.drive.kind == "360K" else 2
        elif isinstance(drive, EmulatedUnit) and call.dl < FIRST_HARD_DISK:
            call.ah = 1
        elif drive is None or isinstance(drive, CdUnit):
            call.ah = 0
            call.carry = call.dl >= FIRST_HARD_DISK
        else:
            sectors = min(drive.geometry.sector_count, drive.block_count)
            call.ah = 3
            call.cx, call.dx = sectors >> 16, sectors
        self.remember(call.dl, DiskStatus.OK)

    def _parameters(self, call: Call, drive: Drive) -> None:
        geometry = drive.geometry
        floppy = call.dl < FIRST_HARD_DISK
        if isinstance(drive, FloppyUnit):
            type_number, geometry = FLOPPY_TYPES[drive.drive.kind]
            medium = drive.drive.medium
            if medium is not None and medium.sectors > geometry.sectors:
                type_number, geometry = 5, drive.geometry
            call.bx = type_number
        elif floppy:
            call.bx = next((kind for kind, shape in FLOPPY_TYPES.values() if shape == geometry), 4)
        if floppy:
            call.es, call.di = self._guest.read_pointer(VECTOR_DISKETTE_TABLE)
        last = geometry.cylinders - 1
        call.al = 0
        call.ch = last
        call.cl = (last >> 2 & 0xC0) | geometry.sectors
        call.dh = geometry.heads - 1
        number = call.dl
        call.dl = self.count(hard=not floppy)
        call.ah = 0
        call.carry = False
        self.remember(number, DiskStatus.OK)

    def _seek(self, call: Call, drive: Drive) -> None:
        cylinder = call.ch | (call.cl & 0xC0) << 2
        bad = cylinder >= drive.geometry.cylinders or call.dh >= drive.geometry.heads
        self.finish(call, DiskStatus.SECTOR_NOT_FOUND if bad else DiskStatus.OK)

    def _change_line(self, call: Call, drive: Drive) -> None:
        status = DiskStatus.OK
        if isinstance(drive, FloppyUnit):
            if drive.drive.medium is None:
                status = DiskStatus.TIMEOUT
            elif drive.drive.changed:
                drive.drive.changed = False
                status = DiskStatus.CHANGED
        elif call.dl >= FIRST_HARD_DISK:
            status = DiskStatus.BAD_COMMAND
        self.finish(call, status)

    def _set_type(self, call: Call, drive: Drive) -> None:
        good = isinstance(drive, FloppyUnit) and 1 <= call.al <= 4
        self.finish(call, DiskStatus.OK if good else DiskStatus.BAD_COMMAND)

    def _set_media(self, call: Call, drive: Drive) -> None:
        """18h: is a medium of so many cylinders and sectors possible? The table to format with."""
        cylinders = (call.ch | (call.cl & 0xC0) << 2) + 1
        sectors = call.cl & 0x3F
        if not isinstance(drive, FloppyUnit):
            self.finish(call, DiskStatus.BAD_COMMAND)
            return
        if drive.drive.medium is None:
            self.finish(call, DiskStatus.TIMEOUT)
            return
        shape = drive.geometry
        if (cylinders, sectors) != (shape.cylinders, shape.sectors):
            self.finish(call, DiskStatus.MEDIA_TYPE)
            return
        call.es, call.di = SYSTEM_SEGMENT, DISKETTE_TABLE
        self.finish(call, DiskStatus.OK)

    # -- Sectors ------------------------------------------------------------------------------------------

    def _place(self, call: Call, drive: Drive) -> tuple[int, int]:
        """(lba, count) of a request. A request may go on over the end of a track."""
        cylinder = call.ch
        sector = call.cl & 0x3F
        if call.dl >= FIRST_HARD_DISK:
            cylinder |= (call.cl & 0xC0) << 2
        if call.al == 0:
            raise DriveError(DiskStatus.BAD_COMMAND)
        lba = drive.geometry.lba(cylinder, call.dh, sector)
        if lba is None or lba + call.al > max(drive.block_count, 0):
            raise DriveError(DiskStatus.SECTOR_NOT_FOUND)
        return lba, call.al

    def _transfer(self, call: Call, drive: Drive, writing: bool) -> tuple[int, int]:
        try:
            self.touch(call.dl, drive, writing)
            return self._place(call, drive)
        except DriveError:
            call.al = 0
            raise

    def _read(self, call: Call, drive: Drive) -> None:
        lba, count = self._transfer(call, drive, writing=False)
        call.store(call.es, call.bx, drive.read(lba, count))
        self.finish(call, DiskStatus.OK)

    def _write(self, call: Call, drive: Drive) -> None:
        data = call.fetch_long(call.es, call.bx, call.al * SECTOR_BYTES)
        lba, _count = self._transfer(call, drive, writing=True)
        drive.write(lba, data)
        self.finish(call, DiskStatus.OK)

    def _verify(self, call: Call, drive: Drive) -> None:
        self._transfer(call, drive, writing=False)
        self.finish(call, DiskStatus.OK)

    def _read_long(self, call: Call, drive: Drive) -> None:
        """Sectors with four bytes of error correction code after each; ours are zero."""
        lba, count = self._transfer(call, drive, writing=False)
        data = drive.read(lba, count)
        parts = (data[at : at + SECTOR_BYTES] + bytes(4) for at in range(0, len(data), SECTOR_BYTES))
        call.store(call.es, call.bx, b"".join(parts))
        self.finish(call, DiskStatus.OK)

    def _write_long(self, call: Call, drive: Drive) -> None:
        size = SECTOR_BYTES + 4
        data = call.fetch_long(call.es, call.bx, call.al * size)
        lba, _count = self._transfer(call, drive, writing=True)
        drive.write(lba, b"".join(data[at : at + SECTOR_BYTES] for at in range(0, len(data), size)))
        self.finish(call, DiskStatus.OK)

    def _format(self, call: Call, drive: Drive) -> None:
        if not isinstance(drive, FloppyUnit):
            # An IDE disk's tracks are formatted already.
            self._seek(call, drive)
            return
        marks = call.fetch(call.es, call.bx, drive.geometry.sectors * 4)
        table_segment, table_offset = self._guest.read_pointer(VECTOR_DISKETTE_TABLE)
        fill = self._guest.read_byte(table_segment * 16 + table_offset + 8)
        self.touch(call.dl, drive, writing=True)
        sectors = [marks[at + 2] for at in range(0, len(marks), 4)]
        if any(marks[at + 3] != 2 for at in range(0, len(marks), 4)):
            raise DriveError(DiskStatus.BAD_COMMAND)  # sectors of 512 bytes only
        drive.format_track(call.ch, call.dh, sectors, fill)
        self.finish(call, DiskStatus.OK)

    # -- Tables -------------------------------------------------------------------------------------------

    def write_tables(self) -> None:
        """The drive tables that INT 41h and INT 46h point to, and the number of disks."""
        guest = self._guest
        guest.write_byte(bda.DISK_COUNT, len(self.disks))
        for index, vector in enumerate(VECTOR_DISK_TABLE):
            address = bda.EBDA_DISK_TABLES + index * 16
            shape = self.disks[index].geometry if index < len(self.disks) else Geometry(0, 0, 0)
            control = 0x08 if shape.heads > 8 else 0
            table = struct.pack(
                "<HBHHBB3sHBB", shape.cylinders & 0xFFFF, shape.heads, 0, 0xFFFF, 0, control, bytes(3),
                shape.cylinders & 0xFFFF, shape.sectors, 0,
            )  # fmt: skip
            guest.write(address, table)
            guest.write_pointer(vector, bda.EBDA_SEGMENT_VALUE, address - bda.EBDA_LINEAR)
