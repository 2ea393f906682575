"""Copies the ROMs below 1 MiB into the RAM under them and lets reads come from there, as BIOSes have done since RAM
got faster than ROM.

Source: Intel 440FX PCIset data sheet (290549), programmable attribute map registers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.devices import host_bridge_i440fx as bridge
from engine.firmware.board import FirmwareBus
from engine.firmware.pci_configuration import PciConfiguration

_HOST_BRIDGE: Final = 0  # device 0, function 0
_440FX: Final = 0x12378086
_ATTRIBUTES: Final = bridge.PAM_READ | bridge.PAM_WRITE


def shadow(bus: FirmwareBus, roms: Iterable[tuple[int, int]]) -> None:
    """``roms`` are addresses and lengths. Their segments end as RAM that cannot be written; on a board with another
    host bridge they stay as they are."""
    pci = PciConfiguration(bus)
    if pci.read(_HOST_BRIDGE, 0, 4) != _440FX:
        return
    for address, length in roms:
        rom = bus.read_memory(address, length)
        _set_attributes(pci, address, length, _ATTRIBUTES)
        bus.write_memory(address, rom)
        _set_attributes(pci, address, length, bridge.PAM_READ)


def _set_attributes(pci: PciConfiguration, address: int, length: int, attributes: int) -> None:
    for register, shift, first, size in bridge.SEGMENTS:
        if first < address + length and address < first + size:
            kept = pci.read(_HOST_BRIDGE, register, 1) & ~(_ATTRIBUTES << shift)
            pci.write(_HOST_BRIDGE, register, kept | attributes << shift, 1)
