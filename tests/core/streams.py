"""Random streams of user-mode integer instructions, for comparing processors.

A stream is straight-line code that uses data at ``DATA`` and a stack at ``STACK``. The generator knows which
status flags the architecture leaves undefined after each instruction (SDM vol. 2) and never lets a later
instruction read one, so whatever is left to compare is defined.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

CODE, DATA, STACK, PAGE = 0x10000, 0x20000, 0x30000, 0x1000
CF, PF, AF, ZF, SF, OF = 0x001, 0x004, 0x010, 0x040, 0x080, 0x800
STATUS = CF | PF | AF | ZF | SF | OF
EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI = range(8)
POINTERS = (EBX, EBP, ESI, EDI)
SPECIAL = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE)


@dataclass
class Case:
    """One stream with all it starts from."""

    code: bytes
    instructions: int
    gpr: list[int]
    eflags: int
    data: bytes
    undefined: int  # status flags not to be compared at the end
    names: list[str] = field(default_factory=list)


@dataclass
class Piece:
    code: bytes
    reads: int = 0
    writes: int = 0
    undefined: int = 0


class Generator:
    """``bits`` 32 or 16 is the code segment's default; both operand sizes come up in either."""

    def __init__(self, seed: int, bits: int = 32) -> None:
        self.rng = random.Random(seed)
        self.bits = bits
        self.single = True
        self.templates: list[tuple[str, Callable[[], Piece]]] = [
            (name.removeprefix("make_"), getattr(self, name)) for name in dir(self) if name.startswith("make_")
        ]

    # -- Parts of an encoding

    def value(self) -> int:
        return self.rng.choice(SPECIAL) if self.rng.random() < 0.4 else self.rng.getrandbits(32)

    def register(self, size: int, written: bool = True) -> int:
        """A register number; in longer streams pointers and ESP are not overwritten."""
        if size == 1:
            return self.rng.choice((0, 1, 2, 4, 5, 6))
        if written and not self.single:
            return self.rng.choice((EAX, ECX, EDX))
        return self.rng.choice((EAX, ECX, EDX, EBX, EBP, ESI, EDI))

    def size(self) -> int:
        return self.rng.choice((1, 2, 4, 4) if self.bits == 32 else (1, 2, 2, 4))

    def prefix(self, size: int) -> bytes:
        wide = size == 4 if self.bits == 16 else size == 2
        return b"\x66" if wide else b""

    def memory(self, reg: int) -> bytes:
        """ModRM and displacement of a memory operand inside DATA."""
        if self.bits == 16:
            mode, rm = self.rng.choice(((0, 4), (0, 5), (0, 7), (1, 4), (1, 5), (1, 7), (2, 7), (2, 5)))
            displacement = self.rng.randrange(-64, 64)
            tail = b"" if mode == 0 else (displacement & (0xFF if mode == 1 else 0xFFFF)).to_bytes(mode, "little")
            return bytes([mode << 6 | reg << 3 | rm]) + tail
        base = self.rng.choice(POINTERS)
        displacement = self.rng.randrange(-100, 100)
        kind = self.rng.randrange(4)
        if kind == 0:
            return bytes([0x40 | reg << 3 | base, displacement & 0xFF])
        if kind == 1:
            return bytes([0x80 | reg << 3 | base]) + (displacement & 0xFFFFFFFF).to_bytes(4, "little")
        if kind == 2:  # SIB with no index
            return bytes([0x44 | reg << 3, 0x20 | base, displacement & 0xFF])
        return bytes([reg << 3 | 5]) + (DATA + 0x800 + displacement).to_bytes(4, "little")

    def operand(self, reg: int, size: int, written: bool = True) -> bytes:
        """ModRM of a register or memory operand."""
        if self.rng.random() < 0.5:
            return self.memory(reg)
        return bytes([0xC0 | reg << 3 | self.register(size, written)])

    def immediate(self, size: int) -> bytes:
        return (self.value() & ((1 << size * 8) - 1)).to_bytes(size, "little")

    def sized(self, size: int, byte_opcode: int) -> bytes:
        """Operand-size prefix and the opcode whose bit 0 tells byte from word."""
        return self.prefix(size) + bytes([byte_opcode | (size != 1)])

    # -- Templates: one method a family

    def make_arithmetic(self) -> Piece:
        kind, size = self.rng.randrange(8), self.size()
        reads = CF if kind in (2, 3) else 0
        undefined = AF if kind in (1, 4, 6) else 0
        form = self.rng.randrange(4)
        if form == 0:
            code = self.sized(size, kind << 3) + self.operand(self.register(size, False), size, kind != 7)
        elif form == 1:
            code = self.sized(size, kind << 3 | 2) + self.operand(self.register(size), size, False)
        elif form == 2:
            code = self.sized(size, kind << 3 | 4) + self.immediate(size)
        elif size > 1 and self.rng.random() < 0.5:
            code = self.prefix(size) + b"\x83" + self.operand(kind, size, kind != 7) + self.immediate(1)
        else:
            code = self.sized(size, 0x80) + self.operand(kind, size, kind != 7) + self.immediate(size)
        return Piece(code, reads, STATUS, undefined)

    def make_test(self) -> Piece:
        size = self.size()
        if self.rng.random() < 0.5:
            return Piece(self.sized(size, 0x84) + self.operand(self.register(size, False), size, False), 0, STATUS, AF)
        return Piece(self.sized(size, 0xF6) + self.operand(0, size, False) + self.immediate(size), 0, STATUS, AF)

    def make_inc_dec(self) -> Piece:
        size = self.size()
        code = self.sized(size, 0xFE) + self.operand(self.rng.randrange(2), size)
        if size > 1 and self.rng.random() < 0.5:
            code = self.prefix(size) + bytes([0x40 | self.rng.randrange(2) << 3 | self.register(size)])
        return Piece(code, 0, STATUS & ~CF)

    def make_not_neg(self) -> Piece:
        size, kind = self.size(), self.rng.choice((2, 3))
        return Piece(self.sized(size, 0xF6) + self.operand(kind, size), 0, STATUS if kind == 3 else 0)

    def make_multiply(self) -> Piece:
        size = self.size()
        undefined = SF | ZF | AF | PF
        form = self.rng.randrange(3)
        if form == 0:
            code = self.sized(size, 0xF6) + self.operand(self.rng.choice((4, 5)), size, False)
        else:
            size = self.rng.choice((2, 4))
            reg = self.register(size)
            if form == 1:
                code = self.prefix(size) + b"\x0f\xaf" + self.operand(reg, size, False)
            elif self.rng.random() < 0.5:
                code = self.prefix(size) + b"\x69" + self.operand(reg, size, False) + self.immediate(size)
            else:
                code = self.prefix(size) + b"\x6b" + self.operand(reg, size, False) + self.immediate(1)
        return Piece(code, 0, STATUS, undefined)

    def make_divide(self) -> Piece:
        size = self.size()
        return Piece(self.sized(size, 0xF6) + self.operand(self.rng.choice((6, 7)), size, False), 0, STATUS, STATUS)

    def make_shift(self) -> Piece:
        size, kind = self.size(), self.rng.randrange(8)
        rotate = kind < 4
        reads = CF if kind in (2, 3) else 0
        form = self.rng.randrange(3)
        if form == 0:
            return Piece(
                self.sized(size, 0xD0) + self.operand(kind, size),
                reads,
                CF | OF if rotate else STATUS,
                0 if rotate else AF,
            )
        if form == 1:
            # A count that stays within the operand keeps CF defined; beyond 1, OF is not.
            count = self.rng.randrange(1, size * 8)
            code = self.sized(size, 0xC0) + self.operand(kind, size) + bytes([count])
            return Piece(code, reads, CF | OF if rotate else STATUS, (0 if count == 1 else OF) | (0 if rotate else AF))
        # By CL the count is not known here: 0 leaves the flags alone, so nothing counts as written.
        code = self.sized(size, 0xD2) + self.operand(kind, size)
        return Piece(code, reads, 0, OF | (0 if rotate else AF) | (CF if size < 4 else 0))

    def make_double_shift(self) -> Piece:
        size = self.rng.choice((2, 4))
        count = self.rng.randrange(1, size * 8)
        code = (
            self.prefix(size)
            + bytes([0x0F, self.rng.choice((0xA4, 0xAC))])
            + self.operand(self.register(size, False), size)
        )
        return Piece(code + bytes([count]), 0, STATUS, AF | (0 if count == 1 else OF))

    def make_bit_test(self) -> Piece:
        size = self.rng.choice((2, 4))
        kind = self.rng.choice((4, 5, 6, 7))
        if self.rng.random() < 0.5:
            code = self.prefix(size) + b"\x0f\xba" + self.operand(kind, size) + self.immediate(1)
        else:
            opcode = (0xA3, 0xAB, 0xB3, 0xBB)[kind - 4]
            target = self.register(size)
            code = self.prefix(size) + bytes([0x0F, opcode, 0xC0 | self.register(size, False) << 3 | target])
        return Piece(code, 0, CF, STATUS & ~CF & ~ZF)

    def make_bit_scan(self) -> Piece:
        size = self.rng.choice((2, 4))
        code = (
            self.prefix(size)
            + bytes([0x0F, self.rng.choice((0xBC, 0xBD))])
            + self.operand(self.register(size), size, False)
        )
        return Piece(code, 0, ZF, STATUS & ~ZF)

    def make_move(self) -> Piece:
        size = self.size()
        form = self.rng.randrange(4)
        if form == 0:
            return Piece(self.sized(size, 0x88) + self.operand(self.register(size, False), size))
        if form == 1:
            return Piece(self.sized(size, 0x8A) + self.operand(self.register(size), size, False))
        if form == 2:
            return Piece(self.sized(size, 0xC6) + self.operand(0, size) + self.immediate(size))
        base = 0xB0 if size == 1 else 0xB8
        return Piece(self.prefix(size) + bytes([base | self.register(size)]) + self.immediate(size))

    def make_extend(self) -> Piece:
        size, source = self.rng.choice((2, 4)), self.rng.choice((0, 1))
        opcode = self.rng.choice((0xB6, 0xBE)) | source
        return Piece(
            self.prefix(size) + bytes([0x0F, opcode]) + self.operand(self.register(size), 2 if source else 1, False)
        )

    def make_exchange(self) -> Piece:
        size = self.size()
        return Piece(self.sized(size, 0x86) + self.operand(self.register(size), size))

    def make_compare_exchange(self) -> Piece:
        size = self.size()
        return Piece(
            self.prefix(size) + bytes([0x0F, 0xB0 | (size != 1)]) + self.operand(self.register(size, False), size),
            0,
            STATUS,
        )

    def make_exchange_add(self) -> Piece:
        size = self.size()
        return Piece(
            self.prefix(size) + bytes([0x0F, 0xC0 | (size != 1)]) + self.operand(self.register(size), size), 0, STATUS
        )

    def make_compare_exchange_8_bytes(self) -> Piece:
        return Piece(b"\x0f\xc7" + self.memory(1), 0, ZF)

    def make_byte_swap(self) -> Piece:
        return Piece(self.prefix(4) + bytes([0x0F, 0xC8 | self.register(4)]))

    def make_conditional(self) -> Piece:
        condition = self.rng.randrange(16)
        reads = (OF, CF, ZF, CF | ZF, SF, PF, SF | OF, SF | OF | ZF)[condition >> 1]
        if self.rng.random() < 0.5:
            return Piece(bytes([0x0F, 0x90 | condition]) + self.operand(0, 1), reads)
        size = self.rng.choice((2, 4))
        return Piece(
            self.prefix(size) + bytes([0x0F, 0x40 | condition]) + self.operand(self.register(size), size, False), reads
        )

    def make_address(self) -> Piece:
        size = self.rng.choice((2, 4))
        return Piece(self.prefix(size) + b"\x8d" + self.memory(self.register(size)))

    def make_convert(self) -> Piece:
        return Piece(self.prefix(self.rng.choice((2, 4))) + self.rng.choice((b"\x98", b"\x99")))

    def make_flags(self) -> Piece:
        code, reads, writes = self.rng.choice(
            (
                (b"\xf8", 0, CF),
                (b"\xf9", 0, CF),
                (b"\xf5", CF, CF),
                (b"\x9e", 0, STATUS & ~OF),
                (b"\x9f", STATUS & ~OF, 0),
            )
        )
        return Piece(code, reads, writes)

    def make_push_pop(self) -> Piece:
        size = self.rng.choice((2, 4))
        form = self.rng.randrange(4)
        if form == 0:
            return Piece(self.prefix(size) + bytes([0x50 | self.register(size, False)]))
        if form == 1:
            return Piece(self.prefix(size) + bytes([0x58 | self.register(size)]))
        if form == 2:
            return Piece(self.prefix(size) + b"\x6a" + self.immediate(1))
        return Piece(self.prefix(size) + self.rng.choice((b"\xff" + self.memory(6), b"\x8f" + self.memory(0))))

    def make_push_all(self) -> Piece:
        if self.single and self.rng.random() < 0.5:
            return Piece(self.prefix(self.rng.choice((2, 4))) + b"\x61")
        return Piece(self.prefix(self.rng.choice((2, 4))) + b"\x60")

    def make_enter(self) -> Piece:
        if not self.single:
            return self.make_push_pop()
        level = self.rng.choice((0, 1, 2, 5))
        return Piece(b"\xc8" + self.rng.randrange(0, 64).to_bytes(2, "little") + bytes([level]))

    def make_decimal(self) -> Piece:
        code, reads, writes, undefined = self.rng.choice(
            (
                (b"\x27", CF | AF, STATUS, OF),
                (b"\x2f", CF | AF, STATUS, OF),
                (b"\x37", AF, STATUS, OF | SF | ZF | PF),
                (b"\x3f", AF, STATUS, OF | SF | ZF | PF),
                (b"\xd4" + bytes([self.rng.randrange(1, 256)]), 0, STATUS, OF | AF | CF),
                (b"\xd5" + self.immediate(1), 0, STATUS, OF | AF | CF),
            )
        )
        return Piece(code, reads, writes, undefined)

    def make_string(self) -> Piece:
        size = self.size()
        opcode, writes = self.rng.choice(((0xA4, 0), (0xA6, STATUS), (0xAA, 0), (0xAC, 0), (0xAE, STATUS)))
        if not self.single:
            return Piece(self.sized(size, opcode), 0, writes)
        # REP: the count is in ECX, small by a MOV before it.
        count = self.rng.randrange(0, 24)
        load = (b"\xb9" + count.to_bytes(4, "little")) if self.bits == 32 else (b"\xb9" + count.to_bytes(2, "little"))
        repeat = self.rng.choice((b"\xf3", b"\xf2") if opcode in (0xA6, 0xAE) else (b"\xf3",))
        direction = self.rng.choice((b"\xfc", b"\xfc", b"\xfd"))
        piece = Piece(load + direction + repeat + self.sized(size, opcode) + b"\xfc", 0, writes if count else 0)
        piece.extra = 3  # type: ignore[attr-defined]
        return piece

    def make_translate(self) -> Piece:
        return Piece(b"\xd7") if self.single else Piece(b"\x90")

    # -- Whole cases

    def case(self, length: int) -> Case:
        self.single = length == 1
        gpr = [self.value() for _ in range(8)]
        for pointer in POINTERS:
            gpr[pointer] = self.rng.randrange(0x400, 0xA00) + (DATA if self.bits == 32 else 0)
        gpr[ESP] = 0x800 + (STACK if self.bits == 32 else 0)
        if self.single and self.rng.random() < 0.3:
            gpr[EAX] &= 0xFFFF  # so that XLAT and DIV meet small values too
            gpr[EDX] &= 0xFF
        code, names, instructions, unclear = b"", [], 0, 0
        while instructions < length:
            name, make = self.rng.choice(self.templates)
            piece = make()
            if piece.reads & unclear:
                continue
            code += piece.code
            names.append(name)
            instructions += 1 + getattr(piece, "extra", 0)
            unclear = unclear & ~piece.writes | piece.undefined
        eflags = 0x2 | self.rng.getrandbits(12) & STATUS
        return Case(code, instructions, gpr, eflags, self.rng.randbytes(PAGE), unclear, names)
