"""Random guests and people around an IDE controller: whole commands and packets, data moved, discs coming and going."""

from __future__ import annotations

import random
import shutil
import struct
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.bus import Memory, Port
from engine.devices.atapi_cdrom import AtapiCdrom
from engine.devices.device import ResetKind
from engine.devices.ide_controller import IdeController
from engine.disks.block_device import BlockError
from engine.disks.cd_image import CdImage
from engine.errors import StateError

SECTORS = 300
BLOCKS = 40
# Commands that do something, by kind; what follows them is random.
DISK_COMMANDS = (0x20, 0x24, 0x29, 0xC4, 0x30, 0x34, 0x39, 0xC5, 0x40, 0x42, 0x91, 0xC6, 0xEC, 0xEF, 0x10, 0x70, 0xE5)
DISK_COMMANDS += (0x20, 0x30, 0xC6, 0xE0, 0xE7, 0xF8, 0x27, 0x90, 0xEA, 0xE1, 0xC8, 0xCA, 0x25, 0x35, 0xC9, 0xCB)
PRD_TABLE, DMA_BUFFERS = 0x1000, 0x2000
PACKETS = (0x00, 0x03, 0x12, 0x15, 0x1A, 0x1B, 0x1E, 0x25, 0x28, 0xA8, 0xBE, 0xB9, 0x2B, 0x2F, 0x42, 0x43, 0x44, 0x46)
PACKETS += (0x00, 0x28, 0xBE, 0x4A, 0x51, 0x52, 0x55, 0x55, 0x5A, 0xAD, 0xBB, 0xBD, 0x45)
MODE_PAGE = bytes((0x0E, 14, 4, 0, 0, 0, 0, 75, 1, 0x40, 2, 0x50, 0, 0, 0, 0))


@dataclass
class DiskContent:
    data: bytes


class MemoryDisk:
    """The disk's sectors, as part of what the tests save and load. Sector 77 cannot be read, nor 78 written."""

    path = Path("memory.img")
    read_only = False
    sector_count = SECTORS

    def __init__(self) -> None:
        self._data = bytearray(random.Random(1).randbytes(SECTORS * 512))

    def _check(self, lba: int, count: int, bad: int) -> None:
        if not 0 <= lba <= lba + count <= SECTORS:
            raise ValueError
        if lba <= bad < lba + count:
            raise BlockError(self.path, "bad")

    def read(self, lba: int, count: int) -> bytes:
        self._check(lba, count, 77)
        return bytes(self._data[lba * 512 : (lba + count) * 512])

    def write(self, lba: int, data: bytes) -> None:
        assert len(data) % 512 == 0
        self._check(lba, len(data) // 512, 78)
        self._data[lba * 512 : lba * 512 + len(data)] = data

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def content(self) -> bytes:
        return bytes(self._data)

    def reset(self, kind: ResetKind) -> None:
        pass

    def save(self) -> DiskContent:
        return DiskContent(self.content())

    def load(self, state: DiskContent) -> None:
        if not isinstance(state, DiskContent):
            raise StateError("This is no disk.")
        self._data[:] = state.data


@dataclass
class TrayState:
    disc: int | None


class CdTray:
    """Which disc lies in the drive, loaded before the drive's own state."""

    def __init__(self, drive: AtapiCdrom) -> None:
        folder = Path(tempfile.mkdtemp())
        self._paths = [folder / "a.iso", folder / "b.bin"]
        self._paths[0].write_bytes(random.Random(1).randbytes(BLOCKS * 2048))
        raw = b"\0" + b"\xff" * 10 + b"\0" + bytes((0, 2, 0, 2)) + bytes(2336)
        self._paths[1].write_bytes(raw * (BLOCKS // 2))
        self._drive = drive
        self._disc: int | None = None
        self._put(0)
        weakref.finalize(self, _clean_up, drive, folder)

    def _put(self, disc: int | None) -> None:
        self._disc = disc
        if disc is None:
            self._drive.eject()
        else:
            self._drive.insert(CdImage.open(self._paths[disc]))

    def change(self, chance: random.Random) -> None:
        if chance.random() < 0.3:
            self._put(chance.choice((0, 0, 1, None)))

    def reset(self, kind: ResetKind) -> None:
        pass

    def save(self) -> TrayState:
        return TrayState(self._disc)

    def load(self, state: TrayState) -> None:
        if not isinstance(state, TrayState):
            raise StateError("This is no tray.")
        self._put(state.disc)


def _clean_up(drive: AtapiCdrom, folder: Path) -> None:
    drive.eject()
    shutil.rmtree(folder)


class IdeGuest:
    """Drives the first channel, a disk and a CD-ROM drive, mostly as it wants to be driven."""

    def __init__(self, controller: IdeController, memory: Memory, note: Callable[..., None]) -> None:
        self._memory = memory
        self._bus_master = controller.bus_master_ports()[0]
        self._ports = {port.offset: port for port in controller.command_ports(0)}
        self._control = controller.control_ports(0)[0]
        self._note = note

    def _out(self, port: Port, value: int) -> None:
        assert port.write is not None
        port.write(value)

    def _inp(self, port: Port) -> int:
        assert port.read is not None
        return port.read()

    def _wake_up(self) -> None:
        """The random values that the control register got have left the drives in a reset, or a command asleep."""
        if self._inp(self._control) & 0x80:
            self._out(self._control, 0x04)
            self._out(self._control, 0x00)

    def disk_command(self, chance: random.Random) -> None:
        self._wake_up()
        self._out(self._ports[6], chance.choice((0x40, 0x40, 0x00, 0x03, chance.randrange(256))))
        for _ in range(2):
            self._out(self._ports[2], chance.choice((0, 1, 3, 16, chance.randrange(256))))
            self._out(self._ports[3], chance.randrange(256) if chance.random() < 0.9 else 77)
            self._out(self._ports[4], chance.choice((0, 0, 0, 1)))
            self._out(self._ports[5], 0)
        self._out(self._ports[1], chance.choice((0x02, 0x03, 0x66, 0xCC, chance.randrange(256))))
        self._out(self._ports[7], chance.choice(DISK_COMMANDS))
        if chance.random() < 0.7:
            self.move_data(chance)

    def send_packet(self, chance: random.Random) -> None:
        self._wake_up()
        self._out(self._ports[6], 0x10)
        self._out(self._ports[1], chance.choice((0, 0, 1)))
        self._out(self._ports[4], chance.choice((0, 0, 10, 254, chance.randrange(256))))
        self._out(self._ports[5], chance.choice((8, 0xFF, 0, chance.randrange(256))))
        self._out(self._ports[7], 0xA0)
        packet = bytearray(12)
        packet[0] = chance.choice(PACKETS)
        for at in range(1, 12):
            packet[at] = chance.choice((0, 0, 0, 0, 1, 2, 0x10, 0x2A, chance.randrange(BLOCKS), chance.randrange(256)))
        if packet[0] == 0x55:
            packet[1], packet[7], packet[8] = 0, 0, 24
        elif packet[0] in (0x28, 0xA8, 0xBE):
            packet[2:9] = bytes((0, 0, 0, chance.randrange(BLOCKS + 1), 0, 0, chance.randrange(9)))
        write = self._ports[0].write_block
        assert write is not None
        write(bytes(packet))
        if chance.random() < 0.7:
            self.move_data(chance)

    def move_data(self, chance: random.Random) -> None:
        """Takes what is offered and gives what is asked for, up to some number of words."""
        read, write = self._ports[0].read_block, self._ports[0].write_block
        assert read is not None and write is not None
        for _ in range(chance.randrange(30)):
            if not self._inp(self._control) & 0x08:
                return
            if chance.random() < 0.5:
                write(chance.choice((chance.randbytes(512), bytes(8) + MODE_PAGE)))
            else:
                self._note("data", read(256))

    def start_dma(self, chance: random.Random) -> None:
        """A table of regions, mostly a sound one, and the master started, mostly in the right direction."""
        regions = []
        for _ in range(chance.randrange(1, 9)):
            start = DMA_BUFFERS + chance.randrange(0x1800) if chance.random() < 0.9 else chance.getrandbits(32)
            regions.append(struct.pack("<II", start, chance.choice((2, 512, 512, 1024, 2048, chance.getrandbits(31)))))
        if chance.random() < 0.8:
            start, length = struct.unpack("<II", regions[-1])
            regions[-1] = struct.pack("<II", start, length | 0x80000000)
        self._memory.write(PRD_TABLE, b"".join(regions))
        write = self._bus_master.write
        assert write is not None
        write(0, 0, 1)
        write(4, PRD_TABLE if chance.random() < 0.9 else chance.getrandbits(32), 4)
        write(2, chance.choice((0x06, 0x66)), 1)
        code, direction = chance.choice(((0xC8, 0x09), (0xCA, 0x01), (0xC8, 0x01)))
        write(0, direction, 1)
        if chance.random() < 0.7:
            self._wake_up()
            for register, value in ((6, 0x40), (2, chance.randrange(1, 9)), (3, chance.randrange(256)), (4, 0), (5, 0)):
                self._out(self._ports[register], value)
            self._out(self._ports[7], code)

    def end_dma(self, chance: random.Random) -> None:
        read, write = self._bus_master.read, self._bus_master.write
        assert read is not None and write is not None
        self._note("bus master", read(0, 4), read(4, 4))
        write(0, 0, 1)

    def read_status(self, chance: random.Random) -> None:
        for register in (7, 1, 2, 3, 4, 5, 6):
            self._note("register", register, self._inp(self._ports[register]))

    def software_reset(self, chance: random.Random) -> None:
        if chance.random() < 0.4:
            self._out(self._control, 0x04)
            self._out(self._control, chance.choice((0x00, 0x00, 0x02)))
