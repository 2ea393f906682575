"""Jumps from page to page while what lies there changes: by the page tables, and from address space to address space."""

from __future__ import annotations

import struct

import pytest

from tests.core.paging_code import FLUSH, LOAD_CR3, PAGES, PAGING, PRESENT, TABLE, flush_page, load_cr3, store
from tests.core.protected_rig import CODE, PAGE_DIRECTORY, STACK, ProtectedRig

FIRST = 0x200000  # where the pages lie, one for each version of the code
TIMES = 40
RETURN = b"\xc3"
CALL, JUMP, JUMP_IF_NOT_ZERO = b"\xe8", b"\xe9", b"\x0f\x85"


def add(value: int) -> bytes:
    return b"\x81\xc3" + struct.pack("<I", value)  # add ebx


class Program:
    """A guest program that goes to PAGES and comes back, by a call or by a jump: one instruction, always the same."""

    _LOOP = CODE + 5

    def __init__(self, way: bytes) -> None:
        loop = b""
        if way != CALL:
            # The code there ends by a RET, whichever way it was reached.
            back = self._LOOP + 5 + 2 + len(way) + 4
            loop += b"\x68" + struct.pack("<I", back) + b"\x85\xf6"  # push; test esi, esi
        loop += way
        loop += struct.pack("<i", PAGES - (self._LOOP + len(loop) + 4))
        loop += b"\x4e"  # dec esi
        loop += b"\x0f\x85" + struct.pack("<i", -len(loop) - 6)  # jnz
        loop += RETURN
        self.code = JUMP + struct.pack("<i", len(loop)) + loop

    def go_there(self, times: int) -> None:
        self.code += b"\xbe" + struct.pack("<I", times)  # mov esi
        self.code += CALL + struct.pack("<i", self._LOOP - (CODE + len(self.code) + 5))

    def run(self, rig: ProtectedRig) -> int:
        assert len(self.code) < STACK - CODE
        stop = rig.run(self.code, instructions=400_000, ebx=0, cr0=PAGING)
        assert stop.vector is None and stop["halted"]
        return stop["ebx"]


WAYS = pytest.mark.parametrize("way", [CALL, JUMP, JUMP_IF_NOT_ZERO], ids=["call", "jmp", "jnz"])


@WAYS
@pytest.mark.parametrize("flush", [FLUSH, flush_page(PAGES)], ids=["cr3", "invlpg"])
def test_other_code_after_the_page_was_mapped_anew(way: bytes, flush: bytes) -> None:
    rig = ProtectedRig()
    versions = 20  # a jump that leads to so many is given up
    for number in range(versions):
        rig.memory.write(FIRST + number * 0x1000, add(1 << number) + RETURN)
    rig.map_pages([FIRST | PRESENT])
    program = Program(way)
    expected = 0
    for number in [*range(versions), 0, 1, 0, 1]:
        program.code += store(TABLE, FIRST + number * 0x1000 | PRESENT) + flush
        program.go_there(TIMES)
        expected += TIMES << number
    assert program.run(rig) == expected & 0xFFFFFFFF


@WAYS
@pytest.mark.parametrize("spaces", [2, 7, 80])
def test_each_address_space_has_its_own_code_there(way: bytes, spaces: int) -> None:
    rig = ProtectedRig()
    rig.map_pages([])
    directories = [0x60000 + number * 0x2000 for number in range(spaces)]
    pages = [FIRST + number * 0x1000 for number in range(spaces)]
    for number, (directory, page) in enumerate(zip(directories, pages, strict=True)):
        rig.write32(directory, PAGE_DIRECTORY + 0x1007, directory + 0x1007)
        rig.write32(directory + 0x1000, page | PRESENT)
        rig.memory.write(page, add(number + 1) + RETURN)
    # One loop, at one place, in all address spaces in turns: EDI is their number, from a table of directories.
    table = 0x50000
    rig.write32(table, *directories)
    program = Program(way)
    rounds = 60
    program.code += b"\xbd" + struct.pack("<I", rounds)  # mov ebp
    outer = len(program.code)
    program.code += b"\x31\xff"  # xor edi, edi
    inner = len(program.code)
    program.code += b"\x8b\x04\xbd" + struct.pack("<I", table) + LOAD_CR3  # mov eax, [table + edi * 4]
    program.go_there(3)
    program.code += b"\x47\x81\xff" + struct.pack("<I", spaces)  # inc edi; cmp edi
    program.code += b"\x0f\x82" + struct.pack("<i", inner - len(program.code) - 6)  # jb
    program.code += b"\x4d\x0f\x85" + struct.pack("<i", outer - len(program.code) - 7)  # dec ebp; jnz
    assert program.run(rig) == rounds * 3 * sum(range(1, spaces + 1))


@WAYS
def test_code_there_that_changes_while_several_address_spaces_share_it(way: bytes) -> None:
    rig = ProtectedRig()
    rig.map_pages([])
    directories = [0x60000, 0x62000]
    for directory in directories:
        rig.write32(directory, PAGE_DIRECTORY + 0x1007, directory + 0x1007)
        rig.write32(directory + 0x1000, FIRST | PRESENT)
    rig.memory.write(FIRST, add(1) + RETURN)
    program = Program(way)
    expected = 0
    for value in (1, 2, 5):
        program.code += store(FIRST + 2, value)
        for directory in directories * 2:
            program.code += load_cr3(directory)
            program.go_there(TIMES)
            expected += TIMES * value
    assert program.run(rig) == expected
