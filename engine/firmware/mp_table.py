"""The MultiProcessor tables: how interrupts reach the APICs, for systems without ACPI.

Source: MultiProcessor Specification 1.4, chapter 4.
"""

from __future__ import annotations

import struct
from typing import Final

from engine import resources as board
from engine.firmware.acpi_tables import IO_APIC, LOCAL_APIC, checksummed

FLOATING_BYTES: Final = 16
PCI_BUS: Final = 0
ISA_BUS: Final = 1
_INT, _NMI, _EXT_INT = 0, 1, 3
_LEVEL_HIGH: Final = 0x0D
_ALL_LOCAL_APICS: Final = 0xFF


def floating_pointer(configuration: int) -> bytes:
    return checksummed(struct.pack("<4sIBBBBBBH", b"_MP_", configuration, 1, 4, 0, 0, 0, 0, 0), 10)


def configuration(signature: int, features: int, routes: list[tuple[int, int, int]]) -> bytes:
    """``signature`` and ``features`` are CPUID's; ``routes`` are (PCI device, pin 0-3, IRQ)."""
    entries = [
        struct.pack("<BBBBIIII", 0, 0, 0x14, 0x03, signature, features, 0, 0),
        struct.pack("<BB6s", 1, PCI_BUS, b"PCI   "),
        struct.pack("<BB6s", 1, ISA_BUS, b"ISA   "),
        struct.pack("<BBBBI", 2, board.IO_APIC_ID, 0x11, 1, IO_APIC),
    ]
    pci_irqs = {irq for _, _, irq in routes}
    for irq in range(16):
        if irq not in (2, *pci_irqs):
            entries.append(_io_interrupt(_INT, 0, ISA_BUS, irq, board.IO_APIC_INPUTS.get(irq, irq)))
    for device, pin, irq in routes:
        entries.append(_io_interrupt(_INT, _LEVEL_HIGH, PCI_BUS, device << 2 | pin, irq))
    entries.append(struct.pack("<BBHBBBB", 4, _EXT_INT, 0, ISA_BUS, 0, _ALL_LOCAL_APICS, 0))
    entries.append(struct.pack("<BBHBBBB", 4, _NMI, 0, ISA_BUS, 0, _ALL_LOCAL_APICS, 1))
    body = b"".join(entries)
    header = struct.pack(
        "<4sHBB8s12sIHHIHBB", b"PCMP", 44 + len(body), 4, 0, b"BANCADA ", b"PC".ljust(12), 0, 0, len(entries),
        LOCAL_APIC, 0, 0, 0,
    )  # fmt: skip
    return checksummed(header + body, 7)


def _io_interrupt(kind: int, flags: int, bus: int, source: int, target: int) -> bytes:
    return struct.pack("<BBHBBBB", 3, kind, flags, bus, source, board.IO_APIC_ID, target)
