"""Parallel port: the printer port of the PC/AT (SPP), with a printer that prints into a file.

Source: IBM PC/AT Technical Reference, parallel printer adapter. Modelled: data, status and control registers with
their inverted lines, the strobe/acknowledge handshake, IRQ 7, input with the direction bit of the PS/2. The
interrupt is latched until the status is read or the next character is strobed, as later chips do, so that the
acknowledge pulse is not too short for the interrupt controller. Not modelled: EPP and ECP modes.
"""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.bus import Port
from engine.clock import MICROSECOND_NS, SECOND_NS, Clock
from engine.devices.device import ResetKind, copy_state
from engine.errors import HostResourceError, StateError
from engine.irq import IrqLine

# Offsets
DATA: Final = 0
STATUS: Final = 1
CONTROL: Final = 2

STATUS_UNUSED: Final = 0x07
STATUS_NOT_ERROR: Final = 0x08
STATUS_SELECTED: Final = 0x10
STATUS_PAPER_OUT: Final = 0x20
STATUS_NOT_ACK: Final = 0x40
STATUS_NOT_BUSY: Final = 0x80
CONTROL_STROBE: Final = 0x01
CONTROL_AUTO_FEED: Final = 0x02
CONTROL_NOT_INIT: Final = 0x04
CONTROL_SELECT_IN: Final = 0x08
CONTROL_IRQ_ENABLE: Final = 0x10
CONTROL_DIRECTION: Final = 0x20
CONTROL_UNUSED: Final = 0xC0

BUSY_NS: Final = 10 * MICROSECOND_NS
ACK_NS: Final = 5 * MICROSECOND_NS
JAM_NS: Final = SECOND_NS  # until a printer that could not print is on line again
NO_PRINTER: Final = 0x7F  # an open connector: busy


@dataclass(slots=True)
class State:
    data: int = 0
    control: int = CONTROL_NOT_INIT
    busy: bool = False
    acknowledging: bool = False
    interrupt: bool = False
    jammed: bool = False  # the printer could not print; for JAM_NS, or until it is initialised
    next_ns: int | None = None  # the next step of the handshake, or the end of a jam


class ParallelPort:
    """``printer(data)`` prints and says whether it could; None: nothing is plugged in."""

    def __init__(self, irq: IrqLine, clock: Clock, printer: Callable[[bytes], bool] | None = None) -> None:
        self._irq = irq
        self._clock = clock
        self._printer = printer
        self._s = State()
        self._call_id: int | None = None

    def port_map(self) -> list[Port]:
        return [
            Port(DATA, self.read_data, self.write_data),
            Port(STATUS, self.read_status, None),
            Port(CONTROL, lambda: self._s.control | CONTROL_UNUSED, self.write_control),
        ]

    # -- Registers

    def read_data(self) -> int:
        # As inputs the lines are pulled up, and a printer drives none of them.
        return 0xFF if self._s.control & CONTROL_DIRECTION else self._s.data

    def write_data(self, value: int) -> None:
        self._s.data = value

    def read_status(self) -> int:
        s = self._s
        if self._printer is None:
            return NO_PRINTER
        self._set_interrupt(False)
        if s.jammed:  # off line, out of paper
            return STATUS_UNUSED | STATUS_PAPER_OUT | STATUS_NOT_ACK
        status = STATUS_UNUSED | STATUS_NOT_ERROR
        if s.control & CONTROL_SELECT_IN:
            status |= STATUS_SELECTED
        if not s.acknowledging:
            status |= STATUS_NOT_ACK
        if not s.busy:
            status |= STATUS_NOT_BUSY
        return status

    def write_control(self, value: int) -> None:
        s = self._s
        before, s.control = s.control, value & ~CONTROL_UNUSED & 0xFF
        if not s.control & CONTROL_IRQ_ENABLE:
            self._set_interrupt(False)
        if self._printer is None:
            return
        if not s.control & CONTROL_NOT_INIT:
            self._finish()
        elif s.control & ~before & CONTROL_STROBE and not s.busy and not s.jammed:
            self._set_interrupt(False)
            if not self._printer(bytes((s.data,))):
                s.jammed = True
                # Guests look at the paper before they try again, and DOS never initialises: the jam must end by itself.
                self._in(JAM_NS)
                return
            s.busy = True
            self._in(BUSY_NS)

    # -- The printer's handshake: busy, acknowledge, ready

    def _in(self, delay_ns: int) -> None:
        self._s.next_ns = self._clock.now_ns + delay_ns
        self._arm()

    def _arm(self) -> None:
        if self._call_id is not None:
            self._clock.cancel(self._call_id)
            self._call_id = None
        if self._s.next_ns is not None:
            self._call_id = self._clock.call_at(self._s.next_ns, self._step)

    def _step(self) -> None:
        self._call_id = None
        s = self._s
        if s.jammed:
            self._finish()
        elif not s.acknowledging:
            s.acknowledging = True
            self._in(ACK_NS)
        else:
            self._finish()
            if s.control & CONTROL_IRQ_ENABLE:
                self._set_interrupt(True)

    def _finish(self) -> None:
        s = self._s
        s.busy = s.acknowledging = s.jammed = False
        s.next_ns = None
        self._arm()

    def _set_interrupt(self, level: bool) -> None:
        self._s.interrupt = level
        self._irq.set(level)

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        self._s = State()
        self._arm()
        self._irq.set(False)

    def save(self) -> State:
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the parallel port is of another kind.")
        self._s = copy_state(state)
        self._arm()
        self._irq.set(self._s.interrupt)


class PrinterFile:
    """A printer that appends what it prints to a file, and tells once through ``notice`` when it cannot."""

    def __init__(self, file: Path, notice: Callable[[str], None]) -> None:
        self._path = file
        self._notice = notice
        self._told = False
        try:
            if file.exists() and stat.S_ISFIFO(file.stat().st_mode):
                raise HostResourceError(
                    f"The printer's file {file} is a named pipe, which would stop the virtual machine. "
                    "Choose a plain file in the settings."
                )
            self._file = file.open("ab", buffering=0)  # a person may look at it while the guest prints
        except OSError as error:
            raise HostResourceError(
                f"The printer's file {file} cannot be written: {error.strerror}. Choose another file in the settings."
            ) from error

    def print(self, data: bytes) -> bool:
        """Whether all of ``data`` is in the file."""
        if self._file.closed:
            return False
        try:
            printed = self._file.write(data) == len(data)
        except OSError as error:
            if not self._told:
                self._told = True
                self._notice(
                    f"The printer's file {self._path} cannot be written: {error.strerror}. The guest sees a printer "
                    "without paper; make room, and let it try again."
                )
            return False
        self._told = False
        return printed

    def close(self) -> None:
        self._file.close()
