"""The list of machines: every folder with a ``machine.toml`` in the library's folder, and those added from elsewhere.

Folders are the truth; ``library.json`` beside them only remembers folders from elsewhere and those taken off the list.
A machine whose settings are broken is an entry with its problem. Reading never writes, so a library on read-only
storage can be listed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app import places
from app.folder_names import folder_name, free_folder, free_name
from app.log import logger
from app.vm_folder import SETTINGS_NAME, MachineInUseError, VmFolder
from engine.atomic_file import write_atomically
from engine.config import MachineConfig, NetworkConfig
from engine.config_file import VmSettings
from engine.errors import BancadaError
from engine.toml_text import did_you_mean

FILE_NAME: Final = "library.json"
_FORMAT: Final = 1


class LibraryError(BancadaError):
    """The library cannot do what was asked."""


@dataclass(frozen=True)
class LibraryEntry:
    """One line of the list. ``problem`` says what is wrong, for a person; then ``settings`` is None."""

    path: Path
    name: str
    id: str = ""
    guest: str = "other"
    problem: str = ""
    settings: VmSettings | None = None
    is_favourite: bool = False
    is_copy: bool = False  # another machine of the list has the same id: the folder was copied
    folder: VmFolder = field(default_factory=lambda: VmFolder(Path()), repr=False, compare=False)


@dataclass
class _Index:
    folders: list[str] = field(default_factory=list)  # from elsewhere
    hidden: list[str] = field(default_factory=list)  # names in the library's folder that were taken off the list
    favourites: list[str] = field(default_factory=list)  # ids


class Library:
    """``folder`` None is the user's library. Nothing is kept in memory but the folder: every call looks again."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or _default_folder()).absolute()
        self._folders: dict[Path, VmFolder] = {}  # one object a machine: it caches its settings

    # -- Looking

    def entries(self) -> list[LibraryEntry]:
        """All machines, favourites first, sorted by name. Never raises because of one of them."""
        index = self._read_index()
        paths = [path for path in self._inside() if path.name not in index.hidden]
        paths += [Path(text) for text in index.folders if not self._is_inside(Path(text))]
        entries: list[LibraryEntry] = []
        ids: set[str] = set()
        # The older folder of two with the same id is the original.
        for path in sorted(dict.fromkeys(paths), key=_age):
            entry = self._entry(path)
            if entry.id and entry.id in ids:
                entry = dataclasses.replace(entry, is_copy=True)
            ids.add(entry.id)
            entries.append(dataclasses.replace(entry, is_favourite=entry.id in index.favourites))
        return sorted(entries, key=lambda entry: (not entry.is_favourite, _natural(entry.name), str(entry.path)))

    def find(self, key: str) -> LibraryEntry:
        """A machine by name (case does not matter), id or its beginning (8 characters at least), folder or
        machine.toml. Raises LibraryError."""
        entries = self.entries()
        tests: list[Callable[[LibraryEntry], bool]] = [
            lambda entry: entry.name == key,
            lambda entry: entry.name.casefold() == key.casefold(),
            lambda entry: bool(entry.id) and entry.id == key.lower(),
            lambda entry: len(key) >= 8 and entry.id.startswith(key.lower()),
            lambda entry: entry.path.name == key,
        ]
        for test in tests:
            found = [entry for entry in entries if test(entry)]
            if len(found) == 1:
                return found[0]
            if found:
                where = "\n".join(f"  {entry.path}" for entry in found)
                raise LibraryError(f"Several machines are called “{key}”. Name one by its folder:\n{where}")
        path = VmFolder(Path(key).expanduser()).path
        if (path / SETTINGS_NAME).is_file():
            return self._entry(path)
        hint = did_you_mean(key, [entry.name for entry in entries])
        names = ", ".join(entry.name for entry in entries[:20]) or "none"
        raise LibraryError(f"There is no machine “{key}”. {hint or f'Machines: {names}.'}")

    def free_name(self, name: str) -> str:
        """``name``, or with " 2", " 3" ... behind it when a machine has it."""
        return free_name(name, [entry.name for entry in self.entries()])

    def entry_of(self, folder: VmFolder) -> LibraryEntry:
        """What the list says about a folder, whether it is on the list or not."""
        return next((entry for entry in self.entries() if entry.path == folder.path), self._entry(folder.path))

    # -- Changing

    def create(self, settings: VmSettings) -> VmFolder:
        """A new folder with these settings and nothing else in it. Raises LibraryError, ConfigError."""
        name = self.free_name(settings.name)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = free_folder(self.folder, name)
            path.mkdir()
        except OSError as error:
            raise LibraryError(_cannot(self.folder, "a machine could not be made", error)) from error
        folder = VmFolder(path)
        try:
            folder.save(settings.with_machine(name=name))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise
        return folder

    def add(self, path: Path) -> LibraryEntry:
        """Puts an existing machine on the list; its folder stays where it is. Raises LibraryError."""
        folder = VmFolder(path.expanduser())
        if not folder.settings_file.is_file():
            fix = "Choose the folder that holds machine.toml, or that file."
            raise LibraryError(f"{folder.path}: there is no machine in this folder. {fix}")

        def change(index: _Index) -> None:
            if self._is_inside(folder.path):
                index.hidden = [name for name in index.hidden if name != folder.path.name]
            elif str(folder.path) not in index.folders:
                index.folders.append(str(folder.path))

        self._change_index(change)
        return self.entry_of(folder)

    def remove(self, entry: LibraryEntry) -> None:
        """Takes a machine off the list; its files stay. Raises LibraryError."""
        inside = self._is_inside(entry.path)

        def change(index: _Index) -> None:
            index.folders = [text for text in index.folders if Path(text) != entry.path]
            if inside and entry.path.name not in index.hidden:
                index.hidden.append(entry.path.name)

        self._change_index(change)

    def set_favourite(self, entry: LibraryEntry, wanted: bool) -> None:
        """Favourites stand at the top of the list; they are known by their id. Raises LibraryError."""

        def change(index: _Index) -> None:
            others = [identity for identity in index.favourites if identity != entry.id]
            index.favourites = [*others, entry.id] if wanted else others

        if entry.id:
            self._change_index(change)

    def left_running(self) -> list[tuple[LibraryEntry, int]]:
        """The machines that were not switched off in order, with the number of the process that left them."""
        found = ((entry, entry.folder.left_by()) for entry in self.entries())
        return [(entry, holder.pid) for entry, holder in found if holder is not None]

    def delete(self, entry: LibraryEntry) -> None:
        """Erases a machine's folder with everything in it. Images elsewhere stay.

        Raises MachineInUseError while it runs, LibraryError when the folder cannot be erased.
        """
        folder = VmFolder(entry.path)
        if not folder.settings_file.is_file():
            raise LibraryError(f"{entry.path}: this is not a machine's folder any more; nothing was erased.")
        self._refuse_when_running(entry, "erased")
        # Out of the list at one stroke; then the files, however long that takes.
        grave = entry.path.with_name(f".deleted-{uuid.uuid4().hex[:12]}")
        try:
            entry.path.rename(grave)
        except OSError as error:
            raise LibraryError(_cannot(entry.path, "the machine could not be erased", error)) from error
        failures: list[BaseException] = []
        shutil.rmtree(grave, onerror=lambda _function, _path, info: failures.append(info[1]))
        with contextlib.suppress(LibraryError):
            self._change_index(lambda index: _forget(index, entry.path))
        if failures:
            raise LibraryError(f"{grave}: some files could not be erased ({failures[0]}). Erase this folder yourself.")

    def rename(self, entry: LibraryEntry, name: str) -> LibraryEntry:
        """Gives a machine another name; its folder too, when it lies in the library and the machine is off.

        A name that is taken gets a number. Raises LibraryError, ConfigError.
        """
        name = name.strip()
        if not name:
            raise LibraryError("The name is empty. Give the machine a name.")
        others = [other.name for other in self.entries() if other.path != entry.path]
        name = free_name(name, others)
        folder = entry.folder
        folder.change(lambda settings: settings.with_machine(name=name))
        path = entry.path
        if self._is_inside(path) and folder_name(name) != path.name and folder.holder() is None:
            new = free_folder(path.parent, name)
            with contextlib.suppress(OSError):  # the folder's name is of no importance
                path = path.rename(new)
        return self._entry(path)

    def new_identity(self, entry: LibraryEntry) -> LibraryEntry:
        """For a machine whose folder was copied: another id and other network addresses."""
        self._refuse_when_running(entry, "given a new identity")
        entry.folder.change(
            lambda settings: settings.replace(id=str(uuid.uuid4()), machine=_with_new_addresses(settings.machine))
        )
        return self.entry_of(entry.folder)

    # -- Inside

    def _inside(self) -> list[Path]:
        try:
            names = sorted(os.listdir(self.folder))
        except OSError as error:
            if error.errno != errno.ENOENT:
                logger("library").warning("%s cannot be listed: %s", self.folder, error.strerror)
            return []
        paths = [self.folder / name for name in names if not name.startswith(".")]
        return [path for path in paths if (path / SETTINGS_NAME).is_file()]

    def _is_inside(self, path: Path) -> bool:
        return path.parent == self.folder

    def _entry(self, path: Path) -> LibraryEntry:
        folder = self._folders.setdefault(path, VmFolder(path))
        try:
            settings = folder.settings
        except BancadaError as error:
            return LibraryEntry(path, path.name, problem=str(error), folder=folder)
        except Exception as error:  # whatever a file can be, the list goes on
            logger("library").exception("%s", path)
            return LibraryEntry(path, path.name, problem=f"{folder.settings_file}: {error}", folder=folder)
        return LibraryEntry(path, settings.name, settings.id, settings.guest, settings=settings, folder=folder)

    def _refuse_when_running(self, entry: LibraryEntry, what: str) -> None:
        holder = VmFolder(entry.path).holder()
        if holder is not None:
            raise MachineInUseError(f"“{entry.name}” is running ({holder}) and cannot be {what}. Stop it first.")

    @property
    def _index_file(self) -> Path:
        return self.folder / FILE_NAME

    def _read_index(self) -> _Index:
        try:
            content = json.loads(self._index_file.read_bytes())
            return _Index(_texts(content["folders"]), _texts(content["hidden"]), _texts(content.get("favourites", [])))
        except FileNotFoundError:
            return _Index()
        except (OSError, ValueError, TypeError, KeyError) as error:
            logger("library").warning("%s cannot be used and is ignored: %s", self._index_file, error)
            return _Index()

    def _change_index(self, change: Callable[[_Index], None]) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._index_lock():
                index = self._read_index()
                change(index)
                content = {"format": _FORMAT, **dataclasses.asdict(index)}
                write_atomically(self._index_file, json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise LibraryError(_cannot(self._index_file, "the library could not be changed", error)) from error

    @contextlib.contextmanager
    def _index_lock(self) -> Iterator[None]:
        """Two programs that change the list do it one after the other."""
        handle = os.open(self.folder / ".library.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _default_folder() -> Path:
    from app.preferences import load

    chosen = load().machines_folder
    return Path(chosen).expanduser() if chosen else places.machines_folder()


def _forget(index: _Index, path: Path) -> None:
    index.folders = [text for text in index.folders if Path(text) != path]
    index.hidden = [name for name in index.hidden if name != path.name]


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)]


def _with_new_addresses(machine: MachineConfig) -> MachineConfig:
    return machine.replace(networks=tuple(NetworkConfig(network.kind) for network in machine.networks))


def _age(path: Path) -> tuple[int, str]:
    """Folders in the order they came into being here (a copy is younger than its original)."""
    try:
        return path.stat().st_ctime_ns, str(path)
    except OSError:
        return 0, str(path)


def _natural(name: str) -> list[tuple[int, str]]:
    """ "DOS 2" before "DOS 10"."""
    import re

    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name.casefold())]


def _cannot(path: Path, what: str, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "The disk is full: make room and try again."
    elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        advice = "You may not write there: choose another folder for the machines in the preferences."
    else:
        advice = "Check the folder."
    return f"{path}: {what} ({error.strerror}). {advice}"
