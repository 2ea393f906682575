"""Bus master of one IDE channel: moves a drive's data to and from guest memory by a table of regions.

Source: Intel 82371FB/82371SB data sheet (290550), section 2.7. The channel's eight ports:
    0  BMIC   command: SSBM starts and stops, RWCON is the direction
    2  BMIS   status: interrupt and error are cleared by writing ones; drive DMA capable bits are the software's own
    4  BMIDTP address of the table of physical region descriptors (PRD), a dword
A PRD is the address of a region (even), its length in bytes (even, 0: 64 KiB) and EOT in the last one. Descriptors are
fetched as they are needed. The table lies inside 64 KiB: its address counts in 16 bits, and after one turn the master
gives up, so a table without an end costs a guest no more than that. What nobody answers reads as ones.
Interrupt and active tell together how it ended: 1/0 all is well, 1/1 the table holds more than the drive had, 0/0 the
table holds less, 0/1 it goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from engine.bus import Memory
from engine.devices.device import copy_state
from engine.errors import StateError

BMIC, BMIS, BMIDTP = 0, 2, 4
CHANNEL_PORTS: Final = 8

BMIC_SSBM: Final = 0x01
BMIC_RWCON: Final = 0x08  # from the drive into memory
BMIS_DMA1CAP, BMIS_DMA0CAP = 0x40, 0x20
BMIS_INTERRUPT: Final = 0x04
BMIS_ERROR: Final = 0x02
BMIS_ACTIVE: Final = 0x01
_CAPABLE: Final = BMIS_DMA1CAP | BMIS_DMA0CAP

_EOT: Final = 0x80000000
_MOST_REGION: Final = 0x10000
_TABLE_MASK: Final = 0xFFFF


class DmaDrive(Protocol):
    """The drive that is selected on the cable."""

    @property
    def dma_requested(self) -> bool: ...

    @property
    def dma_to_host(self) -> bool: ...

    def dma_block(self) -> memoryview: ...

    def dma_moved(self, count: int) -> None: ...


@dataclass(slots=True)
class BusMasterState:
    """``next_prd``, ``walked`` (bytes of the table), ``address``, ``left`` and ``last`` are where it is in the table;
    ``line`` is the interrupt line as it was, whose rise counts."""

    command: int = 0
    status: int = 0
    table: int = 0
    next_prd: int = 0
    walked: int = 0
    address: int = 0
    left: int = 0
    last: bool = False
    line: bool = False


class IdeBusMaster:
    """``drive`` is who is selected (None: nobody), ``is_master`` whether the PCI function may reach memory."""

    def __init__(self, memory: Memory, drive: Callable[[], DmaDrive | None], is_master: Callable[[], bool]) -> None:
        self._memory = memory
        self._drive = drive
        self._is_master = is_master
        self._s = BusMasterState()

    # -- The device contract, but for the state, which the controller keeps with the channel's

    def reset(self) -> None:
        self._s = BusMasterState(line=self._s.line)

    def save(self) -> BusMasterState:
        return copy_state(self._s)

    def load(self, state: BusMasterState) -> None:
        """Raises StateError."""
        if not isinstance(state, BusMasterState):
            raise StateError("The saved state of the IDE bus master is of another kind.")
        known = BMIS_INTERRUPT | BMIS_ERROR | BMIS_ACTIVE | _CAPABLE
        addresses = (state.table, state.next_prd, state.address)
        fits = not state.command & ~(BMIC_SSBM | BMIC_RWCON) and not state.status & ~known
        if not fits or not 0 <= state.left <= _MOST_REGION or any(not 0 <= at <= 0xFFFFFFFF for at in addresses):
            raise StateError("The saved state of the IDE bus master is damaged.")
        self._s = copy_state(state)

    # -- Registers, by bytes

    def read(self, offset: int) -> int:
        s = self._s
        if offset == BMIC:
            return s.command
        if offset == BMIS:
            return s.status
        return s.table >> 8 * (offset - BMIDTP) & 0xFF if offset >= BMIDTP else 0

    def write(self, offset: int, value: int) -> None:
        s = self._s
        if offset == BMIC:
            self._write_command(value)
        elif offset == BMIS:
            cleared = value & (BMIS_INTERRUPT | BMIS_ERROR)
            s.status = s.status & ~cleared & ~_CAPABLE | value & _CAPABLE
        elif offset >= BMIDTP:
            shift = 8 * (offset - BMIDTP)
            s.table = (s.table & ~(0xFF << shift) | value << shift) & 0xFFFFFFFC

    def _write_command(self, value: int) -> None:
        s = self._s
        starts = value & ~s.command & BMIC_SSBM
        s.command = value & (BMIC_SSBM | BMIC_RWCON)
        if starts:
            s.status |= BMIS_ACTIVE
            s.next_prd, s.walked, s.left, s.last = s.table, 0, 0, False
            self.run()
        elif not value & BMIC_SSBM:
            s.status &= ~BMIS_ACTIVE  # where it was in the table is lost

    def interrupt_line(self, level: bool) -> None:
        """The channel's interrupt line; only its rise is seen, so the bit stays clear once software cleared it."""
        if level and not self._s.line:
            self._s.status |= BMIS_INTERRUPT
        self._s.line = level

    # -- Transfer

    def run(self) -> None:
        """Moves what can be moved now: the drive requests, the master is active, and PCI lets it reach memory."""
        s, drive = self._s, self._drive()
        while drive is not None and s.status & BMIS_ACTIVE and drive.dma_requested and self._is_master():
            to_host = drive.dma_to_host
            if to_host != bool(s.command & BMIC_RWCON):
                return  # each waits for the other
            if s.left == 0 and not self._next_region():
                return
            block = drive.dma_block()
            count = min(len(block), s.left)
            if to_host:
                self._memory.write(s.address, block[:count])
            else:
                block[:count] = self._memory.read(s.address, count)
            s.address = (s.address + count) & 0xFFFFFFFF
            s.left -= count
            if s.left == 0 and s.last:
                s.status &= ~BMIS_ACTIVE
            drive.dma_moved(count)

    def _next_region(self) -> bool:
        """Fetches a descriptor; False when the table has none."""
        s = self._s
        if s.walked > _TABLE_MASK:
            s.status &= ~BMIS_ACTIVE
            return False
        base, length = self._fetch(), self._fetch()
        s.address, s.left, s.last = base & 0xFFFFFFFE, length & 0xFFFE or _MOST_REGION, bool(length & _EOT)
        return True

    def _fetch(self) -> int:
        """The next dword of the table."""
        s = self._s
        value = int.from_bytes(self._memory.read(s.next_prd, 4), "little")
        s.next_prd = s.next_prd & ~_TABLE_MASK | s.next_prd + 4 & _TABLE_MASK
        s.walked += 4
        return value
