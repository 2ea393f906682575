"""Rates from counters, on a clock of the test's own."""

from __future__ import annotations

from typing import Any

import pytest

from app.figures import KEPT_S, History


class Counted:
    """A machine's counters, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.on = True
        self.instructions = self.guest_ns = self.worker_ns = self.read = self.vga = 0

    def stats(self) -> dict[str, Any]:
        if not self.on:
            return {}
        return {
            "instructions": self.instructions,
            "guest_ns": self.guest_ns,
            "worker_ns": self.worker_ns,
            "frames": 0,
            "disk": {"read": self.read, "written": 0},
            "bus": {"vga": {"reads": self.vga, "writes": 0}, "pit": {"reads": 0, "writes": 0}},
        }

    def run(self, seconds: float) -> None:
        self.now += seconds
        self.instructions += round(5_000_000 * seconds)
        self.guest_ns += round(0.5e9 * seconds)
        self.worker_ns += round(0.8e9 * seconds)
        self.read += round(3_000_000 * seconds)
        self.vga += round(1000 * seconds)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def history(counted: Counted) -> History:
    return History(counted.stats, lambda: counted.now)


def test_rates_are_a_second(counted: Counted, history: History) -> None:
    history.look()
    assert history.last is None
    counted.run(2.0)
    history.look()
    sample = history.last
    assert sample is not None
    assert (sample.instructions, sample.time_share, sample.core_share) == pytest.approx((5.0, 0.5, 0.8))
    assert sample.disk_read == pytest.approx(3.0)
    assert sample.exits == sample.devices["vga"] == pytest.approx(1000)


def test_a_machine_that_was_switched_off_and_on_begins_anew(counted: Counted, history: History) -> None:
    history.look()
    counted.run(1)
    history.look()
    counted.instructions = 0
    counted.run(0.5)
    history.look()
    assert len(history.samples) == 1
    counted.on = False
    history.look()
    counted.on = True
    history.look()
    assert len(history.samples) == 1


def test_ten_minutes_are_kept_and_a_window_shows_less(counted: Counted, history: History) -> None:
    for _ in range(2 * KEPT_S + 50):
        counted.run(0.5)
        history.look()
    assert len(history.samples) == 2 * KEPT_S
    assert len(history.window(60)) == pytest.approx(120, abs=1)


def test_the_table_has_a_row_a_sample_and_columns_for_devices_that_were_used(
    counted: Counted, history: History
) -> None:
    for _ in range(3):
        history.look()
        counted.run(0.5)
    lines = history.csv().splitlines()
    assert lines[0].startswith("seconds,instructions,time_share,core_share") and lines[0].endswith("exits vga")
    assert "pit" not in lines[0]
    assert len(lines) == 3
    assert lines[-1].startswith("0.0,5.0,0.5,0.8") and lines[1].startswith("-0.5,")
