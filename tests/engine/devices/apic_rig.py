"""A processor in real mode with local APIC, I/O APIC and a stub of the 8259 pair.

The program is STI and an endless loop; the handler of each vector writes its number to port E9h, so that a test sees
what was delivered, in order. Registers are reached over the bus, as the processor would.
"""

from __future__ import annotations

from engine import _core
from engine.devices import io_apic_82093aa as io_apic
from engine.devices import local_apic as local
from engine.devices.device import ResetKind

MEMORY_BYTES = 0x100000
HANDLERS, PROGRAM, STACK = 0x2000, 0x8000, 0x9000
INSTRUCTION_NS = 10
FLAG_IF = 0x200


class ApicRig:
    """``events``: vectors in the order they were delivered; ``ended``: vectors whose EOI the I/O APIC heard."""

    def __init__(self, model: str = "pentium-pro", is_programmed: bool = True) -> None:
        self.memory = _core.PhysicalMemory(MEMORY_BYTES, 0)
        self.memory.map_backed(0, MEMORY_BYTES, 0, self.memory.PAGE_READ | self.memory.PAGE_WRITE)
        self.bus = _core.Bus(self.memory)
        self.clock = _core.Clock("instructions", INSTRUCTION_NS)
        self.cpu = _core.Interpreter(self.memory, self.bus, self.clock, model)
        self.events: list[int] = []
        self.ended: list[int] = []
        self.ends_itself = False  # handlers write EOI
        self.external_vector = 0x08
        self.local = local.LocalApic(self.clock)
        self.io = io_apic.IoApic82093aa(self.local.message)
        self.pins = [self.io.input(number) for number in range(io_apic.INPUTS)]
        self.local.native.connect(self.cpu, self.bus, self._end_of_interrupt)
        self.bus.attach_mmio(io_apic.BASE, io_apic.PAGE_BYTES, "I/O APIC", self.io.read, self.io.write)
        self.cpu.set_wires(self._inta, lambda: None, None)
        self.bus.attach_register(0xE9, 1, "log", None, self._delivered, None, None)
        for vector in range(256):
            handler = HANDLERS + vector * 8
            self.memory.write(vector * 4, handler.to_bytes(4, "little"))
            self.memory.write(handler, bytes((0xB0, vector, 0xE6, 0xE9, 0xCF)))  # MOV AL, vector; OUT E9h, AL; IRET
        self.memory.write(PROGRAM, b"\xfb\xeb\xfe")  # STI; JMP $
        self.cpu.set_registers({"cs": 0, "eip": PROGRAM, "ss": 0, "esp": STACK})
        self.local.reset(ResetKind.POWER_ON)
        if is_programmed:
            self[local.SVR] = local.SVR_ENABLE | 0xFF

    def _inta(self) -> int:
        self.local.set_lint0(False)
        return self.external_vector

    def _delivered(self, vector: int) -> None:
        self.events.append(vector)
        if self.ends_itself:
            self[local.EOI] = 0

    def _end_of_interrupt(self, vector: int) -> None:
        self.ended.append(vector)
        self.io.end_of_interrupt(vector)

    def __getitem__(self, register: int) -> int:
        return int.from_bytes(self.bus.read_memory(local.BASE_AT_RESET + register, 4), "little")

    def __setitem__(self, register: int, value: int) -> None:
        self.bus.write_memory(local.BASE_AT_RESET + register, value.to_bytes(4, "little"))

    def run(self, nanoseconds: int = 1000) -> list[int]:
        """Lets guest time pass; the vectors delivered in it."""
        self.events.clear()
        self.cpu.run_for(nanoseconds // INSTRUCTION_NS)
        return list(self.events)

    def bits(self, register: int) -> list[int]:
        """Vectors whose bits are set in ISR, TMR or IRR."""
        words = [self[register + 16 * word] for word in range(8)]
        return [vector for vector in range(256) if words[vector // 32] >> vector % 32 & 1]

    def send_to_itself(self, vector: int) -> None:
        self[local.ICR_LOW] = 0x40000 | vector

    # -- I/O APIC

    def read_io(self, register: int) -> int:
        self.bus.write_memory(io_apic.BASE, register.to_bytes(4, "little"))
        return int.from_bytes(self.bus.read_memory(io_apic.BASE + io_apic.IOWIN, 4), "little")

    def write_io(self, register: int, value: int) -> None:
        self.bus.write_memory(io_apic.BASE, register.to_bytes(4, "little"))
        self.bus.write_memory(io_apic.BASE + io_apic.IOWIN, value.to_bytes(4, "little"))

    def route(self, number: int, entry: int, destination: int = 0) -> None:
        """One redirection entry, its upper half first."""
        self.write_io(io_apic.IOREDTBL + 2 * number + 1, destination << 24)
        self.write_io(io_apic.IOREDTBL + 2 * number, entry)

    def entry(self, number: int) -> int:
        """The lower half of a redirection entry."""
        return self.read_io(io_apic.IOREDTBL + 2 * number)
