"""The tables operating systems look for, found and followed as they do it, in the memory of a whole machine."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest

from engine import Machine, MachineConfig
from engine.firmware import aml
from engine.firmware.acpi_tables import dsdt

Read = Callable[[int, int], bytes]


@pytest.fixture(scope="module")
def read() -> Iterator[Read]:
    with Machine(MachineConfig(memory_mb=32, clock="instructions", cpu_model="pentium-pro")) as vm:
        vm.power_on()
        vm.screen.wait_for_text("No bootable device", 30)
        yield lambda address, length: vm.memory[address : address + length]


def search(read: Read, first: int, last: int, mark: bytes) -> int:
    """On 16-byte boundaries, as every one of the standards says."""
    memory = read(first, last + 1 - first)
    return next(first + at for at in range(0, len(memory), 16) if memory[at : at + len(mark)] == mark)


def table(read: Read, address: int) -> bytes:
    data = read(address, struct.unpack("<I", read(address + 4, 4))[0])
    assert sum(data) & 0xFF == 0
    return data


def test_acpi_tables_are_found_from_the_root_pointer(read: Read) -> None:
    pointer = read(search(read, 0xE0000, 0xFFFFF, b"RSD PTR "), 20)
    assert sum(pointer) & 0xFF == 0
    root = table(read, struct.unpack_from("<I", pointer, 16)[0])
    assert root[:4] == b"RSDT"
    tables = {t[:4]: t for t in (table(read, at) for at in struct.unpack(f"<{len(root) // 4 - 9}I", root[36:]))}
    assert set(tables) == {b"FACP", b"APIC"}
    fadt = tables[b"FACP"]
    facs, dsdt = struct.unpack_from("<II", fadt, 36)
    assert read(facs, 4) == b"FACS" and facs % 64 == 0
    assert table(read, dsdt)[:4] == b"DSDT"
    assert struct.unpack_from("<I", fadt, 76)[0] == 0x608  # the power management timer
    madt = tables[b"APIC"]
    assert struct.unpack_from("<I", madt, 36)[0] == 0xFEE00000
    assert bytes((2, 10, 0, 0, 2, 0, 0, 0)) in madt  # the timer is on input 2


def test_bios32_header(read: Read) -> None:
    header = read(search(read, 0xE0000, 0xFFFFF, b"_32_"), 16)
    assert sum(header) & 0xFF == 0 and header[9] == 1
    assert 0xF0000 <= struct.unpack_from("<I", header, 4)[0] < 0x100000


def test_the_name_space_holds_the_ports_that_are_there() -> None:
    alone, both = dsdt([0x2F8], []), dsdt([0x3F8, 0x2F8], [0x378])
    assert sum(alone) & 0xFF == 0
    assert b"COM2" in alone and b"COM1" not in alone and b"LPT1" not in alone
    assert b"COM1" in both and b"COM2" in both and b"LPT1" in both


def test_multiprocessor_tables(read: Read) -> None:
    pointer = read(search(read, 0xF0000, 0xFFFFF, b"_MP_"), 16)
    assert sum(pointer) & 0xFF == 0 and pointer[9] == 4
    at = struct.unpack_from("<I", pointer, 4)[0]
    length, entries = struct.unpack("<4xH28xH", read(at, 36))
    data = read(at, length)
    assert data[:4] == b"PCMP" and sum(data) & 0xFF == 0
    place, kinds = 44, []
    for _ in range(entries):
        kinds.append(data[place])
        place += 20 if data[place] == 0 else 8
    assert place == length and kinds == sorted(kinds) and kinds.count(0) == 1


def test_interrupt_routing_table(read: Read) -> None:
    at = search(read, 0xF0000, 0xFFFFF, b"$PIR")
    length = struct.unpack("<H", read(at + 6, 2))[0]
    data = read(at, length)
    assert sum(data) & 0xFF == 0 and (length - 32) % 16 == 0
    display = next(data[i : i + 16] for i in range(32, length, 16) if data[i + 1] == 2 << 3)
    assert display[2] == 0x62  # INTA# of device 2 is PIRQC#


def test_smbios_structures_can_be_walked(read: Read) -> None:
    entry = read(search(read, 0xF0000, 0xFFFFF, b"_SM_"), 31)
    assert sum(entry) & 0xFF == 0 and sum(entry[16:]) & 0xFF == 0
    length, at, count = struct.unpack_from("<HIH", entry, 22)
    data, place, kinds = read(at, length), 0, []
    for _ in range(count):
        kinds.append(data[place])
        place = data.index(b"\0\0", place + data[place + 1]) + 2
    assert struct.unpack_from("<I", data, data.index(b"\x04\x23") + 8)[0] & 0xF00 == 0x600  # CPUID in the processor's
    assert place == length and kinds[0] == 0 and kinds[-1] == 127 and {1, 4, 16, 17, 19} < set(kinds)


def test_the_memory_map_keeps_the_tables_from_being_overwritten(read: Read) -> None:
    assert read(0x9FC00, 1) == b"\x01"


@pytest.mark.parametrize(
    ("path", "encoded"),
    [("\\_SB", b"\\_SB_"), ("A.B", b"\x2eA___B___"), ("\\A.B.C", b"\\\x2f\x03A___B___C___"), ("\\", b"\\\0")],
)
def test_aml_names(path: str, encoded: bytes) -> None:
    assert aml.name(path) == encoded


@pytest.mark.parametrize("length", [0, 40, 62, 63, 64, 4000, 4092, 4093, 70_000])
def test_aml_package_lengths_count_themselves(length: int) -> None:
    encoded = aml.scope("AAAA", bytes(length))
    first = encoded[1]
    extra = first >> 6
    value = first & 0x3F if extra == 0 else first & 0xF | int.from_bytes(encoded[2 : 2 + extra], "little") << 4
    assert value == len(encoded) - 1


def test_aml_identifiers() -> None:
    assert aml.eisa_id("PNP0A03") == b"\x0c\x41\xd0\x0a\x03"
