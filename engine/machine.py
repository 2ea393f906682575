"""The machine: power, time, threads, and the public face of the PC.

``engine/board.py`` is the schematic: it makes the chips from a configuration and draws every wire. This file
runs the board: it owns the worker thread, carries posted work to it, and turns exits of the processor into
power states.

Two ways to run:

- *free running* (the default in realtime): a worker thread runs the guest; every method may be called from
  any thread. An idle guest lets the host's time go by, with either clock.
- *on demand* (the default with ``clock="instructions"``): guest time advances only inside ``wait_until``,
  ``run_for`` and the waits built on them, in the caller's thread. A script repeats bit for bit.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from engine.board import Board
from engine.clock import MILLISECOND_NS, SECOND_NS
from engine.config import MachineConfig
from engine.console.keyboard import Keyboard
from engine.console.mouse import Mouse
from engine.console.screen import Screen
from engine.console.serial import SerialConsole
from engine.devices.device import ResetKind
from engine.errors import GuestFailure, MachineError, MediumError
from engine.events import Activity, Event, FrameReady, MediumChanged, Notice, PowerChanged, PowerState

Result = TypeVar("Result")

_POLL_NS = 10 * MILLISECOND_NS  # how often, in guest time, a wait looks at its condition
_ACTIVITY_NS = 50 * MILLISECOND_NS  # a light blinks no faster


class Machine:
    """One PC.

    Raises ConfigError for a configuration that makes no sense, MediumError for an image that cannot be used,
    HostResourceError when the host cannot give memory or a port.
    """

    def __init__(
        self,
        config: MachineConfig | None = None,
        events: Callable[[Event], None] | None = None,
        free_running: bool | None = None,
    ) -> None:
        self.config = config or MachineConfig()
        self.config.validate()
        self._events = events
        self._free_running = self.config.clock == "realtime" if free_running is None else free_running
        self._posted: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._state = PowerState.OFF
        self._closing = False
        self._reset_wanted = False
        self._thread: threading.Thread | None = None
        self._running_thread: int | None = None
        self._last_activity: dict[str, int] = {}
        self._waits: set[threading.Event] = set()
        self.board_made = False
        self.board = Board(self.config, self)
        self.board_made = True
        self.board.clock.paced = self._free_running
        self.screen: Screen = self.board.screen
        self.keyboard: Keyboard = self.board.keyboard
        self.mouse: Mouse = self.board.mouse
        self.serial: list[SerialConsole] = self.board.serial
        self.speaker = self.board.speaker

    # -- Power ------------------------------------------------------------------------------------------

    @property
    def state(self) -> PowerState:
        return self._state

    def power_on(self, paused: bool = False) -> None:
        """Switches the PC on: every chip to its power-on state, then the firmware. ``paused``: it stands before its
        first instruction."""
        if self._closing:
            raise MachineError("This machine was closed; make a new one.")
        if self._state is not PowerState.OFF:
            raise MachineError(f"The machine is already {self._state.value}.")
        self.board.reset(ResetKind.POWER_ON)
        if paused:
            self._set_state(PowerState.PAUSED, "stands before its first instruction")
        else:
            self._set_state(PowerState.RUNNING)
        if self._free_running and self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"vm {self.config.name}", daemon=True)
            self._thread.start()

    def power_off(self) -> None:
        """Pulls the plug. Host files are flushed; the guest is told nothing."""
        self._order(PowerState.OFF, "powered off")
        self.board.flush()

    @property
    def hears_power_button(self) -> bool:
        """Whether the guest has taken power management over (ACPI) and wants to know of the power button."""
        return self.board.power_management.watches_power_button

    def press_power_button(self) -> None:
        """The button on the case: a guest with ACPI hears of it and shuts down in its own time; without ACPI it is
        the plug. Raises MachineError when the machine does not run."""
        if self._state is not PowerState.RUNNING:
            raise MachineError("The machine is not running.")
        if not self.call(self.board.press_power_button):
            self.power_off()

    def pause(self) -> None:
        if self._state is PowerState.RUNNING:
            self._order(PowerState.PAUSED, "paused", since=PowerState.RUNNING)

    def resume(self) -> None:
        if self._state is PowerState.PAUSED:
            self._order(PowerState.RUNNING, "resumed", since=PowerState.PAUSED)

    def use_accelerator(self, accelerator: str) -> None:
        """Goes on with “translator” or “interpreter” (or “auto”), for as long as this machine lives; the guest sees no
        difference. Raises MachineError unless the machine is paused or off, HostResourceError when the host cannot."""
        if self._state not in (PowerState.PAUSED, PowerState.OFF):
            raise MachineError("What runs guest code can be changed while the machine is paused. Pause it first.")
        self.call(lambda: self.board.use_accelerator(accelerator))

    def reset(self) -> None:
        """The reset button."""
        if self._state is PowerState.OFF:
            raise MachineError("The machine is off.")
        self.call(self.request_reset)
        if self._state in (PowerState.PAUSED, PowerState.CRASHED):
            self._order(PowerState.RUNNING, "reset")

    def close(self) -> None:
        """Powers off and gives every host resource back, guest memory and translated code with it, whoever still holds
        this object. Nothing else may be called afterwards."""
        if self._closing:
            return
        self._order(PowerState.OFF, "closed")
        self._closing = True
        with self._changed:
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self.board.close()

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _order(self, state: PowerState, reason: str, since: PowerState | None = None) -> None:
        """Brings the machine to a power state; returns when it is there. Nothing happens when it is no longer in the
        state ``since``: another thread's order came first."""

        def change() -> None:
            if since is not None and self._state is not since:
                return
            self._set_state(state, reason)
            self.board.cpu.request_stop()

        self.call(change)

    def _set_state(self, state: PowerState, reason: str = "") -> None:
        with self._changed:
            before, self._state = self._state, state
            self._changed.notify_all()
        if before is state:
            return
        if state is PowerState.RUNNING:
            self.board.clock.resume()
        elif before is PowerState.RUNNING:
            self.board.clock.pause()
        if state is not PowerState.RUNNING:
            self.keyboard.release_all()
            self.screen.refresh()
        self.emit(PowerChanged(state, reason))
        for wait in list(self._waits):
            wait.set()

    # -- Work for the worker thread -----------------------------------------------------------------------

    def post(self, work: Callable[[], None]) -> None:
        """From any thread: runs ``work`` soon on the machine's thread, between guest instructions."""
        self._posted.append(work)
        with self._changed:
            self._changed.notify_all()
        if self.board_made:  # a serial port's other end may speak while the board is still being made
            self.board.cpu.kick()

    def call(self, work: Callable[[], Result]) -> Result:
        """Like ``post``, but waits for the result; exceptions come back to the caller."""
        if self._thread is None or self._running_thread == threading.get_ident() or not self._thread.is_alive():
            return work()
        done = threading.Event()
        outcome: list[Any] = [None, None]

        def run() -> None:
            try:
                outcome[0] = work()
            except BaseException as error:  # handed to the caller below
                outcome[1] = error
            done.set()

        self.post(run)
        while not done.wait(1.0):
            if not self._thread.is_alive():
                self._drain()
        if outcome[1] is not None:
            raise outcome[1]
        result: Result = outcome[0]
        return result

    def _drain(self) -> None:
        while self._posted:
            try:
                work = self._posted.popleft()
            except IndexError:
                return
            work()

    def _work(self) -> None:
        """The worker thread: guest code while running, posted work always."""
        self._running_thread = threading.get_ident()
        while True:
            with self._changed:
                while self._state is not PowerState.RUNNING and not self._posted and not self._closing:
                    self._changed.wait()
            self._drain()
            if self._closing:
                return
            if self._state is PowerState.RUNNING:
                self._run_once()

    def _run_once(self) -> str:
        """Runs guest code until the processor comes back; returns why."""
        try:
            reason = self.board.cpu.run()
        except Exception as error:
            self._fail(error)
            return "failed"
        if reason == "shutdown":
            self.emit(Notice("The guest's processor shut down (triple fault); the PC was reset."))
            self._reset_wanted = True
        if reason == "debugger":
            self._set_state(PowerState.PAUSED, "a breakpoint")
        if self._reset_wanted:
            self._reset_wanted = False
            if self._state is PowerState.RUNNING:
                self.board.reset(ResetKind.BUS)
        return reason

    def _fail(self, error: Exception) -> None:
        """A device model raised, or the host's processor faulted: this VM is dead, with a report; all else lives on."""
        import traceback

        report = "".join(traceback.format_exception(error)) + "\n" + self.board.describe_cpu()
        what = str(error).partition(";")[0]  # the rest is for the report
        self.failure = GuestFailure(f"The virtual machine stopped because of an internal error: {what}", report)
        self._set_state(PowerState.CRASHED, str(self.failure))

    failure: GuestFailure | None = None

    def request_reset(self) -> None:
        """On the machine's thread: RESET# at the next instruction boundary (port 92h, 8042, triple fault)."""
        self._reset_wanted = True
        self.board.cpu.request_stop()

    def request_power_off(self) -> None:
        """On the machine's thread: the guest switched the PC off (APM)."""
        self._set_state(PowerState.OFF, "the guest switched the PC off")
        self.board.cpu.request_stop()
        self.board.flush()

    # -- Waiting ------------------------------------------------------------------------------------------

    def wait_until(self, predicate: Callable[[], bool], timeout: float) -> None:
        """Lets the guest run until ``predicate()`` holds. It is called on the machine's thread every 10 ms of
        guest time. Raises TimeoutError after ``timeout`` guest seconds, or when the machine stops."""
        if not self._wait(predicate, timeout):
            if self._state is PowerState.CRASHED and self.failure is not None:
                raise self.failure
            stopped = "" if self._state is PowerState.RUNNING else f" (the machine is {self._state.value})"
            raise TimeoutError(f"Nothing of what was waited for within {timeout:g} s{stopped}.")

    def run_for(self, seconds: float) -> None:
        """Lets the guest run for this long in guest time, or until it stops."""
        self._wait(lambda: False, seconds)

    def _wait(self, predicate: Callable[[], bool], timeout: float) -> bool:
        if self._state is PowerState.PAUSED:
            raise MachineError("The machine is paused; resume it before waiting for it.")
        clock = self.board.clock
        deadline_ns = clock.now_ns + round(timeout * SECOND_NS)
        found = False
        finished = threading.Event()

        def poll() -> None:
            nonlocal found
            if finished.is_set():
                return
            found = predicate()
            if found or clock.now_ns >= deadline_ns:
                finished.set()
                if not self._free_running:
                    self.board.cpu.request_stop()
            else:
                clock.call_at(min(clock.now_ns + _POLL_NS, deadline_ns), poll)

        if self._free_running:
            self._waits.add(finished)
            try:
                self.post(poll)
                while not finished.wait(0.5) and self._state is PowerState.RUNNING:
                    pass
                finished.set()
            finally:
                self._waits.discard(finished)
        else:
            poll()
            while not finished.is_set() and self._state is PowerState.RUNNING:
                self._drain()
                if self._run_once() == "halt":
                    break
            finished.set()
        # A guest that ended by itself may have shown what was waited for on its way out.
        return found or (self._state is not PowerState.RUNNING and self.call(predicate))

    def sleep_host(self, seconds: float) -> None:
        """Realtime only: lets the host's clock go on (the guest with it)."""
        if self._free_running:
            time.sleep(seconds)
        else:
            self.run_for(seconds)

    # -- Media --------------------------------------------------------------------------------------------

    def insert(self, device: str, image: Path | str, read_only: bool = False) -> None:
        """Puts a medium into a removable drive ("floppy0", "cdrom0"), while the guest runs or not.

        The file that is in the drive already is taken out and put in again: the guest sees a change of media.
        Raises MediumError naming the file when it cannot be used; the old medium stays then, unless it was this file.
        """
        path = Path(image)
        was_empty = self.call(lambda: self.board.is_empty(device))
        try:
            self.call(lambda: self.board.insert(device, path, read_only))
        except MediumError:
            if not was_empty and self.call(lambda: self.board.is_empty(device)):
                self.emit(MediumChanged(device, ""))
            raise
        self.emit(MediumChanged(device, str(path)))

    def eject(self, device: str) -> None:
        """Empties a removable drive; what the guest wrote is on the host's disk before this returns."""
        self.call(lambda: self.board.eject(device))
        self.emit(MediumChanged(device, ""))

    # -- Looking in ---------------------------------------------------------------------------------------

    @property
    def cpu(self) -> CpuView:
        return CpuView(self)

    @property
    def memory(self) -> MemoryView:
        return MemoryView(self)

    @property
    def stats(self) -> dict[str, Any]:
        """Counters since power-on: retired instructions, guest time, processor time of the worker thread, frames,
        bytes of the hard disks, bus accesses by device."""
        board = self.board
        return {
            "instructions": board.cpu.retired,
            "guest_ns": board.clock.now_ns,
            "worker_ns": self._worker_ns(),
            "frames": self.screen.generation,
            "disk": {"read": board.disk_traffic.read, "written": board.disk_traffic.written},
            "accelerator": board.accelerator,
            "translator": board.cpu.translator_counters,
            "unclaimed_accesses": board.bus.unclaimed_accesses,
            "bus": {name: {"reads": reads, "writes": writes} for name, reads, writes in board.bus.counters()},
        }

    def _worker_ns(self) -> int:
        """Processor time that the worker thread has had; 0 where the host does not tell."""
        thread = self._thread
        if (
            thread is None
            or thread.ident is None
            or not thread.is_alive()
            or not hasattr(time, "pthread_getcpuclockid")
        ):
            return 0
        try:
            return time.clock_gettime_ns(time.pthread_getcpuclockid(thread.ident))
        except OSError:
            return 0  # it has just ended

    # -- What the board reports -----------------------------------------------------------------------------

    def run_posted(self) -> None:
        """The processor was kicked: posted work, between guest instructions."""
        self._drain()

    def takes_input(self) -> bool:
        """Whether keys and the mouse reach the guest: nobody can type into a picture that stands still."""
        return self._state is not PowerState.PAUSED

    def frame_ready(self) -> None:
        self.emit(FrameReady(self.screen.generation))

    def host_error(self, message: str) -> None:
        """The host cannot carry out a guest's write (its disk is full). The machine pauses at the next instruction
        boundary, and ``message`` says why; the guest gets the error of its hardware or its BIOS for this write, and
        sees it when the person has made room and resumes. Nothing is tried again but by the guest."""
        self.emit(Notice(message))
        self._set_state(PowerState.PAUSED, message)
        self.board.cpu.request_stop()

    def emit(self, event: Event) -> None:
        if self._events is not None:
            self._events(event)

    def activity(self, device: str, writing: bool) -> None:
        """A device did something; passed on often enough for a light, no more."""
        now = self.board.clock.now_ns
        key = f"{device}/{writing}"
        if now - self._last_activity.get(key, -_ACTIVITY_NS) >= _ACTIVITY_NS:
            self._last_activity[key] = now
            self.emit(Activity(device, writing))

    def notice(self, message: str, device: str = "") -> None:
        self.emit(Notice(message, device))


class CpuView:
    """The processor as scripts see it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @property
    def registers(self) -> dict[str, int]:
        """All registers by lower-case name (``eax``, ``cs``, ``cs_base``, ``cr0`` ...)."""
        return self._machine.call(self._machine.board.cpu.registers)

    @property
    def retired(self) -> int:
        """Instructions executed since power-on."""
        return self._machine.board.cpu.retired


class MemoryView:
    """Guest physical memory as scripts see it: ``vm.memory[0x400:0x500]`` reads, assignment writes."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def __getitem__(self, where: slice | int) -> bytes:
        start, length = _range(where)
        return self._machine.call(lambda: self._machine.board.bus.read_memory(start, length))

    def __setitem__(self, where: slice | int, data: bytes) -> None:
        start, length = _range(where)
        if len(data) != length:
            raise ValueError(f"{len(data)} bytes do not fit into a range of {length}.")
        self._machine.call(lambda: self._machine.board.bus.write_memory(start, data))


def _range(where: slice | int) -> tuple[int, int]:
    if isinstance(where, int):
        return where, 1
    if where.step not in (None, 1) or where.start is None or where.stop is None:
        raise ValueError("A memory range needs a start and an end, and no step.")
    return where.start, max(where.stop - where.start, 0)
