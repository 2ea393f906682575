"""The processor models: CPUID, the registers that come with a model, SYSENTER (SDM vol. 2 and 4; vol. 3, 5.8.7)."""

from __future__ import annotations

import struct

import pytest

from engine.config import CPU_MODELS
from tests.core.protected_rig import CODE, CODE0, CODE3, DATA3, GP, IF, SCRATCH, UD, VM, ProtectedRig, mov_eax

CPUID, RDMSR, WRMSR, RDPMC, RDTSCP = b"\x0f\xa2", b"\x0f\x32", b"\x0f\x30", b"\x0f\x33", b"\x0f\x01\xf9"
SYSENTER, SYSEXIT = b"\x0f\x34", b"\x0f\x35"
SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP = 0x174, 0x175, 0x176
MODELS_WITH_SEP = ("pentium-ii", "pentium-iii", "pentium-4", "host-like")
NOTHING_OF_MMX = 0x07800000


def cpuid(rig: ProtectedRig, leaf: int) -> tuple[int, int, int, int]:
    stop = rig.run(mov_eax(leaf) + CPUID)
    return stop["eax"], stop["ebx"], stop["ecx"], stop["edx"]


def test_every_model_of_the_settings_exists() -> None:
    for model in CPU_MODELS:
        ProtectedRig(model)


@pytest.mark.parametrize(
    ("model", "signature", "features"),
    [
        ("pentium-pro", 0x619, 0x0000F1FF),
        ("pentium-ii", 0x652, 0x0183F9FF),
        ("pentium-iii", 0x68A, 0x0383F9FF),
        ("pentium-4", 0xF29, 0x078BF9FF),
    ],
)
def test_signature_and_features(model: str, signature: int, features: int) -> None:
    rig = ProtectedRig(model)
    eax, _, ecx, edx = cpuid(rig, 1)
    assert (eax, ecx, edx) == (signature, 0, features)
    rig.cpu.reset()
    assert rig.cpu.registers()["edx"] == signature


def test_the_pentium_4_tells_its_name_and_caches() -> None:
    rig = ProtectedRig("pentium-4")
    assert cpuid(rig, 2) == (0x665B5001, 0, 0, 0x007B7040)
    assert cpuid(rig, 1)[1] >> 8 & 0xFF == 8, "CLFLUSH works on 64 bytes"
    assert cpuid(rig, 0x80000000)[0] == 0x80000004
    assert cpuid(rig, 0x80000001) == (0, 0, 0, 0)
    name = b"".join(struct.pack("<4I", *cpuid(rig, leaf)) for leaf in (0x80000002, 0x80000003, 0x80000004))
    assert name.rstrip(b"\0") == b"Intel(R) Pentium(R) 4 CPU 1.00GHz"
    assert cpuid(rig, 0x80000005) == cpuid(rig, 2)


def test_the_host_like_model_has_what_this_program_computes() -> None:
    rig = ProtectedRig("host-like")
    _, _, ecx, edx = cpuid(rig, 1)
    assert edx & NOTHING_OF_MMX == NOTHING_OF_MMX
    assert not ecx & ~0x201, "SSE3 and SSSE3 at most"
    assert cpuid(rig, 0x80000001)[3] == 1 << 27 | 1 << 20


@pytest.mark.parametrize(("model", "allowed"), [("pentium-ii", 0x3FF), ("pentium-iii", 0x7FF), ("pentium-4", 0x7FF)])
def test_cr4_has_the_sse_bits(model: str, allowed: int) -> None:
    rig = ProtectedRig(model)
    for bit in range(32):
        stop = rig.run(mov_eax(1 << bit) + b"\x0f\x22\xe0")
        assert (stop.vector == GP) == (not allowed >> bit & 1), f"bit {bit}"


@pytest.mark.parametrize(
    ("code", "first"),
    [
        (b"\x0f\xc8", "486"),  # bswap
        (b"\x0f\xb1\x0f", "486"),  # cmpxchg
        (b"\x0f\xc1\x0f", "486"),  # xadd
        (b"\x0f\xc7\x0f", "pentium"),  # cmpxchg8b
        (b"\x0f\x44\xc1", "pentium-pro"),  # cmovz
        (b"\x0f\x1f\x00", "pentium-pro"),  # nop
        (b"\x0f\x18\x07", "pentium-pro"),  # prefetchnta, a nop before the Pentium III
    ],
)
def test_instructions_come_with_their_model(code: bytes, first: str) -> None:
    for model in CPU_MODELS:
        has = CPU_MODELS.index(model) >= CPU_MODELS.index(first)
        assert (ProtectedRig(model).run(code, edi=SCRATCH).vector == UD) == (not has), model


def test_page_attribute_table() -> None:
    rig = ProtectedRig("pentium-iii")
    stop = rig.run(RDMSR, ecx=0x277)
    assert (stop["eax"], stop["edx"]) == (0x00070406, 0x00070406)
    stop = rig.run(WRMSR + b"\x31\xc0\x31\xd2" + RDMSR, ecx=0x277, eax=0x01040506, edx=0x00070106)
    assert (stop["eax"], stop["edx"]) == (0x01040506, 0x00070106)
    for bad in (2, 3, 8):
        assert rig.run(WRMSR, ecx=0x277, eax=bad).vector == GP
    assert ProtectedRig("pentium-pro").run(RDMSR, ecx=0x277).vector == GP


def test_the_apic_base_is_stored_and_the_apic_stays_off() -> None:
    rig = ProtectedRig("pentium-4")
    assert rig.run(RDMSR, ecx=0x1B)["eax"] == 0xFEE00100
    assert rig.run(WRMSR + RDMSR, ecx=0x1B, eax=0xFED00900)["eax"] == 0xFED00100


def test_registers_of_the_pentium_4() -> None:
    rig = ProtectedRig("pentium-4")
    assert rig.run(WRMSR + b"\x31\xc0" + RDMSR, ecx=0x1A0, eax=0x89)["eax"] == 0x89
    for index in (0x2C, 0x19A, 0x300, 0x371, 0x3A0):
        assert rig.run(WRMSR + RDMSR, ecx=index).vector is None
        assert ProtectedRig("pentium-iii").run(RDMSR, ecx=index).vector == GP


@pytest.mark.parametrize(("model", "counters"), [("pentium-pro", 2), ("pentium-iii", 2), ("pentium-4", 18)])
def test_performance_counters_stand_still(model: str, counters: int) -> None:
    rig = ProtectedRig(model)
    stop = rig.run(RDPMC, ecx=counters - 1, eax=5, edx=5)
    assert (stop.vector, stop["eax"], stop["edx"]) == (None, 0, 0)
    assert rig.run(RDPMC, ecx=counters).vector == GP
    assert (rig.run(RDPMC, ecx=1 << 31).vector == GP) == (model != "pentium-4")


def test_rdtscp_gives_the_auxiliary_register_too() -> None:
    rig = ProtectedRig("host-like")
    stop = rig.run(b"\xb9\x03\x01\x00\xc0" + WRMSR + RDTSCP, eax=0x1234, edx=0)
    assert (stop.vector, stop["ecx"]) == (None, 0x1234)
    assert rig.run(RDTSCP, cr4=4).vector is None
    assert ProtectedRig("pentium-4").run(RDTSCP).vector == UD


# -- SYSENTER and SYSEXIT


def write_msr(index: int, value: int) -> bytes:
    return b"\xb9" + struct.pack("<I", index) + b"\x31\xd2" + mov_eax(value) + WRMSR


def set_up(selector: int = CODE0, eip: int = CODE + 0x800, esp: int = 0x28000) -> bytes:
    return write_msr(SYSENTER_CS, selector) + write_msr(SYSENTER_EIP, eip) + write_msr(SYSENTER_ESP, esp)


USER = {"cpl": 3, "cs": CODE3, "cs_access": 0xCFB, "ss": DATA3, "ss_access": 0xCF3}


@pytest.fixture
def rig() -> ProtectedRig:
    rig = ProtectedRig("pentium-4")
    rig.memory.write(CODE + 0x800, b"\xf4")
    return rig


def test_sysenter_goes_to_flat_segments_of_ring_0(rig: ProtectedRig) -> None:
    rig.run(set_up())
    stop = rig.run(SYSENTER, eflags=0x3202 | 0x10000, **USER, cs_limit=0xFFFFF, ds_access=0xCF3)
    assert (stop["eip"], stop["esp"], stop["cpl"]) == (CODE + 0x801, 0x28000, 0)
    assert (stop["cs"], stop["cs_base"], stop["cs_limit"], stop["cs_access"]) == (CODE0, 0, 0xFFFFFFFF, 0xC9B)
    assert (stop["ss"], stop["ss_base"], stop["ss_limit"], stop["ss_access"]) == (CODE0 + 8, 0, 0xFFFFFFFF, 0xC93)
    assert stop["eflags"] & (IF | VM | 1 << 16) == 0


def test_sysexit_returns_to_ring_3(rig: ProtectedRig) -> None:
    rig.run(set_up())
    rig.memory.write(CODE + 0x400, b"\x40\x0f\x0b")  # inc eax; ud2
    stop = rig.run(SYSEXIT, edx=CODE + 0x400, ecx=SCRATCH + 0x100, eax=0)
    assert (stop.vector, stop["eax"]) == (UD, 1)
    eip, cs, _, esp, ss = stop.frame[:5]
    assert (eip, cs, esp, ss) == (CODE + 0x401, CODE0 + 16 | 3, SCRATCH + 0x100, CODE0 + 24 | 3)


def test_a_null_selector_keeps_both_from_working(rig: ProtectedRig) -> None:
    rig.run(set_up(selector=3))
    assert rig.run(SYSENTER).vector == GP
    assert rig.run(SYSEXIT).vector == GP


def test_sysexit_is_for_ring_0_and_both_for_protected_mode(rig: ProtectedRig) -> None:
    rig.run(set_up())
    assert rig.run(SYSEXIT, **USER).vector == GP
    rig.memory.write(0x5000, SYSENTER)
    rig.memory.write(GP * 4, struct.pack("<HH", 0x6000, 0))
    rig.memory.write(0x6000, b"\xf4")
    segments = {"cs": 0, "cs_base": 0, "cs_access": 0x9B, "cs_limit": 0xFFFF, "ss": 0, "ss_base": 0, "ss_access": 0x93}
    real = rig.run(b"", cr0=0x10, eip=0x5000, idtr_base=0, idtr_limit=0x3FF, esp=0x4000, **segments)
    assert real["eip"] == 0x6001


@pytest.mark.parametrize("model", CPU_MODELS)
def test_the_registers_of_sysenter_come_with_it(model: str) -> None:
    rig = ProtectedRig(model)
    for index in (SYSENTER_CS, SYSENTER_ESP, SYSENTER_EIP):
        stop = rig.run(write_msr(index, 0x12345678) + b"\x31\xc0" + RDMSR)
        if model in MODELS_WITH_SEP:
            assert (stop.vector, stop["eax"], stop["edx"]) == (None, 0x12345678, 0)
        else:
            assert stop.vector in (GP, UD)
