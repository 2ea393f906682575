"""Frames and key names shared by Setup and the boot menu."""

from __future__ import annotations

from typing import Final

from engine.firmware.video_text import TextOutput

KEY_ESCAPE: Final = "escape"
KEY_ENTER: Final = "enter"
KEY_UP: Final = "up"
KEY_DOWN: Final = "down"
KEY_LEFT: Final = "left"
KEY_RIGHT: Final = "right"
KEY_TAB: Final = "tab"
KEY_PLUS: Final = "+"
KEY_MINUS: Final = "-"
KEY_HOME: Final = "home"
KEY_END: Final = "end"
KEY_F9: Final = "f9"
KEY_F10: Final = "f10"
_BY_SCAN: Final = {
    0x01: KEY_ESCAPE, 0x1C: KEY_ENTER, 0x48: KEY_UP, 0x50: KEY_DOWN, 0x4B: KEY_LEFT, 0x4D: KEY_RIGHT, 0x0F: KEY_TAB,
    0x4E: KEY_PLUS, 0x4A: KEY_MINUS, 0x49: KEY_PLUS, 0x51: KEY_MINUS, 0x47: KEY_HOME, 0x4F: KEY_END, 0x43: KEY_F9,
    0x44: KEY_F10, 0x39: KEY_PLUS,
}  # fmt: skip


def plain_key(word: int) -> str:
    """A keyboard buffer word as the name of a key, or the character it types."""
    scan, character = word >> 8, word & 0xFF
    if word == 0xE00D:
        return KEY_ENTER
    if chr(character) in "+-" or chr(character).isdigit():
        return chr(character)
    if chr(character).lower() in "yn":
        return chr(character).lower()
    return _BY_SCAN.get(scan, "")


def draw_box(text: TextOutput, left: int, top: int, width: int, height: int, attribute: int, title: str = "") -> None:
    """A double frame, cleared inside, with a title in its upper edge."""
    inner = width - 2
    head = f" {title} ".center(inner, "═") if title else "═" * inner
    text.write_at(left, top, f"╔{head}╗", attribute)
    for row in range(top + 1, top + height - 1):
        text.write_at(left, row, "║" + " " * inner + "║", attribute)
    text.write_at(left, top + height - 1, "╚" + "═" * inner + "╝", attribute)
