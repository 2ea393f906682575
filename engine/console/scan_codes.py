"""Physical keys and their scan codes in sets 1, 2 and 3.

Keys are named by their place on a US keyboard, whatever is printed on them. Sources: IBM PS/2 Hardware
Interface Technical Reference, keyboard section (sets 1-3 and the 8042 translation); Microsoft "Keyboard Scan
Code Specification" for the Windows, Brazilian, Japanese and Korean keys.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final

from engine.errors import BancadaError

EXTENDED: Final = 0xE0
BREAK: Final = 0xF0

# What the 8042 makes of each set 2 code (after a break prefix with bit 7 set).
SET2_TO_SET1: Final = bytes.fromhex(
    "ff43413f3d3b3c58644442403e0f2959"
    "65382a701d10025a66712c1f1e11035b"
    "672e2d201205045c68392f211413065d"
    "693130232215075e6a7232241608095f"
    "6b332517180b0a606c34352627190c61"
    "6d7328741a0d626e3a361c1b752b6376"
    "55567778797a0e7b7c4f7d4b477e7f6f"
    "5253504c4d480145574e514a37494654"
    "8081824154"
) + bytes(range(0x85, 0x100))


class UnknownKeyError(BancadaError, ValueError):
    """A key name that does not exist."""

    def __init__(self, name: str) -> None:
        near = difflib.get_close_matches(name.lower(), [*KEYS, *ALIASES], n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else "Keys are named like a, 1, f1, enter, left, kp0."
        super().__init__(f"There is no key named “{name}”. {hint}")


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``code`` and ``extended`` are those of set 2; ``set3`` is 0 where that set has none."""

    name: str
    code: int
    extended: bool = False
    set3: int = 0
    make_only: bool = False  # sends nothing when released (Korean language keys)


def _keys() -> dict[str, Key]:
    keys: dict[str, Key] = {}

    def add(name: str, code: int, set3: int | None = None, make_only: bool = False) -> None:
        keys[name] = Key(name, code & 0xFF, code >> 8 == EXTENDED, code if set3 is None else set3, make_only)

    letters = bytes.fromhex("1c322123242b3433433b424b3a31444d152d1b2c3c2a1d22351a")
    for letter, code in zip("abcdefghijklmnopqrstuvwxyz", letters, strict=True):
        add(letter, code)
    for index, code in enumerate(bytes.fromhex("45161e26252e363d3e46")):
        add(str(index), code)
    functions = zip(bytes.fromhex("0506040c030b830a01097807"), bytes.fromhex("070f171f272f373f474f565e"), strict=True)
    for index, (code, set3_code) in enumerate(functions):
        add(f"f{index + 1}", code, set3_code)
    for index, code in enumerate(bytes.fromhex("7069727a6b73746c757d")):
        add(f"kp{index}", code)
    for name, code, set3 in (
        ("escape", 0x76, 0x08),
        ("tab", 0x0D, None),
        ("enter", 0x5A, None),
        ("space", 0x29, None),
        ("backspace", 0x66, None),
        ("grave", 0x0E, None),
        ("minus", 0x4E, None),
        ("equals", 0x55, None),
        ("leftbracket", 0x54, None),
        ("rightbracket", 0x5B, None),
        ("backslash", 0x5D, 0x5C),
        ("semicolon", 0x4C, None),
        ("apostrophe", 0x52, None),
        ("comma", 0x41, None),
        ("period", 0x49, None),
        ("slash", 0x4A, None),
        ("intl102", 0x61, 0x13),
        ("intl_ro", 0x51, None),
        ("ctrl", 0x14, 0x11),
        ("shift", 0x12, None),
        ("alt", 0x11, 0x19),
        ("rctrl", 0xE014, 0x58),
        ("rshift", 0x59, None),
        ("ralt", 0xE011, 0x39),
        ("lwin", 0xE01F, 0x8B),
        ("rwin", 0xE027, 0x8C),
        ("menu", 0xE02F, 0x8D),
        ("capslock", 0x58, 0x14),
        ("numlock", 0x77, 0x76),
        ("scrolllock", 0x7E, 0x5F),
        ("printscreen", 0xE07C, 0x57),
        ("pause", 0xE077, 0x62),
        ("insert", 0xE070, 0x67),
        ("delete", 0xE071, 0x64),
        ("home", 0xE06C, 0x6E),
        ("end", 0xE069, 0x65),
        ("pageup", 0xE07D, 0x6F),
        ("pagedown", 0xE07A, 0x6D),
        ("up", 0xE075, 0x63),
        ("down", 0xE072, 0x60),
        ("left", 0xE06B, 0x61),
        ("right", 0xE074, 0x6A),
        ("kpplus", 0x79, 0x7C),
        ("kpminus", 0x7B, 0x84),
        ("kpmultiply", 0x7C, 0x7E),
        ("kpdivide", 0xE04A, 0x77),
        ("kpenter", 0xE05A, 0x79),
        ("kpperiod", 0x71, None),
        ("kpcomma", 0x6D, 0x7B),
        ("yen", 0x6A, 0x5D),
        ("henkan", 0x64, 0x86),
        ("muhenkan", 0x67, 0x85),
        ("kana", 0x13, 0x87),
    ):
        add(name, code, set3)
    add("hangul", 0xF2, 0, make_only=True)
    add("hanja", 0xF1, 0, make_only=True)
    return keys


KEYS: Final[dict[str, Key]] = _keys()

ALIASES: Final[dict[str, str]] = {
    "esc": "escape",
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "pgdown": "pagedown",
    "control": "ctrl",
    "lctrl": "ctrl",
    "lcontrol": "ctrl",
    "rcontrol": "rctrl",
    "lshift": "shift",
    "lalt": "alt",
    "altgr": "ralt",
    "win": "lwin",
    "windows": "lwin",
    "super": "lwin",
    "meta": "lwin",
    "apps": "menu",
    "caps": "capslock",
    "num": "numlock",
    "scroll": "scrolllock",
    "print": "printscreen",
    "prtsc": "printscreen",
    "sysrq": "printscreen",
    "break": "pause",
    "bksp": "backspace",
    "spacebar": "space",
    "plus": "equals",
    "kp_enter": "kpenter",
    "`": "grave",
    "-": "minus",
    "=": "equals",
    "[": "leftbracket",
    "]": "rightbracket",
    ";": "semicolon",
    "'": "apostrophe",
    "\\": "backslash",
    ",": "comma",
    ".": "period",
    "/": "slash",
    " ": "space",
}


def key_named(name: str) -> Key:
    """The key of that name or alias, in any case. Raises UnknownKeyError."""
    lower = name.lower() if len(name) == 1 else name.strip().lower()
    key = KEYS.get(ALIASES.get(lower, lower))
    if key is None:
        raise UnknownKeyError(name)
    return key


def set1_code(key: Key) -> int:
    """The make code in set 1, without prefix."""
    return SET2_TO_SET1[key.code]


# Print Screen and Pause send sequences of their own (sets 1 and 2).
_SPECIAL: Final[dict[tuple[str, int], tuple[bytes, bytes]]] = {
    ("printscreen", 1): (bytes.fromhex("e02ae037"), bytes.fromhex("e0b7e0aa")),
    ("printscreen", 2): (bytes.fromhex("e012e07c"), bytes.fromhex("e0f07ce0f012")),
    ("pause", 1): (bytes.fromhex("e11d45e19dc5"), b""),
    ("pause", 2): (bytes.fromhex("e11477e1f014f077"), b""),
}


def make_codes(name: str, scan_set: int = 1) -> bytes:
    """What the key sends when pressed alone, in scan code set 1, 2 or 3."""
    key = key_named(name)
    special = _SPECIAL.get((key.name, scan_set))
    if special is not None:
        return special[0]
    return plain_make(key, scan_set)


def break_codes(name: str, scan_set: int = 1) -> bytes:
    """What the key sends when released alone."""
    key = key_named(name)
    special = _SPECIAL.get((key.name, scan_set))
    if special is not None:
        return special[1]
    return plain_break(key, scan_set)


def plain_make(key: Key, scan_set: int) -> bytes:
    """Make code of a key without regard to the special sequences."""
    if scan_set == 3:
        return bytes((key.set3,)) if key.set3 else b""
    code = key.code if scan_set == 2 else set1_code(key)
    return bytes((EXTENDED, code)) if key.extended else bytes((code,))


def plain_break(key: Key, scan_set: int) -> bytes:
    """Break code of a key without regard to the special sequences."""
    if key.make_only:
        return b""
    if scan_set == 3:
        return bytes((BREAK, key.set3)) if key.set3 else b""
    prefix = (EXTENDED,) if key.extended else ()
    if scan_set == 2:
        return bytes((*prefix, BREAK, key.code))
    return bytes((*prefix, set1_code(key) | 0x80))
