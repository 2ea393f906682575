"""The PC. No Qt here; importable alone.

from engine import Machine, MachineConfig

atomic_file.py      Files that are written wholly or not at all, whatever happens in between
board.py            The board: makes the chips of the PC from a configuration and draws every wire between them
board_bus.py        Puts devices on the native bus
bus.py              How a device describes its ports to the machine
clock.py            Guest time as devices see it
config.py           What a machine is made of: plain frozen dataclasses with their limits beside the fields
config_file.py      machine.toml: one virtual machine's settings, for people and programs
errors.py           What the engine raises
events.py           What a running machine tells its host: frozen dataclasses through one callback, on the worker thread
irq.py              Interrupt request lines: levels with owners
machine.py          The machine: power, time, threads, and the public face of the PC
resources.py        The fixed ISA resources of the PC: one table of port bases, interrupts and DMA channels
shadow_ram.py       What answers in C0000h-FFFFFh: the ROMs, or the RAM under them
toml_edit.py        Changes the values in a TOML text and leaves the rest, comments and order above all, as its author wrote it
toml_text.py        TOML files that people edit: read with line numbers, so that every complaint can name one

core/ is the native part (C++), devices/ the chips, firmware/ the BIOS, disks/ the images, console/ what people hold.
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
    from engine._core import PictureScaler
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
    "PictureScaler",
    "PowerState",
    "SerialConfig",
]


def __getattr__(name: str) -> Any:
    # The board pulls in every chip; a library listing or a settings dialog does not need them.
    if name == "Machine":
        from engine.machine import Machine

        return Machine
    if name == "PictureScaler":
        from engine._core import PictureScaler

        return PictureScaler
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
