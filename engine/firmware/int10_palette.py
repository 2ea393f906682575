"""INT 10h/0Bh and 10h: palette registers, overscan, DAC.

Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference.
"""

from __future__ import annotations

from engine.firmware import bios_data_area as bda
from engine.firmware.call import Call
from engine.firmware.video_adapter import VideoAdapter, grey_levels
from engine.firmware.video_ports import DAC_MASK

_OVERSCAN = 0x11
_MODE_CONTROL = 0x10
_COLOUR_SELECT = 0x14


class PaletteServices:
    """Attribute controller and DAC on a program's behalf."""

    def __init__(self, video: VideoAdapter) -> None:
        self._ports = video.ports
        self._guest = video.guest

    def cga(self, call: Call) -> None:
        """0Bh: border or background colour (BH = 0), palette of mode 4 (BH = 1)."""
        ports, guest = self._ports, self._guest
        shown = guest.read_byte(bda.CGA_PALETTE)
        if call.bh == 0:
            guest.write_byte(bda.CGA_PALETTE, shown & 0xE0 | call.bl & 0x1F)
            colour = call.bl & 0x0F
            if colour & 8:
                colour += 8
            if guest.read_byte(bda.VIDEO_MODE) & 0x7F > 3:
                ports.attribute(0, colour)
            ports.attribute(_OVERSCAN, colour)
            for index in (1, 2, 3) if guest.read_byte(bda.VIDEO_MODE) & 0x7F in (4, 5) else ():
                ports.attribute(index, ports.read_attribute(index) & ~0x10 | call.bl & 0x10)
        elif call.bh == 1:
            guest.write_byte(bda.CGA_PALETTE, shown & ~0x20 | (call.bl & 1) << 5)
            for index in (1, 2, 3):
                ports.attribute(index, ports.read_attribute(index) & ~1 | call.bl & 1)

    def service(self, call: Call) -> None:
        """10h, by AL."""
        ports = self._ports
        function = call.al
        if function == 0x00:
            if call.bl <= _COLOUR_SELECT:
                ports.attribute(call.bl, call.bh)
        elif function == 0x01:
            ports.attribute(_OVERSCAN, call.bh)
        elif function == 0x02:
            colours = call.fetch(call.es, call.dx, 17)
            for index, value in enumerate(colours[:16]):
                ports.attribute(index, value)
            ports.attribute(_OVERSCAN, colours[16])
        elif function == 0x03:
            mode = ports.read_attribute(_MODE_CONTROL)
            ports.attribute(_MODE_CONTROL, mode | 8 if call.bl & 1 else mode & ~8)
        elif function == 0x07:
            if call.bl <= _COLOUR_SELECT:
                call.bh = ports.read_attribute(call.bl)
        elif function == 0x08:
            call.bh = ports.read_attribute(_OVERSCAN)
        elif function == 0x09:
            colours = bytes(ports.read_attribute(index) for index in (*range(16), _OVERSCAN))
            call.store(call.es, call.dx, colours)
        else:
            self._dac(call)

    def _dac(self, call: Call) -> None:
        ports = self._ports
        function = call.al
        if function == 0x10:
            ports.write_dac(call.bx, self._summed(bytes((call.dh, call.ch, call.cl))))
        elif function == 0x12:
            count = min(call.cx, 256)
            ports.write_dac(call.bx, self._summed(call.fetch(call.es, call.dx, count * 3)))
        elif function == 0x13:
            self._select_page(call)
        elif function == 0x15:
            call.dh, call.ch, call.cl = ports.read_dac(call.bx, 1)
        elif function == 0x17:
            call.store(call.es, call.dx, ports.read_dac(call.bx, min(call.cx, 256)))
        elif function == 0x18:
            ports.out(DAC_MASK, call.bl)
        elif function == 0x19:
            call.bl = ports.in_(DAC_MASK)
        elif function == 0x1A:
            wide = ports.read_attribute(_MODE_CONTROL) & 0x80
            select = ports.read_attribute(_COLOUR_SELECT)
            call.bl = 1 if wide else 0
            call.bh = select & 0x0F if wide else select >> 2 & 3
        elif function == 0x1B:
            count = min(call.cx, 256)
            ports.write_dac(call.bx, grey_levels(ports.read_dac(call.bx, count)))

    def _select_page(self, call: Call) -> None:
        mode = self._ports.read_attribute(_MODE_CONTROL)
        if call.bl == 0:
            self._ports.attribute(_MODE_CONTROL, mode & 0x7F | (call.bh & 1) << 7)
        elif call.bl == 1:
            self._ports.attribute(_COLOUR_SELECT, call.bh & 0x0F if mode & 0x80 else (call.bh & 3) << 2)

    def _summed(self, colours: bytes) -> bytes:
        return grey_levels(colours) if self._guest.read_byte(bda.VIDEO_FLAGS) & 0x02 else colours
