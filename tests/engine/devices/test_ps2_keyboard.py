"""PS/2 keyboard: commands, scan sets, typematic, buffer."""

from __future__ import annotations

import pytest

from engine.clock import MILLISECOND_NS, ManualClock
from engine.console.scan_codes import UnknownKeyError
from engine.devices.ps2_keyboard import BUFFER_BYTES, Ps2Keyboard, State
from engine.errors import StateError


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.leds: list[int] = []
        self.keyboard = Ps2Keyboard(self.clock, self.leds.append)

    def take(self) -> bytes:
        taken = bytearray()
        while self.keyboard.has_data:
            taken.append(self.keyboard.next_byte())
        return bytes(taken)

    def send(self, *values: int) -> bytes:
        for value in values:
            self.keyboard.receive(value)
        return self.take()

    def tap(self, name: str) -> bytes:
        self.keyboard.press(name)
        self.keyboard.release(name)
        return self.take()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_make_and_break_in_set_2(rig: Rig) -> None:
    assert rig.tap("a") == bytes.fromhex("1cf01c")


def test_scan_set_can_be_chosen_and_asked(rig: Rig) -> None:
    assert rig.send(0xF0, 0x00) == bytes.fromhex("fafa02")
    assert rig.send(0xF0, 0x01) == bytes.fromhex("fafa")
    assert rig.tap("a") == bytes.fromhex("1e9e")
    assert rig.send(0xF0, 0x00) == bytes.fromhex("fafa01")
    rig.send(0xF0, 0x03)
    assert rig.tap("a") == bytes.fromhex("1c")  # set 3: letters are typematic without break
    assert rig.tap("shift") == bytes.fromhex("12f012")


def test_set_3_key_types(rig: Rig) -> None:
    rig.send(0xF0, 0x03)
    assert rig.send(0xF8) == b"\xfa"
    assert rig.tap("a") == bytes.fromhex("1cf01c")
    assert rig.send(0xFD, 0x1C, 0xF4) == bytes.fromhex("fafafa")
    assert rig.tap("a") == bytes.fromhex("1c")
    assert rig.tap("b") == bytes.fromhex("32f032")


def test_identify_and_echo(rig: Rig) -> None:
    assert rig.send(0xF2) == bytes.fromhex("faab83")
    assert rig.send(0xEE) == b"\xee"


def test_reset_acknowledges_then_passes_its_self_test(rig: Rig) -> None:
    assert rig.send(0xFF) == b"\xfa"
    rig.keyboard.press("a")
    rig.keyboard.release("a")
    rig.clock.advance(20 * MILLISECOND_NS)
    assert rig.take() == b"\xaa"
    assert rig.tap("a") == bytes.fromhex("1cf01c")


def test_leds_are_reported(rig: Rig) -> None:
    assert rig.send(0xED, 0x06) == b"\xfa\xfa"
    assert rig.leds == [6]
    assert rig.keyboard.leds == 6


def test_command_in_place_of_an_argument_is_a_command(rig: Rig) -> None:
    assert rig.send(0xED, 0xEE) == b"\xfa\xee"
    assert rig.leds == []


def test_unknown_command_asks_for_resend(rig: Rig) -> None:
    assert rig.send(0xEF) == b"\xfe"


def test_resend_repeats_the_last_byte(rig: Rig) -> None:
    rig.tap("a")
    assert rig.send(0xFE) == b"\x1c"


def test_disabled_keyboard_sends_no_keys(rig: Rig) -> None:
    rig.send(0xF5)
    assert rig.tap("a") == b""
    rig.send(0xF4)
    assert rig.tap("a") != b""


def test_typematic_default_delay_and_rate(rig: Rig) -> None:
    rig.keyboard.press("a")
    rig.take()
    rig.clock.advance(499 * MILLISECOND_NS)
    assert rig.take() == b""
    rig.clock.advance(MILLISECOND_NS)
    assert rig.take() == b"\x1c"
    repeats = 0
    for _ in range(1000):
        rig.clock.advance(MILLISECOND_NS)
        repeats += len(rig.take())
    assert repeats == 10
    rig.keyboard.release("a")
    rig.take()
    rig.clock.advance(1000 * MILLISECOND_NS)
    assert rig.take() == b""


def test_typematic_fastest_setting(rig: Rig) -> None:
    rig.send(0xF3, 0x00)
    rig.keyboard.press("a")
    rig.take()
    repeats = 0
    for _ in range(1250):
        rig.clock.advance(MILLISECOND_NS)
        repeats += len(rig.take())
    assert 29 <= repeats <= 31


def test_only_the_last_key_repeats(rig: Rig) -> None:
    rig.keyboard.press("a")
    rig.keyboard.press("b")
    rig.take()
    rig.clock.advance(500 * MILLISECOND_NS)
    assert rig.take() == b"\x32"


def test_pause_has_no_break_and_does_not_repeat(rig: Rig) -> None:
    rig.keyboard.press("pause")
    assert rig.take() == bytes.fromhex("e11477e1f014f077")
    rig.clock.advance(2000 * MILLISECOND_NS)
    rig.keyboard.release("pause")
    assert rig.take() == b""


def test_print_screen_alone_with_shift_and_with_alt(rig: Rig) -> None:
    assert rig.tap("printscreen") == bytes.fromhex("e012e07ce0f07ce0f012")
    rig.keyboard.press("shift")
    rig.take()
    assert rig.tap("printscreen") == bytes.fromhex("e07ce0f07c")
    rig.keyboard.release("shift")
    rig.keyboard.press("alt")
    rig.take()
    assert rig.tap("printscreen") == bytes.fromhex("84f084")


def test_ctrl_pause_is_break(rig: Rig) -> None:
    rig.keyboard.press("ctrl")
    rig.take()
    assert rig.tap("pause") == bytes.fromhex("e07ee0f07e")


def test_gray_keys_hide_shift_and_num_lock(rig: Rig) -> None:
    rig.keyboard.press("shift")
    rig.take()
    assert rig.tap("left") == bytes.fromhex("e0f012e06be0f06be012")
    rig.keyboard.release("shift")
    rig.take()
    rig.send(0xED, 0x02)
    assert rig.tap("left") == bytes.fromhex("e012e06be0f06be0f012")
    rig.keyboard.press("rshift")
    rig.take()
    assert rig.tap("left") == bytes.fromhex("e06be0f06b")


def test_shift_codes_are_undone_even_when_shift_was_released_first(rig: Rig) -> None:
    rig.keyboard.press("shift")
    rig.keyboard.press("left")
    rig.keyboard.release("shift")
    rig.take()
    rig.keyboard.release("left")
    assert rig.take() == bytes.fromhex("e0f06be012")


def test_full_buffer_ends_with_an_overrun_code(rig: Rig) -> None:
    for _ in range(20):
        rig.keyboard.press("a")
        rig.keyboard.release("a")
    taken = rig.take()
    assert len(taken) == BUFFER_BYTES + 1
    assert taken[-1] == 0x00
    assert rig.tap("a") == bytes.fromhex("1cf01c")


def test_a_guest_that_asks_and_never_listens_fills_no_memory(rig: Rig) -> None:
    for _ in range(10_000):
        rig.keyboard.receive(0xF2)
    assert len(rig.take()) <= BUFFER_BYTES


def test_unknown_key_is_an_error(rig: Rig) -> None:
    with pytest.raises(UnknownKeyError):
        rig.keyboard.press("anykey")


def test_load_goes_on_repeating(rig: Rig) -> None:
    rig.keyboard.press("a")
    rig.take()
    saved = rig.keyboard.save()
    fresh = Rig()
    fresh.keyboard.load(saved)
    assert fresh.keyboard.save() == saved
    fresh.clock.advance(500 * MILLISECOND_NS)
    assert fresh.take() == b"\x1c"


def test_load_refuses_a_damaged_state(rig: Rig) -> None:
    with pytest.raises(StateError):
        rig.keyboard.load(State(scan_set=7))
    with pytest.raises(StateError):
        rig.keyboard.load(State(pressed=["anykey"]))
