"""Text on the screen, in text modes and in graphics modes alike: INT 10h/06h-0Ah, 0Eh and 13h."""

from __future__ import annotations

from dataclasses import dataclass

from engine.firmware import bios_data_area as bda
from engine.firmware.video_adapter import TextPage, VideoAdapter

_BELL, _BACKSPACE, _LINE_FEED, _RETURN = 0x07, 0x08, 0x0A, 0x0D
_BELL_NS = 250_000_000
_TEXT_WINDOW = 0x8000  # bytes of a text mode's window


@dataclass
class BellState:
    """When the beep that sounds ends (0: none)."""

    until_ns: int = 0


class TextOutput:
    """Writes, reads and scrolls character cells."""

    def __init__(self, video: VideoAdapter) -> None:
        self._video = video
        self._guest = video.guest
        self.state = BellState()

    def _cell(self, page: int, column: int, row: int) -> int:
        """Linear address of a cell in a text mode."""
        video = self._video
        offset = video.page_bytes * (page & 7) + (row * video.columns + column) * 2
        return video.mode.segment * 16 + offset % _TEXT_WINDOW

    def _write_cells(self, address: int, data: bytes) -> None:
        end = (address & ~(_TEXT_WINDOW - 1)) + _TEXT_WINDOW
        self._guest.write(address, data[: max(end - address, 0)])

    # -- Single cells -----------------------------------------------------------------------------------

    def read_cell(self, page: int) -> tuple[int, int]:
        """(character, attribute) at the page's cursor; in graphics modes the attribute is 0."""
        video = self._video
        column, row = video.cursor(page)
        surface = video.surface(page)
        if surface is None:
            character, attribute = self._guest.read(self._cell(page, column, row), 2)
            return character, attribute
        height = video.character_height
        shape = surface.read_glyph(column * 8, row * height, height)
        for character in range(256):
            if video.glyph(character, height) == shape:
                return character, 0
        return 0, 0

    def write_cells(self, page: int, character: int, attribute: int | None, count: int) -> None:
        """``count`` times at the cursor, which stays. ``attribute`` None keeps the ones there (text modes)."""
        video = self._video
        column, row = video.cursor(page)
        columns = video.columns
        surface = video.surface(page)
        if surface is not None:
            count = min(count, max(columns - column, 0))
            height = video.character_height
            glyph = video.glyph(character, height)
            ink = 7 if attribute is None else attribute
            background = 0
            if video.mode_number == 0x13 and attribute is not None and video.vbe is None:
                background = video.active_page  # BH is the background colour there, and pages do not exist
            for index in range(count):
                surface.draw_glyph((column + index) * 8, row * height, glyph, ink, background)
            return
        address = self._cell(page, column, row)
        count = min(count, _TEXT_WINDOW // 2)
        if attribute is not None:
            self._write_cells(address, bytes((character, attribute)) * count)
            return
        old = bytearray(self._guest.read(address, count * 2))
        old[::2] = bytes([character]) * count
        self._write_cells(address, bytes(old))

    # -- Teletype ---------------------------------------------------------------------------------------

    def teletype(self, character: int, page: int | None, colour: int, attribute: int | None = None) -> None:
        """Writes at the cursor and moves it on, with bell, backspace, line feed and return obeyed.

        ``page`` None is the active one; ``colour`` is for graphics modes, ``attribute`` None keeps the one there.
        """
        if character == _BELL:
            self.bell()
            return
        video = self._video
        shown = video.text_page(page)
        if shown is not None:
            self._teletype_text(shown, character, attribute)
            return
        page = video.active_page if page is None else page
        video.use_crtc_port()
        column, row = video.cursor(page)
        columns = video.columns
        if character == _RETURN:
            column = 0
        elif character == _LINE_FEED:
            row += 1
        elif character == _BACKSPACE:
            column = max(column - 1, 0)
        else:
            self._draw(character, page, column, row, colour if attribute is None else attribute)
            column += 1
            if column >= columns:
                column, row = 0, row + 1
        if row >= video.rows:
            row = video.rows - 1
            self.scroll(page, 0, 0, columns - 1, row, 1, 0)
        video.set_cursor(page, column, row)

    def _teletype_text(self, shown: TextPage, character: int, attribute: int | None) -> None:
        """The same in text modes: most of what programs print comes this way."""
        page = shown.number
        column, row, columns = shown.column, shown.row, shown.columns
        if character == _RETURN:
            column = 0
        elif character == _LINE_FEED:
            row += 1
        elif character == _BACKSPACE:
            column = max(column - 1, 0)
        else:
            cell = (row * columns + column) * 2 % _TEXT_WINDOW
            data = bytes((character,)) if attribute is None else bytes((character, attribute))
            self._write_cells(shown.base + cell, data)
            column += 1
            if column >= columns:
                column, row = 0, row + 1
        if row >= shown.rows:
            row = shown.rows - 1
            fill = self._guest.read_byte(self._cell(page, 0, row) + 1)
            self.scroll(page, 0, 0, columns - 1, row, 1, fill)
        self._guest.write(bda.CURSOR_POSITIONS + 2 * page, bytes((column, row)))
        if shown.shown_from is not None:
            address = shown.shown_from + row * columns + column
            self._video.ports.crtc(0x0E, address >> 8)
            self._video.ports.crtc(0x0F, address)

    def _draw(self, character: int, page: int, column: int, row: int, colour: int) -> None:
        surface = self._video.surface(page)
        if surface is not None:
            height = self._video.character_height
            surface.draw_glyph(column * 8, row * height, self._video.glyph(character, height), colour, 0)

    def bell(self) -> None:
        """A short beep from the speaker: timer channel 2 at about 900 Hz, for a quarter of a second."""
        bus = self._video.board.bus
        bus.port_write(0x43, 0xB6, 1)
        for value in (0x33, 0x05):
            bus.port_write(0x42, value, 1)
        bus.port_write(0x61, bus.port_read(0x61, 1) & 0xFC | 3, 1)
        self.state.until_ns = self._video.board.clock.now_ns + _BELL_NS
        self.resume_bell()

    def resume_bell(self) -> None:
        """Arms the end of a beep that sounds."""
        if self.state.until_ns:
            self._video.board.clock.call_at(self.state.until_ns, self._bell_off)

    def _bell_off(self) -> None:
        if self._video.board.clock.now_ns < self.state.until_ns:
            return  # another beep began meanwhile
        self.state.until_ns = 0
        bus = self._video.board.bus
        bus.port_write(0x61, bus.port_read(0x61, 1) & 0xFC, 1)

    # -- Scrolling --------------------------------------------------------------------------------------

    def scroll(self, page: int, left: int, top: int, right: int, bottom: int, lines: int, fill: int) -> None:
        """Moves a window of cells up by ``lines`` (down when negative); 0, or more than it has, clears it."""
        video = self._video
        columns, rows = video.columns, video.rows
        right, bottom = min(right, columns - 1), min(bottom, rows - 1)
        if left > right or top > bottom:
            return
        width, height = right - left + 1, bottom - top + 1
        if lines == 0 or abs(lines) >= height:
            lines = height
        surface = video.surface(page)
        if surface is not None:
            size = video.character_height
            if abs(lines) < height:
                surface.move_up(left * 8, top * size, width * 8, height * size, lines * size)
            first = bottom + 1 - lines if lines > 0 else top
            surface.fill(left * 8, first * size, width * 8, abs(lines) * size, fill)
            return
        blank = bytes((0x20, fill & 0xFF)) * width
        if width == columns:
            self._scroll_whole_rows(page, top, height, lines, blank)
            return
        order = range(top, bottom + 1) if lines > 0 else range(bottom, top - 1, -1)
        for row in order:
            source = row + lines
            data = self._guest.read(self._cell(page, left, source), width * 2) if top <= source <= bottom else blank
            self._write_cells(self._cell(page, left, row), data)

    def _scroll_whole_rows(self, page: int, top: int, height: int, lines: int, blank: bytes) -> None:
        kept = height - abs(lines)
        source = top + max(lines, 0)
        data = self._guest.read(self._cell(page, 0, source), kept * len(blank)) if kept else b""
        uncovered = blank * abs(lines)
        self._write_cells(self._cell(page, 0, top), data + uncovered if lines > 0 else uncovered + data)

    # -- For the firmware's own screens ---------------------------------------------------------------------

    def write_at(self, column: int, row: int, text: str, attribute: int) -> None:
        """Text in code page 437 on page 0 of a text mode, cut at the right edge."""
        data = text.encode("cp437", "replace")[: max(self._video.columns - column, 0)]
        cells = bytearray(len(data) * 2)
        cells[::2] = data
        cells[1::2] = bytes([attribute]) * len(data)
        self._write_cells(self._cell(0, column, row), bytes(cells))

    def print(self, text: str, attribute: int | None = None) -> None:
        """Teletype on the active page; a line feed starts a new line."""
        page = self._guest.read_byte(bda.ACTIVE_PAGE) & 7
        for byte in text.replace("\n", "\r\n").encode("cp437", "replace"):
            self.teletype(byte, page, 7, attribute)
