"""INT 10h/1Ch: save and restore the video state; VBE function 04h uses the same buffers.

The layout of the buffer is ours: it is the program's to keep, not to read.
"""

from __future__ import annotations

import struct
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.call import Call
from engine.firmware.video_adapter import VECTOR_FONT, VECTOR_FONT_8X8_HIGH, VbeScreen, VideoAdapter
from engine.firmware.video_modes import Registers
from engine.firmware.video_ports import DAC_MASK

HARDWARE: Final = 1
DATA_AREA: Final = 2
DAC: Final = 4
SVGA: Final = 8
_DATA_AREA_PARTS: Final = (
    (bda.VIDEO_MODE, 0x1E),
    (bda.VIDEO_ROWS, 7),
    (bda.SAVE_POINTER, 4),
    (VECTOR_FONT, 4),
    (VECTOR_FONT_8X8_HIGH, 4),
)
_REGISTERS: Final = 4 + 1 + 25 + 20 + 9
_SIZES: Final = {HARDWARE: 64, DATA_AREA: 64, DAC: 832, SVGA: 64}
_VBE_FORMAT: Final = "<HHHHIIB"


class StateServices:
    """Packs the parts of the video state that CX names into one buffer."""

    def __init__(self, video: VideoAdapter) -> None:
        self._video = video

    @staticmethod
    def size(parts: int) -> int:
        """Bytes of the buffer for some parts, a multiple of 64."""
        return sum(size for part, size in _SIZES.items() if parts & part)

    def service(self, call: Call) -> None:
        """1Ch, by AL."""
        parts = call.cx & 7
        if not parts or call.al > 2:
            return
        if call.al == 0:
            call.bx = self.size(parts) // 64
        elif call.al == 1:
            call.store(call.es, call.bx, self.save(parts))
        else:
            self.restore(parts, call.fetch(call.es, call.bx, self.size(parts)))
        call.al = 0x1C

    def save(self, parts: int) -> bytes:
        out = b""
        if parts & HARDWARE:
            out += self._hardware().ljust(_SIZES[HARDWARE], b"\0")
        if parts & DATA_AREA:
            data = b"".join(self._video.guest.read(address, length) for address, length in _DATA_AREA_PARTS)
            out += data.ljust(_SIZES[DATA_AREA], b"\0")
        if parts & DAC:
            data = bytes([self._video.ports.in_(DAC_MASK)]) + self._video.ports.read_dac(0, 256)
            out += data.ljust(_SIZES[DAC], b"\0")
        if parts & SVGA:
            out += self._vbe().ljust(_SIZES[SVGA], b"\0")
        return out

    def restore(self, parts: int, data: bytes) -> None:
        video = self._video
        at = 0
        for part in (HARDWARE, DATA_AREA, DAC):
            if not parts & part:
                continue
            piece = data[at : at + _SIZES[part]]
            at += _SIZES[part]
            if part == HARDWARE:
                sequencer, rest = piece[:4], piece[4:]
                video.load_registers(Registers(0, 0, 0, 0, sequencer, rest[0], rest[1:26], rest[26:46], rest[46:55]))
            elif part == DATA_AREA:
                for address, length in _DATA_AREA_PARTS:
                    video.guest.write(address, piece[:length])
                    piece = piece[length:]
                video.use_crtc_port()
            else:
                video.ports.out(DAC_MASK, piece[0])
                video.ports.write_dac(0, piece[1:769])
        if parts & SVGA:
            self._restore_vbe(data[at : at + _SIZES[SVGA]])

    def _hardware(self) -> bytes:
        ports = self._video.ports
        out = bytes(ports.read_sequencer(index) for index in range(1, 5))
        out += bytes([ports.in_(0x3CC)])
        out += bytes(ports.read_crtc(index) for index in range(25))
        out += bytes(ports.read_attribute(index) for index in range(20))
        return out + bytes(ports.read_graphics(index) for index in range(9))

    def _vbe(self) -> bytes:
        screen = self._video.vbe
        if screen is None:
            return bytes(struct.calcsize(_VBE_FORMAT))
        flags = screen.linear | screen.dac_8_bits << 1
        return struct.pack(
            _VBE_FORMAT, screen.mode, screen.width, screen.height, screen.bits, screen.pitch, screen.start, flags
        )

    def _restore_vbe(self, data: bytes) -> None:
        mode, width, height, bits, pitch, start, flags = struct.unpack_from(_VBE_FORMAT, data)
        video = self._video
        if mode == 0 or bits not in (4, 8, 15, 16, 24, 32) or not width or not height:
            if video.vbe is not None:
                video.leave_vbe()
            return
        video.vbe = VbeScreen(mode, width, height, bits, pitch, bool(flags & 1), start, bool(flags & 2))
        video.program_vbe(clear=False)
