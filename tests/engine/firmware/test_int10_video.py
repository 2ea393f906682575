"""INT 10h on the real display adapter: text in every memory organisation, pixels, palette, fonts, state."""

from __future__ import annotations

import pytest

from engine import _core
from engine.board_bus import attach
from engine.clock import ManualClock
from engine.config import MachineConfig
from engine.console.rom_fonts import rom_font
from engine.devices.device import ResetKind
from engine.devices.vga import Vga
from tests.engine.firmware.fake_board import Bios, FakeBus, FakeMemory

MEGABYTE = 1 << 20


class VgaBus(FakeBus):
    """Ports and video memory of a real adapter, everything else of the fake board."""

    def __init__(self, memory: FakeMemory) -> None:
        super().__init__(memory)
        core_memory = _core.PhysicalMemory(MEGABYTE, 17 * MEGABYTE)
        self.core = _core.Bus(core_memory)
        self.vga = Vga(core_memory, self.core, ManualClock(), vram_mb=16, frame_ready=lambda _generation=0: None)
        attach(self.core, self.vga, 0, "display adapter")
        self.vga.reset(ResetKind.POWER_ON)
        self.vga.map_linear_frame_buffer(0xE0000000)

    @staticmethod
    def _is_video(port: int) -> bool:
        return 0x3B0 <= port <= 0x3DF or port in (0x1CE, 0x1CF)

    def port_read(self, port: int, size: int) -> int:
        return self.core.port_read(port, size) if self._is_video(port) else super().port_read(port, size)

    def port_write(self, port: int, value: int, size: int) -> None:
        if self._is_video(port):
            self.core.port_write(port, value, size)
        else:
            super().port_write(port, value, size)

    def read_memory(self, physical: int, length: int) -> bytes:
        if 0xA0000 <= physical < 0xC0000 or physical >= 0xE0000000:
            return self.core.read_memory(physical, length)
        return super().read_memory(physical, length)

    def write_memory(self, physical: int, data: bytes | bytearray | memoryview) -> None:
        if 0xA0000 <= physical < 0xC0000 or physical >= 0xE0000000:
            self.core.write_memory(physical, data)
        else:
            super().write_memory(physical, data)


class Rig(Bios):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.bus = VgaBus(self.memory)
        self.firmware = self.make()

    def mode(self, number: int) -> None:
        self.call(0x10, eax=number)

    def picture(self) -> tuple[int, int]:
        """Pixels of the surface that the adapter shows."""
        self.bus.vga.refresh()
        picture = self.bus.vga.mode.picture
        return picture.width, picture.height

    def put(self, text: str, colour: int = 7) -> None:
        for character in text.encode("cp437"):
            self.call(0x10, eax=0x0E00 | character, ebx=colour)

    def pixel(self, x: int, y: int) -> int:
        return self.call(0x10, eax=0x0D00, ecx=x, edx=y).al


@pytest.fixture
def rig() -> Rig:
    machine = Rig()
    machine.start()
    return machine


def test_mode_3_fills_the_data_area(rig: Rig) -> None:
    rig.mode(0x03)
    assert rig.byte(0x449) == 3 and rig.word(0x44A) == 80 and rig.byte(0x484) == 24 and rig.word(0x485) == 16
    assert rig.word(0x463) == 0x3D4 and rig.word(0x44C) == 0x1000
    result = rig.call(0x10, eax=0x0F00)
    assert (result.al, result.ah, result.bh) == (3, 80, 0)


@pytest.mark.parametrize(
    ("number", "size"),
    [(0x01, (360, 400)), (0x03, (720, 400)), (0x04, (320, 200)), (0x06, (640, 200)), (0x0D, (320, 200)),
     (0x10, (640, 350)), (0x12, (640, 480)), (0x13, (320, 200))],
)  # fmt: skip
def test_modes_show_a_picture_of_their_size(rig: Rig, number: int, size: tuple[int, int]) -> None:
    rig.mode(number)
    assert rig.picture() == size


def test_teletype_wraps_scrolls_and_obeys_controls(rig: Rig) -> None:
    rig.mode(0x03)
    rig.put("one\r\ntwo\bX")
    assert rig.screen()[:2] == ["one", "twX"]
    rig.put("\r\n" * 30 + "last")
    assert rig.screen()[24] == "last"
    result = rig.call(0x10, eax=0x0300)
    assert (result.dl, result.dh) == (4, 24)


def test_a_line_longer_than_the_screen_goes_on_below(rig: Rig) -> None:
    rig.mode(0x03)
    rig.put("a" * 80 + "b")
    assert rig.screen()[0] == "a" * 80 and rig.screen()[1] == "b"


def test_scrolled_in_lines_take_the_attribute_of_the_last(rig: Rig) -> None:
    rig.mode(0x03)
    rig.call(0x10, eax=0x0600, ebx=0x1F00, ecx=0, edx=24 << 8 | 79)
    rig.call(0x10, eax=0x0200, edx=24 << 8)
    rig.put("\n")
    assert rig.read(0xB8000 + 24 * 160, 2) == b"\x20\x1f"


def test_scroll_down_inside_a_window(rig: Rig) -> None:
    rig.mode(0x03)
    rig.put("aaaa\r\nbbbb\r\ncccc")
    rig.call(0x10, eax=0x0701, ebx=0x0700, ecx=1, edx=2 << 8 | 2)
    assert rig.screen()[:3] == ["a  a", "baab", "cbbc"]


def test_write_string_modes(rig: Rig) -> None:
    rig.mode(0x03)
    rig.write(0x5000, b"Hi\x41\x1e\x42\x2e")
    rig.call(0x10, eax=0x1301, ebx=0x4E, ecx=2, edx=0x0305, es=0x500, ebp=0)
    assert rig.read(0xB8000 + 3 * 160 + 10, 4) == b"H\x4ei\x4e"
    assert rig.call(0x10, eax=0x0300).dl == 7
    rig.call(0x10, eax=0x1302, ecx=2, edx=0, es=0x500, ebp=2)
    assert rig.read(0xB8000, 4) == b"A\x1eB\x2e"
    assert rig.call(0x10, eax=0x0300).dl == 7  # the cursor stayed


def test_write_and_read_character(rig: Rig) -> None:
    rig.mode(0x03)
    rig.call(0x10, eax=0x0958, ebx=0x0021, ecx=3)
    rig.call(0x10, eax=0x0A59, ecx=1)
    assert rig.read(0xB8000, 6) == b"Y\x21X\x21X\x21"
    assert rig.call(0x10, eax=0x0800).ax == 0x2159


def test_pages_are_apart(rig: Rig) -> None:
    rig.mode(0x03)
    rig.call(0x10, eax=0x0501)
    rig.put("second")
    assert rig.read(0xB9000, 2) == b"s\x07" and rig.screen()[0] == ""
    assert rig.word(0x44E) == 0x1000
    assert rig.call(0x10, eax=0x0300, ebx=0x0100).dl == 6


@pytest.mark.parametrize("number", [0x04, 0x06, 0x0D, 0x0E, 0x10, 0x12, 0x13])
def test_text_in_graphics_modes_can_be_read_back(rig: Rig, number: int) -> None:
    rig.mode(number)
    rig.put("Ag", colour=3 if number != 6 else 1)
    rig.call(0x10, eax=0x0200, edx=1)
    assert rig.call(0x10, eax=0x0800).al == ord("g")
    height = rig.word(0x485)
    shape = rom_font(height)[ord("A") * height : ord("A") * height + height]
    for y in range(height):
        drawn = [rig.pixel(x, y) != 0 for x in range(8)]
        assert drawn == [bool(shape[y] & 0x80 >> x) for x in range(8)]


@pytest.mark.parametrize("number", [0x04, 0x06, 0x0D, 0x12, 0x13])
def test_graphics_text_scrolls(rig: Rig, number: int) -> None:
    rig.mode(number)
    rows = rig.byte(0x484) + 1
    rig.put("\r\n".join(f"{row}" for row in range(rows + 1)), colour=1)
    rig.call(0x10, eax=0x0200, edx=0)
    assert rig.call(0x10, eax=0x0800).al == ord("1")


@pytest.mark.parametrize(("number", "colour"), [(0x04, 2), (0x06, 1), (0x0D, 9), (0x12, 13), (0x13, 200)])
def test_pixels(rig: Rig, number: int, colour: int) -> None:
    rig.mode(number)
    rig.call(0x10, eax=0x0C00 | colour, ecx=101, edx=57)
    assert rig.pixel(101, 57) == colour
    assert rig.pixel(100, 57) == 0 and rig.pixel(102, 57) == 0 and rig.pixel(101, 58) == 0
    if number != 0x13:
        rig.call(0x10, eax=0x0C80 | colour, ecx=101, edx=57)
        assert rig.pixel(101, 57) == 0  # exclusive or


def test_pixels_outside_the_screen_are_ignored(rig: Rig) -> None:
    rig.mode(0x13)
    before = rig.read(0xA0000, 0x10000)
    rig.call(0x10, eax=0x0C05, ecx=320, edx=10)
    rig.call(0x10, eax=0x0C05, ecx=10, edx=200)
    assert rig.read(0xA0000, 0x10000) == before


def test_mode_set_can_leave_memory_alone(rig: Rig) -> None:
    rig.mode(0x13)
    rig.write(0xA0000, b"\x42" * 16)
    rig.mode(0x93)
    assert rig.read(0xA0000, 16) == b"\x42" * 16
    assert rig.byte(0x487) & 0x80
    rig.mode(0x13)
    assert rig.read(0xA0000, 16) == bytes(16)


def test_palette_and_dac(rig: Rig) -> None:
    rig.mode(0x03)
    rig.call(0x10, eax=0x1000, ebx=0x2A05)
    assert rig.call(0x10, eax=0x1007, ebx=5).bh == 0x2A
    rig.write(0x5000, bytes(range(17)))
    rig.call(0x10, eax=0x1002, es=0x500, edx=0)
    rig.call(0x10, eax=0x1009, es=0x510, edx=0)
    assert rig.read(0x5100, 17) == bytes(range(17))
    rig.call(0x10, eax=0x1010, ebx=77, ecx=0x1122, edx=0x3300)
    result = rig.call(0x10, eax=0x1015, ebx=77)
    assert (result.dh, result.ch, result.cl) == (0x33, 0x11, 0x22)
    rig.write(0x5000, bytes(range(30)))
    rig.call(0x10, eax=0x1012, ebx=100, ecx=10, es=0x500, edx=0)
    rig.call(0x10, eax=0x1017, ebx=100, ecx=10, es=0x520, edx=0)
    assert rig.read(0x5200, 30) == bytes(range(30))


def test_blink_or_intensity(rig: Rig) -> None:
    rig.mode(0x03)
    rig.call(0x10, eax=0x1003, ebx=0)
    assert not rig.firmware.services.video.ports.read_attribute(0x10) & 8
    rig.call(0x10, eax=0x1003, ebx=1)
    assert rig.firmware.services.video.ports.read_attribute(0x10) & 8


def test_text_modes_get_their_font(rig: Rig) -> None:
    rig.mode(0x03)
    glyph = rig.firmware.services.video.font_plane(ord("A"), 1, 0)
    assert glyph[:16] == rom_font(16)[ord("A") * 16 : ord("A") * 16 + 16]
    # Text is where it was: the font went to another plane.
    rig.put("x")
    assert rig.screen()[0] == "x"


def test_eight_dot_font_gives_fifty_rows(rig: Rig) -> None:
    rig.mode(0x03)
    rig.call(0x10, eax=0x1112)
    assert rig.byte(0x484) == 49 and rig.word(0x485) == 8
    rig.call(0x10, eax=0x0200, edx=49 << 8)
    rig.put("bottom")
    assert rig.read(0xB8000 + 49 * 160, 2) == b"b\x07"


def test_user_font(rig: Rig) -> None:
    rig.mode(0x03)
    rig.write(0x5000, b"\xaa" * 16 + b"\x55" * 16)
    rig.call(0x10, eax=0x1100, ebx=0x1000, ecx=2, edx=0x41, es=0x500, ebp=0)
    assert rig.firmware.services.video.font_plane(0x42, 1, 0)[:16] == b"\x55" * 16


def test_font_information(rig: Rig) -> None:
    rig.mode(0x03)
    result = rig.call(0x10, eax=0x1130, ebx=0x0600)
    font = result.es * 16 + result.bp
    assert rig.read(font + ord("Z") * 16, 16) == rom_font(16)[ord("Z") * 16 : ord("Z") * 16 + 16]
    assert result.cx == 16 and result.dl == 24


def test_cursor_shape_is_stretched_to_the_cell(rig: Rig) -> None:
    rig.mode(0x03)
    ports = rig.firmware.services.video.ports
    assert (ports.read_crtc(0x0A), ports.read_crtc(0x0B)) == (13, 14)
    rig.call(0x10, eax=0x0100, ecx=0x0007)
    assert (ports.read_crtc(0x0A), ports.read_crtc(0x0B)) == (0, 15)
    rig.call(0x10, eax=0x0100, ecx=0x2000)
    assert ports.read_crtc(0x0A) & 0x20


def test_display_combination_and_alternate_select(rig: Rig) -> None:
    result = rig.call(0x10, eax=0x1A00)
    assert (result.al, result.bl) == (0x1A, 8)
    result = rig.call(0x10, eax=0x1200, ebx=0x10)
    assert result.bh == 0 and result.bl == 3
    assert rig.call(0x10, eax=0x1201, ebx=0x30).al == 0x12  # 350 lines from the next mode set on
    rig.mode(0x03)
    assert rig.word(0x485) == 14


def test_functionality_block(rig: Rig) -> None:
    rig.mode(0x12)
    assert rig.call(0x10, eax=0x1B00, es=0x500, edi=0).al == 0x1B
    block = rig.read(0x5000, 64)
    assert block[4] == 0x12 and block[0x22] == 29 and block[0x25] == 8
    assert int.from_bytes(block[0x27:0x29], "little") == 16 and block[0x2A] == 3
    table = int.from_bytes(block[2:4], "little") * 16 + int.from_bytes(block[0:2], "little")
    assert rig.byte(table) == 0xFF


def test_state_is_saved_and_restored(rig: Rig) -> None:
    rig.mode(0x03)
    assert rig.call(0x10, eax=0x1C00, ecx=7).bx * 64 >= 800
    rig.call(0x10, eax=0x1010, ebx=5, ecx=0x0102, edx=0x0300)
    rig.call(0x10, eax=0x1C01, ecx=7, es=0x600, ebx=0)
    rig.mode(0x13)
    rig.call(0x10, eax=0x1C02, ecx=7, es=0x600, ebx=0)
    assert rig.byte(0x449) == 3
    assert rig.picture() == (720, 400)
    result = rig.call(0x10, eax=0x1015, ebx=5)
    assert (result.dh, result.ch, result.cl) == (3, 1, 2)


# -- VBE ---------------------------------------------------------------------------------------------------------


def test_vbe_information(rig: Rig) -> None:
    rig.write(0x5000, b"VBE2")
    assert rig.call(0x10, eax=0x4F00, es=0x500, edi=0).ax == 0x004F
    block = rig.read(0x5000, 512)
    assert block[:6] == b"VESA\x00\x03"
    assert int.from_bytes(block[18:20], "little") == MachineConfig().video_memory_mb * 16
    modes = int.from_bytes(block[16:18], "little") * 16 + int.from_bytes(block[14:16], "little")
    numbers = []
    while rig.word(modes) != 0xFFFF:
        numbers.append(rig.word(modes))
        modes += 2
    assert {0x101, 0x103, 0x105, 0x112, 0x118, 0x144} <= set(numbers)


@pytest.mark.parametrize(
    ("number", "width", "height", "bits"),
    [
        (0x101, 640, 480, 8),
        (0x111, 640, 480, 16),
        (0x112, 640, 480, 24),
        (0x118, 1024, 768, 24),
        (0x144, 1024, 768, 32),
    ],
)
def test_vbe_modes(rig: Rig, number: int, width: int, height: int, bits: int) -> None:
    assert rig.call(0x10, eax=0x4F01, ecx=number, es=0x500, edi=0).ax == 0x004F
    block = rig.read(0x5000, 256)
    assert int.from_bytes(block[18:20], "little") == width and int.from_bytes(block[20:22], "little") == height
    assert block[25] == bits and block[0] & 0x81 == 0x81
    assert int.from_bytes(block[40:44], "little") == 0xE0000000
    pitch = int.from_bytes(block[16:18], "little")
    assert rig.call(0x10, eax=0x4F02, ebx=0x4000 | number).ax == 0x004F
    assert rig.call(0x10, eax=0x4F03).bx == 0x4000 | number
    assert rig.picture() == (width, height)
    pixel = b"\x11\x22\x33\x44"[: (bits + 7) // 8]
    rig.write(0xE0000000 + 10 * pitch, pixel)
    assert rig.read(0xE0000000 + 10 * pitch, len(pixel)) == pixel


def test_vbe_banks(rig: Rig) -> None:
    rig.call(0x10, eax=0x4F02, ebx=0x101)
    assert rig.call(0x10, eax=0x4F05, ebx=0, edx=2).ax == 0x004F
    rig.write(0xA0010, b"\x77")
    assert rig.read(0xE0000000 + 2 * 65536 + 0x10, 1) == b"\x77"
    assert rig.call(0x10, eax=0x4F05, ebx=0x0100).dx == 2
    assert rig.call(0x10, eax=0x4F05, ebx=0, edx=0x1000).ax == 0x014F


def test_vbe_panning_and_long_rows(rig: Rig) -> None:
    rig.call(0x10, eax=0x4F02, ebx=0x4101)
    result = rig.call(0x10, eax=0x4F06, ebx=0, ecx=1024)
    assert result.ax == 0x004F and result.bx == 1024 and result.cx == 1024 and result.dx >= 480
    assert rig.call(0x10, eax=0x4F07, ebx=0, ecx=16, edx=100).ax == 0x004F
    result = rig.call(0x10, eax=0x4F07, ebx=1)
    assert (result.cx, result.dx) == (16, 100)
    assert rig.call(0x10, eax=0x4F07, ebx=0, ecx=0, edx=0xFFFF).ax == 0x014F


def test_vbe_palette_is_blue_first(rig: Rig) -> None:
    rig.call(0x10, eax=0x4F02, ebx=0x4101)
    rig.write(0x5000, bytes((1, 2, 3, 0)))
    assert rig.call(0x10, eax=0x4F09, ebx=0, ecx=1, edx=9, es=0x500, edi=0).ax == 0x004F
    result = rig.call(0x10, eax=0x1015, ebx=9)
    assert (result.dh, result.ch, result.cl) == (3, 2, 1)


def test_vbe_text_and_the_way_back(rig: Rig) -> None:
    rig.call(0x10, eax=0x4F02, ebx=0x4112)
    rig.put("A", colour=15)
    shape = rom_font(16)[ord("A") * 16 : ord("A") * 16 + 16]
    row = next(index for index, bits in enumerate(shape) if bits)
    bit = next(index for index in range(8) if shape[row] & 0x80 >> index)
    assert rig.read(0xE0000000 + row * 1920 + bit * 3, 3) == b"\xff\xff\xff"
    rig.mode(0x03)
    assert rig.call(0x10, eax=0x4F03).bx == 3
    rig.put("text")
    assert rig.screen()[0] == "text"


def test_vbe_unknown_modes_and_functions_fail(rig: Rig) -> None:
    assert rig.call(0x10, eax=0x4F01, ecx=0x1FF, es=0x500).ax == 0x014F
    assert rig.call(0x10, eax=0x4F02, ebx=0x1FF).ax == 0x014F
    assert rig.call(0x10, eax=0x4F0A).ax == 0x4F0A  # no protected-mode interface


def test_vbe_ddc_gives_a_valid_edid(rig: Rig) -> None:
    assert rig.call(0x10, eax=0x4F15, ebx=1, es=0x500, edi=0).ax == 0x004F
    block = rig.read(0x5000, 128)
    assert block[:8] == bytes.fromhex("00FFFFFFFFFFFF00") and sum(block) & 0xFF == 0


def test_vbe_state(rig: Rig) -> None:
    rig.call(0x10, eax=0x4F02, ebx=0x4101)
    size = rig.call(0x10, eax=0x4F04, edx=0, ecx=15).bx * 64
    assert size
    rig.call(0x10, eax=0x4F04, edx=1, ecx=15, es=0x600, ebx=0)
    rig.mode(0x03)
    rig.call(0x10, eax=0x4F04, edx=2, ecx=15, es=0x600, ebx=0)
    assert rig.call(0x10, eax=0x4F03).bx == 0x4101
    assert rig.picture() == (640, 480)
