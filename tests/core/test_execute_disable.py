"""The execute-disable bit (SDM vol. 3, 4.6 and 4.7) and its switch in IA32_EFER."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import CODE, CODE3, DATA3, GP, PAGE_DIRECTORY, PF, SCRATCH, ProtectedRig, iret_to, mov_eax

WINDOW, TARGET = 0x400000, 0x200000
P, RW, US, PS, XD = 1, 2, 4, 0x80, 1 << 63
PRESENT, USER, RESERVED, FETCH = 1, 4, 8, 16
PAE, PAGING = 0x20, 0x80000011
EFER, NXE = 0xC0000080, 0x800
RDMSR, WRMSR = b"\x0f\x32", b"\x0f\x30"


def write_efer(value: int) -> bytes:
    return b"\xb9" + struct.pack("<I", EFER) + b"\x31\xd2" + mov_eax(value) + WRMSR


ENABLE_PAE = b"\x0f\x20\xd8\x0f\x22\xd8" + mov_eax(PAGING) + b"\x0f\x22\xc0"
CALL_WINDOW = b"\xbb" + struct.pack("<I", WINDOW) + b"\xff\xd3"


class NxRig(ProtectedRig):
    """2 MiB one to one for all, and one 4 KiB page at WINDOW with INC ESI; RET in it."""

    def __init__(self, pte: int, pde: int = P | RW | US) -> None:
        super().__init__("host-like")
        directory, table = PAGE_DIRECTORY + 0x1000, PAGE_DIRECTORY + 0x2000
        self.memory.write(PAGE_DIRECTORY, struct.pack("<4Q", directory | P, 0, 0, 0))
        lowest = 0 | P | RW | US | PS
        entry = pde | (TARGET if pde & PS else table)
        self.memory.write(directory, struct.pack("<4Q", lowest, 0, entry, 0))
        self.memory.write(table, struct.pack("<Q", pte))
        self.memory.write(TARGET, b"\x46\xc3")


def test_fetches_from_a_page_with_the_bit_fault() -> None:
    for rig in (NxRig(TARGET | P | XD), NxRig(TARGET | P, P | RW | XD), NxRig(0, P | RW | PS | XD)):
        code = write_efer(NXE) + ENABLE_PAE + b"\xa1" + struct.pack("<I", WINDOW) + CALL_WINDOW
        stop = rig.run(code, cr4=PAE, esi=0)
        assert (stop.vector, stop.error, stop["cr2"], stop["esi"]) == (PF, PRESENT | FETCH, WINDOW, 0)
        assert stop["eax"] & 0xFFFF == 0xC346, "data could be read"


def test_pages_without_the_bit_are_executed() -> None:
    assert NxRig(TARGET | P).run(write_efer(NXE) + ENABLE_PAE + CALL_WINDOW, cr4=PAE, esi=0)["esi"] == 1


def test_a_user_fetch_says_so() -> None:
    rig = NxRig(TARGET | P | US | XD)
    prefix = write_efer(NXE) + ENABLE_PAE
    jump = iret_to(CODE3, WINDOW, 2, SCRATCH, DATA3)
    stop = rig.run(prefix + jump, cr4=PAE)
    assert (stop.vector, stop.error) == (PF, PRESENT | USER | FETCH)


@pytest.mark.parametrize(("efer", "error"), [(NXE, FETCH), (0, 0)])
def test_fetches_from_absent_pages_are_told_apart_with_nxe_alone(efer: int, error: int) -> None:
    stop = NxRig(0).run(write_efer(efer) + ENABLE_PAE + CALL_WINDOW, cr4=PAE)
    assert (stop.vector, stop.error) == (PF, error)


def test_without_nxe_the_bit_is_reserved() -> None:
    read = b"\xa1" + struct.pack("<I", WINDOW)
    stop = NxRig(TARGET | P | XD).run(ENABLE_PAE + read, cr4=PAE)
    assert (stop.vector, stop.error) == (PF, PRESENT | RESERVED)


def test_switching_it_takes_effect_at_once() -> None:
    rig = NxRig(TARGET | P | XD)
    code = write_efer(NXE) + ENABLE_PAE + b"\xa1" + struct.pack("<I", WINDOW) + write_efer(0)
    stop = rig.run(code + b"\xa1" + struct.pack("<I", WINDOW), cr4=PAE)
    assert (stop.vector, stop.error) == (PF, PRESENT | RESERVED)


def test_efer_has_no_other_bits() -> None:
    rig = ProtectedRig("host-like")
    stop = rig.run(write_efer(NXE) + b"\x31\xc0" + RDMSR)
    assert (stop.vector, stop["eax"], stop["edx"]) == (None, NXE, 0)
    for bit in (0, 8, 10, 12):
        assert rig.run(write_efer(1 << bit)).vector == GP
    assert ProtectedRig("pentium-4").run(write_efer(0)).vector == GP
    assert stop["eip"] > CODE
