"""Physical keys: from what the host's window system reports to the names the machine's keyboard knows.

Linux (X11, Wayland) reports evdev codes plus 8 (linux/input-event-codes.h), Windows reports set-1 scan codes with
bit 8 for the E0h prefix. Where neither is to be had (macOS, tests, remote input) the Qt key decides.
"""

from __future__ import annotations

import string
from typing import Final

from PySide6.QtCore import Qt

_MAIN_BLOCK: Final = (
    "escape 1 2 3 4 5 6 7 8 9 0 minus equals backspace tab q w e r t y u i o p leftbracket rightbracket enter ctrl "
    "a s d f g h j k l semicolon apostrophe grave shift backslash z x c v b n m comma period slash rshift "
    "kpmultiply alt space capslock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 numlock scrolllock "
    "kp7 kp8 kp9 kpminus kp4 kp5 kp6 kpplus kp1 kp2 kp3 kp0 kpperiod"
)

# Codes 1 to 83 are the same in evdev and in scan-code set 1: evdev was made after it.
_COMMON: Final = dict(enumerate(_MAIN_BLOCK.split(), start=1)) | {
    86: "intl102",
    87: "f11",
    88: "f12",
}

EVDEV: Final = _COMMON | {
    89: "intl_ro", 96: "kpenter", 97: "rctrl", 98: "kpdivide", 99: "printscreen", 100: "ralt", 102: "home",
    103: "up", 104: "pageup", 105: "left", 106: "right", 107: "end", 108: "down", 109: "pagedown", 110: "insert",
    111: "delete", 119: "pause", 125: "lwin", 126: "rwin", 127: "menu",
}  # fmt: skip

WINDOWS: Final = _COMMON | {
    0x45: "pause", 0x73: "intl_ro", 0x11C: "kpenter", 0x11D: "rctrl", 0x135: "kpdivide", 0x137: "printscreen",
    0x138: "ralt", 0x145: "numlock", 0x147: "home", 0x148: "up", 0x149: "pageup", 0x14B: "left", 0x14D: "right",
    0x14F: "end", 0x150: "down", 0x151: "pagedown", 0x152: "insert", 0x153: "delete", 0x15B: "lwin", 0x15C: "rwin",
    0x15D: "menu",
}  # fmt: skip

_EVDEV_PLATFORMS: Final = ("xcb", "wayland", "wayland-egl")

_K = Qt.Key
_BY_QT_KEY: Final = {
    _K.Key_Escape: "escape", _K.Key_Tab: "tab", _K.Key_Backtab: "tab", _K.Key_Return: "enter",
    _K.Key_Enter: "kpenter", _K.Key_Space: "space", _K.Key_Backspace: "backspace", _K.Key_Left: "left",
    _K.Key_Right: "right", _K.Key_Up: "up", _K.Key_Down: "down", _K.Key_Home: "home", _K.Key_End: "end",
    _K.Key_PageUp: "pageup", _K.Key_PageDown: "pagedown", _K.Key_Insert: "insert", _K.Key_Delete: "delete",
    _K.Key_Control: "ctrl", _K.Key_Shift: "shift", _K.Key_Alt: "alt", _K.Key_AltGr: "ralt", _K.Key_Meta: "lwin",
    _K.Key_Super_L: "lwin", _K.Key_Super_R: "rwin", _K.Key_Menu: "menu", _K.Key_CapsLock: "capslock",
    _K.Key_NumLock: "numlock", _K.Key_ScrollLock: "scrolllock", _K.Key_Print: "printscreen",
    _K.Key_SysReq: "printscreen", _K.Key_Pause: "pause",
}  # fmt: skip

_PLAIN: Final = {
    "-": "minus", "=": "equals", "[": "leftbracket", "]": "rightbracket", ";": "semicolon", "'": "apostrophe",
    "`": "grave", "\\": "backslash", ",": "comma", ".": "period", "/": "slash", " ": "space",
}  # fmt: skip
_SHIFTED: Final = dict(zip('!@#$%^&*()_+{}:"~|<>?', "1234567890-=[];'`\\,./", strict=True))
_KEYPAD: Final = {"*": "kpmultiply", "+": "kpplus", "-": "kpminus", "/": "kpdivide", ".": "kpperiod", ",": "kpcomma"}

MODIFIERS: Final = frozenset(("ctrl", "rctrl", "alt", "ralt", "shift", "rshift", "lwin", "rwin"))


def by_scan_code(scan_code: int, platform: str) -> str | None:
    """The key at a native scan code, or None where the platform's code says nothing."""
    if platform in _EVDEV_PLATFORMS:
        return EVDEV.get(scan_code - 8)
    if platform == "windows":
        return WINDOWS.get(scan_code)
    return None


def tells_positions(platform: str) -> bool:
    """Whether native scan codes say which key it was, and with it the right one of two from the left."""
    return platform in _EVDEV_PLATFORMS or platform == "windows"


def by_qt_key(key: int, keypad: bool = False) -> tuple[str, bool] | None:
    """The key of a US keyboard that makes this Qt key, and whether Shift has to be held for it."""
    named = _BY_QT_KEY.get(Qt.Key(key)) if key in _QT_KEY_VALUES else None
    if named is not None:
        return named, False
    if _K.Key_F1.value <= key <= _K.Key_F12.value:
        return f"f{key - _K.Key_F1.value + 1}", False
    if not 0x20 <= key < 0x7F:
        return None
    return _by_character(chr(key).lower(), keypad)


def by_character(character: str) -> tuple[str, bool] | None:
    """As ``by_qt_key``, for a typed character; upper case wants Shift."""
    found = _by_character(character.lower(), keypad=False)
    return (found[0], True) if found and character in string.ascii_uppercase else found


def _by_character(character: str, keypad: bool) -> tuple[str, bool] | None:
    if keypad and character in string.digits:
        return f"kp{character}", False
    if keypad and character in _KEYPAD:
        return _KEYPAD[character], False
    if character in _SHIFTED:
        plain = _SHIFTED[character]
        return _PLAIN.get(plain, plain), True
    if character in _PLAIN:
        return _PLAIN[character], False
    if character and character in string.ascii_lowercase + string.digits:
        return character, False
    return None


_QT_KEY_VALUES: Final = frozenset(key.value for key in _BY_QT_KEY)
