"""Guest time that follows instructions, in a machine that runs by itself: an idle guest does not outrun the host."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from engine import Machine, MachineConfig, _core

HOUR_NS = 3600 * 10**9
PAGE = 4096


class Halted:
    """A processor at HLT that is woken in an hour of guest time."""

    def __init__(self, paced: bool) -> None:
        self.memory = _core.PhysicalMemory(PAGE, PAGE)
        self.memory.map_backed(0, PAGE, 0, self.memory.PAGE_READ | self.memory.PAGE_WRITE)
        self.memory.write(0, b"\xf4\xeb\xfd")  # HLT; JMP $-1
        self.clock = _core.Clock("instructions", 10)
        self.clock.paced = paced
        self.clock.resume()
        self.cpu = _core.Interpreter(self.memory, _core.Bus(self.memory), self.clock, "pentium")
        self.cpu.set_registers({"cs": 0, "eip": 0})
        self.kicked = threading.Event()
        self.woken = False
        self.cpu.set_wires(None, self.kicked.set, None)
        self.clock.call_at(HOUR_NS, self._wake)

    def _wake(self) -> None:
        self.woken = True
        self.cpu.request_stop()


def test_an_idle_processor_on_demand_skips_the_time() -> None:
    halted = Halted(paced=False)
    halted.cpu.run()
    assert halted.woken and halted.clock.now_ns >= HOUR_NS


def test_an_idle_processor_that_is_paced_sleeps_and_hears_kicks() -> None:
    halted = Halted(paced=True)
    began_ns = time.monotonic_ns()
    thread = threading.Thread(target=halted.cpu.run)
    thread.start()
    halted.cpu.kick()
    assert halted.kicked.wait(30), "posted work is done while the guest sleeps"
    halted.cpu.request_stop()
    thread.join(30)
    took_ns = time.monotonic_ns() - began_ns
    assert not thread.is_alive() and not halted.woken
    assert halted.clock.now_ns <= took_ns + 1000, "no more than the host's time, and a few instructions"


@pytest.fixture
def idle_diskette(tmp_path: Path) -> Path:
    """A boot sector that waits for interrupts for ever."""
    diskette = tmp_path / "idle.img"
    program = b"\xfb\xf4\xeb\xfd"  # STI; HLT; JMP $-1
    diskette.write_bytes((program.ljust(510, b"\0") + b"\x55\xaa").ljust(1_474_560, b"\0"))
    return diskette


def test_an_idle_guest_of_a_free_running_machine_takes_the_hosts_time(idle_diskette: Path) -> None:
    config = MachineConfig(memory_mb=2, clock="instructions", floppies=[idle_diskette])
    with Machine(config, free_running=True) as vm:
        vm.power_on()
        vm.wait_until(lambda: vm.board.cpu.registers()["cs"] == 0, timeout=30)
        began = time.monotonic()
        vm.run_for(0.5)
        assert time.monotonic() - began >= 0.4
