"""INT 15h: memory, waits, A20, mouse, power."""

from __future__ import annotations

import itertools
import struct

import pytest

from engine.firmware.memory_map import RESERVED, USABLE, memory_map
from tests.engine.firmware.fake_board import Bios


def test_memory_sizes() -> None:
    bios = Bios(memory_bytes=32 << 20)
    assert bios.call(0x15, eax=0x8800).ax == 31 * 1024
    result = bios.call(0x15, eax=0xE801)
    assert result.ax == result.cx == 15 * 1024 and result.bx == result.dx == 16 * 16


def test_conventional_memory_ends_at_the_ebda(bios: Bios) -> None:
    assert bios.call(0x12).ax == 639
    assert bios.word(0x413) == 639 and bios.word(0x40E) == 0x9FC0 and bios.byte(0x9FC00) == 1


def test_address_map_is_complete_and_in_order(bios: Bios) -> None:
    ranges = []
    index = 0
    while True:
        result = bios.call(0x15, eax=0xE820, ebx=index, ecx=20, edx=0x534D4150, es=0x500, edi=0)
        assert not result.carry and result.eax == 0x534D4150 and result.ecx == 20
        ranges.append(struct.unpack("<QQI", bios.read(0x5000, 20)))
        index = result.ebx
        if index == 0:
            break
    assert ranges[0] == (0, 0x9FC00, USABLE)
    assert (1 << 20, 3 << 20, USABLE) in ranges
    assert all(a[0] + a[1] <= b[0] for a, b in itertools.pairwise(ranges))


def test_address_map_refuses_a_wrong_signature(bios: Bios) -> None:
    result = bios.call(0x15, eax=0xE820, ecx=20, edx=0)
    assert result.carry and result.ah == 0x86


def test_map_of_one_megabyte_has_no_extended_memory() -> None:
    assert all(item.base < 1 << 20 or item.kind == RESERVED for item in memory_map(1 << 20))


def test_block_move(bios: Bios) -> None:
    table = bytearray(0x30)
    for at, base in ((0x10, 0x20000), (0x18, 0x150000)):
        table[at : at + 8] = struct.pack("<HHBBBB", 0xFFFF, base & 0xFFFF, base >> 16, 0x93, 0, 0)
    bios.write(0x5000, bytes(table))
    bios.write(0x20000, b"moved up!!")
    result = bios.call(0x15, eax=0x8700, ecx=5, es=0x500, esi=0)
    assert not result.carry and result.ah == 0
    assert bios.read(0x150000, 10) == b"moved up!!"


def test_block_move_opens_a20_meanwhile(bios: Bios) -> None:
    bios.memory.a20 = False
    bios.write(0x5000, bytes(0x30))
    bios.call(0x15, eax=0x8700, ecx=1, es=0x500, esi=0)
    assert not bios.memory.a20


def test_a20_functions(bios: Bios) -> None:
    bios.call(0x15, eax=0x2400)
    assert bios.call(0x15, eax=0x2402).al == 0
    bios.call(0x15, eax=0x2401)
    assert bios.memory.a20 and bios.call(0x15, eax=0x2402).al == 1
    assert bios.call(0x15, eax=0x2403).bx == 3


def test_configuration_table(bios: Bios) -> None:
    result = bios.call(0x15, eax=0xC000)
    assert not result.carry
    table = bios.read(result.es * 16 + result.bx, 10)
    assert int.from_bytes(table[:2], "little") == 8 and table[2] == 0xFC and table[5] & 0x10
    assert bios.call(0x15, eax=0xC100).es == 0x9FC0


def test_unknown_functions_say_so(bios: Bios) -> None:
    result = bios.call(0x15, eax=0xD800)
    assert result.carry and result.ah == 0x86


def test_wait_lasts_as_long_as_asked(bios: Bios) -> None:
    before_ns = bios.clock.now_ns
    result = bios.call(0x15, eax=0x8600, ecx=0x0003, edx=0x0D40)  # 200,000 microseconds
    assert not result.carry and result.waits
    assert bios.clock.now_ns - before_ns >= 200_000_000
    assert not bios.byte(0x4A0) & 1
    assert not bios.cmos.cells[0x0B] & 0x40


def test_event_wait_sets_the_flag(bios: Bios) -> None:
    assert not bios.call(0x15, eax=0x8300, ecx=0, edx=2000, es=0x500, ebx=7).carry
    assert bios.call(0x15, eax=0x8300, ecx=0, edx=2000, es=0x500, ebx=7).carry  # busy
    for _ in range(3):
        assert not bios.byte(0x5007) & 0x80
        result = bios.call(0x70, ebx=0x4000 | 0x40)
    assert bios.byte(0x5007) & 0x80
    assert result.al & 2 and not result.bh & 0x40


def test_alarm_interrupt_asks_for_int_4a(bios: Bios) -> None:
    assert bios.call(0x70, ebx=0x2000 | 0x20).al == 1
    assert bios.call(0x70, ebx=0x0000 | 0x20).al == 0  # not enabled


# -- Mouse -------------------------------------------------------------------------------------------------------


def talk(bios: Bios, answers: list[int], **registers: int):  # type: ignore[no-untyped-def]
    """A C2h call with a mouse that answers by INT 74h at each halt."""
    bios.bus.writes.clear()
    result = bios.call(0x15, most_waits=0, **registers)
    pending = list(answers)
    while result.waits:
        if pending:
            bios.call(0x74, eax=0x2100 | pending.pop(0))
        else:
            bios.clock.advance(2_100_000_000)
        result = bios.call(result.service, most_waits=0, **{
            name: value for name, value in result.values.items() if name not in ("service", "flags", "ip", "cs")
        })  # fmt: skip
    return result


def sent(bios: Bios) -> list[int]:
    writes = bios.bus.writes
    return [
        value
        for (port, value), before in zip(writes[1:], writes, strict=False)
        if port == 0x60 and before == (0x64, 0xD4)
    ]


def test_mouse_reset(bios: Bios) -> None:
    result = talk(bios, [0xFA, 0xAA, 0x00], eax=0xC201)
    assert not result.carry and result.ah == 0 and result.bl == 0xAA and result.bh == 0
    assert sent(bios) == [0xFF]


def test_mouse_sample_rate_is_two_bytes(bios: Bios) -> None:
    assert not talk(bios, [0xFA, 0xFA], eax=0xC202, ebx=0x0500).carry
    assert sent(bios) == [0xF3, 100]
    assert talk(bios, [], eax=0xC202, ebx=0x0700).ah == 2


def test_mouse_that_is_silent_is_an_error(bios: Bios) -> None:
    result = talk(bios, [], eax=0xC204)
    assert result.carry and result.ah == 3


def test_mouse_needs_a_handler(bios: Bios) -> None:
    assert talk(bios, [], eax=0xC200, ebx=0x0100).ah == 5


@pytest.mark.parametrize("size", [3, 4])
def test_mouse_packets_reach_the_handler(bios: Bios, size: int) -> None:
    talk(bios, [0xFA, 0xAA, 0x00], eax=0xC205, ebx=size << 8)
    talk(bios, [], eax=0xC207, es=0x1234, ebx=0x5678)
    talk(bios, [0xFA], eax=0xC200, ebx=0x0100)
    assert bios.call(0x74, eax=0x2100 | 0x00).al == 0  # not the start of a packet
    packet = [0x09, 0x05, 0xFB, 0x01][:size]
    results = [bios.call(0x74, eax=0x2100 | value) for value in packet]
    assert [result.al for result in results] == [0] * (size - 1) + [1]
    last = results[-1]
    assert (last.es, last.di) == (0x1234, 0x5678)
    assert (last.bx, last.cx, last.dx) == (0x09, 0x05, 0xFB)
    assert last.si == (1 if size == 4 else 0)


# -- Power -------------------------------------------------------------------------------------------------------


def test_apm(bios: Bios) -> None:
    result = bios.call(0x15, eax=0x5300)
    assert not result.carry and result.bx == 0x504D and result.ax == 0x0102 and result.cx & 3 == 3
    assert bios.call(0x15, eax=0x5305).waits == 1
    bios.call(0x15, eax=0x5307, ebx=1, ecx=3)
    assert bios.offs == 1
    assert bios.call(0x15, eax=0x530B).ah == 0x80
