"""The DSDT: what an operating system with ACPI cannot find out by itself about this board.

Source: Advanced Configuration and Power Interface Specification 1.0b, chapters 5 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine import resources as board
from engine.devices import power_management_piix4 as pm
from engine.firmware import aml
from engine.firmware.pci_resources import FIRST_MEMORY

PCI_INTERRUPTS = (5, 10, 11)
LAST_PCI_ADDRESS = 0xFEBFFFFF
_PIRQ_DISABLED = 0x80
_PRESENT_AND_ON = 0x0B
_PRESENT_AND_OFF = 0x09


def dsdt_body(serial_bases: Sequence[int], parallel_bases: Sequence[int]) -> bytes:
    """AML of the whole name space; the header is the table builder's. The bases are of the ports that are there."""
    isa = _isa_bridge(serial_bases, parallel_bases)
    return (
        aml.scope("\\_PR", aml.processor("CPU0", 0))
        + aml.define("\\_S5", aml.package(aml.ZERO, aml.ZERO, aml.ZERO, aml.ZERO))
        + aml.scope("\\_SB", _root_bridge(isa), *(_link(index) for index in range(4)))
    )


def _root_bridge(isa: bytes) -> bytes:
    return aml.device(
        "PCI0",
        aml.define("_HID", aml.eisa_id("PNP0A03")),
        aml.define("_ADR", aml.ZERO),  # beside _HID, for the interpreters of the time
        aml.define("_BBN", aml.ZERO),
        aml.define("_UID", aml.ZERO),
        aml.define(
            "_CRS",
            aml.resources(
                aml.bus_numbers(0, 0xFF),
                aml.ports(0xCF8, 8),
                aml.port_range(0x0000, 0x0CF7),
                aml.port_range(0x0D00, 0xFFFF),
                aml.memory_range(0xA0000, 0xBFFFF, cacheable=True),
                aml.memory_range(FIRST_MEMORY, LAST_PCI_ADDRESS),
            ),
        ),
        aml.define("_PRT", _routing()),
        isa,
    )


def _routing() -> bytes:
    """The pins of every slot: turned by device number, like the wires of pci_bus.py."""
    entries = []
    for slot in range(1, 32):
        for pin in range(4):
            link = "LNK" + "ABCD"[(pin + slot) % 4]
            address = aml.integer(slot << 16 | 0xFFFF)
            entries.append(aml.package(address, aml.integer(pin), aml.name(f"\\_SB.{link}"), aml.ZERO))
    return aml.package(*entries)


def _link(index: int) -> bytes:
    """The interrupt link of one PIRQ: reads and writes its routing register in the ISA bridge."""
    register = aml.name(f"\\_SB.PCI0.ISA.PRQ{'ABCD'[index]}")
    possible = aml.interrupt(*PCI_INTERRUPTS)
    return aml.device(
        "LNK" + "ABCD"[index],
        aml.define("_HID", aml.eisa_id("PNP0C0F")),
        aml.define("_UID", aml.integer(index + 1)),
        aml.define("_PRS", aml.resources(possible)),
        aml.method(
            "_STA",
            0,
            aml.if_(
                aml.and_(register, aml.integer(_PIRQ_DISABLED)),
                aml.return_(aml.integer(_PRESENT_AND_OFF)),
            ),
            aml.return_(aml.integer(_PRESENT_AND_ON)),
        ),
        aml.method("_DIS", 0, aml.or_(register, aml.integer(_PIRQ_DISABLED), register)),
        aml.define("BUFR", aml.resources(aml.interrupt(0))),
        aml.dword_field(aml.name("BUFR"), 5, "IRQV"),
        aml.method(
            "_CRS",
            0,
            aml.and_(register, aml.integer(0x0F), aml.LOCAL0),
            aml.store(aml.LOCAL0, aml.name("IRQV")),
            aml.return_(aml.name("BUFR")),
        ),
        aml.method(
            "_SRS",
            1,
            aml.dword_field(aml.ARG0, 5, "IRQW"),
            aml.store(aml.name("IRQW"), register),
        ),
    )


def _isa_bridge(serial_bases: Sequence[int], parallel_bases: Sequence[int]) -> bytes:
    return aml.device(
        "ISA",
        aml.define("_ADR", aml.integer(0x00010000)),
        aml.region("PIRQ", aml.REGION_PCI, 0x60, 4),
        aml.field("PIRQ", aml.FIELD_BYTE_PRESERVE, ("PRQA", 8), ("PRQB", 8), ("PRQC", 8), ("PRQD", 8)),
        _isa_device("PIC", "PNP0000", aml.ports(0x20, 2), aml.ports(0xA0, 2), aml.ports(0x4D0, 2), aml.irq(2)),
        _isa_device("DMAC", "PNP0200", aml.ports(0, 16), aml.ports(0x80, 16), aml.ports(0xC0, 32), aml.dma(4)),
        _isa_device("TMR", "PNP0100", aml.ports(0x40, 4), aml.irq(board.TIMER.irq)),
        _isa_device("RTC", "PNP0B00", aml.ports(0x70, 2), aml.irq(board.RTC.irq)),
        _isa_device("SPKR", "PNP0800", aml.ports(0x61, 1)),
        _isa_device("FPU", "PNP0C04", aml.ports(0xF0, 16), aml.irq(board.COPROCESSOR.irq)),
        _isa_device("KBD", "PNP0303", aml.ports(0x60, 1), aml.ports(0x64, 1), aml.irq(board.KEYBOARD.irq)),
        _isa_device("MOU", "PNP0F13", aml.irq(board.MOUSE.irq)),
        _isa_device("FDC0", "PNP0700", aml.ports(0x3F0, 6), aml.ports(0x3F7, 1), aml.irq(board.FLOPPY.irq), aml.dma(2)),
        # The board's own ports, so that nothing else is put there.
        _isa_device(
            "MBRD",
            "PNP0C02",
            aml.ports(0x92, 1),
            aml.ports(pm.APMC, 2),
            aml.ports(board.PM_BASE, pm.PM_PORTS),
            aml.ports(board.SMB_BASE, pm.SMB_PORTS),
        ),
        _ports("COM", "PNP0501", board.SERIAL, serial_bases),
        _ports("LPT", "PNP0400", board.PARALLEL, parallel_bases),
    )


def _ports(path: str, identifier: str, places: Sequence[board.Resource], bases: Sequence[int]) -> bytes:
    return b"".join(
        _isa_device(
            f"{path}{index + 1}", identifier, aml.ports(place.ports[0], 8), aml.irq(place.irq), number=index + 1
        )
        for index, place in enumerate(places)
        if place.ports[0] in bases
    )


def _isa_device(path: str, identifier: str, *descriptors: bytes, number: int = 0) -> bytes:
    terms = [aml.define("_HID", aml.eisa_id(identifier)), aml.define("_CRS", aml.resources(*descriptors))]
    if number:
        terms.append(aml.define("_UID", aml.integer(number)))
    return aml.device(path, *terms)
