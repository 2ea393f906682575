"""The power-on self test: a state machine that the ROM asks again after every interrupt.

It sets the chips up, shows processor, memory and drives, leaves a moment for F2, Del and Esc, and hands over to
Setup, the boot menu or INT 19h. Nothing here blocks: guest time and keys drive it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from engine.clock import MILLISECOND_NS, SECOND_NS
from engine.firmware import bios_data_area as bda
from engine.firmware import memory_types
from engine.firmware.board import FirmwareBoard
from engine.firmware.boot_menu import BootMenu
from engine.firmware.call import IF, Call
from engine.firmware.chipset_init import ChipsetInit
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.int1a_time import TimeServices
from engine.firmware.int13_disk import DiskServices
from engine.firmware.int16_keyboard import Keyboard
from engine.firmware.int19_boot import BootServices
from engine.firmware.inventory import cpu_name, floppy_lines, ide_lines
from engine.firmware.rom import FIRMWARE_NAME, FIRMWARE_VERSION
from engine.firmware.settings import Settings
from engine.firmware.setup import SetupProgram
from engine.firmware.video_adapter import VideoAdapter
from engine.firmware.video_text import TextOutput

KEY_F2: Final = 0x3C00
KEY_DELETE: Final = (0x5300, 0x53E0)
KEY_ESCAPE: Final = 0x011B
_MEMORY_NS: Final = 250 * MILLISECOND_NS  # the count runs this long
_KEYS_NS: Final = 550 * MILLISECOND_NS  # from the start until the boot
_QUICK_NS: Final = 300 * MILLISECOND_NS
_MEMORY_ROW: Final = 4
_HINT_ROW: Final = 24
_TITLE: Final = 0x1F
_PLAIN: Final = 0x07


class Phase(Enum):
    START = "start"
    MEMORY = "memory"
    KEYS = "keys"
    SETUP = "setup"
    MENU = "menu"
    BOOT = "boot"


@dataclass
class PostState:
    """``wanted``: what a key asked for while POST still ran."""

    phase: Phase = Phase.START
    started_ns: int = 0
    quick: bool = False
    wanted: Phase = Phase.BOOT


class PowerOnSelfTest:
    """Service POST: runs one step and says whether to wait."""

    def __init__(
        self,
        board: FirmwareBoard,
        guest: GuestMemory,
        video: VideoAdapter,
        text: TextOutput,
        keyboard: Keyboard,
        disks: DiskServices,
        boot: BootServices,
        time: TimeServices,
        settings: Settings,
        chipset: ChipsetInit,
    ) -> None:
        self._board = board
        self._guest = guest
        self._video = video
        self._text = text
        self._keyboard = keyboard
        self._disks = disks
        self._boot = boot
        self._time = time
        self._settings = settings
        self._chipset = chipset
        self.setup = SetupProgram(board, video, text, disks, time, settings)
        self.menu = BootMenu(board, video, text, disks)
        self.state = PostState()

    def step(self, call: Call) -> None:
        """One step; the stub halts and asks again until the boot."""
        phase = self.state.phase
        if phase is Phase.START:
            self._start()
        elif phase is Phase.SETUP:
            self._in_setup()
        elif phase is Phase.MENU:
            self._in_menu()
        else:
            self._in_test()
        if self.state.phase is Phase.BOOT:
            self.state.phase = Phase.START  # for the next jump to the reset entry
            self._video.set_mode(3)
            self._board.set_a20(self._settings.values.a20)
            _, features, _ = self._board.cpu_identification
            self._guest.write(memory_types.LIST, memory_types.register_list(features))
            call.flags |= IF
        else:
            call.wait()

    # -- Start --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        warm = self._guest.read_word(bda.RESET_FLAG) == bda.WARM_RESET
        self._guest.write_word(bda.RESET_FLAG, 0)
        self._board.set_a20(True)
        self._settings.load()
        self._disks.state.emulation = None
        self._disks.find_drives()
        for unit in self._disks.floppies:
            unit.drive.changed = False
        self._chipset.vectors()
        equipment = self._chipset.data_area(self._disks, self._settings.values)
        self._chipset.chips()
        self._chipset.clock_chip()
        self._settings.describe_hardware(equipment)
        self._time.start_ticks()
        self._video.vbe = None
        self._video.dispi(4, 0)
        self._video.set_mode(3)
        self._keyboard.update_leds()
        self.state = PostState(
            phase=Phase.MEMORY, started_ns=self._board.clock.now_ns, quick=warm or self._settings.values.quick_boot
        )
        self._banner()

    def _banner(self) -> None:
        write = self._text.write_at
        write(0, 0, f" {FIRMWARE_NAME} {FIRMWARE_VERSION}".ljust(80), _TITLE)
        write(1, 2, f"Processor: {cpu_name(self._board)}", _PLAIN)
        self._video.set_cursor(0, 0, 6)
        self._hint("F2 or Del: Setup    Esc: boot menu")

    def _hint(self, text: str) -> None:
        self._text.write_at(0, _HINT_ROW, f" {text}".ljust(80), 0x70)

    # -- Test ---------------------------------------------------------------------------------------------

    def _in_test(self) -> None:
        state = self.state
        passed_ns = self._board.clock.now_ns - state.started_ns
        self._chipset.hear_mouse()
        self._look_for_keys()
        if state.phase is Phase.MEMORY:
            part = 1.0 if state.quick else min(passed_ns / _MEMORY_NS, 1.0)
            total_kib = self._board.memory.ram_bytes // 1024
            shown = total_kib if part >= 1.0 else int(total_kib * part) // 1024 * 1024
            self._text.write_at(1, _MEMORY_ROW, f"Memory: {shown} KB{' OK' if part >= 1.0 else ''}", _PLAIN)
            if part >= 1.0:
                self._list_drives()
                state.phase = Phase.KEYS
        if state.phase is Phase.KEYS:
            wait_ns = _QUICK_NS if state.quick else _KEYS_NS
            wait_ns += self._settings.values.boot_delay * SECOND_NS
            if state.wanted is not Phase.BOOT or passed_ns >= wait_ns:
                self._leave(state.wanted)

    def _look_for_keys(self) -> None:
        while (word := self._keyboard.take_key()) is not None:
            if word == KEY_F2 or word in KEY_DELETE:
                self.state.wanted = Phase.SETUP
                self._hint("Entering Setup ...")
            elif word == KEY_ESCAPE:
                self.state.wanted = Phase.MENU
                self._hint("Boot menu ...")

    def _list_drives(self) -> None:
        row = _MEMORY_ROW + 2
        for line in floppy_lines(self._board) + ide_lines(self._board, self._disks):
            self._text.write_at(1, row, f"{line.place:<18}{line.what}", _PLAIN)
            row += 1
        self._video.set_cursor(0, 0, row + 1)

    def _leave(self, to: Phase) -> None:
        self._chipset.mouse_port_off()
        self.state.phase = to
        if to is Phase.SETUP:
            self.setup.open()
        elif to is Phase.MENU:
            self.menu.open()

    # -- Setup and menu -----------------------------------------------------------------------------------

    def _in_setup(self) -> None:
        self.setup.tick()
        while not self.setup.closed and (word := self._keyboard.take_key()) is not None:
            self.setup.key(word)
        if self.setup.closed:
            self.state.phase = Phase.START
            self._start()
            self.state.quick = True

    def _in_menu(self) -> None:
        while not self.menu.closed and (word := self._keyboard.take_key()) is not None:
            self.menu.key(word)
        if self.menu.closed:
            if self.menu.wants_setup:
                self._leave(Phase.SETUP)
                return
            self._boot.state.chosen = self.menu.chosen
            self.state.phase = Phase.BOOT
