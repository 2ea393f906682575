"""Debian GNU/Linux 12 for i386 from its disk: boot loader, both consoles, packages, compiler, power-off, clean disk.

The images are large and nobody's to keep in a repository: ``make_debian_guest.sh`` of the shared guests builds them.
The one named in ``BANCADA_DEBIAN``, or lying beside the other guests as ``debian.img``, is used; its boot takes
minutes. The image itself is never written to.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

import pytest

from engine import Machine, MachineConfig
from engine.events import PowerState
from tests.conftest import GUESTS

_BOOT_S: Final = 300  # of the guest's time
_COMMAND_S: Final = 120
_PARTITION: Final = 2048 * 512
_BLOCK: Final = 1 << 20

# ext4 superblock, 1024 bytes into the partition
_MAGIC, _STATE, _INCOMPATIBLE = 0x38, 0x3A, 0x60
_EXT_MAGIC, _CLEANLY_UNMOUNTED, _NEEDS_RECOVERY = 0xEF53, 1, 4


def image(variable: str, name: str) -> Path:
    """The image that the environment names, or the one beside the guests; skips the test without one."""
    path = Path(os.environ.get(variable) or GUESTS / name)
    if not path.is_file():
        pytest.skip(f"no Debian image: {path} is not there ({variable} can name one)")
    return path


def sparse_copy(source: Path, target: Path) -> Path:
    with source.open("rb") as old, target.open("wb") as new:
        while block := old.read(_BLOCK):
            if any(block):
                new.write(block)
            else:
                new.seek(len(block), os.SEEK_CUR)
        new.truncate(source.stat().st_size)
    return target


def configuration(disk: Path, memory_mb: int) -> MachineConfig:
    return MachineConfig(memory_mb=memory_mb, disks=[disk], boot_order=("disk",), clock="instructions")


def boot_without_drm(vm: Machine) -> None:
    """In the boot loader's editor: the text console stays a VGA's, which can be read."""
    vm.power_on()
    vm.screen.wait_for_text("GNU GRUB", timeout=30)
    vm.keyboard.type("e")
    vm.screen.wait_for_text("setparams", timeout=10)
    for _ in range(2):
        vm.keyboard.chord("down")
    vm.keyboard.chord("ctrl+e")
    vm.keyboard.type(" nomodeset")
    vm.screen.wait_for_text("nomodeset", timeout=10)
    vm.keyboard.chord("ctrl+x")


def log_in_on_serial(vm: Machine) -> None:
    serial = vm.serial[0]
    serial.wait_for(b"debguest login:", timeout=_BOOT_S)
    serial.write(b"root\n")
    serial.wait_for(b"assword:", timeout=30)
    serial.write(b"root\n")
    serial.wait_for(b":~#", timeout=60)


def answer(vm: Machine, command: str) -> str:
    """What the command prints on the serial console. The shell echoes the line, so the mark is written in two parts."""
    serial = vm.serial[0]
    before = len(serial.transcript)
    serial.write(command.encode() + b"; echo DO''NE\n")
    serial.wait_for(b"DONE\r\n", timeout=_COMMAND_S)
    return serial.transcript[before:].decode("latin-1")


def shut_down(vm: Machine) -> None:
    vm.serial[0].write(b"poweroff\n")
    vm.wait_until(lambda: vm.state is PowerState.OFF, timeout=_COMMAND_S)


def assert_clean(disk: Path) -> None:
    with disk.open("rb") as file:
        file.seek(_PARTITION + 1024)
        superblock = file.read(1024)
    (magic,) = struct.unpack_from("<H", superblock, _MAGIC)
    (state,) = struct.unpack_from("<H", superblock, _STATE)
    (incompatible,) = struct.unpack_from("<I", superblock, _INCOMPATIBLE)
    assert magic == _EXT_MAGIC
    assert state == _CLEANLY_UNMOUNTED and not incompatible & _NEEDS_RECOVERY


def test_text_disk_from_boot_loader_to_power_off(tmp_path: Path) -> None:
    disk = sparse_copy(image("BANCADA_DEBIAN", "debian.img"), tmp_path / "debian.img")
    with Machine(configuration(disk, 256)) as vm:
        boot_without_drm(vm)
        vm.screen.wait_for_text("debguest login:", timeout=_BOOT_S)
        vm.keyboard.type("root\n")
        vm.screen.wait_for_text("Password:", timeout=30)
        vm.keyboard.type("root\n")
        vm.screen.wait_for_text("root@debguest:~#", timeout=60)
        vm.keyboard.type("apt-cache policy bash\n")
        vm.screen.wait_for_text("Installed: 5.", timeout=_COMMAND_S)
        log_in_on_serial(vm)
        assert "reading lists" not in answer(vm, "apt-get check 2>&1 | grep E:").lower()
        if "/gcc" in answer(vm, "which gcc").split("\n", 1)[1]:
            answer(
                vm, "printf '#include <stdio.h>\\nint main(){printf(\"%%d\\\\n\",6*7007);}' > t.c && gcc -O2 t.c -o t"
            )
            assert "42042" in answer(vm, "./t")
        answer(vm, "head -c 3000000 /dev/urandom > written && md5sum written > sum; sync")
        answer(vm, "echo 3 > /proc/sys/vm/drop_caches")
        assert "written: OK" in answer(vm, "md5sum -c sum")
        shut_down(vm)
    assert_clean(disk)
