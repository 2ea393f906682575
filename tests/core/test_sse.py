"""What surrounds MMX and SSE instructions: availability, exceptions, FXSAVE (SDM vol. 1, 9-11; vol. 3, 12 and 13)."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import AC, CODE, GP, MF, NM, PF, SCRATCH, SS, UD, ProtectedRig, Stop, mov_eax

XM = 19
OSFXSR, OSXMMEXCPT = 0x200, 0x400
CR4 = OSFXSR | OSXMMEXCPT
EM, TS, NE = 4, 8, 0x20
EDI_DISP = b"\x07"  # ModRM of [edi] with register 0

PADDB_MMX, PADDB_XMM = b"\x0f\xfc\xc1", b"\x66\x0f\xfc\xc1"
ADDPS, DIVPS, SQRTSS, ADDSD, CVTSD2SI = b"\x0f\x58", b"\x0f\x5e", b"\xf3\x0f\x51", b"\xf2\x0f\x58", b"\xf2\x0f\x2d"
MOVAPS_LOAD, MOVAPS_STORE, MOVUPS_LOAD, MOVUPS_STORE = b"\x0f\x28", b"\x0f\x29", b"\x0f\x10", b"\x0f\x11"
FXSAVE, FXRSTOR, LDMXCSR, STMXCSR = b"\x0f\xae\x07", b"\x0f\xae\x0f", b"\x0f\xae\x17", b"\x0f\xae\x1f"
ONES = 0x3F800000_3F800000_3F800000_3F800000


def repeat32(value: int) -> int:
    return value | value << 32 | value << 64 | value << 96


class SseRig(ProtectedRig):
    def __init__(self, model: str = "pentium-4") -> None:
        super().__init__(model)

    def sse(self, code: bytes, **registers: int) -> Stop:
        return self.run(code, **({"cr4": CR4, "edi": SCRATCH} | registers))


@pytest.fixture
def rig() -> SseRig:
    return SseRig()


@pytest.mark.parametrize("code", [PADDB_MMX, b"\x0f\x77"])
def test_mmx_asks_for_cr0_alone(rig: SseRig, code: bytes) -> None:
    assert rig.run(code).vector is None
    assert rig.run(code, cr0=0x11 | EM).vector == UD
    assert rig.run(code, cr0=0x11 | TS).vector == NM
    assert rig.run(code, cr0=0x11 | EM | TS).vector == UD


@pytest.mark.parametrize("code", [PADDB_XMM, ADDPS + b"\xc1", LDMXCSR, b"\x0f\x2a\xc1", b"\xf2\x0f\xd6\xc1"])
def test_sse_asks_for_osfxsr_too(rig: SseRig, code: bytes) -> None:
    rig.write32(SCRATCH, 0x1F80)
    assert rig.sse(code).vector is None
    assert rig.sse(code, cr4=0).vector == UD
    assert rig.sse(code, cr0=0x11 | EM).vector == UD
    assert rig.sse(code, cr0=0x11 | TS).vector == NM
    assert rig.sse(code, cr0=0x11 | TS, cr4=0).vector == UD


@pytest.mark.parametrize("code", [b"\x0f\xae\xe8", b"\x0f\xae\xf0", b"\x0f\xae\xf8", b"\x0f\xc3\x07", b"\xf3\x90"])
def test_fences_movnti_and_pause_ask_for_nothing(rig: SseRig, code: bytes) -> None:
    assert rig.sse(code, cr4=0, cr0=0x11 | EM | TS).vector is None


@pytest.mark.parametrize(
    ("code", "first"),
    [
        (PADDB_MMX, "pentium-ii"),
        (b"\x0f\x77", "pentium-ii"),
        (FXSAVE, "pentium-ii"),
        (b"\x0f\x34", "pentium-ii"),
        (b"\x0f\xe0\xc1", "pentium-iii"),  # pavgb mm
        (ADDPS + b"\xc1", "pentium-iii"),
        (STMXCSR, "pentium-iii"),
        (b"\x0f\xae\xf8", "pentium-iii"),  # sfence
        (b"\x0f\xd4\xc1", "pentium-4"),  # paddq mm
        (PADDB_XMM, "pentium-4"),
        (b"\x0f\x5b\xc1", "pentium-4"),
        (b"\x0f\xae\x3f", "pentium-4"),  # clflush
        (b"\x0f\xc3\x07", "pentium-4"),  # movnti
        (b"\xf2\x0f\xd0\xc1", "host-like"),  # addsubps
        (b"\x0f\x38\x00\xc1", "host-like"),  # pshufb
        (b"\xdb\x0f", "host-like"),  # fisttp
        (b"\x0f\x01\xf9", "host-like"),  # rdtscp
    ],
)
def test_each_extension_comes_with_its_model(code: bytes, first: str) -> None:
    models = ["pentium", "pentium-pro", "pentium-ii", "pentium-iii", "pentium-4", "host-like"]
    for model in models:
        cr4 = {"pentium-ii": OSFXSR, "pentium-iii": CR4, "pentium-4": CR4, "host-like": CR4}.get(model, 0)
        has = models.index(model) >= models.index(first)
        rig = ProtectedRig(model)
        if first == "host-like" and has and rig.run(mov_eax(1) + b"\x0f\xa2")["ecx"] & 0x201 != 0x201:
            continue
        stop = rig.run(b"\xdb\xe3" + code, cr4=cr4, edi=SCRATCH)
        assert (stop.vector == UD) == (not has), model


@pytest.mark.parametrize(
    "code", [b"\xf0" + PADDB_XMM, b"\x0f\x50\x07", b"\x66\x0f\x13\xc1", b"\x0f\xae\xe0", b"\xf3\x0f\xfc\xc1"]
)
def test_encodings_that_do_not_exist(rig: SseRig, code: bytes) -> None:
    assert rig.sse(code).vector == UD


# -- MMX and the x87


def test_an_mmx_instruction_takes_the_x87_registers_over(rig: SseRig) -> None:
    """9.5.1 and 9.6.2: TOP 0, all registers valid, exponents all ones; EMMS empties them."""
    fld1 = b"\xd9\xe8"
    fnstenv = b"\xd9\x37"
    rig.sse(b"\xdb\xe3" + fld1 + fld1 + b"\x0f\x6e\xd0" + fnstenv, eax=0x12345678)  # movd mm2, eax
    control, status, tags = (rig.read32(SCRATCH + at) & 0xFFFF for at in (0, 4, 8))
    assert (control, status & 0x3800) == (0x37F, 0)
    assert tags >> 4 & 3 == 2, "MM2 holds a special number"
    assert [tags >> 2 * register & 3 for register in (6, 7)] == [0, 0]
    rig.sse(b"\x0f\x6e\xd0\xdb\x7f\x10\xdd\x37", eax=0x12345678)
    rig.sse(b"\x0f\x77" + fnstenv)
    assert rig.read32(SCRATCH + 8) & 0xFFFF == 0xFFFF


def test_mmx_instructions_report_pending_x87_exceptions(rig: SseRig) -> None:
    unmasked_invalid = b"\xdb\xe3\xc7\x07\x7e\x03\x00\x00\xd9\x2f\xd9\xee\xd9\xee\xde\xf9"  # fldcw; 0/0
    stop = rig.sse(unmasked_invalid + PADDB_MMX, cr0=0x11 | NE)
    assert (stop.vector, stop.frame[0]) == (MF, CODE + len(unmasked_invalid))
    assert rig.sse(unmasked_invalid + b"\x0f\x2a\xc1", cr0=0x11 | NE).vector == MF  # cvtpi2ps
    assert rig.sse(unmasked_invalid + PADDB_XMM, cr0=0x11 | NE).vector is None
    assert rig.sse(unmasked_invalid + FXSAVE, cr0=0x11 | NE).vector is None


def test_a_faulting_mmx_load_leaves_the_x87_alone(rig: SseRig) -> None:
    limit = {"ds_limit": 0xFFF, "edi": 0xFFC}
    stop = rig.sse(b"\xdb\xe3\x0f\x6f\x07", **limit)
    assert stop.vector == GP
    rig.sse(b"\xd9\x37")
    assert rig.read32(SCRATCH + 8) & 0xFFFF == 0xFFFF


# -- Memory operands


@pytest.mark.parametrize("code", [MOVAPS_LOAD, MOVAPS_STORE, ADDPS, b"\x66\x0f\xe7", b"\x66\x0f\x6f", b"\x66\x0f\xfc"])
def test_16_byte_operands_must_be_aligned(rig: SseRig, code: bytes) -> None:
    assert rig.sse(code + EDI_DISP).vector is None
    for offset in (1, 4, 8):
        stop = rig.sse(code + EDI_DISP, edi=SCRATCH + offset)
        assert (stop.vector, stop.error) == (GP, 0)
    # The linear address counts, not the offset.
    assert rig.sse(code + EDI_DISP, edi=SCRATCH + 8, ds_base=8).vector is None
    on_stack = b"\x36" + code + EDI_DISP
    assert rig.sse(on_stack, edi=SCRATCH + 8).vector == GP
    assert rig.sse(on_stack, edi=0x30008, ss_limit=0x2FFFF).vector == SS


@pytest.mark.parametrize(
    "code", [MOVUPS_LOAD, MOVUPS_STORE, b"\xf3\x0f\x6f", b"\xf3\x0f\x58", b"\xf2\x0f\x58", b"\x0f\x5a"]
)
def test_other_operands_need_not_be_aligned(rig: SseRig, code: bytes) -> None:
    assert rig.sse(code + EDI_DISP, edi=SCRATCH + 3).vector is None


def test_alignment_checks_of_ring_3_apply(rig: SseRig) -> None:
    user = {"cpl": 3, "cr0": 0x40011, "eflags": 0x40002}
    segments: dict[str, int] = {}
    for name in ("cs", "ss", "ds", "es"):
        code = name == "cs"
        segments |= {name: 0x1B if code else 0x23, f"{name}_access": 0xCFB if code else 0xCF3}
    assert rig.sse(MOVUPS_LOAD + EDI_DISP, **user, **segments, edi=SCRATCH + 1).vector == AC


@pytest.mark.parametrize(("code", "size"), [(MOVUPS_STORE, 16), (b"\x0f\x7f", 8), (FXSAVE[:2], 512)])
def test_a_store_across_pages_writes_all_or_nothing(rig: SseRig, code: bytes, size: int) -> None:
    """The second page is absent, then read-only for CR0.WP."""
    start = 0x401000 - (size // 2 & ~15 if size == 512 else size // 2)
    for entry, error in ((0, 2), (0x301 << 12 | 1, 3)):
        rig.map_pages([0x300 << 12 | 7, entry])
        rig.memory.write(0x300000, b"\xa5" * 0x1000)
        rig.memory.write(0x301000, b"\xa5" * 0x1000)
        stop = rig.sse(code + EDI_DISP, edi=start, cr0=0x80010011, xmm0=ONES)
        assert (stop.vector, stop.error, stop["cr2"]) == (PF, error, 0x401000)
        assert rig.memory.read(0x300000, 0x2000) == b"\xa5" * 0x2000
    rig.map_pages([0x300 << 12 | 7, 0x301 << 12 | 7])
    assert rig.sse(code + EDI_DISP, edi=start, cr0=0x80010011, xmm0=ONES).vector is None


def test_a_load_across_pages_changes_nothing_when_it_faults(rig: SseRig) -> None:
    rig.map_pages([0x300 << 12 | 7, 0])
    stop = rig.sse(MOVUPS_LOAD + EDI_DISP, edi=0x400FF8, cr0=0x80000011, xmm0=ONES)
    assert (stop.vector, stop["cr2"], stop["xmm0"]) == (PF, 0x401000, ONES)


def test_masked_stores_write_the_chosen_bytes(rig: SseRig) -> None:
    rig.memory.write(SCRATCH, bytes(16))
    value, mask = int.from_bytes(bytes(range(16)), "little"), 0x80 | 0xFF << 120 | 0x80 << 40
    rig.sse(b"\x66\x0f\xf7\xc1", xmm0=value, xmm1=mask)  # maskmovdqu xmm0, xmm1
    assert rig.memory.read(SCRATCH, 16) == bytes([0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 15])
    # Bytes that are not chosen are not touched, wherever they lie.
    assert rig.sse(b"\x66\x0f\xf7\xc1", xmm1=0x80, ds_limit=SCRATCH).vector is None
    assert rig.sse(b"\x66\x0f\xf7\xc1", xmm1=0x8000, ds_limit=SCRATCH).vector == GP


def test_a_store_over_code_is_seen(rig: SseRig) -> None:
    patch = int.from_bytes(b"\x40" * 16, "little")  # sixteen INC EAX
    code = MOVUPS_STORE + EDI_DISP + b"\x90" * 13 + b"\x90" * 16
    for _ in range(2):
        assert rig.sse(code, edi=CODE + 16, eax=0, xmm0=patch)["eax"] == 16


# -- MXCSR and #XM


@pytest.mark.parametrize(
    ("model", "value", "faults"),
    [
        ("pentium-iii", 0xFFBF, False),
        ("pentium-iii", 0x0040, True),
        ("pentium-4", 0xFFFF, False),
        ("pentium-4", 0x10000, True),
        ("pentium-4", 0x80001F80, True),
    ],
)
def test_reserved_bits_of_mxcsr(model: str, value: int, faults: bool) -> None:
    rig = SseRig(model)
    rig.write32(SCRATCH, value)
    stop = rig.sse(LDMXCSR, mxcsr=0x1F80)
    assert (stop.vector == GP, stop["mxcsr"]) == (faults, 0x1F80 if faults else value)
    image = bytearray(512)
    struct.pack_into("<H", image, 0, 0x37F)
    struct.pack_into("<I", image, 24, value)
    rig.memory.write(SCRATCH, bytes(image))
    assert (rig.sse(FXRSTOR, mxcsr=0x1F80).vector == GP) == faults


def test_stmxcsr_stores_what_ldmxcsr_loaded(rig: SseRig) -> None:
    rig.write32(SCRATCH, 0xA5B5)
    rig.sse(LDMXCSR + b"\x0f\xae\x5f\x10")
    assert rig.read32(SCRATCH + 16) == 0xA5B5


ZERO_DIVISOR = {"xmm0": ONES, "xmm1": 0}


def test_an_unmasked_exception_is_a_fault_before_the_result(rig: SseRig) -> None:
    stop = rig.sse(DIVPS + b"\xc1", mxcsr=0x1F80 & ~0x200, **ZERO_DIVISOR)
    assert (stop.vector, stop.frame[0]) == (XM, CODE)
    assert (stop["xmm0"], stop["mxcsr"]) == (ONES, 0x1D84)


def test_without_osxmmexcpt_it_is_an_invalid_opcode(rig: SseRig) -> None:
    stop = rig.sse(DIVPS + b"\xc1", mxcsr=0x1D80, cr4=OSFXSR, **ZERO_DIVISOR)
    assert (stop.vector, stop["mxcsr"]) == (UD, 0x1D84)


def test_a_masked_exception_leaves_its_flag(rig: SseRig) -> None:
    stop = rig.sse(DIVPS + b"\xc1", mxcsr=0x1F80, **ZERO_DIVISOR)
    assert (stop.vector, stop["xmm0"], stop["mxcsr"]) == (None, repeat32(0x7F800000), 0x1F84)


def test_exceptions_found_before_the_operation_hide_those_after(rig: SseRig) -> None:
    """11.5.3: one lane divides by zero, another is inexact."""
    operands = {"xmm0": ONES, "xmm1": 0x40400000}  # 1/3 in the low lane, 1/0 in the others
    stop = rig.sse(DIVPS + b"\xc1", mxcsr=0x1D80, **operands)
    assert (stop.vector, stop["mxcsr"]) == (XM, 0x1D84)
    stop = rig.sse(DIVPS + b"\xc1", mxcsr=0x1F80 & ~0x1000, **operands)
    assert (stop.vector, stop["mxcsr"]) == (XM, 0x0FA4)


def test_flags_already_set_raise_nothing(rig: SseRig) -> None:
    assert rig.sse(ADDPS + b"\xc1", mxcsr=0x003F, xmm0=ONES, xmm1=ONES).vector is None


def test_an_unmasked_comparison_leaves_eflags(rig: SseRig) -> None:
    stop = rig.sse(b"\x0f\x2f\xc1", mxcsr=0x1F00, xmm0=0x7FC00000, eflags=0x8D7)  # comiss with a NaN
    assert (stop.vector, stop.frame[2] & 0x8D5) == (XM, 0x8D5)
    assert rig.sse(b"\x0f\x2e\xc1", mxcsr=0x1F00, xmm0=0x7FC00000).vector is None  # ucomiss: a quiet NaN is fine


@pytest.mark.parametrize(
    ("rounding", "expected"), [(0, 2), (1, 2), (2, 3), (3, 2)], ids=["nearest", "down", "up", "zero"]
)
def test_conversions_round_as_mxcsr_says(rig: SseRig, rounding: int, expected: int) -> None:
    value = struct.unpack("<Q", struct.pack("<d", 2.5))[0]
    assert rig.sse(CVTSD2SI + b"\xc1", mxcsr=0x1F80 | rounding << 13, xmm1=value)["eax"] == expected


def test_denormals_are_zeros_and_flush_to_zero(rig: SseRig) -> None:
    denormals = {"xmm0": repeat32(0x00400000), "xmm1": repeat32(0x00400000)}
    assert rig.sse(ADDPS + b"\xc1", mxcsr=0x1F80, **denormals)["xmm0"] == repeat32(0x00800000)
    stop = rig.sse(ADDPS + b"\xc1", mxcsr=0x1FC0, **denormals)
    assert (stop["xmm0"], stop["mxcsr"]) == (0, 0x1FC0)
    tiny = {"xmm0": repeat32(0x00800001), "xmm1": repeat32(0x3F000000)}
    stop = rig.sse(b"\x0f\x59\xc1", mxcsr=0x9F80, **tiny)  # mulps
    assert (stop["xmm0"], stop["mxcsr"]) == (0, 0x9FB0)


def test_a_hostile_mxcsr_in_a_saved_state_does_no_harm(rig: SseRig) -> None:
    stop = rig.sse(ADDPS + b"\xc1", mxcsr=0xFFFFFFFF, xmm0=ONES, xmm1=ONES)
    assert stop["xmm0"] == repeat32(0x40000000)


# -- FXSAVE


def test_the_fxsave_image(rig: SseRig) -> None:
    """Table 10-2: abridged tags by physical register, registers by stack position, MXCSR with its mask."""
    rig.memory.write(SCRATCH, b"\xa5" * 512)
    load = b"\xdb\xe3\xd9\xe8\xd9\xee"  # fninit; fld1; fldz
    values = {f"xmm{number}": 0x1111_0000_0000_0000_0000_0000_0000_0000 + number for number in range(8)}
    rig.sse(load + FXSAVE, mxcsr=0x1F85, **values)
    image = rig.memory.read(SCRATCH, 512)
    control, status, tags, opcode = struct.unpack_from("<HHBxH", image)
    assert (control, status, tags) == (0x37F, 6 << 11, 0xC0)
    assert opcode == 0x1EE
    assert struct.unpack_from("<IH", image, 8) == (CODE + 4, 8)
    assert struct.unpack_from("<II", image, 24) == (0x1F85, 0xFFFF)
    assert image[32:48] == bytes(16)
    assert image[48:64] == (1 << 63).to_bytes(8, "little") + b"\xff\x3f" + bytes(6)
    for number in range(8):
        at = 160 + 16 * number
        assert int.from_bytes(image[at : at + 16], "little") == values[f"xmm{number}"]
    assert image[288:] == b"\xa5" * 224


def test_a_pentium_ii_saves_no_sse_state() -> None:
    rig = ProtectedRig("pentium-ii")
    rig.memory.write(SCRATCH, b"\xa5" * 512)
    rig.run(b"\xdb\xe3" + FXSAVE, cr4=OSFXSR, edi=SCRATCH)
    image = rig.memory.read(SCRATCH, 512)
    assert image[:2] == b"\x7f\x03"
    assert image[160:] == b"\xa5" * 352


def test_fxrstor_undoes_what_came_after_fxsave(rig: SseRig) -> None:
    before = {f"xmm{number}": number << 100 | 7 for number in range(8)}
    spoil = b"\x0f\x57\xc0\x0f\x57\xff\xdb\xe3\x0f\x77"
    stop = rig.sse(b"\xdb\xe3\xd9\xe8" + FXSAVE + spoil + FXRSTOR + b"\xdd\x5f\x00", mxcsr=0x1FA0, **before)
    assert {name: stop[name] for name in before} == before
    assert stop["mxcsr"] == 0x1FA0
    assert rig.memory.read(SCRATCH, 8) == struct.pack("<d", 1.0)


@pytest.mark.parametrize("code", [FXSAVE, FXRSTOR])
def test_fxsave_and_fxrstor_check_alignment_and_cr0(rig: SseRig, code: bytes) -> None:
    rig.memory.write(SCRATCH, bytes(512))
    assert rig.sse(code, edi=SCRATCH + 8).vector == GP
    assert rig.sse(code, cr0=0x11 | TS).vector == NM
    assert rig.sse(code, cr0=0x11 | EM).vector == NM
    assert rig.sse(code, ds_limit=SCRATCH + 510).vector == GP
    assert rig.sse(code, ds_limit=SCRATCH + 511).vector is None


def test_the_state_is_saved_and_loaded(rig: SseRig) -> None:
    rig.sse(b"", xmm3=ONES, mxcsr=0x5F80)
    other = SseRig()
    other.cpu.load(rig.cpu.save())
    registers = other.cpu.registers()
    assert (registers["xmm3"], registers["mxcsr"]) == (ONES, 0x5F80)


def test_fisttp_truncates_whatever_the_control_word_says() -> None:
    rig = SseRig("host-like")
    if not rig.run(mov_eax(1) + b"\x0f\xa2")["ecx"] & 1:
        pytest.skip("the host has no SSE3")
    rig.memory.write(SCRATCH, struct.pack("<dHHHH", -2.75, 0xB7F, 0, 0, 0))  # round up
    stop = rig.sse(b"\xdb\xe3\xd9\x6f\x08\xdd\x07\xdb\x0f\xd9\x7f\x10\xdf\xe0")
    assert struct.unpack("<i", rig.memory.read(SCRATCH, 4)) == (-2,)
    assert rig.memory.read(SCRATCH + 16, 2) == b"\x7f\x0b"
    assert stop["eax"] & 0x3800 == 0, "popped"
