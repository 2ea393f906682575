"""What runs guest code is exchanged while the machine is paused."""

from __future__ import annotations

import hashlib

import pytest

from app.diagnostics import diagnostics_image
from engine import FloppyConfig, Machine, MachineConfig, _core
from engine.errors import HostResourceError, MachineError

pytestmark = pytest.mark.skipif(not _core.Interpreter.can_translate(), reason="this host cannot run translated code")


def machine(accelerator: str) -> Machine:
    return Machine(
        MachineConfig(
            memory_mb=4,
            clock="instructions",
            accelerator=accelerator,
            floppies=[FloppyConfig(diagnostics_image(), read_only=True)],
        )
    )


def state(vm: Machine) -> tuple[int, dict[str, int], str]:
    return (
        vm.cpu.retired,
        vm.cpu.registers,
        hashlib.sha256(vm.memory[0:0xA0000] + vm.memory[0x100000:0x400000]).hexdigest(),
    )


def test_a_boot_with_changes_all_the_way_is_the_same_boot() -> None:
    with machine("interpreter") as plain, machine("translator") as changing:
        plain.power_on()
        changing.power_on()
        for number in range(24):
            plain.run_for(0.1)
            changing.run_for(0.1)
            changing.pause()
            changing.use_accelerator(("interpreter", "translator")[number % 2])
            assert changing.stats["accelerator"] == ("interpreter", "translator")[number % 2]
            changing.resume()
            assert state(changing) == state(plain)


def test_only_while_it_is_paused() -> None:
    with machine("interpreter") as vm:
        vm.power_on()
        with pytest.raises(MachineError, match="Pause it first"):
            vm.use_accelerator("translator")


def test_kvm_says_what_to_choose() -> None:
    with machine("interpreter") as vm, pytest.raises(HostResourceError, match="Choose “auto”"):
        vm.use_accelerator("kvm")
    assert vm.stats["accelerator"] == "interpreter"
