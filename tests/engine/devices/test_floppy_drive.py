"""A floppy drive: head, motor, change line and the diskette in it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.devices.device import ResetKind
from engine.devices.floppy_drive import TRACKS, FloppyDrive, State
from engine.disks.block_device import BlockError
from engine.disks.floppy_image import FloppyImage
from engine.errors import StateError
from tests.engine.disks.host_faults import HostFaults


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.img"
    with path.open("wb") as file:
        file.truncate(1474560)
    return path


@pytest.fixture
def drive() -> FloppyDrive:
    return FloppyDrive()


def test_a_new_drive_is_empty_with_its_head_on_track_0(drive: FloppyDrive) -> None:
    assert drive.medium is None
    assert drive.cylinder == 0
    assert drive.changed
    assert not drive.motor
    assert not drive.write_protected


def test_the_head_goes_no_further_than_its_stops(drive: FloppyDrive) -> None:
    drive.step_to(1000)
    assert drive.cylinder == TRACKS - 1
    drive.step_to(-5)
    assert drive.cylinder == 0


def test_the_change_line_falls_with_a_step_over_a_diskette_only(drive: FloppyDrive, path: Path) -> None:
    drive.step_to(1)
    assert drive.changed
    drive.insert(FloppyImage.open(path))
    drive.step_to(1)
    assert drive.changed
    drive.step_to(2)
    assert not drive.changed
    drive.eject()
    assert drive.changed
    drive.step_to(3)
    assert drive.changed


def test_stepping_against_the_stop_moves_nothing(drive: FloppyDrive, path: Path) -> None:
    drive.step_to(TRACKS - 1)
    drive.insert(FloppyImage.open(path))
    drive.step_to(200)
    assert drive.changed
    drive.eject()


def test_the_firmware_may_clear_the_change_line_of_a_diskette(drive: FloppyDrive, path: Path) -> None:
    drive.changed = False
    assert drive.changed
    drive.insert(FloppyImage.open(path))
    drive.changed = False
    assert not drive.changed
    drive.eject()


def test_a_new_diskette_takes_the_place_of_the_old_one_and_lets_its_file_go(
    drive: FloppyDrive, path: Path, tmp_path: Path
) -> None:
    second = tmp_path / "b.img"
    second.write_bytes(bytes(163840))
    drive.insert(FloppyImage.open(path))
    drive.insert(FloppyImage.open(second, read_only=True))
    assert drive.medium is not None and drive.medium.path == second
    assert drive.write_protected
    FloppyImage.open(path).close()
    drive.eject()
    FloppyImage.open(second).close()
    assert not drive.write_protected


def test_what_was_written_is_flushed_before_the_diskette_is_gone(
    drive: FloppyDrive, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    drive.insert(FloppyImage.open(path))
    assert drive.medium is not None
    drive.medium.write(0, 0, 1, b"kept" * 128)
    drive.eject()
    assert len(flushed) == 1
    drive.eject()
    assert len(flushed) == 1


def test_a_failed_flush_is_told_and_the_drive_is_empty_all_the_same(
    drive: FloppyDrive, path: Path, host: HostFaults
) -> None:
    told: list[BlockError] = []
    drive.insert(FloppyImage.open(path, failed=told.append))
    host.fail("fsync", errno.EIO)
    drive.eject()
    assert drive.medium is None
    assert [str(error) for error in told] == [f"{path}: The host cannot write it: Input/output error."]


def test_lights(path: Path) -> None:
    seen: list[bool] = []
    FloppyDrive(activity=seen.append).active(True)
    FloppyDrive().active(False)
    assert seen == [True]


@pytest.mark.parametrize("kind", [ResetKind.BUS, ResetKind.SOFT])
def test_a_reset_stops_the_motor_and_leaves_the_head(drive: FloppyDrive, kind: ResetKind) -> None:
    drive.motor = True
    drive.step_to(9)
    drive.reset(kind)
    assert not drive.motor
    assert drive.cylinder == 9


def test_power_on_keeps_the_diskette(drive: FloppyDrive, path: Path) -> None:
    drive.insert(FloppyImage.open(path))
    drive.step_to(9)
    drive.reset(ResetKind.POWER_ON)
    assert drive.save() == State()
    assert drive.medium is not None
    drive.eject()


@pytest.mark.parametrize("state", [State(cylinder=-1), State(cylinder=TRACKS), object(), None])
def test_states_that_do_not_fit_are_refused(drive: FloppyDrive, state: object) -> None:
    with pytest.raises(StateError):
        drive.load(state)  # type: ignore[arg-type]
    assert drive.save() == State()
