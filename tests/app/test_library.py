"""The library: broken machines are entries, names are safe, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import places
from app.folder_names import MAX_BYTES, folder_name, free_name
from app.library import Library, LibraryError
from app.preferences import Preferences
from app.vm_folder import MachineInUseError, VmFolder
from engine.config import MachineConfig, NetworkConfig
from engine.config_file import VmSettings

MakeVm = Callable[..., VmFolder]


def names(library: Library) -> list[str]:
    return [entry.name for entry in library.entries()]


def test_an_empty_library_is_an_empty_list(library: Library, private_library: Path) -> None:
    assert library.folder == private_library / "machines" and library.entries() == []
    assert not library.folder.exists(), "looking makes nothing"


def test_without_the_variable_the_systems_own_folder_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(places.HOME_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert Library().folder == tmp_path / "data" / "bancada" / "machines"
    preferences = Preferences(machines_folder=str(tmp_path / "mine"))
    preferences.save()
    assert (tmp_path / "config" / "bancada" / "preferences.toml").is_file()
    assert Library().folder == tmp_path / "mine"


def test_entries_are_sorted_as_people_count(library: Library, make_vm: MakeVm) -> None:
    for name in ("DOS 10", "dos 2", "Árvore", "Windows"):
        make_vm(name)
    assert names(library) == ["dos 2", "DOS 10", "Windows", "Árvore"]


def test_a_name_that_is_taken_gets_a_number(library: Library, make_vm: MakeVm) -> None:
    folders = [make_vm("DOS"), make_vm("dos"), make_vm("DOS"), make_vm("DOS 2")]
    assert [folder.name for folder in folders] == ["DOS", "dos 2", "DOS 3", "DOS 4"]
    assert len({folder.path for folder in folders}) == 4


def test_a_broken_machine_is_an_entry_with_its_problem(library: Library, make_vm: MakeVm) -> None:
    make_vm("Good")
    bad = make_vm("Bad")
    bad.settings_file.write_text("memory_mb = ")
    worse = library.folder / "Worse" / "machine.toml"
    worse.parent.mkdir()
    worse.write_bytes(os.urandom(500))
    (library.folder / "Gone").mkdir()
    (library.folder / "Gone" / "machine.toml").symlink_to("nowhere")
    (library.folder / "no machine.txt").write_text("x")
    entries = {entry.name: entry for entry in library.entries()}
    assert set(entries) == {"Good", "Bad", "Worse"}
    assert entries["Good"].problem == "" and entries["Good"].settings is not None
    assert f"{bad.settings_file}:\nline 1" in entries["Bad"].problem and entries["Bad"].settings is None
    assert entries["Worse"].problem


def test_find_by_name_id_path_and_what_was_meant(library: Library, make_vm: MakeVm) -> None:
    folder = make_vm("FreeDOS 1.4")
    make_vm("Linux")
    for key in ("FreeDOS 1.4", "freedos 1.4", folder.id, folder.id[:8], folder.id.upper(), str(folder.path)):
        assert library.find(key).path == folder.path
    assert library.find(str(folder.settings_file)).path == folder.path
    with pytest.raises(LibraryError, match=r"There is no machine “FreDOS 1\.4”. Did you mean “FreeDOS 1\.4”?"):
        library.find("FreDOS 1.4")
    with pytest.raises(LibraryError, match="Machines: FreeDOS 1.4, Linux"):
        library.find("xyz")
    assert library.find(folder.path.name).path == folder.path


def test_two_machines_of_one_name_are_told_apart_by_folder(library: Library, make_vm: MakeVm) -> None:
    first, second = make_vm("One"), make_vm("Two")
    second.settings_file.write_text(second.settings_file.read_text().replace('"Two"', '"One"'))
    with pytest.raises(LibraryError) as caught:
        library.find("One")
    assert str(first.path) in str(caught.value) and str(second.path) in str(caught.value)


def test_a_machine_from_elsewhere_is_added_and_forgotten(library: Library, make_vm: MakeVm, tmp_path: Path) -> None:
    elsewhere = tmp_path / "usb stick" / "My DOS"
    shutil.copytree(make_vm("DOS").path, elsewhere)
    library.new_identity(library.find(str(elsewhere)))
    assert len(names(library)) == 1
    entry = library.add(elsewhere / "machine.toml")
    library.add(elsewhere)
    assert names(library) == ["DOS", "DOS"] and entry.path == elsewhere
    library.remove(entry)
    assert names(library) == ["DOS"] and (elsewhere / "machine.toml").is_file()
    with pytest.raises(LibraryError, match="there is no machine in this folder"):
        library.add(tmp_path)


def test_removed_from_the_list_and_added_again(library: Library, make_vm: MakeVm) -> None:
    folder = make_vm("DOS")
    library.remove(library.find("DOS"))
    assert names(library) == [] and folder.settings_file.is_file()
    assert Library().entries() == []
    library.add(folder.path)
    assert names(library) == ["DOS"]


def test_a_copied_folder_is_seen_and_gets_its_own_identity(library: Library, make_vm: MakeVm) -> None:
    folder = make_vm("DOS", networks=(NetworkConfig("nat", "52:42:00:00:00:01"),))
    shutil.copytree(folder.path, library.folder / "Copy of DOS")
    entries = {entry.path.name: entry for entry in library.entries()}
    assert not entries["DOS"].is_copy and entries["Copy of DOS"].is_copy
    entry = library.new_identity(entries["Copy of DOS"])
    assert not entry.is_copy and entry.id != folder.id
    assert entry.settings is not None and entry.settings.machine.networks[0].mac == ""


def test_delete_erases_the_folder(library: Library, make_vm: MakeVm) -> None:
    folder = make_vm("DOS")
    (folder.path / "disk.img").write_bytes(b"x")
    library.delete(library.find("DOS"))
    assert list(library.folder.glob("[!.]*")) == [library.folder / "library.json"]
    assert not list(library.folder.glob(".deleted*"))


def test_a_running_machine_is_not_deleted(library: Library, make_vm: MakeVm) -> None:
    folder = make_vm("DOS")
    lock = folder.lock()
    with pytest.raises(MachineInUseError, match="is running .*cannot be erased"):
        library.delete(library.find("DOS"))
    lock.release()
    assert folder.settings_file.is_file()
    library.delete(library.find("DOS"))


def test_only_a_machines_folder_is_deleted(library: Library, make_vm: MakeVm) -> None:
    folder = make_vm("DOS")
    entry = library.find("DOS")
    folder.settings_file.unlink()
    (folder.path / "thesis.txt").write_text("years")
    with pytest.raises(LibraryError, match="nothing was erased"):
        library.delete(entry)
    assert (folder.path / "thesis.txt").read_text() == "years"


def test_rename_moves_the_folder_too(library: Library, make_vm: MakeVm) -> None:
    make_vm("Taken")
    folder = make_vm("DOS")
    (folder.path / "disk.img").write_bytes(b"x")
    entry = library.rename(library.find("DOS"), "  Año/Nuevo: 1.0 ")
    assert entry.name == "Año/Nuevo: 1.0" and entry.path == library.folder / "Año-Nuevo- 1.0"
    assert (entry.path / "disk.img").is_file()
    assert library.rename(entry, "taken").name == "taken 2"
    with pytest.raises(LibraryError, match="The name is empty"):
        library.rename(library.find("taken 2"), "  ")


def test_rename_while_it_runs_keeps_the_folder(library: Library, make_vm: MakeVm) -> None:
    folder = make_vm("DOS")
    lock = folder.lock()
    entry = library.rename(library.find("DOS"), "Other")
    lock.release()
    assert entry.path == folder.path and entry.name == "Other"


def test_only_the_case_of_a_name_changes(library: Library, make_vm: MakeVm) -> None:
    make_vm("dos")
    assert library.rename(library.find("dos"), "DOS").name == "DOS"


def test_a_library_that_cannot_be_written_to_is_listed(
    library: Library, make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_vm("DOS")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    assert names(library) == ["DOS"]
    with pytest.raises(LibraryError, match="Read-only file system.*choose another folder"):
        library.create(VmSettings(MachineConfig(name="New")))
    with pytest.raises(LibraryError, match="could not be changed"):
        library.remove(library.find("DOS"))


def test_a_damaged_list_is_ignored(library: Library, make_vm: MakeVm) -> None:
    make_vm("DOS")
    for damage in (b"{", b"[]", b'{"folders": 5, "hidden": []}', b'{"folders": [1, "/nowhere"], "hidden": [null]}'):
        (library.folder / "library.json").write_bytes(damage)
        assert "DOS" in names(library)


def test_a_machine_from_elsewhere_that_went_away_says_so(library: Library, make_vm: MakeVm, tmp_path: Path) -> None:
    elsewhere = tmp_path / "stick"
    shutil.copytree(make_vm("DOS").path, elsewhere)
    library.add(elsewhere)
    shutil.rmtree(elsewhere)
    entry = next(entry for entry in library.entries() if entry.path == elsewhere)
    assert "There is no such file. Was the folder moved or renamed?" in entry.problem
    library.remove(entry)
    assert names(library) == ["DOS"]


# -- Names of folders


@given(st.text())
def test_any_name_is_a_safe_folder_name(name: str) -> None:
    safe = folder_name(name)
    assert safe and len(safe.encode()) <= MAX_BYTES + 1
    assert not set(safe) & set('/\\:*?"<>|\0\n\r\t') and not safe.startswith(".") and not safe.endswith((".", " "))
    assert Path("x", safe).name == safe and safe == unicodedata.normalize("NFC", safe)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Ação 日本語 🖥", "Ação 日本語 🖥"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("...", "machine"),
        ("", "machine"),
        ("a\nb\tc", "a b c"),
        ("win 3.1.", "win 3.1"),
    ],
)
def test_folder_names(name: str, safe: str) -> None:
    assert folder_name(name) == safe


def test_a_long_name_is_cut_between_letters() -> None:
    safe = folder_name("é" * 300)
    assert set(safe) == {"é"} and len(safe.encode()) == MAX_BYTES


def test_numbers_go_on_from_the_name() -> None:
    assert free_name("DOS", []) == "DOS"
    assert free_name("DOS", ["dos"]) == "DOS 2"
    assert free_name("DOS 2", ["DOS", "DOS 2", "DOS 3"]) == "DOS 4"
    assert free_name("Windows 98", ["Windows 98"]) == "Windows 98 2"
    assert free_name("E\u0301", ["É"]) == "E\u0301 2"


def test_favourites_stand_first_and_are_known_by_their_id(library: Library, make_vm: Callable[..., VmFolder]) -> None:
    make_vm("Abacus")
    make_vm("Zebra")
    library.set_favourite(library.find("Zebra"), True)
    assert [(entry.name, entry.is_favourite) for entry in library.entries()] == [("Zebra", True), ("Abacus", False)]
    library.rename(library.find("Zebra"), "Yak")
    assert library.entries()[0].name == "Yak"
    library.set_favourite(library.find("Yak"), False)
    assert [entry.name for entry in library.entries()] == ["Abacus", "Yak"]


def test_machines_that_were_left_running_are_found(library: Library, make_vm: Callable[..., VmFolder]) -> None:
    folder = make_vm("Server")
    make_vm("Other")
    assert library.left_running() == []
    lock = folder.lock()
    assert library.left_running() == []  # it runs
    os.dup2(os.open(os.devnull, os.O_RDWR), lock._handle)  # the process died: nobody wrote anything
    assert [(entry.name, pid) for entry, pid in library.left_running()] == [("Server", os.getpid())]
