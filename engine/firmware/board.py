"""What the firmware is given: the board's memory, bus, drives and switches, as one dataclass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from engine import resources
from engine.clock import Clock
from engine.config import MachineConfig

SECTOR_BYTES = 512
CD_BLOCK_BYTES = 2048


class FirmwareMemory(Protocol):
    """Guest physical memory with the means to add ROM to it."""

    @property
    def ram_bytes(self) -> int: ...
    @property
    def backing(self) -> memoryview: ...
    @property
    def a20(self) -> bool: ...
    def allocate(self, length: int) -> int: ...
    def map_backed(self, physical: int, length: int, offset: int, flags: int) -> None: ...


class FirmwareBus(Protocol):
    """I/O ports and physical memory as the processor sees them, memory-mapped devices included."""

    def port_read(self, port: int, size: int) -> int: ...
    def port_write(self, port: int, value: int, size: int) -> None: ...
    def read_memory(self, physical: int, length: int) -> bytes: ...
    def write_memory(self, physical: int, data: bytes | bytearray | memoryview) -> None: ...
    def attach_register(
        self,
        port: int,
        width: int,
        name: str,
        read: Callable[[], int] | None,
        write: Callable[[int], None] | None,
        read_block: Callable[[int], bytes] | None,
        write_block: Callable[[bytes], None] | None,
    ) -> None: ...


class FirmwareCpu(Protocol):
    """The processor, asked only in which mode it runs and how it sees memory."""

    @property
    def retired(self) -> int: ...
    @property
    def cr0(self) -> int: ...
    def registers(self) -> dict[str, int]: ...
    def read_linear(self, linear: int, length: int) -> bytes | None: ...
    def write_linear(self, linear: int, data: bytes) -> bool: ...


class Cmos(Protocol):
    """The CMOS bytes of the real-time clock chip."""

    def read_cmos(self, index: int) -> int: ...
    def write_cmos(self, index: int, value: int) -> None: ...


class FloppyMedium(Protocol):
    """A diskette in a drive."""

    @property
    def cylinders(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def sectors(self) -> int: ...
    @property
    def write_protected(self) -> bool: ...
    def read(self, cylinder: int, head: int, sector: int) -> bytes: ...
    def write(self, cylinder: int, head: int, sector: int, data: bytes) -> None: ...
    def format_track(self, cylinder: int, head: int, sector_ids: Sequence[int], fill: int) -> None: ...


class FloppyDriveUnit(Protocol):
    """A floppy drive; ``changed`` is the disk change line, ``kind`` one of ``config.FLOPPY_TYPES``."""

    changed: bool

    @property
    def medium(self) -> FloppyMedium | None: ...
    @property
    def kind(self) -> str: ...


class Block(Protocol):
    """Sectors of 512 bytes on the host."""

    @property
    def sector_count(self) -> int: ...
    def read(self, lba: int, count: int) -> bytes: ...
    def write(self, lba: int, data: bytes) -> None: ...
    def flush(self) -> None: ...


class HardDisk(Protocol):
    """An ATA disk: its blocks and the geometry (cylinders, heads, sectors) it tells in IDENTIFY."""

    @property
    def block(self) -> Block: ...
    @property
    def geometry(self) -> tuple[int, int, int]: ...


class CdMedium(Protocol):
    """A CD; blocks of 2048 bytes."""

    @property
    def block_count(self) -> int: ...
    def read(self, lba: int, count: int) -> bytes: ...


class CdromDrive(Protocol):
    """An ATAPI CD-ROM drive."""

    @property
    def medium(self) -> CdMedium | None: ...


class LinuxBoot(Protocol):
    """A kernel that was checked when the machine was made (linux_boot.LinuxImage)."""

    def load(self, write: Callable[[int, bytes], None], ram_bytes: int) -> int:
        """Puts it into memory through ``write(address, data)``; the address below 64 KiB where execution goes on.
        Raises MediumError."""
        ...


def _no_activity(_device: str, _writing: bool) -> None:
    return None


def _nothing() -> None:
    return None


@dataclass
class FirmwareBoard:
    """Everything the firmware may touch. ``ide`` has four slots: primary master, primary slave, secondary ..."""

    memory: FirmwareMemory
    bus: FirmwareBus
    cpu: FirmwareCpu
    clock: Clock
    config: MachineConfig
    cmos: Cmos
    floppies: Sequence[FloppyDriveUnit]
    ide: Sequence[HardDisk | CdromDrive | None]
    serial_bases: Sequence[int]
    parallel_bases: Sequence[int]
    set_a20: Callable[[bool], None]
    reset: Callable[[], None]
    power_off: Callable[[], None]
    activity: Callable[[str, bool], None] = _no_activity
    save_nvram: Callable[[], None] = _nothing  # writes the CMOS to the host's NVRAM file
    cpu_identification: tuple[int, int, str] = (0, 0, "")  # CPUID's signature and features, the processor's name
    has_apics: bool = False  # local APIC and I/O APIC
    linux: LinuxBoot | None = None  # started before any boot device
    linear_frame_buffer: int = resources.LINEAR_FRAME_BUFFER

    @property
    def video_memory_bytes(self) -> int:
        return self.config.video_memory_mb << 20

    def hard_disk(self, slot: int) -> HardDisk | None:
        """The disk at an IDE slot, or None."""
        entry = self.ide[slot] if 0 <= slot < len(self.ide) else None
        return cast(HardDisk, entry) if entry is not None and hasattr(entry, "block") else None

    def cdrom(self, slot: int) -> CdromDrive | None:
        """The CD-ROM drive at an IDE slot, or None."""
        entry = self.ide[slot] if 0 <= slot < len(self.ide) else None
        return entry if entry is not None and not hasattr(entry, "block") else None

    @property
    def hard_disk_slots(self) -> list[int]:
        """IDE slots with a hard disk, in the order of BIOS drive numbers."""
        return [slot for slot in range(len(self.ide)) if self.hard_disk(slot) is not None]

    @property
    def cdrom_slots(self) -> list[int]:
        return [slot for slot in range(len(self.ide)) if self.cdrom(slot) is not None]
