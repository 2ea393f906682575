"""Why a machine is slow: the causes that its figures and its host show, and what can be done about each."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app import running
from app.figures import Sample
from app.memory_check import host_memory
from app.runner import Runner

_KEEPS_UP: Final = 0.97  # of real time
_BUSY_CORE: Final = 0.9  # of a core: the guest has enough to do
_BUSY_HOST: Final = 1.2  # runnable programs for each core
_STARVED: Final = 0.8  # of a core is all that a busy guest gets
_MANY_EXITS: Final = 50_000  # a second; each costs about a microsecond
_EXIT_COST_S: Final = 1e-6


class Cause(enum.Enum):
    INTERPRETER_CHOSEN = enum.auto()
    NO_TRANSLATOR = enum.auto()  # the host cannot run it
    COUNTED_TIME = enum.auto()
    HOST_BUSY = enum.auto()
    BUSY_DEVICE = enum.auto()
    MEMORY_OVERCOMMITTED = enum.auto()
    SWAPPING = enum.auto()
    DEBUG_PORT = enum.auto()


@dataclass(frozen=True)
class Finding:
    """``device`` and ``value`` are what the cause is about: accesses a second, MB, programs for each core. ``share`` is
    of the machine's time, as far as it is known: what the remedy gains at most."""

    cause: Cause
    device: str = ""
    value: float = 0.0
    share: float | None = None


@dataclass(frozen=True)
class Evidence:
    """What was seen of a machine and its host."""

    accelerator: str
    accelerator_wanted: str
    clock: str = "realtime"
    debug_port: bool = False
    time_share: float = 1.0
    core_share: float = 0.0
    devices: Mapping[str, float] | None = None
    load_per_core: float = 0.0
    reserved_mb: int = 0
    host_total_mb: int = 0
    swapped_mb: int = 0

    @property
    def keeps_up(self) -> bool:
        """The guest's clock goes with the world's, and its processor has time left."""
        return self.time_share >= _KEEPS_UP and self.core_share < _BUSY_CORE


def findings(seen: Evidence) -> list[Finding]:
    """The causes, the one that matters most first; empty when there is none that we know."""
    found: list[Finding] = []
    if seen.accelerator == "interpreter":
        chosen = seen.accelerator_wanted == "interpreter"
        found.append(Finding(Cause.INTERPRETER_CHOSEN if chosen else Cause.NO_TRANSLATOR))
    if seen.clock == "instructions":
        found.append(Finding(Cause.COUNTED_TIME))
    if seen.swapped_mb:
        found.append(Finding(Cause.SWAPPING, value=seen.swapped_mb))
    if seen.host_total_mb and seen.reserved_mb > seen.host_total_mb:
        found.append(Finding(Cause.MEMORY_OVERCOMMITTED, value=seen.reserved_mb - seen.host_total_mb))
    if seen.load_per_core > _BUSY_HOST and not seen.keeps_up and seen.core_share < _STARVED:
        found.append(Finding(Cause.HOST_BUSY, value=seen.load_per_core, share=1 - seen.core_share))
    for device, rate in sorted((seen.devices or {}).items(), key=lambda item: -item[1]):
        if rate >= _MANY_EXITS:
            found.append(Finding(Cause.BUSY_DEVICE, device, rate, min(1.0, rate * _EXIT_COST_S)))
    if seen.debug_port:
        found.append(Finding(Cause.DEBUG_PORT))
    return found


def evidence(runner: Runner, sample: Sample | None) -> Evidence:
    """What there is to see of a machine that is on."""
    config = runner.config
    return Evidence(
        accelerator=str(runner.stats.get("accelerator", "")),
        accelerator_wanted=config.accelerator,
        clock=config.clock,
        debug_port=config.debug_port is not None,
        time_share=sample.time_share if sample is not None else 1.0,
        core_share=sample.core_share if sample is not None else 0.0,
        devices=sample.devices if sample is not None else None,
        load_per_core=_load_per_core(),
        reserved_mb=running.reserved_memory_mb(),
        host_total_mb=host_memory().total_mb,
        swapped_mb=_swapped_mb(),
    )


def _load_per_core() -> float:
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except OSError:
        return 0.0


def _swapped_mb() -> int:
    """MB of this program that lie in the host's swap."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next((int(line.split()[1]) >> 10 for line in lines if line.startswith("VmSwap:")), 0)
    except (OSError, ValueError, IndexError):
        return 0
