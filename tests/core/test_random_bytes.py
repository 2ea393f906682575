"""Random bytes executed as code in every mode: whatever a guest runs into, the processor lives on.

Memory, descriptor tables and page tables are filled with noise around a few sound entries, so that far transfers,
task switches and page walks meet everything. Each run is done twice, the second time in small pieces with the state
saved and loaded between them: both must end in the same state, bit for bit.
"""

from __future__ import annotations

import hashlib
import os
import random

import pytest

from engine import _core
from engine.config import DEFAULT_CPU_MODEL
from tests.core.processors import make_processor
from tests.core.protected_rig import (
    CODE0,
    CODE3,
    DATA0,
    DATA3,
    GDT,
    IDT,
    PAGE_DIRECTORY,
    TASK,
    TSS,
    descriptor,
    gate,
)

MEMORY_BYTES = 0x200000
INSTRUCTIONS = int(150_000 * float(os.environ.get("BANCADA_DIFFERENTIAL_SCALE", "1")))
PAGING, PROTECTED = 0x80000011, 0x11
FLAT, PAE = 0xFFFFFFFF, 0x20
OSFXSR, OSXMMEXCPT = 0x200, 0x400

# Name -> (cr0, cr4, cpl, EFLAGS.VM, CS.D)
MODES: dict[str, tuple[int, int, int, bool, bool]] = {
    "real": (0x10, 0, 0, False, False),
    "protected 16": (PROTECTED, 0, 0, False, False),
    "protected 32": (PROTECTED, 0, 0, False, True),
    "ring 3": (PROTECTED, 0, 3, False, True),
    "virtual-8086": (PROTECTED, 1, 3, True, False),
    "paged": (PAGING, 0x90, 0, False, True),
    "paged, ring 3": (PAGING, 0x10, 3, False, True),
    "paged, PAE": (PAGING, PAE, 0, False, True),
}


class Noise:
    """A machine full of noise; ``step`` executes so many instructions, starting anew after each dead end."""

    def __init__(self, mode: str, seed: int, model: str = DEFAULT_CPU_MODEL) -> None:
        self._mode = MODES[mode]
        self._chance = random.Random(f"{mode} {seed}")
        self._has_sse = model in ("pentium-iii", "pentium-4", "host-like")
        self.memory = _core.PhysicalMemory(MEMORY_BYTES, 0)
        self.memory.map_backed(0, MEMORY_BYTES, 0, self.memory.PAGE_READ | self.memory.PAGE_WRITE)
        self.bus = _core.Bus(self.memory)
        self.clock = _core.Clock("instructions", 10)
        self.cpu = make_processor(self.memory, self.bus, self.clock, model)
        self.cpu.set_wires(lambda: 0x20, lambda: None, lambda level: None)
        chance = self._chance
        self.memory.write(0, chance.randbytes(MEMORY_BYTES))
        if self._has_sse:  # more MMX and SSE instructions than chance alone would give
            for at in range(0, MEMORY_BYTES, 16):
                prefix = chance.choice((b"\x0f", b"\x66\x0f", b"\xf3\x0f", b"\xf2\x0f"))
                opcode = chance.choice((0x10, 0x28, 0x50, 0x58, 0x60, 0x70, 0xC0, 0xD0, 0xE0, 0xF0)) | chance.randrange(
                    16
                )
                self.memory.write(at + chance.randrange(12), prefix + bytes([opcode]))
        for selector, access in ((CODE0, 0x9B), (DATA0, 0x93), (CODE3, 0xFB), (DATA3, 0xF3)):
            self._put(GDT + (selector & ~7), descriptor(0, 0xFFFFF, access, chance.choice((0xC, 8))))
        self._put(GDT + TASK, descriptor(TSS, 0x7FF, 0x8B, 0))
        for vector in range(256):
            if chance.random() < 0.8:
                access = chance.choice((0x8E, 0x8F, 0xEE, 0x86, 0x87, 0xEF))
                self._put(IDT + vector * 8, gate(CODE0, chance.randrange(MEMORY_BYTES), access))
        self.memory.write(TSS + 4, (0x60000).to_bytes(4, "little") + DATA0.to_bytes(4, "little"))
        step, width = (1 << 21, 8) if self._mode[1] & PAE else (1 << 22, 4)
        if step == 1 << 21:
            self._put(PAGE_DIRECTORY, PAGE_DIRECTORY + 0x1001)
        table = PAGE_DIRECTORY + 0x2000
        directory = PAGE_DIRECTORY + (0x1000 if width == 8 else 0)
        self.memory.write(directory, (table | 7).to_bytes(width, "little"))
        for page in range(512):
            flags = chance.choice((7, 7, 7, 5, 3, 0x107, 0))
            self.memory.write(table + page * width, (page << 12 | flags).to_bytes(width, "little"))

    def _put(self, at: int, value: int) -> None:
        self.memory.write(at, value.to_bytes(8, "little"))

    def start(self) -> None:
        """A fresh place to execute from."""
        cr0, cr4, cpl, v86, big = self._mode
        chance = self._chance
        if self._has_sse:
            cr4 |= chance.choice((0, OSFXSR, OSFXSR | OSXMMEXCPT))
        flat = cr0 & 1 and not v86
        values = {name: chance.getrandbits(20) for name in ("eax", "ecx", "edx", "ebx", "ebp", "esi", "edi")}
        values |= {"cr0": cr0, "cr3": PAGE_DIRECTORY, "cr4": cr4, "cpl": cpl, "halted": 0, "dr7": 0x400}
        values |= {"eflags": 2 | (1 << 17 if v86 else 0) | chance.choice((0, 0x3000)), "esp": chance.getrandbits(16)}
        values |= {"gdtr_base": GDT, "gdtr_limit": 0x7FF, "idtr_base": IDT if cr0 & 1 else 0, "idtr_limit": 0x7FF}
        values |= {"tr": TASK, "tr_base": TSS, "tr_limit": 0x7FF, "tr_access": 0x8B, "ldtr": 0, "ldtr_access": 0}
        values["eip"] = chance.randrange(MEMORY_BYTES if big else 0x10000)
        for name in ("cs", "ss", "ds", "es", "fs", "gs"):
            code = name == "cs"
            if flat:
                values[name] = (CODE3 if code else DATA3) if cpl else (CODE0 if code else DATA0)
                values |= {f"{name}_base": 0, f"{name}_limit": FLAT}
                kind = (0xFB if code else 0xF3) if cpl else (0x9B if code else 0x93)
                values[f"{name}_access"] = kind | (0xC00 if big or not code else 0x800)
            else:
                values[name] = chance.getrandbits(16)
                values |= {f"{name}_base": values[name] << 4, f"{name}_limit": 0xFFFF, f"{name}_access": 0xF3}
        self.cpu.set_registers(values)

    def run(self, instructions: int, piece: int) -> str:
        """Runs ``instructions`` in pieces of ``piece``; the digest of everything a guest can see."""
        self.start()
        end = self.cpu.retired + instructions
        while self.cpu.retired < end:
            before = self.cpu.retired
            next_start = before // 1000 * 1000 + 1000
            reason = self.cpu.run_for(min(piece, next_start - before, end - before))
            assert reason in ("stop", "shutdown", "halt")
            assert self.cpu.retired > before or reason != "stop"
            # With paging a load flushes the TLB, and noise that writes to page tables sees the difference.
            if piece < instructions and not self.cpu.cr0 >> 31:
                self.cpu.load(self.cpu.save())
            if reason != "stop" or self.cpu.retired >= next_start:
                self.start()
        digest = hashlib.sha256(self.cpu.save())
        digest.update(self.memory.read(0, MEMORY_BYTES))
        return digest.hexdigest()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("model", [DEFAULT_CPU_MODEL, "pentium-pro"])
def test_noise_as_code_runs_on_and_repeats(mode: str, model: str) -> None:
    for seed in range(2):
        first = Noise(mode, seed, model).run(INSTRUCTIONS, INSTRUCTIONS)
        assert first == Noise(mode, seed, model).run(INSTRUCTIONS, 97)


@pytest.mark.parametrize("mode", MODES)
def test_noise_of_the_host_like_model(mode: str) -> None:
    assert Noise(mode, 2, "host-like").run(INSTRUCTIONS, INSTRUCTIONS) == Noise(mode, 2, "host-like").run(
        INSTRUCTIONS, 97
    )
