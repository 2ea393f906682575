"""What the guest's page tables map, as ranges of linear memory. SDM vol. 3, 4.3 (32-bit paging) and 4.4 (PAE)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_PAGE: Final = 4096
_PRESENT, _WRITABLE, _USER, _LARGE = 1, 2, 4, 1 << 7
_PSE, _PAE = 1 << 4, 1 << 5  # of CR4
_PAGING: Final = 1 << 31  # of CR0

Read = Callable[[int, int], bytes]  # physical address, length
Entries = NDArray[np.uint64]


@dataclass(frozen=True)
class Range:
    """Linear memory that is mapped to physical memory in one piece, with the same rights."""

    linear: int
    length: int
    physical: int
    writable: bool
    user: bool


def ranges(read: Read, registers: dict[str, int], most: int = 4096) -> list[Range]:
    """In the order of linear addresses, ``most`` of them; none while paging is off."""
    if not registers["cr0"] & _PAGING:
        return []
    found: list[Range] = []
    for piece in _pieces(read, registers):
        last = found[-1] if found else None
        if last is not None and _continues(last, piece):
            found[-1] = Range(last.linear, last.length + piece.length, last.physical, last.writable, last.user)
        elif len(found) == most:
            break
        else:
            found.append(piece)
    return found


def _continues(last: Range, piece: Range) -> bool:
    return (
        last.linear + last.length == piece.linear
        and last.physical + last.length == piece.physical
        and (last.writable, last.user) == (piece.writable, piece.user)
    )


def _pieces(read: Read, registers: dict[str, int]) -> Iterator[Range]:
    """Large pages, and what each page table maps in one piece."""
    pae = bool(registers["cr4"] & _PAE)
    large = _PAGE * (512 if pae else 1024)
    for linear, entry in _directory_entries(read, registers, pae):
        rights = entry & (_WRITABLE | _USER)
        if entry & _LARGE and (pae or registers["cr4"] & _PSE):
            yield Range(
                linear, large, entry & 0xFFFFFFFFFF & ~(large - 1), bool(rights & _WRITABLE), bool(rights & _USER)
            )
        else:
            yield from _of_table(_entries(read, entry & 0xFFFFFFF000, pae), linear, rights)


def _directory_entries(read: Read, registers: dict[str, int], pae: bool) -> Iterator[tuple[int, int]]:
    """Linear addresses and entries of the page directories that are present."""
    if not pae:
        directories = [(0, registers["cr3"] & ~0xFFF)]
        span = _PAGE * 1024
    else:
        raw = read(registers["cr3"] & ~0x1F, 32)
        pointers = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, 32, 8)]
        directories = [
            (number << 30, entry & 0xFFFFFFF000) for number, entry in enumerate(pointers) if entry & _PRESENT
        ]
        span = _PAGE * 512
    for base, physical in directories:
        entries = _entries(read, physical, pae)
        for index in np.flatnonzero(entries & np.uint64(_PRESENT)):
            yield base + int(index) * span, int(entries[index])


def _of_table(entries: Entries, linear: int, rights: int) -> Iterator[Range]:
    present = np.flatnonzero(entries & np.uint64(_PRESENT))
    if not len(present):
        return
    values = entries[present]
    physical = values & np.uint64(0xFFFFFFF000)
    allowed = values & np.uint64(rights)
    breaks = np.flatnonzero(
        (np.diff(present) != 1) | (np.diff(physical.astype(np.int64)) != _PAGE) | (allowed[1:] != allowed[:-1])
    )
    starts = [0, *(int(place) + 1 for place in breaks)]
    for first, end in zip(starts, [*starts[1:], len(present)], strict=True):
        yield Range(
            linear + int(present[first]) * _PAGE,
            (end - first) * _PAGE,
            int(physical[first]),
            bool(int(allowed[first]) & _WRITABLE),
            bool(int(allowed[first]) & _USER),
        )


def _entries(read: Read, physical: int, pae: bool) -> Entries:
    return np.frombuffer(read(physical, _PAGE), np.uint64 if pae else np.uint32).astype(np.uint64)
