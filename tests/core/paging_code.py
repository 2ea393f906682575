"""Bits of guest code that the tests of paging are made of, and where the pages lie that ``map_pages`` maps."""

from __future__ import annotations

import struct

from tests.core.protected_rig import PAGE_DIRECTORY

PAGES = 0x400000  # linear address of the first
TABLE = PAGE_DIRECTORY + 0x2000  # their page table
PRESENT, PAGING = 3, 0x80000011  # of an entry; CR0
LOAD_CR3 = b"\x0f\x22\xd8"  # mov cr3, eax
FLUSH = b"\x0f\x20\xd8" + LOAD_CR3  # mov eax, cr3


def store(address: int, value: int) -> bytes:
    return b"\xc7\x05" + struct.pack("<II", address, value)


def flush_page(address: int) -> bytes:
    return b"\x0f\x01\x3d" + struct.pack("<I", address)  # invlpg


def load_cr3(directory: int) -> bytes:
    return b"\xb8" + struct.pack("<I", directory) + LOAD_CR3
