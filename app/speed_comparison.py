"""How much faster the translator is than the interpreter on this host, measured by a small program of our own."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from engine.config import FloppyConfig, MachineConfig

_WARM_UP_S: Final = 0.5
_MEASURED_S: Final = 0.5
_BOOT_S: Final = 10.0  # until the program runs
# A boot sector for ever adding, rotating and writing to memory; it says so on the debug port first.
#   mov al, 'R' / out 0E9h, al / xor si, si
#   again: add ax, [si] / rol ax, 3 / mov [si+600h], ax / add si, 2 / and si, 0FEh / dec cx / jnz again / jmp again
_PROGRAM: Final = bytes.fromhex("b052e6e931f60304c1c003898400 0683c60281e6fe0049 75edebeb".replace(" ", ""))
_SECTOR: Final = _PROGRAM.ljust(510, b"\0") + b"\x55\xaa"
_DISKETTE_BYTES: Final = 1_474_560


def translator_gain() -> float:
    """Instructions a second by the translator, in times those by the interpreter. Takes about three seconds; raises
    HostResourceError where the translator does not run."""
    return _rate("translator") / _rate("interpreter")


def _rate(accelerator: str) -> float:
    from engine.machine import Machine

    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "work.img"
        image.write_bytes(_SECTOR.ljust(_DISKETTE_BYTES, b"\0"))
        signs = Path(folder) / "signs"
        config = MachineConfig(
            memory_mb=1, accelerator=accelerator, floppies=(FloppyConfig(image, read_only=True),), debug_port=signs
        )
        with Machine(config) as machine:
            machine.power_on()
            end = time.monotonic() + _BOOT_S
            while not (signs.exists() and signs.read_bytes()) and time.monotonic() < end:
                time.sleep(0.02)
            time.sleep(_WARM_UP_S)
            begin, before = time.monotonic(), machine.stats["instructions"]
            time.sleep(_MEASURED_S)
            return float(machine.stats["instructions"] - before) / (time.monotonic() - begin)
