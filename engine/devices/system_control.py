"""System control ports of the PC/AT: port 61h, port 92h and the coprocessor's F0h and F1h.

Sources: IBM PS/2 Hardware Interface Technical Reference (system control ports A and B), IBM PC/AT Technical
Reference (coprocessor error latch). Parity and channel-check errors never happen on this board; their enable
bits are remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from engine.bus import Port
from engine.clock import Clock
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError
from engine.irq import IrqLine

# Ports (fixed on the board; attach at base 0)
PORT_B: Final = 0x61
PORT_A: Final = 0x92
CLEAR_BUSY: Final = 0xF0
RESET_COPROCESSOR: Final = 0xF1

B_TIMER_2_GATE: Final = 0x01
B_SPEAKER_DATA: Final = 0x02
B_WRITABLE: Final = 0x0F  # gate, speaker, parity and channel-check disables
B_REFRESH: Final = 0x10
B_TIMER_2_OUT: Final = 0x20
A_FAST_RESET: Final = 0x01
A_A20: Final = 0x02
A_WRITABLE: Final = 0xDA  # A20, and the bits that only remember

REFRESH_NS: Final = 15_085  # counter 1 of the timer at 18 clocks


class TimerGate(Protocol):
    """What port 61h sees of the timer."""

    @property
    def counter2_out(self) -> bool: ...
    def set_gate2(self, level: bool) -> None: ...


@dataclass(slots=True)
class State:
    port_b: int = 0
    port_a: int = 0
    a20: bool = True
    coprocessor_error: bool = False


class SystemControl:
    """The ports.

    ``set_a20`` drives the board's A20 gate; the board tells with ``a20_changed`` where it stands, since the
    keyboard controller drives it too, and the last to speak wins. ``request_reset`` is the fast reset,
    ``speaker_data(level)`` port 61h bit 1, ``clear_coprocessor_error`` a write to port F0h.
    ``coprocessor_irq`` follows the error latch that :meth:`set_ferr` sets.
    """

    def __init__(
        self,
        timer: TimerGate,
        clock: Clock,
        speaker_data: Callable[[bool], None],
        set_a20: Callable[[bool], None],
        request_reset: Callable[[], None],
        clear_coprocessor_error: Callable[[], None] | None = None,
        coprocessor_irq: IrqLine | None = None,
    ) -> None:
        self._timer = timer
        self._clock = clock
        self._speaker_data = speaker_data
        self._set_a20 = set_a20
        self._request_reset = request_reset
        self._clear_coprocessor_error = clear_coprocessor_error
        self._coprocessor_irq = coprocessor_irq
        self._s = State()

    def port_map(self) -> list[Port]:
        """Attach at base 0."""
        return [
            Port(PORT_B, self.read_port_b, self.write_port_b),
            Port(PORT_A, self.read_port_a, self.write_port_a),
            Port(CLEAR_BUSY, None, self.write_clear_busy),
            Port(RESET_COPROCESSOR, None, self.write_clear_busy),
        ]

    # -- Registers

    def read_port_b(self) -> int:
        value = self._s.port_b
        if self._clock.now_ns // REFRESH_NS & 1:
            value |= B_REFRESH
        if self._timer.counter2_out:
            value |= B_TIMER_2_OUT
        return value

    def write_port_b(self, value: int) -> None:
        before, self._s.port_b = self._s.port_b, value & B_WRITABLE
        changed = before ^ self._s.port_b
        if changed & B_TIMER_2_GATE:
            self._timer.set_gate2(bool(value & B_TIMER_2_GATE))
        if changed & B_SPEAKER_DATA:
            self._speaker_data(bool(value & B_SPEAKER_DATA))

    def read_port_a(self) -> int:
        return self._s.port_a & ~A_A20 | (A_A20 if self._s.a20 else 0)

    def write_port_a(self, value: int) -> None:
        before = self._s.port_a
        self._s.port_a = value & (A_WRITABLE | A_FAST_RESET)
        if bool(value & A_A20) != self._s.a20:
            self._set_a20(bool(value & A_A20))
        if value & ~before & A_FAST_RESET:
            self._request_reset()

    def write_clear_busy(self, value: int) -> None:
        """The guest took note of a coprocessor error."""
        self._latch_error(False)
        if self._clear_coprocessor_error is not None:
            self._clear_coprocessor_error()

    # -- Wires

    def a20_changed(self, level: bool) -> None:
        """Where the board's A20 gate stands now, as port 92h shows it."""
        self._s.a20 = level

    def set_ferr(self, level: bool) -> None:
        """The processor's FERR# pin: its assertion is latched until the guest writes to port F0h."""
        if level:
            self._latch_error(True)

    def _latch_error(self, level: bool) -> None:
        self._s.coprocessor_error = level
        if self._coprocessor_irq is not None:
            self._coprocessor_irq.set(level)

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        self._s = State()
        self._drive()

    def save(self) -> State:
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the system control ports is of another kind.")
        self._s = copy_state(state)
        self._drive()

    def _drive(self) -> None:
        self._set_a20(self._s.a20)
        self._timer.set_gate2(bool(self._s.port_b & B_TIMER_2_GATE))
        self._speaker_data(bool(self._s.port_b & B_SPEAKER_DATA))
        if self._coprocessor_irq is not None:
            self._coprocessor_irq.set(self._s.coprocessor_error)
