"""A machine without a PC: keeps the contract of ``engine.machine.Machine``, and a guest that a test scripts.

``install(monkeypatch, guest)`` puts it in the place of the engine's. No native core is needed, and nothing sleeps:
guest time jumps to the end of every wait whose condition does not hold.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.config import MachineConfig
from engine.errors import GuestFailure, MachineError, MediumError
from engine.events import Activity, Event, FrameReady, MediumChanged, Notice, PowerChanged, PowerState

PNG = b"\x89PNG\r\n\x1a\nfake"


@dataclass
class Guest:
    """What runs in the fake: text that appears at power-on, and answers to typed text."""

    banner: str = "A:\\>"
    answers: dict[str, str | Callable[[FakeMachine], None]] = field(default_factory=dict)
    at_power_on: Callable[[FakeMachine], None] | None = None
    at_power_button: Callable[[FakeMachine], None] | None = None  # None: no power management
    refuses: BaseException | None = None  # raised by the constructor
    machines: list[FakeMachine] = field(default_factory=list)

    @property
    def machine(self) -> FakeMachine:
        return self.machines[-1]


class FakeScreen:
    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine
        self.lines: list[str] = []
        self.generation = 0

    def text(self) -> str:
        return "\n".join(self.lines)

    def save(self, path: Path) -> None:
        try:
            Path(path).write_bytes(PNG)
        except OSError as error:
            raise MediumError(path, f"The picture of the screen cannot be written: {error.strerror}.") from error

    def wait_for_text(self, text: str, timeout: float = 30.0) -> None:
        try:
            self._machine.wait_until(lambda: text in self.text(), timeout)
        except TimeoutError:
            raise TimeoutError(f"“{text}” did not appear. The screen shows:\n{self.text()}") from None


class FakeKeyboard:
    busy = False

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine
        self.log: list[str] = []

    def press(self, key: str) -> None:
        self.log.append(f"+{key}")

    def release(self, key: str) -> None:
        self.log.append(f"-{key}")

    def release_all(self) -> None:
        self.log.append("none")

    def chord(self, keys: str) -> None:
        self.log.append(keys)
        self._machine.post(lambda: self._machine.answer(keys))

    def type(self, text: str, layout: str = "us") -> str:
        self.log.append(text)
        self._machine.post(lambda: self._machine.answer(text))
        return "".join(character for character in text if ord(character) > 126)


class FakeMouse:
    def __init__(self) -> None:
        self.log: list[Any] = []

    def move(self, dx: int, dy: int) -> None:
        self.log.append((dx, dy))

    def wheel(self, notches: int) -> None:
        self.log.append(("wheel", notches))

    def press(self, button: str = "left") -> None:
        self.log.append(f"+{button}")

    def release(self, button: str = "left") -> None:
        self.log.append(f"-{button}")

    def release_all(self) -> None:
        self.log.append("none")


class FakeMachine:
    def __init__(
        self,
        guest: Guest,
        config: MachineConfig,
        events: Callable[[Event], None] | None = None,
        free_running: bool | None = None,
    ) -> None:
        config.validate()
        if guest.refuses is not None:
            raise guest.refuses
        guest.machines.append(self)
        self.guest = guest
        self.config = config
        self.free_running = config.clock == "realtime" if free_running is None else free_running
        self._events = events
        self.state = PowerState.OFF
        self.screen = FakeScreen(self)
        self.keyboard = FakeKeyboard(self)
        self.mouse = FakeMouse()
        self.serial: list[Any] = []
        self.failure: GuestFailure | None = None
        self.media = {f"floppy{i}": f.image for i, f in enumerate(config.floppy_drives)}
        self.media |= {f"cdrom{i}": c.image for i, c in enumerate(config.cdrom_drives)}
        self.flushed = 0
        self.closed = False
        self.guest_ns = 0
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        if self.free_running:
            self._thread = threading.Thread(target=self._serve, name=f"fake vm {config.name}", daemon=True)
            self._thread.start()

    # -- Contract

    @property
    def stats(self) -> dict[str, Any]:
        return {"instructions": self.guest_ns // 10, "guest_ns": self.guest_ns, "accelerator": "fake"}

    def power_on(self, paused: bool = False) -> None:
        if self.state is not PowerState.OFF:
            raise MachineError("The machine is already on.")
        self.set_state(PowerState.RUNNING)
        self.screen.lines = [self.guest.banner]
        if self.guest.at_power_on is not None:
            action = self.guest.at_power_on
            self.post(lambda: action(self))

    def power_off(self) -> None:
        self.call(lambda: self.set_state(PowerState.OFF, "powered off"))
        self.flush()

    @property
    def hears_power_button(self) -> bool:
        return self.guest.at_power_button is not None

    def press_power_button(self) -> None:
        if self.guest.at_power_button is None:
            self.power_off()
        else:
            action = self.guest.at_power_button
            self.post(lambda: action(self))

    def pause(self) -> None:
        if self.state is PowerState.RUNNING:
            self.call(lambda: self.set_state(PowerState.PAUSED, "paused"))

    def resume(self) -> None:
        if self.state is PowerState.PAUSED:
            self.call(lambda: self.set_state(PowerState.RUNNING, "resumed"))

    def reset(self) -> None:
        if self.state is PowerState.OFF:
            raise MachineError("The machine is off.")
        self.screen.lines = [self.guest.banner]
        if self.state is not PowerState.RUNNING:
            self.call(lambda: self.set_state(PowerState.RUNNING, "reset"))

    def close(self) -> None:
        if self.closed:
            return
        self.call(lambda: self.set_state(PowerState.OFF, "closed"))
        self.closed = True
        self._work.put(None)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def post(self, work: Callable[[], None]) -> None:
        self._work.put(work)

    def call(self, work: Callable[[], Any]) -> Any:
        if self._thread is None or self._thread is threading.current_thread() or not self._thread.is_alive():
            return work()
        done = threading.Event()
        outcome: list[Any] = [None, None]

        def run() -> None:
            try:
                outcome[0] = work()
            except BaseException as error:
                outcome[1] = error
            done.set()

        self.post(run)
        while not done.wait(0.2):
            if not self._thread.is_alive():
                self._drain()
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def wait_until(self, predicate: Callable[[], bool], timeout: float) -> None:
        if self.state is PowerState.PAUSED:
            raise MachineError("The machine is paused; resume it before waiting for it.")
        self._let_run()
        if not self.call(predicate):
            if self.state is PowerState.RUNNING:
                self.guest_ns += round(timeout * 1e9)
            raise TimeoutError(f"Nothing of what was waited for within {timeout:g} s.")

    def run_for(self, seconds: float) -> None:
        self._let_run()
        if self.state is PowerState.RUNNING:
            self.guest_ns += round(seconds * 1e9)

    def insert(self, device: str, image: Path, read_only: bool = False) -> None:
        if image.stat().st_size == 7:
            raise MediumError(image, "Not an image that any drive knows.", "Choose another file.")
        self.media[device] = image
        self.emit(MediumChanged(device, str(image)))

    def eject(self, device: str) -> None:
        self.media[device] = None
        self.emit(MediumChanged(device, ""))

    # -- What guests do (machine's thread)

    def set_state(self, state: PowerState, reason: str = "") -> None:
        before, self.state = self.state, state
        if before is not state:
            self.emit(PowerChanged(state, reason))

    def answer(self, typed: str) -> None:
        reply = self.guest.answers.get(typed)
        if callable(reply):
            reply(self)
        elif reply is not None:
            self.screen.lines.append(reply)
            self.emit(FrameReady(len(self.screen.lines)))
            self.emit(Activity("disk0"))

    def switch_off(self) -> None:
        self.set_state(PowerState.OFF, "the guest switched the PC off")
        self.flush()

    def crash(self) -> None:
        self.failure = GuestFailure("The virtual machine stopped because of an internal error.", "EIP=0000FFF0")
        self.set_state(PowerState.CRASHED, str(self.failure))

    def triple_fault(self) -> None:
        self.emit(Notice("The guest's processor shut down (triple fault); the PC was reset."))

    def guest_ejects(self, device: str) -> None:
        self.eject(device)

    def until_posted(self) -> None:
        """Does the next work that another thread posts, however long that takes it."""
        work = self._work.get(timeout=30)
        assert work is not None
        work()

    # -- Inside

    def emit(self, event: Event) -> None:
        if self._events is not None:
            self._events(event)

    def flush(self) -> None:
        assert not self.closed, "flushed after it was closed"
        self.flushed += 1

    def _let_run(self) -> None:
        """All posted work is done."""
        if self._thread is not None and self._thread.is_alive():
            self.call(lambda: None)
            return
        self._drain()

    def _drain(self) -> None:
        while not self._work.empty():
            work = self._work.get()
            if work is not None:
                work()

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()


def install(monkeypatch: pytest.MonkeyPatch, guest: Guest | None = None) -> Guest:
    """Every runner of this process gets fake machines from now on."""
    made = guest or Guest()

    def make(config: MachineConfig, events: Callable[[Event], None], free_running: bool) -> FakeMachine:
        return FakeMachine(made, config, events, free_running)

    monkeypatch.setattr("app.runner.make_machine", make)
    return made
