"""I/O APIC: Intel 82093AA, 24 interrupt inputs that become messages to the local APIC.

Source: Intel 82093AA data sheet (290566). Registers behind IOREGSEL (00h) and IOWIN (10h) of one memory page:
identification, version (11h, 24 entries), arbitration, redirection table. As in the chip, edges on a masked input are
lost, and a level-triggered input waits for the EOI of its vector (remote IRR). Fixed, lowest-priority, NMI and ExtINT
deliveries reach the local APIC; SMI and INIT go nowhere on a board with one processor. Delivery status always reads
idle and the polarity bit changes nothing: the board's lines are active high inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError

BASE: Final = 0xFEC00000
PAGE_BYTES: Final = 0x1000
INPUTS: Final = 24

IOREGSEL: Final = 0x00
IOWIN: Final = 0x10

# Behind IOREGSEL
IOAPICID: Final = 0x00
IOAPICVER: Final = 0x01
IOAPICARB: Final = 0x02
IOREDTBL: Final = 0x10  # two registers an entry, low half first
VERSION: Final = (INPUTS - 1) << 16 | 0x11
ID_BITS: Final = 0x0F000000

# Redirection entry
VECTOR: Final = 0xFF
DELIVERY_SHIFT: Final = 8
LOGICAL: Final = 1 << 11
REMOTE_IRR: Final = 1 << 14
LEVEL: Final = 1 << 15
MASKED: Final = 1 << 16
DESTINATION_SHIFT: Final = 56
WRITABLE: Final = 0xFF00000000000000 | 0x1AFFF  # not delivery status, not remote IRR
DELIVERY_FIXED: Final = 0
DELIVERY_LOWEST: Final = 1
DELIVERY_EXT_INT: Final = 7


class Messages(Protocol):
    """The APIC bus: False when nobody takes the message."""

    def __call__(self, vector: int, delivery: int, level: bool, destination: int, logical: bool) -> bool: ...


@dataclass(slots=True)
class State:
    """``lines``: levels of the inputs."""

    select: int = 0
    id: int = 0
    arbitration: int = 0
    lines: int = 0
    redirection: list[int] = field(default_factory=lambda: [MASKED] * INPUTS)


class IoApic82093aa:
    """``send`` delivers a message; :meth:`end_of_interrupt` hears the EOI of level-triggered vectors."""

    def __init__(self, send: Messages) -> None:
        self._send = send
        self._s = State()

    # -- Inputs

    def input(self, number: int) -> Callable[[bool], None]:
        """The pin's level setter. Raises ValueError for a pin that is not there."""
        if not 0 <= number < INPUTS:
            raise ValueError(f"The I/O APIC has no input {number}.")
        return lambda level: self._set_line(number, level)

    def _set_line(self, number: int, level: bool) -> None:
        s = self._s
        bit = 1 << number
        if bool(s.lines & bit) == level:
            return
        s.lines ^= bit
        if not level:
            return
        if s.redirection[number] & LEVEL:
            self._serve_level(number)
        elif not s.redirection[number] & MASKED:
            self._deliver(s.redirection[number])

    def _serve_level(self, number: int) -> None:
        """Asks for a level-triggered input that is high and not asked for yet."""
        entry = self._s.redirection[number]
        if entry & (MASKED | REMOTE_IRR) or not entry & LEVEL or not self._s.lines >> number & 1:
            return
        # Remote IRR first: the EOI may come from inside the delivery.
        self._s.redirection[number] = entry | REMOTE_IRR
        if not self._deliver(entry) or entry >> DELIVERY_SHIFT & 7 > DELIVERY_LOWEST:
            self._s.redirection[number] &= ~REMOTE_IRR

    def _deliver(self, entry: int) -> bool:
        return self._send(
            entry & VECTOR,
            entry >> DELIVERY_SHIFT & 7,
            bool(entry & LEVEL),
            entry >> DESTINATION_SHIFT,
            bool(entry & LOGICAL),
        )

    def end_of_interrupt(self, vector: int) -> None:
        """The EOI message: inputs of this vector may ask again."""
        for number, entry in enumerate(self._s.redirection):
            if entry & REMOTE_IRR and entry & VECTOR == vector:
                self._s.redirection[number] = entry & ~REMOTE_IRR
                self._serve_level(number)

    # -- Registers

    def read(self, offset: int, size: int) -> int:
        """Any size; a part of a register for less than a dword."""
        register = offset & ~3
        value = self._s.select if register == IOREGSEL else self._read_register() if register == IOWIN else 0
        return value >> 8 * (offset & 3) & (1 << 8 * size) - 1

    def write(self, offset: int, value: int, size: int) -> None:
        """IOREGSEL takes its low byte by any access, IOWIN whole dwords."""
        if offset == IOREGSEL:
            self._s.select = value & 0xFF
        elif offset == IOWIN and size == 4:
            self._write_register(value)

    def _read_register(self) -> int:
        s = self._s
        if s.select == IOAPICID:
            return s.id
        if s.select == IOAPICVER:
            return VERSION
        if s.select == IOAPICARB:
            return s.arbitration
        number, half = divmod(s.select - IOREDTBL, 2)
        if 0 <= number < INPUTS:
            return s.redirection[number] >> 32 * half & 0xFFFFFFFF
        return 0

    def _write_register(self, value: int) -> None:
        s = self._s
        if s.select == IOAPICID:
            s.id = s.arbitration = value & ID_BITS  # the arbitration register is loaded with the identification
            return
        number, half = divmod(s.select - IOREDTBL, 2)
        if 0 <= number < INPUTS:
            shift = 32 * half
            old = s.redirection[number]
            new = old & ~(0xFFFFFFFF << shift) | value << shift
            self._write_entry(number, new & WRITABLE | old & REMOTE_IRR)

    def _write_entry(self, number: int, entry: int) -> None:
        if not entry & LEVEL:
            entry &= ~REMOTE_IRR  # an edge waits for no EOI
        self._s.redirection[number] = entry
        self._serve_level(number)

    # -- Power

    def reset(self, kind: ResetKind) -> None:
        self._s = State(lines=self._s.lines)

    def save(self) -> State:
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the I/O APIC is of another kind.")
        if (
            len(state.redirection) != INPUTS
            or any(entry & ~(WRITABLE | REMOTE_IRR) or entry < 0 for entry in state.redirection)
            or not 0 <= state.select <= 0xFF
            or (state.id | state.arbitration) & ~ID_BITS
            or not 0 <= state.lines < 1 << INPUTS
        ):
            raise StateError("The saved state of the I/O APIC is damaged.")
        self._s = copy_state(state)
