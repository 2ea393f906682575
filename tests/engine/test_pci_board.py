"""The PCI side of the whole board, as a guest's driver sees it through the ports."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Machine, MachineConfig
from engine.config import CdromConfig
from engine.devices.device import ResetKind

CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC
COMMAND, BAR0, BAR1, BAR2, BAR4 = 0x04, 0x10, 0x14, 0x18, 0x20
HOST, ISA, IDE, DISPLAY = 0x00, 0x08, 0x09, 0x10


class Guest:
    """A machine after POST, stopped, with its ports at hand."""

    def __init__(self, vm: Machine) -> None:
        self.vm = vm
        self.board = vm.board
        self.bus = vm.board.bus

    def read(self, function: int, register: int, size: int = 4) -> int:
        self.bus.port_write(CONFIG_ADDRESS, 0x80000000 | function << 8 | register & 0xFC, 4)
        return self.bus.port_read(CONFIG_DATA + (register & 3), size)

    def write(self, function: int, register: int, value: int, size: int = 4) -> None:
        self.bus.port_write(CONFIG_ADDRESS, 0x80000000 | function << 8 | register & 0xFC, 4)
        self.bus.port_write(CONFIG_DATA + (register & 3), value, size)


@pytest.fixture
def guest() -> Iterator[Guest]:
    with Machine(MachineConfig(memory_mb=16, clock="instructions", video_memory_mb=4)) as vm:
        vm.power_on()
        vm.screen.wait_for_text("No bootable device", 30)
        yield Guest(vm)


def test_who_answers(guest: Guest) -> None:
    found = {f: guest.read(f, 0) for f in range(256) if guest.read(f, 0) != 0xFFFFFFFF}
    assert found[HOST] == 0x12378086 and found[ISA] == 0x70008086
    assert found[IDE] == 0x70108086 and found[DISPLAY] == 0x040515AD
    assert guest.read(DISPLAY, 0x08) >> 8 == 0x030000
    guest.bus.port_write(CONFIG_ADDRESS, 0x80010000, 4)  # bus 1
    assert guest.bus.port_read(CONFIG_DATA, 4) == 0xFFFFFFFF
    guest.bus.port_write(CONFIG_ADDRESS, 0, 4)  # not enabled
    assert guest.bus.port_read(CONFIG_DATA, 4) == 0xFFFFFFFF


def test_post_gave_addresses_and_interrupts(guest: Guest) -> None:
    assert guest.read(DISPLAY, BAR1) & ~0xF == 0xE0000000
    ports = guest.read(DISPLAY, BAR0) & ~3
    guest.bus.port_write(ports, 15, 4)
    assert guest.bus.port_read(ports + 1, 4) == 4 << 20  # SVGA_REG_VRAM_SIZE
    line = guest.read(DISPLAY, 0x3C, 1)
    assert line in (10, 11) and guest.bus.port_read(0x4D1, 1) & 1 << line - 8
    assert guest.read(ISA, 0x60 + 2, 1) in (10, 11)


def test_an_access_that_leaves_the_data_register_stays_inside_its_doubleword(guest: Guest) -> None:
    guest.bus.port_write(CONFIG_ADDRESS, 0x800000FC, 4)  # the last doubleword of the host bridge
    for port in range(CONFIG_DATA, CONFIG_DATA + 4):
        for size in (1, 2, 4):
            guest.bus.port_write(port, 0xFFFFFFFF, size)
    assert guest.bus.port_read(CONFIG_DATA + 3, 4) == 0xFFFFFF00
    guest.bus.port_write(CONFIG_ADDRESS, 0x80000000, 4)
    assert guest.bus.port_read(CONFIG_DATA + 3, 2) == 0xFF12


def test_configuration_mechanism_2(guest: Guest) -> None:
    bus = guest.bus
    assert bus.port_read(0xC800, 4) == 0xFFFFFFFF
    bus.port_write(0xCFB, 0, 1)
    bus.port_write(0xCF8, 0, 1)
    bus.port_write(0xCFA, 0, 1)
    assert (bus.port_read(0xCF8, 1), bus.port_read(0xCFA, 1)) == (0, 0)  # how Linux finds it
    bus.port_write(0xCF8, 0x10, 1)
    assert bus.port_read(0xC000, 4) == 0x12378086
    assert bus.port_read(0xC102, 2) == 0x7000
    assert bus.port_read(0xCF00, 4) == 0xFFFFFFFF  # nobody is device 15
    bus.port_write(0xCF8, 0x12, 1)  # function 1
    assert bus.port_read(0xC100, 4) == 0x70108086
    bus.port_write(0xCF8, 0x10, 1)
    bus.port_write(0xC25C, 0xFFFFFFFF, 4)
    bus.port_write(0xC23C, 0x0B, 1)
    assert guest.read(DISPLAY, 0x3C, 1) == 0x0B
    bus.port_write(0xCFA, 1, 1)  # bus 1
    assert bus.port_read(0xC000, 4) == 0xFFFFFFFF
    bus.port_write(0xCF8, 0, 1)
    assert bus.port_read(0xC000, 4) == 0xFFFFFFFF


def test_the_window_of_mechanism_2_hides_nobody(guest: Guest) -> None:
    guest.write(DISPLAY, BAR0, 0xC000)
    guest.bus.port_write(0xCF8, 0x10, 1)
    guest.bus.port_write(0xC000, 0, 4)
    assert guest.bus.port_read(0xC001, 4) == 0x90000002  # the display adapter was there first
    guest.bus.port_write(0xCF8, 0, 1)
    guest.write(DISPLAY, BAR0, 0xD100)
    guest.bus.port_write(0xCF8, 0x10, 1)
    guest.write(DISPLAY, BAR0, 0xC000)
    assert guest.bus.port_read(0xC000, 4) == 0x12378086  # now the window was
    guest.bus.port_write(0xCF8, 0, 1)
    guest.bus.port_write(0xC000, 0, 4)
    assert guest.bus.port_read(0xC001, 4) == 0x90000002


def test_windows_change_places(guest: Guest) -> None:
    """One after the other, as a guest has to: the first lies on the second for a while."""
    frame_buffer, fifo = guest.read(DISPLAY, BAR1) & ~0xF, guest.read(DISPLAY, BAR2) & ~0xF
    guest.write(DISPLAY, BAR2, 0xE8000000)
    guest.bus.write_memory(0xE8000000, b"fifo")
    guest.write(DISPLAY, BAR1, 0xE8000000)
    guest.write(DISPLAY, BAR2, frame_buffer)
    guest.bus.write_memory(0xE8000000, b"pixels")
    assert guest.bus.read_memory(frame_buffer, 4) == b"fifo"
    assert guest.bus.read_memory(0xE8000000, 6) == b"pixels"
    assert guest.bus.read_memory(fifo, 4) == b"\xff" * 4


def test_a_window_is_opened_and_closed_as_often_as_a_guest_likes(guest: Guest) -> None:
    ports = guest.read(DISPLAY, BAR0) & ~3
    for _ in range(66_000):
        guest.write(DISPLAY, COMMAND, 0, 2)
        guest.write(DISPLAY, COMMAND, 1, 2)
    guest.bus.port_write(ports, 15, 4)
    assert guest.bus.port_read(ports + 1, 4) == 4 << 20
    assert guest.bus.port_read(0x64, 1) != 0xFF


@pytest.mark.parametrize("seed", range(4))
def test_random_configuration_writes_leave_memory_and_ports_alone(guest: Guest, seed: int) -> None:
    chance = random.Random(seed)
    places = (0, 0x100000, 0xA0000, 0xC000, 0x60, 0x1F0, 0x600, 0xCF8, 0xFEC00000, 0xFEE00000, 0xFFFF0000, 0xE0000000)
    guest.bus.write_memory(0x200000, bytes(range(256)))
    for _ in range(4000):
        function = chance.choice((HOST, ISA, IDE, 0x0B, DISPLAY))
        value = chance.choice((chance.getrandbits(32), chance.choice(places) | chance.randrange(16), 0, 0xFFFFFFFF))
        guest.write(
            function, chance.randrange(0x40 if chance.random() < 0.6 else 0x100), value, chance.choice((1, 2, 4))
        )
        if chance.random() < 0.02:
            guest.bus.port_write(CONFIG_ADDRESS + chance.choice((0, 2)), chance.getrandbits(8), 1)
    assert guest.bus.read_memory(0x200000, 256) == bytes(range(256))
    assert guest.bus.read_memory(0xFFFFFFF0, 1) == b"\xea"
    guest.board.reset(ResetKind.BUS)
    guest.vm.run_for(0.5)
    guest.vm.screen.wait_for_text("No bootable device", 30)
    assert guest.read(DISPLAY, BAR1) & ~0xF == 0xE0000000


def test_sizes_are_found_by_writing_all_ones_even_with_decoding_on(guest: Guest) -> None:
    base = guest.read(DISPLAY, BAR1)
    guest.write(DISPLAY, BAR1, 0xFFFFFFFF)
    assert guest.read(DISPLAY, BAR1) == 0xFFC00008
    guest.write(DISPLAY, BAR1, base)
    guest.bus.write_memory(base & ~0xF, b"pixels")
    assert guest.bus.read_memory(base & ~0xF, 6) == b"pixels"
    assert guest.bus.read_memory(0xFFFFFFF0, 1) == b"\xea"  # the reset vector is still there


@pytest.mark.parametrize("base", [0, 0x100000, 0xFFC00000, 0xFEC00000])
def test_a_window_over_ram_or_rom_stays_closed(guest: Guest, base: int) -> None:
    guest.bus.write_memory(0x100000, b"RAM")
    guest.write(DISPLAY, BAR1, base)
    assert guest.bus.read_memory(0x100000, 3) == b"RAM"
    assert guest.bus.read_memory(0xFFFFFFF0, 1) == b"\xea"
    guest.write(DISPLAY, BAR1, 0xE8000000)
    guest.bus.write_memory(0xE8000000, b"pixels")
    assert guest.bus.read_memory(0xE8000000, 6) == b"pixels"


def test_windows_on_top_of_each_other(guest: Guest) -> None:
    guest.write(DISPLAY, BAR2, guest.read(DISPLAY, BAR1) & ~0xF)
    guest.bus.write_memory(0xE0000000, b"pixels")
    assert guest.bus.read_memory(0xE0000000, 6) == b"pixels"
    guest.write(DISPLAY, BAR0, 0x60)  # the keyboard controller's ports
    assert guest.bus.port_read(0x64, 1) != 0xFF
    guest.write(DISPLAY, BAR0, 0xD100)
    guest.bus.port_write(0xD100, 0, 4)
    assert guest.bus.port_read(0xD101, 4) == 0x90000002


def test_decoding_off_closes_windows(guest: Guest) -> None:
    guest.write(DISPLAY, COMMAND, 0, 2)
    assert guest.bus.read_memory(0xE0000000, 4) == b"\xff" * 4
    guest.write(DISPLAY, COMMAND, 2, 2)
    assert guest.bus.read_memory(0xE0000000, 4) != b"\xff" * 4


def test_post_shadows_the_roms(guest: Guest) -> None:
    pam = [guest.read(HOST, 0x59 + index, 1) for index in range(7)]
    assert pam == [0x10, 0x11, 0, 0, 0, 0x11, 0x11]
    assert guest.bus.read_memory(0xF0000, 0x10000) == guest.bus.read_memory(0xFFFF0000, 0x10000)
    guest.bus.write_memory(0xC0000, b"no")
    assert guest.bus.read_memory(0xC0000, 2) == b"\x55\xaa"


def test_shadow_ram(guest: Guest) -> None:
    rom = guest.bus.read_memory(0xF0000, 64)
    guest.write(HOST, 0x59, 0x20, 1)  # reads from ROM, writes to RAM: how a BIOS copies itself
    guest.bus.write_memory(0xF0000, rom[:63] + b"!")
    assert guest.bus.read_memory(0xF0000, 64) == rom
    guest.write(HOST, 0x59, 0x10, 1)  # RAM, read only
    assert guest.bus.read_memory(0xF0000, 64) == rom[:63] + b"!"
    guest.bus.write_memory(0xF0000, b"no")
    assert guest.bus.read_memory(0xF0000, 2) == rom[:2]
    guest.write(HOST, 0x5D, 0x33, 1)  # D8000h and DC000h: plain RAM
    guest.bus.write_memory(0xDC000, b"upper memory")
    assert guest.bus.read_memory(0xDC000, 12) == b"upper memory"
    guest.write(HOST, 0x5D, 0, 1)
    assert guest.bus.read_memory(0xDC000, 4) == b"\xff" * 4
    guest.board.reset(ResetKind.BUS)
    assert guest.bus.read_memory(0xF0000, 64) == rom


def test_smram_lock(guest: Guest) -> None:
    guest.write(HOST, 0x72, 0x4A, 1)
    assert guest.read(HOST, 0x72, 1) == 0x4A
    guest.write(HOST, 0x72, 0x5A, 1)
    assert guest.read(HOST, 0x72, 1) == 0x1A  # the lock closes it
    guest.write(HOST, 0x72, 0x40, 1)
    assert guest.read(HOST, 0x72, 1) == 0x1A
    guest.board.reset(ResetKind.BUS)
    assert guest.read(HOST, 0x72, 1) == 0x02


def test_reset_control_register(guest: Guest) -> None:
    guest.bus.port_write(0xCF9, 0x02, 1)
    guest.bus.port_write(0xCF9, 0x06, 1)
    guest.vm.run_for(0.5)
    guest.vm.screen.wait_for_text("No bootable device", 30)
    assert guest.read(DISPLAY, BAR1) & ~0xF == 0xE0000000


def test_post_makes_the_ide_function_a_bus_master(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    with Machine(MachineConfig(memory_mb=4, clock="instructions", disks=[image], cdroms=[CdromConfig()])) as vm:
        vm.power_on()
        vm.run_for(5)
        guest = Guest(vm)
        assert guest.read(IDE, COMMAND, 2) & 0x05 == 0x05
        ports = guest.read(IDE, BAR4) & 0xFFF0
        capable = [guest.bus.port_read(ports + 8 * channel + 2, 1) for channel in (0, 1)]
        slots = [slot for slot, drive in enumerate(vm.board.ide) if drive is not None]
        assert len(slots) == 2
        assert capable == [sum(0x20 << slot % 2 for slot in slots if slot // 2 == channel) for channel in (0, 1)]
        assert guest.read(IDE, 0x40, 2) & 0x8007 == 0x8007, "the first drive's timing"
        guest.bus.port_write(0x1F7, 0xEC, 1)
        words = [guest.bus.port_read(0x1F0, 2) for _ in range(256)]
        assert words[63] == 0x0407, "multiword DMA mode 2"
        assert not vm.board.pic.requests & 0x8000


def test_the_bus_masters_window(guest: Guest) -> None:
    guest.write(IDE, BAR4, 0xFFFFFFFF)
    assert guest.read(IDE, BAR4) == 0xFFFFFFF1
    guest.write(IDE, BAR4, 0xD200)
    guest.bus.port_write(0xD204, 0x00012344, 4)
    assert guest.bus.port_read(0xD204, 4) == 0x00012344
    guest.write(IDE, COMMAND, 0x04, 2)
    assert guest.bus.port_read(0xD204, 4) == 0xFFFFFFFF


def test_a_transfer_waits_for_the_bus_master_bit(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(range(256)) * 2 + bytes(1 << 20))
    with Machine(MachineConfig(memory_mb=4, clock="instructions", disks=[image])) as vm:
        vm.power_on()
        vm.run_for(5)
        guest = Guest(vm)
        ports = guest.read(IDE, BAR4) & 0xFFF0
        guest.write(IDE, COMMAND, 0x01, 2)
        guest.bus.write_memory(0x8000, (0x9000).to_bytes(4, "little") + (0x80000200).to_bytes(4, "little"))
        guest.bus.port_write(ports + 4, 0x8000, 4)
        for port, value in ((0x1F6, 0xE0), (0x1F2, 1), (0x1F3, 0), (0x1F4, 0), (0x1F5, 0), (0x1F7, 0xC8), (ports, 9)):
            guest.bus.port_write(port, value, 1)
        assert guest.bus.port_read(ports + 2, 1) & 0x05 == 0x01
        guest.write(IDE, COMMAND, 0x05, 2)
        assert guest.bus.port_read(ports + 2, 1) & 0x05 == 0x04
        assert guest.bus.read_memory(0x9000, 512) == bytes(range(256)) * 2


def test_pci_state_is_taken_over(guest: Guest) -> None:
    guest.write(DISPLAY, BAR1, 0xE8000000)
    guest.write(HOST, 0x5D, 0x33, 1)
    states = {name: guest.board.devices[name].save() for name in ("host_bridge", "display_function", "pci")}
    with Machine(MachineConfig(memory_mb=16, clock="instructions", video_memory_mb=4)) as vm:
        vm.power_on()
        for name, state in states.items():
            vm.board.devices[name].load(state)
        other = Guest(vm)
        other.bus.write_memory(0xE8000000, b"pixels")
        other.bus.write_memory(0xDC000, b"upper")
        assert other.bus.read_memory(0xE8000000, 6) == b"pixels"
        assert other.bus.read_memory(0xDC000, 5) == b"upper"


def test_a_doubleword_from_the_ide_data_register_is_two_words_of_data(tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(range(256)) * 2 + bytes(1 << 20))
    with Machine(MachineConfig(memory_mb=4, clock="instructions", disks=[image])) as vm:
        vm.power_on()
        vm.run_for(5)
        bus = vm.board.bus
        for port, value in ((0x3F6, 2), (0x1F6, 0xE0), (0x1F2, 1), (0x1F3, 0), (0x1F4, 0), (0x1F5, 0), (0x1F7, 0x20)):
            bus.port_write(port, value, 1)
        assert bus.port_read(0x1F0, 4) == 0x03020100
        assert bus.port_read(0x1F0, 2) == 0x0504
        assert bus.port_read(0x1F0, 4) == 0x09080706
