"""CD images: blocks, raw sectors, what cannot be a CD, and hosts that fail."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.disks.block_device import BlockError
from engine.disks.cd_image import CdImage
from engine.errors import MediumError
from tests.engine.disks.host_faults import HostFaults

SYNC = b"\0" + b"\xff" * 10 + b"\0"


@pytest.fixture
def iso(tmp_path: Path) -> Path:
    path = tmp_path / "cd.iso"
    path.write_bytes(b"".join(bytes([number]) * 2048 for number in range(5)))
    return path


def make_raw(path: Path, mode: int) -> Path:
    """Sectors whose data are their number; all around it is AAh."""
    skip = 24 if mode == 2 else 16
    sectors = []
    for number in range(4):
        head = (SYNC + bytes((0, 2, number, mode))).ljust(skip, b"\xaa")
        sectors.append((head + bytes([number]) * 2048).ljust(2352, b"\xaa"))
    path.write_bytes(b"".join(sectors))
    return path


def test_blocks_are_where_they_belong(iso: Path) -> None:
    image = CdImage.open(iso)
    assert (image.block_count, image.mode, image.path) == (5, 1, iso)
    assert image.read(1, 2) == b"\x01" * 2048 + b"\x02" * 2048
    assert image.read(4, 1) == b"\x04" * 2048
    assert image.read(5, 0) == b""
    image.close()


@pytest.mark.parametrize("mode", [1, 2])
def test_data_are_cut_out_of_raw_sectors(tmp_path: Path, mode: int) -> None:
    path = make_raw(tmp_path / "cd.bin", mode)
    image = CdImage.open(path)
    assert (image.block_count, image.mode) == (4, mode)
    assert image.read(0, 4) == b"".join(bytes([number]) * 2048 for number in range(4))
    assert image.read_raw(1, 2) == path.read_bytes()[2352 : 3 * 2352]
    image.close()


def test_an_incomplete_last_block_is_padded(iso: Path, tmp_path: Path) -> None:
    os.truncate(iso, 4 * 2048 + 100)
    image = CdImage.open(iso)
    assert image.block_count == 5
    assert image.read(4, 1) == b"\x04" * 100 + bytes(1948)
    image.close()
    raw = make_raw(tmp_path / "cd.bin", 1)
    os.truncate(raw, 3 * 2352 + 16 + 10)
    image = CdImage.open(raw)
    assert image.block_count == 4
    assert image.read(3, 1) == b"\x03" * 10 + bytes(2038)
    image.close()


def test_a_small_file_is_a_cd_of_one_block(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(SYNC)
    image = CdImage.open(path)
    assert image.block_count == 1
    assert image.read(0, 1) == SYNC.ljust(2048, b"\0")
    image.close()


def test_nothing_outside_of_the_cd_is_read(iso: Path) -> None:
    image = CdImage.open(iso)
    for lba, count in ((5, 1), (4, 2), (-1, 1), (0, -1)):
        with pytest.raises(ValueError, match=f"{iso}.*outside of the CD"):
            image.read(lba, count)
        with pytest.raises(ValueError, match="outside of the CD"):
            image.read_raw(lba, count)
    image.close()


def test_files_that_are_no_cd(tmp_path: Path) -> None:
    empty = tmp_path / "empty.iso"
    empty.touch()
    with pytest.raises(MediumError, match=f"{empty}: The image is empty. Choose a CD image"):
        CdImage.open(empty)
    with pytest.raises(MediumError, match="The file does not exist"):
        CdImage.open(tmp_path / "missing.iso")
    with pytest.raises(MediumError, match="This is a folder"):
        CdImage.open(tmp_path)


def test_a_cd_whose_beginning_cannot_be_read_is_refused_by_name(iso: Path, host: HostFaults) -> None:
    host.fail("pread", errno.EIO)
    with pytest.raises(MediumError, match=f"{iso}: The host cannot read it: Input/output error"):
        CdImage.open(iso)


def test_any_number_of_machines_read_it(iso: Path) -> None:
    images = [CdImage.open(iso) for _ in range(3)]
    assert [image.read(2, 1) for image in images] == [b"\x02" * 2048] * 3
    for image in images:
        image.close()
        image.close()


def test_host_errors_are_told_and_raised(iso: Path, host: HostFaults) -> None:
    told: list[BlockError] = []
    image = CdImage.open(iso, told.append)
    host.fail("pread", errno.EIO)
    for read in (image.read, image.read, image.read_raw):
        with pytest.raises(BlockError, match="Input/output error"):
            read(0, 1)
    assert len(told) == 1
    host.heal()
    os.truncate(iso, 2048)
    with pytest.raises(BlockError, match="became shorter"):
        image.read(1, 1)
    assert len(told) == 2
    assert image.read(0, 1) == bytes(2048)
    image.close()
