"""Floppy controller: Intel 82077AA (data sheet 290166), PC/AT and PS/2 register set, section 2; commands, section 5.

Modelled: every register, all commands with their result bytes, DMA and programmed transfers, implied seek, multi-track,
the four sense interrupts after a reset, the disk change line, and times of seeks and transfers (brisker than the real
mechanics). A whole transfer is done at once when its time has come. Media have sectors of 512 bytes.
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

DOR_NOT_RESET, DOR_DMA, DOR_MOTORS = 0x04, 0x08, 0xF0
MSR_RQM, MSR_DIO, MSR_NON_DMA, MSR_BUSY = 0x80, 0x40, 0x20, 0x10
DSR_SOFT_RESET, DIR_CHANGED = 0x80, 0x80

ST0_ABNORMAL, ST0_INVALID, ST0_READY_CHANGED, ST0_SEEK_END, ST0_EQUIPMENT = 0x40, 0x80, 0xC0, 0x20, 0x10
ST1_END, ST1_OVERRUN, ST1_NO_DATA, ST1_WRITE_PROTECTED, ST1_NO_ADDRESS_MARK = 0x80, 0x10, 0x04, 0x02, 0x01
ST1_DATA_ERROR: Final = 0x20
ST2_WRONG_CYLINDER, ST2_SCAN_EQUAL, ST2_SCAN_FAILED = 0x10, 0x08, 0x04
ST3_WRITE_PROTECTED, ST3_READY, ST3_TRACK_0, ST3_TWO_SIDED = 0x40, 0x20, 0x10, 0x08

RATES: Final = (500, 300, 250, 1000)  # kbit/s by the two bits of CCR and DSR
VERSION: Final = 0x90

_STEP_NS: Final = 1 * MILLISECOND_NS
_SECTOR_NS: Final = 400 * MICROSECOND_NS
_RESET_NS: Final = 100 * MICROSECOND_NS

# Bytes of each command, the first one included (table 5-1). Bits 7-5 of most are options.
_LENGTHS: Final = {
    0x02: 9, 0x03: 3, 0x04: 2, 0x05: 9, 0x06: 9, 0x07: 2, 0x08: 1, 0x09: 9, 0x0A: 2, 0x0C: 9, 0x0D: 6, 0x0E: 1,
    0x0F: 3, 0x10: 1, 0x11: 9, 0x12: 2, 0x13: 4, 0x14: 1, 0x16: 9, 0x18: 1, 0x19: 9, 0x1D: 9,
}  # fmt: skip


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
    msr: int = 0
    command: list[int] = field(default_factory=list)
    result: list[int] = field(default_factory=list)
    data: list[int] = field(default_factory=list)  # programmed transfer: bytes for or from the processor
    wanted: int = 0  # bytes the processor still has to write
    cylinders: list[int] = field(default_factory=lambda: [0] * 4)  # PCN of each drive
    interrupts: list[int] = field(default_factory=list)  # ST0 of seeks and resets, waiting to be sensed
    st0: int = 0
    specify: list[int] = field(default_factory=lambda: [0, 0])
    configure: int = 0
    precompensation: int = 0
    perpendicular: int = 0
    lock: bool = False
    sides: int = 0  # sectors a side, as the last transfer named them (DUMPREG)
    pending: str = ""  # what the next timer call does
    pending_ns: int | None = None


class FloppyController82077:
    """Attach at 3F0h. ``host_error(message)`` hears that the host's disk is full."""

    def __init__(
        self,
        irq: IrqLine,
        dma: Dma,
        clock: Clock,
        drives: Sequence[FloppyDrive],
        host_error: Callable[[str], None] | None = None,
    ) -> None:
        self._irq = irq
        self._dma = dma
        self._clock = clock
        self._drives = list(drives)
        self._host_error = host_error
        self._state = State()
        self._call: int | None = None
        self._commands: dict[int, Callable[[], None]] = {
            0x02: self._start_transfer,
            0x03: self._specify,
            0x04: self._sense_drive,
            0x05: self._start_transfer,
            0x06: self._start_transfer,
            0x07: self._recalibrate,
            0x08: self._sense_interrupt,
            0x09: self._start_transfer,
            0x0A: self._start_read_id,
            0x0C: self._start_transfer,
            0x0D: self._start_format,
            0x0E: self._dump_registers,
            0x0F: self._seek,
            0x10: self._version,
            0x11: self._start_transfer,
            0x12: self._perpendicular,
            0x13: self._configure,
            0x14: self._lock,
            0x16: self._start_transfer,
            0x18: self._part_id,
            0x19: self._start_transfer,
            0x1D: self._start_transfer,
        }

    # -- Contract of every device

    def reset(self, kind: ResetKind) -> None:
        self._arm("", None)
        self._state = State()
        self._irq.set(False)

    def save(self) -> State:
        return copy_state(self._state)

    def load(self, state: State) -> None:
        if len(state.cylinders) != 4 or len(state.command) > 9:
            raise StateError("The saved floppy controller is damaged.")
        self._state = copy_state(state)
        self._irq.set(bool(state.interrupts))
        self._arm(state.pending, state.pending_ns)

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
        drive = self._selected()
        value = 0x80 if self._irq.level else 0
        value |= 0x40 if len(self._drives) < 2 else 0
        value |= 0x10 if drive is None or drive.cylinder else 0
        return value | (0x02 if drive is None or drive.medium is None or not drive.medium.write_protected else 0)

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

    def write_tdr(self, value: int) -> None:
        self._state.tdr = value & 0x03

    def read_msr(self) -> int:
        return self._state.msr

    def write_dsr(self, value: int) -> None:
        self._state.rate = value & 3
        if value & DSR_SOFT_RESET:
            self._hold_in_reset()
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
        if state.data:
            value = state.data.pop(0)
            if not state.data:
                self._finish_programmed()
            return value
        if not state.result:
            return 0
        self._irq.set(bool(state.interrupts))
        value = state.result.pop(0)
        if not state.result:
            state.msr = MSR_RQM
        return value

    def write_fifo(self, value: int) -> None:
        state = self._state
        if not state.msr & MSR_RQM or state.msr & MSR_DIO:
            return
        if state.wanted:
            state.data.append(value)
            state.wanted -= 1
            if state.wanted == 0:
                self._finish_programmed()
            return
        state.command.append(value)
        length = _LENGTHS.get(self._opcode())
        if length is None:
            self._invalid()
            return
        state.msr = MSR_RQM | MSR_BUSY
        if len(state.command) == length:
            self._commands[self._opcode()]()

    # -- Phases

    def _opcode(self) -> int:
        first = self._state.command[0]
        # LOCK uses bit 7, the others have options in bits 7-5.
        return first & 0x1F

    def _selected(self) -> FloppyDrive | None:
        return self._drive(self._state.dor & 3)

    def _drive(self, number: int) -> FloppyDrive | None:
        return self._drives[number] if number < len(self._drives) else None

    def _hold_in_reset(self) -> None:
        state = self._state
        self._arm("", None)
        state.msr = 0
        state.command, state.result, state.data, state.interrupts, state.wanted = [], [], [], [], 0
        if not state.lock:
            state.configure = 0
        self._irq.set(False)

    def _answer(self, result: Sequence[int], interrupt: bool = False) -> None:
        state = self._state
        state.command, state.data, state.wanted = [], [], 0
        state.result = list(result)
        state.msr = MSR_RQM | MSR_DIO | MSR_BUSY if result else MSR_RQM
        if interrupt:
            self._irq.set(True)

    def _invalid(self) -> None:
        self._answer([ST0_INVALID])

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
        if what == "reset":
            self._after_reset()
        elif what == "seek":
            self._irq.set(True)
            self._state.msr &= ~0x0F
        elif what == "transfer":
            self._transfer()
        elif what == "read id":
            self._read_id()
        elif what == "format":
            self._format()

    def _after_reset(self) -> None:
        """Drive polling reports all four drives, unless CONFIGURE turned it off."""
        state = self._state
        state.msr = MSR_RQM
        if not state.configure & 0x10:
            state.interrupts = [ST0_READY_CHANGED | number for number in range(4)]
        self._irq.set(True)

    # -- Commands without data

    def _specify(self) -> None:
        self._state.specify = self._state.command[1:3]
        self._answer([])

    def _sense_drive(self) -> None:
        select = self._state.command[1] & 7
        drive = self._drive(select & 3)
        st3 = select | ST3_TWO_SIDED
        if drive is not None:
            st3 |= ST3_READY | (ST3_TRACK_0 if drive.cylinder == 0 else 0)
            if drive.medium is not None and drive.medium.write_protected:
                st3 |= ST3_WRITE_PROTECTED
        self._answer([st3])

    def _recalibrate(self) -> None:
        number = self._state.command[1] & 3
        drive = self._drive(number)
        steps = drive.cylinder if drive is not None else 0
        if drive is not None:
            drive.step_to(0)
        self._state.cylinders[number] = 0
        # 79 steps without finding track 0: no drive.
        self._end_seek(number, ST0_SEEK_END | (0 if drive is not None else ST0_ABNORMAL | ST0_EQUIPMENT), steps)

    def _seek(self) -> None:
        state = self._state
        first, select, cylinder = state.command
        number = select & 3
        drive = self._drive(number)
        target = cylinder
        if first & 0x80:  # relative
            current = drive.cylinder if drive is not None else 0
            target = current + cylinder if first & 0x40 else current - cylinder
        steps = abs((drive.cylinder if drive is not None else 0) - target)
        if drive is not None:
            drive.step_to(target)
        state.cylinders[number] = max(target, 0) & 0xFF
        self._end_seek(select & 7, ST0_SEEK_END, steps)

    def _end_seek(self, select: int, st0: int, steps: int) -> None:
        self._answer([])
        self._state.interrupts.append(st0 | select)
        self._state.msr |= 1 << (select & 3)
        self._arm("seek", self._clock.now_ns + (steps + 1) * _STEP_NS)

    def _sense_interrupt(self) -> None:
        state = self._state
        self._irq.set(False)
        if not state.interrupts or state.pending == "seek":
            self._answer([ST0_INVALID])
            return
        st0 = state.interrupts.pop(0)
        self._answer([st0, state.cylinders[st0 & 3]])

    def _dump_registers(self) -> None:
        state = self._state
        lock = 0x80 if state.lock else 0
        self._answer(
            [
                *state.cylinders,
                *state.specify,
                state.sides,
                lock | state.perpendicular & 0x7F,
                state.configure,
                state.precompensation,
            ]
        )

    def _version(self) -> None:
        self._answer([VERSION])

    def _part_id(self) -> None:
        self._answer([0x01])

    def _perpendicular(self) -> None:
        self._state.perpendicular = self._state.command[1] & 0x7F
        self._answer([])

    def _configure(self) -> None:
        self._state.configure, self._state.precompensation = self._state.command[2:4]
        self._answer([])

    def _lock(self) -> None:
        self._state.lock = bool(self._state.command[0] & 0x80)
        self._answer([0x10 if self._state.lock else 0])

    # -- Commands with data

    def _check_medium(self, drive: FloppyDrive | None) -> FloppyImage | None:
        """The medium, when the drive turns and the data rate fits."""
        if drive is None or drive.medium is None or not drive.motor:
            return None
        rate = RATES[self._state.rate]
        fits = rate == drive.medium.data_rate or {rate, drive.medium.data_rate} == {250, 300}
        return drive.medium if fits else None

    def _start_transfer(self) -> None:
        state = self._state
        opcode, select, cylinder = self._opcode(), state.command[1], state.command[2]
        drive = self._drive(select & 3)
        steps = 0
        if drive is not None and state.configure & 0x40 and drive.cylinder != cylinder:
            steps = abs(drive.cylinder - cylinder)
            drive.step_to(cylinder)
            state.cylinders[select & 3] = drive.cylinder
        state.msr = MSR_BUSY
        state.sides = state.command[6]
        sectors = max(state.command[6] - state.command[4] + 1, 1)
        if not self._uses_dma() and opcode in (0x05, 0x09, 0x11, 0x19, 0x1D):
            self._ask_processor(sectors * SECTOR_BYTES)
            return
        self._arm("transfer", self._clock.now_ns + steps * _STEP_NS + min(sectors, 4) * _SECTOR_NS)

    def _uses_dma(self) -> bool:
        return not self._state.specify[1] & 1

    def _ask_processor(self, count: int) -> None:
        state = self._state
        state.data, state.wanted = [], count
        state.msr = MSR_RQM | MSR_NON_DMA | MSR_BUSY
        self._irq.set(True)

    def _finish_programmed(self) -> None:
        """The processor has read or written everything: EOT stands in for terminal count."""
        state = self._state
        if state.msr & MSR_DIO:
            result, state.result = state.result, []
            self._answer(result, interrupt=True)
        elif self._opcode() == 0x0D:
            self._format()
        else:
            self._transfer()

    def _transfer(self) -> None:
        state = self._state
        opcode = self._opcode()
        first, select, cylinder, head, sector, size_code, last, _gap, _length = state.command
        multi_track = bool(first & 0x80) and opcode not in (0x02,)
        drive = self._drive(select & 3)
        medium = self._check_medium(drive)
        st0, st1, st2 = select & 7, 0, 0
        writing = opcode in (0x05, 0x09)
        programmed = bytes(state.data)
        collected = bytearray()
        physical_head = select >> 2 & 1
        if medium is None or drive is None or size_code != SECTOR_SIZE_CODE:
            st1 |= ST1_NO_ADDRESS_MARK
        elif writing and medium.write_protected:
            st1 |= ST1_WRITE_PROTECTED
        else:
            drive.active(writing)
            used = 0
            while True:
                if cylinder != drive.cylinder:
                    st1, st2 = ST1_NO_DATA, ST2_WRONG_CYLINDER
                    break
                if head != physical_head or not medium.holds(drive.cylinder, physical_head, sector):
                    st1 |= ST1_NO_DATA if physical_head < medium.heads else ST1_NO_ADDRESS_MARK
                    break
                try:
                    ended, found = self._sector(
                        medium, opcode, drive.cylinder, physical_head, sector, programmed[used:], collected
                    )
                except BlockError as error:
                    st1 |= ST1_DATA_ERROR
                    if error.full and self._host_error is not None:
                        self._host_error(f"{error} Make room on the host's disk, then go on.")
                    break
                used += SECTOR_BYTES
                st2 |= found
                at_end = sector == last
                if at_end:
                    sector = 1
                    if multi_track and physical_head == 0:
                        head = physical_head = 1
                        select |= 4
                        st0 |= 4
                        at_end = False
                    else:
                        cylinder += 1
                        if multi_track:
                            head = 0
                else:
                    sector += 1
                if ended or found & ST2_SCAN_EQUAL:
                    break
                if at_end:
                    if self._uses_dma() and opcode not in (0x11, 0x19, 0x1D):
                        st1 |= ST1_END
                    break
        if st1:
            st0 |= ST0_ABNORMAL
        result = [st0, st1, st2, cylinder & 0xFF, head, sector, size_code]
        if not self._uses_dma() and collected and not writing:
            state.data, state.result = list(collected), result
            state.msr = MSR_RQM | MSR_DIO | MSR_NON_DMA | MSR_BUSY
            self._irq.set(True)
            return
        self._answer(result, interrupt=True)

    def _sector(
        self,
        medium: FloppyImage,
        opcode: int,
        cylinder: int,
        head: int,
        sector: int,
        programmed: bytes,
        collected: bytearray,
    ) -> tuple[bool, int]:
        """One sector; returns whether terminal count came, and scan bits of ST2."""
        dma = self._uses_dma()
        if opcode in (0x05, 0x09):
            data = self._dma.read_memory(SECTOR_BYTES) if dma else programmed[:SECTOR_BYTES]
            if data:
                medium.write(cylinder, head, sector, bytes(data).ljust(SECTOR_BYTES, b"\0"))
            return (self._dma.terminal_count or len(data) < SECTOR_BYTES) if dma else False, 0
        data = medium.read(cylinder, head, sector)
        if opcode == 0x16:  # VERIFY moves nothing; its sector count stands where DTL does
            self._state.command[8] = (self._state.command[8] - 1) & 0xFF
            return bool(self._state.command[1] & 0x80) and self._state.command[8] == 0, 0
        if opcode in (0x11, 0x19, 0x1D):
            wanted = self._dma.read_memory(SECTOR_BYTES) if dma else programmed[:SECTOR_BYTES]
            return dma and self._dma.terminal_count, _scan(opcode, data, bytes(wanted))
        if not dma:
            collected += data
            return False, 0
        accepted = self._dma.write_memory(data)
        return self._dma.terminal_count or accepted < SECTOR_BYTES, 0

    def _start_read_id(self) -> None:
        self._state.msr = MSR_BUSY
        self._arm("read id", self._clock.now_ns + _SECTOR_NS)

    def _read_id(self) -> None:
        select = self._state.command[1] & 7
        drive = self._drive(select & 3)
        medium = self._check_medium(drive)
        head = select >> 2
        if medium is None or drive is None or head >= medium.heads or drive.cylinder >= medium.cylinders:
            self._answer([ST0_ABNORMAL | select, ST1_NO_ADDRESS_MARK, 0, 0, head, 1, SECTOR_SIZE_CODE], interrupt=True)
            return
        # The sector that comes by depends on when one looks.
        sector = self._clock.now_ns // _SECTOR_NS % medium.sectors + 1
        self._answer([select, 0, 0, drive.cylinder, head, sector, SECTOR_SIZE_CODE], interrupt=True)

    def _start_format(self) -> None:
        self._state.msr = MSR_BUSY
        if self._uses_dma():
            self._arm("format", self._clock.now_ns + 4 * _SECTOR_NS)
        else:
            self._ask_processor(4 * max(self._state.command[3], 1))

    def _format(self) -> None:
        state = self._state
        _first, select, size_code, sectors, _gap, fill = state.command
        select &= 7
        drive = self._drive(select & 3)
        medium = self._check_medium(drive)
        ids = self._dma.read_memory(4 * sectors) if self._uses_dma() else bytes(state.data)
        st0, st1 = select, 0
        if medium is None or drive is None or select >> 2 >= medium.heads or drive.cylinder >= medium.cylinders:
            st1 = ST1_NO_ADDRESS_MARK
        elif medium.write_protected:
            st1 = ST1_WRITE_PROTECTED
        else:
            drive.active(True)
            try:
                medium.format_track(drive.cylinder, select >> 2, list(ids[2::4]), fill)
            except BlockError:
                st1 = ST1_DATA_ERROR
        if st1:
            st0 |= ST0_ABNORMAL
        self._answer(
            [st0, st1, 0, drive.cylinder if drive else 0, select >> 2, sectors & 0xFF, size_code], interrupt=True
        )


def _scan(opcode: int, disk: bytes, wanted: bytes) -> int:
    """FFh on either side matches anything (section 5.1.9)."""
    equal = True
    for on_disk, byte in zip(disk, wanted, strict=False):
        if 0xFF in (on_disk, byte) or on_disk == byte:
            continue
        equal = False
        low_or_equal = opcode == 0x19 and on_disk < byte
        high_or_equal = opcode == 0x1D and on_disk > byte
        if not (low_or_equal or high_or_equal):
            return ST2_SCAN_FAILED
    return ST2_SCAN_EQUAL if equal else 0
