"""Random bytes as code: our processor and Unicorn agree wherever Unicorn follows the manual."""

from __future__ import annotations

import os
import random

import pytest

from tests.core.noise_against_unicorn import MODES, PAGE_FAULT, Comparison, Mode

SEED = int(os.environ.get("BANCADA_SEED", random.SystemRandom().randrange(1 << 32)))
SCALE = float(os.environ.get("BANCADA_DIFFERENTIAL_SCALE", "1"))


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_noise_agrees_with_unicorn(mode: Mode) -> None:
    comparison = Comparison(mode, SEED)
    comparison.run(round(4_000 * SCALE))
    assert comparison.differences == [], f"seed {SEED}"
    assert comparison.compared > 3 * comparison.aside > 0
    assert len(comparison.kinds) > 100  # opcodes that were met
    # Without paging there may still be one: INT 0Eh.
    assert comparison.exceptions[PAGE_FAULT] > 0 or not mode.paging
