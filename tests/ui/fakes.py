"""A machine without a processor: the same face as ``engine.machine.Machine``, its guest a few lines of Python.

The guest shows a picture, echoes typed letters on the screen's text, and answers every power order at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import MachineConfig
from engine.devices.vga_frame import Frame
from engine.errors import GuestFailure, MediumError
from engine.events import Activity, Event, FrameReady, MediumChanged, Notice, PowerChanged, PowerState

MAX_WIDTH, MAX_HEIGHT = 2560, 1600


class FakeScreen:
    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine
        self._memory = bytearray(MAX_WIDTH * MAX_HEIGHT * 4)
        self.frame = Frame(memoryview(self._memory), 720, 400, 720 * 4)
        self.generation = 0
        self.watched = False
        self.taken: list[tuple[int, int]] = []
        self._dirty: tuple[int, int] | None = None
        self.fill(0, 400, (0x50, 0x30, 0x10))

    def fill(self, top: int, bottom: int, bgr: tuple[int, int, int]) -> None:
        """Paints the rows [top, bottom) and tells, as the machine does, the first and the last of them."""
        _, width, _, stride = self.frame
        self._memory[top * stride : bottom * stride] = bytes((*bgr, 0)) * (width * (bottom - top))
        first, last = self._dirty or (top, bottom - 1)
        self._dirty = (min(first, top), max(last, bottom - 1))
        self.generation += 1
        self._machine.emit(FrameReady(self.generation))

    def set_mode(self, width: int, height: int) -> None:
        self.frame = Frame(memoryview(self._memory), width, height, width * 4)
        self.fill(0, height, (0x20, 0x60, 0x20))

    def take_dirty(self) -> tuple[int, int] | None:
        rows, self._dirty = self._dirty, None
        if rows is not None:
            self.taken.append(rows)
        return rows

    def watch(self, interested: bool) -> None:
        self.watched = interested

    def refresh(self) -> bool:
        return False

    def pixels(self) -> NDArray[np.uint8]:
        surface, width, height, stride = self.frame
        rows = np.frombuffer(surface, np.uint8)[: height * stride].reshape(height, stride)
        return np.ascontiguousarray(rows[:, : width * 4].reshape(height, width, 4)[:, :, 2::-1])

    def text(self) -> str:
        return self._machine.keyboard.typed


class FakeKeyboard:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.typed = ""
        self.layout = ""

    def press(self, key: str) -> None:
        self.log.append(f"+{key}")

    def release(self, key: str) -> None:
        self.log.append(f"-{key}")

    def release_all(self) -> None:
        self.log.append("-all")

    def chord(self, keys: str) -> None:
        self.log.append(keys)

    def type(self, text: str, layout: str = "us") -> str:
        self.layout = layout
        self.typed += "".join(character for character in text if ord(character) < 127)
        return "".join(character for character in text if ord(character) >= 127)


class FakeMouse:
    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []

    def move(self, dx: int, dy: int) -> None:
        self.log.append(("move", dx, dy))

    def wheel(self, notches: int) -> None:
        self.log.append(("wheel", notches))

    def press(self, button: str = "left") -> None:
        self.log.append(("press", button))

    def release(self, button: str = "left") -> None:
        self.log.append(("release", button))

    def release_all(self) -> None:
        self.log.append(("release_all",))


class FakeSpeaker:
    audible = False

    def take_samples(self, count: int) -> bytes:
        return bytes(2 * count)


class FakeMachine:
    """Events come from a thread of its own, as the engine's do."""

    def __init__(self, config: MachineConfig, events: Callable[[Event], None], free_running: bool = True) -> None:
        self.config = config
        self._events = events
        self.state = PowerState.OFF
        self.failure: GuestFailure | None = None
        self.keyboard = FakeKeyboard()
        self.mouse = FakeMouse()
        self.speaker = FakeSpeaker()
        self.serial: list[Any] = []
        self.screen = FakeScreen(self)
        self.media: dict[str, str] = {}
        self.resets = 0
        self.power_buttons = 0
        self.hears_power_button = False
        self.closed = False
        self.instructions = 0
        self.accelerator = "interpreter"

    # -- Power

    def power_on(self, paused: bool = False) -> None:
        self._go(PowerState.RUNNING, "")
        self.screen.fill(0, 400, (0x50, 0x30, 0x10))

    def power_off(self) -> None:
        self._go(PowerState.OFF, "powered off")

    def press_power_button(self) -> None:
        self.power_buttons += 1

    def pause(self) -> None:
        self._go(PowerState.PAUSED, "paused")

    def resume(self) -> None:
        self._go(PowerState.RUNNING, "resumed")

    def use_accelerator(self, accelerator: str) -> None:
        assert self.state is PowerState.PAUSED
        self.accelerator = accelerator

    def reset(self) -> None:
        self.resets += 1
        self._go(PowerState.RUNNING, "reset")

    def close(self) -> None:
        self.closed = True

    def crash(self, message: str) -> None:
        """What a failing device model does."""
        self.failure = GuestFailure(message, "the report")
        self._go(PowerState.CRASHED, message)

    def guest_powers_off(self) -> None:
        self._on_thread(lambda: self._go(PowerState.OFF, "the guest switched the PC off"))

    def _go(self, state: PowerState, reason: str) -> None:
        before, self.state = self.state, state
        if before is not state:
            self.emit(PowerChanged(state, reason))

    # -- The rest

    def insert(self, device: str, image: Path, read_only: bool = False) -> None:
        if image.stat().st_size == 0:
            raise MediumError(image, "The image is empty.", "Choose another file.")
        self.media[device] = str(image)
        self.emit(MediumChanged(device, str(image)))

    def eject(self, device: str) -> None:
        self.media[device] = ""
        self.emit(MediumChanged(device, ""))

    def post(self, work: Callable[[], None]) -> None:
        work()

    @property
    def stats(self) -> dict[str, Any]:
        self.instructions += 12_000_000
        return {
            "instructions": self.instructions,
            "guest_ns": 0,
            "accelerator": self.accelerator,
            "unclaimed_accesses": 0,
            "bus": {"vga": {"reads": self.instructions // 9000, "writes": 5}, "pit": {"reads": 3, "writes": 3}},
        }

    def activity(self, device: str, writing: bool = False) -> None:
        self._on_thread(lambda: self.emit(Activity(device, writing)))

    def notice(self, message: str) -> None:
        self._on_thread(lambda: self.emit(Notice(message)))

    def emit(self, event: Event) -> None:
        self._events(event)

    def _on_thread(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
