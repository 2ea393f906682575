"""The ROM image: bytes where software expects them, and stubs that decode to what they should be."""

from __future__ import annotations

import iced_x86 as iced
import pytest

from engine.firmware.assembler import Assembler, AssemblyError
from engine.firmware.rom import RomImages, build_rom
from tests.engine.firmware.fake_board import Bios


@pytest.fixture(scope="module")
def roms() -> RomImages:
    return build_rom([0x101, 0x103])


def test_images_have_the_sizes_of_their_segments(roms: RomImages) -> None:
    assert len(roms.system) == 0x10000
    assert len(roms.video) == 0x8000


def test_reset_vector_jumps_to_the_classic_entry(roms: RomImages) -> None:
    assert roms.system[0xFFF0:0xFFF5] == bytes.fromhex("EA5BE000F0")


def test_identification_bytes(roms: RomImages) -> None:
    assert roms.system[0xFFF7] == ord("/") and roms.system[0xFFFA] == ord("/")
    assert roms.system[0xFFFE] == 0xFC
    assert roms.system[0xFF53] == 0xCF  # IRET


@pytest.mark.parametrize(
    ("offset", "service"),
    [(0xE2C3, 0x02), (0xE3FE, 0x13), (0xE739, 0x14), (0xE82E, 0x16), (0xEC59, 0x40), (0xEFD2, 0x17), (0xF841, 0x12),
     (0xF84D, 0x11), (0xF859, 0x15), (0xFE6E, 0x1A)],
)  # fmt: skip
def test_classic_entries_push_their_service_and_jump_to_the_stub(roms: RomImages, offset: int, service: int) -> None:
    entry = roms.system[offset : offset + 6]
    assert entry[0] == 0x68 and int.from_bytes(entry[1:3], "little") == service
    assert entry[3] == 0xE9
    assert (offset + 6 + int.from_bytes(entry[4:6], "little")) & 0xFFFF == roms.system_labels["common"]


@pytest.mark.parametrize(
    ("offset", "label"), [(0xE05B, "start"), (0xE6F2, "int19"), (0xE987, "int09"), (0xEF57, "int0e"), (0xFEA5, "int08")]
)
def test_classic_entries_with_code_of_their_own(roms: RomImages, offset: int, label: str) -> None:
    assert roms.system[offset] == 0xE9
    distance = int.from_bytes(roms.system[offset + 1 : offset + 3], "little")
    assert (offset + 3 + distance) & 0xFFFF == roms.system_labels[label]


def test_diskette_parameters_are_those_of_a_1440k_drive(roms: RomImages) -> None:
    table = roms.system[0xEFC7:0xEFD2]
    assert table[3] == 2 and table[4] == 18 and table[8] == 0xF6


def test_video_rom_is_a_valid_option_rom(roms: RomImages) -> None:
    assert roms.video[:3] == b"\x55\xaa\x40"
    assert sum(roms.video) & 0xFF == 0
    assert b"IBM" in roms.video[0x1E:0x40]


def test_system_font_is_where_old_programs_read_it(roms: RomImages) -> None:
    assert roms.system[0xFA6E + ord("A") * 8 : 0xFA6E + ord("A") * 8 + 8] != bytes(8)
    label = roms.video_labels["font_8x8"]
    assert roms.system[0xFA6E : 0xFA6E + 1024] == roms.video[label : label + 1024]


def test_stubs_decode_without_gaps(roms: RomImages) -> None:
    start, end = roms.system_labels["common"], roms.system_labels["int05"]
    decoder = iced.Decoder(16, roms.system[start:end], ip=start)
    instructions = list(decoder)
    assert not any(instruction.is_invalid for instruction in instructions)
    assert instructions[-1].next_ip == end
    mnemonics = [instruction.mnemonic for instruction in instructions]
    for needed in (iced.Mnemonic.OUTSB, iced.Mnemonic.INSB, iced.Mnemonic.HLT, iced.Mnemonic.IRET):
        assert needed in mnemonics


def test_modes_of_the_vbe_list_end_with_ffff(roms: RomImages) -> None:
    label = roms.video_labels["vbe_modes"]
    assert roms.video[label : label + 6] == bytes.fromhex("01010301FFFF")


def test_assembler_refuses_to_write_a_place_twice() -> None:
    asm = Assembler(16)
    asm.op("nop")
    asm.org(0)
    with pytest.raises(AssemblyError):
        asm.op("nop")


def test_assembler_finds_unknown_labels_and_far_short_jumps() -> None:
    asm = Assembler(512)
    asm.jmp_short("there")
    with pytest.raises(AssemblyError):
        asm.finish()
    asm.org(300)
    asm.label("there")
    with pytest.raises(AssemblyError):
        asm.finish()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (lambda a: a.mov("eax", 0x12345678), "66B878563412"),
        (lambda a: a.move("ds", "ax"), "8ED8"),
        (lambda a: a.move("ax", "ss"), "8CD0"),
        (lambda a: a.move("ecx", "eax"), "6689C1"),
        (lambda a: a.alu("cmp", "al", 4), "80F804"),
        (lambda a: a.alu("add", "sp", 2), "81C40200"),
        (lambda a: a.xor("ax", "ax"), "31C0"),
        (lambda a: a.push("fs"), "0FA0"),
        (lambda a: a.pop("eax"), "6658"),
        (lambda a: a.in_al(0x60), "E460"),
    ],
)
def test_encodings(code: object, expected: str) -> None:
    asm = Assembler(16)
    code(asm)  # type: ignore[operator]
    assert asm.image[: asm.here].hex().upper() == expected


def test_install_maps_both_roms() -> None:
    bios = Bios()
    assert bios.read(0xFFFF0, 1) == b"\xea"
    assert bios.read(0xC0000, 2) == b"\x55\xaa"
