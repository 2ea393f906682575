"""At most one call an interval, with the last arguments."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from ui.throttle import Throttle


def test_the_first_call_is_at_once_and_the_last_of_a_burst_follows(qtbot: QtBot) -> None:
    calls: list[int] = []
    throttle = Throttle(calls.append, 40)
    for value in range(10):
        throttle(value)
    assert calls == [0]
    qtbot.waitUntil(lambda: calls == [0, 9])


def test_a_waiting_call_can_be_cancelled(qtbot: QtBot) -> None:
    calls: list[int] = []
    throttle = Throttle(calls.append, 20)
    throttle(1)
    throttle(2)
    throttle.cancel()
    qtbot.wait(50)
    assert calls == [1]
