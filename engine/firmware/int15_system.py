"""INT 15h: system services, and the RTC interrupt (INT 70h) that its waits and alarms hang on.

Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, INT 15h; ACPI
specification, "System Address Map Interfaces" (E820h, E801h); APM BIOS Interface Specification 1.2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.call import IF, Call
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.int15_apm import PowerManagement
from engine.firmware.int15_mouse import MouseServices
from engine.firmware.mailbox_layout import Service
from engine.firmware.memory_map import memory_map
from engine.firmware.rom import CONFIG_TABLE, SYSTEM_SEGMENT

_UNSUPPORTED: Final = 0x86
_SMAP: Final = 0x534D4150
_MOST_88_KIB: Final = 0xFC00  # function 88h: 63 MiB; larger answers confuse old programs
_RTC_PERIOD_US: Final = 976
_CLOSE_ENOUGH_NS: Final = 100_000  # another RTC period for less than this would be further off
_B_PERIODIC: Final = 0x40
_B_ALARM: Final = 0x20
_C_PERIODIC: Final = 0x40
_C_ALARM: Final = 0x20
_PIC_SLAVE_MASK: Final = 0xA1
_PIC_MASTER_MASK: Final = 0x21


@dataclass
class SystemState:
    """``wait_until_ns``: end of the INT 15h/86h wait that is under way."""

    wait_until_ns: int = 0


class SystemServices:
    """Dispatches INT 15h by AH."""

    def __init__(self, board: FirmwareBoard, guest: GuestMemory, labels: dict[str, int]) -> None:
        self._board = board
        self._guest = guest
        self._labels = labels
        self.state = SystemState()
        self.mouse = MouseServices(board, guest)
        self.power = PowerManagement(board, labels)
        self._functions: dict[int, Callable[[Call], None]] = {
            0x24: self._a20,
            0x41: self._unsupported,
            0x4F: self._keyboard_intercept,
            0x52: self._done,
            0x53: self.power.service,
            0x80: self._done,
            0x81: self._done,
            0x82: self._done,
            0x83: self._event_wait,
            0x85: self._done,
            0x86: self._wait,
            0x87: self._move_block,
            0x88: self._extended_memory,
            0x89: self._protected_mode,
            0x90: self._done,
            0x91: self._done,
            0xC0: self._configuration,
            0xC1: self._extended_data_area,
            0xC2: self.mouse.service,
            0xE8: self._memory_size,
        }

    def service(self, call: Call) -> None:
        self._functions.get(call.ah, self._unsupported)(call)

    @staticmethod
    def _unsupported(call: Call) -> None:
        call.ah = _UNSUPPORTED
        call.carry = True

    @staticmethod
    def _done(call: Call) -> None:
        call.ah = 0
        call.carry = False

    @staticmethod
    def _keyboard_intercept(call: Call) -> None:
        """INT 9 asks whether anybody wants another scan code: carry set, keep it."""
        call.carry = True

    def _a20(self, call: Call) -> None:
        function = call.al
        if function > 3:
            self._unsupported(call)
            return
        if function <= 1:
            self._board.set_a20(function == 1)
        elif function == 2:
            call.al = int(self._board.memory.a20)
        else:
            call.bx = 3  # by keyboard controller and by port 92h
        self._done(call)

    # -- Waiting ------------------------------------------------------------------------------------------

    def _start_periodic(self) -> None:
        """RTC interrupts at 1024 Hz, let through both controllers."""
        bus, cmos = self._board.bus, self._board.cmos
        bus.port_write(_PIC_SLAVE_MASK, bus.port_read(_PIC_SLAVE_MASK, 1) & ~0x01, 1)
        bus.port_write(_PIC_MASTER_MASK, bus.port_read(_PIC_MASTER_MASK, 1) & ~0x04, 1)
        cmos.write_cmos(0x0A, cmos.read_cmos(0x0A) & 0x70 | 0x06)
        cmos.write_cmos(0x0B, cmos.read_cmos(0x0B) | _B_PERIODIC)

    def _stop_periodic(self) -> None:
        cmos = self._board.cmos
        cmos.write_cmos(0x0B, cmos.read_cmos(0x0B) & ~_B_PERIODIC)

    def _set_wait(self, segment: int, offset: int, microseconds: int) -> None:
        self._guest.write_pointer(bda.WAIT_FLAG_POINTER, segment, offset)
        self._guest.write_dword(bda.WAIT_COUNT_US, microseconds)
        self._guest.write_byte(bda.WAIT_ACTIVE, 0x01)
        self._start_periodic()

    def _event_wait(self, call: Call) -> None:
        """83h: sets bit 7 of the byte at ES:BX after CX:DX microseconds."""
        if call.al == 1:
            self._stop_periodic()
            self._guest.write_byte(bda.WAIT_ACTIVE, 0)
            self._done(call)
        elif call.al != 0 or self._guest.read_byte(bda.WAIT_ACTIVE) & 1:
            call.ah = 0x80
            call.carry = True
        else:
            self._set_wait(call.es, call.bx, call.cx << 16 | call.dx)
            self._done(call)

    def _wait(self, call: Call) -> None:
        """86h: returns after CX:DX microseconds."""
        if self._guest.read_byte(bda.WAIT_ACTIVE) & 1:
            call.ah = 0x83
            call.carry = True
            return
        microseconds = call.cx << 16 | call.dx
        self.state.wait_until_ns = self._board.clock.now_ns + microseconds * 1000
        self._set_wait(0x40, bda.WAIT_ACTIVE - 0x400, microseconds)
        call.service = Service.WAIT_UNTIL
        self.wait_goes_on(call)

    def wait_goes_on(self, call: Call) -> None:
        """The halt of function 86h ended: is the time over?"""
        left_ns = self.state.wait_until_ns - self._board.clock.now_ns
        if left_ns > _CLOSE_ENOUGH_NS:
            call.wait()
        else:
            self._stop_periodic()
            self._guest.write_byte(bda.WAIT_ACTIVE, 0)
            self._done(call)

    def clock_interrupt(self, call: Call) -> None:
        """INT 70h. BL, BH: RTC registers C and B. AL bit 0: call INT 4Ah, bit 1: register B becomes BH."""
        flags, enabled = call.bl, call.bh
        action = 0
        if flags & enabled & _C_PERIODIC:
            action |= self._period_over(call)
        if flags & enabled & _C_ALARM:
            action |= 1
        call.al = action

    def _period_over(self, call: Call) -> int:
        active = self._guest.read_byte(bda.WAIT_ACTIVE)
        if not active & 1:
            return 0
        left = self._guest.read_dword(bda.WAIT_COUNT_US) - _RTC_PERIOD_US
        if left > 0:
            self._guest.write_dword(bda.WAIT_COUNT_US, left)
            return 0
        segment, offset = self._guest.read_pointer(bda.WAIT_FLAG_POINTER)
        self._guest.write_byte(bda.WAIT_ACTIVE, 0)
        flag = (segment * 16 + offset) & 0x1FFFFF
        self._guest.write_byte(flag, self._guest.read_byte(flag) | 0x80)
        call.bh = call.bh & ~_B_PERIODIC
        return 2

    # -- Memory -------------------------------------------------------------------------------------------

    def _move_block(self, call: Call) -> None:
        """87h: CX words between the descriptors at ES:SI + 10h and + 18h."""
        table = call.fetch(call.es, call.si, 0x30)
        length = call.cx * 2
        if call.cx > 0x8000:
            call.ah = 0x02
            call.carry = True
            return
        source, target = (_descriptor_base(table[at : at + 8]) for at in (0x10, 0x18))
        bus = self._board.bus
        # A20 is open during the move, whatever it is outside.
        a20 = self._board.memory.a20
        if not a20:
            self._board.set_a20(True)
        bus.write_memory(target, bus.read_memory(source, length))
        if not a20:
            self._board.set_a20(False)
        call.ah = 0
        call.carry = False
        call.zero = True

    def _extended_memory(self, call: Call) -> None:
        call.ax = min(max(self._board.memory.ram_bytes // 1024 - 1024, 0), _MOST_88_KIB)
        call.carry = False

    def _memory_size(self, call: Call) -> None:
        if call.al == 0x01 or call.al == 0x81:
            extended_kib = max(self._board.memory.ram_bytes // 1024 - 1024, 0)
            low = min(extended_kib, 0x3C00)
            high = (extended_kib - low) // 64
            call.eax = call.ecx = low
            call.ebx = call.edx = high
            call.carry = False
        elif call.al == 0x20:
            self._address_map(call)
        else:
            self._unsupported(call)

    def _address_map(self, call: Call) -> None:
        ranges = memory_map(self._board.memory.ram_bytes)
        index = call.ebx
        if call.edx != _SMAP or index >= len(ranges) or call.ecx < 20:
            self._unsupported(call)
            return
        entry = ranges[index]
        data = struct.pack("<QQI", entry.base, entry.length, entry.kind)
        if call.ecx >= 24:
            data += struct.pack("<I", 1)
        call.store(call.es, call.di, data)
        call.eax = _SMAP
        call.ecx = len(data)
        call.ebx = index + 1 if index + 1 < len(ranges) else 0
        call.carry = False

    # -- Protected mode -----------------------------------------------------------------------------------

    def _protected_mode(self, call: Call) -> None:
        """89h: the caller's GDT at ES:SI is completed and the ROM goes on in protected mode.

        BH, BL: vectors of the interrupt controllers. The ROM's end loads GDT and IDT, sets PE and returns with
        CS = 30h, DS = 18h, ES = 20h, SS = 28h.
        """
        bios_code = struct.pack("<HHBBBB", 0xFFFF, 0x0000, 0x0F, 0x9B, 0x00, 0x00)
        linear = call.es * 16 + call.si + 0x38
        self._guest.write(linear, bios_code)
        self._board.set_a20(True)
        bus = self._board.bus
        for port, vector, cascade in ((0x20, call.bh, 0x04), (0xA0, call.bl, 0x02)):
            for offset, value in ((0, 0x11), (1, vector), (1, cascade), (1, 0x01), (1, 0xFF)):
                bus.port_write(port + offset, value, 1)
        call.dx = call.ip
        call.cs, call.ip = SYSTEM_SEGMENT, self._labels["enter_protected"]
        call.ah = 0
        call.flags &= ~(IF | 1)

    # -- Description --------------------------------------------------------------------------------------

    def _configuration(self, call: Call) -> None:
        call.es, call.bx = SYSTEM_SEGMENT, CONFIG_TABLE
        self._done(call)

    def _extended_data_area(self, call: Call) -> None:
        call.es = bda.EBDA_SEGMENT_VALUE
        call.carry = False


def _descriptor_base(descriptor: bytes) -> int:
    return int.from_bytes(descriptor[2:5], "little") | descriptor[7] << 24
