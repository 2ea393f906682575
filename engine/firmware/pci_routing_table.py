"""$PIR: which interrupt router lines the pins of PCI slots are wired to.

Source: Microsoft PCI IRQ Routing Table Specification 1.0.
"""

from __future__ import annotations

import struct
from typing import Final

from engine.firmware.acpi_dsdt import PCI_INTERRUPTS
from engine.firmware.acpi_tables import checksummed

ROUTER: Final = 1 << 3  # device 1, function 0
_PIRQRC: Final = 0x60
_BITMAP: Final = sum(1 << irq for irq in PCI_INTERRUPTS)


def routing_table(devices: list[int], slots: list[int]) -> bytes:
    """One entry for each of ``devices``; those of ``slots`` have a slot number, the others are on the board."""
    entries = b""
    for device in devices:
        pins = b"".join(struct.pack("<BH", _PIRQRC + (pin + device) % 4, _BITMAP) for pin in range(4))
        slot = slots.index(device) + 1 if device in slots else 0
        entries += struct.pack("<BB", 0, device << 3) + pins + bytes((slot, 0))
    header = struct.pack(
        "<4sHHBBHII11sB", b"$PIR", 0x0100, 32 + len(entries), 0, ROUTER, 0, 0x70008086, 0, bytes(11), 0
    )
    return checksummed(header + entries, 31)
