"""The mouse of scripts and windows."""

from __future__ import annotations

import pytest

from engine.clock import MILLISECOND_NS, ManualClock
from engine.console.mouse import Mouse
from engine.devices.ps2_mouse import Ps2Mouse


class Sink:
    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def move(self, dx: int, dy: int, wheel: int) -> None:
        self.events.append(("move", dx, dy, wheel))

    def buttons(self, mask: int) -> None:
        self.events.append(("buttons", mask))


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def mouse(sink: Sink) -> Mouse:
    return Mouse(sink, lambda work: work())


def test_down_on_the_screen_is_negative_in_packets(mouse: Mouse, sink: Sink) -> None:
    mouse.move(3, 4)
    mouse.wheel(1)
    assert sink.events == [("move", 3, -4, 0), ("move", 0, 0, 1)]


def test_buttons_are_held_together(mouse: Mouse, sink: Sink) -> None:
    mouse.press("left")
    mouse.press("right")
    mouse.release("left")
    mouse.release_all()
    assert sink.events == [("buttons", 1), ("buttons", 3), ("buttons", 2), ("buttons", 0)]


def test_unknown_button_is_named(mouse: Mouse) -> None:
    with pytest.raises(ValueError, match="pinky"):
        mouse.click("pinky")


def test_a_click_reaches_the_guest_as_press_and_release() -> None:
    clock = ManualClock()
    device = Ps2Mouse(clock)
    device.receive(0xF4)
    device.next_byte()
    Mouse(device, lambda work: work()).click()
    packets = []
    for _ in range(10):
        clock.advance(10 * MILLISECOND_NS)
        if device.has_data:
            packets.append([device.next_byte() for _ in range(3)])
    assert [packet[0] for packet in packets] == [0x09, 0x08]
