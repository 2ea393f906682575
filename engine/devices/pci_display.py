"""The display adapter's PCI function: a VMware SVGA II (15AD:0405) that is a VGA as well.

Base address 0: index and value ports, 1: frame buffer, 2: command FIFO. VGA's own ports and its window at A0000h
answer whatever the command register says, as on the adapters of the time after their BIOS ran.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.devices.pci_function import EXPANSION_ROM_INDEX, Identity, PciFunction, Window
from engine.devices.svga_vmware import FIFO_BYTES, PORTS

VENDOR_VMWARE: Final = 0x15AD
DEVICE_SVGA2: Final = 0x0405
_DISPLAY_VGA_COMPATIBLE: Final = 0x030000


class DisplayFunction(PciFunction):
    """``place_ports``, ``place_frame_buffer`` and ``place_fifo`` take the addresses (None: closed)."""

    def __init__(
        self,
        video_memory_bytes: int,
        place_ports: Callable[[int | None], None],
        place_frame_buffer: Callable[[int | None], None],
        place_fifo: Callable[[int | None], None],
        expansion_rom: Window | None = None,
    ) -> None:
        identity = Identity(
            VENDOR_VMWARE,
            DEVICE_SVGA2,
            _DISPLAY_VGA_COMPATIBLE,
            subsystem_vendor=VENDOR_VMWARE,
            subsystem=DEVICE_SVGA2,
            interrupt_pin=1,
        )
        aperture = 1 << (video_memory_bytes - 1).bit_length()
        windows = {
            0: Window("io", PORTS, place_ports),
            1: Window("memory", aperture, place_frame_buffer, prefetchable=True),
            2: Window("memory", FIFO_BYTES, place_fifo, prefetchable=True),
        }
        if expansion_rom is not None:
            windows[EXPANSION_ROM_INDEX] = expansion_rom
        super().__init__(identity, windows)
