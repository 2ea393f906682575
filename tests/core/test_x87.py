"""x87 instructions: results, flags, stack faults, environments and error reporting (SDM vol. 1, ch. 8)."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import CODE, CODE0, DATA0, MF, NM, SCRATCH, UD, ProtectedRig

IE, DE, ZE, OE, UE, PE, SF, ES, C0, C1, C2, C3 = (1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x4000)
INDEFINITE = b"\0\0\0\0\0\0\0\xc0\xff\xff"
PROTECTED_NE = 0x31
OPERAND, RESULT, ENVIRONMENT = SCRATCH, SCRATCH + 0x20, SCRATCH + 0x100


@pytest.fixture
def rig() -> ProtectedRig:
    return ProtectedRig()


def memory_form(opcode: int, reg: int, address: int) -> bytes:
    return bytes([opcode, reg << 3 | 5]) + struct.pack("<I", address)


FNINIT, FNCLEX, FNSTSW_AX, WAIT = b"\xdb\xe3", b"\xdb\xe2", b"\xdf\xe0", b"\x9b"
FLD_M64 = memory_form(0xDD, 0, OPERAND)
FLD_M80 = memory_form(0xDB, 5, OPERAND)
FSTP_M80 = memory_form(0xDB, 7, RESULT)
FSTP_M64 = memory_form(0xDD, 3, RESULT)
FLD1, FLDZ, FLDPI = b"\xd9\xe8", b"\xd9\xee", b"\xd9\xeb"


def fldcw(rig: ProtectedRig, control: int) -> bytes:
    rig.write16(SCRATCH + 0x80, control)
    return memory_form(0xD9, 5, SCRATCH + 0x80)


def double(rig: ProtectedRig, value: float) -> None:
    rig.memory.write(OPERAND, struct.pack("<d", value))


def result_double(rig: ProtectedRig) -> float:
    return float(struct.unpack("<d", rig.memory.read(RESULT, 8))[0])


def run(rig: ProtectedRig, code: bytes, cr0: int = PROTECTED_NE) -> int:
    """The status word after ``code``."""
    stop = rig.run(FNINIT + code + FNSTSW_AX, cr0=cr0)
    assert stop.vector is None
    return stop["eax"] & 0xFFFF


@pytest.mark.parametrize(
    ("opcode", "expected"),
    [(0xC0, 5.5), (0xC8, 7.0), (0xE0, 1.5), (0xE8, -1.5), (0xF0, 1.75), (0xF8, 2.0 / 3.5)],
)
def test_arithmetic_on_the_top(rig: ProtectedRig, opcode: int, expected: float) -> None:
    """D8: ST(0) = ST(0) op ST(1) with ST(0) = 3.5 and ST(1) = 2."""
    double(rig, 3.5)
    run(rig, FLD1 + b"\xd8\xc0" + FLD_M64 + bytes([0xD8, opcode | 1]) + FSTP_M64)
    assert result_double(rig) == expected


@pytest.mark.parametrize(
    ("opcode", "expected"), [(0xC0, 5.5), (0xC8, 7.0), (0xE0, 1.5), (0xE8, -1.5), (0xF0, 1.75), (0xF8, 2.0 / 3.5)]
)
def test_popping_arithmetic_has_the_reversed_encodings_swapped(rig: ProtectedRig, opcode: int, expected: float) -> None:
    """DE: ST(1) = ST(1) op ST(0), E0 and F0 reversed, then a pop."""
    double(rig, 3.5)
    status = run(rig, FLD1 + b"\xd8\xc0" + FLD_M64 + bytes([0xDE, opcode | 1]) + FSTP_M64)
    assert result_double(rig) == expected
    assert status >> 11 & 7 == 0


def test_precision_control_rounds_the_result(rig: ProtectedRig) -> None:
    double(rig, 3.0)
    for control, significand in ((0x37F, 0xAAAAAAAAAAAAAAAB), (0x27F, 0xAAAAAAAAAAAAA800), (0x07F, 0xAAAAAB0000000000)):
        run(rig, fldcw(rig, control) + FLD1 + FLD_M64 + b"\xde\xf9" + FSTP_M80)
        assert int.from_bytes(rig.memory.read(RESULT, 8), "little") == significand


def test_constants_follow_the_rounding_mode(rig: ProtectedRig) -> None:
    for control, last in ((0x37F, 0x35), (0x77F, 0x34), (0xB7F, 0x35), (0xF7F, 0x34)):
        run(rig, fldcw(rig, control) + FLDPI + FSTP_M80)
        assert rig.memory.read(RESULT, 10) == bytes([last]) + bytes.fromhex("c26821a2da0fc90040")


@pytest.mark.parametrize(
    ("value", "control", "expected", "flags"),
    [
        (2.5, 0x37F, 2, PE),
        (3.5, 0x37F, 4, PE | C1),
        (-2.5, 0xF7F, -2, PE),
        (2.5, 0xB7F, 3, PE | C1),
        (1e300, 0x37F, -(2**31), IE),
    ],
)
def test_integer_stores(rig: ProtectedRig, value: float, control: int, expected: int, flags: int) -> None:
    double(rig, value)
    status = run(rig, fldcw(rig, control) + FLD_M64 + memory_form(0xDB, 3, RESULT))
    assert struct.unpack("<i", rig.memory.read(RESULT, 4))[0] == expected
    assert status & (IE | PE | C1) == flags


def test_packed_decimal_round_trip(rig: ProtectedRig) -> None:
    digits = bytes.fromhex("78675645342312010080")
    rig.memory.write(OPERAND, digits)
    run(rig, memory_form(0xDF, 4, OPERAND) + memory_form(0xDF, 6, RESULT))
    assert rig.memory.read(RESULT, 10) == digits


def test_masked_zero_divide_gives_infinity(rig: ProtectedRig) -> None:
    status = run(rig, FLD1 + FLDZ + b"\xde\xf9" + FSTP_M64)
    assert result_double(rig) == float("inf")
    assert status & ZE


def test_stack_overflow_and_underflow(rig: ProtectedRig) -> None:
    status = run(rig, FLD1 * 9 + FSTP_M80)
    assert rig.memory.read(RESULT, 10) == INDEFINITE
    assert status & (IE | SF) == IE | SF
    status = run(rig, FLD1 * 9)
    assert status & C1, "overflow"
    status = run(rig, FSTP_M80)
    assert rig.memory.read(RESULT, 10) == INDEFINITE
    assert status & (IE | SF | C1) == IE | SF


def test_unmasked_underflow_of_the_stack_changes_nothing(rig: ProtectedRig) -> None:
    rig.memory.write(RESULT, b"\x55" * 10)
    status = run(rig, fldcw(rig, 0x37E) + FSTP_M80)
    assert rig.memory.read(RESULT, 10) == b"\x55" * 10
    assert status & (ES | SF) == ES | SF
    assert status >> 11 & 7 == 0


def test_comparisons_set_condition_codes(rig: ProtectedRig) -> None:
    double(rig, 2.0)
    assert run(rig, FLD1 + FLD_M64 + b"\xd8\xd1") & (C0 | C2 | C3) == 0
    assert run(rig, FLD_M64 + FLD1 + b"\xd8\xd1") & (C0 | C2 | C3) == C0
    assert run(rig, FLD1 + FLD1 + b"\xde\xd9") & (C0 | C2 | C3) == C3
    double(rig, float("nan"))
    assert run(rig, FLD1 + FLD_M64 + b"\xd8\xd1") & (C0 | C2 | C3 | IE) == C0 | C2 | C3 | IE
    assert run(rig, FLD1 + FLD_M64 + b"\xdd\xe1") & (C0 | C2 | C3 | IE) == C0 | C2 | C3


def test_fcomi_writes_the_integer_flags(rig: ProtectedRig) -> None:
    stop = rig.run(FNINIT + FLD1 + FLDZ + b"\xdb\xf1", eflags=0x8D6, cr0=PROTECTED_NE)
    assert stop["eflags"] & 0x8D5 == 1
    assert ProtectedRig("pentium").run(FNINIT + FLD1 + FLDZ + b"\xdb\xf1").vector == UD


def test_fcmov(rig: ProtectedRig) -> None:
    double(rig, 7.0)
    for flags, expected in ((1, 1.0), (0, 7.0)):
        rig.run(FNINIT + FLD1 + FLD_M64 + b"\xda\xc1" + FSTP_M64, eflags=2 | flags, cr0=PROTECTED_NE)  # fcmovb
        assert result_double(rig) == expected


@pytest.mark.parametrize(
    ("bits", "codes"),
    [
        ((0, 0), C3),
        ((0, 0x8000), C3 | C1),
        ((1 << 63, 0x3FFF), C2),
        ((1 << 63, 0x7FFF), C2 | C0),
        ((3 << 62, 0x7FFF), C0),
        ((1, 0), C3 | C2),
        ((1, 0x3FFF), 0),
    ],
)
def test_fxam_classes(rig: ProtectedRig, bits: tuple[int, int], codes: int) -> None:
    rig.memory.write(OPERAND, struct.pack("<QH", *bits))
    assert run(rig, FLD_M80 + b"\xd9\xe5") & (C0 | C1 | C2 | C3) == codes
    assert run(rig, b"\xd9\xe5") & (C0 | C2 | C3) == C3 | C0, "empty"


def test_fprem_leaves_the_quotient_in_the_condition_codes(rig: ProtectedRig) -> None:
    double(rig, 23.0)
    code = FLD1 + b"\xd8\xc0" + b"\xd8\xc0" + FLD_M64 + b"\xd9\xf8"  # 23 mod 4
    run(rig, code + FSTP_M64)
    assert result_double(rig) == 3.0
    assert run(rig, code) & (C0 | C1 | C2 | C3) == C0 | C1, "quotient 5: Q2 in C0, Q1 in C3, Q0 in C1"


def test_fxtract_and_fscale_are_inverse(rig: ProtectedRig) -> None:
    double(rig, -40.0)
    run(rig, FLD_M64 + b"\xd9\xf4" + b"\xd9\xfd" + FSTP_M64)
    assert result_double(rig) == -40.0


def test_range_reduction_is_left_to_the_program(rig: ProtectedRig) -> None:
    double(rig, 2.0**64)
    status = run(rig, FLD_M64 + b"\xd9\xfe" + FSTP_M64)
    assert status & C2
    assert result_double(rig) == 2.0**64


def test_denormals_raise_de_when_loaded(rig: ProtectedRig) -> None:
    double(rig, 5e-324)
    assert run(rig, FLD_M64) & (DE | IE) == DE


def test_environment_in_the_32_bit_protected_layout(rig: ProtectedRig) -> None:
    stop = rig.run(
        FNINIT + FLD_M64 + FLDZ + b"\xd8\x05" + struct.pack("<I", OPERAND) + memory_form(0xD9, 6, ENVIRONMENT),
        cr0=PROTECTED_NE,
    )
    assert stop.vector is None
    words = struct.unpack("<7I", rig.memory.read(ENVIRONMENT, 28))
    assert words[0] == 0xFFFF037F
    assert words[1] & 0x3800 == 6 << 11
    assert words[2] & 0xFFFF == 0b01_01_11_11_11_11_11_11
    assert words[3] == CODE + 10
    assert words[4] == CODE0 | 0x005 << 16
    assert words[5] == OPERAND
    assert words[6] & 0xFFFF == DATA0


def test_fnsave_and_frstor(rig: ProtectedRig) -> None:
    code = FLD1 + FLDPI + memory_form(0xDD, 6, ENVIRONMENT) + memory_form(0xD9, 7, SCRATCH + 0x90)
    run(rig, code)
    assert rig.memory.read(SCRATCH + 0x90, 2) == b"\x7f\x03"
    assert rig.memory.read(ENVIRONMENT + 28, 10) == bytes.fromhex("35c26821a2da0fc90040"), "ST(0) first"
    status = run(rig, memory_form(0xDD, 4, ENVIRONMENT) + b"\xd9\xc9" + FSTP_M64)
    assert result_double(rig) == 1.0
    assert status >> 11 & 7 == 7


def test_16_bit_environments_are_half_as_long(rig: ProtectedRig) -> None:
    rig.memory.write(ENVIRONMENT, b"\x55" * 16)
    run(rig, b"\x66" + memory_form(0xD9, 6, ENVIRONMENT))
    assert rig.memory.read(ENVIRONMENT, 6) == b"\x7f\x03\x00\x00\xff\xff"
    assert rig.memory.read(ENVIRONMENT + 14, 2) == b"\x55\x55"


def test_a_pending_error_is_reported_by_the_next_waiting_instruction(rig: ProtectedRig) -> None:
    code = FNINIT + fldcw(rig, 0x37B) + FLD1 + FLDZ + b"\xde\xf9"
    stop = rig.run(code + FNSTSW_AX + WAIT, cr0=PROTECTED_NE)
    assert stop.vector == MF
    assert stop.frame[0] == CODE + len(code) + 2
    assert stop["eax"] & (ES | ZE) == ES | ZE
    assert rig.run(code + FNCLEX + WAIT, cr0=PROTECTED_NE).vector is None


def test_without_ne_the_error_goes_out_on_ferr(rig: ProtectedRig) -> None:
    code = FNINIT + fldcw(rig, 0x37B) + FLD1 + FLDZ + b"\xde\xf9"
    stop = rig.run(code + WAIT + FLD1, cr0=0x11)
    assert stop.vector is None
    assert rig.wires == [True]
    rig.run(FNCLEX, cr0=0x11)
    assert rig.wires == [True, False]


@pytest.mark.parametrize(
    ("cr0", "code", "faults"),
    [
        (0x15, FLD1, True),
        (0x19, FLD1, True),
        (0x19, WAIT, False),
        (0x1B, WAIT, True),
        (0x13, WAIT, False),
        (0x11, FLD1, False),
    ],
)
def test_device_not_available(rig: ProtectedRig, cr0: int, code: bytes, faults: bool) -> None:
    assert rig.run(code, cr0=cr0).vector == (NM if faults else None)


def test_a_page_fault_of_a_store_leaves_the_register_stack_alone(rig: ProtectedRig) -> None:
    rig.map_pages([0])
    store = memory_form(0xDD, 3, 0x400000)
    stop = rig.run(FNINIT + FLD1 + store, cr0=0x80000031)
    assert stop.vector == 14
    stop = rig.run(FNSTSW_AX, cr0=PROTECTED_NE)
    assert stop["eax"] >> 11 & 7 == 7
