"""The processors a stream can run on: ours, the host's own, Unicorn's."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from engine import _core
from tests.core.streams import CODE, DATA, PAGE, STACK, Case

REGISTERS = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
GDT, IDT, HANDLERS, MEMORY_BYTES = 0x1000, 0x1800, 0x2000, 0x100000
# Signals of the host and the exceptions behind them; general protection and page faults share one.
SIGNAL_VECTORS = {8: (0, 16, 19), 4: (6,), 5: (1, 3), 11: (12, 13, 14), 7: (12, 13, 17)}


# What make_processor() makes; set by conftest.py.
accelerator = "interpreter"


def make_processor(memory: _core.PhysicalMemory, bus: _core.Bus, clock: _core.Clock, model: str) -> _core.Interpreter:
    cpu = _core.Interpreter(memory, bus, clock, model)
    if accelerator != "interpreter":
        cpu.use_translator(heat=1, windows="always" if accelerator == "windows" else "never")
    return cpu


@dataclass
class Outcome:
    """What is left after a stream: ``fault`` is the exception's vectors (empty: it ran to its end)."""

    gpr: list[int]
    eflags: int
    data: bytes
    stack: bytes
    fault: tuple[int, ...] = ()
    # At a fault: a stream that runs to its end stores them by itself.
    mxcsr: int = 0
    xmm: tuple[int, ...] = ()


class OurProcessor:
    """A processor of the native core, alone with its memory: flat 32-bit protected mode, or real mode."""

    def __init__(self, bits: int = 32, model: str = "pentium-pro", cr4: int = 0) -> None:
        self.bits, self.cr4 = bits, cr4
        self.memory = _core.PhysicalMemory(MEMORY_BYTES, 0)
        self.memory.map_backed(0, MEMORY_BYTES, 0, self.memory.PAGE_READ | self.memory.PAGE_WRITE)
        self.bus = _core.Bus(self.memory)
        self.clock = _core.Clock("instructions", 10)
        self.cpu = make_processor(self.memory, self.bus, self.clock, model)
        self.cpu.reset()
        self.streams = 0
        self._write_tables()

    def _write_tables(self) -> None:
        """Descriptors, and a HLT of its own for each exception: where it stops tells what happened."""
        flat_code, flat_data = 0x00CF9B000000FFFF, 0x00CF93000000FFFF
        self.memory.write(GDT, b"".join(entry.to_bytes(8, "little") for entry in (0, flat_code, flat_data)))
        for vector in range(32):
            handler = HANDLERS + vector * 16
            self.memory.write(handler, b"\xf4" * 16)
            if self.bits == 32:
                gate = handler & 0xFFFF | 8 << 16 | 0x8E00 << 32 | (handler >> 16) << 48
                self.memory.write(IDT + vector * 8, gate.to_bytes(8, "little"))
            else:
                self.memory.write(vector * 4, handler.to_bytes(2, "little") + b"\0\0")

    def _prepare(self, case: Case) -> None:
        values = dict(zip(REGISTERS, case.gpr, strict=True)) | {"eflags": case.eflags, "halted": 0}
        if self.bits == 32:
            values |= {"cr0": 0x11, "gdtr_base": GDT, "gdtr_limit": 23, "idtr_base": IDT, "idtr_limit": 255, "cpl": 0}
            values |= {"eip": CODE, "cr4": self.cr4}
            for name in ("cs", "ss", "ds", "es"):
                code = name == "cs"
                values |= {name: 8 if code else 16, f"{name}_base": 0, f"{name}_limit": 0xFFFFFFFF}
                values |= {f"{name}_access": 0xC9B if code else 0xC93}
        else:
            values |= {"cr0": 0x10, "idtr_base": 0, "idtr_limit": 0x3FF, "eip": 0}
            for name, base in (("cs", CODE), ("ss", STACK), ("ds", DATA), ("es", DATA)):
                values |= {name: base >> 4, f"{name}_limit": 0xFFFF, f"{name}_access": 0x9B if name == "cs" else 0x93}
        self.cpu.set_registers(values)

    def check_accelerator(self) -> None:
        """With the translator, streams that were left to the interpreter would prove nothing."""
        if accelerator != "interpreter":
            assert self.cpu.translator_counters["translations"] > 0.95 * self.streams > 0
        if accelerator == "windows":
            assert self.cpu.translator_counters["window_pages_mapped"] > 0

    def run(self, case: Case) -> Outcome:
        self.streams += 1
        self.memory.write(CODE, case.code + b"\xf4" * 4)
        self.memory.write(DATA, case.data)
        self.memory.write(STACK, bytes(PAGE))
        self._prepare(case)
        self.cpu.run_for(10_000)  # to the HLT
        after = self.cpu.registers()
        eip = after["eip"] - 1 + (after["cs_base"] if self.bits == 16 else 0)
        fault: tuple[int, ...] = ()
        if HANDLERS <= eip < HANDLERS + 32 * 16:
            fault = ((eip - HANDLERS) // 16,)
        elif eip != CODE + len(case.code):
            fault = (-1,)
        return Outcome(
            [after[name] for name in REGISTERS],
            after["eflags"],
            self.memory.read(DATA, PAGE),
            self.memory.read(STACK, PAGE),
            fault,
            after["mxcsr"],
            tuple(after[f"xmm{number}"] for number in range(8)),
        )


@functools.cache
def _host_library() -> ctypes.CDLL | None:
    compiler = shutil.which("c++") or shutil.which("g++")
    if platform.machine() != "x86_64" or platform.system() != "Linux" or compiler is None:
        return None
    root = Path(__file__).resolve().parents[2]
    source, target = Path(__file__).with_name("host_oracle.cpp"), root / "build" / "host_oracle.so"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        target.parent.mkdir(exist_ok=True)
        fresh = target.with_suffix(f".{os.getpid()}.so")
        subprocess.run(
            [compiler, "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", source, "-o", fresh],
            check=True,
        )
        fresh.replace(target)
    library = ctypes.CDLL(str(target))
    return library if library.host_oracle_open(CODE, DATA, STACK, PAGE) == 0 else None


class HostProcessor:
    """The host's own processor, for 32-bit streams."""

    @staticmethod
    def available() -> bool:
        return _host_library() is not None

    def __init__(self) -> None:
        library = _host_library()
        assert library is not None
        self._library = library

    def run(self, case: Case) -> Outcome:
        registers = (ctypes.c_uint32 * 44)(*case.gpr, case.eflags | 0x202)
        ctypes.memmove(DATA, case.data, PAGE)
        ctypes.memset(STACK, 0, PAGE)
        self._library.host_oracle_run(CODE, case.code, len(case.code), registers)
        return Outcome(
            list(registers[:8]),
            registers[8],
            ctypes.string_at(DATA, PAGE),
            ctypes.string_at(STACK, PAGE),
            SIGNAL_VECTORS[registers[9]] if registers[9] else (),
            registers[11],
            tuple(int.from_bytes(bytes(registers)[48 + 16 * number :][:16], "little") for number in range(8)),
        )


class UnicornProcessor:
    """Unicorn 2, 16- or 32-bit."""

    def __init__(self, bits: int = 32) -> None:
        import unicorn
        from unicorn import x86_const as names

        self._unicorn, self._names, self.bits = unicorn, names, bits
        self._uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32 if bits == 32 else unicorn.UC_MODE_16)
        for address in (CODE, DATA, STACK):
            self._uc.mem_map(address, 0x10000 if bits == 16 else PAGE)
        self._ids = [getattr(names, f"UC_X86_REG_{name.upper()}") for name in REGISTERS]

    def run(self, case: Case) -> Outcome:
        uc, names = self._uc, self._names
        uc.mem_write(CODE, case.code + b"\xf4" * 4)
        uc.mem_write(DATA, case.data)
        uc.mem_write(STACK, bytes(PAGE))
        if self.bits == 16:
            for name, base in (("CS", CODE), ("SS", STACK), ("DS", DATA), ("ES", DATA)):
                uc.reg_write(getattr(names, f"UC_X86_REG_{name}"), base >> 4)
        for number, value in zip(self._ids, case.gpr, strict=True):
            uc.reg_write(number, value)
        uc.reg_write(names.UC_X86_REG_EFLAGS, case.eflags)
        fault: tuple[int, ...] = ()
        try:
            # After some faults in real mode Unicorn runs on without end: bounded.
            uc.emu_start(CODE, CODE + len(case.code), count=5000)
        except self._unicorn.UcError:
            fault = (0, 6, 12, 13, 14)
        if uc.reg_read(names.UC_X86_REG_EIP) + (CODE if self.bits == 16 else 0) != CODE + len(case.code):
            # Some exceptions in real mode end the run with no error.
            fault = (0, 6, 12, 13, 14)
        return Outcome(
            [uc.reg_read(number) for number in self._ids],
            uc.reg_read(names.UC_X86_REG_EFLAGS),
            bytes(uc.mem_read(DATA, PAGE)),
            bytes(uc.mem_read(STACK, PAGE)),
            fault,
        )


def difference(case: Case, ours: Outcome, other: Outcome) -> str:
    """Why two outcomes differ, or an empty string. After a fault only its kind is compared: what was pushed to the
    stack and the registers at that moment are the handler's affair."""
    if bool(ours.fault) != bool(other.fault) or (ours.fault and ours.fault[0] not in other.fault):
        return f"fault {ours.fault} and {other.fault}"
    if ours.fault:
        return "" if ours.data == other.data else "data at the fault"
    for index, name in enumerate(REGISTERS):
        if ours.gpr[index] != other.gpr[index]:
            return f"{name} {ours.gpr[index]:08x} and {other.gpr[index]:08x}"
    status = 0x8D5 & ~case.undefined
    if (ours.eflags ^ other.eflags) & status:
        return f"flags {ours.eflags & status:03x} and {other.eflags & status:03x}"
    if ours.data != other.data:
        return "data"
    return "" if ours.stack == other.stack else "stack"
