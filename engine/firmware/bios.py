"""The firmware as the board sees it: puts the ROM into memory, answers at the mailbox, saves and loads."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Final

from engine.errors import StateError
from engine.firmware.board import FirmwareBoard
from engine.firmware.boot_menu import BootMenuState
from engine.firmware.int1a_time import TimeState
from engine.firmware.int13_disk import DiskState
from engine.firmware.int14_17_ports import PortState
from engine.firmware.int15_apm import PowerState
from engine.firmware.int15_mouse import MouseState
from engine.firmware.int15_system import SystemState
from engine.firmware.int16_keyboard import KeyboardState
from engine.firmware.int19_boot import BootState
from engine.firmware.mailbox import Mailbox, MailboxState
from engine.firmware.post import PostState
from engine.firmware.rom import (
    FIRMWARE_VERSION,
    RELEASE_DATE,
    SYSTEM_ROM_BYTES,
    SYSTEM_SEGMENT,
    VIDEO_ROM_BYTES,
    VIDEO_SEGMENT,
    build_rom,
)
from engine.firmware.services import Services
from engine.firmware.settings import Values
from engine.firmware.setup import SetupState
from engine.firmware.system_tables import (
    ENTRY_POINTS_ADDRESS,
    ENTRY_POINTS_BYTES,
    TABLES_ADDRESS,
    TABLES_BYTES,
    system_tables,
)
from engine.firmware.vbe_modes import modes_for
from engine.firmware.video_adapter import VbeScreen
from engine.firmware.video_text import BellState

_TOP_OF_MEMORY: Final = 0x100000000 - SYSTEM_ROM_BYTES
_PAGE_READ: Final = 1  # engine._core.PhysicalMemory.PAGE_READ


@dataclass
class FirmwareState:
    """Everything the services remember between guest instructions."""

    mailbox: MailboxState
    keyboard: KeyboardState
    disks: DiskState
    ports: PortState
    system: SystemState
    mouse: MouseState
    power: PowerState
    boot: BootState
    time: TimeState
    post: PostState
    setup: SetupState
    menu: BootMenuState
    values: Values
    vbe: VbeScreen | None
    bell: BellState


class Firmware:
    """Our own BIOS. ``install`` once, ``reset`` after every reset of the board."""

    def __init__(self, board: FirmwareBoard) -> None:
        self._board = board
        self.roms = build_rom(list(modes_for(board.video_memory_bytes)))
        self.services = Services(board, self.roms)
        self._mailbox = Mailbox(self.services.dispatch)

    def install(self) -> list[tuple[int, int, int]]:
        """Maps the video ROM at C0000h, the system ROM at F0000h and below 4 GiB, and attaches the ports. The ROMs
        below 1 MiB: address, length, and offset in the backing."""
        memory = self._board.memory
        offset = memory.allocate(SYSTEM_ROM_BYTES + VIDEO_ROM_BYTES)
        memory.backing[offset : offset + SYSTEM_ROM_BYTES] = self.roms.system
        memory.backing[offset + SYSTEM_ROM_BYTES : offset + SYSTEM_ROM_BYTES + VIDEO_ROM_BYTES] = self.roms.video
        tables = memory.allocate(TABLES_BYTES)
        memory.backing[tables : tables + TABLES_BYTES], entry_points = system_tables(
            self._board,
            FIRMWARE_VERSION,
            RELEASE_DATE.decode(),
        )
        at = offset + ENTRY_POINTS_ADDRESS - SYSTEM_SEGMENT * 16
        memory.backing[at : at + ENTRY_POINTS_BYTES] = entry_points
        roms = [
            (TABLES_ADDRESS, TABLES_BYTES, tables),
            (SYSTEM_SEGMENT * 16, SYSTEM_ROM_BYTES, offset),
            (VIDEO_SEGMENT * 16, VIDEO_ROM_BYTES, offset + SYSTEM_ROM_BYTES),
        ]
        for rom in roms:
            memory.map_backed(*rom, _PAGE_READ)
        memory.map_backed(_TOP_OF_MEMORY, SYSTEM_ROM_BYTES, offset, _PAGE_READ)
        self._mailbox.attach(self._board.bus)
        return roms

    def reset(self, cold: bool) -> None:
        """The processor is about to start at the reset vector. ``cold``: power-on, memory holds nothing."""
        services = self.services
        self._mailbox.state = MailboxState()
        services.keyboard.state = KeyboardState()
        services.disks.state = DiskState()
        services.ports.state = PortState()
        services.system.state = SystemState()
        services.system.mouse.state = MouseState()
        services.system.power.state = PowerState()
        services.boot.state = BootState()
        services.time.state = TimeState()
        services.post.state = PostState()
        services.post.setup.state = SetupState()
        services.post.menu.state = BootMenuState()
        services.text.state = BellState()
        services.video.vbe = None
        if cold:
            # What happened to lie in memory must not look like a warm start.
            self._board.bus.write_memory(0x472, b"\0\0")

    def save(self) -> FirmwareState:
        services = self.services
        return copy.deepcopy(
            FirmwareState(
                mailbox=self._mailbox.state,
                keyboard=services.keyboard.state,
                disks=services.disks.state,
                ports=services.ports.state,
                system=services.system.state,
                mouse=services.system.mouse.state,
                power=services.system.power.state,
                boot=services.boot.state,
                time=services.time.state,
                post=services.post.state,
                setup=services.post.setup.state,
                menu=services.post.menu.state,
                values=services.settings.values,
                vbe=services.video.vbe,
                bell=services.text.state,
            )
        )

    def load(self, state: FirmwareState) -> None:
        """Takes a saved state over. Raises StateError for something else."""
        if not isinstance(state, FirmwareState):
            raise StateError("The saved state of the firmware is of another kind.")
        state = copy.deepcopy(state)
        services = self.services
        services.disks.find_drives()
        self._mailbox.state = state.mailbox
        services.keyboard.state = state.keyboard
        services.disks.state = state.disks
        services.ports.state = state.ports
        services.system.state = state.system
        services.system.mouse.state = state.mouse
        services.system.power.state = state.power
        services.boot.state = state.boot
        services.time.state = state.time
        services.post.state = state.post
        services.post.setup.state = state.setup
        services.post.menu.state = state.menu
        services.settings.values = state.values
        services.video.vbe = state.vbe
        services.text.state = state.bell
        services.text.resume_bell()
