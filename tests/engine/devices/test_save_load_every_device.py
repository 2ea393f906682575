"""Every device: save, load into a fresh one, save again: equal. And both go on alike."""

from __future__ import annotations

import copy

import pytest

from engine.devices.device import ResetKind
from engine.errors import StateError
from tests.engine.devices.device_table import TABLE, Poker, Rig

SEEDS = range(6)
POKES = 400


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_loaded_device_saves_the_same_and_behaves_the_same(name: str, seed: int) -> None:
    rig = Rig()
    built = TABLE[name](rig)
    Poker(rig, built, seed).poke(POKES)
    saved = [device.save() for device in built.devices]
    kept = copy.deepcopy(saved)

    fresh_rig = Rig(rig.clock.now_ns)
    fresh = TABLE[name](fresh_rig)
    fresh_rig.memory.bytes[:] = rig.memory.bytes
    for device, state in zip(fresh.devices, saved, strict=True):
        device.load(state)
    for pin, before in zip(fresh.pins, built.pins, strict=True):
        pin.set(before.level)
    assert [device.save() for device in fresh.devices] == kept
    assert [line.level for line in fresh_rig.irqs] == [line.level for line in rig.irqs]

    assert Poker(fresh_rig, fresh, seed + 1000).poke(POKES) == Poker(rig, built, seed + 1000).poke(POKES)
    assert saved == kept, "a saved state changed under the running device"


@pytest.mark.parametrize("name", TABLE)
def test_a_used_device_takes_a_state_over_as_a_fresh_one_does(name: str) -> None:
    rig = Rig()
    built = TABLE[name](rig)
    saved = [device.save() for device in built.devices]
    for kind in ResetKind:
        Poker(rig, built, 7).poke(POKES)
        for device in built.devices:
            device.reset(kind)
    Poker(rig, built, 8).poke(POKES)
    fresh = TABLE[name](Rig(rig.clock.now_ns))
    for used, other, state in zip(built.devices, fresh.devices, saved, strict=True):
        used.load(state)
        other.load(state)
    assert [device.save() for device in built.devices] == [device.save() for device in fresh.devices]


@pytest.mark.parametrize("name", TABLE)
def test_a_state_of_something_else_is_refused(name: str) -> None:
    for device in TABLE[name](Rig()).devices:
        with pytest.raises(StateError):
            device.load(object())
