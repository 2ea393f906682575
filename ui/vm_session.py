"""One machine as the windows see it: its folder, its runner, its state, and orders that do not block the window.

Orders run in the background, one after the other; what fails is told by ``failed`` with a headline and the error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app import recent_media
from app.drives import medium, removable_devices
from app.figures import History
from app.lifecycle import Action
from app.runner import Runner
from app.vm_folder import VmFolder
from engine.config import MachineConfig
from engine.config_file import VmSettings
from engine.errors import BancadaError
from engine.events import Activity, MediumChanged, Notice, PowerChanged, PowerState
from ui.background import Background
from ui.engine_bridge import EngineBridge


class VmSession(QObject):
    """``folder`` for a machine of the library; ``runner`` for one that was made for this run only."""

    changed = Signal()  # state, settings, media, name
    activity = Signal(str, bool)
    notice = Signal(str)
    failed = Signal(str, object)  # headline, exception
    power_changed = Signal(object, str)  # PowerState, reason

    def __init__(
        self, folder: VmFolder | None = None, runner: Runner | None = None, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        assert folder is not None or runner is not None
        self.folder = folder if folder is not None else (runner.folder if runner is not None else None)
        self.bridge = EngineBridge(self)
        self._unsubscribe: Callable[[], None] | None = None
        self._orders = Background(f"orders of {self._name_of(folder, runner)}", self)
        self._state = PowerState.OFF
        self._settings: VmSettings | None = None
        self.history = History(lambda: self.runner.stats)
        self.order = ""  # what is under way, for a person; empty: nothing
        self.runner: Runner = runner if runner is not None else Runner(_required(folder))
        self._unsubscribe = self.runner.subscribe(self.bridge.receive)
        self._state = self.runner.state
        self.bridge.power_changed.connect(self._power_changed)
        self.bridge.activity.connect(self._activity)
        self.bridge.medium_changed.connect(self._medium_changed)
        self.bridge.notice.connect(self._notice)

    @staticmethod
    def _name_of(folder: VmFolder | None, runner: Runner | None) -> str:
        return runner.name if runner is not None else _required(folder).path.name

    # -- What it is ----------------------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """The same for one machine as long as it is in the window."""
        return str(self.folder.path) if self.folder is not None else f"run:{id(self.runner)}"

    @property
    def name(self) -> str:
        settings = self.settings
        return settings.name if settings is not None else self.runner.name

    @property
    def settings(self) -> VmSettings | None:
        """The settings in the folder; the last good ones while the file is broken; None without a folder."""
        if self.folder is not None:
            try:
                self._settings = self.folder.settings
            except (BancadaError, OSError):
                return self._settings
        return self._settings

    @property
    def problem(self) -> str:
        """Why the settings cannot be used, for a person; empty when they can."""
        if self.folder is None:
            return ""
        try:
            _ = self.folder.settings
        except (BancadaError, OSError) as error:
            return str(error)
        return ""

    @property
    def config(self) -> MachineConfig:
        """Of the present run while it is on, else what the next run will have."""
        try:
            return self.runner.config
        except (BancadaError, OSError):
            return self._settings.machine if self._settings is not None else MachineConfig(name=self.name)

    @property
    def state(self) -> PowerState:
        return self._state

    @property
    def is_on(self) -> bool:
        """Running or paused: the guest has something to lose."""
        return self._state in (PowerState.RUNNING, PowerState.PAUSED)

    @property
    def machine(self) -> Any:
        """The engine's machine, None while it is off."""
        return self.runner.machine

    @property
    def busy(self) -> bool:
        return self._orders.busy

    def allows(self, action: Action) -> bool:
        """Whether it makes sense to offer ``action`` now. A crashed machine can be started again."""
        if self.busy or (action is Action.START and self.problem):
            return False
        return action in self.runner.allowed or (action is Action.START and self._state is PowerState.CRASHED)

    @property
    def hears_power_button(self) -> bool:
        """Whether the guest has taken power management over, so that the button asks it."""
        machine = self.machine
        return machine is not None and bool(machine.hears_power_button)

    # -- Orders ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        def work() -> None:
            if self.runner.state is PowerState.CRASHED:
                self.runner.stop_and_wait()
            self.runner.start()

        self._do(self.tr("Starting…"), self.tr("“{name}” could not be started"), work)

    def pause(self) -> None:
        self._do(self.tr("Pausing…"), self.tr("“{name}” could not be paused"), self.runner.pause)

    def resume(self) -> None:
        self._do(self.tr("Resuming…"), self.tr("“{name}” could not be resumed"), self.runner.resume)

    def reset(self) -> None:
        self._do(self.tr("Resetting…"), self.tr("“{name}” could not be reset"), self.runner.reset)

    def shut_down(self) -> None:
        """Presses the power button; what comes of it is the guest's decision."""
        headline = self.tr("“{name}” could not be asked to shut down")
        self._do(self.tr("Asking the guest to shut down…"), headline, self.runner.press_power_button)

    def power_off(self, done: Callable[[], None] | None = None) -> None:
        headline = self.tr("“{name}” could not be powered off")
        self._do(self.tr("Powering off…"), headline, self.runner.stop_and_wait, done)

    def use_accelerator(self, accelerator: str) -> None:
        """Exchanges what runs the guest's code, now; a running guest stands still for an instant. The settings get it,
        too."""
        headline = self.tr("“{name}” could not be run otherwise")
        self._do(self.tr("Exchanging what runs it…"), headline, lambda: self.runner.use_accelerator(accelerator))

    def insert(self, device: str, image: Path, read_only: bool = False) -> None:
        """Puts an image into a drive: of the running machine, or into the settings of one that is off."""

        def work() -> None:
            self.runner.insert(device, image, read_only)
            recent_media.remember(kind_of(device), image)

        self._do("", self.tr("The medium could not be inserted"), work)

    def eject(self, device: str) -> None:
        self._do("", self.tr("The medium could not be taken out"), lambda: self.runner.eject(device))

    def save(self, settings: VmSettings) -> None:
        """Writes settings. Raises BancadaError or OSError."""
        if self.folder is not None:
            self.folder.save(settings)
        self.changed.emit()

    def set_notes(self, notes: str) -> None:
        if self.folder is not None:
            self.folder.change(lambda settings: settings.replace(notes=notes))

    def change_media(self, config: MachineConfig) -> None:
        """Brings the drives of the running machine to what ``config`` says."""
        before = self.config
        for device in removable_devices(before):
            image, read_only = medium(config, device)
            if (image, read_only) == medium(before, device):
                continue
            if image is None:
                self.eject(device)
            else:
                self.insert(device, image, read_only)

    def move_to(self, folder: VmFolder) -> None:
        """The machine, which is off, lies in another folder now."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self.folder = folder
        self.runner = Runner(folder)
        self._unsubscribe = self.runner.subscribe(self.bridge.receive)
        self.changed.emit()

    def close(self) -> None:
        """Ends the connection to the runner, which must be off."""
        self.bridge.close()
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _do(self, order: str, headline: str, work: Callable[[], Any], done: Callable[[], None] | None = None) -> None:
        def finished(_: Any, error: BaseException | None) -> None:
            self.order = ""
            if error is not None:
                self.failed.emit(headline.format(name=self.name), error)
            self.changed.emit()
            if done is not None:
                done()

        self.order = order
        self._orders.run(work, finished)
        self.changed.emit()

    # -- What the engine reports -----------------------------------------------------------------------------

    def _power_changed(self, event: PowerChanged) -> None:
        self._state = event.state
        self.power_changed.emit(event.state, event.reason)
        self.changed.emit()

    def _activity(self, event: Activity) -> None:
        self.activity.emit(event.device, event.writing)

    def _medium_changed(self, event: MediumChanged) -> None:
        self.changed.emit()

    def _notice(self, event: Notice) -> None:
        self.notice.emit(event.message)


class GuestKeyboard:
    """The runner's keyboard in the shape the console wants. A paused guest gets nothing: what was typed at a still
    picture must not come all at once when it goes on."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.release = runner.release

    def press(self, key: str) -> None:
        if self._runner.state is PowerState.RUNNING:
            self._runner.press(key)


class GuestMouse:
    """The runner's mouse in the shape the console wants; a paused guest gets nothing but releases."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self.release = runner.mouse_release

    def move(self, dx: int, dy: int) -> None:
        if self._runner.state is PowerState.RUNNING:
            self._runner.mouse_move(dx, dy)

    def wheel(self, notches: int) -> None:
        if self._runner.state is PowerState.RUNNING:
            self._runner.mouse_wheel(notches)

    def press(self, button: str) -> None:
        if self._runner.state is PowerState.RUNNING:
            self._runner.mouse_press(button)


def kind_of(device: str) -> str:
    """ "floppy0" is a "floppy"."""
    return device.rstrip("0123456789")


def _required(folder: VmFolder | None) -> VmFolder:
    if folder is None:
        raise ValueError("A session needs a folder or a runner.")
    return folder
