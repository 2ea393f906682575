"""INT 9 (keyboard interrupt) and INT 16h (keyboard services).

INT 9's stub has read port 60h and asked INT 15h/4Fh already; here the scan code becomes shift state and buffer
words. Bytes to the keyboard itself (lights, typematic rate) go out one by one as it acknowledges them.
Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.idle import IdleDetector
from engine.firmware.keyboard_translation import (
    EXTENDED_KEYS,
    KEYPAD_DIGITS,
    KEYPAD_KEYS,
    KEYS,
    LETTER_SCANS,
    classic_code,
)
from engine.firmware.mailbox_layout import KeyAction

_KEYBOARD_DATA: Final = 0x60
_ACKNOWLEDGE: Final = 0xFA
_RESEND: Final = 0xFE
_COMMAND_LEDS: Final = 0xED
_COMMAND_TYPEMATIC: Final = 0xF3
_SEGMENT: Final = 0x400


@dataclass
class KeyboardState:
    """``to_keyboard``: bytes that still have to be sent; ``sent``: the one that waits for its acknowledge."""

    to_keyboard: list[int] = field(default_factory=list)
    sent: int | None = None
    idle: IdleDetector = field(default_factory=IdleDetector)
    halting: bool = False


class Keyboard:
    """The keyboard half of the BIOS data area and who fills and empties it."""

    def __init__(self, board: FirmwareBoard, guest: GuestMemory) -> None:
        self._board = board
        self._guest = guest
        self.state = KeyboardState()

    # -- Buffer -----------------------------------------------------------------------------------------

    def _bounds(self) -> tuple[int, int]:
        """First and one-past-last offset of the buffer in segment 40h."""
        words = self._guest.read(bda.KEYBOARD_BUFFER_START, 4)
        start, end = int.from_bytes(words[:2], "little"), int.from_bytes(words[2:], "little")
        return (start, end) if start + 4 <= end else (0x1E, 0x3E)

    def _pointers(self) -> tuple[int, int]:
        words = self._guest.read(bda.KEYBOARD_HEAD, 4)
        return int.from_bytes(words[:2], "little"), int.from_bytes(words[2:], "little")

    def _after(self, offset: int) -> int:
        start, end = self._bounds()
        offset += 2
        return offset if start <= offset < end else start

    def store_key(self, word: int) -> bool:
        """Puts a word into the buffer; False when it is full."""
        head, tail = self._pointers()
        after = self._after(tail)
        if after == head:
            return False
        self._guest.write_word(_SEGMENT + tail, word)
        self._guest.write_word(bda.KEYBOARD_TAIL, after)
        return True

    def peek_key(self) -> int | None:
        """The oldest word in the buffer, if there is one."""
        head, tail = self._pointers()
        return None if head == tail else self._guest.read_word(_SEGMENT + head)

    def take_key(self) -> int | None:
        """Takes the oldest word out of the buffer."""
        word = self.peek_key()
        if word is not None:
            self._guest.write_word(bda.KEYBOARD_HEAD, self._after(self._pointers()[0]))
        return word

    def clear(self) -> None:
        """Empties the buffer."""
        start, end = self._bounds()
        self._guest.write_word(bda.KEYBOARD_BUFFER_START, start)
        self._guest.write_word(bda.KEYBOARD_BUFFER_END, end)
        self._guest.write_word(bda.KEYBOARD_HEAD, start)
        self._guest.write_word(bda.KEYBOARD_TAIL, start)

    # -- INT 9 ------------------------------------------------------------------------------------------

    def interrupt(self, call: Call) -> None:
        """AL: scan code. Returns a KeyAction in AL."""
        call.al = self._scan(call.al)

    def _scan(self, code: int) -> KeyAction:
        guest = self._guest
        if code == _ACKNOWLEDGE:
            self._acknowledged()
            return KeyAction.NONE
        if code in (_RESEND, 0x00, 0xFF, 0xAA, 0xEE) and not guest.read_byte(bda.KEYBOARD_MODE) & bda.LAST_E0:
            if code == _RESEND and self.state.sent is not None:
                self._send(self.state.sent)
            return self._shift_release(0x2A) if code == 0xAA else KeyAction.NONE
        mode = guest.read_byte(bda.KEYBOARD_MODE)
        if code in (0xE0, 0xE1):
            guest.write_byte(bda.KEYBOARD_MODE, mode | (bda.LAST_E0 if code == 0xE0 else bda.LAST_E1))
            return KeyAction.NONE
        if mode & bda.LAST_E1:
            # Pause sends E1 1D 45 E1 9D C5; the prefix ends with the second byte.
            if code & 0x7F == 0x1D:
                return KeyAction.NONE
            guest.write_byte(bda.KEYBOARD_MODE, mode & ~(bda.LAST_E1 | bda.LAST_E0))
            return self._pause() if code == 0x45 else KeyAction.NONE
        extended = bool(mode & bda.LAST_E0)
        if extended:
            guest.write_byte(bda.KEYBOARD_MODE, mode & ~bda.LAST_E0)
        if code & 0x80:
            return self._released(code & 0x7F, extended)
        return self._pressed(code, extended)

    def _pause(self) -> KeyAction:
        flags = self._guest.read_byte(bda.KEYBOARD_FLAGS_2)
        if flags & bda.PAUSED:
            return KeyAction.NONE
        self._guest.write_byte(bda.KEYBOARD_FLAGS_2, flags | bda.PAUSED)
        return KeyAction.PAUSE

    def _change(self, address: int, on: int = 0, off: int = 0, flip: int = 0) -> int:
        value = (self._guest.read_byte(address) & ~off | on) ^ flip
        self._guest.write_byte(address, value)
        return value

    def _shift_release(self, scan: int) -> KeyAction:
        self._change(bda.KEYBOARD_FLAGS, off=bda.LEFT_SHIFT if scan == 0x2A else bda.RIGHT_SHIFT)
        return KeyAction.NONE

    def _released(self, scan: int, extended: bool) -> KeyAction:
        if scan in (0x2A, 0x36):
            return KeyAction.NONE if extended else self._shift_release(scan)
        if scan == 0x1D:
            if extended:
                self._change(bda.KEYBOARD_MODE, off=bda.RIGHT_CONTROL)
            else:
                self._change(bda.KEYBOARD_FLAGS_2, off=bda.LEFT_CONTROL)
            left = self._guest.read_byte(bda.KEYBOARD_FLAGS_2) & bda.LEFT_CONTROL
            right = self._guest.read_byte(bda.KEYBOARD_MODE) & bda.RIGHT_CONTROL
            if not left and not right:
                self._change(bda.KEYBOARD_FLAGS, off=bda.CONTROL)
        elif scan == 0x38:
            return self._alt_released(extended)
        elif scan == 0x45:
            self._change(bda.KEYBOARD_FLAGS_2, off=bda.NUM_DOWN)
        elif scan == 0x3A:
            self._change(bda.KEYBOARD_FLAGS_2, off=bda.CAPS_DOWN)
        elif scan == 0x46:
            self._change(bda.KEYBOARD_FLAGS_2, off=bda.SCROLL_DOWN)
        elif scan == 0x52:
            self._change(bda.KEYBOARD_FLAGS_2, off=bda.INSERT_DOWN)
        elif scan == 0x54:
            self._change(bda.KEYBOARD_FLAGS_2, off=bda.SYSRQ)
            return KeyAction.SYSRQ_UP
        return KeyAction.NONE

    def _alt_released(self, extended: bool) -> KeyAction:
        if extended:
            self._change(bda.KEYBOARD_MODE, off=bda.RIGHT_ALT)
        else:
            self._change(bda.KEYBOARD_FLAGS_2, off=bda.LEFT_ALT)
        left = self._guest.read_byte(bda.KEYBOARD_FLAGS_2) & bda.LEFT_ALT
        right = self._guest.read_byte(bda.KEYBOARD_MODE) & bda.RIGHT_ALT
        if left or right:
            return KeyAction.NONE
        self._change(bda.KEYBOARD_FLAGS, off=bda.ALT)
        typed = self._guest.read_byte(bda.ALT_KEYPAD)
        if not typed:
            return KeyAction.NONE
        self._guest.write_byte(bda.ALT_KEYPAD, 0)
        return KeyAction.STORED if self.store_key(typed) else KeyAction.NONE

    def _pressed(self, scan: int, extended: bool) -> KeyAction:
        flags = self._guest.read_byte(bda.KEYBOARD_FLAGS)
        if self._modifier_pressed(scan, extended, flags):
            return KeyAction.NONE
        control, alt = bool(flags & bda.CONTROL), bool(flags & bda.ALT)
        if scan == 0x53 and control and alt:
            self._guest.write_word(bda.RESET_FLAG, bda.WARM_RESET)
            self._board.reset()
            return KeyAction.NONE
        flags_2 = self._guest.read_byte(bda.KEYBOARD_FLAGS_2)
        if flags_2 & bda.PAUSED:
            if not (scan == 0x45 and control):
                self._guest.write_byte(bda.KEYBOARD_FLAGS_2, flags_2 & ~bda.PAUSED)
            return KeyAction.NONE
        if scan == 0x45:
            if control and not extended:
                return self._pause()
            return self._lock(bda.NUM_LOCK, bda.NUM_DOWN)
        if scan == 0x3A:
            return self._lock(bda.CAPS_LOCK, bda.CAPS_DOWN)
        if scan == 0x46:
            if control or extended:
                return self._break()
            return self._lock(bda.SCROLL_LOCK, bda.SCROLL_DOWN)
        if scan == 0x54:
            if flags_2 & bda.SYSRQ:
                return KeyAction.NONE
            self._change(bda.KEYBOARD_FLAGS_2, on=bda.SYSRQ)
            return KeyAction.SYSRQ_DOWN
        if scan == 0x37 and extended:
            if control:
                return KeyAction.STORED if self.store_key(0x7200) else KeyAction.NONE
            return KeyAction.PRINT_SCREEN
        word = self._word(scan, extended, flags)
        if word is None or not self.store_key(word):
            return KeyAction.NONE
        return KeyAction.STORED

    def _modifier_pressed(self, scan: int, extended: bool, flags: int) -> bool:
        """Shift, Ctrl, Alt; True when the key was one of them."""
        if scan in (0x2A, 0x36):
            if not extended:  # E0 2A and E0 36 only frame grey keys
                self._change(bda.KEYBOARD_FLAGS, on=bda.LEFT_SHIFT if scan == 0x2A else bda.RIGHT_SHIFT)
        elif scan == 0x1D:
            self._change(bda.KEYBOARD_FLAGS, on=bda.CONTROL)
            if extended:
                self._change(bda.KEYBOARD_MODE, on=bda.RIGHT_CONTROL)
            else:
                self._change(bda.KEYBOARD_FLAGS_2, on=bda.LEFT_CONTROL)
        elif scan == 0x38:
            self._change(bda.KEYBOARD_FLAGS, on=bda.ALT)
            if extended:
                self._change(bda.KEYBOARD_MODE, on=bda.RIGHT_ALT)
            else:
                self._change(bda.KEYBOARD_FLAGS_2, on=bda.LEFT_ALT)
        else:
            return False
        return True

    def _lock(self, lock: int, down: int) -> KeyAction:
        """A lock key flips its state once until it is released."""
        if self._guest.read_byte(bda.KEYBOARD_FLAGS_2) & down:
            return KeyAction.NONE
        self._change(bda.KEYBOARD_FLAGS_2, on=down)
        self._change(bda.KEYBOARD_FLAGS, flip=lock)
        self.update_leds()
        return KeyAction.NONE

    def _break(self) -> KeyAction:
        self._change(bda.BREAK_FLAG, on=0x80)
        self.clear()
        self.store_key(0)
        return KeyAction.BREAK

    def _word(self, scan: int, extended: bool, flags: int) -> int | None:
        row = (EXTENDED_KEYS if extended else KEYS).get(scan)
        if row is None:
            return None
        shift = bool(flags & (bda.LEFT_SHIFT | bda.RIGHT_SHIFT))
        if flags & bda.ALT:
            if not extended and scan in KEYPAD_DIGITS:
                typed = self._guest.read_byte(bda.ALT_KEYPAD)
                self._guest.write_byte(bda.ALT_KEYPAD, typed * 10 + KEYPAD_DIGITS[scan])
                return None
            return row[3]
        if flags & bda.CONTROL:
            return row[2]
        if scan == 0x52 and not (shift or (flags & bda.NUM_LOCK and not extended)):
            self._insert()
        locked = (scan in KEYPAD_KEYS and flags & bda.NUM_LOCK) or (scan in LETTER_SCANS and flags & bda.CAPS_LOCK)
        if locked and not extended:
            shift = not shift
        return row[1] if shift else row[0]

    def _insert(self) -> None:
        if not self._guest.read_byte(bda.KEYBOARD_FLAGS_2) & bda.INSERT_DOWN:
            self._change(bda.KEYBOARD_FLAGS_2, on=bda.INSERT_DOWN)
            self._change(bda.KEYBOARD_FLAGS, flip=bda.INSERT)

    # -- Bytes to the keyboard --------------------------------------------------------------------------

    def update_leds(self) -> None:
        """Makes the keyboard's lights follow the lock flags."""
        wanted = self._guest.read_byte(bda.KEYBOARD_FLAGS) >> 4 & 7
        leds = self._guest.read_byte(bda.KEYBOARD_LEDS)
        if leds & 7 != wanted:
            self._guest.write_byte(bda.KEYBOARD_LEDS, leds & ~7 | wanted)
            self.send(_COMMAND_LEDS, wanted)

    def send(self, *values: int) -> None:
        """Bytes to the keyboard, each after the last one is acknowledged."""
        state = self.state
        if len(state.to_keyboard) > 8:  # nobody acknowledges: no keyboard, or somebody else drives it
            state.to_keyboard.clear()
            state.sent = None
        state.to_keyboard.extend(values)
        if state.sent is None:
            self._acknowledged()

    def _acknowledged(self) -> None:
        state = self.state
        state.sent = None
        if state.to_keyboard:
            self._send(state.to_keyboard.pop(0))

    def _send(self, value: int) -> None:
        self.state.sent = value
        self._board.bus.port_write(_KEYBOARD_DATA, value, 1)

    # -- INT 16h ----------------------------------------------------------------------------------------

    def service(self, call: Call) -> None:
        function = call.ah
        if function in (0x00, 0x10):
            self._read(call, extended=function == 0x10)
        elif function in (0x01, 0x11):
            self._check(call, extended=function == 0x11)
        elif function == 0x02:
            call.al = self._guest.read_byte(bda.KEYBOARD_FLAGS)
        elif function == 0x12:
            call.ax = self._shift_states()
        elif function == 0x03:
            self._typematic(call)
        elif function == 0x05:
            call.al = 0 if self.store_key(call.cx) else 1
        elif function == 0x09:
            call.al = 0x30  # enhanced functions 10h-12h, and 0Ah
        elif function == 0x0A:
            call.bx = 0x41AB
        elif function == 0x92:
            call.ah = 0x80  # 10h-12h are there; A2h changes nothing: 20h-22h are not

    def _next(self, extended: bool) -> int | None:
        """The next word as the function set shows it; words that a classic program must not see are dropped."""
        while (word := self.peek_key()) is not None:
            if extended:
                return word
            shown = classic_code(word)
            if shown is not None:
                return shown
            self.take_key()
        return None

    def _read(self, call: Call, extended: bool) -> None:
        word = self._next(extended)
        if word is None:
            call.wait()
            return
        self.state.idle.busy()
        self.take_key()
        call.ax = word

    def _check(self, call: Call, extended: bool) -> None:
        word = self._next(extended)
        call.zero = word is None
        if word is not None:
            self.state.idle.busy()
            self.state.halting = False
            call.ax = word
        else:
            self.idle_poll(call)

    def idle_poll(self, call: Call) -> None:
        """A program looked for something and found nothing: halts when it has done little else for long."""
        state = self.state
        retired, now_ns = self._board.cpu.retired, self._board.clock.now_ns
        if state.halting:
            state.halting = False
            state.idle.halted(retired, now_ns)
        elif state.idle.poll(retired, now_ns, call.fingerprint()):
            state.halting = True
            call.wait()

    def _shift_states(self) -> int:
        flags = self._guest.read_byte(bda.KEYBOARD_FLAGS)
        flags_2 = self._guest.read_byte(bda.KEYBOARD_FLAGS_2)
        mode = self._guest.read_byte(bda.KEYBOARD_MODE)
        high = flags_2 & 0x73 | mode & (bda.RIGHT_CONTROL | bda.RIGHT_ALT)
        if flags_2 & bda.SYSRQ:
            high |= 0x80
        return high << 8 | flags

    def _typematic(self, call: Call) -> None:
        if call.al == 0x05:
            self.send(_COMMAND_TYPEMATIC, (call.bh & 3) << 5 | call.bl & 0x1F)
        elif call.al == 0x00:
            self.send(_COMMAND_TYPEMATIC, 0x20 | 0x0B)
