"""Raw disks: sectors, odd sizes, host errors, and making new ones."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.disks.block_device import BlockError
from engine.disks.probe import open_disk
from engine.disks.raw import RawDisk, create_raw
from engine.errors import HostResourceError, MediumError, MediumInUseError
from tests.engine.disks.host_faults import HostFaults


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(b"".join(bytes([number]) * 512 for number in range(8)))
    return path


def test_sectors_are_where_they_belong(image: Path) -> None:
    disk = RawDisk(image)
    assert disk.sector_count == 8
    assert disk.path == image
    assert disk.read(3, 2) == b"\x03" * 512 + b"\x04" * 512
    disk.write(6, b"a" * 512 + b"b" * 512)
    disk.close()
    assert image.read_bytes()[6 * 512 :] == b"a" * 512 + b"b" * 512
    assert image.read_bytes()[: 6 * 512] == b"".join(bytes([number]) * 512 for number in range(6))


def test_an_odd_size_is_padded_to_a_whole_sector(image: Path) -> None:
    os.truncate(image, 1000)
    disk = RawDisk(image)
    assert disk.sector_count == 2
    assert disk.read(1, 1) == b"\x01" * 488 + bytes(24)
    disk.write(1, b"z" * 512)
    disk.close()
    assert image.stat().st_size == 1024


def test_nothing_outside_of_the_disk_is_read_or_written(image: Path) -> None:
    disk = RawDisk(image)
    for lba, count in ((8, 1), (7, 2), (-1, 1), (0, -1), (0, 9)):
        with pytest.raises(ValueError, match=f"{image}.*outside of the disk"):
            disk.read(lba, count)
    for lba, size in ((8, 512), (7, 1024), (7, 513), (-1, 512)):
        with pytest.raises(ValueError, match="outside of the disk"):
            disk.write(lba, bytes(size))
    disk.close()
    assert image.stat().st_size == 4096


def test_an_empty_file_is_refused_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "empty.img"
    path.touch()
    for _ in range(2):
        with pytest.raises(MediumError, match=f"{path}: The image is empty. Choose a disk image, or make a new disk"):
            RawDisk(path)


def test_a_read_only_disk_is_not_written(image: Path) -> None:
    before = image.read_bytes()
    disk = RawDisk(image, read_only=True)
    assert disk.read_only
    with pytest.raises(BlockError, match="read-only"):
        disk.write(0, bytes(512))
    disk.flush()
    disk.close()
    assert image.read_bytes() == before


def test_a_file_without_write_permission_is_a_read_only_disk(image: Path, host: HostFaults) -> None:
    host.refuse_writing()
    disk = RawDisk(image)
    assert disk.read_only
    disk.close()


def test_host_errors_are_told_and_raised(image: Path, host: HostFaults) -> None:
    told: list[BlockError] = []
    disk = RawDisk(image, failed=told.append)
    host.fail("pread", errno.EIO)
    with pytest.raises(BlockError, match=str(image)):
        disk.read(0, 1)
    host.fail("pwrite", errno.ENOSPC)
    with pytest.raises(BlockError, match="No space left on device"):
        disk.write(0, bytes(512))
    host.fail("fsync", errno.EIO)
    with pytest.raises(BlockError):
        disk.flush()
    assert [error.full for error in told] == [False, True, False]
    host.heal()
    disk.write(0, b"again".ljust(512))
    assert disk.read(0, 1).startswith(b"again")


def test_a_disk_cut_while_in_use_does_not_read_as_zeros(image: Path) -> None:
    disk = RawDisk(image)
    os.truncate(image, 1024)
    assert disk.read(0, 2) == bytes(512) + b"\x01" * 512
    with pytest.raises(BlockError, match="became shorter"):
        disk.read(1, 2)
    disk.write(7, b"\x07" * 512)
    assert disk.read(7, 1) == b"\x07" * 512


def test_the_second_machine_that_opens_it_is_told_so(image: Path) -> None:
    disk = RawDisk(image)
    with pytest.raises(MediumInUseError, match="Another virtual machine is using this image"):
        open_disk(image)
    disk.close()
    open_disk(image).close()


# -- Opening whatever it is


@pytest.mark.parametrize(
    ("magic", "what"),
    [
        (b"KDMV", "a VMDK disk"),
        (b"QFI\xfb", "a QCOW2 disk"),
        (b"<<< Oracle VM VirtualBox", "a VDI disk"),
        (b"vhdxfile", "a VHDX disk"),
        (b"conectix", "a VHD disk"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"PK\x03\x04", "a ZIP archive"),
    ],
)
def test_other_formats_are_not_taken_for_raw(tmp_path: Path, magic: bytes, what: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(magic.ljust(1024, b"."))
    for _ in range(2):  # the first refusal must not keep it locked
        with pytest.raises(MediumError, match=f"{path}: This is {what}"):
            open_disk(path)
    assert path.read_bytes() == magic.ljust(1024, b".")


def test_a_disk_whose_first_sector_cannot_be_read_is_refused_by_name(image: Path, host: HostFaults) -> None:
    host.fail("pread", errno.EIO, times=1)
    with pytest.raises(MediumError, match=f"{image}: The host cannot read it: Input/output error"):
        open_disk(image)
    open_disk(image).close()


def test_open_disk_passes_on_who_hears_of_errors(image: Path, host: HostFaults) -> None:
    told: list[BlockError] = []
    disk = open_disk(image, failed=told.append)
    host.fail("pread", errno.EIO)
    with pytest.raises(BlockError):
        disk.read(0, 1)
    assert len(told) == 1


# -- New disks


def test_a_new_disk_is_empty_and_takes_no_room(tmp_path: Path) -> None:
    path = tmp_path / "new.img"
    create_raw(path, 64 << 20)
    assert path.stat().st_size == 64 << 20
    assert path.stat().st_blocks * 512 < 1 << 20
    disk = RawDisk(path)
    assert disk.read(disk.sector_count - 1, 1) == bytes(512)
    disk.close()


def test_a_new_disk_takes_no_file_over(image: Path) -> None:
    before = image.read_bytes()
    with pytest.raises(MediumError, match=f"{image}: The file exists already. Choose another name"):
        create_raw(image, 1 << 20)
    assert image.read_bytes() == before


def test_a_new_disk_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path, host: HostFaults) -> None:
    path = tmp_path / "new.img"
    host.fail("ftruncate", errno.ENOSPC)
    with pytest.raises(HostResourceError, match=f"{path}: a disk of 5 MB cannot be made: No space left on device"):
        create_raw(path, 5 << 20)
    assert not path.exists()
    with pytest.raises(HostResourceError, match="Choose another folder"):
        create_raw(tmp_path / "missing" / "new.img", 5 << 20)
