"""Typing, chords and holding keys."""

from __future__ import annotations

import pytest

from engine.clock import MILLISECOND_NS, SECOND_NS, ManualClock
from engine.console.keyboard import PATIENCE_NS, Keyboard, bios_buffer_has_room
from engine.console.scan_codes import KEYS, UnknownKeyError
from engine.devices.ps2_keyboard import Ps2Keyboard
from tests.engine.console.typist import decode_us


class Sink:
    """A keyboard device whose guest takes bytes when told to."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.queued = 0

    def press(self, name: str) -> None:
        assert name in KEYS
        self.events.append(f"+{name}")

    def release(self, name: str) -> None:
        self.events.append(f"-{name}")


class Rig:
    def __init__(self, **options: object) -> None:
        self.clock = ManualClock()
        self.sink = Sink()
        self.keyboard = Keyboard(self.sink, self.clock, lambda work: work(), **options)  # type: ignore[arg-type]

    def events(self, milliseconds: int = 10_000) -> list[str]:
        self.clock.advance(milliseconds * MILLISECOND_NS)
        events, self.sink.events = self.sink.events, []
        return events


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_press_and_release_by_alias(rig: Rig) -> None:
    rig.keyboard.press("Control")
    rig.keyboard.release("ctrl")
    assert rig.events() == ["+ctrl", "-ctrl"]


def test_unknown_key_is_named(rig: Rig) -> None:
    with pytest.raises(UnknownKeyError, match="hyper"):
        rig.keyboard.press("hyper")
    with pytest.raises(UnknownKeyError, match="delet"):
        rig.keyboard.chord("ctrl+alt+delet")
    assert rig.events() == []


def test_chord_presses_in_order_and_lets_go_in_reverse(rig: Rig) -> None:
    rig.keyboard.chord("ctrl+alt+delete")
    assert rig.events() == ["+ctrl", "+alt", "+delete", "-delete", "-alt", "-ctrl"]
    rig.keyboard.chord("+")
    assert rig.events() == ["+equals", "-equals"]


def test_release_all_lets_go_in_reverse_and_stops_typing(rig: Rig) -> None:
    rig.keyboard.press("shift")
    rig.keyboard.press("a")
    rig.keyboard.type("xyz")
    rig.keyboard.release_all()
    assert rig.events() == ["+shift", "+a", "+x", "-x", "-a", "-shift"]
    assert not rig.keyboard.busy


def test_typing_presses_shift_where_needed(rig: Rig) -> None:
    assert rig.keyboard.type("aB\r\n") == ""
    assert rig.keyboard.busy
    assert rig.events() == ["+a", "-a", "+shift", "+b", "-b", "-shift", "+enter", "-enter"]
    assert not rig.keyboard.busy


def test_typing_waits_until_the_guest_took_what_was_sent(rig: Rig) -> None:
    rig.keyboard.type("ab")
    rig.sink.queued = 3
    assert rig.events(milliseconds=1000) == ["+a"]
    rig.sink.queued = 0
    assert rig.events() == ["-a", "+b", "-b"]


def test_typing_goes_on_when_the_guest_never_takes_anything(rig: Rig) -> None:
    rig.sink.queued = 3
    rig.keyboard.type("ab")
    assert rig.events(milliseconds=5 * PATIENCE_NS // MILLISECOND_NS) == ["+a", "-a", "+b", "-b"]


def test_typing_waits_for_room_in_the_guest_s_buffer() -> None:
    ready = False
    rig = Rig(guest_ready=lambda: ready)
    rig.keyboard.type("a")
    assert rig.events(milliseconds=1000) == []
    ready = True
    assert rig.events() == ["+a", "-a"]


def test_a_key_held_by_hand_stays_down_through_typing(rig: Rig) -> None:
    rig.keyboard.press("shift")
    rig.keyboard.type("A")
    assert "-shift" not in rig.events()


def test_cancelled_typing_can_be_followed_by_new_text(rig: Rig) -> None:
    rig.keyboard.type("aaaa")
    rig.clock.advance(30 * MILLISECOND_NS)
    rig.keyboard.cancel_typing()
    rig.keyboard.type("b")
    events = rig.events()
    assert events[-2:] == ["+b", "-b"]
    assert events.count("+a") == events.count("-a") <= 2


def test_characters_the_layout_lacks_are_reported(rig: Rig) -> None:
    assert rig.keyboard.type("a€b☃") == "€☃"
    assert rig.events() == ["+a", "-a", "+b", "-b"]


def test_unknown_layout_names_the_known_ones(rig: Rig) -> None:
    with pytest.raises(ValueError, match="us, br"):
        rig.keyboard.type("a", layout="dvorak")


def test_brazilian_layout_uses_dead_keys(rig: Rig) -> None:
    assert rig.keyboard.type("çãÉ/", layout="br") == ""
    assert [event for event in rig.events() if event[0] == "+"] == [
        "+semicolon", "+apostrophe", "+a", "+leftbracket", "+shift", "+e", "+intl_ro",
    ]  # fmt: skip


@pytest.mark.parametrize("layout", ["us", "br"])
def test_all_of_ascii_can_be_typed(rig: Rig, layout: str) -> None:
    assert rig.keyboard.type("".join(map(chr, range(32, 127))) + "\n\t\b\x1b", layout=layout) == ""


def test_us_text_comes_out_of_the_real_keyboard_as_typed() -> None:
    clock = ManualClock()
    device = Ps2Keyboard(clock)
    keyboard = Keyboard(device, clock, lambda work: work())
    text = "The quick brown fox {jumps} over: 'the' \"lazy\" dog? ~!@#$%^&*()_+|\\<>`-=[];,./ 0123456789\n" * 3
    keyboard.type(text)
    taken = bytearray()
    for _ in range(60 * 100):
        clock.advance(SECOND_NS // 100)
        while device.has_data:
            taken.append(device.next_byte())
    assert decode_us(bytes(taken)) == text


def test_bios_buffer_room() -> None:
    pointers = bytearray(4)

    def read(physical: int, length: int) -> bytes:
        assert (physical, length) == (0x41A, 4)
        return bytes(pointers)

    room = bios_buffer_has_room(read)
    assert room()  # no BIOS data there
    for head, tail, expected in ((0x1E, 0x1E, True), (0x1E, 0x2C, True), (0x1E, 0x2E, False), (0x3C, 0x1E, True)):
        pointers[:] = head.to_bytes(2, "little") + tail.to_bytes(2, "little")
        assert room() is expected
