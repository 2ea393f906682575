"""MC146818A data sheet behaviour of the clock, and the CMOS file."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from engine.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS, ManualClock
from engine.devices.device import ResetKind
from engine.devices.rtc_cmos_mc146818 import RtcCmos, State
from engine.errors import StateError
from engine.irq import RecordingIrqLine

START = datetime.datetime(1999, 12, 31, 23, 59, 58)


class Rig:
    def __init__(self, start: datetime.datetime = START) -> None:
        self.clock = ManualClock()
        self.irq = RecordingIrqLine()
        self.rtc = RtcCmos(self.irq, self.clock, start)
        self.ports = {port.offset: port for port in self.rtc.port_map()}

    def read(self, index: int) -> int:
        self.out(0, index)
        read = self.ports[1].read
        assert read is not None
        return read()

    def write(self, index: int, value: int) -> None:
        self.out(0, index)
        self.out(1, value)

    def out(self, offset: int, value: int) -> None:
        write = self.ports[offset].write
        assert write is not None
        write(value)

    def hms(self) -> tuple[int, int, int]:
        return self.read(4), self.read(2), self.read(0)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_time_is_bcd_and_24_hours_at_first(rig: Rig) -> None:
    assert rig.hms() == (0x23, 0x59, 0x58)
    assert (rig.read(6), rig.read(7), rig.read(8), rig.read(9), rig.read(0x32)) == (6, 0x31, 0x12, 0x99, 0x19)


def test_turn_of_the_century_carries_everywhere(rig: Rig) -> None:
    rig.clock.advance(2 * SECOND_NS)
    assert rig.hms() == (0, 0, 0)
    assert (rig.read(6), rig.read(7), rig.read(8), rig.read(9), rig.read(0x32)) == (7, 1, 1, 0, 0x20)


@pytest.mark.parametrize(
    ("start", "seconds", "expected"),
    [
        ("2000-02-28T23:59:59", 1, "2000-02-29T00:00:00"),
        ("1900-02-28T23:59:59", 1, "1900-03-01T00:00:00"),
        ("2024-02-29T12:00:00", 366 * 86400, "2025-03-01T12:00:00"),
        ("2024-01-01T00:00:00", 59, "2024-01-01T00:00:59"),
    ],
)
def test_calendar(start: str, seconds: int, expected: str) -> None:
    rig = Rig(datetime.datetime.fromisoformat(start))
    rig.clock.advance(seconds * SECOND_NS)
    assert rig.rtc.time() == datetime.datetime.fromisoformat(expected)


def test_binary_and_12_hour_modes(rig: Rig) -> None:
    rig.write(0x0B, 0x80 | 0x04)  # SET, binary, 12 hours
    for index, value in ((4, 0x80 | 11), (2, 59), (0, 59)):
        rig.write(index, value)
    rig.write(0x0B, 0x04)
    rig.clock.advance(SECOND_NS)
    assert rig.hms() == (12, 0, 0)  # midnight is 12 AM
    rig.clock.advance(12 * 3600 * SECOND_NS)
    assert rig.hms() == (0x80 | 12, 0, 0)
    rig.clock.advance(3600 * SECOND_NS)
    assert rig.hms() == (0x80 | 1, 0, 0)


def test_set_holds_the_time(rig: Rig) -> None:
    rig.write(0x0B, 0x82)
    rig.clock.advance(10 * SECOND_NS)
    assert rig.hms() == (0x23, 0x59, 0x58)
    rig.write(0x0B, 0x02)
    rig.clock.advance(SECOND_NS)
    assert rig.hms() == (0x23, 0x59, 0x59)


def test_uip_warns_244_us_before_the_update_cycle(rig: Rig) -> None:
    cycle = 1984 * MICROSECOND_NS
    rig.clock.advance(SECOND_NS - cycle - 245 * MICROSECOND_NS)
    assert not rig.read(0x0A) & 0x80
    rig.clock.advance(MICROSECOND_NS)
    assert rig.read(0x0A) & 0x80
    rig.clock.advance(cycle + 244 * MICROSECOND_NS - 1)
    assert rig.read(0x0A) & 0x80
    assert rig.read(0) == 0x58
    rig.clock.advance(1)
    assert not rig.read(0x0A) & 0x80
    assert rig.read(0) == 0x59


def test_uip_stays_low_under_set(rig: Rig) -> None:
    rig.write(0x0B, 0x82)
    rig.clock.advance(SECOND_NS - 1)
    assert not rig.read(0x0A) & 0x80


def test_update_ended_interrupt_stays_until_c_is_read(rig: Rig) -> None:
    rig.write(0x0B, 0x12)
    rig.clock.advance(SECOND_NS - 1)
    assert not rig.irq.level
    rig.clock.advance(1)
    assert rig.irq.level
    rig.clock.advance(3 * SECOND_NS)
    assert rig.irq.edges == 1
    assert rig.read(0x0C) & 0x90 == 0x90
    assert not rig.irq.level
    rig.clock.advance(SECOND_NS)
    assert rig.irq.edges == 2


def test_set_clears_update_ended_enable(rig: Rig) -> None:
    rig.write(0x0B, 0x92)
    assert rig.read(0x0B) == 0x82


def test_flags_are_set_without_their_enables(rig: Rig) -> None:
    rig.clock.advance(SECOND_NS)
    assert rig.read(0x0C) & 0x50 == 0x50
    assert rig.read(0x0C) == 0
    assert rig.irq.edges == 0


@pytest.mark.parametrize(("rate", "hertz"), [(6, 1024), (3, 8192), (15, 2), (1, 256), (2, 128)])
def test_periodic_interrupt_rates(rig: Rig, rate: int, hertz: int) -> None:
    rig.write(0x0A, 0x20 | rate)
    rig.write(0x0B, 0x42)
    rig.read(0x0C)
    interrupts = 0
    for _ in range(hertz):
        rig.clock.advance(SECOND_NS // hertz + 1)
        if rig.irq.level:
            assert rig.read(0x0C) & 0xC0 == 0xC0
            interrupts += 1
    assert interrupts == hertz


def test_rate_0_gives_no_periodic_interrupt(rig: Rig) -> None:
    rig.write(0x0A, 0x20)
    rig.write(0x0B, 0x42)
    rig.read(0x0C)
    rig.clock.advance(2 * SECOND_NS)
    assert rig.irq.edges == 0


def test_alarm_at_an_exact_time(rig: Rig) -> None:
    for index, value in ((5, 0x00), (3, 0x01), (1, 0x30)):
        rig.write(index, value)
    rig.write(0x0B, 0x22)
    rig.clock.advance(91 * SECOND_NS)
    assert not rig.irq.level
    rig.clock.advance(SECOND_NS)
    assert rig.irq.level
    assert rig.read(0x0C) & 0xA0 == 0xA0
    assert rig.hms() == (0x00, 0x01, 0x30)
    rig.clock.advance(86_400 * SECOND_NS)
    assert rig.irq.edges == 2


def test_alarm_with_dont_care_comes_every_minute(rig: Rig) -> None:
    for index, value in ((5, 0xFF), (3, 0xC0), (1, 0x30)):
        rig.write(index, value)
    rig.write(0x0B, 0x22)
    hits = 0
    for _ in range(300):
        rig.clock.advance(SECOND_NS)
        hits += bool(rig.read(0x0C) & 0x20)
    assert hits == 5


def test_alarm_that_never_matches_stays_silent(rig: Rig) -> None:
    rig.write(5, 0x35)
    rig.write(0x0B, 0x22)
    rig.clock.advance(2 * 86_400 * SECOND_NS)
    assert rig.irq.edges == 0


def test_divider_reset_stops_and_first_update_follows_after_half_a_second(rig: Rig) -> None:
    rig.write(0x0A, 0x76)
    rig.clock.advance(10 * SECOND_NS)
    assert rig.read(0) == 0x58
    rig.write(0x0A, 0x26)
    rig.clock.advance(500 * MILLISECOND_NS - 1)
    assert rig.read(0) == 0x58
    rig.clock.advance(1)
    assert rig.read(0) == 0x59


def test_c_and_d_are_read_only_and_ram_is_valid(rig: Rig) -> None:
    rig.write(0x0D, 0)
    rig.write(0x0C, 0xFF)
    assert rig.read(0x0D) == 0x80
    assert rig.read(0x0C) == 0


def test_index_bit_7_masks_nmi(rig: Rig) -> None:
    assert not rig.rtc.nmi_masked
    rig.out(0, 0x8F)
    assert rig.rtc.nmi_masked
    rig.write(0x0F, 0x5A)
    assert not rig.rtc.nmi_masked
    assert rig.read(0x8F) == 0x5A


def test_second_bank_is_separate(rig: Rig) -> None:
    rig.write(0x20, 0x11)
    rig.out(2, 0x20)
    rig.out(3, 0x22)
    assert rig.read(0x20) == 0x11
    assert rig.rtc.read_cmos(0xA0) == 0x22


def test_impossible_time_is_brought_into_range(rig: Rig) -> None:
    for index in range(10):
        rig.write(index, 0xFF)
    assert rig.rtc.time() is None
    rig.clock.advance(SECOND_NS)
    assert rig.rtc.time() is not None


def test_reset_keeps_time_and_ram_and_drops_enables(rig: Rig) -> None:
    rig.write(0x0B, 0x72)
    rig.write(0x40, 0xAB)
    rig.clock.advance(SECOND_NS)
    rig.rtc.reset(ResetKind.BUS)
    assert not rig.irq.level
    assert rig.read(0x0B) == 0x02
    assert rig.read(0x40) == 0xAB
    assert rig.read(0) == 0x59


def test_nvram_file_keeps_ram_but_not_time(tmp_path: Path, rig: Rig) -> None:
    file = tmp_path / "nvram"
    assert rig.rtc.load_nvram(file) is None
    rig.write(0x10, 0x44)
    rig.rtc.write_cmos(0xC0, 0x55)
    assert rig.rtc.store_nvram(file) is None
    later = Rig(datetime.datetime(2026, 5, 4, 3, 2, 1))
    assert later.rtc.load_nvram(file) is None
    assert later.read(0x10) == 0x44
    assert later.rtc.read_cmos(0xC0) == 0x55
    assert later.rtc.time() == datetime.datetime(2026, 5, 4, 3, 2, 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["nvram"]


def test_damaged_nvram_starts_fresh_with_a_notice(tmp_path: Path, rig: Rig) -> None:
    file = tmp_path / "nvram"
    rig.write(0x10, 0x44)
    rig.rtc.store_nvram(file)
    content = file.read_bytes()
    for damaged in (b"", content[:-1], content[:100], content[:40] + b"\xff" + content[41:], content + b"x"):
        file.write_bytes(damaged)
        fresh = Rig()
        notice = fresh.rtc.load_nvram(file)
        assert notice is not None
        assert str(file) in notice
        assert fresh.read(0x10) == 0


def test_nvram_that_cannot_be_written_is_reported(tmp_path: Path, rig: Rig) -> None:
    notice = rig.rtc.store_nvram(tmp_path / "nowhere" / "nvram")
    assert notice is not None
    assert "nowhere" in notice


def test_load_goes_on_ticking(rig: Rig) -> None:
    rig.write(0x0B, 0x12)
    rig.clock.advance(300 * MILLISECOND_NS)
    saved = rig.rtc.save()
    fresh = Rig()
    fresh.clock.advance(300 * MILLISECOND_NS)
    fresh.rtc.load(saved)
    assert fresh.rtc.save() == saved
    fresh.clock.advance(700 * MILLISECOND_NS)
    assert fresh.irq.level
    assert fresh.read(0) == 0x59


def test_load_refuses_a_damaged_state(rig: Rig) -> None:
    with pytest.raises(StateError):
        rig.rtc.load(State(cmos=bytearray(3)))
