"""The display adapter as the video BIOS drives it: mode sets, fonts, the cursor, the video part of the data area."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.console.rom_fonts import rom_font
from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.guest_memory import GuestMemory, PhysicalSpace
from engine.firmware.rom import VIDEO_SEGMENT
from engine.firmware.video_modes import (
    CGA_MODE_VALUES,
    MODES,
    ROW_BYTES,
    Dac,
    Layout,
    Registers,
    VideoMode,
    dac_colours,
    parse_registers,
    registers_of,
    table_row,
)
from engine.firmware.video_ports import CRTC_COLOUR, CRTC_MONO, DAC_MASK, MISCELLANEOUS, VideoPorts
from engine.firmware.video_rom_tables import FONT_HEIGHT_LABELS
from engine.firmware.video_surface import CgaSurface, LinearSurface, PlanarSurface, Surface

VECTOR_FONT_8X8_HIGH: Final = 0x1F * 4
VECTOR_FONT: Final = 0x43 * 4
FONT_CELL: Final = 32  # bytes of a character in plane 2
FONT_BLOCKS: Final = (0x0000, 0x4000, 0x8000, 0xC000, 0x2000, 0x6000, 0xA000, 0xE000)
_SCAN_LINES: Final = {0x80: 200, 0x00: 350, 0x10: 400}  # 40:89, bits 7 and 4
TEXT_WINDOW: Final = 0x8000  # bytes of a text mode's window
_TEXT_FIELDS: Final = struct.Struct("<BHHH16sHBH32s")  # from 40:49 to 40:84
VBE_MODE_IN_BDA: Final = 0x6F  # what 40:49 holds while a VESA mode is on


@dataclass
class VbeScreen:
    """The VESA mode that is on: geometry of the picture and of its memory."""

    mode: int
    width: int
    height: int
    bits: int
    pitch: int  # bytes a row; in 4-bit modes bytes of one plane
    linear: bool
    start: int = 0  # byte of video memory shown top left (for 4-bit modes, of a plane)
    dac_8_bits: bool = False


@dataclass(slots=True)
class TextPage:
    """A page of a text mode. ``shown_from``: first cell on the screen, None when another page is shown."""

    number: int
    base: int
    columns: int
    rows: int
    column: int
    row: int
    shown_from: int | None


class VideoAdapter:
    """Registers, memory and the data area, without the INT 10h calling convention."""

    def __init__(self, board: FirmwareBoard, guest: GuestMemory, labels: dict[str, int]) -> None:
        self.board = board
        self.guest = guest
        self.ports = VideoPorts(board.bus)
        self.labels = labels
        self.vbe: VbeScreen | None = None
        self._physical = PhysicalSpace(board.bus)

    # -- The data area ----------------------------------------------------------------------------------

    @property
    def mode_number(self) -> int:
        return self.guest.read_byte(bda.VIDEO_MODE) & 0x7F

    @property
    def mode(self) -> VideoMode:
        """The standard mode that is on; mode 3 for anything unknown."""
        return MODES.get(self.mode_number, MODES[3])

    @property
    def is_text(self) -> bool:
        """Whether a text mode is on."""
        return self.vbe is None and self.mode.is_text

    @property
    def columns(self) -> int:
        return min(max(self.guest.read_word(bda.VIDEO_COLUMNS), 1), 256)

    @property
    def rows(self) -> int:
        return self.guest.read_byte(bda.VIDEO_ROWS) + 1

    @property
    def character_height(self) -> int:
        return min(max(self.guest.read_word(bda.CHARACTER_HEIGHT), 1), FONT_CELL)

    @property
    def page_bytes(self) -> int:
        return self.guest.read_word(bda.VIDEO_PAGE_BYTES)

    @property
    def active_page(self) -> int:
        return self.guest.read_byte(bda.ACTIVE_PAGE) & 7

    def cursor(self, page: int) -> tuple[int, int]:
        """(column, row) of a page's cursor."""
        column, row = self.guest.read(bda.CURSOR_POSITIONS + 2 * (page & 7), 2)
        return column, row

    def use_crtc_port(self) -> None:
        """Takes the CRTC's port over from the data area, as every service does at its start."""
        port = self.guest.read_word(bda.CRTC_PORT)
        self.ports.crtc_port = port if port in (CRTC_COLOUR, CRTC_MONO) else CRTC_COLOUR

    def text_page(self, page: int | None) -> TextPage | None:
        """What writing a character in a text mode needs to know, in one look at the data area; None in graphics
        modes. ``page`` None is the active one."""
        if self.vbe is not None:
            return None
        mode, columns, page_bytes, start, cursors, _, active, port, rest = _TEXT_FIELDS.unpack(
            self.guest.read(bda.VIDEO_MODE, _TEXT_FIELDS.size)
        )
        mode &= 0x7F
        if mode in MODES and not MODES[mode].is_text:
            return None
        page = (active if page is None else page) & 7
        self.ports.crtc_port = port if port in (CRTC_COLOUR, CRTC_MONO) else CRTC_COLOUR
        return TextPage(
            number=page,
            base=(0xB0000 if mode == 7 else 0xB8000) + page * page_bytes % TEXT_WINDOW,
            columns=min(max(columns, 1), 256),
            rows=rest[-1] + 1,
            column=cursors[page * 2],
            row=cursors[page * 2 + 1],
            shown_from=start // 2 if active & 7 == page else None,
        )

    # -- Cursor -----------------------------------------------------------------------------------------

    def set_cursor(self, page: int, column: int, row: int) -> None:
        """Moves a page's cursor; on the active page the one on the screen too."""
        self.guest.write(bda.CURSOR_POSITIONS + 2 * (page & 7), bytes((column & 0xFF, row & 0xFF)))
        if page & 7 == self.active_page and self.vbe is None:
            self.show_cursor(column, row)

    def show_cursor(self, column: int, row: int) -> None:
        address = self.guest.read_word(bda.VIDEO_PAGE_START) // 2 + row * self.columns + column
        self.ports.crtc(0x0E, address >> 8)
        self.ports.crtc(0x0F, address)

    def set_cursor_shape(self, start: int, end: int) -> None:
        """Lines in the scale of an 8-line cell are stretched to the real one unless emulation is off (40:87 bit 0)."""
        self.guest.write(bda.CURSOR_SHAPE, bytes((end & 0xFF, start & 0xFF)))
        height = self.character_height
        emulate = not self.guest.read_byte(bda.VIDEO_CONTROL) & 1
        if emulate and height > 8 and end < 8 and start < 0x20 and self.vbe is None:
            if end == start + 1 or end == start:
                # An underline: the same distance from the bottom, one line up in the tall cells.
                up = 1 if height >= 14 and end >= 6 else 0
                shown_end = (end + 1) * height // 8 - 1 - up
                start, end = shown_end - (end - start), shown_end
            else:
                start, end = start * height // 8, (end + 1) * height // 8 - 1
        self.ports.crtc(0x0A, start & 0x3F)
        self.ports.crtc(0x0B, end & 0x1F)

    def set_page(self, page: int) -> None:
        page &= 7
        start = (self.page_bytes * page) & 0xFFFF
        self.guest.write_word(bda.VIDEO_PAGE_START, start)
        self.guest.write_byte(bda.ACTIVE_PAGE, page)
        address = start // 2 if self.mode.is_text else start
        self.ports.crtc(0x0C, address >> 8)
        self.ports.crtc(0x0D, address)
        self.show_cursor(*self.cursor(page))

    # -- Modes ------------------------------------------------------------------------------------------

    def scan_lines(self) -> int:
        """Scan lines that the next text mode gets."""
        return _SCAN_LINES.get(self.guest.read_byte(bda.VIDEO_FLAGS) & 0x90, 400)

    def parameters(self, mode: VideoMode) -> Registers:
        """The mode's registers, from the table the save pointer names: a program may have put its own there."""
        row = table_row(mode, self.scan_lines())
        segment, offset = self.guest.read_pointer(bda.SAVE_POINTER)
        if segment == VIDEO_SEGMENT or not (segment or offset):
            return registers_of(row)
        table_segment, table_offset = self.guest.read_pointer(segment * 16 + offset)
        if table_segment == VIDEO_SEGMENT or not (table_segment or table_offset):
            return registers_of(row)
        return parse_registers(self.guest.read(table_segment * 16 + table_offset + row * ROW_BYTES, ROW_BYTES))

    def set_mode(self, number: int, clear: bool = True) -> bool:
        """Standard modes; False for a number that is none."""
        mode = MODES.get(number)
        if mode is None:
            return False
        if self.vbe is not None:
            self.leave_vbe()
        registers = self.parameters(mode)
        flags = self.guest.read_byte(bda.VIDEO_FLAGS)
        self.load_registers(registers)
        if not flags & 0x08:  # default palette loading not switched off
            self._load_dac(mode, registers, grey=bool(flags & 0x02))
        self.ports.out(DAC_MASK, 0xFF)
        self._fill_data_area(mode, registers, clear)
        if clear:
            self.clear_memory(mode)
        if mode.is_text:
            self.load_font(rom_font(self._font_height(registers.character_height)), 0, 256, 0, 0)
            self.ports.sequencer(3, 0)
        self.point_font(registers.character_height, mode.is_text)
        self.set_cursor_shape(*((6, 7) if mode.number != 7 else (11, 12)))
        self.set_page(0)
        self.ports.reset_flip_flop()
        self.ports.out(0x3C0, 0x20)
        return True

    @staticmethod
    def _font_height(height: int) -> int:
        return height if height in FONT_HEIGHT_LABELS else 16

    def leave_vbe(self) -> None:
        """Back to plain VGA registers."""
        self.vbe = None
        self.dispi(4, 0)

    def dispi(self, index: int, value: int) -> None:
        """Writes a register of the Bochs display interface (ports 1CEh and 1CFh)."""
        self.board.bus.port_write(0x1CE, index, 2)
        self.board.bus.port_write(0x1CF, value & 0xFFFF, 2)

    def program_vbe(self, clear: bool) -> None:
        """Puts the VESA mode ``vbe`` on the screen: VGA registers of its like, then the display interface."""
        screen = self.vbe
        assert screen is not None
        self.load_registers(registers_of(MODES[0x12 if screen.bits == 4 else 0x13].table))
        self.dispi(4, 0)
        self.dispi(1, screen.width)
        self.dispi(2, screen.height)
        self.dispi(3, screen.bits)
        enable = 0x01 | (0x40 if screen.linear else 0) | (0 if clear else 0x80) | (0x20 if screen.dac_8_bits else 0)
        self.dispi(4, enable)
        self.dispi(5, 0)
        self.place_vbe()

    def place_vbe(self) -> None:
        """Row length and start of the picture."""
        screen = self.vbe
        assert screen is not None
        pixels = screen.pitch * 8 if screen.bits == 4 else screen.pitch // ((screen.bits + 7) // 8)
        self.dispi(6, pixels)
        row, rest = divmod(screen.start, max(screen.pitch, 1))
        self.dispi(8, rest * 8 if screen.bits == 4 else rest // ((screen.bits + 7) // 8))
        self.dispi(9, row)

    def load_registers(self, registers: Registers) -> None:
        """All five register groups, screen off in between."""
        ports = self.ports
        self.ports.crtc_port = CRTC_COLOUR if registers.miscellaneous & 1 else CRTC_MONO
        ports.reset_flip_flop()
        ports.out(0x3C0, 0x00)
        ports.sequencer(0, 0x01)
        for index, value in enumerate(registers.sequencer, 1):
            ports.sequencer(index, value | (0x20 if index == 1 else 0))
        ports.out(MISCELLANEOUS, registers.miscellaneous)
        ports.sequencer(0, 0x03)
        ports.crtc(0x11, 0x00)  # unlocks registers 0 to 7
        for index, value in enumerate(registers.crtc):
            ports.crtc(index, value)
        for index, value in enumerate(registers.graphics):
            ports.graphics(index, value)
        ports.reset_flip_flop()
        for index, value in enumerate(registers.attribute):
            ports.out(0x3C0, index)
            ports.out(0x3C0, value)
        ports.out(0x3C0, 0x14)
        ports.out(0x3C0, 0x00)
        ports.sequencer(1, registers.sequencer[0] & ~0x20)

    def _load_dac(self, mode: VideoMode, registers: Registers, grey: bool) -> None:
        dac = mode.dac
        if dac is Dac.EGA and registers.attribute[6] == 0x06:
            dac = Dac.CGA  # 200-line text uses the CGA's palette values
        colours = dac_colours(dac)
        if grey:
            colours = grey_levels(colours)
        self.ports.write_dac(0, colours + bytes(768 - len(colours)))

    def _fill_data_area(self, mode: VideoMode, registers: Registers, clear: bool) -> None:
        guest = self.guest
        start = registers.crtc[0x0A], registers.crtc[0x0B]
        guest.write(
            bda.VIDEO_MODE,
            struct.pack(
                "<BHHH16sBBBHBB",
                mode.number,
                registers.columns,
                registers.page_bytes,
                0,
                bytes(16),
                start[1],
                start[0],
                0,
                self.ports.crtc_port,
                CGA_MODE_VALUES[mode.number] if mode.number < 8 else 0x29,
                0x3F if mode.number == 6 else 0x30,
            ),
        )
        guest.write(bda.VIDEO_ROWS, struct.pack("<BH", registers.rows - 1, registers.character_height))
        control = guest.read_byte(bda.VIDEO_CONTROL) & 0x7F
        guest.write_byte(bda.VIDEO_CONTROL, control | (0 if clear else 0x80))

    def clear_memory(self, mode: VideoMode) -> None:
        if mode.is_text:
            self.guest.write(mode.segment * 16, b"\x20\x07" * 0x4000)
        elif mode.segment == 0xB800:
            self.guest.write(0xB8000, bytes(0x8000))
        else:
            self.guest.write(0xA0000, bytes(0x10000))

    # -- Fonts ------------------------------------------------------------------------------------------

    def load_font(self, glyphs: bytes, first: int, count: int, block: int, height: int = 0) -> None:
        """Puts ``count`` characters into a font block of plane 2. ``height`` 0: as many lines as the data has."""
        height = height or len(glyphs) // max(count, 1)
        height = min(height, FONT_CELL)
        count = min(count, 256 - first)
        data = bytearray(self.font_plane(first, count, block))
        for index in range(count):
            glyph = glyphs[index * height : (index + 1) * height]
            data[index * FONT_CELL : index * FONT_CELL + len(glyph)] = glyph
        self._in_font_plane(lambda at: self.guest.write(at, data), first, block)

    def font_plane(self, first: int, count: int, block: int) -> bytes:
        """What plane 2 holds for some characters, 32 bytes each."""
        found: list[bytes] = []
        self._in_font_plane(lambda at: found.append(self.guest.read(at, count * FONT_CELL)), first, block)
        return found[0]

    def _in_font_plane(self, work: Callable[[int], object], first: int, block: int) -> None:
        """Opens plane 2 at A0000h, works, and puts the registers back."""
        ports = self.ports
        sequencer = [ports.read_sequencer(index) for index in (2, 4)]
        graphics = [ports.read_graphics(index) for index in (0, 1, 3, 4, 5, 6, 8)]
        ports.sequencer(2, 0x04)
        ports.sequencer(4, 0x07)
        for index, value in zip((0, 1, 3, 4, 5, 6, 8), (0, 0, 0, 2, 0, 4, 0xFF), strict=True):
            ports.graphics(index, value)
        work(0xA0000 + FONT_BLOCKS[block & 7] + first * FONT_CELL)
        for index, value in zip((2, 4), sequencer, strict=True):
            ports.sequencer(index, value)
        for index, value in zip((0, 1, 3, 4, 5, 6, 8), graphics, strict=True):
            ports.graphics(index, value)

    def point_font(self, height: int, is_text: bool = False) -> None:
        """INT 43h and INT 1Fh to the ROM fonts."""
        label = self.labels[FONT_HEIGHT_LABELS[self._font_height(height)]]
        self.guest.write_pointer(VECTOR_FONT, VIDEO_SEGMENT, label)
        if not is_text:
            self.guest.write_pointer(VECTOR_FONT_8X8_HIGH, VIDEO_SEGMENT, self.labels["font_8x8"] + 0x400)

    def glyph(self, character: int, height: int) -> bytes:
        """A character for graphics modes, from INT 43h; from 80h on in modes 4-6 from INT 1Fh."""
        vector = VECTOR_FONT
        if character >= 0x80 and self.mode_number in (4, 5, 6) and self.vbe is None:
            vector, character = VECTOR_FONT_8X8_HIGH, character - 0x80
        segment, offset = self.guest.read_pointer(vector)
        return self.guest.read(segment * 16 + (offset + character * height & 0xFFFF), height)

    # -- Graphics ---------------------------------------------------------------------------------------

    def surface(self, page: int = 0) -> Surface | None:
        """Pixels of the mode that is on; None in text modes."""
        if self.vbe is not None:
            screen = self.vbe
            if screen.bits == 4:
                return PlanarSurface(self.guest, self.ports, 0xA0000, screen.pitch, screen.width, screen.height)
            base = self.board.linear_frame_buffer
            return LinearSurface(self._physical, base, screen.pitch, screen.width, screen.height, screen.bits)
        mode = self.mode
        if mode.layout is Layout.CGA_4:
            return CgaSurface(self.guest, 2)
        if mode.layout is Layout.CGA_2:
            return CgaSurface(self.guest, 1)
        if mode.layout is Layout.PLANAR:
            base = 0xA0000 + min(self.page_bytes * page, 0xFFFF)
            return PlanarSurface(self.guest, self.ports, base, self.columns, mode.width, mode.height)
        if mode.layout is Layout.LINEAR:
            return LinearSurface(self.guest, 0xA0000, 320, 320, 200)
        return None


def grey_levels(colours: bytes) -> bytes:
    """Red, green, blue to grey by 30, 59 and 11 percent."""
    out = bytearray()
    for first in range(0, len(colours) - 2, 3):
        red, green, blue = colours[first : first + 3]
        level = min((red * 77 + green * 151 + blue * 28 + 128) >> 8, 0x3F)
        out += bytes((level, level, level))
    return bytes(out)
