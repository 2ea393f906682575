"""INT 1Ah/B1h: the PCI BIOS, by real-mode interrupt and by the 32-bit entry point.

Source: PCI BIOS Specification 2.1, chapters 3 and 4.
"""

from __future__ import annotations

import struct
from typing import Final

from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.pci_configuration import PciConfiguration
from engine.firmware.pci_resources import route_pin
from engine.firmware.pci_routing_table import BITMAP, DEVICES, entries

SUCCESSFUL: Final = 0x00
FUNC_NOT_SUPPORTED: Final = 0x81
BAD_VENDOR_ID: Final = 0x83
DEVICE_NOT_FOUND: Final = 0x86
BAD_REGISTER_NUMBER: Final = 0x87
SET_FAILED: Final = 0x88
BUFFER_TOO_SMALL: Final = 0x89
PCI_FUNCTION: Final = 0xB1
_SIGNATURE: Final = 0x20494350  # "PCI "
_VERSION: Final = 0x0210
_MECHANISMS_1_AND_2: Final = 0x03
_CLASS_CODE: Final = 0x08  # with the revision in the low byte
_FIRST_PIN: Final = 0x0A  # SET_PCI_IRQ counts INTA# to INTD# from here


class PciBios:
    """Dispatches by AL; callers of the 32-bit entry may set its bit 7. ``entry`` is that entry's address."""

    def __init__(self, board: FirmwareBoard, entry: int) -> None:
        self._bus = board.bus
        self._pci = PciConfiguration(board.bus)
        self._entry = entry

    def service(self, call: Call) -> None:
        self._finish(call, self._routing_options(call) if call.al & 0x7F == 0x0E else self._function(call))

    def service_32(self, call: Call) -> None:
        """The routing options' buffer is behind a selector, out of reach from here: $PIR has the same."""
        self._finish(call, self._function(call) if call.ah == PCI_FUNCTION else FUNC_NOT_SUPPORTED)

    @staticmethod
    def _finish(call: Call, status: int) -> None:
        call.ah = status
        call.carry = status != SUCCESSFUL

    def _function(self, call: Call) -> int:
        function = call.al & 0x7F
        if function == 0x01:
            return self._present(call)
        if function == 0x02:
            return self._find_device(call)
        if function == 0x03:
            return self._find_class(call)
        if 0x08 <= function <= 0x0A:
            return self._read(call, 1 << function - 0x08)
        if 0x0B <= function <= 0x0D:
            return self._write(call, 1 << function - 0x0B)
        if function == 0x0F:
            return self._set_interrupt(call)
        return FUNC_NOT_SUPPORTED

    def _present(self, call: Call) -> int:
        call.edx = _SIGNATURE
        call.al, call.bx, call.cl = _MECHANISMS_1_AND_2, _VERSION, 0
        call.edi = self._entry
        return SUCCESSFUL

    def _find_device(self, call: Call) -> int:
        if call.dx == 0xFFFF:
            return BAD_VENDOR_ID
        wanted = call.cx << 16 | call.dx
        return self._nth(call, [f for f in self._pci.functions() if self._pci.read(f, 0x00, 4) == wanted])

    def _find_class(self, call: Call) -> int:
        wanted = call.ecx & 0xFFFFFF
        return self._nth(call, [f for f in self._pci.functions() if self._pci.read(f, _CLASS_CODE, 4) >> 8 == wanted])

    @staticmethod
    def _nth(call: Call, found: list[int]) -> int:
        if call.si >= len(found):
            return DEVICE_NOT_FOUND
        call.bx = found[call.si]
        return SUCCESSFUL

    def _read(self, call: Call, size: int) -> int:
        if call.di > 0xFF or call.di % size:
            return BAD_REGISTER_NUMBER
        value = self._pci.read(call.bl, call.di, size) if call.bh == 0 else (1 << size * 8) - 1
        if size == 1:
            call.cl = value
        elif size == 2:
            call.cx = value
        else:
            call.ecx = value
        return SUCCESSFUL

    def _write(self, call: Call, size: int) -> int:
        if call.di > 0xFF or call.di % size:
            return BAD_REGISTER_NUMBER
        if call.bh == 0:
            self._pci.write(call.bl, call.di, call.ecx & ((1 << size * 8) - 1), size)
        return SUCCESSFUL

    def _routing_options(self, call: Call) -> int:
        """ES:DI: length of a buffer (in: what there is, out: what it takes) and a far pointer to it."""
        table = entries()
        length, offset, segment = struct.unpack("<HHH", call.fetch(call.es, call.di, 6))
        call.store(call.es, call.di, struct.pack("<H", len(table)))
        if length < len(table):
            return BUFFER_TOO_SMALL
        call.store(segment, offset, table)
        call.bx = 0  # no interrupt is for PCI alone
        return SUCCESSFUL

    def _set_interrupt(self, call: Call) -> int:
        """CL: pin, CH: IRQ, BX: any function of the device."""
        pin, irq, device = call.cl - _FIRST_PIN, call.ch, call.bl >> 3
        known = call.bh == 0 and device in DEVICES and 0 <= pin < 4 and irq < 16 and BITMAP >> irq & 1
        return SUCCESSFUL if known and route_pin(self._bus, device, pin, irq) else SET_FAILED
