"""Drives on an IDE controller on the real bus, driven the way a guest drives them: by their ports."""

from __future__ import annotations

import struct
from pathlib import Path

from engine._core import Bus, PhysicalMemory
from engine.board_bus import attach_map
from engine.devices.ata_disk import AtaDisk
from engine.devices.atapi_cdrom import AtapiCdrom
from engine.devices.device import ResetKind
from engine.devices.ide_controller import IdeController
from engine.devices.ide_device import IdeDevice
from engine.disks.block_device import BlockError
from engine.disks.cd_image import CdImage
from engine.disks.raw import RawDisk
from engine.irq import RecordingIrqLine

COMMAND, CONTROL, BUS_MASTER = (0x1F0, 0x170), (0x3F6, 0x376), 0xD000
BSY, DRDY, DF, DSC, DRQ, ERR = 0x80, 0x40, 0x20, 0x10, 0x08, 0x01
READY, ASKING, FAILED = DRDY | DSC, DRDY | DSC | DRQ, DRDY | DSC | ERR
UNC, IDNF, ABRT = 0x40, 0x10, 0x04
SRST, NIEN, HOB = 0x04, 0x02, 0x80
LBA, SLAVE = 0x40, 0x10
BMIC, BMIS, BMIDTP = 0, 2, 4
PRD_TABLE = 0x1000
DATA_IN, DATA_OUT, PACKET_IN, DONE = 2, 0, 1, 3  # interrupt reasons


def sector(lba: int) -> bytes:
    """What a sector of a test disk holds: its own number, over and over."""
    return struct.pack("<I", lba) * 128


def make_disk(path: Path, sectors: int) -> Path:
    path.write_bytes(b"".join(sector(lba) for lba in range(sectors)))
    return path


def block(lba: int) -> bytes:
    """What a block of a test CD holds."""
    return struct.pack(">I", lba) * 512


def make_cd(path: Path, blocks: int) -> Path:
    path.write_bytes(b"".join(block(lba) for lba in range(blocks)))
    return path


class IdeRig:
    """Four slots as in the machine; ``channel`` is the one that is talked to."""

    def __init__(self, drives: list[IdeDevice | None]) -> None:
        self.drives = drives
        self.irqs = (RecordingIrqLine(), RecordingIrqLine())
        self.memory = PhysicalMemory(1 << 20, 0)
        self.memory.map_backed(0, 1 << 20, 0, self.memory.PAGE_READ | self.memory.PAGE_WRITE)
        self.bus = Bus(self.memory)
        self.is_master = True
        self.controller = IdeController(self.irqs, drives, self.memory, lambda: self.is_master)
        for channel in (0, 1):
            attach_map(self.bus, self.controller.command_ports(channel), COMMAND[channel], "IDE")
            attach_map(self.bus, self.controller.control_ports(channel), CONTROL[channel], "IDE")
        attach_map(self.bus, self.controller.bus_master_ports(), BUS_MASTER, "IDE bus master")
        self.controller.reset(ResetKind.POWER_ON)
        self.channel = 0

    # -- Ports

    @property
    def irq(self) -> RecordingIrqLine:
        return self.irqs[self.channel]

    def inp(self, register: int, size: int = 1) -> int:
        return self.bus.port_read(COMMAND[self.channel] + register, size)

    def out(self, register: int, value: int, size: int = 1) -> None:
        self.bus.port_write(COMMAND[self.channel] + register, value, size)

    def control(self, value: int) -> None:
        self.bus.port_write(CONTROL[self.channel], value, 1)

    @property
    def alternate(self) -> int:
        return self.bus.port_read(CONTROL[self.channel], 1)

    @property
    def status(self) -> int:
        """The status register; reading it takes the interrupt back."""
        return self.inp(7)

    @property
    def error(self) -> int:
        return self.inp(1)

    @property
    def count(self) -> int:
        return self.inp(2)

    def read(self, length: int) -> bytes:
        return b"".join(self.inp(0, 2).to_bytes(2, "little") for _ in range(length // 2))

    def write(self, data: bytes) -> None:
        for at in range(0, len(data), 2):
            self.out(0, int.from_bytes(data[at : at + 2], "little"), 2)

    # -- Bus master

    def master_in(self, register: int, size: int = 1) -> int:
        return self.bus.port_read(BUS_MASTER + 8 * self.channel + register, size)

    def master_out(self, register: int, value: int, size: int = 1) -> None:
        self.bus.port_write(BUS_MASTER + 8 * self.channel + register, value, size)

    def table(self, *regions: tuple[int, int], at: int = PRD_TABLE, end: bool = True) -> None:
        """Writes a table of (address, length) and points the master to it; ``end``: EOT in the last one."""
        data = bytearray(b"".join(struct.pack("<II", address, length & 0xFFFF) for address, length in regions))
        data[-1] |= 0x80 if end else 0
        self.memory.write(at, data)
        self.master_out(BMIDTP, at, 4)

    def start(self, to_memory: bool = True) -> int:
        """Starts the master as drivers do; the status."""
        self.master_out(BMIS, 0x06)
        self.master_out(BMIC, 0x08 if to_memory else 0x00)
        self.master_out(BMIC, 0x09 if to_memory else 0x01)
        return self.master_in(BMIS)

    # -- ATA

    def command(self, code: int, features: int = 0, count: int = 0, lba: int = 0, device: int = LBA) -> int:
        """A command with a 28-bit address; the status, with the interrupt left alone."""
        self.out(6, device | lba >> 24 & 0x0F)
        for register, value in enumerate((features, count, lba & 0xFF, lba >> 8 & 0xFF, lba >> 16 & 0xFF), 1):
            self.out(register, value)
        self.out(7, code)
        return self.alternate

    def command_chs(self, code: int, count: int, cylinder: int, head: int, number: int) -> int:
        self.out(6, head)
        for register, value in enumerate((0, count, number, cylinder & 0xFF, cylinder >> 8), 1):
            self.out(register, value)
        self.out(7, code)
        return self.alternate

    def command_ext(self, code: int, count: int, lba: int, device: int = LBA) -> int:
        """A 48-bit command: the high bytes go first."""
        self.out(6, device)
        for register, value in ((2, count >> 8), (3, lba >> 24), (4, lba >> 32), (5, lba >> 40)):
            self.out(register, value & 0xFF)
        for register, value in ((2, count), (3, lba), (4, lba >> 8), (5, lba >> 16)):
            self.out(register, value & 0xFF)
        self.out(7, code)
        return self.alternate

    @property
    def lba(self) -> int:
        """The 28-bit address in the task file."""
        return self.inp(3) | self.inp(4) << 8 | self.inp(5) << 16 | (self.inp(6) & 0x0F) << 24

    @property
    def lba_ext(self) -> int:
        low = self.inp(3) | self.inp(4) << 8 | self.inp(5) << 16
        self.control(HOB)
        high = self.inp(3) | self.inp(4) << 8 | self.inp(5) << 16
        self.control(0)
        return low | high << 24

    @property
    def chs(self) -> tuple[int, int, int]:
        return self.inp(4) | self.inp(5) << 8, self.inp(6) & 0x0F, self.inp(3)

    @property
    def signature(self) -> tuple[int, int, int, int]:
        return self.inp(2), self.inp(3), self.inp(4), self.inp(5)

    def identify(self, code: int = 0xEC) -> list[int]:
        self.command(code)
        assert self.status & (DRQ | ERR) == DRQ
        return list(struct.unpack("<256H", self.read(512)))

    # -- ATAPI

    def packet(self, packet: bytes, byte_count: int = 0xFFFE, dma: bool = False) -> int:
        """Sends a packet as drivers do; the status after it, with the interrupt left alone."""
        self.out(1, int(dma))
        self.out(4, byte_count & 0xFF)
        self.out(5, byte_count >> 8)
        self.out(7, 0xA0)
        assert self.alternate & (BSY | DRQ | ERR) == DRQ
        assert self.count & 3 == PACKET_IN
        self.write(packet.ljust(12, b"\0"))
        return self.alternate

    @property
    def byte_count(self) -> int:
        return self.inp(4) | self.inp(5) << 8

    def pieces(self) -> list[bytes]:
        """Takes the data of a packet command, block by block, each announced by an interrupt."""
        pieces = []
        while self.alternate & DRQ:
            assert self.irq.level
            assert self.status & ERR == 0 and not self.irq.level
            assert self.count & 3 == DATA_IN
            length = self.byte_count
            assert length > 0
            pieces.append(self.read(length + (length & 1))[:length])
        return pieces

    def packet_in(self, packet: bytes, byte_count: int = 0xFFFE) -> bytes:
        """A packet command that works, and its data."""
        self.packet(packet, byte_count)
        data = b"".join(self.pieces())
        self.done()
        return data

    def done(self) -> None:
        """The end of a packet command that worked."""
        assert self.irq.level
        assert self.count & 3 == DONE
        assert self.status == READY and not self.irq.level

    def packet_fails(self, packet: bytes, byte_count: int = 0xFFFE) -> tuple[int, int, int]:
        """A packet command that ends with CHECK CONDITION: the sense that REQUEST SENSE then tells."""
        self.packet(packet, byte_count)
        self.pieces()
        assert self.irq.level
        assert self.count & 3 == DONE
        assert self.status & (BSY | DRQ | ERR) == ERR and not self.irq.level
        key = self.error >> 4
        sense = self.sense()
        assert sense[0] == key and self.error == 0
        return sense

    def sense(self) -> tuple[int, int, int]:
        reply = self.packet_in(bytes((0x03, 0, 0, 0, 18)))
        assert len(reply) == 18 and reply[0] & 0x7F == 0x70 and reply[7] == 10
        return reply[2] & 0x0F, reply[12], reply[13]


class DiskRig(IdeRig):
    """One disk (or two) on the first channel."""

    def __init__(self, folder: Path, sectors: int = 2016, read_only: bool = False, slave: bool = False) -> None:
        self.path = make_disk(folder / "disk.img", sectors)
        self.told: list[BlockError] = []
        self.lights: list[bool] = []
        self.image = RawDisk(self.path, read_only, self.told.append)
        self.images = [self.image]
        self.disk = AtaDisk(self.image, self.lights.append, self.told.append)
        second = None
        if slave:
            self.images.append(RawDisk(make_disk(folder / "slave.img", 1000)))
            second = AtaDisk(self.images[1])
        super().__init__([self.disk, second, None, None])

    def on_disk(self, lba: int, count: int = 1) -> bytes:
        return self.path.read_bytes()[lba * 512 : (lba + count) * 512]

    def close(self) -> None:
        for image in self.images:
            image.close()


class CdRig(IdeRig):
    """A CD-ROM drive as the only drive of the second channel, with a CD in it that has been noticed."""

    def __init__(self, folder: Path, blocks: int = 400) -> None:
        self.path = make_cd(folder / "cd.iso", blocks)
        self.told: list[BlockError] = []
        self.lights: list[bool] = []
        self.drive = AtapiCdrom(self.lights.append)
        super().__init__([None, None, self.drive, None])
        self.channel = 1
        self.insert(self.path)
        assert self.packet_fails(bytes(12)) == (6, 0x28, 0)
        self.packet_in(bytes((0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8)))

    def insert(self, path: Path) -> None:
        self.drive.insert(CdImage.open(path, self.told.append))

    def close(self) -> None:
        self.drive.eject()
