"""The one-time boot menu: Esc during POST."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from engine.firmware.board import FirmwareBoard
from engine.firmware.int13_disk import DiskServices
from engine.firmware.inventory import floppy_lines, ide_lines
from engine.firmware.text_box import KEY_DOWN, KEY_ENTER, KEY_ESCAPE, KEY_UP, draw_box, plain_key
from engine.firmware.video_adapter import VideoAdapter
from engine.firmware.video_text import TextOutput

_WIDTH: Final = 50
_LEFT: Final = (80 - _WIDTH) // 2
_TOP: Final = 6
_FRAME: Final = 0x1F
_SELECTED: Final = 0x70


@dataclass
class BootMenuState:
    """``entries``: (device name, line shown); the last one is Setup."""

    entries: list[tuple[str, str]] = field(default_factory=list)
    row: int = 0
    closed: bool = True
    chosen: str = ""
    wants_setup: bool = False


class BootMenu:
    """Drawn on the guest's own text screen."""

    def __init__(self, board: FirmwareBoard, video: VideoAdapter, text: TextOutput, disks: DiskServices) -> None:
        self._board = board
        self._video = video
        self._text = text
        self._disks = disks
        self.state = BootMenuState()

    @property
    def closed(self) -> bool:
        return self.state.closed

    @property
    def chosen(self) -> str:
        """The device to boot from, or nothing: the normal order."""
        return self.state.chosen

    @property
    def wants_setup(self) -> bool:
        return self.state.wants_setup

    def open(self) -> None:
        lines = [line for line in floppy_lines(self._board) + ide_lines(self._board, self._disks) if line.device]
        entries = [(line.device, f"{line.place:<18}{line.what}") for line in lines]
        entries.append(("", "Enter Setup"))
        self.state = BootMenuState(entries=entries, closed=False)
        self._video.set_mode(3)
        self._video.set_cursor_shape(0x20, 0)
        self._draw()

    def _draw(self) -> None:
        entries = self.state.entries
        title = "Boot from"
        draw_box(self._text, _LEFT, _TOP, _WIDTH, len(entries) + 4, _FRAME, title)
        for index, (_device, line) in enumerate(entries):
            attribute = _SELECTED if index == self.state.row else _FRAME
            self._text.write_at(_LEFT + 2, _TOP + 2 + index, f" {line}"[: _WIDTH - 4].ljust(_WIDTH - 4), attribute)
        hint = "Up/Down: choose   Enter: boot   Esc: normal order"
        self._text.write_at(0, 24, f" {hint}".ljust(80), 0x70)

    def key(self, word: int) -> None:
        state = self.state
        key = plain_key(word)
        if key == KEY_UP:
            state.row = (state.row - 1) % len(state.entries)
        elif key == KEY_DOWN:
            state.row = (state.row + 1) % len(state.entries)
        elif key == KEY_ESCAPE:
            state.closed = True
        elif key == KEY_ENTER:
            state.chosen = state.entries[state.row][0]
            state.wants_setup = not state.chosen
            state.closed = True
        else:
            return
        if not state.closed:
            self._draw()
