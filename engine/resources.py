"""The fixed ISA resources of the PC: one table of port bases, interrupts and DMA channels.

Bus registration, the power-on device list, BIOS data area and settings pages all take their numbers from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Resource:
    """Where one device sits: port bases, interrupt request and DMA channel (-1: does not use one)."""

    ports: tuple[int, ...]
    irq: int = -1
    dma: int = -1


TIMER: Final = Resource((0x040,), irq=0)
KEYBOARD: Final = Resource((0x060,), irq=1)
MOUSE: Final = Resource((), irq=12)
RTC: Final = Resource((0x070,), irq=8)
FLOPPY: Final = Resource((0x3F0,), irq=6, dma=2)
IDE_PRIMARY: Final = Resource((0x1F0, 0x3F6), irq=14)
IDE_SECONDARY: Final = Resource((0x170, 0x376), irq=15)
SERIAL: Final = (
    Resource((0x3F8,), irq=4),
    Resource((0x2F8,), irq=3),
    Resource((0x3E8,), irq=4),
    Resource((0x2E8,), irq=3),
)
LONGEST_SERIAL_CHARACTER_NS: Final = 1_000  # of characters that leave
PARALLEL: Final = (Resource((0x378,), irq=7),)
COPROCESSOR: Final = Resource((0x0F0,), irq=13)

# Where ISA interrupts end at the I/O APIC when it is not the input of the same number; the 8259 pair has one too.
IO_APIC_INPUTS: Final = {0: 2}
IO_APIC_ID: Final = 1
IO_APIC_8259: Final = 0

# PCI functions by device and function number, as the board names them.
PCI_FUNCTIONS: Final = {
    (0, 0): "host_bridge",
    (1, 0): "isa_bridge",
    (1, 1): "ide_function",
    (1, 3): "power_management",
    (2, 0): "display_function",
}
# The linear frame buffer: the first window that the firmware gives out.
LINEAR_FRAME_BUFFER: Final = 0xE0000000
ROM_BYTES: Final = 128 * 1024

# Power management: where the firmware puts its registers, and the system control interrupt.
PM_BASE: Final = 0x600
SMB_BASE: Final = 0x700
SCI_IRQ: Final = 9
