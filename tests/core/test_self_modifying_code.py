"""Code that changes: the new bytes are executed from the very next instruction on, as on real processors (SDM vol. 3,
8.1.3 and 11.6), in code that runs so often that it is kept decoded and translated."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import CODE, SCRATCH, ProtectedRig

TIMES = 300
FAR = SCRATCH + 0x800  # another page


@pytest.fixture
def rig() -> ProtectedRig:
    return ProtectedRig()


def repeated(body: bytes) -> bytes:
    """ESI counts down from TIMES; the loop's body begins at CODE + 5."""
    body += b"\x4e"  # dec esi
    return b"\xbe" + struct.pack("<I", TIMES) + body + b"\x0f\x85" + struct.pack("<i", -len(body) - 6)


def mov_byte(address: int, value: int) -> bytes:
    return b"\xc6\x05" + struct.pack("<IB", address, value)


def mov_from_esi(address: int) -> bytes:
    return b"\x89\x35" + struct.pack("<I", address)


ADD_EBX = b"\x81\xc3"  # add ebx, imm32
BODY = CODE + 5
SUM = sum(range(1, TIMES + 1))


def ebx(rig: ProtectedRig, code: bytes) -> int:
    stop = rig.run(code, instructions=20_000, ebx=0)
    assert stop.vector is None and stop["halted"]
    return stop["ebx"]


def test_the_next_instruction_of_the_same_block(rig: ProtectedRig) -> None:
    store = mov_from_esi(BODY + 6 + 2)
    assert ebx(rig, repeated(store + ADD_EBX + bytes(4))) == SUM


def test_an_instruction_before_it_in_the_same_block(rig: ProtectedRig) -> None:
    # What is stored is added in the next round: TIMES itself is not, and 0 is added first.
    assert ebx(rig, repeated(ADD_EBX + bytes(4) + mov_from_esi(BODY + 2))) == SUM - 1


def test_the_store_itself(rig: ProtectedRig) -> None:
    # The store's own immediate: each round stores what the round before left in it, and leaves one more.
    store = b"\xc6\x05" + struct.pack("<IB", FAR, 0)
    grow = b"\xfe\x05" + struct.pack("<I", BODY + 6)  # inc byte [the immediate]
    assert ebx(rig, repeated(store + grow + b"\x0f\xb6\x05" + struct.pack("<I", FAR) + b"\x01\xc3")) == sum(
        count & 0xFF for count in range(TIMES)
    )


def test_a_repeated_store_over_what_comes_next(rig: ProtectedRig) -> None:
    """REP STOSB writes four INC EBX and four NOP in turn, right behind itself."""
    inc, nop = 0x43, 0x90
    before = b"\x80\xf2" + bytes([inc ^ nop]) + b"\x88\xd0" + b"\xb9\x04\0\0\0"  # xor dl, ..; mov al, dl; mov ecx, 4
    at = BODY + len(before) + 5 + 2
    body = before + b"\xbf" + struct.pack("<I", at) + b"\xf3\xaa" + bytes([nop] * 4)
    stop = rig.run(repeated(body), instructions=20_000, ebx=0, edx=nop)
    assert stop["halted"] and stop["ebx"] == 4 * TIMES // 2


def test_a_function_in_another_page(rig: ProtectedRig) -> None:
    rig.memory.write(FAR, ADD_EBX + bytes(4) + b"\xc3")
    call = b"\xb9" + struct.pack("<I", FAR) + b"\xff\xd1"
    assert ebx(rig, repeated(mov_from_esi(FAR + 2) + call)) == SUM


def test_memory_that_changes_from_outside(rig: ProtectedRig) -> None:
    """As DMA does."""
    code = repeated(b"\x43")  # inc ebx
    assert ebx(rig, code) == TIMES
    for opcode, added in ((b"\x4b", -TIMES), (b"\x90", 0), (b"\x43", TIMES)):
        rig.memory.write(BODY, opcode)
        stop = rig.run(code[:5] + opcode + code[6:], instructions=20_000, ebx=0)
        assert stop["ebx"] == added & 0xFFFFFFFF


def test_a_change_in_the_middle_of_a_run_from_outside(rig: ProtectedRig) -> None:
    code = repeated(b"\x43")
    rig.run(code, instructions=1 + 3 * 100, ebx=0)
    rig.memory.write(BODY, b"\x4b")
    rig.cpu.run_for(10_000)
    assert rig.cpu.registers()["ebx"] == (100 - (TIMES - 100)) & 0xFFFFFFFF


def test_bytes_beside_the_code_are_data(rig: ProtectedRig) -> None:
    """Stores to the page of the code that touch none of its instructions change nothing."""
    assert ebx(rig, repeated(b"\x01\xf3" + mov_from_esi(CODE + 0x800) + mov_byte(CODE + 0x900, 7))) == SUM
