"""The interpreter against the host's own processor and against Unicorn, on random streams.

Every run uses new seeds unless BANCADA_SEED is set, and prints them; a failure names the case to repeat.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.core.processors import HostProcessor, OurProcessor, UnicornProcessor, difference
from tests.core.streams import Generator

SEED = int(os.environ.get("BANCADA_SEED", random.SystemRandom().randrange(1 << 32)))
SCALE = float(os.environ.get("BANCADA_DIFFERENTIAL_SCALE", "1"))


def compare(
    bits: int, other: HostProcessor | UnicornProcessor, length: int, count: int, skip: tuple[str, ...] = ()
) -> None:
    print(f"seed {SEED}: {count} streams of {length} instructions, {bits} bits")
    generator = Generator(SEED ^ length ^ bits, bits)
    generator.templates = [template for template in generator.templates if template[0] not in skip]
    ours = OurProcessor(bits)
    compared = 0
    for number in range(round(count * SCALE)):
        case = generator.case(length)
        wrong = difference(case, ours.run(case), other.run(case))
        if wrong and isinstance(other, UnicornProcessor):
            # Unicorn now and then runs a translation of an earlier stream at this address: a fresh one decides.
            other = UnicornProcessor(bits)
            wrong = difference(case, ours.run(case), other.run(case))
        if wrong:
            start = " ".join(f"{value:08x}" for value in case.gpr)
            pytest.fail(
                f"seed {SEED}, {bits} bits, length {length}, case {number}: {wrong}\n"
                f"code {case.code.hex(' ')} ({', '.join(case.names)})\nregisters {start} flags {case.eflags:03x}"
            )
        compared += 1
    assert compared > 0
    ours.check_accelerator()


@pytest.mark.parametrize(("length", "count"), [(1, 45_000), (8, 15_000)])
def test_integer_streams_agree_with_the_host_processor(length: int, count: int) -> None:
    if not HostProcessor.available():
        pytest.skip("the host is not an x86-64 Linux machine that runs 32-bit code")
    compare(32, HostProcessor(), length, count)


@pytest.mark.parametrize(("length", "count"), [(1, 25_000), (8, 15_000)])
def test_real_mode_streams_agree_with_unicorn(length: int, count: int) -> None:
    # Unicorn 2.1.4 leaves stale flags after CMPXCHG8B; the host's processor proves that one in 32-bit mode.
    compare(16, UnicornProcessor(16), length, count, skip=("compare_exchange_8_bytes",))
