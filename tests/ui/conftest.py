"""The whole window over fake machines: everything of ``app`` is real, only the engine's machine is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

import app.runner
from app.new_vm import NewVmDraft
from app.vm_folder import VmFolder
from engine.config import MachineConfig
from engine.events import Event, PowerState
from tests.ui.fakes import FakeMachine
from tests.ui.robot import Robot, keys
from ui.shell import Shell
from ui.vm_session import VmSession


@pytest.fixture
def machines(monkeypatch: pytest.MonkeyPatch) -> list[FakeMachine]:
    """Every machine that was powered on, in order."""
    made: list[FakeMachine] = []

    def make(config: MachineConfig, events: Callable[[Event], None], free_running: bool) -> FakeMachine:
        made.append(FakeMachine(config, events, free_running))
        return made[-1]

    monkeypatch.setattr(app.runner, "make_machine", make)
    return made


@pytest.fixture
def robot() -> Iterator[Robot]:
    helper = Robot()
    yield helper
    assert helper.done


@pytest.fixture
def shell(qtbot: QtBot, machines: list[FakeMachine]) -> Iterator[Shell]:
    running = Shell()
    running.application.setQuitOnLastWindowClosed(False)
    running.window.resize(1100, 720)
    running.window.show()
    qtbot.waitExposed(running.window)
    yield running
    for session in running.window.sessions:
        session.runner.stop_and_wait()
    qtbot.waitUntil(
        lambda: all(session.state is PowerState.OFF and not session.busy for session in running.window.sessions)
    )
    running.window.close()
    running.window.deleteLater()


@pytest.fixture
def make_vm(shell: Shell) -> Callable[..., VmFolder]:
    """Makes a machine without a disk and shows it in the library."""

    def make(name: str = "DOS", floppy: Path | None = None) -> VmFolder:
        draft = NewVmDraft.for_guest("dos", shell.library)
        draft.name, draft.disk_mb, draft.floppy = name, None, floppy
        folder = draft.create(shell.library)
        shell.window.model.refresh()
        return folder

    return make


@pytest.fixture
def started(shell: Shell, make_vm: Callable[..., VmFolder], qtbot: QtBot) -> Callable[..., VmSession]:
    """Makes a machine, shows it and starts it."""

    def start(name: str = "DOS", floppy: Path | None = None) -> VmSession:
        session = shell.window.sessions.of_folder(make_vm(name, floppy))
        shell.window.show_session(session)
        keys(shell.window, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(lambda: session.state is PowerState.RUNNING and not session.busy)
        return session

    return start


@pytest.fixture
def floppy(tmp_path: Path) -> Path:
    image = tmp_path / "disk one.img"
    image.write_bytes(bytes(1_474_560))
    return image
