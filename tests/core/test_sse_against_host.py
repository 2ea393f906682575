"""MMX, SSE and SSE2 (SSE3 and SSSE3 where the host has them) on random registers, against the host's own processor.

Everything FXSAVE shows is compared, MXCSR's flags and the state of the x87 among it; and when an exception that is not
masked ends a stream, MXCSR and the XMM registers at that moment.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.core.processors import HostProcessor, OurProcessor, Outcome
from tests.core.sse_streams import FLOATS, INTEGER, MOVES, RESULT, SSE3, UNCOMPARED, Form, SseGenerator
from tests.core.streams import Case

SEED = int(os.environ.get("BANCADA_SEED", random.SystemRandom().randrange(1 << 32)))
SCALE = float(os.environ.get("BANCADA_DIFFERENTIAL_SCALE", "1"))
OSFXSR, OSXMMEXCPT = 0x200, 0x400
SSE3_BITS = 0x201  # CPUID leaf 1 ECX


def host_has_sse3() -> bool:
    rig = OurProcessor(32, model="host-like", cr4=OSFXSR)
    rig.run(Case(b"\xb8\x01\0\0\0\x0f\xa2", 2, [0] * 8, 2, bytes(0x1000), 0))
    return int(rig.cpu.registers()["ecx"]) & SSE3_BITS == SSE3_BITS


def comparable(outcome: Outcome) -> bytearray:
    data = bytearray(outcome.data)
    for at in UNCOMPARED:
        data[RESULT + at] = 0
    return data


def compare(mine: Outcome, theirs: Outcome, where: str) -> None:
    assert bool(mine.fault) == bool(theirs.fault) and (not mine.fault or mine.fault[0] in theirs.fault), (
        f"fault {mine.fault} and {theirs.fault}, mxcsr {mine.mxcsr:04x} and {theirs.mxcsr:04x}, {where}"
    )
    if mine.fault:
        assert mine.mxcsr == theirs.mxcsr, f"mxcsr {mine.mxcsr:04x} and {theirs.mxcsr:04x} at a fault, {where}"
        assert mine.xmm == theirs.xmm, f"XMM registers at a fault, {where}"
        assert mine.data == theirs.data, where
        return
    ours, host = comparable(mine), comparable(theirs)
    differing = [f"{at:03x}" for at in range(len(ours)) if ours[at] != host[at]]
    assert not differing, (
        f"data at {differing}: {ours[RESULT : RESULT + 288].hex(' ', 16)} and {host[RESULT : RESULT + 288].hex(' ', 16)}, "
        f"{where}"
    )
    assert mine.gpr == theirs.gpr, where
    assert (mine.eflags ^ theirs.eflags) & 0x8D5 == 0, f"flags {mine.eflags:x} and {theirs.eflags:x}, {where}"


@pytest.mark.skipif(not HostProcessor.available(), reason="the host is not an x86-64 Linux machine")
@pytest.mark.parametrize(
    ("forms", "model", "count", "masked"),
    [
        pytest.param(INTEGER, "pentium-4", 12_000, 1.0, id="integer"),
        pytest.param(MOVES, "pentium-4", 6_000, 1.0, id="moves"),
        pytest.param(FLOATS, "pentium-4", 24_000, 0.5, id="floating point"),
        pytest.param(SSE3, "host-like", 6_000, 0.5, id="SSE3 and SSSE3"),
    ],
)
def test_every_instruction_agrees_with_the_host(forms: list[Form], model: str, count: int, masked: float) -> None:
    if model == "host-like" and not host_has_sse3():
        pytest.skip("the host has no SSE3 or SSSE3")
    print(f"seed {SEED}")
    generator = SseGenerator(SEED, forms, masked)
    ours, host = OurProcessor(32, model=model, cr4=OSFXSR | OSXMMEXCPT), HostProcessor()
    for number in range(round(count * SCALE)):
        case = generator.case(generator.rng.choice((1, 1, 3)))
        where = f"seed {SEED}, case {number}: {case.names}, image {case.data[:288].hex()}"
        compare(ours.run(case), host.run(case), where)
    ours.check_accelerator()
