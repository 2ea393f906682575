"""Random bytes as code: our processor and Unicorn agree wherever Unicorn follows the manual."""

from __future__ import annotations

import os
import random

import pytest

from tests.core.noise_against_unicorn import Comparison

SEED = int(os.environ.get("BANCADA_SEED", random.SystemRandom().randrange(1 << 32)))
SCALE = float(os.environ.get("BANCADA_DIFFERENTIAL_SCALE", "1"))


@pytest.mark.parametrize("bits", [16, 32])
def test_noise_agrees_with_unicorn(bits: int) -> None:
    comparison = Comparison(bits, SEED)
    comparison.run(round(8_000 * SCALE))
    assert comparison.differences == [], f"seed {SEED}"
    assert comparison.compared > 3 * comparison.aside > 0
    assert len(comparison.kinds) > 200  # opcodes that were met
