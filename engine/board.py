"""The board: makes the chips of the PC from a configuration and draws every wire between them.

Read it as a schematic, top to bottom. Chips do not know each other; whatever one needs from another is a line
of this file. ``Machine`` owns the board and runs it.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any, Protocol

from engine import _core, resources
from engine.board_bus import attach, attach_map
from engine.config import MachineConfig, SerialConfig
from engine.console.keyboard import Keyboard
from engine.console.mouse import Mouse
from engine.console.screen import Screen
from engine.console.serial import SerialConsole
from engine.devices.ata_disk import AtaDisk
from engine.devices.atapi_cdrom import AtapiCdrom
from engine.devices.debug_ports import DebugPorts
from engine.devices.device import Device, ResetKind
from engine.devices.dma_8237 import DmaControllers
from engine.devices.floppy_controller_82077 import FloppyController82077
from engine.devices.floppy_drive import FloppyDrive
from engine.devices.ide_controller import IdeController
from engine.devices.interrupt_controller_8259 import InterruptControllers
from engine.devices.keyboard_controller_8042 import KeyboardController8042
from engine.devices.parallel_port import ParallelPort
from engine.devices.pc_speaker import PcSpeaker
from engine.devices.ps2_keyboard import Ps2Keyboard
from engine.devices.ps2_mouse import Ps2Mouse
from engine.devices.rtc_cmos_mc146818 import RtcCmos
from engine.devices.serial_16550 import Serial16550
from engine.devices.serial_backends import SerialBackend, open_backend
from engine.devices.system_control import SystemControl
from engine.devices.timer_8254 import Timer8254
from engine.devices.vga import Vga
from engine.disks.cd_image import CdImage
from engine.disks.floppy_image import FloppyImage
from engine.disks.probe import open_disk
from engine.errors import HostResourceError, MachineError
from engine.firmware import Firmware, FirmwareBoard

MEGABYTE = 1 << 20
NS_PER_INSTRUCTION = 10  # guest time an instruction takes in "instructions" mode: 100 MIPS
FIXED_START = datetime.datetime(2000, 1, 1, 12, 0, 0)  # the RTC's start in "instructions" mode


class Host(Protocol):
    """What the board needs of the machine that runs it."""

    def post(self, work: Any) -> None: ...
    def request_reset(self) -> None: ...
    def request_power_off(self) -> None: ...
    def activity(self, device: str, writing: bool) -> None: ...
    def notice(self, message: str, device: str = "") -> None: ...
    def wait_until(self, predicate: Any, timeout: float) -> None: ...
    def emit(self, event: Any) -> None: ...
