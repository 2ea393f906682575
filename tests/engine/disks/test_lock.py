"""Images in use, images that cannot be opened, and what a person is told about it."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.disks.lock import open_image
from engine.errors import MediumError, MediumInUseError
from tests.engine.disks.host_faults import HostFaults


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(512))
    return path


def opened(path: Path, writable: bool = True) -> int:
    return open_image(path, writable)[0]


def test_a_second_writer_is_told_that_another_machine_has_it(image: Path) -> None:
    first = opened(image)
    with pytest.raises(MediumInUseError, match=f"{image}: Another virtual machine is using this image"):
        open_image(image, writable=True)
    os.close(first)
    os.close(opened(image))


def test_a_reader_does_not_get_what_another_machine_writes_to(image: Path) -> None:
    first = opened(image)
    with pytest.raises(MediumInUseError):
        open_image(image, writable=False)
    os.close(first)


def test_readers_share(image: Path) -> None:
    first, second = opened(image, writable=False), opened(image, writable=False)
    with pytest.raises(MediumInUseError):
        open_image(image, writable=True)
    os.close(first)
    os.close(second)


def test_another_process_holds_the_lock_until_it_ends(image: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom engine.disks.lock import open_image\n"
        "open_image(Path(sys.argv[1]), True)\nprint('open', flush=True)\nsys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(image)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None and other.stdout.readline() == "open\n"
    with pytest.raises(MediumInUseError):
        open_image(image, writable=True)
    other.kill()
    other.communicate()
    os.close(opened(image))


def test_a_refused_open_leaves_no_descriptor_behind(image: Path) -> None:
    first = opened(image)
    for _ in range(3):
        with pytest.raises(MediumInUseError):
            open_image(image, writable=True)
    probe = os.open(image, os.O_RDONLY)
    os.close(probe)
    assert probe == first + 1
    os.close(first)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_may_not_be_written_opens_for_reading(image: Path, host: HostFaults, number: int) -> None:
    host.refuse_writing(number)
    descriptor, writable = open_image(image, writable=True)
    assert not writable
    os.close(descriptor)


def test_a_file_that_may_not_even_be_read(image: Path, host: HostFaults) -> None:
    host.fail("open", errno.EACCES)
    with pytest.raises(MediumError, match=f"{image}: The file cannot be opened: Permission denied. Check its perm"):
        open_image(image, writable=True)


def test_a_file_system_without_locks_is_used_without(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    os.close(opened(image))


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, what in (
        (tmp_path, "This is a folder, not an image file"),
        (pipe, "This is not an image file"),
        (Path("/dev/null"), "This is not an image file"),
        (tmp_path / "missing.img", "The file does not exist"),
        (tmp_path / "missing" / "a.img", "The file does not exist"),
        (tmp_path / ("x" * 300), "The file cannot be opened: File name too long"),
    ):
        for writable in (True, False):
            with pytest.raises(MediumError, match=what) as caught:
                open_image(path, writable)
            assert str(path) in str(caught.value)
    with pytest.raises(MediumError, match="This is not the name of a file"):
        open_image(Path("a\0b.img"), writable=True)


def test_a_link_that_leads_nowhere_or_in_circles(tmp_path: Path) -> None:
    (tmp_path / "lost").symlink_to(tmp_path / "gone")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for name in ("lost", "circle"):
        with pytest.raises(MediumError, match=name):
            open_image(tmp_path / name, writable=True)
