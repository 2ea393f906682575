"""PS/2 keyboard with 104 keys, scan code sets 1, 2 and 3.

Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)": commands, typematic,
16-byte buffer with overrun, Print Screen, Pause and the shift codes around the gray keys. Repeat runs on guest
time. Not modelled: parity errors on the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.clock import MILLISECOND_NS, Clock
from engine.console.scan_codes import KEYS, Key, key_named, make_codes, plain_break, plain_make
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError

# Commands from the host
SET_LEDS: Final = 0xED
ECHO: Final = 0xEE
SCAN_CODE_SET: Final = 0xF0
IDENTIFY: Final = 0xF2
TYPEMATIC: Final = 0xF3
ENABLE: Final = 0xF4
DISABLE: Final = 0xF5
DEFAULTS: Final = 0xF6
ALL_TYPEMATIC: Final = 0xF7
ALL_MAKE_BREAK: Final = 0xF8
ALL_MAKE: Final = 0xF9
ALL_TYPEMATIC_MAKE_BREAK: Final = 0xFA
KEY_TYPEMATIC: Final = 0xFB
KEY_MAKE_BREAK: Final = 0xFC
KEY_MAKE: Final = 0xFD
RESEND: Final = 0xFE
RESET: Final = 0xFF
# Answers
ACK: Final = 0xFA
BAT_PASSED: Final = 0xAA
OVERRUN: Final = {1: 0xFF, 2: 0x00, 3: 0x00}
ID: Final = (0xAB, 0x83)

LED_SCROLL: Final = 0x01
LED_NUM: Final = 0x02
LED_CAPS: Final = 0x04

BUFFER_BYTES: Final = 16
BAT_NS: Final = 10 * MILLISECOND_NS  # a real one takes half a second; nobody waits for less than this
DEFAULT_TYPEMATIC: Final = 0x2B  # 500 ms, 10.9 per second

# Set 3 key types: what a key sends besides its make code
TYPE_REPEAT: Final = 1
TYPE_BREAK: Final = 2
_SHIFTS: Final = ("shift", "rshift")
_MODIFIERS_SET3: Final = ("ctrl", "shift", "rshift", "alt", "capslock")
_MAKE_ONLY_SET3: Final = frozenset(
    ["rctrl", "ralt", "lwin", "rwin", "menu", "escape", "printscreen", "scrolllock", "pause", "insert", "home"]
    + ["pageup", "end", "pagedown", "numlock", "kpdivide", "kpmultiply", "kpminus", "kpenter", "kpperiod"]
    + [f"kp{digit}" for digit in range(10)]
    + [f"f{number}" for number in range(1, 13)]
)
# Gray keys that share a code with the keypad: sent as if Shift and Num Lock were not in effect.
_GRAY: Final = frozenset(
    ["insert", "delete", "home", "end", "pageup", "pagedown", "up", "down", "left", "right", "kpdivide"]
)
_WRAP_UNSHIFT: Final = {"shift": 1, "rshift": 2}
_WRAP_NUM: Final = 4


@dataclass(slots=True)
class State:
    buffer: list[int] = field(default_factory=list)  # key codes waiting
    responses: list[int] = field(default_factory=list)  # answers to commands go first
    last_sent: int = 0
    scanning: bool = True
    scan_set: int = 2
    leds: int = 0
    typematic: int = DEFAULT_TYPEMATIC
    command: int = 0  # waits for its argument
    pressed: list[str] = field(default_factory=list)
    wraps: dict[str, int] = field(default_factory=dict)  # gray keys held: shift codes to undo at release
    repeat_key: str = ""
    repeat_ns: int = 0
    bat_ns: int | None = None  # self-test ends then
    all_types: int | None = None  # set 3: type of all keys, None: the default table
    key_types: dict[str, int] = field(default_factory=dict)  # set 3: single keys


class Ps2Keyboard:
    """The keyboard. ``leds_changed(bits)`` tells bit 0 scroll, 1 num, 2 caps.

    The 8042 sets ``data_ready`` and takes bytes with ``next_byte``.
    """

    def __init__(self, clock: Clock, leds_changed: Callable[[int], None] | None = None) -> None:
        self._clock = clock
        self._leds_changed = leds_changed
        self._s = State()
        self._repeat_call: int | None = None
        self._bat_call: int | None = None
        self.data_ready: Callable[[], None] = lambda: None

    # -- The wire to the controller

    @property
    def has_data(self) -> bool:
        return bool(self._s.responses or self._s.buffer)

    @property
    def queued(self) -> int:
        """Bytes that the controller has not taken yet."""
        return len(self._s.responses) + len(self._s.buffer)

    def next_byte(self) -> int:
        """The next byte on the wire; 0 when there is none."""
        s = self._s
        if s.responses:
            byte = s.responses.pop(0)
        elif s.buffer:
            byte = s.buffer.pop(0)
        else:
            return 0
        s.last_sent = byte
        return byte

    def receive(self, value: int) -> None:
        """A byte from the host."""
        s = self._s
        command, s.command = s.command, 0
        if command and value < SET_LEDS:
            self._argument(command, value)
        else:
            self._command(value)
        if self.has_data:
            self.data_ready()

    def _respond(self, *values: int) -> None:
        # A host that only asks and never listens gets no more than this kept for it.
        if len(self._s.responses) + len(values) <= BUFFER_BYTES:
            self._s.responses.extend(values)

    def _command(self, value: int) -> None:
        s = self._s
        if value in (SET_LEDS, SCAN_CODE_SET, TYPEMATIC, KEY_TYPEMATIC, KEY_MAKE_BREAK, KEY_MAKE):
            s.command = value
            self._respond(ACK)
        elif value == ECHO:
            self._respond(ECHO)
        elif value == IDENTIFY:
            self._respond(ACK, *ID)
        elif value == ENABLE:
            s.buffer.clear()
            s.scanning = True
            self._respond(ACK)
        elif value in (DISABLE, DEFAULTS):
            self._set_defaults()
            if value == DISABLE:
                s.scanning = False
            self._respond(ACK)
        elif ALL_TYPEMATIC <= value <= ALL_TYPEMATIC_MAKE_BREAK:
            s.all_types = _TYPES[value]
            s.key_types.clear()
            self._respond(ACK)
        elif value == RESEND:
            self._respond(s.last_sent)
        elif value == RESET:
            self._start_self_test()
        else:
            self._respond(RESEND)

    def _argument(self, command: int, value: int) -> None:
        s = self._s
        if command == SET_LEDS:
            s.leds = value & 7
            if self._leds_changed is not None:
                self._leds_changed(s.leds)
        elif command == TYPEMATIC:
            s.typematic = value & 0x7F
        elif command == SCAN_CODE_SET:
            if value == 0:
                self._respond(ACK, s.scan_set)
                return
            if value > 3:
                self._respond(RESEND)
                s.command = command
                return
            s.buffer.clear()
            s.scan_set = value
        else:
            for name in _names_with_set3_code(value):
                s.key_types[name] = _TYPES[command]
            s.command = command  # more keys may follow, until the next command
        self._respond(ACK)

    def _set_defaults(self) -> None:
        s = self._s
        s.buffer.clear()
        s.typematic = DEFAULT_TYPEMATIC
        s.scan_set = 2
        s.all_types = None
        s.key_types.clear()
        self._stop_repeat()

    def _start_self_test(self) -> None:
        s = self._s
        self._set_defaults()
        s.responses[:] = [ACK]
        self._change_leds(0)
        s.scanning = False
        s.bat_ns = self._clock.now_ns + BAT_NS
        self._arm_self_test()

    def _arm_self_test(self) -> None:
        if self._bat_call is not None:
            self._clock.cancel(self._bat_call)
            self._bat_call = None
        if self._s.bat_ns is not None:
            self._bat_call = self._clock.call_at(self._s.bat_ns, self._end_self_test)

    def _end_self_test(self) -> None:
        self._bat_call = None
        self._s.bat_ns = None
        self._s.scanning = True
        self._respond(BAT_PASSED)
        self.data_ready()

    def _change_leds(self, leds: int) -> None:
        if leds != self._s.leds:
            self._s.leds = leds
            if self._leds_changed is not None:
                self._leds_changed(leds)

    # -- Keys

    @property
    def leds(self) -> int:
        """Bit 0 scroll, 1 num, 2 caps."""
        return self._s.leds

    def press(self, name: str) -> None:
        """A key goes down. Raises UnknownKeyError; a key that is down already stays so."""
        key = key_named(name)
        s = self._s
        if key.name in s.pressed:
            return
        s.pressed.append(key.name)
        if not s.scanning:
            return
        self._send(self._make(key))
        self._stop_repeat()
        if key.name != "pause" and not key.make_only and self._repeats(key):
            s.repeat_key = key.name
            s.repeat_ns = self._clock.now_ns + ((s.typematic >> 5 & 3) + 1) * 250 * MILLISECOND_NS
            self._arm_repeat()

    def release(self, name: str) -> None:
        """A key comes up."""
        key = key_named(name)
        s = self._s
        if key.name not in s.pressed:
            return
        if s.repeat_key == key.name:
            self._stop_repeat()
        codes = self._break(key)  # while it still counts as held: Alt+Print Screen, Ctrl+Pause
        s.pressed.remove(key.name)
        s.wraps.pop(key.name, None)
        if s.scanning:
            self._send(codes)

    def _send(self, codes: bytes) -> None:
        s = self._s
        if not codes:
            return
        if len(s.buffer) + len(codes) > BUFFER_BYTES:
            overrun = OVERRUN[s.scan_set]
            if not s.buffer or s.buffer[-1] != overrun:
                s.buffer.append(overrun)
        else:
            s.buffer.extend(codes)
        self.data_ready()

    def _held(self, *names: str) -> bool:
        return any(name in self._s.pressed for name in names)

    def _make(self, key: Key) -> bytes:
        s = self._s
        if s.scan_set == 3:
            return plain_make(key, 3)
        if key.name == "printscreen":
            if self._held("alt", "ralt"):
                return b"\x54" if s.scan_set == 1 else b"\x84"
            if self._held("ctrl", "rctrl", *_SHIFTS):
                return plain_make(key, s.scan_set)
            return make_codes(key.name, s.scan_set)
        if key.name == "pause":
            if self._held("ctrl", "rctrl"):
                return bytes.fromhex("e046e0c6") if s.scan_set == 1 else bytes.fromhex("e07ee0f07e")
            return make_codes(key.name, s.scan_set)
        if key.name in _GRAY:
            return self._wrap(key) + plain_make(key, s.scan_set)
        return plain_make(key, s.scan_set)

    def _break(self, key: Key) -> bytes:
        s = self._s
        if s.scan_set == 3:
            return plain_break(key, 3) if self._type(key) & TYPE_BREAK else b""
        if key.name == "pause":
            return b""
        if key.name == "printscreen":
            if self._held("alt", "ralt"):
                return b"\xd4" if s.scan_set == 1 else b"\xf0\x84"
            codes = plain_break(key, s.scan_set)
            if self._held("ctrl", "rctrl", *_SHIFTS):
                return codes
            return codes + self._shift_code("shift", make=False)
        codes = plain_break(key, s.scan_set)
        wrap = s.wraps.get(key.name, 0)
        for name, bit in _WRAP_UNSHIFT.items():
            if wrap & bit:
                codes += self._shift_code(name, make=True)
        if wrap & _WRAP_NUM:
            codes += self._shift_code("shift", make=False)
        return codes

    def _wrap(self, key: Key) -> bytes:
        """Shift codes before a gray key, so that software that ignores E0h sees the plain function."""
        s = self._s
        num = bool(s.leds & LED_NUM) and key.name != "kpdivide"
        shifts = [name for name in _SHIFTS if name in s.pressed]
        codes = b""
        wrap = 0
        if shifts and not num:
            for name in shifts:
                wrap |= _WRAP_UNSHIFT[name]
                codes += self._shift_code(name, make=False)
        elif num and not shifts:
            wrap = _WRAP_NUM
            codes = self._shift_code("shift", make=True)
        if wrap:
            s.wraps[key.name] = wrap
        return codes

    def _shift_code(self, name: str, make: bool) -> bytes:
        key = key_named(name)
        return b"\xe0" + (plain_make if make else plain_break)(key, self._s.scan_set)

    # -- Typematic

    def _type(self, key: Key) -> int:
        """Set 3: what the key sends besides its make code."""
        s = self._s
        if key.name in s.key_types:
            return s.key_types[key.name]
        if s.all_types is not None:
            return s.all_types
        if key.name in _MODIFIERS_SET3:
            return TYPE_BREAK
        return 0 if key.name in _MAKE_ONLY_SET3 else TYPE_REPEAT

    def _repeats(self, key: Key) -> bool:
        return self._s.scan_set != 3 or bool(self._type(key) & TYPE_REPEAT)

    def _repeat_period_ns(self) -> int:
        rate = self._s.typematic
        return (8 + (rate & 7)) * (1 << (rate >> 3 & 3)) * 4_170_000

    def _arm_repeat(self) -> None:
        if self._repeat_call is not None:
            self._clock.cancel(self._repeat_call)
            self._repeat_call = None
        if self._s.repeat_key:
            self._repeat_call = self._clock.call_at(self._s.repeat_ns, self._repeat)

    def _stop_repeat(self) -> None:
        self._s.repeat_key = ""
        self._arm_repeat()

    def _repeat(self) -> None:
        self._repeat_call = None
        s = self._s
        if not s.repeat_key or not s.scanning:
            return
        # A host that does not keep up gets fewer repeats, not an overrun.
        if not s.buffer:
            self._send(plain_make(key_named(s.repeat_key), s.scan_set))
        s.repeat_ns = max(s.repeat_ns + self._repeat_period_ns(), self._clock.now_ns)
        self._arm_repeat()

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        """Power-on starts the self-test; the board's reset line does not reach the keyboard."""
        if kind is ResetKind.POWER_ON:
            pressed = self._s.pressed
            self._change_leds(0)
            self._s = State(pressed=pressed, scanning=False)
            self._stop_repeat()
            self._s.bat_ns = self._clock.now_ns + BAT_NS
            self._arm_self_test()

    def save(self) -> State:
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the keyboard is of another kind.")
        if (
            len(state.buffer) > BUFFER_BYTES + 1
            or len(state.responses) > BUFFER_BYTES
            or state.scan_set not in (1, 2, 3)
        ):
            raise StateError("The saved state of the keyboard is damaged.")
        try:
            for name in (*state.pressed, *([state.repeat_key] if state.repeat_key else [])):
                key_named(name)
        except ValueError as error:
            raise StateError("The saved state of the keyboard is damaged.") from error
        leds = self._s.leds
        self._s = copy_state(state)
        self._arm_repeat()
        self._arm_self_test()
        if self._leds_changed is not None and leds != state.leds:
            self._leds_changed(state.leds)
        if self.has_data:
            self.data_ready()


_TYPES: Final = {
    ALL_TYPEMATIC: TYPE_REPEAT,
    ALL_MAKE_BREAK: TYPE_BREAK,
    ALL_MAKE: 0,
    ALL_TYPEMATIC_MAKE_BREAK: TYPE_REPEAT | TYPE_BREAK,
    KEY_TYPEMATIC: TYPE_REPEAT,
    KEY_MAKE_BREAK: TYPE_BREAK,
    KEY_MAKE: 0,
}


def _names_with_set3_code(code: int) -> list[str]:
    return [key.name for key in KEYS.values() if key.set3 == code and code]
