"""Serial port: 16550A UART with 16-byte FIFOs, as on COM1-COM4.

Source: National Semiconductor PC16550D data sheet (DS008652), register map table II, reset table III, interrupts
table V. Modelled: both FIFOs with trigger levels and character time-out, all interrupts with their priorities,
line status with errors kept per character, modem status with delta bits, loopback, break, OUT2 as the PC's
interrupt gate. Characters take their time on the line by the programmed rate and format. The far end honours
flow control: it sends nothing while the receiver is full, so a slow guest loses no byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.bus import Port
from engine.clock import SECOND_NS, Clock
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError
from engine.irq import IrqLine

# Offsets
RBR_THR_DLL: Final = 0
IER_DLM: Final = 1
IIR_FCR: Final = 2
LCR: Final = 3
MCR: Final = 4
LSR: Final = 5
MSR: Final = 6
SCR: Final = 7

IER_ERBFI: Final = 0x01
IER_ETBEI: Final = 0x02
IER_ELSI: Final = 0x04
IER_EDSSI: Final = 0x08

# IIR, highest priority first
IIR_LINE_STATUS: Final = 0x06
IIR_RECEIVED: Final = 0x04
IIR_TIMEOUT: Final = 0x0C
IIR_THR_EMPTY: Final = 0x02
IIR_MODEM_STATUS: Final = 0x00
IIR_NONE: Final = 0x01
IIR_FIFOS_ENABLED: Final = 0xC0

FCR_ENABLE: Final = 0x01
FCR_RESET_RECEIVER: Final = 0x02
FCR_RESET_TRANSMITTER: Final = 0x04
FCR_KEPT: Final = 0xC9
FCR_TRIGGERS: Final = (1, 4, 8, 14)

LCR_STOP_BITS: Final = 0x04
LCR_PARITY: Final = 0x08
LCR_BREAK: Final = 0x40
LCR_DLAB: Final = 0x80

MCR_DTR: Final = 0x01
MCR_RTS: Final = 0x02
MCR_OUT1: Final = 0x04
MCR_OUT2: Final = 0x08
MCR_LOOP: Final = 0x10

LSR_DR: Final = 0x01
LSR_OE: Final = 0x02
LSR_BI: Final = 0x10
LSR_THRE: Final = 0x20
LSR_TEMT: Final = 0x40
LSR_FIFO_ERROR: Final = 0x80

MSR_TERI: Final = 0x04
MSR_CTS: Final = 0x10
MSR_DSR: Final = 0x20
MSR_RI: Final = 0x40
MSR_DCD: Final = 0x80

BASE_BAUD: Final = 115_200  # 1.8432 MHz / 16
FIFO_BYTES: Final = 16
MAX_WAITING: Final = 1 << 20  # bytes the far end may be ahead of the guest


@dataclass(slots=True)
class State:
    divisor: int = 12
    ier: int = 0
    fcr: int = 0
    lcr: int = 0
    mcr: int = 0
    scr: int = 0
    overrun: bool = False
    receiver: list[int] = field(default_factory=list)  # characters, their LSR error bits in bits 15-8
    transmitter: list[int] = field(default_factory=list)  # holding register or FIFO
    shifting: int | None = None  # the character on the line
    waiting: bytearray = field(default_factory=bytearray)  # sent by the far end, not on the line yet
    modem_lines: int = MSR_CTS | MSR_DSR | MSR_DCD  # MSR bits 7-4 of the pins: somebody listens
    modem_delta: int = 0
    thr_empty_pending: bool = False
    timeout_pending: bool = False
    transmit_ns: int | None = None  # the character is sent then
    receive_ns: int | None = None  # the next one is in then
    timeout_ns: int | None = None


class Serial16550:
    """One UART.

    ``transmit(data)`` takes what the guest sends, on the machine's thread; :meth:`receive` brings what is for
    the guest. A character that leaves takes ``longest_character_ns`` at most, whatever the programmed rate: a cable
    to the host is no telephone line, and a guest that is switched off right after its last line loses none of it.
    """

    def __init__(
        self,
        irq: IrqLine,
        clock: Clock,
        transmit: Callable[[bytes], None],
        longest_character_ns: int | None = None,
    ) -> None:
        self._irq = irq
        self._clock = clock
        self._transmit = transmit
        self._longest_character_ns = longest_character_ns
        self._s = State()
        self._transmit_call: int | None = None
        self._receive_call: int | None = None
        self._timeout_call: int | None = None

    def port_map(self) -> list[Port]:
        return [
            Port(RBR_THR_DLL, self.read_rbr, self.write_thr),
            Port(IER_DLM, self.read_ier, self.write_ier),
            Port(IIR_FCR, self.read_iir, self.write_fcr),
            Port(LCR, lambda: self._s.lcr, self.write_lcr),
            Port(MCR, lambda: self._s.mcr, self.write_mcr),
            Port(LSR, self.read_lsr, None),
            Port(MSR, self.read_msr, None),
            Port(SCR, lambda: self._s.scr, self.write_scr),
        ]

    # -- Registers

    def read_rbr(self) -> int:
        s = self._s
        if s.lcr & LCR_DLAB:
            return s.divisor & 0xFF
        value = s.receiver.pop(0) & 0xFF if s.receiver else 0
        s.timeout_pending = False
        self._restart_timeout()
        self._listen()
        self._drive_irq()
        return value

    def write_thr(self, value: int) -> None:
        s = self._s
        if s.lcr & LCR_DLAB:
            s.divisor = s.divisor & 0xFF00 | value
            return
        if len(s.transmitter) < (FIFO_BYTES if s.fcr & FCR_ENABLE else 1):
            s.transmitter.append(value)
        else:
            s.transmitter[-1] = value
        s.thr_empty_pending = False
        if s.shifting is None:
            self._shift(self._clock.now_ns)
            self._arm_transmit()
        self._drive_irq()

    def read_ier(self) -> int:
        return self._s.divisor >> 8 if self._s.lcr & LCR_DLAB else self._s.ier

    def write_ier(self, value: int) -> None:
        s = self._s
        if s.lcr & LCR_DLAB:
            s.divisor = s.divisor & 0x00FF | value << 8
            return
        newly = value & ~s.ier
        s.ier = value & 0x0F
        if newly & IER_ETBEI and not s.transmitter:
            s.thr_empty_pending = True  # enabling it with the register empty asks at once
        self._drive_irq()

    def read_iir(self) -> int:
        cause = self._cause()
        if cause == IIR_THR_EMPTY:
            self._s.thr_empty_pending = False
            self._drive_irq()
        return cause | (IIR_FIFOS_ENABLED if self._s.fcr & FCR_ENABLE else 0)

    def write_fcr(self, value: int) -> None:
        s = self._s
        if (value ^ s.fcr) & FCR_ENABLE:
            value |= FCR_RESET_RECEIVER | FCR_RESET_TRANSMITTER  # a change of mode clears both
        if value & FCR_RESET_RECEIVER:
            s.receiver.clear()
            s.timeout_pending = False
            self._restart_timeout()
        if value & FCR_RESET_TRANSMITTER and s.transmitter:
            s.transmitter.clear()
            s.thr_empty_pending = True
        s.fcr = value & FCR_KEPT if value & FCR_ENABLE else 0
        self._listen()
        self._drive_irq()

    def write_lcr(self, value: int) -> None:
        s = self._s
        before, s.lcr = s.lcr, value
        if value & ~before & LCR_BREAK and s.mcr & MCR_LOOP:
            self._take_in(LSR_BI << 8)

    def write_mcr(self, value: int) -> None:
        before = self._modem_status()
        self._s.mcr = value & 0x1F
        self._note_modem_change(before)
        self._listen()
        self._drive_irq()

    def read_lsr(self) -> int:
        s = self._s
        if s.transmit_ns is not None and s.transmit_ns <= self._clock.now_ns:
            self._sent()  # asked in a loop, between two looks of the processor at the clock
        value = self._line_status()
        s.overrun = False
        if s.receiver:
            s.receiver[0] &= 0xFF
        self._drive_irq()
        return value

    def read_msr(self) -> int:
        value = self._modem_status() | self._s.modem_delta
        self._s.modem_delta = 0
        self._drive_irq()
        return value

    def write_scr(self, value: int) -> None:
        self._s.scr = value

    # -- The far end

    def receive(self, data: bytes) -> None:
        """Bytes for the guest, which get them one by one at the port's speed; beyond MAX_WAITING they are lost."""
        s = self._s
        s.waiting += data[: max(MAX_WAITING - len(s.waiting), 0)]
        self._listen()

    def receive_break(self) -> None:
        """The far end holds the line in break for a character's time."""
        if not self._s.mcr & MCR_LOOP:
            self._take_in(LSR_BI << 8)

    def set_modem_lines(self, lines: int) -> None:
        """The pins CTS, DSR, RI and DCD as MSR bits 7-4."""
        before = self._modem_status()
        self._s.modem_lines = lines & 0xF0
        self._note_modem_change(before)
        self._drive_irq()

    # -- Transmitter

    def _character_ns(self) -> int:
        """Start bit, data, parity and stop bits at the programmed rate."""
        s = self._s
        bits = 1 + 5 + (s.lcr & 3) + (1 if s.lcr & LCR_PARITY else 0) + (2 if s.lcr & LCR_STOP_BITS else 1)
        return bits * max(s.divisor, 1) * SECOND_NS // BASE_BAUD

    def _shift(self, now_ns: int) -> None:
        """Holding register or FIFO to an idle shift register, at ``now_ns``."""
        s = self._s
        if s.shifting is None and s.transmitter:
            s.shifting = s.transmitter.pop(0)
            if not s.transmitter:
                s.thr_empty_pending = True
            wait_ns = self._character_ns()
            if self._longest_character_ns is not None and not s.mcr & MCR_LOOP:
                wait_ns = min(wait_ns, self._longest_character_ns)
            s.transmit_ns = now_ns + wait_ns

    def _sent(self) -> None:
        """Characters whose time has come leave; a late call makes up for it."""
        s = self._s
        now_ns = self._clock.now_ns
        while s.transmit_ns is not None and s.transmit_ns <= now_ns:
            when_ns, value = s.transmit_ns, s.shifting
            s.transmit_ns = s.shifting = None
            self._shift(when_ns)
            if value is not None:
                if s.mcr & MCR_LOOP:
                    self._take_in(value)
                else:
                    self._transmit(bytes((value,)))
        self._arm_transmit()
        self._drive_irq()

    # -- Receiver

    def _receiver_full(self) -> bool:
        return len(self._s.receiver) >= (FIFO_BYTES if self._s.fcr & FCR_ENABLE else 1)

    def _listen(self) -> None:
        """Lets the far end send its next character."""
        s = self._s
        if s.waiting and s.receive_ns is None and not self._receiver_full() and not s.mcr & MCR_LOOP:
            s.receive_ns = self._clock.now_ns + self._character_ns()
            self._arm_receive()

    def _received(self) -> None:
        s = self._s
        self._receive_call = None
        s.receive_ns = None
        if s.waiting and not self._receiver_full() and not s.mcr & MCR_LOOP:
            value = s.waiting[0]
            del s.waiting[0]
            self._take_in(value)
        self._listen()

    def _take_in(self, value: int) -> None:
        """A character with its error bits enters the receiver."""
        s = self._s
        if not self._receiver_full():
            s.receiver.append(value)
        else:
            s.overrun = True
            if not s.fcr & FCR_ENABLE:
                s.receiver[0] = value  # without FIFO the old character is overwritten, with it the new one is lost
        self._restart_timeout()
        self._drive_irq()

    def _restart_timeout(self) -> None:
        """Time-out: four character times with something in the FIFO and nobody reading."""
        s = self._s
        wanted = s.receiver and s.fcr & FCR_ENABLE
        s.timeout_ns = self._clock.now_ns + 4 * self._character_ns() if wanted else None
        self._arm_timeout()

    def _timed_out(self) -> None:
        s = self._s
        self._timeout_call = None
        s.timeout_ns = None
        s.timeout_pending = bool(s.receiver)
        self._drive_irq()

    # -- Status and interrupts

    def _line_status(self) -> int:
        s = self._s
        status = LSR_OE if s.overrun else 0
        if s.receiver:
            status |= LSR_DR | s.receiver[0] >> 8
            if s.fcr & FCR_ENABLE and any(entry >> 8 for entry in s.receiver):
                status |= LSR_FIFO_ERROR
        if not s.transmitter:
            status |= LSR_THRE | (LSR_TEMT if s.shifting is None else 0)
        return status

    def _modem_status(self) -> int:
        s = self._s
        if not s.mcr & MCR_LOOP:
            return s.modem_lines
        wires = ((MCR_RTS, MSR_CTS), (MCR_DTR, MSR_DSR), (MCR_OUT1, MSR_RI), (MCR_OUT2, MSR_DCD))
        return sum(pin for output, pin in wires if s.mcr & output)

    def _note_modem_change(self, before: int) -> None:
        now = self._modem_status()
        changed = (before ^ now) >> 4
        if now & MSR_RI:
            changed &= ~MSR_TERI  # the ring indicator tells its trailing edge only
        self._s.modem_delta |= changed

    def _cause(self) -> int:
        """IIR bits 3-0: the enabled request of highest priority."""
        s = self._s
        if s.ier & IER_ELSI and (s.overrun or (s.receiver and s.receiver[0] >> 8)):
            return IIR_LINE_STATUS
        if s.ier & IER_ERBFI and s.receiver:
            if len(s.receiver) >= (FCR_TRIGGERS[s.fcr >> 6] if s.fcr & FCR_ENABLE else 1):
                return IIR_RECEIVED
            if s.timeout_pending:
                return IIR_TIMEOUT
        if s.ier & IER_ETBEI and s.thr_empty_pending:
            return IIR_THR_EMPTY
        if s.ier & IER_EDSSI and s.modem_delta:
            return IIR_MODEM_STATUS
        return IIR_NONE

    def _drive_irq(self) -> None:
        # On a PC, OUT2 gates the interrupt onto the bus; in loopback the pin is held inactive.
        gate = self._s.mcr & (MCR_OUT2 | MCR_LOOP) == MCR_OUT2
        self._irq.set(gate and self._cause() != IIR_NONE)

    # -- Calls

    def _arm_transmit(self) -> None:
        self._transmit_call = self._call(self._transmit_call, self._s.transmit_ns, self._sent)

    def _arm_receive(self) -> None:
        self._receive_call = self._call(self._receive_call, self._s.receive_ns, self._received)

    def _arm_timeout(self) -> None:
        self._timeout_call = self._call(self._timeout_call, self._s.timeout_ns, self._timed_out)

    def _call(self, call_id: int | None, when_ns: int | None, callback: Callable[[], None]) -> int | None:
        if call_id is not None:
            self._clock.cancel(call_id)
        return None if when_ns is None else self._clock.call_at(when_ns, callback)

    def _arm_all(self) -> None:
        self._arm_transmit()
        self._arm_receive()
        self._arm_timeout()

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        """MR (table III); divisor, scratch register and what the far end has sent survive it."""
        before = self._s
        self._s = State(modem_lines=before.modem_lines)
        if kind is not ResetKind.POWER_ON:
            self._s.divisor, self._s.scr, self._s.waiting = before.divisor, before.scr, before.waiting
        self._arm_all()
        self._listen()
        self._drive_irq()

    def save(self) -> State:
        return copy_state(self._s)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the serial port is of another kind.")
        if (
            max(len(state.receiver), len(state.transmitter)) > FIFO_BYTES
            or not 0 <= state.divisor <= 0xFFFF
            or not 0 <= state.fcr <= 0xFF
            or any(not 0 <= value <= 0xFF for value in state.transmitter)
            or (state.shifting is not None and not 0 <= state.shifting <= 0xFF)
        ):
            raise StateError("The saved state of the serial port is damaged.")
        self._s = copy_state(state)
        self._s.waiting = bytearray(self._s.waiting)
        self._arm_all()
        self._drive_irq()
