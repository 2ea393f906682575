"""Events cross from the machine's thread to the window's: queued, in order, lights and frames coalesced."""

from __future__ import annotations

import threading

from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from engine.events import Activity, FrameReady, MediumChanged, Notice, PowerChanged, PowerState
from ui.engine_bridge import EngineBridge


def on_another_thread(bridge: EngineBridge, *events: object) -> None:
    thread = threading.Thread(target=lambda: [bridge.receive(event) for event in events])  # type: ignore[arg-type]
    thread.start()
    thread.join()


def test_events_arrive_on_the_gui_thread_in_order(qtbot: QtBot) -> None:
    bridge = EngineBridge()
    heard: list[object] = []
    threads = set()

    def hear(event: object) -> None:
        heard.append(event)
        threads.add(QThread.currentThread())

    for signal in (bridge.power_changed, bridge.medium_changed, bridge.notice):
        signal.connect(hear)
    events = [
        PowerChanged(PowerState.RUNNING),
        MediumChanged("floppy0", "a.img"),
        Notice("read-only"),
        PowerChanged(PowerState.OFF, "powered off"),
    ]
    on_another_thread(bridge, *events)
    assert heard == [], "nothing is delivered on the machine's thread"
    qtbot.waitUntil(lambda: heard == events)
    assert threads == {bridge.thread()}


def test_a_flood_of_frames_and_lights_is_one_delivery(qtbot: QtBot) -> None:
    bridge = EngineBridge()
    frames, lights = [], []
    bridge.frame_ready.connect(lambda: frames.append(1))
    bridge.activity.connect(lights.append)
    flood = [FrameReady(generation) for generation in range(500)]
    flood += [Activity("disk0", writing=index % 2 == 0) for index in range(500)]  # type: ignore[misc]
    on_another_thread(bridge, *flood)
    qtbot.waitUntil(lambda: len(lights) == 2)
    qtbot.wait(20)
    assert len(frames) == 1
    assert sorted(light.writing for light in lights) == [False, True]


def test_nothing_is_delivered_after_closing(qtbot: QtBot) -> None:
    bridge = EngineBridge()
    with qtbot.assertNotEmitted(bridge.notice, wait=30):
        on_another_thread(bridge, Notice("late"))
        bridge.close()
