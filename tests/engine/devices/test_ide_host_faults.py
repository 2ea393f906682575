"""The host fails under an IDE drive: the guest gets the drive's error, a person hears the file's name, nothing raises."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.devices.ide_rig import ABRT, ASKING, FAILED, READY, UNC, CdRig, DiskRig, block, sector
from tests.engine.disks.host_faults import HostFaults

READ, READ_MULTIPLE, READ_EXT, WRITE, WRITE_MULTIPLE, VERIFY, FLUSH = 0x20, 0xC4, 0x24, 0x30, 0xC5, 0x40, 0xE7
SET_MULTIPLE = 0xC6
UNREADABLE = (3, 0x11, 0)


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


def told(rig: DiskRig | CdRig) -> list[str]:
    return [str(error) for error in rig.told]


def bad_spot(monkeypatch: pytest.MonkeyPatch, first: int, length: int) -> None:
    """Bytes of every file that the host cannot read."""
    real = os.pread

    def pread(descriptor: int, count: int, offset: int) -> bytes:
        if offset < first + length and first < offset + count:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(descriptor, count, offset)

    monkeypatch.setattr(os, "pread", pread)


# -- Hard disk


def test_a_bad_sector_in_the_middle_of_a_read(rig: DiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    bad_spot(monkeypatch, 13 * 512, 512)
    rig.command(READ, count=8, lba=10)
    assert rig.read(3 * 512) == sector(10) + sector(11) + sector(12), "what comes before it is read"
    assert rig.irq.level
    assert rig.status == FAILED
    assert (rig.error, rig.lba, rig.count) == (UNC, 13, 5)
    assert told(rig) == [f"{rig.path}: The host cannot read it: Input/output error."]
    rig.command(READ, count=8, lba=14)
    assert rig.read(8 * 512) == b"".join(map(sector, range(14, 22)))
    assert rig.status == READY
    assert rig.error == 0


def test_a_bad_sector_at_once(rig: DiskRig, host: HostFaults) -> None:
    host.fail("pread", errno.EIO)
    for code in (READ, VERIFY):
        assert rig.command(code, count=2, lba=10) == FAILED
        assert rig.irq.level
        assert (rig.error, rig.lba) == (UNC, 10)
    assert rig.command_ext(READ_EXT, 2, 10) == FAILED
    assert (rig.error, rig.lba_ext) == (UNC, 10)
    assert rig.command_chs(READ, 1, 0, 1, 1) == FAILED
    assert (rig.error, rig.chs) == (UNC, (0, 1, 1))
    assert len(rig.told) == 1, "a guest that tries again makes one message"
    host.heal()
    assert rig.command(READ, count=1, lba=10) == ASKING


def test_a_bad_sector_in_a_block_of_read_multiple(rig: DiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    bad_spot(monkeypatch, 14 * 512, 512)
    rig.command(SET_MULTIPLE, count=4)
    rig.command(READ_MULTIPLE, count=12, lba=8)
    assert rig.read(4 * 512) == b"".join(map(sector, range(8, 12)))
    assert rig.status == FAILED
    assert (rig.error, rig.lba) == (UNC, 14)


def test_verify_finds_the_bad_sector(rig: DiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    bad_spot(monkeypatch, 300 * 512, 512)
    assert rig.command(VERIFY, count=0, lba=100) == FAILED
    assert (rig.error, rig.lba, rig.count) == (UNC, 300, 56)


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_a_write_that_the_host_refuses(rig: DiskRig, host: HostFaults, number: int, full: bool) -> None:
    host.fail("pwrite", number)
    rig.command(WRITE, count=2, lba=10)
    rig.write(b"x" * 512)
    assert rig.irq.level
    assert rig.status == FAILED
    assert (rig.error, rig.lba, rig.count) == (ABRT, 10, 2)
    rig.write(b"x" * 512)
    assert told(rig) == [f"{rig.path}: The host cannot write it: {os.strerror(number)}."]
    assert rig.told[0].full == full
    assert rig.lights == []
    host.heal()
    rig.command(WRITE, count=2, lba=10)
    rig.write(b"x" * 1024)
    assert rig.status == READY
    assert rig.on_disk(9, 4) == sector(9) + b"x" * 1024 + sector(12)


def test_a_disk_that_fills_up_names_the_sector(rig: DiskRig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        if offset >= 12 * 512:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    rig.command(WRITE, count=8, lba=10)
    rig.write(b"x" * 3 * 512)
    assert rig.status == FAILED
    assert (rig.error, rig.lba, rig.count) == (ABRT, 12, 6)
    assert rig.on_disk(10, 3) == b"x" * 1024 + sector(12)


def test_a_flush_that_fails(rig: DiskRig, host: HostFaults) -> None:
    host.fail("fsync", errno.EIO)
    assert rig.command(FLUSH) == FAILED
    assert rig.irq.level
    assert rig.error == ABRT
    assert told(rig) == [f"{rig.path}: The host cannot write it: Input/output error."]
    host.heal()
    assert rig.command(FLUSH) == READY


def test_an_image_cut_while_the_machine_runs(rig: DiskRig) -> None:
    os.truncate(rig.path, 12 * 512)
    rig.command(READ, count=4, lba=10)
    assert rig.read(1024) == sector(10) + sector(11)
    assert rig.status == FAILED
    assert (rig.error, rig.lba) == (UNC, 12)
    assert told(rig) == [f"{rig.path}: The file became shorter while it was in use."]
    rig.command(WRITE, count=1, lba=12)
    rig.write(b"n" * 512)
    assert rig.status == READY
    rig.command(READ, count=1, lba=12)
    assert rig.read(512) == b"n" * 512


def test_an_image_deleted_while_the_machine_runs_goes_on(rig: DiskRig) -> None:
    rig.path.unlink()
    rig.command(WRITE, count=1, lba=5)
    rig.write(b"u" * 512)
    rig.command(READ, count=1, lba=5)
    assert rig.read(512) == b"u" * 512
    assert rig.command(FLUSH) == READY
    assert not rig.told


def check_read_only(rig: DiskRig) -> None:
    for _ in range(3):
        assert rig.command(WRITE, count=1, lba=5) == FAILED
        assert rig.irq.level
        assert (rig.error, rig.lba) == (ABRT, 5)
        rig.write(b"x" * 512)
        rig.command(SET_MULTIPLE, count=4)
        assert rig.command(WRITE_MULTIPLE, count=1, lba=5) == FAILED
    assert rig.on_disk(5) == sector(5)
    assert told(rig) == [f"{rig.path}: The image is read-only, and the guest wants to write to it."]
    rig.command(READ, count=1, lba=5)
    assert rig.read(512) == sector(5)
    assert rig.command(FLUSH) == READY


def test_a_read_only_disk(tmp_path: Path) -> None:
    rig = DiskRig(tmp_path, read_only=True)
    check_read_only(rig)
    rig.close()


def test_a_disk_whose_file_may_not_be_written(tmp_path: Path, host: HostFaults) -> None:
    real = os.open

    def opening(path: Any, flags: int, *args: Any, **options: Any) -> int:
        if Path(path).name == "disk.img" and flags & os.O_ACCMODE == os.O_RDWR:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, flags, *args, **options)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "open", opening)
        rig = DiskRig(tmp_path)
    check_read_only(rig)
    rig.close()


# -- CD-ROM


def read_10(lba: int, count: int) -> bytes:
    return struct.pack(">BBIBHx2x", 0x28, 0, lba, 0, count)


def sense_block(rig: CdRig) -> int:
    """The block that the sense data name."""
    reply = rig.packet_in(bytes((0x03, 0, 0, 0, 18)))
    assert reply[0] == 0xF0, "valid information"
    assert (reply[2], reply[12], reply[13]) == UNREADABLE
    block_number: int = struct.unpack_from(">I", reply, 3)[0]
    return block_number


def test_a_bad_block_of_a_cd(cd: CdRig, monkeypatch: pytest.MonkeyPatch) -> None:
    bad_spot(monkeypatch, 13 * 2048, 2048)
    cd.packet(read_10(10, 8))
    assert b"".join(cd.pieces()) == block(10) + block(11) + block(12)
    assert cd.status == FAILED
    assert cd.error == 0x30 | ABRT
    assert sense_block(cd) == 13
    assert told(cd) == [f"{cd.path}: The host cannot read it: Input/output error."]
    assert cd.packet_in(read_10(14, 4)) == b"".join(map(block, range(14, 18)))
    assert cd.packet_fails(struct.pack(">BBIBH3x", 0x2F, 0, 10, 0, 8)) == UNREADABLE
    raw = struct.pack(">BBI", 0xBE, 0, 13) + bytes((0, 0, 1, 0xF8, 0, 0))
    assert cd.packet_fails(raw) == UNREADABLE
    assert len(cd.told) == 1


def test_a_cd_image_cut_while_the_machine_runs(cd: CdRig) -> None:
    os.truncate(cd.path, 12 * 2048 + 5)
    cd.packet(read_10(10, 4))
    assert b"".join(cd.pieces()) == block(10) + block(11)
    assert cd.status == FAILED
    assert sense_block(cd) == 12
    assert told(cd) == [f"{cd.path}: The file became shorter while it was in use."]
    assert cd.packet_in(bytes((0x25,))) == struct.pack(">II", 399, 2048)


def test_a_cd_image_deleted_while_the_machine_runs_goes_on(cd: CdRig) -> None:
    cd.path.unlink()
    assert cd.packet_in(read_10(399, 1)) == block(399)
    assert not cd.told
