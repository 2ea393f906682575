"""A disk that counts what passes through it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.disks.block_device import BlockDevice


@dataclass
class Traffic:
    """Bytes since power-on."""

    read: int = 0
    written: int = 0


class CountedDisk:
    """``disk``, its traffic added to ``traffic``, which several may share."""

    def __init__(self, disk: BlockDevice, traffic: Traffic) -> None:
        self._disk = disk
        self._traffic = traffic
        self.flush = disk.flush
        self.close = disk.close

    @property
    def path(self) -> Path:
        return self._disk.path

    @property
    def sector_count(self) -> int:
        return self._disk.sector_count

    @property
    def read_only(self) -> bool:
        return self._disk.read_only

    def read(self, lba: int, count: int) -> bytes:
        data = self._disk.read(lba, count)
        self._traffic.read += len(data)
        return data

    def write(self, lba: int, data: bytes) -> None:
        self._disk.write(lba, data)
        self._traffic.written += len(data)
