"""The host's disk fails under a running machine: a person is told which file, the guest gets its hardware's error."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Machine, MachineConfig
from engine.config import DiskConfig, FloppyConfig
from engine.errors import MediumError, MediumInUseError
from engine.events import Event, MediumChanged, Notice, PowerChanged, PowerState
from tests.engine.disks.host_faults import HostFaults

FDC, ATA = 0x3F0, 0x1F0
RQM, DIO, BUSY = 0x80, 0x40, 0x10


@pytest.fixture
def host() -> Iterator[HostFaults]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield HostFaults(monkeypatch)


class Desk:
    """A machine with a diskette and a disk that do not boot, and what a person was told."""

    def __init__(self, folder: Path) -> None:
        self.floppy, self.disk = folder / "floppy.img", folder / "disk.img"
        self.floppy.write_bytes(bytes(1474560))
        self.disk.write_bytes(bytes(8 << 20))
        self.events: list[Event] = []
        config = MachineConfig(
            memory_mb=2,
            clock="instructions",
            floppies=[FloppyConfig(self.floppy)],
            disks=[DiskConfig(self.disk)],
        )
        self.machine = Machine(config, events=self.events.append)

    @property
    def notices(self) -> list[Notice]:
        return [event for event in self.events if isinstance(event, Notice)]

    def boot(self) -> None:
        """Up to where the firmware has found nothing to boot."""
        self.machine.power_on()
        self.machine.run_for(5)
        self.events.clear()

    def out(self, port: int, *values: int) -> None:
        for value in values:
            self.machine.board.bus.port_write(port, value, 1)

    def inp(self, port: int) -> int:
        return self.machine.board.bus.port_read(port, 1)

    def floppy_write(self) -> list[int]:
        """A programmed write to the first sector; the result. The machine must run for that."""
        self.out(FDC + 2, 0x14)
        self.machine.run_for(0.01)
        self.out(FDC + 7, 0)
        self.out(FDC + 5, 0x03, 0xDF, 0x03, 0x45, 0, 0, 0, 1, 2, 1, 0x1B, 0xFF)
        self.machine.run_for(0.01)
        self.out(FDC + 5, *[0x5A] * 512)
        return self.floppy_result()

    def floppy_result(self) -> list[int]:
        result = []
        while self.inp(FDC + 4) & (RQM | DIO | BUSY) == RQM | DIO | BUSY and len(result) < 20:
            result.append(self.inp(FDC + 5))
        return result

    def disk_write(self) -> int:
        """WRITE SECTORS to LBA 1; the status register."""
        self.out(ATA + 6, 0xE0)
        self.out(ATA + 2, 1, 0x00)
        self.out(ATA + 3, 1)
        self.out(ATA + 4, 0)
        self.out(ATA + 5, 0)
        self.out(ATA + 7, 0x30)
        for _ in range(256):
            self.machine.board.bus.port_write(ATA, 0x5A5A, 2)
        return self.inp(ATA + 7)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.machine.close()


def test_booting_from_images_that_cannot_be_read(desk: Desk, host: HostFaults) -> None:
    host.fail("pread", errno.EIO)
    desk.machine.power_on()
    desk.machine.run_for(5)
    assert desk.machine.state is PowerState.RUNNING
    assert Notice(f"{desk.floppy}: The host cannot read it: Input/output error.", "floppy0") in desk.notices
    assert Notice(f"{desk.disk}: The host cannot read it: Input/output error.", "disk0") in desk.notices
    assert len(desk.notices) == 2, "the firmware tries several times; a person reads it once"


def test_a_diskette_on_a_full_disk_pauses_the_machine_and_tells_the_guest(desk: Desk, host: HostFaults) -> None:
    desk.boot()
    host.fail("pwrite", errno.ENOSPC)
    assert desk.floppy_write() == [0x40, 0x20, 0, 0, 0, 1, 2]
    assert desk.machine.state is PowerState.PAUSED
    text = (
        f"{desk.floppy}: The host cannot write it: No space left on device. Make room on the host's disk, then go on."
    )
    assert Notice(text) in desk.notices
    assert PowerChanged(PowerState.PAUSED, text) in desk.events
    host.heal()
    desk.machine.resume()
    assert desk.floppy_write()[:3] == [0, 0, 0]
    assert desk.machine.state is PowerState.RUNNING
    assert desk.floppy.read_bytes()[:512] == b"\x5a" * 512


def test_a_diskette_that_cannot_be_written_is_told_and_the_machine_goes_on(desk: Desk, host: HostFaults) -> None:
    desk.boot()
    host.fail("pwrite", errno.EIO)
    assert desk.floppy_write() == [0x40, 0x20, 0, 0, 0, 1, 2]
    assert desk.notices == [Notice(f"{desk.floppy}: The host cannot write it: Input/output error.", "floppy0")]
    assert desk.machine.state is PowerState.RUNNING


def test_a_hard_disk_on_a_full_disk_pauses_the_machine_and_tells_the_guest(desk: Desk, host: HostFaults) -> None:
    desk.boot()
    host.fail("pwrite", errno.ENOSPC)
    assert desk.disk_write() & 0x01
    assert desk.machine.state is PowerState.PAUSED
    assert [notice.message for notice in desk.notices] == [
        f"{desk.disk}: The host cannot write it: No space left on device. Make room on the host's disk, then go on."
    ]
    host.heal()
    desk.machine.resume()
    desk.machine.run_for(0.1)
    assert desk.disk.read_bytes()[512:1024] == bytes(512), "only the guest tries again"
    assert not desk.disk_write() & 0x01
    assert desk.disk.read_bytes()[512:1024] == b"\x5a" * 512


def test_a_diskette_put_in_later_is_watched_too(desk: Desk, host: HostFaults, tmp_path: Path) -> None:
    desk.boot()
    other = tmp_path / "other.img"
    other.write_bytes(bytes(1474560))
    desk.machine.insert("floppy0", other)
    host.fail("pwrite", errno.EIO)
    desk.floppy_write()
    assert Notice(f"{other}: The host cannot write it: Input/output error.", "floppy0") in desk.notices


def test_powering_off_when_the_host_cannot_flush(desk: Desk, host: HostFaults) -> None:
    desk.boot()
    for number in (errno.EIO, errno.ENOSPC):
        host.fail("fsync", number)
        desk.machine.power_off()
        assert desk.machine.state is PowerState.OFF
        desk.machine.power_on()
    named = {notice.message.partition(":")[0] for notice in desk.notices}
    assert {str(desk.floppy), str(desk.disk)} <= named


def test_ejecting_when_the_host_cannot_flush(desk: Desk, host: HostFaults) -> None:
    desk.boot()
    host.fail("fsync", errno.EIO)
    desk.machine.eject("floppy0")
    assert desk.events == [
        Notice(f"{desk.floppy}: The host cannot write it: Input/output error.", "floppy0"),
        MediumChanged("floppy0", ""),
    ]
    assert desk.machine.state is PowerState.RUNNING


def test_closing_when_the_host_cannot_flush_lets_every_image_go(desk: Desk, host: HostFaults, tmp_path: Path) -> None:
    host.fail("fsync", errno.EIO)
    desk.machine.close()
    host.heal()
    again = Desk(tmp_path)
    again.machine.close()


def test_an_image_in_use_by_another_machine_is_named(desk: Desk) -> None:
    for config in (
        MachineConfig(floppies=[FloppyConfig(desk.floppy)]),
        MachineConfig(disks=[DiskConfig(desk.disk)]),
    ):
        with pytest.raises(MediumInUseError, match="Another virtual machine is using this image") as caught:
            Machine(config)
        assert caught.value.file in (desk.floppy, desk.disk)


def test_the_file_that_is_in_the_drive_can_be_put_in_again(desk: Desk, tmp_path: Path) -> None:
    desk.boot()
    drive = desk.machine.board.floppies[0]
    drive.changed = False
    first = drive.medium
    other_name = tmp_path / "link.img"
    other_name.symlink_to(desk.floppy)
    for name in (desk.floppy, other_name):
        desk.machine.insert("floppy0", name)
        assert drive.changed, "the guest sees the disk change line"
        assert drive.medium is not first and not drive.write_protected
        assert desk.events[-1] == MediumChanged("floppy0", str(name))
        drive.changed = False


def test_a_file_that_became_unusable_in_the_drive_leaves_it_empty(desk: Desk) -> None:
    desk.boot()
    os.truncate(desk.floppy, 0)
    with pytest.raises(MediumError, match="The image is empty"):
        desk.machine.insert("floppy0", desk.floppy)
    assert desk.machine.board.floppies[0].medium is None
    assert desk.events[-1] == MediumChanged("floppy0", "")
