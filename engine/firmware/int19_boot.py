"""INT 19h: boots from the first device of the boot order that can; INT 18h when none could."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.errors import MediumError
from engine.firmware.board import SECTOR_BYTES, FirmwareBoard
from engine.firmware.call import IF, Call
from engine.firmware.drives import FIRST_HARD_DISK, Drive, DriveError, FloppyUnit
from engine.firmware.el_torito import NotBootable, load_boot_image
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.int13_disk import DiskServices
from engine.firmware.int16_keyboard import Keyboard
from engine.firmware.mailbox_layout import Service
from engine.firmware.settings import Settings
from engine.firmware.video_text import TextOutput

BOOT_OFFSET: Final = 0x7C00
_BOOT_MARK: Final = b"\x55\xaa"
DEVICE_NAMES: Final = {
    "floppy": "Floppy",
    "cdrom": "CD-ROM",
    "disk": "Hard disk",
    "network": "Network",
    "kernel": "Kernel",
}


@dataclass
class BootState:
    """``chosen``: a one-time choice from the boot menu, forgotten after one INT 19h."""

    chosen: str = ""


class BootServices:
    """Loads a boot sector and lets the stub's IRET jump to it."""

    def __init__(
        self,
        board: FirmwareBoard,
        guest: GuestMemory,
        disks: DiskServices,
        keyboard: Keyboard,
        text: TextOutput,
        settings: Settings,
    ) -> None:
        self._board = board
        self._guest = guest
        self._disks = disks
        self._keyboard = keyboard
        self._text = text
        self._settings = settings
        self.state = BootState()

    def bootstrap(self, call: Call) -> None:
        """INT 19h."""
        self._disks.state.emulation = None
        if self.state.chosen:
            order = [self.state.chosen]
            self.state.chosen = ""
        else:
            order = ["kernel"] if self._board.linux is not None else []
            order += self._settings.boot_order()
        reasons = []
        for device in order:
            reason = self._try(call, device)
            if reason is None:
                return
            reasons.append(f"  {self.name(device):<10} {reason}")
        self._tell(reasons)
        call.service = Service.NO_BOOT
        call.wait()

    @staticmethod
    def name(device: str) -> str:
        """For a person: "disk1" is the second hard disk."""
        kind = device.rstrip("0123456789")
        number = device[len(kind) :]
        return DEVICE_NAMES.get(kind, kind) + (f" {int(number) + 1}" if number else "")

    def basic(self, call: Call) -> None:
        """INT 18h: a boot sector gave up."""
        self._tell([])
        call.service = Service.NO_BOOT
        call.wait()

    def no_boot(self, call: Call) -> None:
        """Waits for a key, then INT 19h again."""
        if self._keyboard.take_key() is None:
            call.wait()
            return
        self._text.print("\n")
        call.service = Service.INT19
        self.bootstrap(call)

    def _tell(self, reasons: list[str]) -> None:
        lines = "".join(line + "\n" for line in reasons)
        self._text.print(
            f"\nNo bootable device.\n{lines}"
            "\nInsert a bootable floppy or CD, or attach a disk with an operating system,"
            "\nthen press any key to try again. Ctrl+Alt+Del restarts; F2 there opens Setup.\n"
        )

    # -- Devices ------------------------------------------------------------------------------------------

    def _try(self, call: Call, device: str) -> str | None:
        """Boots from a device, or says why not."""
        kind = device.rstrip("0123456789")
        number = int(device[len(kind) :] or 0)
        if kind == "kernel":
            return self._kernel(call)
        if kind == "floppy":
            return self._from_sector(call, number)
        if kind == "disk":
            return self._from_sector(call, FIRST_HARD_DISK + number)
        if kind == "cdrom":
            indices = [number] if device != kind else range(len(self._disks.cdroms))
            reason = "no drive"
            for index in indices:
                result = self._from_cd(call, index)
                if result is None:
                    return None
                reason = result
            return reason
        return "not supported by this firmware"

    def _kernel(self, call: Call) -> str | None:
        """The kernel that the machine was given, with no disk."""
        assert self._board.linux is not None
        try:
            start = self._board.linux.load(self._guest.write, self._board.memory.ram_bytes)
        except MediumError as error:
            return str(error)
        call.cs, call.ip = 0, start
        call.ds = call.es = 0
        call.flags = 2
        return None

    def _from_sector(self, call: Call, number: int) -> str | None:
        drive = self._disks.drive(number)
        if drive is None:
            return "no drive"
        try:
            sector = self._first_sector(drive)
        except DriveError as error:
            return "no disk in the drive" if isinstance(drive, FloppyUnit) else f"read error {error.status:02X}h"
        if len(sector) < SECTOR_BYTES:
            return "empty"
        if number >= FIRST_HARD_DISK and sector[510:512] != _BOOT_MARK:
            return "no boot sector"
        if number < FIRST_HARD_DISK and _looks_blank(sector):
            return "not a bootable disk"
        self._board.activity(drive.light, False)
        self._start(call, sector, number, 0, BOOT_OFFSET)
        return None

    @staticmethod
    def _first_sector(drive: Drive) -> bytes:
        if isinstance(drive, FloppyUnit):
            drive.drive.changed = False
        elif drive.block_count == 0:
            return b""
        return drive.read(0, 1)

    def _from_cd(self, call: Call, index: int) -> str | None:
        if index >= len(self._disks.cdroms):
            return "no drive"
        cd = self._disks.cdroms[index]
        try:
            boot = load_boot_image(cd, index)
        except NotBootable as reason:
            return str(reason)
        except DriveError as error:
            return f"read error {error.status:02X}h"
        self._board.activity(cd.light, False)
        self._disks.state.emulation = boot.emulation
        self._start(call, boot.image, boot.emulation.drive_number, boot.emulation.load_segment, 0)
        return None

    def _start(self, call: Call, image: bytes, drive: int, segment: int, offset: int) -> None:
        """Image to segment:offset; the IRET at the end of INT 19h goes there, with the drive in DL."""
        if segment == BOOT_OFFSET >> 4:
            segment, offset = 0, BOOT_OFFSET  # the same place; some boot code counts on CS = 0
        self._guest.write(segment * 16 + offset, image)
        call.cs, call.ip = segment, offset
        call.ax = 0xAA55
        call.dx = drive
        call.ds = call.es = 0
        call.flags = IF | 2


def _looks_blank(sector: bytes) -> bool:
    """A formatted floppy without boot code, or a wiped one: nothing there can run."""
    return sector[0] in (0x00, 0xE5, 0xF6) and len(set(sector[:64])) == 1
