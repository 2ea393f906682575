"""Floppy controller: Intel 82077AA (data sheet 290166), PC/AT and PS/2 register set, section 2; commands, section 5.

Modelled: every register, all commands with their result bytes, DMA and programmed transfers, implied and overlapped
seeks, multi-track, skip, the four sense interrupts after a reset, the disk change line, and times of seeks and
transfers (brisker than the real mechanics). A DMA transfer is done at once when its time has come.

Media have MFM sectors of 512 bytes and no deleted data marks: WRITE DELETED DATA writes ordinary sectors, and FORMAT
TRACK takes no other size. Where the real chip waits for ever (no diskette, motor off) the model ends with “missing
address mark”, as it does for an unformatted track. A PC cannot give terminal count to a programmed transfer; the model
ends one well at EOT. It waits for a slow processor: programmed transfers do not overrun.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from engine.bus import Port
from engine.clock import MICROSECOND_NS, MILLISECOND_NS, Clock
from engine.devices.device import ResetKind, copy_state
from engine.devices.floppy_drive import FloppyDrive
from engine.disks.block_device import BlockError
from engine.disks.floppy_image import SECTOR_BYTES, SECTOR_SIZE_CODE, FloppyImage
from engine.errors import StateError
from engine.irq import IrqLine

SRA, SRB, DOR, TDR, MSR_DSR, FIFO, DIR_CCR = 0, 1, 2, 3, 4, 5, 7

DOR_NOT_RESET, DOR_DMA_GATE, DOR_MOTORS = 0x04, 0x08, 0xF0
MSR_RQM, MSR_DIO, MSR_NON_DMA, MSR_BUSY = 0x80, 0x40, 0x20, 0x10
DSR_SOFT_RESET, DIR_CHANGED = 0x80, 0x80

ST0_ABNORMAL, ST0_INVALID, ST0_READY_CHANGED, ST0_SEEK_END, ST0_EQUIPMENT = 0x40, 0x80, 0xC0, 0x20, 0x10
ST1_END, ST1_DATA_ERROR, ST1_OVERRUN, ST1_NO_DATA, ST1_NOT_WRITABLE, ST1_NO_ADDRESS_MARK = 0x80, 0x20, 0x10, 4, 2, 1
ST2_CONTROL_MARK, ST2_DATA_ERROR, ST2_WRONG_CYLINDER, ST2_SCAN_EQUAL, ST2_SCAN_FAILED = 0x40, 0x20, 0x10, 0x08, 0x04
ST3_WRITE_PROTECTED, ST3_TRACK_0, ST3_ALWAYS = 0x40, 0x10, 0x28

COMMAND_MT, COMMAND_MFM, COMMAND_SK = 0x80, 0x40, 0x20
SEEK_RELATIVE, SEEK_INWARD = 0x80, 0x40
VERIFY_COUNT: Final = 0x80  # EC, in the second byte of VERIFY
CONFIGURE_IMPLIED_SEEK, CONFIGURE_NO_FIFO, CONFIGURE_NO_POLLING = 0x40, 0x20, 0x10
PERPENDICULAR_OVERWRITE, PERPENDICULAR_DRIVES, PERPENDICULAR_NOW = 0x80, 0x3C, 0x03
SPECIFY_NON_DMA, LOCK_BIT = 0x01, 0x80

RATES: Final = (500, 300, 250, 1000)  # kbit/s by the two bits of CCR and DSR
VERSION: Final = 0x90

_STEP_NS: Final = 1 * MILLISECOND_NS
_SECTOR_NS: Final = 400 * MICROSECOND_NS
_RESET_NS: Final = 100 * MICROSECOND_NS

READ_TRACK, WRITE_DATA, READ_DATA, WRITE_DELETED, READ_DELETED, VERIFY = 0x02, 0x05, 0x06, 0x09, 0x0C, 0x16
SCAN_EQUAL, SCAN_LOW, SCAN_HIGH, FORMAT_TRACK, READ_ID = 0x11, 0x19, 0x1D, 0x0D, 0x0A
_WRITES: Final = (WRITE_DATA, WRITE_DELETED)
_SCANS: Final = (SCAN_EQUAL, SCAN_LOW, SCAN_HIGH)
_NEED_TERMINAL_COUNT: Final = (READ_DATA, READ_DELETED, WRITE_DATA, WRITE_DELETED)


class Dma(Protocol):
    """The controller's DMA channel."""

    @property
    def terminal_count(self) -> bool: ...
    def write_memory(self, data: bytes) -> int: ...
    def read_memory(self, count: int) -> bytes: ...


@dataclass
class State:
    dor: int = 0
    tdr: int = 0
    rate: int = 2
    msr: int = 0  # without the bits of seeking drives
    interrupt: bool = False  # the INT pin, before DOR's gate
    command: list[int] = field(default_factory=list)  # during a transfer, C, H and R move on in it
    result: list[int] = field(default_factory=list)
    buffer: bytearray = field(default_factory=bytearray)  # programmed transfer: bytes for or from the processor
    wanted: int = 0  # how many of them the processor is to write
    sectors_done: int = 0
    st0: int = 0  # of the command that is executed
    st1: int = 0
    st2: int = 0
    cylinders: list[int] = field(default_factory=lambda: [0] * 4)  # PCN of each drive
    seek_ends_ns: list[int | None] = field(default_factory=lambda: [None] * 4)
    seek_st0: list[int] = field(default_factory=lambda: [0] * 4)
    interrupts: list[int] = field(default_factory=list)  # ST0 of seeks and resets, waiting to be sensed
    specify: list[int] = field(default_factory=lambda: [0, 0])
    configure: int = CONFIGURE_NO_FIFO
    precompensation: int = 0
    perpendicular: int = 0
    lock: bool = False
    last_sector: int = 0  # EOT or SC of the last transfer or format
    pending: str = ""  # what the next timer call does
    pending_ns: int | None = None


class _Ended(Exception):
    """A transfer that goes no further, with bits of ST1 and ST2."""

    def __init__(self, st1: int, st2: int = 0) -> None:
        self.st1, self.st2 = st1, st2
        super().__init__()


class FloppyController82077:
    """Attach at 3F0h."""

    def __init__(self, irq: IrqLine, dma: Dma, clock: Clock, drives: Sequence[FloppyDrive]) -> None:
        self._irq = irq
        self._dma = dma
        self._clock = clock
        self._drives = list(drives)
        self._state = State()
        self._call: int | None = None
        self._seek_calls: list[int | None] = [None] * 4
        # By command code: how many bytes, the first one included; bits 7-5 it may have (table 5-1); what it does.
        self._commands: dict[int, tuple[int, int, Callable[[], None]]] = {
            READ_TRACK: (9, 0xE0, self._start_transfer),
            0x03: (3, 0, self._specify),
            0x04: (2, 0, self._sense_drive),
            WRITE_DATA: (9, 0xE0, self._start_transfer),
            READ_DATA: (9, 0xE0, self._start_transfer),
            0x07: (2, 0, self._recalibrate),
            0x08: (1, 0, self._sense_interrupt),
            WRITE_DELETED: (9, 0xE0, self._start_transfer),
            READ_ID: (2, COMMAND_MFM, self._start_read_id),
            READ_DELETED: (9, 0xE0, self._start_transfer),
            FORMAT_TRACK: (6, COMMAND_MFM, self._start_format),
            0x0E: (1, 0, self._dump_registers),
            0x0F: (3, SEEK_RELATIVE | SEEK_INWARD, self._seek),
            0x10: (1, 0, self._version),
            SCAN_EQUAL: (9, 0xE0, self._start_transfer),
            0x12: (2, 0, self._perpendicular),
            0x13: (4, 0, self._configure),
            0x14: (1, LOCK_BIT, self._lock),
            VERIFY: (9, 0xE0, self._start_transfer),
            SCAN_LOW: (9, 0xE0, self._start_transfer),
            SCAN_HIGH: (9, 0xE0, self._start_transfer),
        }
        self._timed: dict[str, Callable[[], None]] = {
            "reset": self._after_reset,
            "transfer": self._transfer,
            "read id": self._read_id,
            "format": self._format,
        }

    # -- Contract of every device

    def reset(self, kind: ResetKind) -> None:
        self._cancel_all()
        self._state = State()
        for drive in self._drives:
            drive.motor = False
        self._drive_irq()

    def save(self) -> State:
        return copy_state(self._state)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the floppy controller is of another kind.")
        if not self._makes_sense(state):
            raise StateError("The saved floppy controller is damaged.")
        self._cancel_all()
        self._state = copy_state(state)
        self._drive_irq()
        self._arm(state.pending, state.pending_ns)
        for number, when_ns in enumerate(state.seek_ends_ns):
            if when_ns is not None:
                self._call_seek_end(number, when_ns)

    def _makes_sense(self, state: State) -> bool:
        """Whether every step from this state on finds what it needs."""
        if not all(len(each) == 4 for each in (state.cylinders, state.seek_ends_ns, state.seek_st0)):
            return False
        if len(state.specify) != 2 or len(state.interrupts) > 4:
            return False
        numbers = [*state.command, *state.result, *state.cylinders, *state.seek_st0, *state.interrupts, *state.specify]
        if not all(0 <= number <= 0xFF for number in numbers):
            return False
        code = state.command[0] & 0x1F if state.command and self._known(state.command[0]) else 0
        length = self._commands[code][0] if code else 0
        steps = {"": True, "reset": True, "transfer": length == 9, "read id": code == READ_ID, "format": length == 6}
        executing = state.pending not in ("", "reset")
        moving = bool(state.buffer) or state.wanted > 0
        return (
            steps.get(state.pending, False)
            and (state.pending_ns is None) == (not state.pending)
            and 0 <= state.rate <= 3
            and len(state.command) <= length
            and (len(state.command) == length or not (executing or moving))
            and (length in (6, 9) or not moving)
            and 0 <= state.wanted <= 4 * 0xFF + SECTOR_BYTES
            and len(state.buffer) <= max(state.wanted, SECTOR_BYTES)
        )

    def port_map(self) -> list[Port]:
        return [
            Port(SRA, self.read_sra, None),
            Port(SRB, self.read_srb, None),
            Port(DOR, lambda: self._state.dor, self.write_dor),
            Port(TDR, lambda: self._state.tdr, self.write_tdr),
            Port(MSR_DSR, self.read_msr, self.write_dsr),
            Port(FIFO, self.read_fifo, self.write_fifo),
            Port(DIR_CCR, self.read_dir, self.write_ccr),
        ]

    # -- Registers

    def read_sra(self) -> int:
        """Active low but for INT PENDING; no index pulse is ever caught."""
        drive = self._selected()
        value = 0x04 | (0x80 if self._state.interrupt else 0)
        value |= 0x40 if len(self._drives) < 2 else 0
        value |= 0x10 if drive is None or drive.cylinder else 0
        return value | (0x02 if drive is None or not drive.write_protected else 0)

    def read_srb(self) -> int:
        return 0xC0 | (self._state.dor & 1) << 5 | self._state.dor >> 4 & 3

    def write_dor(self, value: int) -> None:
        state = self._state
        before, state.dor = state.dor, value
        for index, drive in enumerate(self._drives):
            drive.motor = bool(value & 0x10 << index)
        if not value & DOR_NOT_RESET:
            self._hold_in_reset()
        elif not before & DOR_NOT_RESET:
            self._arm("reset", self._clock.now_ns + _RESET_NS)
        self._drive_irq()

    def write_tdr(self, value: int) -> None:
        self._state.tdr = value & 0x03

    def read_msr(self) -> int:
        seeking = sum(1 << number for number, end in enumerate(self._state.seek_ends_ns) if end is not None)
        return self._state.msr | seeking

    def write_dsr(self, value: int) -> None:
        self._state.rate = value & 3
        if value & DSR_SOFT_RESET:
            self._hold_in_reset()
            if self._state.dor & DOR_NOT_RESET:
                self._arm("reset", self._clock.now_ns + _RESET_NS)

    def write_ccr(self, value: int) -> None:
        self._state.rate = value & 3

    def read_dir(self) -> int:
        drive = self._selected()
        # The line is driven by the selected drive while its motor runs.
        return DIR_CHANGED if drive is not None and drive.motor and drive.changed else 0

    def read_fifo(self) -> int:
        state = self._state
        if not state.msr & MSR_DIO:
            return 0
        if state.buffer:
            self._set_interrupt(False)
            value = state.buffer.pop(0)
            if not state.buffer:
                self._run(self._programmed_done)
            return value
        if not state.result:
            return 0
        if not state.interrupts:
            self._set_interrupt(False)
        value = state.result.pop(0)
        if not state.result:
            state.msr = MSR_RQM
        return value

    def write_fifo(self, value: int) -> None:
        state = self._state
        if not state.msr & MSR_RQM or state.msr & MSR_DIO:
            return
        self._set_interrupt(False)
        if state.wanted:
            state.buffer.append(value)
            if len(state.buffer) == state.wanted:
                self._run(self._programmed_done)
            return
        state.command.append(value)
        if not self._known(state.command[0]):
            self._answer([ST0_INVALID])
            return
        length, _options, carry_out = self._commands[self._opcode()]
        state.msr = MSR_RQM | MSR_BUSY
        if len(state.command) == length:
            carry_out()

    # -- Phases

    def _known(self, first: int) -> bool:
        entry = self._commands.get(first & 0x1F)
        return entry is not None and not first & 0xE0 & ~entry[1]

    def _opcode(self) -> int:
        return self._state.command[0] & 0x1F

    def _selected(self) -> FloppyDrive | None:
        return self._drive(self._state.dor & 3)

    def _drive(self, number: int) -> FloppyDrive | None:
        return self._drives[number] if number < len(self._drives) else None

    def _hold_in_reset(self) -> None:
        """A software reset; LOCK saves the FIFO's settings and the precompensation from it (section 5.2.11)."""
        state = self._state
        self._cancel_all()
        state.msr = 0
        state.command, state.result, state.interrupts, state.wanted = [], [], [], 0
        state.buffer = bytearray()
        kept = 0x0F | CONFIGURE_NO_FIFO
        state.configure = state.configure & kept if state.lock else CONFIGURE_NO_FIFO
        if not state.lock:
            state.precompensation = 0
        state.perpendicular &= PERPENDICULAR_DRIVES
        self._set_interrupt(False)

    def _answer(self, result: Sequence[int], interrupt: bool = False) -> None:
        state = self._state
        state.command, state.buffer, state.wanted = [], bytearray(), 0
        state.result = list(result)
        state.msr = MSR_RQM | MSR_DIO | MSR_BUSY if result else MSR_RQM
        if interrupt:
            self._set_interrupt(True)

    def _set_interrupt(self, level: bool) -> None:
        self._state.interrupt = level
        self._drive_irq()

    def _drive_irq(self) -> None:
        """On the PC/AT, DMAGATE# of DOR cuts the interrupt off, too (section 2.1.2)."""
        self._irq.set(self._state.interrupt and bool(self._state.dor & DOR_DMA_GATE))

    def _cancel_all(self) -> None:
        self._arm("", None)
        for number in range(4):
            self._cancel_seek(number)

    def _arm(self, what: str, when_ns: int | None) -> None:
        if self._call is not None:
            self._clock.cancel(self._call)
            self._call = None
        self._state.pending, self._state.pending_ns = what, when_ns
        if when_ns is not None:
            self._call = self._clock.call_at(when_ns, self._due)

    def _due(self) -> None:
        self._call = None
        what, self._state.pending, self._state.pending_ns = self._state.pending, "", None
        self._run(self._timed[what])

    def _run(self, step: Callable[[], None]) -> None:
        """One step of a transfer, which may be its last."""
        try:
            step()
        except _Ended as end:
            self._end_transfer(end.st1, end.st2)
        except BlockError:
            reading = self._opcode() not in (*_WRITES, FORMAT_TRACK)
            self._end_transfer(ST1_DATA_ERROR, ST2_DATA_ERROR if reading else 0)

    def _after_reset(self) -> None:
        """Drive polling finds that all four drives “became ready”."""
        state = self._state
        state.msr = MSR_RQM
        state.interrupts = [ST0_READY_CHANGED | number for number in range(4)]
        self._set_interrupt(True)

    # -- Commands without data

    def _specify(self) -> None:
        self._state.specify = self._state.command[1:3]
        self._answer([])

    def _sense_drive(self) -> None:
        select = self._state.command[1] & 7
        drive = self._drive(select & 3)
        st3 = select | ST3_ALWAYS
        if drive is not None:
            st3 |= ST3_TRACK_0 if drive.cylinder == 0 else 0
            st3 |= ST3_WRITE_PROTECTED if drive.write_protected else 0
        self._answer([st3])

    def _recalibrate(self) -> None:
        number = self._state.command[1] & 3
        drive = self._drive(number)
        steps = drive.cylinder if drive is not None else 0
        if drive is not None:
            drive.step_to(0)
        self._state.cylinders[number] = 0
        # 79 steps without finding track 0: no drive.
        failed = ST0_ABNORMAL | ST0_EQUIPMENT if drive is None else 0
        self._start_seek(number, ST0_SEEK_END | failed | number, steps)

    def _seek(self) -> None:
        state = self._state
        first, select, target = state.command
        number = select & 3
        drive = self._drive(number)
        here = drive.cylinder if drive is not None else state.cylinders[number]
        if first & SEEK_RELATIVE:
            target = here + target if first & SEEK_INWARD else here - target
        if drive is not None:
            drive.step_to(target)
        state.cylinders[number] = min(max(target, 0), 0xFF)
        self._start_seek(number, ST0_SEEK_END | select & 7, abs(here - target))

    def _start_seek(self, number: int, st0: int, steps: int) -> None:
        """Seeks of several drives overlap; the controller takes the next command at once."""
        self._answer([])
        self._cancel_seek(number)
        self._state.seek_st0[number] = st0
        self._call_seek_end(number, self._clock.now_ns + (steps + 1) * _STEP_NS)

    def _call_seek_end(self, number: int, when_ns: int) -> None:
        self._state.seek_ends_ns[number] = when_ns
        self._seek_calls[number] = self._clock.call_at(when_ns, lambda: self._seek_ended(number))

    def _cancel_seek(self, number: int) -> None:
        call = self._seek_calls[number]
        if call is not None:
            self._clock.cancel(call)
        self._seek_calls[number] = None
        self._state.seek_ends_ns[number] = None

    def _seek_ended(self, number: int) -> None:
        state = self._state
        self._cancel_seek(number)
        others = [st0 for st0 in state.interrupts if st0 & 3 != number]
        state.interrupts = [*others, state.seek_st0[number]]
        self._set_interrupt(True)

    def _sense_interrupt(self) -> None:
        state = self._state
        if not state.interrupts:
            self._answer([ST0_INVALID])
            return
        st0 = state.interrupts.pop(0)
        self._answer([st0, state.cylinders[st0 & 3]])
        # Each seek has an interrupt of its own, the four reports after a reset have one together.
        if any(waiting & 0xC0 != ST0_READY_CHANGED for waiting in state.interrupts):
            self._set_interrupt(True)

    def _dump_registers(self) -> None:
        state = self._state
        lock = LOCK_BIT if state.lock else 0
        self._answer(
            [
                *state.cylinders,
                *state.specify,
                state.last_sector,
                lock | state.perpendicular,
                state.configure,
                state.precompensation,
            ]
        )

    def _version(self) -> None:
        self._answer([VERSION])

    def _perpendicular(self) -> None:
        """The drives' bits change only together with OW (section 5.2.9)."""
        value, before = self._state.command[1], self._state.perpendicular
        drives = value if value & PERPENDICULAR_OVERWRITE else before
        self._state.perpendicular = drives & PERPENDICULAR_DRIVES | value & PERPENDICULAR_NOW
        self._answer([])

    def _configure(self) -> None:
        self._state.configure = self._state.command[2] & 0x7F
        self._state.precompensation = self._state.command[3]
        self._answer([])

    def _lock(self) -> None:
        self._state.lock = bool(self._state.command[0] & LOCK_BIT)
        self._answer([0x10 if self._state.lock else 0])

    # -- Reading, writing, verifying and scanning sectors

    def _uses_dma(self) -> bool:
        return not self._state.specify[1] & SPECIFY_NON_DMA

    def _execute(self, what: str, delay_ns: int) -> None:
        state = self._state
        state.msr = MSR_BUSY if self._uses_dma() else MSR_BUSY | MSR_NON_DMA
        state.st0 = state.st1 = state.st2 = state.sectors_done = 0
        self._arm(what, self._clock.now_ns + delay_ns)

    def _start_transfer(self) -> None:
        state = self._state
        _first, select, cylinder, _head, sector, _size, last, _gap, _length = state.command
        drive = self._drive(select & 3)
        state.last_sector = last
        steps = 0
        if drive is not None and state.configure & CONFIGURE_IMPLIED_SEEK:
            steps = abs(drive.cylinder - cylinder)
            drive.step_to(cylinder)
            state.cylinders[select & 3] = drive.cylinder
        sectors = min(max(last - sector + 1, 1), 4)
        self._execute("transfer", steps * _STEP_NS + sectors * _SECTOR_NS)
        state.st0 = ST0_SEEK_END if steps else 0

    def _medium(self) -> tuple[FloppyDrive, FloppyImage]:
        """The drive of the command and what turns in it, if the data rate and the encoding fit."""
        first, select = self._state.command[:2]
        drive = self._drive(select & 3)
        if drive is None or drive.medium is None or not drive.motor or not first & COMMAND_MFM:
            raise _Ended(ST1_NO_ADDRESS_MARK)
        rate, wanted = RATES[self._state.rate], drive.medium.data_rate
        # A 5.25-inch drive of 1.2 MB turns faster than the others: 300 kbit/s there are 250 elsewhere.
        if rate != wanted and {rate, wanted} != {250, 300}:
            raise _Ended(ST1_NO_ADDRESS_MARK)
        return drive, drive.medium

    def _track(self) -> tuple[FloppyDrive, FloppyImage, int]:
        """Drive, medium and head, if there is a formatted track under it."""
        drive, medium = self._medium()
        head = self._state.command[1] >> 2 & 1
        if not medium.holds(drive.cylinder, head, 1):
            raise _Ended(ST1_NO_ADDRESS_MARK)
        return drive, medium, head

    def _transfer(self) -> None:
        drive, medium = self._medium()
        writing = self._opcode() in _WRITES
        if writing and medium.write_protected:
            raise _Ended(ST1_NOT_WRITABLE)
        drive.active(writing)
        self._next_sectors()

    def _next_sectors(self) -> None:
        """Sector after sector, up to the one whose bytes the processor is to move."""
        while True:
            self._find_sector()
            if self._opcode() == VERIFY:
                over = self._verify_sector()
            elif self._opcode() == READ_DELETED and self._state.command[0] & COMMAND_SK:
                self._state.st2 |= ST2_CONTROL_MARK
                over = False
            elif self._uses_dma():
                over = self._move_by_dma()
            else:
                self._begin_programmed()
                return
            if self._sector_done(over):
                return

    def _find_sector(self) -> None:
        """Compares the ID wanted with those on the track (section 5.1)."""
        state = self._state
        drive, medium, head = self._track()
        cylinder, wanted_head, sector, size_code = state.command[2:6]
        if self._opcode() == READ_TRACK:
            # Sectors come as they pass by; one whose ID is another is noted, and read all the same.
            here = state.sectors_done + 1
            if not medium.holds(drive.cylinder, head, here):
                raise _Ended(ST1_NO_ADDRESS_MARK)
            if (cylinder, wanted_head, sector) != (drive.cylinder, head, here):
                state.st1 |= ST1_NO_DATA
        elif cylinder != drive.cylinder:
            raise _Ended(ST1_NO_DATA, ST2_WRONG_CYLINDER)
        elif wanted_head != head or not medium.holds(cylinder, head, sector):
            raise _Ended(ST1_NO_DATA)
        if size_code != SECTOR_SIZE_CODE:
            raise _Ended(ST1_NO_DATA)

    def _place(self) -> tuple[FloppyImage, int, int, int]:
        """The sector under the head, as the image counts it."""
        drive, medium, head = self._track()
        state = self._state
        sector = state.sectors_done + 1 if self._opcode() == READ_TRACK else state.command[4]
        return medium, drive.cylinder, head, sector

    def _read_sector(self) -> bytes:
        medium, cylinder, head, sector = self._place()
        return medium.read(cylinder, head, sector)

    def _write_sector(self, data: bytes) -> None:
        medium, cylinder, head, sector = self._place()
        medium.write(cylinder, head, sector, data)

    def _verify_sector(self) -> bool:
        self._read_sector()
        command = self._state.command
        if not command[1] & VERIFY_COUNT:
            return False
        command[8] = (command[8] - 1) & 0xFF
        return command[8] == 0

    def _move_by_dma(self) -> bool:
        """Returns whether the command is over after this sector."""
        opcode = self._opcode()
        if not self._state.dor & DOR_DMA_GATE:
            raise _Ended(ST1_OVERRUN)
        if opcode not in _WRITES and opcode not in _SCANS:
            taken = self._dma.write_memory(self._read_sector())
            if taken < SECTOR_BYTES and not self._dma.terminal_count:
                raise _Ended(ST1_OVERRUN)
            self._check_mark()
            return self._dma.terminal_count
        data = self._dma.read_memory(SECTOR_BYTES)
        ended = self._dma.terminal_count
        if len(data) < SECTOR_BYTES and not ended:
            raise _Ended(ST1_OVERRUN)
        if opcode in _SCANS:
            return self._scan_sector(data) or ended
        self._write_sector(data)
        return ended

    def _check_mark(self) -> None:
        """READ DELETED DATA stops behind the first sector without the mark, and stays at its number (table 5-5)."""
        if self._opcode() == READ_DELETED:
            raise _Ended(0, ST2_CONTROL_MARK)

    def _scan_sector(self, wanted: bytes) -> bool:
        """The result is that of the last sector (section 5.1.9). Returns whether the condition holds."""
        self._state.st2 = _scan(self._opcode(), self._read_sector(), wanted)
        return self._state.st2 != ST2_SCAN_FAILED

    def _begin_programmed(self) -> None:
        state = self._state
        if self._opcode() in _WRITES or self._opcode() in _SCANS:
            self._ask_processor(SECTOR_BYTES)
            return
        state.buffer = bytearray(self._read_sector())
        state.msr = MSR_RQM | MSR_DIO | MSR_NON_DMA | MSR_BUSY
        self._set_interrupt(True)

    def _ask_processor(self, count: int) -> None:
        state = self._state
        state.buffer, state.wanted = bytearray(), count
        state.msr = MSR_RQM | MSR_NON_DMA | MSR_BUSY
        self._set_interrupt(True)

    def _programmed_done(self) -> None:
        """The processor moved the last byte it was asked for."""
        state = self._state
        data, state.buffer, state.wanted = bytes(state.buffer), bytearray(), 0
        state.msr = MSR_NON_DMA | MSR_BUSY
        over = False
        if self._opcode() == FORMAT_TRACK:
            self._format_sectors(data)
            return
        if self._opcode() in _WRITES:
            self._write_sector(data)
        elif self._opcode() in _SCANS:
            over = self._scan_sector(data)
        else:
            self._check_mark()
        if not self._sector_done(over):
            self._next_sectors()

    def _sector_done(self, over: bool) -> bool:
        """Goes on to the next sector, unless the command ends here; returns whether it did (tables 5-6 and 5-7)."""
        state = self._state
        at_end = self._advance()
        if not over and not at_end:
            return False
        opcode = self._opcode()
        too_few = (opcode in _NEED_TERMINAL_COUNT and self._uses_dma()) or (
            opcode == VERIFY and bool(state.command[1] & VERIFY_COUNT)
        )
        self._end_transfer(0 if over or not too_few else ST1_END)
        return True

    def _advance(self) -> bool:
        """C, H and R of the next sector; returns whether the last one was EOT's."""
        state = self._state
        command = state.command
        first, select, cylinder, head, sector, _size, last, _gap, step = command
        state.sectors_done += 1
        at_end = (state.sectors_done if self._opcode() == READ_TRACK else sector) == last
        if not at_end:
            command[4] = (sector + (step if self._opcode() in _SCANS and step == 2 else 1)) & 0xFF
            return False
        command[4] = 1
        multi_track = bool(first & COMMAND_MT) and self._opcode() != READ_TRACK
        if multi_track and not select & 4:
            command[1], command[3] = select | 4, head ^ 1
            return False
        command[2] = (cylinder + 1) & 0xFF
        if multi_track:
            command[3] = head ^ 1
        return True

    def _end_transfer(self, st1: int = 0, st2: int = 0) -> None:
        state = self._state
        st1, st2 = state.st1 | st1, state.st2 | st2
        select, opcode = state.command[1] & 7, self._opcode()
        st0 = state.st0 | select | (ST0_ABNORMAL if st1 else 0)
        if opcode == READ_ID:
            address = [0, select >> 2, 1, SECTOR_SIZE_CODE]
        elif opcode == FORMAT_TRACK:
            address = [state.cylinders[select & 3], select >> 2, state.command[3], state.command[2]]
        else:
            address = state.command[2:6]
        self._answer([st0, st1, st2, *address], interrupt=True)

    # -- READ ID and FORMAT TRACK

    def _start_read_id(self) -> None:
        self._execute("read id", _SECTOR_NS)

    def _read_id(self) -> None:
        drive, medium, head = self._track()
        # The sector that comes by depends on when one looks.
        sector = self._clock.now_ns // _SECTOR_NS % medium.sectors + 1
        self._answer([self._state.command[1] & 7, 0, 0, drive.cylinder, head, sector, SECTOR_SIZE_CODE], interrupt=True)

    def _start_format(self) -> None:
        self._state.last_sector = self._state.command[3]
        self._execute("format", 4 * _SECTOR_NS)

    def _format(self) -> None:
        drive, medium, _head = self._track()
        size_code, sectors = self._state.command[2:4]
        if size_code != SECTOR_SIZE_CODE:
            raise _Ended(ST1_NO_ADDRESS_MARK)
        if medium.write_protected:
            raise _Ended(ST1_NOT_WRITABLE)
        drive.active(True)
        if not sectors:
            self._end_transfer()
        elif not self._uses_dma():
            self._ask_processor(4 * sectors)
        elif not self._state.dor & DOR_DMA_GATE:
            raise _Ended(ST1_OVERRUN)
        else:
            self._format_sectors(self._dma.read_memory(4 * sectors))

    def _format_sectors(self, ids: bytes) -> None:
        """``ids``: C, H, R and N of each sector. Fewer than were promised are an overrun, behind those there are."""
        drive, medium, head = self._track()
        _first, _select, _size_code, sectors, _gap, fill = self._state.command
        whole = len(ids) // 4 * 4
        medium.format_track(drive.cylinder, head, list(ids[2:whole:4]), fill)
        self._end_transfer(0 if whole == 4 * sectors else ST1_OVERRUN)


def _scan(opcode: int, disk: bytes, wanted: bytes) -> int:
    """Bits of ST2; FFh on either side matches anything (section 5.1.9)."""
    equal = True
    for on_disk, byte in zip(disk, wanted, strict=False):
        if 0xFF in (on_disk, byte) or on_disk == byte:
            continue
        equal = False
        holds = (opcode == SCAN_LOW and on_disk < byte) or (opcode == SCAN_HIGH and on_disk > byte)
        if not holds:
            return ST2_SCAN_FAILED
    return ST2_SCAN_EQUAL if equal else 0
