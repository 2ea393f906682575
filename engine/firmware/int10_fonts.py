"""INT 10h/11h: character generator.

Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference.
"""

from __future__ import annotations

from typing import Final

from engine.console.rom_fonts import rom_font
from engine.firmware import bios_data_area as bda
from engine.firmware.call import Call
from engine.firmware.rom import VIDEO_SEGMENT
from engine.firmware.video_adapter import FONT_CELL, VECTOR_FONT, VECTOR_FONT_8X8_HIGH, VideoAdapter

_ROM_HEIGHTS: Final = {1: 14, 2: 8, 4: 16}
_GRAPHICS_HEIGHTS: Final = {0x22: 14, 0x23: 8, 0x24: 16}
_ROWS: Final = {1: 14, 2: 25, 3: 43}  # BL of functions 21h-24h


class FontServices:
    """Fonts of text modes (plane 2) and graphics modes (a pointer)."""

    def __init__(self, video: VideoAdapter) -> None:
        self._video = video
        self._guest = video.guest

    def service(self, call: Call) -> None:
        """11h, by AL."""
        function = call.al
        if function in (0x00, 0x10):
            height = min(call.bh, FONT_CELL)
            count = min(call.cx, 256)
            if height and count:
                first = call.dx & 0xFF
                self._video.load_font(call.fetch(call.es, call.bp, count * height), first, count, call.bl, height)
                if function == 0x10:
                    self._adjust(height)
        elif function & 0xEF in _ROM_HEIGHTS:
            height = _ROM_HEIGHTS[function & 0xEF]
            self._video.load_font(rom_font(height), 0, 256, call.bl)
            if function & 0x10:
                self._adjust(height)
                self._video.point_font(height, is_text=True)
        elif function in (0x03, 0x13):
            self._video.ports.sequencer(3, call.bl & 0x3F)
        elif function == 0x20:
            self._guest.write_pointer(VECTOR_FONT_8X8_HIGH, call.es, call.bp)
        elif function == 0x21:
            self._guest.write_pointer(VECTOR_FONT, call.es, call.bp)
            self._graphics(call, call.cx)
        elif function in _GRAPHICS_HEIGHTS:
            self._video.point_font(_GRAPHICS_HEIGHTS[function], is_text=True)
            self._graphics(call, _GRAPHICS_HEIGHTS[function])
        elif function == 0x30:
            self._information(call)

    def _graphics(self, call: Call, height: int) -> None:
        """Data area of a graphics mode with another font."""
        rows = call.dl if call.bl == 0 else _ROWS.get(call.bl, 25)
        self._guest.write_word(bda.CHARACTER_HEIGHT, height)
        self._guest.write_byte(bda.VIDEO_ROWS, rows - 1)

    def _adjust(self, height: int) -> None:
        """As many rows as the scan lines hold; the CRTC and the data area follow."""
        video, ports = self._video, self._video.ports
        if not video.mode.is_text:
            return
        crtc = video.parameters(video.mode).crtc
        lines = (crtc[0x12] | (crtc[0x07] & 2) << 7 | (crtc[0x07] & 0x40) << 3) + 1
        double = bool(crtc[0x09] & 0x80)
        if double:
            lines //= 2
        rows = max(lines // height, 1)
        last = rows * height * (2 if double else 1) - 1
        ports.crtc(0x11, ports.read_crtc(0x11) & 0x7F)
        ports.crtc(0x09, ports.read_crtc(0x09) & 0xE0 | height - 1)
        ports.crtc(0x12, last)
        ports.crtc(0x07, ports.read_crtc(0x07) & ~0x42 | (last >> 7 & 2) | (last >> 3 & 0x40))
        if video.mode_number == 7:
            ports.crtc(0x14, height - 1)
        self._guest.write_byte(bda.VIDEO_ROWS, rows - 1)
        self._guest.write_word(bda.CHARACTER_HEIGHT, height)
        self._guest.write_word(bda.VIDEO_PAGE_BYTES, rows * video.columns * 2 + 0xFF & 0xFF00)
        end, start = self._guest.read(bda.CURSOR_SHAPE, 2)
        video.set_cursor_shape(start, end) if end < 8 else video.set_cursor_shape(height - 2, height - 1)

    def _information(self, call: Call) -> None:
        labels = self._video.labels
        where = {
            2: labels["font_8x14"],
            3: labels["font_8x8"],
            4: labels["font_8x8"] + 0x400,
            5: labels["font_alternate"],
            6: labels["font_8x16"],
            7: labels["font_alternate"],
        }
        if call.bh in (0, 1):
            call.es, call.bp = self._guest.read_pointer(VECTOR_FONT_8X8_HIGH if call.bh == 0 else VECTOR_FONT)
        elif call.bh in where:
            call.es, call.bp = VIDEO_SEGMENT, where[call.bh]
        else:
            return
        call.cx = self._guest.read_word(bda.CHARACTER_HEIGHT)
        call.dl = self._guest.read_byte(bda.VIDEO_ROWS)
