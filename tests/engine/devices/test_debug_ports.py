"""Port E9h and the POST codes."""

from __future__ import annotations

from engine.devices.debug_ports import HISTORY_CODES, DebugPorts


def test_console_reads_e9_and_hands_bytes_on() -> None:
    received = bytearray()
    post, console = DebugPorts(received.extend).port_map()
    assert console.read is not None and console.read() == 0xE9
    assert console.write is not None and console.write_block is not None
    console.write(0x41)
    console.write_block(b"BC")
    assert received == b"ABC"
    assert post.offset == 0x80


def test_console_without_a_sink_swallows() -> None:
    console = DebugPorts().port_map()[1]
    assert console.write is not None
    console.write(0x41)


def test_post_codes_are_remembered_without_repetitions_and_bounded() -> None:
    ports = DebugPorts()
    for code in (1, 1, 2, 2, 2, 3):
        ports.write_post_code(code)
    assert ports.post_codes == (1, 2, 3)
    assert ports.read_post_code() == 3
    for code in range(10_000):
        ports.write_post_code(code & 0xFF)
    assert len(ports.post_codes) <= HISTORY_CODES
    assert ports.post_codes[-1] == 9999 & 0xFF


def test_load_keeps_the_history() -> None:
    ports = DebugPorts()
    ports.write_post_code(7)
    fresh = DebugPorts()
    fresh.load(ports.save())
    assert fresh.save() == ports.save()
    assert fresh.post_code == 7
