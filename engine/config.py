"""What a machine is made of: plain frozen dataclasses with their limits beside the fields.

``MachineConfig.problems()`` lists everything wrong, for command line, dialogs and API alike;
``validate()`` raises them as one :class:`~engine.errors.ConfigError`. Nothing here touches files:
whether an image can be opened is found out at power-on.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.errors import ConfigError, Problem

MIN_MEMORY_MB: Final = 1
MAX_MEMORY_MB: Final = 3072
MAX_FLOPPIES: Final = 2
MAX_IDE_DRIVES: Final = 4
MAX_SERIAL_PORTS: Final = 4
MIN_VIDEO_MEMORY_MB: Final = 1
MAX_VIDEO_MEMORY_MB: Final = 64
ACCELERATORS: Final = ("auto", "kvm", "translator", "interpreter")
CLOCKS: Final = ("realtime", "instructions")
BOOT_DEVICES: Final = ("floppy", "cdrom", "disk", "network")
CPU_MODELS: Final = (
    "386",
    "486",
    "pentium",
    "pentium-pro",
    "pentium-ii",
    "pentium-iii",
    "pentium-4",
    "host-like",
)
DEFAULT_CPU_MODEL: Final = "pentium-4"  # no execute-disable bit, no SSE3: what Windows 98 to XP and Linux know well
FLOPPY_TYPES: Final = ("none", "360K", "1.2M", "720K", "1.44M", "2.88M")
SERIAL_KINDS: Final = ("none", "file", "stdio", "tcp", "unix", "pty", "memory")
NETWORK_KINDS: Final = ("none", "nat", "host-only", "segment", "bridged")


@dataclass(frozen=True)
class FloppyConfig:
    """One floppy drive. ``image`` is a raw image file, or None for an empty drive."""

    image: Path | None = None
    drive: str = "1.44M"  # one of FLOPPY_TYPES; the drive adapts upwards to 2.88M media by itself
    read_only: bool = False


@dataclass(frozen=True)
class DiskConfig:
    """One hard disk on IDE. ``slot`` 0-3: primary master, primary slave, secondary master, secondary slave."""

    image: Path
    slot: int = 0
    read_only: bool = False


@dataclass(frozen=True)
class CdromConfig:
    """One ATAPI CD-ROM drive; ``image`` None is an empty drive."""

    image: Path | None = None
    slot: int = 2


@dataclass(frozen=True)
class SerialConfig:
    """One serial port. ``target``: a file, "HOST:PORT" (tcp; ":PORT" listens), a socket path (unix).

    ``memory`` keeps the bytes for the Python API; every kind offers that API as well.
    """

    kind: str = "memory"
    target: str = ""


@dataclass(frozen=True)
class NetworkConfig:
    """One network adapter and what it is plugged into."""

    kind: str = "none"
    mac: str = ""


@dataclass(frozen=True)
class MachineConfig:
    """The whole machine. See ``problems`` for the limits."""

    name: str = "PC"
    memory_mb: int = 64
    cpu_model: str = DEFAULT_CPU_MODEL
    accelerator: str = "auto"
    clock: str = "realtime"
    floppies: Sequence[FloppyConfig | Path | str] = ()
    disks: Sequence[DiskConfig | Path | str] = ()
    cdroms: Sequence[CdromConfig | Path | str] = ()
    serial: Sequence[SerialConfig] = field(default_factory=lambda: (SerialConfig(),))
    networks: Sequence[NetworkConfig] = ()
    boot_order: Sequence[str] = ("floppy", "cdrom", "disk")
    video_memory_mb: int = 16
    apic: bool = True  # local APIC (of processors that have one) and I/O APIC beside the 8259 pair
    sound: bool = True
    firmware: Path | None = None  # BIOS image in place of ours
    video_firmware: Path | None = None  # video BIOS for it, the display adapter's expansion ROM
    kernel: Path | None = None  # Linux image that is started before any boot device
    initrd: Path | None = None
    kernel_command_line: str = ""
    nvram: Path | None = None  # file that keeps CMOS and Setup; None: forgotten at power-off
    printer: Path | None = None  # file that receives what is printed on LPT1; None: no printer
    debug_port: Path | None = None  # file that receives port E9h
    identity: str = ""  # tells machines apart in what guests see of them, such as disks' serial numbers
    start_time: str = ""  # ISO 8601 for the RTC; empty: the host's local time (fixed date in instructions mode)

    def __post_init__(self) -> None:
        # Plain paths are welcome in scripts, as text, too: they become drives with the usual defaults.
        for name in ("firmware", "video_firmware", "kernel", "initrd", "nvram", "printer", "debug_port"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, Path(value))
        object.__setattr__(self, "floppies", tuple(_floppy(item) for item in self.floppies))
        disks = tuple(_disk(item, index) for index, item in enumerate(self.disks))
        object.__setattr__(self, "disks", disks)
        taken = {disk.slot for disk in disks}
        cdroms = []
        for item in self.cdroms:
            cdrom = item
            if not isinstance(cdrom, CdromConfig):
                free = [slot for slot in (2, 3, 1, 0) if slot not in taken]
                cdrom = CdromConfig(Path(cdrom), free[0] if free else MAX_IDE_DRIVES)
            taken.add(cdrom.slot)
            cdroms.append(cdrom)
        object.__setattr__(self, "cdroms", tuple(cdroms))
        object.__setattr__(self, "serial", tuple(self.serial))
        object.__setattr__(self, "networks", tuple(self.networks))
        object.__setattr__(self, "boot_order", tuple(self.boot_order))

    @property
    def floppy_drives(self) -> tuple[FloppyConfig, ...]:
        return tuple(item for item in self.floppies if isinstance(item, FloppyConfig))

    @property
    def hard_disks(self) -> tuple[DiskConfig, ...]:
        return tuple(item for item in self.disks if isinstance(item, DiskConfig))

    @property
    def cdrom_drives(self) -> tuple[CdromConfig, ...]:
        return tuple(item for item in self.cdroms if isinstance(item, CdromConfig))

    def problems(self) -> list[Problem]:
        """Everything wrong with this configuration; empty when it can be powered on."""
        found: list[Problem] = []

        def check(ok: bool, path: str, message: str, fix: str = "") -> None:
            if not ok:
                found.append(Problem(path, message, fix))

        def choice(value: str, allowed: Sequence[str], path: str) -> None:
            check(value in allowed, path, f"“{value}” is not known.", f"Allowed: {', '.join(allowed)}.")

        check(bool(self.name.strip()), "name", "The name is empty.", "Give the machine a name.")
        check(
            MIN_MEMORY_MB <= self.memory_mb <= MAX_MEMORY_MB,
            "memory_mb",
            f"{self.memory_mb} MB of memory is not possible.",
            f"Allowed: {MIN_MEMORY_MB} to {MAX_MEMORY_MB} MB.",
        )
        check(
            MIN_VIDEO_MEMORY_MB <= self.video_memory_mb <= MAX_VIDEO_MEMORY_MB,
            "video_memory_mb",
            f"{self.video_memory_mb} MB of video memory is not possible.",
            f"Allowed: {MIN_VIDEO_MEMORY_MB} to {MAX_VIDEO_MEMORY_MB} MB.",
        )
        choice(self.cpu_model, CPU_MODELS, "cpu_model")
        choice(self.accelerator, ACCELERATORS, "accelerator")
        choice(self.clock, CLOCKS, "clock")
        check(len(self.floppies) <= MAX_FLOPPIES, "floppy", f"A PC has at most {MAX_FLOPPIES} floppy drives.")
        for index, floppy in enumerate(self.floppy_drives):
            choice(floppy.drive, FLOPPY_TYPES, f"floppy[{index}].drive")
        slots: dict[int, str] = {}
        drives: list[tuple[str, int]] = [(f"disk[{i}]", disk.slot) for i, disk in enumerate(self.hard_disks)]
        drives += [(f"cdrom[{i}]", cdrom.slot) for i, cdrom in enumerate(self.cdrom_drives)]
        for path, slot in drives:
            check(0 <= slot < MAX_IDE_DRIVES, f"{path}.slot", f"IDE slot {slot} does not exist.", "Allowed: 0 to 3.")
            check(slot not in slots, f"{path}.slot", f"IDE slot {slot} is taken by {slots.get(slot)}.")
            slots[slot] = path
        check(len(self.serial) <= MAX_SERIAL_PORTS, "serial", f"A PC has at most {MAX_SERIAL_PORTS} serial ports.")
        for index, port in enumerate(self.serial):
            choice(port.kind, SERIAL_KINDS, f"serial[{index}].kind")
            check(
                bool(port.target) or port.kind not in ("file", "tcp", "unix"),
                f"serial[{index}].target",
                f"A serial port of kind “{port.kind}” needs a target.",
            )
        for index, network in enumerate(self.networks):
            choice(network.kind, NETWORK_KINDS, f"network[{index}].kind")
        if self.firmware is not None:
            check(self.kernel is None, "kernel", "Only the built-in firmware starts kernels by itself.")
        for path, needs_kernel in (("initrd", self.initrd), ("kernel_command_line", self.kernel_command_line)):
            check(not needs_kernel or self.kernel is not None, path, "There is no kernel that it is for.")
        for index, device in enumerate(self.boot_order):
            choice(device, BOOT_DEVICES, f"boot_order[{index}]")
        check(len(set(self.boot_order)) == len(self.boot_order), "boot_order", "A device is listed twice.")
        if self.start_time:
            try:
                datetime.datetime.fromisoformat(self.start_time)
            except ValueError:
                check(False, "start_time", f"“{self.start_time}” is no date and time.", "Write 1999-12-31T23:59:00.")
        images: dict[Path, tuple[str, bool]] = {}
        for path, image, writable in self._images():
            other, other_writes = images.setdefault(image, (path, writable))
            check(
                other == path or not (writable or other_writes),
                f"{path}.image",
                f"{image} is in {other} already.",
                "Only images that are not written to can be in two drives.",
            )
        check(
            self.printer is None or self.printer not in (*images, *(cdrom.image for cdrom in self.cdrom_drives)),
            "printer",
            f"{self.printer} is in a drive.",
            "Name another file: what is printed is written to its end.",
        )
        return found

    def _images(self) -> list[tuple[str, Path, bool]]:
        """Setting, image and whether it is written to, of every diskette and disk."""
        floppies = [(f"floppy[{i}]", drive.image, not drive.read_only) for i, drive in enumerate(self.floppy_drives)]
        disks = [(f"disk[{i}]", disk.image, not disk.read_only) for i, disk in enumerate(self.hard_disks)]
        return [(path, image, writable) for path, image, writable in floppies + disks if image is not None]

    def validate(self) -> None:
        """Raises ConfigError with every problem found."""
        problems = self.problems()
        if problems:
            raise ConfigError(problems)

    def replace(self, **changes: object) -> MachineConfig:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def _floppy(item: FloppyConfig | Path | str) -> FloppyConfig:
    return item if isinstance(item, FloppyConfig) else FloppyConfig(Path(item))


def _disk(item: DiskConfig | Path | str, index: int) -> DiskConfig:
    return item if isinstance(item, DiskConfig) else DiskConfig(Path(item), slot=index)
