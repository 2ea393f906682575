"""What the Inspector shows, as data: code, addresses, descriptors, devices."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from engine.debug.address import AddressError, linear
from engine.debug.descriptors import Descriptor, descriptor, table
from engine.debug.device_state import rows
from engine.debug.disassembly import code_bits, disassemble
from tests.engine.debug.conftest import PROGRAM, Bench

REGISTERS = {"eax": 0x12345678, "esi": 0x10, "eip": 0x7C00, "cs_base": 0xF0000, "ss_base": 0x90000, "esp": 0xFFFE}


def test_code_as_text_in_both_sizes() -> None:
    texts = [(one.offset, one.text, one.goes_away) for one in disassemble(PROGRAM, 0x7C00, 16, 20)]
    assert texts[:2] == [(0x7C00, "xor ax, ax", False), (0x7C02, "mov cx, 3", False)]
    assert (0x7C0E, "call 7C14h", True) in texts
    assert disassemble(b"\xb8\x01\0\0\0", 0, 32, 5)[0].text == "mov eax, 1"
    assert disassemble(b"\xf3\xa4", 0, 16, 1)[0].goes_away  # REP MOVSB
    assert disassemble(b"\x0f\xff", 0, 16, 1)[0].code  # what is no instruction is shown, too


@pytest.mark.parametrize(
    ("cr0", "eflags", "access", "bits"),
    [(0, 0, 0x4093, 16), (1, 0, 0x409B, 32), (1, 0, 0x9B, 16), (1, 1 << 17, 0x40FB, 16)],
)
def test_how_code_is_read(cr0: int, eflags: int, access: int, bits: int) -> None:
    assert code_bits({"cr0": cr0, "eflags": eflags, "cs_access": access}) == bits


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("7c00", 0x7C00), ("0x7C00", 0x7C00), ("7C00h", 0x7C00), ("cs:eip", 0xF7C00), ("CS:IP", 0xF7C00),
        ("ss:[esp+4]", 0xA0002), ("eax", 0x12345678), ("si + 2 - 1", 0x11), ("40:6c", 0x46C), ("0-1", 0xFFFFFFFF),
    ],
)  # fmt: skip
def test_addresses_that_people_type(text: str, address: int) -> None:
    assert linear(text, REGISTERS) == address


@pytest.mark.parametrize("text", ["", "cs:", "rax", "eax+", "+4", "eax 4", "hello", "1*2", "ços", "a:b:c:d:zz"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        linear(text, REGISTERS)


def test_descriptors() -> None:
    flat_code = descriptor(8, bytes.fromhex("ffff0000009acf00"))
    assert flat_code == Descriptor(8, "32-bit code, readable", 0, 0xFFFFFFFF, 0, True)
    gate = descriptor(0x21, bytes.fromhex("3412080000eeab00"))
    assert (gate.kind, gate.base, gate.limit, gate.dpl) == ("32-bit interrupt gate", 0xAB1234, 8, 3)
    memory = bytes(8) + bytes.fromhex("ffff0000009acf00")
    assert [one.selector for one in table(lambda at, length: memory[:length], 0, 15)] == [8]


def test_devices_as_rows() -> None:
    @dataclass
    class Counter:
        count: int = 300
        names: list[str] = field(default_factory=lambda: ["a"] * 40)
        memory: bytes = b"\xff" * 100

    found = dict(rows({"first": Counter()}))
    assert found["first.count"] == "300 (12Ch)"
    assert found["first.names"] == "40 in all"
    assert found["first.memory"].endswith("100 bytes")


def test_every_device_of_a_machine_can_be_shown(bench: Bench) -> None:
    for name, device in bench.machine.board.devices.items():
        assert list(rows(bench.machine.call(device.save))), name
