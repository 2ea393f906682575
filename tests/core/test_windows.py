"""What only windows could get wrong: memory reached through mappings of the host's that follow the guest's tables."""

from __future__ import annotations

import struct

import pytest

from engine import _core
from tests.core import processors
from tests.core.paging_code import FLUSH, PAGES, PAGING, PRESENT, TABLE, flush_page, load_cr3, store
from tests.core.protected_rig import CODE, GP, PAGE_DIRECTORY, PF, STACK, ProtectedRig

FIRST, SECOND, THIRD = 0x200000, 0x205000, 0x209000  # where the pages lie
ACCESSED, DIRTY = 0x20, 0x40
USED = ACCESSED | DIRTY
TIMES = 60


@pytest.fixture
def rig() -> ProtectedRig:
    rig = ProtectedRig()
    for number, page in enumerate((FIRST, SECOND, THIRD)):
        rig.memory.write(page, struct.pack("<I", 0x11111111 << number) * 1024)
    return rig


def repeated(code: bytes, times: int = TIMES) -> bytes:
    body = code + b"\x4e"  # dec esi
    return b"\xbe" + struct.pack("<I", times) + body + b"\x0f\x85" + struct.pack("<i", -len(body) - 6)


def add_from(address: int) -> bytes:
    return b"\x03\x1d" + struct.pack("<I", address)  # add ebx, [address]


def store_byte(address: int, value: int) -> bytes:
    return b"\xc6\x05" + struct.pack("<IB", address, value)


def run(rig: ProtectedRig, code: bytes) -> int:
    stop = rig.run(code, instructions=200_000, ebx=0, cr0=PAGING)
    assert stop.vector is None and stop["halted"]
    return stop["ebx"]


@pytest.mark.parametrize("flush", [FLUSH, flush_page(PAGES)], ids=["cr3", "invlpg"])
def test_a_page_mapped_elsewhere_is_seen_after_the_flush(rig: ProtectedRig, flush: bytes) -> None:
    rig.map_pages([FIRST | PRESENT | USED])
    remap = store(TABLE, SECOND | PRESENT | USED) + flush
    found = run(rig, repeated(add_from(PAGES)) + remap + repeated(add_from(PAGES)))
    assert found == TIMES * (0x11111111 + 0x22222222) & 0xFFFFFFFF


def test_an_entry_that_was_changed_and_changed_back(rig: ProtectedRig) -> None:
    # The page is first used while its entry is another than the one before and the one at the flush.
    rig.map_pages([FIRST | PRESENT | USED, FIRST | PRESENT | USED])
    code = repeated(add_from(PAGES + 0x1000)) + store(TABLE, SECOND | PRESENT | USED) + repeated(add_from(PAGES))
    code += store(TABLE, FIRST | PRESENT | USED) + FLUSH + repeated(add_from(PAGES))
    assert run(rig, code) == TIMES * (2 * 0x11111111 + 0x22222222) & 0xFFFFFFFF


def test_a_directory_entry_that_leads_to_another_table(rig: ProtectedRig) -> None:
    rig.map_pages([FIRST | PRESENT | USED])
    rig.write32(PAGE_DIRECTORY + 0x3000, THIRD | PRESENT | USED)
    change = store(PAGE_DIRECTORY + 4, PAGE_DIRECTORY + 0x3007) + FLUSH
    found = run(rig, repeated(add_from(PAGES)) + change + repeated(add_from(PAGES)))
    assert found == TIMES * (0x11111111 + 0x44444444) & 0xFFFFFFFF


def test_accessed_and_dirty_bits_are_set_again_after_they_were_cleared(rig: ProtectedRig) -> None:
    rig.map_pages([FIRST | PRESENT, SECOND | PRESENT])
    use = add_from(PAGES) + store_byte(PAGES + 0x1000, 5)
    code = repeated(use) + store(TABLE, FIRST | PRESENT) + store(TABLE + 4, SECOND | PRESENT) + FLUSH
    run(rig, code)
    assert (rig.read32(TABLE), rig.read32(TABLE + 4)) == (FIRST | PRESENT, SECOND | PRESENT)
    run(rig, code + repeated(use))
    assert (rig.read32(TABLE), rig.read32(TABLE + 4)) == (FIRST | PRESENT | ACCESSED, SECOND | PRESENT | USED)


def test_loads_do_not_make_a_page_dirty(rig: ProtectedRig) -> None:
    rig.map_pages([FIRST | PRESENT])
    run(rig, repeated(add_from(PAGES)))
    assert rig.read32(TABLE) == FIRST | PRESENT | ACCESSED
    run(rig, repeated(add_from(PAGES)) + store_byte(PAGES, 1))
    assert rig.read32(TABLE) == FIRST | PRESENT | USED


def test_a_page_that_became_read_only(rig: ProtectedRig) -> None:
    rig.map_pages([FIRST | PRESENT | USED])
    code = repeated(store_byte(PAGES, 1)) + store(TABLE, FIRST | 1 | USED) + FLUSH + store_byte(PAGES + 7, 2)
    stop = rig.run(code, instructions=10_000, cr0=PAGING | 1 << 16)
    assert (stop.vector, stop["cr2"], stop.error) == (PF, PAGES + 7, 3)
    assert rig.memory.read(FIRST + 7, 1) == b"\x11"


def test_two_names_of_one_page_and_code_in_it(rig: ProtectedRig) -> None:
    rig.memory.write(FIRST, b"\x43\xc3")  # inc ebx; ret
    rig.map_pages([FIRST | PRESENT | USED, FIRST | PRESENT | USED])
    call = b"\xb9" + struct.pack("<I", PAGES) + b"\xff\xd1"  # mov ecx; call ecx
    write = store_byte(PAGES + 0x1800, 1)  # beside the code, by the other name
    patch = store_byte(PAGES + 0x1000, 0x4B)  # dec ebx
    assert run(rig, repeated(write) + repeated(call + write) + patch + repeated(call)) == 0


def test_a_device_between_pages_of_memory(rig: ProtectedRig) -> None:
    calls: list[tuple[int, int]] = []
    rig.bus.attach_mmio(
        0x300000, 0x1000, "probe", lambda at, size: 5, lambda at, value, size: calls.append((at, value))
    )
    rig.map_pages([FIRST | PRESENT | USED, 0x300000 | PRESENT | USED, SECOND | PRESENT | USED])
    code = add_from(PAGES) + add_from(PAGES + 0x1000) + add_from(PAGES + 0x2000) + store_byte(PAGES + 0x1004, 9)
    assert run(rig, repeated(code)) == TIMES * (0x11111111 + 5 + 0x22222222) & 0xFFFFFFFF
    assert calls == [(4, 9)] * TIMES


def test_a_device_that_changes_the_memory_map_between_two_accesses(rig: ProtectedRig) -> None:
    # Among the instructions of one block: the port is written, and then memory read.
    both = rig.memory.PAGE_READ | rig.memory.PAGE_WRITE
    rig.bus.attach_port(
        0x90,
        1,
        1,
        "switch",
        None,
        lambda port, value, size: rig.memory.map_backed(FIRST, 0x1000, [FIRST, THIRD][value], both),
    )
    rig.map_pages([FIRST | PRESENT | USED, SECOND | PRESENT | USED])
    read = add_from(PAGES) + add_from(PAGES + 0x1000)
    code = b"".join(read + b"\xb0" + bytes([value]) + b"\xe6\x90" + read for value in (1, 0))
    once = 2 * (0x11111111 + 0x44444444 + 2 * 0x22222222)
    assert run(rig, repeated(code)) == TIMES * once & 0xFFFFFFFF


def test_more_address_spaces_than_windows(rig: ProtectedRig) -> None:
    spaces = 30
    rig.map_pages([])
    code, expected = b"", 0
    for number in range(spaces):
        directory, table, page = 0x60000 + number * 0x2000, 0x61000 + number * 0x2000, 0x210000 + number * 0x1000
        rig.write32(directory, PAGE_DIRECTORY + 0x1007, table + 7)
        rig.write32(table, page | PRESENT | USED)
        rig.write32(page, number + 1)
    for number in [*range(spaces), *range(spaces)]:
        code += load_cr3(0x60000 + number * 0x2000)
        code += repeated(add_from(PAGES), 3)
        expected += 3 * (number + 1)
    assert len(code) < STACK - CODE
    assert run(rig, code) == expected


def test_two_machines_take_turns_on_one_thread() -> None:
    rigs = [ProtectedRig() for _ in range(2)]
    for number, rig in enumerate(rigs):
        rig.map_pages([FIRST | PRESENT | USED])
        rig.write32(FIRST, number + 1)
        rig.run(b"", cr0=PAGING, ebx=0)
        rig.memory.write(CODE, repeated(add_from(PAGES), 1000) + b"\xf4")
        rig.cpu.set_registers({"eip": CODE, "halted": 0, "ebx": 0})
    for _ in range(60):
        for rig in rigs:
            rig.cpu.run_for(100)
    assert [rig.cpu.registers()["ebx"] for rig in rigs] == [1000, 2000]


def test_an_operand_beyond_the_end_of_linear_memory(rig: ProtectedRig) -> None:
    rig.map_pages([])
    rig.write32(PAGE_DIRECTORY + 0xFFC, PAGE_DIRECTORY + 0x3007)
    rig.write32(PAGE_DIRECTORY + 0x3FFC, FIRST | PRESENT | USED)
    assert run(rig, repeated(b"\x8b\x1d" + struct.pack("<I", 0xFFFFFFFC))) == 0x11111111
    stop = rig.run(repeated(b"\x8b\x1d" + struct.pack("<I", 0xFFFFFFFE)), cr0=PAGING)
    assert (stop.vector, stop.error) == (GP, 0)


# -- Calls and returns, which take the host's own road -------------------------------------------------------------


def test_recursion_deeper_than_any_stack_of_the_hosts() -> None:
    # f: inc ebx; dec esi; jz done; call f; done: ret
    rig = ProtectedRig()
    depth = 100_000
    code = b"\xe8\x01\0\0\0\xf4" + b"\x43\x4e\x74\x05\xe8\xf7\xff\xff\xff\xc3"
    stop = rig.run(code, instructions=depth * 8, ebx=0, esi=depth, esp=0x700000)
    assert (stop.vector, stop["ebx"], stop["esp"], stop["halted"]) == (None, depth, 0x700000, 1)


def test_returns_to_where_no_call_came_from() -> None:
    rig = ProtectedRig()
    # call f; inc ebx; hlt: f changes where it returns to, so that INC is left out every time but the last.
    start = CODE + 5
    body = b"\xe8\x0b\0\0\0" + b"\x43" + b"\x4e\x0f\x85\xf3\xff\xff\xff" + b"\xf4\x90\x90"
    function = b"\xff\x04\x24\xc3"  # inc dword [esp]; ret
    code = b"\xbe" + struct.pack("<I", TIMES) + body + function
    stop = rig.run(code, instructions=10_000, ebx=0)
    assert (stop.vector, stop["ebx"], stop["esi"], stop["halted"]) == (None, 0, 0, 1)
    assert start + len(body) < STACK


def test_code_that_asks_where_it_is() -> None:
    rig = ProtectedRig()
    code = repeated(b"\xe8\0\0\0\0\x5b")  # call next; pop ebx
    stop = rig.run(code, instructions=10_000)
    assert (stop["ebx"], stop["esp"], stop["halted"]) == (CODE + 10, STACK, 1)


def test_two_stacks_that_take_turns() -> None:
    # Each switches to the other's stack in a function: returns never match the calls before them.
    rig = ProtectedRig()
    switch = b"\x87\xe5\xc3"  # xchg esp, ebp; ret
    first = b"\x43\xe8" + struct.pack("<i", 0x100 - 6) + b"\x4e\x75\xf7\xf4"
    second = b"\x47\xe8" + struct.pack("<i", 0x100 - 0x40 - 6) + b"\xeb\xf8"
    code = first.ljust(0x40, b"\x90") + second
    code = code.ljust(0x100, b"\x90") + switch
    rig.write32(0x28000 - 4, CODE + 0x40)
    stop = rig.run(code, instructions=10_000, ebx=0, edi=0, esi=TIMES, ebp=0x28000 - 4)
    assert (stop["ebx"], stop["edi"], stop["esi"], stop["halted"]) == (TIMES, TIMES, 0, 1)


def test_windows_are_used() -> None:
    if processors.accelerator != "windows":
        pytest.skip("for windows alone")
    rig = ProtectedRig()
    rig.map_pages([FIRST | PRESENT | USED])
    run(rig, repeated(add_from(PAGES)))
    counters = rig.cpu.translator_counters
    assert counters["windows_opened"] > 0 and counters["window_pages_mapped"] > 0
    assert counters["window_faults"] < 10
    with pytest.raises(ValueError, match="windows"):
        _core.Interpreter(rig.memory, rig.bus, rig.clock, "pentium").use_translator(2, "often")
