"""A floppy controller with its DMA controller, drives and diskettes, driven the way a guest drives it: by its ports."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.clock import MILLISECOND_NS, ManualClock
from engine.devices.dma_8237 import DmaControllers
from engine.devices.floppy_controller_82077 import FloppyController82077
from engine.devices.floppy_drive import FloppyDrive
from engine.disks.block_device import BlockError
from engine.disks.floppy_image import FORMATS, FloppyFormat, FloppyImage
from engine.irq import RecordingIrqLine

SRA, SRB, DOR, TDR, MSR, DSR, FIFO, DIR, CCR = 0, 1, 2, 3, 4, 4, 5, 7, 7
RQM, DIO, NON_DMA, BUSY = 0x80, 0x40, 0x20, 0x10
RATE_BITS = {500: 0, 300: 1, 250: 2, 1000: 3}
DMA_BUFFER = 0x20000
DISK_TO_MEMORY, MEMORY_TO_DISK, DMA_VERIFY = 0x44, 0x48, 0x40
KINDS = {kind.name: kind for kind in FORMATS}
MOST_MS = 500  # no command takes longer


class Memory:
    """A megabyte of guest memory."""

    def __init__(self) -> None:
        self.bytes = bytearray(1 << 20)

    def read(self, physical: int, length: int) -> bytes:
        return bytes(self.bytes[physical : physical + length])

    def write(self, physical: int, data: bytes | bytearray | memoryview) -> None:
        self.bytes[physical : physical + len(data)] = data


def sector_bytes(cylinder: int, head: int, sector: int) -> bytes:
    """What a sector of a test diskette holds: its own address, over and over."""
    return bytes([cylinder + 1, head + 1, sector, 0xA5]) * 128


def make_image(path: Path, kind: FloppyFormat) -> Path:
    with path.open("wb") as file:
        for cylinder in range(kind.cylinders):
            for head in range(kind.heads):
                for sector in range(1, kind.sectors + 1):
                    file.write(sector_bytes(cylinder, head, sector))
    return path


class FloppyRig:
    """Two drives; the first holds a diskette, the second is empty."""

    def __init__(self, folder: Path, kind: str = "1.44M", read_only: bool = False, drives: int = 2) -> None:
        self.clock = ManualClock()
        self.memory = Memory()
        self.dma = DmaControllers(self.memory)
        self.dma_ports = {port.offset: port for port in self.dma.port_map()}
        self.irq = RecordingIrqLine()
        self.lights: list[tuple[int, bool]] = []
        self.drives = [self._drive(number) for number in range(drives)]
        self.fdc = FloppyController82077(self.irq, self.dma.channel(2), self.clock, self.drives)
        self.ports = {port.offset: port for port in self.fdc.port_map()}
        self.kind = KINDS[kind]
        self.path = make_image(folder / f"{kind}.img", self.kind)
        self.told: list[BlockError] = []
        self.image = FloppyImage.open(self.path, read_only, self.told.append)
        self.drives[0].insert(self.image)

    def _drive(self, number: int) -> FloppyDrive:
        return FloppyDrive("2.88M", activity=lambda writing: self.lights.append((number, writing)))

    def close(self) -> None:
        for drive in self.drives:
            drive.eject()
        self.image.close()

    # -- Ports

    def out(self, port: int, value: int) -> None:
        write = self.ports[port].write
        assert write is not None
        write(value)

    def inp(self, port: int) -> int:
        read = self.ports[port].read
        assert read is not None
        value = read()
        assert 0 <= value <= 0xFF
        return value

    def wait(self, milliseconds: float = 1) -> None:
        self.clock.advance(int(milliseconds * MILLISECOND_NS))

    def wait_for_interrupt(self) -> None:
        for _ in range(MOST_MS):
            if self.irq.level:
                return
            self.wait()
        raise AssertionError("No interrupt came.")

    def wait_for_request(self) -> None:
        """Until the controller wants to be read or written."""
        for _ in range(MOST_MS):
            if self.inp(MSR) & RQM:
                return
            self.wait()
        raise AssertionError(f"The controller asks for nothing; MSR is {self.inp(MSR):02X}h.")

    # -- The protocol of section 4: command, execution, result

    def start(self, dor: int = 0x1C) -> None:
        """Out of reset with the motor of drive 0 on; the four reports are sensed; the data rate fits the diskette."""
        self.out(DOR, 0)
        self.out(DOR, dor)
        self.wait_for_interrupt()
        for number in range(4):
            assert self.command(0x08)[0] == 0xC0 | number
        self.out(CCR, RATE_BITS[self.kind.data_rate])

    def send(self, *values: int) -> None:
        for value in values:
            assert self.inp(MSR) & (RQM | DIO) == RQM, f"MSR is {self.inp(MSR):02X}h instead of waiting for a command."
            self.out(FIFO, value)

    def result(self) -> list[int]:
        self.wait_for_request()
        values = []
        while self.inp(MSR) & (RQM | DIO | BUSY) == RQM | DIO | BUSY:
            assert not self.inp(MSR) & NON_DMA
            values.append(self.inp(FIFO))
            assert len(values) <= 16
        assert self.inp(MSR) & 0xF0 == RQM
        return values

    def command(self, *values: int) -> list[int]:
        """A whole command; the result's bytes."""
        self.send(*values)
        return self.result()

    def seek(self, cylinder: int, drive: int = 0) -> list[int]:
        self.send(0x0F, drive, cylinder)
        self.wait_for_interrupt()
        return self.command(0x08)

    # -- DMA channel 2

    def program_dma(self, mode: int, count: int, address: int = DMA_BUFFER, unmask: bool = True) -> None:
        def out(port: int, value: int) -> None:
            write = self.dma_ports[port].write
            assert write is not None
            write(value)

        out(0x0A, 0x06)
        out(0x0C, 0)
        out(0x04, address & 0xFF)
        out(0x04, address >> 8 & 0xFF)
        out(0x05, (count - 1) & 0xFF)
        out(0x05, (count - 1) >> 8)
        out(0x81, address >> 16)
        out(0x0B, mode | 2)
        if unmask:
            out(0x0A, 0x02)

    def read(self, *command: int, count: int = 512) -> tuple[list[int], bytes]:
        """A command that brings ``count`` bytes by DMA: the result and what came."""
        self.memory.bytes[DMA_BUFFER : DMA_BUFFER + 0x10000] = b"\xee" * 0x10000
        self.program_dma(DISK_TO_MEMORY, count)
        result = self.command(*command)
        return result, self.memory.read(DMA_BUFFER, count)

    def write(self, *command: int, data: bytes) -> list[int]:
        self.memory.write(DMA_BUFFER, data)
        self.program_dma(MEMORY_TO_DISK, len(data))
        return self.command(*command)

    # -- Programmed transfers

    def use_programmed_transfers(self) -> None:
        self.command_without_result(0x03, 0xDF, 0x03)

    def command_without_result(self, *values: int) -> None:
        self.send(*values)
        assert self.inp(MSR) & 0xF0 == RQM

    def read_programmed(self, *command: int) -> tuple[list[int], bytes]:
        """Reads as long as the controller says it is in a non-DMA execution phase."""
        self.send(*command)
        data = bytearray()
        self.wait_for_request()
        while self.inp(MSR) & NON_DMA:
            assert self.inp(MSR) == RQM | DIO | NON_DMA | BUSY
            data.append(self.inp(FIFO))
            self.wait_for_request()
        return self.result(), bytes(data)

    def write_programmed(self, *command: int, data: bytes) -> tuple[list[int], int]:
        """Returns the result and how many bytes the controller took."""
        self.send(*command)
        taken = 0
        self.wait_for_request()
        while self.inp(MSR) & NON_DMA:
            assert self.inp(MSR) == RQM | NON_DMA | BUSY
            self.out(FIFO, data[taken])
            taken += 1
            self.wait_for_request()
        return self.result(), taken

    # -- What is on the diskette

    def on_disk(self, cylinder: int, head: int, sector: int) -> bytes:
        place = (cylinder * self.kind.heads + head) * self.kind.sectors + sector - 1
        with self.path.open("rb") as file:
            file.seek(place * 512)
            return file.read(512)

    def expected(self, places: Sequence[tuple[int, int, int]]) -> bytes:
        return b"".join(sector_bytes(*place) for place in places)
