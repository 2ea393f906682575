"""FS and GS, which kernels inherit from programs: code that does not use them runs on whatever is in them, code that
does meets the segment of the moment."""

from __future__ import annotations

import struct

import pytest

from tests.core import processors
from tests.core.protected_rig import DATA0, FIRST_FREE, GP, SCRATCH, ProtectedRig, descriptor

TIMES = 200
FUNCTION = SCRATCH + 0x800
VALUE = SCRATCH + 0x400
ADD_EBX_GS = b"\x65\x03\x1d" + struct.pack("<I", VALUE)  # add ebx, gs:[VALUE]
MOV_GS_EAX, MOV_GS_EDX = b"\x8e\xe8", b"\x8e\xea"
BASED = FIRST_FREE


@pytest.fixture
def rig() -> ProtectedRig:
    rig = ProtectedRig()
    rig.describe(BASED, descriptor(0x100, 0xFFFFF, 0x93))
    rig.write32(VALUE, 3)
    rig.write32(VALUE + 0x100, 5)
    return rig


def call(address: int = FUNCTION) -> bytes:
    return b"\xb9" + struct.pack("<I", address) + b"\xff\xd1"


def repeated(body: bytes) -> bytes:
    body += b"\x4e"  # dec esi
    return b"\xbe" + struct.pack("<I", TIMES) + body + b"\x0f\x85" + struct.pack("<i", -len(body) - 6)


def test_code_without_them_is_kept_whatever_is_in_them(rig: ProtectedRig) -> None:
    rig.memory.write(FUNCTION, b"\x83\xc3\x02\x43\x4b\xc3")  # add ebx, 2; inc ebx; dec ebx; ret
    code = repeated(MOV_GS_EAX + call() + MOV_GS_EDX + call())
    stop = rig.run(code, instructions=20_000, eax=0, edx=DATA0, ebx=0)
    assert stop["halted"] and stop["ebx"] == 4 * TIMES
    if processors.accelerator == "translator":
        assert rig.cpu.translator_counters["drops"] < 5


def test_code_with_one_meets_the_segment_of_the_moment(rig: ProtectedRig) -> None:
    rig.memory.write(FUNCTION, ADD_EBX_GS + b"\xc3")
    code = repeated(MOV_GS_EAX + call() + MOV_GS_EDX + call())
    stop = rig.run(code, instructions=20_000, eax=DATA0, edx=BASED, ebx=0)
    assert stop["halted"] and stop["ebx"] == 8 * TIMES


def test_a_null_segment_faults_in_code_that_ran_with_a_sound_one(rig: ProtectedRig) -> None:
    rig.memory.write(FUNCTION, ADD_EBX_GS + b"\xc3")
    code = MOV_GS_EAX + repeated(call()) + MOV_GS_EDX + call()
    stop = rig.run(code, instructions=20_000, eax=DATA0, edx=0, ebx=0)
    assert (stop.vector, stop.error, stop.frame[0], stop["ebx"]) == (GP, 0, FUNCTION, 3 * TIMES)


def test_a_small_segment_faults_beyond_its_limit(rig: ProtectedRig) -> None:
    rig.describe(BASED, descriptor(0, VALUE + 2, 0x93, 4))
    rig.memory.write(FUNCTION, ADD_EBX_GS + b"\xc3")
    code = MOV_GS_EAX + repeated(call()) + MOV_GS_EDX + call()
    stop = rig.run(code, instructions=20_000, eax=DATA0, edx=BASED, ebx=0)
    assert (stop.vector, stop.frame[0]) == (GP, FUNCTION)
