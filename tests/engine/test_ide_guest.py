"""IDE drives in a whole machine: string instructions of a guest's program, the interrupt lines, what a person is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import Machine, MachineConfig
from engine.config import CdromConfig, DiskConfig, FloppyConfig
from engine.events import Event, Notice, PowerState
from tests.engine.devices.ide_rig import block, make_cd, make_disk, sector

ATA = 0x1F0
DATA = 0x8000  # where the guest's programs have their data


def command(code: int, count: int, lba: int) -> bytes:
    """Machine code (16 bit): the task file, the command, and a wait for DRQ; DX is the data register then."""
    program = b""
    for port, value in ((6, 0xE0), (2, count), (3, lba), (4, 0), (5, 0), (7, code)):
        program += b"\xba" + (ATA + port).to_bytes(2, "little") + b"\xb0" + bytes((value,)) + b"\xee"
    wait = b"\xba\xf7\x01" + b"\xec\xa8\x08\x74\xfb"  # mov dx, 1F7h; wait: in al, dx; test al, 8; jz wait
    return program + wait + b"\xba\xf0\x01"


def boot_sector(body: bytes) -> bytes:
    """Runs ``body`` with ES = DS = 0, SI = DI = DATA, and halts for ever."""
    start = b"\xfa\x31\xc0\x8e\xd8\x8e\xc0\xbe\x00\x80\xbf\x00\x80\xfc"
    return (start + body + b"\xf4\xeb\xfd").ljust(510, b"\0") + b"\x55\xaa"


def rep(instruction: bytes, count: int) -> bytes:
    return b"\xb9" + count.to_bytes(2, "little") + b"\xf3" + instruction


INSW, INSD, OUTSW, OUTSD = b"\x6d", b"\x66\x6d", b"\x6f", b"\x66\x6f"
IN_DWORD_STORE = b"\x66\xed\x66\xab"  # in eax, dx; stosd

PRD_TABLE, RESULTS = 0x7000, 0x9000


def store(address: int, value: int) -> bytes:
    """mov dword [address], value"""
    return b"\x66\xc7\x06" + address.to_bytes(2, "little") + value.to_bytes(4, "little")


def read_by_dma(count: int, lba: int) -> bytes:
    """Machine code: sectors to DATA by the bus master, found in PCI configuration space. It waits for the BIOS to
    note the interrupt (40:8E) and stores the master's status at RESULTS."""
    find = b"\x66\xb8\x20\x09\x00\x80\xba\xf8\x0c\x66\xef\xba\xfc\x0c\x66\xed\x25\xf0\xff\x89\xc5"  # BP: BMIBA
    table = store(PRD_TABLE, DATA) + store(PRD_TABLE + 4, 0x80000000 | 512 * count)
    point = b"\x66\xb8" + PRD_TABLE.to_bytes(4, "little") + b"\x8d\x56\x04\x66\xef"
    start = b"\xc6\x06\x8e\x04\x00" + b"\x89\xea\xb0\x09\xee\xfb"  # 40:8E = 0; BMIC; sti
    wait = b"\x80\x3e\x8e\x04\x00\x74\xf9\xfa"
    status = b"\x8d\x56\x02\xec\xa2" + RESULTS.to_bytes(2, "little")
    return find + table + point + command(0xC8, count, lba) + start + wait + status


Make = Callable[..., Machine]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    machines: list[Machine] = []
    make_disk(tmp_path / "disk.img", 2016)
    make_cd(tmp_path / "cd.iso", 400)

    def build(program: bytes = b"", events: list[Event] | None = None, read_only: bool = False) -> Machine:
        floppy = tmp_path / "boot.img"
        floppy.write_bytes(boot_sector(program).ljust(1474560, b"\0"))
        config = MachineConfig(
            memory_mb=4,
            clock="instructions",
            floppies=[FloppyConfig(floppy)],
            disks=[DiskConfig(tmp_path / "disk.img", read_only=read_only)],
            cdroms=[CdromConfig(tmp_path / "cd.iso")],
        )
        machines.append(Machine(config, events=events.append if events is not None else None))
        return machines[-1]

    yield build
    for machine in machines:
        machine.close()


@pytest.mark.parametrize(
    "transfer",
    [
        rep(INSW, 768),
        rep(INSD, 384),
        rep(INSW, 1) + rep(INSD, 383) + rep(INSW, 1),
        IN_DWORD_STORE * 4 + rep(INSD, 380),
    ],
    ids=["insw", "insd", "mixed", "in"],
)
def test_a_program_reads_sectors(make: Make, transfer: bytes) -> None:
    vm = make(command(0x20, 3, 9) + transfer)
    vm.power_on()
    vm.run_for(5)
    assert vm.memory[DATA : DATA + 1536] == sector(9) + sector(10) + sector(11)
    assert vm.board.bus.port_read(ATA + 7, 1) == 0x50


def test_a_program_reads_sectors_by_dma(make: Make) -> None:
    vm = make(read_by_dma(3, 9))
    vm.power_on()
    vm.run_for(5)
    assert vm.memory[DATA : DATA + 1540] == sector(9) + sector(10) + sector(11) + bytes(4)
    assert vm.memory[RESULTS] == b"\x24", "interrupt, not active, drive 0 capable of DMA"
    assert vm.board.bus.port_read(ATA + 7, 1) == 0x50


def test_dma_over_code_that_has_run(make: Make, tmp_path: Path) -> None:
    old, new = b"\xb0\x11\xc3", b"\xb0\x22\xc3"  # mov al, n; ret
    with (tmp_path / "disk.img").open("r+b") as image:
        image.seek(9 * 512)
        image.write(new)
    call = b"\xb8\x00\x80\xff\xd0\xa2"  # mov ax, DATA; call ax; mov [...], al
    first = store(DATA, int.from_bytes(old, "little")) + (call + b"\x04\x90") * 2
    vm = make(first + read_by_dma(1, 9) + call + b"\x05\x90")
    vm.power_on()
    vm.run_for(5)
    assert vm.memory[RESULTS + 4 : RESULTS + 6] == b"\x11\x22"


@pytest.mark.parametrize("transfer", [rep(OUTSW, 512), rep(OUTSD, 256)], ids=["outsw", "outsd"])
def test_a_program_writes_sectors(make: Make, tmp_path: Path, transfer: bytes) -> None:
    vm = make(command(0x30, 2, 9) + b"\xbe\x00\x7c" + transfer)  # the boot sector and what lies behind it
    vm.power_on()
    vm.run_for(5)
    assert vm.board.bus.port_read(ATA + 7, 1) == 0x50
    written = (tmp_path / "disk.img").read_bytes()[9 * 512 : 11 * 512]
    assert written == vm.memory[0x7C00:0x8000]
    assert written[510:512] == b"\x55\xaa"


@pytest.mark.parametrize(("base", "irq"), [(0x1F0, 14), (0x170, 15)])
def test_each_channel_has_its_interrupt_line(make: Make, base: int, irq: int) -> None:
    vm = make()
    vm.power_on()
    vm.run_for(5)
    bus = vm.board.bus
    assert not vm.board.pic.requests >> irq & 1
    bus.port_write(base + 7, 0xEC if irq == 14 else 0xA1, 1)
    assert vm.board.pic.requests >> irq & 1


def notices(events: list[Event]) -> list[Notice]:
    return [event for event in events if isinstance(event, Notice)]


def test_a_guest_that_writes_to_a_read_only_disk_is_told_to_a_person_once(make: Make, tmp_path: Path) -> None:
    events: list[Event] = []
    vm = make(events=events, read_only=True)
    vm.power_on()
    vm.run_for(5)
    for _ in range(2):
        vm.board.bus.port_write(ATA + 7, 0x30, 1)
        assert vm.board.bus.port_read(ATA + 7, 1) & 0x01
    disk = tmp_path / "disk.img"
    text = f"{disk}: The image is read-only, and the guest wants to write to it."
    assert notices(events) == [Notice(text, "disk0")]
    assert vm.state is PowerState.RUNNING


@pytest.mark.parametrize("inserted_later", [False, True])
def test_a_cd_image_that_is_cut_is_told_to_a_person(make: Make, tmp_path: Path, inserted_later: bool) -> None:
    events: list[Event] = []
    vm = make(events=events)
    path = tmp_path / "cd.iso"
    vm.power_on()
    vm.run_for(5)
    if inserted_later:
        path = make_cd(tmp_path / "later.iso", 20)
        vm.insert("cdrom0", path)
    os.truncate(path, 2048)
    bus = vm.board.bus
    for _ in range(2):  # a new disc's unit attention comes first
        bus.port_write(0x175, 0x08, 1)
        bus.port_write(0x177, 0xA0, 1)
        for word in (0x0028, 0, 0x0500, 0, 1, 0):
            bus.port_write(0x170, word, 2)
    assert bus.port_read(0x177, 1) & 0x01
    assert bus.port_read(0x171, 1) >> 4 == 3
    assert notices(events) == [Notice(f"{path}: The file became shorter while it was in use.", "cdrom0")]


def test_a_cd_can_be_read_by_a_guest(make: Make) -> None:
    vm = make()
    vm.power_on()
    vm.run_for(5)
    bus = vm.board.bus
    bus.port_write(0x175, 0x08, 1)
    bus.port_write(0x177, 0xA0, 1)
    for word in (0x0028, 0, 0x0500, 0, 1, 0):
        bus.port_write(0x170, word, 2)
    if bus.port_read(0x177, 1) & 0x01:
        pytest.fail("the disc that the machine started with is no news")
    assert b"".join(bus.port_read(0x170, 4).to_bytes(4, "little") for _ in range(512)) == block(5)


def test_the_cd_that_is_in_the_drive_can_be_put_in_again(make: Make, tmp_path: Path) -> None:
    vm = make()
    vm.power_on()
    vm.run_for(5)
    path = make_cd(tmp_path / "again.iso", 20)
    bus = vm.board.bus

    def test_unit_ready() -> int:
        bus.port_write(0x175, 0x08, 1)
        bus.port_write(0x177, 0xA0, 1)
        for _ in range(6):
            bus.port_write(0x170, 0, 2)
        return bus.port_read(0x171, 1) >> 4 if bus.port_read(0x177, 1) & 0x01 else 0

    for _ in range(2):
        vm.insert("cdrom0", path)
        senses = [test_unit_ready() for _ in range(4)]
        assert 6 in senses, "unit attention: the medium may have changed"
        assert senses[-1] == 0, "and then it is ready"
