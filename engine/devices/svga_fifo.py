"""The command FIFO of the VMware SVGA II: fills, copies and cursors that the guest queues in shared memory.

Source: the SVGA device's public interface description (svga_reg.h and the developer notes that go with it). The
first four doublewords of the memory are byte offsets: where the ring begins, where it ends, where the guest writes
next, and where the device reads next. All of it is the guest's to write at any time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.devices.svga_cursor import MAX_SIDE, CursorShape, masked_shape

# Header
FIFO_MIN: Final = 0
FIFO_MAX: Final = 1
FIFO_NEXT_CMD: Final = 2
FIFO_STOP: Final = 3
FIFO_BUSY: Final = 290  # of guests with a large header: set by them when they write SYNC, cleared when that was heard
_HEADER_BYTES: Final = 16

# Commands
CMD_UPDATE: Final = 1
CMD_RECT_FILL: Final = 2
CMD_RECT_COPY: Final = 3
CMD_RECT_ROP_FILL: Final = 13
CMD_RECT_ROP_COPY: Final = 14
CMD_DEFINE_CURSOR: Final = 19
CMD_DISPLAY_CURSOR: Final = 20
CMD_MOVE_CURSOR: Final = 21
CMD_DEFINE_ALPHA_CURSOR: Final = 22
CMD_UPDATE_VERBOSE: Final = 25
CMD_FRONT_ROP_FILL: Final = 29
CMD_FENCE: Final = 30

# Command -> doublewords of arguments, for those of fixed length that this device takes or passes over.
_ARGUMENTS: Final = {
    CMD_UPDATE: 4,
    CMD_RECT_FILL: 5,
    CMD_RECT_COPY: 6,
    CMD_RECT_ROP_FILL: 6,
    CMD_RECT_ROP_COPY: 7,
    CMD_DEFINE_CURSOR: 7,
    CMD_DISPLAY_CURSOR: 2,
    CMD_MOVE_CURSOR: 2,
    CMD_DEFINE_ALPHA_CURSOR: 5,
    CMD_UPDATE_VERBOSE: 5,
    CMD_FRONT_ROP_FILL: 6,
    CMD_FENCE: 1,
}
_ROP_COPY: Final = 3
_XOR_DEPTHS: Final = (1, 8, 16, 24, 32)

# Work of one pass: a guest that queues endless copies must not stop the machine.
PASS_PIXELS: Final = 32 << 20
PASS_COMMANDS: Final = 20_000


class Canvas(Protocol):
    """What commands act on: the frame buffer as the registers describe it, and the cursor."""

    @property
    def size(self) -> tuple[int, int]: ...

    @property
    def bytes_per_pixel(self) -> int: ...

    def rows(self) -> NDArray[np.uint8]:
        """The frame buffer: height, bytes of a row."""

    def drawn(self, first_row: int, last_row: int) -> None: ...

    def define_cursor(self, shape: CursorShape) -> None: ...

    def show_cursor(self, visible: bool) -> None: ...

    def move_cursor(self, x: int, y: int) -> None: ...


class Fifo:
    """``memory`` is the shared memory, a multiple of 4 bytes long."""

    def __init__(self, memory: memoryview, canvas: Canvas) -> None:
        self._memory = memory
        self._words = memory.cast("B").cast("I")
        self._canvas = canvas
        self._handlers: dict[int, Callable[[tuple[int, ...]], int]] = {
            CMD_RECT_FILL: self._rect_fill,
            CMD_FRONT_ROP_FILL: self._rop_fill,
            CMD_RECT_ROP_FILL: self._rop_fill,
            CMD_RECT_COPY: self._rect_copy,
            CMD_RECT_ROP_COPY: self._rop_copy,
            CMD_DISPLAY_CURSOR: self._display_cursor,
            CMD_MOVE_CURSOR: self._move_cursor,
        }

    @property
    def sound(self) -> bool:
        """Whether the header can be believed."""
        words = self._words
        first, end, write, read = words[FIFO_MIN], words[FIFO_MAX], words[FIFO_NEXT_CMD], words[FIFO_STOP]
        aligned = not (first | end | write | read) & 3
        return (
            aligned
            and _HEADER_BYTES <= first < end <= len(self._memory)
            and first <= write < end
            and first <= read < end
        )

    def run(self) -> bool:
        """Carries out what is queued; True when nothing whole is left. A broken header is left as it is."""
        done = self._pass()
        if self.sound and self._words[FIFO_MIN] > FIFO_BUSY * 4:
            self._words[FIFO_BUSY] = 0
        return done

    def _pass(self) -> bool:
        pixels = commands = 0
        while self.sound:
            if pixels > PASS_PIXELS or commands > PASS_COMMANDS:
                return False
            queued = self._queued()
            if not queued:
                return True
            command = self._peek(0, 1)[0]
            length = self._length(command, queued)
            if length == 0:
                # Unknown, or with absurd sizes: where the next command begins cannot be known.
                self._words[FIFO_STOP] = self._words[FIFO_NEXT_CMD]
                return True
            if length > queued:
                return True  # the guest is still writing it
            arguments = self._peek(1, length - 1)
            self._advance(length)
            commands += 1
            if command in self._handlers:
                pixels += self._handlers[command](arguments)
            elif command == CMD_DEFINE_CURSOR:
                self._define_cursor(arguments)
            elif command == CMD_DEFINE_ALPHA_CURSOR:
                self._define_alpha_cursor(arguments)
        return True

    # -- The ring -------------------------------------------------------------------------------------------

    def _queued(self) -> int:
        """Doublewords between the guest's and the device's place."""
        words = self._words
        first, end, write, read = words[FIFO_MIN], words[FIFO_MAX], words[FIFO_NEXT_CMD], words[FIFO_STOP]
        return ((write - read) if write >= read else (end - read) + (write - first)) // 4

    def _peek(self, offset: int, count: int) -> tuple[int, ...]:
        words = self._words
        first, end = words[FIFO_MIN] // 4, words[FIFO_MAX] // 4
        at = words[FIFO_STOP] // 4 + offset
        if at >= end:
            at = first + (at - end)
        direct = min(count, end - at)
        return (*words[at : at + direct], *words[first : first + count - direct])

    def _advance(self, count: int) -> None:
        words = self._words
        first, end = words[FIFO_MIN], words[FIFO_MAX]
        at = words[FIFO_STOP] + count * 4
        words[FIFO_STOP] = at if at < end else first + (at - end)

    def _length(self, command: int, queued: int) -> int:
        """Doublewords of a command with its arguments; 0: not to be known; more than ``queued``: not whole yet."""
        fixed = _ARGUMENTS.get(command)
        if fixed is None:
            return 0
        if command not in (CMD_DEFINE_CURSOR, CMD_DEFINE_ALPHA_CURSOR) or queued < 1 + fixed:
            return 1 + fixed
        _, _, _, width, height, *depths = self._peek(1, fixed)
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            return 0
        if command == CMD_DEFINE_ALPHA_CURSOR:
            return 1 + fixed + width * height
        and_depth, xor_depth = depths
        if and_depth != 1 or xor_depth not in _XOR_DEPTHS:
            return 0
        return 1 + fixed + (_row_words(width, 1) + _row_words(width, xor_depth)) * height

    # -- Drawing ----------------------------------------------------------------------------------------------

    def _inside(self, x: int, y: int, width: int, height: int) -> tuple[int, int, int, int]:
        """The part of a rectangle inside the screen."""
        screen_width, screen_height = self._canvas.size
        x, y = min(x, screen_width), min(y, screen_height)
        return x, y, min(width, screen_width - x), min(height, screen_height - y)

    def _rect_fill(self, arguments: tuple[int, ...]) -> int:
        colour, *place = arguments
        x, y, width, height = self._inside(*place)
        if width and height:
            size = self._canvas.bytes_per_pixel
            pixel = np.frombuffer(struct.pack("<I", colour)[:size], np.uint8)
            self._canvas.rows()[y : y + height, x * size : (x + width) * size] = np.tile(pixel, width)
            self._canvas.drawn(y, y + height - 1)
        return width * height

    def _rop_fill(self, arguments: tuple[int, ...]) -> int:
        return self._rect_fill(arguments[:5]) if arguments[5] == _ROP_COPY else 0

    def _rect_copy(self, arguments: tuple[int, ...]) -> int:
        source_x, source_y, x, y, width, height = arguments
        _, _, width, height = self._inside(source_x, source_y, width, height)
        x, y, width, height = self._inside(x, y, width, height)
        if width and height:
            size = self._canvas.bytes_per_pixel
            rows = self._canvas.rows()
            left, right = source_x * size, (source_x + width) * size
            source = rows[source_y : source_y + height, left:right].copy()  # the two may overlap
            rows[y : y + height, x * size : (x + width) * size] = source
            self._canvas.drawn(y, y + height - 1)
        return width * height

    def _rop_copy(self, arguments: tuple[int, ...]) -> int:
        return self._rect_copy(arguments[:6]) if arguments[6] == _ROP_COPY else 0

    # -- Cursor -------------------------------------------------------------------------------------------------

    def _define_cursor(self, arguments: tuple[int, ...]) -> None:
        _, hot_x, hot_y, width, height, _, depth, *data = arguments
        masks = struct.pack(f"<{len(data)}I", *data)
        split = _row_words(width, 1) * height * 4
        hot = (min(hot_x, MAX_SIDE), min(hot_y, MAX_SIDE))
        self._canvas.define_cursor(masked_shape(hot, (width, height), masks[:split], masks[split:], depth))

    def _define_alpha_cursor(self, arguments: tuple[int, ...]) -> None:
        _, hot_x, hot_y, width, height, *data = arguments
        pixels = struct.pack(f"<{len(data)}I", *data)
        hot_x, hot_y = min(hot_x, MAX_SIDE), min(hot_y, MAX_SIDE)
        self._canvas.define_cursor(CursorShape(hot_x, hot_y, width, height, b"", pixels, True))

    def _display_cursor(self, arguments: tuple[int, ...]) -> int:
        self._canvas.show_cursor(arguments[1] != 0)
        return 0

    def _move_cursor(self, arguments: tuple[int, ...]) -> int:
        self._canvas.move_cursor(*arguments)
        return 0


def _row_words(width: int, depth: int) -> int:
    return (width * depth + 31) // 32
