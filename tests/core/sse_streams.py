"""Random streams of MMX and SSE instructions, for comparing processors.

A stream loads all registers and MXCSR by FXRSTOR, does its instructions and stores everything by FXSAVE. Operands are
often special numbers and rounding, flushing and exception masks vary, so that every exception comes up.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

from tests.core.streams import DATA, PAGE, STACK, Case

IMAGE, OPERANDS, RESULT, DEFAULT_MXCSR = 0, 0x400, 0x800, 0xC00  # offsets in the data page
OPERAND_BYTES = 0x200
MXCSR, XMM = 24, 160  # offsets in the image

# Offsets of an FXSAVE image that are not compared: processors differ in when they note the last x87 instruction.
UNCOMPARED = (*range(6, 24), *range(28, 32))


@dataclass(frozen=True)
class Form:
    """``kinds``: r registers, m memory. ``aligned``: memory must be 16-byte aligned. ``reg``: of the ModRM byte when
    it is part of the opcode. ``writes`` general registers: "reg" or "rm"."""

    name: str
    encoding: bytes
    kinds: str = "rm"
    aligned: bool = False
    immediate: bool = False
    reg: int | None = None
    general: str = ""


def _vector(name: str, opcode: int, prefixes: tuple[int, ...] = (0, 0x66), **options: object) -> list[Form]:
    """One opcode with several mandatory prefixes. Only 66 and the packed single forms ask for alignment."""
    forms = []
    for prefix in prefixes:
        encoding = (bytes([prefix]) if prefix else b"") + bytes([0x0F, opcode])
        forms.append(Form(f"{name}/{prefix:02x}", encoding, **options))  # type: ignore[arg-type]
    return forms


def _integer_forms() -> list[Form]:
    opcodes = [*range(0x60, 0x6C), *range(0x74, 0x77), 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, *range(0xD8, 0xE6)]
    opcodes += [*range(0xE8, 0xF0), *range(0xF1, 0xF7), *range(0xF8, 0xFF)]
    forms = []
    for opcode in opcodes:
        forms += _vector(f"integer {opcode:02x}", opcode, (0,))
        forms += _vector(f"integer {opcode:02x}", opcode, (0x66,), aligned=True)
    for opcode in (0x6C, 0x6D):
        forms += _vector(f"integer {opcode:02x}", opcode, (0x66,), aligned=True)
    for opcode, kinds in ((0x71, (2, 4, 6)), (0x72, (2, 4, 6)), (0x73, (2, 6))):
        for kind in kinds:
            forms += _vector(f"shift {opcode:02x}/{kind}", opcode, kinds="r", reg=kind, immediate=True)
    for kind in (3, 7):
        forms += _vector(f"shift 73/{kind}", 0x73, (0x66,), kinds="r", reg=kind, immediate=True)
    forms += _vector("pshufw", 0x70, (0,), immediate=True)
    forms += _vector("pshuf", 0x70, (0x66, 0xF2, 0xF3), immediate=True, aligned=True)
    forms += _vector("pextrw", 0xC5, kinds="r", immediate=True, general="reg")
    forms += _vector("pinsrw", 0xC4, immediate=True, general="rm")
    forms += _vector("pmovmskb", 0xD7, kinds="r", general="reg")
    forms += [Form("emms", b"\x0f\x77", kinds="")]
    return forms


def _move_forms() -> list[Form]:
    forms = []
    for opcode in (0x10, 0x11):
        forms += _vector(f"movu {opcode:02x}", opcode, (0, 0x66, 0xF3, 0xF2))
    for opcode in (0x28, 0x29):
        forms += _vector(f"mova {opcode:02x}", opcode, aligned=True)
    for opcode in (0x12, 0x16):
        forms += _vector(f"movl/h {opcode:02x}", opcode, (0,))
        forms += _vector(f"movl/h {opcode:02x}", opcode, (0x66,), kinds="m")
    for opcode in (0x13, 0x17):
        forms += _vector(f"movl/h {opcode:02x}", opcode, kinds="m")
    for opcode in (0x6E, 0x7E):
        forms += _vector(f"movd {opcode:02x}", opcode, general="rm")
    for opcode in (0x6F, 0x7F):
        forms += _vector(f"movq {opcode:02x}", opcode, (0, 0xF3)) + _vector("movdqa", opcode, (0x66,), aligned=True)
    forms += _vector("movq", 0x7E, (0xF3,)) + _vector("movq", 0xD6, (0x66,))
    forms += _vector("movnt", 0x2B, kinds="m", aligned=True) + _vector(
        "movntdq", 0xE7, (0x66,), kinds="m", aligned=True
    )
    forms += _vector("movntq", 0xE7, (0,), kinds="m") + _vector("movnti", 0xC3, (0,), kinds="m")
    forms += _vector("movq2dq", 0xD6, (0xF3, 0xF2), kinds="r")
    forms += _vector("movmsk", 0x50, kinds="r", general="reg")
    forms += _vector("maskmov", 0xF7, kinds="r")
    return forms


def _float_forms() -> list[Form]:
    forms = []
    for opcode in (0x51, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F):
        forms += _vector(f"float {opcode:02x}", opcode, aligned=True)
        forms += _vector(f"float {opcode:02x}", opcode, (0xF3, 0xF2))
    for opcode in (0x14, 0x15, 0x54, 0x55, 0x56, 0x57):
        forms += _vector(f"logic {opcode:02x}", opcode, aligned=True)
    for opcode in (0x52, 0x53):
        forms += _vector(f"approximate {opcode:02x}", opcode, (0,), aligned=True)
        forms += _vector(f"approximate {opcode:02x}", opcode, (0xF3,))
    forms += _vector("compare", 0xC2, aligned=True, immediate=True)
    forms += _vector("compare", 0xC2, (0xF3, 0xF2), immediate=True)
    forms += _vector("shuffle", 0xC6, aligned=True, immediate=True)
    for opcode in (0x2E, 0x2F):
        forms += _vector(f"comi {opcode:02x}", opcode)
    # From memory Intel's CVTPI2PS takes the x87 registers over all the same, AMD's does not.
    forms += _vector("cvtpi2ps", 0x2A, (0,), kinds="r") + _vector("cvtpi2pd", 0x2A, (0x66,))
    forms += _vector("cvtsi2", 0x2A, (0xF3, 0xF2), general="rm")
    for opcode in (0x2C, 0x2D):
        forms += _vector(f"cvtps2pi {opcode:02x}", opcode, (0,)) + _vector("cvtpd2pi", opcode, (0x66,), aligned=True)
        forms += _vector(f"cvt2si {opcode:02x}", opcode, (0xF3, 0xF2), general="reg")
    forms += _vector("cvt 5a", 0x5A, (0, 0xF3, 0xF2)) + _vector("cvtpd2ps", 0x5A, (0x66,), aligned=True)
    forms += _vector("cvt 5b", 0x5B, (0, 0x66, 0xF3), aligned=True)
    forms += _vector("cvt e6", 0xE6, (0xF3,)) + _vector("cvtpd2dq", 0xE6, (0x66, 0xF2), aligned=True)
    return forms


def _sse3_forms() -> list[Form]:
    forms = []
    for opcode in (0x7C, 0x7D, 0xD0):
        forms += _vector(f"horizontal {opcode:02x}", opcode, (0x66, 0xF2), aligned=True)
    forms += _vector("lddqu", 0xF0, (0xF2,), kinds="m") + _vector("movddup", 0x12, (0xF2,))
    forms += _vector("movsldup", 0x12, (0xF3,), aligned=True) + _vector("movshdup", 0x16, (0xF3,), aligned=True)
    for opcode in (*range(0x0C), 0x1C, 0x1D, 0x1E):
        forms += [Form(f"ssse3 {opcode:02x}", bytes([0x0F, 0x38, opcode]))]
        forms += [Form(f"ssse3 {opcode:02x}/66", bytes([0x66, 0x0F, 0x38, opcode]), aligned=True)]
    forms += [Form("palignr", b"\x0f\x3a\x0f", immediate=True)]
    forms += [Form("palignr/66", b"\x66\x0f\x3a\x0f", immediate=True, aligned=True)]
    return forms


INTEGER, MOVES, FLOATS, SSE3 = _integer_forms(), _move_forms(), _float_forms(), _sse3_forms()


class SseGenerator:
    """``masked``: share of streams with all exceptions masked."""

    def __init__(self, seed: int, forms: list[Form], masked: float = 0.6) -> None:
        self.rng = random.Random(seed)
        self.forms = forms
        self.masked = masked

    # -- Values

    def single(self) -> int:
        rng = self.rng
        special = (
            0,
            0x7F800000,
            0x7FC00000 | rng.getrandbits(22),
            0x7F800001 | rng.getrandbits(22),
            rng.getrandbits(23) >> rng.randrange(23),
            0x00800000 | rng.getrandbits(3),
            0x7F7FFFFF - rng.getrandbits(2),
            0x00800000 + rng.getrandbits(26),
            0x7F7FFFFF - rng.getrandbits(26),
            struct.unpack("<I", struct.pack("<f", float(rng.randrange(1000))))[0],
            0x4F000000 - 2 + rng.randrange(4),
            rng.getrandbits(31),
        )
        return int(rng.choice(special)) | rng.randrange(2) << 31

    def double(self) -> int:
        rng = self.rng
        special = (
            0,
            0x7FF << 52,
            0x7FF8 << 48 | rng.getrandbits(51),
            0x7FF << 52 | 1 | rng.getrandbits(51),
            rng.getrandbits(52) >> rng.randrange(52),
            1 << 52 | rng.getrandbits(3),
            (0x7FF << 52) - 1 - rng.getrandbits(2),
            (1 << 52) + rng.getrandbits(56),
            (0x7FF << 52) - rng.getrandbits(56),
            struct.unpack("<Q", struct.pack("<d", float(rng.randrange(1000))))[0],
            0x41E << 52 | rng.getrandbits(52) >> 20,
            rng.randrange(0x380, 0x482) << 52 | rng.getrandbits(52) & -(1 << rng.choice((0, 28, 29, 30))),
            rng.getrandbits(63),
        )
        return int(rng.choice(special)) | rng.randrange(2) << 63

    def xmm(self) -> bytes:
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            return rng.randbytes(16)
        if kind == 1:
            return struct.pack("<4I", *(self.single() for _ in range(4)))
        if kind == 2:
            return struct.pack("<2Q", self.double(), self.double())
        low, high = rng.randrange(-40000, 40000), rng.randrange(-300, 300)
        return struct.pack("<4i", low, high, rng.randrange(20), -rng.randrange(20))

    def image(self) -> bytes:
        """For FXRSTOR: no x87 exception is pending, MXCSR and all else are random."""
        rng = self.rng
        masks = 0x1F80 if rng.random() < self.masked else rng.getrandbits(6) << 7
        mxcsr = rng.choice((0, 0, rng.getrandbits(6))) | masks | rng.randrange(4) << 13
        mxcsr |= rng.choice((0, 0, 0x40, 0x8000, 0x8040))
        status = rng.randrange(8) << 11 | rng.getrandbits(16) & 0x4700
        head = struct.pack("<HHHHIIIIII", 0x37F, status, rng.getrandbits(8), 0, 0, 0, 0, 0, mxcsr, 0)
        registers = b"".join(
            struct.pack("<QH", int.from_bytes(self.xmm()[:8], "little"), rng.choice((0xFFFF, rng.getrandbits(16))))
            + bytes(6)
            for _ in range(8)
        )
        return head + registers + b"".join(self.xmm() for _ in range(8)) + bytes(512 - 288)

    # -- Instructions

    def instruction(self) -> tuple[str, bytes]:
        rng = self.rng
        form = rng.choice(self.forms)
        if not form.kinds:
            return form.name, form.encoding
        kind = rng.choice(form.kinds)
        # EDI is where MASKMOV stores, ESP stays.
        general = rng.choice((0, 1, 2, 3, 5, 6))
        reg = form.reg if form.reg is not None else general if form.general == "reg" else rng.randrange(8)
        if kind == "r":
            rm = general if form.general == "rm" else rng.randrange(8)
            code = form.encoding + bytes([0xC0 | reg << 3 | rm])
        else:
            place = rng.randrange(16, OPERAND_BYTES - 32)
            if form.aligned and rng.random() < 0.97:
                place &= ~15
            code = form.encoding + bytes([reg << 3 | 5]) + struct.pack("<I", DATA + OPERANDS + place)
        if form.immediate:
            code += bytes([rng.choice((rng.randrange(256), rng.randrange(20)))])
        return form.name, code

    def case(self, length: int) -> Case:
        rng = self.rng
        code, names = b"\x0f\xae\x0d" + struct.pack("<I", DATA + IMAGE), []  # fxrstor
        for _ in range(length):
            name, piece = self.instruction()
            names.append(f"{name} ({piece.hex()})")
            code += piece
        code += b"\x0f\xae\x05" + struct.pack("<I", DATA + RESULT)  # fxsave
        code += b"\x0f\xae\x15" + struct.pack("<I", DATA + DEFAULT_MXCSR) + b"\x0f\x77"  # ldmxcsr; emms
        operands = b"".join(self.xmm() for _ in range(OPERAND_BYTES // 16))
        data = self.image().ljust(OPERANDS, b"\0") + operands
        data = data.ljust(DEFAULT_MXCSR, b"\xa5") + struct.pack("<I", 0x1F80)
        gpr = [rng.choice((rng.getrandbits(32), rng.randrange(-5, 5) & 0xFFFFFFFF)) for _ in range(8)]
        gpr[4], gpr[7] = STACK + 0x800, DATA + OPERANDS + rng.randrange(OPERAND_BYTES - 16)
        return Case(code, length + 4, gpr, 2 | rng.getrandbits(12) & 0x8D5, data.ljust(PAGE, b"\0"), 0, names)
