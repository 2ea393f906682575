"""What an ATA disk and an ATAPI drive have in common: the task file and the programmed data transfer.

Source: ATA/ATAPI-6 (T13/1410D), sections 7 (registers) and 9 (protocols).
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
_MOST_BUFFER: Final = 1 << 20


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
    """``phase`` names what happens when the block of data is through; ``lba`` and ``left`` belong to it."""

    task: TaskFile = field(default_factory=TaskFile)
    interrupt: bool = False
    phase: str = ""
    buffer: bytes = b""
    position: int = 0
    writing: bool = False
    lba: int = 0
    left: int = 0
    block_sectors: int = 1
    multiple: int = 0
    heads: int = 16
    sectors: int = 63
    limit: int = 0
    locked: bool = False
    attention: bool = True
    sense: tuple[int, int, int] = (0, 0, 0)
    packet: bytes = b""
    rest: bytes = b""  # of a reply longer than the byte count
    write_cache: bool = True


class IdeDevice:
    """Base of both drives. ``interrupt_changed`` is the channel's; it looks at ``interrupting``."""

    is_atapi = False

    def __init__(self, activity: Callable[[bool], None] | None = None) -> None:
        self._activity = activity
        self.interrupt_changed: Callable[[], None] = lambda: None
        self.state = State()

    # -- Contract of every device

    def reset(self, kind: ResetKind) -> None:
        """Power-on, RESET# or SRST: the signature stands in the task file afterwards."""
        old = self.state
        self.state = State(
            heads=old.heads, sectors=old.sectors, locked=old.locked and kind is ResetKind.SOFT, attention=old.attention
        )
        self.sign()

    def save(self) -> State:
        return copy_state(self.state)

    def load(self, state: State) -> None:
        if state.position > len(state.buffer) or len(state.buffer) > _MOST_BUFFER:
            raise StateError("The saved IDE drive has a damaged data buffer.")
        self.state = copy_state(state)
        self.interrupt_changed()

    def sign(self) -> None:
        """Section 9.12: the signature tells disks from packet devices."""
        task = self.state.task
        task.count, task.lba_low, task.error = 1, 1, 1
        task.lba_mid, task.lba_high = (0x14, 0xEB) if self.is_atapi else (0, 0)
        task.device &= DEVICE_SLAVE
        task.status = 0 if self.is_atapi else DRDY | DSC

    # -- Commands

    def execute(self, command: int) -> None:
        raise AssertionError

    def phase_done(self) -> None:
        """The processor moved the last byte of the buffer."""
        raise AssertionError

    @property
    def interrupting(self) -> bool:
        return self.state.interrupt

    def set_interrupt(self, level: bool) -> None:
        self.state.interrupt = level
        self.interrupt_changed()

    def active(self, writing: bool) -> None:
        if self._activity is not None:
            self._activity(writing)

    def finish(self) -> None:
        """The command ends well."""
        state = self.state
        state.phase, state.buffer, state.position, state.writing = "", b"", 0, False
        state.task.status = DRDY | DSC
        self.set_interrupt(True)

    def abort(self, error: int = ERROR_ABRT) -> None:
        state = self.state
        state.phase, state.buffer, state.position, state.writing = "", b"", 0, False
        state.task.error = error
        state.task.status = DRDY | DSC | ERR
        self.set_interrupt(True)

    def offer(self, data: bytes, phase: str, interrupt: bool = True) -> None:
        """Data for the processor to read."""
        state = self.state
        state.buffer, state.position, state.phase, state.writing = data, 0, phase, False
        state.task.status = DRDY | DSC | DRQ
        if interrupt:
            self.set_interrupt(True)

    def ask(self, length: int, phase: str, interrupt: bool) -> None:
        """Data the processor is to write."""
        state = self.state
        state.buffer, state.position, state.phase, state.writing = bytes(length), 0, phase, True
        state.task.status = DRDY | DSC | DRQ
        if interrupt:
            self.set_interrupt(True)

    # -- The data register

    def read_data(self, length: int) -> bytes:
        state = self.state
        if state.writing or not state.task.status & DRQ:
            return b"\xff" * length
        piece = state.buffer[state.position : state.position + length]
        state.position += len(piece)
        if state.position >= len(state.buffer):
            self.phase_done()
        if len(piece) < length:
            # A block transfer goes on into the next buffer when it is there at once.
            more = state.task.status & DRQ and not self.state.writing and piece
            return piece + (self.read_data(length - len(piece)) if more else bytes(length - len(piece)))
        return piece

    def write_data(self, data: bytes) -> None:
        state = self.state
        while data and state.writing and state.task.status & DRQ:
            room = len(state.buffer) - state.position
            piece, data = data[:room], data[room:]
            buffer = bytearray(state.buffer)
            buffer[state.position : state.position + len(piece)] = piece
            state.buffer = bytes(buffer)
            state.position += len(piece)
            if state.position >= len(state.buffer):
                self.phase_done()


def identify_string(text: str, length: int) -> bytes:
    """ASCII in words with the first character in the high byte."""
    raw = text.ljust(length)[:length].encode("ascii", "replace")
    return b"".join(raw[index + 1 : index + 2] + raw[index : index + 1] for index in range(0, length, 2))
