"""The screen for scripts: text, pictures, waiting."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.console.rom_fonts import CODE_PAGE_437, rom_font
from engine.console.screen import Screen, png
from engine.devices.vga_dispi import INDEX_VIRT_WIDTH, INDEX_X_OFFSET, INDEX_Y_OFFSET
from engine.errors import MediumError
from tests.engine.devices.vga_rig import LFB, VgaRig


@pytest.fixture
def rig() -> VgaRig:
    return VgaRig()


def test_text_keeps_rows_and_drops_trailing_blanks(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(0, 0, "C:\\>dir   ")
    rig.print(2, 4, "ÄÖÜ │ ☺".replace("☺", "\x01"))
    lines = rig.screen.text().split("\n")
    assert len(lines) == 25
    assert lines[0] == "C:\\>dir"
    assert lines[1] == ""
    assert lines[2] == "    ÄÖÜ │ ☺"


def test_text_of_a_mapped_window_is_current(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(0, 0, "x" * 2000)
    rig.screen.text()
    rig.print(10, 0, "now")
    assert rig.screen.text().split("\n")[10].startswith("nowxxx")


@pytest.mark.parametrize("height", [8, 14, 16])
def test_text_is_recognised_in_graphics_modes(rig: VgaRig, height: int) -> None:
    rig.set_mode(0x12)
    message = "Hello from a graphics mode: {~}"
    font = rom_font(height)
    for i, code in enumerate(message.encode("ascii")):
        for line in range(height):
            rig.write(0xA0000 + (3 * height + line) * 80 + 5 + i, font[code * height + line :][:1])
    lines = rig.screen.text().split("\n")
    assert lines[3] == "     " + message
    assert not "".join(lines[:3] + lines[4:])


def test_text_is_recognised_in_any_two_colours(rig: VgaRig) -> None:
    rig.linear(640, 480, 32)
    font = rom_font(16)
    for i, code in enumerate(b"inverse"):
        for line in range(16):
            bits = font[code * 16 + line]
            # The unused byte of a pixel differs, and does not matter.
            dots = b"".join(
                bytes((200, 200, 0, x)) if not bits >> (7 - x) & 1 else bytes((0, 0, 60, 9)) for x in range(8)
            )
            rig.memory.write(LFB + (32 + line) * 640 * 4 + i * 32, dots)
    assert rig.screen.text().split("\n")[2] == "inverse"


def test_a_picture_without_text_has_none(rig: VgaRig) -> None:
    rig.set_mode(0x13)
    assert rig.screen.text() == ""
    rig.write(0xA0000, np.random.default_rng(1).bytes(64000))
    assert rig.screen.text() == ""


def test_a_mode_of_32_bits_is_looked_at_in_video_memory(rig: VgaRig) -> None:
    rig.set_mode(0x13)
    rig.write(0xA0000, b"\x0f")
    rig.screen.refresh()
    converted = rig.screen.frame
    assert bytes(converted.surface[:4]) == b"\xff\xff\xff\x00" and converted[1:] == (320, 200, 1280)
    rig.linear(1024, 768, 32)
    rig.memory.write(LFB, b"\x11\x22\x33\x44")
    rig.screen.refresh()
    frame = rig.screen.frame
    assert frame[1:] == (1024, 768, 4096) and frame.surface.nbytes == 1024 * 768 * 4
    assert bytes(frame.surface[:4]) == b"\x11\x22\x33\x44"
    rig.screen.take_dirty()
    rig.memory.write(LFB + 4096 * 7, b"\x55")
    assert frame.surface[4096 * 7] == 0x55
    assert rig.screen.refresh() and rig.screen.take_dirty() == (7, 7)
    assert rig.screen.frame is frame and rig.screen.pixels()[7, 0, 2] == 0x55
    assert bytes(converted.surface[:4]) == b"\xff\xff\xff\x00"


def test_rows_may_be_longer_than_shown_and_start_anywhere(rig: VgaRig) -> None:
    rig.linear(640, 480, 32)
    rig.dispi(INDEX_VIRT_WIDTH, 1000)
    rig.dispi(INDEX_X_OFFSET, 10)
    rig.dispi(INDEX_Y_OFFSET, 3)
    rig.memory.write(LFB + (3 * 1000 + 10) * 4, b"\x11\x22\x33\x00")
    rig.memory.write(LFB + (482 * 1000 + 10 + 639) * 4, b"\x44\x55\x66\x00")
    pixels = rig.screen.pixels()
    assert rig.screen.frame[1:] == (640, 480, 4000)
    assert tuple(pixels[0, 0]) == (0x33, 0x22, 0x11) and tuple(pixels[479, 639]) == (0x66, 0x55, 0x44)
    assert rig.screen.surface.nbytes == 4000 * 479 + 640 * 4


def test_pixels_are_a_copy_in_rgb(rig: VgaRig) -> None:
    rig.linear(640, 480, 32)
    rig.memory.write(LFB, b"\x11\x22\x33\x44")
    pixels = rig.screen.pixels()
    assert pixels.shape == (480, 640, 3) and pixels.dtype == np.uint8
    assert tuple(pixels[0, 0]) == (0x33, 0x22, 0x11)
    rig.memory.write(LFB, bytes(4))
    rig.screen.refresh()
    assert tuple(pixels[0, 0]) == (0x33, 0x22, 0x11)


def decode_png(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, parts, width, height = 8, b"", 0, 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        if kind == b"IHDR":
            width, height = struct.unpack_from(">II", body)
            assert body[8:] == bytes((8, 2, 0, 0, 0))
        elif kind == b"IDAT":
            parts += body
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(parts), np.uint8).reshape(height, 1 + width * 3)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, 3)


def test_a_saved_picture_is_the_pixels(rig: VgaRig, tmp_path: Path) -> None:
    rig.set_mode(0x13)
    rig.write(0xA0000, bytes(range(256)) * 250)
    file = tmp_path / "shot.png"
    rig.screen.save(file)
    assert (decode_png(file.read_bytes()) == rig.screen.pixels()).all()


def test_png_of_one_pixel() -> None:
    assert tuple(decode_png(png(np.array([[[1, 2, 3]]], np.uint8)))[0, 0]) == (1, 2, 3)


def test_a_picture_that_cannot_be_written_names_the_file(rig: VgaRig, tmp_path: Path) -> None:
    with pytest.raises(MediumError, match=r"nowhere/shot\.png"):
        rig.screen.save(tmp_path / "nowhere" / "shot.png")


def test_waiting_asks_the_machine(rig: VgaRig) -> None:
    rig.set_mode(0x03)

    def wait(predicate: Callable[[], bool], timeout: float) -> None:
        assert timeout == 5
        assert not predicate()
        rig.print(0, 0, "ready")
        assert predicate()

    Screen(rig.vga, wait).wait_for_text("ready", timeout=5)


def test_a_wait_in_vain_shows_the_screen(rig: VgaRig) -> None:
    rig.set_mode(0x03)
    rig.print(4, 0, "Disk boot failure")

    def wait(predicate: Callable[[], bool], timeout: float) -> None:
        raise TimeoutError("Nothing within 3 s.")

    with pytest.raises(TimeoutError, match=r"(?s)“A:” did not appear.*Nothing within 3 s.*Disk boot failure"):
        Screen(rig.vga, wait).wait_for_text("A:", timeout=3)


def test_work_goes_to_the_machines_thread(rig: VgaRig) -> None:
    calls = []

    def call(work: Callable[[], object]) -> object:
        calls.append(work)
        return work()

    screen = Screen(rig.vga, call=call)
    rig.set_mode(0x03)
    screen.text()
    screen.pixels()
    screen.refresh()
    screen.cursor()
    screen.watch(True)
    assert len(calls) == 5
    screen.take_dirty()
    assert screen.width == 720
    assert len(calls) == 5


def test_rom_fonts_cover_the_code_page() -> None:
    assert len(CODE_PAGE_437) == 256
    for height in (8, 14, 16):
        font = rom_font(height)
        assert len(font) == 256 * height
        blank = [code for code in range(256) if not any(font[code * height : (code + 1) * height])]
        assert blank == [0x00, 0x20, 0xFF]
        letters = [font[code * height : (code + 1) * height] for code in range(0x21, 0x7F)]
        assert len(set(letters)) == len(letters)
        assert font[0xDB * height : 0xDC * height] == b"\xff" * height
        # Lines meet those of the neighbours above, below and beside.
        cross = font[0xC5 * height : 0xC6 * height]
        assert cross[0] == cross[-1] != 0
        assert 0xFF in cross


def test_there_are_three_rom_fonts() -> None:
    with pytest.raises(ValueError, match="height 12"):
        rom_font(12)


def _foreign_font() -> bytes:
    """Shapes that are none of the firmware's, with the two that every font of code page 437 has."""
    font = bytearray(np.random.default_rng(7).integers(1, 256, 4096, np.uint8).tobytes())
    font[0x20 * 16 : 0x21 * 16] = bytes(16)
    font[0xDB * 16 : 0xDC * 16] = b"\xff" * 16
    return bytes(font)


def _draw(rig: VgaRig, font: bytes, text: bytes) -> None:
    for i, code in enumerate(text):
        for line in range(16):
            bits = font[code * 16 + line]
            dots = b"".join((b"\xaa\xaa\xaa\0" if bits << x & 0x80 else bytes(4)) for x in range(8))
            rig.memory.write(LFB + (16 + line) * 640 * 4 + i * 32, dots)


def test_text_in_a_font_of_the_guests_own_is_recognised(rig: VgaRig) -> None:
    font = _foreign_font()
    text = b"a console of 640 by 480: login"
    rig.linear(640, 480, 32)
    _draw(rig, font, text)
    assert rig.screen.text() == ""
    memory = bytearray(0x40000)
    memory[0x4560:0x4570] = font[ord("c") * 16 :][:16]  # the same shape somewhere else
    memory[0x12344 : 0x12344 + 4096] = font
    screen = Screen(rig.vga, ram=memoryview(memory))
    assert screen.text().split("\n")[1] == text.decode()
    _draw(rig, font, b"Password")  # too few shapes to look for, but the font is known
    assert screen.text().split("\n")[1].startswith("Password")


@pytest.mark.parametrize("where", [0x0004, 0x3F000])
def test_a_font_at_either_end_of_memory_is_found(rig: VgaRig, where: int) -> None:
    rig.linear(640, 480, 32)
    font = _foreign_font()
    _draw(rig, font, b"first and last")
    memory = bytearray(0x40000)
    memory[where : where + 4096] = font
    assert "first and last" in Screen(rig.vga, ram=memoryview(memory)).text()


def test_a_table_that_is_no_font_of_the_picture_is_not_taken(rig: VgaRig) -> None:
    rig.linear(640, 480, 32)
    font = _foreign_font()
    _draw(rig, font, b"nothing to read")
    memory = bytearray(0x8000)
    memory[0x1000:0x1010] = font[ord("n") * 16 :][:16]
    memory[0x7FF0:0x8000] = font[ord("t") * 16 :][:16]  # a table from here on would leave memory
    screen = Screen(rig.vga, ram=memoryview(memory))
    assert screen.text() == ""
    memory[0x2000:0x3000] = font
    assert screen.text() == ""  # the same picture is not searched for again
