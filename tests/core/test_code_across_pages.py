"""An instruction whose bytes lie in two pages: it follows every change of either page and of the mapping."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import PAGE_DIRECTORY, PF, ProtectedRig

WINDOW = 0x400000  # linear address of the pages
FIRST, SECOND, THIRD = 0x200000, 0x201000, 0x202000  # where they lie
PRESENT, PAGING = 3, 0x80000011
ACROSS = 0xFFE  # MOV EAX, 44332211h begins here: the opcode and 11h are in the first page
TIMES = 100


@pytest.fixture
def rig() -> ProtectedRig:
    rig = ProtectedRig()
    rig.memory.write(FIRST + ACROSS, b"\xb8\x11")
    rig.memory.write(SECOND, b"\x22\x33\x44\xc3")
    rig.memory.write(THIRD, b"\x22\x33\x55\xc3")
    rig.map_pages([FIRST | PRESENT, SECOND | PRESENT, FIRST | PRESENT, THIRD | PRESENT])
    return rig


def call(address: int = WINDOW + ACROSS) -> bytes:
    """Adds what the function returns to EBX."""
    return b"\xb9" + struct.pack("<I", address) + b"\xff\xd1\x01\xc3"  # mov ecx; call ecx; add ebx, eax


def repeated(code: bytes) -> bytes:
    body = code + b"\x4e"  # dec esi
    return b"\xbe" + struct.pack("<I", TIMES) + body + b"\x0f\x85" + struct.pack("<i", -len(body) - 6)


def store_byte(address: int, value: int) -> bytes:
    return b"\xc6\x05" + struct.pack("<IB", address, value)


def total(rig: ProtectedRig, code: bytes) -> int:
    stop = rig.run(code, instructions=10_000, ebx=0, cr0=PAGING)
    assert stop.vector is None and stop["halted"]
    return stop["ebx"]


def test_it_runs_again_and_again(rig: ProtectedRig) -> None:
    assert total(rig, repeated(call())) == TIMES * 0x44332211 & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("address", "changed"), [(FIRST + 0xFFF, 0x443322EE), (SECOND, 0x4433EE11), (SECOND + 2, 0xEE332211)]
)
def test_a_store_to_either_page_is_seen_at_once(rig: ProtectedRig, address: int, changed: int) -> None:
    code = repeated(call()) + store_byte(address, 0xEE) + repeated(call())
    assert total(rig, code) == TIMES * (0x44332211 + changed) & 0xFFFFFFFF


def test_stores_in_turn_to_both_pages_are_seen(rig: ProtectedRig) -> None:
    both = b"\x89\x35" + struct.pack("<I", FIRST + 0xFFF)  # mov [first], esi: a byte of it is in each page
    assert total(rig, repeated(b"\x90" + store_byte(SECOND, 0) + call())) == TIMES * 0x44330011 & 0xFFFFFFFF
    counted = sum(0x44000000 | count for count in range(1, TIMES + 1))
    assert total(rig, repeated(both + store_byte(SECOND + 2, 0x44) + store_byte(SECOND + 3, 0xC3) + call())) == (
        counted & 0xFFFFFFFF
    )


def test_another_second_page_is_seen_after_the_flush(rig: ProtectedRig) -> None:
    remap = b"\xc7\x05" + struct.pack("<II", PAGE_DIRECTORY + 0x2004, THIRD | PRESENT)
    invlpg = b"\x0f\x01\x3d" + struct.pack("<I", WINDOW + 0x1000)
    code = repeated(call()) + remap + invlpg + repeated(call())
    assert total(rig, code) == TIMES * (0x44332211 + 0x55332211) & 0xFFFFFFFF


def test_one_first_page_with_two_second_pages(rig: ProtectedRig) -> None:
    code = repeated(call() + call(WINDOW + 0x2000 + ACROSS))
    assert total(rig, code) == TIMES * (0x44332211 + 0x55332211) & 0xFFFFFFFF


def test_a_page_that_goes_on_in_itself(rig: ProtectedRig) -> None:
    rig.memory.write(FIRST, b"\x66\x77\x88\xc3")
    rig.map_pages([FIRST | PRESENT, FIRST | PRESENT])
    code = repeated(call()) + store_byte(FIRST + 2, 0x99) + repeated(call())
    assert total(rig, code) == TIMES * (0x88776611 + 0x99776611) & 0xFFFFFFFF


def test_a_missing_second_page_faults_at_its_start(rig: ProtectedRig) -> None:
    code = repeated(call()) + b"\xc7\x05" + struct.pack("<II", PAGE_DIRECTORY + 0x2004, 0)
    code += b"\x0f\x01\x3d" + struct.pack("<I", WINDOW + 0x1000) + call()
    stop = rig.run(code, instructions=10_000, ebx=0, cr0=PAGING)
    assert (stop.vector, stop["cr2"], stop.frame[0]) == (PF, WINDOW + 0x1000, WINDOW + ACROSS)


def test_a_near_jump_into_it_from_its_own_page(rig: ProtectedRig) -> None:
    # JMP to the instruction that goes on in another page, in both mappings of the first page.
    rig.memory.write(FIRST + 0xF00, b"\xe9" + struct.pack("<i", ACROSS - 0xF05))
    code = repeated(call(WINDOW + 0xF00) + call(WINDOW + 0x2F00))
    assert total(rig, code) == TIMES * (0x44332211 + 0x55332211) & 0xFFFFFFFF
