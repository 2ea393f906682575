"""Diskette images: every size, odd sizes, write protection, and hosts that fail."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from engine.disks.block_device import BlockError
from engine.disks.floppy_image import FORMATS, FloppyFormat, FloppyImage, format_for
from engine.errors import MediumError, MediumInUseError
from tests.engine.disks.host_faults import HostFaults

KINDS = {kind.name: kind for kind in FORMATS}


def boot_sector(kind: FloppyFormat) -> bytes:
    """A FAT boot sector that names the geometry."""
    sector = bytearray(512)
    sector[19:21] = (kind.size // 512).to_bytes(2, "little")
    sector[24:26] = kind.sectors.to_bytes(2, "little")
    sector[26:28] = kind.heads.to_bytes(2, "little")
    sector[510:512] = b"\x55\xaa"
    return bytes(sector)


def make(path: Path, size: int, start: bytes = b"") -> Path:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


@pytest.mark.parametrize(
    ("name", "size", "shape", "rate"),
    [
        ("160K", 163840, (40, 1, 8), 250),
        ("180K", 184320, (40, 1, 9), 250),
        ("320K", 327680, (40, 2, 8), 250),
        ("360K", 368640, (40, 2, 9), 250),
        ("720K", 737280, (80, 2, 9), 250),
        ("1.2M", 1228800, (80, 2, 15), 500),
        ("1.44M", 1474560, (80, 2, 18), 500),
        ("1.68M", 1720320, (80, 2, 21), 500),
        ("1.72M", 1763328, (82, 2, 21), 500),
        ("2.88M", 2949120, (80, 2, 36), 1000),
    ],
)
def test_the_size_tells_the_kind(tmp_path: Path, name: str, size: int, shape: tuple[int, int, int], rate: int) -> None:
    image = FloppyImage.open(make(tmp_path / "a.img", size))
    assert image.format.name == name
    assert (image.cylinders, image.heads, image.sectors) == shape
    assert image.data_rate == rate
    assert not image.write_protected
    image.close()


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_each_sector_has_its_place_in_the_file(tmp_path: Path, kind: FloppyFormat) -> None:
    path = make(tmp_path / "a.img", kind.size)
    image = FloppyImage.open(path)
    places = [(0, 0, 1), (0, kind.heads - 1, kind.sectors), (kind.cylinders - 1, kind.heads - 1, kind.sectors)]
    for number, place in enumerate(places):
        image.write(*place, bytes([number + 1]) * 512)
    image.close()
    content = path.read_bytes()
    assert len(content) == kind.size
    track_0 = kind.heads * kind.sectors * 512
    assert content[0] == 1
    assert content[track_0 - 1] == 2
    assert content[-1] == 3
    assert content.count(b"\0") == kind.size - 3 * 512


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_sectors_that_do_not_exist(tmp_path: Path, kind: FloppyFormat) -> None:
    path = make(tmp_path / "a.img", kind.size)
    image = FloppyImage.open(path)
    for place in (
        (0, 0, 0),
        (0, 0, kind.sectors + 1),
        (0, kind.heads, 1),
        (kind.cylinders, 0, 1),
        (-1, 0, 1),
        (0, -1, 1),
    ):
        assert not image.holds(*place)
        with pytest.raises(ValueError, match="there is no sector"):
            image.read(*place)
        with pytest.raises(ValueError, match="there is no sector"):
            image.write(*place, bytes(512))
    image.close()
    assert path.read_bytes() == bytes(kind.size)


@pytest.mark.parametrize(
    ("size", "start", "kind"),
    [
        (512, b"", "1.44M"),
        (1, b"", "1.44M"),
        (8704, b"", "1.44M"),
        (1474559, b"", "1.44M"),
        (1474561, b"", "1.68M"),
        (2949119, b"", "2.88M"),
        (512, boot_sector(KINDS["360K"]), "360K"),
        (300_000, boot_sector(KINDS["720K"]), "720K"),
        (368640, boot_sector(KINDS["720K"]), "360K"),
        (1474560 + 128, boot_sector(KINDS["1.44M"]), "1.44M"),
        (368640 + 9 * 512, boot_sector(KINDS["360K"]), "1.44M"),
        (512, boot_sector(KINDS["1.44M"])[:510] + b"\0\0", "1.44M"),
        (512, b"\xff" * 512, "1.44M"),
    ],
)
def test_other_sizes_go_by_the_boot_sector_or_the_next_larger_kind(size: int, start: bytes, kind: str) -> None:
    found = format_for(size, start)
    assert found is not None and found.name == kind


def test_a_short_image_is_padded_with_zeros(tmp_path: Path) -> None:
    path = make(tmp_path / "boot.img", 700, b"B" * 700)
    image = FloppyImage.open(path)
    assert image.read(0, 0, 1) == b"B" * 512
    assert image.read(0, 0, 2) == b"B" * 188 + bytes(324)
    assert image.read(79, 1, 18) == bytes(512)
    image.close()
    assert path.stat().st_size == 700, "looking does not change the file"


def test_a_short_image_stays_the_same_kind_of_diskette_after_a_write(tmp_path: Path) -> None:
    path = make(tmp_path / "boot.img", 512, b"B" * 512)
    image = FloppyImage.open(path)
    image.write(8, 1, 14, b"last sector of a 160K diskette".ljust(512))  # the 320th sector
    image.close()
    again = FloppyImage.open(path)
    assert again.format.name == "1.44M"
    assert again.read(8, 1, 14).startswith(b"last sector")
    assert again.read(0, 0, 1) == b"B" * 512
    again.close()


def test_bytes_behind_the_last_sector_are_left_alone(tmp_path: Path) -> None:
    kind = KINDS["1.44M"]
    path = make(tmp_path / "a.img", kind.size, boot_sector(kind))
    with path.open("ab") as file:
        file.write(b"signature")
    image = FloppyImage.open(path)
    image.write(79, 1, 18, b"x" * 512)
    image.close()
    assert path.read_bytes()[-521:] == b"x" * 512 + b"signature"


def test_what_is_no_diskette_is_refused_and_let_go(tmp_path: Path) -> None:
    empty, huge = make(tmp_path / "empty.img", 0), make(tmp_path / "huge.img", 2949121)
    for _ in range(2):
        with pytest.raises(MediumError, match=f"{empty}: The image is empty. Choose a diskette image"):
            FloppyImage.open(empty)
        with pytest.raises(MediumError, match=f"{huge}: 2949121 bytes are too many for a diskette"):
            FloppyImage.open(huge)


def test_a_diskette_opened_read_only_is_write_protected(tmp_path: Path) -> None:
    path = make(tmp_path / "a.img", 1474560)
    image = FloppyImage.open(path, read_only=True)
    assert image.write_protected
    with pytest.raises(BlockError, match=f"{path}: The diskette is write-protected"):
        image.write(0, 0, 1, bytes(512))
    with pytest.raises(BlockError, match="write-protected"):
        image.format_track(0, 0, [1], 0xF6)
    image.close()


def test_a_file_without_write_permission_is_a_write_protected_diskette(tmp_path: Path, host: HostFaults) -> None:
    path = make(tmp_path / "a.img", 1474560)
    host.refuse_writing()
    image = FloppyImage.open(path)
    assert image.write_protected
    image.close()


def test_an_image_in_use_elsewhere_is_refused_by_name(tmp_path: Path) -> None:
    path = make(tmp_path / "a.img", 1474560)
    image = FloppyImage.open(path)
    with pytest.raises(MediumInUseError, match=f"{path}: Another virtual machine is using this image"):
        FloppyImage.open(path)
    image.close()
    FloppyImage.open(path).close()


def test_formatting_fills_the_sectors_there_are(tmp_path: Path) -> None:
    path = make(tmp_path / "a.img", 1474560)
    image = FloppyImage.open(path)
    image.format_track(1, 0, [*range(1, 22), 0, 255], 0xF6)
    image.close()
    content = path.read_bytes()
    track = 18 * 512
    assert len(content) == 1474560
    assert content[2 * track : 3 * track] == b"\xf6" * track
    assert content.count(b"\xf6") == track


def test_host_errors_name_the_file_and_are_told(tmp_path: Path, host: HostFaults) -> None:
    path = make(tmp_path / "a.img", 512)
    told: list[BlockError] = []
    image = FloppyImage.open(path, failed=told.append)
    host.fail("pread", errno.EIO)
    with pytest.raises(BlockError, match=f"{path}: The host cannot read it: Input/output error"):
        image.read(0, 0, 1)
    host.fail("ftruncate", errno.ENOSPC)
    with pytest.raises(BlockError) as caught:
        image.write(0, 0, 2, bytes(512))
    assert caught.value.full
    host.heal()
    image.write(0, 0, 2, b"y" * 512)
    host.fail("pwrite", errno.ENOSPC)
    with pytest.raises(BlockError) as caught:
        image.format_track(0, 0, [1, 2], 0)
    assert caught.value.full
    assert [error.full for error in told] == [False, True, True]


def test_an_image_cut_while_in_use_gives_errors_where_data_was(tmp_path: Path) -> None:
    path = make(tmp_path / "a.img", 1474560)
    image = FloppyImage.open(path)
    os.truncate(path, 18 * 512)
    assert image.read(0, 0, 18) == bytes(512)
    with pytest.raises(BlockError, match=f"{path}: The file became shorter while it was in use"):
        image.read(0, 1, 1)
    image.write(0, 1, 1, b"w" * 512)
    assert image.read(0, 1, 1) == b"w" * 512
