"""Segment loads, far transfers, gates and privilege changes (SDM vol. 3, ch. 3, 5 and 6)."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import (
    BP,
    CODE,
    CODE0,
    CODE3,
    DATA0,
    DATA3,
    DF,
    FIRST_FREE,
    GP,
    HANDLERS,
    IDT,
    IF,
    INNER_STACK,
    IOPL3,
    NP,
    RF,
    SCRATCH,
    SS,
    STACK,
    TASK,
    TF,
    TS,
    TSS,
    UD,
    ZF,
    ProtectedRig,
    descriptor,
    far_call,
    far_jump,
    gate,
    iret_to,
    mov_eax,
    push,
)

NEW = FIRST_FREE
OUTER_STACK = SCRATCH + 0x800


@pytest.fixture
def rig() -> ProtectedRig:
    return ProtectedRig()


def load(register: str) -> bytes:
    """MOV sreg, AX."""
    return b"\x8e" + bytes([0xC0 | ("es", "cs", "ss", "ds", "fs", "gs").index(register) << 3])


@pytest.mark.parametrize(
    ("register", "selector", "access", "expected"),
    [
        ("ds", NEW, 0x92, None),
        ("ds", NEW, 0x90, None),
        ("ds", NEW, 0x9A, None),  # readable code
        ("ds", NEW, 0x98, (GP, NEW)),  # execute-only
        ("ds", NEW, 0x12, (NP, NEW)),
        ("ds", NEW, 0x82, (GP, NEW)),  # an LDT
        ("ds", NEW | 3, 0x92, (GP, NEW)),  # RPL above DPL
        ("ds", NEW | 3, 0x9E, None),  # conforming code asks for no privilege
        ("ds", 0x3F8 | 0x400, 0x92, (GP, 0x7F8)),  # beyond the table
        ("ds", NEW | 4, 0x92, (GP, NEW | 4)),  # no LDT
        ("ds", 3, 0x92, None),  # null
        ("ss", NEW, 0x92, None),
        ("ss", NEW, 0x90, (GP, NEW)),  # read-only
        ("ss", NEW, 0x9A, (GP, NEW)),
        ("ss", NEW, 0x12, (SS, NEW)),
        ("ss", NEW | 1, 0x92, (GP, NEW)),
        ("ss", NEW, 0xF2, (GP, NEW)),
        ("ss", 0, 0x92, (GP, 0)),
    ],
)
def test_segment_load_checks(
    rig: ProtectedRig, register: str, selector: int, access: int, expected: tuple[int, int] | None
) -> None:
    rig.describe(NEW, descriptor(0, 0xFFFFF, access))
    stop = rig.run(mov_eax(selector) + load(register))
    if expected is None:
        assert stop.vector is None
        assert stop[register] == selector
        if selector & ~3:
            assert rig.memory.read(access_byte(NEW), 1)[0] == access | 1, "the accessed bit"
    else:
        assert (stop.vector, stop.error) == expected
        assert stop.frame[0] == CODE + 5, "the faulting instruction"
        assert stop.frame[2] & RF


def access_byte(selector: int) -> int:
    return 0x1000 + (selector & ~7) + 5


def test_null_segment_faults_on_use(rig: ProtectedRig) -> None:
    stop = rig.run(mov_eax(0) + load("ds") + b"\xa1" + struct.pack("<I", SCRATCH))
    assert (stop.vector, stop.error) == (GP, 0)


@pytest.mark.parametrize(
    ("offset", "size", "faults"), [(0xFFF, 1, True), (0x1000, 1, False), (0xFFFF, 1, False), (0xFFFF, 2, True)]
)
def test_expand_down_segments_begin_above_their_limit(rig: ProtectedRig, offset: int, size: int, faults: bool) -> None:
    rig.describe(NEW, descriptor(0, 0xFFF, 0x96, 0))
    prefix = b"\x66\xa1" if size == 2 else b"\xa0"
    stop = rig.run(mov_eax(NEW) + load("ds") + prefix + struct.pack("<I", offset))
    assert (stop.vector == GP) == faults


def test_pop_into_a_segment_register_that_faults_leaves_the_stack_alone(rig: ProtectedRig) -> None:
    stop = rig.run(push(NEW | 3) + b"\x1f")
    assert stop.vector == GP
    assert stop["esp"] == STACK - 4 - 16


def test_push_and_pop_of_a_segment_register_move_the_operand_size(rig: ProtectedRig) -> None:
    stop = rig.run(
        b"\x0f\xa0" + b"\x89\xe0" + b"\x66\x0f\xa8" + b"\x89\xe3"
    )  # push fs; mov eax, esp; o16 push gs; mov ebx, esp
    assert (stop["eax"], stop["ebx"]) == (STACK - 4, STACK - 6)


@pytest.mark.parametrize(
    ("selector", "access", "expected"),
    [
        (CODE0, 0x9B, None),
        (CODE0 | 3, 0x9B, (GP, CODE0)),
        (NEW, 0x9F, None),  # conforming
        (NEW, 0xFF, (GP, NEW)),  # conforming, but of less privilege
        (NEW, 0xFB, (GP, NEW)),
        (NEW, 0x1B, (NP, NEW)),
        (NEW, 0x93, (GP, NEW)),
        (0, 0, (GP, 0)),
    ],
)
def test_far_jump_checks(rig: ProtectedRig, selector: int, access: int, expected: tuple[int, int] | None) -> None:
    if selector == NEW:
        rig.describe(NEW, descriptor(0, 0xFFFFF, access))
    stop = rig.run(far_jump(selector, CODE + 7) + b"\x8c\xc8")  # mov eax, cs
    if expected is None:
        assert (stop.vector, stop["eax"]) == (None, selector)
    else:
        assert (stop.vector, stop.error) == expected


def test_far_jump_beyond_the_limit_of_the_new_segment_faults_in_the_old_one(rig: ProtectedRig) -> None:
    rig.describe(NEW, descriptor(0, 0xFFFF, 0x9B, 4))
    stop = rig.run(far_jump(NEW, 0x10000))
    assert (stop.vector, stop.error, stop.frame[1]) == (GP, 0, CODE0)


def enter_ring_3(code: bytes, flags: int = 2) -> bytes:
    """IRETD to CPL 3 and go on with ``code``."""
    prefix = iret_to(CODE3, 0, flags, OUTER_STACK, DATA3)
    return iret_to(CODE3, CODE + len(prefix), flags, OUTER_STACK, DATA3) + code


def test_interrupt_from_ring_3_switches_to_the_stack_of_the_tss(rig: ProtectedRig) -> None:
    rig.gate(0x30, gate(CODE0, HANDLERS + 0x30 * 16, 0xEE))
    code = enter_ring_3(b"\xcd\x30", IF | 2)
    stop = rig.run(code)
    assert stop.vector == 0x30
    assert (stop["ss"], stop["esp"], stop["cpl"]) == (DATA0, INNER_STACK - 20, 0)
    assert stop.frame[:5] == [CODE + len(code), CODE3, IF | 2, OUTER_STACK, DATA3]
    assert not stop["eflags"] & IF


@pytest.mark.parametrize("kind", [0xEE, 0xEF])
def test_only_interrupt_gates_clear_the_interrupt_flag(rig: ProtectedRig, kind: int) -> None:
    rig.gate(0x30, gate(CODE0, HANDLERS + 0x30 * 16, kind))
    stop = rig.run(b"\xcd\x30", eflags=IF | 2)
    assert bool(stop["eflags"] & IF) == (kind == 0xEF)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (gate(CODE0, 0, 0x8E), (GP, 0x30 * 8 + 2)),  # DPL 0
        (gate(CODE0, 0, 0x6E), (NP, 0x30 * 8 + 2)),
        (gate(CODE0, 0, 0xE2), (GP, 0x30 * 8 + 2)),  # no gate of an IDT
        (gate(DATA0, 0, 0xEE), (GP, DATA0)),
        (gate(0, 0, 0xEE), (GP, 0)),
        (gate(0x7F8, 0, 0xEE), (GP, 0x7F8)),
    ],
)
def test_software_interrupt_checks_at_ring_3(rig: ProtectedRig, entry: int, expected: tuple[int, int]) -> None:
    rig.gate(0x30, entry)
    code = enter_ring_3(b"\xcd\x30")
    stop = rig.run(code)
    assert (stop.vector, stop.error) == expected
    assert stop.frame[0] == CODE + len(code) - 2


def test_an_external_interrupt_through_a_bad_gate_sets_the_ext_bit(rig: ProtectedRig) -> None:
    rig.gate(0x40, gate(DATA0, 0, 0x8E))
    rig.cpu.set_intr(True)
    stop = rig.run(b"\x90", eflags=IF | 2)
    rig.cpu.set_intr(False)
    assert (stop.vector, stop.error) == (GP, DATA0 | 1)


@pytest.mark.parametrize("model", ["386", "pentium-pro"])
def test_a_fault_while_a_contributory_fault_is_delivered_is_a_double_fault(model: str) -> None:
    rig = ProtectedRig(model)
    rig.gate(GP, gate(NEW, 0, 0x8E))  # a selector of an empty descriptor
    stop = rig.run(mov_eax(0x7F8) + load("ds"))
    assert (stop.vector, stop.error) == (DF, 0)


def test_a_benign_exception_before_a_contributory_one_is_no_double_fault(rig: ProtectedRig) -> None:
    rig.gate(UD, gate(NEW, 0, 0x8E))
    stop = rig.run(b"\x0f\x0b")
    assert (stop.vector, stop.error) == (GP, NEW | 1)


def test_a_fault_in_the_double_fault_handler_shuts_down(rig: ProtectedRig) -> None:
    stop = rig.run(b"\x0f\x0b", idtr_limit=0)
    assert stop.exit == "shutdown"


@pytest.mark.parametrize(
    ("ss", "access", "expected"),
    [(0, 0x93, TS), (NEW, 0x91, TS), (NEW, 0x13, SS), (DATA3, 0x93, TS)],
)
def test_bad_inner_stacks_are_reported_by_a_task(rig: ProtectedRig, ss: int, access: int, expected: int) -> None:
    """The handlers' own stack is the broken one, so that their gate has to lead to another task."""
    handler, task = SCRATCH + 0x400, FIRST_FREE + 8
    rig.describe(NEW, descriptor(0, 0xFFFFF, access))
    rig.describe(task, descriptor(SCRATCH, 0x67, 0x89, 0))
    rig.write32(SCRATCH + 0x20, handler, 2)
    rig.write32(SCRATCH + 0x38, STACK - 0x1000)
    rig.write32(SCRATCH + 0x48, DATA0, CODE0, DATA0, DATA0, 0, 0, 0)
    rig.memory.write(handler, b"\xf4")
    rig.gate(expected, gate(task, 0, 0xE5))
    rig.gate(0x30, gate(CODE0, HANDLERS, 0xEE))
    rig.write32(TSS + 8, ss)
    code = enter_ring_3(b"\xcd\x30")
    stop = rig.run(code)
    assert (stop["tr"], stop["eip"], stop["esp"]) == (task, handler + 1, STACK - 0x1004)
    assert rig.read32(stop["esp"]) == ss & ~3
    assert rig.read32(TSS + 0x20) == CODE + len(code) - 2
    assert rig.read32(TSS + 0x24) & RF


def test_call_gate_copies_parameters_to_the_inner_stack(rig: ProtectedRig) -> None:
    target = SCRATCH + 0x400
    rig.memory.write(target, b"\xf4")
    rig.describe(NEW, gate(CODE0, target, 0xEC, 2))
    code = enter_ring_3(push(0x1111) + push(0x2222) + far_call(NEW | 3))
    stop = rig.run(code)
    assert stop["cpl"] == 0
    assert stop["esp"] == INNER_STACK - 24
    assert stop.frame[:6] == [CODE + len(code), CODE3, 0x2222, 0x1111, OUTER_STACK - 8, DATA3]


def test_far_return_outward_releases_parameters_on_both_stacks_and_nulls_inner_segments(rig: ProtectedRig) -> None:
    target = SCRATCH + 0x400
    rig.memory.write(target, mov_eax(DATA0) + load("ds") + load("es") + b"\xca\x08\x00")
    rig.describe(NEW, gate(CODE0, target, 0xEC, 2))
    rig.gate(0x30, gate(CODE0, HANDLERS + 0x30 * 16, 0xEE))
    stop = rig.run(
        enter_ring_3(mov_eax(DATA3) + load("fs") + push(1) + push(2) + far_call(NEW | 3) + b"\xcd\x30"),
    )
    assert stop.vector == 0x30
    assert stop.frame[3] == OUTER_STACK
    assert (stop["ds"], stop["es"], stop["fs"]) == (0, 0, DATA3)


def test_jump_through_a_call_gate_never_changes_level(rig: ProtectedRig) -> None:
    rig.describe(NEW, gate(CODE0, CODE, 0xEC))
    stop = rig.run(enter_ring_3(far_jump(NEW | 3)))
    assert (stop.vector, stop.error) == (GP, CODE0)


def test_far_call_and_return_with_16_bit_operands_keep_the_stack_balanced(rig: ProtectedRig) -> None:
    """The return offset is cut to 16 bits on its way over the stack: CODE + 6 comes back as 6."""
    rig.describe(NEW, descriptor(CODE, 0xFFFF, 0x9B, 4))
    rig.memory.write(6, b"\xf4")
    stop = rig.run(b"\x66\x9a" + struct.pack("<HH", 0x20, NEW) + b"\xf4" + b"\x90" * 25 + b"\x89\xe0\x66\xcb")
    assert (stop["eip"], stop["esp"], stop["eax"]) == (7, STACK, STACK - 4)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((0, CODE0 | 4), (GP, CODE0 | 4)),
        ((0, DATA0), (GP, DATA0)),
        ((0, 0), (GP, 0)),
    ],
)
def test_far_return_checks(rig: ProtectedRig, words: tuple[int, int], expected: tuple[int, int]) -> None:
    stop = rig.run(push(words[1]) + push(words[0]) + b"\xcb")
    assert (stop.vector, stop.error) == expected
    assert stop["esp"] == STACK - 8 - 16


@pytest.mark.parametrize("code", [b"\xfa", b"\xfb", b"\xe4\x80"])
def test_iopl_guards_the_interrupt_flag_and_ports(rig: ProtectedRig, code: bytes) -> None:
    stop = rig.run(enter_ring_3(code))
    assert (stop.vector, stop.error) == (GP, 0)
    rig.gate(0x30, gate(CODE0, HANDLERS + 0x30 * 16, 0xEE))
    assert rig.run(enter_ring_3(code + b"\xcd\x30", IOPL3 | 2)).vector == 0x30


@pytest.mark.parametrize(
    ("port", "access", "allowed"),
    [(0x71, b"\xe4", True), (0x71, b"\xe5", False), (0x70, b"\xe4", False), (0x700, b"", False)],
)
def test_the_permission_bitmap_opens_single_ports(rig: ProtectedRig, port: int, access: bytes, allowed: bool) -> None:
    rig.memory.write(TSS + 0x88 + 0x71 // 8, bytes([0xFD]))
    rig.gate(0x30, gate(CODE0, HANDLERS + 0x30 * 16, 0xEE))
    code = access + bytes([port]) if access else b"\xba" + struct.pack("<I", port) + b"\xec"
    assert rig.run(enter_ring_3(code + b"\xcd\x30")).vector == (0x30 if allowed else GP)


@pytest.mark.parametrize(
    "code",
    [
        b"\xf4",
        b"\x0f\x06",
        b"\x0f\x20\xc0",
        b"\x0f\x22\xc0",
        b"\x0f\x21\xc0",
        b"\x0f\x01\x10",
        b"\x0f\x00\xd8",
        b"\x0f\x01\xf0",
        b"\x0f\x01\x38",
        b"\x0f\x09",
        b"\x0f\x32",
        b"\x0f\x30",
    ],
)
def test_privileged_instructions_fault_at_ring_3(rig: ProtectedRig, code: bytes) -> None:
    stop = rig.run(enter_ring_3(code), ecx=0x10)
    assert (stop.vector, stop.error) == (GP, 0)


def test_popf_at_ring_3_changes_neither_iopl_nor_if(rig: ProtectedRig) -> None:
    rig.gate(0x30, gate(CODE0, HANDLERS + 0x30 * 16, 0xEE))
    stop = rig.run(enter_ring_3(push(0x3F7AD7) + b"\x9d\xcd\x30"))
    assert stop.frame[2] == 0x2448D7  # ID, AC, NT, OF and the status flags


@pytest.mark.parametrize(
    ("instruction", "selector", "access", "rights", "limit"),
    [
        (b"\x0f\x02", NEW, 0x93, 0xCF9300, None),
        (b"\x0f\x02", NEW | 3, 0x93, None, None),
        (b"\x0f\x02", NEW, 0x8E, None, None),  # LAR knows no interrupt gates
        (b"\x0f\x02", NEW, 0x8C, 0xCF8C00, None),
        (b"\x0f\x03", NEW, 0x93, None, 0xFFFFFFFF),
        (b"\x0f\x03", NEW, 0x8C, None, None),  # a gate has no limit
        (b"\x0f\x03", 0, 0x93, None, None),
    ],
)
def test_lar_and_lsl(
    rig: ProtectedRig, instruction: bytes, selector: int, access: int, rights: int | None, limit: int | None
) -> None:
    rig.describe(NEW, descriptor(0, 0xFFFFF, access))
    stop = rig.run(mov_eax(selector) + instruction + b"\xd8", ebx=0x1234)  # lar/lsl ebx, eax
    expected = rights if rights is not None else limit
    assert bool(stop["eflags"] & ZF) == (expected is not None)
    assert stop["ebx"] == (0x1234 if expected is None else expected)


def test_ltr_marks_the_task_busy_and_refuses_a_busy_one(rig: ProtectedRig) -> None:
    rig.describe(NEW, descriptor(SCRATCH, 0x67, 0x89, 0))
    stop = rig.run(mov_eax(NEW) + b"\x0f\x00\xd8" + b"\x0f\x00\xd8")
    assert (stop.vector, stop.error) == (GP, NEW)
    assert rig.memory.read(access_byte(NEW), 1)[0] == 0x8B
    assert stop["tr"] == NEW


def test_int3_pushes_the_next_instruction_and_no_resume_flag(rig: ProtectedRig) -> None:
    stop = rig.run(b"\xcc")
    assert (stop.vector, stop.frame[0]) == (BP, CODE + 1)
    assert not stop.frame[2] & RF


def test_single_step_traps_after_each_instruction(rig: ProtectedRig) -> None:
    stop = rig.run(push(TF | 2) + b"\x9d" + b"\x90\x90")
    assert (stop.vector, stop.frame[0]) == (1, CODE + 7), "the instruction after POPF is done, then the trap"
    assert stop["dr6"] & 1 << 14
    assert not stop["eflags"] & TF


@pytest.mark.parametrize("code", [b"\xf3\xa4", b"\xf3\xaa"], ids=["movs", "stos"])
def test_single_step_traps_between_iterations(rig: ProtectedRig, code: bytes) -> None:
    set_up = push(TF | 2) + b"\x9d"
    stop = rig.run(set_up + code, ecx=3, esi=SCRATCH, edi=SCRATCH + 0x100)
    assert (stop.vector, stop.frame[0], stop["ecx"]) == (1, CODE + len(set_up), 2)
    stop = rig.run(set_up + code, ecx=1, esi=SCRATCH, edi=SCRATCH + 0x100)
    assert (stop.vector, stop.frame[0], stop["ecx"]) == (1, CODE + len(set_up + code), 0)


def test_single_step_waits_behind_a_load_of_ss(rig: ProtectedRig) -> None:
    set_up = push(TF | 2) + b"\x9d"
    stop = rig.run(set_up + b"\x8e\xd0\x90\x90", eax=DATA0)
    assert (stop.vector, stop.frame[0]) == (1, CODE + len(set_up) + 3)


def test_single_step_does_not_enter_a_handler(rig: ProtectedRig) -> None:
    """INT n clears TF before the handler begins; IRET brings it back, and the trap comes one instruction later."""
    rig.memory.write(SCRATCH + 0x400, b"\x43\xcf")  # inc ebx; iretd
    rig.gate(0x30, gate(CODE0, SCRATCH + 0x400, 0x8E))
    set_up = push(TF | 2) + b"\x9d"
    stop = rig.run(set_up + b"\xcd\x30\x90\x90", ebx=0)
    assert (stop.vector, stop["ebx"], stop.frame[0]) == (1, 1, CODE + len(set_up) + 3)


def test_mov_ss_holds_interrupts_off_for_one_instruction(rig: ProtectedRig) -> None:
    rig.cpu.set_intr(True)
    stop = rig.run(b"\xfa" + mov_eax(DATA0) + b"\xfb" + load("ss") + b"\x40\x40")  # cli .. sti; mov ss, ax; inc; inc
    rig.cpu.set_intr(False)
    assert stop.vector == 0x40
    assert stop["eax"] == DATA0 + 1
    assert stop.frame[0] == CODE + 10


def test_a_handler_that_faults_at_once_for_ever_still_lets_time_pass(rig: ProtectedRig) -> None:
    """Every delivery pushes to a 16-bit stack that wraps, so that nothing ever ends it but the count."""
    rig.memory.write(HANDLERS + UD * 16, b"\x0f\x0b")
    small = {"ss_limit": 0xFFFF, "ss_access": 0x093, "esp": 0x8000, "ss_base": SCRATCH + 0x10000}
    assert rig.run(b"\x0f\x0b", instructions=100_000, **small).exit == "stop"
    assert rig.cpu.retired >= 100_000


def test_the_idt_limit_is_checked(rig: ProtectedRig) -> None:
    stop = rig.run(b"\xcd\x60")
    assert (stop.vector, stop.error) == (GP, 0x60 * 8 + 2)


def test_addresses_of_the_rig_do_not_overlap() -> None:
    assert IDT + 96 * 8 <= HANDLERS
    assert TASK < FIRST_FREE
