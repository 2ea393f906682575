"""The host's errors: each becomes a BlockError that names the file, and a person hears of it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.disks.block_device import BlockError
from engine.disks.host_file import HostFile
from engine.errors import BancadaError, MediumError, MediumInUseError
from tests.engine.disks.host_faults import HostFaults


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 4)
    return path


@pytest.fixture
def told() -> list[BlockError]:
    return []


@pytest.fixture
def file(image: Path, told: list[BlockError]) -> HostFile:
    return HostFile(image, writable=True, failed=told.append)


def test_bytes_behind_the_end_read_as_zeros(file: HostFile, told: list[BlockError]) -> None:
    assert file.read(1020, 8) == b"\xfc\xfd\xfe\xff" + bytes(4)
    assert file.read(5000, 3) == bytes(3)
    assert not told


def test_a_read_error_names_the_file_and_the_reason(file: HostFile, host: HostFaults, told: list[BlockError]) -> None:
    host.fail("pread", errno.EIO)
    with pytest.raises(BlockError, match=f"{file.path}: The host cannot read it: Input/output error.") as caught:
        file.read(0, 512)
    assert isinstance(caught.value, BancadaError), "the firmware and the windows know how to show these"
    assert not caught.value.full
    assert told == [caught.value]


def test_a_full_disk_is_told_as_such_each_time(file: HostFile, host: HostFaults, told: list[BlockError]) -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        host.fail("pwrite", number)
        with pytest.raises(BlockError) as caught:
            file.write(0, b"x")
        assert caught.value.full
    host.fail("pwrite", errno.ENOSPC)
    with pytest.raises(BlockError):
        file.write(0, b"x")
    assert [error.full for error in told] == [True, True, True]


def test_other_errors_are_told_once_however_often_the_guest_tries(
    file: HostFile, host: HostFaults, told: list[BlockError]
) -> None:
    host.fail("pread", errno.EIO)
    host.fail("pwrite", errno.EIO)
    for _ in range(5):
        with pytest.raises(BlockError):
            file.read(0, 512)
        with pytest.raises(BlockError):
            file.write(0, b"x")
    assert [str(error).partition(": ")[2] for error in told] == [
        "The host cannot read it: Input/output error.",
        "The host cannot write it: Input/output error.",
    ]


def test_a_write_that_the_host_takes_in_pieces_is_whole_in_the_end(file: HostFile, host: HostFaults) -> None:
    host.write_little(100)
    file.write(10, bytes(512))
    assert file.read(0, 1024) == bytes(range(10)) + bytes(512) + (bytes(range(256)) * 4)[522:]


def test_a_write_that_the_host_takes_nothing_of_fails_instead_of_hanging(file: HostFile, host: HostFaults) -> None:
    host.write_little(0)
    with pytest.raises(BlockError, match="Input/output error"):
        file.write(0, b"x")


def test_a_file_cut_while_in_use_gives_errors_and_not_zeros(
    file: HostFile, image: Path, told: list[BlockError]
) -> None:
    os.truncate(image, 700)
    assert file.read(0, 512) == bytes(range(256)) * 2
    for offset in (512, 900):
        with pytest.raises(BlockError, match=f"{image}: The file became shorter while it was in use."):
            file.read(offset, 100 if offset == 900 else 512)
    assert len(told) == 1


def test_what_was_written_behind_the_old_end_belongs_to_the_file(file: HostFile, image: Path) -> None:
    file.write(2000, b"end")
    assert file.size == 2003
    os.truncate(image, 1024)
    with pytest.raises(BlockError, match="shorter"):
        file.read(2000, 3)


def test_growing_takes_no_room_and_may_fail(file: HostFile, image: Path, host: HostFaults) -> None:
    host.fail("ftruncate", errno.EFBIG, times=1)
    with pytest.raises(BlockError, match="The host cannot write it: File too large"):
        file.grow(1 << 20)
    file.grow(1 << 20)
    file.grow(10)
    assert image.stat().st_size == 1 << 20


def test_a_failed_flush_is_told_and_close_lets_the_file_go_all_the_same(
    file: HostFile, image: Path, host: HostFaults, told: list[BlockError]
) -> None:
    host.fail("fsync", errno.EIO)
    with pytest.raises(BlockError, match="The host cannot write it: Input/output error"):
        file.flush()
    with pytest.raises(BlockError):
        file.close()
    assert len(told) == 1
    HostFile(image, writable=True).read(0, 1)
    file.close()


def test_a_file_open_for_reading_is_not_flushed(image: Path, host: HostFaults) -> None:
    host.fail("fsync", errno.EROFS)
    file = HostFile(image, writable=False)
    file.flush()
    file.close()


def test_a_closed_file_answers_with_an_error(file: HostFile) -> None:
    file.close()
    with pytest.raises(BlockError, match="Bad file descriptor"):
        file.read(0, 1)


def test_a_head_that_cannot_be_read_closes_the_file(image: Path, host: HostFaults) -> None:
    file = HostFile(image, writable=True)
    host.fail("pread", errno.EIO)
    with pytest.raises(MediumError, match=f"{image}: The host cannot read it: Input/output error"):
        file.head(512)
    HostFile(image, writable=True).close()


def test_two_machines_do_not_write_to_one_file(file: HostFile, image: Path) -> None:
    with pytest.raises(MediumInUseError, match=str(image)):
        HostFile(image, writable=True)
