"""Drives and their channels to the fastest mode that a PIIX3 has: multiword DMA mode 2.

Sources: Intel 82371FB/82371SB data sheet (290550), 2.3 (IDETIM) and 2.7 (BMIS); ATA/ATAPI-6, SET FEATURES. Drivers
of operating systems take the modes that are set here, and the DMA capable bits, as the word of the BIOS.
"""

from __future__ import annotations

from typing import Final

from engine import resources
from engine.devices.ide_bus_master import BMIS, BMIS_DMA0CAP, CHANNEL_PORTS
from engine.devices.ide_device import DEVICE_SLAVE, FEATURE_TRANSFER_MODE, MULTIWORD_DMA, SET_FEATURES
from engine.devices.ide_function_piix3 import BMIBA, IDETIM
from engine.firmware.board import FirmwareBoard, FirmwareBus
from engine.firmware.pci_configuration import PciConfiguration

_PIIX3_IDE: Final = 0x70108086
_FASTEST: Final = 0xA300  # decoding on; IORDY sampled after 3 clocks, 1 clock to recover
_FAST_TIMING: Final = 0x3  # of drive 0: fast timing with IORDY
_PREFETCH: Final = 0x4  # for disks only
_MODE: Final = MULTIWORD_DMA | 2
_NIEN: Final = 0x02
_FEATURES, _COUNT, _DEVICE, _STATUS_COMMAND = 1, 2, 6, 7
_DEVICE_OBSOLETE: Final = 0xA0  # bits that are ones


def prepare(board: FirmwareBoard) -> None:
    """After POST gave addresses to PCI functions."""
    pci = PciConfiguration(board.bus)
    function = next((f for f in pci.functions() if pci.read(f, 0x00, 4) == _PIIX3_IDE), None)
    if function is None:
        return
    bus_master = pci.read(function, BMIBA, 4) & 0xFFF0
    for channel, resource in enumerate((resources.IDE_PRIMARY, resources.IDE_SECONDARY)):
        timing, capable = _FASTEST, 0
        for unit in range(2):
            slot = 2 * channel + unit
            if board.ide[slot] is None:
                continue
            _set_mode(board.bus, resource, unit)
            timing |= (_FAST_TIMING | (_PREFETCH if board.hard_disk(slot) is not None else 0)) << 4 * unit
            capable |= BMIS_DMA0CAP << unit
        pci.write(function, IDETIM + 2 * channel, timing, 2)
        board.bus.port_write(bus_master + CHANNEL_PORTS * channel + BMIS, capable, 1)


def _set_mode(bus: FirmwareBus, resource: resources.Resource, unit: int) -> None:
    command, control = resource.ports
    bus.port_write(control, _NIEN, 1)
    for register, value in (
        (_DEVICE, _DEVICE_OBSOLETE | DEVICE_SLAVE * unit),
        (_FEATURES, FEATURE_TRANSFER_MODE),
        (_COUNT, _MODE),
        (_STATUS_COMMAND, SET_FEATURES),
    ):
        bus.port_write(command + register, value, 1)
    bus.port_read(command + _STATUS_COMMAND, 1)  # takes the interrupt back
    # As after a reset: a program may send a packet without a thought for FEATURES.
    for register, value in ((_FEATURES, 0), (_COUNT, 1), (_DEVICE, _DEVICE_OBSOLETE)):
        bus.port_write(command + register, value, 1)
    bus.port_write(control, 0, 1)
