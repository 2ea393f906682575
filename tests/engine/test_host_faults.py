"""Faults of the host's own processor while guest code runs: that machine is dead, with a report, and nothing else."""

from __future__ import annotations

import ctypes
import faulthandler
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import FloppyConfig, GuestFailure, Machine, MachineConfig, PowerState, _core

PROT_NONE, PROT_READ_WRITE = 0, 3
PAGE, PAGE_BYTES = 0x9000, 0x1000
# A boot sector that adds up what is at 9000h, for ever.
PROGRAM = bytes.fromhex("31c0 8ed8 0306 0090 41 ebf9")
EIP = 0x7C04

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is taken away with mprotect")


@pytest.fixture(params=["interpreter", "translator"])
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "translator" and not _core.Interpreter.can_translate():
        pytest.skip("this host cannot run translated code")
    # A window maps the guest's memory once more, which would be there when the first mapping is taken away.
    use_translator = _core.Interpreter.use_translator
    monkeypatch.setattr(_core.Interpreter, "use_translator", lambda cpu: use_translator(cpu, windows="never"))
    return str(request.param)


def floppy(folder: Path) -> FloppyConfig:
    image = folder / "loop.img"
    image.write_bytes(PROGRAM.ljust(510, b"\0") + b"\x55\xaa" + bytes(1474560 - 512))
    return FloppyConfig(image, read_only=True)


@pytest.fixture
def vm(tmp_path: Path, accelerator: str) -> Iterator[Machine]:
    config = MachineConfig(memory_mb=4, clock="instructions", accelerator=accelerator, floppies=[floppy(tmp_path)])
    with Machine(config) as machine:
        machine.power_on()
        machine.run_for(3)
        assert machine.cpu.registers["eip"] in (EIP, EIP + 4, EIP + 5)
        yield machine


def protect(vm: Machine, protection: int) -> None:
    """Takes the page that the guest reads away from the process, or gives it back."""
    start = ctypes.addressof(ctypes.c_char.from_buffer(vm.board.memory.backing))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(start + PAGE), PAGE_BYTES, protection) == 0


def crash(vm: Machine) -> GuestFailure:
    protect(vm, PROT_NONE)
    try:
        vm.run_for(1)
    finally:
        protect(vm, PROT_READ_WRITE)
    assert vm.state is PowerState.CRASHED
    assert vm.failure is not None
    return vm.failure


def test_the_machine_stops_with_a_report(vm: Machine, accelerator: str) -> None:
    failure = crash(vm)
    assert "SIGSEGV" in str(failure) and "stopped because of an internal error" in str(failure)
    where = "in translated code" if accelerator == "translator" else "in the native core"
    assert where in failure.report
    assert "code at 00007c04: 03 06 00 90 41 eb f9" in failure.report
    assert "eax=" in failure.report
    if accelerator == "translator":
        assert "entered last" in failure.report and "00007C04h" in failure.report


def test_reset_starts_it_anew(vm: Machine) -> None:
    crash(vm)
    vm.reset()
    vm.run_for(3)
    assert vm.state is PowerState.RUNNING
    assert vm.cpu.registers["eip"] in (EIP, EIP + 4, EIP + 5)


def test_other_machines_run_on(vm: Machine, tmp_path: Path) -> None:
    with Machine(MachineConfig(memory_mb=4, clock="instructions", floppies=[floppy(tmp_path)])) as other:
        other.power_on()
        other.run_for(1)
        crash(vm)
        before = other.cpu.retired
        other.run_for(1)
        assert other.cpu.retired > before and other.state is PowerState.RUNNING


def test_a_handler_that_was_installed_later_does_not_keep_it(vm: Machine) -> None:
    was_enabled = faulthandler.is_enabled()
    with open("/dev/null", "w") as nowhere:
        faulthandler.enable(nowhere)
        try:
            crash(vm)
        finally:
            faulthandler.disable()
    if was_enabled:
        faulthandler.enable()


def test_in_a_thread_of_its_own(tmp_path: Path, accelerator: str) -> None:
    config = MachineConfig(memory_mb=4, accelerator=accelerator, floppies=[floppy(tmp_path)])
    crashed = threading.Event()

    def hear(event: object) -> None:
        if getattr(event, "state", None) is PowerState.CRASHED:
            crashed.set()

    with Machine(config, hear, free_running=True) as vm:
        vm.power_on()
        vm.wait_until(lambda: vm.cpu.registers["eip"] in (EIP, EIP + 4, EIP + 5), timeout=20)
        protect(vm, PROT_NONE)
        try:
            assert crashed.wait(20)
        finally:
            protect(vm, PROT_READ_WRITE)
        assert vm.failure is not None and "SIGSEGV" in str(vm.failure)


def test_faults_that_are_none_of_a_machine_still_end_the_process() -> None:
    script = """
import ctypes, faulthandler
from engine import Machine, MachineConfig
faulthandler.enable()
with Machine(MachineConfig(memory_mb=4, clock="instructions")) as vm:
    vm.power_on()
    vm.run_for(0.01)
    print("ran", flush=True)
    ctypes.string_at(16)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "ran\n"
    assert ended.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in ended.stderr
