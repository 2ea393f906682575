"""The screen of a machine: its surface for whoever shows it, and its text and pictures for scripts.

``frame`` is where the picture is and how large; it is replaced as a whole when the guest changes its mode, and in
modes of 32 bits a pixel it is the guest's video memory itself. It may be read from any thread while the guest draws;
``take_dirty`` says which rows changed.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.console.guest_fonts import GuestFonts
from engine.console.rom_fonts import CODE_PAGE_437
from engine.console.screen_text import recognise_text
from engine.devices.vga_frame import Frame
from engine.devices.vga_picture import DisplayMode
from engine.errors import MediumError

Result = TypeVar("Result")

# A cell with code 0 or FFh shows nothing.
_DECODED: Final = " " + CODE_PAGE_437[1:255] + " "


class DisplayAdapter(Protocol):
    """What a screen is plugged into: :class:`engine.devices.vga.Vga`."""

    frame: Frame
    generation: int
    scale: tuple[int, int]

    @property
    def mode(self) -> DisplayMode: ...
    @property
    def watched(self) -> bool: ...
    def watch(self, interested: bool) -> None: ...
    def refresh(self) -> bool: ...
    def take_dirty(self) -> tuple[int, int] | None: ...
    def text_cells(self) -> tuple[int, bytes]: ...
    def cursor(self) -> tuple[int, int] | None: ...


class Screen:
    """``wait(predicate, timeout)`` lets the guest run until the predicate holds and raises TimeoutError;
    ``call(work)`` runs work on the machine's thread and returns its result (without it: here and now); ``ram`` is the
    guest's memory, for the fonts it draws with."""

    def __init__(
        self,
        adapter: DisplayAdapter,
        wait: Callable[[Callable[[], bool], float], None] | None = None,
        call: Callable[[Callable[[], Any]], Any] | None = None,
        ram: memoryview | None = None,
    ) -> None:
        self._adapter = adapter
        self._fonts = GuestFonts(ram) if ram is not None else None
        self._recognised = (-1, "")  # generation of the picture, and its text
        self._wait = wait
        self._call = call

    # -- For whoever shows it: any thread -------------------------------------------------------------------

    @property
    def frame(self) -> Frame:
        """Surface, width, height and stride, all of the same moment. The same object until one of them changes."""
        return self._adapter.frame

    @property
    def surface(self) -> memoryview:
        return self._adapter.frame.surface

    @property
    def width(self) -> int:
        return self._adapter.frame.width

    @property
    def height(self) -> int:
        return self._adapter.frame.height

    @property
    def stride(self) -> int:
        """Bytes from one row to the next."""
        return self._adapter.frame.stride

    @property
    def scale(self) -> tuple[int, int]:
        """How many dots of the monitor a pixel covers, across and down: (1, 2) for 640x200."""
        return self._adapter.scale

    @property
    def generation(self) -> int:
        """Grows with every change of the surface."""
        return self._adapter.generation

    def take_dirty(self) -> tuple[int, int] | None:
        """First and last row that changed since the last call; allows the next FrameReady."""
        return self._adapter.take_dirty()

    def watch(self, interested: bool) -> None:
        """Whether frames are to be made and announced while the guest runs."""
        self._on_worker(lambda: self._adapter.watch(interested))

    @property
    def watched(self) -> bool:
        return self._adapter.watched

    def refresh(self) -> bool:
        """Brings the surface up to date now; True if that changed it."""
        return self._on_worker(self._adapter.refresh)

    # -- For scripts --------------------------------------------------------------------------------------------

    @property
    def mode_name(self) -> str:
        """For instance "text 80x25", "320x200x256" (width, height, colours), "1024x768x32" (bits), "off"."""
        return self._on_worker(lambda: self._adapter.mode.name)

    def text(self) -> str:
        """What can be read on the screen, a line for each row, without blanks at the end of lines.

        Text modes: the characters by code page 437. Graphics modes: where the firmware's fonts, or a font in the
        guest's memory, are found on the grid of character cells; an empty string where there are none.
        """
        return self._on_worker(self._read_text)

    def cursor(self) -> tuple[int, int] | None:
        """Column and row of the text cursor, None when it is off."""
        return self._on_worker(self._adapter.cursor)

    def pixels(self) -> NDArray[np.uint8]:
        """A copy of the picture: rows, columns, red-green-blue."""
        return self._on_worker(self._copy_pixels)

    def save(self, path: Path | str) -> None:
        """Writes the picture as a PNG file. Raises MediumError when the file cannot be written."""
        data = png(self.pixels())
        try:
            Path(path).write_bytes(data)
        except OSError as error:
            reason = error.strerror or str(error)
            raise MediumError(path, f"The picture of the screen cannot be written: {reason}.") from error

    def wait_for_text(self, text: str, timeout: float = 30.0) -> None:
        """Lets the guest run until ``text`` can be read on the screen.

        Raises TimeoutError, with what the screen shows, after ``timeout`` seconds of guest time.
        """
        if self._wait is None:
            raise RuntimeError("This screen belongs to no machine that could be waited for.")
        try:
            self._wait(lambda: text in self._read_text(), timeout)
        except TimeoutError as error:
            shown = self.text()
            if not shown.strip():
                shown = f"(no text; the mode is {self.mode_name})"
            raise TimeoutError(f"“{text}” did not appear on the screen. {error}\nThe screen shows:\n{shown}") from error

    def _on_worker(self, work: Callable[[], Result]) -> Result:
        if self._call is None:
            return work()
        result: Result = self._call(work)
        return result

    def _read_text(self) -> str:
        columns, cells = self._adapter.text_cells()
        if columns:
            characters = "".join(_DECODED[code] for code in cells[::2])
            rows = (characters[at : at + columns].rstrip() for at in range(0, len(characters), columns))
            return "\n".join(rows)
        self._adapter.refresh()
        generation = self._adapter.generation
        if generation != self._recognised[0]:
            self._recognised = (generation, self._recognise())
        return self._recognised[1]

    def _recognise(self) -> str:
        pixels = self._rows() & 0x00FFFFFF
        if self._fonts is None:
            return recognise_text(pixels)
        text = recognise_text(pixels, self._fonts.known)
        if not text and self._fonts.look_for(pixels):
            text = recognise_text(pixels, self._fonts.known)
        return text

    def _rows(self) -> NDArray[np.uint32]:
        """The picture: rows and columns of pixels."""
        surface, width, height, stride = self._adapter.frame
        return np.ndarray((height, width), np.uint32, surface, strides=(stride, 4))

    def _copy_pixels(self) -> NDArray[np.uint8]:
        self._adapter.refresh()
        rows = np.ascontiguousarray(self._rows())
        return np.ascontiguousarray(rows.view(np.uint8).reshape(*rows.shape, 4)[:, :, 2::-1])


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of (height, width, 3) red-green-blue bytes. PNG specification, third edition."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = pixels.shape
    # Every row starts with its filter type: 0, none.
    rows = np.zeros((height, 1 + width * 3), np.uint8)
    rows[:, 1:] = pixels.reshape(height, width * 3)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 6))
        + chunk(b"IEND", b"")
    )
