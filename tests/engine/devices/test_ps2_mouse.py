"""PS/2 mouse: packets, modes, wheel knocks, sample rate."""

from __future__ import annotations

import pytest

from engine.clock import MILLISECOND_NS, SECOND_NS, ManualClock
from engine.devices.device import ResetKind
from engine.devices.ps2_mouse import BACK, BUFFER_BYTES, LEFT, MIDDLE, RIGHT, Ps2Mouse, State
from engine.errors import StateError


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mouse = Ps2Mouse(self.clock)

    def take(self) -> bytes:
        taken = bytearray()
        while self.mouse.has_data:
            taken.append(self.mouse.next_byte())
        return bytes(taken)

    def send(self, *values: int) -> bytes:
        for value in values:
            self.mouse.receive(value)
        return self.take()

    def packets(self, milliseconds: int, size: int = 3) -> list[bytes]:
        taken = b""
        for _ in range(milliseconds):
            self.clock.advance(MILLISECOND_NS)
            taken += self.take()
        assert len(taken) % size == 0
        return [taken[start : start + size] for start in range(0, len(taken), size)]

    def knock(self, *rates: int) -> None:
        for rate in rates:
            assert self.send(0xF3, rate) == b"\xfa\xfa"


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    assert rig.send(0xF4) == b"\xfa"
    return rig


def test_reset_answers_self_test_and_id(rig: Rig) -> None:
    assert rig.send(0xFF) == b"\xfa"
    rig.clock.advance(20 * MILLISECOND_NS)
    assert rig.take() == b"\xaa\x00"
    rig.mouse.move(5, 5)
    assert rig.packets(50) == []  # reporting is off again


def test_movement_makes_a_packet_with_signs(rig: Rig) -> None:
    rig.mouse.move(5, 3)
    assert rig.packets(50) == [bytes((0x08, 5, 3))]
    rig.mouse.move(-5, -3)
    assert rig.packets(50) == [bytes((0x38, 0xFB, 0xFD))]


def test_buttons(rig: Rig) -> None:
    rig.mouse.buttons(LEFT | MIDDLE)
    rig.mouse.buttons(RIGHT)
    rig.mouse.buttons(0)
    assert rig.packets(100) == [bytes((0x0D, 0, 0)), bytes((0x0A, 0, 0)), bytes((0x08, 0, 0))]


def test_sample_rate_limits_packets(rig: Rig) -> None:
    rig.send(0xF3, 20)
    packets = 0
    for _ in range(1000):
        rig.mouse.move(1, 0)
        rig.clock.advance(MILLISECOND_NS)
        packets += len(rig.take()) // 3
    assert 19 <= packets <= 21


def test_nothing_is_sent_while_the_last_packet_waits(rig: Rig) -> None:
    for _ in range(100):
        rig.mouse.move(1, 0)
        rig.clock.advance(20 * MILLISECOND_NS)
    assert len(rig.take()) == 3
    assert sum(packet[1] for packet in rig.packets(100)) == 99


def test_large_movement_is_carried_over(rig: Rig) -> None:
    rig.mouse.move(600, 0)
    assert [packet[1] for packet in rig.packets(100)] == [255, 255, 90]


def test_overflow_bits_when_too_much_was_carried(rig: Rig) -> None:
    rig.mouse.move(1_000_000, -1_000_000)
    packets = rig.packets(500)
    assert packets[0][0] & 0xC0 == 0xC0
    assert not packets[1][0] & 0xC0


def test_wheel_knock(rig: Rig) -> None:
    assert rig.send(0xF2) == b"\xfa\x00"
    rig.knock(200, 100, 80)
    assert rig.send(0xF2) == b"\xfa\x03"
    rig.mouse.move(0, 0, wheel=-1)
    rig.mouse.move(1, 0)
    assert rig.packets(50, size=4) == [bytes((0x08, 1, 0, 0xFF))]


def test_explorer_knock_needs_the_wheel_first_or_alone(rig: Rig) -> None:
    rig.knock(200, 100, 80)
    rig.knock(200, 200, 80)
    assert rig.send(0xF2) == b"\xfa\x04"
    rig.mouse.buttons(BACK)
    rig.mouse.move(0, 0, wheel=2)
    assert rig.packets(50, size=4) == [bytes((0x08, 0, 0, 0x12))]


def test_plain_mouse_ignores_the_wheel(rig: Rig) -> None:
    rig.mouse.move(0, 0, wheel=3)
    assert rig.packets(50) == []


def test_remote_mode_sends_only_when_asked(rig: Rig) -> None:
    rig.send(0xF0)
    rig.mouse.move(7, 0)
    assert rig.packets(50) == []
    assert rig.send(0xEB) == bytes((0xFA, 0x08, 7, 0))
    assert rig.send(0xEB) == bytes((0xFA, 0x08, 0, 0))
    rig.send(0xEA)
    rig.mouse.move(7, 0)
    assert len(rig.packets(50)) == 1


def test_wrap_mode_echoes_until_reset_wrap(rig: Rig) -> None:
    assert rig.send(0xEE) == b"\xfa"
    assert rig.send(0xF2, 0x12) == b"\xf2\x12"
    assert rig.send(0xEC) == b"\xfa"
    assert rig.send(0xF2) == b"\xfa\x00"


def test_status_request(rig: Rig) -> None:
    rig.send(0xE8, 3)
    rig.send(0xE7)
    rig.send(0xF3, 40)
    rig.mouse.buttons(LEFT)
    rig.packets(100)
    assert rig.send(0xE9) == bytes((0xFA, 0x34, 3, 40))


def test_scaling_2_1(rig: Rig) -> None:
    rig.send(0xE7)
    seen = []
    for counts in (1, 2, 3, 4, 5, 6, 50):
        rig.mouse.move(counts, 0)
        seen.append(rig.packets(50)[0][1])
    assert seen == [1, 1, 3, 6, 9, 12, 100]


def test_disable_stops_and_forgets(rig: Rig) -> None:
    rig.mouse.move(5, 0)
    rig.send(0xF5)
    rig.mouse.move(5, 0)
    rig.send(0xF4)
    assert rig.packets(50) == []


def test_bad_sample_rate_and_bad_command_are_refused(rig: Rig) -> None:
    assert rig.send(0xF3, 33) == b"\xfa\xfe"
    assert rig.send(100) == b"\xfa"
    assert rig.send(0x01) == b"\xfe"


def test_second_bad_argument_is_an_error_and_ends_the_command(rig: Rig) -> None:
    assert rig.send(0xF3, 0x66, 0x88) == b"\xfa\xfe\xfc"
    assert rig.send(0xF4) == b"\xfa" and rig.mouse.reporting
    assert rig.send(0xF3, 0x66, 100) == b"\xfa\xfe\xfa"
    assert rig.send(0xE8, 9, 9, 0xF2) == b"\xfa\xfe\xfc\xfa\x00"


def test_resend_repeats_the_last_answer(rig: Rig) -> None:
    rig.send(0xF2)
    assert rig.send(0xFE) == b"\xfa\x00"


def test_unread_answers_are_bounded(rig: Rig) -> None:
    for _ in range(10_000):
        rig.mouse.receive(0xE9)
    assert len(rig.take()) <= BUFFER_BYTES


def test_power_on_self_test_comes_unasked(rig: Rig) -> None:
    rig.mouse.reset(ResetKind.POWER_ON)
    rig.clock.advance(SECOND_NS)
    assert rig.take() == b"\xaa\x00"


def test_load_goes_on(rig: Rig) -> None:
    rig.mouse.move(300, 0)
    saved = rig.mouse.save()
    fresh = Rig()
    fresh.mouse.load(saved)
    assert fresh.mouse.save() == saved
    assert [packet[1] for packet in fresh.packets(100)] == [255, 45]


def test_load_refuses_a_damaged_state(rig: Rig) -> None:
    with pytest.raises(StateError):
        rig.mouse.load(State(sample_rate=0))
