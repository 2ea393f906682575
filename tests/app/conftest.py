"""Fixtures of the application's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import running
from app.library import Library
from app.vm_folder import VmFolder
from engine.config import CdromConfig, FloppyConfig, MachineConfig
from engine.config_file import VmSettings
from tests.app.fake_machine import Guest, install


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Guest:
    """The fake machine in place of the engine's."""
    return install(monkeypatch)


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    yield
    left = running.all_running()
    running.stop_all()
    assert not left, "a test left machines running"


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def make_vm(library: Library) -> Callable[..., VmFolder]:
    """Makes a machine in the library: ``make_vm("DOS", memory_mb=8)``. It has an empty diskette and CD drive."""

    def make(name: str = "DOS", **changes: object) -> VmFolder:
        machine = MachineConfig(name=name, memory_mb=16, floppies=(FloppyConfig(),), cdroms=(CdromConfig(),))
        return library.create(VmSettings(machine=machine.replace(**changes)))

    return make


@pytest.fixture
def floppy(tmp_path: Path) -> Path:
    image = tmp_path / "dos.img"
    image.write_bytes(bytes(1474560))
    return image


@pytest.fixture
def iso(tmp_path: Path) -> Path:
    image = tmp_path / "cd.iso"
    image.write_bytes(bytes(64 * 2048))
    return image
