"""Real machines on the "instructions" clock under the window, their time given out by the test in small slices.

Between two slices the window gets the host's time, so its timers and signals work as they do for a person. Guest time
goes no faster than ``_FASTEST`` times the host's: what the window does by its own timers comes in time for the guest.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from pytestqt.qtbot import QtBot

from engine.config import MachineConfig
from engine.events import Event, PowerState
from engine.machine import Machine
from ui.vm_session import VmSession

_SLICE_MS = 20
_FASTEST = 10


class PacedMachine(Machine):
    """Runs the guest in the thread that calls ``run_for``; orders of other threads wait for the end of the slice."""

    def __init__(self, config: MachineConfig, events: Callable[[Event], None]) -> None:
        self._turn = threading.RLock()
        super().__init__(config.replace(clock="instructions"), events, free_running=False)

    def run_for(self, seconds: float) -> None:
        with self._turn:
            if self.state is PowerState.RUNNING:
                super().run_for(seconds)

    def power_on(self, paused: bool = False) -> None:
        with self._turn:
            super().power_on(paused)

    def power_off(self) -> None:
        with self._turn:
            super().power_off()

    def pause(self) -> None:
        with self._turn:
            super().pause()

    def resume(self) -> None:
        with self._turn:
            super().resume()

    def reset(self) -> None:
        with self._turn:
            super().reset()

    def close(self) -> None:
        with self._turn:
            super().close()

    def insert(self, device: str, image: Path | str, read_only: bool = False) -> None:
        with self._turn:
            super().insert(device, image, read_only)

    def eject(self, device: str) -> None:
        with self._turn:
            super().eject(device)


class World:
    """Time for every machine that is on."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot
        self.machines: list[PacedMachine] = []

    def make_machine(self, config: MachineConfig, events: Callable[[Event], None], _: bool) -> PacedMachine:
        self.machines.append(PacedMachine(config, events))
        return self.machines[-1]

    def run(self, seconds: float) -> None:
        """Guest seconds, for all machines side by side; the window lives meanwhile."""
        for _ in range(max(1, round(seconds * 1000 / _SLICE_MS))):
            for machine in self.machines:
                machine.run_for(_SLICE_MS / 1000)
            self._qtbot.wait(_SLICE_MS // _FASTEST)

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Runs until ``condition()`` holds. Raises AssertionError after ``seconds`` of guest time."""
        for _ in range(round(seconds * 1000 / _SLICE_MS)):
            if condition():
                return
            self.run(_SLICE_MS / 1000)
        shown = "\n\n".join(machine.screen.text() for machine in self.machines if machine.state is not PowerState.OFF)
        raise AssertionError(f"it did not come about within {seconds} s of guest time; the screens:\n{shown}")

    def read(self, session: VmSession, text: str) -> str:
        """Runs until ``text`` is on the guest's screen; returns the screen."""
        self.until(lambda: text in session.runner.screen_text())
        return session.runner.screen_text()

    def reach(self, session: VmSession, state: PowerState) -> None:
        self.until(lambda: session.state is state and not session.busy)
