"""Fixtures of the device tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.devices.floppy_rig import FloppyRig
from tests.engine.disks.host_faults import HostFaults


@pytest.fixture
def make_floppy_rig(tmp_path: Path) -> Iterator[Callable[..., FloppyRig]]:
    """Makes as many floppy controllers as a test wants, each with a diskette file of its own."""
    made: list[FloppyRig] = []

    def make(*args: object, **options: object) -> FloppyRig:
        folder = tmp_path / f"floppy{len(made)}"
        folder.mkdir()
        made.append(FloppyRig(folder, *args, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def host() -> Iterator[HostFaults]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield HostFaults(monkeypatch)
