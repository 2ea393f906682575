"""What a machine does, in figures a second: taken from its counters twice a second and kept for ten minutes."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

PERIOD_S: Final = 0.5
KEPT_S: Final = 600
_MOST_SAMPLES: Final = round(KEPT_S / PERIOD_S)
_MEGA: Final = 1_000_000


@dataclass(frozen=True)
class Sample:
    """One look. Rates are a second, of the time since the look before."""

    at: float  # seconds of the host's clock
    instructions: float  # millions
    time_share: float  # of real time that the guest's clock went; 1 keeps up
    core_share: float  # of one of the host's cores
    exits: float  # accesses to devices
    disk_read: float  # MB
    disk_written: float  # MB
    frames: float
    devices: Mapping[str, float] = field(default_factory=dict)  # accesses of each device


FIGURES: Final = tuple(item.name for item in fields(Sample) if item.name not in ("at", "devices"))


class History:
    """The samples of one machine, oldest first. ``stats`` gives ``Machine.stats``, or nothing while it is off."""

    def __init__(self, stats: Callable[[], Mapping[str, Any]], now: Callable[[], float] = time.monotonic) -> None:
        self._stats = stats
        self._now = now
        self._before: tuple[float, Mapping[str, Any]] | None = None
        self.samples: list[Sample] = []

    def look(self) -> None:
        """Takes a sample; the first look at a machine, and the first after it was off, only begin."""
        stats, now = self._stats(), self._now()
        before, self._before = self._before, (now, stats) if stats else None
        if not stats or before is None:
            return
        passed, earlier = now - before[0], before[1]
        if passed <= 0 or stats["instructions"] < earlier["instructions"]:
            return  # it was off and on again meanwhile
        self.samples.append(_sample(now, passed, stats, earlier))
        del self.samples[:-_MOST_SAMPLES]

    def window(self, seconds: float) -> list[Sample]:
        """Those of the last ``seconds``."""
        since = self._now() - seconds
        return [sample for sample in self.samples if sample.at >= since]

    @property
    def accelerator(self) -> str:
        """What ran the guest at the last look; empty before there was one."""
        return str(self._before[1].get("accelerator", "")) if self._before is not None else ""

    @property
    def last(self) -> Sample | None:
        return self.samples[-1] if self.samples else None

    def csv(self) -> str:
        """All samples as a table, with seconds before the last one; devices that were ever used have columns."""
        devices = sorted({name for sample in self.samples for name, rate in sample.devices.items() if rate})
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(["seconds", *FIGURES, *(f"exits {name}" for name in devices)])
        for sample in self.samples:
            figures = [round(getattr(sample, name), 4) for name in FIGURES]
            rates = [round(sample.devices.get(name, 0.0), 1) for name in devices]
            table.writerow([round(sample.at - self.samples[-1].at, 2), *figures, *rates])
        return text.getvalue()


def _sample(now: float, passed: float, stats: Mapping[str, Any], earlier: Mapping[str, Any]) -> Sample:
    def rate(*path: str) -> float:
        new, old = _at(stats, path), _at(earlier, path)
        return max(0.0, new - old) / passed

    devices = {name: rate("bus", name, "reads") + rate("bus", name, "writes") for name in stats.get("bus", {})}
    return Sample(
        at=now,
        instructions=rate("instructions") / _MEGA,
        time_share=rate("guest_ns") / 1e9,
        core_share=rate("worker_ns") / 1e9,
        exits=sum(devices.values()),
        disk_read=rate("disk", "read") / _MEGA,
        disk_written=rate("disk", "written") / _MEGA,
        frames=rate("frames"),
        devices=devices,
    )


def _at(stats: Mapping[str, Any], path: tuple[str, ...]) -> float:
    value: Any = stats
    for key in path:
        value = value.get(key, {}) if isinstance(value, Mapping) else {}
    return float(value) if isinstance(value, int | float) else 0.0
