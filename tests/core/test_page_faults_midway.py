"""A page fault in the middle of an instruction leaves it to be done over (SDM vol. 3, 6.6 and 6.15, #PF)."""

from __future__ import annotations

import pytest

from tests.core.protected_rig import (
    CODE,
    CODE3,
    DATA3,
    FIRST_FREE,
    GDT,
    INNER_STACK,
    IOPL3,
    PF,
    SCRATCH,
    TSS,
    ProtectedRig,
    descriptor,
    far_call,
    gate,
    push,
)

PAGING = 0x80010011
HOLE, PAGE = 0x401000, 0x402000  # a missing page, and a present one behind it
USER = {"cpl": 3, "cs": CODE3, "cs_access": 0xCFB, "cr0": PAGING, "eflags": 2 | IOPL3} | {
    name: value for segment in ("ss", "ds", "es") for name, value in ((segment, DATA3), (f"{segment}_access", 0xCF3))
}
START = {"eax": 0x11, "ecx": 0x22, "edx": 0x33, "ebx": 0x44, "ebp": 0x55, "esi": SCRATCH, "edi": SCRATCH}
READ, WRITE = 4, 6  # error codes: by the user, page missing


@pytest.fixture
def rig() -> ProtectedRig:
    rig = ProtectedRig()
    rig.map_pages([0x400007, 0, 0x402007])
    return rig


@pytest.mark.parametrize(
    ("code", "registers", "error"),
    [
        pytest.param(b"\x60", {"esp": PAGE + 8}, WRITE, id="pusha"),
        pytest.param(b"\x66\x60", {"esp": PAGE + 8}, WRITE, id="pushaw"),
        pytest.param(b"\x50", {"esp": PAGE + 2}, WRITE, id="push across"),
        pytest.param(b"\x06", {"esp": PAGE}, WRITE, id="push es"),
        pytest.param(b"\x9c", {"esp": PAGE}, WRITE, id="pushf"),
        pytest.param(b"\xff\xd0", {"esp": PAGE}, WRITE, id="call"),
        pytest.param(b"\xc8\x10\x00\x00", {"esp": PAGE + 2}, WRITE, id="enter, its push"),
        pytest.param(b"\xc8\x00\x01\x00", {"esp": PAGE + 8}, WRITE, id="enter, its frame"),
        pytest.param(b"\xc8\x00\x00\x02", {"esp": PAGE + 0x80, "ebp": HOLE + 0x80}, READ, id="enter, outer frame"),
        pytest.param(b"\xc9", {"esp": PAGE, "ebp": HOLE}, READ, id="leave"),
        pytest.param(b"\x61", {"esp": HOLE - 8}, READ, id="popa"),
        pytest.param(b"\x8f\x07", {"esp": PAGE, "edi": HOLE}, WRITE, id="pop to memory"),
        pytest.param(b"\xc3", {"esp": HOLE - 2}, READ, id="ret across"),
        pytest.param(b"\xff\x07", {"edi": HOLE - 2}, WRITE, id="inc across"),
        pytest.param(b"\x87\x07", {"edi": PAGE - 2}, WRITE, id="xchg across"),
        pytest.param(b"\x0f\xb1\x17", {"edi": PAGE - 2}, WRITE, id="cmpxchg across"),
        pytest.param(b"\x0f\xc1\x07", {"edi": HOLE - 2}, WRITE, id="xadd across"),
        pytest.param(b"\xc4\x07", {"edi": HOLE - 4}, READ, id="les across"),
        pytest.param(b"\xa5", {"edi": HOLE - 2}, WRITE, id="movs across"),
        pytest.param(b"\xff\x1f", {"edi": HOLE - 2}, READ, id="far call, its pointer"),
    ],
)
def test_the_instruction_has_not_happened(
    rig: ProtectedRig, code: bytes, registers: dict[str, int], error: int
) -> None:
    before = START | {"esp": PAGE + 0x800} | registers
    marked = bytes(range(1, 129))
    rig.memory.write(HOLE - 128, marked)
    rig.memory.write(PAGE + 0x800, marked)
    stop = rig.run(code, **USER, **before)
    assert (stop.vector, stop.error, stop["cr2"] & ~0xFFF) == (PF, error, HOLE)
    eip, cs, _, esp, _ = stop.frame[:5]
    assert (eip, cs, esp) == (CODE, CODE3, before["esp"])
    assert {name: stop[name] for name in START} == {name: before[name] for name in START}
    assert stop["es"] == DATA3
    assert rig.memory.read(HOLE - 128, 128) == marked


@pytest.mark.parametrize(
    ("code", "registers", "done", "error"),
    [
        (b"\xf3\xa4", {"edi": HOLE - 5}, {"ecx": 0x22 - 5, "esi": SCRATCH + 5, "edi": HOLE}, WRITE),
        (b"\xf3\xa4", {"esi": HOLE - 5}, {"ecx": 0x22 - 5, "esi": HOLE, "edi": SCRATCH + 5}, READ),
        (b"\xf3\xab", {"edi": HOLE - 8}, {"ecx": 0x22 - 2, "edi": HOLE}, WRITE),
        (b"\xf3\xab", {"edi": HOLE - 6}, {"ecx": 0x22 - 1, "edi": HOLE - 2}, WRITE),
        (b"\xf3\xac", {"esi": HOLE - 3}, {"ecx": 0x22 - 3, "esi": HOLE, "eax": 0}, READ),
        (b"\xf2\xae", {"edi": HOLE - 3}, {"ecx": 0x22 - 3, "edi": HOLE}, READ),
    ],
)
def test_a_repeated_string_instruction_keeps_what_it_did(
    rig: ProtectedRig, code: bytes, registers: dict[str, int], done: dict[str, int], error: int
) -> None:
    stop = rig.run(code, **USER, **(START | {"esp": PAGE + 0x800} | registers))
    assert (stop.vector, stop.error, stop["cr2"], stop.frame[0]) == (PF, error, HOLE, CODE)
    assert {name: stop[name] for name in done} == done


def test_a_descriptor_on_a_missing_page_is_a_supervisor_read(rig: ProtectedRig) -> None:
    rig.memory.write(HOLE - 0x40, rig.memory.read(GDT, 0x40))
    stop = rig.run(b"\x8e\xd8", **USER, **(START | {"esp": PAGE + 0x800, "eax": 0x43, "gdtr_base": HOLE - 0x40}))
    assert (stop.vector, stop.error, stop["cr2"] & ~7, stop.frame[0], stop["ds"]) == (PF, 0, HOLE, CODE, DATA3)


def test_code_changed_through_another_linear_address_is_seen(rig: ProtectedRig) -> None:
    """Page 402000h is mapped at 404000h as well: the loop there runs MOV AL,1, is changed below, and runs again."""
    rig.map_pages([0x400007, 0, 0x402007, 0, 0x402007])
    rig.memory.write(PAGE, b"\xb0\x01\xc3")  # mov al, 1; ret
    call = b"\xff\xd6"  # call esi, at the alias
    code = call * 3 + b"\x88\xc3" + b"\xc6\x05\x01\x20\x40\x00\x02" + call  # mov bl, al; mov byte [402001h], 2
    stop = rig.run(code, cr0=PAGING, eax=0, ebx=0, esi=0x404000)
    assert (stop.vector, stop["ebx"], stop["eax"]) == (None, 1, 2)


CODE1, DATA1, TO_RING_1 = FIRST_FREE | 1, (FIRST_FREE + 8) | 1, FIRST_FREE + 16
RING_1_ENTRY = SCRATCH + 0x400


@pytest.fixture
def ring_1(rig: ProtectedRig) -> ProtectedRig:
    """Ring 1 has its stack just above a hole; a call gate with a parameter and interrupt 30h lead there."""
    rig.describe(CODE1, descriptor(0, 0xFFFFF, 0xBB))
    rig.describe(DATA1, descriptor(0, 0xFFFFF, 0xB3))
    rig.describe(TO_RING_1, gate(CODE1, RING_1_ENTRY, 0xEC, 1))
    rig.gate(0x30, gate(CODE1, RING_1_ENTRY, 0xEE))
    rig.write32(TSS + 12, PAGE + 8, DATA1)
    rig.memory.write(RING_1_ENTRY, b"\x0f\x0b")  # UD2 shows that ring 1 was reached
    return rig


@pytest.mark.parametrize("transfer", [far_call(TO_RING_1 | 3), b"\xcd\x30"], ids=["call gate", "interrupt gate"])
def test_a_missing_inner_stack_leaves_the_caller_as_it_was(ring_1: ProtectedRig, transfer: bytes) -> None:
    marked = bytes(range(1, 129))
    ring_1.memory.write(PAGE - 128, marked)
    outer = PAGE + 0x800
    code = push(0x1234) + transfer
    stop = ring_1.run(code, **USER, **(START | {"esp": outer}))
    # Pushes of the new level are a supervisor's, and begin above the hole.
    assert (stop.vector, stop.error) == (PF, 2) and HOLE <= stop["cr2"] < PAGE
    assert stop.frame[:2] == [CODE + len(code) - len(transfer), CODE3]
    assert stop.frame[3:5] == [outer - 4, DATA3]
    assert {name: stop[name] for name in START} == START
    assert ring_1.memory.read(PAGE - 128, 128) == marked
    # With the page there, it goes through when done again.
    ring_1.map_pages([0x400007, 0x401007, 0x402007])
    again = ring_1.run(code, **USER, **(START | {"esp": outer}))
    assert again.vector == 6 and again.frame[:2] == [RING_1_ENTRY, CODE1]


def test_a_missing_stack_of_the_fault_handler_itself_shuts_the_processor_down(rig: ProtectedRig) -> None:
    """The fault's own frame faults, so does the double fault's (SDM vol. 3, 6.15, interrupt 8)."""
    rig.write32(TSS + 4, PAGE)
    rig.gate(0x30, gate(0x08, RING_1_ENTRY, 0xEE))
    stop = rig.run(b"\xcd\x30", **USER, **(START | {"esp": PAGE + 0x800}))
    assert stop.exit == "shutdown"
    rig.write32(TSS + 4, INNER_STACK)


def test_an_external_interrupt_that_meets_a_missing_stack_is_a_page_fault(ring_1: ProtectedRig) -> None:
    ring_1.gate(0x40, gate(CODE1, RING_1_ENTRY, 0x8E))
    ring_1.cpu.set_intr(True)
    stop = ring_1.run(b"\x90\x90", **(USER | START | {"esp": PAGE + 0x800, "eflags": 0x202 | IOPL3}))
    assert (stop.vector, stop.error) == (PF, 2)
    assert stop.frame[:2] == [CODE, CODE3] and stop.frame[2] & 0x200
