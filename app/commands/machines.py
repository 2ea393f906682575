"""The library on the command line: list, new, show, set, rename, delete."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.cli import DONE, FAILED, Command, Parser
from app.commands.option_values import image_file, memory_mb
from app.control_socket import NotRunningError, ask
from app.guest_presets import DEFAULT_KEY, PRESETS
from app.jobs import Progress
from app.library import Library, LibraryEntry
from app.media_detection import guess_guest
from app.new_vm import MAX_DISK_MB, MIN_DISK_MB, NewVmDraft
from app.vm_folder import MachineInUseError
from engine import config as limits
from engine.config_file import setting_kinds, settings_from_values, settings_to_values
from engine.errors import ConfigError, Problem
from engine.toml_text import did_you_mean

GROUP: Final = "The library"
_IMAGE_KEYS: Final = ("floppy.image", "disk.image", "cdrom.image")
_TRUE: Final = ("true", "yes", "on", "1")
_FALSE: Final = ("false", "no", "off", "0")


# -- list, show


def list_machines(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("--json", action="store_true", help="for programs: a list of objects")
    parser.add_argument("--names", action="store_true", help="their names alone, one a line")
    options = parser.parse(arguments)
    entries = Library().entries()
    if options.names:
        for entry in entries:
            print(entry.name)
        return DONE
    rows = [summary(entry) for entry in entries]
    if options.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return DONE
    if not rows:
        print("No machines yet. “bancada new NAME” makes one.")
        return DONE
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        memory = f"{row['memory_mb']} MB" if row["memory_mb"] else ""
        print(f"{row['name']:<{width}}  {row['state']:<8} {memory:>8}  {row['guest']:<13} {row['path']}")
    for row in rows:
        if row["problem"]:
            print(f"\n{row['name']}: {row['problem']}", file=sys.stderr)
    return DONE


def summary(entry: LibraryEntry) -> dict[str, Any]:
    """One line of the list, for programs."""
    machine = entry.settings.machine if entry.settings is not None else None
    holder = entry.folder.holder()
    return {
        "name": entry.name,
        "id": entry.id,
        "path": str(entry.path),
        "guest": entry.guest,
        "memory_mb": machine.memory_mb if machine is not None else 0,
        "state": state_of(entry),
        "pid": holder.pid if holder is not None else 0,
        "problem": entry.problem,
        "is_copy": entry.is_copy,
    }


def state_of(entry: LibraryEntry) -> str:
    """off, running, paused, crashed; broken when its settings cannot be read."""
    if entry.folder.holder() is None:
        return "broken" if entry.problem else "off"
    try:
        return str(ask(entry.folder.control_socket, "status", timeout=5.0)["state"])
    except NotRunningError:
        return "running"  # it is held, but by something that does not answer (yet)


def show(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    parser.add_argument("--json", action="store_true", help="for programs: an object")
    options = parser.parse(arguments)
    entry = Library().find(options.name)
    settings = entry.folder.settings
    values = settings_to_values(settings, entry.path)
    if options.json:
        extra = {"path": str(entry.path), "state": state_of(entry), "disk_usage": entry.folder.disk_usage()}
        print(json.dumps({**values, **extra}, indent=2, ensure_ascii=False))
        return DONE
    print(f"folder: {entry.path}")
    print(f"state: {state_of(entry)}")
    for key, value in values.items():
        if key == "format":
            continue
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for index, item in enumerate(value):
                parts = ", ".join(f"{name} {_shown(entry)}" for name, entry in item.items())
                print(f"{key}[{index}]: {parts}")
        elif value != []:
            print(f"{key}: {_shown(value)}")
    return DONE


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, list) else str(value)


# -- new


def new(parser: Parser, arguments: Sequence[str]) -> int:
    known = [item.key for item in PRESETS]
    add = parser.add_argument
    add("name", metavar="NAME", help="what it is called; a name that is taken gets a number")
    add("--guest", choices=known, metavar="GUEST", help=f"what will run in it, for good defaults: {', '.join(known)}")
    add("--memory", type=memory_mb, metavar="MB")
    add("--cpu", choices=limits.CPU_MODELS, metavar="MODEL", help=", ".join(limits.CPU_MODELS))
    add("--accelerator", choices=limits.ACCELERATORS)
    disk = parser.add_mutually_exclusive_group()
    disk.add_argument("--disk-size", type=_disk_size, metavar="MB", help="a new disk of this size, growing as it fills")
    disk.add_argument("--disk", type=image_file, metavar="F", help="an existing disk image, used where it lies")
    disk.add_argument("--no-disk", action="store_true")
    add("--copy-disk", action="store_true", help="copy the image of --disk into the machine's folder")
    add("--floppy", type=image_file, metavar="F", help="diskette in the first drive")
    add("--cdrom", type=image_file, metavar="F", help="CD in the drive")
    add("--location", type=image_file, metavar="FOLDER", help="make the machine's folder in this one")
    add("--notes", default="", metavar="TEXT")
    add("--json", action="store_true", help="for programs: an object with name, id and path")
    options = parser.parse(arguments)
    if options.copy_disk and options.disk is None:
        parser.error("--copy-disk needs --disk")
    library = Library()
    draft = NewVmDraft(name=options.name)
    guess = guess_guest(options.cdrom) if options.cdrom is not None and options.guest is None else ""
    draft.apply_preset(options.guest or guess or DEFAULT_KEY)
    draft.memory_mb = options.memory or draft.memory_mb
    draft.cpu_model = options.cpu or draft.cpu_model
    draft.accelerator = options.accelerator or draft.accelerator
    if options.disk_size is not None:
        draft.disk_mb = options.disk_size
    elif options.no_disk or options.disk is not None:
        draft.disk_mb = None
    draft.existing_disk, draft.copy_disk = options.disk, options.copy_disk
    draft.floppy, draft.cdrom, draft.location, draft.notes = (
        options.floppy,
        options.cdrom,
        options.location,
        options.notes,
    )
    if warning := draft.space_warning(library):
        print(f"bancada: {warning}", file=sys.stderr)
    folder = draft.create(library, Progress())
    settings = folder.settings
    if options.json:
        print(json.dumps({"name": settings.name, "id": settings.id, "path": str(folder.path)}, ensure_ascii=False))
    else:
        print(f"“{settings.name}” was made: {folder.path}")
    return DONE


def _disk_size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not MIN_DISK_MB <= int(text) <= MAX_DISK_MB:
        raise argparse.ArgumentTypeError(f"“{text}” MB is not possible; allowed: {MIN_DISK_MB} to {MAX_DISK_MB}")
    return int(text)


# -- set


def set_values(parser: Parser, arguments: Sequence[str]) -> int:
    kinds = setting_kinds()
    parser.epilog = (
        f"Settings: {', '.join(name for name in kinds if name not in ('format', 'id'))}. Drives and ports are numbered: "
        "floppy[0].image=dos.img, disk[1].slot=1; “floppy[0].image=” empties a drive, “disk[1]=” takes it out. "
        f"{parser.epilog}"
    )
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    parser.add_argument("assignments", nargs="+", metavar="SETTING=VALUE", help="like memory_mb=32")
    options = parser.parse(arguments)
    entry = Library().find(options.name)
    holder = entry.folder.holder()
    if holder is not None:
        raise MachineInUseError(
            f"“{entry.name}” is running ({holder}): its settings can be changed when it is off. "
            "For diskettes and CDs there are “bancada insert” and “bancada eject”."
        )
    values = settings_to_values(entry.folder.settings, entry.path)
    problems: list[Problem] = []
    for assignment in options.assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            parser.error(f"“{assignment}” has no “=”; write SETTING=VALUE")
        _assign(values, name.strip(), text, kinds, problems)
    settings = settings_from_values(values, entry.path, problems) if not problems else None
    if settings is None:
        raise ConfigError(problems)
    entry.folder.save(settings)
    return DONE


def _assign(values: dict[str, Any], name: str, text: str, kinds: dict[str, type], problems: list[Problem]) -> None:
    match = re.fullmatch(r"([a-z]+)(?:\[(\d{1,2})\])?(?:\.([a-z_]+))?", name)
    kind = f"{match[1]}.{match[3]}" if match and match[3] else name
    if match and match[2] and not match[3] and not text and isinstance(values.get(match[1]), list):
        items = values[match[1]]
        if int(match[2]) < len(items) and items and isinstance(items[0], dict):
            del items[int(match[2])]
            return
        problems.append(Problem(name, "There is no such drive or port."))
        return
    if kind not in kinds or name in ("format", "id"):
        hint = did_you_mean(kind, kinds) or "“bancada set --help” lists them."
        problems.append(Problem(name, "This setting is not known, or cannot be changed.", hint))
        return
    value = _value(text, kinds[kind])
    if value is None:
        problems.append(Problem(name, f"“{text}” does not fit here.", f"Allowed: {_ALLOWED[kinds[kind]]}."))
        return
    if kind in _IMAGE_KEYS and text and (Path.cwd() / Path(text).expanduser()).exists():
        value = str(Path.cwd() / Path(text).expanduser())  # as the person sees it from here
    if match is None or not match[3]:
        values[name] = value
        return
    items = values[match[1]]
    index = int(match[2] or 0)
    if index > len(items):
        problems.append(Problem(name, f"Number {len(items)} comes first."))
        return
    if index == len(items):
        items.append({})
    items[index][match[3]] = value
    if value == "" and match[3] in ("image", "mac", "target"):
        del items[index][match[3]]


_ALLOWED: Final = {int: "a whole number", bool: "true or false", str: "text", list: "words with commas between them"}


def _value(text: str, kind: type) -> Any:
    if kind is int:
        return int(text) if re.fullmatch(r"-?\d{1,18}", text) else None
    if kind is bool:
        return True if text.lower() in _TRUE else False if text.lower() in _FALSE else None
    if kind is list:
        return [word.strip() for word in text.split(",") if word.strip()]
    return text


# -- rename, delete


def rename(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    parser.add_argument("new_name", metavar="NEW_NAME")
    options = parser.parse(arguments)
    library = Library()
    entry = library.rename(library.find(options.name), options.new_name)
    print(f"The machine is called “{entry.name}” now: {entry.path}")
    return DONE


def delete(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--keep-files", action="store_true", help="only take it off the list")
    options = parser.parse(arguments)
    library = Library()
    entry = library.find(options.name)
    if options.keep_files:
        library.remove(entry)
        return DONE
    if not options.yes:
        if not sys.stdin.isatty():
            parser.error("this erases files: add --yes to mean it")
        print(f"Erase “{entry.name}” with its disks in {entry.path}? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "s", "sim"):
            print("Nothing was erased.")
            return FAILED
    library.delete(entry)
    return DONE


COMMANDS = (
    Command("list", GROUP, "list the machines", list_machines),
    Command("new", GROUP, "make a machine", new),
    Command("show", GROUP, "show a machine's settings", show),
    Command("set", GROUP, "change a machine's settings", set_values),
    Command("rename", GROUP, "give a machine another name", rename),
    Command("delete", GROUP, "erase a machine with its disks", delete),
)
