"""PCI configuration space as the firmware reaches it: mechanism 1, through the ports.

Source: PCI Local Bus Specification 2.2, section 3.2.2.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.firmware.board import FirmwareBus

CONFIG_ADDRESS: Final = 0xCF8
CONFIG_DATA: Final = 0xCFC
_ENABLE: Final = 0x80000000
_MULTI_FUNCTION: Final = 0x80
DEVICES: Final = 32
ABSENT: Final = 0xFFFF


@dataclass(frozen=True)
class PciConfiguration:
    """``function`` arguments are device number * 8 + function number, all on bus 0."""

    bus: FirmwareBus

    def read(self, function: int, register: int, size: int) -> int:
        self.bus.port_write(CONFIG_ADDRESS, _ENABLE | function << 8 | register & 0xFC, 4)
        return self.bus.port_read(CONFIG_DATA + (register & 3), size)

    def write(self, function: int, register: int, value: int, size: int) -> None:
        self.bus.port_write(CONFIG_ADDRESS, _ENABLE | function << 8 | register & 0xFC, 4)
        self.bus.port_write(CONFIG_DATA + (register & 3), value, size)

    def functions(self) -> Iterator[int]:
        """Every function that answers, in ascending order."""
        for device in range(DEVICES):
            first = device * 8
            if self.read(first, 0x00, 2) == ABSENT:
                continue
            yield first
            if self.read(first, 0x0E, 1) & _MULTI_FUNCTION:
                yield from (first + n for n in range(1, 8) if self.read(first + n, 0x00, 2) != ABSENT)
