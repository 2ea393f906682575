"""Keyboard controller: 8042 of the PC/AT with the PS/2 auxiliary port.

Sources: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller"; 8042
commands as in PC chipsets. Modelled: commands 20h-7Fh, A4h, A7h-ADh, AEh, C0h, D0h-D4h, DDh, DFh, E0h, F0h-FFh,
translation of scan code set 2 to 1, output port with A20 and reset, interrupts, one byte at a time in guest
time. Not modelled: the password commands (there is none) and the diagnostic dump.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from engine.bus import Port
from engine.clock import MICROSECOND_NS, Clock
from engine.console.scan_codes import BREAK, SET2_TO_SET1
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError
from engine.irq import IrqLine

# Offsets from 60h
DATA: Final = 0
STATUS_COMMAND: Final = 4

STATUS_OBF: Final = 0x01
STATUS_IBF: Final = 0x02
STATUS_SYSTEM: Final = 0x04
STATUS_COMMAND_LAST: Final = 0x08
STATUS_NOT_LOCKED: Final = 0x10
STATUS_AUX_OBF: Final = 0x20
STATUS_TIMEOUT: Final = 0x40

# Command byte (RAM byte 0)
CB_KEYBOARD_INTERRUPT: Final = 0x01
CB_AUX_INTERRUPT: Final = 0x02
CB_SYSTEM: Final = 0x04
CB_KEYBOARD_DISABLED: Final = 0x10
CB_AUX_DISABLED: Final = 0x20
CB_TRANSLATE: Final = 0x40

READ_RAM: Final = 0x20
WRITE_RAM: Final = 0x60
PASSWORD_TEST: Final = 0xA4
DISABLE_AUX: Final = 0xA7
ENABLE_AUX: Final = 0xA8
TEST_AUX: Final = 0xA9
SELF_TEST: Final = 0xAA
TEST_KEYBOARD: Final = 0xAB
DISABLE_KEYBOARD: Final = 0xAD
ENABLE_KEYBOARD: Final = 0xAE
READ_INPUT_PORT: Final = 0xC0
READ_OUTPUT_PORT: Final = 0xD0
WRITE_OUTPUT_PORT: Final = 0xD1
WRITE_KEYBOARD_OUTPUT: Final = 0xD2
WRITE_AUX_OUTPUT: Final = 0xD3
WRITE_AUX: Final = 0xD4
A20_OFF: Final = 0xDD
A20_ON: Final = 0xDF
READ_TEST_INPUTS: Final = 0xE0
PULSE_OUTPUT: Final = 0xF0

NO_PASSWORD: Final = 0xF1
SELF_TEST_PASSED: Final = 0x55
INPUT_PORT: Final = 0xA0  # not locked, no manufacturing jumper
OUTPUT_PORT_PULLED_UP: Final = 0xCC
OUTPUT_RESET: Final = 0x01  # low: processor reset
OUTPUT_A20: Final = 0x02
OUTPUT_KEYBOARD_FULL: Final = 0x10
OUTPUT_AUX_FULL: Final = 0x20
WIRE_TIMEOUT: Final = 0xFE  # what the data port says when nothing is plugged in

DEVICE_BYTE_NS: Final = 500 * MICROSECOND_NS  # a byte on the wire; handlers of the last one are done by then
REPLY_NS: Final = 20 * MICROSECOND_NS  # the controller's own answers
MAX_REPLIES: Final = 16
_AUX: Final = 0x100  # marks a reply as coming from the auxiliary port


class Ps2Device(Protocol):
    """What hangs on one of the two ports."""

    data_ready: Callable[[], None]

    @property
    def has_data(self) -> bool: ...
    def next_byte(self) -> int: ...
    def receive(self, value: int) -> None: ...


@dataclass(slots=True)
class State:
    ram: bytearray = field(default_factory=lambda: bytearray([CB_TRANSLATE | CB_AUX_DISABLED | 1]) + bytearray(31))
    output: int = 0
    output_full: bool = False
    output_aux: bool = False
    command_last: bool = False
    command: int = 0  # waits for its data byte
    timeout: bool = False
    break_prefix: bool = False  # translation: F0h was swallowed
    replies: list[int] = field(default_factory=list)  # the controller's own bytes, bit 8: to the auxiliary side
    deliver_ns: int | None = None
    a20: bool = True


class KeyboardController8042:
    """The 8042. ``set_a20`` drives the board's A20 gate; the board tells with ``a20_changed`` where it stands,
    since port 92h drives it too."""

    def __init__(
        self,
        keyboard: Ps2Device,
        mouse: Ps2Device | None,
        keyboard_irq: IrqLine,
        mouse_irq: IrqLine,
        clock: Clock,
        set_a20: Callable[[bool], None],
        request_reset: Callable[[], None],
    ) -> None:
        self._keyboard = keyboard
        self._mouse = mouse
        self._keyboard_irq = keyboard_irq
        self._mouse_irq = mouse_irq
        self._clock = clock
        self._set_a20 = set_a20
        self._request_reset = request_reset
        self._s = State()
        self._call_id: int | None = None
        keyboard.data_ready = self._pump
        if mouse is not None:
            mouse.data_ready = self._pump

    def port_map(self) -> list[Port]:
        return [
            Port(DATA, self.read_data, self.write_data),
            Port(STATUS_COMMAND, self.read_status, self.write_command),
        ]

    def a20_changed(self, level: bool) -> None:
        """Where the board's A20 gate stands now, as the output port shows it."""
        self._s.a20 = level

    @property
    def output_full(self) -> bool:
        """A byte waits for the guest."""
        return self._s.output_full

    # -- Registers

    def read_status(self) -> int:
        s = self._s
        status = STATUS_NOT_LOCKED
        if s.output_full:
            status |= STATUS_OBF | (STATUS_AUX_OBF if s.output_aux else 0)
        if s.ram[0] & CB_SYSTEM:
            status |= STATUS_SYSTEM
        if s.command_last:
            status |= STATUS_COMMAND_LAST
        if s.timeout:
            status |= STATUS_TIMEOUT
        return status

    def read_data(self) -> int:
        s = self._s
        value = s.output
        if s.output_full:
            s.output_full = False
            s.timeout = False
            self._drive_irqs()
            self._pump()
        return value

    def write_data(self, value: int) -> None:
        s = self._s
        s.command_last = False
        command, s.command = s.command, 0
        if command == 0:
            s.ram[0] &= ~CB_KEYBOARD_DISABLED  # sending to the keyboard lets its clock go
            self._keyboard.receive(value)
            self._pump()
        elif command < 0x80:
            s.ram[command & 0x1F] = value
            self._drive_irqs()
            self._pump()
        elif command == WRITE_OUTPUT_PORT:
            self._set_a20(bool(value & OUTPUT_A20))
            if not value & OUTPUT_RESET:
                self._request_reset()
        elif command == WRITE_KEYBOARD_OUTPUT:
            self._reply(value)
        elif command == WRITE_AUX_OUTPUT:
            self._reply(value | _AUX)
        elif command == WRITE_AUX:
            self._write_aux(value)

    def _write_aux(self, value: int) -> None:
        s = self._s
        s.ram[0] &= ~CB_AUX_DISABLED
        if self._mouse is None:
            s.timeout = True
            self._reply(WIRE_TIMEOUT | _AUX)
            return
        self._mouse.receive(value)
        self._pump()

    def write_command(self, value: int) -> None:
        s = self._s
        s.command_last = True
        s.command = 0
        if value & 0xE0 == READ_RAM:
            self._reply(s.ram[value & 0x1F])
        elif value & 0xE0 == WRITE_RAM or WRITE_OUTPUT_PORT <= value <= WRITE_AUX:
            s.command = value
        elif value >= PULSE_OUTPUT:
            if not value & OUTPUT_RESET:
                self._request_reset()
        else:
            action = self._ACTIONS.get(value)  # anything else is ignored, as the chip does
            if action is not None:
                action(self)

    def _disable_aux(self) -> None:
        self._s.ram[0] |= CB_AUX_DISABLED

    def _enable_aux(self) -> None:
        self._s.ram[0] &= ~CB_AUX_DISABLED
        self._pump()

    def _disable_keyboard(self) -> None:
        self._s.ram[0] |= CB_KEYBOARD_DISABLED

    def _enable_keyboard(self) -> None:
        self._s.ram[0] &= ~CB_KEYBOARD_DISABLED
        self._pump()

    def _self_test(self) -> None:
        self._s.ram[0] |= CB_SYSTEM
        self._reply(SELF_TEST_PASSED)

    def _read_output_port(self) -> None:
        s = self._s
        port = OUTPUT_PORT_PULLED_UP | OUTPUT_RESET
        if s.a20:
            port |= OUTPUT_A20
        if s.output_full:
            port |= OUTPUT_AUX_FULL if s.output_aux else OUTPUT_KEYBOARD_FULL
        self._reply(port)

    def _read_test_inputs(self) -> None:
        self._reply(0x02 | (0 if self._s.ram[0] & CB_KEYBOARD_DISABLED else 0x01))

    _ACTIONS: Final[dict[int, Callable[[KeyboardController8042], None]]] = {
        PASSWORD_TEST: lambda self: self._reply(NO_PASSWORD),
        DISABLE_AUX: _disable_aux,
        ENABLE_AUX: _enable_aux,
        TEST_AUX: lambda self: self._reply(0x00 if self._mouse is not None else 0x02),
        SELF_TEST: _self_test,
        TEST_KEYBOARD: lambda self: self._reply(0x00),
        DISABLE_KEYBOARD: _disable_keyboard,
        ENABLE_KEYBOARD: _enable_keyboard,
        READ_INPUT_PORT: lambda self: self._reply(INPUT_PORT),
        READ_OUTPUT_PORT: _read_output_port,
        A20_OFF: lambda self: self._set_a20(False),
        A20_ON: lambda self: self._set_a20(True),
        READ_TEST_INPUTS: _read_test_inputs,
    }

    # -- The output buffer

    def _reply(self, value: int) -> None:
        if len(self._s.replies) < MAX_REPLIES:
            self._s.replies.append(value)
        self._pump()

    def _keyboard_waits(self) -> bool:
        return not self._s.ram[0] & CB_KEYBOARD_DISABLED and self._keyboard.has_data

    def _aux_waits(self) -> bool:
        return self._mouse is not None and not self._s.ram[0] & CB_AUX_DISABLED and self._mouse.has_data

    def _pump(self) -> None:
        """Schedules the next byte for the output buffer when it is empty and somebody has one."""
        s = self._s
        if s.output_full:
            return
        if s.replies:
            delay_ns = REPLY_NS
        elif self._keyboard_waits() or self._aux_waits():
            delay_ns = DEVICE_BYTE_NS
        else:
            return
        when_ns = self._clock.now_ns + delay_ns
        if s.deliver_ns is None or when_ns < s.deliver_ns:
            s.deliver_ns = when_ns
            self._arm()

    def _arm(self) -> None:
        if self._call_id is not None:
            self._clock.cancel(self._call_id)
            self._call_id = None
        if self._s.deliver_ns is not None:
            self._call_id = self._clock.call_at(self._s.deliver_ns, self._deliver)

    def _deliver(self) -> None:
        s = self._s
        self._call_id = None
        s.deliver_ns = None
        if s.output_full:
            return
        if s.replies:
            value = s.replies.pop(0)
            self._fill(value & 0xFF, bool(value & _AUX))
        elif self._keyboard_waits():
            value = self._keyboard.next_byte()
            if s.ram[0] & CB_TRANSLATE:
                if value == BREAK:
                    s.break_prefix = True
                    self._pump()
                    return
                value = SET2_TO_SET1[value] | (0x80 if s.break_prefix else 0)
                s.break_prefix = False
            self._fill(value, False)
        elif self._aux_waits():
            assert self._mouse is not None
            self._fill(self._mouse.next_byte(), True)

    def _fill(self, value: int, aux: bool) -> None:
        s = self._s
        s.output = value
        s.output_full = True
        s.output_aux = aux
        self._drive_irqs()

    def _drive_irqs(self) -> None:
        s = self._s
        self._keyboard_irq.set(s.output_full and not s.output_aux and bool(s.ram[0] & CB_KEYBOARD_INTERRUPT))
        self._mouse_irq.set(s.output_full and s.output_aux and bool(s.ram[0] & CB_AUX_INTERRUPT))

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        self._s = State(a20=self._s.a20)
        self._arm()
        self._drive_irqs()
        self._pump()

    def save(self) -> State:
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the keyboard controller is of another kind.")
        if len(state.ram) != 32 or not 0 <= state.output <= 0xFF or len(state.replies) > MAX_REPLIES:
            raise StateError("The saved state of the keyboard controller is damaged.")
        self._s = copy_state(state)
        self._s.ram = bytearray(self._s.ram)
        self._arm()
        self._drive_irqs()
