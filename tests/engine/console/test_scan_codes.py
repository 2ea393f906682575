"""The scan code tables against well-known codes."""

from __future__ import annotations

import pytest

from engine.console.scan_codes import ALIASES, KEYS, UnknownKeyError, break_codes, key_named, make_codes

SET_1_MAKE = {
    "escape": "01", "1": "02", "0": "0b", "minus": "0c", "equals": "0d", "backspace": "0e", "tab": "0f",
    "q": "10", "p": "19", "leftbracket": "1a", "rightbracket": "1b", "enter": "1c", "ctrl": "1d", "a": "1e",
    "l": "26", "semicolon": "27", "apostrophe": "28", "grave": "29", "shift": "2a", "backslash": "2b", "z": "2c",
    "m": "32", "comma": "33", "period": "34", "slash": "35", "rshift": "36", "kpmultiply": "37", "alt": "38",
    "space": "39", "capslock": "3a", "f1": "3b", "f7": "41", "f10": "44", "numlock": "45", "scrolllock": "46",
    "kp7": "47", "kp8": "48", "kp9": "49", "kpminus": "4a", "kp4": "4b", "kp5": "4c", "kp6": "4d", "kpplus": "4e",
    "kp1": "4f", "kp2": "50", "kp3": "51", "kp0": "52", "kpperiod": "53", "intl102": "56", "f11": "57",
    "f12": "58", "intl_ro": "73", "kpcomma": "7e", "yen": "7d", "henkan": "79", "muhenkan": "7b", "kana": "70",
    "rctrl": "e01d", "ralt": "e038", "lwin": "e05b", "rwin": "e05c", "menu": "e05d", "up": "e048",
    "down": "e050", "left": "e04b", "right": "e04d", "home": "e047", "end": "e04f", "pageup": "e049",
    "pagedown": "e051", "insert": "e052", "delete": "e053", "kpdivide": "e035", "kpenter": "e01c",
    "printscreen": "e02ae037", "pause": "e11d45e19dc5", "hangul": "f2", "hanja": "f1",
}  # fmt: skip


@pytest.mark.parametrize(("name", "codes"), SET_1_MAKE.items())
def test_set_1_make_codes(name: str, codes: str) -> None:
    assert make_codes(name, 1) == bytes.fromhex(codes)


@pytest.mark.parametrize(
    ("name", "make", "released"),
    [
        ("a", "1c", "f01c"),
        ("f7", "83", "f083"),
        ("right", "e074", "e0f074"),
        ("printscreen", "e012e07c", "e0f07ce0f012"),
        ("pause", "e11477e1f014f077", ""),
        ("hangul", "f2", ""),
    ],
)
def test_set_2_codes(name: str, make: str, released: str) -> None:
    assert make_codes(name, 2) == bytes.fromhex(make)
    assert break_codes(name, 2) == bytes.fromhex(released)


def test_set_1_break_sets_bit_7() -> None:
    assert break_codes("a", 1) == b"\x9e"
    assert break_codes("rctrl", 1) == b"\xe0\x9d"


@pytest.mark.parametrize("scan_set", [1, 2, 3])
def test_no_two_keys_share_a_code(scan_set: int) -> None:
    codes = [make_codes(name, scan_set) for name in KEYS]
    present = [code for code in codes if code]
    assert len(set(present)) == len(present)


def test_a_full_keyboard_is_there() -> None:
    standard = set(KEYS) - {"intl102", "intl_ro", "kpcomma", "yen", "henkan", "muhenkan", "kana", "hangul", "hanja"}
    assert len(standard) == 104


def test_aliases_and_case() -> None:
    assert key_named("Control") is key_named("ctrl")
    assert key_named("ESC").name == "escape"
    assert key_named("PgDn").name == "pagedown"
    assert all(target in KEYS for target in ALIASES.values())


def test_unknown_key_is_named_with_a_suggestion() -> None:
    with pytest.raises(UnknownKeyError, match=r"“entre”.*enter"):
        key_named("entre")
