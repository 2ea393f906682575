"""VMware SVGA II: registers, the picture on the shared video memory, the command FIFO and the cursor."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.board_bus import attach
from engine.devices.device import ResetKind
from engine.devices.svga_fifo import (
    CMD_DEFINE_ALPHA_CURSOR,
    CMD_DEFINE_CURSOR,
    CMD_DISPLAY_CURSOR,
    CMD_FENCE,
    CMD_MOVE_CURSOR,
    CMD_RECT_COPY,
    CMD_RECT_FILL,
    CMD_RECT_ROP_FILL,
    CMD_UPDATE,
    FIFO_BUSY,
)
from engine.devices.svga_vmware import (
    CAP_RECT_COPY,
    ENABLE_ENABLE,
    ENABLE_HIDE,
    FIFO_BYTES,
    ID_2,
    MAX_WIDTH,
    PALETTE_BASE,
    REG_BITS_PER_PIXEL,
    REG_BUSY,
    REG_BYTES_PER_LINE,
    REG_CAPABILITIES,
    REG_CONFIG_DONE,
    REG_DEPTH,
    REG_ENABLE,
    REG_FB_START,
    REG_GREEN_MASK,
    REG_HEIGHT,
    REG_ID,
    REG_MAX_WIDTH,
    REG_MEM_SIZE,
    REG_MEM_START,
    REG_PSEUDOCOLOR,
    REG_SYNC,
    REG_VRAM_SIZE,
    REG_WIDTH,
    SCRATCH_BASE,
)
from engine.errors import StateError
from tests.engine.devices.vga_rig import VgaRig

PORT = 0x1070
FRAME_BUFFER, FIFO = 0xE0000000, 0xE8000000
WIDTH, HEIGHT = 64, 48


class SvgaRig(VgaRig):
    """The adapter in a 64x48 mode of 32 bits, FIFO set up, as a driver leaves it."""

    def __init__(self) -> None:
        super().__init__()
        attach(self.bus, self.vga.svga, PORT, "svga")
        self.vga.map_linear_frame_buffer(FRAME_BUFFER)
        self.vga.map_fifo(FIFO)
        self.next = 16

    def put(self, register: int, value: int) -> None:
        self.bus.port_write(PORT, register, 4)
        self.bus.port_write(PORT + 1, value, 4)

    def get(self, register: int) -> int:
        self.bus.port_write(PORT, register, 4)
        return self.bus.port_read(PORT + 1, 4)

    def enter(self, depth: int = 32, first: int = 16, end: int = 4096) -> None:
        for register, value in ((REG_WIDTH, WIDTH), (REG_HEIGHT, HEIGHT), (REG_BITS_PER_PIXEL, depth)):
            self.put(register, value)
        self.put(REG_ENABLE, 1)
        self.memory.write(FIFO, struct.pack("<IIII", first, end, first, first))
        self.first, self.end, self.next = first, end, first
        self.put(REG_CONFIG_DONE, 1)

    def queue(self, *words: int) -> None:
        for word in words:
            self.memory.write(FIFO + self.next, struct.pack("<I", word & 0xFFFFFFFF))
            self.next += 4
            if self.next == self.end:
                self.next = self.first
        self.memory.write(FIFO + 8, struct.pack("<I", self.next))

    def run(self, *words: int) -> None:
        self.queue(*words)
        self.put(REG_SYNC, 1)
        assert self.get(REG_BUSY) == 0

    def pixels(self) -> NDArray[np.uint32]:
        self.vga.refresh()
        surface, width, height, stride = self.vga.frame
        pixels = np.ndarray((height, width), "<u4", surface, strides=(stride, 4))
        return np.asarray(pixels & 0xFFFFFF, np.uint32)


@pytest.fixture
def rig() -> SvgaRig:
    return SvgaRig()


# -- Registers


def test_identity_and_sizes(rig: SvgaRig) -> None:
    rig.put(REG_ID, ID_2)
    assert rig.get(REG_ID) == ID_2
    rig.put(REG_ID, 0x90000007)  # a newer driver asks for more than there is
    assert rig.get(REG_ID) == ID_2
    assert rig.get(REG_FB_START) == FRAME_BUFFER and rig.get(REG_VRAM_SIZE) == 4 << 20
    assert rig.get(REG_MEM_START) == FIFO and rig.get(REG_MEM_SIZE) == FIFO_BYTES
    assert rig.get(REG_MAX_WIDTH) == MAX_WIDTH
    assert rig.get(REG_CAPABILITIES) & CAP_RECT_COPY
    assert rig.get(SCRATCH_BASE) == 0
    rig.put(SCRATCH_BASE, 0x12345678)
    assert rig.get(SCRATCH_BASE) == 0x12345678
    assert rig.get(5000) == 0


@pytest.mark.parametrize(
    ("depth", "significant", "green", "pitch"), [(8, 8, 0, 64), (16, 16, 0x07E0, 128), (32, 24, 0xFF00, 256)]
)
def test_depths(rig: SvgaRig, depth: int, significant: int, green: int, pitch: int) -> None:
    rig.enter(depth)
    assert rig.get(REG_DEPTH) == significant
    assert rig.get(REG_GREEN_MASK) == green
    assert rig.get(REG_BYTES_PER_LINE) == pitch
    assert rig.get(REG_PSEUDOCOLOR) == (depth == 8)


def test_a_mode_beyond_video_memory_is_not_entered(rig: SvgaRig) -> None:
    rig.enter()
    rig.put(REG_WIDTH, MAX_WIDTH)
    rig.put(REG_HEIGHT, 1600)
    assert rig.get(REG_WIDTH) * rig.get(REG_HEIGHT) * 4 <= 4 << 20
    rig.put(REG_WIDTH, 0)
    rig.put(REG_BITS_PER_PIXEL, 7)
    assert rig.get(REG_WIDTH) and rig.get(REG_BITS_PER_PIXEL) == 32


def test_enabling_shows_video_memory_and_disabling_the_vga_again(rig: SvgaRig) -> None:
    rig.set_mode(3)
    rig.vga.refresh()
    text = rig.vga.frame
    rig.enter()
    rig.memory.write(FRAME_BUFFER + 256 * 2 + 4 * 5, struct.pack("<I", 0x00AABBCC))
    pixels = rig.pixels()
    assert pixels.shape == (HEIGHT, WIDTH) and pixels[2, 5] == 0xAABBCC
    rig.put(REG_ENABLE, 0)
    rig.vga.refresh()
    assert rig.vga.frame == text


def test_hidden_the_vga_keeps_the_picture_and_the_fifo_runs(rig: SvgaRig) -> None:
    rig.set_mode(3)
    rig.vga.refresh()
    text = rig.vga.frame
    rig.enter()
    rig.put(REG_ENABLE, ENABLE_ENABLE | ENABLE_HIDE)
    rig.run(CMD_RECT_FILL, 0x00C0FFEE, 5, 2, 1, 1)
    rig.vga.refresh()
    assert rig.vga.frame == text and rig.get(REG_ENABLE) == ENABLE_ENABLE | ENABLE_HIDE
    rig.put(REG_ENABLE, ENABLE_ENABLE)
    assert rig.pixels()[2, 5] == 0xC0FFEE


def test_text_of_the_console_before_does_not_come_back_over_the_picture(rig: SvgaRig) -> None:
    rig.set_mode(3)
    rig.write(0xB8000, b" \x07" * 2000)
    rig.enter()
    picture = struct.pack("<I", 0x00FFFFFF) * (WIDTH * HEIGHT)
    rig.memory.write(FRAME_BUFFER, picture)
    assert (rig.pixels() == 0xFFFFFF).all()
    # Driver and firmware share one memory: what the window takes now is drawn over, and nothing but that.
    for _ in range(100):
        rig.read(0xB8000, 1)
    rig.memory.write(FRAME_BUFFER, picture)
    assert (rig.pixels() == 0xFFFFFF).all()


def test_palette_of_256_colours(rig: SvgaRig) -> None:
    rig.enter(8)
    for index, value in enumerate((0x11, 0x22, 0x33)):
        rig.put(PALETTE_BASE + 3 * 7 + index, value)
    rig.memory.write(FRAME_BUFFER, b"\x07")
    assert rig.pixels()[0, 0] == 0x112233


# -- FIFO


def test_fill_and_copy(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_RECT_FILL, 0x00FF0000, 4, 3, 5, 2, CMD_UPDATE, 0, 0, WIDTH, HEIGHT)
    rig.run(CMD_RECT_COPY, 4, 3, 6, 4, 5, 2)  # overlapping
    pixels = rig.pixels()
    assert (pixels[3, 4:9] == 0xFF0000).all() and (pixels[4:6, 6:11] == 0xFF0000).all()
    assert np.count_nonzero(pixels) == 10 + 10 - 3


def test_rectangles_are_cut_at_the_edges(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_RECT_FILL, 0xFFFFFF, WIDTH - 2, HEIGHT - 1, 0xFFFFFFFF, 0xFFFFFFFF)
    rig.run(CMD_RECT_FILL, 0xFFFFFF, 0xFFFFFFF0, 0, 10, 10)
    rig.run(CMD_RECT_COPY, 0xFFFFFFFF, 0, 0, 0, 5, 5)
    rig.run(CMD_RECT_ROP_FILL, 0xFFFFFF, 0, 0, 1, 1, 6)  # a raster operation that is not offered
    assert np.count_nonzero(rig.pixels()) == 2


def test_commands_wrap_around_the_ring(rig: SvgaRig) -> None:
    rig.enter(first=16, end=16 + 4 * 13)
    for row in range(20):
        rig.run(CMD_RECT_FILL, row + 1, 0, row, 1, 1)
    assert rig.pixels()[:20, 0].tolist() == list(range(1, 21))


def test_a_command_that_is_not_whole_yet_waits(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_RECT_FILL, 0xFFFFFF, 0, 0)
    assert not rig.pixels().any()
    rig.run(1, 1)
    assert rig.pixels()[0, 0] == 0xFFFFFF


def test_commands_run_without_a_sync_once_a_frame(rig: SvgaRig) -> None:
    rig.enter()
    rig.queue(CMD_FENCE, 1, CMD_RECT_FILL, 0xFFFFFF, 0, 0, 1, 1)
    assert rig.pixels()[0, 0] == 0xFFFFFF


def test_the_busy_word_is_cleared_when_a_sync_was_heard(rig: SvgaRig) -> None:
    # Linux's vmwgfx writes SYNC only when it finds the word clear; a small header has none.
    rig.enter(first=2048, end=8192)
    rig.memory.write(FIFO + FIFO_BUSY * 4, b"\1\0\0\0")
    rig.run(CMD_RECT_FILL, 5, 0, 0, 1, 1)
    assert rig.memory.read(FIFO + FIFO_BUSY * 4, 4) == bytes(4)
    rig.enter()
    rig.memory.write(FIFO + FIFO_BUSY * 4, b"\1\0\0\0")
    rig.run(CMD_RECT_FILL, 5, 0, 0, 1, 1)
    assert rig.memory.read(FIFO + FIFO_BUSY * 4, 4) == b"\1\0\0\0"


def test_unknown_commands_are_thrown_away(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(0xDEADBEEF, 1, 2, 3)
    rig.run(CMD_RECT_FILL, 5, 0, 0, 1, 1)
    assert rig.pixels()[0, 0] == 5


@pytest.mark.parametrize(
    "header", [(0, 4096, 0, 0), (16, 1 << 30, 16, 16), (16, 4096, 6, 16), (16, 4096, 16, 4096), (64, 32, 32, 32)]
)
def test_a_broken_header_stops_the_fifo(rig: SvgaRig, header: tuple[int, int, int, int]) -> None:
    rig.enter()
    rig.queue(CMD_RECT_FILL, 5, 0, 0, 1, 1)
    rig.memory.write(FIFO, struct.pack("<IIII", *header))
    rig.put(REG_SYNC, 1)
    assert rig.get(REG_BUSY) == 0 and not rig.pixels().any()
    rig.put(REG_CONFIG_DONE, 1)
    assert rig.get(REG_CONFIG_DONE) == 0


def test_noise_in_the_fifo_does_no_harm(rig: SvgaRig) -> None:
    chance = random.Random(5)
    for _ in range(60):
        rig.enter()
        words = [
            chance.choice((chance.randrange(32), chance.getrandbits(32), chance.randrange(64))) for _ in range(900)
        ]
        rig.queue(*words)
        for _ in range(50):
            rig.put(REG_SYNC, 1)
        rig.vga.refresh()


# -- Cursor


def test_a_masked_cursor_covers_and_inverts_and_comes_off(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_RECT_FILL, 0x00FF00, 0, 0, WIDTH, HEIGHT)
    # 2x2, hot spot 1,1: white, black / transparent, inverting. AND rows 0, 3; XOR rows of 32 bits a pixel.
    rig.run(CMD_DEFINE_CURSOR, 0, 1, 1, 2, 2, 1, 32, 0x00, 0xC0, 0xFFFFFF, 0, 0, 0xFFFFFF)
    rig.run(CMD_MOVE_CURSOR, 11, 21, CMD_DISPLAY_CURSOR, 0, 1)
    pixels = rig.pixels()
    assert pixels[20:22, 10:12].tolist() == [[0xFFFFFF, 0], [0x00FF00, 0xFF00FF]]
    rig.run(CMD_MOVE_CURSOR, 0, 0)  # partly outside
    pixels = rig.pixels()
    assert pixels[0, 0] == 0xFF00FF and (pixels[20:22, 10:12] == 0x00FF00).all()
    rig.run(CMD_DISPLAY_CURSOR, 0, 0)
    assert (rig.pixels() == 0x00FF00).all()


def test_the_cursor_is_never_in_video_memory(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_RECT_FILL, 0x123456, 0, 0, WIDTH, HEIGHT)
    rig.run(CMD_DEFINE_ALPHA_CURSOR, 0, 0, 0, 1, 1, 0xFFFFFFFF, CMD_MOVE_CURSOR, 5, 5)
    assert rig.pixels()[5, 5] == 0x123456
    bare = rig.vga.frame
    rig.run(CMD_DISPLAY_CURSOR, 0, 1)
    assert rig.pixels()[5, 5] == 0xFFFFFF
    covered = rig.vga.frame
    assert covered is not bare and bare.surface[5 * 256 + 5 * 4 : 5 * 256 + 5 * 4 + 3] == b"\x56\x34\x12"
    rig.run(CMD_MOVE_CURSOR, 6, 5)
    assert rig.pixels()[5, 5:7].tolist() == [0x123456, 0xFFFFFF] and rig.vga.frame is covered
    rig.run(CMD_DISPLAY_CURSOR, 0, 0)
    assert (rig.pixels() == 0x123456).all() and rig.vga.frame[1:] == bare[1:]
    assert rig.vga.frame.surface is not covered.surface


def test_an_alpha_cursor_blends(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_RECT_FILL, 0x0000FE, 0, 0, WIDTH, HEIGHT)
    rig.run(CMD_DEFINE_ALPHA_CURSOR, 0, 0, 0, 2, 1, 0xFF123456, 0x80800000)
    rig.run(CMD_DISPLAY_CURSOR, 0, 1, CMD_MOVE_CURSOR, 3, 3)
    pixels = rig.pixels()
    assert pixels[3, 3] == 0x123456
    assert pixels[3, 4] >> 16 == 0x80 and abs(int(pixels[3, 4] & 0xFF) - 0x7F) <= 1


def test_the_guest_drawing_under_the_cursor_is_seen_when_it_moves(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_DEFINE_ALPHA_CURSOR, 0, 0, 0, 1, 1, 0xFFFFFFFF, CMD_DISPLAY_CURSOR, 0, 1, CMD_MOVE_CURSOR, 5, 5)
    assert rig.pixels()[5, 5] == 0xFFFFFF
    rig.run(CMD_RECT_FILL, 0x0A0B0C, 0, 0, WIDTH, HEIGHT)
    assert rig.pixels()[5, 5] == 0xFFFFFF
    rig.run(CMD_MOVE_CURSOR, 9, 9)
    assert rig.pixels()[5, 5] == 0x0A0B0C


# -- Power, save and load


def test_state_is_taken_over(rig: SvgaRig) -> None:
    rig.enter()
    rig.run(CMD_RECT_FILL, 0x123456, 0, 0, 9, 9)
    rig.run(CMD_DEFINE_ALPHA_CURSOR, 0, 0, 0, 1, 1, 0xFFFFFFFF, CMD_DISPLAY_CURSOR, 0, 1, CMD_MOVE_CURSOR, 40, 40)
    other = SvgaRig()
    other.vga.load(rig.vga.save())
    assert (other.pixels() == rig.pixels()).all() and other.pixels()[40, 40] == 0xFFFFFF
    state = rig.vga.svga.save()
    state.width = 100_000
    with pytest.raises(StateError):
        other.vga.svga.load(state)


def test_reset_gives_the_picture_back_to_the_vga(rig: SvgaRig) -> None:
    rig.enter()
    rig.vga.reset(ResetKind.BUS)
    assert rig.get(REG_ENABLE) == 0 and rig.get(REG_CONFIG_DONE) == 0
