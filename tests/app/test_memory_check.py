"""The warning before the host's memory is overcommitted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app import memory_check
from app.memory_check import HostMemory, host_memory, memory_warning
from app.runner import Runner
from app.vm_folder import VmFolder
from tests.app.fake_machine import Guest


def test_the_hosts_memory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host_memory().total_mb >= host_memory().available_mb > 0
    file = tmp_path / "meminfo"
    file.write_text("MemTotal:        8000000 kB\nMemFree: 1 kB\nMemAvailable:    4096000 kB\nHugePages_Total: 0\n")
    monkeypatch.setattr(memory_check, "_MEMINFO", file)
    assert host_memory() == HostMemory(7812, 4000)
    monkeypatch.setattr(memory_check, "_MEMINFO", tmp_path / "gone")
    assert host_memory().total_mb > 0


def test_running_machines_count(
    guest: Guest, make_vm: Callable[..., VmFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_check, "host_memory", lambda: HostMemory(4096, 3000))
    assert memory_warning(2048) == ""
    assert "Only 3000 MB of the host's memory are free now" in memory_warning(2990)
    runner = Runner(make_vm(memory_mb=2048))
    runner.start()
    text = memory_warning(2048)
    runner.stop_and_wait()
    assert "The host has 4096 MB of memory. Machines that are on hold 2064 MB." in text
    monkeypatch.setattr(memory_check, "host_memory", lambda: HostMemory(0, 0))
    assert memory_warning(3072) == ""
