"""A closed machine has given its memory back, though something still holds it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Machine, MachineConfig
from engine.events import PowerState

DESCRIPTORS = Path("/proc/self/fd")
MEMORY = "/memfd:bancada-guest-memory"


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is freed because the garbage collector happens to run."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def guest_memories() -> int:
    """Guest memories that this process holds."""
    links = []
    for descriptor in DESCRIPTORS.iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except OSError:
            continue  # the descriptor that lists the folder
    return sum(link.startswith(MEMORY) for link in links)


def test_closed_machines_hold_neither_guest_memory_nor_translated_code(no_collector: None) -> None:
    before = guest_memories()
    closed = []
    for _ in range(20):
        machine = Machine(MachineConfig(memory_mb=64, clock="instructions"))
        machine.power_on()
        machine.run_for(0.05)
        assert guest_memories() == before + 1
        assert machine.board.cpu.cache_bytes >= 32 << 20
        machine.close()
        assert guest_memories() == before
        assert machine.board.cpu.cache_bytes == 0
        closed.append(machine)
    assert len(closed) == 20


def test_late_readers_of_a_closed_machine_see_zeros(no_collector: None) -> None:
    machine = Machine(MachineConfig(memory_mb=2, clock="instructions"))
    machine.power_on()
    machine.run_for(0.05)
    memory = machine.board.memory.backing
    assert any(memory[0x400:0x500]), "the firmware's data area"
    machine.close()
    assert not any(memory)
    assert machine.memory[0x400:0x500] == bytes(0x100)
    assert machine.cpu.retired > 0


@pytest.mark.parametrize("accelerator", ["interpreter", "auto"])
def test_a_machine_that_is_closed_by_what_its_guest_does(accelerator: str, no_collector: None) -> None:
    """The guest's code is given back when the processor is out of it, not under its feet."""
    before = guest_memories()
    machine = Machine(MachineConfig(memory_mb=2, clock="instructions", accelerator=accelerator))
    machine.power_on()
    machine.run_for(0.05)
    machine.board.bus.attach_port(0x2F0, 1, 1, "trap", None, lambda *_: machine.close())
    machine.memory[0x7000:0x7005] = b"\xba\xf0\x02\xee\xf4"  # MOV DX, 2F0h; OUT DX, AL; HLT
    machine.board.cpu.set_registers({"cs": 0, "eip": 0x7000})
    machine.run_for(1)
    assert machine.state is PowerState.OFF
    assert machine.board.cpu.cache_bytes == 0
    assert guest_memories() == before
