"""8237A data sheet behaviour, and the PC/AT's pages and word channels."""

from __future__ import annotations

import pytest

from engine.devices.device import ResetKind
from engine.devices.dma_8237 import DmaControllers, State
from engine.errors import StateError


class FakeMemory:
    def __init__(self) -> None:
        self.bytes = bytearray(1 << 24)

    def read(self, physical: int, length: int) -> bytes:
        return bytes(self.bytes[physical : physical + length])

    def write(self, physical: int, data: bytes | bytearray | memoryview) -> None:
        self.bytes[physical : physical + len(data)] = data


class Rig:
    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.dma = DmaControllers(self.memory)
        self.ports = {port.offset: port for port in self.dma.port_map()}

    def out(self, port: int, value: int) -> None:
        write = self.ports[port].write
        assert write is not None
        write(value)

    def inp(self, port: int) -> int:
        read = self.ports[port].read
        assert read is not None
        return read()

    def word(self, port: int, value: int) -> None:
        self.out(port, value & 0xFF)
        self.out(port, value >> 8)

    def program(self, channel: int, address: int, count: int, mode: int, unmask: bool = True) -> None:
        """``address`` is physical, ``count`` in transfers."""
        page = {0: 0x87, 1: 0x83, 2: 0x81, 3: 0x82, 5: 0x8B, 6: 0x89, 7: 0x8A}[channel]
        second = channel >= 4
        base, step, index = (0xC0, 2, channel - 4) if second else (0, 1, channel)
        self.out(base + 12 * step, 0)
        self.word(base + 2 * index * step, (address >> 1 if second else address) & 0xFFFF)
        self.word(base + (2 * index + 1) * step, count - 1)
        self.out(page, address >> 16)
        self.out(base + 11 * step, mode | index)
        if unmask:
            self.out(base + 10 * step, index)

    def address(self, channel: int) -> int:
        self.out(12, 0)
        return self.inp(2 * channel) | self.inp(2 * channel) << 8

    def count(self, channel: int) -> int:
        self.out(12, 0)
        return self.inp(2 * channel + 1) | self.inp(2 * channel + 1) << 8


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_write_transfer_goes_to_page_and_address(rig: Rig) -> None:
    rig.program(2, 0x123456, 8, 0x44)
    channel = rig.dma.channel(2)
    assert channel.write_memory(b"abcde") == 5
    assert not channel.terminal_count
    assert channel.remaining == 3
    assert channel.write_memory(b"fghij") == 3
    assert channel.terminal_count
    assert rig.memory.read(0x123456, 10) == b"abcdefgh\0\0"


def test_terminal_count_shows_in_status_masks_the_channel_and_reads_ffff(rig: Rig) -> None:
    rig.program(2, 0x1000, 2, 0x44)
    channel = rig.dma.channel(2)
    channel.write_memory(b"ab")
    assert rig.inp(8) == 0x04
    assert rig.inp(8) == 0x00
    assert channel.write_memory(b"c") == 0
    assert not channel.terminal_count
    assert rig.count(2) == 0xFFFF
    assert rig.address(2) == 0x1002


def test_read_transfer(rig: Rig) -> None:
    rig.memory.write(0x20010, b"hello")
    rig.program(1, 0x20010, 5, 0x48)
    assert rig.dma.channel(1).read_memory(100) == b"hello"
    assert rig.dma.channel(1).terminal_count


def test_verify_counts_without_touching_memory(rig: Rig) -> None:
    rig.program(2, 0x1000, 4, 0x40)
    channel = rig.dma.channel(2)
    assert channel.verify
    assert channel.write_memory(b"abcd") == 4
    assert channel.terminal_count
    assert rig.memory.read(0x1000, 4) == bytes(4)


def test_transfer_in_the_wrong_direction_leaves_memory_alone(rig: Rig) -> None:
    rig.program(2, 0x1000, 4, 0x48)
    assert rig.dma.channel(2).write_memory(b"abcd") == 4
    assert rig.memory.read(0x1000, 4) == bytes(4)


def test_auto_initialize_starts_over(rig: Rig) -> None:
    rig.program(1, 0x3000, 4, 0x54)
    channel = rig.dma.channel(1)
    assert channel.write_memory(b"abcdef") == 4
    assert channel.terminal_count
    assert rig.address(1) == 0x3000
    assert channel.write_memory(b"XY") == 2
    assert not channel.terminal_count
    assert rig.memory.read(0x3000, 4) == b"XYcd"


def test_address_wraps_inside_the_64_k_page(rig: Rig) -> None:
    rig.program(2, 0x5FFFE, 4, 0x44)
    rig.dma.channel(2).write_memory(b"abcd")
    assert rig.memory.read(0x5FFFE, 2) == b"ab"
    assert rig.memory.read(0x50000, 2) == b"cd"
    assert rig.memory.read(0x60000, 2) == b"\0\0"


def test_address_decrement(rig: Rig) -> None:
    rig.program(2, 0x50001, 4, 0x64)
    rig.dma.channel(2).write_memory(b"abcd")
    assert rig.memory.read(0x50000, 2) == b"ba"
    assert rig.memory.read(0x5FFFE, 2) == b"dc"
    rig.program(2, 0x50001, 4, 0x68)
    assert rig.dma.channel(2).read_memory(4) == b"abcd"


def test_word_channel_counts_and_addresses_words(rig: Rig) -> None:
    rig.program(5, 0x2FFFC, 4, 0x44)
    channel = rig.dma.channel(5)
    assert channel.remaining == 8
    assert channel.write_memory(b"abcdefgh") == 8
    assert rig.memory.read(0x2FFFC, 8) == b"abcdefgh"


def test_word_channel_wraps_at_128_k_and_ignores_page_bit_0(rig: Rig) -> None:
    rig.program(6, 0x3FFFE, 2, 0x44)
    rig.dma.channel(6).write_memory(b"abcd")
    assert rig.memory.read(0x3FFFE, 2) == b"ab"
    assert rig.memory.read(0x20000, 2) == b"cd"


def test_word_channel_decrement_keeps_bytes_in_words(rig: Rig) -> None:
    rig.program(7, 0x20006, 3, 0x64)
    rig.dma.channel(7).write_memory(b"abcdef")
    assert rig.memory.read(0x20002, 6) == b"efcdab"


def test_masks(rig: Rig) -> None:
    rig.program(2, 0x1000, 4, 0x44, unmask=False)
    channel = rig.dma.channel(2)
    assert not channel.ready
    assert channel.write_memory(b"a") == 0
    rig.out(14, 0)
    assert channel.ready
    rig.out(15, 0x04)
    assert not channel.ready
    assert rig.inp(15) == 0xF4
    rig.out(10, 0x02)
    assert channel.ready


def test_disabled_controller_moves_nothing(rig: Rig) -> None:
    rig.program(2, 0x1000, 4, 0x44)
    rig.out(8, 0x04)
    assert rig.dma.channel(2).read_memory(4) == b""


def test_cascade_mode_moves_nothing(rig: Rig) -> None:
    rig.program(2, 0x1000, 4, 0xC4)
    assert not rig.dma.channel(2).ready


def test_status_shows_device_and_software_requests(rig: Rig) -> None:
    rig.dma.channel(3).request(True)
    rig.out(9, 0x05)
    assert rig.inp(8) == 0xA0
    rig.out(9, 0x01)
    rig.dma.channel(3).request(False)
    assert rig.inp(8) == 0x00


def test_flip_flop_selects_the_byte(rig: Rig) -> None:
    rig.out(12, 0)
    rig.out(0, 0x34)
    rig.out(0, 0x12)
    assert rig.inp(0) == 0x34
    rig.out(12, 0)
    assert (rig.inp(0), rig.inp(0)) == (0x34, 0x12)


def test_master_clear_masks_all_and_keeps_addresses(rig: Rig) -> None:
    rig.program(2, 0x1234, 4, 0x44)
    rig.out(13, 0)
    assert rig.inp(15) == 0xFF
    assert rig.address(2) == 0x1234


def test_memory_to_memory_by_software_request(rig: Rig) -> None:
    rig.memory.write(0x1000, b"payload!")
    rig.program(0, 0x1000, 8, 0x88)
    rig.program(1, 0x2000, 8, 0x84)
    rig.out(8, 0x01)
    rig.out(9, 0x04)
    assert rig.memory.read(0x2000, 8) == b"payload!"
    assert rig.inp(8) == 0x02
    assert rig.inp(13) == ord("!")


def test_memory_fill_holds_channel_0(rig: Rig) -> None:
    rig.memory.write(0x1000, b"*")
    rig.program(0, 0x1000, 1, 0x88)
    rig.program(1, 0x2000, 6, 0x84)
    rig.out(8, 0x03)
    rig.out(9, 0x04)
    assert rig.memory.read(0x2000, 7) == b"******\0"


def test_page_registers_read_back_and_port_80_is_not_here(rig: Rig) -> None:
    for port in range(0x81, 0x90):
        rig.out(port, port ^ 0x5A)
    assert [rig.inp(port) for port in range(0x81, 0x90)] == [port ^ 0x5A for port in range(0x81, 0x90)]
    assert 0x80 not in rig.ports


def test_channel_4_is_not_for_devices(rig: Rig) -> None:
    with pytest.raises(ValueError, match="4"):
        rig.dma.channel(4)


def test_load_goes_on_in_the_middle_of_a_transfer(rig: Rig) -> None:
    rig.program(2, 0x1000, 4, 0x44)
    rig.dma.channel(2).write_memory(b"ab")
    saved = rig.dma.save()
    fresh = Rig()
    fresh.dma.load(saved)
    assert fresh.dma.save() == saved
    assert fresh.dma.channel(2).write_memory(b"cdef") == 2
    assert fresh.memory.read(0x1000, 4) == b"\0\0cd"


def test_load_refuses_a_damaged_state(rig: Rig) -> None:
    state = State()
    state.controllers[0].channels[0].current_address = 1 << 20
    with pytest.raises(StateError):
        rig.dma.load(state)


def test_reset_masks_every_channel(rig: Rig) -> None:
    rig.program(2, 0x1000, 4, 0x44)
    rig.dma.reset(ResetKind.BUS)
    assert not rig.dma.channel(2).ready
