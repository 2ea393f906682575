"""Hardware task switches and virtual-8086 mode (SDM vol. 3, ch. 7 and 20)."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import (
    BP,
    CODE0,
    DATA0,
    FIRST_FREE,
    GP,
    HANDLERS,
    IF,
    INNER_STACK,
    IOPL3,
    NT,
    RF,
    SCRATCH,
    STACK,
    TASK,
    TF,
    TS,
    TSS,
    UD,
    VIF,
    VIP,
    VM,
    ProtectedRig,
    Stop,
    descriptor,
    far_call,
    far_jump,
    gate,
    iret_to,
    push,
)

NEW = FIRST_FREE
NEW_TSS, PROGRAM = SCRATCH, SCRATCH + 0x400
CR0_TS = 8
V86_SEGMENT, V86_STACK = 0x3000, 0x500


@pytest.fixture
def rig() -> ProtectedRig:
    rig = ProtectedRig()
    rig.describe(NEW, descriptor(NEW_TSS, 0x67, 0x89, 0))
    rig.write32(NEW_TSS + 0x20, PROGRAM, 2, *range(1, 5), STACK - 0x1000, 6, 7, 8)
    rig.write32(NEW_TSS + 0x48, DATA0, CODE0, DATA0, DATA0, 0, 0, 0)
    rig.memory.write(PROGRAM, b"\xf4")
    return rig


def busy(rig: ProtectedRig, selector: int) -> bool:
    return bool(rig.memory.read(0x1000 + selector + 5, 1)[0] & 2)


def test_jump_to_a_task_saves_one_and_loads_the_other(rig: ProtectedRig) -> None:
    stop = rig.run(far_jump(NEW), ebx=0xB0B, edi=0xD1)
    assert (stop["tr"], stop["eip"], stop["esp"]) == (NEW, PROGRAM + 1, STACK - 0x1000)
    assert [stop[name] for name in ("eax", "ecx", "edx", "ebx", "ebp", "esi", "edi")] == [1, 2, 3, 4, 6, 7, 8]
    assert stop["cr0"] & CR0_TS
    assert not stop["eflags"] & NT
    assert (busy(rig, TASK), busy(rig, NEW)) == (False, True)
    assert rig.read32(TSS + 0x20) == 0x10007
    assert (rig.read32(TSS + 0x34), rig.read32(TSS + 0x44), rig.read32(TSS + 0x38)) == (0xB0B, 0xD1, STACK)
    assert rig.read32(TSS + 0x4C) & 0xFFFF == CODE0


def test_call_nests_and_iret_comes_back(rig: ProtectedRig) -> None:
    rig.memory.write(PROGRAM, b"\xcf")
    stop = rig.run(far_call(NEW) + b"\x41", ecx=0x10)  # inc ecx
    assert (stop.vector, stop["tr"], stop["ecx"]) == (None, TASK, 0x11)
    assert rig.read32(NEW_TSS) & 0xFFFF == TASK, "the back link"
    assert not rig.read32(NEW_TSS + 0x24) & NT, "IRET clears NT in the task it leaves"
    assert (busy(rig, TASK), busy(rig, NEW)) == (True, False)
    assert not stop["eflags"] & NT


def test_a_task_gate_pushes_the_error_code_in_the_new_task(rig: ProtectedRig) -> None:
    rig.gate(GP, gate(NEW, 0, 0xE5))
    stop = rig.run(far_jump(DATA0))
    assert (stop["tr"], stop["esp"]) == (NEW, STACK - 0x1004)
    assert rig.read32(stop["esp"]) == DATA0
    assert stop["eflags"] & NT
    assert rig.read32(TSS + 0x24) & RF


@pytest.mark.parametrize(
    ("access", "limit", "expected"),
    [(0x8B, 0x67, (GP, NEW)), (0x09, 0x67, (11, NEW)), (0x89, 0x66, (TS, NEW)), (0x81, 0x2A, (TS, NEW))],
)
def test_task_descriptor_checks(rig: ProtectedRig, access: int, limit: int, expected: tuple[int, int]) -> None:
    rig.describe(NEW, descriptor(NEW_TSS, limit, access, 0))
    stop = rig.run(far_jump(NEW))
    assert (stop.vector, stop.error, stop["tr"]) == (*expected, TASK)


@pytest.mark.parametrize(
    ("register", "selector", "expected"),
    [
        (0x50, 0, (TS, 0)),  # SS
        (0x4C, DATA0, (TS, DATA0)),  # CS
        (0x54, CODE0 | 4, (TS, CODE0 | 4)),  # DS
        (0x60, DATA0, (TS, DATA0)),  # LDT
    ],
)
def test_bad_selectors_fault_in_the_new_task(
    rig: ProtectedRig, register: int, selector: int, expected: tuple[int, int]
) -> None:
    handler = FIRST_FREE + 8
    rig.describe(handler, descriptor(NEW_TSS + 0x200, 0x67, 0x89, 0))
    rig.write32(NEW_TSS + 0x220, PROGRAM, 2)
    rig.write32(NEW_TSS + 0x238, STACK - 0x2000)
    rig.write32(NEW_TSS + 0x248, DATA0, CODE0, DATA0, DATA0, 0, 0, 0)
    rig.gate(expected[0], gate(handler, 0, 0xE5))
    rig.write32(NEW_TSS + register, selector)
    stop = rig.run(far_jump(NEW))
    assert (stop["tr"], rig.read32(stop["esp"])) == (handler, expected[1])
    assert rig.read32(NEW_TSS + 0x200) & 0xFFFF == NEW
    assert rig.read32(NEW_TSS + 0x20) == PROGRAM, "nothing of the new task ran"


def test_iret_with_a_back_link_to_no_busy_task_faults(rig: ProtectedRig) -> None:
    rig.write32(TSS, NEW)
    stop = rig.run(push(NT | 2) + b"\x9d\xcf")
    assert (stop.vector, stop.error) == (TS, NEW)


def test_16_bit_task(rig: ProtectedRig) -> None:
    rig.describe(NEW, descriptor(NEW_TSS, 0x2B, 0x81, 0))
    code, data = FIRST_FREE + 8, FIRST_FREE + 16
    rig.describe(code, descriptor(PROGRAM, 0xFFFF, 0x9A, 0))
    rig.describe(data, descriptor(STACK, 0xFFFF, 0x92, 0))
    rig.write16(NEW_TSS + 0x0E, 0, 2, *range(1, 5), 0x800, 6, 7, 8, data, code, data, data, 0)
    rig.memory.write(PROGRAM, b"\x50\xcf")  # push ax; iret
    stop = rig.run(far_call(NEW))
    assert (stop.vector, stop["tr"]) == (None, TASK)
    assert rig.memory.read(STACK + 0x7FE, 2) == b"\x01\x00"
    assert struct.unpack("<HH", rig.memory.read(NEW_TSS + 0x0E, 4))[0] == 2


def test_the_debug_trap_bit_of_a_task(rig: ProtectedRig) -> None:
    rig.write16(NEW_TSS + 0x64, 1)
    rig.memory.write(PROGRAM, b"\x90\xf4")
    stop = rig.run(far_jump(NEW))
    assert (stop.vector, stop.frame[0]) == (1, PROGRAM)
    assert stop["dr6"] & 1 << 15


def test_a_task_loads_its_own_page_directory(rig: ProtectedRig) -> None:
    rig.map_pages([7])
    rig.write32(NEW_TSS + 0x1C, 0x40000)
    stop = rig.run(far_jump(NEW), cr0=0x80000011)
    assert (stop["tr"], stop["cr3"]) == (NEW, 0x40000)


# -- Virtual-8086 mode


def run_v86(rig: ProtectedRig, code: bytes, flags: int = 0, cr4: int = 0, sp: int = 0x100) -> Stop:
    rig.memory.write(V86_SEGMENT << 4, code)
    rig.gate(BP, gate(CODE0, HANDLERS + BP * 16, 0xEE))
    return rig.run(iret_to(V86_SEGMENT, 0, flags | VM | 2, sp, V86_STACK, 0x44, 0x33, 0x22, 0x11), cr4=cr4)


def test_interrupts_leave_v86_with_all_segments_on_the_stack(rig: ProtectedRig) -> None:
    stop = run_v86(rig, b"\xb8\x34\x12\x8c\xd9\xcc")  # mov ax, 1234h; mov cx, ds; int3
    assert (stop.vector, stop["cpl"], stop["eflags"] & VM) == (BP, 0, 0)
    assert stop.frame[:9] == [6, V86_SEGMENT, VM | 2, 0x100, V86_STACK, 0x44, 0x33, 0x22, 0x11]
    assert stop["esp"] == INNER_STACK - 36
    assert [stop[name] for name in ("ds", "es", "fs", "gs")] == [0, 0, 0, 0]
    assert (stop["eax"] & 0xFFFF, stop["ecx"] & 0xFFFF) == (0x1234, 0x33)


@pytest.mark.parametrize("code", [b"\xfa", b"\xfb", b"\x9c", b"\x9d", b"\xcf", b"\xcd\x30", b"\xf4", b"\x0f\x20\xc0"])
def test_iopl_sensitive_instructions_go_to_the_monitor(rig: ProtectedRig, code: bytes) -> None:
    stop = run_v86(rig, code)
    assert (stop.vector, stop.error) == (GP, 0)
    assert stop.frame[:2] == [0, V86_SEGMENT]


@pytest.mark.parametrize("code", [b"\xfa", b"\xfb", b"\x9c", b"\x9c\x9d"])
def test_with_iopl_3_they_run(rig: ProtectedRig, code: bytes) -> None:
    stop = run_v86(rig, code + b"\xcc", IOPL3)
    assert (stop.vector, stop.frame[0]) == (BP, len(code) + 1)


@pytest.mark.parametrize("code", [b"\x0f\x00\xd0", b"\x0f\x02\xc0", b"\x63\xc0", b"\x0f\x00\xc0"])
def test_protected_mode_instructions_are_undefined(rig: ProtectedRig, code: bytes) -> None:
    assert run_v86(rig, code).vector == UD


def test_ports_follow_the_bitmap_whatever_the_iopl(rig: ProtectedRig) -> None:
    stop = run_v86(rig, b"\xe4\x80", IOPL3)
    assert (stop.vector, stop.error) == (GP, 0)


def test_offsets_beyond_64_kib_fault(rig: ProtectedRig) -> None:
    assert run_v86(rig, b"\xbb\xff\xff\x8b\x07").vector == GP  # mov ax, [bx] at FFFFh


def test_v86_cannot_change_iopl_or_leave_by_popf(rig: ProtectedRig) -> None:
    code = b"\x66\x68" + struct.pack("<I", 0x3C0AD7) + b"\x66\x9d\xcc"
    stop = run_v86(rig, code, IOPL3)
    assert stop.frame[2] == VM | IOPL3 | 0x240AD7


CR4_VME = 1


def test_vme_gives_the_program_a_virtual_interrupt_flag(rig: ProtectedRig) -> None:
    stop = run_v86(rig, b"\xfb\x9c\x58\xfa\x9c\x5b\xcc", cr4=CR4_VME)  # sti; pushf; pop ax; cli; pushf; pop bx
    assert stop.vector == BP
    assert (stop["eax"] & 0xFFFF, stop["ebx"] & 0xFFFF) == (IOPL3 | IF | 2, IOPL3 | 2)
    assert not stop.frame[2] & (VIF | IF | IOPL3)


@pytest.mark.parametrize(
    ("code", "flags"),
    [(b"\xfb", VIP), (b"\x6a\x00\x9d\x68\x00\x02\x9d", VIP), (b"\x68\x00\x01\x9d", 0), (b"\x66\x9c", 0)],
)
def test_vme_calls_the_monitor_when_it_has_to(rig: ProtectedRig, code: bytes, flags: int) -> None:
    stop = run_v86(rig, code, flags, CR4_VME)
    assert (stop.vector, stop.error) == (GP, 0)


def test_vme_redirects_software_interrupts_by_bitmap(rig: ProtectedRig) -> None:
    rig.memory.write(TSS + 0x68 + 0x61 // 8, bytes([0xFD]))
    rig.write16(0x61 * 4, 0x20, V86_SEGMENT)
    handler = b"\x89\xe5\x8b\x46\x00\x8b\x5e\x04\xcf"  # mov bp, sp; mov ax, [bp]; mov bx, [bp+4]; iret
    stop = run_v86(rig, (b"\xcd\x61\xcc" + b"\x90" * 0x1D + handler), VIF, CR4_VME)
    assert (stop.vector, stop.frame[0]) == (BP, 3)
    assert (stop["eax"] & 0xFFFF, stop["ebx"] & 0xFFFF) == (2, IOPL3 | IF | 2)
    assert stop.frame[2] & VIF, "IRET brings the virtual flag back"
    assert run_v86(rig, b"\xcd\x62", VIF, CR4_VME).vector == GP


def test_vme_iret_refuses_the_trap_flag(rig: ProtectedRig) -> None:
    code = b"\x68" + struct.pack("<H", TF) + b"\x68" + struct.pack("<H", V86_SEGMENT) + b"\x6a\x00\xcf"
    assert run_v86(rig, code, 0, CR4_VME).vector == GP


def test_a_conforming_handler_cannot_take_a_v86_interrupt(rig: ProtectedRig) -> None:
    rig.describe(FIRST_FREE + 8, descriptor(0, 0xFFFFF, 0x9F))
    rig.gate(0x30, gate(FIRST_FREE + 8, HANDLERS, 0xEE))
    stop = run_v86(rig, b"\xcd\x30", IOPL3)
    assert (stop.vector, stop.error) == (GP, FIRST_FREE + 8)
