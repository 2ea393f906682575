"""New machines: whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from app.guest_presets import FAMILIES, PRESETS, of_family, preset
from app.jobs import Cancelled, Progress
from app.library import Library
from app.media_detection import guess_guest
from app.new_vm import NewVmDraft, copy_image, new_mac_address
from engine.config import BOOT_DEVICES, CPU_MODELS, FLOPPY_TYPES, MachineConfig
from engine.errors import ConfigError, HostResourceError


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


@pytest.mark.parametrize("key", [item.key for item in PRESETS])
def test_every_preset_makes_a_machine(library: Library, key: str) -> None:
    draft = NewVmDraft.for_guest(key, library)
    assert draft.problems(library) == []
    folder = draft.create(library)
    settings = folder.settings
    wanted = preset(key)
    assert settings.guest == key and settings.machine.memory_mb == wanted.memory_mb
    assert settings.machine.nvram == folder.nvram_file
    disks = settings.machine.hard_disks
    if wanted.disk_mb:
        assert disks[0].image == folder.path / "disk.img" and disks[0].image.stat().st_size == wanted.disk_mb << 20
        assert folder.disk_usage() < 1 << 20, "a new disk takes no room"
    else:
        assert not disks
    assert not [name for name in left_behind(library.folder) if name.startswith(".")]


def test_presets_are_sane() -> None:
    assert len({item.key for item in PRESETS}) == len(PRESETS)
    for item in PRESETS:
        assert item.family in FAMILIES and item.label and item.cpu_model in CPU_MODELS
        assert set(item.floppies) <= set(FLOPPY_TYPES) and set(item.boot_order) <= set(BOOT_DEVICES)
        assert MachineConfig(memory_mb=item.memory_mb, video_memory_mb=item.video_memory_mb).problems() == []
    assert sum(len(of_family(family)) for family in FAMILIES) == len(PRESETS)
    assert preset("from a newer version").key == "other"


def test_a_draft_has_a_free_name(library: Library) -> None:
    first = NewVmDraft.for_guest("windows-98", library)
    assert first.name == "Windows 98" and first.folder_for(library) == library.folder / "Windows 98"
    first.create(library)
    assert NewVmDraft.for_guest("windows-98", library).name == "Windows 98 2"
    again = NewVmDraft.for_guest("dos", library)
    again.name = "windows 98"
    assert again.create(library).name == "windows 98 2"


def test_media_and_an_existing_disk(library: Library, floppy: Path, iso: Path, tmp_path: Path) -> None:
    disk = tmp_path / "old.img"
    disk.write_bytes(b"MBR" + bytes(1000))
    draft = NewVmDraft(name="Old", disk_mb=None, existing_disk=disk, floppy=floppy, cdrom=iso)
    machine = draft.create(library).settings.machine
    assert machine.hard_disks[0].image == disk
    assert machine.floppy_drives[0].image == floppy and machine.cdrom_drives[0].image == iso


def test_a_disk_is_copied_with_its_holes(library: Library, tmp_path: Path) -> None:
    disk = tmp_path / "old.img"
    with disk.open("wb") as file:
        file.write(b"MBR")
        file.seek(40 << 20)
        file.write(b"end")
        file.truncate(50 << 20)
    reports: list[float | None] = []
    progress = Progress(lambda: reports.append(progress.fraction))
    draft = NewVmDraft(name="Copy", disk_mb=None, existing_disk=disk, copy_disk=True)
    folder = draft.create(library, progress)
    copy = folder.path / "disk.img"
    assert copy.read_bytes() == disk.read_bytes() and folder.disk_usage() < 4 << 20
    assert folder.settings.machine.hard_disks[0].image == copy
    assert reports == sorted(reports, key=lambda f: f or 0.0) and reports[-1] == 1.0


def test_a_machine_elsewhere_is_on_the_list(library: Library, tmp_path: Path) -> None:
    draft = NewVmDraft.for_guest("dos", library)
    draft.location = tmp_path / "a" / "b"
    folder = draft.create(library)
    assert folder.path == tmp_path / "a" / "b" / "DOS" and [e.path for e in library.entries()] == [folder.path]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"guest": "cp/m"}, "guest"),
        ({"memory_mb": 10**9}, "memory_mb"),
        ({"memory_mb": 0}, "memory_mb"),
        ({"disk_mb": 0}, "disk_mb"),
        ({"disk_mb": 10**9}, "disk_mb"),
        ({"cpu_model": "z80"}, "cpu_model"),
        ({"floppy": Path("/nowhere/dos.img")}, "floppy"),
        ({"cdrom": Path("/tmp")}, "cdrom"),
        ({"disk_mb": None, "existing_disk": Path("/nowhere/c.img")}, "existing_disk"),
        ({"location": Path("/dev/null/x")}, "location"),
        ({"location": Path("/proc/x")}, "location"),
    ],
)
def test_problems_name_the_field(
    library: Library, changes: dict[str, object], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.new_vm.os.access", lambda file, mode: not str(file).startswith("/proc"))
    draft = NewVmDraft.for_guest("dos", library)
    for name, value in changes.items():
        setattr(draft, name, value)
    assert [problem.path for problem in draft.problems(library)] == [path]
    with pytest.raises(ConfigError):
        draft.create(library)
    assert left_behind(library.folder) == []


def test_a_new_disk_and_an_existing_one_do_not_go_together(library: Library, floppy: Path) -> None:
    draft = NewVmDraft(name="x", disk_mb=10, existing_disk=floppy)
    assert [problem.path for problem in draft.problems(library)] == ["existing_disk"]


def test_a_full_disk_leaves_nothing_behind(library: Library, floppy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    floppy.write_bytes(os.urandom(1 << 20))
    draft = NewVmDraft(name="Big", disk_mb=None, existing_disk=floppy, copy_disk=True)

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("app.new_vm.os.fsync", no_room)
    with pytest.raises(HostResourceError, match=r"“Big” could not be made. The host's disk is full"):
        draft.create(library)
    assert left_behind(library.folder) == [] and not library.folder.exists()


def test_cancel_leaves_nothing_behind(library: Library, tmp_path: Path) -> None:
    disk = tmp_path / "old.img"
    disk.write_bytes(bytes(8 << 20))
    seen = threading.Event()

    def changed() -> None:
        if (progress.fraction or 0) > 0.3:
            seen.set()
            progress.cancel()

    progress = Progress(changed)
    draft = NewVmDraft(name="Copy", disk_mb=None, existing_disk=disk, copy_disk=True)
    with pytest.raises(Cancelled):
        draft.create(library, progress)
    assert seen.is_set() and left_behind(library.folder) == []


def test_what_a_killed_program_left_is_swept(library: Library) -> None:
    library.folder.mkdir(parents=True)
    dead = library.folder / ".new-999999999-abc"
    alive = library.folder / f".new-{os.getpid()}-abc"
    dead.mkdir()
    alive.mkdir()
    NewVmDraft.for_guest("hobby", library).create(library)
    assert not dead.exists() and alive.exists()


def test_a_warning_when_the_disk_can_outgrow_the_host(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = NewVmDraft.for_guest("windows-xp", library)

    class Usage:
        free = 1 << 30

    monkeypatch.setattr("app.new_vm.shutil.disk_usage", lambda path: Usage)
    assert "has 1024 MB free, and the disk can grow to 20000 MB" in draft.space_warning(library)
    draft.disk_mb = 100
    assert draft.space_warning(library) == ""


def test_copying_does_not_overwrite(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        copy_image(source, target, Progress())
    assert target.read_bytes() == b"old"


def test_mac_addresses_are_local_and_differ() -> None:
    addresses = {new_mac_address() for _ in range(50)}
    assert len(addresses) == 50
    for address in addresses:
        first = int(address[:2], 16)
        assert first & 0b10 and not first & 0b1


def label_an_iso(path: Path, label: str) -> Path:
    descriptor = b"\x01CD001\x01\x00" + b" " * 32 + label.encode().ljust(32) + bytes(1976)
    path.write_bytes(bytes(16 * 2048) + descriptor)
    return path


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("WIN98 SE", "windows-98"),
        ("FD14-LEGACY", "dos"),
        ("Debian 3.1 i386 n", "linux"),
        ("NTWKS40A", "windows-nt4"),
        ("GRTMPOEM_EN", "windows-xp"),
        ("W2PFPP_EN", "windows-2000"),
        ("OpenBSD/i386   7.6 Install CD", "openbsd"),
        ("MY HOLIDAY", ""),
    ],
)
def test_an_installation_cd_tells_its_guest(tmp_path: Path, label: str, key: str) -> None:
    assert guess_guest(label_an_iso(tmp_path / "cd.iso", label)) == key


def test_what_is_no_cd_tells_nothing(tmp_path: Path, floppy: Path) -> None:
    assert guess_guest(floppy) == "" and guess_guest(tmp_path / "gone") == "" and guess_guest(tmp_path) == ""
