"""The library on the command line, and what is said to machines that run in another process (here: in this one)."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli import commands, main
from app.library import Library
from app.runner import Runner
from app.vm_folder import VmFolder
from engine.config import DiskConfig, FloppyConfig
from engine.events import PowerState
from tests.app.fake_machine import PNG, FakeMachine, Guest

MakeVm = Callable[..., VmFolder]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def bancada(capsys: Output) -> Callable[..., tuple[int, str, str]]:
    """Runs one command line: status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


Bancada = Callable[..., tuple[int, str, str]]


# -- The program itself


def test_help_names_every_command(bancada: Bancada) -> None:
    status, out, _ = bancada("--help")
    assert status == 0
    for name, command in commands().items():
        assert f"  {name} " in out and command.summary in out
        status, text, _ = bancada(name, "--help")
        assert status == 0 and text.startswith(f"usage: bancada {name}") and "Exit status: 0 done" in text
    assert bancada("help", "run")[1] == bancada("run", "--help")[1]
    assert bancada("--version")[1].startswith("bancada ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["lits"], "unknown command “lits”. Did you mean “list”?"),
        (["fly"], "unknown command “fly”. “bancada --help” lists them."),
        (["--verion"], "unknown option “--verion”. Did you mean “--version”?"),
        (["list", "--jason"], "unknown option “--jason”. Did you mean “--json”?"),
        (["show"], "required: NAME"),
        (["rename", "x"], "required: NEW_NAME"),
        (["snapshot"], "unknown command “snapshot”."),
    ],
)
def test_wrong_usage(bancada: Bancada, words: list[str], told: str) -> None:
    status, out, err = bancada(*words)
    assert status == 2 and told in err and out == ""


@pytest.mark.parametrize(
    "words",
    [["show"], ["set", "-", "notes=x"], ["delete", "--yes"], ["rename", "-", "x"], ["start"], ["stop"], ["text"]],
)
def test_an_unknown_machine_is_2_for_every_command(bancada: Bancada, make_vm: MakeVm, words: list[str]) -> None:
    make_vm("FreeDOS")
    if "-" in words:
        words[words.index("-")] = "FreDOS"
    else:
        words.append("FreDOS")
    status, _, err = bancada(*words)
    assert status == 2 and "There is no machine “FreDOS”. Did you mean “FreeDOS”?" in err


def test_a_reader_that_went_away_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("app.commands.machines.print", gone, raising=False)
    monkeypatch.setattr("app.cli.os.dup2", lambda *_: None)
    assert main(["list"]) == 1


# -- list, show


def test_list(bancada: Bancada, make_vm: MakeVm) -> None:
    assert bancada("list")[1] == "No machines yet. “bancada new NAME” makes one.\n"
    assert bancada("list", "--json")[1] == "[]\n"
    folder = make_vm("DOS", memory_mb=8)
    bad = make_vm("Bad")
    bad.settings_file.write_text("memory = [\n")
    status, out, err = bancada("list")
    assert status == 0 and "DOS  off          8 MB  other" in out and "Bad  broken" in out
    assert f"{bad.settings_file}:\nline 1" in err
    rows: list[dict[str, Any]] = json.loads(bancada("list", "--json")[1])
    assert [row["name"] for row in rows] == ["Bad", "DOS"]
    assert rows[1] == {
        "name": "DOS",
        "id": folder.id,
        "path": str(folder.path),
        "guest": "other",
        "memory_mb": 8,
        "state": "off",
        "pid": 0,
        "problem": "",
        "is_copy": False,
    }
    assert rows[0]["state"] == "broken" and "line 1" in rows[0]["problem"]


def test_show(bancada: Bancada, make_vm: MakeVm, floppy: Path) -> None:
    folder = make_vm("DOS", floppies=(FloppyConfig(floppy, read_only=True),))
    status, out, _ = bancada("show", "dos")
    assert status == 0 and f"folder: {folder.path}\nstate: off\n" in out
    assert f"floppy[0]: image {floppy}, drive 1.44M, read_only true\n" in out
    values = json.loads(bancada("show", "DOS", "--json")[1])
    assert values["memory_mb"] == 16 and values["path"] == str(folder.path) and values["disk_usage"] > 0
    assert values["floppy"] == [{"image": str(floppy), "drive": "1.44M", "read_only": True}]
    folder.settings_file.write_text("x")
    assert bancada("show", folder.path)[0] == 2


# -- new, set, rename, delete


def test_new(bancada: Bancada, floppy: Path, iso: Path, tmp_path: Path) -> None:
    status, out, _ = bancada("new", "Win", "--guest", "windows-98", "--memory", 128, "--cdrom", iso, "--floppy", floppy)
    machine = Library().find("Win").folder.settings.machine
    assert status == 0 and out.startswith("“Win” was made: ")
    assert machine.memory_mb == 128 and machine.hard_disks[0].image.stat().st_size == 8000 << 20
    assert machine.cdrom_drives[0].image == iso and machine.floppy_drives[0].image == floppy
    made = json.loads(bancada("new", "win", "--no-disk", "--json", "--notes", "é")[1])
    assert made["name"] == "win 2" and Library().find(made["id"]).path == Path(made["path"])
    assert Library().find("win 2").folder.settings.notes == "é"
    disk = tmp_path / "c.img"
    disk.write_bytes(bytes(3 << 20))
    bancada("new", "Old", "--disk", disk)
    assert Library().find("Old").folder.settings.machine.hard_disks == (DiskConfig(disk),)
    bancada("new", "Copy", "--disk", disk, "--copy-disk")
    copy = Library().find("Copy").folder
    assert copy.settings.machine.hard_disks == (DiskConfig(copy.path / "disk.img"),)
    bancada("new", "Small", "--disk-size", 20, "--location", tmp_path / "else")
    assert Library().find("Small").path == tmp_path / "else" / "Small"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["X", "--guest", "window-98"], "Did you mean"),
        (["X", "--memory", "0"], "0 MB of memory is not possible"),
        (["X", "--disk-size", "0"], "“0” MB is not possible; allowed: 1 to 131072"),
        (["X", "--disk-size", "²"], "“²” MB is not possible"),
        (["X", "--disk", "/nowhere/c.img"], "existing_disk: /nowhere/c.img: No such file"),
        (["X", "--cdrom", "/nowhere/c.iso"], "cdrom: /nowhere/c.iso: No such file"),
        (["X", "--disk", "a", "--no-disk"], "not allowed with"),
        (["X", "--copy-disk"], "--copy-disk needs --disk"),
        ([" "], "name: The name is empty."),
        (["X", "--location", "/dev/null"], "location: /dev/null"),
    ],
)
def test_new_refuses(bancada: Bancada, arguments: list[str], told: str) -> None:
    status, _, err = bancada("new", *arguments)
    assert status == 2 and told in err
    assert Library().entries() == []


def test_set(bancada: Bancada, make_vm: MakeVm, floppy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_vm("DOS")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.img").write_bytes(b"")
    assert bancada(
        "set", "DOS", "memory_mb=32", "sound=no", "boot_order=disk, floppy", "name=Mein DOS", "notes=a=b",
        "floppy[0].image=dos.img", "floppy[0].read_only=yes", "disk[0].image=c.img", "disk[0].slot=0", "cdrom[0]=",
        "start_time=1999-12-31", "debug_port=e9.txt",
    ) == (0, "", "")  # fmt: skip
    settings = folder.settings
    machine = settings.machine
    assert (machine.memory_mb, machine.sound, machine.boot_order) == (32, False, ("disk", "floppy"))
    assert settings.name == "Mein DOS" and settings.notes == "a=b" and machine.cdroms == ()
    assert machine.floppy_drives == (FloppyConfig(floppy, read_only=True),)
    assert machine.hard_disks == (DiskConfig(tmp_path / "c.img", 0),) and machine.start_time == "1999-12-31"
    assert machine.debug_port == folder.path / "e9.txt"
    assert bancada("set", "Mein DOS", "floppy[0].image=", "start_time=")[0] == 0
    assert folder.settings.machine.floppy_drives[0].image is None and folder.settings.machine.start_time == ""


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("memroy_mb=3", "memroy_mb: This setting is not known, or cannot be changed. Did you mean “memory_mb”?"),
        ("memory_mb=lots", "memory_mb: “lots” does not fit here. Allowed: a whole number."),
        ("memory_mb=0", "memory_mb: 0 MB of memory is not possible."),
        ("memory_mb=99999999999999999999", "does not fit here"),
        ("sound=loud", "sound: “loud” does not fit here. Allowed: true or false."),
        ("boot_order=disk,tape", "boot_order[1]: “tape” is not known."),
        ("floppy[1].imgae=x", "Did you mean “floppy.image”?"),
        ("floppy[9].drive=1.2M", "floppy[9].drive: Number 1 comes first."),
        ("disk[0].image=c.img", "disk[0].slot: This setting is missing."),
        ("disk[0]=", "disk[0]: There is no such drive or port."),
        ("id=x", "id: This setting is not known, or cannot be changed."),
        ("format=2", "cannot be changed"),
        ("name=", "name: The name is empty."),
        ("notes", "“notes” has no “=”"),
        ("=5", "This setting is not known"),
    ],
)
def test_set_refuses(bancada: Bancada, make_vm: MakeVm, assignment: str, told: str) -> None:
    folder = make_vm("DOS")
    before = folder.settings_file.read_bytes()
    status, _, err = bancada("set", "DOS", "memory_mb=24", assignment)
    assert status == 2 and told in err
    assert folder.settings_file.read_bytes() == before


def test_rename(bancada: Bancada, make_vm: MakeVm) -> None:
    make_vm("DOS")
    status, out, _ = bancada("rename", "DOS", "MS-DOS")
    assert status == 0 and out.startswith("The machine is called “MS-DOS” now: ")
    assert Library().find("MS-DOS").path.name == "MS-DOS"
    assert bancada("rename", "MS-DOS", " ")[0] == 2


def test_delete_asks_or_wants_yes(bancada: Bancada, make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_vm("DOS")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    status, _, err = bancada("delete", "DOS")
    assert status == 2 and "add --yes to mean it" in err
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    assert bancada("delete", "DOS")[0] == 1 and folder.path.exists()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert bancada("delete", "DOS")[0] == 0 and not folder.path.exists()
    folder = make_vm("DOS")
    assert bancada("delete", "DOS", "--keep-files") == (0, "", "")
    assert folder.path.exists() and Library().entries() == []
    assert bancada("delete", folder.path, "--yes")[0] == 0 and not folder.path.exists()


def test_open_puts_a_folder_on_the_list(bancada: Bancada, make_vm: MakeVm, tmp_path: Path) -> None:
    folder = make_vm("DOS")
    elsewhere = tmp_path / "stick"
    folder.path.rename(elsewhere)
    status, out, _ = bancada("open", elsewhere, "--no-window")
    assert status == 0 and out == "“DOS” is on the list now.\n"
    assert bancada("open", "DOS", "--no-window") == (0, "", "")
    assert bancada("open", tmp_path, "--no-window")[0] == 2


# -- A machine that runs


@pytest.fixture
def running(guest: Guest, make_vm: MakeVm) -> Iterator[Runner]:
    guest.answers["ver\n"] = "FreeDOS"
    runner = Runner(make_vm("DOS"))
    runner.start()
    yield runner
    runner.stop_and_wait()


def test_orders(bancada: Bancada, running: Runner) -> None:
    assert bancada("pause", "DOS") == (0, "", "") and running.state is PowerState.PAUSED
    assert json.loads(bancada("list", "--json")[1])[0]["state"] == "paused"
    status, _, err = bancada("type", "DOS", "x")
    assert status == 1 and "“DOS” is paused: “type” is not possible now. Possible: resume, reset, stop" in err
    assert bancada("resume", "DOS")[0] == 0 and running.state is PowerState.RUNNING
    assert bancada("reset", "DOS")[0] == 0
    assert bancada("stop", "DOS", "--hard") == (0, "", "") and running.state is PowerState.OFF
    status, _, err = bancada("stop", "DOS")
    assert status == 1 and "“DOS” is not running" in err
    for command in ("pause", "resume", "reset", "text"):
        assert bancada(command, "DOS")[0] == 1


def test_stop_presses_the_power_button_and_waits_for_the_guest(bancada: Bancada, running: Runner, guest: Guest) -> None:
    pressed = []
    guest.at_power_button = lambda machine: pressed.append(machine)
    status, _, err = bancada("stop", "DOS", "--timeout", "0.2")
    assert status == 1 and "“DOS” is still on 0.2 s after its power button was pressed" in err and "--hard" in err
    assert len(pressed) == 1 and running.state is PowerState.RUNNING
    guest.at_power_button = FakeMachine.switch_off
    assert bancada("stop", "DOS") == (0, "", "") and running.state is PowerState.OFF


def test_stop_is_the_plug_for_a_guest_without_power_management(bancada: Bancada, running: Runner) -> None:
    assert bancada("stop", "DOS") == (0, "", "") and running.state is PowerState.OFF


def test_a_paused_machine_has_no_power_button(bancada: Bancada, running: Runner) -> None:
    bancada("pause", "DOS")
    status, _, err = bancada("stop", "DOS")
    assert status == 1 and "“stop” is not possible now. Possible: resume, reset, stop --hard" in err
    assert bancada("stop", "DOS", "--hard")[0] == 0


def test_keyboard_and_screen(bancada: Bancada, running: Runner, guest: Guest, tmp_path: Path) -> None:
    assert bancada("type", "DOS", "ver\\n") == (0, "", "")
    assert bancada("key", "DOS", "ctrl+c")[0] == 0
    assert bancada("wait", "DOS", "FreeDOS", "--timeout", "5")[0] == 0
    assert bancada("text", "DOS")[1] == "A:\\>\nFreeDOS\n"
    assert guest.machine.keyboard.log == ["ver\n", "ctrl+c"]
    assert "has no key for 'é'" in bancada("type", "DOS", "é")[2]
    status, _, err = bancada("wait", "DOS", "Linux", "--timeout", "1")
    assert status == 1 and "“Linux” did not appear. The screen shows:\nA:\\>" in err
    assert bancada("screenshot", "DOS", tmp_path / "s.png")[0] == 0 and (tmp_path / "s.png").read_bytes() == PNG
    assert bancada("key", "DOS", "hyper+x")[0] == 2


def test_status(bancada: Bancada, running: Runner, make_vm: MakeVm) -> None:
    values = json.loads(bancada("status", "DOS", "--json")[1])
    assert values["state"] == "running" and values["media"] == {"floppy0": "", "cdrom0": ""} and values["pid"]
    status, out, _ = bancada("status", "DOS")
    assert status == 0 and out.startswith("DOS: running (process ") and "floppy0: empty\n" in out
    make_vm("Off")
    assert bancada("status", "Off")[1] == "Off: off\n"


def test_media_of_a_machine_that_runs_or_not(bancada: Bancada, running: Runner, make_vm: MakeVm, floppy: Path) -> None:
    assert running.folder is not None
    assert bancada("insert", "DOS", "floppy0", floppy, "--read-only") == (0, "", "")
    assert running.config.floppy_drives[0] == FloppyConfig(floppy, read_only=True)
    assert bancada("eject", "DOS", "floppy0")[0] == 0
    assert running.folder.settings.machine.floppy_drives[0].image is None
    off = make_vm("Off")
    assert bancada("insert", "Off", "floppy0", floppy)[0] == 0
    assert off.settings.machine.floppy_drives[0].image == floppy
    assert bancada("eject", "Off", "floppy0")[0] == 0 and off.settings.machine.floppy_drives[0].image is None
    for name in ("DOS", "Off"):
        status, _, err = bancada("insert", name, "floppy5", floppy)
        assert status == 1 and "no removable drive “floppy5”" in err
        status, _, err = bancada("insert", name, "floppy0", "/nowhere/x.img")
        assert status in (1, 2) and "/nowhere/x.img: There is no such file" in err


def test_settings_of_a_running_machine_stay(bancada: Bancada, running: Runner) -> None:
    status, _, err = bancada("set", "DOS", "memory_mb=32")
    assert status == 1 and "is running" in err and "bancada insert" in err
    assert bancada("delete", "DOS", "--yes")[0] == 1 and bancada("start", "DOS")[0] == 1


def test_a_machine_whose_process_does_not_answer(bancada: Bancada, make_vm: MakeVm) -> None:
    folder = make_vm("DOS")
    lock = folder.lock()
    assert json.loads(bancada("status", "DOS", "--json")[1])["state"] == "running"
    status, _, err = bancada("text", "DOS")
    assert status == 1 and "the machine cannot be reached" in err
    lock.release()


def test_a_machine_that_ends_while_it_is_stopped(bancada: Bancada, running: Runner, guest: Guest) -> None:
    guest.answers["exit\n"] = FakeMachine.switch_off
    running.type_text("exit\n")
    assert running.wait(10)
    assert bancada("stop", "DOS")[0] == 1
