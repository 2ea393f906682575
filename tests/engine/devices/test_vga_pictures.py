"""From registers and video memory to pixels, mode by mode, and which rows are drawn again."""

from __future__ import annotations

import numpy as np
import pytest

from engine.console.rom_fonts import rom_font
from tests.engine.devices.vga_rig import BLACK, GREY, LFB, STANDARD_16, STANDARD_64, WHITE, VgaRig

FRAME_NS = 17_000_000
BLUE = (0, 0, 170)
GREEN = (0, 170, 0)
RED = (170, 0, 0)
MAGENTA = (170, 0, 170)
BROWN = (170, 85, 0)


def rgb(components: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = (value << 2 | value >> 4 for value in components)
    return red, green, blue


@pytest.fixture
def rig() -> VgaRig:
    return VgaRig()


def lit(rig: VgaRig, row: int, column: int, width: int = 9, height: int = 16) -> list[str]:
    """A text cell of the picture, a string of # and . for each row; the corner's colour is the background."""
    pixels = rig.screen.pixels()[row * height : (row + 1) * height, column * width : (column + 1) * width]
    return ["".join("#" if dot.any() else "." for dot in line) for line in pixels]


def glyph(code: int, height: int = 16) -> list[str]:
    font = rom_font(height)[code * height : (code + 1) * height]
    return [f"{bits:08b}".replace("0", ".").replace("1", "#") for bits in font]


# -- Text ----------------------------------------------------------------------------------------------------


def test_text_is_drawn_with_the_guests_font(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(3, 5, "R")
    assert (rig.screen.width, rig.screen.height) == (0, 0)
    assert lit(rig, 3, 5) == [line + "." for line in glyph(ord("R"))]
    assert rig.screen.frame[1:] == (720, 400, 2880)
    assert rig.vga.mode.name == "text 80x25"


def test_colours_of_a_cell(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(0, 0, "█ ", 0x4E)
    assert rig.pixel(3, 3) == (255, 255, 85)
    assert rig.pixel(12, 3) == RED


def test_ninth_column_repeats_only_line_graphics(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(0, 0, "█▐═")
    assert rig.pixel(8, 0) == GREY
    assert rig.pixel(17, 0) == GREY
    rig.attribute(0x10, 0x08)  # line graphics off
    assert rig.pixel(8, 0) == BLACK
    rig.sequencer(1, 0x01)
    assert rig.screen.pixels().shape == (400, 640, 3)


def test_forty_columns(rig: VgaRig) -> None:
    rig.set_mode(0x01)
    rig.print(24, 39, "Z", columns=40)
    assert rig.screen.pixels().shape == (400, 360, 3)
    assert lit(rig, 24, 39) == [line + "." for line in glyph(ord("Z"))]
    assert rig.screen.scale == (2, 1)


def test_monochrome_underline_and_intensity(rig: VgaRig) -> None:
    rig.set_mode(0x07)
    rig.print(0, 0, " ", 0x01)
    rig.print(0, 1, "█", 0x0F)
    assert rig.pixel(0, 13) == rgb(STANDARD_64[0x08])
    assert rig.pixel(8, 13) == rgb(STANDARD_64[0x08])
    assert rig.pixel(0, 12) == BLACK
    assert rig.pixel(9, 0) == rgb(STANDARD_64[0x18])


def test_attribute_bit_7_blinks_or_brightens(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.crtc(0x0A, 0x20)
    rig.print(0, 0, "█", 0x9F)
    states = set()
    for _ in range(40):
        states.add(rig.pixel(0, 0))
        rig.clock.advance(FRAME_NS)
    assert states == {WHITE, BLUE}
    rig.attribute(0x10, 0x04)  # intensity instead
    rig.print(0, 1, " ", 0x9F)
    states = set()
    for _ in range(40):
        states.add((rig.pixel(0, 0), rig.pixel(10, 0)))
        rig.clock.advance(FRAME_NS)
    assert states == {(WHITE, (85, 85, 255))}


def test_cursor_shape_place_and_blinking(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(2, 3, " ", 0x07)
    rig.crtc(0x0E, 0)
    rig.crtc(0x0F, 2 * 80 + 3)
    rig.crtc(0x0A, 5)
    rig.crtc(0x0B, 6)
    dark = "." * 9
    assert lit(rig, 2, 3) == [dark] * 5 + ["#" * 9] * 2 + [dark] * 9
    assert rig.screen.cursor() == (3, 2)
    phases = set()
    for _ in range(20):
        phases.add(rig.pixel(27, 37))
        rig.clock.advance(FRAME_NS)
    assert phases == {GREY, BLACK}
    rig.crtc(0x0A, 0x25)
    assert rig.screen.cursor() is None
    rig.clock.advance(FRAME_NS * 8)
    assert lit(rig, 2, 3) == [dark] * 16
    rig.crtc(0x0A, 7)  # start after end: none
    assert rig.screen.cursor() is None


def test_two_fonts_by_attribute_bit_3(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.load_font(8, block=1)
    rig.sequencer(3, 0x04)  # bit 3 set: block 1
    rig.print(0, 0, "A", 0x07)
    rig.print(0, 1, "A", 0x0F)
    assert lit(rig, 0, 0)[:8] == [line + "." for line in glyph(ord("A"))[:8]]
    assert lit(rig, 0, 1)[:8] == [line + "." for line in glyph(ord("A"), 8)]


def test_a_changed_font_shows_at_once(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(0, 0, "AAAA" * 500)
    rig.vga.refresh()
    rig.load_font(14)
    assert lit(rig, 5, 5)[:14] == [line + "." for line in glyph(ord("A"), 14)]


def test_start_address_scrolls_text(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(1, 0, "second")
    rig.crtc(0x0D, 80)
    assert rig.screen.text().splitlines()[0] == "second"
    rig.crtc(0x08, 3)  # preset row scan: three lines less of the first row
    pixels = rig.screen.pixels()
    whole = [line + "." for line in glyph(ord("s"))]
    assert ["".join("#" if dot.any() else "." for dot in line) for line in pixels[:13, :9]] == whole[3:]


def test_text_panning_moves_dots(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(0, 0, "RSTUV")
    before = rig.screen.pixels()
    rig.attribute(0x13, 2)  # with nine dots: three to the left
    after = rig.screen.pixels()
    assert (after[:, :-3] == before[:, 3:]).all()


def test_split_screen_starts_again_at_address_0(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    for row in range(50):
        rig.print(row, 0, f"row {row}")
    rig.crtc(0x0C, 25 * 80 >> 8)
    rig.crtc(0x0D, 25 * 80 & 0xFF)
    line = 20 * 16 - 1
    rig.crtc(0x18, line & 0xFF)
    rig.crtc(0x07, 0x1F & ~0x10 | (0x10 if line & 0x100 else 0))
    rig.crtc(0x09, 0x4F & ~0x40)
    lines = rig.screen.text().splitlines()
    assert lines[0] == "row 25" and lines[19] == "row 44"
    assert lines[20] == "row 0" and lines[24] == "row 4"


# -- Graphics of the CRTC ------------------------------------------------------------------------------------


def test_mode_13h(rig: VgaRig) -> None:
    rig.set_mode(0x13)
    rig.write(0xA0000 + 320 * 199 + 319, b"\x0c")
    rig.write(0xA0000, b"\x01\x02")
    assert rig.screen.pixels().shape == (200, 320, 3)
    assert [rig.pixel(0, 0), rig.pixel(1, 0), rig.pixel(319, 199)] == [BLUE, GREEN, (255, 85, 85)]
    assert (rig.screen.mode_name, rig.screen.scale) == ("320x200x256", (2, 2))


def test_pel_mask_and_palette_changes_show(rig: VgaRig) -> None:
    rig.set_mode(0x13)
    rig.write(0xA0000, b"\x12")
    rig.out(0x3C6, 0x0F)
    assert rig.pixel(0, 0) == GREEN
    rig.palette([(63, 0, 63)], first=2)
    assert rig.pixel(0, 0) == (255, 0, 255)


def test_mode_x_is_unchained_and_240_lines(rig: VgaRig) -> None:
    rig.mode_x()
    for plane in range(4):
        rig.sequencer(2, 1 << plane)
        rig.write(0xA0000 + 80 * 239 + 79, bytes((plane + 1,)))
    assert rig.screen.pixels().shape == (240, 320, 3)
    assert [rig.pixel(316 + x, 239) for x in range(4)] == [rgb(STANDARD_16[x + 1]) for x in range(4)]
    # A page further on, and two pixels to the left.
    rig.sequencer(2, 0x0F)
    rig.write(0xA0000 + 0x4B00, bytes(range(1, 81)))
    rig.crtc(0x0C, 0x4B)
    rig.attribute(0x13, 4)
    assert [rig.pixel(x, 0) for x in (0, 1, 2)] == [BLUE, BLUE, GREEN]


def test_four_planes(rig: VgaRig) -> None:
    rig.set_mode(0x12)
    rig.sequencer(2, 0b0101)
    rig.write(0xA0000 + 80 * 479 + 79, b"\x01")
    assert rig.screen.pixels().shape == (480, 640, 3)
    assert rig.pixel(639, 479) == MAGENTA
    assert rig.pixel(638, 479) == BLACK
    rig.attribute(0x12, 0b1011)  # plane 2 is not displayed
    assert rig.pixel(639, 479) == BLUE


def test_colour_select_extends_the_palette(rig: VgaRig) -> None:
    rig.set_mode(0x12)
    rig.palette([(1, 2, 3)], first=0x91)
    rig.write(0xA0000, b"\x80")
    rig.sequencer(2, 0x0E)
    rig.write(0xA0000, b"\x00")
    rig.attribute(0x14, 0x09)
    rig.attribute(0x10, 0x81)
    assert rig.pixel(0, 0) == rgb((1, 2, 3))


def test_planar_panning_by_dots_and_bytes(rig: VgaRig) -> None:
    rig.set_mode(0x12)
    rig.sequencer(2, 1)
    rig.write(0xA0000, b"\x00\x00\x10")
    assert rig.pixel(19, 0) == BLUE
    rig.attribute(0x13, 3)
    assert rig.pixel(16, 0) == BLUE
    rig.crtc(0x08, 0x40)
    assert rig.pixel(0, 0) == BLUE


def test_panning_stops_at_the_split_when_told(rig: VgaRig) -> None:
    rig.set_mode(0x12)
    rig.sequencer(2, 1)
    rig.write(0xA0000, b"\x08")
    rig.crtc(0x18, 99)
    rig.crtc(0x07, 0x3E & ~0x10)
    rig.crtc(0x09, 0)
    rig.attribute(0x13, 4)
    assert [rig.pixel(0, 0), rig.pixel(0, 100)] == [BLUE, BLUE]
    rig.attribute(0x10, 0x21)
    assert [rig.pixel(0, 0), rig.pixel(0, 100), rig.pixel(4, 100)] == [BLUE, BLACK, BLUE]


def test_200_lines_of_16_colours(rig: VgaRig) -> None:
    rig.set_mode(0x0D)
    rig.sequencer(2, 0x0C)
    rig.write(0xA0000 + 40 * 199 + 39, b"\x01")
    assert rig.screen.pixels().shape == (200, 320, 3)
    assert rig.pixel(319, 199) == rgb(STANDARD_16[12])
    assert rig.screen.scale == (2, 2)


def test_cga_four_colours_interleave_lines(rig: VgaRig) -> None:
    rig.set_mode(0x04)
    rig.write(0xB8000, b"\x1b\xe4")
    rig.write(0xBA000, b"\xff")
    rig.write(0xB8000 + 80, b"\x40")
    colours = [rgb(STANDARD_16[i]) for i in (0, 11, 13, 15)]
    assert [rig.pixel(x, 0) for x in range(8)] == [colours[i] for i in (0, 1, 2, 3, 3, 2, 1, 0)]
    assert rig.pixel(0, 1) == colours[3]
    assert rig.pixel(0, 2) == colours[1]
    assert (rig.screen.mode_name, rig.screen.pixels().shape) == ("320x200x4", (200, 320, 3))


def test_cga_two_colours(rig: VgaRig) -> None:
    rig.set_mode(0x06)
    rig.write(0xB8000 + 79, b"\x01")
    rig.write(0xBA000, b"\x80")
    assert rig.screen.pixels().shape == (200, 640, 3)
    assert rig.pixel(639, 0) == WHITE
    assert rig.pixel(0, 1) == WHITE
    assert rig.screen.scale == (1, 2)
    assert rig.screen.mode_name == "640x200x2"


def test_the_display_can_be_off(rig: VgaRig) -> None:
    rig.set_mode(0x13)
    rig.write(0xA0000, b"\x0f" * 1000)
    assert rig.pixel(0, 0) == WHITE
    rig.inp(0x3DA)
    rig.out(0x3C0, 0x00)  # palette address source
    assert not rig.screen.pixels().any()
    rig.out(0x3C0, 0)
    rig.attribute(0x11, 0)
    assert rig.pixel(0, 0) == WHITE
    rig.sequencer(1, 0x21)
    assert not rig.screen.pixels().any()
    assert rig.screen.mode_name == "off"


# -- Linear modes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bpp", "pixel", "colour"),
    [
        (15, b"\x1f\x7c", (255, 0, 255)),
        (15, b"\xe0\x03", (0, 255, 0)),
        (15, b"\x10\x42", (132, 132, 132)),
        (16, b"\xe0\x07", (0, 255, 0)),
        (16, b"\x1f\xf8", (255, 0, 255)),
        (16, b"\x10\x84", (132, 130, 132)),
        (24, b"\x01\x02\x03", (3, 2, 1)),
        (32, b"\x01\x02\x03\xff", (3, 2, 1)),
    ],
)
def test_true_colour(rig: VgaRig, bpp: int, pixel: bytes, colour: tuple[int, int, int]) -> None:
    rig.linear(800, 600, bpp)
    assert rig.screen.pixels().shape == (600, 800, 3)
    rig.memory.write(LFB + (800 * 599 + 799) * len(pixel), pixel)
    assert rig.pixel(799, 599) == colour
    assert rig.pixel(798, 599) == BLACK
    assert rig.screen.mode_name == f"800x600x{bpp}"


def test_256_linear_colours_with_a_wide_dac(rig: VgaRig) -> None:
    rig.set_mode(0x13)
    rig.linear(640, 480, 8)
    rig.memory.write(LFB + 640, b"\x04")
    assert rig.pixel(0, 1) == RED
    rig.dispi(4, 0x61)
    rig.palette([(200, 100, 50)], first=4)
    assert rig.pixel(0, 1) == (200, 100, 50)


def test_linear_16_colours(rig: VgaRig) -> None:
    rig.set_mode(0x12)
    rig.linear(1024, 768, 4)
    rig.dispi(5, 1)
    rig.sequencer(2, 6)
    rig.write(0xA0000 + 128 * 767 + 127 - 0x10000, b"\x01")
    assert rig.screen.pixels().shape == (768, 1024, 3)
    assert rig.pixel(1023, 767) == BROWN


def test_offsets_pan_over_a_larger_picture(rig: VgaRig) -> None:
    rig.linear(640, 480, 32)
    rig.dispi(6, 800)
    rig.memory.write(LFB + (500 * 800 + 700) * 4, b"\xff\xff\xff\x00")
    rig.dispi(8, 100)
    rig.dispi(9, 100)
    assert rig.pixel(600, 400) == WHITE


# -- What is drawn again -------------------------------------------------------------------------------------


def test_nothing_is_drawn_while_nothing_changes(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.crtc(0x0A, 0x20)
    assert rig.shown() == (0, 399)
    generation = rig.vga.generation
    assert rig.shown() is None
    rig.clock.advance(FRAME_NS * 20)
    assert rig.shown() is None
    rig.crtc(0x0A, 0x20)
    assert rig.shown() is None
    assert rig.vga.generation == generation


def test_a_character_draws_its_row_only(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.crtc(0x0A, 0x20)
    rig.shown()
    rig.print(7, 0, "x")
    assert rig.shown() == (7 * 16, 8 * 16 - 1)
    rig.print(7, 0, "x")  # the same again
    assert rig.shown() is None
    rig.print(0, 0, " " * 2000)  # maps the window
    rig.shown()
    rig.print(20, 0, "x")
    assert rig.shown() == (20 * 16, 21 * 16 - 1)


def test_linear_changes_draw_the_rows_of_their_pages(rig: VgaRig) -> None:
    rig.linear(1024, 768, 32)
    rig.shown()
    rig.memory.write(LFB + 100 * 4096, b"\xff")
    assert rig.shown() == (100, 100)
    rig.memory.write(LFB + 1000 * 4096, b"\xff")  # beyond the picture
    assert rig.shown() is None


def test_planar_changes_draw_few_rows(rig: VgaRig) -> None:
    rig.set_mode(0x12)
    rig.shown()
    rig.write(0xA0000 + 80 * 240, b"\xff")
    shown = rig.shown()
    assert shown is not None
    first, last = shown
    assert first <= 240 <= last and last - first < 16


def test_rows_accumulate_until_they_are_taken(rig: VgaRig) -> None:
    rig.linear(1024, 768, 32)
    rig.shown()
    rig.memory.write(LFB + 10 * 4096, b"\xff")
    rig.vga.refresh()
    rig.memory.write(LFB + 600 * 4096, b"\xff")
    rig.vga.refresh()
    assert rig.vga.take_dirty() == (10, 600)
    assert rig.vga.take_dirty() is None


def test_partial_drawing_equals_a_full_one(rig: VgaRig) -> None:
    random = np.random.default_rng(5)
    for mode in (0x03, 0x04, 0x06, 0x0D, 0x12, 0x13):
        rig.set_mode(mode)
        rig.screen.pixels()
        base = 0xB8000 if mode < 0x0D else 0xA0000
        for _ in range(20):
            at = int(random.integers(0, 15000))
            rig.write(base + at, random.bytes(int(random.integers(1, 300))))
            partly = rig.screen.pixels()
        rig.vga._converter.redraw()
        assert (rig.screen.pixels() == partly).all(), f"mode {mode:02X}h"


def test_frames_are_paced_and_coalesced(rig: VgaRig) -> None:
    rig.linear(640, 480, 32)
    rig.vga.watch(True)
    rig.clock.advance(FRAME_NS * 2)
    assert rig.frames == 1
    for i in range(10):  # nobody pulls: no further call
        rig.memory.write(LFB + i * 4096, b"\x01")
        rig.clock.advance(FRAME_NS)
    assert rig.frames == 1
    rig.vga.take_dirty()
    rig.clock.advance(FRAME_NS * 2)
    assert rig.frames == 2
    rig.vga.take_dirty()
    rig.clock.advance(1_000_000_000)
    assert rig.frames == 2  # nothing changed
    for _ in range(60):
        rig.memory.write(LFB, b"\x01")
        rig.clock.advance(FRAME_NS)
        rig.vga.take_dirty()
    assert 55 <= rig.frames - 2 <= 60
    rig.vga.watch(False)
    rig.memory.write(LFB, b"\x02")
    rig.clock.advance(FRAME_NS * 4)
    frames = rig.frames
    rig.clock.advance(1_000_000_000)
    assert rig.frames == frames
