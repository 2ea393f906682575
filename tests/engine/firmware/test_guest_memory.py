"""The BIOS data area of a DOS box: linear addresses through the guest's own page tables."""

from __future__ import annotations

from engine.firmware.guest_memory import CR0_PE, CR0_PG, CR4_PAE, CR4_PSE, EFLAGS_VM, GuestMemory
from tests.engine.firmware.fake_board import Bios

DIRECTORY, TABLE = 0x200000, 0x201000
PRESENT = 7


def v86(bios: Bios, cr4: int = 0) -> GuestMemory:
    bios.cpu.state = {"cr0": CR0_PE | CR0_PG, "eflags": EFLAGS_VM, "cr3": DIRECTORY, "cr4": cr4}
    guest = bios.firmware.services.guest
    guest.begin()
    return guest


def entry(bios: Bios, at: int, value: int, size: int = 4) -> None:
    bios.write(at, value.to_bytes(size, "little"))


def test_a_dos_box_has_its_own_data_area(bios: Bios) -> None:
    entry(bios, DIRECTORY, TABLE | PRESENT)
    entry(bios, TABLE, 0x300000 | PRESENT)  # linear page 0
    bios.write(0x300410, b"\x77\x66")
    assert bios.call(0x11).ax != 0x6677
    v86(bios)
    assert bios.call(0x11).ax == 0x6677


def test_pages_that_are_not_there_read_ones_and_drop_writes(bios: Bios) -> None:
    entry(bios, DIRECTORY, TABLE | PRESENT)
    guest = v86(bios)
    assert guest.read(0x5000, 2) == b"\xff\xff"
    before = bytes(bios.memory.data)
    guest.write(0x5000, b"\x12\x34")
    assert bytes(bios.memory.data) == before


def test_a_range_over_two_pages_goes_to_both(bios: Bios) -> None:
    entry(bios, DIRECTORY, TABLE | PRESENT)
    entry(bios, TABLE + 4 * 8, 0x310000 | PRESENT)
    entry(bios, TABLE + 4 * 9, 0x320000 | PRESENT)
    guest = v86(bios)
    guest.write(0x8FFE, b"abcd")
    assert bios.read(0x310FFE, 2) == b"ab" and bios.read(0x320000, 2) == b"cd"
    assert guest.read(0x8FFE, 4) == b"abcd"


def test_large_pages(bios: Bios) -> None:
    entry(bios, DIRECTORY, 0x0 | PRESENT | 0x80)
    assert v86(bios, CR4_PSE).physical(0x123456) == 0x123456


def test_page_tables_with_64_bit_entries(bios: Bios) -> None:
    entry(bios, DIRECTORY, 0x202000 | 1, 8)
    entry(bios, 0x202000, TABLE | PRESENT, 8)
    entry(bios, TABLE + 8 * 3, 0x330000 | PRESENT, 8)
    guest = v86(bios, CR4_PAE)
    assert guest.physical(0x3123) == 0x330123
    assert guest.physical(0x4000) is None


def test_an_emulator_in_a_protected_mode_program_gets_physical_memory(bios: Bios) -> None:
    expected = bios.call(0x11).ax
    bios.cpu.state = {"cr0": CR0_PE | CR0_PG, "eflags": 0x202, "cr3": DIRECTORY, "cr4": 0}
    assert bios.call(0x11).ax == expected


def test_a20_closed_wraps_real_mode_addresses(bios: Bios) -> None:
    guest = bios.firmware.services.guest
    guest.begin()
    bios.memory.a20 = False
    guest.write(0x100500, b"low")
    assert bios.read(0x500, 3) == b"low"
