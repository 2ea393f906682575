"""How each PC is started with a benchmark, its first serial port on a stream we read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOCHS_BIOS = Path("/usr/share/bochs/BIOS-bochs-latest")
BOCHS_VGA_BIOS = Path("/usr/share/bochs/VGABIOS-lgpl-latest")


@dataclass(frozen=True)
class Job:
    """What is run: a boot diskette, or Linux with the kit's initial RAM disk and words for its kernel."""

    name: str
    diskette: Path | None = None
    kernel: Path | None = None
    initrd: Path | None = None
    words: str = ""


@dataclass(frozen=True)
class Peer:
    """``command(job, folder)`` starts it with COM1 on standard output; ``missing`` says why it cannot."""

    name: str
    command: Callable[[Job, Path], list[str]]
    missing: str = ""
    runs_diskettes: bool = True


def _native(job: Job, folder: Path) -> list[str]:
    assert job.initrd is not None
    scale = job.words.rpartition("bench.scale=")[2]
    return [str(job.initrd.with_name(job.initrd.name.replace("initrd", "bench").removesuffix(".gz"))), scale]


def _bancada(accelerator: str) -> Callable[[Job, Path], list[str]]:
    def command(job: Job, folder: Path) -> list[str]:
        arguments = ["run", "--headless", "--accelerator", accelerator, "--serial", "stdio"]
        if job.diskette is not None:
            arguments += ["--memory", "64", "--floppy", str(job.diskette), "--boot", "floppy"]
        else:
            arguments += ["--memory", "256", "--kernel", str(job.kernel), "--initrd", str(job.initrd)]
            arguments += ["--append", job.words]
        return [sys.executable, "-m", "app", *arguments]

    return command


def _qemu(job: Job, folder: Path) -> list[str]:
    machine = ["qemu-system-i386", "-accel", "tcg,thread=single", "-display", "none", "-monitor", "none"]
    machine += ["-serial", "stdio"]
    if job.diskette is not None:
        return [*machine, "-m", "64", "-drive", f"file={job.diskette},if=floppy,format=raw", "-boot", "a"]
    linux = ["-kernel", str(job.kernel), "-initrd", str(job.initrd), "-append", job.words]
    return [*machine, "-m", "256", "-cpu", "max", "-vga", "none", "-no-reboot", *linux]


def _boot_cd(job: Job, folder: Path) -> Path:
    """Bochs starts no kernel by itself: GRUB does, from a CD."""
    assert job.kernel is not None and job.initrd is not None
    tree, image = folder / "cd", folder / "linux.iso"
    (tree / "boot" / "grub").mkdir(parents=True)
    shutil.copy(job.kernel, tree / "boot" / "kernel")
    shutil.copy(job.initrd, tree / "boot" / "initrd")
    entry = f"set timeout=0\nmenuentry linux {{\n linux /boot/kernel {job.words}\n initrd /boot/initrd\n}}\n"
    (tree / "boot" / "grub" / "grub.cfg").write_text(entry)
    modules = "--modules=biosdisk iso9660 linux normal"
    command = ["grub-mkrescue", "-o", str(image), str(tree), modules, "--locales=", "--fonts=", "--themes="]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return image


def _bochs(job: Job, folder: Path) -> list[str]:
    serial, settings = folder / "serial.txt", folder / "bochsrc"
    serial.touch()
    if job.diskette is not None:
        megabytes, drive = 64, f"floppya: type=1_44, 1_44={job.diskette}, status=inserted\nboot: floppy"
    else:
        megabytes, drive = 256, f"ata0-master: type=cdrom, path={_boot_cd(job, folder)}, status=inserted\nboot: cdrom"
    settings.write_text(
        f"""megs: {megabytes}
romimage: file={BOCHS_BIOS}
vgaromimage: file={BOCHS_VGA_BIOS}
{drive}
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
        Peer("bancada", _bancada("auto")),
        Peer("bancada-interpreter", _bancada("interpreter")),
        Peer("native", _native, runs_diskettes=False),
        Peer("qemu", _qemu, qemu),
        Peer("bochs", _bochs, bochs),
    ]
