"""The built-in diagnostics diskette: what starts when nothing else was named."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.config import FloppyConfig, MachineConfig
from engine.errors import MediumError

_IMAGE: Final = Path(__file__).resolve().parent.parent / "resources" / "diagnostics.img"


def diagnostics_image() -> Path:
    """The diskette's image. Raises MediumError naming the command that builds it when it is not there."""
    if not _IMAGE.is_file():
        raise MediumError(
            _IMAGE, "The diagnostics diskette has not been built.", "Run “make native” in Bancada's folder."
        )
    return _IMAGE


def diagnostics_config() -> MachineConfig:
    """A PC with the diagnostics diskette in its drive, write-protected."""
    return MachineConfig(
        name="Diagnostics", memory_mb=32, floppies=(FloppyConfig(diagnostics_image(), read_only=True),)
    )
