"""Which keys type a character on a guest's keyboard layout.

A stroke is (modifiers, key); a character may take two strokes (a dead key, then a letter).
"""

from __future__ import annotations

from typing import Final

Stroke = tuple[tuple[str, ...], str]

_PLAIN: Final[tuple[str, ...]] = ()
_SHIFT: Final = ("shift",)
_ALTGR: Final = ("ralt",)


def _letters() -> dict[str, tuple[Stroke, ...]]:
    table: dict[str, tuple[Stroke, ...]] = {}
    for letter in "abcdefghijklmnopqrstuvwxyz":
        table[letter] = ((_PLAIN, letter),)
        table[letter.upper()] = ((_SHIFT, letter),)
    for digit in "0123456789":
        table[digit] = ((_PLAIN, digit),)
    table |= {
        " ": ((_PLAIN, "space"),),
        "\n": ((_PLAIN, "enter"),),
        "\r": ((_PLAIN, "enter"),),
        "\t": ((_PLAIN, "tab"),),
        "\b": ((_PLAIN, "backspace"),),
        "\x1b": ((_PLAIN, "escape"),),
    }
    return table


def _printed(pairs: str, keys: list[str]) -> dict[str, tuple[Stroke, ...]]:
    """``pairs``: for each key, the character without and with Shift (a blank for none)."""
    table: dict[str, tuple[Stroke, ...]] = {}
    for index, key in enumerate(keys):
        plain, shifted = pairs[2 * index], pairs[2 * index + 1]
        if plain != " ":
            table[plain] = ((_PLAIN, key),)
        if shifted != " ":
            table[shifted] = ((_SHIFT, key),)
    return table


_PUNCTUATION_KEYS: Final = [
    *("minus", "equals", "leftbracket", "rightbracket", "semicolon", "apostrophe"),
    *("grave", "backslash", "comma", "period", "slash"),
]


def _us() -> dict[str, tuple[Stroke, ...]]:
    table = _letters() | _printed("-_=+[{]};:'\"`~\\|,<.>/?", _PUNCTUATION_KEYS)
    return table | {sign: ((_SHIFT, key),) for sign, key in zip("!@#$%^&*()", "1234567890", strict=True)}


def _br() -> dict[str, tuple[Stroke, ...]]:
    """ABNT2 (NBR 10346)."""
    table = _letters() | {sign: ((_SHIFT, key),) for sign, key in zip("!@#$%&*()", "123457890", strict=True)}
    table |= _printed(
        "-_=+çÇ'\"\\|,<.>;:/?[{]}",
        [
            *("minus", "equals", "semicolon", "grave", "intl102", "comma"),
            *("period", "slash", "intl_ro", "rightbracket", "backslash"),
        ],
    )
    dead: dict[str, Stroke] = {
        "´": (_PLAIN, "leftbracket"),
        "`": (_SHIFT, "leftbracket"),
        "~": (_PLAIN, "apostrophe"),
        "^": (_SHIFT, "apostrophe"),
        "¨": (_SHIFT, "6"),
    }
    for mark, stroke in dead.items():
        table[mark] = (stroke, (_PLAIN, "space"))
    for mark, letters in {"´": "aeiou áéíóú", "`": "a à", "~": "ao ãõ", "^": "aeo âêô", "¨": "aeiou äëïöü"}.items():
        plain, accented = letters.split()
        for letter, result in zip(plain, accented, strict=True):
            table[result] = (dead[mark], (_PLAIN, letter))
            table[result.upper()] = (dead[mark], (_SHIFT, letter))
    third = {"leftbracket": "ª", "rightbracket": "º", "intl_ro": "°", "equals": "§", "e": "€", "c": "₢"}
    for key, sign in {**dict(zip("123456", "¹²³£¢¬", strict=True)), **third}.items():
        table[sign] = ((_ALTGR, key),)
    return table


LAYOUTS: Final[dict[str, dict[str, tuple[Stroke, ...]]]] = {"us": _us(), "br": _br()}
