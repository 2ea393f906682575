"""The ports between the ROM's stubs and the services.

A guest may write anything here; the worst it can do is to confuse its own BIOS calls. State survives a save at
any instruction of a stub.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from engine.firmware.board import FirmwareBus
from engine.firmware.call import Call, FetchNeeded
from engine.firmware.mailbox_layout import (
    FRAME_BYTES,
    PORT_BLOCK,
    PORT_COMMAND,
    PORT_FRAME,
    PORT_LENGTH,
    PORT_POINTER,
    Command,
    Status,
)

_MOST_INPUTS: Final = 8  # fetches one call may ask for


@dataclass
class MailboxState:
    """``pushed``: the last bytes written as a frame. ``popped``: the frame handed back, ``popped_at`` how far it
    was read. ``inputs``: what was fetched for the call that will start over."""

    pushed: bytes = b""
    popped: bytes = b""
    popped_at: int = 0
    status: int = Status.DONE
    pointer: int = 0
    length: int = 0
    inputs: list[bytes] = field(default_factory=list)
    fetched: bytes = b""
    fetching: int = 0
    block: bytes = b""
    block_at: int = 0
    pending: list[tuple[int, int, bytes]] = field(default_factory=list)
    final: bytes = b""


class Mailbox:
    """Collects a frame, runs ``dispatch`` on it, hands the result back."""

    def __init__(self, dispatch: Callable[[Call], None]) -> None:
        self._dispatch = dispatch
        self.state = MailboxState()

    def attach(self, bus: FirmwareBus) -> None:
        name = "firmware"
        bus.attach_register(PORT_FRAME, 1, name, self._pop, self._push, self._pop_block, self._push_block)
        bus.attach_register(PORT_COMMAND, 1, name, self._read_status, self._command, None, None)
        bus.attach_register(PORT_BLOCK, 1, name, self._read_byte, self._write_byte, self._read_block, self._write_block)
        for byte in range(4):
            pointer, length = partial(self._read_pointer, byte), partial(self._read_length, byte)
            bus.attach_register(PORT_POINTER + byte, 1, name, pointer, None, None, None)
            bus.attach_register(PORT_LENGTH + byte, 1, name, length, None, None, None)

    # -- Frame port -------------------------------------------------------------------------------------

    def _push(self, value: int) -> None:
        self._push_block(bytes((value & 0xFF,)))

    def _push_block(self, data: bytes) -> None:
        state = self.state
        state.pushed = bytes(data) if len(data) == FRAME_BYTES else (state.pushed + data)[-FRAME_BYTES:]

    def _pop(self) -> int:
        return self._pop_block(1)[0]

    def _pop_block(self, count: int) -> bytes:
        state = self.state
        first = state.popped_at
        state.popped_at = min(first + count, len(state.popped))
        return state.popped[first : state.popped_at].ljust(count, b"\xff")

    # -- Commands ---------------------------------------------------------------------------------------

    def _read_status(self) -> int:
        return self.state.status

    def _command(self, value: int) -> None:
        if value == Command.CALL:
            self._call()
        elif value == Command.NEXT:
            self._next()

    def _call(self) -> None:
        state = self.state
        call = Call.from_frame(state.pushed.rjust(FRAME_BYTES, b"\0"))
        if state.fetching:
            # The caller's bytes came in; a short block reads as zeros beyond its end.
            state.inputs.append(state.fetched.ljust(state.fetching, b"\0"))
            state.fetching = 0
            state.fetched = b""
        call.inputs = state.inputs
        state.pending = []
        try:
            self._dispatch(call)
        except FetchNeeded as need:
            if len(state.inputs) < _MOST_INPUTS:
                state.pointer = need.segment << 16 | need.offset
                state.length = state.fetching = need.length
                self._hand_back(state.pushed.rjust(FRAME_BYTES, b"\0"), Status.FETCH)
                return
        state.inputs = []
        frame = call.frame(call.status)
        if call.status is not Status.DONE:
            self._hand_back(frame, call.status)
            return
        state.pending = [(item.segment, item.offset, item.data) for item in call.transfers]
        state.final = frame
        self._next()

    def _next(self) -> None:
        """Starts the next transfer of the call that is done, or hands the frame back."""
        state = self.state
        if state.pending:
            segment, offset, state.block = state.pending.pop(0)
            state.block_at = 0
            state.pointer = segment << 16 | offset
            state.length = len(state.block)
            self._hand_back(state.final, Status.STORE)
        else:
            self._hand_back(state.final, Status.DONE)

    def _hand_back(self, frame: bytes, status: Status) -> None:
        self.state.popped = int(status).to_bytes(4, "little") + frame[4:]
        self.state.popped_at = 0
        self.state.status = status

    # -- Transfers --------------------------------------------------------------------------------------

    def _read_pointer(self, byte: int) -> int:
        return self.state.pointer >> byte * 8 & 0xFF

    def _read_length(self, byte: int) -> int:
        return self.state.length >> byte * 8 & 0xFF

    def _read_byte(self) -> int:
        return self._read_block(1)[0]

    def _read_block(self, count: int) -> bytes:
        state = self.state
        first = state.block_at
        state.block_at = min(first + count, len(state.block))
        return state.block[first : state.block_at].ljust(count, b"\xff")

    def _write_byte(self, value: int) -> None:
        self._write_block(bytes([value & 0xFF]))

    def _write_block(self, data: bytes) -> None:
        state = self.state
        room = state.fetching - len(state.fetched)
        if room > 0:
            state.fetched += data[:room]
