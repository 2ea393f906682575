"""``bancada run`` with a scripted guest: order of actions, statuses, and every kind of wrong input."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from app import running
from app.cli import main
from app.commands import window
from app.vm_folder import VmFolder
from engine.config import DiskConfig, FloppyConfig, SerialConfig
from engine.errors import HostResourceError
from engine.events import Notice
from tests.app.fake_machine import PNG, FakeMachine, Guest

MakeVm = Callable[..., VmFolder]
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def diagnostics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    image = tmp_path / "diagnostics.img"
    image.write_bytes(bytes(1474560))
    monkeypatch.setattr("app.diagnostics._IMAGE", image)
    return image


def headless(*arguments: str | Path) -> int:
    return main(["run", "--headless", *map(str, arguments)])


# -- Actions


def test_actions_are_carried_out_in_the_order_given(guest: Guest, floppy: Path, tmp_path: Path, capsys: Output) -> None:
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    guest.answers = {"ver\n": "FreeDOS 1.4", "cls\n": lambda machine: machine.screen.lines.clear()}
    status = headless(
        "--floppy", floppy, "--wait", "A:\\>", "--screenshot", first, "--type", "ver\\n", "--wait", "1.4", "--text",
        "--type", "cls\\n", "--key", "ctrl+alt+delete", "--sleep", "2.5", "--screenshot", second, "--text",
    )  # fmt: skip
    assert status == 0
    assert capsys.readouterr().out == "A:\\>\nFreeDOS 1.4\n\n"
    assert guest.machine.keyboard.log == ["ver\n", "cls\n", "ctrl+alt+delete"]
    assert first.read_bytes() == second.read_bytes() == PNG
    assert guest.machine.guest_ns == 2_500_000_000
    assert guest.machine.closed and guest.machine.flushed == 1


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (r"dir\n", "dir\n"),
        (r"a\tb", "a\tb"),
        (r"c:\\new\\n", "c:\\new\\n"),
        (r"c:\dos", "c:\\dos"),
        ("end\\", "end\\"),
        ("", ""),
        ("ção", "ção"),
    ],
)
def test_escapes_of_type(guest: Guest, typed: str, sent: str, capsys: Output) -> None:
    assert headless("--type", typed) == 0
    assert guest.machine.keyboard.log == [sent]
    assert ("the guest's keyboard has no key for 'çã'" in capsys.readouterr().err) == ("ç" in typed)


def test_a_wait_that_times_out_shows_the_screen(guest: Guest, capsys: Output) -> None:
    guest.banner = "Non-system disk\nPress any key   \n\n\n"
    assert headless("--wait", "A:\\>", "--timeout", "7", "--screenshot", "/nowhere/never.png") == 1
    told = capsys.readouterr().err
    assert told == "bancada: “A:\\>” did not appear within 7 s.\nThe screen shows:\nNon-system disk\nPress any key\n"
    assert guest.machine.closed


def test_a_wait_has_a_minute_when_the_run_has_no_limit(guest: Guest, capsys: Output) -> None:
    assert headless("--wait", "x") == 1
    assert "within 60 s" in capsys.readouterr().err


def test_the_time_limit_is_for_the_whole_run(guest: Guest, capsys: Output) -> None:
    assert headless("--clock", "instructions", "--timeout", "10", "--sleep", "8", "--wait", "x") == 1
    assert "within 2 s" in capsys.readouterr().err
    assert headless("--clock", "instructions", "--timeout", "10", "--sleep", "8", "--sleep", "8", "--text") == 1
    assert "The run's time was over" in capsys.readouterr().err


def test_a_guest_that_switches_off_before_what_was_waited_for(guest: Guest, capsys: Output) -> None:
    guest.answers["exit\n"] = FakeMachine.switch_off
    assert headless("--type", "exit\\n", "--wait", "Bye") == 1
    told = capsys.readouterr().err
    assert "was off before “Bye” appeared" in told and "The screen shows:\nA:\\>" in told


def test_a_guest_that_switches_off_as_its_last_action_is_done(guest: Guest) -> None:
    guest.answers["exit\n"] = FakeMachine.switch_off
    assert headless("--type", "exit\\n") == 0


def test_a_guest_that_crashes_fails(guest: Guest, capsys: Output) -> None:
    guest.answers["die\n"] = FakeMachine.crash
    assert headless("--type", "die\\n", "--wait", "x") == 1
    assert "The machine crashed before “x” appeared: The virtual machine stopped" in capsys.readouterr().err


def test_a_screenshot_that_cannot_be_written(guest: Guest, capsys: Output) -> None:
    assert headless("--screenshot", "/nowhere/shot.png") == 1
    assert "/nowhere/shot.png" in capsys.readouterr().err and guest.machine.closed


# -- Ends without actions


def test_it_runs_until_the_guest_switches_off(guest: Guest) -> None:
    guest.at_power_on = FakeMachine.switch_off
    assert headless() == 0 and guest.machine.closed


def test_it_runs_until_the_time_is_over(guest: Guest) -> None:
    assert headless("--timeout", "0.01") == 0 and guest.machine.closed
    assert headless("--clock", "instructions", "--timeout", "100") == 0
    assert guest.machine.guest_ns == 100_000_000_000


def test_a_crash_without_actions_fails(guest: Guest, capsys: Output) -> None:
    guest.at_power_on = FakeMachine.crash
    assert headless() == 1
    assert "The machine crashed" in capsys.readouterr().err


def test_a_guest_that_stopped_for_ever_is_not_waited_for(guest: Guest, capsys: Output) -> None:
    def halt(machine: FakeMachine) -> None:
        machine.run_for = lambda seconds: None  # type: ignore[method-assign]

    guest.at_power_on = halt
    assert headless("--clock", "instructions") == 1
    assert "halted with interrupts off" in capsys.readouterr().err


def test_a_triple_fault_resets_like_a_pc_or_ends_the_run(guest: Guest, capsys: Output) -> None:
    guest.answers["boom\n"] = FakeMachine.triple_fault
    assert headless("--type", "boom\\n", "--wait", "A:") == 0
    assert "triple fault" in capsys.readouterr().err
    assert headless("--no-reboot", "--type", "boom\\n", "--wait", "never") == 1
    assert (
        "bancada: The guest's processor shut down (triple fault).\nThe screen shows:\nA:\\>" in capsys.readouterr().err
    )
    guest.at_power_on = FakeMachine.triple_fault
    assert headless("--no-reboot") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_switches_off_and_flushes(guest: Guest, number: signal.Signals, capsys: Output) -> None:
    guest.at_power_on = lambda machine: os.kill(os.getpid(), number)
    before = signal.getsignal(number)
    assert headless() == 0
    assert guest.machine.closed and guest.machine.flushed == 1
    assert signal.getsignal(number) is before
    guest.at_power_on = None

    def kill(machine: FakeMachine) -> None:
        os.kill(os.getpid(), number)
        machine.until_posted()

    guest.answers["x"] = kill
    assert headless("--clock", "instructions", "--type", "x", "--wait", "never") == 1
    assert "interrupted; the machine was switched off" in capsys.readouterr().err


# -- The PC that options describe


def test_no_name_and_no_media_is_the_diagnostics_diskette(guest: Guest, diagnostics: Path) -> None:
    assert headless("--sleep", "0") == 0
    assert guest.machine.config.floppy_drives == (FloppyConfig(diagnostics, read_only=True),)


def test_a_missing_diagnostics_diskette_names_make(guest: Guest, diagnostics: Path, capsys: Output) -> None:
    diagnostics.unlink()
    assert headless() == 2
    assert "Run “make native”" in capsys.readouterr().err


def test_options_make_a_machine(guest: Guest, floppy: Path, iso: Path, tmp_path: Path) -> None:
    disk = tmp_path / "c.img"
    disk.write_bytes(bytes(1 << 20))
    second = tmp_path / "b.img"
    second.write_bytes(floppy.read_bytes())
    status = headless(
        "--memory", 48, "--floppy", floppy, "--floppy", second, "--cdrom", iso, "--disk", disk, "--boot", "cdrom",
        "--accelerator", "interpreter", "--clock", "instructions", "--cpu", "486", "--serial", tmp_path / "com1.txt",
        "--debug-port", tmp_path / "e9.txt", "--printer", tmp_path / "lpt1.prn", "--read-only", "--sleep", "0",
    )  # fmt: skip
    assert status == 0
    config = guest.machine.config
    assert (config.name, config.memory_mb, config.cpu_model, config.clock) == ("dos", 48, "486", "instructions")
    assert config.floppy_drives == (FloppyConfig(floppy, read_only=True), FloppyConfig(second, read_only=True))
    assert config.hard_disks == (DiskConfig(disk, 0, read_only=True),) and config.cdrom_drives[0].image == iso
    assert config.boot_order == ("cdrom", "floppy", "disk") and config.debug_port == tmp_path / "e9.txt"
    assert config.serial[0] == SerialConfig("file", str(tmp_path / "com1.txt"))
    assert config.printer == tmp_path / "lpt1.prn"


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("stdio", SerialConfig("stdio")),
        ("none", SerialConfig("none")),
        ("pty", SerialConfig("pty")),
        ("tcp:localhost:4000", SerialConfig("tcp", "localhost:4000")),
        ("tcp::4000", SerialConfig("tcp", ":4000")),
        ("unix:/tmp/x", SerialConfig("unix", "/tmp/x")),
        ("file:pty", SerialConfig("file", "pty")),
    ],
)
def test_kinds_of_serial_ports(guest: Guest, text: str, port: SerialConfig) -> None:
    assert headless("--serial", text, "--sleep", "0") == 0
    assert guest.machine.config.serial[0] == port


def test_more_drives_than_slots(guest: Guest, floppy: Path, capsys: Output) -> None:
    assert headless("--floppy", floppy, "--floppy", floppy, "--floppy", floppy) == 2
    assert "at most 2 floppy drives" in capsys.readouterr().err
    images = [part for n in range(5) for part in ("--disk", f"/nowhere/{n}.img")]
    assert headless(*images) == 2
    assert "IDE slot 4 does not exist" in capsys.readouterr().err


def test_the_same_image_twice(guest: Guest, floppy: Path, capsys: Output) -> None:
    assert headless("--floppy", floppy, "--disk", floppy) == 2
    assert "is in floppy[0] already" in capsys.readouterr().err


# -- A machine of the library


def test_options_change_a_named_machine_for_this_run(guest: Guest, make_vm: MakeVm, floppy: Path, iso: Path) -> None:
    folder = make_vm("DOS", disks=(floppy,), floppies=(FloppyConfig(drive="1.2M"),))
    before = folder.settings_file.read_bytes()
    assert headless("dos", "--memory", 64, "--cdrom", iso, "--boot", "disk", "--sleep", "0") == 0
    config = guest.machine.config
    assert config.memory_mb == 64 and config.cdrom_drives[0].image == iso and config.cdrom_drives[0].slot == 2
    assert config.hard_disks[0].image == floppy and config.boot_order == ("disk", "floppy", "cdrom")
    assert config.floppy_drives == (FloppyConfig(drive="1.2M"),)
    assert folder.settings_file.read_bytes() == before
    assert headless(folder.path, "--sleep", "0") == 0
    assert guest.machine.config == folder.settings.machine.replace(identity=folder.id)


def test_an_unknown_machine(guest: Guest, make_vm: MakeVm, capsys: Output) -> None:
    make_vm("Windows 98")
    assert headless("Windos 98") == 2
    assert "There is no machine “Windos 98”. Did you mean “Windows 98”?" in capsys.readouterr().err


def test_an_image_where_a_machine_belongs(guest: Guest, iso: Path, capsys: Output) -> None:
    assert headless(iso) == 2
    assert f"write: bancada run --cdrom {iso}" in capsys.readouterr().err


def test_a_broken_machine_names_file_and_line(guest: Guest, make_vm: MakeVm, capsys: Output) -> None:
    folder = make_vm("DOS")
    text = folder.settings_file.read_text().replace("memory_mb = 16", "memory_mb = 99999")
    folder.settings_file.write_text(text)
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.startswith("memory_mb"))
    assert headless(folder.path) == 2
    told = capsys.readouterr().err
    assert f"{folder.settings_file}:\nline {line}: memory_mb: 99999 MB of memory is not possible" in told


def test_a_machine_that_runs_already(guest: Guest, make_vm: MakeVm, capsys: Output) -> None:
    folder = make_vm("DOS")
    lock = folder.lock()
    assert headless("DOS") == 1
    assert f"“DOS” is already running (process {os.getpid()})" in capsys.readouterr().err
    lock.release()


# -- Wrong usage


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--memory", "99999"], "argument --memory: 99999 MB of memory is not possible; allowed: 1 to 3072"),
        (["--memory", "-5"], "argument --memory: -5 MB of memory is not possible"),
        (["--memory", "lots"], "“lots” is not a whole number of MB"),
        (["--memroy", "16"], "unknown option “--memroy”. Did you mean “--memory”?"),
        (["--mem", "16"], "unknown option “--mem”"),
        (["--boot", "tape"], "“tape” cannot be booted from; allowed: floppy, cdrom, disk, network"),
        (["--boot", "flopy"], "Did you mean “floppy”?"),
        (["--clock", "sundial"], "invalid choice"),
        (["--accelerator", "interpretr"], "Did you mean “interpreter”?"),
        (["--timeout", "soon"], "“soon” is not a number of seconds"),
        (["--sleep", "-1"], "“-1” s is not possible"),
        (["--sleep", "nan"], "“nan” s is not possible"),
        (["--wait", ""], "the text is empty"),
        (["--wait"], "expected one argument"),
        (["--key", "ctrl+alt+delte"], "There is no key named “delte”. Did you mean delete"),
        (["--floppy", ""], "the file's name is empty"),
        (["one", "two"], "“two” is too much here"),
    ],
)
def test_wrong_options(guest: Guest, arguments: list[str], told: str, capsys: Output) -> None:
    assert headless(*arguments) == 2
    captured = capsys.readouterr()
    assert told in captured.err and captured.err.startswith("usage: bancada run") and captured.out == ""
    assert guest.machines == []


def test_images_that_cannot_be_used(guest: Guest, tmp_path: Path, capsys: Output) -> None:
    for option in ("--floppy", "--cdrom", "--disk"):
        assert headless(option, tmp_path / "gone.img") == 2
        assert f"{tmp_path / 'gone.img'}: (drive {option[2:]}0) There is no such file" in capsys.readouterr().err
        assert headless(option, tmp_path) == 2
        assert "This is a folder" in capsys.readouterr().err
    assert guest.machines == []


def test_what_the_host_refuses(guest: Guest, capsys: Output) -> None:
    guest.refuses = HostResourceError("The host gives no memory.")
    assert headless() == 1
    assert capsys.readouterr().err == "bancada: The host gives no memory.\n"


def test_an_internal_error_is_a_line_and_not_a_hang(guest: Guest, capsys: Output) -> None:
    guest.refuses = RuntimeError("a fault of ours")
    assert headless() == 1
    assert "internal error: RuntimeError('a fault of ours')" in capsys.readouterr().err
    assert running.all_running() == []


def test_notices_are_told(guest: Guest, capsys: Output) -> None:
    guest.at_power_on = lambda machine: machine.emit(Notice("The diskette is write-protected."))
    assert headless("--sleep", "0") == 0
    assert "bancada: The diskette is write-protected." in capsys.readouterr().err


# -- Displays


def test_without_a_display_it_runs_without_a_window(
    guest: Guest, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert main(["run", "--wait", "A:"]) == 0
    assert "There is no display here" in capsys.readouterr().err
    guest.banner = "9 Benchmark"
    assert main([]) == 0
    captured = capsys.readouterr()
    assert captured.out == "9 Benchmark\n" and "The PC works." in captured.err


def test_a_display_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":9713")
    assert window.display_problem() == "The display “:9713” does not answer."
    monkeypatch.setenv("DISPLAY", "far.example:0")
    assert window.display_problem() == "", "only local displays can be tried"
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    monkeypatch.delenv("DISPLAY")
    assert window.display_problem() == ""


def test_with_a_window_the_script_runs_beside_it(guest: Guest, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    """The window here is a stand-in that closes when its machine is off, as the real one does."""
    monkeypatch.setattr("app.commands.run.display_problem", lambda: "")

    def show(runner: object) -> int:
        assert runner is running.all_running()[0]
        running.all_running()[0].wait()
        return 0

    monkeypatch.setattr("app.commands.run.run_in_window", show)
    guest.answers = {"ver\n": "FreeDOS", "exit\n": FakeMachine.switch_off}
    assert main(["run", "--type", "ver\\n", "--wait", "FreeDOS", "--type", "exit\\n"]) == 0
    assert main(["run", "--timeout", "0.01"]) == 0
    guest.answers["ver\n"] = FakeMachine.switch_off
    assert main(["run", "--type", "ver\\n", "--wait", "FreeDOS"]) == 1
    assert "was off before “FreeDOS” appeared" in capsys.readouterr().err


def test_a_film_is_of_real_time(guest: Guest, tmp_path: Path, capsys: Output) -> None:
    assert headless("--clock", "instructions", "--record", tmp_path / "film.webm") == 2
    assert "does not go with --clock instructions" in capsys.readouterr().err
