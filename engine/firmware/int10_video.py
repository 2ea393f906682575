"""INT 10h: mode set, cursor, pages, text and pixels, alternate select, display combination, functionality.

Palette, fonts, save/restore and VESA functions have their own files.
Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, INT 10h.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.call import Call
from engine.firmware.int10_fonts import FontServices
from engine.firmware.int10_palette import PaletteServices
from engine.firmware.rom import VIDEO_SEGMENT
from engine.firmware.vbe import VbeServices
from engine.firmware.video_adapter import VideoAdapter
from engine.firmware.video_modes import Layout
from engine.firmware.video_state import StateServices
from engine.firmware.video_text import TextOutput

_SCREEN_OFF: Final = 0x20  # sequencer 1


class VideoServices:
    """Dispatches INT 10h by AH."""

    def __init__(self, video: VideoAdapter, text: TextOutput) -> None:
        self._video = video
        self._guest = video.guest
        self._text = text
        self.palette = PaletteServices(video)
        self.fonts = FontServices(video)
        self.saved = StateServices(video)
        self.vbe = VbeServices(video, self.saved)
        self._functions: dict[int, Callable[[Call], None]] = {
            0x00: self._set_mode,
            0x01: self._cursor_shape,
            0x02: self._set_cursor,
            0x03: self._get_cursor,
            0x04: self._light_pen,
            0x05: self._select_page,
            0x06: self._scroll,
            0x07: self._scroll,
            0x08: self._read_cell,
            0x09: self._write_cells,
            0x0A: self._write_cells,
            0x0B: self.palette.cga,
            0x0C: self._write_pixel,
            0x0D: self._read_pixel,
            0x0E: self._teletype,
            0x0F: self._get_mode,
            0x10: self.palette.service,
            0x11: self.fonts.service,
            0x12: self._alternate,
            0x13: self._write_string,
            0x1A: self._combination,
            0x1B: self._functionality,
            0x1C: self.saved.service,
            0x4F: self.vbe.service,
        }

    def service(self, call: Call) -> None:
        function = self._functions.get(call.ah)
        if function is not None:
            if call.ah != 0x0E:  # teletype looks at the data area itself
                self._video.use_crtc_port()
            function(call)

    def _set_mode(self, call: Call) -> None:
        number = call.al & 0x7F
        if self._video.set_mode(number, clear=not call.al & 0x80):
            # What IBM's leave in AL after a mode set; some programs look.
            call.al = 0x3F if number == 6 else 0x30 if number <= 7 else 0x20

    def _cursor_shape(self, call: Call) -> None:
        self._video.set_cursor_shape(call.ch & 0x7F, call.cl)

    def _set_cursor(self, call: Call) -> None:
        self._video.set_cursor(call.bh, call.dl, call.dh)

    def _get_cursor(self, call: Call) -> None:
        call.dl, call.dh = self._video.cursor(call.bh)
        call.cl, call.ch = self._guest.read(bda.CURSOR_SHAPE, 2)

    def _light_pen(self, call: Call) -> None:
        call.ah = 0

    def _select_page(self, call: Call) -> None:
        if call.al < 8 and self._video.vbe is None:
            self._video.set_page(call.al)

    def _scroll(self, call: Call) -> None:
        lines = call.al if call.ah == 0x06 else -call.al
        self._text.scroll(self._video.active_page, call.cl, call.ch, call.dl, call.dh, lines, call.bh)

    def _read_cell(self, call: Call) -> None:
        call.al, call.ah = self._text.read_cell(call.bh)

    def _write_cells(self, call: Call) -> None:
        keep = call.ah == 0x0A and self._video.is_text
        self._text.write_cells(call.bh & 7, call.al, None if keep else call.bl, call.cx)

    def _write_pixel(self, call: Call) -> None:
        surface = self._video.surface(call.bh & 7)
        if surface is not None:
            surface.write_pixel(call.cx, call.dx, call.al)

    def _read_pixel(self, call: Call) -> None:
        surface = self._video.surface(call.bh & 7)
        call.al = surface.read_pixel(call.cx, call.dx) if surface is not None else 0

    def _teletype(self, call: Call) -> None:
        self._text.teletype(call.al, None, call.bl)

    def _get_mode(self, call: Call) -> None:
        keep = self._guest.read_byte(bda.VIDEO_CONTROL) & 0x80
        call.al = self._video.mode_number | keep
        call.ah = self._guest.read_byte(bda.VIDEO_COLUMNS)
        call.bh = self._video.active_page

    def _write_string(self, call: Call) -> None:
        count = call.cx
        mode = call.al
        if mode > 3 or not count:
            return
        data = call.fetch(call.es, call.bp, count * 2 if mode & 2 else count)
        page = call.bh & 7
        before = self._video.cursor(page)
        self._video.set_cursor(page, call.dl, call.dh)
        if mode & 2:
            for first in range(0, len(data) - 1, 2):
                self._text.teletype(data[first], page, data[first + 1], data[first + 1])
        else:
            for character in data:
                self._text.teletype(character, page, call.bl, call.bl)
        if not mode & 1:
            self._video.set_cursor(page, *before)

    # -- 12h: alternate select ----------------------------------------------------------------------------

    def _change(self, address: int, on: int, off: int) -> None:
        self._guest.write_byte(address, self._guest.read_byte(address) & ~off | on)

    def _alternate(self, call: Call) -> None:
        which, value = call.bl, call.al
        if which == 0x10:
            call.bh = 0 if self._video.ports.crtc_port == 0x3D4 else 1
            call.bl = 3  # 256 KiB
            call.cl = self._guest.read_byte(bda.VIDEO_SWITCHES) & 0x0F
            call.ch = self._guest.read_byte(bda.VIDEO_SWITCHES) >> 4
            return
        if which == 0x20:
            return  # INT 5 prints any number of rows as it is
        if which == 0x30 and value <= 2:
            self._change(bda.VIDEO_FLAGS, (0x80, 0x00, 0x10)[value], 0x90)
            self._change(bda.VIDEO_SWITCHES, 0x08 if value == 0 else 0x09, 0x0F)
        elif which == 0x31 and value <= 1:
            self._change(bda.VIDEO_FLAGS, value << 3, 0x08)
        elif which == 0x32 and value <= 1:
            ports = self._video.ports
            ports.out(0x3C2, ports.in_(0x3CC) & ~2 | (0 if value else 2))
        elif which == 0x33 and value <= 1:
            self._change(bda.VIDEO_FLAGS, 0 if value else 2, 2)
        elif which == 0x34 and value <= 1:
            self._change(bda.VIDEO_CONTROL, value, 1)
        elif which == 0x36 and value <= 1:
            ports = self._video.ports
            mode = ports.read_sequencer(1)
            ports.sequencer(1, mode | _SCREEN_OFF if value else mode & ~_SCREEN_OFF)
        else:
            return
        call.al = 0x12

    # -- 1Ah, 1Bh -----------------------------------------------------------------------------------------

    def _combination(self, call: Call) -> None:
        if call.al == 0:
            call.bl = self._display_code()
            call.bh = 0
            call.al = 0x1A
        elif call.al == 1:
            call.al = 0x1A

    def _display_code(self) -> int:
        return 0x08 if self._video.ports.crtc_port == 0x3D4 else 0x07

    def _functionality(self, call: Call) -> None:
        if call.bx != 0:
            return
        video, guest = self._video, self._guest
        mode = video.mode
        lines = {200: 0, 350: 1, 400: 2, 480: 3}.get(mode.height if not mode.is_text else video.scan_lines(), 2)
        pages = 8 if mode.is_text else {0x0D: 8, 0x0E: 4, 0x0F: 2, 0x10: 2}.get(mode.number, 1)
        flags = guest.read_byte(bda.VIDEO_FLAGS)
        control = guest.read_byte(bda.VIDEO_CONTROL)
        blink = video.ports.read_attribute(0x10) & 0x08
        misc = 0x01 | flags & 0x02 | (flags & 0x08 and 0x08) | (0 if control & 1 else 0x10) | (0x20 if blink else 0)
        data = struct.pack("<HH", video.labels["functionality"], VIDEO_SEGMENT)
        data += guest.read(bda.VIDEO_MODE, 0x466 + 1 - bda.VIDEO_MODE)  # 04h-21h: 40:49 to 40:66
        data += guest.read(bda.VIDEO_ROWS, 3)
        data += struct.pack(
            "<BBHBBBBBB3sB", self._display_code(), 0, 0 if mode.layout is Layout.LINEAR else mode.colours, pages, lines,
            video.ports.read_sequencer(3) & 3, video.ports.read_sequencer(3) >> 2 & 3, misc, 0, bytes(3), 3,
        )  # fmt: skip
        if mode.layout is Layout.LINEAR:
            data = data[:0x27] + struct.pack("<H", 256) + data[0x29:]
        call.store(call.es, call.di, data.ljust(64, b"\0")[:64])
        call.al = 0x1B
