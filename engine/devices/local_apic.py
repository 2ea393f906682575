"""Local APIC: the processor's interrupt controller at FEE00000h, with its timer.

The registers are native (``engine/core/local_apic.cpp``, Intel SDM vol. 3 ch. 10, integrated APIC version 14h): guests
write EOI and TPR on every interrupt. This file is its place among the devices: reset, saved state, and the numbers of
its registers for firmware and tests.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Final

from engine import _core
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError

BASE_AT_RESET: Final = 0xFEE00000

# Register offsets on the page (SDM table 10-1).
ID: Final = 0x020
VERSION: Final = 0x030
TPR: Final = 0x080
APR: Final = 0x090
PPR: Final = 0x0A0
EOI: Final = 0x0B0
LDR: Final = 0x0D0
DFR: Final = 0x0E0
SVR: Final = 0x0F0
ISR: Final = 0x100
TMR: Final = 0x180
IRR: Final = 0x200
ESR: Final = 0x280
ICR_LOW: Final = 0x300
ICR_HIGH: Final = 0x310
LVT_TIMER: Final = 0x320
LVT_THERMAL: Final = 0x330
LVT_PERFORMANCE: Final = 0x340
LVT_LINT0: Final = 0x350
LVT_LINT1: Final = 0x360
LVT_ERROR: Final = 0x370
INITIAL_COUNT: Final = 0x380
CURRENT_COUNT: Final = 0x390
DIVIDE: Final = 0x3E0
REGISTER_BYTES: Final = 0x400

SVR_ENABLE: Final = 0x100
LVT_MASKED: Final = 0x10000
LVT_NMI: Final = 0x400
LVT_EXT_INT: Final = 0x700


def _bits() -> list[int]:
    return [0] * 8


@dataclass(slots=True)
class State:
    """The registers by their data-sheet names; ``count`` is the timer's count at ``count_since_ns``."""

    base: int = BASE_AT_RESET | 0x900
    id: int = 0
    tpr: int = 0
    ldr: int = 0
    dfr: int = 0xFFFFFFFF
    svr: int = 0xFF
    esr: int = 0
    icr_low: int = 0
    icr_high: int = 0
    errors: int = 0
    lvt: list[int] = field(default_factory=lambda: [LVT_MASKED] * 6)
    isr: list[int] = field(default_factory=_bits)
    tmr: list[int] = field(default_factory=_bits)
    irr: list[int] = field(default_factory=_bits)
    initial_count: int = 0
    divide: int = 0
    count: int = 0
    count_since_ns: int = 0
    lint0: bool = False
    lint1: bool = False
    ext_int: bool = False
    is_bypassed: bool = True


class LocalApic:
    """``native.connect`` draws the wires to the processor; ``set_lint0`` and ``set_lint1`` are its pins."""

    def __init__(self, clock: _core.Clock) -> None:
        self._clock = clock
        self.native = _core.LocalApic(clock)
        self.set_lint0 = self.native.set_lint0
        self.set_lint1 = self.native.set_lint1
        self.message = self.native.message

    def reset(self, kind: ResetKind) -> None:
        self.native.reset()

    def save(self) -> State:
        return State(**self.native.save())

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the local APIC is of another kind.")
        try:
            self.native.load(self._clock, dataclasses.asdict(copy_state(state)))
        except (ValueError, TypeError, OverflowError) as error:
            raise StateError(f"The saved state of the local APIC is damaged: {error}.") from error
