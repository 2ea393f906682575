"""Every feature bit CPUID reports works, and what it does not report raises #UD or #GP(0) (SDM vol. 2, CPUID)."""

from __future__ import annotations

import struct

import pytest

from engine.config import CPU_MODELS
from tests.core.protected_rig import GP, NM, SCRATCH, UD, ProtectedRig, mov_eax

CPUID, RDMSR, WRMSR = b"\x0f\xa2", b"\x0f\x32", b"\x0f\x30"
AC, ID = 1 << 18, 1 << 21
OSFXSR = 0x200

# A bit of CPUID: leaf, register, number.
Bit = tuple[int, str, int]


def edx(number: int) -> Bit:
    return 1, "edx", number


def ecx(number: int) -> Bit:
    return 1, "ecx", number


def extended(number: int) -> Bit:
    return 0x80000001, "edx", number


def read_msr(index: int) -> bytes:
    return b"\xb9" + struct.pack("<I", index) + RDMSR


def write_msr(index: int, low: int) -> bytes:
    return b"\xb9" + struct.pack("<I", index) + b"\x31\xd2" + mov_eax(low) + WRMSR


def set_cr4(bit: int) -> bytes:
    return mov_eax(1 << bit) + b"\x0f\x22\xe0"


# Instructions that are #UD without the bit.
INSTRUCTIONS: list[tuple[str, Bit, bytes]] = [
    ("fninit", edx(0), b"\xdb\xe3"),
    ("rdtsc", edx(4), b"\x0f\x31"),
    ("rdmsr", edx(5), read_msr(0x10)),
    ("wrmsr", edx(5), write_msr(0x10, 0)),
    ("cmpxchg8b", edx(8), b"\x0f\xc7\x0f"),
    ("sysenter", edx(11), b"\x0f\x34"),
    ("sysexit", edx(11), b"\x0f\x35"),
    ("cmovz", edx(15), b"\x0f\x44\xc1"),
    ("fcmovb", edx(15), b"\xda\xc1"),
    ("fcomi", edx(15), b"\xdb\xf1"),
    ("clflush", edx(19), b"\x0f\xae\x3f"),
    ("paddd mm", edx(23), b"\x0f\xfe\xc1"),
    ("emms", edx(23), b"\x0f\x77"),
    ("fxsave", edx(24), b"\x0f\xae\x07"),
    ("movaps", edx(25), b"\x0f\x28\xc1"),
    ("pavgb mm", edx(25), b"\x0f\xe0\xc1"),
    ("sfence", edx(25), b"\x0f\xae\xf8"),
    ("ldmxcsr", edx(25), b"\x0f\xae\x17"),
    ("movapd", edx(26), b"\x66\x0f\x28\xc1"),
    ("paddd xmm", edx(26), b"\x66\x0f\xfe\xc1"),
    ("paddq mm", edx(26), b"\x0f\xd4\xc1"),
    ("lfence", edx(26), b"\x0f\xae\xe8"),
    ("mfence", edx(26), b"\x0f\xae\xf0"),
    ("movnti", edx(26), b"\x0f\xc3\x07"),
    ("addsubps", ecx(0), b"\xf2\x0f\xd0\xc1"),
    ("lddqu", ecx(0), b"\xf2\x0f\xf0\x07"),
    ("fisttp", ecx(0), b"\xdb\x0f"),
    ("pabsb mm", ecx(9), b"\x0f\x38\x1c\xc1"),
    ("palignr", ecx(9), b"\x66\x0f\x3a\x0f\xc1\x04"),
    ("rdtscp", extended(27), b"\x0f\x01\xf9"),
    # Reported by no model.
    ("monitor", ecx(3), b"\x0f\x01\xc8"),
    ("vmcall", ecx(5), b"\x0f\x01\xc1"),
    ("ptest", ecx(19), b"\x66\x0f\x38\x17\xc1"),
    ("pcmpistri", ecx(20), b"\x66\x0f\x3a\x63\xc1\x00"),
    ("movbe", ecx(22), b"\x0f\x38\xf0\x07"),
    ("popcnt", ecx(23), b"\xf3\x0f\xb8\xc1"),
    ("aesenc", ecx(25), b"\x66\x0f\x38\xdc\xc1"),
    ("xgetbv", ecx(26), b"\x0f\x01\xd0"),
    ("vaddps", ecx(28), b"\xc5\xf8\x58\xc1"),
    ("rdrand", ecx(30), b"\x0f\xc7\xf0"),
    ("femms", extended(31), b"\x0f\x0e"),
    ("pfadd", extended(31), b"\x0f\x0f\xc1\x9e"),
    ("syscall", extended(11), b"\x0f\x05"),
]

# Registers and bits of registers that are #GP(0) (#UD before there was the register) without the bit.
REGISTERS: list[tuple[str, Bit, bytes]] = [
    ("CR4.VME", edx(1), set_cr4(0)),
    ("CR4.PVI", edx(1), set_cr4(1)),
    ("CR4.TSD", edx(4), set_cr4(2)),
    ("CR4.DE", edx(2), set_cr4(3)),
    ("CR4.PSE", edx(3), set_cr4(4)),
    ("CR4.PAE", edx(6), set_cr4(5)),
    ("CR4.MCE", edx(7), set_cr4(6)),
    ("CR4.PGE", edx(13), set_cr4(7)),
    ("CR4.OSFXSR", edx(24), set_cr4(9)),
    ("CR4.OSXMMEXCPT", edx(25), set_cr4(10)),
    ("SYSENTER_EIP", edx(11), read_msr(0x176)),
    ("MTRRCAP", edx(12), read_msr(0xFE)),
    ("MTRRPHYSMASK7", edx(12), read_msr(0x20F)),
    ("MTRRFIX4K_F8000", edx(12), read_msr(0x26F)),
    ("MTRRDEFTYPE", edx(12), write_msr(0x2FF, 0xC06)),
    ("MCG_CAP", edx(14), read_msr(0x179)),
    ("PAT", edx(16), read_msr(0x277)),
    ("EFER.NXE", extended(20), write_msr(0xC0000080, 0x800)),
]

# Proved elsewhere: the local APIC comes with the board, PSE-36 is a matter of page tables.
WITHOUT_A_PROBE = {edx(9), edx(17)}


def reported(model: str) -> set[Bit]:
    """The bits of CPUID's two feature leaves; the 386 has no CPUID and is known by its coprocessor alone."""
    rig = ProtectedRig(model)
    if rig.run(CPUID).vector == UD:
        return {edx(0)}
    found: set[Bit] = set()
    has_extended = rig.run(mov_eax(0x80000000) + CPUID)["eax"] >= 0x80000001
    for leaf in (1, 0x80000001) if has_extended else (1,):
        stop = rig.run(mov_eax(leaf) + CPUID)
        found |= {(leaf, name, n) for name in ("ecx", "edx") for n in range(32) if stop[name] >> n & 1}
    return found


@pytest.mark.parametrize("model", CPU_MODELS)
def test_instructions_exist_where_reported(model: str) -> None:
    bits = reported(model)
    rig = ProtectedRig(model)
    wrong = []
    for name, bit, code in INSTRUCTIONS:
        rig.memory.write(SCRATCH, bytes(512))
        stop = rig.run(code, edi=SCRATCH, cr4=OSFXSR)
        assert stop.vector != NM
        if (stop.vector != UD) != (bit in bits):
            wrong.append(f"{name}: {'missing' if bit in bits else 'not reported'}, vector {stop.vector}")
    assert not wrong


@pytest.mark.parametrize("model", CPU_MODELS)
def test_registers_exist_where_reported(model: str) -> None:
    bits = reported(model)
    wrong = []
    for name, bit, code in REGISTERS:
        stop = ProtectedRig(model).run(code)
        if (stop.vector not in (GP, UD)) != (bit in bits):
            wrong.append(f"{name}: {'missing' if bit in bits else 'not reported'}, vector {stop.vector}")
    assert not wrong


@pytest.mark.parametrize("model", CPU_MODELS)
def test_no_bit_is_reported_without_a_probe(model: str) -> None:
    probed = {bit for _, bit, _ in INSTRUCTIONS + REGISTERS}
    assert reported(model) <= probed | WITHOUT_A_PROBE


@pytest.mark.parametrize(
    ("model", "toggles"), [("386", 0), *((model, AC | ID) for model in CPU_MODELS if model != "386")]
)
def test_the_flags_that_tell_a_386_from_a_486_and_cpuid(model: str, toggles: int) -> None:
    """As every processor detection does it: POPFD with the bit changed, PUSHFD to see whether it stayed."""
    rig = ProtectedRig(model)
    flip = b"\x9c\x58\x35" + struct.pack("<I", AC | ID) + b"\x50\x9d\x9c\x58"
    assert (rig.run(flip)["eax"] ^ 2) & (AC | ID) == toggles
    assert (rig.run(CPUID).vector == UD) == (not toggles & ID)
