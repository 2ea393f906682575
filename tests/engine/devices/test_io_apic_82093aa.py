"""I/O APIC 82093AA, by sections of its data sheet (290566), with a local APIC behind it."""

from __future__ import annotations

import pytest

from engine.devices import local_apic as local
from engine.devices.io_apic_82093aa import BASE, IOAPICARB, IOAPICID, IOAPICVER, IOREDTBL, IOWIN
from tests.engine.devices.apic_rig import ApicRig

LEVEL, MASKED, REMOTE_IRR, LOGICAL = 0x8000, 0x10000, 0x4000, 0x800
LOWEST, SMI, NMI_MODE, INIT, EXT_INT = 0x100, 0x200, 0x400, 0x500, 0x700
NMI = 2


@pytest.fixture
def rig() -> ApicRig:
    rig = ApicRig()
    rig.run()
    return rig


def test_3_2_registers_after_reset(rig: ApicRig) -> None:
    assert (rig.read_io(IOAPICID), rig.read_io(IOAPICVER), rig.read_io(IOAPICARB)) == (0, 0x00170011, 0)
    for number in range(24):
        assert rig.entry(number) == MASKED
        assert rig.read_io(IOREDTBL + 2 * number + 1) == 0
    assert rig.read_io(0x40) == rig.read_io(0xFF) == 0


def test_3_1_select_and_window(rig: ApicRig) -> None:
    rig.write_io(IOAPICID, 0xFFFFFFFF)
    assert rig.read_io(IOAPICID) == rig.read_io(IOAPICARB) == 0x0F000000
    assert rig.bus.read_memory(BASE, 4) == IOAPICARB.to_bytes(4, "little")
    rig.write_io(IOAPICVER, 0)
    assert rig.read_io(IOAPICVER) == 0x00170011
    rig.bus.write_memory(BASE + IOWIN, b"\0")  # not a doubleword: nothing
    assert rig.bus.read_memory(BASE + 0x20, 4) == bytes(4)


def test_3_2_4_status_bits_cannot_be_written(rig: ApicRig) -> None:
    rig.route(5, 0xFFFFFFFF, 0xAB)
    assert rig.entry(5) == 0x1AFFF
    assert rig.read_io(IOREDTBL + 11) == 0xAB000000


def test_3_2_4_edge(rig: ApicRig) -> None:
    rig.route(4, 0x44)
    rig.pins[4](True)
    assert rig.run() == [0x44]
    rig[local.EOI] = 0
    assert rig.run() == []
    rig.pins[4](False)
    rig.pins[4](True)
    assert rig.run() == [0x44]
    assert rig.ended == []


def test_3_2_4_an_edge_on_a_masked_input_is_lost(rig: ApicRig) -> None:
    rig.route(4, MASKED | 0x44)
    rig.pins[4](True)
    rig.route(4, 0x44)
    assert rig.run() == []


def test_3_2_4_level_waits_for_eoi_and_asks_again(rig: ApicRig) -> None:
    rig.route(10, LEVEL | 0x4A)
    rig.pins[10](True)
    assert rig.run() == [0x4A]
    assert rig.entry(10) & REMOTE_IRR
    rig.pins[10](False)
    rig.pins[10](True)
    assert rig.run() == []
    rig[local.EOI] = 0
    assert rig.run() == [0x4A]
    rig.pins[10](False)
    rig[local.EOI] = 0
    assert rig.run() == []
    assert not rig.entry(10) & REMOTE_IRR
    assert rig.ended == [0x4A, 0x4A]


def test_3_2_4_a_level_shows_when_it_is_unmasked(rig: ApicRig) -> None:
    rig.route(10, LEVEL | MASKED | 0x4A)
    rig.pins[10](True)
    assert rig.run() == []
    rig.route(10, LEVEL | 0x4A)
    assert rig.run() == [0x4A]


def test_two_inputs_with_one_vector(rig: ApicRig) -> None:
    for number in (10, 11):
        rig.route(number, LEVEL | 0x4A)
        rig.pins[number](True)
    rig.ends_itself = True
    rig.run(2000)
    rig.pins[10](False)
    rig.pins[11](False)
    rig.run()
    assert rig.run() == []
    assert not (rig.entry(10) | rig.entry(11)) & REMOTE_IRR


def test_remote_irr_goes_when_the_entry_becomes_an_edge(rig: ApicRig) -> None:
    rig.route(10, LEVEL | 0x4A)
    rig.pins[10](True)
    rig.run()
    rig.route(10, MASKED | 0x4A)
    assert not rig.entry(10) & REMOTE_IRR


def test_3_2_4_delivery_modes(rig: ApicRig) -> None:
    rig.ends_itself = True
    rig.route(1, LOWEST | 0x51)
    rig.pins[1](True)
    assert rig.run() == [0x51]
    rig.route(3, NMI_MODE)
    rig.pins[3](True)
    assert rig.run() == [NMI]
    rig.route(0, EXT_INT)
    rig.pins[0](True)
    assert rig.run() == [0x08]
    for number, mode in ((6, SMI), (7, INIT)):
        rig.route(number, mode | 0x60)
        rig.pins[number](True)
    assert rig.run() == []


@pytest.mark.parametrize(
    ("mode", "destination", "arrives"),
    [(0, 0, True), (0, 0xFF, True), (0, 3, False), (LOGICAL, 1, True), (LOGICAL, 2, False)],
)
def test_3_2_4_destinations(rig: ApicRig, mode: int, destination: int, arrives: bool) -> None:
    rig[local.LDR] = 1 << 24
    rig.route(4, mode | 0x44, destination)
    rig.pins[4](True)
    assert rig.run() == [0x44] * arrives


def test_a_level_nobody_took_is_not_waited_for(rig: ApicRig) -> None:
    rig[local.SVR] = 0xFF
    rig.route(10, LEVEL | 0x4A)
    rig.pins[10](True)
    assert not rig.entry(10) & REMOTE_IRR
    rig[local.SVR] = local.SVR_ENABLE | 0xFF
    rig.route(10, LEVEL | 0x4A)
    assert rig.run() == [0x4A]


def test_no_input_beyond_23(rig: ApicRig) -> None:
    with pytest.raises(ValueError, match="no input 24"):
        rig.io.input(24)
