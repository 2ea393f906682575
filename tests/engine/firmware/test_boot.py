"""INT 19h, El Torito, POST, Setup, the boot menu, and the settings behind them."""

from __future__ import annotations

import struct

import pytest

from engine.config import MachineConfig
from tests.engine.firmware.fake_board import Bios, CdContents, FakeBlock, FakeCd, FakeDisk, FakeDrive, FakeFloppy

BOOT = b"\xeb\xfe" + bytes(508) + b"\x55\xaa"
F2, F10, ESCAPE, ENTER, DOWN, RIGHT = 0x3C, 0x44, 0x01, 0x1C, 0x50, 0x4D
MINUS, YES = 0x4A, 0x15


def bootable_floppy() -> FakeFloppy:
    medium = FakeFloppy()
    medium.contents[0, 0, 1] = BOOT
    return medium


def bootable_cd(media: int = 0, image: bytes = BOOT, count: int = 4, segment: int = 0) -> FakeCd:
    catalog = bytearray(struct.pack("<BBH24sHBB", 1, 0, 0, b"test", 0, 0x55, 0xAA))
    catalog[28:30] = (-sum(struct.unpack("<16H", catalog)) & 0xFFFF).to_bytes(2, "little")
    catalog += struct.pack("<BBHBBHI", 0x88, media, segment, 0, 0, count, 30)
    record = b"\x00CD001\x01EL TORITO SPECIFICATION".ljust(0x47, b"\0") + (20).to_bytes(4, "little")
    blocks = {17: record, 20: bytes(catalog)}
    for at in range(0, len(image), 2048):
        blocks[30 + at // 2048] = image[at : at + 2048]
    return FakeCd(CdContents(blocks))


def machine(**parts: object) -> Bios:
    bios = Bios(**parts)  # type: ignore[arg-type]
    bios.start()
    return bios


def test_floppy_boots_first() -> None:
    bios = machine(
        floppies=[FakeDrive(bootable_floppy())], ide=[FakeDisk(FakeBlock(2000, BOOT), (2, 16, 63)), None, None, None]
    )
    result = bios.call(0x19)
    assert (result.cs, result.ip, result.dl) == (0, 0x7C00, 0)
    assert result.flags & 0x200
    assert bios.read(0x7C00, 512) == BOOT


def test_empty_floppy_drive_lets_the_disk_boot() -> None:
    bios = machine(floppies=[FakeDrive()], ide=[FakeDisk(FakeBlock(2000, BOOT), (2, 16, 63)), None, None, None])
    result = bios.call(0x19)
    assert (result.ip, result.dl) == (0x7C00, 0x80)


def test_disk_without_boot_sector_is_not_run() -> None:
    bios = machine(ide=[FakeDisk(FakeBlock(2000), (2, 16, 63)), None, None, None])
    result = bios.call(0x19, most_waits=2)
    assert result.waits
    text = "\n".join(bios.screen())
    assert "No bootable device" in text and "no boot sector" in text and "press any key" in text


def test_a_key_tries_again() -> None:
    bios = machine(floppies=[FakeDrive()])
    first = bios.call(0x19, most_waits=0)
    assert first.waits
    bios.floppies[0].medium = bootable_floppy()
    bios.type_scans(0x39)
    result = bios.call(first.service, most_waits=0)
    assert (result.ip, result.dl) == (0x7C00, 0)


def test_int_18h_waits_too() -> None:
    bios = machine()
    assert bios.call(0x18, most_waits=1).waits


def test_cd_without_emulation() -> None:
    image = bytes(range(256)) * 16
    bios = machine(ide=[None, None, bootable_cd(image=image, count=8), None])
    result = bios.call(0x19)
    assert (result.cs, result.ip, result.dl) == (0, 0x7C00, 0xE0)
    assert bios.read(0x7C00, 4096) == image
    bios.write(0x5000, bytes((16, 0, 1, 0, 0, 0, 0, 0x10)) + (20).to_bytes(8, "little"))
    assert not bios.call(0x13, eax=0x4200, edx=0xE0, ds=0x500, esi=0).carry
    assert bios.byte(0x10000) == 1  # the catalog, a block of 2048 bytes
    assert not bios.call(0x13, eax=0x4B01, edx=0xE0, ds=0x600, esi=0).carry
    assert bios.byte(0x6000) == 0x13 and bios.byte(0x6001) == 0 and bios.byte(0x6002) == 0xE0


def test_cd_with_its_own_segment() -> None:
    bios = machine(ide=[None, None, bootable_cd(segment=0x2000), None])
    result = bios.call(0x19)
    assert (result.cs, result.ip) == (0x2000, 0)
    assert bios.read(0x20000, 2) == b"\xeb\xfe"


def test_cd_as_floppy_takes_the_first_drive() -> None:
    image = b"".join(bytes([n]) * 512 for n in range(40))
    bios = machine(floppies=[FakeDrive(FakeFloppy())], ide=[None, None, bootable_cd(2, image), None],
                   config=MachineConfig(boot_order=("cdrom",)))  # fmt: skip
    result = bios.call(0x19)
    assert (result.cs, result.ip, result.dl) == (0, 0x7C00, 0)
    bios.call(0x13, eax=0x0201, ecx=0x0003, edx=0x0100, es=0x1000)
    assert bios.read(0x10000, 512) == bytes([20]) * 512  # head 1, sector 3
    bios.call(0x13, eax=0x0201, ecx=0x0105, edx=0x0001, es=0x1000)
    assert bios.read(0x10000, 3) == bytes((1, 0, 5))  # the real drive moved to 01h
    assert bios.call(0x13, eax=0x0301, ecx=1, edx=0, es=0x1000).ah == 0x03
    shape = bios.call(0x13, eax=0x0800, edx=0)
    assert (shape.ch, shape.cl, shape.dh, shape.dl) == (79, 18, 1, 2)
    bios.call(0x13, eax=0x4B00, edx=0x7F, ds=0x600, esi=0)  # emulation ends
    bios.call(0x13, eax=0x0201, ecx=0x0105, edx=0, es=0x1000)
    assert bios.read(0x10000, 3) == bytes((1, 0, 5))


def test_damaged_catalog_is_not_booted() -> None:
    cd = bootable_cd()
    cd.medium._blocks[20] = b"\2" + cd.medium._blocks[20][1:]
    bios = machine(ide=[None, None, cd, None])
    bios.call(0x19, most_waits=0)
    assert "catalog is damaged" in "\n".join(bios.screen())


# -- POST --------------------------------------------------------------------------------------------------------


def step(bios: Bios, times: int = 1) -> None:
    for _ in range(times):
        bios.call(0x100, most_waits=0)
        bios.clock.advance(55_000_000)


def test_post_is_over_within_a_guest_second() -> None:
    bios = Bios()
    bios.start()
    assert bios.clock.now_ns < 1_000_000_000


def test_post_shows_memory_and_drives() -> None:
    bios = Bios(floppies=[FakeDrive()], ide=[FakeDisk(FakeBlock(65536), (65, 16, 63)), None, FakeCd(), None])
    step(bios, 9)
    text = "\n".join(bios.screen())
    for needed in ("Bancada BIOS", "4096 KB OK", "1.44 MB", "Hard disk, 32 MB (65/16/63)", "CD-ROM, empty", "F2"):
        assert needed in text


def test_warm_start_does_not_count_memory() -> None:
    bios = Bios()
    bios.write(0x472, b"\x34\x12")
    bios.firmware.reset(cold=False)
    step(bios, 2)
    assert "4096 KB OK" in "\n".join(bios.screen())


def test_equipment_word(bios: Bios) -> None:
    word = bios.call(0x11).ax
    assert word & 0x0001 and word >> 6 & 3 == 0  # one floppy drive
    assert word >> 9 & 7 == 1 and word >> 14 == 1 and word & 0x30 == 0x20


def test_cmos_describes_the_machine(bios: Bios) -> None:
    cells = bios.cmos.cells
    assert cells[0x10] == 0x40
    assert cells[0x15] | cells[0x16] << 8 == 640
    assert cells[0x17] | cells[0x18] << 8 == 3072
    assert cells[0x2E] << 8 | cells[0x2F] == sum(cells[0x10:0x2E])


def test_vectors_point_into_the_roms(bios: Bios) -> None:
    assert bios.word(0x10 * 4 + 2) == 0xC000
    for vector in (0x08, 0x09, 0x13, 0x15, 0x16, 0x19, 0x1A, 0x70, 0x74, 0x76):
        assert bios.word(vector * 4 + 2) == 0xF000
    assert bios.read(0x60 * 4, 32) == bytes(32)


# -- Setup -------------------------------------------------------------------------------------------------------


def press(bios: Bios, *scans: int) -> None:
    for scan in scans:
        prefix = (0xE0,) if scan in (DOWN, RIGHT) else ()  # the grey arrows
        bios.type_scans(*prefix, scan, *prefix, scan | 0x80)
        step(bios)


def in_setup(bios: Bios) -> Bios:
    step(bios, 2)
    press(bios, F2)
    step(bios, 20)
    assert "Bancada BIOS Setup" in bios.screen()[0]
    return bios


def test_f2_opens_setup_and_escape_leaves_without_changes() -> None:
    bios = in_setup(Bios())
    press(bios, RIGHT, MINUS, ESCAPE, ESCAPE, YES)
    bios.start()
    assert bios.firmware.services.settings.boot_order() == ["floppy", "cdrom", "disk"]
    assert bios.saves == 0


def test_boot_order_is_changed_and_survives_a_power_cycle() -> None:
    bios = in_setup(Bios())
    press(bios, RIGHT, MINUS, F10, YES)
    bios.start()
    assert bios.saves == 1
    assert bios.firmware.services.settings.boot_order() == ["cdrom", "floppy", "disk"]
    again = Bios()
    again.cmos = bios.cmos
    again.firmware = again.make()
    again.start()
    assert again.firmware.services.settings.boot_order() == ["cdrom", "floppy", "disk"]


def test_a_new_order_in_the_configuration_wins_over_the_stored_one() -> None:
    bios = in_setup(Bios())
    press(bios, RIGHT, MINUS, F10, YES)
    again = Bios(config=MachineConfig(boot_order=("disk", "floppy")))
    again.cmos = bios.cmos
    again.firmware = again.make()
    again.start()
    assert again.firmware.services.settings.boot_order() == ["disk", "floppy"]


def test_damaged_settings_are_not_used() -> None:
    bios = in_setup(Bios())
    press(bios, RIGHT, MINUS, F10, YES)
    bios.cmos.cells[0x42] ^= 1
    assert not bios.firmware.services.settings.load()
    assert bios.firmware.services.settings.boot_order() == ["floppy", "cdrom", "disk"]


def test_time_is_set_with_plus_and_digits() -> None:
    bios = in_setup(Bios())
    press(bios, 0x4E)
    assert bios.cmos.cells[4] == 0x13
    press(bios, ENTER, 0x05, 0x06)  # minutes: 4, 5
    assert bios.cmos.cells[2] == 0x45
    press(bios, DOWN, 0x4E)
    assert bios.cmos.cells[9] == 0x27


def test_day_stays_in_the_month() -> None:
    bios = Bios()
    bios.cmos.cells[7], bios.cmos.cells[8] = 0x31, 0x01
    in_setup(bios)
    press(bios, DOWN, ENTER, 0x4E)
    assert (bios.cmos.cells[8], bios.cmos.cells[7]) == (0x02, 0x28)


def test_all_pages_can_be_seen_and_defaults_loaded() -> None:
    bios = in_setup(Bios(floppies=[FakeDrive()]))
    seen = []
    for _ in range(5):
        seen.append("\n".join(bios.screen()))
        press(bios, RIGHT)
    for text, needed in zip(
        seen, ("System time", "Quick boot", "Floppy A", "Serial port 1", "Load defaults"), strict=True
    ):
        assert needed in text
    press(bios, RIGHT, DOWN, DOWN, DOWN, ENTER)
    assert bios.firmware.services.post.setup.state.values.quick_boot
    press(bios, 0x43)
    assert "Load default settings?" in "\n".join(bios.screen())
    press(bios, YES)
    assert not bios.firmware.services.post.setup.state.values.quick_boot


def test_reported_serial_port_can_be_hidden() -> None:
    bios = in_setup(Bios())
    press(bios, RIGHT, RIGHT, RIGHT, ENTER, F10, YES)
    bios.start()
    assert bios.word(0x400) == 0


# -- Boot menu ---------------------------------------------------------------------------------------------------


def test_escape_opens_the_boot_menu_for_one_boot() -> None:
    disk = FakeDisk(FakeBlock(2000, BOOT), (2, 16, 63))
    bios = Bios(floppies=[FakeDrive(bootable_floppy())], ide=[disk, None, None, None])
    step(bios, 2)
    press(bios, ESCAPE)
    step(bios, 20)
    assert "Boot from" in "\n".join(bios.screen())
    press(bios, DOWN, ENTER)
    assert bios.call(0x19).dl == 0x80
    assert bios.call(0x19).dl == 0x00


def test_boot_menu_leads_to_setup() -> None:
    bios = Bios()
    step(bios, 2)
    press(bios, ESCAPE)
    step(bios, 20)
    press(bios, ENTER)
    assert "Bancada BIOS Setup" in bios.screen()[0]


# -- Save and load -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 3, 30])
def test_state_survives_a_round_trip(steps: int) -> None:
    bios = Bios(floppies=[FakeDrive()])
    step(bios, 1)
    press(bios, F2)
    step(bios, steps)
    saved = bios.firmware.save()
    fresh = Bios(floppies=[FakeDrive()])
    fresh.firmware.load(saved)
    assert fresh.firmware.save() == saved


def test_a_transfer_that_was_saved_half_way_goes_on() -> None:
    from engine.firmware.mailbox_layout import PORT_BLOCK, PORT_COMMAND, PORT_FRAME, Command

    bios = machine(floppies=[FakeDrive(FakeFloppy())])
    frame = struct.pack("<I2H8I4H", 0, 0x1000, 0, 0, 0, 0, 0, 0, 0, 0x0001, 0x0201, 0x13, 0, 0, 2)
    push = bios.bus.registers[PORT_FRAME].write_block
    block = bios.bus.registers[PORT_BLOCK].read_block
    assert push is not None and block is not None
    push(frame)
    bios.bus.port_write(PORT_COMMAND, Command.CALL, 1)
    first = block(100)
    saved = bios.firmware.save()
    block(412)
    bios.firmware.load(saved)
    assert (first + block(412))[:3] == bytes((0, 0, 1))
