"""One file that tells what is needed to find a fault: settings, logs, crash report, screen, host. Names and paths of the
person's are replaced by placeholders, the same one for the same thing everywhere."""

from __future__ import annotations

import datetime
import getpass
import os
import platform
import re
import socket
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app import places
from app.crash_report import version
from app.memory_check import host_memory
from app.preferences import preferences_file
from app.runner import Runner
from app.vm_folder import VmFolder
from engine.errors import BancadaError

_MOST_BYTES: Final = 1 << 20  # of a log, its end
_MAC: Final = re.compile(r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b")
_ADDRESS: Final = re.compile(r"\b(?!127\.0\.0\.1\b)(?:\d{1,3}\.){3}\d{1,3}\b")


class ReportError(BancadaError):
    """The report cannot be written."""


@dataclass(frozen=True)
class Part:
    """A file in the report; ``content`` is text, or the bytes of a picture."""

    name: str
    content: str | bytes


class Redactor:
    """Replaces what tells who and where somebody is."""

    def __init__(self, names: Iterable[tuple[str, str]] = ()) -> None:
        """``names``: (what is said, what stands for it), beside those of this host and person."""
        host = socket.gethostname()
        own = [
            (str(Path.home()), "HOME"),
            (getpass.getuser(), "USER"),
            (host, "HOST"),
            (host.partition(".")[0], "HOST"),
        ]
        found = {said: placeholder for said, placeholder in (*names, *own) if len(said) > 2}
        self._names = sorted(found.items(), key=lambda item: -len(item[0]))  # paths before the names in them
        self._seen: dict[str, str] = {}

    def redact(self, text: str) -> str:
        for said, placeholder in self._names:
            text = re.sub(rf"(?<!\w){re.escape(said)}(?!\w)", f"<{placeholder}>", text)
        text = _MAC.sub(lambda match: self._numbered("MAC", match[0].lower()), text)
        return _ADDRESS.sub(lambda match: self._numbered("IP", match[0]), text)

    def _numbered(self, kind: str, said: str) -> str:
        if said not in self._seen:
            number = sum(text.startswith(f"<{kind} ") for text in self._seen.values()) + 1
            self._seen[said] = f"<{kind} {number}>"
        return self._seen[said]


def collect(folder: VmFolder | None = None, runner: Runner | None = None) -> list[Part]:
    """The parts of a report on a machine (none: on the program). Nothing that is missing or broken keeps the rest from
    being collected."""
    redactor = Redactor(_names_of(folder))
    parts = [Part("host.txt", redactor.redact(_host())), *_file("preferences.toml", preferences_file(), redactor)]
    if folder is not None:
        parts += _file("machine.toml", folder.settings_file, redactor)
        parts += _file("crash-report.txt", folder.crash_report_file, redactor)
        for log in sorted(folder.path.glob(f"{folder.log_file.stem}*{folder.log_file.suffix}")):
            parts += _file(log.name, log, redactor)
    if runner is not None and runner.machine is not None:
        parts += _of_run(runner, redactor)
    return parts


def write(file: Path, parts: Iterable[Part]) -> None:
    """A ZIP archive. Raises ReportError; a file that could not be finished is taken away."""
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in parts:
                archive.writestr(part.name, part.content)
    except OSError as error:
        if not isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
            file.unlink(missing_ok=True)
        raise ReportError(
            f"{file}: the report could not be written ({error.strerror}). Choose another place for it."
        ) from error


def _names_of(folder: VmFolder | None) -> list[tuple[str, str]]:
    names = [(str(places.data_folder()), "DATA"), (str(places.settings_folder()), "SETTINGS")]
    if folder is None:
        return names
    names.append((str(folder.path), "MACHINE FOLDER"))
    try:
        settings = folder.settings
    except (BancadaError, OSError):
        return names
    machine = settings.machine
    images: list[Path | None] = [drive.image for drive in machine.floppy_drives]
    images += [drive.image for drive in machine.cdrom_drives]
    images += [disk.image for disk in machine.hard_disks]
    folders = dict.fromkeys(str(image.parent) for image in images if image is not None and image.is_absolute())
    names += [(name, f"IMAGES {number}") for number, name in enumerate(folders, 1)]
    return [*names, (settings.name, "MACHINE")]


def _file(name: str, path: Path, redactor: Redactor) -> list[Part]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _MOST_BYTES))
            content = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        content = f"cannot be read: {error.strerror}"
    return [Part(name, redactor.redact(content))]


def _of_run(runner: Runner, redactor: Redactor) -> list[Part]:
    from engine.console.screen import png

    parts: list[Part] = []
    try:
        figures = "\n".join(f"{name}: {value}" for name, value in runner.stats.items())
        parts.append(Part("figures.txt", redactor.redact(figures)))
        machine = runner.machine
        if machine is not None:
            parts.append(Part("screen.png", png(machine.screen.pixels())))
    except (BancadaError, TimeoutError, OSError) as error:  # it is just going off
        parts.append(Part("run.txt", f"not known: {error}"))
    return parts


def _host() -> str:
    memory = host_memory()
    rows = {
        "Bancada": version(),
        "written": f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
        "Python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": f"{memory.total_mb} MB, {memory.available_mb} MB free",
        "/dev/kvm": "there" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "not for this person",
        "session": os.environ.get("XDG_SESSION_TYPE", "not known"),
        "desktop": os.environ.get("XDG_CURRENT_DESKTOP", "not known"),
        "language": os.environ.get("LANG", ""),
    }
    return "".join(f"{name}: {value}\n" for name, value in rows.items())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "not known")
