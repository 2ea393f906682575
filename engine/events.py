"""What a running machine tells its host: frozen dataclasses through one callback, on the worker thread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PowerState(Enum):
    OFF = "off"
    RUNNING = "running"
    PAUSED = "paused"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class PowerChanged:
    state: PowerState
    reason: str = ""  # for a person: "guest powered off", "triple fault", ...


@dataclass(frozen=True, slots=True)
class FrameReady:
    """The surface changed since the last pull; at most one is outstanding."""

    generation: int


@dataclass(frozen=True, slots=True)
class Activity:
    """A device did something: for lights. ``device`` is a key like "floppy0", "disk0", "cdrom0", "serial0"."""

    device: str
    writing: bool = False


@dataclass(frozen=True, slots=True)
class MediumChanged:
    """A removable drive has another medium (or none: ``image`` empty)."""

    device: str
    image: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should read: a medium became read-only, a host disk is full, ..."""

    message: str
    device: str = ""


Event = PowerChanged | FrameReady | Activity | MediumChanged | Notice
