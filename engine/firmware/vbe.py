"""VESA BIOS Extension 3.0, INT 10h/4Fh: functions 00h-09h, 10h and 15h.

The protected-mode interface (0Ah) is reported absent: programs use the real-mode functions then.
Source: VESA BIOS Extension (VBE) Core Functions Standard 3.0; VBE/PM 1.0; VBE/DDC 1.1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.call import Call
from engine.firmware.rom import VIDEO_SEGMENT
from engine.firmware.vbe_modes import VbeMode, edid, modes_for
from engine.firmware.video_adapter import VBE_MODE_IN_BDA, VbeScreen, VideoAdapter
from engine.firmware.video_modes import Dac, dac_colours
from engine.firmware.video_state import StateServices

_OK: Final = 0x004F
_FAILED: Final = 0x014F
_WRONG_MODE: Final = 0x034F
_BANK_BYTES: Final = 0x10000
_DISPI_BANK: Final = 5
_DONT_CLEAR: Final = 0x8000
_LINEAR: Final = 0x4000
_MAX_PITCH_PIXELS: Final = 4096


class VbeServices:
    """Dispatches by AL; AX = 004Fh done, 014Fh failed."""

    def __init__(self, video: VideoAdapter, saved: StateServices) -> None:
        self._video = video
        self._saved = saved
        self._memory = video.board.video_memory_bytes
        self.modes = modes_for(self._memory)
        self._functions: dict[int, Callable[[Call], int]] = {
            0x00: self._information,
            0x01: self._mode_information,
            0x02: self._set_mode,
            0x03: self._get_mode,
            0x04: self._state,
            0x05: self._window,
            0x06: self._pitch,
            0x07: self._start,
            0x08: self._dac_width,
            0x09: self._palette,
            0x10: self._power,
            0x15: self._ddc,
        }

    def service(self, call: Call) -> None:
        function = self._functions.get(call.al)
        if function is not None:
            call.ax = function(call)

    def _information(self, call: Call) -> int:
        wants_2 = call.fetch(call.es, call.di, 4) == b"VBE2"
        labels = self._video.labels

        def pointer(label: str) -> int:
            return VIDEO_SEGMENT << 16 | labels[label]

        data = struct.pack(
            "<4sHIIIHHIII",
            b"VESA",
            0x0300,
            pointer("oem_string"),
            0x01,  # the DAC can be switched to 8 bits
            pointer("vbe_modes"),
            self._memory // 0x10000,
            0x0100,
            pointer("oem_vendor"),
            pointer("oem_product"),
            pointer("oem_revision"),
        )
        if not wants_2:
            data = data[:20]
        call.store(call.es, call.di, data.ljust(512 if wants_2 else 256, b"\0"))
        return _OK

    def _mode_information(self, call: Call) -> int:
        mode = self.modes.get(call.cx & 0x3FFF)
        if mode is None:
            return _FAILED
        call.store(call.es, call.di, self.mode_block(mode))
        return _OK

    def mode_block(self, mode: VbeMode) -> bytes:
        """The 256 bytes of ModeInfoBlock."""
        planar = mode.bits == 4
        pages = min(self._memory // mode.memory_bytes - 1, 255)
        masks = {
            15: (5, 10, 5, 5, 5, 0, 1, 15),
            16: (5, 11, 6, 5, 5, 0, 0, 0),
            24: (8, 16, 8, 8, 8, 0, 0, 0),
            32: (8, 16, 8, 8, 8, 0, 8, 24),
        }.get(mode.bits, (0,) * 8)
        model = 3 if planar else 4 if mode.bits == 8 else 6
        window = VIDEO_SEGMENT << 16 | self._video.labels["vbe_window"]
        data = struct.pack("<HBBHHHHI", 0x1F if planar else 0x9F, 7, 0, 64, 64, 0xA000, 0, window)
        data += struct.pack(
            "<HHHBBBBBBBBB",
            mode.pitch,
            mode.width,
            mode.height,
            8,
            16,
            4 if planar else 1,
            mode.bits,
            1,
            model,
            0,
            pages,
            1,
        )
        data += struct.pack("<8BBIIH", *masks, 2 if mode.bits in (15, 32) else 0, self._frame_buffer(planar), 0, 0)
        # VBE 3: rows and masks of the linear frame buffer, and the highest pixel clock.
        data += struct.pack("<HBB8BI", mode.pitch, pages, pages, *masks, 230_000_000)
        return data.ljust(256, b"\0")

    def _frame_buffer(self, planar: bool) -> int:
        return 0 if planar else self._video.board.linear_frame_buffer

    def _set_mode(self, call: Call) -> int:
        number = call.bx & 0x1FF
        clear = not call.bx & _DONT_CLEAR
        if number < 0x100:
            if number == 0x6A:
                number = 0x102
            else:
                return _OK if self._video.set_mode(number & 0x7F, clear and not number & 0x80) else _FAILED
        mode = self.modes.get(number)
        linear = bool(call.bx & _LINEAR)
        if mode is None or (linear and mode.bits == 4):
            return _FAILED
        self.enter(mode, linear, clear)
        return _OK

    def enter(self, mode: VbeMode, linear: bool, clear: bool) -> None:
        """Switches to a VESA mode; palette and data area follow."""
        video, guest = self._video, self._video.guest
        video.vbe = VbeScreen(mode.number, mode.width, mode.height, mode.bits, mode.pitch, linear)
        video.program_vbe(clear)
        if mode.bits <= 8:
            colours = dac_colours(Dac.VGA_256 if mode.bits == 8 else Dac.EGA)
            video.ports.write_dac(0, colours)
        video.ports.out(0x3C6, 0xFF)
        columns, rows = mode.width // 8, mode.height // 16
        guest.write(bda.VIDEO_MODE, struct.pack("<BHHH16sHB", VBE_MODE_IN_BDA, columns, 0, 0, bytes(16), 0x0607, 0))
        guest.write_word(bda.CRTC_PORT, video.ports.crtc_port)
        guest.write(bda.VIDEO_ROWS, struct.pack("<BH", rows - 1, 16))
        control = guest.read_byte(bda.VIDEO_CONTROL) & 0x7F
        guest.write_byte(bda.VIDEO_CONTROL, control | (0 if clear else 0x80))
        video.point_font(16)

    def _get_mode(self, call: Call) -> int:
        screen = self._video.vbe
        if screen is None:
            call.bx = self._video.mode_number
        else:
            call.bx = screen.mode | (_LINEAR if screen.linear else 0)
        return _OK

    def _state(self, call: Call) -> int:
        parts = call.cx & 0x0F
        if call.dl == 0:
            call.bx = self._saved.size(parts) // 64
        elif call.dl == 1:
            call.store(call.es, call.bx, self._saved.save(parts))
        elif call.dl == 2:
            self._saved.restore(parts, call.fetch(call.es, call.bx, self._saved.size(parts)))
        else:
            return _FAILED
        return _OK

    def _window(self, call: Call) -> int:
        screen = self._video.vbe
        if call.bl != 0:
            return _FAILED
        if screen is None or screen.linear:
            return _WRONG_MODE
        bus = self._video.board.bus
        if call.bh == 0:
            if call.dx * _BANK_BYTES >= self._memory:
                return _FAILED
            self._video.dispi(_DISPI_BANK, call.dx)
        elif call.bh == 1:
            bus.port_write(0x1CE, _DISPI_BANK, 2)
            call.dx = bus.port_read(0x1CF, 2)
        else:
            return _FAILED
        return _OK

    # -- Rows and start -------------------------------------------------------------------------------------

    @staticmethod
    def _bytes_of(screen: VbeScreen, pixels: int) -> int:
        return (pixels + 7) // 8 if screen.bits == 4 else pixels * ((screen.bits + 7) // 8)

    @staticmethod
    def _pixels_of(screen: VbeScreen, size: int) -> int:
        return size * 8 if screen.bits == 4 else size // ((screen.bits + 7) // 8)

    def _rows_of(self, screen: VbeScreen, pitch: int) -> int:
        memory = self._memory // 4 if screen.bits == 4 else self._memory
        return min(memory // max(pitch, 1), 0xFFFF)

    def _pitch(self, call: Call) -> int:
        screen = self._video.vbe
        if screen is None:
            return _WRONG_MODE
        widest = self._bytes_of(screen, _MAX_PITCH_PIXELS)
        while self._rows_of(screen, widest) < screen.height:
            widest //= 2
        pitch = screen.pitch
        if call.bl in (0, 2):
            pixels = call.cx if call.bl == 0 else self._pixels_of(screen, call.cx)
            pitch = self._bytes_of(screen, (pixels + 7) & ~7)
            if pixels < screen.width or self._rows_of(screen, pitch) < screen.height or pixels > _MAX_PITCH_PIXELS:
                return 0x024F
            screen.pitch = pitch
            self._video.place_vbe()
        elif call.bl == 3:
            pitch = widest
        elif call.bl != 1:
            return _FAILED
        call.bx = pitch
        call.cx = self._pixels_of(screen, pitch)
        call.dx = self._rows_of(screen, pitch)
        return _OK

    def _start(self, call: Call) -> int:
        screen = self._video.vbe
        if screen is None:
            return _WRONG_MODE
        function = call.bl & 0x7F
        if function == 1:
            row, rest = divmod(screen.start, max(screen.pitch, 1))
            call.bh = 0
            call.cx, call.dx = self._pixels_of(screen, rest), row
            return _OK
        if function == 0:
            start = call.dx * screen.pitch + self._bytes_of(screen, call.cx)
        elif function == 2:
            start = call.ecx
        elif function == 4:  # was the scheduled change made? at once
            call.cx = 1
            return _OK
        else:
            return _FAILED
        memory = self._memory // 4 if screen.bits == 4 else self._memory
        if start + screen.pitch * (screen.height - 1) + self._bytes_of(screen, screen.width) > memory:
            return _FAILED
        screen.start = start
        self._video.place_vbe()
        return _OK

    # -- Colours --------------------------------------------------------------------------------------------

    def _dac_width(self, call: Call) -> int:
        screen = self._video.vbe
        if screen is None or screen.bits > 8:
            return _WRONG_MODE
        if call.bl == 0:
            screen.dac_8_bits = call.bh >= 8
            bus = self._video.board.bus
            bus.port_write(0x1CE, 4, 2)
            enable = bus.port_read(0x1CF, 2) & ~0x20 | 0x80 | (0x20 if screen.dac_8_bits else 0)
            self._video.dispi(4, enable)
            self._video.place_vbe()
        elif call.bl != 1:
            return _FAILED
        call.bh = 8 if screen.dac_8_bits else 6
        return _OK

    def _palette(self, call: Call) -> int:
        count, first = call.cx, call.dx
        if count > 256 or first > 255:
            return _FAILED
        ports = self._video.ports
        if call.bl in (0x00, 0x80):
            data = call.fetch(call.es, call.di, count * 4)
            colours = bytearray()
            for at in range(0, len(data) - 3, 4):
                colours += bytes((data[at + 2], data[at + 1], data[at]))
            ports.write_dac(first, bytes(colours[: (256 - first) * 3]))
        elif call.bl == 0x01:
            colours = bytearray(ports.read_dac(first, min(count, 256 - first)))
            data = b"".join(
                bytes((colours[at + 2], colours[at + 1], colours[at], 0)) for at in range(0, len(colours), 3)
            )
            call.store(call.es, call.di, data)
        else:
            return _FAILED
        return _OK

    # -- Monitor --------------------------------------------------------------------------------------------

    def _power(self, call: Call) -> int:
        ports = self._video.ports
        if call.bl == 0:
            call.bx = 0x0710  # VBE/PM 1.0; stand-by, suspend and off are supported
        elif call.bl == 1:
            mode = ports.read_sequencer(1)
            ports.sequencer(1, mode | 0x20 if call.bh else mode & ~0x20)
        elif call.bl == 2:
            call.bh = 4 if ports.read_sequencer(1) & 0x20 else 0
        else:
            return _FAILED
        return _OK

    def _ddc(self, call: Call) -> int:
        if call.bl == 0:
            call.bx = 0x0102  # about a second a block; DDC2
        elif call.bl == 1 and call.dx == 0:
            call.store(call.es, call.di, edid())
        else:
            return _FAILED
        return _OK
