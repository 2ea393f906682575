"""MachineConfig: plain paths become drives, and every limit is told with the setting's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.config import (
    CdromConfig,
    DiskConfig,
    FloppyConfig,
    MachineConfig,
    NetworkConfig,
    SerialConfig,
)
from engine.errors import ConfigError


def paths(config: MachineConfig) -> list[str]:
    return [problem.path for problem in config.problems()]


def test_the_default_machine_has_no_problems() -> None:
    MachineConfig().validate()


def test_plain_paths_become_drives() -> None:
    config = MachineConfig(memory_mb=16, floppies=["freedos.img"], disks=["a.img", Path("b.img")], cdroms=["cd.iso"])
    assert config.floppy_drives == (FloppyConfig(Path("freedos.img")),)
    assert [disk.slot for disk in config.hard_disks] == [0, 1]
    assert config.cdrom_drives == (CdromConfig(Path("cd.iso"), 2),)
    config.validate()


def test_a_cd_takes_a_slot_that_is_free() -> None:
    config = MachineConfig(disks=[DiskConfig(Path("a.img"), 2)], cdroms=["cd.iso", "more.iso"])
    assert [drive.slot for drive in config.cdrom_drives] == [3, 1]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "  "}, "name"),
        ({"memory_mb": 0}, "memory_mb"),
        ({"memory_mb": 4096}, "memory_mb"),
        ({"memory_mb": -(10**30)}, "memory_mb"),
        ({"video_memory_mb": 65}, "video_memory_mb"),
        ({"cpu_model": "8086"}, "cpu_model"),
        ({"accelerator": "warp"}, "accelerator"),
        ({"clock": "sundial"}, "clock"),
        ({"floppies": ["a", "b", "c"]}, "floppy"),
        ({"floppies": [FloppyConfig(drive="5 inch")]}, "floppy[0].drive"),
        ({"disks": [DiskConfig(Path("a"), 4)]}, "disk[0].slot"),
        ({"disks": [DiskConfig(Path("a"), 1), DiskConfig(Path("b"), 1)]}, "disk[1].slot"),
        ({"disks": ["a", "b", "c", "d"], "cdroms": ["e"]}, "cdrom[0].slot"),
        ({"disks": [DiskConfig(Path("a"), 0), DiskConfig(Path("a"), 1, read_only=True)]}, "disk[1].image"),
        ({"floppies": ["a"], "disks": ["a"]}, "disk[0].image"),
        ({"serial": [SerialConfig()] * 5}, "serial"),
        ({"serial": [SerialConfig("carrier pigeon")]}, "serial[0].kind"),
        ({"serial": [SerialConfig("file")]}, "serial[0].target"),
        ({"networks": [NetworkConfig("token ring")]}, "network[0].kind"),
        ({"boot_order": ["tape"]}, "boot_order[0]"),
        ({"boot_order": ["disk", "disk"]}, "boot_order"),
        ({"start_time": "soon"}, "start_time"),
        ({"disks": [Path("a.img")], "printer": Path("a.img")}, "printer"),
        ({"cdroms": [Path("a.iso")], "printer": Path("a.iso")}, "printer"),
    ],
)
def test_every_limit_names_its_setting(changes: dict[str, object], path: str) -> None:
    config = MachineConfig().replace(**changes)
    assert paths(config) == [path]
    with pytest.raises(ConfigError) as caught:
        config.validate()
    assert str(caught.value).startswith(f"{path}: ")


def test_one_image_may_be_in_two_drives_when_nobody_writes() -> None:
    drives = [FloppyConfig(Path("a.img"), read_only=True), FloppyConfig(Path("a.img"), read_only=True)]
    assert paths(MachineConfig(floppies=drives)) == []


def test_all_problems_are_told_at_once() -> None:
    config = MachineConfig(memory_mb=0, cpu_model="8086", boot_order=["tape"])
    assert paths(config) == ["memory_mb", "cpu_model", "boot_order[0]"]


def test_files_may_be_given_as_text() -> None:
    config = MachineConfig(kernel="/boot/vmlinuz", debug_port="out.txt", floppies=("dos.img",))  # type: ignore[arg-type]
    assert (config.kernel, config.debug_port) == (Path("/boot/vmlinuz"), Path("out.txt"))
    assert config.floppy_drives[0].image == Path("dos.img")
