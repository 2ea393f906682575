"""The services behind the ROM's stubs: makes them, connects them, and finds the one a frame names."""

from __future__ import annotations

from engine.firmware import bios_data_area as bda
from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call, Handler
from engine.firmware.chipset_init import ChipsetInit
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.int1a_time import TimeServices
from engine.firmware.int10_video import VideoServices
from engine.firmware.int13_disk import DiskServices
from engine.firmware.int13_extensions import DiskExtensions
from engine.firmware.int14_17_ports import PortServices
from engine.firmware.int15_system import SystemServices
from engine.firmware.int16_keyboard import Keyboard
from engine.firmware.int19_boot import BootServices
from engine.firmware.mailbox_layout import Service
from engine.firmware.post import PowerOnSelfTest
from engine.firmware.rom import RomImages
from engine.firmware.rom_protected_mode import ROM_ADDRESS
from engine.firmware.settings import Settings
from engine.firmware.video_adapter import VideoAdapter
from engine.firmware.video_text import TextOutput

# Services that a waiting program calls over and over; any other call shows that it is busy.
_POLLED = frozenset(
    (Service.INT16, Service.INT1A, Service.INT09, Service.INT70, Service.INT74, Service.INT15, Service.INT11)
)


class Services:
    """All services of one machine."""

    def __init__(self, board: FirmwareBoard, roms: RomImages) -> None:
        self.guest = GuestMemory(board.bus, board.memory, board.cpu)
        guest = self.guest
        self.settings = Settings(board)
        self.video = VideoAdapter(board, guest, roms.video_labels)
        self.text = TextOutput(self.video)
        self.keyboard = Keyboard(board, guest)
        self.disks = DiskServices(board, guest)
        self.extensions = DiskExtensions(self.disks, board.bus.write_memory)
        self.screen = VideoServices(self.video, self.text)
        self.ports = PortServices(board, guest, self.video, self.text)
        self.system = SystemServices(board, guest, roms.system_labels)
        self.time = TimeServices(board, guest, self.keyboard.idle_poll, ROM_ADDRESS + roms.system_labels["pci_32"])
        self.boot = BootServices(board, guest, self.disks, self.keyboard, self.text, self.settings)
        self.chipset = ChipsetInit(board, guest, roms.system_labels, roms.video_labels)
        self.post = PowerOnSelfTest(
            board, guest, self.video, self.text, self.keyboard, self.disks, self.boot, self.time, self.settings,
            self.chipset,
        )  # fmt: skip
        self._handlers: dict[int, Handler] = {
            Service.NMI: self._nothing,
            Service.INT05: self.ports.print_screen,
            Service.INT09: self.keyboard.interrupt,
            Service.INT10: self.screen.service,
            Service.INT11: self._equipment,
            Service.INT12: self._memory_size,
            Service.INT13: self.extensions.service,
            Service.INT14: self.ports.serial,
            Service.INT15: self.system.service,
            Service.INT16: self.keyboard.service,
            Service.INT17: self.ports.parallel,
            Service.INT18: self.boot.basic,
            Service.INT19: self.boot.bootstrap,
            Service.INT1A: self.time.service,
            Service.PCI_32: self.time.pci.service_32,
            Service.INT40: self.disks.floppy_service,
            Service.INT70: self.system.clock_interrupt,
            Service.INT74: self.system.mouse.interrupt,
            Service.POST: self.post.step,
            Service.RETURN: self._nothing,
            Service.WAIT_UNTIL: self.system.wait_goes_on,
            Service.NO_BOOT: self.boot.no_boot,
            Service.MOUSE_WAIT: self.system.mouse.goes_on,
            Service.PRINT_SCREEN: self.ports.print_screen_goes_on,
        }

    def dispatch(self, call: Call) -> None:
        """Runs the service a frame names; an unknown number does nothing."""
        handler = self._handlers.get(call.service)
        if handler is None:
            return
        self.guest.begin()
        if call.service not in _POLLED:
            self.keyboard.state.idle.busy()
        handler(call)

    @staticmethod
    def _nothing(_call: Call) -> None:
        return None

    def _equipment(self, call: Call) -> None:
        call.ax = self.guest.read_word(bda.EQUIPMENT)

    def _memory_size(self, call: Call) -> None:
        call.ax = self.guest.read_word(bda.MEMORY_KIB)
