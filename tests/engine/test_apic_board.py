"""Local APIC and I/O APIC on the board: what firmware leaves, what a machine without them shows, and all three ways
of an interrupt to the processor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Machine, MachineConfig
from engine.devices import local_apic as local
from engine.devices.io_apic_82093aa import BASE as IO_APIC
from engine.devices.io_apic_82093aa import IOREDTBL, IOWIN

KEYBOARD_INPUT, TIMER_INPUT, PIC_INPUT = 1, 2, 0
VECTOR = 0x61
CODE, COUNT = 0x7C00, 0x7B00
EXT_INT = 0x700


def machine(**changes: object) -> Machine:
    vm = Machine(MachineConfig(memory_mb=16, clock="instructions").replace(**changes))
    vm.power_on()
    vm.screen.wait_for_text("No bootable device", timeout=30)
    return vm


@pytest.fixture
def vm() -> Iterator[Machine]:
    with machine() as vm:
        yield vm


def register(vm: Machine, offset: int) -> int:
    return int.from_bytes(vm.memory[local.BASE_AT_RESET + offset : local.BASE_AT_RESET + offset + 4], "little")


def set_register(vm: Machine, offset: int, value: int) -> None:
    vm.memory[local.BASE_AT_RESET + offset : local.BASE_AT_RESET + offset + 4] = value.to_bytes(4, "little")


def route(vm: Machine, number: int, entry: int) -> None:
    for half, value in ((1, 0), (0, entry)):
        vm.memory[IO_APIC : IO_APIC + 4] = (IOREDTBL + 2 * number + half).to_bytes(4, "little")
        vm.memory[IO_APIC + IOWIN : IO_APIC + IOWIN + 4] = value.to_bytes(4, "little")


def ticks(vm: Machine) -> int:
    """The BIOS's count of timer interrupts."""
    return int.from_bytes(vm.memory[0x46C:0x470], "little")


def test_virtual_wire_mode_after_post(vm: Machine) -> None:
    """MP specification 1.4, 3.6.2.2."""
    assert register(vm, local.SVR) & local.SVR_ENABLE
    assert register(vm, local.LVT_LINT0) == local.LVT_EXT_INT
    assert register(vm, local.LVT_LINT1) == local.LVT_NMI
    before = ticks(vm)
    vm.run_for(1)
    assert ticks(vm) - before in (18, 19)


def test_nothing_comes_through_a_masked_lint0(vm: Machine) -> None:
    set_register(vm, local.LVT_LINT0, local.LVT_MASKED | local.LVT_EXT_INT)
    vm.run_for(0.1)
    before = ticks(vm)
    vm.run_for(1)
    assert ticks(vm) == before


def test_the_8259_pair_through_the_io_apic(vm: Machine) -> None:
    """Virtual wire mode through the I/O APIC (MP specification 3.6.2.2): each request is a message of its own."""
    set_register(vm, local.LVT_LINT0, local.LVT_MASKED)
    route(vm, PIC_INPUT, EXT_INT)
    vm.run_for(0.1)
    before = ticks(vm)
    vm.run_for(1)
    assert ticks(vm) - before in (18, 19)


def test_isa_interrupts_through_the_io_apic(vm: Machine) -> None:
    """Symmetric mode: IRQ 0 is input 2. The handler ends at the local APIC, here from outside."""
    vm.memory[COUNT : COUNT + 2] = b"\0\0"
    vm.memory[CODE : CODE + 5] = b"\x2e\xff\x06\x00\x7b"  # INC WORD CS:[7B00h]
    vm.memory[CODE + 5 : CODE + 6] = b"\xcf"  # IRET
    vm.memory[VECTOR * 4 : VECTOR * 4 + 4] = CODE.to_bytes(4, "little")
    set_register(vm, local.LVT_LINT0, local.LVT_MASKED)
    route(vm, TIMER_INPUT, VECTOR)
    for turn in range(1, 4):
        vm.run_for(0.2)
        assert int.from_bytes(vm.memory[COUNT : COUNT + 2], "little") == turn
        set_register(vm, local.EOI, 0)


@pytest.mark.parametrize("changes", [{"apic": False}, {"cpu_model": "486"}], ids=["left out", "486"])
def test_a_machine_without_them(changes: dict[str, object]) -> None:
    with machine(**changes) as vm:
        assert register(vm, local.VERSION) == 0xFFFFFFFF
        assert vm.memory[IO_APIC : IO_APIC + 4] == b"\xff" * 4
        rom = vm.memory[0xE0000:0x100000]
        assert b"_MP_" not in rom and b"APIC" not in rom
        before = ticks(vm)
        vm.run_for(1)
        assert ticks(vm) - before in (18, 19)
