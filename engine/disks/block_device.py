"""What a hard disk controller needs of a disk on the host."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

from engine.errors import BancadaError

SECTOR_BYTES: Final = 512


class BlockError(BancadaError):
    """The host could not read or write; ``full`` tells that its disk has no room left."""

    def __init__(self, path: Path, message: str, full: bool = False) -> None:
        self.path = path
        self.full = full
        super().__init__(f"{path}: {message}")


class BlockDevice(Protocol):
    """Sectors of 512 bytes. Reads and writes outside raise ValueError; host errors raise BlockError."""

    @property
    def path(self) -> Path: ...
    @property
    def sector_count(self) -> int: ...
    @property
    def read_only(self) -> bool: ...
    def read(self, lba: int, count: int) -> bytes: ...
    def write(self, lba: int, data: bytes) -> None: ...

    def flush(self) -> None:
        """Returns when everything written is on the host's disk."""

    def close(self) -> None: ...
