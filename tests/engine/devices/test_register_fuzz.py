"""Every device under random accesses: no exception, values that fit the port, and a state that loads again."""

from __future__ import annotations

import pytest

from engine.devices.device import ResetKind
from tests.engine.devices.device_table import TABLE, Poker, Rig

POKES = 2000


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("seed", range(3))
def test_random_accesses_do_no_harm(name: str, seed: int) -> None:
    rig = Rig()
    built = TABLE[name](rig)
    poker = Poker(rig, built, seed)
    for kind in (ResetKind.POWER_ON, ResetKind.BUS, ResetKind.SOFT):
        for device in built.devices:
            device.reset(kind)
        poker.poke(POKES)
        for device in built.devices:
            device.load(device.save())
        poker.poke(100)
