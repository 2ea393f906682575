"""A board without a processor: memory, ports that remember, media in memory, and a caller that plays the stub."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.clock import ManualClock
from engine.config import MachineConfig
from engine.firmware import Firmware, FirmwareBoard
from engine.firmware.mailbox_layout import (
    FRAME_BYTES,
    FRAME_FORMAT,
    PORT_BLOCK,
    PORT_COMMAND,
    PORT_FRAME,
    PORT_LENGTH,
    PORT_POINTER,
    Command,
    Status,
)

MEMORY_BYTES = 4 << 20


class FakeMemory:
    """RAM and ROM in one buffer; the high mapping of the ROM is not kept."""

    def __init__(self, ram_bytes: int = MEMORY_BYTES) -> None:
        self.ram_bytes = ram_bytes
        self.data = bytearray(max(ram_bytes, 1 << 20) + 0x10000)
        self._extra = bytearray(1 << 20)
        self._allocated = 0
        self.a20 = True

    @property
    def backing(self) -> memoryview:
        return memoryview(self._extra)

    def allocate(self, length: int) -> int:
        offset, self._allocated = self._allocated, self._allocated + length
        return offset

    def map_backed(self, physical: int, length: int, offset: int, flags: int) -> None:
        if physical + length <= len(self.data):
            self.data[physical : physical + length] = self._extra[offset : offset + length]


@dataclass
class Register:
    read: Callable[[], int] | None
    write: Callable[[int], None] | None
    read_block: Callable[[int], bytes] | None
    write_block: Callable[[bytes], None] | None


class FakeBus:
    """Registers that were attached, and everything else as plain memory of the last byte written."""

    def __init__(self, memory: FakeMemory) -> None:
        self._memory = memory
        self.registers: dict[int, Register] = {}
        self.ports: dict[int, int] = {0x64: 0x10, 0x379: 0xDF, 0x3FD: 0x60, 0x21: 0xFF, 0xA1: 0xFF}
        self.writes: list[tuple[int, int]] = []
        self.indexed: dict[int, dict[int, int]] = {port: {} for port in (0x3C4, 0x3CE, 0x3D4, 0x3B4, 0x1CE)}

    def attach_register(self, port: int, width: int, name: str, *handlers: Any) -> None:
        self.registers[port] = Register(*handlers)

    def port_read(self, port: int, size: int) -> int:
        if port in self.registers and (read := self.registers[port].read) is not None:
            return read()
        if port - 1 in self.indexed:
            return self.indexed[port - 1].get(self.ports.get(port - 1, 0), 0)
        return self.ports.get(port, 0)

    def port_write(self, port: int, value: int, size: int) -> None:
        if port not in self.registers:
            self.writes.append((port, value))
        if port in self.registers:
            if (write := self.registers[port].write) is not None:
                write(value)
            return
        if port - 1 in self.indexed:
            self.indexed[port - 1][self.ports.get(port - 1, 0)] = value
            return
        self.ports[port] = value

    def read_memory(self, physical: int, length: int) -> bytes:
        return bytes(self._memory.data[physical : physical + length]).ljust(length, b"\xff")

    def write_memory(self, physical: int, data: bytes | bytearray | memoryview) -> None:
        end = min(physical + len(data), len(self._memory.data))
        if physical < end:
            self._memory.data[physical:end] = bytes(data)[: end - physical]


class FakeCpu:
    """Real mode, and a count of instructions that tests set."""

    def __init__(self) -> None:
        self.retired = 0
        self.state = {"cr0": 0, "eflags": 2, "cr3": 0, "cr4": 0}

    @property
    def cr0(self) -> int:
        return self.state["cr0"]

    def registers(self) -> dict[str, int]:
        return self.state

    def read_linear(self, linear: int, length: int) -> bytes | None:
        return None

    def write_linear(self, linear: int, data: bytes) -> bool:
        return False


class FakeCmos:
    """128 bytes, with a plausible date and time in the clock's registers."""

    def __init__(self) -> None:
        self.cells = bytearray(256)
        for index, value in ((0, 0x56), (2, 0x34), (4, 0x12), (7, 0x23), (8, 0x11), (9, 0x26), (0x32, 0x20), (0x0B, 2)):
            self.cells[index] = value

    def read_cmos(self, index: int) -> int:
        return self.cells[index]

    def write_cmos(self, index: int, value: int) -> None:
        self.cells[index] = value & 0xFF


class FakeFloppy:
    """A medium whose sectors hold their own address."""

    def __init__(self, cylinders: int = 80, heads: int = 2, sectors: int = 18, protected: bool = False) -> None:
        self.cylinders, self.heads, self.sectors = cylinders, heads, sectors
        self.write_protected = protected
        self.contents: dict[tuple[int, int, int], bytes] = {}
        self.formatted: list[tuple[int, int, list[int], int]] = []

    def read(self, cylinder: int, head: int, sector: int) -> bytes:
        place = (cylinder, head, sector)
        return self.contents.get(place, bytes(place).ljust(512, b"\x5a"))

    def write(self, cylinder: int, head: int, sector: int, data: bytes) -> None:
        self.contents[cylinder, head, sector] = data

    def format_track(self, cylinder: int, head: int, sector_ids: list[int], fill: int) -> None:
        self.formatted.append((cylinder, head, list(sector_ids), fill))


@dataclass
class FakeDrive:
    medium: FakeFloppy | None = None
    kind: str = "1.44M"
    changed: bool = False


class FakeBlock:
    def __init__(self, sectors: int, contents: bytes = b"") -> None:
        self.sector_count = sectors
        self.contents: dict[int, bytes] = {}
        for at in range(0, len(contents), 512):
            self.contents[at // 512] = contents[at : at + 512].ljust(512, b"\0")

    def read(self, lba: int, count: int) -> bytes:
        return b"".join(self.contents.get(at, at.to_bytes(4, "little") * 128) for at in range(lba, lba + count))

    def write(self, lba: int, data: bytes) -> None:
        for at in range(0, len(data), 512):
            self.contents[lba + at // 512] = data[at : at + 512]

    def flush(self) -> None:
        pass


@dataclass
class FakeDisk:
    block: FakeBlock
    geometry: tuple[int, int, int]


@dataclass
class FakeCd:
    """``medium`` is a CdMedium or None."""

    medium: Any = None


class CdContents:
    def __init__(self, blocks: dict[int, bytes], block_count: int = 2000) -> None:
        self._blocks = blocks
        self.block_count = block_count

    def read(self, lba: int, count: int) -> bytes:
        return b"".join(self._blocks.get(at, bytes(2048)).ljust(2048, b"\0") for at in range(lba, lba + count))


@dataclass
class Result:
    """Registers after a call, by name; ``waits`` counts how often the stub would have halted."""

    values: dict[str, int]
    waits: int = 0

    def __getattr__(self, name: str) -> int:
        values = self.__dict__["values"]
        if name in values:
            return values[name]
        if "e" + name in values:
            return values["e" + name] & 0xFFFF
        letter = f"e{name[0]}x"
        if letter in values and name[1:] in ("l", "h"):
            return values[letter] >> (8 if name[1] == "h" else 0) & 0xFF
        raise AttributeError(name)

    @property
    def carry(self) -> bool:
        return bool(self.values["flags"] & 1)

    @property
    def zero(self) -> bool:
        return bool(self.values["flags"] & 0x40)


_PUSHAD = ("edi", "esi", "ebp", "esp", "ebx", "edx", "ecx", "eax")


@dataclass
class Bios:
    """The firmware on a fake board; ``call`` does what a stub does."""

    floppies: list[FakeDrive] = field(default_factory=list)
    ide: list[Any] = field(default_factory=lambda: [None] * 4)
    config: MachineConfig = field(default_factory=MachineConfig)
    memory_bytes: int = MEMORY_BYTES

    def __post_init__(self) -> None:
        self.memory = FakeMemory(self.memory_bytes)
        self.bus = FakeBus(self.memory)
        self.cpu = FakeCpu()
        self.clock = ManualClock()
        self.cmos = FakeCmos()
        self.resets = 0
        self.offs = 0
        self.saves = 0
        self.firmware = self.make()

    def make(self) -> Firmware:
        firmware = Firmware(
            FirmwareBoard(
                memory=self.memory,
                bus=self.bus,
                cpu=self.cpu,
                clock=self.clock,
                config=self.config,
                cmos=self.cmos,
                floppies=self.floppies,
                ide=self.ide,
                serial_bases=[0x3F8],
                parallel_bases=[0x378],
                set_a20=self._set_a20,
                reset=self._reset,
                power_off=self._power_off,
                save_nvram=self._save,
            )
        )
        firmware.install()
        firmware.reset(cold=True)
        return firmware

    def _set_a20(self, level: bool) -> None:
        self.memory.a20 = level

    def _reset(self) -> None:
        self.resets += 1

    def _power_off(self) -> None:
        self.offs += 1

    def _save(self) -> None:
        self.saves += 1

    def start(self) -> None:
        """Runs POST up to the boot."""
        for _ in range(200):
            if not self.call(0x100, most_waits=0).waits:
                return
            self.clock.advance(55_000_000)
        raise AssertionError("POST does not end")

    def call(self, service: int, most_waits: int = 50, flags: int = 2, **registers: int) -> Result:
        """Pushes a frame and follows the status words, with 55 ms of guest time to a halt."""
        values = dict.fromkeys((*_PUSHAD, "ds", "es", "cs", "ip"), 0)
        for name, value in registers.items():
            values[name if name in values else "e" + name] = value
        frame = struct.pack(
            FRAME_FORMAT, 0, values["es"], values["ds"], *(values[name] for name in _PUSHAD), service, values["ip"],
            values["cs"], flags,
        )  # fmt: skip
        waits = 0
        for _ in range(50_000):
            status, frame = self._exchange(frame)
            if status in (Status.DONE, Status.WAIT) and (status == Status.DONE or waits >= most_waits):
                return Result(_unpack(frame), waits + (status == Status.WAIT))
            if status == Status.WAIT:
                waits += 1
                self.clock.advance(55_000_000)
            elif status == Status.POLL:
                # The longest time-out a data area can ask for is 255 s: 25,500 of these.
                self.clock.advance(10_000_000)
        raise AssertionError("the call does not end")

    def _dword(self, port: int) -> int:
        return int.from_bytes(bytes(self.bus.port_read(port + byte, 1) for byte in range(4)), "little")

    def _exchange(self, frame: bytes) -> tuple[int, bytes]:
        registers = self.bus.registers
        push, pop = registers[PORT_FRAME].write_block, registers[PORT_FRAME].read_block
        assert push is not None and pop is not None
        push(frame)
        self.bus.port_write(PORT_COMMAND, Command.CALL, 1)
        while True:
            frame = pop(FRAME_BYTES)
            assert len(frame) == FRAME_BYTES
            status = frame[0]
            if status not in (Status.STORE, Status.FETCH):
                return status, frame
            pointer, length = self._dword(PORT_POINTER), self._dword(PORT_LENGTH)
            linear = (pointer >> 16) * 16 + (pointer & 0xFFFF)
            assert (pointer & 0xFFFF) + length <= 0x10000, "the transfer would wrap in its segment"
            if status == Status.STORE:
                read_block = registers[PORT_BLOCK].read_block
                assert read_block is not None
                self.bus.write_memory(linear, read_block(length))
                self.bus.port_write(PORT_COMMAND, Command.NEXT, 1)
            else:
                write_block = registers[PORT_BLOCK].write_block
                assert write_block is not None
                write_block(self.bus.read_memory(linear, length))
                return Status.POLL, frame

    # -- Memory -------------------------------------------------------------------------------------------

    def read(self, linear: int, length: int) -> bytes:
        return self.bus.read_memory(linear, length)

    def write(self, linear: int, data: bytes) -> None:
        self.bus.write_memory(linear, data)

    def byte(self, linear: int) -> int:
        return self.read(linear, 1)[0]

    def word(self, linear: int) -> int:
        return int.from_bytes(self.read(linear, 2), "little")

    def screen(self) -> list[str]:
        """The text screen, row by row, in mode 3."""
        cells = self.read(0xB8000, 4000)
        return [cells[row * 160 : row * 160 + 160 : 2].decode("cp437").rstrip() for row in range(25)]

    def type_scans(self, *codes: int) -> list[int]:
        """Scan codes through INT 9; the actions it returned."""
        return [self.call(0x09, eax=0x4F00 | code).values["eax"] & 0xFF for code in codes]


def _unpack(frame: bytes) -> dict[str, int]:
    values = struct.unpack(FRAME_FORMAT, frame)
    out = dict(zip(("es", "ds"), values[1:3], strict=True))
    out.update(zip(_PUSHAD, values[3:11], strict=True))
    out.update(zip(("service", "ip", "cs", "flags"), values[11:], strict=True))
    return out
