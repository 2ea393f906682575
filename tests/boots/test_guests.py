"""Boots of real guests, as rows of guests.toml. They are used when they lie beside the repository."""

from __future__ import annotations

import gzip
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import CdromConfig, DiskConfig, FloppyConfig, Machine, MachineConfig
from tests.conftest import GUESTS

ROWS = tomllib.loads(Path(__file__).with_name("guests.toml").read_text())["guest"]
OUTPUT = Path(__file__).resolve().parents[1] / "output"


def private_copy(name: str, folder: Path) -> Path:
    """A writable copy, unpacked, so that a guest may write to it."""
    source = GUESTS / name
    if name.endswith(".gz"):
        target = folder / name.removesuffix(".gz")
        target.write_bytes(gzip.decompress(source.read_bytes()))
    else:
        target = folder / name
        shutil.copyfile(source, target)
    return target


def configuration(row: dict[str, Any], folder: Path) -> MachineConfig:
    boot = row.get("boot") or ["floppy" if "floppy" in row else "cdrom" if "cdrom" in row else "disk"]
    return MachineConfig(
        name=row["name"],
        clock="instructions",
        accelerator=row.get("accelerator", "interpreter"),
        memory_mb=row.get("memory", 16),
        boot_order=tuple(boot),
        floppies=[FloppyConfig(private_copy(row["floppy"], folder))] if "floppy" in row else [],
        disks=[DiskConfig(private_copy(row["disk"], folder))] if "disk" in row else [],
        cdroms=[CdromConfig(GUESTS / row["cdrom"])] if "cdrom" in row else [],
    )


def colours(vm: Machine) -> int:
    pixels = vm.screen.pixels().reshape(-1, 3).astype(np.uint32)
    return len(np.unique(pixels[:, 0] << 16 | pixels[:, 1] << 8 | pixels[:, 2]))


def carry_out(vm: Machine, step: list[Any]) -> None:
    verb, *arguments = step
    if verb == "wait":
        text, timeout = arguments[0], arguments[1] if len(arguments) > 1 else 30
        vm.screen.wait_for_text(text, timeout=timeout)
    elif verb == "type":
        vm.keyboard.type(arguments[0])
    elif verb == "key":
        vm.keyboard.chord(arguments[0])
    elif verb == "run":
        vm.run_for(arguments[0])
    elif verb == "size":
        vm.screen.refresh()
        assert (vm.screen.width, vm.screen.height) == tuple(arguments)
    elif verb == "colours":
        vm.screen.refresh()
        assert colours(vm) >= arguments[0]
    else:
        raise AssertionError(f"unknown step {verb!r}")


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_guest_boots(row: dict[str, Any], tmp_path: Path) -> None:
    media = [row[kind] for kind in ("floppy", "disk", "cdrom") if kind in row]
    if not all((GUESTS / name).exists() for name in media):
        pytest.skip("the shared guests are not here")
    with Machine(configuration(row, tmp_path)) as vm:
        vm.power_on()
        try:
            for step in row["steps"]:
                carry_out(vm, step)
        except BaseException:
            OUTPUT.mkdir(exist_ok=True)
            vm.screen.refresh()
            vm.screen.save(OUTPUT / f"{row['name']}.png")
            (OUTPUT / f"{row['name']}.txt").write_text(vm.screen.text())
            raise
