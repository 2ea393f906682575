"""Memory type range registers, as POST leaves them (Intel SDM vol. 3, 12.11).

Memory is write-back, video memory and PCI devices are uncached, ROM areas are write-protected. Python cannot write
model-specific registers: POST leaves a list in conventional memory that nothing uses until the boot, and the ROM's
code carries it out.
"""

from __future__ import annotations

import struct
from typing import Final

from engine.firmware.pci_resources import FIRST_MEMORY

LIST: Final = 0x7E00  # physical: entries of register number, low and high half of its value; ends with number 0
FEATURE_MTRR: Final = 1 << 12  # CPUID function 1, EDX

_UNCACHED: Final = 0
_WRITE_PROTECTED: Final = 5
_WRITE_BACK: Final = 6
_DEF_TYPE: Final = 0x2FF
_DEF_TYPE_ENABLED: Final = 0xC00  # with the fixed ranges
_VALID: Final = 0x800
_FIXED: Final = {
    0x250: _WRITE_BACK,  # 00000-7FFFF
    0x258: _WRITE_BACK,  # 80000-9FFFF
    0x259: _UNCACHED,  # A0000-BFFFF
    **dict.fromkeys(range(0x268, 0x270), _WRITE_PROTECTED),  # C0000-FFFFF
}


def register_list(features: int) -> bytes:
    """What goes to ``LIST``; ``features`` are CPUID's in EDX."""
    if not features & FEATURE_MTRR:
        return struct.pack("<I", 0)
    values = {register: kind * 0x0101010101010101 for register, kind in _FIXED.items()}
    values[0x200] = FIRST_MEMORY | _UNCACHED
    values[0x201] = FIRST_MEMORY | _VALID  # the mask: from there to 4 GiB
    entries = [(_DEF_TYPE, 0), *values.items(), (_DEF_TYPE, _DEF_TYPE_ENABLED | _WRITE_BACK)]
    return b"".join(struct.pack("<IQ", *entry) for entry in entries) + struct.pack("<I", 0)
