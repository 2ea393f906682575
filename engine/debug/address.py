"""What people type for an address: ``cs:ip``, ``ds:[si+4]``, ``esp+8``, ``7C00h``, ``0x7c00``. Numbers are hexadecimal."""

from __future__ import annotations

import re
from typing import Final

from engine.errors import BancadaError

_SEGMENTS: Final = ("es", "cs", "ss", "ds", "fs", "gs")
_TOKEN: Final = re.compile(r"\s*(?:(?P<word>[0-9a-zA-Z_]+)|(?P<sign>[+\-]))")


class AddressError(BancadaError):
    """This is no address."""


def linear(text: str, registers: dict[str, int]) -> int:
    """The linear address. Without a segment an offset is linear already. Raises AddressError."""
    segment, colon, offset = text.strip().lower().rpartition(":")
    base = _base(segment.strip(), registers) if colon else 0
    return (base + _sum(offset.replace("[", " ").replace("]", " "), registers)) & 0xFFFFFFFF


def _base(segment: str, registers: dict[str, int]) -> int:
    if segment in _SEGMENTS:
        return registers[f"{segment}_base"]
    return _value(segment, registers) << 4  # a real-mode segment


def _sum(text: str, registers: dict[str, int]) -> int:
    total, sign, position = 0, 1, 0
    wants_word = True
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or (match["word"] is not None) != wants_word:
            raise AddressError(f"“{text}” is no address. Write for example cs:ip, esp+8 or 7C00.")
        if match["word"] is not None:
            total += sign * _value(match["word"], registers)
        else:
            sign = 1 if match["sign"] == "+" else -1
        wants_word = not wants_word
        position = match.end()
    if wants_word:
        raise AddressError(f"“{text}” is no address. Write for example cs:ip, esp+8 or 7C00.")
    return total


def _value(word: str, registers: dict[str, int]) -> int:
    if word in registers:
        return registers[word]
    if f"e{word}" in registers and len(word) == 2:
        return registers[f"e{word}"] & 0xFFFF
    try:
        return int(word.removeprefix("0x").removesuffix("h"), 16)
    except ValueError:
        raise AddressError(f"“{word}” is neither a register nor a hexadecimal number.") from None
