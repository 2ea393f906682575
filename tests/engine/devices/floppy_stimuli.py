"""Random guests and people around a floppy controller: whole commands, DMA set-ups, diskettes coming and going."""

from __future__ import annotations

import random
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

from engine.bus import Port
from engine.devices.device import ResetKind
from engine.devices.dma_8237 import DmaControllers
from engine.devices.floppy_drive import FloppyDrive
from engine.disks.floppy_image import FORMATS, FloppyImage
from engine.errors import StateError

KIND = next(kind for kind in FORMATS if kind.name == "360K")
# Valid commands by length; what follows the code is random.
COMMANDS = {
    1: (0x08, 0x0E, 0x10, 0x14, 0x94, 0x18, 0x00),
    2: (0x04, 0x07, 0x4A, 0x0A, 0x12),
    3: (0x03, 0x0F, 0x8F, 0xCF),
    4: (0x13,),
    6: (0x4D, 0x0D),
    9: (0x42, 0x45, 0xC5, 0x46, 0xC6, 0xE6, 0x49, 0x4C, 0x6C, 0x56, 0xD6, 0x51, 0x59, 0x5D, 0xD1),
}


@dataclass
class DisketteState:
    inserted: bool
    read_only: bool
    content: bytes


class Diskette:
    """What lies in the drive, as part of what the tests save and load: a machine's disks are saved beside its chips."""

    def __init__(self, drive: FloppyDrive) -> None:
        folder = Path(tempfile.mkdtemp())
        self._path = folder / "a.img"
        self._path.write_bytes(random.Random(1).randbytes(KIND.size))
        self._drive = drive
        self.insert()
        weakref.finalize(self, _clean_up, drive, folder)

    def insert(self, read_only: bool = False) -> None:
        self._drive.eject()
        self._drive.insert(FloppyImage.open(self._path, read_only))

    def content(self) -> bytes:
        content = self._path.read_bytes()
        assert len(content) == KIND.size, "something was written outside of the diskette"
        return content

    def reset(self, kind: ResetKind) -> None:
        pass

    def save(self) -> DisketteState:
        return DisketteState(self._drive.medium is not None, self._drive.write_protected, self.content())

    def load(self, state: DisketteState) -> None:
        if not isinstance(state, DisketteState):
            raise StateError("This is no diskette.")
        self._path.write_bytes(state.content)
        if state.inserted:
            self.insert(state.read_only)
        else:
            self._drive.eject()


def _clean_up(drive: FloppyDrive, folder: Path) -> None:
    drive.eject()
    shutil.rmtree(folder)


class RandomGuest:
    """Drives the controller by its ports, mostly as it wants to be driven, and never for ever."""

    def __init__(self, ports: list[Port], dma: DmaControllers) -> None:
        self._ports = {port.offset: port for port in ports}
        self._dma_ports = {port.offset: port for port in dma.port_map()}

    def _out(self, port: int, value: int) -> None:
        write = self._ports[port].write
        assert write is not None
        write(value)

    def _inp(self, port: int) -> int:
        read = self._ports[port].read
        assert read is not None
        return read()

    def out_of_reset(self, chance: random.Random) -> None:
        self._out(2, chance.choice((0x0C, 0x1C, 0x1C, 0x14, 0x3D)))
        self._out(7, chance.choice((2, 2, 2, 1, 0)))

    def send_command(self, chance: random.Random) -> None:
        length = chance.choice(tuple(COMMANDS))
        self._take_results(chance)
        self._send(chance.choice(COMMANDS[length]), *[self._parameter(chance) for _ in range(length - 1)])

    def send_good_transfer(self, chance: random.Random) -> None:
        """One that can work if the head is there."""
        self._take_results(chance)
        head, cylinder = chance.randrange(2), chance.choice((0, 0, 0, 1, 39))
        sector = chance.randrange(1, KIND.sectors + 1)
        last = chance.randrange(sector, KIND.sectors + 1)
        self._send(chance.choice(COMMANDS[9]), head << 2, cylinder, head, sector, 2, last, 0x2A, chance.randrange(256))

    def recalibrate(self, chance: random.Random) -> None:
        self._take_results(chance)
        self._send(0x07, 0)

    def format_track(self, chance: random.Random) -> None:
        self._take_results(chance)
        self._send(0x4D, chance.choice((0, 4)), 2, chance.choice((1, 9, 255)), 0x50, chance.randrange(256))

    def _parameter(self, chance: random.Random) -> int:
        return chance.choice((0, 0, 0, 1, 2, 4, chance.randrange(20), chance.randrange(256)))

    def _send(self, *values: int) -> None:
        for value in values:
            self._out(5, value)

    def _take_results(self, chance: random.Random) -> None:
        for _ in range(chance.randrange(1500)):
            if self._inp(4) & 0xD0 != 0xD0:
                return
            self._inp(5)

    def feed_data(self, chance: random.Random) -> None:
        for value in chance.randbytes(chance.randrange(1500)):
            if self._inp(4) & 0xE0 != 0xA0:
                return
            self._out(5, value)

    def program_dma(self, chance: random.Random) -> None:
        values = (
            (0x0A, 6),
            (0x0C, 0),
            (0x04, chance.randrange(256)),
            (0x04, chance.randrange(256)),
            (0x05, chance.randrange(256)),
            (0x05, chance.randrange(0x30)),
            (0x81, chance.choice((1, 5, 0xFF))),
            (0x0B, chance.choice((0x46, 0x46, 0x4A, 0x4A, 0x42, 0x56, 0x66, 0xC2))),
            (0x0A, chance.choice((2, 2, 2, 6))),
        )
        for port, value in values:
            write = self._dma_ports[port].write
            assert write is not None
            write(value)
