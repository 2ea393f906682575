"""The pages of Setup: what can be seen and changed, without how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.firmware.board import FirmwareBoard
from engine.firmware.int13_disk import DiskServices
from engine.firmware.int19_boot import DEVICE_NAMES
from engine.firmware.inventory import cpu_name, floppy_lines, ide_lines
from engine.firmware.rom import FIRMWARE_NAME, FIRMWARE_VERSION
from engine.firmware.settings import MAX_BOOT_DELAY, Values

PAGE_NAMES: Final = ("Main", "Boot", "Drives", "Devices", "Exit")


@dataclass
class Item:
    """One line of a page. ``change`` makes it selectable: +1 or -1; ``action`` runs on Enter.

    ``parts`` splits the value into fields that are changed one by one; ``change`` gets the field too, and
    ``digit`` a typed digit.
    """

    label: str
    value: str = ""
    help: str = ""
    change: Callable[[int, int], None] | None = None
    action: Callable[[], None] | None = None
    digit: Callable[[int, int], None] | None = None
    parts: list[tuple[int, int]] = field(default_factory=list)  # (first character, length) in ``value``

    @property
    def selectable(self) -> bool:
        return self.change is not None or self.action is not None


@dataclass
class ExitActions:
    """What the Exit page can do."""

    save: Callable[[], None]
    discard: Callable[[], None]
    defaults: Callable[[], None]
    undo: Callable[[], None]


@dataclass
class ClockField:
    """Date and time as they are edited: read from the clock chip, written back on every change."""

    read: Callable[[], tuple[int, int, int, int, int, int]]
    write: Callable[[int, int, int, int, int, int], None]


_CLOCK_LIMITS: Final = ((1980, 2079), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59))


def days_in_month(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _set_clock(clock: ClockField, index: int, value: int) -> None:
    now = list(clock.read())
    low, high = _CLOCK_LIMITS[index]
    now[index] = low if value > high else high if value < low else value
    now[2] = min(max(now[2], 1), days_in_month(now[0], now[1]))
    clock.write(*now)


def _clock_items(clock: ClockField) -> list[Item]:
    year, month, day, hour, minute, second = clock.read()

    def change(indices: tuple[int, ...]) -> Callable[[int, int], None]:
        def apply(step: int, part: int) -> None:
            index = indices[part]
            _set_clock(clock, index, clock.read()[index] + step)

        return apply

    def digit(indices: tuple[int, ...]) -> Callable[[int, int], None]:
        def apply(value: int, part: int) -> None:
            index = indices[part]
            places = 10000 if index == 0 else 100
            typed = clock.read()[index] * 10 % places + value
            low, high = _CLOCK_LIMITS[index]
            # A year is typed in four digits: on the way there it may be anything.
            _set_clock(clock, index, typed if low <= typed <= high else max(value, low))

        return apply

    help_text = "Tab or Enter goes to the next field; + and -, or digits, change it. The clock is set at once."
    return [
        Item("System time", f"{hour:02}:{minute:02}:{second:02}", help_text, change((3, 4, 5)),
             digit=digit((3, 4, 5)), parts=[(0, 2), (3, 2), (6, 2)]),
        Item("System date", f"{year:04}-{month:02}-{day:02}", help_text, change((0, 1, 2)),
             digit=digit((0, 1, 2)), parts=[(0, 4), (5, 2), (8, 2)]),
    ]  # fmt: skip


def main_page(board: FirmwareBoard, clock: ClockField) -> list[Item]:
    extended = max(board.memory.ram_bytes // 1024 - 1024, 0)
    given = "Set in the virtual machine's settings, while it is off."
    return [
        *_clock_items(clock),
        Item(""),
        Item("Processor", cpu_name(board), given),
        Item("Base memory", "640 KB", given),
        Item("Extended memory", f"{extended} KB", given),
        Item("Video memory", f"{board.config.video_memory_mb} MB", given),
        Item(""),
        Item("Firmware", f"{FIRMWARE_NAME} {FIRMWARE_VERSION}"),
    ]


def boot_page(values: Values) -> list[Item]:
    def mover(index: int) -> Callable[[int, int], None]:
        def move(step: int, _part: int) -> None:
            order = values.boot_order
            other = index - step  # + moves towards the top
            if 0 <= other < len(order):
                order[index], order[other] = order[other], order[index]

        return move

    help_text = "Devices are tried from the top. + moves the device up, - moves it down."
    items = [
        Item(f"{index + 1}.", DEVICE_NAMES.get(device, device), help_text, mover(index))
        for index, device in enumerate(values.boot_order)
    ]

    def delay(step: int, _part: int) -> None:
        values.boot_delay = min(max(values.boot_delay + step, 0), MAX_BOOT_DELAY)

    items += [
        Item(""),
        Item("Quick boot", _yes(values.quick_boot), "Skips the memory count.", _toggle(values, "quick_boot")),
        Item("Wait for keys", f"{values.boot_delay} s", "How much longer F2 and Esc are waited for.", delay),
        Item(
            "Num Lock at start",
            "On" if values.num_lock else "Off",
            "The keypad types digits.",
            _toggle(values, "num_lock"),
        ),
    ]
    return items


def _yes(value: bool) -> str:
    return "Enabled" if value else "Disabled"


def _toggle(values: Values, name: str) -> Callable[[int, int], None]:
    def change(_step: int, _part: int) -> None:
        setattr(values, name, not getattr(values, name))

    return change


def drives_page(board: FirmwareBoard, disks: DiskServices) -> list[Item]:
    help_text = "Drives and what is in them are set in the virtual machine's settings."
    lines = floppy_lines(board) or []
    items = [Item(line.place, line.what, help_text) for line in lines]
    items.append(Item(""))
    items += [Item(line.place, line.what, help_text) for line in ide_lines(board, disks)]
    return items


def devices_page(board: FirmwareBoard, values: Values) -> list[Item]:
    def serial(index: int) -> Callable[[int, int], None]:
        def change(_step: int, _part: int) -> None:
            values.serial[index] = not values.serial[index]

        return change

    reported = "Whether the BIOS tells programs of the port. It answers at its addresses either way."
    items = [
        Item(f"Serial port {index + 1}", f"{_yes(values.serial[index])} ({base:X}h)", reported, serial(index))
        for index, base in enumerate(board.serial_bases[:4])
    ]
    for base in list(board.parallel_bases)[:1]:
        items.append(
            Item("Parallel port", f"{_yes(values.parallel)} ({base:X}h)", reported, _toggle(values, "parallel"))
        )
    items += [
        Item(""),
        Item("A20 gate at boot", "Open" if values.a20 else "Closed",
             "Closed is what a PC/AT does: addresses wrap at 1 MB until a program opens the gate.",
             _toggle(values, "a20")),
        Item("Sound", "Enabled" if board.config.sound else "None", "Set in the virtual machine's settings."),
    ]  # fmt: skip
    return items


def exit_page(actions: ExitActions) -> list[Item]:
    return [
        Item("Save changes and exit", help="Writes the settings to CMOS and starts.", action=actions.save),
        Item("Discard changes and exit", help="Starts with the settings as they were.", action=actions.discard),
        Item(""),
        Item("Load defaults", help="Settings as they were when the machine was new.", action=actions.defaults),
        Item("Discard changes", help="Settings as they were when Setup was opened.", action=actions.undo),
    ]
