"""Control, debug and model-specific registers, CPUID and the models (SDM vol. 3, ch. 2 and 17; vol. 4)."""

from __future__ import annotations

import struct

import pytest

from engine import _core
from tests.core.protected_rig import (
    CODE,
    DB,
    GP,
    HANDLERS,
    IF,
    PAGE_DIRECTORY,
    SCRATCH,
    UD,
    ProtectedRig,
    mov_eax,
    push,
)

CPUID, RDTSC, RDMSR, WRMSR, RDPMC = b"\x0f\xa2", b"\x0f\x31", b"\x0f\x32", b"\x0f\x30", b"\x0f\x33"


@pytest.fixture
def rig() -> ProtectedRig:
    return ProtectedRig()


@pytest.mark.parametrize("cr0", [0x80000000, 0x20000011])
def test_illegal_combinations_in_cr0_fault(rig: ProtectedRig, cr0: int) -> None:
    stop = rig.run(mov_eax(cr0) + b"\x0f\x22\xc0")
    assert (stop.vector, stop.error, stop["cr0"]) == (GP, 0, 0x11)


def test_lmsw_enters_protected_mode_but_does_not_leave_it(rig: ProtectedRig) -> None:
    stop = rig.run(mov_eax(0x2) + b"\x0f\x01\xf0\x0f\x01\xe3")  # lmsw ax; smsw ebx
    assert stop["ebx"] == 0x13


def test_clts(rig: ProtectedRig) -> None:
    assert rig.run(b"\x0f\x06", cr0=0x19)["cr0"] == 0x11


@pytest.mark.parametrize(("model", "allowed"), [("486", 0x003), ("pentium", 0x05F), ("pentium-pro", 0x1FF)])
def test_cr4_has_the_bits_of_the_model(model: str, allowed: int) -> None:
    rig = ProtectedRig(model)
    for bit in range(32):
        stop = rig.run(mov_eax(1 << bit) + b"\x0f\x22\xe0")
        assert (stop.vector == GP) == (not allowed >> bit & 1), f"bit {bit}"
        assert stop["cr4"] == (1 << bit if allowed >> bit & 1 else 0)


@pytest.mark.parametrize("register", [1, 5, 6, 7])
def test_control_registers_that_do_not_exist(rig: ProtectedRig, register: int) -> None:
    assert rig.run(b"\x0f\x20" + bytes([0xC0 | register << 3])).vector == UD


@pytest.mark.parametrize("code", [CPUID, RDTSC, RDMSR, WRMSR, RDPMC, b"\x0f\x20\xe0", b"\x0f\x01\x38", b"\x0f\x09"])
def test_a_386_has_none_of_the_later_instructions(code: bytes) -> None:
    assert ProtectedRig("386").run(code).vector == UD


def test_flags_that_a_model_lacks_cannot_be_set() -> None:
    code = push(0x240002) + b"\x9d\x9c\x58"  # popfd; pushfd; pop eax
    assert ProtectedRig("386").run(code)["eax"] == 2
    assert ProtectedRig("pentium-pro").run(code)["eax"] == 0x240002


def test_cpuid_names_the_maker_and_the_model(rig: ProtectedRig) -> None:
    stop = rig.run(mov_eax(0) + CPUID)
    name = struct.pack("<III", stop["ebx"], stop["edx"], stop["ecx"])
    assert (stop["eax"], name) == (2, b"GenuineIntel")
    stop = rig.run(mov_eax(1) + CPUID)
    assert (stop["eax"], stop["edx"]) == (0x619, 0xF1FF)
    highest = rig.run(mov_eax(2) + CPUID)
    beyond = rig.run(mov_eax(0x80000000) + CPUID)
    assert [beyond[name] for name in ("eax", "ebx", "ecx", "edx")] == [
        highest[name] for name in ("eax", "ebx", "ecx", "edx")
    ]


def test_reset_leaves_the_signature_in_edx_and_the_processor_at_the_top_of_memory() -> None:
    for model, signature in (("386", 0x308), ("486", 0x480), ("pentium", 0x52C), ("pentium-pro", 0x619)):
        rig = ProtectedRig(model)
        rig.cpu.reset()
        registers = rig.cpu.registers()
        assert registers["edx"] == signature
        assert (registers["cs"], registers["cs_base"], registers["eip"]) == (0xF000, 0xFFFF0000, 0xFFF0)
        assert registers["cr0"] == (0x10 if model == "386" else 0x60000010)


def test_an_unknown_model_is_refused_with_the_choices() -> None:
    memory = _core.PhysicalMemory(0x1000, 0)
    with pytest.raises(ValueError, match="386, 486, pentium, pentium-pro"):
        _core.Interpreter(memory, _core.Bus(memory), _core.Clock("instructions", 10), "286")


def test_the_time_stamp_counter_counts_guest_nanoseconds(rig: ProtectedRig) -> None:
    stop = rig.run(RDTSC + b"\x89\xc3" + b"\x90" * 7 + RDTSC)
    assert stop["eax"] - stop["ebx"] == 90, "nine instructions of 10 ns"


def test_writing_the_time_stamp_counter_clears_its_high_half(rig: ProtectedRig) -> None:
    stop = rig.run(b"\xb9\x10\x00\x00\x00" + mov_eax(5000) + WRMSR + RDTSC, edx=77)
    assert (stop["edx"], stop["eax"]) == (0, 5010)


@pytest.mark.parametrize("index", [0x277, 0x3A, 0xC0000080, 0x174, 0x400])
def test_model_specific_registers_that_do_not_exist(rig: ProtectedRig, index: int) -> None:
    for code in (RDMSR, WRMSR):
        assert rig.run(code, ecx=index).vector == GP


def test_memory_type_range_registers_keep_what_is_written(rig: ProtectedRig) -> None:
    for index in (0x200, 0x20F, 0x250, 0x259, 0x26F, 0x2FF):
        stop = rig.run(WRMSR + b"\x31\xc0\x31\xd2" + RDMSR, ecx=index, eax=0x406, edx=0 if index == 0x2FF else 0x12)
        assert (stop["eax"], stop["edx"]) == (0x406, 0 if index == 0x2FF else 0x12)
    assert rig.run(RDMSR, ecx=0xFE)["eax"] == 0x508


def test_the_time_stamp_disable_bit_spares_cpl_0(rig: ProtectedRig) -> None:
    assert rig.run(RDTSC, cr4=4).vector is None


@pytest.mark.parametrize(
    ("register", "value", "read"),
    [
        (0, 0x12345678, 0x12345678),
        (6, 0xFFFFFFFF, 0xFFFFEFFF),
        (6, 0, 0xFFFF0FF0),
        (7, 0, 0x400),
        (7, 0xFFFFDFFF, 0xFFFF07FF),
    ],
)
def test_debug_registers_have_fixed_bits(rig: ProtectedRig, register: int, value: int, read: int) -> None:
    code = bytes([0x0F, 0x23, 0xC0 | register << 3]) + bytes([0x0F, 0x21, 0xC3 | register << 3])
    assert rig.run(mov_eax(value) + code)["ebx"] == read


def test_general_detect_guards_the_debug_registers_once(rig: ProtectedRig) -> None:
    stop = rig.run(b"\x0f\x21\xc0", dr7=0x2400)
    assert (stop.vector, stop.frame[0]) == (DB, CODE)
    assert stop["dr6"] & 1 << 13
    assert not stop["dr7"] & 1 << 13


def test_debug_extensions_take_the_aliases_away(rig: ProtectedRig) -> None:
    assert rig.run(b"\x0f\x21\xe0").vector is None
    assert rig.run(b"\x0f\x21\xe0", cr4=8).vector == UD


def test_descriptor_table_registers_by_operand_size(rig: ProtectedRig) -> None:
    rig.memory.write(SCRATCH, struct.pack("<HI", 0x1234, 0x89ABCDEF))
    address = struct.pack("<I", SCRATCH)
    store = b"\x0f\x01\x0d" + struct.pack("<I", SCRATCH + 0x10)  # sidt
    rig.run(b"\x0f\x01\x1d" + address + store)
    assert rig.memory.read(SCRATCH + 0x10, 6) == struct.pack("<HI", 0x1234, 0x89ABCDEF)
    rig.run(b"\x66\x0f\x01\x1d" + address + store)
    assert rig.memory.read(SCRATCH + 0x10, 6) == struct.pack("<HI", 0x1234, 0x00ABCDEF)


def test_sti_takes_effect_after_the_next_instruction(rig: ProtectedRig) -> None:
    rig.cpu.set_intr(True)
    stop = rig.run(b"\xfb\x40\x40", eax=0)
    rig.cpu.set_intr(False)
    assert (stop.vector, stop["eax"], stop.frame[0]) == (0x40, 1, CODE + 2)
    assert stop.frame[2] & IF


def test_halt_with_interrupts_off_and_nothing_to_wake_it_ends_the_run(rig: ProtectedRig) -> None:
    assert rig.run(b"").exit == "halt"


def test_unreal_mode_keeps_the_limit(rig: ProtectedRig) -> None:
    """Back to real mode with a 4 GiB limit in DS, then a load of DS: base follows the selector, the limit stays."""
    rig.memory.write(0x234567, b"\x5a")
    code = b"\x0f\x20\xc0\x24\xfe\x0f\x22\xc0" + b"\xea\x00\x00\x00\x30"  # PE off; jmp 3000h:0 (16-bit code now)
    rig.memory.write(0x30000, b"\x31\xc0\x8e\xd8\x67\xa0" + struct.pack("<I", 0x234567) + b"\xf4")
    stop = rig.run(code, cs_access=0x9B, cs_limit=0xFFFFF, cr3=PAGE_DIRECTORY)
    assert (stop["cs"], stop["cs_base"], stop["eax"] & 0xFF, stop["ds_limit"]) == (0x3000, 0x30000, 0x5A, 0xFFFFFFFF)


def break_on(number: int, address: int, condition: int, length: int = 0) -> dict[str, int]:
    """Registers with one breakpoint: ``condition`` 0 execution, 1 write, 2 port, 3 access; ``length`` is DR7.LEN."""
    enable = 0x400 | 2 << 2 * number | (condition | length << 2) << (16 + 4 * number)
    return {f"dr{number}": address, "dr7": enable, "dr6": 0xFFFF0FF0}


def test_instruction_breakpoints_are_faults_that_the_resume_flag_passes(rig: ProtectedRig) -> None:
    stop = rig.run(b"\x40\x40\x40", eax=0, **break_on(1, CODE + 1, 0))
    assert (stop.vector, stop["eax"], stop.frame[0]) == (DB, 1, CODE + 1)
    assert stop.frame[2] & 1 << 16
    assert stop["dr6"] & 0xF == 2
    rig.memory.write(HANDLERS + DB * 16, b"\xcf")  # iretd, with RF from the frame
    assert rig.run(b"\x40\x40\x40", eax=0, **break_on(1, CODE + 1, 0))["eax"] == 3


@pytest.mark.parametrize(
    ("code", "condition", "length", "hits"),
    [
        (b"\xa3", 1, 3, True),
        (b"\xa1", 1, 3, False),
        (b"\xa1", 3, 3, True),
        (b"\xa2", 1, 0, False),  # a byte at +0, the breakpoint at +2
        (b"\xa3", 1, 0, True),  # four bytes from +0
    ],
)
def test_data_breakpoints_trap_after_the_instruction(
    rig: ProtectedRig, code: bytes, condition: int, length: int, hits: bool
) -> None:
    address = SCRATCH if length else SCRATCH + 2
    store = code + struct.pack("<I", SCRATCH)
    warm = b"\xa3" + struct.pack("<I", SCRATCH + 0x40)
    stop = rig.run(warm + store + b"\x90", **break_on(3, address, condition, length))
    assert (stop.vector == DB) == hits
    if hits:
        assert stop.frame[0] == CODE + len(warm + store)
        assert stop["dr6"] & 0xF == 8


def test_a_data_breakpoint_stops_a_repeated_instruction_behind_its_iteration(rig: ProtectedRig) -> None:
    stop = rig.run(b"\xf3\xaa", ecx=9, edi=SCRATCH, **break_on(1, SCRATCH + 3, 1, 0))
    assert (stop.vector, stop["ecx"], stop["edi"], stop.frame[0]) == (DB, 5, SCRATCH + 4, CODE)


def test_breakpoints_set_by_the_program_itself(rig: ProtectedRig) -> None:
    store = b"\xa3" + struct.pack("<I", SCRATCH)
    set_up = mov_eax(SCRATCH) + b"\x0f\x23\xc0" + mov_eax(0xD0002) + b"\x0f\x23\xf8"
    stop = rig.run(store + set_up + store + b"\x90")
    assert (stop.vector, stop.frame[0]) == (DB, CODE + len(store + set_up + store))


def test_port_breakpoints_need_the_debug_extensions(rig: ProtectedRig) -> None:
    for cr4, expected in ((8, DB), (0, None)):
        assert rig.run(b"\xe4\x80\x90", cr4=cr4, **break_on(0, 0x80, 2)).vector == expected
