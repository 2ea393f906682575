"""The host fails under a floppy drive: the guest gets the chip's error, a person hears the file's name, nothing raises."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from tests.engine.devices.floppy_rig import FloppyRig, sector_bytes
from tests.engine.disks.host_faults import HostFaults

READ, WRITE, VERIFY, SCAN_EQUAL, FORMAT = 0x46, 0x45, 0x56, 0x51, 0x4D
TAIL = (0x1B, 0xFF)
ST1_DE, ST2_DD = 0x20, 0x20


@pytest.fixture
def rig(make_floppy_rig: Callable[..., FloppyRig]) -> FloppyRig:
    rig = make_floppy_rig()
    rig.start()
    return rig


def told(rig: FloppyRig) -> list[str]:
    return [str(error) for error in rig.told]


def test_a_read_error_is_a_crc_error_in_the_data_field(rig: FloppyRig, host: HostFaults) -> None:
    host.fail("pread", errno.EIO, times=1)
    result, data = rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)
    assert result == [0x40, ST1_DE, ST2_DD, 0, 0, 1, 2]
    assert data == b"\xee" * 512
    assert told(rig) == [f"{rig.path}: The host cannot read it: Input/output error."]
    result, data = rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)
    assert result[:3] == [0, 0, 0]
    assert data == sector_bytes(0, 0, 1)


@pytest.mark.parametrize("code", [VERIFY, SCAN_EQUAL])
def test_read_errors_of_verify_and_scan(rig: FloppyRig, host: HostFaults, code: int) -> None:
    host.fail("pread", errno.EIO)
    assert rig.write(code, 0, 0, 0, 1, 2, 1, 0x1B, 1, data=bytes(512))[:3] == [0x40, ST1_DE, ST2_DD]
    assert len(rig.told) == 1


def test_a_guest_that_tries_again_and_again_makes_one_message(rig: FloppyRig, host: HostFaults) -> None:
    host.fail("pread", errno.EIO)
    for _ in range(10):
        assert rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)[0][:3] == [0x40, ST1_DE, ST2_DD]
    assert len(rig.told) == 1


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_a_write_error_is_a_data_error(rig: FloppyRig, host: HostFaults, number: int, full: bool) -> None:
    host.fail("pwrite", number)
    result = rig.write(WRITE, 0, 0, 0, 3, 2, 18, *TAIL, data=b"x" * 512)
    assert result == [0x40, ST1_DE, 0, 0, 0, 3, 2]
    assert told(rig) == [f"{rig.path}: The host cannot write it: {os.strerror(number)}."]
    assert rig.told[0].full == full
    host.heal()
    assert rig.write(WRITE, 0, 0, 0, 3, 2, 18, *TAIL, data=b"x" * 512)[:3] == [0, 0, 0]
    assert rig.on_disk(0, 0, 3) == b"x" * 512


def test_a_disk_that_fills_up_in_the_middle_of_a_transfer_names_the_sector(rig: FloppyRig, host: HostFaults) -> None:
    real = os.pwrite
    calls = 0

    def second_fails(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data, offset)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "pwrite", second_fails)
        result = rig.write(WRITE, 0, 0, 0, 5, 2, 18, *TAIL, data=b"x" * 2048)
    assert result == [0x40, ST1_DE, 0, 0, 0, 7, 2]
    assert rig.on_disk(0, 0, 6) == b"x" * 512
    assert rig.on_disk(0, 0, 7) == sector_bytes(0, 0, 7)


def test_format_on_a_full_disk(rig: FloppyRig, host: HostFaults) -> None:
    host.fail("pwrite", errno.ENOSPC)
    ids = b"".join(bytes([0, 0, sector, 2]) for sector in range(1, 19))
    assert rig.write(FORMAT, 0, 2, 18, 0x54, 0xF6, data=ids)[:3] == [0x40, ST1_DE, 0]
    assert [error.full for error in rig.told] == [True]


def test_programmed_transfers_end_with_the_same_errors(rig: FloppyRig, host: HostFaults) -> None:
    rig.use_programmed_transfers()
    host.fail("pread", errno.EIO)
    assert rig.read_programmed(READ, 0, 0, 0, 1, 2, 2, *TAIL) == ([0x40, ST1_DE, ST2_DD, 0, 0, 1, 2], b"")
    host.fail("pwrite", errno.ENOSPC)
    result, taken = rig.write_programmed(WRITE, 0, 0, 0, 1, 2, 2, *TAIL, data=bytes(1024))
    assert result == [0x40, ST1_DE, 0, 0, 0, 1, 2]
    assert taken == 512
    assert len(rig.told) == 2


def test_an_image_cut_while_the_machine_runs(rig: FloppyRig) -> None:
    os.truncate(rig.path, 20 * 512)
    assert rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)[1] == sector_bytes(0, 0, 1)
    result, data = rig.read(READ, 4, 0, 1, 1, 2, 18, *TAIL, count=4 * 512)
    assert result == [0x44, ST1_DE, ST2_DD, 0, 1, 3, 2]
    assert data[: 2 * 512] == rig.expected([(0, 1, 1), (0, 1, 2)])
    assert told(rig) == [f"{rig.path}: The file became shorter while it was in use."]
    assert rig.write(WRITE, 4, 0, 1, 3, 2, 18, *TAIL, data=b"n" * 512)[:3] == [0x04, 0, 0]
    assert rig.read(READ, 4, 0, 1, 3, 2, 18, *TAIL)[1] == b"n" * 512


def test_an_image_deleted_while_the_machine_runs_goes_on(rig: FloppyRig) -> None:
    rig.path.unlink()
    assert rig.write(WRITE, 0, 0, 0, 1, 2, 18, *TAIL, data=b"u" * 512)[:3] == [0, 0, 0]
    assert rig.read(READ, 0, 0, 0, 1, 2, 18, *TAIL)[1] == b"u" * 512
    rig.drives[0].eject()
    assert not rig.told
