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
PARALLEL: Final = (Resource((0x378,), irq=7),)
COPROCESSOR: Final = Resource((0x0F0,), irq=13)

# PCI functions by device and function number, as the board names them.
PCI_FUNCTIONS: Final = {
    (0, 0): "host_bridge",
    (1, 0): "isa_bridge",
    (1, 1): "ide_function",
    (2, 0): "display_function",
}
# The linear frame buffer: the first window that the firmware gives out.
LINEAR_FRAME_BUFFER: Final = 0xE0000000
ROM_BYTES: Final = 128 * 1024
