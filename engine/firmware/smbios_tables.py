"""SMBIOS: what the computer is, for setup programs and inventories.

Source: System Management BIOS Reference Specification 2.4.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass, field
from typing import Final

from engine.firmware.acpi_tables import checksummed

ENTRY_POINT_BYTES: Final = 31
_OTHER, _UNKNOWN = 1, 2
_MEGABYTE_KIB: Final = 1024
# BIOS characteristics (7.1.1): ISA, PCI, APM, boot from CD, selectable boot, EDD, four kinds of diskettes, the services
# of INT 5, 9, 14h, 17h and 10h.
_CHARACTERISTICS: Final = sum(1 << bit for bit in (4, 7, 10, 15, 16, 19, *range(22, 31)))
_ACPI: Final = 0x01
# Processor families (7.5.2) by the CPUID signature they begin with: Intel386, Intel486, Pentium, Pro, II, III, 4.
_PROCESSOR_FAMILIES: Final = ((0x300, 0x05), (0x400, 0x06), (0x500, 0x0B), (0x600, 0x0C), (0x630, 0x0F), (0x670, 0x11),
                              (0x700, _UNKNOWN), (0xF00, 0xB2), (0x1000, _UNKNOWN))  # fmt: skip
_NO_UPGRADE: Final = 6


@dataclass
class _Structures:
    """Structures get their handles in the order they are added."""

    data: bytearray = field(default_factory=bytearray)
    count: int = 0
    largest: int = 0

    def add(self, kind: int, body: bytes, *texts: str) -> int:
        handle = self.count
        strings = b"".join(text.encode("ascii", "replace") + b"\0" for text in texts) or b"\0"
        structure = struct.pack("<BBH", kind, 4 + len(body), handle) + body + strings + b"\0"
        self.data += structure
        self.count += 1
        self.largest = max(self.largest, len(structure))
        return handle


def structures(
    memory_mb: int, machine: uuid.UUID, version: str, release_date: str, cpu: tuple[int, int, str]
) -> _Structures:
    """Types 0, 1, 3, 4, 16, 17, 19, 20, 32 and the end. ``cpu`` is CPUID's signature and features, and the name."""
    signature, features, cpu_name = cpu
    table = _Structures()
    bios = struct.pack("<BBHBBQBBBBBB", 1, 2, 0xE000, 3, 1, _CHARACTERISTICS, _ACPI, 0, 1, 0, 0xFF, 0xFF)
    table.add(0, bios, "Bancada", version, release_date)
    table.add(1, struct.pack("<BBBB16sBBB", 1, 2, 3, 0, machine.bytes_le, 6, 0, 0), "Bancada", "Bancada PC", "1.0")
    table.add(3, struct.pack("<BBBBBBBBBIBBBB", 1, _OTHER, 2, 0, 0, 3, 3, 3, 2, 0, 0, 1, 0, 0), "Bancada", "1.0")
    family = next((code for first, code in reversed(_PROCESSOR_FAMILIES) if signature >= first), _UNKNOWN)
    processor = struct.pack("<BBBBIIBBHHHBBHHHBBB", 1, 3, family, 2, signature, features, 3, 0, 0, 0, 0, 0x41, _NO_UPGRADE, 0xFFFF, 0xFFFF,
                            0xFFFF, 0, 0, 0)  # fmt: skip
    table.add(4, processor, "CPU 1", "Intel", cpu_name)
    array = table.add(16, struct.pack("<BBBIHH", 3, 3, 3, memory_mb * _MEGABYTE_KIB, 0xFFFE, 1))
    module = struct.pack("<HHHHHBBBBBHHBBBB", array, 0xFFFE, 64, 64, min(memory_mb, 0x7FFF), 9, 0, 1, 0, 7, 0, 0, 0, 0,
                         0, 0)  # fmt: skip
    memory = table.add(17, module, "DIMM 1")
    mapped = table.add(19, struct.pack("<IIHB", 0, memory_mb * _MEGABYTE_KIB - 1, array, 1))
    table.add(20, struct.pack("<IIHHBBB", 0, memory_mb * _MEGABYTE_KIB - 1, memory, mapped, 1, 0, 0))
    table.add(32, bytes(6) + b"\0")
    table.add(127, b"")
    return table


def entry_point(table: _Structures, address: int) -> bytes:
    """_SM_ with _DMI_ inside, each with its own checksum."""
    inner = struct.pack("<5sBHIHB", b"_DMI_", 0, len(table.data), address, table.count, 0x24)
    outer = struct.pack(
        "<4sBBBBHB5s", b"_SM_", 0, ENTRY_POINT_BYTES, 2, 4, table.largest, 0, bytes(5)
    ) + checksummed(inner, 5)  # fmt: skip
    return checksummed(outer, 4)
