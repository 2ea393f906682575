"""Every x87 instruction on random register stacks, against the host's own x87.

All exceptions are masked; precision and rounding vary. Processors differ in C1 where the manuals call it undefined or
where they disagree (AMD leaves it alone in FCOMI, clears it in FFREE), so it is not compared there.
"""

from __future__ import annotations

import os
import random
import struct

import pytest

from tests.core.processors import HostProcessor, OurProcessor
from tests.core.streams import DATA, PAGE, STACK, Case

SEED = int(os.environ.get("BANCADA_SEED", random.SystemRandom().randrange(1 << 32)))
SCALE = float(os.environ.get("BANCADA_DIFFERENTIAL_SCALE", "1"))
COUNT = 30_000
OPERAND, STATUS, REGISTERS = 0x80, 0xA0, 0xB0  # offsets in the data page; the FRSTOR image is at 0
C1 = 0x200

# Memory forms that load, compute or store: (opcode, ModRM.reg, kind of operand). FLDCW and the environments have tests
# of their own, FISTTP came later.
MEMORY_FORMS = (
    [(0xD8, reg, "single") for reg in range(8)]
    + [(0xDA, reg, "integer") for reg in range(8)]
    + [(0xDC, reg, "double") for reg in range(8)]
    + [(0xDE, reg, "integer") for reg in range(8)]
    + [(0xD9, reg, "single") for reg in (0, 2, 3)]
    + [(0xDB, reg, "integer") for reg in (0, 2, 3)]
    + [(0xDD, reg, "double") for reg in (0, 2, 3)]
    + [(0xDF, reg, "integer") for reg in (0, 2, 3, 5, 7)]
    + [(0xDB, 5, "extended"), (0xDB, 7, "extended"), (0xDF, 4, "decimal"), (0xDF, 6, "decimal")]
)


def register_forms() -> list[bytes]:
    stack = {
        0xD8: range(0xC0, 0x100),
        0xD9: range(0xC0, 0xD1),
        0xDA: range(0xC0, 0xE0),
        0xDB: [*range(0xC0, 0xE0), 0xE2, *range(0xE8, 0xF8)],
        0xDC: [*range(0xC0, 0xD0), *range(0xE0, 0x100)],
        0xDD: [*range(0xC0, 0xC8), *range(0xD0, 0xF0)],
        0xDE: [*range(0xC0, 0xD0), 0xD9, *range(0xE0, 0x100)],
        0xDF: [0xE0, *range(0xE8, 0xF8)],
    }
    alone = [0xE0, 0xE1, 0xE4, 0xE5, *range(0xE8, 0xEF), *range(0xF0, 0x100)]
    return (
        [bytes([opcode, modrm]) for opcode, all_modrm in stack.items() for modrm in all_modrm]
        + [bytes([0xD9, modrm]) for modrm in alone]
        + [b"\xda\xe9"]
    )


class X87Generator:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.registers = register_forms()

    def extended(self) -> bytes:
        rng = self.rng
        significand, exponent = rng.choice(
            (
                (0, 0),
                (1 << 63, 0x7FFF),
                (3 << 62 | rng.getrandbits(62), 0x7FFF),
                (1 << 63 | rng.getrandbits(62) | 1, 0x7FFF),
                (rng.getrandbits(63) >> rng.randrange(60), 0),
                (rng.getrandbits(63), rng.randrange(1, 0x7FFF)),
                (1 << 63 | rng.getrandbits(63), rng.randrange(0x7FFF)),
                (1 << 63 | rng.getrandbits(63), rng.randrange(40)),
                (1 << 63 | rng.getrandbits(63), 0x7FFE - rng.randrange(40)),
                (1 << 63 | rng.getrandbits(63), 0x3FFF - 20 + rng.randrange(90)),
                (1 << 63 | rng.getrandbits(6) << 57, 0x3FFF + rng.randrange(8)),
                (1 << 63, 0x3FFF - 70 + rng.randrange(140)),
            )
        )
        return struct.pack("<QH", significand, exponent | rng.randrange(2) << 15)

    def operand(self, kind: str) -> bytes:
        rng = self.rng
        whole = float(rng.randrange(-1000, 1000))
        if kind == "single" and rng.random() < 0.6:
            special = (0x7F800000, 0xFF800000, 0x7FC00001, 0x7F800001, rng.getrandbits(23), 0, 1 << 31)
            data = rng.choice([struct.pack("<f", whole), *(struct.pack("<I", bits) for bits in special)])
        elif kind == "double" and rng.random() < 0.6:
            special = (0x7FF << 52, 0xFFF << 52, 0x7FF8 << 48 | 5, 0x7FF << 52 | 1, rng.getrandbits(52), 0, 1 << 63)
            data = rng.choice([struct.pack("<d", whole), *(struct.pack("<Q", bits) for bits in special)])
        elif kind == "decimal":
            data = bytes(rng.randrange(10) | rng.randrange(10) << 4 for _ in range(9)) + bytes([rng.randrange(2) << 7])
        else:
            data = rng.randbytes(16)
        return data.ljust(16, b"\0")

    def image(self) -> bytes:
        rng = self.rng
        control = 0x7F | rng.choice((0, 2, 3, 3)) << 8 | rng.randrange(4) << 10
        top = rng.randrange(8)
        status = top << 11 | rng.getrandbits(16) & 0x473F | rng.getrandbits(1) << 9
        tags = 0
        for register in range(8):
            if rng.random() < 0.08:
                tags |= 3 << 2 * register
        if rng.random() < 0.5:
            tags |= 3 << 2 * ((top - 1) & 7)  # room for a push
        return struct.pack("<7I", control, status, tags, 0, 0, 0, 0) + b"".join(self.extended() for _ in range(8))

    def case(self) -> tuple[Case, int]:
        """A stream and the bits of its status word that are not to be compared."""
        rng = self.rng
        operand, undefined = bytes(16), 0
        if rng.random() < 0.4:
            opcode, reg, kind = rng.choice(MEMORY_FORMS)
            operand = self.operand(kind)
            instruction = bytes([opcode, reg << 3 | 5]) + struct.pack("<I", DATA + OPERAND)
        else:
            instruction = rng.choice(self.registers)
            compares_to_flags = instruction[0] in (0xDB, 0xDF) and 0xE8 <= instruction[1] < 0xF8
            frees = instruction[0] == 0xDD and instruction[1] < 0xC8
            pushes_copy = instruction[0] == 0xD9 and instruction[1] < 0xC8
            undefined = C1 if compares_to_flags or frees or pushes_copy else 0
        code = b"\xdd\x25" + struct.pack("<I", DATA) + instruction  # frstor
        code += b"\xdd\x3d" + struct.pack("<I", DATA + STATUS)  # fnstsw
        code += b"".join(b"\xdb\x3d" + struct.pack("<I", DATA + REGISTERS + 10 * i) for i in range(8))  # fstp
        code += b"\xdb\xe3"
        data = (self.image().ljust(OPERAND, b"\0") + operand).ljust(PAGE, b"\0")
        registers = [0, 1, 2, 3, STACK + 0x800, 5, 6, 7]
        return Case(code, 12, registers, rng.getrandbits(12) & 0x8D5, data, 0, [instruction.hex()]), undefined


@pytest.mark.skipif(not HostProcessor.available(), reason="the host is not an x86-64 Linux machine")
def test_every_instruction_agrees_with_the_host() -> None:
    print(f"seed {SEED}")
    generator, ours, host = X87Generator(SEED), OurProcessor(32), HostProcessor()
    for number in range(round(COUNT * SCALE)):
        case, undefined = generator.case()
        mine, theirs = ours.run(case), host.run(case)
        where = f"seed {SEED}, case {number}, {case.names[0]}: {case.data[:108].hex()} {case.data[OPERAND:][:16].hex()}"
        assert not mine.fault, where
        status = [int.from_bytes(outcome.data[STATUS:][:2], "little") & ~undefined for outcome in (mine, theirs)]
        assert status[0] == status[1], f"status {status[0]:04x} and {status[1]:04x}, {where}"
        for what, at in (("operand", OPERAND), *((f"ST({i})", REGISTERS + 10 * i) for i in range(8))):
            length = 16 if what == "operand" else 10
            assert mine.data[at : at + length].hex() == theirs.data[at : at + length].hex(), f"{what}, {where}"
        assert (mine.eflags ^ theirs.eflags) & 0x8D5 == 0, where
        assert mine.gpr == theirs.gpr, where
    ours.check_accelerator()
