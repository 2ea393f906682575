"""The bus master of an IDE channel (82371SB data sheet, 2.7), and DMA commands of both kinds of drives."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.devices.device import ResetKind
from engine.devices.ide_controller import State
from engine.errors import StateError
from tests.engine.devices.ide_rig import (
    ABRT,
    ASKING,
    BMIC,
    BMIDTP,
    BMIS,
    DONE,
    FAILED,
    IDNF,
    NIEN,
    PRD_TABLE,
    READY,
    SLAVE,
    SRST,
    UNC,
    CdRig,
    DiskRig,
    block,
    sector,
)
from tests.engine.disks.host_faults import HostFaults

READ_DMA, READ_DMA_EXT, WRITE_DMA, WRITE_DMA_EXT = 0xC8, 0x25, 0xCA, 0x35
ACTIVE, ERROR, INTERRUPT = 0x01, 0x02, 0x04
BUFFER = 0x10000
SECTORS = 2016


def sectors(lba: int, count: int) -> bytes:
    return b"".join(map(sector, range(lba, lba + count)))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DiskRig]:
    rig = DiskRig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def cd(tmp_path: Path) -> Iterator[CdRig]:
    rig = CdRig(tmp_path)
    yield rig
    rig.close()


# -- Registers


def test_registers_after_reset_and_what_can_be_written(rig: DiskRig) -> None:
    assert [rig.master_in(at) for at in range(8)] == [0] * 8
    rig.master_out(BMIS, 0xFF)
    assert rig.master_in(BMIS) == 0x60, "capable bits; simplex, active and the reserved ones stay clear"
    rig.master_out(BMIS, 0x20)
    assert rig.master_in(BMIS) == 0x20
    rig.master_out(BMIC, 0xFE)
    assert rig.master_in(BMIC) == 0x08
    rig.master_out(BMIDTP, 0x12345677, 4)
    assert rig.master_in(BMIDTP, 4) == 0x12345674
    rig.master_out(BMIDTP + 1, 0xAB)
    rig.master_out(BMIDTP + 2, 0xCDEF, 2)
    assert [rig.master_in(BMIDTP, 4), rig.master_in(BMIDTP + 2, 2)] == [0xCDEFAB74, 0xCDEF]
    rig.master_out(1, 0xFF)
    rig.master_out(3, 0xFF)
    assert [rig.master_in(1), rig.master_in(3)] == [0, 0]
    rig.channel = 1
    assert [rig.master_in(at) for at in range(8)] == [0] * 8, "each channel has its own"


def test_accesses_wider_than_a_register(rig: DiskRig) -> None:
    rig.table((BUFFER, 512))
    rig.command(READ_DMA, count=1, lba=7)
    rig.master_out(BMIC, 0x00260009, 4)  # status and start together
    assert rig.master_in(BMIC, 4) == 0x00240009
    assert rig.memory.read(BUFFER, 512) == sector(7)
    rig.channel = 1
    assert rig.master_in(BMIDTP + 3, 4) & 0xFFFFFF00 == 0xFFFFFF00, "nobody is behind the last register"
    rig.master_out(BMIDTP + 3, 0xFFFFFF11, 4)
    assert rig.master_in(BMIDTP, 4) == 0x11000000


@pytest.mark.parametrize(
    ("kind", "command", "status", "table"),
    [
        (ResetKind.SOFT, 9, 0x24, PRD_TABLE),
        (ResetKind.BUS, 0, 0, 0),
        (ResetKind.POWER_ON, 0, 0, 0),
    ],
)
def test_resets(rig: DiskRig, kind: ResetKind, command: int, status: int, table: int) -> None:
    rig.master_out(BMIS, 0x20)
    rig.table((BUFFER, 512))
    rig.command(READ_DMA, count=1)
    rig.master_out(BMIC, 9)
    rig.controller.reset(kind)
    assert (rig.master_in(BMIC), rig.master_in(BMIS), rig.master_in(BMIDTP, 4)) == (command, status, table)


# -- Disks


@pytest.mark.parametrize("code", [READ_DMA, READ_DMA + 1])
def test_reading(rig: DiskRig, code: int) -> None:
    rig.table((BUFFER, 1024))
    assert rig.command(code, count=2, lba=100) == ASKING
    assert not rig.irq.level and rig.memory.read(BUFFER, 4) == bytes(4), "nothing before the master is started"
    assert rig.start() == INTERRUPT
    assert rig.irq.level
    assert rig.memory.read(BUFFER, 1026) == sectors(100, 2) + bytes(2)
    assert (rig.status, rig.error, rig.lba, rig.count) == (READY, 0, 101, 0)
    assert not rig.irq.level
    assert rig.master_in(BMIS) == INTERRUPT, "that is cleared by software"
    assert rig.lights == [False]


@pytest.mark.parametrize("code", [WRITE_DMA, WRITE_DMA + 1])
def test_writing(rig: DiskRig, code: int) -> None:
    rig.memory.write(BUFFER, b"a" * 512 + b"b" * 512)
    rig.table((BUFFER, 1024))
    assert rig.command(code, count=2, lba=100) == ASKING
    assert not rig.irq.level
    assert rig.start(to_memory=False) == INTERRUPT
    assert rig.irq.level
    assert rig.status == READY
    assert rig.on_disk(99, 4) == sector(99) + b"a" * 512 + b"b" * 512 + sector(102)
    assert rig.lights == [True]


def test_48_bit_addresses_and_long_transfers(rig: DiskRig) -> None:
    data = os.urandom(600 * 512)
    regions = [(BUFFER + at, min(0x10000, len(data) - at)) for at in range(0, len(data), 0x10000)]
    rig.table(*regions)
    rig.memory.write(BUFFER, data)
    rig.command_ext(WRITE_DMA_EXT, 600, 1000)
    assert rig.start(to_memory=False) == INTERRUPT
    assert (rig.status, rig.lba_ext) == (READY, 1599)
    assert rig.on_disk(999, 602) == sector(999) + data + sector(1600)
    rig.memory.write(BUFFER, bytes(len(data)))
    rig.command_ext(READ_DMA_EXT, 600, 1000)
    assert rig.start() == INTERRUPT
    assert rig.status == READY
    assert rig.memory.read(BUFFER, len(data)) == data


def test_chs_addresses(rig: DiskRig) -> None:
    rig.table((BUFFER, 512))
    rig.command_chs(READ_DMA, 1, 2, 1, 5)
    assert rig.start() == INTERRUPT
    assert rig.memory.read(BUFFER, 512) == sector((2 * 4 + 1) * 63 + 4)


def test_the_master_may_be_started_before_the_command(rig: DiskRig) -> None:
    rig.table((BUFFER, 512))
    assert rig.start() == ACTIVE
    rig.command(READ_DMA, count=1, lba=3)
    assert rig.master_in(BMIS) == INTERRUPT
    assert rig.memory.read(BUFFER, 512) == sector(3)


def test_the_second_drive(tmp_path: Path) -> None:
    rig = DiskRig(tmp_path, slave=True)
    rig.table((BUFFER, 512))
    rig.command(READ_DMA, count=1, lba=3, device=0x40 | SLAVE)
    assert rig.start() == INTERRUPT
    assert rig.memory.read(BUFFER, 512) == sector(3)
    assert rig.drives[0] is not None and rig.drives[0].state.task.command == 0
    rig.close()


def test_the_data_register_is_out_of_it(rig: DiskRig) -> None:
    rig.command(READ_DMA, count=1, lba=3)
    assert rig.read(512) == b"\xff" * 512
    rig.table((BUFFER, 512))
    rig.start()
    assert rig.memory.read(BUFFER, 512) == sector(3)
    rig.command(WRITE_DMA, count=1, lba=3)
    rig.write(b"x" * 512)
    assert rig.on_disk(3) == sector(3)
    assert rig.alternate == ASKING


def test_what_lies_beyond_the_end_of_the_disk(rig: DiskRig) -> None:
    rig.table((BUFFER, 2048))
    assert rig.command(READ_DMA, count=1, lba=SECTORS) == FAILED
    assert (rig.status, rig.error) == (FAILED, IDNF)
    rig.command(READ_DMA, count=4, lba=SECTORS - 2)
    assert rig.start() == INTERRUPT | ACTIVE
    assert (rig.status, rig.error, rig.lba, rig.count) == (FAILED, IDNF, SECTORS, 2)
    assert rig.memory.read(BUFFER, 1026) == sectors(SECTORS - 2, 2) + bytes(2)
    rig.command(WRITE_DMA, count=4, lba=SECTORS - 1)
    assert rig.start(to_memory=False) == INTERRUPT | ACTIVE
    assert (rig.status, rig.error, rig.lba, rig.count) == (FAILED, IDNF, SECTORS, 3)
    assert rig.on_disk(SECTORS - 1) == sector(SECTORS - 2), "what was read before"


# -- Tables


def test_regions_are_filled_in_turn(rig: DiskRig) -> None:
    rig.table((0x20000, 2), (0x30000, 1022), (0x40002, 510), (0x50000, 514), at=0x1FFC)
    rig.command(READ_DMA, count=4, lba=8)
    assert rig.start() == INTERRUPT
    read = rig.memory.read
    assert read(0x20000, 4) == sector(8)[:2] + bytes(2)
    assert read(0x30000, 1022) + read(0x40002, 510) + read(0x50000, 514) == sectors(8, 4)[2:]


def test_bit_0_of_address_and_length_is_not_there(rig: DiskRig) -> None:
    rig.table((0x20001, 513), (0x30000, 1))
    rig.command(READ_DMA, count=1, lba=8)
    assert rig.start() == INTERRUPT | ACTIVE
    assert rig.memory.read(0x20000, 512) == sector(8)
    rig.master_out(BMIC, 0)
    rig.table((0x20001, 1))
    rig.command(READ_DMA, count=128, lba=8)
    assert rig.start() == INTERRUPT, "a length of 1 is 0, and that is 64 KiB"


def test_a_length_of_0_is_64_kib(rig: DiskRig) -> None:
    rig.table((0x20000, 0), (0x40000, 512))
    rig.command(READ_DMA, count=129, lba=8)
    assert rig.start() == INTERRUPT
    assert rig.memory.read(0x20000, 0x10002) == sectors(8, 128) + bytes(2)
    assert rig.memory.read(0x40000, 512) == sector(136)


def test_a_table_that_holds_more_than_the_drive_has(rig: DiskRig) -> None:
    rig.table((BUFFER, 1024))
    rig.command(READ_DMA, count=1, lba=8)
    assert rig.start() == INTERRUPT | ACTIVE
    assert rig.memory.read(BUFFER, 514) == sector(8) + bytes(2)
    rig.command(READ_DMA, count=1, lba=9)
    assert rig.memory.read(BUFFER, 1024) == sectors(8, 2), "it is still active"
    assert rig.master_in(BMIS) == INTERRUPT
    rig.table((BUFFER, 512), (BUFFER, 512))
    rig.command(READ_DMA, count=1, lba=8)
    rig.master_out(BMIC, 0)
    assert rig.start() == INTERRUPT | ACTIVE, "a whole region more"
    rig.master_out(BMIC, 0)
    assert rig.master_in(BMIS) == INTERRUPT


def test_a_table_that_holds_less_than_the_drive_has(rig: DiskRig) -> None:
    rig.table((BUFFER, 512))
    rig.command(READ_DMA, count=2, lba=8)
    assert rig.start() == 0, "no interrupt, not active"
    assert not rig.irq.level and rig.alternate == ASKING
    assert rig.memory.read(BUFFER, 514) == sector(8) + bytes(2)
    rig.master_out(BMIC, 9)
    assert rig.master_in(BMIS) == 0, "it was started before: no edge"
    rig.control(SRST)
    rig.control(0)
    assert rig.alternate == READY
    rig.master_out(BMIC, 0)
    rig.command(READ_DMA, count=1, lba=8)
    assert rig.start() == INTERRUPT


def test_the_wrong_direction_moves_nothing(rig: DiskRig) -> None:
    rig.table((BUFFER, 512))
    rig.command(READ_DMA, count=1, lba=8)
    assert rig.start(to_memory=False) == ACTIVE
    assert rig.memory.read(BUFFER, 512) == bytes(512)
    rig.master_out(BMIC, 0)
    rig.command(WRITE_DMA, count=1, lba=8)
    assert rig.start() == ACTIVE
    assert rig.on_disk(8) == sector(8)


def test_a_stop_loses_the_place_in_the_table(rig: DiskRig) -> None:
    rig.table((BUFFER, 512), (0x20000, 512))
    rig.start()
    rig.command(READ_DMA, count=1, lba=8)
    rig.master_out(BMIC, 0)
    rig.command(READ_DMA, count=1, lba=9)
    assert rig.start() == INTERRUPT | ACTIVE
    assert rig.memory.read(BUFFER, 512) == sector(9)
    assert rig.memory.read(0x20000, 512) == bytes(512)


@pytest.mark.parametrize("address", [0x000FFE00, 0x00100000, 0x80000000, 0xFEE00000])
def test_regions_where_nothing_is(rig: DiskRig, address: int) -> None:
    rig.table((address, 4096))
    rig.command(READ_DMA, count=8, lba=8)
    assert rig.start() == INTERRUPT
    if address < 0x100000:
        assert rig.memory.read(address, 512) == sector(8)
    rig.master_out(BMIC, 0)
    rig.command(WRITE_DMA, count=8, lba=200)
    assert rig.start(to_memory=False) == INTERRUPT
    assert rig.on_disk(201, 7) == b"\xff" * 7 * 512


def test_a_region_goes_on_at_0_after_4_gib(rig: DiskRig) -> None:
    rig.table((0xFFFFFE00, 1024))
    rig.command(READ_DMA, count=2, lba=8)
    assert rig.start() == INTERRUPT
    assert rig.memory.read(0, 512) == sector(9)


@pytest.mark.parametrize("table", [0x100000, 0xFFFFFFFC, 0xFEC00000])
def test_a_table_where_nothing_is(rig: DiskRig, table: int) -> None:
    """One descriptor of ones: EOT, an address where nothing is, and 65534 bytes."""
    rig.master_out(BMIDTP, table, 4)
    rig.command(READ_DMA, count=128, lba=8)
    assert rig.start() == 0
    rig.command(READ_DMA, count=1, lba=8)
    rig.master_out(BMIC, 0)
    assert rig.start() == INTERRUPT | ACTIVE


def test_a_table_goes_on_at_the_start_of_its_64_kib(rig: DiskRig) -> None:
    rig.table((0x20000, 512), at=0x1FFF8, end=False)
    rig.memory.write(0x10000, struct.pack("<II", 0x30000, 0x80000200))
    rig.command(READ_DMA, count=2, lba=8)
    assert rig.start() == INTERRUPT
    assert rig.memory.read(0x20000, 512) + rig.memory.read(0x30000, 512) == sectors(8, 2)


def test_a_table_without_an_end_is_given_up(rig: DiskRig) -> None:
    rig.memory.write(0x10000, struct.pack("<II", 0x30000, 2) * 8192)
    rig.master_out(BMIDTP, 0x10000, 4)
    rig.command(READ_DMA, count=33, lba=8)
    assert rig.start() == 0
    assert rig.memory.read(0x30000, 2) == sector(39)[-2:], "it has moved 2 bytes for each of 8192 descriptors"
    assert rig.alternate == ASKING


def test_pci_bus_mastering_off_holds_the_transfer(rig: DiskRig) -> None:
    rig.is_master = False
    rig.table((BUFFER, 512))
    rig.command(READ_DMA, count=1, lba=8)
    assert rig.start() == ACTIVE
    assert rig.memory.read(BUFFER, 512) == bytes(512)
    rig.is_master = True
    rig.controller.may_reach_memory()
    assert rig.master_in(BMIS) == INTERRUPT
    assert rig.memory.read(BUFFER, 512) == sector(8)


# -- Interrupts


def test_the_interrupt_bit_follows_the_edge_of_the_line(rig: DiskRig) -> None:
    rig.command(0xE7)  # FLUSH CACHE: it need not be DMA
    assert rig.master_in(BMIS) == INTERRUPT
    rig.master_out(BMIS, INTERRUPT)
    assert rig.master_in(BMIS) == 0 and rig.irq.level, "cleared while the line is still active"
    rig.command(0xE7)
    assert rig.master_in(BMIS) == INTERRUPT
    rig.master_out(BMIS, ERROR)
    assert rig.master_in(BMIS) == INTERRUPT
    assert rig.status == READY
    assert rig.master_in(BMIS) == INTERRUPT


def test_nien_holds_the_line_and_the_bit(rig: DiskRig) -> None:
    rig.control(NIEN)
    rig.table((BUFFER, 512))
    rig.command(READ_DMA, count=1, lba=8)
    assert rig.start() == 0
    assert not rig.irq.level and rig.alternate == READY
    assert rig.memory.read(BUFFER, 512) == sector(8)
    rig.control(0)
    assert rig.irq.level and rig.master_in(BMIS) == INTERRUPT


def test_channels_do_not_disturb_each_other(cd: CdRig) -> None:
    cd.channel = 0
    assert cd.start() == ACTIVE, "nobody is on the cable"
    cd.channel = 1
    cd.table((BUFFER, 2048))
    cd.packet(read_10(5, 1), dma=True)
    assert cd.start() == INTERRUPT
    cd.channel = 0
    assert cd.master_in(BMIS) == ACTIVE and not cd.irq.level


# -- CD-ROM


def read_10(lba: int, count: int) -> bytes:
    return struct.pack(">BBIBHx2x", 0x28, 0, lba, 0, count)


@pytest.mark.parametrize(
    "packet", [read_10(5, 70), struct.pack(">BBII2x", 0xA8, 0, 5, 70), bytes.fromhex("be0000000005000046100000")]
)
def test_reading_a_cd(cd: CdRig, packet: bytes) -> None:
    cd.table((0x10000, 0), (0x20000, 0), (0x30000, 70 * 2048 - 0x20000))
    assert cd.packet(packet, dma=True) == ASKING
    assert not cd.irq.level
    assert cd.start() == INTERRUPT
    cd.done()
    assert cd.count == DONE
    assert cd.memory.read(0x10000, 70 * 2048) == b"".join(map(block, range(5, 75)))


def test_a_short_reply_by_dma(cd: CdRig) -> None:
    cd.table((BUFFER, 36))
    cd.packet(bytes((0x12, 0, 0, 0, 36)), dma=True)
    assert cd.start() == INTERRUPT
    cd.done()
    assert cd.memory.read(BUFFER + 8, 7) == b"BANCADA"
    cd.table((BUFFER, 4))
    cd.packet(bytes((0x12, 0, 0, 0, 3)), dma=True)  # an odd length: words go over the cable
    cd.master_out(BMIC, 0)
    assert cd.start() == INTERRUPT
    cd.done()


def test_packets_without_data_need_no_master(cd: CdRig) -> None:
    cd.packet(bytes(12), dma=True)
    cd.done()
    cd.packet(bytes((0xFF,)), dma=True)
    assert cd.irq.level
    assert cd.status == FAILED


def test_mode_select_by_dma(cd: CdRig) -> None:
    page = bytes((0x0E, 14, 4, 0, 0, 0, 0, 75, 1, 0x40, 2, 0x50, 0, 0, 0, 0))
    cd.memory.write(BUFFER, bytes(8) + page)
    cd.table((BUFFER, 24))
    cd.packet(bytes((0x55, 0x10, 0, 0, 0, 0, 0, 0, 24)), dma=True)
    assert cd.start(to_memory=False) == INTERRUPT
    cd.done()
    assert cd.packet_in(bytes((0x5A, 0, 0x0E, 0, 0, 0, 0, 0, 24)))[8:] == page


def test_pio_and_dma_packets_in_turn(cd: CdRig) -> None:
    cd.table((BUFFER, 2048))
    assert cd.packet_in(read_10(5, 1)) == block(5)
    cd.packet(read_10(6, 1), dma=True)
    cd.start()
    cd.done()
    assert cd.memory.read(BUFFER, 2048) == block(6)
    assert cd.packet_in(read_10(7, 1)) == block(7)


# -- The host fails


def bad_spot(monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    real = os.pread

    def pread(descriptor: int, count: int, offset: int) -> bytes:
        if offset <= first < offset + count:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", pread)


def test_a_bad_sector(rig: DiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    bad_spot(monkeypatch, 13 * 512)
    rig.table((BUFFER, 8 * 512))
    rig.command(READ_DMA, count=8, lba=10)
    assert rig.start() == INTERRUPT | ACTIVE
    assert (rig.status, rig.error, rig.lba, rig.count) == (FAILED, UNC, 13, 5)
    assert rig.memory.read(BUFFER, 4 * 512) == sectors(10, 3) + bytes(512), "what comes before it is read"
    assert len(rig.told) == 1
    rig.master_out(BMIC, 0)
    rig.command(READ_DMA, count=8, lba=14)
    assert rig.start() == INTERRUPT


def test_a_host_disk_that_fills_up(rig: DiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        if offset + len(data) > 13 * 512:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    rig.memory.write(BUFFER, b"x" * 4096)
    rig.table((BUFFER, 8 * 512))
    rig.command(WRITE_DMA, count=8, lba=10)
    assert rig.start(to_memory=False) == INTERRUPT
    assert (rig.status, rig.error, rig.lba, rig.count) == (FAILED, ABRT, 13, 5)
    assert rig.on_disk(10, 4) == b"x" * 3 * 512 + sector(13)
    assert rig.told[0].full


def test_a_read_only_disk(tmp_path: Path) -> None:
    rig = DiskRig(tmp_path, read_only=True)
    rig.table((BUFFER, 512))
    assert rig.command(WRITE_DMA, count=1, lba=5) == FAILED
    assert rig.start(to_memory=False) == ACTIVE
    assert rig.error == ABRT and len(rig.told) == 1
    rig.close()


def test_a_bad_block_of_a_cd(cd: CdRig, monkeypatch: pytest.MonkeyPatch) -> None:
    bad_spot(monkeypatch, 13 * 2048)
    cd.table((BUFFER, 8 * 2048))
    cd.packet(read_10(10, 8), dma=True)
    assert cd.start() == INTERRUPT | ACTIVE
    assert (cd.status, cd.error, cd.count) == (FAILED, 0x30 | ABRT, DONE)
    assert cd.memory.read(BUFFER, 4 * 2048) == b"".join(map(block, (10, 11, 12))) + bytes(2048)
    assert cd.sense() == (3, 0x11, 0)


def test_a_host_that_fails_altogether(rig: DiskRig, host: HostFaults) -> None:
    host.fail("pread", errno.EIO)
    rig.table((BUFFER, 512))
    assert rig.command(READ_DMA, count=1, lba=5) == FAILED
    assert rig.irq.level
    assert (rig.error, rig.lba) == (UNC, 5)


# -- Saving


@pytest.mark.parametrize("used", [False, True])
def test_a_transfer_goes_on_after_loading(tmp_path: Path, used: bool) -> None:
    rig = DiskRig(tmp_path)
    rig.is_master = False
    rig.table((BUFFER, 100), (0x20000, 924))
    rig.master_out(BMIS, 0x20)
    rig.command(READ_DMA, count=2, lba=8)
    rig.master_out(BMIC, 9)
    saved = rig.controller.save()
    (tmp_path / "other").mkdir()
    other = DiskRig(tmp_path / "other")
    if used:
        other.command(0xE7)
    other.memory.write(PRD_TABLE, rig.memory.read(PRD_TABLE, 16))
    other.controller.load(saved)
    assert (other.master_in(BMIC), other.master_in(BMIS)) == (9, 0x20 | ACTIVE)
    assert other.controller.save() == saved
    other.controller.may_reach_memory()
    assert other.master_in(BMIS) == 0x20 | INTERRUPT
    assert other.memory.read(BUFFER, 100) + other.memory.read(0x20000, 924) == sectors(8, 2)
    rig.close()
    other.close()


@pytest.mark.parametrize(
    ("name", "value"), [("command", 2), ("status", 0x80), ("table", 1 << 32), ("next_prd", -1), ("left", 0x10001)]
)
def test_damaged_states_are_refused(rig: DiskRig, name: str, value: int) -> None:
    saved = rig.controller.save()
    setattr(saved.channels[0].bus_master, name, value)
    with pytest.raises(StateError):
        rig.controller.load(saved)
    saved = rig.controller.save()
    saved.channels[1].bus_master = State()  # type: ignore[assignment]
    with pytest.raises(StateError):
        rig.controller.load(saved)
