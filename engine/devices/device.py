"""The contract every device model keeps.

State is one plain dataclass whose defaults are the power-on values. A device knows the bus, an interrupt
line, the clock and what is plugged into it, never another chip: every wire between chips is drawn in
``engine/machine.py``.
"""

from __future__ import annotations

import copy
import enum
from typing import Any, Protocol, TypeVar

StateType = TypeVar("StateType")


class ResetKind(enum.Enum):
    """Data sheets differ on what survives which reset."""

    POWER_ON = "power-on"
    BUS = "bus"  # RESET# of the whole board
    SOFT = "soft"  # the device's own reset bit or command


class Device(Protocol):
    """What the machine asks of a device."""

    def reset(self, kind: ResetKind) -> None: ...

    def save(self) -> Any:
        """A copy of the state dataclass; pending timers as absolute guest times inside it."""

    def load(self, state: Any) -> None:
        """Takes a state over, re-drives interrupt levels and re-arms timers. Raises StateError."""


def copy_state(state: StateType) -> StateType:
    """A deep copy, so that a saved state does not change under the running device."""
    return copy.deepcopy(state)
