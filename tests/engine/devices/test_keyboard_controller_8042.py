"""8042: commands, translation, interrupts, output port, pacing."""

from __future__ import annotations

import pytest

from engine.clock import MICROSECOND_NS, MILLISECOND_NS, ManualClock
from engine.devices.device import ResetKind
from engine.devices.keyboard_controller_8042 import DEVICE_BYTE_NS, KeyboardController8042, State
from engine.devices.ps2_keyboard import Ps2Keyboard
from engine.errors import StateError
from engine.irq import RecordingIrqLine


class FakeMouse:
    def __init__(self) -> None:
        self.received: list[int] = []
        self.queue: list[int] = []
        self.data_ready = lambda: None

    @property
    def has_data(self) -> bool:
        return bool(self.queue)

    def next_byte(self) -> int:
        return self.queue.pop(0)

    def receive(self, value: int) -> None:
        self.received.append(value)
        self.queue.append(0xFA)
        self.data_ready()


class Rig:
    def __init__(self, with_mouse: bool = True) -> None:
        self.clock = ManualClock()
        self.keyboard = Ps2Keyboard(self.clock)
        self.mouse = FakeMouse() if with_mouse else None
        self.irq1 = RecordingIrqLine()
        self.irq12 = RecordingIrqLine()
        self.a20 = True
        self.resets = 0
        self.controller = KeyboardController8042(
            self.keyboard, self.mouse, self.irq1, self.irq12, self.clock, self.set_a20, self.reset
        )
        self.data, self.control = self.controller.port_map()

    def set_a20(self, level: bool) -> None:
        self.a20 = level
        self.controller.a20_changed(level)

    def reset(self) -> None:
        self.resets += 1

    def command(self, value: int, data: int | None = None) -> None:
        assert self.control.write is not None
        assert self.data.write is not None
        self.control.write(value)
        if data is not None:
            self.data.write(data)

    def send(self, value: int) -> None:
        assert self.data.write is not None
        self.data.write(value)

    @property
    def status(self) -> int:
        assert self.control.read is not None
        return self.control.read()

    def read(self) -> int:
        assert self.data.read is not None
        return self.data.read()

    def take(self) -> bytes:
        """Everything that comes in the next 50 ms, read at once when it is there."""
        taken = bytearray()
        for _ in range(500):
            self.clock.advance(100 * MICROSECOND_NS)
            if self.status & 1:
                taken.append(self.read())
        return bytes(taken)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_self_test_answers_55_and_sets_the_system_flag(rig: Rig) -> None:
    assert not rig.status & 0x04
    rig.command(0xAA)
    assert rig.take() == b"\x55"
    assert rig.status & 0x04


def test_interface_tests_pass(rig: Rig) -> None:
    rig.command(0xAB)
    assert rig.take() == b"\x00"
    rig.command(0xA9)
    assert rig.take() == b"\x00"


def test_command_byte_and_ram_read_back(rig: Rig) -> None:
    rig.command(0x60, 0x47)
    rig.command(0x20)
    assert rig.take() == b"\x47"
    rig.command(0x7F, 0x5A)
    rig.command(0x3F)
    assert rig.take() == b"\x5a"


def test_status_tells_command_from_data(rig: Rig) -> None:
    rig.command(0x60)
    assert rig.status & 0x08
    rig.send(0x45)
    assert not rig.status & 0x08
    assert rig.status & 0x10


def test_keys_are_translated_to_set_1(rig: Rig) -> None:
    rig.keyboard.press("a")
    rig.keyboard.release("a")
    rig.keyboard.press("right")
    rig.keyboard.release("right")
    assert rig.take() == bytes.fromhex("1e9ee04de0cd")


def test_translation_can_be_switched_off(rig: Rig) -> None:
    rig.command(0x60, 0x01)
    rig.keyboard.press("a")
    rig.keyboard.release("a")
    assert rig.take() == bytes.fromhex("1cf01c")


def test_one_interrupt_per_byte(rig: Rig) -> None:
    rig.keyboard.press("right")
    rig.keyboard.release("right")
    rig.clock.advance(100 * MILLISECOND_NS)
    assert rig.irq1.edges == 1  # nothing more before the first is read
    for expected in (0xE0, 0x4D, 0xE0, 0xCD):
        assert rig.irq1.level
        assert rig.read() == expected
        assert not rig.irq1.level
        assert not rig.status & 0x01
        rig.clock.advance(2 * DEVICE_BYTE_NS)
    assert rig.irq1.edges == 4


def test_next_byte_comes_no_sooner_than_a_byte_on_the_wire(rig: Rig) -> None:
    rig.keyboard.press("right")
    rig.clock.advance(DEVICE_BYTE_NS)
    rig.read()
    rig.clock.advance(DEVICE_BYTE_NS - 1)
    assert not rig.status & 0x01
    rig.clock.advance(1)
    assert rig.status & 0x01


def test_interrupt_is_off_when_the_command_byte_says_so(rig: Rig) -> None:
    rig.command(0x60, 0x40)
    rig.keyboard.press("a")
    rig.clock.advance(MILLISECOND_NS)
    assert rig.status & 0x01
    assert not rig.irq1.level


def test_reading_an_empty_buffer_gives_the_last_byte(rig: Rig) -> None:
    rig.keyboard.press("a")
    rig.clock.advance(MILLISECOND_NS)
    assert rig.read() == 0x1E
    assert rig.read() == 0x1E


def test_keyboard_interface_holds_bytes_while_disabled(rig: Rig) -> None:
    rig.command(0xAD)
    rig.keyboard.press("a")
    assert rig.take() == b""
    rig.command(0xAE)
    assert rig.take() == b"\x1e"


def test_sending_to_the_keyboard_enables_it(rig: Rig) -> None:
    rig.command(0xAD)
    rig.send(0xEE)
    assert rig.take() == b"\xee"


def test_keyboard_identity_through_translation(rig: Rig) -> None:
    rig.send(0xF2)
    assert rig.take() == bytes.fromhex("faab41")


def test_a20_through_the_output_port(rig: Rig) -> None:
    rig.command(0xD1, 0xDD)
    assert not rig.a20
    rig.command(0xD0)
    assert rig.take()[0] & 0x03 == 0x01
    rig.command(0xD1, 0xDF)
    assert rig.a20
    rig.command(0xDD)
    assert not rig.a20
    rig.command(0xDF)
    assert rig.a20


def test_reset_by_pulse_and_by_output_port(rig: Rig) -> None:
    rig.command(0xFE)
    assert rig.resets == 1
    rig.command(0xFF)
    assert rig.resets == 1
    rig.command(0xD1, 0x02)
    assert rig.resets == 2


def test_bytes_written_to_the_output_buffers(rig: Rig) -> None:
    rig.command(0x60, 0x43)
    rig.command(0xD2, 0x77)
    rig.clock.advance(MILLISECOND_NS)
    assert rig.status & 0x21 == 0x01
    assert rig.irq1.level
    assert rig.read() == 0x77
    rig.command(0xD3, 0x88)
    rig.clock.advance(MILLISECOND_NS)
    assert rig.status & 0x21 == 0x21
    assert rig.irq12.level
    assert rig.read() == 0x88


def test_mouse_bytes_raise_irq12_with_the_aux_bit(rig: Rig) -> None:
    assert rig.mouse is not None
    rig.command(0x60, 0x43)
    rig.command(0xD4, 0xF4)
    assert rig.mouse.received == [0xF4]
    rig.clock.advance(MILLISECOND_NS)
    assert rig.status & 0x21 == 0x21
    assert rig.irq12.level
    assert not rig.irq1.level
    assert rig.read() == 0xFA
    assert not rig.irq12.level


def test_aux_interface_holds_bytes_while_disabled(rig: Rig) -> None:
    assert rig.mouse is not None
    rig.command(0xA7)
    rig.mouse.queue.append(0x08)
    rig.mouse.data_ready()
    assert rig.take() == b""
    rig.command(0xA8)
    assert rig.take() == b"\x08"


def test_missing_mouse_times_out() -> None:
    rig = Rig(with_mouse=False)
    rig.command(0xA9)
    assert rig.take() != b"\x00"
    rig.command(0xD4, 0xF2)
    rig.clock.advance(MILLISECOND_NS)
    assert rig.status & 0x40
    assert rig.read() == 0xFE
    assert not rig.status & 0x40


def test_no_password_is_installed(rig: Rig) -> None:
    rig.command(0xA4)
    assert rig.take() == b"\xf1"


def test_input_port_says_unlocked(rig: Rig) -> None:
    rig.command(0xC0)
    assert rig.take()[0] & 0x80


def test_unread_replies_are_bounded(rig: Rig) -> None:
    for _ in range(1000):
        rig.command(0x20)
    assert len(rig.take()) < 32


def test_load_in_the_middle_of_a_key(rig: Rig) -> None:
    rig.keyboard.press("right")
    rig.clock.advance(DEVICE_BYTE_NS)
    keyboard, controller = rig.keyboard.save(), rig.controller.save()
    fresh = Rig()
    fresh.clock.advance(DEVICE_BYTE_NS)
    fresh.keyboard.load(keyboard)
    fresh.controller.load(controller)
    assert fresh.controller.save() == controller
    assert fresh.irq1.level
    assert fresh.read() == 0xE0
    assert fresh.take() == b"\x4d"


def test_load_refuses_a_damaged_state(rig: Rig) -> None:
    with pytest.raises(StateError):
        rig.controller.load(State(ram=bytearray(2)))


def test_reset_empties_the_buffer(rig: Rig) -> None:
    rig.keyboard.press("a")
    rig.clock.advance(MILLISECOND_NS)
    rig.controller.reset(ResetKind.BUS)
    assert not rig.status & 0x01
    assert not rig.irq1.level
