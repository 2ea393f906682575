"""What answers in C0000h-FFFFFh: the ROMs, or the RAM under them, as the host bridge says.

Source: Intel 440FX PCIset data sheet (290549), programmable attribute map. RAM under the ROMs is the guest's RAM
at the same address.
"""

from __future__ import annotations

from engine import _core

Rom = tuple[int, int, int]  # physical address, length, offset in the backing
PAGE_BYTES = 4096


class ShadowRam:
    """``roms`` is what lies there at power-on."""

    def __init__(self, memory: _core.PhysicalMemory, bus: _core.Bus, roms: list[Rom]) -> None:
        self._memory = memory
        self._bus = bus
        self._roms = roms
        self._write_only: set[int] = set()

    def set(self, first: int, length: int, reads: bool, writes: bool) -> None:
        """Whether reads of a segment come from RAM, and whether writes go there."""
        memory = self._memory
        if first in self._write_only:
            self._write_only.remove(first)
            self._bus.detach_mmio(first, length)
        if reads:
            memory.map_backed(first, length, first, memory.PAGE_READ | (memory.PAGE_WRITE if writes else 0))
        elif writes:
            self._write_only.add(first)
            self._bus.attach_mmio(
                first,
                length,
                "shadow RAM",
                lambda offset, size: self._read_rom(first + offset, size),
                lambda offset, value, size: self._write_ram(first + offset, value, size),
            )
        else:
            memory.unmap(first, length)
            for start, rom_length, offset in self._roms:
                low, high = max(first, start), min(first + length, start + rom_length)
                if low < high:
                    memory.map_backed(low, high - low, offset + low - start, memory.PAGE_READ)

    def _read_rom(self, address: int, size: int) -> int:
        for start, length, offset in self._roms:
            if start <= address <= start + length - size:
                at = offset + address - start
                return int.from_bytes(self._memory.backing[at : at + size], "little")
        return (1 << size * 8) - 1

    def _write_ram(self, address: int, value: int, size: int) -> None:
        self._memory.backing[address : address + size] = value.to_bytes(size, "little")
