"""The tables that operating systems look for: ACPI, MP, $PIR and SMBIOS.

They lie in ROM, their entry points in the system ROM and the rest at E0000h, so that DOS keeps all of its memory. Only
the FACS is the guest's to write: it takes the end of the extended BIOS data area.
"""

from __future__ import annotations

import uuid
from typing import Final

from engine.firmware import acpi_tables, mp_table, smbios_tables
from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.pci_resources import PIRQ_IRQS, pirq_of
from engine.firmware.pci_routing_table import DEVICES, routing_table

TABLES_ADDRESS: Final = 0xE0000
TABLES_BYTES: Final = 0x10000
ENTRY_POINTS_ADDRESS: Final = 0xF8000  # free in the system ROM
ENTRY_POINTS_BYTES: Final = 0x1000
FACS_ADDRESS: Final = bda.EBDA_LINEAR + bda.EBDA_BYTES - acpi_tables.FACS_BYTES
_ALIGNMENT: Final = 16


class _Area:
    """Tables one behind the other."""

    def __init__(self, address: int, length: int) -> None:
        self.address = address
        self.data = bytearray(length)
        self._next = 0

    def put(self, table: bytes) -> int:
        """Its address."""
        at = self._next
        self._next = (at + len(table) + _ALIGNMENT - 1) & ~(_ALIGNMENT - 1)
        if self._next > len(self.data):
            raise ValueError("the firmware's tables do not fit")
        self.data[at : at + len(table)] = table
        return self.address + at


def system_tables(board: FirmwareBoard, version: str, release_date: str) -> tuple[bytes, bytes]:
    """What lies at TABLES_ADDRESS, and at ENTRY_POINTS_ADDRESS in the system ROM, where the standards have everybody
    look."""
    config, has_apics, cpu = board.config, board.has_apics, board.cpu_identification
    area, entry_points = _Area(TABLES_ADDRESS, TABLES_BYTES), _Area(ENTRY_POINTS_ADDRESS, ENTRY_POINTS_BYTES)
    tables = [
        area.put(acpi_tables.fadt(FACS_ADDRESS, area.put(acpi_tables.dsdt(board.serial_bases, board.parallel_bases))))
    ]
    if has_apics:
        tables.append(area.put(acpi_tables.madt()))
    entry_points.put(acpi_tables.rsdp(area.put(acpi_tables.rsdt(tables))))
    routes = [(device, pin, PIRQ_IRQS[pirq_of(device, pin)]) for device in DEVICES for pin in range(4)]
    if has_apics:
        entry_points.put(mp_table.floating_pointer(area.put(mp_table.configuration(cpu[0], cpu[1], routes))))
    entry_points.put(routing_table())
    identity = uuid.uuid5(uuid.NAMESPACE_OID, config.name)
    table = smbios_tables.structures(config.memory_mb, identity, version, release_date, cpu)
    entry_points.put(smbios_tables.entry_point(table, area.put(bytes(table.data))))
    return bytes(area.data), bytes(entry_points.data)
