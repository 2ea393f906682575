"""$PIR: which interrupt router lines the pins of PCI slots are wired to.

Source: Microsoft PCI IRQ Routing Table Specification 1.0.
"""

from __future__ import annotations

import struct
from typing import Final

from engine.firmware.acpi_dsdt import PCI_INTERRUPTS
from engine.firmware.acpi_tables import checksummed
from engine.firmware.pci_resources import PIRQRC, pirq_of

ROUTER: Final = 1 << 3  # device 1, function 0
SLOTS: Final = range(3, 8)  # devices that are cards
DEVICES: Final = (1, 2, *SLOTS)  # those before are on the board
BITMAP: Final = sum(1 << irq for irq in PCI_INTERRUPTS)


def entries() -> bytes:
    """One for each device: the link (its routing register) and the possible IRQs of every pin, and the slot."""
    table = b""
    for device in DEVICES:
        pins = b"".join(struct.pack("<BH", PIRQRC + pirq_of(device, pin), BITMAP) for pin in range(4))
        slot = SLOTS.index(device) + 1 if device in SLOTS else 0
        table += struct.pack("<BB", 0, device << 3) + pins + bytes((slot, 0))
    return table


def routing_table() -> bytes:
    table = entries()
    header = struct.pack("<4sHHBBHII11sB", b"$PIR", 0x0100, 32 + len(table), 0, ROUTER, 0, 0x70008086, 0, bytes(11), 0)
    return checksummed(header + table, 31)
