"""Whole boots, in which interpreter and translator are in the same state at every look."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.diagnostics import diagnostics_image
from engine import _core
from tests.boots.lockstep import Guest, Pair, first_difference, main
from tests.conftest import GUESTS

pytestmark = pytest.mark.skipif(not _core.Interpreter.can_translate(), reason="this host cannot run translated code")


def test_the_diagnostics_diskette() -> None:
    assert first_difference(Guest((diagnostics_image(),)), seconds=3, every=0.05) is None


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("freedos-1440k.img", 3),
        ("elks-0.6.0-fd1440.img", 3),
        ("freedos12-v86-test.img", 3),
        ("floppinux-0.2.1.img", 1.5),
    ],
)
def test_a_shared_guest(name: str, seconds: float) -> None:
    if not (GUESTS / name).exists():
        pytest.skip("the shared guests are not here")
    assert first_difference(Guest((GUESTS / name,)), seconds, every=0.05) is None


def test_a_difference_is_found_to_the_instruction(monkeypatch: pytest.MonkeyPatch) -> None:
    # The second machine's memory changes by another hand within its 500th microsecond.
    honest = Pair.run
    times: dict[Pair, float] = {}

    def disturbed(pair: Pair, seconds: float) -> None:
        before = times.get(pair, 0.0)
        times[pair] = before + seconds
        honest(pair, seconds)
        if before < 5e-4 <= times[pair] + 1e-12:
            pair.machines[1].memory[0x9000] = b"\x5a"

    monkeypatch.setattr(Pair, "run", disturbed)
    found = first_difference(Guest(), seconds=0.002, every=0.001)
    assert found is not None and "memory 0;" in found.text
    assert found.every == pytest.approx(1e-8)
    assert found.seconds == pytest.approx(5e-4, abs=2e-8)


def test_the_command_says_that_both_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seconds", "0.2"]) == 0
    assert "The same for 0.2 s" in capsys.readouterr().out
