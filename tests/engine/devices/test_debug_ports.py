"""Port E9h and the POST codes."""

from __future__ import annotations

from engine._core import Bus, PhysicalMemory
from engine.board_bus import attach
from engine.bus import Port
from engine.devices.debug_ports import HISTORY_CODES, DebugPorts


def test_console_reads_e9_and_hands_bytes_on() -> None:
    received = bytearray()
    post, console = DebugPorts(received.extend).port_map()
    assert isinstance(console, Port)
    assert console.read is not None and console.read() == 0xE9
    assert console.write is not None and console.write_block is not None
    console.write(0x41)
    console.write_block(b"BC")
    assert received == b"ABC"
    assert post.offset == 0x80


def test_console_without_a_sink_swallows() -> None:
    console = DebugPorts().port_map()[1]
    assert isinstance(console, Port)
    assert console.write is not None
    console.write(0x41)


def test_post_codes_are_remembered_without_repetitions_and_bounded() -> None:
    ports = DebugPorts()
    bus = Bus(PhysicalMemory(4096, 0))
    attach(bus, ports, 0, "debug ports")
    for code in (1, 1, 2, 2, 2, 3):
        bus.port_write(0x80, code, 1)
    assert ports.post_codes == (1, 2, 3)
    assert bus.port_read(0x80, 1) == 3
    for code in range(10_000):
        bus.port_write(0x80, code & 0xFF, 1)
    assert len(ports.post_codes) <= HISTORY_CODES
    assert ports.post_codes[-1] == 9999 & 0xFF


def test_load_keeps_the_history() -> None:
    ports = DebugPorts()
    bus = Bus(PhysicalMemory(4096, 0))
    attach(bus, ports, 0, "debug ports")
    bus.port_write(0x80, 7, 1)
    fresh = DebugPorts()
    fresh.load(ports.save())
    assert fresh.save() == ports.save()
    assert fresh.post_code == 7
