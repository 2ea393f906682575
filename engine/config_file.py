"""machine.toml: one virtual machine's settings, for people and programs.

The file is flat TOML: settings of the PC as in :class:`~engine.config.MachineConfig`, drives and ports as
``[[floppy]]``, ``[[disk]]``, ``[[cdrom]]``, ``[[serial]]`` and ``[[network]]``. Paths are relative to the file's folder.
Reading checks everything and names file, line and setting. Writing changes only what changed: comments, order
and blank lines of the person who edited the file stay. A file of an older format is brought up to date step by
step; the original is kept beside it when the new form is written. A newer format is refused.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tomllib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from engine import config as limits
from engine.atomic_file import write_atomically
from engine.config import CdromConfig, DiskConfig, FloppyConfig, MachineConfig, NetworkConfig, SerialConfig
from engine.errors import ConfigError, Problem
from engine.toml_edit import edit, render
from engine.toml_text import TomlText, did_you_mean, read_toml

FORMAT: Final = 1  # raised by one for every change that an older Bancada would misread
MIGRATIONS: Final[dict[int, Callable[[dict[str, Any]], None]]] = {}  # from format N to N + 1, changing in place

_MAX_NOTES: Final = 100_000  # characters


@dataclass(frozen=True)
class VmSettings:
    """What machine.toml says: the PC, and what people keep with it."""

    machine: MachineConfig = field(default_factory=MachineConfig)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    guest: str = "other"  # key of a guest preset
    notes: str = ""

    @property
    def name(self) -> str:
        return self.machine.name

    def replace(self, **changes: object) -> VmSettings:
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def with_machine(self, **changes: object) -> VmSettings:
        """A copy with some fields of the PC changed."""
        return dataclasses.replace(self, machine=self.machine.replace(**changes))


# -- What the file may hold ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Key:
    """One setting: its type in the file, and the comment that a new file gets."""

    kind: type
    comment: str = ""
    always: bool = True  # written even when it has the default value


_TYPE_NAMES: Final = {int: "a whole number", str: "text in quotes", bool: "true or false", list: "a list"}

_TOP: Final[dict[str, _Key]] = {
    "format": _Key(int, "Version of this file's layout. Leave it as it is."),
    "id": _Key(str, "Identity of this machine; no two may have the same."),
    "name": _Key(str),
    "guest": _Key(str, "What runs in it (a hint for the windows; changes nothing in the PC)."),
    "notes": _Key(str),
    "memory_mb": _Key(int, f"Memory in MB, {limits.MIN_MEMORY_MB} to {limits.MAX_MEMORY_MB}."),
    "cpu_model": _Key(str, f"One of {', '.join(limits.CPU_MODELS)}."),
    "accelerator": _Key(str, f"How guest code is run: {', '.join(limits.ACCELERATORS)}."),
    "clock": _Key(str, '"realtime", or "instructions" for runs that repeat exactly.'),
    "boot_order": _Key(list, f"Where to look for a system, in order: {', '.join(limits.BOOT_DEVICES)}."),
    "firmware": _Key(str, "BIOS image in place of the built-in one.", always=False),
    "video_firmware": _Key(str, "Video BIOS image for it.", always=False),
    "kernel": _Key(str, "Linux kernel (bzImage) that is started before any boot device.", always=False),
    "initrd": _Key(str, "Its initial RAM disk.", always=False),
    "kernel_command_line": _Key(str, "What the kernel is told.", always=False),
    "video_memory_mb": _Key(
        int, f"Memory of the display adapter in MB, {limits.MIN_VIDEO_MEMORY_MB} to {limits.MAX_VIDEO_MEMORY_MB}."
    ),
    "apic": _Key(bool, "Local APIC and I/O APIC, for processors that can have them."),
    "sound": _Key(bool),
    "nvram": _Key(str, "File that keeps CMOS memory and BIOS Setup."),
    "printer": _Key(str, "File that receives what the guest prints on LPT1.", always=False),
    "debug_port": _Key(str, "File that receives what the guest writes to port E9h.", always=False),
    "start_time": _Key(
        str, "Where the PC's clock starts, like 1999-12-31T23:59:00; without it, the host's time.", always=False
    ),
}
_TABLES: Final[dict[str, dict[str, _Key]]] = {
    "floppy": {"image": _Key(str, always=False), "drive": _Key(str), "read_only": _Key(bool, always=False)},
    "disk": {"image": _Key(str), "slot": _Key(int), "read_only": _Key(bool, always=False)},
    "cdrom": {"image": _Key(str, always=False), "slot": _Key(int)},
    "serial": {"kind": _Key(str), "target": _Key(str, always=False)},
    "network": {"kind": _Key(str), "mac": _Key(str, always=False)},
}
_TABLE_COMMENTS: Final = {
    "floppy": f"Floppy drive: image (a file; none: empty), drive ({', '.join(limits.FLOPPY_TYPES)}), read_only.",
    "disk": "Hard disk: image, slot (IDE 0 to 3: primary master, primary slave, secondary master, secondary slave).",
    "cdrom": "CD-ROM drive: image (an ISO file; none: empty), slot (as for disks).",
    "serial": f"Serial port: kind ({', '.join(limits.SERIAL_KINDS)}), target (a file, HOST:PORT or a socket).",
    "network": f"Network adapter: kind ({', '.join(limits.NETWORK_KINDS)}), mac.",
}
_REQUIRED: Final = ("format", "id", "name")
_ITEM_CLASSES: Final[dict[str, type]] = {
    "floppy": FloppyConfig,
    "disk": DiskConfig,
    "cdrom": CdromConfig,
    "serial": SerialConfig,
    "network": NetworkConfig,
}
_PLURALS: Final = {"floppy": "floppies", "disk": "disks", "cdrom": "cdroms", "serial": "serial", "network": "networks"}
_HEADER: Final = (
    "One virtual PC of Bancada. Edit this file while the PC is off; what is wrong with it is shown in the library.",
    "Paths are relative to this folder.",
)


def setting_kinds() -> dict[str, type]:
    """Every setting of the file and its type; those of drives and ports as ``"floppy.image"``."""
    kinds = {name: key.kind for name, key in _TOP.items()}
    return kinds | {f"{kind}.{name}": key.kind for kind, keys in _TABLES.items() for name, key in keys.items()}


# -- Reading -------------------------------------------------------------------------------------------------


def read_settings(file: Path) -> VmSettings:
    """Reads machine.toml. Raises ConfigError naming file, line and setting, with what is allowed."""
    try:
        text = read_toml(file)
    except FileNotFoundError:
        raise ConfigError(
            [Problem("file", "There is no such file.", "Was the folder moved or renamed?")], file
        ) from None
    except OSError as error:
        raise ConfigError([Problem("file", f"It cannot be read: {error.strerror}.")], file) from error
    values = _up_to_date(text)
    problems: list[Problem] = []
    settings = settings_from_values(values, file.parent, problems)
    if problems:
        # In the order of the file: a person fixes it from top to bottom.
        located = sorted((text.problem(p.path, p.message, p.fix) for p in problems), key=lambda p: p.line)
        raise ConfigError(list(located), file)
    assert settings is not None
    return settings


def settings_from_values(values: Mapping[str, Any], folder: Path, problems: list[Problem]) -> VmSettings | None:
    """Settings from parsed values of the present format; adds to ``problems`` and returns None when something is
    wrong. Relative paths are below ``folder``."""
    found: list[Problem] = []
    top = {key: value for key, value in values.items() if key not in _TABLES}
    checked = _checked(top, _TOP, "", found, tuple(_TABLES))
    for key in _REQUIRED:
        if key not in values:
            found.append(Problem(key, "This setting is missing.", _how_to_add(key)))
    machine: dict[str, Any] = {
        key: value for key, value in checked.items() if key in MachineConfig.__dataclass_fields__
    }
    for key in ("firmware", "video_firmware", "kernel", "initrd", "nvram", "printer", "debug_port"):
        if key in machine:
            machine[key] = _resolve(machine[key], folder, key, found)
    for kind, plural in _PLURALS.items():
        machine[plural] = _items(values.get(kind, []), kind, folder, found)
    if "id" in checked:
        try:
            uuid.UUID(checked["id"])
        except ValueError:
            found.append(Problem("id", f"“{checked['id']}” is no identity.", "Put a new UUID here, as from uuidgen."))
    if len(checked.get("notes", "")) > _MAX_NOTES:
        found.append(Problem("notes", "The notes are too long.", f"Allowed: {_MAX_NOTES} characters."))
    # A setting that has a problem already has its default here, so nothing is told twice.
    config = MachineConfig(**machine)
    named = {problem.path for problem in found}
    found += [problem for problem in config.problems() if problem.path not in named]
    problems += found
    if found:
        return None
    rest = {key: checked[key] for key in ("id", "guest", "notes") if key in checked}
    return VmSettings(machine=config, **rest)


def _up_to_date(text: TomlText) -> dict[str, Any]:
    """The values in the present format."""
    values = text.values
    number = values.get("format")
    if not isinstance(number, int) or isinstance(number, bool):
        return values  # told as a problem with everything else
    if number > FORMAT:
        raise ConfigError(
            [
                text.problem(
                    "format",
                    f"This machine was made by a newer Bancada (format {number}; this one knows {FORMAT}).",
                    "Use the newer version, or make a new machine with the same disk.",
                )
            ],
            text.file,
        )
    if number < 1:
        raise ConfigError(
            [text.problem("format", f"There is no format {number}.", f"Allowed: 1 to {FORMAT}.")], text.file
        )
    for step in range(number, FORMAT):
        MIGRATIONS[step](values)
        values["format"] = step + 1
    return values


def _checked(
    values: Mapping[str, Any], keys: Mapping[str, _Key], where: str, found: list[Problem], tables: Sequence[str] = ()
) -> dict[str, Any]:
    """The values of known names and right types; everything else becomes a problem."""
    good: dict[str, Any] = {}
    prefix = f"{where}." if where else ""
    for name, value in values.items():
        path = prefix + name
        if name not in keys:
            hint = did_you_mean(name, [*keys, *tables]) or f"Known: {', '.join([*keys, *tables])}."
            found.append(Problem(path, "This setting is not known.", hint))
        elif type(value) is not keys[name].kind:
            found.append(
                Problem(path, f"{_show(value)} does not fit here.", f"Allowed: {_TYPE_NAMES[keys[name].kind]}.")
            )
        elif isinstance(value, str) and "\0" in value:
            found.append(Problem(path, "The text holds a zero character.", "Take it out."))
        elif isinstance(value, list) and not all(isinstance(item, str) for item in value):
            found.append(Problem(path, "Not every entry is text.", 'Write a list like ["floppy", "disk"].'))
        else:
            good[name] = value
    return good


def _items(value: Any, kind: str, folder: Path, found: list[Problem]) -> list[Any]:
    """The drives or ports of one kind."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        found.append(Problem(kind, "This is not a section.", f"Write [[{kind}]] on a line of its own, settings below."))
        return []
    items = []
    for index, entry in enumerate(value):
        path = f"{kind}[{index}]"
        good = _checked(entry, _TABLES[kind], path, found)
        if "image" in good:
            good["image"] = _resolve(good["image"], folder, f"{path}.image", found)
        if kind == "disk" and good.get("image") is None:
            if "image" not in entry or good.get("image", "") is None:
                found.append(
                    Problem(f"{path}.image", "The disk has no image.", "Name its file, or take the section out.")
                )
            continue
        if kind in ("disk", "cdrom") and "slot" not in good:
            if "slot" not in entry:
                found.append(Problem(f"{path}.slot", "This setting is missing.", "Allowed: 0 to 3."))
            continue
        items.append(_ITEM_CLASSES[kind](**good))
    return items


def _resolve(value: str, folder: Path, path: str, found: list[Problem]) -> Path | None:
    if not value:
        return None
    try:
        return folder / Path(value).expanduser()
    except RuntimeError:
        found.append(Problem(path, f"The home folder in “{value}” is not known.", "Write the whole path."))
        return None


def _how_to_add(key: str) -> str:
    examples = {"format": f"format = {FORMAT}", "id": f'id = "{uuid.uuid4()}"', "name": 'name = "My PC"'}
    return f"Add a line like: {examples[key]}"


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"The text “{value[:60]}”"
    if isinstance(value, list | dict):
        return "A list" if isinstance(value, list) else "A section"
    return str(value)


# -- Writing -------------------------------------------------------------------------------------------------


def settings_to_values(settings: VmSettings, folder: Path) -> dict[str, Any]:
    """What the file says, as plain values: for writing, and for programs (``--json``)."""
    machine = settings.machine
    values: dict[str, Any] = {"format": FORMAT}
    for key, spec in list(_TOP.items())[1:]:
        value = getattr(settings if key in ("id", "name", "guest", "notes") else machine, key)
        value = _plain(value, folder)
        if spec.always or value not in ("", None):
            values[key] = value
    for kind, plural in _PLURALS.items():
        values[kind] = [_item_values(item, kind, folder) for item in getattr(machine, plural)]
    return values


def write_settings(file: Path, settings: VmSettings) -> None:
    """Writes machine.toml wholly or not at all. An existing file keeps its comments and order; one of an older
    format is first copied to ``machine.toml.format-N``.

    Raises ConfigError when the settings are wrong or the existing file is broken (it may hold a person's work),
    OSError when the disk is full or the folder cannot be written to.
    """
    problems: list[Problem] = []
    values = settings_to_values(settings, file.parent)
    settings_from_values(values, file.parent, problems)
    if problems:
        raise ConfigError(problems, file)
    old = b""
    with contextlib.suppress(FileNotFoundError):
        old = file.read_bytes()
    if old:
        content = _edited(file, old, values)
    else:
        content = _fresh(values)
    if content.encode() != old:
        write_atomically(file, content.encode())


def _edited(file: Path, old: bytes, values: dict[str, Any]) -> str:
    text = read_toml(file)
    _up_to_date(dataclasses.replace(text, values=dict(text.values)))  # refuses what a newer Bancada wrote
    number = text.values.get("format")
    if isinstance(number, int) and number < FORMAT:
        keep = file.with_name(f"{file.name}.format-{number}")
        if not keep.exists():
            write_atomically(keep, old)
    settings = {key: value for key, value in values.items() if key not in _TABLES}
    sections = {key: value for key, value in values.items() if key in _TABLES}
    edited = edit(text.text, text.values, settings, sections)
    return edited if tomllib.loads(edited) == _without_empty(values) else _fresh(values)


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in _TABLES or value}


def _fresh(values: dict[str, Any]) -> str:
    """A new file, every setting explained."""
    lines = [f"# {line}" for line in _HEADER] + [""]
    for key, value in values.items():
        if key in _TABLES:
            lines += ["", f"# {_TABLE_COMMENTS[key]}"]
            for index, item in enumerate(value):
                lines += [""] * (index > 0) + [f"[[{key}]]"]
                lines += [f"{name} = {render(entry)}" for name, entry in item.items()]
            continue
        if key == "memory_mb":
            lines.append("")
        if _TOP[key].comment:
            lines.append(f"# {_TOP[key].comment}")
        lines.append(f"{key} = {render(value)}")
    return "\n".join(lines) + "\n"


def _plain(value: Any, folder: Path) -> Any:
    if value is None:
        return ""
    if isinstance(value, Path):
        return portable_path(value, folder)
    return list(value) if isinstance(value, tuple) else value


def _item_values(item: Any, kind: str, folder: Path) -> dict[str, Any]:
    values = {}
    for key, spec in _TABLES[kind].items():
        value = _plain(getattr(item, key), folder)
        if spec.always or value not in ("", False):
            values[key] = value
    return values


def portable_path(path: Path, folder: Path) -> str:
    """A path as it stands in machine.toml: relative when it lies in the machine's folder, else whole."""
    whole = Path(os.path.normpath(Path.cwd() / path))
    base = Path(os.path.normpath(Path.cwd() / folder))
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else str(whole)
