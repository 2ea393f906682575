"""How each PC is started with a benchmark diskette, its first serial port on a stream we read."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOCHS_BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
BOCHS_VGA_BIOS = Path("/usr/share/bochs/VGABIOS-lgpl-latest")


@dataclass(frozen=True)
class Peer:
    """``command(image, folder)`` boots a diskette with COM1 on standard output; ``missing`` says why it cannot."""

    name: str
    command: Callable[[Path, Path], list[str]]
    missing: str = ""


def _bancada(accelerator: str) -> Callable[[Path, Path], list[str]]:
    def command(image: Path, folder: Path) -> list[str]:
        arguments = ["run", "--headless", "--memory", "64", "--accelerator", accelerator, "--serial", "stdio"]
        return [sys.executable, "-m", "app", *arguments, "--floppy", str(image), "--boot", "floppy"]

    return command


def _qemu(image: Path, folder: Path) -> list[str]:
    machine = ["qemu-system-i386", "-accel", "tcg,thread=single", "-m", "64", "-display", "none", "-monitor", "none"]
    return [*machine, "-serial", "stdio", "-drive", f"file={image},if=floppy,format=raw", "-boot", "a"]


def _bochs(image: Path, folder: Path) -> list[str]:
    serial, settings = folder / "serial.txt", folder / "bochsrc"
    serial.touch()
    settings.write_text(
        f"""megs: 64
romimage: file={BOCHS_BIOS}
vgaromimage: file={BOCHS_VGA_BIOS}
floppya: type=1_44, 1_44={image}, status=inserted
boot: floppy
com1: enabled=1, mode=file, dev={serial}
cpu: model=p4_prescott_celeron_336, ips=100000000, reset_on_triple_fault=1
clock: sync=none
log: {folder / "bochs.log"}
panic: action=fatal
display_library: term
"""
    )
    start = folder / "start"
    start.write_text("c\n")  # a build with the debugger waits for "continue"
    # Its terminal display wants a terminal, which script(1) gives; the serial port is a file that tail follows.
    line = (
        f"TERM=linux script -qfc 'bochs -q -f {settings} -rc {start}' /dev/null >/dev/null 2>&1 </dev/null & p=$!; "
        f"tail -n +1 -s 0.01 -f --pid=$p {serial}"
    )
    return ["sh", "-c", line]


def all_peers() -> list[Peer]:
    qemu = "" if shutil.which("qemu-system-i386") else "qemu-system-x86 is not installed"
    bochs = "" if shutil.which("bochs") and shutil.which("script") else "bochs and bochs-term are not installed"
    if not bochs and not (BOCHS_BIOS.exists() and BOCHS_VGA_BIOS.exists()):
        bochs = "bochs needs the package bochsbios"
    return [
        Peer("bancada-interpreter", _bancada("interpreter")),
        Peer("qemu", _qemu, qemu),
        Peer("bochs", _bochs, bochs),
    ]
