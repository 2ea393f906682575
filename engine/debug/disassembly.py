"""Guest code as text, by iced-x86."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST: Final = 15  # bytes of an instruction, SDM vol. 2, 2.3.11
_D_BIT: Final = 1 << 14  # of a segment's access rights as ``Machine.cpu.registers`` gives them
_VM: Final = 1 << 17  # of EFLAGS


@dataclass(frozen=True)
class Instruction:
    offset: int  # in the code segment
    code: bytes
    text: str
    goes_away: bool  # a call, an interrupt or a repetition: what "step over" runs through


def code_bits(registers: dict[str, int]) -> int:
    """16 or 32: how the processor reads code now."""
    protected = registers["cr0"] & 1 and not registers["eflags"] & _VM
    return 32 if protected and registers["cs_access"] & _D_BIT else 16


def disassemble(code: bytes, offset: int, bits: int, most: int) -> list[Instruction]:
    """The first ``most`` instructions of ``code``, which stands at ``offset`` of its segment."""
    from iced_x86 import Decoder, FlowControl, Formatter, FormatterSyntax

    decoder = Decoder(bits, code, ip=offset)
    formatter = Formatter(FormatterSyntax.NASM)
    formatter.hex_prefix, formatter.hex_suffix = "", "h"
    formatter.uppercase_hex = True
    formatter.space_after_operand_separator = True
    found: list[Instruction] = []
    away = (FlowControl.CALL, FlowControl.INDIRECT_CALL, FlowControl.INTERRUPT)
    while decoder.can_decode and len(found) < most:
        one = decoder.decode()
        begin = one.ip - offset
        raw = code[begin : begin + one.len]
        repeats = one.has_rep_prefix or one.has_repne_prefix
        text = formatter.format(one) if one else "(bad)"
        found.append(Instruction(one.ip & 0xFFFFFFFF, raw, text, one.flow_control in away or repeats))
    return found
