"""Descriptor tables as text. SDM vol. 3, 3.4.5 and 6.11."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_SYSTEM_TYPES: Final = {
    1: "16-bit TSS",
    2: "LDT",
    3: "16-bit TSS, busy",
    4: "16-bit call gate",
    5: "task gate",
    6: "16-bit interrupt gate",
    7: "16-bit trap gate",
    9: "32-bit TSS",
    11: "32-bit TSS, busy",
    12: "32-bit call gate",
    14: "32-bit interrupt gate",
    15: "32-bit trap gate",
}
_GATES: Final = (4, 5, 6, 7, 12, 14, 15)


@dataclass(frozen=True)
class Descriptor:
    """``selector``: of the GDT or LDT; the vector in an IDT."""

    selector: int
    kind: str
    base: int  # of a gate: the offset it leads to
    limit: int  # in bytes, the last; of a gate: the selector it leads to
    dpl: int
    present: bool


def descriptor(selector: int, raw: bytes) -> Descriptor:
    """Eight bytes of a table."""
    low, high = int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:8], "little")
    kind, is_segment = high >> 8 & 15, bool(high & 1 << 12)
    dpl, present = high >> 13 & 3, bool(high & 1 << 15)
    if not is_segment and kind in _GATES:
        return Descriptor(selector, _SYSTEM_TYPES[kind], high & 0xFFFF0000 | low & 0xFFFF, low >> 16, dpl, present)
    base = low >> 16 | (high & 0xFF) << 16 | high & 0xFF000000
    limit = low & 0xFFFF | high & 0xF0000
    if high & 1 << 23:
        limit = limit << 12 | 0xFFF
    name = _segment(kind, bool(high & 1 << 22)) if is_segment else _SYSTEM_TYPES.get(kind, "reserved")
    return Descriptor(selector, name, base, limit, dpl, present)


def _segment(kind: int, big: bool) -> str:
    bits = "32-bit" if big else "16-bit"
    if kind & 8:
        return f"{bits} code{', readable' if kind & 2 else ''}{', conforming' if kind & 4 else ''}"
    return f"{bits} data{', writable' if kind & 2 else ''}{', expand-down' if kind & 4 else ''}"


def table(read: Callable[[int, int], bytes], base: int, limit: int, step: int = 8) -> list[Descriptor]:
    """The descriptors of a table that are not zero; ``step`` 1 numbers them as vectors. As far as it is mapped."""
    content = read(base, min(limit + 1, 0x10000))
    rows = ((number, content[number * 8 : number * 8 + 8]) for number in range(len(content) // 8))
    return [descriptor(number * step, raw) for number, raw in rows if any(raw)]
