"""PS/2 mouse: three buttons; with the wheel (IntelliMouse) and five buttons (Explorer) once a driver knocks.

Sources: IBM PS/2 Hardware Interface Technical Reference, "Auxiliary Device (Mouse)"; Microsoft's description of
the wheel extensions (sample rates 200, 100, 80 for ID 3; 200, 200, 80 for ID 4).

Movement that comes in while a packet waits is added up. A real mouse overflows at 255 counts a packet; this one
carries the rest over to the following packets, up to ``MAX_CARRIED`` counts, and only then sets the overflow
bits. Button changes are queued, so that a quick click is never lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.clock import MILLISECOND_NS, SECOND_NS, Clock
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError

# Commands from the host
SCALING_1_1: Final = 0xE6
SCALING_2_1: Final = 0xE7
SET_RESOLUTION: Final = 0xE8
STATUS_REQUEST: Final = 0xE9
SET_STREAM: Final = 0xEA
READ_DATA: Final = 0xEB
RESET_WRAP: Final = 0xEC
SET_WRAP: Final = 0xEE
SET_REMOTE: Final = 0xF0
IDENTIFY: Final = 0xF2
SET_SAMPLE_RATE: Final = 0xF3
ENABLE: Final = 0xF4
DISABLE: Final = 0xF5
DEFAULTS: Final = 0xF6
RESEND: Final = 0xFE
RESET: Final = 0xFF
# Answers
ACK: Final = 0xFA
BAT_PASSED: Final = 0xAA
ERROR: Final = 0xFC

ID_PLAIN: Final = 0
ID_WHEEL: Final = 3
ID_EXPLORER: Final = 4
KNOCKS: Final = {(200, 100, 80): ID_WHEEL, (200, 200, 80): ID_EXPLORER}
SAMPLE_RATES: Final = (10, 20, 40, 60, 80, 100, 200)

# Buttons as given to ``buttons``
LEFT: Final = 0x01
RIGHT: Final = 0x02
MIDDLE: Final = 0x04
BACK: Final = 0x08
FORWARD: Final = 0x10

# Packet byte 1
PACKET_ALWAYS: Final = 0x08
PACKET_X_SIGN: Final = 0x10
PACKET_Y_SIGN: Final = 0x20
PACKET_X_OVERFLOW: Final = 0x40
PACKET_Y_OVERFLOW: Final = 0x80

BUFFER_BYTES: Final = 16
MAX_CARRIED: Final = 255 * 16
MAX_WHEEL: Final = 127
MAX_CLICKS: Final = 16
BAT_NS: Final = 10 * MILLISECOND_NS


@dataclass(slots=True)
class State:
    buffer: list[int] = field(default_factory=list)  # packets waiting
    responses: list[int] = field(default_factory=list)
    last_sent: list[int] = field(default_factory=list)  # for resend: the last response or packet
    device_id: int = ID_PLAIN
    rates: list[int] = field(default_factory=lambda: [0, 0, 0])  # the last three set: the knock
    sample_rate: int = 100
    resolution: int = 2
    scaling_2_1: bool = False
    reporting: bool = False
    remote: bool = False
    wrap: bool = False
    command: int = 0  # waits for its argument
    refused: bool = False  # ... after an invalid one
    dx: int = 0
    dy: int = 0
    wheel: int = 0
    overflow: int = 0  # packet overflow bits to report
    buttons: int = 0  # as they are now
    reported_buttons: int = 0
    clicks: list[int] = field(default_factory=list)  # button states to be reported, oldest first
    next_packet_ns: int = 0
    bat_ns: int | None = None


class Ps2Mouse:
    """The mouse. The 8042 sets ``data_ready`` and takes bytes with ``next_byte``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._s = State()
        self._packet_call: int | None = None
        self._bat_call: int | None = None
        self.data_ready: Callable[[], None] = lambda: None

    # -- The wire to the controller

    @property
    def has_data(self) -> bool:
        return bool(self._s.responses or self._s.buffer)

    @property
    def reporting(self) -> bool:
        """A driver has switched the mouse on."""
        return self._s.reporting

    @property
    def device_id(self) -> int:
        """0, 3 (wheel) or 4 (wheel and five buttons), as the driver knocked."""
        return self._s.device_id

    def next_byte(self) -> int:
        """The next byte on the wire; 0 when there is none."""
        s = self._s
        if s.responses:
            return s.responses.pop(0)
        if not s.buffer:
            return 0
        byte = s.buffer.pop(0)
        if not s.buffer:
            self._plan_packet()
        return byte

    def receive(self, value: int) -> None:
        """A byte from the host."""
        s = self._s
        if s.wrap and value not in (RESET, RESET_WRAP):
            self._respond(value)
        else:
            command, s.command = s.command, 0
            if command:
                self._argument(command, value)
            else:
                # A command makes the mouse forget packets it has not sent.
                s.buffer.clear()
                self._command(value)
        self._plan_packet()
        if self.has_data:
            self.data_ready()

    def _respond(self, *values: int) -> None:
        s = self._s
        if len(s.responses) + len(values) <= BUFFER_BYTES:
            s.responses.extend(values)
            s.last_sent = list(values)

    def _command(self, value: int) -> None:
        action = self._ACTIONS.get(value)
        if action is None:
            self._respond(RESEND)
        else:
            action(self)

    def _argument(self, command: int, value: int) -> None:
        s = self._s
        if command == SET_RESOLUTION and value <= 3:
            s.resolution = value
        elif command == SET_SAMPLE_RATE and value in SAMPLE_RATES:
            s.sample_rate = value
            s.rates = [*s.rates[1:], value]
            s.device_id = max(s.device_id, KNOCKS.get((s.rates[0], s.rates[1], s.rates[2]), ID_PLAIN))
        else:
            # A first invalid argument is asked for again, a second one in a row is an error and ends the command
            # (IBM manual, "Error Handling").
            self._respond(ERROR if s.refused else RESEND)
            s.command = 0 if s.refused else command
            s.refused = not s.refused
            return
        s.refused = False
        self._respond(ACK)

    def _want_argument(self, command: int) -> None:
        self._s.command = command
        self._respond(ACK)

    def _set_scaling(self, two_to_one: bool) -> None:
        self._s.scaling_2_1 = two_to_one
        self._respond(ACK)

    def _set_mode(self, remote: bool) -> None:
        self._s.remote = remote
        self._forget_movement()
        self._respond(ACK)

    def _set_wrap(self, wrap: bool) -> None:
        self._s.wrap = wrap
        self._respond(ACK)

    def _set_reporting(self, on: bool) -> None:
        self._s.reporting = on
        self._forget_movement()
        self._respond(ACK)

    def _status_request(self) -> None:
        s = self._s
        buttons = (s.buttons & LEFT) << 2 | (s.buttons & MIDDLE) >> 1 | (s.buttons & RIGHT) >> 1
        status = buttons | (0x10 if s.scaling_2_1 else 0) | (0x20 if s.reporting else 0) | (0x40 if s.remote else 0)
        self._respond(ACK, status, s.resolution, s.sample_rate)

    def _read_data(self) -> None:
        self._respond(ACK, *self._packet())

    def _resend(self) -> None:
        s = self._s
        if len(s.responses) + len(s.last_sent) <= BUFFER_BYTES:
            s.responses.extend(s.last_sent)

    def _defaults(self) -> None:
        s = self._s
        s.sample_rate = 100
        s.resolution = 2
        s.scaling_2_1 = s.reporting = s.remote = s.wrap = False
        s.command = 0
        s.refused = False
        self._forget_movement()

    def _set_defaults(self) -> None:
        self._defaults()
        self._respond(ACK)

    def _start_self_test(self) -> None:
        s = self._s
        self._defaults()
        s.device_id = ID_PLAIN
        s.rates = [0, 0, 0]
        s.responses.clear()
        self._respond(ACK)
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
        self._respond(BAT_PASSED, self._s.device_id)
        self.data_ready()

    _ACTIONS: Final[dict[int, Callable[[Ps2Mouse], None]]] = {
        SCALING_1_1: lambda self: self._set_scaling(False),
        SCALING_2_1: lambda self: self._set_scaling(True),
        SET_RESOLUTION: lambda self: self._want_argument(SET_RESOLUTION),
        STATUS_REQUEST: _status_request,
        SET_STREAM: lambda self: self._set_mode(False),
        READ_DATA: _read_data,
        RESET_WRAP: lambda self: self._set_wrap(False),
        SET_WRAP: lambda self: self._set_wrap(True),
        SET_REMOTE: lambda self: self._set_mode(True),
        IDENTIFY: lambda self: self._respond(ACK, self._s.device_id),
        SET_SAMPLE_RATE: lambda self: self._want_argument(SET_SAMPLE_RATE),
        ENABLE: lambda self: self._set_reporting(True),
        DISABLE: lambda self: self._set_reporting(False),
        DEFAULTS: _set_defaults,
        RESEND: _resend,
        RESET: _start_self_test,
    }

    # -- The hand on the mouse

    def move(self, dx: int, dy: int, wheel: int = 0) -> None:
        """Moves by counts, signed as in packets: ``dx`` to the right, ``dy`` away from the user (up), ``wheel``
        notches towards the user (down)."""
        s = self._s
        if not self._senses():
            return
        s.dx, x_lost = _clamp(s.dx + dx, MAX_CARRIED)
        s.dy, y_lost = _clamp(s.dy + dy, MAX_CARRIED)
        s.overflow |= (PACKET_X_OVERFLOW if x_lost else 0) | (PACKET_Y_OVERFLOW if y_lost else 0)
        if s.device_id != ID_PLAIN:
            s.wheel, _ = _clamp(s.wheel + wheel, MAX_WHEEL)
        self._plan_packet()

    def buttons(self, mask: int) -> None:
        """Sets all buttons: LEFT, RIGHT, MIDDLE, BACK, FORWARD."""
        s = self._s
        mask &= 0x1F
        if mask == s.buttons:
            return
        s.buttons = mask
        if self._senses():
            if len(s.clicks) >= MAX_CLICKS:
                s.clicks.pop()
            s.clicks.append(mask)
            self._plan_packet()

    def _senses(self) -> bool:
        return self._s.bat_ns is None and (self._s.reporting or self._s.remote)

    def _forget_movement(self) -> None:
        s = self._s
        s.buffer.clear()
        s.clicks.clear()
        s.reported_buttons = s.buttons
        s.dx = s.dy = s.wheel = s.overflow = 0

    # -- Packets

    def _something_to_tell(self) -> bool:
        s = self._s
        return bool(s.dx or s.dy or s.wheel or s.clicks or s.overflow)

    def _plan_packet(self) -> None:
        """Stream mode: one packet a sample, once the last was taken."""
        s = self._s
        if not s.reporting or s.remote or s.wrap or s.buffer or not self._something_to_tell():
            return
        if self._packet_call is None:
            when_ns = max(s.next_packet_ns, self._clock.now_ns)
            self._packet_call = self._clock.call_at(when_ns, self._send_packet)

    def _send_packet(self) -> None:
        self._packet_call = None
        s = self._s
        if not s.reporting or s.remote or s.wrap or s.buffer or not self._something_to_tell():
            return
        s.buffer.extend(self._packet())
        s.last_sent = list(s.buffer)
        s.next_packet_ns = self._clock.now_ns + SECOND_NS // s.sample_rate
        self.data_ready()

    def _packet(self) -> list[int]:
        """Takes one sample out of the counters."""
        s = self._s
        buttons = s.clicks.pop(0) if s.clicks else s.buttons
        s.reported_buttons = buttons
        dx, _ = _clamp(s.dx, 255)
        dy, _ = _clamp(s.dy, 255)
        s.dx -= dx
        s.dy -= dy
        if s.scaling_2_1 and s.reporting and not s.remote:
            dx, dy = _scaled(dx), _scaled(dy)
        first = PACKET_ALWAYS | buttons & 7 | s.overflow
        s.overflow = 0
        if dx < 0:
            first |= PACKET_X_SIGN
        if dy < 0:
            first |= PACKET_Y_SIGN
        packet = [first, dx & 0xFF, dy & 0xFF]
        if s.device_id != ID_PLAIN:
            wheel = max(min(s.wheel, 7), -8)
            s.wheel -= wheel
            if s.device_id == ID_EXPLORER:
                packet.append(wheel & 0x0F | (buttons & (BACK | FORWARD)) << 1)
            else:
                packet.append(wheel & 0xFF)
        return packet

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        """Power-on starts the self-test; the board's reset line does not reach the mouse."""
        if kind is ResetKind.POWER_ON:
            self._s = State(buttons=self._s.buttons, bat_ns=self._clock.now_ns + BAT_NS)
            self._arm()

    def save(self) -> State:
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the mouse is of another kind.")
        if (
            state.sample_rate not in SAMPLE_RATES
            or len(state.rates) != 3
            or len(state.buffer) > BUFFER_BYTES
            or len(state.responses) > BUFFER_BYTES
            or state.device_id not in (ID_PLAIN, ID_WHEEL, ID_EXPLORER)
        ):
            raise StateError("The saved state of the mouse is damaged.")
        self._s = copy_state(state)
        self._arm()
        if self.has_data:
            self.data_ready()

    def _arm(self) -> None:
        if self._packet_call is not None:
            self._clock.cancel(self._packet_call)
            self._packet_call = None
        self._arm_self_test()
        self._plan_packet()


def _clamp(value: int, limit: int) -> tuple[int, bool]:
    """The value within +-limit, and whether something was cut off."""
    clamped = max(min(value, limit), -limit)
    return clamped, clamped != value


def _scaled(counts: int) -> int:
    """2:1 scaling of the IBM manual: 0, 1, 1, 3, 6, 9, then twice the counts."""
    size = abs(counts)
    scaled = (0, 1, 1, 3, 6, 9)[size] if size < 6 else min(2 * size, 255)
    return scaled if counts >= 0 else -scaled
