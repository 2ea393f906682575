"""A new machine: a draft that the wizard and the command line fill in, and the folder made from it."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app import guest_presets
from app.folder_names import MAX_NAME_CHARACTERS, free_folder
from app.guest_presets import DEFAULT_KEY, preset
from app.jobs import Progress
from app.library import Library
from app.vm_folder import NVRAM_NAME, SETTINGS_NAME, VmFolder
from engine.config import DEFAULT_CPU_MODEL, CdromConfig, DiskConfig, FloppyConfig, MachineConfig
from engine.config_file import VmSettings, write_settings
from engine.errors import ConfigError, HostResourceError, Problem

MIN_DISK_MB: Final = 1
MAX_DISK_MB: Final = 131072  # 128 GiB: 28-bit LBA
DISK_NAME: Final = "disk.img"

_STAGING: Final = ".new-"
_COPY_BYTES: Final = 1 << 20


@dataclass
class NewVmDraft:
    """Everything asked about a new machine. ``disk_mb`` None: no new disk. ``existing_disk`` is used where it lies, or
    copied into the machine's folder with ``copy_disk``. ``location`` None: the library's folder."""

    guest: str = DEFAULT_KEY
    name: str = ""
    location: Path | None = None
    memory_mb: int = 16
    cpu_model: str = DEFAULT_CPU_MODEL
    accelerator: str = "auto"
    disk_mb: int | None = 500
    existing_disk: Path | None = None
    copy_disk: bool = False
    floppy: Path | None = None
    cdrom: Path | None = None
    boot_order: tuple[str, ...] = ("floppy", "cdrom", "disk")
    video_memory_mb: int = 16
    sound: bool = True
    notes: str = ""

    @classmethod
    def for_guest(cls, key: str, library: Library) -> NewVmDraft:
        """A draft with what this guest wants, and a free name."""
        draft = cls()
        draft.apply_preset(key)
        draft.name = library.free_name(short_name(key))
        return draft

    def apply_preset(self, key: str) -> None:
        """Takes over what a guest wants. Name, location and media stay."""
        wanted = preset(key)
        self.guest = wanted.key
        self.memory_mb = wanted.memory_mb
        self.cpu_model = wanted.cpu_model
        self.disk_mb = wanted.disk_mb or None
        self.boot_order = wanted.boot_order
        self.video_memory_mb = wanted.video_memory_mb
        self.sound = wanted.sound

    def folder_for(self, library: Library) -> Path:
        """Where the machine will be."""
        return free_folder(self._parent(library), library.free_name(self.name.strip()))

    def settings(self, folder: Path, name: str) -> VmSettings:
        """The settings that the machine will have in ``folder``."""
        wanted = preset(self.guest)
        image = (folder / DISK_NAME) if self.disk_mb or self.copy_disk else self.existing_disk
        floppies = [FloppyConfig(drive=drive) for drive in wanted.floppies]
        if self.floppy is not None:
            first = floppies[0] if floppies else FloppyConfig()
            floppies = [replace(first, image=self.floppy.absolute()), *floppies[1:]]
        cdroms = [CdromConfig(slot=2 + index) for index in range(max(wanted.cdroms, int(self.cdrom is not None)))]
        if self.cdrom is not None:
            cdroms[0] = replace(cdroms[0], image=self.cdrom.absolute())
        machine = MachineConfig(
            name=name,
            memory_mb=self.memory_mb,
            cpu_model=self.cpu_model,
            accelerator=self.accelerator,
            floppies=floppies,
            disks=[DiskConfig(image.absolute())] if image is not None else [],
            cdroms=cdroms,
            boot_order=self.boot_order,
            video_memory_mb=self.video_memory_mb,
            sound=self.sound,
            nvram=folder / NVRAM_NAME,
        )
        return VmSettings(machine=machine, guest=self.guest, notes=self.notes)

    def problems(self, library: Library) -> list[Problem]:
        """Everything that keeps the machine from being made. ``Problem.path`` is the name of a field."""
        found: list[Problem] = []
        name = self.name.strip()
        if len(name) > MAX_NAME_CHARACTERS:
            found.append(Problem("name", "The name is too long.", f"Allowed: {MAX_NAME_CHARACTERS} characters."))
        if any(ord(character) < 32 for character in name):
            found.append(Problem("name", "The name holds a line break or another control character.", "Take it out."))
        if not guest_presets.is_known(self.guest):
            found.append(Problem("guest", f"The guest “{self.guest}” is not known."))
        if self.disk_mb is not None and not MIN_DISK_MB <= self.disk_mb <= MAX_DISK_MB:
            allowed = f"Allowed: {MIN_DISK_MB} to {MAX_DISK_MB} MB."
            found.append(Problem("disk_mb", f"A disk of {self.disk_mb} MB is not possible.", allowed))
        if self.disk_mb is not None and self.existing_disk is not None:
            found.append(Problem("existing_disk", "Choose a new disk or an existing one, not both."))
        for field_name, image in (
            ("floppy", self.floppy),
            ("cdrom", self.cdrom),
            ("existing_disk", self.existing_disk),
        ):
            if image is not None and (what := _unusable(image)):
                found.append(Problem(field_name, f"{image}: {what}", "Choose another file."))
        parent = self._parent(library)
        if (refusal := _not_writable(parent)) is not None:
            found.append(Problem("location", f"{parent}: {refusal}", "Choose another folder."))
        named = {problem.path for problem in found}
        for problem in self.settings(parent, name).machine.problems():
            field_name = problem.path.split("[")[0].split(".")[0]
            if field_name not in named:
                found.append(Problem(field_name, problem.message, problem.fix))
        return found

    def space_warning(self, library: Library) -> str:
        """What to tell a person whose host disk may become too small; empty when there is room.

        A new disk grows as the guest fills it."""
        wanted = (self.disk_mb or 0) << 20
        if self.copy_disk and self.existing_disk is not None:
            with contextlib.suppress(OSError):
                wanted += self.existing_disk.stat().st_size
        parent = _nearest(self._parent(library))
        try:
            free = shutil.disk_usage(parent).free
        except OSError:
            return ""
        if wanted <= free:
            return ""
        return (
            f"{parent} has {free >> 20} MB free, and the disk can grow to {wanted >> 20} MB. "
            "When the host's disk is full, the machine pauses until you make room."
        )

    def create(self, library: Library, progress: Progress | None = None) -> VmFolder:
        """Makes the folder, disk and all, and puts it on the list.

        Raises ConfigError for a draft with problems, HostResourceError when the host's disk is full or may not be
        written to, Cancelled. Nothing is left behind then.
        """
        progress = progress or Progress()
        problems = self.problems(library)
        if problems:
            raise ConfigError(problems)
        parent = self._parent(library)
        name = library.free_name(self.name.strip())
        try:
            with _new_folders(parent):
                _sweep(parent)
                staging = Path(tempfile.mkdtemp(prefix=f"{_STAGING}{os.getpid()}-", dir=parent))
                try:
                    self._fill(staging, name, progress)
                    progress.report(1.0, "Finishing")
                    path = _move(staging, parent, name)
                except BaseException:
                    shutil.rmtree(staging, ignore_errors=True)
                    raise
        except OSError as error:
            raise HostResourceError(f"{parent}: “{name}” could not be made. {_why(error)}") from error
        folder = VmFolder(path)
        if path.parent != library.folder:
            library.add(path)
        return folder

    # -- Inside

    def _parent(self, library: Library) -> Path:
        return (self.location or library.folder).expanduser().absolute()

    def _fill(self, folder: Path, name: str, progress: Progress) -> None:
        disk = folder / DISK_NAME
        progress.report(0.0, "Making the disk")
        if self.disk_mb is not None:
            make_disk(disk, self.disk_mb << 20)
        elif self.copy_disk and self.existing_disk is not None:
            copy_image(self.existing_disk, disk, progress)
        write_settings(folder / SETTINGS_NAME, self.settings(folder, name))


def short_name(key: str) -> str:
    """What a machine for this guest is called when the person says nothing: the label's first part."""
    label = preset(key).label
    special = {"dos": "DOS", "dos-old": "Old DOS", "windows-3": "Windows 3.1", "hobby": "My kernel", "other": "PC"}
    return special.get(key, label.split(",")[0].split(" (")[0])


def make_disk(file: Path, size_bytes: int) -> None:
    """A new, empty disk that takes room as it fills."""
    from engine.disks.raw import create_raw

    create_raw(file, size_bytes)


def copy_image(source: Path, target: Path, progress: Progress) -> None:
    """Copies an image; blocks of zeros take no room in the copy. Raises OSError, Cancelled."""
    with source.open("rb") as reader, target.open("xb") as writer:
        size = max(os.fstat(reader.fileno()).st_size, 1)
        done = 0
        while block := reader.read(_COPY_BYTES):
            progress.report(done / size, f"Copying {source.name}")
            if any(block):
                writer.write(block)
            else:
                writer.seek(len(block), os.SEEK_CUR)
            done += len(block)
        writer.truncate(done)
        writer.flush()
        os.fsync(writer.fileno())


def new_mac_address() -> str:
    """A locally administered unicast address (IEEE 802, bits 1 and 0 of the first octet)."""
    return ":".join(f"{octet:02x}" for octet in (0x52, 0x42, *(random.SystemRandom().randrange(256) for _ in range(4))))


def _move(staging: Path, parent: Path, name: str) -> Path:
    """Gives the finished folder its name; another program may take the name at the same moment."""
    mask = os.umask(0)
    os.umask(mask)
    staging.chmod(0o777 & ~mask)
    while True:
        path = free_folder(parent, name)
        try:
            path.mkdir()  # the name is ours now: rename replaces an empty folder
            return staging.rename(path)
        except FileExistsError:
            continue


@contextlib.contextmanager
def _new_folders(parent: Path) -> Iterator[None]:
    """Makes ``parent``, and takes it away again when what follows fails."""
    made: list[Path] = []
    path = parent
    while not path.exists():
        made.append(path)
        path = path.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _sweep(parent: Path) -> None:
    """Removes what a program that was killed in the middle left behind."""
    for path in parent.glob(f"{_STAGING}*"):
        owner = path.name.removeprefix(_STAGING).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(path, ignore_errors=True)


def _unusable(image: Path) -> str:
    try:
        if image.is_dir():
            return "This is a folder."
        with image.open("rb"):
            return ""
    except OSError as error:
        return f"{error.strerror}."


def _nearest(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _not_writable(parent: Path) -> str | None:
    nearest = _nearest(parent)
    if not nearest.is_dir():
        return f"{nearest} is not a folder."
    return None if os.access(nearest, os.W_OK | os.X_OK) else "You may not write there."


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The host's disk is full: make room, or choose another place."
    if error.errno == errno.EFBIG:
        return "The file system does not take so large a file: choose a smaller disk or another place."
    return f"{error.strerror or error}."
