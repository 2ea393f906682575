"""Interrupt controllers: two cascaded 8259A with the edge/level control registers of the PIIX.

Sources: Intel 8259A data sheet (231468), PIIX3 data sheet (290550) for ELCR. Modelled: initialization words
ICW1-4, operation words OCW1-3, fixed and rotating priorities, special mask, special fully nested, poll,
automatic EOI, spurious requests. As in the PIIX, the LTIM bit of ICW1 is ignored: ELCR chooses edge or level.
Not modelled: MCS-80 mode and the buffered-mode pins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.bus import Port
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError
from engine.irq import IrqWire

# Ports (all of them fixed on the board; attach at base 0).
MASTER_A0: Final = 0x20
MASTER_A1: Final = 0x21
SLAVE_A0: Final = 0xA0
SLAVE_A1: Final = 0xA1
ELCR1: Final = 0x4D0
ELCR2: Final = 0x4D1

# ICW1 (A0 = 0, D4 = 1)
ICW1_IC4: Final = 0x01
ICW1_SNGL: Final = 0x02
ICW1_SELECT: Final = 0x10
# ICW4
ICW4_AEOI: Final = 0x02
ICW4_SFNM: Final = 0x10
# OCW2 (A0 = 0, D4-D3 = 00): command in D7-D5, level in D2-D0
OCW2_ROTATE_AEOI_CLEAR: Final = 0
OCW2_EOI: Final = 1
OCW2_EOI_SPECIFIC: Final = 3
OCW2_ROTATE_AEOI_SET: Final = 4
OCW2_ROTATE_EOI: Final = 5
OCW2_SET_PRIORITY: Final = 6
OCW2_ROTATE_EOI_SPECIFIC: Final = 7
# OCW3 (A0 = 0, D4-D3 = 01)
OCW3_SELECT: Final = 0x08
OCW3_RIS: Final = 0x01
OCW3_RR: Final = 0x02
OCW3_POLL: Final = 0x04
OCW3_SMM: Final = 0x20
OCW3_ESMM: Final = 0x40

CASCADE_IR: Final = 2
SPURIOUS_IR: Final = 7
# Timer, keyboard and cascade (0-2), RTC (8) and coprocessor error (13) are always edge triggered.
ELCR_MASK: Final = (0xF8, 0xDE)


@dataclass(slots=True)
class ChipState:
    """One 8259A."""

    irr: int = 0
    isr: int = 0
    imr: int = 0
    lines: int = 0  # levels on IR0-7
    elcr: int = 0  # 1: level triggered
    vector_base: int = 0
    icw_expected: int = 0  # 0: none, else the number of the ICW that comes next
    icw4_needed: bool = False
    single: bool = False
    lowest: int = 7  # IR number of lowest priority
    auto_eoi: bool = False
    rotate_on_auto_eoi: bool = False
    special_fully_nested: bool = False
    special_mask: bool = False
    read_isr: bool = False
    poll: bool = False


@dataclass(slots=True)
class State:
    master: ChipState = field(default_factory=ChipState)
    slave: ChipState = field(default_factory=ChipState)


class _Chip:
    """One 8259A. ``output`` follows its INT pin."""

    __slots__ = ("_elcr_mask", "_int", "_is_master", "_output", "_request", "s")

    def __init__(self, is_master: bool, output: Callable[[bool], None]) -> None:
        self.s = ChipState()
        self._is_master = is_master
        self._output = output
        self._elcr_mask = ELCR_MASK[0 if is_master else 1]
        self._request = -1  # the IR number INT stands for
        self._int = False

    # -- Inputs and priorities

    def set_line(self, bit: int, level: bool) -> None:
        """IR input with mask ``bit`` changes."""
        s = self.s
        if level:
            if s.lines & bit:
                return
            s.lines |= bit
            s.irr |= bit
        else:
            # An input that falls before it is acknowledged takes its request back in both trigger modes
            # (data sheet, "Edge and Level Triggered Modes"): the processor then finds a spurious IR7.
            s.lines &= ~bit
            s.irr &= ~bit
        self.update()

    def update(self) -> None:
        """Resolves priorities anew and drives INT."""
        self._request = request = self._resolve()
        level = request >= 0
        if level is not self._int:
            self._int = level
            self._output(level)

    def _resolve(self) -> int:
        """The IR number to serve now, or -1."""
        s = self.s
        pending = s.irr & ~s.imr
        if not pending:
            return -1
        shift = s.lowest + 1
        pending = ((pending << 8 | pending) >> shift) & 0xFF  # bit 0: highest priority
        request = pending & -pending
        number = (request.bit_length() - 1 + shift) & 7
        in_service = s.isr & ~s.imr if s.special_mask else s.isr
        if in_service:
            in_service = ((in_service << 8 | in_service) >> shift) & 0xFF
            blocking = in_service & -in_service
            if request > blocking:
                return -1
            # Special fully nested: a second request through the slave may interrupt the first.
            if request == blocking and not (s.special_fully_nested and self._is_master and number == CASCADE_IR):
                return -1
        return number

    def accept(self) -> int:
        """INTA: takes the request into service. Without one (it went away), IR7 and nothing in service."""
        number = self._request
        if number < 0:
            return SPURIOUS_IR
        s = self.s
        bit = 1 << number
        if not s.elcr & bit:
            s.irr &= ~bit
        if s.auto_eoi:
            if s.rotate_on_auto_eoi:
                s.lowest = number
        else:
            s.isr |= bit
        # INT falls with INTA, so that a request still waiting makes a new edge on the master or the I/O APIC.
        self._int = False
        self._output(False)
        self.update()
        return number

    def drive_output(self) -> None:
        """After a load: INT as the state says, whatever it was before."""
        self._request = self._resolve()
        self._int = self._request >= 0
        self._output(self._int)

    # -- Registers

    def read_a0(self) -> int:
        s = self.s
        if s.poll:
            return self._poll()
        return s.isr if s.read_isr else s.irr

    def read_a1(self) -> int:
        return self._poll() if self.s.poll else self.s.imr

    def _poll(self) -> int:
        self.s.poll = False
        return 0x80 | self.accept() if self._request >= 0 else 0

    def write_a0(self, value: int) -> None:
        if value & ICW1_SELECT:
            self._write_icw1(value)
        elif value & OCW3_SELECT:
            self._write_ocw3(value)
        else:
            self._write_ocw2(value)

    def write_a1(self, value: int) -> None:
        s = self.s
        if s.icw_expected == 0:
            s.imr = value  # OCW1
        elif s.icw_expected == 2:
            s.vector_base = value & 0xF8
            s.icw_expected = 4 if s.single and s.icw4_needed else 0 if s.single else 3
        elif s.icw_expected == 3:  # which IR has a slave is wired on this board
            s.icw_expected = 4 if s.icw4_needed else 0
        else:
            s.auto_eoi = bool(value & ICW4_AEOI)
            s.special_fully_nested = bool(value & ICW4_SFNM)
            s.icw_expected = 0
        self.update()

    def _write_icw1(self, value: int) -> None:
        s = self.s
        # The edge sense circuits are reset: an edge input must rise again; a level input asks at once.
        s.irr = s.lines & s.elcr
        s.isr = 0
        s.imr = 0
        s.lowest = 7
        s.auto_eoi = s.rotate_on_auto_eoi = s.special_fully_nested = False
        s.special_mask = s.read_isr = s.poll = False
        s.single = bool(value & ICW1_SNGL)
        s.icw4_needed = bool(value & ICW1_IC4)
        s.icw_expected = 2
        self.update()

    def _write_ocw2(self, value: int) -> None:
        s = self.s
        command, level = value >> 5, value & 7
        if command == OCW2_EOI:
            self._end_of_interrupt()
        elif command == OCW2_EOI_SPECIFIC:
            s.isr &= ~(1 << level)
        elif command == OCW2_ROTATE_EOI:
            number = self._end_of_interrupt()
            if number >= 0:
                s.lowest = number
        elif command == OCW2_ROTATE_EOI_SPECIFIC:
            s.isr &= ~(1 << level)
            s.lowest = level
        elif command == OCW2_SET_PRIORITY:
            s.lowest = level
        elif command == OCW2_ROTATE_AEOI_SET:
            s.rotate_on_auto_eoi = True
        elif command == OCW2_ROTATE_AEOI_CLEAR:
            s.rotate_on_auto_eoi = False
        self.update()

    def _end_of_interrupt(self) -> int:
        """Non-specific EOI; returns the IR number it ended, or -1."""
        s = self.s
        candidates = s.isr & ~s.imr if s.special_mask else s.isr
        if not candidates:
            return -1
        shift = s.lowest + 1
        rotated = ((candidates << 8 | candidates) >> shift) & 0xFF
        number = ((rotated & -rotated).bit_length() - 1 + shift) & 7
        s.isr &= ~(1 << number)
        return number

    def _write_ocw3(self, value: int) -> None:
        s = self.s
        if value & OCW3_POLL:
            s.poll = True
        if value & OCW3_RR:
            s.read_isr = bool(value & OCW3_RIS)
        if value & OCW3_ESMM:
            s.special_mask = bool(value & OCW3_SMM)
            self.update()

    def read_elcr(self) -> int:
        return self.s.elcr

    def write_elcr(self, value: int) -> None:
        s = self.s
        before, s.elcr = s.elcr, value & self._elcr_mask
        s.irr |= s.lines & s.elcr & ~before  # a high input becomes a request when it turns into a level
        self.update()


class InterruptControllers:
    """The pair of 8259A of a PC: sixteen inputs, one output.

    ``output(level)`` is called whenever the pin to the processor changes.
    """

    def __init__(self, output: Callable[[bool], None]) -> None:
        self._master = _Chip(True, output)
        set_line = self._master.set_line
        self._slave = _Chip(False, lambda level: set_line(1 << CASCADE_IR, level))
        self._wires = [self._make_wire(irq) for irq in range(16)]

    def _make_wire(self, irq: int) -> IrqWire:
        set_line = (self._slave if irq & 8 else self._master).set_line
        bit = 1 << (irq & 7)
        return IrqWire(lambda level: set_line(bit, level))

    def wire(self, irq: int) -> IrqWire:
        """Input ``irq`` (0-15, but not 2, where the second chip hangs). Take ``.line()`` of it for a device."""
        if not 0 <= irq <= 15 or irq == CASCADE_IR:
            raise ValueError(f"There is no interrupt input {irq}.")
        return self._wires[irq]

    def acknowledge(self) -> int:
        """The INTA cycle: takes the highest request into service and returns its vector (0-255)."""
        number = self._master.accept()
        if number == CASCADE_IR:
            return self._slave.s.vector_base | self._slave.accept()
        return self._master.s.vector_base | number

    @property
    def in_service(self) -> int:
        """In-service bits of IRQ 0-15."""
        return self._master.s.isr | self._slave.s.isr << 8

    @property
    def requests(self) -> int:
        """Request bits of IRQ 0-15, masked ones included."""
        return self._master.s.irr | self._slave.s.irr << 8

    @property
    def masks(self) -> int:
        """Mask bits of IRQ 0-15."""
        return self._master.s.imr | self._slave.s.imr << 8

    def port_map(self) -> list[Port]:
        """Attach at base 0."""
        master, slave = self._master, self._slave
        return [
            Port(MASTER_A0, master.read_a0, master.write_a0),
            Port(MASTER_A1, master.read_a1, master.write_a1),
            Port(SLAVE_A0, slave.read_a0, slave.write_a0),
            Port(SLAVE_A1, slave.read_a1, slave.write_a1),
            Port(ELCR1, master.read_elcr, master.write_elcr),
            Port(ELCR2, slave.read_elcr, slave.write_elcr),
        ]

    def reset(self, kind: ResetKind) -> None:
        for chip in (self._slave, self._master):
            lines = chip.s.lines & ~(0 if chip is self._slave else 1 << CASCADE_IR)
            chip.s = ChipState(lines=lines)
            chip.update()

    def save(self) -> State:
        return copy_state(State(self._master.s, self._slave.s))

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the interrupt controllers is of another kind.")
        for chip in (state.master, state.slave):
            if not 0 <= chip.lowest <= 7 or not 0 <= chip.vector_base <= 0xF8:
                raise StateError("The saved state of the interrupt controllers is damaged.")
        state = copy_state(state)
        self._slave.s = state.slave
        self._master.s = state.master
        self._slave.drive_output()  # the master's saved line 2 agrees, so this makes no new edge
        self._master.drive_output()
