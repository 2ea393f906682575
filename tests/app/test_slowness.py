"""Each cause, put there, is named; nothing is named where there is nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from app.slowness import Cause, Evidence, findings
from app.speed_comparison import translator_gain
from engine import _core

WELL = Evidence(accelerator="translator", accelerator_wanted="auto", core_share=0.3, host_total_mb=8000)


def test_a_machine_that_is_well() -> None:
    assert findings(WELL) == []
    assert WELL.keeps_up


@pytest.mark.parametrize(
    ("cause", "changes"),
    [
        (Cause.INTERPRETER_CHOSEN, {"accelerator": "interpreter", "accelerator_wanted": "interpreter"}),
        (Cause.NO_TRANSLATOR, {"accelerator": "interpreter"}),
        (Cause.COUNTED_TIME, {"clock": "instructions"}),
        (Cause.HOST_BUSY, {"load_per_core": 3.0, "core_share": 0.4, "time_share": 0.6}),
        (Cause.BUSY_DEVICE, {"devices": {"vga": 300_000.0, "pit": 20.0}}),
        (Cause.MEMORY_OVERCOMMITTED, {"reserved_mb": 9000}),
        (Cause.SWAPPING, {"swapped_mb": 300}),
        (Cause.DEBUG_PORT, {"debug_port": True}),
    ],
)
def test_each_cause_is_named_alone(cause: Cause, changes: dict[str, Any]) -> None:
    found = findings(dataclasses.replace(WELL, **changes))
    assert [finding.cause for finding in found] == [cause]


def test_what_a_remedy_gains_comes_from_what_was_seen() -> None:
    busy = dataclasses.replace(WELL, devices={"vga": 300_000.0})
    assert findings(busy)[0].device == "vga"
    assert findings(busy)[0].share == pytest.approx(0.3)
    starved = dataclasses.replace(WELL, load_per_core=2.0, core_share=0.25, time_share=0.5)
    assert findings(starved)[0].share == pytest.approx(0.75)


def test_a_busy_host_does_not_matter_to_a_guest_that_keeps_up() -> None:
    assert findings(dataclasses.replace(WELL, load_per_core=3.0)) == []


@pytest.mark.skipif(not _core.Interpreter.can_translate(), reason="this host has no BMI2")
def test_the_gain_is_measured_with_a_program_that_runs() -> None:
    assert translator_gain() > 0
