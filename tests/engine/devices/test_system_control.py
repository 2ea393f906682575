"""Ports 61h, 92h, F0h."""

from __future__ import annotations

import itertools

import pytest

from engine.bus import Port
from engine.clock import ManualClock
from engine.devices.device import ResetKind
from engine.devices.system_control import SystemControl
from engine.devices.timer_8254 import Timer8254
from engine.irq import RecordingIrqLine


class Rig:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.timer = Timer8254(RecordingIrqLine(), self.clock)
        self.a20: list[bool] = []
        self.speaker: list[bool] = []
        self.resets = 0
        self.cleared = 0
        self.irq13 = RecordingIrqLine()
        self.control = SystemControl(
            self.timer, self.clock, self.speaker.append, self.set_a20, self.reset, self.clear, self.irq13
        )
        self.ports: dict[int, Port] = {port.offset: port for port in self.control.port_map()}

    def set_a20(self, level: bool) -> None:
        self.a20.append(level)
        self.control.a20_changed(level)

    def reset(self) -> None:
        self.resets += 1

    def clear(self) -> None:
        self.cleared += 1

    def out(self, port: int, value: int) -> None:
        write = self.ports[port].write
        assert write is not None
        write(value)

    def inp(self, port: int) -> int:
        read = self.ports[port].read
        assert read is not None
        return read()


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_port_61_gates_counter_2_and_shows_its_output(rig: Rig) -> None:
    write = rig.timer.port_map()
    assert write[3].write is not None
    assert write[2].write is not None
    rig.out(0x61, 0x01)
    assert rig.timer.gate2
    write[3].write(0xB0)  # mode 0: OUT low until the count is over
    write[2].write(0x10)
    write[2].write(0x00)
    assert not rig.inp(0x61) & 0x20
    rig.clock.advance(20_000)
    assert rig.inp(0x61) & 0x20
    rig.out(0x61, 0x00)
    assert not rig.timer.gate2


def test_port_61_reads_back_its_low_bits_only(rig: Rig) -> None:
    rig.out(0x61, 0xFF)
    assert rig.inp(0x61) & 0xCF == 0x0F


def test_refresh_bit_toggles_every_15_us(rig: Rig) -> None:
    seen = []
    for _ in range(2000):
        seen.append(rig.inp(0x61) & 0x10)
        rig.clock.advance(1000)
    changes = sum(a != b for a, b in itertools.pairwise(seen))
    assert 131 <= changes <= 134


def test_speaker_data_is_reported(rig: Rig) -> None:
    rig.out(0x61, 0x02)
    rig.out(0x61, 0x03)
    rig.out(0x61, 0x00)
    assert rig.speaker == [True, False]


def test_port_92_drives_a20_and_the_fast_reset(rig: Rig) -> None:
    assert rig.inp(0x92) & 0x02
    rig.out(0x92, 0x00)
    assert rig.a20 == [False]
    assert not rig.inp(0x92) & 0x02
    rig.out(0x92, 0x02)
    assert rig.a20 == [False, True]
    assert rig.resets == 0
    rig.out(0x92, 0x03)
    rig.out(0x92, 0x03)
    assert rig.resets == 1  # an edge


def test_port_92_shows_what_the_keyboard_controller_did(rig: Rig) -> None:
    rig.control.a20_changed(False)
    assert not rig.inp(0x92) & 0x02


def test_coprocessor_error_is_latched_until_port_f0(rig: Rig) -> None:
    rig.control.set_ferr(True)
    rig.control.set_ferr(False)
    assert rig.irq13.level
    rig.out(0xF0, 0)
    assert not rig.irq13.level
    assert rig.cleared == 1


def test_reset_opens_a20_and_stops_the_speaker(rig: Rig) -> None:
    rig.out(0x92, 0x00)
    rig.out(0x61, 0x03)
    rig.control.reset(ResetKind.BUS)
    assert rig.a20[-1]
    assert not rig.timer.gate2
    assert not rig.speaker[-1]


def test_load_drives_every_wire(rig: Rig) -> None:
    rig.out(0x92, 0x00)
    rig.out(0x61, 0x03)
    rig.control.set_ferr(True)
    fresh = Rig()
    fresh.control.load(rig.control.save())
    assert fresh.a20 == [False]
    assert fresh.speaker == [True]
    assert fresh.timer.gate2
    assert fresh.irq13.level
    assert fresh.control.save() == rig.control.save()
