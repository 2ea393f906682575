"""Runs one machine: order of life-cycle moves, the folder's lock, the log, remembered media, the crash report.

The engine's ``Machine`` owns the worker thread. A runner outlives it: it can be started again after it was off, and
every run makes a new ``Machine``. ``PowerChanged(OFF)`` is passed on only when all files of the run are closed.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app import lifecycle, log, running, shared_drives
from app.control_socket import ControlServer
from app.crash_report import crash_report
from app.drives import medium, with_medium
from app.lifecycle import Action
from app.vm_folder import FolderLock, VmFolder
from engine.config import MachineConfig
from engine.errors import BancadaError, GuestFailure, HostResourceError, MachineError, MediumError
from engine.events import Event, MediumChanged, Notice, PowerChanged, PowerState

if TYPE_CHECKING:
    from engine.machine import Machine

T = TypeVar("T")

_STALE = (
    "This machine was not switched off in order the last time: the program or the host stopped while it ran. "
    "Its system may want to check its disks."
)


def make_machine(config: MachineConfig, events: Callable[[Event], None], free_running: bool) -> Machine:
    """The engine's machine. Only here is the native core needed."""
    try:
        from engine.machine import Machine
    except ImportError as error:
        if "_core" not in str(error):
            raise
        raise HostResourceError("Bancada's native core is not built. Run “make native” in its folder.") from error
    return Machine(config, events, free_running=free_running)


class Runner:
    """``vm``: a machine's folder, or a configuration that has none. ``config`` replaces the folder's settings for this
    runner; media that are changed are not remembered then.

    With ``free_running`` False the guest runs only inside the waits of the machine, in the caller's thread (scripts
    with the "instructions" clock); such a runner must be stopped by the same thread.
    """

    def __init__(
        self,
        vm: VmFolder | MachineConfig,
        events: Callable[[Event], None] | None = None,
        config: MachineConfig | None = None,
        free_running: bool = True,
    ) -> None:
        self.folder = vm if isinstance(vm, VmFolder) else None
        self._given = config if config is not None else (vm if isinstance(vm, MachineConfig) else None)
        self._config: MachineConfig | None = None  # of the present run
        self._free_running = free_running
        self._subscribers: list[Callable[[Event], None]] = [events] if events is not None else []
        self._orders = threading.RLock()  # one order at a time; never taken on the machine's thread
        self._changed = threading.Condition()  # guards the fields below
        self._state = PowerState.OFF
        self._machine: Machine | None = None
        self._finisher: threading.Thread | None = None
        self._stopping = False
        self._lock: FolderLock | None = None
        self._log = log.MachineLog(None, "")
        self._control: ControlServer | None = None
        self._inserting: tuple[str, bool] | None = None
        self.failure: GuestFailure | None = None
        self.reason = ""  # of the last change of power, for a person
        self._last_text = ""  # of the screen, when the last run ended

    # -- What it is

    @property
    def name(self) -> str:
        if self._config is not None:
            return self._config.name
        try:
            return self.config.name
        except BancadaError:
            return self.folder.path.name if self.folder is not None else "PC"

    @property
    def config(self) -> MachineConfig:
        """Of the present run; when it is off, what the next run will have. Raises ConfigError when broken."""
        if self._config is not None:
            return self._config
        if self._given is not None:
            return self._given
        assert self.folder is not None
        return self.folder.settings.machine

    @property
    def state(self) -> PowerState:
        return self._state

    @property
    def allowed(self) -> frozenset[Action]:
        """What can be asked now."""
        return lifecycle.allowed(self._state)

    @property
    def machine(self) -> Machine | None:
        """The engine's machine, from the start until everything is closed."""
        return self._machine

    @property
    def stats(self) -> dict[str, Any]:
        """Counters of the machine; empty while it is off."""
        machine = self._machine
        return dict(machine.stats) if machine is not None else {}

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Events to one more listener, on the thread they happen on. Returns the function that ends it."""
        self._subscribers = [*self._subscribers, callback]

        def unsubscribe() -> None:
            self._subscribers = [item for item in self._subscribers if item is not callback]

        return unsubscribe

    # -- Power

    def start(self, paused: bool = False) -> None:
        """Switches the machine on; ``paused``, it stands before its first instruction. Raises ConfigError, MediumError, HostResourceError, MachineInUseError or
        MachineError; then it is off and everything is given back."""
        with self._orders:
            self._wait_for_finisher()
            self._check(Action.START)
            config = self.config
            config.validate()
            if self.folder is not None:
                self._lock = self.folder.lock()
            self._log = log.MachineLog(self.folder.log_file if self.folder is not None else None, config.name)
            self._log.info(f"Start: {config.memory_mb} MB, {config.cpu_model}, accelerator {config.accelerator}.")
            self.failure = None
            self._last_text = ""
            try:
                _check_media(config)
                shared_drives.hold_all(config.name, id(self), config)
                self._config = config
                self._stopping = False
                self._machine = make_machine(self._with_identity(config), self._on_event, self._free_running)
                running.add(self)
                if self._lock is not None and self._lock.was_stale:
                    self._on_event(Notice(_STALE))
                if self.folder is not None and self._free_running:
                    self._control = ControlServer.open(self.folder.control_socket, self, self._log)
                self._machine.power_on(paused)
            except BaseException as error:
                self._log.error(f"The start failed: {error}")
                if self._machine is not None:
                    self._stopping = True
                    self._machine.close()
                self._give_back()
                raise

    def _with_identity(self, config: MachineConfig) -> MachineConfig:
        """Serial numbers that the guest sees stay when the folder is moved or renamed."""
        return config if self.folder is None else config.replace(identity=self.folder.id)

    def pause(self) -> None:
        with self._orders:
            self._check(Action.PAUSE)
            self._on().pause()

    def resume(self) -> None:
        with self._orders:
            self._check(Action.RESUME)
            self._on().resume()

    def reset(self) -> None:
        """The reset button."""
        with self._orders:
            self._check(Action.RESET)
            self._on().reset()
            self.failure = None

    def press_power_button(self) -> None:
        """A guest with power management shuts down in its own time, or does something else; any other is off."""
        with self._orders:
            self._check(Action.SHUT_DOWN)
            machine = self._on()
            if machine.hears_power_button:
                machine.press_power_button()
            else:
                self.stop_and_wait()

    def power_off(self) -> None:
        """Pulls the plug; what the guest wrote is on the host's disk and every file is closed afterwards."""
        with self._orders:
            self._check(Action.POWER_OFF)
            self.stop_and_wait()

    def stop_and_wait(self) -> None:
        """Off, whatever the state. Afterwards all files are closed and the folder is free."""
        with self._orders:
            with self._changed:
                machine = self._machine
                taken = machine is None or self._finisher is not None
                self._stopping = not taken
            if taken:
                self._wait_for_finisher()
                return
            assert machine is not None
            try:
                machine.power_off()
            except Exception as error:  # a machine that crashed may not even manage this
                self._log.error(f"Switching off failed: {error}")
            self._finish(machine, self.reason if self._state is PowerState.OFF else "powered off")

    def interrupt(self) -> None:
        """Asks the machine to switch off at the next guest instruction; returns at once. Any thread, signals too."""
        machine = self._machine
        if machine is not None:
            machine.post(machine.power_off)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits (host seconds) until the machine is off or has crashed; False when it is still on."""
        ended = (PowerState.OFF, PowerState.CRASHED)
        with self._changed:
            return self._changed.wait_for(lambda: self._state in ended, timeout)

    def use_accelerator(self, accelerator: str) -> None:
        """Another processor runs the guest's code from now on; the settings keep the choice. A running guest is paused
        for it. Raises HostResourceError for one that this host does not have."""
        with self._orders:
            machine = self._on()
            was_running = self._state is PowerState.RUNNING
            if was_running:
                machine.pause()
            try:
                machine.use_accelerator(accelerator)
            finally:
                if was_running:
                    machine.resume()
            self._config = self.config.replace(accelerator=accelerator)
            if self.folder is not None and self._given is None:
                self.folder.change(
                    lambda settings: settings.replace(machine=settings.machine.replace(accelerator=accelerator))
                )

    # -- Media

    def insert(self, device: str, image: Path | str, read_only: bool = False) -> None:
        """Puts a medium into "floppy0", "cdrom0" ...; into the settings when the machine is off.

        Raises MediumError naming the file, or MachineError; the old medium stays then, unless it was this file.
        """
        path = Path(image).absolute()
        with self._orders:
            medium(self.config, device)
            _check_image(path)
            if self._machine is None:
                self._remember(device, path, read_only)
                return
            self._check(Action.CHANGE_MEDIA)
            before = shared_drives.held(id(self), device)
            shared_drives.hold(self.name, id(self), device, path, device.startswith("floppy") and not read_only)
            self._inserting = (device, read_only)
            try:
                self._on().insert(device, path, read_only)
            except BaseException:
                shared_drives.release(id(self), device)
                if before is not None and medium(self.config, device)[0] is not None:
                    with contextlib.suppress(MediumError):
                        shared_drives.hold(before.owner, id(self), device, before.image, before.writable)
                raise
            finally:
                self._inserting = None

    def eject(self, device: str) -> None:
        """Empties a drive; what the guest wrote is on the host's disk before this returns."""
        with self._orders:
            medium(self.config, device)
            if self._machine is None:
                self._remember(device, None, False)
                return
            self._check(Action.CHANGE_MEDIA)
            self._on().eject(device)

    # -- Keyboard, mouse, screen

    def press(self, key: str) -> None:
        """Holds a key down; nothing happens while the machine is off."""
        if (machine := self._machine) is not None:
            machine.keyboard.press(key)

    def release(self, key: str) -> None:
        if (machine := self._machine) is not None:
            machine.keyboard.release(key)

    def release_all(self) -> None:
        """Lets go of every key and button: the window lost the keyboard."""
        if (machine := self._machine) is not None:
            machine.keyboard.release_all()
            machine.mouse.release_all()

    def chord(self, keys: str) -> None:
        """``"ctrl+alt+f1"``"""
        self._check(Action.SEND_KEYS)
        self._on().keyboard.chord(keys)

    def send_ctrl_alt_del(self) -> None:
        self.chord("ctrl+alt+delete")

    def type_text(self, text: str, layout: str = "us") -> str:
        """Types text on the guest's layout (``engine.console.layouts``); returns the characters that it has not.

        Raises ValueError for an unknown layout."""
        self._check(Action.SEND_KEYS)
        return self._on().keyboard.type(text, layout)

    def mouse_move(self, dx: int, dy: int) -> None:
        if (machine := self._machine) is not None:
            machine.mouse.move(dx, dy)

    def mouse_press(self, button: str = "left") -> None:
        if (machine := self._machine) is not None:
            machine.mouse.press(button)

    def mouse_release(self, button: str = "left") -> None:
        if (machine := self._machine) is not None:
            machine.mouse.release(button)

    def mouse_wheel(self, notches: int) -> None:
        if (machine := self._machine) is not None:
            machine.mouse.wheel(notches)

    def screen_text(self) -> str:
        """The text on the screen; while the machine is off, what it showed last."""
        machine = self._machine
        return machine.screen.text() if machine is not None else self._last_text

    def screenshot(self, path: Path) -> None:
        """Saves the screen as PNG. Raises MachineError, or HostResourceError when the file cannot be written."""
        self._check(Action.SCREENSHOT)
        try:
            self._on().screen.save(path)
        except OSError as error:
            raise HostResourceError(f"{path}: the screenshot could not be saved ({error.strerror}).") from error

    def post(self, work: Callable[[], None]) -> None:
        """Runs ``work`` soon on the machine's thread; nothing happens while it is off."""
        if (machine := self._machine) is not None:
            machine.post(work)

    # -- Inside

    def _check(self, action: Action) -> None:
        lifecycle.check(self.name, self._state, action)

    def _on(self) -> Machine:
        machine = self._machine
        if machine is None:
            raise MachineError(f"“{self.name}” is switched off.")
        return machine

    def _on_event(self, event: Event) -> None:
        """On the machine's thread, or that of the order."""
        if isinstance(event, PowerChanged):
            self._power_changed(event)
            return
        if isinstance(event, MediumChanged):
            self._medium_changed(event)
        elif isinstance(event, Notice):
            self._log.warning(event.message)
        self._tell(event)

    def _power_changed(self, event: PowerChanged) -> None:
        if event.state is PowerState.OFF:
            with self._changed:
                self.reason = event.reason
                machine = self._machine
                if machine is None or self._stopping:
                    return  # the order that stops it tells
                if self._free_running:
                    finisher = threading.Thread(
                        target=self._finish, args=(machine, event.reason), name=f"end of {self.name}", daemon=True
                    )
                    self._finisher = finisher
                    finisher.start()
                    return
                # The thread that runs the guest closes everything when it calls stop_and_wait.
                self._state = PowerState.OFF
                self._changed.notify_all()
            return
        if event.state is PowerState.CRASHED:
            self._save_crash_report(event.reason)
        words = [event.state.value, event.reason] if event.reason != event.state.value else [event.state.value]
        self._log.info(": ".join(filter(None, words)))
        with self._changed:
            self._state = event.state
            self.reason = event.reason
            self._changed.notify_all()
        self._tell(event)

    def _finish(self, machine: Machine, reason: str) -> None:
        """Closes a machine that is off. Not on the machine's thread."""
        with contextlib.suppress(Exception):
            self._last_text = machine.screen.text()
        try:
            machine.close()
        except Exception as error:
            self._log.error(f"Closing failed: {error}")
        self._log.info(f"off: {reason}")
        self._give_back()
        with self._changed:
            self._state = PowerState.OFF
            self._stopping = False
            self._finisher = None
            self.reason = reason
            self._changed.notify_all()
        self._tell(PowerChanged(PowerState.OFF, reason))

    def _give_back(self) -> None:
        self._machine = None
        if self._control is not None:
            self._control.close()
            self._control = None
        self._config = None
        running.remove(self)
        shared_drives.release(id(self))
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        self._log.close()

    def _wait_for_finisher(self) -> None:
        with self._changed:
            finisher = self._finisher
        if finisher is not None and finisher is not threading.current_thread():
            finisher.join()

    def _medium_changed(self, event: MediumChanged) -> None:
        """By us, or by the guest's own eject."""
        image = Path(event.image) if event.image else None
        if image is None:
            shared_drives.release(id(self), event.device)
        inserting = self._inserting
        read_only = inserting is not None and inserting[0] == event.device and inserting[1]
        self._log.info(f"{event.device}: {event.image or 'empty'}")
        try:
            if self._config is not None:
                self._config = with_medium(self._config, event.device, image, read_only)
            self._remember(event.device, image, read_only)
        except BancadaError as error:
            self._log.warning(f"The medium could not be remembered: {error}")

    def _remember(self, device: str, image: Path | None, read_only: bool) -> None:
        if self._given is not None:
            self._given = with_medium(self._given, device, image, read_only)
        elif self.folder is not None:
            self.folder.change(lambda old: old.replace(machine=with_medium(old.machine, device, image, read_only)))

    def _save_crash_report(self, reason: str) -> None:
        machine = self._machine
        self.failure = getattr(machine, "failure", None) or GuestFailure(reason)
        self._log.error(f"crashed: {reason}")
        if self.folder is None or machine is None or self._config is None:
            return
        when = datetime.datetime.fromtimestamp(time.time())
        text = crash_report(self._config, self.failure, machine, when, self.folder)
        try:
            self.folder.crash_report_file.write_text(text, encoding="utf-8")
            self._log.info(f"Report: {self.folder.crash_report_file}")
        except OSError as error:
            self._log.error(f"The crash report could not be saved: {error}")

    def _tell(self, event: Event) -> None:
        for callback in self._subscribers:
            try:
                callback(event)
            except Exception:  # a window that fails must not stop the guest
                log.logger("runner").exception("A listener of “%s” failed.", self.name)


def _check_media(config: MachineConfig) -> None:
    """All images are there, before anything is opened: the message names drive and file."""
    for device, image, _ in shared_drives.images_of(config):
        try:
            _check_image(image)
        except _ImageError as error:
            raise MediumError(image, f"(drive {device}) {error.message}", error.fix) from None


class _ImageError(MediumError):
    def __init__(self, file: Path, message: str, fix: str) -> None:
        self.message = message
        self.fix = fix
        super().__init__(file, message, fix)


def _check_image(image: Path) -> None:
    if image.is_dir():
        raise _ImageError(image, "This is a folder.", "Choose an image file.")
    if not image.exists():
        raise _ImageError(image, "There is no such file.", "Choose another image, or leave the drive empty.")
