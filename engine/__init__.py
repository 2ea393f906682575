"""The PC. No Qt here; importable alone.

from engine import Machine, MachineConfig
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.config import (
    CdromConfig,
    DiskConfig,
    FloppyConfig,
    MachineConfig,
    NetworkConfig,
    SerialConfig,
)
from engine.errors import (
    BancadaError,
    ConfigError,
    GuestFailure,
    HostResourceError,
    MachineError,
    MediumError,
    MediumInUseError,
)
from engine.events import PowerState

if TYPE_CHECKING:
    from engine.machine import Machine

__all__ = [
    "BancadaError",
    "CdromConfig",
    "ConfigError",
    "DiskConfig",
    "FloppyConfig",
    "GuestFailure",
    "HostResourceError",
    "Machine",
    "MachineConfig",
    "MachineError",
    "MediumError",
    "MediumInUseError",
    "NetworkConfig",
    "PowerState",
    "SerialConfig",
]


def __getattr__(name: str) -> Any:
    # The board pulls in every chip; a library listing or a settings dialog does not need them.
    if name == "Machine":
        from engine.machine import Machine

        return Machine
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
