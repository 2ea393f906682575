"""Two drives on a cable: selection, signatures, resets, interrupts, and the data register (ATA/ATAPI-4, 7 and 9)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.devices.atapi_cdrom import AtapiCdrom
from engine.devices.device import ResetKind
from engine.errors import StateError
from tests.engine.devices.ide_rig import (
    ABRT,
    ASKING,
    BSY,
    DRDY,
    DRQ,
    ERR,
    HOB,
    LBA,
    NIEN,
    READY,
    SLAVE,
    SRST,
    CdRig,
    DiskRig,
    IdeRig,
    sector,
)

READ, WRITE, IDENTIFY, DIAGNOSTIC = 0x20, 0x30, 0xEC, 0x90
DISK, PACKET_DEVICE = (1, 1, 0, 0), (1, 1, 0x14, 0xEB)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[DiskRig]:
    rig = DiskRig(tmp_path)
    yield rig
    rig.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[DiskRig]:
    rig = DiskRig(tmp_path, slave=True)
    yield rig
    rig.close()


@pytest.fixture
def cd(tmp_path: Path) -> Iterator[CdRig]:
    rig = CdRig(tmp_path)
    yield rig
    rig.close()


# -- The data register: 16 and 32 bits


def test_dwords_at_the_data_register_are_two_words_of_data(rig: DiskRig) -> None:
    rig.command(READ, count=2, lba=7)
    data = b"".join(rig.inp(0, 4).to_bytes(4, "little") for _ in range(256))
    assert data == sector(7) + sector(8)
    assert rig.status == READY
    assert rig.inp(0, 4) == 0xFFFFFFFF
    assert (rig.count, rig.lba) == (0, 8)


def test_dwords_written_to_the_data_register_are_two_words_of_data(rig: DiskRig) -> None:
    rig.command(WRITE, count=2, lba=7)
    for number in range(256):
        rig.out(0, 0xABCD0000 | number, 4)
    assert rig.status == READY
    expected = b"".join((0xABCD0000 | number).to_bytes(4, "little") for number in range(256))
    assert rig.on_disk(7, 2) == expected
    assert (rig.count, rig.lba) == (0, 8)
    assert rig.on_disk(9) == sector(9)


def test_words_and_dwords_can_be_mixed(rig: DiskRig) -> None:
    rig.command(READ, count=1, lba=0x201)
    first = rig.inp(0, 2).to_bytes(2, "little") + rig.inp(0, 4).to_bytes(4, "little")
    assert first + rig.inp(0, 2).to_bytes(2, "little") == sector(0x201)[:8]
    rig.command(WRITE, count=1, lba=5)
    rig.out(0, 0x1111, 2)
    rig.out(0, 0x33332222, 4)
    rig.write(b"\x44" * 506)
    assert rig.on_disk(5) == b"\x11\x11\x22\x22\x33\x33" + b"\x44" * 506


def test_both_channels_have_dword_data(cd: CdRig) -> None:
    cd.packet(bytes((0x12, 0, 0, 0, 36)))
    data = b"".join(cd.inp(0, 4).to_bytes(4, "little") for _ in range(9))
    assert data[8:16] == b"BANCADA " and len(data) == 36
    cd.done()


def test_a_dword_whose_second_half_is_beyond_the_data_takes_no_register(cd: CdRig) -> None:
    cd.packet(bytes((0x12, 0, 0, 0, 6)))
    assert cd.inp(0, 4).to_bytes(4, "little") == b"\x05\x80\x00\x21"
    assert cd.inp(0, 4) == 0xFFFF001F
    cd.done()


def test_words_at_the_count_register_are_two_registers(rig: DiskRig) -> None:
    rig.out(2, 0x3412, 2)
    assert (rig.inp(2), rig.inp(3)) == (0x12, 0x34)
    assert rig.inp(2, 2) == 0x3412
    rig.out(2, 0x78563412, 4)
    assert (rig.inp(2), rig.inp(3), rig.inp(4), rig.inp(5)) == (0x12, 0x34, 0x56, 0x78)
    assert rig.inp(2, 4) == 0x78563412
    rig.out(4, 0xBBAA, 2)
    assert rig.inp(4, 2) == 0xBBAA
    assert rig.inp(1, 2) == 0x1200 | rig.error


def test_a_word_of_data_and_then_the_count_register_by_bytes(rig: DiskRig) -> None:
    rig.command(READ, count=3, lba=9)
    rig.inp(0, 2)
    assert (rig.inp(2), rig.inp(3)) == (2, 9)
    rig.command(WRITE, count=3, lba=9)
    rig.out(0, 1, 2)
    rig.inp(7)
    rig.out(2, 0x0605, 2)
    assert (rig.inp(2), rig.inp(3)) == (5, 6)


def test_a_drive_that_offers_nothing_leaves_the_data_bus_alone(rig: DiskRig) -> None:
    assert (rig.inp(0, 2), rig.inp(0, 4)) == (0xFFFF, 0xFFFFFFFF)
    rig.out(0, 0x1234, 2)
    rig.out(0, 0x12345678, 4)
    assert rig.status == READY
    rig.command(WRITE, count=1)
    assert rig.inp(0, 2) == 0xFFFF  # the drive wants data, it has none
    assert rig.status == ASKING
    rig.command(READ, count=1)
    rig.out(0, 0xFFFF, 2)
    assert rig.read(512) == sector(0)


# -- Selection


def test_both_drives_hear_registers_and_the_selected_one_answers(pair: DiskRig) -> None:
    pair.command(READ, count=1, lba=3, device=LBA)
    assert pair.read(512) == sector(3)
    pair.command(READ, count=1, lba=999, device=LBA | SLAVE)
    assert pair.alternate == ASKING
    pair.out(6, LBA)
    assert pair.alternate == READY
    pair.out(6, LBA | SLAVE)
    assert pair.read(512) == sector(999)
    assert pair.command(READ, count=1, lba=1000, device=LBA | SLAVE) & ERR  # the slave is smaller
    assert pair.command(READ, count=1, lba=1000, device=LBA) == ASKING


def test_the_interrupt_follows_selection(pair: DiskRig) -> None:
    pair.command(READ, count=1, lba=3, device=LBA | SLAVE)
    assert pair.irq.level
    pair.out(6, LBA)
    assert not pair.irq.level
    assert pair.status == READY  # of the other drive: it takes no interrupt of this one back
    pair.out(6, LBA | SLAVE)
    assert pair.irq.level
    assert pair.status == ASKING
    assert not pair.irq.level


def test_device_1_absent(rig: DiskRig) -> None:
    rig.out(6, SLAVE)
    assert (rig.status, rig.alternate) == (0, 0)
    for register in range(1, 6):
        rig.out(register, 0x55)
    rig.out(7, IDENTIFY)
    assert rig.status == 0
    assert not rig.irq.level
    assert rig.inp(0, 2) == 0xFF7F
    rig.out(0, 0, 2)
    assert rig.inp(6) == 0xA0 | SLAVE
    rig.out(6, 0)
    assert rig.status == READY


def test_an_empty_channel_floats_and_is_not_busy(rig: DiskRig) -> None:
    """All ones but for DD7, which the host pulls down: a driver that waits for BSY need not wait."""
    rig.channel = 1
    for register in range(1, 8):
        rig.out(register, 0)
        assert rig.inp(register) == 0x7F
    assert (rig.alternate, rig.inp(0, 2), rig.inp(0, 4)) == (0x7F, 0xFF7F, 0xFF7FFF7F)
    rig.control(SRST)
    assert rig.alternate == 0x7F
    rig.control(0)
    assert not rig.irq.history


# -- Resets (ATA/ATAPI-4, 9.1 to 9.3 and 9.12)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[IdeRig]:
    """A disk with a CD-ROM drive on its cable."""
    disk = DiskRig(tmp_path)
    yield IdeRig([disk.disk, AtapiCdrom(), None, None])
    disk.close()


def test_signatures_after_power_on(both: IdeRig) -> None:
    assert both.signature == DISK
    assert (both.error, both.status) == (1, READY)
    both.out(6, SLAVE)
    assert both.signature == PACKET_DEVICE
    assert (both.error, both.status) == (1, 0)


def test_software_reset(both: IdeRig) -> None:
    both.command(READ, count=2, lba=5)
    both.out(6, SLAVE)
    both.control(SRST)
    assert both.alternate == BSY
    assert both.status == BSY
    both.out(2, 0x77)
    both.out(7, IDENTIFY)  # a busy drive does not listen
    assert both.status == BSY
    both.control(0)
    assert both.inp(6) == 0xA0, "device 0 is selected"
    assert both.signature == DISK
    assert (both.error, both.status) == (1, READY)
    assert not both.irq.level
    both.out(6, SLAVE)
    assert both.signature == PACKET_DEVICE
    assert (both.error, both.status) == (1, 0)


def test_software_reset_keeps_the_interrupt_disabled(rig: DiskRig) -> None:
    rig.control(NIEN)
    rig.control(SRST | NIEN)
    rig.control(NIEN)
    rig.command(READ, count=1)
    assert not rig.irq.level


def test_execute_device_diagnostic_is_for_both(both: IdeRig) -> None:
    both.out(2, 0x33)
    both.out(6, SLAVE)
    both.out(7, DIAGNOSTIC)
    assert both.irq.level
    assert both.inp(6) == 0xA0, "device 0 answers"
    assert both.status == READY
    assert (both.error, both.signature) == (1, DISK)
    assert not both.irq.level
    both.out(6, SLAVE)
    assert (both.error, both.status, both.signature) == (1, 0, PACKET_DEVICE)


def test_device_reset_is_of_packet_devices(both: IdeRig) -> None:
    assert both.command(0x08, device=0) & ERR
    assert both.error == ABRT
    both.out(6, SLAVE)
    both.out(7, 0xA0)
    assert both.alternate & DRQ
    both.status  # noqa: B018  takes the interrupt back
    both.out(7, 0x08)
    assert (both.error, both.status, both.signature) == (1, 0, PACKET_DEVICE)
    assert both.inp(6) & SLAVE, "the drive stays selected"
    assert not both.irq.level


def test_identify_device_on_a_packet_device_leaves_the_signature(both: IdeRig) -> None:
    for code in (IDENTIFY, READ):
        assert both.command(code, device=SLAVE) == DRDY | 0x10 | ERR
        assert both.error == ABRT
        assert both.signature == PACKET_DEVICE


def test_a_hardware_reset_is_like_power_on(both: IdeRig) -> None:
    both.command(READ, count=1, device=LBA | SLAVE)
    both.control(NIEN)
    both.controller.reset(ResetKind.BUS)
    assert both.inp(6) == 0xA0
    assert (both.status, both.signature) == (READY, DISK)
    both.command(READ, count=1)
    assert both.irq.level, "interrupts are enabled again"


# -- Interrupts


def test_reading_status_takes_the_interrupt_back_and_alternate_status_does_not(rig: DiskRig) -> None:
    rig.command(IDENTIFY)
    assert rig.irq.level
    for _ in range(3):
        assert rig.alternate == ASKING
    assert rig.irq.level
    assert rig.status == ASKING
    assert not rig.irq.level


def test_a_new_command_takes_the_interrupt_back(rig: DiskRig) -> None:
    rig.command(0xE7)
    assert rig.irq.level
    rig.command(WRITE, count=1)
    assert not rig.irq.level


def test_nien_holds_the_interrupt_and_does_not_lose_it(rig: DiskRig) -> None:
    rig.control(NIEN)
    rig.command(IDENTIFY)
    assert not rig.irq.level
    rig.control(0)
    assert rig.irq.level
    rig.control(NIEN)
    assert not rig.irq.level
    assert rig.status == ASKING
    rig.control(0)
    assert not rig.irq.level


def test_channels_have_lines_of_their_own(cd: CdRig) -> None:
    cd.packet(bytes(12))
    assert cd.irqs[1].level and not cd.irqs[0].history
    cd.done()


# -- HOB


def test_hob_shows_what_was_written_before(rig: DiskRig) -> None:
    for register, values in ((1, (1, 2)), (2, (3, 4)), (3, (5, 6)), (4, (7, 8)), (5, (9, 10))):
        for value in values:
            rig.out(register, value)
    rig.control(HOB)
    assert [rig.inp(register) for register in range(2, 6)] == [3, 5, 7, 9]
    rig.out(2, 0x11)  # any write to the command block takes HOB away
    assert [rig.inp(register) for register in range(2, 6)] == [0x11, 6, 8, 10]
    rig.control(HOB)
    assert rig.inp(2) == 4


# -- Saving


def test_a_transfer_goes_on_after_loading(tmp_path: Path) -> None:
    first = DiskRig(tmp_path)
    first.command(READ, count=3, lba=4)
    start = first.read(700)
    saved = first.controller.save()
    first.close()
    second = DiskRig(tmp_path)
    second.controller.load(saved)
    assert second.irq.level
    assert start + second.read(3 * 512 - 700) == sector(4) + sector(5) + sector(6)
    assert second.status == READY
    second.close()


def test_states_that_do_not_fit_are_refused(pair: DiskRig, cd: CdRig) -> None:
    for state in (cd.controller.save(), pair.disk.save()):
        with pytest.raises(StateError):
            pair.controller.load(state)  # type: ignore[arg-type]
    pair.command(READ, count=1)
    for damage in ({"position": 513}, {"end": 600}, {"buffer": bytearray()}, {"position": -1}):
        state = pair.disk.save()
        for name, value in damage.items():
            setattr(state, name, value)
        with pytest.raises(StateError):
            pair.disk.load(state)
    assert pair.read(512) == sector(0)
