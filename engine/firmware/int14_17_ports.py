"""INT 14h (serial), INT 17h (parallel) and INT 5 (print screen).

Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.mailbox_layout import Service
from engine.firmware.video_adapter import VideoAdapter
from engine.firmware.video_text import TextOutput

_DIVISORS: Final = (1047, 768, 384, 192, 96, 48, 24, 12)  # 110 to 9600 baud
_EXTENDED_DIVISORS: Final = (1047, 768, 384, 192, 96, 48, 24, 12, 6)
_RECEIVED: Final = 0x01
_TRANSMITTER_EMPTY: Final = 0x20
_TIMEOUT: Final = 0x80
_SECOND_NS: Final = 1_000_000_000
_PRINTER_TIMEOUT: Final = 0x01
_PRINTER_BUSY_N: Final = 0x80
_PRINTER_TROUBLE: Final = 0x28  # of INT 17h's status: out of paper, or an error
_PRINT_SCREEN_DONE: Final = 0x00  # at 50:00
_PRINT_SCREEN_RUNS: Final = 0x01
_PRINT_SCREEN_FAILED: Final = 0xFF


@dataclass
class PortState:
    """When the wait that is under way ends (0: none), what INT 5 prints and how many bytes of it are printed."""

    until_ns: int = 0
    screen: bytes = b""
    printed: int = 0


class PortServices:
    """Serial and parallel ports by the bases in the data area."""

    def __init__(self, board: FirmwareBoard, guest: GuestMemory, video: VideoAdapter, text: TextOutput) -> None:
        self._board = board
        self._bus = board.bus
        self._guest = guest
        self._video = video
        self._text = text
        self.state = PortState()

    # -- INT 14h ------------------------------------------------------------------------------------------

    def serial(self, call: Call) -> None:
        base = self._guest.read_word(bda.SERIAL_BASES + 2 * call.dx) if call.dx < 4 else 0
        if base == 0:
            return
        function = call.ah
        if function == 0x00:
            value = call.al
            self._set_line(base, _DIVISORS[value >> 5], value & 0x1F)
            call.ah, call.al = self._status(base)
        elif function == 0x01:
            self._send(call, base)
        elif function == 0x02:
            self._receive(call, base)
        elif function == 0x03:
            call.ah, call.al = self._status(base)
        elif function == 0x04:
            if call.cl < len(_EXTENDED_DIVISORS):
                parity = (0x00, 0x08, 0x18, 0x28, 0x38)[min(call.bh, 4)]
                line = parity | (0x04 if call.bl else 0) | call.ch & 3
                self._set_line(base, _EXTENDED_DIVISORS[call.cl], line)
            call.ah, call.al = self._status(base)
        elif function == 0x05:
            if call.al == 0:
                call.bl = self._bus.port_read(base + 4, 1)
            elif call.al == 1:
                self._bus.port_write(base + 4, call.bl, 1)
            call.ah, call.al = self._status(base)

    def _set_line(self, base: int, divisor: int, line: int) -> None:
        write = self._bus.port_write
        write(base + 3, 0x80, 1)
        write(base, divisor & 0xFF, 1)
        write(base + 1, divisor >> 8, 1)
        write(base + 3, line & 0x3F, 1)
        write(base + 1, 0, 1)

    def _status(self, base: int) -> tuple[int, int]:
        return self._bus.port_read(base + 5, 1) & 0x7F, self._bus.port_read(base + 6, 1)

    def _waits(self, call: Call, seconds: int) -> bool:
        """Asks again until the time is over; False then."""
        now_ns = self._board.clock.now_ns
        if self.state.until_ns == 0:
            self.state.until_ns = now_ns + max(seconds, 1) * _SECOND_NS
        if now_ns >= self.state.until_ns:
            self.state.until_ns = 0
            return False
        call.poll()
        return True

    def _send(self, call: Call, base: int) -> None:
        self._bus.port_write(base + 4, self._bus.port_read(base + 4, 1) | 0x03, 1)
        line, _modem = self._status(base)
        if line & _TRANSMITTER_EMPTY:
            self.state.until_ns = 0
            self._bus.port_write(base, call.al, 1)
            call.ah = line
        elif not self._waits(call, self._guest.read_byte(bda.SERIAL_TIMEOUTS + call.dx)):
            call.ah = line | _TIMEOUT

    def _receive(self, call: Call, base: int) -> None:
        line, _modem = self._status(base)
        if line & _RECEIVED:
            self.state.until_ns = 0
            call.al = self._bus.port_read(base, 1)
            call.ah = line & 0x1E
        elif not self._waits(call, self._guest.read_byte(bda.SERIAL_TIMEOUTS + call.dx)):
            call.ah = line | _TIMEOUT

    # -- INT 17h ------------------------------------------------------------------------------------------

    def parallel(self, call: Call) -> None:
        base = self._guest.read_word(bda.PARALLEL_BASES + 2 * call.dx) if call.dx < 3 else 0
        if base == 0:
            return
        if call.ah == 0x00:
            if self._print(base, call.al):
                self.state.until_ns = 0
                call.ah = self._printer_status(base)
            elif not self._waits(call, self._guest.read_byte(bda.PARALLEL_TIMEOUTS + call.dx)):
                call.ah = self._printer_status(base) | _PRINTER_TIMEOUT
        elif call.ah == 0x01:
            self._bus.port_write(base + 2, 0x08, 1)
            self._bus.port_write(base + 2, 0x0C, 1)
            call.ah = self._printer_status(base)
        elif call.ah == 0x02:
            call.ah = self._printer_status(base)

    def _printer_status(self, base: int) -> int:
        return (self._bus.port_read(base + 1, 1) & 0xF8) ^ 0x48

    def _print(self, base: int, value: int) -> bool:
        """One byte with its strobe; False while the printer is busy."""
        self._bus.port_write(base, value, 1)
        if not self._bus.port_read(base + 1, 1) & _PRINTER_BUSY_N:
            return False
        self._bus.port_write(base + 2, 0x0D, 1)
        self._bus.port_write(base + 2, 0x0C, 1)
        return True

    # -- INT 5 --------------------------------------------------------------------------------------------

    def print_screen(self, call: Call) -> None:
        """The characters of the active page to the first parallel port; 50:00 says how it went."""
        if self._guest.read_byte(bda.PRINT_SCREEN_STATUS) == _PRINT_SCREEN_RUNS:
            return
        self._guest.write_byte(bda.PRINT_SCREEN_STATUS, _PRINT_SCREEN_RUNS)
        self.state.screen = b"\r\n" + self._screen_text()
        self.state.printed = 0
        call.service = Service.PRINT_SCREEN
        self.print_screen_goes_on(call)

    def print_screen_goes_on(self, call: Call) -> None:
        """As many characters as the printer takes at once. One that is missing or out of paper is not waited for."""
        state, guest = self.state, self._guest
        base = guest.read_word(bda.PARALLEL_BASES)
        while state.printed < len(state.screen):
            if base == 0 or self._printer_status(base) & _PRINTER_TROUBLE:
                break
            if not self._print(base, state.screen[state.printed]):
                if self._waits(call, guest.read_byte(bda.PARALLEL_TIMEOUTS)):
                    return
                break
            state.until_ns = 0
            state.printed += 1
        done = state.printed == len(state.screen)
        guest.write_byte(bda.PRINT_SCREEN_STATUS, _PRINT_SCREEN_DONE if done else _PRINT_SCREEN_FAILED)
        state.until_ns = 0
        state.screen = b""
        state.printed = 0

    def _screen_text(self) -> bytes:
        """The active page, a line for every row; the cursor is moved over it to read, and put back."""
        guest, video = self._guest, self._video
        page = video.active_page
        before = video.cursor(page)
        text = bytearray()
        for row in range(min(video.rows, 64)):
            for column in range(video.columns):
                guest.write(bda.CURSOR_POSITIONS + 2 * page, bytes((column & 0xFF, row)))
                text.append(self._text.read_cell(page)[0] or 0x20)
            text += b"\r\n"
        guest.write(bda.CURSOR_POSITIONS + 2 * page, bytes(before))
        return bytes(text)
