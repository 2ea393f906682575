"""PIIX3 function 0: PIRQ routing (data sheet 290550, 2.2.9) and the pins of the bus."""

from __future__ import annotations

from engine.devices.device import ResetKind
from engine.devices.isa_bridge_piix3 import PIRQRC, IsaBridge
from engine.devices.pci_bus import PciBus
from engine.devices.pci_function import COMMAND, COMMAND_INTERRUPT_DISABLE, Identity, PciFunction
from engine.irq import IrqWire


class Rig:
    def __init__(self) -> None:
        self.levels = [False] * 16
        self.wires = [IrqWire(lambda level, irq=irq: self.levels.__setitem__(irq, level)) for irq in range(16)]
        self.resets = 0
        self.bridge = IsaBridge(lambda irq: self.wires[irq].line(), self._reset)
        self.bus = PciBus(self.bridge.set_pirq, 0x1000000)
        self.cards = [PciFunction(Identity(0x1234, n, 0x020000, interrupt_pin=1)) for n in range(3)]
        for device, card in zip((3, 4, 7), self.cards, strict=True):
            self.bus.plug(device, 0, card)

    def _reset(self) -> None:
        self.resets += 1

    @property
    def high(self) -> set[int]:
        return {irq for irq, level in enumerate(self.levels) if level}


def test_pins_turn_with_the_device_number_and_share_a_line() -> None:
    rig = Rig()
    for index in range(4):
        rig.bridge.write_configuration(PIRQRC + index, (9, 10, 11, 5)[index], 1)
    rig.cards[0].set_interrupt(True)  # device 3, INTA#: PIRQD#
    rig.cards[2].set_interrupt(True)  # device 7: the same line
    rig.cards[1].set_interrupt(True)  # device 4: PIRQA#
    assert rig.high == {5, 9}
    rig.cards[0].set_interrupt(False)
    assert rig.high == {5, 9}
    rig.cards[2].set_interrupt(False)
    assert rig.high == {9}


def test_routing_changes_while_a_line_is_asserted() -> None:
    rig = Rig()
    rig.cards[0].set_interrupt(True)
    assert rig.high == set()  # routing is disabled at power-on
    rig.bridge.write_configuration(PIRQRC + 3, 11, 1)
    assert rig.high == {11}
    rig.bridge.write_configuration(PIRQRC + 3, 8, 1)  # not a PCI interrupt
    assert rig.high == set()
    rig.bridge.write_configuration(PIRQRC + 3, 15, 1)
    rig.cards[0].write_configuration(COMMAND, COMMAND_INTERRUPT_DISABLE, 2)
    assert rig.high == set()
    rig.cards[0].write_configuration(COMMAND, 0, 2)
    assert rig.high == {15}
    rig.bridge.reset(ResetKind.BUS)
    assert rig.high == set()


def test_reset_control_acts_on_the_rising_bit() -> None:
    rig = Rig()
    rig.bridge.write_reset_control(0x06)
    rig.bridge.write_reset_control(0x06)
    assert rig.resets == 1 and rig.bridge.read_reset_control() == 0x06
    rig.bridge.write_reset_control(0)
    rig.bridge.write_reset_control(0x04)
    assert rig.resets == 2
