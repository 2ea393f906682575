"""A flat protected-mode machine around the interpreter, to look at single system instructions."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine import _core
from tests.core.processors import make_processor

GDT, IDT, HANDLERS, TSS, CODE, STACK, INNER_STACK, SCRATCH = (
    0x1000,
    0x1800,
    0x2000,
    0x3000,
    0x10000,
    0x20000,
    0x28000,
    0x30000,
)
PAGE_DIRECTORY = 0x40000
MEMORY_BYTES = 0x800000
# Selectors the rig makes itself; tests add their own from FIRST_FREE on.
CODE0, DATA0, CODE3, DATA3, TASK = 0x08, 0x10, 0x18 | 3, 0x20 | 3, 0x28
FIRST_FREE = 0x30

DB, BP, UD, NM, DF, TS, NP, SS, GP, PF, MF, AC = 1, 3, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17
WITH_ERROR = (DF, TS, NP, SS, GP, PF, AC)
ZF, TF, IF, DF_FLAG, OF, NT, RF, VM, VIF, VIP = (
    0x40,
    0x100,
    0x200,
    0x400,
    0x800,
    0x4000,
    1 << 16,
    1 << 17,
    1 << 19,
    1 << 20,
)
IOPL3 = 0x3000

HLT = b"\xf4"


def descriptor(base: int, limit: int, access: int, flags: int = 0xC) -> int:
    """A segment descriptor; ``limit`` is the raw 20-bit field, ``flags`` the G, D/B, L and AVL nibble."""
    return (
        limit & 0xFFFF
        | (base & 0xFFFFFF) << 16
        | access << 40
        | (limit >> 16 & 0xF) << 48
        | flags << 52
        | (base >> 24) << 56
    )


def gate(selector: int, offset: int, access: int, parameters: int = 0) -> int:
    return offset & 0xFFFF | selector << 16 | parameters << 32 | access << 40 | (offset >> 16) << 48


def push(value: int) -> bytes:
    return b"\x68" + struct.pack("<I", value & 0xFFFFFFFF)


def mov_eax(value: int) -> bytes:
    return b"\xb8" + struct.pack("<I", value & 0xFFFFFFFF)


def far_jump(selector: int, offset: int = 0) -> bytes:
    return b"\xea" + struct.pack("<IH", offset, selector)


def far_call(selector: int, offset: int = 0) -> bytes:
    return b"\x9a" + struct.pack("<IH", offset, selector)


def iret_to(selector: int, eip: int, flags: int = 2, *outer: int) -> bytes:
    """PUSH and IRETD; ``outer`` are ESP and SS, and in virtual-8086 mode ES, DS, FS and GS after them."""
    words = [eip, selector, flags, *outer]
    return b"".join(push(word) for word in reversed(words)) + b"\xcf"


@dataclass
class Stop:
    """Where a program stopped: at its own HLT (``vector`` is None) or in the HLT of an exception's handler."""

    vector: int | None
    registers: dict[str, int]
    frame: list[int] = field(default_factory=list)  # doublewords from ESP on, the error code taken off
    error: int | None = None
    exit: str = ""

    def __getitem__(self, name: str) -> int:
        return self.registers[name]


class ProtectedRig:
    def __init__(self, model: str = "pentium-pro") -> None:
        self.memory = _core.PhysicalMemory(MEMORY_BYTES, 0)
        self.memory.map_backed(0, MEMORY_BYTES, 0, self.memory.PAGE_READ | self.memory.PAGE_WRITE)
        self.bus = _core.Bus(self.memory)
        self.clock = _core.Clock("instructions", 10)
        self.cpu = make_processor(self.memory, self.bus, self.clock, model)
        self.wires: list[bool] = []
        self.cpu.set_wires(acknowledge_interrupt=lambda: 0x40, on_kick=lambda: None, ferr=self.wires.append)
        self.entries: dict[int, int] = {}
        for selector, access in ((CODE0, 0x9B), (DATA0, 0x93), (CODE3, 0xFB), (DATA3, 0xF3)):
            self.describe(selector, descriptor(0, 0xFFFFF, access))
        self.describe(TASK, descriptor(TSS, 0xFF, 0x8B, 0))
        for vector in range(96):
            self.memory.write(HANDLERS + vector * 16, HLT)
            self.gate(vector, gate(CODE0, HANDLERS + vector * 16, 0x8E))
        self.write32(TSS + 4, INNER_STACK, DATA0)
        self.write16(TSS + 102, 0x88)
        self.memory.write(TSS + 0x88, b"\xff" * (0x100 - 0x88))
        self.memory.write(TSS + 0x68, b"\xff" * 32)  # interrupt redirection: all to the monitor

    def describe(self, selector: int, value: int) -> int:
        self.memory.write(GDT + (selector & ~7), value.to_bytes(8, "little"))
        return selector

    def gate(self, vector: int, value: int) -> None:
        self.memory.write(IDT + vector * 8, value.to_bytes(8, "little"))

    def write16(self, address: int, *values: int) -> None:
        self.memory.write(address, struct.pack(f"<{len(values)}H", *values))

    def write32(self, address: int, *values: int) -> None:
        self.memory.write(address, struct.pack(f"<{len(values)}I", *values))

    def read32(self, address: int) -> int:
        return int.from_bytes(self.memory.read(address, 4), "little")

    def map_pages(self, entries: Sequence[int]) -> None:
        """4 MiB mapped one to one, and ``entries`` for the pages from 400000h on."""
        self.write32(PAGE_DIRECTORY, PAGE_DIRECTORY + 0x1007, PAGE_DIRECTORY + 0x2007)
        self.write32(PAGE_DIRECTORY + 0x1000, *(page << 12 | 7 for page in range(1024)))
        self.write32(PAGE_DIRECTORY + 0x2000, *entries)

    def run(self, code: bytes, instructions: int = 1000, **registers: int) -> Stop:
        """Runs ``code`` at CPL 0 until a HLT; segments are flat unless ``registers`` say otherwise."""
        self.memory.write(CODE, code + HLT)
        values = {"cr0": 0x11, "cr3": PAGE_DIRECTORY, "cr4": 0, "cpl": 0, "eip": CODE, "esp": STACK, "eflags": 2}
        values |= {
            "halted": 0,
            "gdtr_base": GDT,
            "gdtr_limit": 0x3FF,
            "idtr_base": IDT,
            "idtr_limit": 0x2FF,
            "dr7": 0x400,
        }
        values |= {"tr": TASK, "tr_base": TSS, "tr_limit": 0xFF, "tr_access": 0x8B, "ldtr": 0, "ldtr_access": 0}
        for name in ("cs", "ss", "ds", "es", "fs", "gs"):
            is_code = name == "cs"
            values |= {name: CODE0 if is_code else DATA0, f"{name}_base": 0, f"{name}_limit": 0xFFFFFFFF}
            values |= {f"{name}_access": 0xC9B if is_code else 0xC93}
        self.cpu.set_registers(values | registers)
        reason = self.cpu.run_for(instructions)
        after = self.cpu.registers()
        stop = Stop(None, after, exit=reason)
        at = after["eip"] - 1
        if HANDLERS <= at < HANDLERS + 96 * 16 and after["halted"]:
            stop.vector = (at - HANDLERS) // 16
        words = self.memory.read(after["esp"] & 0x7FFFFF, 48)
        stop.frame = list(struct.unpack("<12I", words))
        if stop.vector in WITH_ERROR:
            stop.error = stop.frame.pop(0)
        return stop
