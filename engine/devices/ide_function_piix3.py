"""The PCI function of the PIIX3's IDE controller (82371SB function 1): both channels at the PC/AT's addresses.

Source: Intel 82371FB/82371SB data sheet (290550), sections 2.3 and 2.7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.devices.pci_function import BASE_ADDRESS, Identity, PciFunction, Window

BMIBA_INDEX: Final = 4  # the base address of the bus master's ports
BMIBA: Final = BASE_ADDRESS + 4 * BMIBA_INDEX
BUS_MASTER_PORTS: Final = 16
IDETIM: Final = 0x40  # a word for each channel
IDETIM_DECODE_ENABLE: Final = 0x80  # of its high byte
SIDETIM: Final = 0x44
_IDE_LEGACY_WITH_BUS_MASTER: Final = 0x010180


class IdeFunction(PciFunction):
    """BMIBA keeps all 32 bits, where the chip has 16: firmware exists that takes cleared high bits for a huge window.
    ``place_bus_master`` puts the bus master's ports at an address; ``may_reach_memory`` is told after the guest
    wrote registers with bus mastering on. Timing registers are kept for the guest: transfers take no time that they
    would change."""

    def __init__(
        self,
        place_bus_master: Callable[[int | None], None] = lambda base: None,
        may_reach_memory: Callable[[], None] = lambda: None,
    ) -> None:
        self._may_reach_memory = may_reach_memory
        windows = {BMIBA_INDEX: Window("io", BUS_MASTER_PORTS, place_bus_master)}
        writable = {IDETIM: 0xFF, IDETIM + 1: 0xF3, IDETIM + 2: 0xFF, IDETIM + 3: 0xF3, SIDETIM: 0xFF}
        defaults = {0x07: 0x02, IDETIM + 1: IDETIM_DECODE_ENABLE, IDETIM + 3: IDETIM_DECODE_ENABLE}
        super().__init__(Identity(0x8086, 0x7010, _IDE_LEGACY_WITH_BUS_MASTER), windows, writable, defaults)

    def write_configuration(self, offset: int, value: int, size: int) -> None:
        super().write_configuration(offset, value, size)
        if self.is_master:
            self._may_reach_memory()
