"""A floppy drive: motor, head position, disk change line, and the diskette in it.

A drive reads every medium the board's controller can clock: 5.25" images work in a 3.5" drive, as people expect of a
virtual machine, and a 1.44 MB drive takes 2.88 MB media.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.devices.device import ResetKind, copy_state
from engine.disks.block_device import BlockError
from engine.disks.floppy_image import FloppyImage
from engine.errors import StateError

TRACKS: Final = 83  # how far the head goes


@dataclass
class State:
    cylinder: int = 0
    motor: bool = False
    changed: bool = True


class FloppyDrive:
    """``kind`` is the drive's type as CMOS tells it ("1.44M"); ``activity(writing)`` drives the light."""

    def __init__(self, kind: str = "1.44M", activity: Callable[[bool], None] | None = None) -> None:
        self.kind = kind
        self.medium: FloppyImage | None = None
        self._activity = activity
        self._state = State()

    def reset(self, kind: ResetKind) -> None:
        self._state.motor = False
        if kind is ResetKind.POWER_ON:
            self._state = State()

    def save(self) -> State:
        return copy_state(self._state)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the floppy drive is of another kind.")
        if not 0 <= state.cylinder < TRACKS:
            raise StateError("The saved floppy drive is damaged.")
        self._state = copy_state(state)

    @property
    def cylinder(self) -> int:
        return self._state.cylinder

    @property
    def changed(self) -> bool:
        """The disk change line: set when a medium comes or goes, cleared by a step with a medium in the drive."""
        return self._state.changed

    @changed.setter
    def changed(self, value: bool) -> None:
        self._state.changed = value or self.medium is None

    @property
    def motor(self) -> bool:
        return self._state.motor

    @motor.setter
    def motor(self, value: bool) -> None:
        self._state.motor = value

    @property
    def write_protected(self) -> bool:
        """The write protect sensor; an empty drive's does not trigger."""
        return self.medium is not None and self.medium.write_protected

    def step_to(self, cylinder: int) -> None:
        """Moves the head as far as it goes. A step clears the change line when there is a medium; none is made when
        the head is there already, nor at the outer stop."""
        target = max(0, min(cylinder, TRACKS - 1))
        if target != self._state.cylinder and self.medium is not None:
            self._state.changed = False
        self._state.cylinder = target

    def insert(self, image: FloppyImage) -> None:
        self.eject()
        self.medium = image
        self._state.changed = True

    def eject(self) -> None:
        """What was written is on the host's disk before the diskette is gone; if the host cannot, the image's
        ``failed`` tells a person."""
        if self.medium is not None:
            medium, self.medium = self.medium, None
            with contextlib.suppress(BlockError):
                medium.close()
        self._state.changed = True

    def active(self, writing: bool) -> None:
        if self._activity is not None:
            self._activity(writing)
