"""The PCI function of the PIIX3's IDE controller (82371SB function 1): both channels at the PC/AT's addresses.

Source: Intel 82371FB/82371SB data sheet (290550), sections 2.3 and 2.7.
"""

from __future__ import annotations

from typing import Final

from engine.devices.pci_function import Identity, PciFunction

IDETIM: Final = 0x40  # a word for each channel
IDETIM_DECODE_ENABLE: Final = 0x80  # of its high byte
SIDETIM: Final = 0x44
_IDE_LEGACY_WITH_BUS_MASTER: Final = 0x010180


class IdeFunction(PciFunction):
    """Timing registers are kept for the guest: transfers take no time that they would change."""

    def __init__(self) -> None:
        writable = {IDETIM: 0xFF, IDETIM + 1: 0xF3, IDETIM + 2: 0xFF, IDETIM + 3: 0xF3, SIDETIM: 0xFF}
        defaults = {0x07: 0x02, IDETIM + 1: IDETIM_DECODE_ENABLE, IDETIM + 3: IDETIM_DECODE_ENABLE}
        super().__init__(Identity(0x8086, 0x7010, _IDE_LEGACY_WITH_BUS_MASTER), writable=writable, defaults=defaults)
