"""The hard disk as a guest's driver sees it: registers, interrupts and data of every command (ATA/ATAPI-4 and -6)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.config import MachineConfig
from engine.devices.ata_disk import AtaDisk
from engine.devices.device import ResetKind
from engine.machine import Machine
from tests.engine.devices.ide_rig import (
    ABRT,
    ASKING,
    BSY,
    DRQ,
    ERR,
    FAILED,
    IDNF,
    LBA,
    READY,
    SRST,
    DiskRig,
    IdeRig,
    make_disk,
    sector,
)

SECTORS = 2016  # of the test disk
READ, READ_ONCE, READ_EXT, READ_MULTIPLE, READ_MULTIPLE_EXT = 0x20, 0x21, 0x24, 0xC4, 0x29
WRITE, WRITE_ONCE, WRITE_EXT, WRITE_MULTIPLE, WRITE_MULTIPLE_EXT, WRITE_VERIFY = 0x30, 0x31, 0x34, 0xC5, 0x39, 0x3C
VERIFY, VERIFY_ONCE, VERIFY_EXT, SEEK, RECALIBRATE = 0x40, 0x41, 0x42, 0x70, 0x10
NATIVE_MAX, NATIVE_MAX_EXT, INITIALISE, SET_MULTIPLE = 0xF8, 0x27, 0x91, 0xC6
FLUSH, FLUSH_EXT, IDENTIFY, SET_FEATURES, NOP = 0xE7, 0xEA, 0xEC, 0xEF, 0x00
STANDBY_NOW, IDLE_NOW, STANDBY, IDLE, CHECK_POWER, SLEEP = 0xE0, 0xE1, 0xE2, 0xE3, 0xE5, 0xE6


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DiskRig]:
    rig = DiskRig(tmp_path, SECTORS)
    yield rig
    rig.close()


class HugeBlock:
    """Sectors that hold their number; nothing is stored but what was written."""

    path = Path("huge.img")
    read_only = False

    def __init__(self, sectors: int) -> None:
        self.sector_count = sectors
        self.written: dict[int, bytes] = {}

    def read(self, lba: int, count: int) -> bytes:
        if not 0 <= lba <= lba + count <= self.sector_count:
            raise ValueError
        return b"".join(self.written.get(at, struct.pack("<Q", at) * 64) for at in range(lba, lba + count))

    def write(self, lba: int, data: bytes) -> None:
        if not 0 <= lba <= lba + len(data) // 512 <= self.sector_count:
            raise ValueError
        for index in range(len(data) // 512):
            self.written[lba + index] = data[index * 512 : (index + 1) * 512]

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def huge() -> IdeRig:
    """A disk of 200 TB: more than 32 bits of sectors."""
    return IdeRig([AtaDisk(HugeBlock(400_000_000_000)), None, None, None])


# -- PIO data-in (9.7): an interrupt for each block, none at the end


@pytest.mark.parametrize("code", [READ, READ_ONCE])
def test_read_sectors(rig: DiskRig, code: int) -> None:
    assert rig.command(code, count=3, lba=100) == ASKING
    for number in range(3):
        assert rig.irq.level
        assert rig.status == ASKING and not rig.irq.level
        data = rig.read(510)
        assert not rig.irq.level and rig.alternate == ASKING
        assert data + rig.read(2) == sector(100 + number)
    assert not rig.irq.level
    assert rig.status == READY
    assert (rig.error, rig.count, rig.lba) == (0, 0, 102)
    assert rig.lights and not any(rig.lights)


def test_a_count_of_0_is_256_sectors(rig: DiskRig) -> None:
    rig.command(READ, count=0, lba=1)
    assert rig.read(256 * 512) == b"".join(map(sector, range(1, 257)))
    assert rig.status == READY
    rig.command(WRITE, count=0, lba=300)
    rig.write(b"".join(map(sector, range(256))))
    assert rig.status == READY
    assert rig.on_disk(299, 258) == sector(299) + b"".join(map(sector, range(256))) + sector(556)


def test_a_command_in_the_middle_of_a_transfer_ends_it(rig: DiskRig) -> None:
    rig.command(READ, count=5, lba=100)
    rig.read(100)
    assert rig.command(READ, count=1, lba=7) == ASKING
    assert rig.read(512) == sector(7)
    rig.command(WRITE, count=2, lba=20)
    rig.write(b"x" * 1000)
    assert rig.command(FLUSH) == READY
    assert rig.on_disk(20, 2) == b"x" * 512 + sector(21), "half a sector is not written"


# -- PIO data-out (9.8): no interrupt before the first block, one after each


@pytest.mark.parametrize("code", [WRITE, WRITE_ONCE, WRITE_VERIFY])
def test_write_sectors(rig: DiskRig, code: int) -> None:
    assert rig.command(code, count=2, lba=50) == ASKING
    assert not rig.irq.level
    rig.write(b"a" * 510)
    assert not rig.irq.level
    rig.write(b"a" * 2)
    assert rig.irq.level
    assert rig.status == ASKING and not rig.irq.level
    rig.write(b"b" * 512)
    assert rig.irq.level
    assert rig.status == READY and not rig.irq.level
    assert (rig.error, rig.count, rig.lba) == (0, 0, 51)
    assert rig.on_disk(49, 4) == sector(49) + b"a" * 512 + b"b" * 512 + sector(52)
    assert rig.lights == [True, True]


# -- Addresses


def test_chs_addresses(rig: DiskRig) -> None:
    heads, sectors = rig.disk.geometry[1:]
    for cylinder, head, number in ((0, 0, 1), (0, 0, 63), (0, 1, 1), (7, 3, 63), (7, 0, 1)):
        rig.command_chs(READ, 1, cylinder, head, number)
        assert rig.read(512) == sector((cylinder * heads + head) * sectors + number - 1)
        assert rig.chs == (cylinder, head, number)


def test_chs_transfers_cross_tracks_and_cylinders(rig: DiskRig) -> None:
    rig.command_chs(READ, 4, 0, 3, 62)
    first = 3 * 63 + 61
    assert rig.read(4 * 512) == b"".join(map(sector, range(first, first + 4)))
    assert rig.chs == (1, 0, 2)
    assert rig.count == 0


@pytest.mark.parametrize("code", [READ, WRITE, VERIFY, SEEK])
@pytest.mark.parametrize("place", [(0, 0, 0), (0, 0, 64), (0, 4, 1), (8, 0, 1), (65535, 3, 63)])
def test_chs_addresses_that_there_are_not(rig: DiskRig, code: int, place: tuple[int, int, int]) -> None:
    assert rig.command_chs(code, 1, *place) == FAILED
    assert rig.irq.level
    assert rig.error == IDNF
    assert rig.chs == place


def test_initialize_device_parameters_changes_chs_addresses(rig: DiskRig) -> None:
    assert rig.command_chs(INITIALISE, 17, 0, 14, 0) == READY  # 15 heads, 17 sectors
    rig.command_chs(READ, 1, 3, 14, 17)
    assert rig.read(512) == sector((3 * 15 + 14) * 17 + 16)
    words = rig.identify()
    assert words[1:7:2] == [8, 4, 0] and words[6] == 63, "the default translation stays as it was"
    assert words[54:59] == [SECTORS // 255, 15, 17, SECTORS // 255 * 255, 0]
    rig.control(SRST)
    rig.control(0)
    assert rig.identify()[55:57] == [15, 17], "a software reset leaves it alone"
    rig.controller.reset(ResetKind.BUS)
    assert rig.identify()[55:57] == [4, 63]
    assert rig.command_chs(INITIALISE, 0, 0, 3, 0) == FAILED
    assert rig.error == ABRT
    assert rig.identify()[55:57] == [4, 63]


@pytest.mark.parametrize("code", [READ, READ_ONCE, WRITE, VERIFY, SEEK])
@pytest.mark.parametrize("lba", [SECTORS, SECTORS + 1, 0x0FFFFFFF])
def test_lba_beyond_the_end(rig: DiskRig, code: int, lba: int) -> None:
    assert rig.command(code, count=1, lba=lba) == FAILED
    assert rig.irq.level
    assert (rig.error, rig.lba) == (IDNF, lba)
    assert rig.read(2) == b"\xff\xff"
    assert rig.command(READ, count=1, lba=SECTORS - 1) == ASKING
    assert rig.error == 0


def test_a_read_that_runs_over_the_end(rig: DiskRig) -> None:
    rig.command(READ, count=4, lba=SECTORS - 2)
    assert rig.read(1024) == sector(SECTORS - 2) + sector(SECTORS - 1)
    assert rig.irq.level
    assert rig.status == FAILED
    assert (rig.error, rig.lba, rig.count) == (IDNF, SECTORS, 2)


def test_a_write_that_runs_over_the_end(rig: DiskRig) -> None:
    rig.command(WRITE, count=4, lba=SECTORS - 2)
    rig.write(b"z" * 2048)
    assert rig.status == FAILED
    assert (rig.error, rig.lba, rig.count) == (IDNF, SECTORS, 2)
    assert rig.on_disk(SECTORS - 2, 4) == b"z" * 1024
    assert rig.path.stat().st_size == SECTORS * 512


def test_48_bit_addresses(huge: IdeRig) -> None:
    lba = 0x5D_1234_5678
    assert huge.command_ext(READ_EXT, 2, lba) == ASKING
    assert huge.read(1024) == struct.pack("<Q", lba) * 64 + struct.pack("<Q", lba + 1) * 64
    assert (huge.lba_ext, huge.count) == (lba + 1, 0)
    assert huge.command_ext(WRITE_EXT, 1, lba) == ASKING
    huge.write(b"w" * 512)
    assert huge.status == READY
    assert huge.command_ext(VERIFY_EXT, 1, lba) == READY
    huge.command_ext(READ_EXT, 1, lba)
    assert huge.read(512) == b"w" * 512
    assert huge.command_ext(READ_EXT, 1, 400_000_000_000) == FAILED
    assert (huge.error, huge.lba_ext) == (IDNF, 400_000_000_000)


def test_48_bit_counts(huge: IdeRig) -> None:
    huge.command_ext(READ_EXT, 0x0102, 5)
    assert huge.read(0x0102 * 512)[-8:] == struct.pack("<Q", 5 + 0x0101)
    assert huge.status == READY
    assert huge.command_ext(VERIFY_EXT, 0, 0) == READY  # 65536 sectors
    assert huge.lba_ext == 65535
    huge.command_ext(WRITE_EXT, 0, 9)
    huge.write(bytes(512))
    assert huge.alternate == ASKING
    assert huge.count == 0xFF  # 65535 left
    huge.control(0x80)
    assert huge.count == 0xFF


def test_28_bit_commands_reach_what_28_bits_can(huge: IdeRig) -> None:
    huge.command(READ, count=2, lba=0x0FFFFFFF)
    assert huge.read(1024)[-8:] == struct.pack("<Q", 0x10000000)
    assert huge.status == READY


def test_read_native_max_address(rig: DiskRig, huge: IdeRig) -> None:
    assert rig.command(NATIVE_MAX) == READY
    assert rig.irq.level
    assert rig.lba == SECTORS - 1
    assert rig.command_ext(NATIVE_MAX_EXT, 0, 0) == READY
    assert rig.lba_ext == SECTORS - 1
    huge.command(NATIVE_MAX)
    assert huge.lba == 0x0FFFFFFF
    huge.command_ext(NATIVE_MAX_EXT, 0, 0)
    assert huge.lba_ext == 399_999_999_999


# -- READ and WRITE MULTIPLE


@pytest.mark.parametrize("code", [READ_MULTIPLE, WRITE_MULTIPLE, READ_MULTIPLE_EXT, WRITE_MULTIPLE_EXT])
def test_multiple_commands_abort_until_set_multiple(rig: DiskRig, code: int) -> None:
    for multiple, possible in ((None, False), (4, True), (0, False), (8, True), (3, False), (16, True), (32, False)):
        if multiple is not None:
            rig.command(SET_MULTIPLE, count=multiple)
        assert rig.command(code, count=1) == (ASKING if possible else FAILED)
        assert rig.error == (0 if possible else ABRT)


@pytest.mark.parametrize("multiple", [1, 2, 4, 8, 16])
def test_set_multiple_mode(rig: DiskRig, multiple: int) -> None:
    assert rig.identify()[59] == 0
    assert rig.command(SET_MULTIPLE, count=multiple) == READY
    assert rig.identify()[59] == 0x0100 | multiple


@pytest.mark.parametrize("multiple", [3, 5, 12, 17, 32, 255])
def test_block_sizes_that_there_are_not(rig: DiskRig, multiple: int) -> None:
    assert rig.command(SET_MULTIPLE, count=multiple) == FAILED
    assert rig.error == ABRT
    assert rig.identify()[59] == 0


@pytest.mark.parametrize("extended", [False, True])
def test_read_multiple_has_an_interrupt_a_block(rig: DiskRig, extended: bool) -> None:
    rig.command(SET_MULTIPLE, count=8)
    assert rig.status == READY
    before = rig.irq.edges
    if extended:
        rig.command_ext(READ_MULTIPLE_EXT, 19, 30)
    else:
        rig.command(READ_MULTIPLE, count=19, lba=30)
    for first, count in ((30, 8), (38, 8), (46, 3)):
        assert rig.status == ASKING
        assert rig.read(count * 512) == b"".join(map(sector, range(first, first + count)))
    assert rig.irq.edges - before == 3
    assert rig.status == READY
    assert (rig.lba, rig.count) == (48, 0) if not extended else rig.lba_ext == 48


@pytest.mark.parametrize("extended", [False, True])
def test_write_multiple_has_an_interrupt_a_block(rig: DiskRig, extended: bool) -> None:
    rig.command(SET_MULTIPLE, count=4)
    assert rig.status == READY
    before = rig.irq.edges
    if extended:
        rig.command_ext(WRITE_MULTIPLE_EXT, 9, 30)
    else:
        rig.command(WRITE_MULTIPLE, count=9, lba=30)
    for count in (4, 4, 1):
        assert rig.status == ASKING
        rig.write(b"m" * 512 * count)
    assert rig.irq.edges - before == 3
    assert rig.status == READY
    assert rig.on_disk(29, 11) == sector(29) + b"m" * 9 * 512 + sector(39)


def test_multiple_blocks_at_the_end_of_the_disk(rig: DiskRig) -> None:
    rig.command(SET_MULTIPLE, count=4)
    rig.command(READ_MULTIPLE, count=8, lba=SECTORS - 6)
    assert rig.read(4 * 512) == b"".join(map(sector, range(SECTORS - 6, SECTORS - 2)))
    assert rig.status == FAILED
    assert (rig.error, rig.lba) == (IDNF, SECTORS)
    rig.command(READ_MULTIPLE, count=6, lba=SECTORS - 6)
    assert rig.read(6 * 512)[-512:] == sector(SECTORS - 1)
    assert rig.status == READY


# -- Commands without data (9.9)


@pytest.mark.parametrize("code", [VERIFY, VERIFY_ONCE])
def test_read_verify(rig: DiskRig, code: int) -> None:
    assert rig.command(code, count=200, lba=100) == READY
    assert rig.irq.level
    assert (rig.status, rig.error, rig.count, rig.lba) == (READY, 0, 0, 299)
    assert rig.command(code, count=2, lba=SECTORS - 1) == FAILED
    assert (rig.error, rig.lba) == (IDNF, SECTORS)


@pytest.mark.parametrize("code", [RECALIBRATE, 0x1F, SEEK, 0x7F, FLUSH, FLUSH_EXT, IDLE_NOW, 0x95, STANDBY, 0x96])
def test_commands_that_just_end(rig: DiskRig, code: int) -> None:
    assert rig.command(code) == READY
    assert rig.irq.level
    assert (rig.status, rig.error) == (READY, 0)
    assert not rig.irq.level


# NOP always aborts; packets, SMART, security, the host protected area and the rest are not offered.
@pytest.mark.parametrize("code", [NOP, 0x08, 0x26, 0x36, 0xA0, 0xA1, 0xB0, 0xC7, 0xCC, 0xF1, 0xF9, 0x22, 0x50, 0xFF])
def test_commands_that_abort(rig: DiskRig, code: int) -> None:
    assert rig.command(code, count=1) == FAILED
    assert rig.irq.level
    assert (rig.status, rig.error) == (FAILED, ABRT)
    assert not rig.irq.level
    assert rig.command(FLUSH) == READY
    assert rig.error == 0


def test_every_command_code_ends_ready_or_asking(rig: DiskRig) -> None:
    for code in range(256):
        if code not in (SLEEP, 0x99):
            status = rig.command(code, count=1, lba=1)
            assert status in (READY, ASKING, FAILED), f"{code:02x}"
            assert bool(status & ERR) == (rig.error not in (0, 1)), f"{code:02x}"


# -- SET FEATURES


@pytest.mark.parametrize(
    ("features", "count", "good"),
    [
        (0x02, 0, True),
        (0x82, 0, True),
        (0x03, 0x00, True),
        (0x03, 0x01, True),
        (0x03, 0x02, False),
        (0x03, 0x08, True),
        (0x03, 0x0C, True),
        (0x03, 0x0D, False),
        (0x03, 0x20, True),
        (0x03, 0x22, True),
        (0x03, 0x23, False),
        (0x03, 0x42, True),
        (0x03, 0x43, False),
        (0x03, 0x10, False),
        (0x03, 0xFF, False),
        (0x66, 0, True),
        (0xCC, 0, True),
        (0x55, 0, True),
        (0xAA, 0, True),
        (0x5D, 0, False),
        (0x00, 0, False),
    ],
)
def test_set_features(rig: DiskRig, features: int, count: int, good: bool) -> None:
    assert rig.command(SET_FEATURES, features=features, count=count) == (READY if good else FAILED)
    assert rig.irq.level
    assert rig.error == (0 if good else ABRT)


def test_the_write_cache_shows_in_identify(rig: DiskRig) -> None:
    assert rig.identify()[85] & 0x20
    rig.command(SET_FEATURES, features=0x82)
    assert not rig.identify()[85] & 0x20
    assert rig.identify()[82] & 0x20
    rig.command(SET_FEATURES, features=0x02)
    assert rig.identify()[85] & 0x20


def test_the_dma_mode_shows_in_identify(rig: DiskRig) -> None:
    for mode, words in ((0x20, (0x0107, 7)), (0x22, (0x0407, 7)), (0x42, (7, 0x0407)), (0x0C, (7, 0x0407))):
        assert rig.command(SET_FEATURES, features=3, count=mode) == READY
        found = rig.identify()
        assert (found[63], found[88]) == words, "one mode of one kind; PIO modes are apart"
    rig.controller.reset(ResetKind.BUS)
    assert rig.identify()[88] == 7


@pytest.mark.parametrize("keep", [False, True])
def test_settings_over_a_software_reset(rig: DiskRig, keep: bool) -> None:
    rig.command(SET_FEATURES, features=0x66 if keep else 0xCC)
    rig.command(SET_MULTIPLE, count=8)
    rig.command(SET_FEATURES, features=0x82)
    rig.command(SET_FEATURES, features=0x03, count=0x22)
    for _ in range(2):
        rig.control(SRST)
        rig.control(0)
        words = rig.identify()
        settings = (words[59], bool(words[85] & 0x20), words[63])
        assert settings == ((0x0108, False, 0x0407) if keep else (0, True, 0x0007))
    rig.controller.reset(ResetKind.BUS)
    assert rig.identify()[59] == 0


# -- Power management


@pytest.mark.parametrize(("code", "mode"), [(STANDBY_NOW, 0), (STANDBY, 0), (IDLE_NOW, 0x80), (IDLE, 0x80), (0x94, 0)])
def test_power_modes(rig: DiskRig, code: int, mode: int) -> None:
    def power() -> int:
        assert rig.command(CHECK_POWER) == READY
        return rig.count

    assert power() == 0xFF
    assert rig.command(code, count=12) == READY
    assert power() == mode
    rig.identify()
    assert power() == mode, "the medium was not needed"
    rig.command(READ, count=1)
    assert power() == 0xFF


@pytest.mark.parametrize("code", [SLEEP, 0x99])
def test_only_a_reset_wakes_a_drive_up(rig: DiskRig, code: int) -> None:
    assert rig.command(code) == READY
    assert rig.status == READY
    assert rig.command(IDENTIFY) == BSY
    assert rig.command(CHECK_POWER) == BSY
    assert not rig.irq.level
    rig.control(SRST)
    rig.control(0)
    assert rig.status == READY
    rig.command(READ, count=1, lba=3)
    assert rig.read(512) == sector(3)


# -- IDENTIFY DEVICE


def text(words: list[int]) -> str:
    return b"".join(word.to_bytes(2, "big") for word in words).decode("ascii")


def test_identify_device(rig: DiskRig) -> None:
    assert rig.command(IDENTIFY) == ASKING
    assert rig.irq.level
    words = rig.identify()
    assert rig.status == READY and not rig.irq.level
    assert words[0] & 0x8000 == 0, "an ATA device"
    assert words[0] & 0x0040, "not removable"
    assert (words[1], words[3], words[6]) == (8, 4, 63)
    assert text(words[27:47]).rstrip() == "Bancada virtual disk"
    assert text(words[10:20]).startswith("BANCADA") and text(words[23:27]).rstrip() == "1.0"
    assert words[47] & 0xFF == 16
    assert words[48] == 1, "dword transfers"
    assert words[49] & 0x0300 == 0x0300, "LBA and DMA"
    assert words[49] & 0x0800, "IORDY, which PIO modes 3 and 4 need"
    assert words[53] & 7 == 7
    assert words[54:57] == [8, 4, 63] and words[57] | words[58] << 16 == 8 * 4 * 63
    assert words[60] | words[61] << 16 == SECTORS
    assert words[62] == 0, "no single word DMA"
    assert words[63] == words[88] == 0x0007, "modes 0 to 2 of both kinds, none chosen"
    assert words[64] & 3 == 3
    assert words[65:69] == [120] * 4
    assert words[80] & 0x10, "ATA/ATAPI-4"
    assert words[82] & 0x0008, "power management"
    assert words[83] & 0xC000 == words[84] & 0xC000 == words[87] & 0xC000 == 0x4000
    assert words[83] & 0x3400 == words[86] & 0x3400 == 0x3400, "48-bit addresses, FLUSH CACHE (EXT)"
    assert words[100] | words[101] << 16 == SECTORS and words[102:104] == [0, 0]
    assert words[255] == 0


@pytest.mark.parametrize(
    ("sectors", "geometry", "lba28"),
    [
        (2016, (8, 4, 63), 2016),
        (16383 * 16 * 63 - 1, (16382, 16, 63), 16383 * 16 * 63 - 1),
        (16383 * 16 * 63, (16383, 16, 63), 16383 * 16 * 63),
        (1 << 26, (16383, 16, 63), 1 << 26),
        ((1 << 28) - 1, (16383, 16, 63), 0x0FFFFFFF),
        (1 << 28, (16383, 16, 63), 0x0FFFFFFF),
        (400_000_000_000, (16383, 16, 63), 0x0FFFFFFF),
    ],
)
def test_identify_tells_the_capacity(sectors: int, geometry: tuple[int, int, int], lba28: int) -> None:
    rig = IdeRig([AtaDisk(HugeBlock(sectors)), None, None, None])
    words = rig.identify()
    assert (words[1], words[3], words[6]) == geometry
    assert tuple(words[54:57]) == geometry
    cylinders, heads, track = geometry
    assert words[57] | words[58] << 16 == cylinders * heads * track
    assert words[60] | words[61] << 16 == lba28
    assert sum(words[100 + index] << 16 * index for index in range(4)) == sectors


# -- The same sectors through every command


START = 80  # sectors


def read_start(rig: DiskRig, command: Callable[[int, int], int], piece: int) -> bytes:
    data = bytearray()
    for lba in range(0, START, piece):
        status = command(lba, min(piece, START - lba))
        while status & DRQ:
            data += rig.read(512)
            status = rig.status
        assert status == READY
    return bytes(data)


@pytest.mark.parametrize("piece", [1, 7, 16, 80])
def test_every_way_to_read_gives_the_same(rig: DiskRig, piece: int) -> None:
    start = rig.on_disk(0, START)
    rig.command(SET_MULTIPLE, count=16)
    ways: list[Callable[[int, int], int]] = [
        lambda lba, count: rig.command(READ, count=count, lba=lba, device=LBA),
        lambda lba, count: rig.command(READ_MULTIPLE, count=count, lba=lba),
        lambda lba, count: rig.command_ext(READ_EXT, count, lba),
        lambda lba, count: rig.command_ext(READ_MULTIPLE_EXT, count, lba),
        lambda lba, count: rig.command_chs(READ, count, lba // 252, lba // 63 % 4, lba % 63 + 1),
    ]
    for way in ways:
        assert read_start(rig, way, piece) == start


@pytest.mark.parametrize("identity", ["", "9f0c7f3e-3f0e-4c57-a6a5-0e4b6f5b2d11"])
def test_serial_numbers_follow_from_the_machine_and_not_from_the_path(tmp_path: Path, identity: str) -> None:
    def serials(folder: Path, identity: str) -> list[bytes]:
        folder.mkdir()
        disks = [make_disk(folder / f"disk{index}.img", 2016) for index in range(2)]
        with Machine(MachineConfig(identity=identity, disks=disks), free_running=False) as vm:
            drives = [drive for drive in vm.board.ide if isinstance(drive, AtaDisk)]
            return [drive.identify()[20:40] for drive in drives]

    here, moved = serials(tmp_path / "here", identity), serials(tmp_path / "elsewhere", identity)
    assert here == moved and len(set(here)) == 2, "two disks of a machine are told apart"
    assert serials(tmp_path / "other", "another machine") != here
