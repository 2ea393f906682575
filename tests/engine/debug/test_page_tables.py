"""Ranges from tables that the test writes."""

from __future__ import annotations

import struct

from engine.debug.page_tables import Range, ranges

P, W, U, LARGE = 1, 2, 4, 128
PAGING, PSE, PAE = 1 << 31, 1 << 4, 1 << 5


class Memory:
    def __init__(self) -> None:
        self._bytes = bytearray(0x40000)

    def put(self, address: int, entry: int, size: int = 4) -> None:
        struct.pack_into("<I" if size == 4 else "<Q", self._bytes, address, entry)

    def read(self, address: int, length: int) -> bytes:
        return bytes(self._bytes[address : address + length]).ljust(length, b"\xff")


def registers(cr4: int = 0, cr0: int = PAGING | 1) -> dict[str, int]:
    return {"cr0": cr0, "cr3": 0x1000, "cr4": cr4}


def test_pages_that_follow_each_other_are_one_range() -> None:
    memory = Memory()
    memory.put(0x1000, 0x2000 | P | W | U)
    for number in range(4):
        memory.put(0x2000 + number * 4, 0x10000 + number * 0x1000 | P | W | U)
    memory.put(0x2010, 0x14000 | P | U)  # read-only
    memory.put(0x2018, 0x15000 | P | W)  # a hole before it; the kernel's
    assert ranges(memory.read, registers()) == [
        Range(0, 0x4000, 0x10000, True, True),
        Range(0x4000, 0x1000, 0x14000, False, True),
        Range(0x6000, 0x1000, 0x15000, True, False),
    ]


def test_the_directorys_rights_hold_for_its_pages() -> None:
    memory = Memory()
    memory.put(0x1000, 0x2000 | P)
    memory.put(0x2000, 0x10000 | P | W | U)
    assert ranges(memory.read, registers()) == [Range(0, 0x1000, 0x10000, False, False)]


def test_large_pages_and_tables_that_go_on() -> None:
    memory = Memory()
    memory.put(0x1000 + 768 * 4, 0 | P | W | LARGE)
    memory.put(0x1000 + 769 * 4, 0x400000 | P | W | LARGE)
    assert ranges(memory.read, registers(PSE)) == [Range(0xC0000000, 0x800000, 0, True, False)]
    # Without CR4.PSE the bit means nothing, and the entry leads to a table.
    assert ranges(memory.read, registers())[0].linear >= 0xC0000000


def test_pae() -> None:
    memory = Memory()
    memory.put(0x1000 + 3 * 8, 0x3000 | P, 8)
    memory.put(0x3000, 0x4000 | P | W | U, 8)
    memory.put(0x3008, 0x200000 | P | W | LARGE, 8)
    memory.put(0x4000 + 511 * 8, 0x10000 | P | W | U, 8)
    assert ranges(memory.read, registers(PAE)) == [
        Range(0xC01FF000, 0x1000, 0x10000, True, True),
        Range(0xC0200000, 0x200000, 0x200000, True, False),
    ]


def test_without_paging_nothing_is_mapped_and_there_is_an_end() -> None:
    memory = Memory()
    assert ranges(memory.read, registers(cr0=1)) == []
    for number in range(1024):
        memory.put(0x1000 + number * 4, 0x2000 | P | W)
    for number in range(0, 1024, 2):
        memory.put(0x2000 + number * 4, 0x10000 | P | W)
    assert len(ranges(memory.read, registers(), 100)) == 100
