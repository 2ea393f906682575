"""Video memory as the processor sees it: write and read modes, chaining, windows, banks, mapping."""

from __future__ import annotations

import pytest

from tests.engine.devices.vga_rig import LFB, VgaRig


@pytest.fixture
def rig() -> VgaRig:
    rig = VgaRig()
    rig.set_mode(0x12)
    return rig


def planes_at(rig: VgaRig, offset: int) -> tuple[int, ...]:
    return tuple(rig.vga.planes.memory[offset * 4 : offset * 4 + 4])


def fill(rig: VgaRig, offset: int, values: tuple[int, int, int, int]) -> None:
    rig.graphics(1, 0)
    rig.graphics(3, 0)
    rig.graphics(5, 0)
    rig.graphics(8, 0xFF)
    for plane, value in enumerate(values):
        rig.sequencer(2, 1 << plane)
        rig.write(0xA0000 + offset, bytes((value,)))
    rig.sequencer(2, 0x0F)


def test_map_mask_chooses_planes(rig: VgaRig) -> None:
    fill(rig, 7, (0x11, 0x22, 0x33, 0x44))
    rig.sequencer(2, 0x0A)
    rig.write(0xA0007, b"\xff")
    assert planes_at(rig, 7) == (0x11, 0xFF, 0x33, 0xFF)


def test_read_map_select_chooses_the_plane_read(rig: VgaRig) -> None:
    fill(rig, 7, (0x11, 0x22, 0x33, 0x44))
    for plane, value in enumerate((0x11, 0x22, 0x33, 0x44)):
        rig.graphics(4, plane)
        assert rig.read(0xA0007, 1) == bytes((value,))


def test_write_mode_0_with_set_reset_and_bit_mask(rig: VgaRig) -> None:
    fill(rig, 0, (0xF0, 0xF0, 0xF0, 0xF0))
    rig.graphics(0, 0b0101)
    rig.graphics(1, 0b0011)  # planes 0 and 1 take 1 and 0, planes 2 and 3 the data
    rig.graphics(8, 0x3C)
    rig.read(0xA0000, 1)
    rig.write(0xA0000, b"\x18")
    assert planes_at(rig, 0) == (0xFC, 0xC0, 0xD8, 0xD8)


@pytest.mark.parametrize(
    ("function", "expected"), [(0, 0b0110_0000), (1, 0b0010_0000), (2, 0b1110_1010), (3, 0b1100_1010)]
)
def test_rotation_and_logic_with_the_latches(rig: VgaRig, function: int, expected: int) -> None:
    fill(rig, 0, (0b1010_1010,) * 4)
    rig.read(0xA0000, 1)
    rig.graphics(3, function << 3 | 4)
    rig.write(0xA0000, b"\x06")  # turned right by four: 60h
    assert planes_at(rig, 0) == (expected,) * 4


def test_write_mode_1_copies_the_latches(rig: VgaRig) -> None:
    fill(rig, 0, (1, 2, 3, 4))
    rig.graphics(5, 1)
    rig.graphics(8, 0)  # has no say in this mode
    rig.read(0xA0000, 1)
    rig.write(0xA0100, b"\xff")
    assert planes_at(rig, 0x100) == (1, 2, 3, 4)


def test_write_mode_2_takes_a_colour(rig: VgaRig) -> None:
    fill(rig, 0, (0x00, 0xFF, 0x00, 0xFF))
    rig.graphics(5, 2)
    rig.graphics(8, 0x81)
    rig.read(0xA0000, 1)
    rig.write(0xA0000, b"\x05")
    assert planes_at(rig, 0) == (0x81, 0x7E, 0x81, 0x7E)


def test_write_mode_3_masks_set_reset_with_the_data(rig: VgaRig) -> None:
    fill(rig, 0, (0x00, 0xFF, 0x00, 0xFF))
    rig.graphics(0, 0b0101)
    rig.graphics(5, 3)
    rig.graphics(8, 0x0F)
    rig.read(0xA0000, 1)
    rig.write(0xA0000, b"\x3c")
    assert planes_at(rig, 0) == (0x0C, 0xF3, 0x0C, 0xF3)


def test_read_mode_1_compares_colours(rig: VgaRig) -> None:
    fill(rig, 0, (0b1100, 0b1010, 0, 0))
    rig.graphics(5, 8)
    rig.graphics(2, 0b0011)
    rig.graphics(7, 0b1111)
    assert rig.read(0xA0000, 1) == b"\x08"
    rig.graphics(7, 0b0001)
    assert rig.read(0xA0000, 1) == b"\x0c"
    rig.graphics(7, 0)
    assert rig.read(0xA0000, 1) == b"\xff"


def test_wide_accesses_are_bytes_in_order(rig: VgaRig) -> None:
    rig.write(0xA0010, b"\x01\x02\x03\x04")
    assert [planes_at(rig, 0x10 + i)[0] for i in range(4)] == [1, 2, 3, 4]
    assert rig.read(0xA0010, 4) == b"\x01\x02\x03\x04"


@pytest.mark.parametrize(
    ("select", "inside", "outside"),
    [(0, (0xA0000, 0xBFFFF), ()), (1, (0xA0000, 0xAFFFF), (0xB0000, 0xB8000)), (2, (0xB0000,), (0xA0000, 0xB8000)),
     (3, (0xB8000,), (0xA0000, 0xB0000))],
)  # fmt: skip
def test_memory_map_select(rig: VgaRig, select: int, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    rig.graphics(6, select << 2 | 1)
    for address in (*inside, *outside):
        rig.write(address, b"\x5a")
        assert rig.read(address, 1) == (b"\x5a" if address in inside else b"\xff")


def test_odd_even_addresses_reach_planes_0_and_1() -> None:
    rig = VgaRig()
    rig.set_mode(0x03)
    rig.write(0xB8000 + 160, b"A\x1fB\x2e")
    assert planes_at(rig, 160)[:2] == (ord("A"), 0x1F)
    assert planes_at(rig, 161)[:2] == (0, 0)
    assert planes_at(rig, 162)[:2] == (ord("B"), 0x2E)
    assert rig.read(0xB8000 + 160, 4) == b"A\x1fB\x2e"


def test_chain_4_is_linear_and_its_window_becomes_memory() -> None:
    rig = VgaRig()
    rig.set_mode(0x13)
    data = bytes(range(256)) * 250
    rig.write(0xA0000, data)
    assert bytes(rig.vga.planes.memory[:64000]) == data
    assert rig.read(0xA0000, 64000) == data
    # Past the first accesses the pages answer without the adapter: physical memory sees them too.
    assert rig.memory.read(0xA0000, 64000) == data


def test_unchaining_takes_the_window_back() -> None:
    rig = VgaRig()
    rig.set_mode(0x13)
    rig.write(0xA0000, bytes(4000))
    assert rig.memory.read(0xA0000, 1) == b"\x00"
    rig.sequencer(4, 0x06)
    assert rig.memory.read(0xA0000, 1) == b"\xff"  # the adapter's again
    rig.sequencer(2, 0x04)
    rig.write(0xA0003, b"\x77")
    assert planes_at(rig, 3) == (0, 0, 0x77, 0)
    rig.sequencer(2, 0x0F)
    rig.sequencer(4, 0x0E)
    rig.write(0xA0000, bytes(4000))
    assert rig.memory.read(0xA0000, 1) == b"\x00"


def test_mapped_text_window_and_planes_agree() -> None:
    rig = VgaRig()
    rig.set_mode(0x03)
    text = b"".join(bytes((ord("A") + i % 26, i & 0xFF)) for i in range(2000))
    rig.write(0xB8000, text)
    assert rig.memory.read(0xB8000, 4000) == text  # mapped by now
    assert bytes(rig.vga.planes.memory[0 : 4000 * 4 : 8]) == text[::2]
    # A font is loaded in the middle: the window goes back to the adapter and the text stays.
    rig.load_font(16)
    assert rig.read(0xB8000, 4000) == text
    # Planar access sees what was stored through the mapped window.
    rig.graphics(6, 0x05)
    rig.graphics(5, 0x00)
    rig.sequencer(4, 0x06)
    rig.graphics(4, 1)
    assert rig.read(0xA0000 + 6, 1) == bytes((3,))


def test_banks_of_a_linear_mode() -> None:
    rig = VgaRig()
    rig.linear(1024, 768, 8)
    for bank in range(12):
        rig.dispi(5, bank)
        rig.write(0xA0000, bytes((bank + 1,)) * 0x10000)
    assert rig.memory.read(LFB, 12 * 0x10000) == b"".join(bytes((bank + 1,)) * 0x10000 for bank in range(12))
    rig.dispi(5, 3)
    assert rig.read(0xA0000, 1) == b"\x04"
    rig.dispi(5, 0x3FFF)  # wraps at the end of memory
    rig.write(0xA0000, b"\x99")
    assert rig.memory.read(LFB + 0x3FFF % 64 * 0x10000, 1) == b"\x99"


def test_frame_buffer_moves_with_its_base_address() -> None:
    rig = VgaRig()
    rig.memory.map_backed(0, 0xA0000, 0, rig.memory.PAGE_READ | rig.memory.PAGE_WRITE)
    rig.memory.write(LFB, b"here")
    rig.vga.map_linear_frame_buffer(0xD0000000)
    assert rig.memory.read(0xD0000000, 4) == b"here"
    assert rig.memory.read(LFB, 4) == b"\xff" * 4
    rig.vga.map_linear_frame_buffer(0x1000)  # over RAM: not there
    assert rig.vga.linear_frame_buffer is None
    assert rig.memory.read(0x1000, 4) == bytes(4)


def test_entering_a_mode_clears_unless_told_not_to() -> None:
    rig = VgaRig()
    rig.memory.write(LFB, b"\x55" * 100)
    rig.linear(640, 480, 8, flags=0xC1)
    assert rig.memory.read(LFB, 100) == b"\x55" * 100
    rig.linear(640, 480, 8)
    assert rig.memory.read(LFB, 100) == bytes(100)
