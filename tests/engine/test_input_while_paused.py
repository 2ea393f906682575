"""Keys and the mouse while the machine is paused: nothing is kept for later but what is let go."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from engine import Machine, MachineConfig
from engine.console.keyboard import Keyboard
from engine.console.mouse import Mouse


@pytest.fixture
def vm() -> Iterator[Machine]:
    with Machine(MachineConfig(memory_mb=2, clock="instructions")) as machine:
        machine.power_on()
        machine.run_for(5)
        machine.board.bus.port_write(0x64, 0xD4, 1)
        machine.board.bus.port_write(0x60, 0xF4, 1)  # the mouse reports
        machine.run_for(0.1)
        machine.board.bus.port_read(0x60, 1)
        yield machine


def received(vm: Machine) -> list[int]:
    """What the keyboard controller gives within a second, with the guest's interrupts out of the way."""
    got = []
    for _ in range(100):
        vm.run_for(0.01)
        while vm.board.bus.port_read(0x64, 1) & 1:
            got.append(vm.board.bus.port_read(0x60, 1))
            vm.run_for(0.002)
    return got


def deaf(vm: Machine) -> None:
    """The guest takes no interrupts: what comes stays in the controller."""
    vm.memory[0x7000:0x7003] = b"\xfa\xeb\xfe"  # CLI; JMP $
    vm.board.cpu.set_registers({"cs": 0, "eip": 0x7000})
    vm.run_for(0.01)


def everything(vm: Machine) -> None:
    vm.keyboard.press("a")
    vm.keyboard.type("text")
    vm.keyboard.chord("ctrl+alt+delete")
    vm.mouse.move(5, 5)
    vm.mouse.wheel(1)
    vm.mouse.click()


def test_what_is_pressed_while_paused_never_reaches_the_guest(vm: Machine) -> None:
    deaf(vm)
    vm.pause()
    everything(vm)
    vm.resume()
    assert received(vm) == []
    everything(vm)
    assert received(vm) != []


def test_a_key_that_is_down_at_the_pause_is_let_go(vm: Machine) -> None:
    deaf(vm)
    vm.keyboard.press("a")
    vm.run_for(0.1)
    vm.pause()
    vm.keyboard.release("a")
    vm.resume()
    assert received(vm) == [0x1E, 0x9E]


def test_a_button_that_is_down_at_the_pause_is_let_go(vm: Machine) -> None:
    deaf(vm)
    vm.mouse.press()
    vm.run_for(0.1)
    vm.pause()
    vm.mouse.release()
    vm.resume()
    assert [packet & 1 for packet in received(vm)[::3]] == [1, 0]


def test_input_that_the_pause_overtakes_is_dropped() -> None:
    """The machine's thread comes to it when the machine is paused."""
    posted: list[Callable[[], None]] = []
    sent: list[object] = []
    running = True

    class Sink:
        queued = 0

        def press(self, name: str) -> None:
            sent.append(name)

        def release(self, name: str) -> None:
            sent.append(name)

        def move(self, dx: int, dy: int, wheel: int) -> None:
            sent.append((dx, dy, wheel))

        def buttons(self, mask: int) -> None:
            sent.append(mask)

    keyboard = Keyboard(Sink(), None, posted.append, None, lambda: running)  # type: ignore[arg-type]
    mouse = Mouse(Sink(), posted.append, lambda: running)
    keyboard.press("a")
    mouse.move(1, 1)
    mouse.press()
    running = False
    for work in posted:
        work()
    assert sent == []
