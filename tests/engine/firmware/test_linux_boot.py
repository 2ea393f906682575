"""Direct Linux boot: headers good and bad, and a kernel of our own that prints what it was given."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine import Machine, MachineConfig
from engine.errors import ConfigError, MediumError
from engine.firmware.linux_boot import LinuxImage

RAM = 16 << 20
SETUP_SECTORS = 2

# Entered at 9020h:0. Prints the command line at CS:CMD_LINE_PTR's segment to port E9h, then the first 6 bytes of the
# RAM disk's address and size words of the header, the first byte of the kernel proper, SS and SP; then halts.
_PROGRAM = bytes.fromhex(
    "6631F6"  # XOR ESI, ESI
    "BE00E0"  # MOV SI, E000h (the command line; DS = 9000h)
    "AC08C07404E6E9EBF7"  # LODSB; OR AL, AL; JZ +4; OUT E9h, AL; JMP -9
    "B00AE6E9"  # line feed
    "8CD0E6E988E0E6E9"  # SS
    "89E0E6E988E0E6E9"  # SP
    "F4EBFD"  # HLT; JMP
)


def kernel_file(folder: Path, **changes: int) -> Path:
    """A bzImage of protocol 2.12 with our program as its setup code."""
    image = bytearray((SETUP_SECTORS + 1) * 512)
    image[0x1F1] = SETUP_SECTORS
    struct.pack_into("<H", image, 0x1FE, changes.get("boot_flag", 0xAA55))
    image[0x200:0x202] = b"\xeb\x66"  # JMP to 268h
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, changes.get("version", 0x020C))
    image[0x211] = changes.get("loadflags", 1)
    struct.pack_into("<I", image, 0x22C, 0x7FFFFFFF)
    struct.pack_into("<I", image, 0x238, 255)
    struct.pack_into("<I", image, 0x1F4, changes.get("syssize", 0))
    struct.pack_into("<Q", image, 0x258, changes.get("pref_address", 0x100000))
    struct.pack_into("<I", image, 0x260, changes.get("init_size", 0x10000))
    image[0x268 : 0x268 + len(_PROGRAM)] = _PROGRAM
    path = folder / "kernel"
    path.write_bytes(bytes(image) + b"KERNEL" * 1000)
    return path


def test_the_setup_code_gets_its_command_line_stack_and_parts(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(b"RAMDISK!" * 700)
    log = tmp_path / "log"
    config = MachineConfig(
        memory_mb=16,
        clock="instructions",
        kernel=kernel_file(tmp_path),
        initrd=initrd,
        kernel_command_line="console=ttyS0 quiet",
        debug_port=log,
    )
    with Machine(config) as vm:
        vm.power_on()
        vm.wait_until(lambda: log.stat().st_size >= 24, 30)
        assert log.read_bytes() == b"console=ttyS0 quiet\n" + struct.pack("<HH", 0x9000, 0xE000)
        assert vm.memory[0x100000:0x100006] == b"KERNEL"
        place, size = struct.unpack("<II", vm.memory[0x90218:0x90220])
        assert size == 5600 and place % 4096 == 0 and place + size <= RAM
        assert vm.memory[place : place + size] == initrd.read_bytes()
        header = vm.memory[0x90000:0x90260]
        assert header[0x210] == 0xFF and header[0x211] & 0x80
        assert struct.unpack_from("<I", header, 0x228) == (0x9E000,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"boot_flag": 0}, "no Linux kernel"),
        ({"version": 0x0100}, "older than boot protocol"),
        ({"init_size": 64 << 20}, "more memory"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, changes: dict[str, int], words: str) -> None:
    with pytest.raises(MediumError, match=words):
        LinuxImage.open(kernel_file(tmp_path, **changes), None, "", RAM)


def test_damaged_and_missing_files_are_told(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(kernel_file(tmp_path).read_bytes()[:0x270])
    with pytest.raises(MediumError, match="cut short"):
        LinuxImage.open(short, None, "", RAM)
    with pytest.raises(MediumError, match="cannot be read"):
        LinuxImage.open(tmp_path / "none", None, "", RAM)
    with pytest.raises(MediumError, match="cannot be read"):
        LinuxImage.open(kernel_file(tmp_path), tmp_path / "none", "", RAM)
    with pytest.raises(MediumError, match="command line"):
        LinuxImage.open(kernel_file(tmp_path), None, "x" * 256, RAM)


def test_a_kernel_cut_in_the_middle_is_told(tmp_path: Path) -> None:
    """The header says how long the rest is."""
    kernel = kernel_file(tmp_path, syssize=6000 // 16)
    LinuxImage.open(kernel, None, "", RAM)
    kernel.write_bytes(kernel.read_bytes()[:-100])
    with pytest.raises(MediumError, match="cut short: 7436 bytes of 7536"):
        LinuxImage.open(kernel, None, "", RAM)


def loaded(kernel: Path, initrd: Path | None, command_line: str) -> dict[int, bytes]:
    pieces: dict[int, bytes] = {}
    LinuxImage.open(kernel, initrd, command_line, RAM).load(pieces.__setitem__, RAM)
    return pieces


@pytest.mark.parametrize(
    ("words", "mode"),
    [("quiet", 0xFFFF), ("vga=ask", 0xFFFD), ("vga=ext vga=0x314", 0x314), ("vga=788", 788), ("vga=wide", 0xFFFF)],
)
def test_the_video_mode_of_the_command_line_is_in_the_header(tmp_path: Path, words: str, mode: int) -> None:
    setup = loaded(kernel_file(tmp_path), None, words)[0x90000]
    assert struct.unpack_from("<H", setup, 0x1FA) == (mode,)


@pytest.mark.parametrize(
    ("words", "below"), [("", 16), ("mem=8M", 8), ("mem=12288k quiet", 12), ("mem=1M", 16), ("mem=x", 16)]
)
def test_the_ram_disk_lies_below_the_memory_limit(tmp_path: Path, words: str, below: int) -> None:
    initrd = tmp_path / "initrd"
    initrd.write_bytes(bytes(5000))
    setup = loaded(kernel_file(tmp_path), initrd, words)[0x90000]
    place, size = struct.unpack_from("<II", setup, 0x218)
    assert (below << 20) - 0x3000 <= place and place + size <= below << 20


def test_the_place_where_the_kernel_unpacks_itself_counts(tmp_path: Path) -> None:
    kernel = kernel_file(tmp_path, pref_address=15 << 20, init_size=2 << 20)
    with pytest.raises(MediumError, match="more memory"):
        LinuxImage.open(kernel, None, "", RAM)


def test_a_command_line_wants_a_kernel() -> None:
    with pytest.raises(ConfigError, match="no kernel"):
        MachineConfig(kernel_command_line="quiet").validate()


def test_a_kernel_that_vanished_leaves_the_boot_order(tmp_path: Path) -> None:
    kernel = kernel_file(tmp_path)
    with Machine(MachineConfig(memory_mb=16, clock="instructions", kernel=kernel)) as vm:
        kernel.unlink()
        vm.power_on()
        vm.screen.wait_for_text("No bootable device", 30)
        assert "cannot be read" in vm.screen.text()
