"""The folder: one process has it, and a dead one does not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.vm_folder import FolderLock, MachineFileError, MachineInUseError, VmFolder
from engine.errors import ConfigError

MakeVm = Callable[..., VmFolder]
ROOT = Path(__file__).resolve().parents[2]

HOLD = "import sys; from app.vm_folder import VmFolder; lock = VmFolder(__import__('pathlib').Path(sys.argv[1])).lock(); print('held', flush=True); sys.stdin.read()"


def hold_in_another_process(folder: VmFolder) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_two_processes_cannot_have_one_machine(make_vm: MakeVm) -> None:
    folder = make_vm()
    process = hold_in_another_process(folder)
    try:
        holder = folder.holder()
        assert holder is not None and holder.pid == process.pid and not holder.is_this_process
        with pytest.raises(MachineInUseError, match=rf"“DOS” is already running \(process {process.pid}\)"):
            folder.lock()
    finally:
        process.communicate("")
    lock = folder.lock()
    assert lock.was_stale, "the other process ended without letting go"
    lock.release()


def test_a_killed_process_leaves_a_stale_lock_that_is_noticed(make_vm: MakeVm) -> None:
    folder = make_vm()
    process = hold_in_another_process(folder)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert folder.holder() is None
    lock = folder.lock()
    assert lock.was_stale
    lock.release()
    again = folder.lock()
    assert not again.was_stale
    again.release()


def test_the_lock_is_ours_once_per_process(make_vm: MakeVm) -> None:
    folder = make_vm()
    lock = folder.lock()
    holder = folder.holder()
    assert holder is not None and holder.is_this_process and str(holder) == f"process {os.getpid()}"
    with pytest.raises(MachineInUseError):
        VmFolder(folder.path).lock()
    lock.release()
    lock.release()
    assert folder.holder() is None


def test_rubbish_in_the_lock_file_is_no_holder(make_vm: MakeVm) -> None:
    folder = make_vm()
    for rubbish in (b"\xff\xfe", b"[]", b'{"pid": "x", "host": 1}', b"{" * 2000):
        folder.lock_file.write_bytes(rubbish)
        assert folder.holder() is None
        lock = folder.lock()
        assert isinstance(lock, FolderLock) and not lock.was_stale
        lock.release()


def test_settings_are_read_again_when_the_file_changed(make_vm: MakeVm) -> None:
    folder = make_vm()
    assert folder.settings is folder.settings
    text = folder.settings_file.read_text()
    folder.settings_file.write_text(text.replace("memory_mb = 16", "memory_mb = 8  # by hand"))
    os.utime(folder.settings_file, ns=(1, 1))
    assert folder.settings.machine.memory_mb == 8
    folder.change(lambda settings: settings.replace(notes="x"))
    assert "# by hand" in folder.settings_file.read_text() and folder.settings.notes == "x"
    folder.settings_file.unlink()
    with pytest.raises(ConfigError, match="There is no such file"):
        _ = folder.settings


def test_a_full_disk_is_told_with_advice(make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_vm()
    before = folder.settings_file.read_bytes()

    def no_room(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engine.atomic_file.os.fsync", no_room)
    with pytest.raises(MachineFileError, match=r"machine.toml: .*No space left on device.*The disk is full"):
        folder.change(lambda settings: settings.replace(notes="x"))
    assert folder.settings_file.read_bytes() == before


def test_disk_usage_counts_what_is_there(make_vm: MakeVm) -> None:
    folder = make_vm()
    small = folder.disk_usage()
    with (folder.path / "disk.img").open("wb") as file:
        file.truncate(1 << 30)
    assert folder.disk_usage() - small < 1 << 20
    (folder.path / "full.img").write_bytes(bytes(range(256)) * 4096)
    assert folder.disk_usage() - small >= 1 << 20


def test_the_file_or_the_folder_name_the_machine(make_vm: MakeVm) -> None:
    folder = make_vm()
    assert VmFolder(folder.settings_file).path == folder.path
