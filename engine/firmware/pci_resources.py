"""Gives PCI functions their addresses and interrupts at power-on.

Source: PCI Local Bus Specification 2.2, section 6.2.5 (base addresses), PIIX3 data sheet (290550), 2.2.9 (PIRQ
routing). Windows are given out the largest first, so that each lies on a multiple of its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine import resources
from engine.devices import power_management_piix4 as pm
from engine.firmware.board import FirmwareBus
from engine.firmware.pci_configuration import PciConfiguration

FIRST_MEMORY: Final = 0xE0000000
FIRST_PORT: Final = 0xD000  # above the window of configuration mechanism 2
PIRQ_IRQS: Final = (10, 11, 10, 11)  # for PIRQA# to PIRQD#
ISA_BRIDGE_CLASS: Final = 0x0601
HOST_BRIDGE_CLASS: Final = 0x0600
PIRQRC: Final = 0x60
_ELCR: Final = 0x4D0
_PIIX4_POWER_MANAGEMENT: Final = 0x71138086
_COMMAND: Final = 0x04
_CLASS: Final = 0x0A
_BASE_ADDRESS: Final = 0x10
_INTERRUPT_LINE: Final = 0x3C
_INTERRUPT_PIN: Final = 0x3D


@dataclass(frozen=True)
class _Request:
    function: int
    register: int
    is_port: bool
    length: int


def assign(bus: FirmwareBus) -> None:
    """Addresses, interrupt routing and interrupt lines; then decoding and bus mastering on."""
    pci = PciConfiguration(bus)
    functions = list(pci.functions())
    requests = [request for function in functions for request in _requests(pci, function)]
    next_port, next_memory = FIRST_PORT, FIRST_MEMORY
    for request in sorted(requests, key=lambda request: -request.length):
        if request.is_port:
            pci.write(request.function, request.register, next_port, 4)
            next_port += request.length
        else:
            pci.write(request.function, request.register, next_memory, 4)
            next_memory += request.length
    _route(bus, pci, functions)
    _place_power_management(pci, functions)
    for function in functions:
        wanted = {request.is_port for request in requests if request.function == function}
        command = pci.read(function, _COMMAND, 2) | (0x1 if True in wanted else 0) | (0x2 if False in wanted else 0)
        pci.write(function, _COMMAND, command | (0x4 if wanted else 0), 2)


def _requests(pci: PciConfiguration, function: int) -> list[_Request]:
    """What the base addresses of a function ask for, found by writing all ones with decoding off."""
    found = []
    command = pci.read(function, _COMMAND, 2)
    pci.write(function, _COMMAND, command & ~3, 2)
    for register in range(_BASE_ADDRESS, _BASE_ADDRESS + 24, 4):
        pci.write(function, register, 0xFFFFFFFF, 4)
        answer = pci.read(function, register, 4)
        pci.write(function, register, 0, 4)
        if answer in (0, 0xFFFFFFFF):
            continue
        is_port = bool(answer & 1)
        mask = answer & (0xFFFC if is_port else 0xFFFFFFF0)
        found.append(_Request(function, register, is_port, mask & -mask))
    pci.write(function, _COMMAND, command, 2)
    return found


def pirq_of(device: int, pin: int) -> int:
    """The PIRQ that a pin (0: INTA#) is wired to: turned by device number, like the wires of pci_bus.py."""
    return (pin + device) % 4


def route_pin(bus: FirmwareBus, device: int, pin: int, irq: int) -> bool:
    """Leads the pin's PIRQ to an IRQ, which becomes level-triggered. False without an ISA bridge."""
    pci = PciConfiguration(bus)
    bridge = _isa_bridge(pci, list(pci.functions()))
    if bridge is not None:
        _lead(bus, pci, bridge, pirq_of(device, pin), irq)
    return bridge is not None


def _isa_bridge(pci: PciConfiguration, functions: list[int]) -> int | None:
    return next((f for f in functions if pci.read(f, _CLASS, 2) == ISA_BRIDGE_CLASS), None)


def _lead(bus: FirmwareBus, pci: PciConfiguration, bridge: int, pirq: int, irq: int) -> None:
    pci.write(bridge, PIRQRC + pirq, irq, 1)
    port = _ELCR + (irq >> 3)
    bus.port_write(port, bus.port_read(port, 1) | 1 << (irq & 7), 1)


def _route(bus: FirmwareBus, pci: PciConfiguration, functions: list[int]) -> None:
    bridge = _isa_bridge(pci, functions)
    if bridge is not None:
        for index, irq in enumerate(PIRQ_IRQS):
            _lead(bus, pci, bridge, index, irq)
    for function in functions:
        pin = pci.read(function, _INTERRUPT_PIN, 1)
        if 1 <= pin <= 4:
            pci.write(function, _INTERRUPT_LINE, PIRQ_IRQS[pirq_of(function >> 3, pin - 1)], 1)


def _place_power_management(pci: PciConfiguration, functions: list[int]) -> None:
    """The PIIX4's registers are not behind base addresses (82371AB data sheet, 7.1)."""
    for function in functions:
        if pci.read(function, 0x00, 4) != _PIIX4_POWER_MANAGEMENT:
            continue
        pci.write(function, pm.PMBA, resources.PM_BASE | 1, 4)
        pci.write(function, pm.PMREGMISC, pm.PMREGMISC_PMIOSE, 1)
        pci.write(function, pm.SMBBA, resources.SMB_BASE | 1, 4)
        pci.write(function, pm.SMBHSTCFG, pm.SMBHSTCFG_ENABLE, 1)
        pci.write(function, _COMMAND, 0x1, 2)  # SMBus
        pci.write(function, _INTERRUPT_LINE, resources.SCI_IRQ, 1)
