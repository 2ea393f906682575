"""The application on the real engine, in processes of its own: what a person's shell sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli import main
from app.diagnostics import diagnostics_image
from app.library import Library
from app.vm_folder import VmFolder
from engine.config import FloppyConfig

ROOT = Path(__file__).resolve().parents[2]
MakeVm = Callable[..., VmFolder]


@pytest.fixture
def diagnostics(make_vm: MakeVm) -> Iterator[VmFolder]:
    """A machine of the library with the diagnostics diskette."""
    folder = make_vm("Diagnostics", floppies=(FloppyConfig(diagnostics_image(), read_only=True),))
    yield folder
    holder = folder.holder()
    if holder is not None:
        os.kill(holder.pid, signal.SIGKILL)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "app", *map(str, arguments)]


def test_the_diagnostics_diskette_boots_headless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shot = tmp_path / "shot.png"
    line = ["run", "--headless", "--clock", "instructions", "--timeout", "60", "--wait", "Benchmark"]
    assert main([*line, "--text", "--screenshot", str(shot)]) == 0
    assert "Bancada diagnostics" in capsys.readouterr().out and shot.read_bytes().startswith(b"\x89PNG")
    assert main([*line, "--wait", "no such text", "--timeout", "5"]) == 1
    assert "The screen shows:\n  Bancada diagnostics" in capsys.readouterr().err


def test_start_status_and_stop_in_the_background(diagnostics: VmFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["start", "Diagnostics"]) == 0
    holder = diagnostics.holder()
    assert holder is not None and not holder.is_this_process
    assert main(["wait", "Diagnostics", "Benchmark", "--timeout", "60"]) == 0
    assert main(["start", "Diagnostics"]) == 1
    assert f"already running (process {holder.pid})" in capsys.readouterr().err
    assert main(["key", "Diagnostics", "down"]) == 0
    assert main(["status", "Diagnostics", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["state"] == "running" and status["instructions"] > 0
    assert main(["stop", "Diagnostics"]) == 0
    assert diagnostics.holder() is None
    assert "off: powered off" in diagnostics.log_file.read_text()


def test_a_start_that_fails_says_why(make_vm: MakeVm, capsys: pytest.CaptureFixture[str]) -> None:
    make_vm("Broken", floppies=(FloppyConfig(Path("/nowhere/dos.img")),))
    assert main(["start", "Broken"]) == 1
    assert "bancada: /nowhere/dos.img: (drive floppy0) There is no such file" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_headless_run_in_order(diagnostics: VmFolder, number: signal.Signals) -> None:
    line = command("run", "Diagnostics", "--headless", "--wait", "Benchmark", "--text", "--wait", "never")
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert "Bancada diagnostics" in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(30) == 1
        assert "interrupted; the machine was switched off" in process.stderr.read()
    assert "off: powered off" in diagnostics.log_file.read_text()
    assert diagnostics.holder() is None and not diagnostics.lock_file.read_bytes()


def test_an_image_in_use_by_another_process(diagnostics: VmFolder, tmp_path: Path) -> None:
    image = tmp_path / "shared.img"
    image.write_bytes(diagnostics_image().read_bytes())
    line = command("run", "--headless", "--floppy", image, "--wait", "Benchmark", "--text", "--wait", "never")
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdout is not None and first.stdout.readline()
        second = subprocess.run(
            command("run", "--headless", "--floppy", image, "--sleep", "0"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        first.terminate()
    assert (
        second.returncode == 1 and str(image) in second.stderr and "in use" in second.stderr.replace("using", "in use")
    )


def test_serial_output_comes_on_standard_output(tmp_path: Path) -> None:
    """A boot sector that says hello on COM1 through INT 14h, and halts."""
    code = bytes.fromhex(
        "fa31c08ed88ec0fb"  # cli; xor ax,ax; mov ds,ax; mov es,ax; sti
        "be207c"  # mov si,7C20h
        "ac08c07408"  # next: lodsb; or al,al; jz end
        "b40131d2cd14"  # mov ah,1; xor dx,dx; int 14h
        "ebf3"  # jmp next
        "f4ebfd"  # end: hlt; jmp end
    )
    sector = code.ljust(0x20, b"\x90") + b"hello, serial\0"
    image = tmp_path / "hello.img"
    image.write_bytes((sector.ljust(510, b"\0") + b"\x55\xaa").ljust(1474560, b"\0"))
    result = subprocess.run(
        command(
            "run", "--headless", "--floppy", image, "--serial", "stdio", "--clock", "instructions", "--timeout", 20
        ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "hello, serial")


def test_new_machines_have_a_real_disk(library: Library) -> None:
    assert main(["new", "DOS", "--disk-size", "20"]) == 0
    assert main(["run", "DOS", "--headless", "--clock", "instructions", "--sleep", "0.1"]) == 0
    folder = library.find("DOS").folder
    assert folder.nvram_file.is_file() and folder.disk_usage() < 1 << 20
