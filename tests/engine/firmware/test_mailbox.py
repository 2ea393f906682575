"""The ports between stubs and services."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.firmware.call import CF, Call, normalised
from engine.firmware.mailbox_layout import (
    FRAME_BYTES,
    PORT_BASE,
    PORT_BLOCK,
    PORT_COMMAND,
    PORT_FRAME,
    Command,
    Status,
)
from tests.engine.firmware.fake_board import Bios, FakeDrive, FakeFloppy


def test_parts_of_registers_keep_the_rest() -> None:
    call = Call()
    call.eax = 0x11223344
    call.al = 0x55
    call.ah = 0x66
    assert call.eax == 0x11226655
    call.ax = 0x7788
    assert call.eax == 0x11227788
    call.ebx = 0x1_0000_0005
    assert call.ebx == 5


def test_frame_survives_the_round_trip() -> None:
    frame = bytes(range(FRAME_BYTES))
    call = Call.from_frame(frame)
    assert call.frame(0)[4:] == frame[4:]
    assert call.es == 0x0504 and call.ds == 0x0706
    assert call.edi == 0x0B0A0908 and call.eax == 0x27262524
    assert (call.service, call.ip, call.cs, call.flags) == (0x2928, 0x2B2A, 0x2D2C, 0x2F2E)


def test_carry_is_merged_into_the_callers_flags() -> None:
    call = Call(flags=0x0246)
    call.carry = True
    assert call.flags == 0x0246 | CF
    call.carry = False
    assert call.flags == 0x0246


def test_bytes_one_by_one_do_what_a_block_does(bios: Bios) -> None:
    """An x86 emulator in a guest's program executes REP OUTSB as single writes."""
    frame = struct.pack("<I2H8I4H", 0, 0, 0, *[0] * 8, 0x12, 0, 0, 2)
    for value in frame:
        bios.bus.port_write(PORT_FRAME, value, 1)
    bios.bus.port_write(PORT_COMMAND, Command.CALL, 1)
    answer = bytes(bios.bus.port_read(PORT_FRAME, 1) for _ in range(FRAME_BYTES))
    values = struct.unpack("<12I", answer)
    assert values[0] == Status.DONE
    assert values[9] & 0xFFFF == 639  # EAX


def test_rubbish_before_a_frame_does_not_shift_it(bios: Bios) -> None:
    bios.bus.port_write(PORT_FRAME, 0xDE, 1)
    assert bios.call(0x12).ax == 639


def test_reading_too_much_gives_ones(bios: Bios) -> None:
    bios.call(0x12)
    for _ in range(FRAME_BYTES + 1):
        value = bios.bus.port_read(PORT_FRAME, 1)
    assert value == 0xFF
    assert bios.bus.port_read(PORT_BLOCK, 1) == 0xFF


def test_unknown_services_change_nothing(bios: Bios) -> None:
    result = bios.call(0x77, eax=0x12345678, flags=0x0247)
    assert result.eax == 0x12345678 and result.flags == 0x0247


def test_normalised_addresses_do_not_wrap() -> None:
    assert normalised(0x1000, 0xFFFF) == (0x1FFF, 0xF)
    assert normalised(0xFFFF, 0xFFFF) == (0xFFFF, 0xFFFF)
    assert normalised(0, 5) == (0, 5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([PORT_BASE, PORT_BASE + 4, PORT_BASE + 8, PORT_BASE + 12, PORT_BASE + 16]),
            st.booleans(),
            st.integers(0, 0xFFFFFFFF),
        ),
        max_size=60,
    )
)
def test_no_sequence_of_accesses_raises(accesses: list[tuple[int, bool, int]]) -> None:
    bios = Bios(floppies=[FakeDrive(FakeFloppy())])
    for port, writing, value in accesses:
        if writing:
            bios.bus.port_write(port, value, 4)
        else:
            bios.bus.port_read(port, 4)


@settings(max_examples=250, deadline=None)
@given(
    service=st.sampled_from(
        [0x05, 0x09, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x1A, 0x40, 0x70, 0x74, 0x102, 0x104]
    ),
    eax=st.integers(0, 0xFFFFFFFF),
    ebx=st.integers(0, 0xFFFFFFFF),
    ecx=st.integers(0, 0xFFFFFFFF),
    edx=st.integers(0, 0xFFFFFFFF),
    rest=st.lists(st.integers(0, 0xFFFF), min_size=5, max_size=5),
    low=st.binary(min_size=0x150, max_size=0x150),
)
def test_hostile_registers_and_data_area_never_raise(
    service: int, eax: int, ebx: int, ecx: int, edx: int, rest: list[int], low: bytes
) -> None:
    """Whatever is in registers, packets and the BIOS data area: no exception, no endless call."""
    bios = Bios(floppies=[FakeDrive(FakeFloppy())])
    bios.start()
    bios.write(0x400, low)
    es, ds, esi, edi, ebp = rest
    bios.call(service, most_waits=2, eax=eax, ebx=ebx, ecx=ecx, edx=edx, es=es, ds=ds, esi=esi, edi=edi, ebp=ebp)
