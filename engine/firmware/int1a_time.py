"""INT 1Ah: ticks and the real-time clock.

Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, INT 1Ah.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.int1a_pci import PciBios

TICKS_A_DAY: Final = 0x1800B0
_SECONDS, _MINUTES, _HOURS, _DAY, _MONTH, _YEAR, _CENTURY = 0x00, 0x02, 0x04, 0x07, 0x08, 0x09, 0x32
_SECONDS_ALARM, _MINUTES_ALARM, _HOURS_ALARM = 0x01, 0x03, 0x05
_REGISTER_B: Final = 0x0B
_B_SET: Final = 0x80
_B_ALARM: Final = 0x20
_B_BINARY: Final = 0x04
_B_24_HOURS: Final = 0x02
_B_DAYLIGHT: Final = 0x01


@dataclass
class TimeState:
    """The tick count a program saw last: asking again before it moves is waiting."""

    last_ticks: int = -1


class TimeServices:
    """Dispatches INT 1Ah by AH."""

    def __init__(
        self, board: FirmwareBoard, guest: GuestMemory, idle: Callable[[Call], None], pci_32_entry: int
    ) -> None:
        self._board = board
        self._guest = guest
        self._idle = idle
        self.state = TimeState()
        self.pci = PciBios(board, pci_32_entry)
        self._functions: dict[int, Callable[[Call], None]] = {
            0x00: self._get_ticks,
            0x01: self._set_ticks,
            0x02: self._get_time,
            0x03: self._set_time,
            0x04: self._get_date,
            0x05: self._set_date,
            0x06: self._set_alarm,
            0x07: self._cancel_alarm,
            0xB1: self.pci.service,
        }

    def service(self, call: Call) -> None:
        function = self._functions.get(call.ah)
        if function is None:
            call.carry = True
        else:
            function(call)

    # -- Ticks --------------------------------------------------------------------------------------------

    def _get_ticks(self, call: Call) -> None:
        ticks = self._guest.read_dword(bda.TICKS)
        if ticks == self.state.last_ticks:
            self._idle(call)
        else:
            self.state.last_ticks = ticks
        call.cx, call.dx = ticks >> 16, ticks
        if not call.status:
            call.al = self._guest.read_byte(bda.MIDNIGHT)
            self._guest.write_byte(bda.MIDNIGHT, 0)
            call.ah = 0
        call.carry = False

    def _set_ticks(self, call: Call) -> None:
        self._guest.write_dword(bda.TICKS, call.cx << 16 | call.dx)
        self._guest.write_byte(bda.MIDNIGHT, 0)
        call.ah = 0
        call.carry = False

    def start_ticks(self) -> None:
        """At power-on: ticks since midnight, from the clock chip."""
        hours, minutes, seconds = (_from_bcd(self._read(index)) for index in (_HOURS, _MINUTES, _SECONDS))
        second = min(hours, 23) * 3600 + min(minutes, 59) * 60 + min(seconds, 59)
        self._guest.write_dword(bda.TICKS, second * TICKS_A_DAY // 86400)
        self._guest.write_byte(bda.MIDNIGHT, 0)

    # -- The clock chip -----------------------------------------------------------------------------------

    def _read(self, index: int) -> int:
        """A time register in BCD, whatever mode the chip is in."""
        value = self._board.cmos.read_cmos(index)
        if self._board.cmos.read_cmos(_REGISTER_B) & _B_BINARY and index != _CENTURY:
            value = value // 10 % 10 << 4 | value % 10
        return value

    def _write(self, values: dict[int, int]) -> None:
        """Time registers from BCD, with the chip's update stopped meanwhile."""
        cmos = self._board.cmos
        mode = cmos.read_cmos(_REGISTER_B)
        cmos.write_cmos(_REGISTER_B, mode | _B_SET)
        for index, value in values.items():
            binary = bool(mode & _B_BINARY) and index != _CENTURY
            cmos.write_cmos(index, _from_bcd(value) if binary else value)
        cmos.write_cmos(_REGISTER_B, mode & ~_B_SET)

    def _get_time(self, call: Call) -> None:
        call.ch, call.cl, call.dh = (self._read(index) for index in (_HOURS, _MINUTES, _SECONDS))
        call.dl = self._board.cmos.read_cmos(_REGISTER_B) & _B_DAYLIGHT
        call.ah = 0
        call.carry = False

    def _set_time(self, call: Call) -> None:
        self._write({_HOURS: call.ch, _MINUTES: call.cl, _SECONDS: call.dh})
        mode = self._board.cmos.read_cmos(_REGISTER_B)
        self._board.cmos.write_cmos(_REGISTER_B, mode & ~_B_DAYLIGHT | _B_24_HOURS | call.dl & _B_DAYLIGHT)
        call.ah = 0
        call.carry = False

    def _get_date(self, call: Call) -> None:
        call.ch, call.cl, call.dh, call.dl = (self._read(index) for index in (_CENTURY, _YEAR, _MONTH, _DAY))
        call.ah = 0
        call.carry = False

    def _set_date(self, call: Call) -> None:
        self._write({_CENTURY: call.ch, _YEAR: call.cl, _MONTH: call.dh, _DAY: call.dl})
        call.ah = 0
        call.carry = False

    def _set_alarm(self, call: Call) -> None:
        cmos = self._board.cmos
        mode = cmos.read_cmos(_REGISTER_B)
        if mode & _B_ALARM:
            call.carry = True
            return
        for index, value in ((_HOURS_ALARM, call.ch), (_MINUTES_ALARM, call.cl), (_SECONDS_ALARM, call.dh)):
            cmos.write_cmos(index, _from_bcd(value) if mode & _B_BINARY and value < 0xC0 else value)
        bus = self._board.bus
        bus.port_write(0xA1, bus.port_read(0xA1, 1) & ~0x01, 1)
        cmos.write_cmos(_REGISTER_B, mode | _B_ALARM)
        call.ah = 0
        call.carry = False

    def _cancel_alarm(self, call: Call) -> None:
        cmos = self._board.cmos
        cmos.write_cmos(_REGISTER_B, cmos.read_cmos(_REGISTER_B) & ~_B_ALARM)
        call.ah = 0
        call.carry = False

    # -- PCI ----------------------------------------------------------------------------------------------

    def date_and_time(self) -> tuple[int, int, int, int, int, int]:
        """Year, month, day, hour, minute, second, for the firmware's own screens."""
        century, year, month, day, hour, minute, second = (
            _from_bcd(self._read(index)) for index in (_CENTURY, _YEAR, _MONTH, _DAY, _HOURS, _MINUTES, _SECONDS)
        )
        return century * 100 + year, month, day, hour, minute, second

    def set_date_and_time(self, year: int, month: int, day: int, hour: int, minute: int, second: int) -> None:
        values = {
            _CENTURY: year // 100, _YEAR: year % 100, _MONTH: month, _DAY: day, _HOURS: hour, _MINUTES: minute,
            _SECONDS: second,
        }  # fmt: skip
        self._write({index: value // 10 << 4 | value % 10 for index, value in values.items()})


def _from_bcd(value: int) -> int:
    return (value >> 4) * 10 + (value & 15)
