"""Real-time clock and CMOS memory: MC146818A as in the PIIX, 256 bytes of battery-backed RAM.

Sources: Motorola MC146818A data sheet (ADI-1030), PIIX3 data sheet (290550) for the second bank at 72h/73h.
Time of day in BCD or binary, 12 or 24 hours, alarm, periodic and update-ended interrupts, update-in-progress
timing, divider and SET. The clock is not stepped: time registers are brought up to date when somebody looks.
The century byte (32h) is advanced at the turn of the century, as PC firmware and guests expect.
Not modelled: the SQW pin, which is not wired in a PC, and dividers for other crystals than 32.768 kHz.
"""

from __future__ import annotations

import calendar
import contextlib
import datetime
import os
import tempfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.bus import Port
from engine.clock import MICROSECOND_NS, SECOND_NS, Clock
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError
from engine.irq import IrqLine

# Offsets from 70h
INDEX: Final = 0
DATA: Final = 1
INDEX_HIGH: Final = 2
DATA_HIGH: Final = 3
INDEX_NMI_MASK: Final = 0x80

# Registers
SECONDS: Final = 0x00
SECONDS_ALARM: Final = 0x01
MINUTES: Final = 0x02
MINUTES_ALARM: Final = 0x03
HOURS: Final = 0x04
HOURS_ALARM: Final = 0x05
DAY_OF_WEEK: Final = 0x06  # 1 = Sunday
DATE_OF_MONTH: Final = 0x07
MONTH: Final = 0x08
YEAR: Final = 0x09
REGISTER_A: Final = 0x0A
REGISTER_B: Final = 0x0B
REGISTER_C: Final = 0x0C
REGISTER_D: Final = 0x0D
CENTURY: Final = 0x32  # RAM by the data sheet, the century by PC convention

A_UIP: Final = 0x80
A_DV: Final = 0x70
A_DV_RESET: Final = 0x60
A_RS: Final = 0x0F
B_SET: Final = 0x80
B_PIE: Final = 0x40
B_AIE: Final = 0x20
B_UIE: Final = 0x10
B_SQWE: Final = 0x08
B_DM: Final = 0x04  # 1: binary
B_24: Final = 0x02
C_IRQF: Final = 0x80
C_PF: Final = 0x40
C_AF: Final = 0x20
C_UF: Final = 0x10
D_VRT: Final = 0x80
HOUR_PM: Final = 0x80
ALARM_ANY: Final = 0xC0

CRYSTAL_HZ: Final = 32_768
UPDATE_WARNING_NS: Final = 244 * MICROSECOND_NS  # t_BUC: UIP rises this long before the update cycle
UPDATE_CYCLE_NS: Final = 1984 * MICROSECOND_NS  # t_UC
TIME_REGISTERS: Final = (SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DATE_OF_MONTH, MONTH, YEAR)

CMOS_BYTES: Final = 256
_NEVER_SECONDS: Final = 1 << 62
NVRAM_MAGIC: Final = b"Bancada NVRAM 1\n"


@dataclass(slots=True)
class State:
    cmos: bytearray = field(default_factory=lambda: bytearray(CMOS_BYTES))
    index: int = 0
    index_high: int = 0
    nmi_masked: bool = False
    flags: int = 0  # register C without IRQF
    next_update_ns: int = SECOND_NS  # end of the next update cycle
    divider_base_ns: int = 0  # periodic interrupts are counted from here
    periods: int = 0  # periods already accounted for


class RtcCmos:
    """The clock chip. ``start_time`` is what it shows at guest time 0."""

    def __init__(self, irq: IrqLine, clock: Clock, start_time: datetime.datetime) -> None:
        self._irq = irq
        self._clock = clock
        self._call_id: int | None = None
        self._s = State()
        self._s.cmos[REGISTER_A] = 0x26
        self._s.cmos[REGISTER_B] = B_24
        self.set_time(start_time)

    def port_map(self) -> list[Port]:
        return [
            Port(INDEX, None, self.write_index),
            Port(DATA, self.read_data, self.write_data),
            Port(INDEX_HIGH, None, self.write_index_high),
            Port(DATA_HIGH, self.read_data_high, self.write_data_high),
        ]

    # -- Ports

    def write_index(self, value: int) -> None:
        self._s.index = value & 0x7F
        self._s.nmi_masked = bool(value & INDEX_NMI_MASK)

    def write_index_high(self, value: int) -> None:
        self._s.index_high = 0x80 | value & 0x7F

    def read_data(self) -> int:
        return self.read_cmos(self._s.index)

    def write_data(self, value: int) -> None:
        self.write_cmos(self._s.index, value)

    def read_data_high(self) -> int:
        return self._s.cmos[self._s.index_high | 0x80]

    def write_data_high(self, value: int) -> None:
        self._s.cmos[self._s.index_high | 0x80] = value

    @property
    def nmi_masked(self) -> bool:
        """Port 70h bit 7: non-maskable interrupts are kept from the processor."""
        return self._s.nmi_masked

    # -- Registers and RAM

    def read_cmos(self, index: int) -> int:
        """Register or RAM byte ``index`` (0-255), as the guest reads it."""
        s = self._s
        if index > REGISTER_D or index in (SECONDS_ALARM, MINUTES_ALARM, HOURS_ALARM, REGISTER_B):
            return s.cmos[index]
        self._catch_up()
        if index == REGISTER_A:
            return s.cmos[REGISTER_A] | (A_UIP if self._update_in_progress() else 0)
        if index == REGISTER_C:
            return self._read_c()
        if index == REGISTER_D:
            return D_VRT
        return s.cmos[index]

    def write_cmos(self, index: int, value: int) -> None:
        """Writes register or RAM byte ``index`` (0-255), as the guest does."""
        s = self._s
        if index > REGISTER_D:
            s.cmos[index] = value
            return
        self._catch_up()
        if index == REGISTER_A:
            self._write_a(value)
        elif index == REGISTER_B:
            self._write_b(value)
        elif index not in (REGISTER_C, REGISTER_D):  # those two are read-only
            s.cmos[index] = value
        self._arm()

    def _write_a(self, value: int) -> None:
        s = self._s
        was_reset = self._divider_reset()
        rate_before = s.cmos[REGISTER_A] & A_RS
        s.cmos[REGISTER_A] = value & ~A_UIP
        if was_reset and not self._divider_reset():
            # The first update comes half a second after the divider is let go (data sheet, "Divider Control").
            s.next_update_ns = self._clock.now_ns + SECOND_NS // 2
            s.divider_base_ns = s.next_update_ns - SECOND_NS
            s.periods = self._periods()
        elif value & A_RS != rate_before:
            s.periods = self._periods()

    def _write_b(self, value: int) -> None:
        if value & B_SET:
            value &= ~B_UIE
        self._s.cmos[REGISTER_B] = value
        self._drive_irq()

    def _read_c(self) -> int:
        s = self._s
        value = s.flags | (C_IRQF if self._irq.level else 0)
        s.flags = 0
        self._irq.set(False)
        self._arm()
        return value

    def _divider_reset(self) -> bool:
        return self._s.cmos[REGISTER_A] & A_DV_RESET == A_DV_RESET

    def _update_in_progress(self) -> bool:
        s = self._s
        if s.cmos[REGISTER_B] & B_SET or self._divider_reset():
            return False
        return self._clock.now_ns >= s.next_update_ns - UPDATE_CYCLE_NS - UPDATE_WARNING_NS

    def _drive_irq(self) -> None:
        self._irq.set(bool(self._s.flags & self._s.cmos[REGISTER_B] & (C_PF | C_AF | C_UF)))

    # -- The passing of time

    def _period_clocks(self) -> int:
        """Crystal clocks between periodic interrupts; 0: none."""
        rate = self._s.cmos[REGISTER_A] & A_RS
        if rate == 0 or self._divider_reset():
            return 0
        return 1 << (rate + 6 if rate <= 2 else rate - 1)

    def _periods(self) -> int:
        clocks = self._period_clocks()
        if not clocks:
            return 0
        return (self._clock.now_ns - self._s.divider_base_ns) * CRYSTAL_HZ // SECOND_NS // clocks

    def _catch_up(self) -> None:
        """Brings time registers and flags up to now."""
        s = self._s
        now_ns = self._clock.now_ns
        if self._divider_reset():
            return
        if now_ns >= s.next_update_ns:
            seconds = (now_ns - s.next_update_ns) // SECOND_NS + 1
            s.next_update_ns += seconds * SECOND_NS
            if not s.cmos[REGISTER_B] & B_SET:
                if self._seconds_to_alarm() <= seconds:
                    s.flags |= C_AF
                s.flags |= C_UF
                self._advance(seconds)
        periods = self._periods()
        if periods != s.periods:
            if periods > s.periods:
                s.flags |= C_PF
            s.periods = periods
        self._drive_irq()

    def _due(self) -> None:
        self._call_id = None
        self._catch_up()
        self._arm()

    def _arm(self) -> None:
        """Schedules the next enabled interrupt; none while it is already pending."""
        if self._call_id is not None:
            self._clock.cancel(self._call_id)
            self._call_id = None
        s = self._s
        wanted = s.cmos[REGISTER_B] & ~s.flags
        if not wanted & (B_PIE | B_AIE | B_UIE) or self._divider_reset():
            return
        when_ns: list[int] = []
        clocks = self._period_clocks()
        if wanted & B_PIE and clocks:
            when_ns.append(s.divider_base_ns + -(-(s.periods + 1) * clocks * SECOND_NS // CRYSTAL_HZ))
        if not s.cmos[REGISTER_B] & B_SET:
            if wanted & B_UIE:
                when_ns.append(s.next_update_ns)
            if wanted & B_AIE and (wait := self._seconds_to_alarm()) != _NEVER_SECONDS:
                when_ns.append(s.next_update_ns + (wait - 1) * SECOND_NS)
        if when_ns:
            self._call_id = self._clock.call_at(max(min(when_ns), self._clock.now_ns), self._due)

    # -- Time of day

    def _decode(self, value: int) -> int:
        return value if self._s.cmos[REGISTER_B] & B_DM else (value >> 4) * 10 + (value & 15)

    def _encode(self, value: int) -> int:
        return value if self._s.cmos[REGISTER_B] & B_DM else value // 10 << 4 | value % 10

    def _decode_hour(self, value: int) -> int:
        if self._s.cmos[REGISTER_B] & B_24:
            return self._decode(value)
        return self._decode(value & ~HOUR_PM) % 12 + (12 if value & HOUR_PM else 0)

    def _encode_hour(self, hour: int) -> int:
        if self._s.cmos[REGISTER_B] & B_24:
            return self._encode(hour)
        return self._encode((hour + 11) % 12 + 1) | (HOUR_PM if hour >= 12 else 0)

    def _second_of_day(self) -> int:
        cmos = self._s.cmos
        hour = min(self._decode_hour(cmos[HOURS]), 23)
        return hour * 3600 + min(self._decode(cmos[MINUTES]), 59) * 60 + min(self._decode(cmos[SECONDS]), 59)

    def _seconds_to_alarm(self) -> int:
        """Seconds until the time registers match the alarm (1-86,400); a huge number when they never do."""
        cmos = self._s.cmos
        hours = self._alarm_choices(cmos[HOURS_ALARM], 24, hour=True)
        minutes = self._alarm_choices(cmos[MINUTES_ALARM], 60)
        seconds = self._alarm_choices(cmos[SECONDS_ALARM], 60)
        if not hours or not minutes or not seconds:
            return _NEVER_SECONDS
        now = self._second_of_day()
        first_of_hour = minutes[0] * 60 + seconds[0]
        for hour in hours:
            base = hour * 3600
            if base + 3600 <= now:
                continue
            if base > now:
                return base + first_of_hour - now
            for minute in minutes:
                for second in seconds:
                    if base + minute * 60 + second > now:
                        return base + minute * 60 + second - now
        return 86_400 + hours[0] * 3600 + first_of_hour - now

    def _alarm_choices(self, value: int, count: int, hour: bool = False) -> range:
        if value >= ALARM_ANY:
            return range(count)
        wanted = self._decode_hour(value) if hour else self._decode(value)
        return range(wanted, wanted + 1) if wanted < count else range(0)

    def _advance(self, seconds: int) -> None:
        """Lets the time registers run on; impossible values are first brought into range."""
        cmos = self._s.cmos
        days, rest = divmod(self._second_of_day() + seconds, 86_400)
        cmos[SECONDS] = self._encode(rest % 60)
        cmos[MINUTES] = self._encode(rest // 60 % 60)
        cmos[HOURS] = self._encode_hour(rest // 3600)
        if days:
            self._advance_date(days)

    def _advance_date(self, days: int) -> None:
        cmos = self._s.cmos
        weekday = self._decode(cmos[DAY_OF_WEEK])
        century = self._decode(cmos[CENTURY])
        century_known = 1 <= century <= 98
        year = (century if century_known else 20) * 100 + min(self._decode(cmos[YEAR]), 99)
        month = min(max(self._decode(cmos[MONTH]), 1), 12)
        day = min(max(self._decode(cmos[DATE_OF_MONTH]), 1), calendar.monthrange(year, month)[1])
        ordinal = datetime.date(year, month, day).toordinal() + days
        date = datetime.date.fromordinal(min(ordinal, datetime.date.max.toordinal()))
        cmos[DAY_OF_WEEK] = self._encode((weekday + 6 + days) % 7 + 1)
        self._store_date(date, century_known)

    def _store_date(self, date: datetime.date, with_century: bool) -> None:
        cmos = self._s.cmos
        cmos[DATE_OF_MONTH] = self._encode(date.day)
        cmos[MONTH] = self._encode(date.month)
        cmos[YEAR] = self._encode(date.year % 100)
        if with_century:
            cmos[CENTURY] = self._encode(date.year // 100)

    def set_time(self, time: datetime.datetime) -> None:
        """Sets the clock from the host's side; the next second ends when ``time`` says it does."""
        s = self._s
        second_of_day = time.hour * 3600 + time.minute * 60 + time.second
        s.cmos[SECONDS] = self._encode(second_of_day % 60)
        s.cmos[MINUTES] = self._encode(time.minute)
        s.cmos[HOURS] = self._encode_hour(time.hour)
        s.cmos[DAY_OF_WEEK] = self._encode(time.isoweekday() % 7 + 1)
        self._store_date(time.date(), with_century=True)
        s.next_update_ns = self._clock.now_ns + SECOND_NS - time.microsecond * MICROSECOND_NS
        s.divider_base_ns = s.next_update_ns - SECOND_NS
        s.periods = self._periods()
        self._arm()

    def time(self) -> datetime.datetime | None:
        """What the clock shows, or None when the guest wrote an impossible time."""
        self._catch_up()
        cmos = self._s.cmos
        try:
            return datetime.datetime(
                self._decode(cmos[CENTURY]) * 100 + self._decode(cmos[YEAR]),
                self._decode(cmos[MONTH]),
                self._decode(cmos[DATE_OF_MONTH]),
                self._decode_hour(cmos[HOURS]),
                self._decode(cmos[MINUTES]),
                self._decode(cmos[SECONDS]),
            )
        except ValueError:
            return None

    # -- The battery: a file on the host

    def load_nvram(self, file: Path) -> str | None:
        """Takes the RAM (not the time) from ``file``; a missing file leaves it empty.

        Returns a text for a person when the file could not be used, and starts with empty RAM then.
        """
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{file}: the BIOS settings could not be read ({error.strerror}). The PC starts with defaults."
        start, end = len(NVRAM_MAGIC), len(NVRAM_MAGIC) + CMOS_BYTES
        checksum = zlib.crc32(content[:end]).to_bytes(4, "little")
        if not content.startswith(NVRAM_MAGIC) or content[end:] != checksum:
            return (
                f"{file}: the BIOS settings are damaged and were not used. The PC starts with defaults; "
                "check them in Setup (F2) and save them again."
            )
        kept = content[start:end]
        cmos = self._s.cmos
        for index in (SECONDS_ALARM, MINUTES_ALARM, HOURS_ALARM, *range(REGISTER_D + 1, CMOS_BYTES)):
            if index != CENTURY:
                cmos[index] = kept[index]
        self._arm()
        return None

    def store_nvram(self, file: Path) -> str | None:
        """Writes the RAM to ``file``: all of it or nothing. Returns a text for a person when that failed."""
        self._catch_up()
        content = NVRAM_MAGIC + bytes(self._s.cmos)
        content += zlib.crc32(content).to_bytes(4, "little")
        temporary = ""
        try:
            handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).replace(file)
            _sync_folder(file.parent)
        except OSError as error:
            if temporary:
                Path(temporary).unlink(missing_ok=True)
            return (
                f"{file}: the BIOS settings could not be saved ({error.strerror}). "
                "Check that the folder can be written to and that the disk is not full."
            )
        return None

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        """RESET clears interrupt enables and flags; time and RAM live on the battery."""
        self._catch_up()
        s = self._s
        s.cmos[REGISTER_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE)
        s.flags = 0
        s.index = s.index_high = 0
        s.nmi_masked = False
        self._drive_irq()
        self._arm()

    def save(self) -> State:
        self._catch_up()
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the clock is of another kind.")
        if len(state.cmos) != CMOS_BYTES or not 0 <= state.index <= 0x7F or not 0 <= state.index_high <= 0xFF:
            raise StateError("The saved state of the clock is damaged.")
        self._s = copy_state(state)
        self._s.cmos = bytearray(self._s.cmos)
        self._drive_irq()
        self._arm()


def _sync_folder(folder: Path) -> None:
    """Makes a rename in ``folder`` survive a crash, where the host offers that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
