"""A byte-level assembler for the ROM: emits 16-bit code at fixed offsets, resolves labels, nothing more.

Only the encodings the ROM uses are here (Intel SDM, volume 2). Operand order is Intel's: destination first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

REGISTERS_8 = ("al", "cl", "dl", "bl", "ah", "ch", "dh", "bh")
REGISTERS_16 = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
REGISTERS_32 = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
_CONDITIONS = ("o", "no", "c", "nc", "z", "nz", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")
_SIMPLE = {
    "cli": "FA", "sti": "FB", "cld": "FC", "hlt": "F4", "iret": "CF", "ret": "C3", "retf": "CB", "nop": "90",
    "pushf": "9C", "popf": "9D", "pusha": "60", "popa": "61", "pushad": "6660", "popad": "6661", "clc": "F8",
    "stc": "F9", "rep_insb": "F36C", "rep_outsb": "F36E",
    "in_al_dx": "EC", "in_eax_dx": "66ED", "out_dx_al": "EE", "out_dx_eax": "66EF", "wbinvd": "0F09",
    "in_ax_dx": "ED", "out_dx_ax": "EF",
}  # fmt: skip


class AssemblyError(ValueError):
    """The ROM's own source is wrong: an unknown label, a jump too far, two things at one place."""


class Fix(Enum):
    RELATIVE_8 = 1
    RELATIVE_16 = 2
    OFFSET_16 = 3


@dataclass(frozen=True)
class _Fixup:
    at: int
    label: str
    kind: Fix


class Assembler:
    """Fills an image of ``size`` bytes. Offsets are those of the segment the image will be seen in."""

    def __init__(self, size: int, fill: int = 0x00) -> None:
        self.image = bytearray([fill]) * size
        self.labels: dict[str, int] = {}
        self.here = 0
        self._used = bytearray(size)
        self._fixups: list[_Fixup] = []

    def org(self, offset: int) -> None:
        """Goes on at ``offset``."""
        self.here = offset

    def align(self, boundary: int) -> None:
        self.here += -self.here % boundary

    def label(self, name: str) -> None:
        """Names this place."""
        if name in self.labels:
            raise AssemblyError(f"label {name} is defined twice")
        self.labels[name] = self.here

    def emit(self, data: bytes | str) -> None:
        """Bytes as they are; a string is hexadecimal digits."""
        code = bytes.fromhex(data) if isinstance(data, str) else data
        end = self.here + len(code)
        if end > len(self.image):
            raise AssemblyError(f"offset {self.here:04X}h is beyond the end of the image")
        if any(self._used[self.here : end]):
            raise AssemblyError(f"offset {self.here:04X}h is used twice")
        self.image[self.here : end] = code
        self._used[self.here : end] = b"\1" * len(code)
        self.here = end

    def byte(self, *values: int) -> None:
        self.emit(bytes(values))

    def word(self, *values: int) -> None:
        for value in values:
            self.emit((value & 0xFFFF).to_bytes(2, "little"))

    def dword(self, *values: int) -> None:
        for value in values:
            self.emit((value & 0xFFFFFFFF).to_bytes(4, "little"))

    def word_of(self, label: str) -> None:
        """A word with the offset of a label."""
        self._fixups.append(_Fixup(self.here, label, Fix.OFFSET_16))
        self.word(0)

    def op(self, *names: str) -> None:
        """Instructions without operands, by the names in ``_SIMPLE``."""
        for name in names:
            self.emit(_SIMPLE[name])

    # -- Moves and the stack ----------------------------------------------------------------------------

    def mov(self, register: str, value: int) -> None:
        """MOV register, immediate."""
        if register in REGISTERS_8:
            self.byte(0xB0 + REGISTERS_8.index(register), value & 0xFF)
        elif register in REGISTERS_16:
            self.byte(0xB8 + REGISTERS_16.index(register))
            self.word(value)
        else:
            self.byte(0x66, 0xB8 + REGISTERS_32.index(register))
            self.dword(value)

    def mov_offset(self, register: str, label: str) -> None:
        """MOV r16, offset of a label."""
        self.byte(0xB8 + REGISTERS_16.index(register))
        self.word_of(label)

    def move(self, to: str, source: str) -> None:
        """MOV between registers of one size, or to or from a segment register."""
        if to in SEGMENTS:
            self.byte(0x8E, 0xC0 | SEGMENTS.index(to) << 3 | REGISTERS_16.index(source))
        elif source in SEGMENTS:
            self.byte(0x8C, 0xC0 | SEGMENTS.index(source) << 3 | REGISTERS_16.index(to))
        else:
            self._two(0x88, to, source)

    def alu(self, name: str, to: str, value: int) -> None:
        """ADD, OR, ADC, SBB, AND, SUB, XOR, CMP register, immediate."""
        group = ("add", "or", "adc", "sbb", "and", "sub", "xor", "cmp").index(name)
        if to in REGISTERS_8:
            self.byte(0x80, 0xC0 | group << 3 | REGISTERS_8.index(to), value & 0xFF)
        else:
            self.byte(0x81, 0xC0 | group << 3 | REGISTERS_16.index(to))
            self.word(value)

    def xor(self, to: str, source: str) -> None:
        self._two(0x30, to, source)

    def or_(self, to: str, source: str) -> None:
        self._two(0x08, to, source)

    def test(self, register: str, mask: int) -> None:
        """TEST r8, imm8."""
        self.byte(0xF6, 0xC0 | REGISTERS_8.index(register), mask)

    def dec(self, register: str) -> None:
        """DEC r8."""
        self.byte(0xFE, 0xC8 | REGISTERS_8.index(register))

    def push(self, register: str) -> None:
        if register in SEGMENTS:
            self.emit({"es": "06", "cs": "0E", "ss": "16", "ds": "1E", "fs": "0FA0", "gs": "0FA8"}[register])
        elif register in REGISTERS_32:
            self.byte(0x66, 0x50 + REGISTERS_32.index(register))
        else:
            self.byte(0x50 + REGISTERS_16.index(register))

    def pop(self, register: str) -> None:
        if register in SEGMENTS:
            self.emit({"es": "07", "ss": "17", "ds": "1F", "fs": "0FA1", "gs": "0FA9"}[register])
        elif register in REGISTERS_32:
            self.byte(0x66, 0x58 + REGISTERS_32.index(register))
        else:
            self.byte(0x58 + REGISTERS_16.index(register))

    def push_word(self, value: int) -> None:
        """PUSH imm16."""
        self.byte(0x68)
        self.word(value)

    def shr_eax_16(self) -> None:
        self.emit("66C1E810")

    def in_al(self, port: int) -> None:
        self.byte(0xE4, port)

    def out_al(self, port: int) -> None:
        self.byte(0xE6, port)

    # -- Control transfers ------------------------------------------------------------------------------

    def jmp(self, label: str) -> None:
        """JMP rel16."""
        self._relative(b"\xe9", label, Fix.RELATIVE_16)

    def jmp_short(self, label: str) -> None:
        self._relative(b"\xeb", label, Fix.RELATIVE_8)

    def call(self, label: str) -> None:
        self._relative(b"\xe8", label, Fix.RELATIVE_16)

    def jump_if(self, condition: str, label: str) -> None:
        """Jcc rel16 (386 and later)."""
        self._relative(bytes((0x0F, 0x80 + _CONDITIONS.index(condition))), label, Fix.RELATIVE_16)

    def jmp_far(self, segment: int, label: str) -> None:
        self.byte(0xEA)
        self.word_of(label)
        self.word(segment)

    def int_(self, vector: int) -> None:
        self.byte(0xCD, vector)

    def finish(self) -> bytes:
        """The image with every label filled in."""
        for fixup in self._fixups:
            if fixup.label not in self.labels:
                raise AssemblyError(f"label {fixup.label} is not defined")
            target = self.labels[fixup.label]
            if fixup.kind is Fix.RELATIVE_8:
                distance = target - (fixup.at + 1)
                if not -128 <= distance <= 127:
                    raise AssemblyError(f"short jump to {fixup.label} is too far")
                self.image[fixup.at] = distance & 0xFF
            else:
                value = target - (fixup.at + 2) if fixup.kind is Fix.RELATIVE_16 else target
                self.image[fixup.at : fixup.at + 2] = (value & 0xFFFF).to_bytes(2, "little")
        return bytes(self.image)

    def is_free(self, offset: int, length: int) -> bool:
        """Whether nothing was emitted there yet."""
        return not any(self._used[offset : offset + length])

    def _relative(self, opcode: bytes, label: str, kind: Fix) -> None:
        self.emit(opcode)
        self._fixups.append(_Fixup(self.here, label, kind))
        self.emit(bytes(1 if kind is Fix.RELATIVE_8 else 2))

    def _two(self, opcode: int, to: str, source: str) -> None:
        if to in REGISTERS_8:
            self.byte(opcode, 0xC0 | REGISTERS_8.index(source) << 3 | REGISTERS_8.index(to))
        elif to in REGISTERS_16:
            self.byte(opcode | 1, 0xC0 | REGISTERS_16.index(source) << 3 | REGISTERS_16.index(to))
        else:
            self.byte(0x66, opcode | 1, 0xC0 | REGISTERS_32.index(source) << 3 | REGISTERS_32.index(to))
