"""FreeDOS on every kind of diskette, as a person uses it: DIR, VER, TYPE, and a file that outlives the power."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import FloppyConfig, Machine, MachineConfig
from engine.devices.parallel_port import PrinterFile
from engine.events import Event, Notice
from tests.boots.guest_run import private_copy
from tests.conftest import GUESTS

DISKETTES = ("freedos-160k.img", "freedos-360k.img", "freedos-720k.img", "freedos-1200k.img", "freedos-1440k.img")
PROMPT = "A:\\>"


def command(vm: Machine, text: str, answer: str) -> str:
    vm.keyboard.type(f"cls\n{text}\n")
    return vm.screen.wait_for_text(answer, timeout=60)


@pytest.mark.parametrize("name", DISKETTES)
def test_what_is_written_is_there_after_a_power_cycle(name: str, tmp_path: Path) -> None:
    if not (GUESTS / name).exists():
        pytest.skip("the shared guests are not here")
    image = private_copy(name, tmp_path)
    kind = {"1200k": "1.2M", "360k": "360K", "720k": "720K", "160k": "360K"}.get(name[8:-4], "1.44M")
    config = MachineConfig(memory_mb=4, clock="instructions", floppies=[FloppyConfig(image, kind)])
    with Machine(config) as vm:
        vm.power_on()
        vm.screen.wait_for_text(PROMPT, timeout=60)
        command(vm, "ver", "FreeCom version")
        command(vm, "dir", "bytes free")
        vm.keyboard.type("cls\necho kept by the diskette > new.txt\n")
        command(vm, "type new.txt", "\nkept by the diskette")
        vm.power_off()
        assert b"kept by the diskette" in image.read_bytes()
        vm.power_on()
        vm.screen.wait_for_text(PROMPT, timeout=60)
        command(vm, "type new.txt", "\nkept by the diskette")
        command(vm, "dir new.txt", "1 file(s)")


def test_a_write_protected_diskette_is_left_alone(tmp_path: Path) -> None:
    if not (GUESTS / "freedos-1440k.img").exists():
        pytest.skip("the shared guests are not here")
    image = private_copy("freedos-1440k.img", tmp_path)
    before = image.read_bytes()
    config = MachineConfig(memory_mb=4, clock="instructions", floppies=[FloppyConfig(image, read_only=True)])
    with Machine(config) as vm:
        vm.power_on()
        vm.screen.wait_for_text(PROMPT, timeout=60)
        command(vm, "echo x > new.txt", "write")
    assert image.read_bytes() == before


def test_what_dos_prints_is_in_the_printers_file(tmp_path: Path) -> None:
    if not (GUESTS / "freedos-1440k.img").exists():
        pytest.skip("the shared guests are not here")
    printed = tmp_path / "out.prn"
    printed.write_bytes(b"before\r\n")
    floppy = private_copy("freedos-1440k.img", tmp_path)
    with Machine(MachineConfig(memory_mb=4, clock="instructions", floppies=[floppy], printer=printed)) as vm:
        vm.power_on()
        vm.screen.wait_for_text(PROMPT, timeout=60)
        command(vm, "echo hello > lpt1", f"lpt1\n\n{PROMPT}")
        assert printed.read_bytes() == b"before\r\nhello \r\n"


def test_dos_prints_all_of_it_once_the_host_has_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (GUESTS / "freedos-1440k.img").exists():
        pytest.skip("the shared guests are not here")
    printed = tmp_path / "out.prn"
    events: list[Event] = []
    floppy = private_copy("freedos-1440k.img", tmp_path)
    into_the_file = PrinterFile.print
    full = PrinterFile(Path("/dev/full"), lambda text: events.append(Notice(text)))
    has_room = False
    monkeypatch.setattr(PrinterFile, "print", lambda printer, data: into_the_file(printer if has_room else full, data))
    config = MachineConfig(memory_mb=4, clock="instructions", floppies=[floppy], printer=printed)
    with Machine(config, events.append) as vm:
        vm.power_on()
        vm.screen.wait_for_text(PROMPT, timeout=60)
        command(vm, "echo hello > lpt1", "printer out of paper\n(A)bort, (I)gnore, (R)etry, (F)ail?")
        vm.keyboard.type("r")
        vm.run_for(3)
        assert printed.read_bytes() == b""
        assert len([event for event in events if isinstance(event, Notice)]) == 1
        has_room = True
        vm.keyboard.type("r")
        vm.run_for(3)
        assert vm.screen.text().rstrip().endswith(PROMPT)
        assert printed.read_bytes() == b"hello \r\n"
    full.close()
