"""Random bytes as code, instruction by instruction, on our processor and on Unicorn, in every mode and privilege.

Both begin with the same registers and the same memory full of noise; with paging, pages are absent, read-only or the
supervisor's by chance. After every instruction registers, flags and
what was written are compared; where ours has stopped with an exception, Unicorn must not have gone on. Instructions
that Unicorn does another way than the manual, or that are not its affair (ports, tables, models), are in ``ASIDE``:
ours alone carries them out, and Unicorn goes on from there.

At length by hand: ``python -m tests.core.noise_against_unicorn 1000000``.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass

from engine import _core
from tests.core.processors import REGISTERS, make_processor

MEMORY_BYTES = 0x100000
# The tables that both processors use. With paging none of them can be written to, but for the handlers' stack.
GDT, IDT, HANDLERS, TSS, ENTRY = 0x1000, 0x1800, 0x2000, 0x2400, 0x2800
PAGE_DIRECTORY, PAGE_TABLE, STACK_0, TABLES_END = 0x3000, 0x4000, 0x6000, 0x6000
CF, PF, AF, ZF, SF, TF, OF = 0x001, 0x004, 0x010, 0x040, 0x080, 0x100, 0x800
STATUS = CF | PF | AF | ZF | SF | OF
VM, PG, WP = 1 << 17, 1 << 31, 1 << 16
CODE, DATA, TASK = 0x08, 0x10, 0x38
CODE_AHEAD = 1024  # bytes that Unicorn may have looked at beyond an instruction
PAGE_FAULT = 14
SHUTDOWN = 256  # in place of a vector: real mode's stack was at its very end
_PREFIXES = frozenset(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")

# Opcodes of the one-byte map, by reason.
ASIDE = {
    "x87: its own tests compare it with the host's unit": frozenset(range(0xD8, 0xE0)) | {0x9B},
    "ports, HLT and interrupts lead out of the stream": frozenset(
        (*range(0xE4, 0xE8), *range(0xEC, 0xF0), *range(0x6C, 0x70), *range(0xCC, 0xD0), 0xF1, 0xF4, 0xFA, 0xFB)
    ),
    "far transfers and segment registers: QEMU checks fewer of the rules": frozenset(
        (0x06, 0x07, 0x0E, 0x16, 0x17, 0x1E, 0x1F, 0x8C, 0x8E, 0x9A, 0xC4, 0xC5, 0xCA, 0xCB, 0xEA)
    ),
    "POPF: Unicorn lets TF end the run": frozenset((0x9D,)),
    "BOUND, ARPL, ENTER's nesting: faults in their middle differ": frozenset((0x62, 0x63, 0xC8)),
}
# The two-byte map: what is compared. The rest (system, MMX, SSE) has tests of its own against the host.
COMPARED_TWO_BYTE = frozenset(
    (
        *(*range(0x40, 0x50), *range(0x80, 0xA0), 0xA3, 0xA4, 0xA5, 0xAB, 0xAC, 0xAD, 0xAF, 0xB0, 0xB1, 0xB3),
        *(0xB6, 0xB7, 0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF, 0xC0, 0xC1, *range(0xC8, 0xD0)),
    )
)
_ASIDE = frozenset().union(*ASIDE.values())


@dataclass(frozen=True)
class Mode:
    """What a processor can be in; ``bits`` is the size of its code segment."""

    name: str
    bits: int
    protected: bool = True
    cpl: int = 0
    paging: bool = False
    v86: bool = False

    @property
    def flat(self) -> bool:
        """Segments begin at 0 and are described by the descriptor table."""
        return self.protected and not self.v86

    @property
    def selectors(self) -> tuple[int, int]:
        """The code and the data selector of this privilege, in protected mode."""
        ring_3 = 0x10 if self.cpl else 0
        code = CODE + ring_3 if self.bits == 32 else 0x28 + ring_3 // 2
        return code | self.cpl, DATA + ring_3 | self.cpl

    @property
    def cr0(self) -> int:
        return 0x10 | (1 if self.protected else 0) | (PG | WP if self.paging else 0)


MODES = (
    Mode("real", 16, protected=False),
    Mode("flat", 32),
    Mode("flat, ring 3", 32, cpl=3),
    Mode("16-bit, ring 3", 16, cpl=3),
    Mode("paged", 32, paging=True),
    Mode("paged, ring 3", 32, cpl=3, paging=True),
    Mode("16-bit, paged", 16, paging=True),
    Mode("virtual-8086", 16, cpl=3, paging=True, v86=True),
)


@dataclass(frozen=True)
class Instruction:
    """As far as the comparison needs it: ``opcode`` has 0F00h added for the two-byte map."""

    code: bytes
    opcode: int
    modrm: int
    operand_16: bool
    locked: bool
    through_cs: bool
    repeated: bool

    @classmethod
    def at(cls, code: bytes, bits: int) -> Instruction:
        place = 0
        while place < len(code) - 3 and code[place] in _PREFIXES:
            place += 1
        prefixes, opcode = code[:place], code[place]
        if opcode == 0x0F:
            place += 1
            opcode = 0x0F00 | code[place]
        return cls(
            code,
            opcode,
            code[place + 1],
            (bits == 16) != (0x66 in prefixes),
            0xF0 in prefixes,
            0x2E in prefixes,
            0xF2 in prefixes or 0xF3 in prefixes,
        )

    @property
    def extension(self) -> int:
        return self.modrm >> 3 & 7

    @property
    def aside(self) -> bool:
        opcode = self.opcode
        if self.locked or opcode in _ASIDE:
            return True  # LOCK: Unicorn takes it before instructions that do not allow it
        if opcode >= 0x0F00:
            return opcode & 0xFF not in COMPARED_TWO_BYTE
        if opcode == 0xFF:
            return self.extension in (3, 5, 7)
        if opcode == 0xC2:
            return self.code[self.code.index(0xC2) + 2] > 0x7F  # QEMU takes the count as signed
        if opcode in (0xF6, 0xF7):
            return self.extension == 1  # an alias of TEST that QEMU refuses
        return opcode in (0x8F, 0xC6, 0xC7) and self.extension > 0  # undefined; QEMU takes them

    @property
    def undefined(self) -> int:
        """Status flags that the manual leaves undefined."""
        opcode, extension = self.opcode, self.extension
        if (opcode in (0xF6, 0xF7) and extension in (4, 5)) or opcode in (0x69, 0x6B, 0x0FAF):
            return SF | ZF | AF | PF
        if opcode in (0xF6, 0xF7) and extension in (6, 7):
            return STATUS
        if opcode in (0xC0, 0xC1, 0xD0, 0xD1, 0xD2, 0xD3):
            count_one = opcode in (0xD0, 0xD1)
            rotate = 0 if extension < 4 else AF
            return rotate | (0 if count_one else OF | (CF if extension >= 4 else 0))
        if opcode in (0x0FA4, 0x0FA5, 0x0FAC, 0x0FAD):
            return STATUS if self.operand_16 else AF | OF
        if opcode in (0x0FBC, 0x0FBD):
            return STATUS & ~ZF
        if opcode in (0x0FA3, 0x0FAB, 0x0FB3, 0x0FBB, 0x0FBA):
            return OF | SF | AF | PF
        if opcode in (0x27, 0x2F):
            return OF
        if opcode in (0x37, 0x3F):
            return OF | SF | ZF | PF
        if opcode in (0xD4, 0xD5):
            return OF | AF | CF
        logic = (opcode < 0x40 and opcode >> 3 in (1, 4, 6)) or opcode in (0x84, 0x85, 0xA8, 0xA9)
        if logic or (opcode in (0x80, 0x81, 0x82, 0x83) and extension in (1, 4, 6)):
            return AF
        return AF if opcode in (0xF6, 0xF7) and extension < 2 else 0

    @property
    def results_undefined(self) -> bool:
        """A register or memory may hold anything: a scan of zero, a 16-bit double shift by more than 16."""
        return self.opcode in (0x0FBC, 0x0FBD) or (self.operand_16 and self.opcode in (0x0FA4, 0x0FA5, 0x0FAC, 0x0FAD))


class Ours:
    """Our processor; each exception has a HLT of its own."""

    def __init__(self, mode: Mode, noise: bytes, page_flags: list[int]) -> None:
        self._mode = mode
        self.memory = _core.PhysicalMemory(MEMORY_BYTES, 0)
        self.memory.map_backed(0, MEMORY_BYTES, 0, self.memory.PAGE_READ | self.memory.PAGE_WRITE)
        self.bus = _core.Bus(self.memory)
        self.cpu = make_processor(self.memory, self.bus, _core.Clock("instructions", 10), "pentium-pro")
        self.memory.write(0, noise)
        self._page_table = b"".join(
            (page << 12 | flags).to_bytes(4, "little") for page, flags in enumerate(page_flags)
        ).ljust(0x1000, b"\0")
        self.tables()

    def tables(self) -> None:
        memory = self.memory
        entries = (
            0,
            *(0x00CF9B000000FFFF, 0x00CF93000000FFFF, 0x00CFFB000000FFFF, 0x00CFF3000000FFFF),
            *(0x008F9B000000FFFF, 0x008FFB000000FFFF),
            0x00008B0000000067 | TSS << 16,
        )
        memory.write(GDT, b"".join(entry.to_bytes(8, "little") for entry in entries))
        for vector in range(256):
            handler = HANDLERS + (vector if vector < 32 else 32) * 16
            if self._mode.protected:
                gate = handler | CODE << 16 | 0x8E00 << 32
                memory.write(IDT + vector * 8, gate.to_bytes(8, "little"))
            else:
                memory.write(vector * 4, handler.to_bytes(4, "little"))
        memory.write(HANDLERS, b"\xf4" * 16 * 33)
        memory.write(TSS, bytes(4) + STACK_0.to_bytes(4, "little") + DATA.to_bytes(4, "little") + bytes(92))
        memory.write(PAGE_DIRECTORY, (PAGE_TABLE | 7).to_bytes(4, "little") + bytes(0xFFC))
        memory.write(PAGE_TABLE, self._page_table)

    def begin(self, values: dict[str, int]) -> None:
        self.cpu.set_registers(values)

    def step(self) -> int | None:
        """Executes one instruction; the vector of its exception, if it had one."""
        if self.cpu.run_for(1) == "shutdown":
            return SHUTDOWN
        after = self.cpu.registers()
        linear = after["eip"] + after["cs_base"]
        if HANDLERS <= linear < HANDLERS + 33 * 16:
            return (linear - HANDLERS) // 16
        return None


class Theirs:
    """Unicorn with the same memory. Raises ImportError where it is not installed."""

    def __init__(self, mode: Mode, image: bytes) -> None:
        import unicorn
        from unicorn import x86_const as names

        self._unicorn, self._names, self._mode = unicorn, names, mode
        self.uc = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_32 if mode.protected else unicorn.UC_MODE_16)
        self.uc.mem_map(0, MEMORY_BYTES)
        self.uc.mem_write(0, image)
        self._ids = [getattr(names, f"UC_X86_REG_{name.upper()}") for name in REGISTERS]
        if mode.protected:
            self.uc.reg_write(names.UC_X86_REG_GDTR, (0, GDT, TASK - 1, 0))
            for name in ("ds", "es", "ss", "fs", "gs"):
                self._write(name, DATA)
            self._write("cs", CODE)
            if mode.paging:
                self._execute("mov cr3, eax; mov eax, edx; mov cr0, eax", "0f22d8 89d0 0f22c0")
        self._at_ring_0 = self.uc.context_save()
        self.written: list[tuple[int, int]] = []
        self.uc.hook_add(unicorn.UC_HOOK_MEM_WRITE, self._wrote)
        self._interrupt: int | None = None
        self.cr2 = 0
        self.uc.hook_add(unicorn.UC_HOOK_INTR, self._interrupted)

    def _write(self, name: str, value: int) -> None:
        self.uc.reg_write(getattr(self._names, f"UC_X86_REG_{name.upper()}"), value)

    def _execute(self, _source: str, code: str) -> None:
        """Control registers are not taken seriously when they are written from outside."""
        machine_code = bytes.fromhex(code)
        before = self.uc.mem_read(ENTRY, len(machine_code))
        self.uc.mem_write(ENTRY, machine_code)
        self._write("eax", PAGE_DIRECTORY)
        self._write("edx", self._mode.cr0)
        self.uc.emu_start(ENTRY, ENTRY + len(machine_code))
        self.uc.mem_write(ENTRY, bytes(before))

    def _wrote(self, _uc: object, _access: int, address: int, size: int, _value: int, _data: object) -> None:
        self.written.append((address, size))

    def _interrupted(self, uc: object, vector: int, _data: object) -> None:
        self._interrupt = vector
        self.cr2 = self.uc.reg_read(self._names.UC_X86_REG_CR2)
        self.uc.emu_stop()

    def begin(self, values: dict[str, int]) -> None:
        for number, name in zip(self._ids, REGISTERS, strict=True):
            self.uc.reg_write(number, values[name])
        self._write("eflags", values["eflags"])

    def begin_stream(self, values: dict[str, int]) -> None:
        """The tables are in place: segment registers are loaded from them, by IRET where there is another way in."""
        if not self._mode.protected:
            for name in ("cs", "ds", "es", "ss", "fs", "gs"):
                self._write(name, values[name])
            return
        self.uc.context_restore(self._at_ring_0)
        frame = [values["eip"], values["cs"], values["eflags"]]
        if self._mode.cpl:
            frame += [values["esp"], values["ss"]]
        if self._mode.v86:
            frame += [values[name] for name in ("es", "ds", "fs", "gs")]
        before = self.uc.mem_read(ENTRY, 64)
        self.uc.mem_write(ENTRY, b"\xcf".ljust(16, b"\x90") + b"".join(value.to_bytes(4, "little") for value in frame))
        self._write("esp", ENTRY + 16)
        self.uc.ctl_remove_cache(ENTRY, ENTRY + 16)
        self.uc.emu_start(ENTRY, 0xFFFFFFFF, count=1)
        self.uc.mem_write(ENTRY, bytes(before))
        if not self._mode.v86:
            for name in ("ds", "es", "fs", "gs"):
                self._write(name, values[name])

    def step(self, before: dict[str, int]) -> bool:
        """Executes the instruction at CS:EIP of ``before``; whether it went through."""
        self.written.clear()
        self._interrupt = None
        linear = before["cs_base"] + before["eip"]
        self.uc.ctl_remove_cache(linear, linear + 16)  # memory may have been given to it from outside
        try:
            self.uc.emu_start(before["eip"] if self._mode.protected else linear, 0xFFFFFFFF, count=1)
        except self._unicorn.UcError:
            return False
        return self._interrupt is None

    def registers(self) -> list[int]:
        return [self.uc.reg_read(number) for number in self._ids]

    @property
    def eip(self) -> int:
        return int(self.uc.reg_read(self._names.UC_X86_REG_EIP))

    @property
    def eflags(self) -> int:
        return int(self.uc.reg_read(self._names.UC_X86_REG_EFLAGS))


class Comparison:
    """One seed's noise in one mode."""

    def __init__(self, mode: Mode, seed: int) -> None:
        self._mode = mode
        self._chance = chance = random.Random(f"{mode.name} {seed}")
        tables = TABLES_END >> 12
        flags = [1] * (tables - 1) + [3]
        flags += [chance.choice((7, 7, 7, 7, 5, 3, 1, 0)) for _ in range(tables, MEMORY_BYTES >> 12)]
        self._ours = Ours(mode, chance.randbytes(MEMORY_BYTES), flags)
        self._theirs = Theirs(mode, self._ours.memory.read(0, MEMORY_BYTES))
        self.compared = self.aside = 0
        self.differences: list[str] = []
        self.kinds: Counter[int] = Counter()
        self.exceptions: Counter[int] = Counter()
        self._tables = b""

    def _fresh(self) -> dict[str, int]:
        chance, mode = self._chance, self._mode
        values = {name: chance.getrandbits(chance.choice((8, 16, 19))) for name in REGISTERS}
        values |= {"esp": chance.randrange(0x7000, 0xF000) & ~3, "eflags": 2 | chance.getrandbits(12) & STATUS}
        values |= {"halted": 0, "dr7": 0x400, "cr4": 0, "cr3": PAGE_DIRECTORY, "cr0": mode.cr0, "cpl": mode.cpl}
        values |= {"gdtr_base": GDT, "gdtr_limit": TASK + 7, "idtr_base": IDT, "idtr_limit": 0x7FF}
        values |= {"tr": TASK, "tr_base": TSS, "tr_limit": 0x67, "tr_access": 0x8B}
        last = (0x10000 if mode.bits == 16 else MEMORY_BYTES) - 0x100
        values["eip"] = chance.randrange(TABLES_END if mode.flat else 0, last)
        if not mode.protected:
            values |= {"idtr_base": 0, "idtr_limit": 0x3FF}
        if mode.v86:
            values["eflags"] |= VM | 0x3000
        code, data = mode.selectors
        for name in ("cs", "ss", "ds", "es", "fs", "gs"):
            if mode.flat:
                privilege = mode.cpl << 5
                big = 0xC00 if name != "cs" or mode.bits == 32 else 0x800
                values |= {name: code if name == "cs" else data, f"{name}_base": 0, f"{name}_limit": 0xFFFFFFFF}
                values[f"{name}_access"] = (0x9B if name == "cs" else 0x93) | privilege | big
            else:
                values[name] = chance.randrange(0x600, 0xF000)
                values |= {f"{name}_base": values[name] << 4, f"{name}_limit": 0xFFFF}
                values[f"{name}_access"] = 0xF3 if mode.v86 else 0x9B if name == "cs" else 0x93
        return values

    def _copy_tables(self) -> None:
        self._ours.tables()
        self._tables = self._ours.memory.read(0, TABLES_END)
        self._theirs.uc.mem_write(0, self._tables)

    def run(self, instructions: int) -> None:
        """Executes so many; ``differences`` says what did not agree."""
        while self.compared + self.aside < instructions:
            self._copy_tables()
            values = self._fresh()
            self._ours.begin(values)
            self._theirs.begin_stream(values)
            for _ in range(24):
                if not self._one():
                    break

    def _one(self) -> bool:
        """One instruction on both; whether the stream goes on."""
        ours, theirs = self._ours, self._theirs
        before = ours.cpu.registers()
        linear = before["cs_base"] + before["eip"]
        if not TABLES_END <= linear < MEMORY_BYTES - 32:
            return False
        instruction = Instruction.at(ours.memory.read(linear, 16), self._mode.bits)
        if instruction.aside:
            return self._ours_alone(before)
        theirs.begin(before)
        vector = ours.step()
        went = theirs.step(before)
        self.compared += 1
        self.kinds[instruction.opcode] += 1
        if vector is not None:
            self.exceptions[vector] += 1
        after = ours.cpu.registers()
        wrong = ""
        # QEMU checks no limits and no access rights of segments; memory ends where the noise does.
        unchecked = vector == 13 and instruction.through_cs if self._mode.flat else vector in (12, 13, SHUTDOWN)
        outside = unchecked or any(at + size > MEMORY_BYTES for at, size in theirs.written)
        over_itself = any(linear - size < at < linear + CODE_AHEAD for at, size in theirs.written)
        if over_itself:
            pass  # Unicorn does it a second time
        elif vector is not None and theirs.eip == after["eip"] != before["eip"]:
            pass  # a jump to where the handlers are
        elif vector is not None:
            # Some exceptions end Unicorn's run without a word, at the instruction.
            stayed = theirs.eip == before["eip"]
            if went and not stayed and not outside:
                wrong = f"exception {vector} here alone"
            elif vector == PAGE_FAULT and theirs.cr2 != after["cr2"]:
                wrong = f"page fault at {after['cr2']:x} and {theirs.cr2:x}"
        elif not went:
            if not self._beyond(before):
                wrong = "an exception there alone"
        else:
            wrong = self._difference(instruction, before, after)
        if wrong and self._ours.memory.read(0, TABLES_END) != self._tables:
            wrong = ""  # the stream wrote over the vectors, which Unicorn does not use
        if wrong:
            state = " ".join(
                f"{name}={before[name]:x}" for name in (*REGISTERS, "eip", "eflags", "cs", "ds", "ss", "es")
            )
            self.differences.append(f"{self._mode.name}, {instruction.code.hex()}: {wrong}; before: {state}")
        if wrong or over_itself or vector is not None or not went or theirs.eip != after["eip"]:
            self._level()
        return vector is None and not after["halted"] and after["eip"] <= 0xFFFFFFFF and went

    def _beyond(self, before: dict[str, int]) -> bool:
        """Whether Unicorn may have met the end of its memory: ours reads FFh there."""
        return self._mode.flat or any(
            before[f"{name}_base"] > MEMORY_BYTES - 0x10000 for name in ("ds", "es", "ss", "fs", "gs")
        )

    def _ours_alone(self, before: dict[str, int]) -> bool:
        image = self._ours.memory.read(0, MEMORY_BYTES)
        vector = self._ours.step()
        self.aside += 1
        after = self._ours.cpu.registers()
        fresh = self._ours.memory.read(0, MEMORY_BYTES)
        if fresh != image:
            self._theirs.uc.mem_write(0, fresh)
        plain = all(after[name] == before[name] for name in ("cs", "ss", "ds", "es", "fs", "gs", "cr0", "cr3"))
        return vector is None and plain and not after["halted"] and not after["eflags"] & TF

    def _difference(self, instruction: Instruction, before: dict[str, int], after: dict[str, int]) -> str:
        theirs, memory = self._theirs, self._ours.memory
        if not instruction.results_undefined:
            for name, value in zip(REGISTERS, theirs.registers(), strict=True):
                if after[name] != value:
                    return f"{name} {after[name]:x} and {value:x}"
            for at, size in theirs.written:
                if at + size <= MEMORY_BYTES and memory.read(at, size) != bytes(theirs.uc.mem_read(at, size)):
                    return f"memory at {at:x}"
        else:
            self._level()
        # A repeated instruction's last iteration and its end are two instructions to Unicorn.
        if after["eip"] != theirs.eip and not (instruction.repeated and theirs.eip == before["eip"]):
            return f"eip {after['eip']:x} and {theirs.eip:x}"
        flags = STATUS & ~instruction.undefined
        if (after["eflags"] ^ theirs.eflags) & flags:
            return f"flags {after['eflags'] & flags:x} and {theirs.eflags & flags:x}"
        return ""

    def _level(self) -> None:
        """Gives Unicorn our memory."""
        self._theirs.uc.mem_write(0, self._ours.memory.read(0, MEMORY_BYTES))


def main(instructions: int) -> None:
    for seed in range(1 << 30):
        if instructions <= 0:
            return
        for mode in MODES:
            comparison = Comparison(mode, seed)
            comparison.run(min(instructions, 100_000))
            instructions -= comparison.compared
            print(f"seed {seed}, {mode.name}: {comparison.compared} compared, {comparison.aside} aside", flush=True)
            for difference in comparison.differences[:20]:
                print("   ", difference, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
