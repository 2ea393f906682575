"""The VESA modes offered, and the monitor's EDID.

Numbers 100h-11Bh are VESA's, 11Ch-11Fh and 140h-14Ch those that other display BIOSes with this interface use;
150h and up are ours. Source: VESA BIOS Extension 3.0; VESA E-EDID 1.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class VbeMode:
    number: int
    width: int
    height: int
    bits: int

    @property
    def pitch(self) -> int:
        """Bytes a row; in 4-bit modes of one plane."""
        return self.width // 8 if self.bits == 4 else self.width * ((self.bits + 7) // 8)

    @property
    def memory_bytes(self) -> int:
        """Video memory one picture takes."""
        return self.pitch * self.height * (4 if self.bits == 4 else 1)


_ALL: Final = (
    VbeMode(0x100, 640, 400, 8), VbeMode(0x101, 640, 480, 8), VbeMode(0x102, 800, 600, 4), VbeMode(0x103, 800, 600, 8),
    VbeMode(0x105, 1024, 768, 8), VbeMode(0x107, 1280, 1024, 8),
    VbeMode(0x10D, 320, 200, 15), VbeMode(0x10E, 320, 200, 16), VbeMode(0x10F, 320, 200, 24),
    VbeMode(0x110, 640, 480, 15), VbeMode(0x111, 640, 480, 16), VbeMode(0x112, 640, 480, 24),
    VbeMode(0x113, 800, 600, 15), VbeMode(0x114, 800, 600, 16), VbeMode(0x115, 800, 600, 24),
    VbeMode(0x116, 1024, 768, 15), VbeMode(0x117, 1024, 768, 16), VbeMode(0x118, 1024, 768, 24),
    VbeMode(0x119, 1280, 1024, 15), VbeMode(0x11A, 1280, 1024, 16), VbeMode(0x11B, 1280, 1024, 24),
    VbeMode(0x11C, 1600, 1200, 8), VbeMode(0x11D, 1600, 1200, 15), VbeMode(0x11E, 1600, 1200, 16),
    VbeMode(0x11F, 1600, 1200, 24),
    VbeMode(0x140, 320, 200, 32), VbeMode(0x141, 640, 400, 32), VbeMode(0x142, 640, 480, 32),
    VbeMode(0x143, 800, 600, 32), VbeMode(0x144, 1024, 768, 32), VbeMode(0x145, 1280, 1024, 32),
    VbeMode(0x146, 320, 200, 8), VbeMode(0x147, 1600, 1200, 32), VbeMode(0x148, 1152, 864, 8),
    VbeMode(0x149, 1152, 864, 15), VbeMode(0x14A, 1152, 864, 16), VbeMode(0x14B, 1152, 864, 24),
    VbeMode(0x14C, 1152, 864, 32),
    VbeMode(0x150, 1280, 720, 16), VbeMode(0x151, 1280, 720, 32), VbeMode(0x152, 1280, 800, 16),
    VbeMode(0x153, 1280, 800, 32), VbeMode(0x154, 1440, 900, 16), VbeMode(0x155, 1440, 900, 32),
    VbeMode(0x156, 1680, 1050, 16), VbeMode(0x157, 1680, 1050, 32), VbeMode(0x158, 1920, 1080, 16),
    VbeMode(0x159, 1920, 1080, 32),
    VbeMode(0x160, 320, 240, 8), VbeMode(0x161, 320, 240, 16), VbeMode(0x162, 320, 240, 32),
    VbeMode(0x163, 400, 300, 8), VbeMode(0x164, 512, 384, 8), VbeMode(0x165, 512, 384, 16),
    VbeMode(0x166, 640, 400, 15), VbeMode(0x167, 640, 400, 16),
)  # fmt: skip


def modes_for(video_memory_bytes: int) -> dict[int, VbeMode]:
    """The modes whose picture fits, by number."""
    return {mode.number: mode for mode in _ALL if mode.memory_bytes <= video_memory_bytes}


def edid() -> bytes:
    """128 bytes for a plain colour monitor, 1024x768 preferred, up to 1920x1080 and 1600x1200."""
    manufacturer = 0
    for letter in "BNC":
        manufacturer = manufacturer << 5 | ord(letter) - ord("A") + 1
    block = bytearray.fromhex("00FFFFFFFFFFFF00")
    block += manufacturer.to_bytes(2, "big") + bytes((0x01, 0x00, 1, 0, 0, 0, 1, 36, 1, 3))
    block += bytes((0x0E, 0x29, 0x1F, 0x78, 0x0A))  # separate syncs, 41 by 31 cm, gamma 2.2, RGB, preferred timing
    block += bytes.fromhex("EE91A3544C99260F5054")  # sRGB primaries
    block += bytes((0x21, 0x08, 0x00))  # 640x480, 800x600, 1024x768 at 60 Hz
    for width, aspect in ((1280, 0b00), (1280, 0b10), (1600, 0b01), (1440, 0b00), (1680, 0b00), (1920, 0b11)):
        block += bytes((width // 8 - 31, aspect << 6))
    block += b"\x01\x01" * 2
    # 1024x768 at 60 Hz: 65 MHz, 1344 by 806 in all.
    block += _timing(6500, 1024, 320, 768, 38, 24, 136, 3, 6)
    block += b"\0\0\0\xfd\0" + bytes((50, 85, 30, 90, 17, 0)) + b"\x0a" + b"\x20" * 6
    block += b"\0\0\0\xfc\0" + b"Bancada\n".ljust(13, b" ")
    block += b"\0\0\0\xff\0" + b"1\n".ljust(13, b" ")
    block += b"\0"
    return bytes(block) + bytes([-sum(block) & 0xFF])


def _timing(
    clock_10khz: int,
    width: int,
    h_blank: int,
    height: int,
    v_blank: int,
    h_front: int,
    h_sync: int,
    v_front: int,
    v_sync: int,
) -> bytes:
    """A detailed timing descriptor (E-EDID 1.3, 3.10.2)."""
    return clock_10khz.to_bytes(2, "little") + bytes((
        width & 0xFF, h_blank & 0xFF, width >> 8 << 4 | h_blank >> 8,
        height & 0xFF, v_blank & 0xFF, height >> 8 << 4 | v_blank >> 8,
        h_front, h_sync, v_front << 4 | v_sync, 0,
        410 & 0xFF, 310 & 0xFF, 410 >> 8 << 4 | 310 >> 8, 0, 0, 0x18,
    ))  # fmt: skip
