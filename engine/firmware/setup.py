"""Setup: the firmware's own settings program, on the guest's text screen."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.firmware.board import FirmwareBoard
from engine.firmware.int1a_time import TimeServices
from engine.firmware.int13_disk import DiskServices
from engine.firmware.settings import Settings, Values
from engine.firmware.setup_pages import (
    PAGE_NAMES,
    ClockField,
    ExitActions,
    Item,
    boot_page,
    devices_page,
    drives_page,
    exit_page,
    main_page,
)
from engine.firmware.text_box import (
    KEY_DOWN,
    KEY_END,
    KEY_ENTER,
    KEY_ESCAPE,
    KEY_F9,
    KEY_F10,
    KEY_HOME,
    KEY_LEFT,
    KEY_MINUS,
    KEY_PLUS,
    KEY_RIGHT,
    KEY_TAB,
    KEY_UP,
    draw_box,
    plain_key,
)
from engine.firmware.video_adapter import VideoAdapter
from engine.firmware.video_text import TextOutput

_TITLE: Final = 0x30  # black on cyan
_BAR: Final = 0x17  # grey on blue
_BAR_SELECTED: Final = 0x71  # blue on grey
_BODY: Final = 0x70
_LABEL: Final = 0x71
_VALUE: Final = 0x70
_SELECTED: Final = 0x1F
_HELP: Final = 0x70
_DIALOG: Final = 0x4F
_FIRST_ROW: Final = 4
_LABEL_COLUMN: Final = 4
_VALUE_COLUMN: Final = 26
_HELP_COLUMN: Final = 55
_HELP_WIDTH: Final = 23


@dataclass
class SetupState:
    """``question``: "save", "discard" or "defaults" while a dialog waits for yes or no."""

    closed: bool = True
    page: int = 0
    row: int = 0
    part: int = 0
    values: Values = field(default_factory=Values)
    before: Values = field(default_factory=Values)
    question: str = ""
    shown_second: int = -1


class SetupProgram:
    """Draws, takes keys, stores. ``tick`` keeps the clock on the screen going."""

    def __init__(
        self,
        board: FirmwareBoard,
        video: VideoAdapter,
        text: TextOutput,
        disks: DiskServices,
        time: TimeServices,
        settings: Settings,
    ) -> None:
        self._board = board
        self._video = video
        self._text = text
        self._disks = disks
        self._settings = settings
        self._clock = ClockField(time.date_and_time, time.set_date_and_time)
        self._exit = ExitActions(
            save=lambda: self._ask("save"),
            discard=lambda: self._ask("discard"),
            defaults=lambda: self._ask("defaults"),
            undo=self._undo,
        )
        self._answers: dict[str, tuple[str, Callable[[], None]]] = {
            "save": ("Save changes and exit?", self._save),
            "discard": ("Discard changes and exit?", self._discard),
            "defaults": ("Load default settings?", self._load_defaults),
        }
        self.state = SetupState()

    @property
    def closed(self) -> bool:
        return self.state.closed

    def open(self) -> None:
        values = copy.deepcopy(self._settings.values)
        self.state = SetupState(closed=False, values=values, before=copy.deepcopy(values))
        self._video.set_mode(3)
        self._video.set_cursor_shape(0x20, 0)
        self._select_first()
        self._draw()

    # -- Contents -----------------------------------------------------------------------------------------

    def _items(self) -> list[Item]:
        state = self.state
        page = PAGE_NAMES[state.page]
        if page == "Main":
            return main_page(self._board, self._clock)
        if page == "Boot":
            return boot_page(state.values)
        if page == "Drives":
            return drives_page(self._board, self._disks)
        if page == "Devices":
            return devices_page(self._board, state.values)
        return exit_page(self._exit)

    def _selectable(self) -> list[int]:
        return [index for index, item in enumerate(self._items()) if item.selectable]

    def _select_first(self) -> None:
        rows = self._selectable()
        self.state.row = rows[0] if rows else -1
        self.state.part = 0

    def _item(self) -> Item | None:
        items = self._items()
        return items[self.state.row] if 0 <= self.state.row < len(items) else None

    # -- Keys ---------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Redraws the page when the clock has moved on."""
        second = self._clock.read()[5]
        if second != self.state.shown_second and not self.state.question:
            self.state.shown_second = second
            if self.state.page == 0:
                self._draw_body()

    def key(self, word: int) -> None:
        """One word of the keyboard buffer."""
        key = plain_key(word)
        if self.state.question:
            self._answer(key)
        elif key in (KEY_LEFT, KEY_RIGHT):
            self.state.page = (self.state.page + (1 if key == KEY_RIGHT else -1)) % len(PAGE_NAMES)
            self._select_first()
        elif key in (KEY_UP, KEY_DOWN, KEY_HOME, KEY_END):
            self._move(key)
        elif key == KEY_ESCAPE:
            if self.state.page == len(PAGE_NAMES) - 1:
                self._ask("discard")
            else:
                self.state.page = len(PAGE_NAMES) - 1
                self._select_first()
        elif key == KEY_F10:
            self._ask("save")
        elif key == KEY_F9:
            self._ask("defaults")
        else:
            self._edit(key)
        if not self.closed:
            self._draw()

    def _move(self, key: str) -> None:
        rows = self._selectable()
        if not rows:
            return
        if key == KEY_HOME:
            self.state.row = rows[0]
        elif key == KEY_END:
            self.state.row = rows[-1]
        else:
            index = rows.index(self.state.row) if self.state.row in rows else 0
            self.state.row = rows[(index + (1 if key == KEY_DOWN else -1)) % len(rows)]
        self.state.part = 0

    def _edit(self, key: str) -> None:
        item, state = self._item(), self.state
        if item is None:
            return
        if key in (KEY_ENTER, KEY_TAB) and item.parts:
            state.part = (state.part + 1) % len(item.parts)
        elif key == KEY_ENTER and item.action is not None:
            item.action()
        elif key in (KEY_PLUS, KEY_MINUS) or (key == KEY_ENTER and item.change is not None):
            if item.change is not None:
                step = -1 if key == KEY_MINUS else 1
                item.change(step, state.part)
                self._follow(step)
        elif key.isdigit() and item.digit is not None:
            item.digit(int(key), state.part)

    def _follow(self, step: int) -> None:
        """On the boot page the selection stays on the device that was moved."""
        state = self.state
        order = state.values.boot_order
        if PAGE_NAMES[state.page] == "Boot" and 0 <= state.row < len(order):
            state.row = min(max(state.row - step, 0), len(order) - 1)

    # -- Questions ----------------------------------------------------------------------------------------

    def _ask(self, question: str) -> None:
        self.state.question = question

    def _answer(self, key: str) -> None:
        if key in (KEY_ENTER, "y"):
            _text, action = self._answers[self.state.question]
            self.state.question = ""
            action()
        elif key in (KEY_ESCAPE, "n"):
            self.state.question = ""

    def _save(self) -> None:
        self._settings.store(copy.deepcopy(self.state.values))
        self.state.closed = True

    def _discard(self) -> None:
        self.state.closed = True

    def _load_defaults(self) -> None:
        self.state.values = self._settings.defaults()

    def _undo(self) -> None:
        self.state.values = copy.deepcopy(self.state.before)

    # -- Drawing ------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        write = self._text.write_at
        write(0, 0, "Bancada BIOS Setup".center(80), _TITLE)
        write(0, 1, " " * 80, _BAR)
        column = 2
        for index, name in enumerate(PAGE_NAMES):
            write(column, 1, f"  {name}  ", _BAR_SELECTED if index == self.state.page else _BAR)
            column += len(name) + 5
        write(0, 2, "┌" + "─" * 52 + "┬" + "─" * 25 + "┐", _BODY)
        self._draw_body()
        write(0, 22, "└" + "─" * 52 + "┴" + "─" * 25 + "┘", _BODY)
        write(0, 23, "  Left/Right: page   Up/Down: item   + -: change   Enter: next field, choose".ljust(80), _TITLE)
        write(0, 24, "  F9: defaults   F10: save and exit   Esc: exit".ljust(80), _TITLE)
        if self.state.question:
            self._draw_question()

    def _draw_body(self) -> None:
        items = self._items()
        item = self._item()
        help_lines = textwrap.wrap(item.help, _HELP_WIDTH) if item is not None else []
        if not self._selectable():
            help_lines = textwrap.wrap(items[0].help if items else "", _HELP_WIDTH)
        for row in range(3, 22):
            index = row - _FIRST_ROW
            self._text.write_at(0, row, "│" + " " * 52 + "│" + " " * 25 + "│", _BODY)
            if 0 <= index < len(items):
                self._draw_item(row, items[index], index == self.state.row)
            if 0 <= index < len(help_lines):
                self._text.write_at(_HELP_COLUMN, row, help_lines[index], _HELP)

    def _draw_item(self, row: int, item: Item, selected: bool) -> None:
        write = self._text.write_at
        if not item.value:
            write(_LABEL_COLUMN, row, item.label, _SELECTED if selected else _LABEL)
            return
        write(_LABEL_COLUMN, row, item.label, _LABEL)
        if item.parts:
            write(_VALUE_COLUMN, row, f"[{item.value}]", _VALUE)
            if selected:
                first, length = item.parts[min(self.state.part, len(item.parts) - 1)]
                write(_VALUE_COLUMN + 1 + first, row, item.value[first : first + length], _SELECTED)
            return
        shown = f"[{item.value}]" if item.selectable else item.value
        write(_VALUE_COLUMN, row, shown[:26], _SELECTED if selected else _VALUE)

    def _draw_question(self) -> None:
        text, _action = self._answers[self.state.question]
        draw_box(self._text, 22, 9, 36, 6, _DIALOG, "Setup")
        self._text.write_at(23, 11, text.center(34), _DIALOG)
        self._text.write_at(23, 13, "Enter or Y: yes    Esc or N: no".center(34), _DIALOG)
