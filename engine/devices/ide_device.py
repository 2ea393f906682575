"""What an ATA disk and an ATAPI drive have in common: the task file and the data phase of a command.

Source: ATA/ATAPI-4 (T13/1153D) and ATA/ATAPI-6 (T13/1410D), sections 7 (registers) and 9 (protocols). Drives of
this machine take no time: a command written to the drive has been carried out when the write returns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError

BSY, DRDY, DF, DSC, DRQ, ERR = 0x80, 0x40, 0x20, 0x10, 0x08, 0x01
ERROR_UNC, ERROR_IDNF, ERROR_ABRT = 0x40, 0x10, 0x04
DEVICE_LBA, DEVICE_SLAVE = 0x40, 0x10

# Commands that both kinds of drives know.
DEVICE_RESET, DIAGNOSTIC, SET_FEATURES = 0x08, 0x90, 0xEF
STANDBY_NOW, IDLE_NOW, STANDBY, IDLE, CHECK_POWER, SLEEP = 0xE0, 0xE1, 0xE2, 0xE3, 0xE5, 0xE6
# Their codes of old, from before ATA-4.
OLD_POWER: Final = {0x94: STANDBY_NOW, 0x95: IDLE_NOW, 0x96: STANDBY, 0x97: IDLE, 0x98: CHECK_POWER, 0x99: SLEEP}
# Power modes as CHECK POWER MODE tells them; asleep only a reset is heard.
POWER_STANDBY, POWER_IDLE, POWER_ACTIVE, POWER_ASLEEP = 0x00, 0x80, 0xFF, -1
_POWER_AFTER: Final = {
    STANDBY_NOW: POWER_STANDBY,
    STANDBY: POWER_STANDBY,
    IDLE_NOW: POWER_IDLE,
    IDLE: POWER_IDLE,
    SLEEP: POWER_ASLEEP,
}
MOST_BUFFER: Final = 1 << 20

# SET FEATURES 03h: the transfer mode is kind << 3 | mode (ATA/ATAPI-6, SET FEATURES).
FEATURE_TRANSFER_MODE: Final = 0x03
PIO_DEFAULT, PIO_FLOW_CONTROL, MULTIWORD_DMA, ULTRA_DMA = 0x00, 0x08, 0x20, 0x40
_HIGHEST_MODES: Final = {PIO_DEFAULT: 1, PIO_FLOW_CONTROL: 4, MULTIWORD_DMA: 2, ULTRA_DMA: 2}


@dataclass
class TaskFile:
    """Registers by their ATA names; the ``_previous`` ones are what 48-bit commands read back with HOB."""

    features: int = 0
    features_previous: int = 0
    count: int = 1
    count_previous: int = 0
    lba_low: int = 1
    lba_low_previous: int = 0
    lba_mid: int = 0
    lba_mid_previous: int = 0
    lba_high: int = 0
    lba_high_previous: int = 0
    device: int = 0
    status: int = DRDY | DSC
    error: int = 1
    command: int = 0


@dataclass
class State:
    """``buffer`` is the data phase of the command, and ``phase`` names what comes after it. ``position`` is where
    the next byte goes, ``end`` is where the block ends that DRQ is set for, ``lba`` and ``left`` are what is to come.
    With ``dma`` the block goes by DMA: DMARQ stands for DRQ, the data register is out of it, and the only interrupt is
    that of the command's end. ``dma_mode`` is what SET FEATURES chose, 0 before that.
    """

    task: TaskFile = field(default_factory=TaskFile)
    interrupt: bool = False
    power: int = POWER_ACTIVE
    phase: str = ""
    buffer: bytearray = field(default_factory=bytearray)
    position: int = 0
    end: int = 0
    writing: bool = False
    dma: bool = False
    dma_mode: int = 0
    lba: int = 0
    left: int = 0
    keep_settings: bool = False  # SET FEATURES 66h: a software reset leaves them alone
    # Disks
    block_sectors: int = 1
    multiple: int = 0
    heads: int = 16
    sectors: int = 63
    write_cache: bool = True
    # Packet devices
    packet: bytes = b""
    packet_dma: bool = False  # the data of the packet command are to go by DMA
    limit: int = 0  # bytes of a block that DRQ is set for
    length: int = 0  # of the data in the buffer
    sense: tuple[int, int, int] = (0, 0, 0)
    sense_lba: int | None = None
    attention: bool = False
    event: int = 0
    tray_open: bool = False
    locked: bool = False
    pages: dict[int, bytes] = field(default_factory=dict)


class IdeDevice:
    """Base of both drives. ``interrupt_changed`` is the channel's; it looks at ``interrupting``."""

    is_atapi = False

    def __init__(self, activity: Callable[[bool], None] | None = None) -> None:
        self._activity = activity
        self.interrupt_changed: Callable[[], None] = lambda: None
        self.state = State()
        self.sign()

    # -- Contract of every device

    def reset(self, kind: ResetKind) -> None:
        """Power-on, RESET#, SRST or DEVICE RESET: the signature stands in the task file afterwards."""
        old, self.state = self.state, State()
        if kind is ResetKind.SOFT:
            self.after_soft_reset(old)
        self.sign()

    def after_soft_reset(self, old: State) -> None:
        """What the kinds of drives take over from before."""
        raise AssertionError

    def save(self) -> State:
        return copy_state(self.state)

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the IDE drive is of another kind.")
        requested = bool(state.task.status & DRQ)
        fits = 0 <= state.position <= state.end <= len(state.buffer) <= MOST_BUFFER
        if not fits or requested != (state.position < state.end):
            raise StateError("The saved IDE drive has a damaged data buffer.")
        self.state = copy_state(state)
        self.interrupt_changed()

    def sign(self) -> None:
        """Section 9.12: the signature tells disks from packet devices."""
        task = self.state.task
        task.count, task.lba_low, task.error = 1, 1, 1
        task.lba_mid, task.lba_high = (0x14, 0xEB) if self.is_atapi else (0, 0)
        task.device &= DEVICE_SLAVE
        self._end_data_phase()
        task.status = 0 if self.is_atapi else DRDY | DSC

    # -- Commands

    def command(self, code: int) -> None:
        """The command register was written."""
        state = self.state
        self.set_interrupt(False)
        state.task.command = code
        if code == DEVICE_RESET and self.is_atapi:
            device = state.task.device
            self.reset(ResetKind.SOFT)
            self.state.task.device = device & DEVICE_SLAVE
        elif state.power == POWER_ASLEEP:
            state.task.status = BSY  # until a reset wakes it up
        else:
            self._end_data_phase()
            state.task.error = 0
            self.execute(code)

    def execute(self, command: int) -> None:
        raise AssertionError

    def phase_done(self) -> None:
        """The processor moved the last byte of the block that DRQ was set for."""
        raise AssertionError

    def diagnostic(self) -> None:
        """EXECUTE DEVICE DIAGNOSTIC: the error register says that all is well."""
        self.sign()
        self.set_interrupt(True)

    def set_transfer_mode(self) -> None:
        """SET FEATURES 03h. The modes change no timing, but software reads back what it chose."""
        mode = self.state.task.count
        kind, number = mode & 0xF8, mode & 0x07
        if number > _HIGHEST_MODES.get(kind, -1):
            self.abort()
            return
        if kind in (MULTIWORD_DMA, ULTRA_DMA):
            self.state.dma_mode = mode
        self.finish()

    def power_command(self, code: int) -> None:
        """STANDBY, IDLE, SLEEP and their like; the timers of STANDBY and IDLE never run out."""
        if code == CHECK_POWER:
            self.state.task.count = self.state.power
        else:
            self.state.power = _POWER_AFTER[code]
        self.finish()

    @property
    def interrupting(self) -> bool:
        return self.state.interrupt

    def set_interrupt(self, level: bool) -> None:
        self.state.interrupt = level
        self.interrupt_changed()

    def active(self, writing: bool) -> None:
        self.state.power = POWER_ACTIVE
        if self._activity is not None:
            self._activity(writing)

    def finish(self) -> None:
        """The command ends well."""
        self._end_data_phase()
        self.state.task.status = DRDY | DSC
        self.set_interrupt(True)

    def abort(self, error: int = ERROR_ABRT) -> None:
        self._end_data_phase()
        self.state.task.error = error
        self.state.task.status = DRDY | DSC | ERR
        self.set_interrupt(True)

    def _end_data_phase(self) -> None:
        state = self.state
        state.phase, state.buffer, state.position, state.end = "", bytearray(), 0, 0
        state.writing = state.dma = False
        state.task.status &= ~DRQ

    # -- The data phase

    def offer(self, data: bytes, phase: str, block: int | None = None) -> int:
        """Data for the processor to read, not empty; ``block`` bytes of it at a time, each with an interrupt. Returns
        the length of the first block."""
        state = self.state
        state.buffer, state.position, state.phase, state.writing = bytearray(data), 0, phase, False
        return self.next_block(block or len(data))

    def ask(self, length: int, phase: str, block: int | None = None, interrupt: bool = True) -> None:
        """Data the processor is to write, at least one byte."""
        state = self.state
        state.buffer, state.position, state.phase, state.writing = bytearray(length), 0, phase, True
        self.next_block(block or length, interrupt)

    def next_block(self, length: int, interrupt: bool = True) -> int:
        """Sets DRQ for what comes next in the buffer, ``length`` bytes at most; returns how many."""
        state = self.state
        state.end = min(state.position + length, len(state.buffer))
        state.task.status = DRDY | DSC | DRQ
        if interrupt and not state.dma:
            self.set_interrupt(True)
        return state.end - state.position

    def end_of_reading(self) -> None:
        """The last block was taken. After PIO no interrupt tells so."""
        if self.state.dma:
            self.finish()
        else:
            self._end_data_phase()

    # -- Data by DMA

    @property
    def dma_requested(self) -> bool:
        """The DMARQ signal."""
        return self.state.dma and bool(self.state.task.status & DRQ)

    @property
    def dma_to_host(self) -> bool:
        return not self.state.writing

    def dma_block(self) -> memoryview:
        """What can be moved now, to be read or written in place."""
        state = self.state
        return memoryview(state.buffer)[state.position : state.end]

    def dma_moved(self, count: int) -> None:
        """That many bytes of the block were."""
        state = self.state
        state.position += count
        if state.position == state.end:
            self.phase_done()

    # -- Data by PIO

    def read_data(self, length: int) -> bytes:
        """The data register, ``length`` bytes of it; a drive that has nothing to say leaves the bus alone.

        A long string instruction goes on into the next block when that one is there at once.
        """
        state = self.state
        if state.dma:
            return b"\xff" * length
        after = state.position + length
        if after < state.end and not state.writing:
            piece = state.buffer[state.position : after]
            state.position = after
            return bytes(piece)
        data = bytearray()
        while len(data) < length and state.task.status & DRQ and not state.writing:
            after = min(state.end, state.position + length - len(data))
            data += state.buffer[state.position : after]
            state.position = after
            if after == state.end:
                self.phase_done()
        return bytes(data).ljust(length, b"\xff")

    def write_data(self, data: bytes) -> None:
        state = self.state
        while data and state.task.status & DRQ and state.writing and not state.dma:
            after = min(state.end, state.position + len(data))
            count = after - state.position
            state.buffer[state.position : after] = data[:count]
            data = data[count:]
            state.position = after
            if after == state.end:
                self.phase_done()


def identify_modes(words: list[int], dma_mode: int) -> None:
    """IDENTIFY words 49, 53, 63 to 68 and 88: LBA, IORDY, PIO modes 3 and 4, DMA modes 0 to 2 of both kinds."""
    words[49] |= 0x0F00  # IORDY that may be switched off, LBA, DMA
    words[53] |= 0x0006  # words 64-70 and 88 are valid
    words[64], words[65], words[66], words[67], words[68] = 0x0003, 120, 120, 120, 120  # ns a cycle
    for index, kind in ((63, MULTIWORD_DMA), (88, ULTRA_DMA)):
        selected = 0x0100 << (dma_mode & 7) if dma_mode & 0xF8 == kind else 0
        words[index] = 0x0007 | selected


def identify_string(text: str, length: int) -> bytes:
    """ASCII in words with the first character in the high byte."""
    raw = text.ljust(length)[:length].encode("ascii", "replace")
    return b"".join(raw[index + 1 : index + 2] + raw[index : index + 1] for index in range(0, length, 2))
