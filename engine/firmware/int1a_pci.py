"""INT 1Ah/B1h: the PCI BIOS, real-mode interface.

Source: PCI BIOS Specification 2.1, section 4.
"""

from __future__ import annotations

from typing import Final

from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.pci_configuration import PciConfiguration

SUCCESSFUL: Final = 0x00
FUNC_NOT_SUPPORTED: Final = 0x81
BAD_VENDOR_ID: Final = 0x83
DEVICE_NOT_FOUND: Final = 0x86
BAD_REGISTER_NUMBER: Final = 0x87
_SIGNATURE: Final = 0x20494350  # "PCI "
_VERSION: Final = 0x0210
_MECHANISM_1: Final = 0x01
_CLASS_CODE: Final = 0x08  # with the revision in the low byte


class PciBios:
    """Dispatches by AL; bit 7 of it may be set by callers of the 32-bit entry."""

    def __init__(self, board: FirmwareBoard) -> None:
        self._pci = PciConfiguration(board.bus)

    def service(self, call: Call) -> None:
        function = call.al & 0x7F
        if function == 0x01:
            status = self._present(call)
        elif function == 0x02:
            status = self._find_device(call)
        elif function == 0x03:
            status = self._find_class(call)
        elif 0x08 <= function <= 0x0A:
            status = self._read(call, 1 << function - 0x08)
        elif 0x0B <= function <= 0x0D:
            status = self._write(call, 1 << function - 0x0B)
        else:
            status = FUNC_NOT_SUPPORTED
        call.ah = status
        call.carry = status != SUCCESSFUL

    def _present(self, call: Call) -> int:
        call.edx = _SIGNATURE
        call.al, call.bx, call.cl = _MECHANISM_1, _VERSION, 0
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
