"""Page walks, their faults and their accessed and dirty bits (SDM vol. 3, ch. 4)."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import (
    CODE,
    CODE3,
    DATA3,
    GP,
    PAGE_DIRECTORY,
    PF,
    SCRATCH,
    ProtectedRig,
    Stop,
    iret_to,
    mov_eax,
)

WINDOW = 0x400000  # linear address of the pages under test
TARGET = 0x200000  # where they lie
P, RW, US, A, D, PS, G = 1, 2, 4, 0x20, 0x40, 0x80, 0x100
PAGING, WP = 0x80000011, 0x10000
PSE, PAE, PGE = 0x10, 0x20, 0x80
PRESENT, WRITE, USER, RESERVED = 1, 2, 4, 8

READ = b"\xa1" + struct.pack("<I", WINDOW + 0x10)
STORE = b"\xa3" + struct.pack("<I", WINDOW + 0x10)


@pytest.fixture
def rig() -> ProtectedRig:
    return ProtectedRig()


def entry(rig: ProtectedRig) -> int:
    return rig.read32(PAGE_DIRECTORY + 0x2000)


def at_ring_3(code: bytes) -> bytes:
    prefix = iret_to(CODE3, 0, 2, SCRATCH, DATA3)
    return iret_to(CODE3, CODE + len(prefix), 2, SCRATCH, DATA3) + code


def run(rig: ProtectedRig, code: bytes, pte: int, user: bool = False, wp: bool = False) -> Stop:
    rig.map_pages([pte | TARGET if pte & P else pte])
    # DS is a segment of CPL 0 and gone at CPL 3: the stack segment serves.
    return rig.run(at_ring_3(b"\x36" + code) if user else code, cr0=PAGING | (WP if wp else 0))


@pytest.mark.parametrize(
    ("code", "pte", "user", "wp", "error"),
    [
        (READ, 0, False, False, 0),
        (STORE, 0, False, False, WRITE),
        (READ, 0, True, False, USER),
        (READ, P | RW, True, False, PRESENT | USER),
        (STORE, P | RW, True, False, PRESENT | WRITE | USER),
        (STORE, P | US, True, False, PRESENT | WRITE | USER),
        (STORE, P | US, False, True, PRESENT | WRITE),
        (STORE, P, False, True, PRESENT | WRITE),
        (READ, P, False, True, None),
        (STORE, P, False, False, None),  # without WP the supervisor writes anywhere
        (STORE, P | US, False, False, None),
        (STORE, P | RW | US, True, True, None),
    ],
)
def test_page_faults(rig: ProtectedRig, code: bytes, pte: int, user: bool, wp: bool, error: int | None) -> None:
    stop = run(rig, code, pte, user, wp)
    if error is None:
        assert stop.vector != PF
    else:
        assert (stop.vector, stop.error, stop["cr2"]) == (PF, error, WINDOW + 0x10)


def test_reads_set_the_accessed_bit_and_writes_the_dirty_bit_too(rig: ProtectedRig) -> None:
    run(rig, READ, P | RW)
    assert entry(rig) & (A | D) == A
    assert rig.read32(PAGE_DIRECTORY + 4) & A
    run(rig, READ + STORE, P | RW)
    assert entry(rig) & (A | D) == A | D
    run(rig, STORE, P, wp=True)
    assert entry(rig) & (A | D) == 0, "a fault leaves the bits alone"


def test_a_store_across_pages_faults_on_the_second_with_nothing_written(rig: ProtectedRig) -> None:
    rig.map_pages([TARGET | P | RW, 0])
    stop = rig.run(mov_eax(0x11223344) + b"\xa3" + struct.pack("<I", WINDOW + 0xFFE), cr0=PAGING)
    assert (stop.vector, stop.error, stop["cr2"]) == (PF, WRITE, WINDOW + 0x1000)
    assert rig.memory.read(TARGET + 0xFFE, 2) == b"\0\0"


def test_instruction_fetch_faults_at_the_target(rig: ProtectedRig) -> None:
    stop = run(rig, b"\xb8" + struct.pack("<I", WINDOW) + b"\xff\xe0", 0)
    assert (stop.vector, stop.error, stop.frame[0], stop["cr2"]) == (PF, 0, WINDOW, WINDOW)


def test_invlpg_and_cr3_loads_show_changed_entries(rig: ProtectedRig) -> None:
    rig.write32(TARGET, 0x11)
    rig.write32(TARGET + 0x1000, 0x22)
    change = b"\xc7\x05" + struct.pack("<II", PAGE_DIRECTORY + 0x2000, TARGET + 0x1000 | P | RW)
    look = b"\x8b\x1d" + struct.pack("<I", WINDOW)  # mov ebx, [WINDOW]
    invlpg = b"\x0f\x01\x3d" + struct.pack("<I", WINDOW)
    reload = b"\x0f\x20\xd8\x0f\x22\xd8"
    for flush in (invlpg, reload):
        rig.map_pages([TARGET | P | RW])
        stop = rig.run(look + b"\x89\xd9" + change + flush + look, cr0=PAGING)
        assert (stop["ecx"], stop["ebx"]) == (0x11, 0x22)


def test_global_pages_survive_a_cr3_load_but_not_invlpg(rig: ProtectedRig) -> None:
    rig.write32(TARGET, 0x11)
    rig.write32(TARGET + 0x1000, 0x22)
    rig.map_pages([TARGET | P | RW | G])
    change = b"\xc7\x05" + struct.pack("<II", PAGE_DIRECTORY + 0x2000, TARGET + 0x1000 | P | RW)
    look = b"\x8b\x1d" + struct.pack("<I", WINDOW)
    code = (
        look
        + change
        + b"\x0f\x20\xd8\x0f\x22\xd8"
        + look
        + b"\x89\xd9"
        + b"\x0f\x01\x3d"
        + struct.pack("<I", WINDOW)
        + look
    )
    stop = rig.run(code, cr0=PAGING, cr4=PGE)
    assert (stop["ecx"], stop["ebx"]) == (0x11, 0x22)


@pytest.mark.parametrize(("cr4", "pde", "error"), [(PSE, 0x400000 | P | RW | PS, None), (PSE, 0x402000 | P | PS, 9)])
def test_4_mib_pages(rig: ProtectedRig, cr4: int, pde: int, error: int | None) -> None:
    rig.map_pages([])
    rig.write32(PAGE_DIRECTORY + 4, pde)
    rig.write32(WINDOW + 0x10, 0x1234)
    stop = rig.run(READ + STORE, cr0=PAGING, cr4=cr4)
    if error is None:
        assert (stop.vector, stop["eax"]) == (None, 0x1234)
        assert rig.read32(PAGE_DIRECTORY + 4) & (A | D) == A | D
    else:
        assert (stop.vector, stop.error) == (PF, error)


def test_without_pse_the_size_bit_is_ignored(rig: ProtectedRig) -> None:
    rig.map_pages([TARGET | P | RW])
    rig.write32(PAGE_DIRECTORY + 4, PAGE_DIRECTORY + 0x2000 | PS | P | RW)
    rig.write32(TARGET + 0x10, 0x77)
    assert rig.run(READ, cr0=PAGING)["eax"] == 0x77


def pae_tables(rig: ProtectedRig, *entries: int) -> None:
    """2 MiB one to one, and 4 KiB pages from WINDOW on."""
    pointers, directory, table = PAGE_DIRECTORY, PAGE_DIRECTORY + 0x1000, PAGE_DIRECTORY + 0x2000
    rig.memory.write(pointers, struct.pack("<4Q", directory | P, 0, 0, 0))
    rig.memory.write(directory, struct.pack("<4Q", 0 | P | RW | US | PS, 0, table | P | RW | US, 0))
    rig.memory.write(table, struct.pack(f"<{len(entries)}Q", *entries))


ENABLE_PAE = b"\x0f\x20\xd8\x0f\x22\xd8" + mov_eax(PAGING) + b"\x0f\x22\xc0"


def test_pae_walk(rig: ProtectedRig) -> None:
    pae_tables(rig, TARGET | P | RW)
    rig.write32(TARGET + 0x10, 0x99)
    stop = rig.run(ENABLE_PAE + READ + STORE, cr4=PAE)
    assert (stop.vector, stop["eax"]) == (None, 0x99)
    assert entry(rig) & (A | D) == A | D
    assert rig.read32(PAGE_DIRECTORY + 0x1000) & A


@pytest.mark.parametrize(
    ("pte", "error"),
    [(0, 0), (TARGET | P | 1 << 40, PRESENT | RESERVED), (TARGET | P | 1 << 63, PRESENT | RESERVED)],
)
def test_pae_faults(rig: ProtectedRig, pte: int, error: int) -> None:
    pae_tables(rig, pte)
    stop = rig.run(ENABLE_PAE + READ, cr4=PAE)
    assert (stop.vector, stop.error) == (PF, error)


def test_reserved_bits_of_page_directory_pointers_fault_when_loaded(rig: ProtectedRig) -> None:
    pae_tables(rig, 0)
    rig.memory.write(PAGE_DIRECTORY + 8, struct.pack("<Q", P | RW))
    stop = rig.run(ENABLE_PAE, cr4=PAE)
    assert (stop.vector, stop.error, stop["cr0"] >> 31) == (GP, 0, 0)


def test_tables_that_lie_in_code_pages_are_seen_by_the_code_cache(rig: ProtectedRig) -> None:
    """A walk that sets accessed bits next to instructions must not leave stale instructions behind."""
    rig.map_pages([TARGET | P | RW])
    at = PAGE_DIRECTORY + 0x2000 + 0x800
    rig.memory.write(at, b"\x40\xc3")  # inc eax; ret, in the page of the table itself
    call = b"\xb8\x00\x00\x00\x00" + b"\xbb" + struct.pack("<I", at) + b"\xff\xd3"
    stop = rig.run(call + b"\x89\xc1" + READ + call, cr0=PAGING)
    assert (stop.vector, stop["ecx"], stop["eax"]) == (None, 1, 1)
    assert entry(rig) & A


def test_the_debugger_sees_memory_without_leaving_a_trace(rig: ProtectedRig) -> None:
    rig.write32(TARGET, 0xABCD)
    run(rig, b"", P | RW)
    assert rig.cpu.read_linear(WINDOW, 2) == b"\xcd\xab"
    assert rig.cpu.read_linear(WINDOW + 0x1000, 1) is None
    assert not entry(rig) & A
