"""Memory as the guest's real-mode code sees it, for the BIOS data area, vectors and video memory.

In real mode a linear address is a physical one. In virtual-8086 mode it goes through the guest's page tables:
each DOS box of a multitasker has its own BIOS data area. When the caller is an x86 emulator in a program of a
protected-mode guest, its "memory" is that program's copy of the real thing: physical memory is used.
"""

from __future__ import annotations

import struct
from typing import Final, Protocol

from engine.firmware.board import FirmwareBus, FirmwareCpu, FirmwareMemory

CR0_PE: Final = 1
CR0_PG: Final = 1 << 31
CR4_PSE: Final = 1 << 4
CR4_PAE: Final = 1 << 5
EFLAGS_VM: Final = 1 << 17
_PAGE: Final = 0x1000


class ByteSpace(Protocol):
    """Somewhere bytes can be read and written."""

    def read(self, address: int, length: int, /) -> bytes: ...
    def write(self, address: int, data: bytes | bytearray, /) -> None: ...
    def read_byte(self, address: int, /) -> int: ...
    def write_byte(self, address: int, value: int, /) -> None: ...


class GuestMemory:
    """Reads and writes at linear addresses; ``begin`` is called once at the start of every service."""

    def __init__(self, bus: FirmwareBus, memory: FirmwareMemory, cpu: FirmwareCpu) -> None:
        self._bus = bus
        self._memory = memory
        self._cpu = cpu
        self._known = False
        self._paged = False
        self._v86 = False
        self._cr3 = 0
        self._cr4 = 0

    def begin(self) -> None:
        """A new call: what mode the processor is in is not known any more."""
        self._known = False

    @property
    def in_v86(self) -> bool:
        """Whether the caller runs in virtual-8086 mode."""
        self._look()
        return self._v86

    def _look(self) -> None:
        if self._known:
            return
        self._known = True
        cr0 = self._cpu.cr0
        if not cr0 & CR0_PE:
            self._v86 = self._paged = False
            return
        registers = self._cpu.registers()
        self._v86 = bool(registers["eflags"] & EFLAGS_VM)
        self._paged = self._v86 and bool(cr0 & CR0_PG)
        if self._paged:
            self._cr3 = registers["cr3"]
            self._cr4 = registers["cr4"]

    def read(self, linear: int, length: int) -> bytes:
        """Bytes at a linear address; pages that are not present read FFh."""
        if not self._known:
            self._look()
        if not self._paged:
            return self._bus.read_memory(self._masked(linear), length)
        parts = []
        for start, part in self._pages(linear, length):
            physical = self.physical(start)
            parts.append(b"\xff" * part if physical is None else self._bus.read_memory(physical, part))
        return b"".join(parts)

    def write(self, linear: int, data: bytes | bytearray) -> None:
        """Bytes to a linear address; pages that are not present drop them."""
        if not self._known:
            self._look()
        if not self._paged:
            self._bus.write_memory(self._masked(linear), data)
            return
        done = 0
        for start, part in self._pages(linear, len(data)):
            physical = self.physical(start)
            if physical is not None:
                self._bus.write_memory(physical, data[done : done + part])
            done += part

    def read_byte(self, linear: int) -> int:
        return self.read(linear, 1)[0]

    def write_byte(self, linear: int, value: int) -> None:
        self.write(linear, bytes((value & 0xFF,)))

    def read_word(self, linear: int) -> int:
        return int.from_bytes(self.read(linear, 2), "little")

    def write_word(self, linear: int, value: int) -> None:
        self.write(linear, (value & 0xFFFF).to_bytes(2, "little"))

    def read_dword(self, linear: int) -> int:
        return int.from_bytes(self.read(linear, 4), "little")

    def write_dword(self, linear: int, value: int) -> None:
        self.write(linear, (value & 0xFFFFFFFF).to_bytes(4, "little"))

    def write_pointer(self, linear: int, segment: int, offset: int) -> None:
        """A far pointer as real-mode code keeps it."""
        self.write(linear, struct.pack("<HH", offset & 0xFFFF, segment & 0xFFFF))

    def read_pointer(self, linear: int) -> tuple[int, int]:
        """(segment, offset) of a far pointer."""
        offset, segment = struct.unpack("<HH", self.read(linear, 4))
        return segment, offset

    def _masked(self, linear: int) -> int:
        return linear if self._memory.a20 else linear & ~0x100000

    @staticmethod
    def _pages(linear: int, length: int) -> list[tuple[int, int]]:
        pages = []
        while length > 0:
            part = min(length, _PAGE - linear % _PAGE)
            pages.append((linear & 0xFFFFFFFF, part))
            linear += part
            length -= part
        return pages

    def physical(self, linear: int) -> int | None:
        """The guest's page tables walked (SDM volume 3, 4.3 and 4.4); None when the page is not present."""
        self._look()
        read = self._bus.read_memory
        if self._cr4 & CR4_PAE:
            table = self._cr3 & 0xFFFFFFE0
            for shift, mask in ((30, 3), (21, 511), (12, 511)):
                entry = int.from_bytes(read(table + 8 * (linear >> shift & mask), 8), "little")
                if not entry & 1:
                    return None
                if shift == 21 and entry & 0x80:
                    return (entry & 0xFFE00000) + (linear & 0x1FFFFF)
                table = entry & 0xFFFFF000
            return table + linear % _PAGE
        entry = int.from_bytes(read((self._cr3 & 0xFFFFF000) + 4 * (linear >> 22), 4), "little")
        if not entry & 1:
            return None
        if entry & 0x80 and self._cr4 & CR4_PSE:
            return (entry & 0xFFC00000) + (linear & 0x3FFFFF)
        entry = int.from_bytes(read((entry & 0xFFFFF000) + 4 * (linear >> 12 & 1023), 4), "little")
        return (entry & 0xFFFFF000) + linear % _PAGE if entry & 1 else None


class PhysicalSpace:
    """Physical memory with the same few methods, for what lies beyond real mode: the linear frame buffer."""

    def __init__(self, bus: FirmwareBus) -> None:
        self._bus = bus

    def read(self, physical: int, length: int) -> bytes:
        return self._bus.read_memory(physical, length)

    def write(self, physical: int, data: bytes | bytearray) -> None:
        self._bus.write_memory(physical, data)

    def read_byte(self, physical: int) -> int:
        return self._bus.read_memory(physical, 1)[0]

    def write_byte(self, physical: int, value: int) -> None:
        self._bus.write_memory(physical, bytes((value & 0xFF,)))
