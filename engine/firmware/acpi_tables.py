"""ACPI tables: RSDP, RSDT, FADT, FACS, MADT and the DSDT's header.

Source: Advanced Configuration and Power Interface Specification 1.0b, section 5.2.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from engine import resources as board
from engine.devices import power_management_piix4 as pm
from engine.firmware.acpi_dsdt import PCI_INTERRUPTS, dsdt_body

OEM_ID: Final = b"BANCAD"
OEM_TABLE_ID: Final = b"BANCADA "
CREATOR_ID: Final = b"BNCD"
LOCAL_APIC: Final = 0xFEE00000
IO_APIC: Final = 0xFEC00000
FACS_BYTES: Final = 64
RSDP_BYTES: Final = 20

_FADT_FLAGS: Final = 0x01 | 0x04 | 0x20  # WBINVD works, C1 works, no sleep button as a fixed feature
_LEVEL_HIGH: Final = 0x0D


def checksummed(table: bytes, at: int) -> bytes:
    """The table with the byte at ``at`` set so that all bytes add up to 0."""
    return table[:at] + bytes((-(sum(table) - table[at]) & 0xFF,)) + table[at + 1 :]


def _table(signature: bytes, body: bytes, revision: int = 1) -> bytes:
    header = struct.pack(
        "<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, OEM_ID, OEM_TABLE_ID, 1, CREATOR_ID, 1
    )
    return checksummed(header + body, 9)


def rsdp(rsdt_address: int) -> bytes:
    return checksummed(struct.pack("<8sB6sBI", b"RSD PTR ", 0, OEM_ID, 0, rsdt_address), 8)


def rsdt(tables: list[int]) -> bytes:
    return _table(b"RSDT", struct.pack(f"<{len(tables)}I", *tables))


def facs() -> bytes:
    """In RAM: the guest's firmware waking vector and global lock live in it."""
    return struct.pack("<4sIIIII", b"FACS", FACS_BYTES, 0, 0, 0, 0).ljust(FACS_BYTES, b"\0")


def dsdt(serial_bases: Sequence[int], parallel_bases: Sequence[int]) -> bytes:
    return _table(b"DSDT", dsdt_body(serial_bases, parallel_bases))


def fadt(facs_address: int, dsdt_address: int) -> bytes:
    base = board.PM_BASE
    body = struct.pack("<IIBBHIBBBB", facs_address, dsdt_address, 0, 0, board.SCI_IRQ, pm.APMC, pm.ACPI_ENABLE,
                       pm.ACPI_DISABLE, 0, 0)  # fmt: skip
    body += struct.pack("<IIIIIIII", base + pm.PMSTS, 0, base + pm.PMCNTRL, 0, 0, base + pm.PMTMR, base + pm.GPSTS, 0)
    body += struct.pack("<BBBBBBBB", 4, 2, 0, 4, 4, 0, 0, 0)  # lengths of the blocks
    body += struct.pack("<HHHHBBBBBBBB", 0xFFF, 0xFFF, 0, 0, 0, 0, 0, 0, 0x32, 0, 0, 0)  # no C2, no C3; CENTURY 32h
    return _table(b"FACP", body + struct.pack("<I", _FADT_FLAGS))


def madt() -> bytes:
    """One processor, one I/O APIC; ISA interrupts are identity mapped but for the timer, PCI's and SCI's are level."""
    entries = struct.pack("<BBBBI", 0, 8, 0, 0, 1)
    entries += struct.pack("<BBBBII", 1, 12, board.IO_APIC_ID, 0, IO_APIC, 0)
    entries += struct.pack("<BBBBIH", 2, 10, 0, board.TIMER.irq, board.IO_APIC_INPUTS[board.TIMER.irq], 0)
    for irq in sorted({*PCI_INTERRUPTS, board.SCI_IRQ}):
        entries += struct.pack("<BBBBIH", 2, 10, 0, irq, irq, _LEVEL_HIGH)
    entries += struct.pack("<BBBHB", 4, 6, 0xFF, 0, 1)  # NMI on LINT1 of every processor
    return _table(b"APIC", struct.pack("<II", LOCAL_APIC, 1) + entries)
