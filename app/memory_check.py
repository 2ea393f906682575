"""Is there enough host memory for one more machine? Asked before it starts, so that the person can decide."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app import running

KEEP_FREE_MB: Final = 512  # for the host's own programs
OVERHEAD_MB: Final = 64  # a machine's devices, code and windows

_MEMINFO: Final = Path("/proc/meminfo")


@dataclass(frozen=True)
class HostMemory:
    """MB of the host; 0: not known."""

    total_mb: int
    available_mb: int


def host_memory() -> HostMemory:
    """What the host has, and what programs can still take without swapping."""
    try:
        rows = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines() if ":" in line)
        return HostMemory(_megabytes(rows, "MemTotal"), _megabytes(rows, "MemAvailable"))
    except (OSError, ValueError, IndexError):
        pass
    try:
        page = os.sysconf("SC_PAGE_SIZE")
        return HostMemory(os.sysconf("SC_PHYS_PAGES") * page >> 20, os.sysconf("SC_AVPHYS_PAGES") * page >> 20)
    except (OSError, ValueError):
        return HostMemory(0, 0)


def memory_warning(memory_mb: int) -> str:
    """What to tell a person before a machine with so much memory starts; empty when there is enough."""
    host = host_memory()
    if not host.total_mb:
        return ""
    reserved = running.reserved_memory_mb()
    others = f" Machines that are on hold {reserved} MB." if reserved else ""
    wanted = memory_mb + OVERHEAD_MB
    if reserved + wanted + KEEP_FREE_MB > host.total_mb:
        return (
            f"The host has {host.total_mb} MB of memory.{others} With {memory_mb} MB more, hardly anything is left "
            "for other programs: everything may become very slow. Stop a machine, or give this one less memory."
        )
    if wanted > host.available_mb:
        return (
            f"Only {host.available_mb} MB of the host's memory are free now, and the machine wants {memory_mb} MB."
            f"{others} Close other programs, or give the machine less memory."
        )
    return ""


def _megabytes(rows: Mapping[str, str], key: str) -> int:
    return int(rows.get(key, "0").split()[0]) >> 10
