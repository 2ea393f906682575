"""VGA, with linear modes beyond it.

Registers as in the IBM PS/2 Hardware Interface Technical Reference, Video Subsystem. The sequencer and the
graphics controller with the four memory planes are native (``engine/core/vga_planes.h``); here are the CRT
controller, the attribute controller, the general registers and the pace of frames. The palette DAC is
``vga_dac.py``, modes beyond VGA ``vga_dispi.py``, and what the registers mean for the picture
``vga_picture.py``.

A change of registers in the middle of a frame shows from the next frame on.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from engine import _core
from engine.bus import Port, PortRange
from engine.clock import Clock
from engine.devices.device import ResetKind, copy_state
from engine.devices.svga_cursor import Pixels
from engine.devices.svga_vmware import FIFO_BYTES, SvgaState, SvgaVmware
from engine.devices.vga_dac import Dac, DacState
from engine.devices.vga_dispi import DAC_8BIT, Dispi, DispiState
from engine.devices.vga_frame import Frame
from engine.devices.vga_picture import DisplayMode, RegisterFiles, decode_mode
from engine.devices.vga_timing import MIN_TICK_NS, Timing, crtc_timing, linear_timing
from engine.errors import StateError

MEGABYTE: Final = 1 << 20
LINEAR_FRAME_BUFFER: Final = 0xE0000000
EXTRA_BYTES: Final = _core.VgaPlanes.TEXT_BUFFER_BYTES + FIFO_BYTES  # backing beside the video memory

# Miscellaneous output register (3C2h).
MISC_COLOUR_PORTS: Final = 0x01  # CRTC at 3D4h; clear: at 3B4h

# Input status register 1 (3DAh).
STATUS_DISPLAY_DISABLED: Final = 0x01
STATUS_VERTICAL_RETRACE: Final = 0x08

# CRTC registers that need more than being stored.
CRTC_OVERFLOW: Final = 0x07
CRTC_VERTICAL_RETRACE_END: Final = 0x11
CRTC_PROTECT: Final = 0x80
CRTC_REGISTERS: Final = 0x19
_TIMING_REGISTERS: Final = frozenset((0x00, 0x01, 0x06, 0x07, 0x10, 0x11, 0x12, 0x17))

ATTRIBUTE_REGISTERS: Final = 0x15
_ATTRIBUTE_BITS: Final = (0x3F,) * 16 + (0xEF, 0xFF, 0x3F, 0x0F, 0x0F)
_PALETTE_ADDRESS_SOURCE: Final = 0x20

# Frames for which the cursor, and blinking characters, stay as they are.
_CURSOR_FRAMES: Final = 8
_BLINK_FRAMES: Final = 16


@dataclass(slots=True)
class VgaState:
    misc_output: int = 0
    feature_control: int = 0
    subsystem_enable: int = 0x01
    crtc_index: int = 0
    crtc: bytearray = field(default_factory=lambda: bytearray(CRTC_REGISTERS))
    attribute_index: int = 0  # with bit 5, palette address source
    attribute_data_next: bool = False  # the flip-flop behind port 3C0h
    attribute: bytearray = field(default_factory=lambda: bytearray(ATTRIBUTE_REGISTERS))
    retrace_cleared_ns: int = 0  # when the vertical retrace interrupt was last cleared
    # Filled in by save() from the parts that hold them.
    sequencer_index: int = 0
    sequencer: bytes = bytes(8)
    graphics_index: int = 0
    graphics: bytes = bytes(16)
    latches: int = 0
    dac: DacState = field(default_factory=DacState)
    dispi: DispiState = field(default_factory=DispiState)
    svga: SvgaState = field(default_factory=SvgaState)
    video_memory: bytes = b""


class Vga:
    """The display adapter. ``port_map`` counts from port 0, for VGA's ports are fixed; the memory window, the
    linear frame buffer and the ports of the native part it attaches itself.

    ``memory`` must have room for ``vram_mb`` MiB and ``EXTRA_BYTES`` of extra backing.
    ``frame_ready`` is called on the worker thread when the picture changed while it is watched, and then not
    again before ``take_dirty``.
    """

    def __init__(
        self,
        memory: _core.PhysicalMemory,
        bus: _core.Bus,
        clock: Clock,
        vram_mb: int = 16,
        frame_ready: Callable[[], None] | None = None,
        lfb_base: int | None = LINEAR_FRAME_BUFFER,
    ) -> None:
        self._memory = memory
        self._clock = clock
        self.frame_ready = frame_ready
        self.planes = _core.VgaPlanes(memory, vram_mb * MEGABYTE)
        self.planes.attach(bus)
        self._converter = _core.PixelConverter(self.planes)
        self.dac = Dac(self._picture_changed)
        self.dispi = Dispi(vram_mb * MEGABYTE, self._mode_entered, self._dispi_changed)
        self._fifo_offset = memory.allocate(FIFO_BYTES)
        fifo = memory.backing[self._fifo_offset : self._fifo_offset + FIFO_BYTES]
        self.svga = SvgaVmware(self.planes.memory, fifo, self._svga_changed, self.planes.mark_dirty)
        self._state = VgaState()
        self._changed = True
        self._timing_changed = True
        self._timing = crtc_timing(0, 0, self._state.crtc)
        # The frame that the next refresh makes, and what decides where it is: whether it is in video memory, the
        # offset of its first pixel, width, height, stride.
        self._next_frame = Frame(self._converter.surface[:0], 0, 0, 0)
        self._place = (False, 0, 0, 0, 0)
        self._mode = self._decode()
        self._lock = threading.Lock()
        self._dirty: tuple[int, int] | None = None
        self._awaiting_pull = False
        self._watched = False
        self._tick_id = 0
        self.generation = 0
        self.frame = Frame(self._converter.surface[:0], 0, 0, 0)
        self.scale = (1, 1)  # DisplayMode.scale of the frame
        self._lfb_base: int | None = None
        self._fifo_base: int | None = None
        self.map_linear_frame_buffer(lfb_base)

    # -- The device contract --------------------------------------------------------------------------------

    def port_map(self) -> list[Port | PortRange]:
        dispi = [dataclasses.replace(ports, offset=0x1CE + ports.offset) for ports in self.dispi.port_map()]
        return [
            *dispi,
            Port(0x3B4, self._on_mono(self._read_crtc_index), self._on_mono_write(self._write_crtc_index)),
            Port(0x3B5, self._on_mono(self._read_crtc), self._on_mono_write(self._write_crtc)),
            Port(0x3BA, self._on_mono(self._read_input_status_1), self._on_mono_write(self._write_feature_control)),
            Port(0x3C0, self._read_attribute_index, self._write_attribute),
            Port(0x3C1, self._read_attribute),
            Port(0x3C2, self._read_input_status_0, self._write_misc_output),
            Port(0x3C3, self._read_subsystem_enable, self._write_subsystem_enable),
            Port(0x3C6, self.dac.read_pel_mask, self.dac.write_pel_mask),
            Port(0x3C7, self.dac.read_dac_state, self.dac.write_read_index),
            Port(0x3C8, self.dac.read_write_index, self.dac.write_write_index),
            Port(
                0x3C9,
                self.dac.read_data,
                self.dac.write_data,
                read_block=self.dac.read_data_block,
                write_block=self.dac.write_data_block,
            ),
            Port(0x3CA, lambda: self._state.feature_control),
            Port(0x3CC, lambda: self._state.misc_output),
            Port(0x3D4, self._on_colour(self._read_crtc_index), self._on_colour_write(self._write_crtc_index)),
            Port(0x3D5, self._on_colour(self._read_crtc), self._on_colour_write(self._write_crtc)),
            Port(0x3DA, self._on_colour(self._read_input_status_1), self._on_colour_write(self._write_feature_control)),
        ]

    def reset(self, kind: ResetKind) -> None:
        self._state = VgaState()
        for index in range(8):
            self.planes.write_sequencer(index, 0)
        for index in range(16):
            self.planes.write_graphics(index, 0)
        self.planes.sequencer_index = self.planes.graphics_index = 0
        self.dac.state = DacState()
        self.dispi.reset()
        self.svga.reset(kind)
        self._dispi_changed()
        if kind is ResetKind.POWER_ON:
            self.planes.clear()
        self._registers_loaded()

    def save(self) -> VgaState:
        state = copy_state(self._state)
        state.sequencer_index = self.planes.sequencer_index
        state.sequencer = self.planes.sequencer
        state.graphics_index = self.planes.graphics_index
        state.graphics = self.planes.graphics
        state.latches = self.planes.latches
        state.dac = copy_state(self.dac.state)
        state.dispi = copy_state(self.dispi.state)
        state.svga = self.svga.save()
        state.video_memory = bytes(self.planes.memory)
        return state

    def load(self, state: VgaState) -> None:
        """Raises StateError when the state is of another adapter (video memory of another size)."""
        state = copy_state(state)
        if len(state.video_memory) != self.planes.length:
            raise StateError(
                f"The saved display adapter has {len(state.video_memory) >> 20} MB of video memory, this one "
                f"{self.planes.length >> 20} MB. Set the machine's video memory to what it was."
            )
        sizes = (len(state.crtc), len(state.attribute), len(state.sequencer), len(state.graphics))
        dac_fits = len(state.dac.colours) == 768 and 0 <= state.dac.component < 3
        if sizes != (CRTC_REGISTERS, ATTRIBUTE_REGISTERS, 8, 16) or not dac_fits or not self.dispi.load(state.dispi):
            raise StateError("The saved state of the display adapter is damaged.")
        self.svga.load(state.svga)
        self._state = state
        self.dac.state = state.dac
        self.planes.load(state.video_memory)
        state.video_memory = b""
        for index, value in enumerate(state.sequencer):
            self.planes.write_sequencer(index, value)
        for index, value in enumerate(state.graphics):
            self.planes.write_graphics(index, value)
        self.planes.sequencer_index = state.sequencer_index
        self.planes.graphics_index = state.graphics_index
        self.planes.latches = state.latches
        self._dispi_changed()
        self._registers_loaded()

    def _registers_loaded(self) -> None:
        self._timing_changed = self._changed = True
        self._converter.redraw()

    # -- The picture ------------------------------------------------------------------------------------------

    @property
    def mode(self) -> DisplayMode:
        """What the registers show now."""
        self._update_mode()
        return self._mode

    @property
    def watched(self) -> bool:
        return self._watched

    def watch(self, interested: bool) -> None:
        """Worker thread: whether somebody looks at the screen. While so, frames are made at the guest's refresh
        rate (60 Hz at most) as long as anything changes; otherwise only ``refresh`` makes them."""
        self._watched = interested
        if interested and self._tick_id == 0:
            self._schedule_tick()

    def refresh(self) -> bool:
        """Worker thread: brings the surface up to date; whether anything on it changed."""
        self.svga.run_fifo()
        self._update_mode()
        number = self._clock.now_ns // self._current_timing().frame_ns
        rows = self._convert(not number & _CURSOR_FRAMES, not number & _BLINK_FRAMES)
        if rows is None:
            return False
        with self._lock:
            if self._dirty is not None and self._next_frame is self.frame:
                rows = (min(rows[0], self._dirty[0]), max(rows[1], self._dirty[1]))
            self._dirty = rows
            self.frame = self._next_frame
            self.scale = self._mode.scale
            self.generation += 1
        return True

    def _convert(self, cursor_visible: bool, blink_visible: bool) -> tuple[int, int] | None:
        """The rows that changed. The hardware cursor lies over a copy of the picture, never in video memory."""
        moved = self.svga.cursor_changed
        if moved:
            self._choose_surface()
        in_place = self._place[0]
        if in_place:
            self.svga.forget_cursor()
        if in_place or (not moved and not self.svga.cursor_shown):
            return self._converter.convert(cursor_visible, blink_visible)
        pixels = self._pixels()
        bare = self.svga.take_cursor_off(pixels)
        rows = self._converter.convert(cursor_visible, blink_visible)
        covered = self.svga.put_cursor(pixels)
        return _joined(rows, _joined(bare, covered)) if moved else rows

    def _pixels(self) -> Pixels:
        """The surface as rows and columns."""
        _, width, height, _ = self._next_frame
        return np.frombuffer(self._converter.surface, "<u4", width * height).reshape(height, width)

    def take_dirty(self) -> tuple[int, int] | None:
        """Any thread: the first and the last row that changed since the last call."""
        with self._lock:
            rows, self._dirty = self._dirty, None
            self._awaiting_pull = False
        return rows

    def text_cells(self) -> tuple[int, bytes]:
        """Worker thread: columns, and character and attribute of every cell shown; (0, b"") in graphics modes."""
        self._update_mode()
        return self._mode.columns, self._converter.text_cells()

    def cursor(self) -> tuple[int, int] | None:
        """Worker thread: column and row of the hardware text cursor, None when it is off or outside."""
        self._update_mode()
        return self._converter.cursor()

    def _decode(self) -> DisplayMode:
        state = self._state
        registers = RegisterFiles(
            self.planes.sequencer,
            self.planes.graphics,
            state.crtc,
            state.attribute,
            bool(state.attribute_index & _PALETTE_ADDRESS_SOURCE),
            self.dac.state.pel_mask,
            self.dac.colour,
        )
        mode = self.svga.mode() if self.svga.shown else decode_mode(registers, self.dispi)
        self._converter.set_picture(mode.picture)
        self._choose_surface()
        return mode

    def _choose_surface(self) -> None:
        """Video memory itself where it holds the finished picture; else the converter's surface."""
        shown = self._converter.picture
        in_place = self._converter.picture_is_in_memory and not self.svga.cursor_shown
        self._converter.set_in_place(in_place)
        surface, start, stride = self._converter.surface, 0, shown.width * 4
        if in_place:
            surface, start, stride = self.planes.memory, shown.origin, shown.pitch
        place = (in_place, start, shown.width, shown.height, stride)
        if place != self._place:
            self._place = place
            length = stride * (shown.height - 1) + shown.width * 4
            self._next_frame = Frame(surface[start : start + length], shown.width, shown.height, stride)

    def _update_mode(self) -> None:
        if self.planes.take_registers_changed():
            self._changed = self._timing_changed = True
        if self._changed:
            self._changed = False
            self._mode = self._decode()

    def _picture_changed(self) -> None:
        self._changed = True

    # -- Modes beyond VGA ---------------------------------------------------------------------------------------

    def map_linear_frame_buffer(self, base: int | None) -> None:
        """Puts the frame buffer at a physical address (PCI base address register), or nowhere."""
        length = self.planes.length
        if self._lfb_base is not None:
            self._memory.unmap(self._lfb_base, length)
        self._lfb_base = None
        if base is not None and base % 4096 == 0 and self._memory.ram_bytes <= base <= (1 << 32) - length:
            flags = self._memory.PAGE_READ | self._memory.PAGE_WRITE | self._memory.PAGE_TRACK_DIRTY
            self._memory.map_backed(base, length, self.planes.offset, flags)
            self._lfb_base = base
        self.svga.frame_buffer_base = self._lfb_base or 0

    def map_fifo(self, base: int | None) -> None:
        """Puts the command FIFO at a physical address (PCI base address register), or nowhere."""
        if self._fifo_base is not None:
            self._memory.unmap(self._fifo_base, FIFO_BYTES)
        self._fifo_base = None
        if base is not None and base % 4096 == 0 and self._memory.ram_bytes <= base <= (1 << 32) - FIFO_BYTES:
            flags = self._memory.PAGE_READ | self._memory.PAGE_WRITE
            self._memory.map_backed(base, FIFO_BYTES, self._fifo_offset, flags)
            self._fifo_base = base
        self.svga.fifo_base = self._fifo_base or 0

    @property
    def linear_frame_buffer(self) -> int | None:
        return self._lfb_base

    def _mode_entered(self, clear: bool) -> None:
        state = self.dispi.state
        if self.dispi.planar:
            # Firmware knows 16-colour modes as VGA's own: planar addressing through the 64 KiB window.
            self.planes.write_sequencer(2, 0x0F)
            self.planes.write_sequencer(4, 0x06)
            self.planes.write_graphics(5, self.planes.graphics[5] & 0x0B)
            self.planes.write_graphics(6, 0x05)
        self.planes.set_bank(not self.dispi.planar, 0)
        if clear:
            length = self.dispi.pitch * state.yres * (4 if self.dispi.planar else 1)
            self.planes.memory[:length] = bytes(length)
        self._converter.redraw()

    def _svga_changed(self) -> None:
        self.planes.allow_text_window(not self.svga.shown)
        self.svga.forget_cursor()
        self._changed = self._timing_changed = True
        self._converter.redraw()

    def _dispi_changed(self) -> None:
        enabled = self.dispi.enabled
        self.planes.set_bank(enabled and not self.dispi.planar, self.dispi.state.bank if enabled else 0)
        self.dac.set_wide(bool(self.dispi.state.enable & DAC_8BIT))
        self._changed = self._timing_changed = True

    # -- Pace of frames -------------------------------------------------------------------------------------------

    def _current_timing(self) -> Timing:
        if self._timing_changed:
            self._timing_changed = False
            if self.svga.shown:
                self._timing = linear_timing(self.svga.size[1])
            elif self.dispi.enabled:
                self._timing = linear_timing(self.dispi.state.yres)
            else:
                self._timing = crtc_timing(self._state.misc_output, self.planes.sequencer[1], self._state.crtc)
        return self._timing

    @property
    def refresh_hz(self) -> float:
        return self._current_timing().refresh_hz

    def _schedule_tick(self) -> None:
        self._tick_id = self._clock.call_in(max(self._current_timing().frame_ns, MIN_TICK_NS), self._tick)

    def _tick(self) -> None:
        self._tick_id = 0
        if not self._watched:
            return
        self._schedule_tick()
        # One picture waits for its consumer at a time; what changes meanwhile goes into the next.
        if self._awaiting_pull or not self.refresh():
            return
        self._awaiting_pull = True
        if self.frame_ready is not None:
            self.frame_ready()

    # -- General registers ----------------------------------------------------------------------------------------

    def _on_mono(self, read: Callable[[], int]) -> Callable[[], int]:
        return lambda: 0xFF if self._state.misc_output & MISC_COLOUR_PORTS else read()

    def _on_colour(self, read: Callable[[], int]) -> Callable[[], int]:
        return lambda: read() if self._state.misc_output & MISC_COLOUR_PORTS else 0xFF

    def _on_mono_write(self, write: Callable[[int], None]) -> Callable[[int], None]:
        return lambda value: None if self._state.misc_output & MISC_COLOUR_PORTS else write(value)

    def _on_colour_write(self, write: Callable[[int], None]) -> Callable[[int], None]:
        return lambda value: write(value) if self._state.misc_output & MISC_COLOUR_PORTS else None

    def _write_misc_output(self, value: int) -> None:
        self._state.misc_output = value
        self._timing_changed = True

    def _read_subsystem_enable(self) -> int:
        return self._state.subsystem_enable

    def _write_subsystem_enable(self, value: int) -> None:
        self._state.subsystem_enable = value

    def _write_feature_control(self, value: int) -> None:
        self._state.feature_control = value & 0x0F

    def _read_input_status_0(self) -> int:
        """Bit 4: the monitor sense answers a colour monitor; bit 7: a vertical retrace since it was cleared."""
        status = 0x10
        if self._state.crtc[CRTC_VERTICAL_RETRACE_END] & 0x10:
            timing = self._current_timing()
            sync_ns = timing.sync_first * timing.line_ns
            now_frame = (self._clock.now_ns - sync_ns) // timing.frame_ns
            if now_frame > (self._state.retrace_cleared_ns - sync_ns) // timing.frame_ns:
                status |= 0x80
        return status

    def _read_input_status_1(self) -> int:
        self._state.attribute_data_next = False
        timing = self._timing if not self._timing_changed else self._current_timing()
        at = self._clock.now_ns % timing.frame_ns
        line = at // timing.line_ns
        if line >= timing.display_lines:
            if timing.sync_first <= line < timing.sync_end:
                return STATUS_DISPLAY_DISABLED | STATUS_VERTICAL_RETRACE
            return STATUS_DISPLAY_DISABLED
        return STATUS_DISPLAY_DISABLED if at - line * timing.line_ns >= timing.display_ns else 0

    # -- CRT controller ---------------------------------------------------------------------------------------------

    def _read_crtc_index(self) -> int:
        return self._state.crtc_index

    def _write_crtc_index(self, value: int) -> None:
        self._state.crtc_index = value & 0x3F

    def _read_crtc(self) -> int:
        index = self._state.crtc_index
        return self._state.crtc[index] if index < CRTC_REGISTERS else 0

    def _write_crtc(self, value: int) -> None:
        state = self._state
        index, crtc = state.crtc_index, state.crtc
        if index >= CRTC_REGISTERS:
            return
        if index <= CRTC_OVERFLOW and crtc[CRTC_VERTICAL_RETRACE_END] & CRTC_PROTECT:
            if index != CRTC_OVERFLOW:
                return
            value = crtc[index] & ~0x10 | value & 0x10  # line compare bit 8 stays writable
        if index == CRTC_VERTICAL_RETRACE_END and not value & 0x10:
            state.retrace_cleared_ns = self._clock.now_ns
        if crtc[index] == value:
            return
        crtc[index] = value
        self._changed = True
        if index in _TIMING_REGISTERS:
            self._timing_changed = True

    # -- Attribute controller -----------------------------------------------------------------------------------------

    def _read_attribute_index(self) -> int:
        return self._state.attribute_index

    def _read_attribute(self) -> int:
        index = self._state.attribute_index & 0x1F
        return self._state.attribute[index] if index < ATTRIBUTE_REGISTERS else 0

    def _write_attribute(self, value: int) -> None:
        state = self._state
        state.attribute_data_next = not state.attribute_data_next
        if state.attribute_data_next:
            if (state.attribute_index ^ value) & _PALETTE_ADDRESS_SOURCE:
                self._changed = True
            state.attribute_index = value & 0x3F
            return
        index = state.attribute_index & 0x1F
        if index < ATTRIBUTE_REGISTERS:
            state.attribute[index] = value & _ATTRIBUTE_BITS[index]
            self._changed = True


def _joined(a: tuple[int, int] | None, b: tuple[int, int] | None) -> tuple[int, int] | None:
    """The rows that hold both."""
    if a is None or b is None:
        return a or b
    return min(a[0], b[0]), max(a[1], b[1])
