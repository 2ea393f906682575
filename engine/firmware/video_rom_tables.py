"""Tables of the video ROM: static functionality, save pointers, where the fonts are."""

from __future__ import annotations

from typing import Final

from engine.firmware.assembler import Assembler

FONT_HEIGHT_LABELS: Final = {8: "font_8x8", 14: "font_8x14", 16: "font_8x16"}


def static_functionality() -> bytes:
    """INT 10h/1Bh: modes 0-13h without 8-0Ch, 200/350/400 lines, two fonts of eight, all functions."""
    return bytes((
        0xFF, 0xE0, 0x0F,  # modes 0-7; 0Dh-0Fh; 10h-13h
        0x00, 0x00, 0x00, 0x00,
        0x07,  # scan lines: 200, 350, 400
        0x02,  # fonts shown at once
        0x08,  # font blocks
        0xFF,  # grey summing, font load, palettes, cursor emulation, pages
        0x0E,  # light pen no; save/restore, intensity or blinking, display combination yes
        0x00, 0x00,
        0x00,  # save pointer functions: none in use
        0x00,
    ))  # fmt: skip


class SaveArea:
    """The save pointer table (40:A8) and its secondary table."""

    @staticmethod
    def emit(asm: Assembler, segment: int) -> None:
        """Both tables; needs the label ``parameter_table``."""
        asm.label("save_pointers")
        asm.word_of("parameter_table")
        asm.word(segment)
        asm.dword(0, 0, 0)  # dynamic save area, text font and graphics font overrides
        asm.word_of("save_pointers_2")
        asm.word(segment)
        asm.dword(0, 0)
        asm.label("save_pointers_2")
        asm.word(26)
        asm.word_of("display_combinations")
        asm.word(segment)
        asm.dword(0, 0, 0, 0, 0)
        asm.label("display_combinations")
        # Entries, version, highest type, reserved; then pairs: none, MDA, CGA, EGA, VGA mono, VGA colour and mixes.
        asm.byte(16, 1, 8, 0)
        asm.byte(0, 0, 0, 1, 0, 2, 2, 1, 0, 4, 4, 1, 0, 5, 2, 5, 0, 6, 1, 6, 5, 6, 0, 8, 1, 8, 0, 7, 2, 7, 6, 7)
