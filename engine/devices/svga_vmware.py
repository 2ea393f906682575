"""VMware SVGA II: index and value register, frame buffer and command FIFO on the same video memory as the VGA.

Source: the SVGA device's public interface description (svga_reg.h and the developer notes that go with it).
While disabled or hidden the adapter is a VGA; enabling takes the picture over, with the depth and size that the
registers say. A size that video memory cannot hold is not entered.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine._core import Picture, PixelFormat
from engine.bus import PortRange
from engine.devices.device import ResetKind, copy_state
from engine.devices.svga_cursor import CursorOverlay, CursorShape, Pixels
from engine.devices.svga_fifo import Fifo
from engine.devices.vga_picture import DisplayMode
from engine.errors import StateError

# I/O ports, by offset from base address register 0
INDEX_PORT: Final = 0
VALUE_PORT: Final = 1
PORTS: Final = 16

# Registers
REG_ID: Final = 0
REG_ENABLE: Final = 1
REG_WIDTH: Final = 2
REG_HEIGHT: Final = 3
REG_MAX_WIDTH: Final = 4
REG_MAX_HEIGHT: Final = 5
REG_DEPTH: Final = 6
REG_BITS_PER_PIXEL: Final = 7
REG_PSEUDOCOLOR: Final = 8
REG_RED_MASK: Final = 9
REG_GREEN_MASK: Final = 10
REG_BLUE_MASK: Final = 11
REG_BYTES_PER_LINE: Final = 12
REG_FB_START: Final = 13
REG_FB_OFFSET: Final = 14
REG_VRAM_SIZE: Final = 15
REG_FB_SIZE: Final = 16
REG_CAPABILITIES: Final = 17
REG_MEM_START: Final = 18
REG_MEM_SIZE: Final = 19
REG_CONFIG_DONE: Final = 20
REG_SYNC: Final = 21
REG_BUSY: Final = 22
REG_GUEST_ID: Final = 23
REG_CURSOR_ID: Final = 24
REG_CURSOR_X: Final = 25
REG_CURSOR_Y: Final = 26
REG_CURSOR_ON: Final = 27
REG_HOST_BITS_PER_PIXEL: Final = 28
REG_SCRATCH_SIZE: Final = 29
REG_MEM_REGS: Final = 30
REG_NUM_DISPLAYS: Final = 31
REG_PITCHLOCK: Final = 32
PALETTE_BASE: Final = 1024
PALETTE_REGISTERS: Final = 768
SCRATCH_BASE: Final = PALETTE_BASE + PALETTE_REGISTERS
SCRATCH_REGISTERS: Final = 64

# SVGA_REG_ENABLE
ENABLE_ENABLE: Final = 1  # registers, video memory and FIFO work
ENABLE_HIDE: Final = 2  # ... while the VGA keeps the picture

ID_0: Final = 0x90000000
ID_2: Final = 0x90000002

CAP_RECT_FILL: Final = 0x0001
CAP_RECT_COPY: Final = 0x0002
CAP_CURSOR: Final = 0x0020
CAP_CURSOR_BYPASS: Final = 0x0040
CAP_CURSOR_BYPASS_2: Final = 0x0080
CAP_8BIT_EMULATION: Final = 0x0100
CAP_ALPHA_CURSOR: Final = 0x0200
CAP_PITCHLOCK: Final = 0x20000
CAPABILITIES: Final = (
    CAP_RECT_FILL
    | CAP_RECT_COPY
    | CAP_CURSOR
    | CAP_CURSOR_BYPASS
    | CAP_CURSOR_BYPASS_2
    | CAP_8BIT_EMULATION
    | CAP_ALPHA_CURSOR
    | CAP_PITCHLOCK
)

# SVGA_REG_CURSOR_ON
CURSOR_HIDE: Final = 0
CURSOR_SHOW: Final = 1
CURSOR_REMOVE_FROM_FB: Final = 2
CURSOR_RESTORE_TO_FB: Final = 3

MAX_WIDTH: Final = 2560
MAX_HEIGHT: Final = 1600
FIFO_BYTES: Final = 256 * 1024
# Bits per pixel -> significant bits, red, green and blue mask, format
_DEPTHS: Final[dict[int, tuple[int, int, int, int, PixelFormat]]] = {
    8: (8, 0, 0, 0, PixelFormat.INDEXED8),
    15: (15, 0x7C00, 0x03E0, 0x001F, PixelFormat.RGB555),
    16: (16, 0xF800, 0x07E0, 0x001F, PixelFormat.RGB565),
    24: (24, 0xFF0000, 0x00FF00, 0x0000FF, PixelFormat.RGB888),
    32: (24, 0xFF0000, 0x00FF00, 0x0000FF, PixelFormat.XRGB8888),
}


@dataclass(slots=True)
class SvgaState:
    index: int = 0
    id: int = ID_2
    enable: int = 0
    width: int = 640
    height: int = 480
    bits_per_pixel: int = 32
    pitchlock: int = 0  # bytes from row to row; 0: as the width gives
    config_done: int = 0
    guest_id: int = 0
    cursor_id: int = 0
    cursor_x: int = 0
    cursor_y: int = 0
    cursor_on: int = 0
    cursor: CursorShape = field(default_factory=CursorShape)
    palette: bytearray = field(default_factory=lambda: bytearray(PALETTE_REGISTERS))
    scratch: list[int] = field(default_factory=lambda: [0] * SCRATCH_REGISTERS)
    fifo: bytes = b""  # filled in by save()


class SvgaVmware:
    """``video_memory`` and ``fifo_memory`` are shared with the guest. ``changed()`` is called when the picture's
    shape changes, ``drawn(offset, length)`` when a command drew into video memory. The addresses that the guest
    reads from the registers are ``frame_buffer_base`` and ``fifo_base``, which PCI sets."""

    def __init__(
        self,
        video_memory: memoryview,
        fifo_memory: memoryview,
        changed: Callable[[], None],
        drawn: Callable[[int, int], None],
    ) -> None:
        self._video_memory: NDArray[np.uint8] = np.frombuffer(video_memory, np.uint8)
        self._fifo_memory = fifo_memory
        self._changed = changed
        self._drawn = drawn
        self._fifo = Fifo(fifo_memory, self)
        self._overlay = CursorOverlay()
        self._cursor_changed = False
        self._s = SvgaState()
        self.frame_buffer_base = 0
        self.fifo_base = 0

    # -- The device contract ----------------------------------------------------------------------------------

    def port_map(self) -> list[PortRange]:
        return [PortRange(0, PORTS, read=self._read, write=self._write, width=4)]

    def reset(self, kind: ResetKind) -> None:
        self._s = SvgaState()
        self._fifo_memory[:] = bytes(len(self._fifo_memory))
        self._cursor_changed = True
        self._changed()

    def save(self) -> SvgaState:
        state = copy_state(self._s)
        state.fifo = bytes(self._fifo_memory)
        return state

    def load(self, state: SvgaState) -> None:
        """Raises StateError."""
        fits = (
            isinstance(state, SvgaState)
            and len(state.fifo) == len(self._fifo_memory)
            and len(state.palette) == PALETTE_REGISTERS
            and len(state.scratch) == SCRATCH_REGISTERS
            and (not state.enable or _fits(state, len(self._video_memory)))
            and state.cursor.fits()
        )
        if not fits:
            raise StateError("The saved state of the SVGA adapter does not fit.")
        self._fifo_memory[:] = state.fifo
        self._s = copy_state(state)
        self._s.fifo = b""
        self._cursor_changed = True
        self._changed()

    # -- Ports --------------------------------------------------------------------------------------------------

    def _read(self, offset: int, size: int) -> int:
        if offset == INDEX_PORT:
            return self._s.index
        return self.read_register(self._s.index) if offset == VALUE_PORT else 0

    def _write(self, offset: int, value: int, size: int) -> None:
        if offset == INDEX_PORT:
            self._s.index = value
        elif offset == VALUE_PORT:
            self.write_register(self._s.index, value)

    def read_register(self, index: int) -> int:
        s = self._s
        depth, red, green, blue, _ = _DEPTHS[s.bits_per_pixel]
        if index == REG_BUSY:
            return int(not self._fifo_done())
        if PALETTE_BASE <= index < PALETTE_BASE + PALETTE_REGISTERS:
            return s.palette[index - PALETTE_BASE]
        if SCRATCH_BASE <= index < SCRATCH_BASE + SCRATCH_REGISTERS:
            return s.scratch[index - SCRATCH_BASE]
        values = {
            REG_ID: s.id,
            REG_ENABLE: s.enable,
            REG_WIDTH: s.width,
            REG_HEIGHT: s.height,
            REG_MAX_WIDTH: MAX_WIDTH,
            REG_MAX_HEIGHT: MAX_HEIGHT,
            REG_DEPTH: depth,
            REG_BITS_PER_PIXEL: s.bits_per_pixel,
            REG_PSEUDOCOLOR: int(s.bits_per_pixel == 8),
            REG_RED_MASK: red,
            REG_GREEN_MASK: green,
            REG_BLUE_MASK: blue,
            REG_BYTES_PER_LINE: self.pitch,
            REG_FB_START: self.frame_buffer_base,
            REG_VRAM_SIZE: len(self._video_memory),
            REG_FB_SIZE: self.pitch * s.height,
            REG_CAPABILITIES: CAPABILITIES,
            REG_MEM_START: self.fifo_base,
            REG_MEM_SIZE: len(self._fifo_memory),
            REG_CONFIG_DONE: s.config_done,
            REG_GUEST_ID: s.guest_id,
            REG_CURSOR_ID: s.cursor_id,
            REG_CURSOR_X: s.cursor_x,
            REG_CURSOR_Y: s.cursor_y,
            REG_CURSOR_ON: s.cursor_on,
            REG_HOST_BITS_PER_PIXEL: 32,
            REG_SCRATCH_SIZE: SCRATCH_REGISTERS,
            REG_NUM_DISPLAYS: 1,
            REG_PITCHLOCK: s.pitchlock,
        }
        return values.get(index, 0)

    def write_register(self, index: int, value: int) -> None:
        s = self._s
        if index == REG_ID:
            if ID_0 <= value <= ID_2:
                s.id = value
        elif index in (REG_ENABLE, REG_WIDTH, REG_HEIGHT, REG_BITS_PER_PIXEL, REG_PITCHLOCK):
            self._write_mode(index, value)
        elif index == REG_CONFIG_DONE:
            s.config_done = int(bool(value) and self._fifo.sound)
        elif index == REG_SYNC:
            self._fifo_done()
        elif index == REG_GUEST_ID:
            s.guest_id = value
        elif index in (REG_CURSOR_ID, REG_CURSOR_X, REG_CURSOR_Y, REG_CURSOR_ON):
            self._write_cursor(index, value)
        elif PALETTE_BASE <= index < PALETTE_BASE + PALETTE_REGISTERS:
            s.palette[index - PALETTE_BASE] = value & 0xFF
            self._changed()
        elif SCRATCH_BASE <= index < SCRATCH_BASE + SCRATCH_REGISTERS:
            s.scratch[index - SCRATCH_BASE] = value

    def _write_mode(self, index: int, value: int) -> None:
        """What shapes the picture. An enabled mode that would not fit into video memory stays as it was."""
        s = self._s
        wanted = copy_state(s)
        if index == REG_ENABLE:
            wanted.enable = value & (ENABLE_ENABLE | ENABLE_HIDE) if value & ENABLE_ENABLE else 0
        elif index == REG_WIDTH and 0 < value <= MAX_WIDTH:
            wanted.width = value
        elif index == REG_HEIGHT and 0 < value <= MAX_HEIGHT:
            wanted.height = value
        elif index == REG_BITS_PER_PIXEL and value in _DEPTHS:
            wanted.bits_per_pixel = value
        elif index == REG_PITCHLOCK and value <= len(self._video_memory):
            wanted.pitchlock = value
        if not wanted.enable or _fits(wanted, len(self._video_memory)):
            self._s = wanted
            self._changed()

    def _write_cursor(self, index: int, value: int) -> None:
        s = self._s
        if index == REG_CURSOR_ID:
            s.cursor_id = value
        elif index == REG_CURSOR_X:
            s.cursor_x = value
        elif index == REG_CURSOR_Y:
            s.cursor_y = value
        else:
            s.cursor_on = int(value in (CURSOR_SHOW, CURSOR_RESTORE_TO_FB))
        self._cursor_changed = True

    # -- The picture ----------------------------------------------------------------------------------------------

    @property
    def shown(self) -> bool:
        """Whether the picture is this adapter's, not the VGA's."""
        return self._s.enable == ENABLE_ENABLE

    @property
    def pitch(self) -> int:
        """Bytes from one row to the next."""
        return _pitch(self._s)

    def mode(self) -> DisplayMode:
        """The picture while ``shown``."""
        s = self._s
        picture = Picture()
        picture.format = _DEPTHS[s.bits_per_pixel][4]
        picture.width, picture.height, picture.pitch = s.width, s.height, self.pitch
        if s.bits_per_pixel == 8:
            colours = [int.from_bytes(s.palette[i * 3 : i * 3 + 3], "big") for i in range(256)]
            picture.palette = struct.pack("<256I", *colours)
        return DisplayMode(picture, f"{s.width}x{s.height}x{s.bits_per_pixel}")

    def run_fifo(self) -> None:
        """Once a frame: carries out what is queued."""
        if self._s.enable and self._s.config_done:
            self._fifo.run()

    def _fifo_done(self) -> bool:
        return not self._s.config_done or self._fifo.run()

    @property
    def cursor_changed(self) -> bool:
        """Whether the cursor must be drawn anew although the picture under it did not change."""
        return self._cursor_changed

    @property
    def cursor_shown(self) -> bool:
        return bool(self.shown and self._s.cursor_on and self._s.cursor.width)

    def forget_cursor(self) -> None:
        """The picture that the cursor lay on is no longer shown."""
        self._overlay = CursorOverlay()
        self._cursor_changed = False

    def take_cursor_off(self, surface: Pixels) -> tuple[int, int] | None:
        """Before the picture is converted; the rows touched."""
        return self._overlay.take_off(surface)

    def put_cursor(self, surface: Pixels) -> tuple[int, int] | None:
        """After the picture was converted; the rows touched."""
        self._cursor_changed = False
        s = self._s
        if not self.cursor_shown:
            return None
        return self._overlay.put(surface, s.cursor, _signed(s.cursor_x), _signed(s.cursor_y))

    # -- What commands act on (svga_fifo.Canvas) --------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        return self._s.width, self._s.height

    @property
    def bytes_per_pixel(self) -> int:
        return (self._s.bits_per_pixel + 7) // 8

    def rows(self) -> NDArray[np.uint8]:
        pitch, height = self.pitch, self._s.height
        return self._video_memory[: pitch * height].reshape(height, pitch)

    def drawn(self, first_row: int, last_row: int) -> None:
        self._drawn(first_row * self.pitch, (last_row - first_row + 1) * self.pitch)

    def define_cursor(self, shape: CursorShape) -> None:
        self._s.cursor = shape
        self._cursor_changed = True

    def show_cursor(self, visible: bool) -> None:
        self._s.cursor_on = int(visible)
        self._cursor_changed = True

    def move_cursor(self, x: int, y: int) -> None:
        self._s.cursor_x, self._s.cursor_y = x, y
        self._cursor_changed = True


def _pitch(state: SvgaState) -> int:
    natural = (state.width * ((state.bits_per_pixel + 7) // 8) + 3) & ~3
    return state.pitchlock if state.pitchlock >= natural else natural


def _fits(state: SvgaState, video_memory_bytes: int) -> bool:
    known = state.bits_per_pixel in _DEPTHS and 0 < state.width <= MAX_WIDTH and 0 < state.height <= MAX_HEIGHT
    return known and _pitch(state) * state.height <= video_memory_bytes


def _signed(value: int) -> int:
    return value - (1 << 32) if value & 0x80000000 else value
