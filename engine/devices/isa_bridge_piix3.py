"""PCI-to-ISA bridge: function 0 of the PIIX3 (82371SB). Routes PIRQA#-PIRQD# to ISA interrupts; port CF9h resets.

Source: Intel 82371FB/82371SB data sheet (290550), section 2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from engine.devices.device import ResetKind
from engine.devices.pci_function import FunctionState, Identity, PciFunction
from engine.errors import StateError
from engine.irq import IrqLine

PIRQRC: Final = 0x60  # four registers, PIRQA# to PIRQD#
PIRQ_DISABLED: Final = 0x80
PIRQ_IRQ: Final = 0x0F
_ROUTABLE: Final = frozenset((3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15))

_COMMAND_WRITABLE: Final = 0x0108  # special cycles, SERR#; I/O, memory and master are always on

# Reset control register, CF9h
RC_SYSTEM_RESET: Final = 0x02  # hard, when bit 2 rises; else INIT only
RC_RESET_CPU: Final = 0x04


@dataclass(slots=True)
class IsaBridgeState:
    function: FunctionState = field(default_factory=FunctionState)
    reset_control: int = 0


class IsaBridge(PciFunction):
    """``irq_lines`` are this bridge's ends of the ISA interrupt wires, one for each PIRQ and IRQ number asked for."""

    def __init__(self, irq_line: Callable[[int], IrqLine], request_reset: Callable[[], None]) -> None:
        self._lines = [{irq: irq_line(irq) for irq in _ROUTABLE} for _ in range(4)]
        self._levels = [False] * 4
        self._request_reset = request_reset
        self._reset_control = 0
        writable = {PIRQRC + index: PIRQ_DISABLED | PIRQ_IRQ for index in range(4)}
        writable |= {0x4C: 0x7F, 0x4E: 0xFF, 0x4F: 0x01, 0x69: 0xFE, 0x6A: 0x01, 0x82: 0x0F, 0xA0: 0x1B}
        writable |= {0x70: 0xEF, 0x76: 0x87, 0x77: 0x87, 0x78: 0xFC, 0x79: 0xFC, 0xA2: 0xFF, 0xA3: 0xFF}
        writable |= {0x80: 0x7F, **dict.fromkeys((0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xAC, 0xAE), 0xFF)}
        defaults = {
            0xA8: 0x0F,
            0x04: 0x07,
            0x07: 0x02,
            0x4C: 0x4D,
            0x4E: 0x03,
            0x69: 0x02,
            0x70: 0x80,
            0x76: 0x0C,
            0x77: 0x0C,
        }
        defaults |= {PIRQRC + index: PIRQ_DISABLED for index in range(4)} | {0xA0: 0x08}
        identity = Identity(0x8086, 0x7000, 0x060100, multi_function=True)
        super().__init__(identity, writable=writable, defaults=defaults, command_writable=_COMMAND_WRITABLE)

    def reset(self, kind: ResetKind) -> None:
        super().reset(kind)
        self._reset_control = 0

    def save(self) -> Any:
        return IsaBridgeState(super().save(), self._reset_control)

    def load(self, state: Any) -> None:
        """Raises StateError."""
        if not isinstance(state, IsaBridgeState) or state.reset_control & ~(RC_SYSTEM_RESET | RC_RESET_CPU):
            raise StateError("The saved state of the ISA bridge does not fit.")
        super().load(state.function)
        self._reset_control = state.reset_control

    def set_pirq(self, index: int, level: bool) -> None:
        """PIRQA# is 0; ``level`` True is asserted."""
        self._levels[index] = level
        self._route(index)

    def route_of(self, index: int) -> int | None:
        """The IRQ that a PIRQ goes to."""
        register = self.configuration[PIRQRC + index]
        irq = register & PIRQ_IRQ
        return None if register & PIRQ_DISABLED or irq not in _ROUTABLE else irq

    def _route(self, index: int) -> None:
        target = self.route_of(index)
        for irq, line in self._lines[index].items():
            line.set(self._levels[index] and irq == target)

    def configuration_changed(self, offset: int, size: int) -> None:
        if offset < PIRQRC + 4 and offset + size > PIRQRC:
            for index in range(4):
                self._route(index)

    # -- Port CF9h ------------------------------------------------------------------------------------------------

    def read_reset_control(self) -> int:
        return self._reset_control

    def write_reset_control(self, value: int) -> None:
        rising = value & ~self._reset_control & RC_RESET_CPU
        self._reset_control = value & (RC_SYSTEM_RESET | RC_RESET_CPU)
        if rising:
            self._request_reset()
