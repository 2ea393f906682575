"""Boots of real guests, as the rows of tests/guests/*.toml. They are used when they lie beside the repository."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from engine import _core
from tests.boots.guest_run import SHOTS, GuestRun
from tests.conftest import GUESTS

TABLES = Path(__file__).resolve().parents[1] / "guests"
OUTPUT = Path(__file__).resolve().parents[1] / "output"


def rows() -> list[dict[str, Any]]:
    found = []
    for table in sorted(TABLES.glob("*.toml")):
        for row in tomllib.loads(table.read_text())["guest"]:
            for word in row.pop("each", [""]):
                found.append({key: _with(word, value) for key, value in row.items()})
    return found


def _with(word: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_with(word, part) for part in value]
    return value.replace("{}", word) if isinstance(value, str) else value


def needed(row: dict[str, Any]) -> list[Path]:
    media = [GUESTS / row[kind] for kind in ("floppy", "disk", "cdrom") if kind in row]
    return media + [SHOTS / f"{step[1]}.png" for step in row["steps"] if step[0] == "like"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in rows()])
@pytest.mark.parametrize("accelerator", ["interpreter", "translator"])
def test_guest_boots(row: dict[str, Any], accelerator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if accelerator == "translator" and not _core.Interpreter.can_translate():
        pytest.skip("this host cannot run translated code")
    if missing := [file.name for file in needed(row) if not file.exists()]:
        pytest.skip(f"not here: {', '.join(missing)}")
    if "mips" in row:
        monkeypatch.setattr("engine.board.NS_PER_INSTRUCTION", 1000 // row["mips"])
    run = GuestRun(row, tmp_path, accelerator)
    try:
        for number, step in enumerate(row["steps"], 1):
            try:
                run.carry_out(step)
            except Exception as error:
                _keep_screen(run, row["name"])
                error.add_note(f"guest {row['name']}, step {number}: {step}")
                raise
    finally:
        run.close()


def _keep_screen(run: GuestRun, name: str) -> None:
    OUTPUT.mkdir(exist_ok=True)
    screen = run.vm.screen
    screen.refresh()
    screen.save(OUTPUT / f"{name}.png")
    (OUTPUT / f"{name}.txt").write_text(screen.text())
