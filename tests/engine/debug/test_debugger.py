"""Breakpoints, watchpoints, steps, registers and memory, by either processor."""

from __future__ import annotations

import pytest

from engine.debug.debugger import Debugger, Watchpoint
from engine.errors import MachineError
from tests.engine.debug.conftest import AFTER_STORE, BOOT, CALL, CELL, END, INC, STORE, Bench


@pytest.fixture
def debugger(bench: Bench) -> Debugger:
    return Debugger(bench.machine)


def run_to(bench: Bench, debugger: Debugger, linear: int) -> None:
    debugger.set_breakpoint(linear)
    debugger.go()
    bench.until_it_stands()
    debugger.clear_breakpoint(linear)
    assert debugger.registers()["eip"] == linear


def test_it_stands_at_the_first_instruction(bench: Bench, debugger: Debugger) -> None:
    registers = debugger.registers()
    assert registers["cs_base"] + registers["eip"] == 0xFFFFFFF0
    assert bench.machine.stats["instructions"] == 0


def test_a_breakpoint_in_a_loop_stops_each_time_before_its_instruction(bench: Bench, debugger: Debugger) -> None:
    debugger.set_breakpoint(STORE)
    for count in (1, 2, 3):
        debugger.go()
        bench.until_it_stands()
        registers = debugger.registers()
        assert (registers["eip"], registers["eax"] & 0xFFFF) == (STORE, count)
        assert debugger.watch_hit is None


def test_a_watchpoint_stops_after_the_store_and_not_after_loads(bench: Bench, debugger: Debugger) -> None:
    run_to(bench, debugger, BOOT)
    debugger.set_watchpoint(Watchpoint(CELL, 2, reads=False, writes=True))
    for count in (1, 2, 3):
        debugger.go()
        bench.until_it_stands()
        assert debugger.registers()["eip"] == AFTER_STORE
        assert debugger.watch_hit == CELL
        assert debugger.read(CELL, 2) == bytes((count, 0))
    debugger.set_breakpoint(END)
    debugger.go()
    bench.until_it_stands()
    assert debugger.registers()["eip"] == END and debugger.watch_hit is None


def test_a_watchpoint_for_loads_stops_after_the_load(bench: Bench, debugger: Debugger) -> None:
    run_to(bench, debugger, CALL)
    debugger.set_watchpoint(Watchpoint(CELL + 1, 1, reads=True, writes=False))  # the second byte of what is loaded
    debugger.go()
    bench.until_it_stands()
    assert debugger.watch_hit == CELL + 1
    assert debugger.registers()["ebx"] & 0xFFFF == 3


def test_a_step_is_one_instruction(bench: Bench, debugger: Debugger) -> None:
    run_to(bench, debugger, INC)
    before = debugger.registers()["eax"]
    for eip in (INC + 1, INC + 2, STORE, AFTER_STORE):
        debugger.step()
        assert debugger.registers()["eip"] == eip
    assert debugger.registers()["eax"] == before + 1


@pytest.mark.parametrize("interrupts", [False, True])
def test_a_halted_processor_is_stepped_into_its_next_interrupt_or_stays(
    bench: Bench, debugger: Debugger, interrupts: bool
) -> None:
    run_to(bench, debugger, INC)
    code = b"\xfb\xf4" if interrupts else b"\xfa\xf4"  # STI or CLI, HLT
    debugger.write(INC, code)
    debugger.step()
    debugger.step()
    assert debugger.registers()["halted"]
    debugger.step()
    registers = debugger.registers()
    assert bool(registers["halted"]) is not interrupts
    assert (registers["eip"] == INC + 2) is not interrupts


def test_only_a_machine_that_stands_is_stepped(bench: Bench, debugger: Debugger) -> None:
    debugger.go()
    with pytest.raises(MachineError, match="Stop it first"):
        debugger.step()


def test_registers_and_memory_can_be_changed(bench: Bench, debugger: Debugger) -> None:
    run_to(bench, debugger, INC)
    debugger.set_registers({"eax": 0x41, "ecx": 1})
    assert debugger.write(0x7C0A, (0x700).to_bytes(2, "little"))  # where the store goes
    run_to(bench, debugger, CALL)
    assert debugger.read(0x700, 2) == b"\x42\0"
    with pytest.raises(KeyError):
        debugger.set_registers({"rax": 1})


def test_memory_is_read_as_far_as_it_goes_and_across_pages(bench: Bench, debugger: Debugger) -> None:
    assert debugger.write(0xFFF, b"ab" * 3000)
    assert debugger.read(0xFFF, 6000) == b"ab" * 3000


def test_a_machine_without_stops_runs_on(bench: Bench, debugger: Debugger) -> None:
    debugger.set_breakpoint(STORE)
    debugger.go()
    bench.until_it_stands()
    debugger.clear()
    debugger.go()
    bench.machine.wait_until(lambda: bench.machine.board.bus.read_memory(CELL, 2) == b"\x03\0", timeout=30)
    debugger.stop()
    assert debugger.registers()["eip"] == END
