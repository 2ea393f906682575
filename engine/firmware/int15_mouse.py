"""INT 15h/C2h and INT 74h: the PS/2 mouse.

A command is a conversation: each byte sent is acknowledged, some are answered. The bytes come by IRQ 12, so the
caller sleeps in the stub until they are there. Otherwise INT 74h collects packets and calls the program's handler.
Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, INT 15h/C2h.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.mailbox_layout import Service

_DATA: Final = 0x60
_COMMAND: Final = 0x64
_OUTPUT_FULL: Final = 0x01
_FROM_MOUSE: Final = 0x20
_WRITE_COMMAND_BYTE: Final = 0x60
_ENABLE_PORT: Final = 0xA8
_TO_MOUSE: Final = 0xD4
_COMMAND_BYTE: Final = 0x47  # both interrupts, translation, both ports on
_ACKNOWLEDGE: Final = 0xFA
_RESEND: Final = 0xFE
_RATES: Final = (10, 20, 40, 60, 80, 100, 200)
_ANSWER_NS: Final = 100_000_000
_RESET_NS: Final = 2_000_000_000
# Results in AH.
_BAD_FUNCTION: Final = 1
_BAD_INPUT: Final = 2
_INTERFACE_ERROR: Final = 3
_NO_HANDLER: Final = 5
_HANDLER_SET: Final = 0x80
_ENABLED: Final = 0x80


@dataclass
class MouseState:
    """A conversation under way: bytes still to send, answers wanted and got."""

    talking: bool = False
    to_send: list[int] = field(default_factory=list)
    acknowledged: bool = True
    wanted: int = 0
    answers: list[int] = field(default_factory=list)
    failed: bool = False
    until_ns: int = 0


class MouseServices:
    """Both ends: the program's calls and the mouse's bytes."""

    def __init__(self, board: FirmwareBoard, guest: GuestMemory) -> None:
        self._board = board
        self._guest = guest
        self.state = MouseState()

    # -- INT 15h/C2h --------------------------------------------------------------------------------------

    def service(self, call: Call) -> None:
        function = call.al
        error = 0
        if function == 0x00:
            error = self._enable(call)
        elif function == 0x01:
            self._talk(call, [0xFF], 2, _RESET_NS)
        elif function == 0x02:
            if call.bh < len(_RATES):
                self._talk(call, [0xF3, _RATES[call.bh]], 0)
            else:
                error = _BAD_INPUT
        elif function == 0x03:
            if call.bh <= 3:
                self._talk(call, [0xE8, call.bh], 0)
            else:
                error = _BAD_INPUT
        elif function == 0x04:
            self._talk(call, [0xF2], 1)
        elif function == 0x05:
            if 1 <= call.bh <= 8:
                flags = self._guest.read_byte(bda.EBDA_MOUSE_FLAGS_2) & 0xF8
                self._guest.write_byte(bda.EBDA_MOUSE_FLAGS_2, flags | call.bh - 1)
                self._guest.write_byte(bda.EBDA_MOUSE_FLAGS_1, 0)
                self._talk(call, [0xFF], 2, _RESET_NS)
            else:
                error = _BAD_INPUT
        elif function == 0x06:
            error = self._extended(call)
        elif function == 0x07:
            self._set_handler(call)
        elif function == 0x08:
            self._talk(call, [call.bl], 0)
        elif function == 0x09:
            call.bl = self._board.bus.port_read(_DATA, 1)
        else:
            error = _BAD_FUNCTION
        if not self.state.talking:
            self._end(call, error)

    @staticmethod
    def _end(call: Call, error: int) -> None:
        call.ah = error
        call.carry = error != 0

    def _enable(self, call: Call) -> int:
        if call.bh > 1:
            return _BAD_INPUT
        flags = self._guest.read_byte(bda.EBDA_MOUSE_FLAGS_1) & ~(_ENABLED | 7)
        if call.bh == 1:
            if not self._guest.read_byte(bda.EBDA_MOUSE_FLAGS_2) & _HANDLER_SET:
                return _NO_HANDLER
            flags |= _ENABLED
        self._guest.write_byte(bda.EBDA_MOUSE_FLAGS_1, flags)
        self._talk(call, [0xF4 if call.bh else 0xF5], 0)
        return 0

    def _extended(self, call: Call) -> int:
        if call.bh == 0:
            self._talk(call, [0xE9], 3)
        elif call.bh in (1, 2):
            self._talk(call, [0xE6 if call.bh == 1 else 0xE7], 0)
        else:
            return _BAD_INPUT
        return 0

    def _set_handler(self, call: Call) -> None:
        self._guest.write_pointer(bda.EBDA_MOUSE_HANDLER, call.es, call.bx)
        flags = self._guest.read_byte(bda.EBDA_MOUSE_FLAGS_2)
        wanted = call.es != 0 or call.bx != 0
        self._guest.write_byte(bda.EBDA_MOUSE_FLAGS_2, flags | _HANDLER_SET if wanted else flags & ~_HANDLER_SET)

    # -- Conversation -------------------------------------------------------------------------------------

    def _talk(self, call: Call, values: list[int], wanted: int, time_ns: int = _ANSWER_NS) -> None:
        """Sends bytes, then waits for answers; the call goes on in ``goes_on``."""
        bus = self._board.bus
        self.state = MouseState(
            talking=True, to_send=values, wanted=wanted, until_ns=self._board.clock.now_ns + time_ns
        )
        bus.port_write(0xA1, bus.port_read(0xA1, 1) & ~0x10, 1)
        bus.port_write(0x21, bus.port_read(0x21, 1) & ~0x04, 1)
        bus.port_write(_COMMAND, _ENABLE_PORT, 1)
        bus.port_write(_COMMAND, _WRITE_COMMAND_BYTE, 1)
        bus.port_write(_DATA, _COMMAND_BYTE, 1)
        self._take_waiting()
        self._send_next()
        call.service = Service.MOUSE_WAIT
        call.wait()

    def _send_next(self) -> None:
        state = self.state
        state.acknowledged = False
        bus = self._board.bus
        bus.port_write(_COMMAND, _TO_MOUSE, 1)
        bus.port_write(_DATA, state.to_send.pop(0), 1)

    def _take_waiting(self) -> None:
        """Drops or takes a byte of the mouse that waits in the controller."""
        bus = self._board.bus
        if bus.port_read(_COMMAND, 1) & (_OUTPUT_FULL | _FROM_MOUSE) == _OUTPUT_FULL | _FROM_MOUSE:
            self._hear(bus.port_read(_DATA, 1))

    def _hear(self, value: int) -> None:
        state = self.state
        if state.acknowledged:
            if len(state.answers) < state.wanted:
                state.answers.append(value)
        elif value == _ACKNOWLEDGE:
            state.acknowledged = True
            if state.to_send:
                self._send_next()
        elif value == _RESEND:
            state.failed = True
        # Anything else is the rest of a packet that was on its way.

    def goes_on(self, call: Call) -> None:
        """The halt of a conversation ended."""
        state = self.state
        if state.talking:
            self._take_waiting()
        over = self._board.clock.now_ns >= state.until_ns
        complete = state.acknowledged and not state.to_send and len(state.answers) >= state.wanted
        if state.talking and not complete and not state.failed and not over:
            call.wait()
            return
        state.talking = False
        call.service = Service.INT15
        if not complete or state.failed:
            self._end(call, _INTERFACE_ERROR)
            return
        self._finish(call, state.answers)
        self._end(call, 0)

    @staticmethod
    def _finish(call: Call, answers: list[int]) -> None:
        """Answers to where the function returns them."""
        if call.al in (0x01, 0x05):
            if call.al == 0x01:
                call.bl, call.bh = answers
        elif call.al == 0x04:
            call.bh = answers[0]
        elif call.al == 0x06 and len(answers) == 3:
            call.bl, call.cl, call.dl = answers

    # -- INT 74h ------------------------------------------------------------------------------------------

    def interrupt(self, call: Call) -> None:
        """AH: controller status, AL: byte. AL = 1 afterwards: the stub calls ES:DI with BX, CX, DX, SI pushed."""
        status, value = call.ah, call.al
        call.al = 0
        if not status & _OUTPUT_FULL:
            return
        if self.state.talking:
            self._hear(value)
            return
        guest = self._guest
        flags_1, flags_2 = guest.read_byte(bda.EBDA_MOUSE_FLAGS_1), guest.read_byte(bda.EBDA_MOUSE_FLAGS_2)
        if not flags_2 & _HANDLER_SET:
            return
        index = flags_1 & 7
        if index == 0 and not value & 0x08:
            return  # not the first byte of a packet
        guest.write_byte(bda.EBDA_MOUSE_DATA + index, value)
        size = (flags_2 & 7) + 1
        if index + 1 < size:
            guest.write_byte(bda.EBDA_MOUSE_FLAGS_1, flags_1 & ~7 | index + 1)
            return
        guest.write_byte(bda.EBDA_MOUSE_FLAGS_1, flags_1 & ~7)
        data = guest.read(bda.EBDA_MOUSE_DATA, 4)
        call.bx, call.cx, call.dx = data[0], data[1], data[2]
        call.si = data[3] if size >= 4 else 0
        call.es, call.di = guest.read_pointer(bda.EBDA_MOUSE_HANDLER)
        call.al = 1
