"""The runner: order of moves, lock, media that are remembered, ends of every kind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app import running, shared_drives
from app.lifecycle import Action
from app.runner import Runner
from app.vm_folder import MachineInUseError, VmFolder
from engine.config import FloppyConfig, MachineConfig
from engine.config_file import read_settings
from engine.errors import ConfigError, HostResourceError, MachineError, MediumError, MediumInUseError
from engine.events import Event, Notice, PowerChanged, PowerState
from tests.app.fake_machine import FakeMachine, Guest

MakeVm = Callable[..., VmFolder]


def powers(events: list[Event]) -> list[PowerState]:
    return [event.state for event in events if isinstance(event, PowerChanged)]


def test_a_whole_life(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    events: list[Event] = []
    runner = Runner(folder, events.append)
    assert runner.state is PowerState.OFF and runner.machine is None and Action.START in runner.allowed
    runner.start()
    assert running.all_running() == [runner]
    holder = folder.holder()
    assert holder is not None and holder.is_this_process
    runner.pause()
    runner.resume()
    runner.reset()
    runner.power_off()
    assert powers(events) == [PowerState.RUNNING, PowerState.PAUSED, PowerState.RUNNING, PowerState.OFF]
    assert guest.machine.closed and guest.machine.flushed == 1
    assert runner.machine is None and folder.holder() is None and running.all_running() == []
    runner.start()
    assert len(guest.machines) == 2
    runner.stop_and_wait()


def test_moves_that_the_state_does_not_allow_say_what_is_possible(guest: Guest, make_vm: MakeVm) -> None:
    runner = Runner(make_vm())
    for move in (runner.pause, runner.resume, runner.reset, runner.power_off, runner.send_ctrl_alt_del):
        with pytest.raises(MachineError, match="“DOS” is switched off.*Possible: start"):
            move()
    runner.start()
    with pytest.raises(MachineError, match="is running: “start” is not possible now"):
        runner.start()
    with pytest.raises(MachineError, match="resume"):
        runner.resume()
    runner.pause()
    with pytest.raises(MachineError, match="paused"):
        runner.type_text("dir\n")
    runner.stop_and_wait()
    runner.stop_and_wait()  # once more does nothing


def test_off_is_told_when_everything_is_closed(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    seen: list[tuple[bool, bool, str]] = []
    told = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, PowerChanged) and event.state is PowerState.OFF:
            seen.append((guest.machine.closed, folder.holder() is None, event.reason))
            told.set()

    guest.answers["exit\n"] = FakeMachine.switch_off
    runner = Runner(folder, listen)
    runner.start()
    runner.type_text("exit\n")
    assert told.wait(10)
    assert seen == [(True, True, "the guest switched the PC off")]
    assert runner.state is PowerState.OFF
    runner.stop_and_wait()
    assert runner.screen_text() == "A:\\>"


def test_start_right_after_the_guest_switched_off(guest: Guest, make_vm: MakeVm) -> None:
    guest.answers["exit\n"] = FakeMachine.switch_off
    runner = Runner(make_vm())
    for _ in range(20):
        runner.start()
        runner.type_text("exit\n")
        assert runner.wait(10)
    assert len(guest.machines) == 20 and all(machine.closed for machine in guest.machines)


def test_stop_from_several_threads_at_once(guest: Guest, make_vm: MakeVm) -> None:
    guest.answers["exit\n"] = FakeMachine.switch_off
    runner = Runner(make_vm())
    for _ in range(20):
        runner.start()
        threads = [threading.Thread(target=runner.stop_and_wait) for _ in range(3)]
        runner.type_text("exit\n")
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert runner.state is PowerState.OFF
    assert all(machine.closed for machine in guest.machines)


def test_two_runners_cannot_have_one_folder(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    first = Runner(folder)
    first.start()
    with pytest.raises(MachineInUseError, match="“DOS” is already running"):
        Runner(VmFolder(folder.path)).start()
    first.stop_and_wait()


def test_two_runners_cannot_write_one_image(guest: Guest, make_vm: MakeVm, floppy: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.img"
    link.symlink_to(floppy)
    first = Runner(make_vm("One", floppies=(FloppyConfig(floppy),)))
    second = Runner(make_vm("Two", floppies=(FloppyConfig(link),)))
    first.start()
    with pytest.raises(MediumInUseError, match="“One” has it in drive floppy0"):
        second.start()
    assert second.state is PowerState.OFF and second.folder is not None and second.folder.holder() is None
    with pytest.raises(MediumInUseError, match="may write to it. Eject it there"):
        Runner(make_vm("Three", floppies=(FloppyConfig(link, read_only=True),))).start()
    assert [hold.owner for hold in shared_drives.holders(floppy)] == ["One"]
    first.stop_and_wait()
    second.start()
    second.stop_and_wait()
    assert shared_drives.holders(floppy) == []


def test_what_nobody_writes_is_shared(guest: Guest, make_vm: MakeVm, floppy: Path, iso: Path) -> None:
    parts: dict[str, object] = {"floppies": (FloppyConfig(floppy, read_only=True),), "cdroms": (iso,)}
    first, second = Runner(make_vm("One", **parts)), Runner(make_vm("Two", **parts))
    first.start()
    second.start()
    assert {hold.owner for hold in shared_drives.holders(iso)} == {"One", "Two"}
    with pytest.raises(MediumInUseError, match="“One” has it in drive floppy0 and is using it"):
        Runner(make_vm("Three", disks=(floppy,))).start()
    first.stop_and_wait()
    second.stop_and_wait()


def test_media_are_remembered(guest: Guest, make_vm: MakeVm, floppy: Path, iso: Path) -> None:
    folder = make_vm()
    runner = Runner(folder)
    runner.insert("floppy0", floppy, read_only=True)  # while it is off: into the settings
    assert read_settings(folder.settings_file).machine.floppy_drives[0] == FloppyConfig(floppy, read_only=True)
    runner.start()
    assert guest.machine.media["floppy0"] == floppy
    runner.insert("cdrom0", iso)
    assert runner.config.cdrom_drives[0].image == iso
    runner.eject("floppy0")
    runner.stop_and_wait()
    machine = read_settings(folder.settings_file).machine
    assert machine.floppy_drives[0] == FloppyConfig() and machine.cdrom_drives[0].image == iso


def test_the_guests_own_eject_is_remembered(guest: Guest, make_vm: MakeVm, iso: Path) -> None:
    folder = make_vm(cdroms=(iso,))
    guest.answers["eject\n"] = lambda machine: machine.guest_ejects("cdrom0")
    runner = Runner(folder)
    runner.start()
    runner.type_text("eject\n")
    runner.stop_and_wait()
    assert folder.settings.machine.cdrom_drives[0].image is None


def test_a_medium_that_is_refused_leaves_the_old_one(
    guest: Guest, make_vm: MakeVm, floppy: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.img"
    odd.write_bytes(b"7 bytes")
    folder = make_vm(floppies=(FloppyConfig(floppy),))
    runner = Runner(folder)
    runner.start()
    with pytest.raises(MediumError, match="odd.img"):
        runner.insert("floppy0", odd)
    with pytest.raises(MediumError, match="gone.img: There is no such file"):
        runner.insert("floppy0", tmp_path / "gone.img")
    with pytest.raises(MediumError, match="This is a folder"):
        runner.insert("floppy0", tmp_path)
    with pytest.raises(MachineError, match="no removable drive “floppy7”. Its drives: floppy0, cdrom0"):
        runner.insert("floppy7", floppy)
    assert folder.settings.machine.floppy_drives[0].image == floppy
    assert [hold.device for hold in shared_drives.holders(floppy)] == ["floppy0"]
    assert shared_drives.holders(odd) == []
    runner.stop_and_wait()


def test_an_override_is_for_this_run_only(guest: Guest, make_vm: MakeVm, floppy: Path) -> None:
    folder = make_vm()
    before = folder.settings_file.read_bytes()
    runner = Runner(folder, config=folder.settings.machine.replace(memory_mb=64))
    runner.start()
    assert guest.machine.config.memory_mb == 64
    runner.insert("floppy0", floppy)
    runner.stop_and_wait()
    assert folder.settings_file.read_bytes() == before


def test_a_start_that_fails_gives_everything_back(guest: Guest, make_vm: MakeVm, floppy: Path) -> None:
    folder = make_vm(floppies=(FloppyConfig(floppy),))
    guest.refuses = HostResourceError("The host gives no memory.")
    runner = Runner(folder)
    with pytest.raises(HostResourceError, match="no memory"):
        runner.start()
    assert runner.state is PowerState.OFF and folder.holder() is None and shared_drives.holders(floppy) == []
    assert "The start failed: The host gives no memory." in folder.log_file.read_text()
    guest.refuses = None
    runner.start()
    runner.stop_and_wait()


def test_a_missing_image_is_named_with_its_drive(guest: Guest, make_vm: MakeVm, tmp_path: Path) -> None:
    runner = Runner(make_vm(disks=(tmp_path / "gone.img",)))
    with pytest.raises(MediumError, match=r"gone.img: \(drive disk0\) There is no such file"):
        runner.start()
    assert guest.machines == []


def test_a_configuration_that_makes_no_sense(guest: Guest) -> None:
    with pytest.raises(ConfigError, match="99999 MB of memory is not possible"):
        Runner(MachineConfig(memory_mb=99999)).start()


def test_settings_broken_by_hand_are_told_at_the_start(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    runner = Runner(folder)
    folder.settings_file.write_text(folder.settings_file.read_text().replace("memory_mb = 16", 'memory_mb = "16"'))
    with pytest.raises(ConfigError, match="memory_mb: The text “16” does not fit here"):
        runner.start()
    assert runner.name == folder.path.name


def test_a_crash_leaves_a_report(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    guest.answers["die\n"] = FakeMachine.crash
    events: list[Event] = []
    runner = Runner(folder, events.append)
    runner.start()
    runner.type_text("die\n")
    assert runner.wait(10) and runner.state is PowerState.CRASHED
    assert runner.failure is not None and runner.machine is not None
    assert runner.allowed == {Action.RESET, Action.POWER_OFF, Action.SCREENSHOT}
    report = folder.crash_report_file.read_text()
    for part in ("EIP=0000FFF0", "A:\\>", 'name = "DOS"', "accelerator: fake", "== Log =="):
        assert part in report
    runner.reset()
    assert runner.state is PowerState.RUNNING and runner.failure is None
    runner.stop_and_wait()


def test_a_listener_that_fails_does_not_stop_the_guest(guest: Guest, make_vm: MakeVm) -> None:
    events: list[Event] = []

    def broken(event: Event) -> None:
        raise ValueError("a window's fault")

    runner = Runner(make_vm(), broken)
    unsubscribe = runner.subscribe(events.append)
    runner.start()
    unsubscribe()
    runner.stop_and_wait()
    assert powers(events) == [PowerState.RUNNING]


def test_a_machine_that_was_not_stopped_in_order_says_so(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    folder.lock_file.write_text('{"host": "here", "pid": 1}')
    events: list[Event] = []
    runner = Runner(folder, events.append)
    runner.start()
    assert any(isinstance(event, Notice) and "not switched off in order" in event.message for event in events)
    runner.stop_and_wait()
    events.clear()
    runner.start()
    assert not any(isinstance(event, Notice) for event in events)
    runner.stop_and_wait()


def test_keys_and_mouse_reach_the_machine_and_are_harmless_when_it_is_off(guest: Guest, make_vm: MakeVm) -> None:
    runner = Runner(make_vm())
    runner.press("a")
    runner.mouse_move(1, 2)
    runner.release_all()
    runner.post(lambda: None)
    assert runner.stats == {}
    runner.start()
    runner.press("a")
    runner.release("a")
    runner.send_ctrl_alt_del()
    assert runner.type_text("olá") == "á"
    runner.mouse_move(3, -4)
    runner.mouse_press("left")
    runner.mouse_release("left")
    runner.mouse_wheel(1)
    machine = guest.machine
    assert machine.keyboard.log == ["+a", "-a", "ctrl+alt+delete", "olá"]
    assert machine.mouse.log == [(3, -4), "+left", "-left", ("wheel", 1)]
    assert runner.stats["accelerator"] == "fake"
    runner.stop_and_wait()


def test_logs_of_earlier_runs_are_kept(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    runner = Runner(folder)
    for size in (1, 2, 3, 4, 5, 6):
        folder.change(lambda old, size=size: old.with_machine(memory_mb=size))  # type: ignore[misc]
        runner.start()
        runner.stop_and_wait()
    logs = {path.name: path.read_text() for path in folder.path.glob("machine*.log")}
    assert sorted(logs) == ["machine-1.log", "machine-2.log", "machine-3.log", "machine.log"]
    assert "Start: 6 MB" in logs["machine.log"] and "Start: 3 MB" in logs["machine-3.log"]


def test_a_folder_that_cannot_be_written_to(guest: Guest, make_vm: MakeVm, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_vm()

    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("app.vm_folder.os.open", refuse)
    with pytest.raises(HostResourceError, match="Read-only file system.*Copy the folder"):
        Runner(folder).start()


def test_on_demand_runs_in_the_callers_thread(guest: Guest) -> None:
    runner = Runner(MachineConfig(clock="instructions"), free_running=False)
    runner.start()
    assert guest.machine.free_running is False
    guest.answers["exit\n"] = FakeMachine.switch_off
    runner.type_text("exit\n")
    guest.machine.run_for(1)
    assert runner.state is PowerState.OFF and not guest.machine.closed
    runner.stop_and_wait()
    assert guest.machine.closed and running.all_running() == []


def test_the_machine_has_the_folders_identity_wherever_the_folder_is(guest: Guest, make_vm: MakeVm) -> None:
    folder = make_vm()
    runner = Runner(folder)
    runner.start()
    assert guest.machine.config.identity == folder.id != ""
    runner.power_off()
