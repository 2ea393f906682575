"""What the power-on self test leaves behind for the first program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Machine, MachineConfig


@pytest.fixture
def halted(tmp_path: Path) -> Iterator[Machine]:
    """A PC whose boot sector has just begun, and stops there."""
    diskette = tmp_path / "halt.img"
    program = b"\xb8\x41\x0e\xcd\x10\xfa\xf4\xeb\xfd"  # MOV AX, 0E41h; INT 10h; CLI; HLT; JMP $-1
    diskette.write_bytes((program.ljust(510, b"\0") + b"\x55\xaa").ljust(1_474_560, b"\0"))
    with Machine(MachineConfig(memory_mb=8, clock="instructions", floppies=[diskette])) as vm:
        vm.power_on()
        vm.wait_until(lambda: vm.board.cpu.registers()["cs"] == 0, timeout=10)
        yield vm


def controller_answers(vm: Machine, command: int) -> tuple[int, int]:
    """Status and data of the keyboard controller two milliseconds after a command."""
    vm.board.bus.port_write(0x64, command, 1)
    vm.run_for(0.002)
    status = vm.board.bus.port_read(0x64, 1)
    return status & 0x21, vm.board.bus.port_read(0x60, 1)


def test_mouse_is_silent_when_a_driver_opens_its_port(halted: Machine) -> None:
    status, command_byte = controller_answers(halted, 0x20)
    assert status == 0x01 and command_byte & 0x20  # port off
    halted.board.bus.port_write(0x64, 0xA8, 1)
    halted.run_for(0.1)
    assert not halted.board.bus.port_read(0x64, 1) & 1
    status, command_byte = controller_answers(halted, 0x20)
    assert status == 0x01 and not command_byte & 0x20


def test_mouse_that_was_on_is_quiet_after_a_reset(halted: Machine) -> None:
    halted.board.bus.port_write(0x64, 0xD4, 1)
    halted.board.bus.port_write(0x60, 0xF4, 1)
    halted.run_for(0.01)
    assert halted.board.ps2_mouse.reporting
    halted.reset()
    halted.wait_until(lambda: halted.board.cpu.registers()["cs"] == 0xF000, timeout=1)
    halted.wait_until(lambda: halted.board.cpu.registers()["cs"] == 0, timeout=10)
    assert not halted.board.ps2_mouse.reporting
    halted.board.bus.port_write(0x64, 0xA8, 1)
    halted.mouse.move(5, 5)
    halted.run_for(0.1)
    assert not halted.board.bus.port_read(0x64, 1) & 1
