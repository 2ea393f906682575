"""From scan codes (set 1) to the words of the BIOS keyboard buffer: scan code high, character low.

Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, INT 16h, and the enhanced
keyboard's code table there. Columns: alone, with Shift, with Ctrl, with Alt; None where nothing is stored.
"""

from __future__ import annotations

from typing import Final

Row = tuple[int | None, int | None, int | None, int | None]

_DIGITS: Final = {0x02: "1!", 0x03: "2@", 0x04: "3#", 0x05: "4$", 0x06: "5%", 0x07: "6^", 0x08: "7&", 0x09: "8*",
                  0x0A: "9(", 0x0B: "0)", 0x0C: "-_", 0x0D: "=+"}  # fmt: skip
_LETTERS: Final = {0x10: "qwertyuiop", 0x1E: "asdfghjkl", 0x2C: "zxcvbnm"}
_SIGNS: Final = {0x1A: "[{", 0x1B: "]}", 0x27: ";:", 0x28: "'\"", 0x29: "`~", 0x2B: "\\|", 0x33: ",<", 0x34: ".>",
                 0x35: "/?", 0x56: "\\|", 0x73: "/?"}  # fmt: skip
_CONTROL_SIGNS: Final = {0x03: 0x0300, 0x07: 0x071E, 0x0C: 0x0C1F, 0x1A: 0x1A1B, 0x1B: 0x1B1D, 0x2B: 0x2B1C}
# Keypad: digit with Num Lock, code with Ctrl, code of the grey twin with Ctrl and with Alt.
_KEYPAD: Final = {
    0x47: ("7", 0x77, 0x97), 0x48: ("8", 0x8D, 0x98), 0x49: ("9", 0x84, 0x99), 0x4B: ("4", 0x73, 0x9B),
    0x4C: ("5", 0x8F, None), 0x4D: ("6", 0x74, 0x9D), 0x4F: ("1", 0x75, 0x9F), 0x50: ("2", 0x91, 0xA0),
    0x51: ("3", 0x76, 0xA1), 0x52: ("0", 0x92, 0xA2), 0x53: (".", 0x93, 0xA3),
}  # fmt: skip
KEYPAD_DIGITS: Final = {scan: int(row[0]) for scan, row in _KEYPAD.items() if row[0].isdigit()}
KEYPAD_KEYS: Final = frozenset(_KEYPAD)


def _build() -> dict[int, Row]:
    table: dict[int, Row] = {
        0x01: (0x011B, 0x011B, 0x011B, 0x0100),
        0x0E: (0x0E08, 0x0E08, 0x0E7F, 0x0E00),
        0x0F: (0x0F09, 0x0F00, 0x9400, 0xA500),
        0x1C: (0x1C0D, 0x1C0D, 0x1C0A, 0x1C00),
        0x37: (0x372A, 0x372A, 0x9600, 0x3700),
        0x39: (0x3920, 0x3920, 0x3920, 0x3920),
        0x4A: (0x4A2D, 0x4A2D, 0x8E00, 0x4A00),
        0x4E: (0x4E2B, 0x4E2B, 0x9000, 0x4E00),
        0x57: (0x8500, 0x8700, 0x8900, 0x8B00),
        0x58: (0x8600, 0x8800, 0x8A00, 0x8C00),
    }
    for scan, pair in _DIGITS.items():
        table[scan] = (
            scan << 8 | ord(pair[0]),
            scan << 8 | ord(pair[1]),
            _CONTROL_SIGNS.get(scan),
            (scan + 0x76) << 8,
        )
    for first, letters in _LETTERS.items():
        for scan, letter in enumerate(letters, first):
            code = scan << 8
            table[scan] = (code | ord(letter), code | ord(letter.upper()), code | ord(letter) & 0x1F, code)
    for scan, pair in _SIGNS.items():
        alt = scan << 8 if scan not in (0x56, 0x73) else None
        table[scan] = (scan << 8 | ord(pair[0]), scan << 8 | ord(pair[1]), _CONTROL_SIGNS.get(scan), alt)
    for index in range(10):  # F1 to F10
        scan = 0x3B + index
        table[scan] = (scan << 8, (0x54 + index) << 8, (0x5E + index) << 8, (0x68 + index) << 8)
    for scan, (digit, control, _grey_alt) in _KEYPAD.items():
        table[scan] = (scan << 8, scan << 8 | ord(digit), control << 8, None)
    return table


def _build_extended() -> dict[int, Row]:
    table: dict[int, Row] = {
        0x1C: (0xE00D, 0xE00D, 0xE00A, 0xA600),
        0x35: (0xE02F, 0xE02F, 0x9500, 0xA400),
    }
    for scan, (_digit, control, grey_alt) in _KEYPAD.items():
        if grey_alt is not None:
            plain = scan << 8 | 0xE0
            table[scan] = (plain, plain, control << 8 | 0xE0, grey_alt << 8)
    return table


KEYS: Final = _build()
EXTENDED_KEYS: Final = _build_extended()
LETTER_SCANS: Final = frozenset(
    scan for first, letters in _LETTERS.items() for scan in range(first, first + len(letters))
)


def classic_code(word: int) -> int | None:
    """What INT 16h functions 00h and 01h show for a buffer word; None: they discard it."""
    scan, character = word >> 8, word & 0xFF
    if scan == 0xE0:
        return {0x0D: 0x1C0D, 0x0A: 0x1C0A, 0x2F: 0x352F}.get(character, word)
    if character == 0xE0 and scan:
        return scan << 8
    if character == 0x00 and scan > 0x84:
        return None
    return word
