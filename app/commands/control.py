"""Machines that run in another process (a window, or ``bancada start``): spoken to through their control sockets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from app.cli import DONE, Command, Parser
from app.commands.actions import DEFAULT_WAIT_S, chord, not_empty, seconds, trimmed, unescaped
from app.commands.machines import summary
from app.commands.window import display_problem
from app.control_socket import NotRunningError, ask
from app.library import Library, LibraryEntry
from app.runner import Runner
from app.vm_folder import MachineInUseError
from engine.errors import HostResourceError, MachineError

GROUP: Final = "Running machines"
START_S: Final = 30.0  # a machine that is started in the background must answer within
STOP_S: Final = 30.0
SHUT_DOWN_S: Final = 60.0
_POLL_S: Final = 0.05


# -- start


def start(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    parser.add_argument("--window", action="store_true", help="with a window; without it, in the background")
    options = parser.parse(arguments)
    entry = Library().find(options.name)
    _ = entry.folder.settings  # broken settings are told here, not by the process in the background
    holder = entry.folder.holder()
    if holder is not None:
        raise MachineInUseError(f"“{entry.name}” is already running ({holder}).")
    if options.window and (problem := display_problem()):
        raise HostResourceError(f"{problem} Start the machine without --window.")
    command = [sys.executable, "-m", "app", "run", str(entry.path)]
    if not options.window:
        command.append("--headless")
    start_in_background(entry, command)
    return DONE


def start_in_background(entry: LibraryEntry, command: list[str]) -> None:
    """Starts a process that outlives this one, and waits until its machine runs.

    Raises HostResourceError with what the process said when it ends before.
    """
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
            env=environment,
        )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                said.seek(0)
                message = said.read().decode(errors="replace").strip().removeprefix("bancada: ")
                raise HostResourceError(message or f"“{entry.name}” ended at once; see {entry.folder.log_file}.")
            if _answers(entry):
                return
            time.sleep(_POLL_S)
        process.terminate()
    raise HostResourceError(f"“{entry.name}” did not come up within {START_S:g} s; see {entry.folder.log_file}.")


def _answers(entry: LibraryEntry) -> bool:
    try:
        return bool(ask(entry.folder.control_socket, "status", timeout=5.0)["state"] != "off")
    except (NotRunningError, MachineError, KeyError):
        return False


# -- Orders


def stop(parser: Parser, arguments: Sequence[str]) -> int:
    parser.description = (
        "Press a machine's power button and wait until it is off. A guest with power management (ACPI) shuts down in its "
        "own time; any other is switched off at once. What it wrote is on the host's disk afterwards."
    )
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    parser.add_argument("--hard", action="store_true", help="pull the plug: the guest is not asked")
    parser.add_argument(
        "--timeout", type=seconds, default=SHUT_DOWN_S, metavar="S", help=f"how long it may take, {SHUT_DOWN_S:g}"
    )
    options = parser.parse(arguments)
    entry = Library().find(options.name)
    if entry.folder.holder() is None:
        raise MachineError(f"“{entry.name}” is not running.")
    try:
        ask(entry.folder.control_socket, "stop", timeout=STOP_S, hard=options.hard)
    except NotRunningError:
        # The process may have ended before its answer came through: then all is well.
        if not _is_off(entry, 2.0):
            raise
    if not options.hard and not _is_off(entry, options.timeout):
        raise MachineError(
            f"“{entry.name}” is still on {options.timeout:g} s after its power button was pressed. Look at its screen; "
            f"“bancada stop --hard” pulls the plug."
        )
    return DONE


def _is_off(entry: LibraryEntry, within_s: float) -> bool:
    """Whether the machine gets off within so many seconds."""
    deadline = time.monotonic() + within_s
    while entry.folder.holder() is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _order(verb: str) -> Callable[[Parser, Sequence[str]], int]:
    def run(parser: Parser, arguments: Sequence[str]) -> int:
        parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
        _tell(parser.parse(arguments).name, verb)
        return DONE

    return run


def status(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    parser.add_argument("--json", action="store_true", help="for programs: an object")
    options = parser.parse(arguments)
    entry = Library().find(options.name)
    values = summary(entry)
    if entry.folder.holder() is not None:
        try:
            values |= ask(entry.folder.control_socket, "status")
        except NotRunningError as error:
            values["problem"] = values["problem"] or str(error)
    if options.json:
        print(json.dumps(values, indent=2, ensure_ascii=False))
        return DONE
    print(f"{values['name']}: {values['state']}" + (f" (process {values['pid']})" if values["pid"] else ""))
    if values.get("instructions"):
        print(f"{values['instructions']:,} instructions in {values['guest_seconds']:.1f} s, {values['accelerator']}")
    for device, image in values.get("media", {}).items():
        print(f"{device}: {image or 'empty'}")
    if values["problem"]:
        print(values["problem"], file=sys.stderr)
    return DONE


def screenshot(parser: Parser, arguments: Sequence[str]) -> int:
    options = _parse(parser, arguments, ("file", Path, "PNG"))
    _tell(options.name, "screenshot", file=str(options.file.absolute()))
    return DONE


def type_text(parser: Parser, arguments: Sequence[str]) -> int:
    parser.description = r"Type text on the guest's keyboard; \n is Enter, \t Tab, \\ a backslash."
    options = _parse(parser, arguments, ("text", unescaped, "TEXT"))
    left_out = _tell(options.name, "type", text=options.text)["left_out"]
    if left_out:
        print(f"bancada: the guest's keyboard has no key for {left_out!r}.", file=sys.stderr)
    return DONE


def key(parser: Parser, arguments: Sequence[str]) -> int:
    options = _parse(parser, arguments, ("keys", chord, "KEYS"))
    _tell(options.name, "key", keys=options.keys)
    return DONE


def text(parser: Parser, arguments: Sequence[str]) -> int:
    print(trimmed(_tell(_parse(parser, arguments).name, "text")["text"]))
    return DONE


def wait(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("--timeout", type=seconds, default=DEFAULT_WAIT_S, metavar="S", help=f"{DEFAULT_WAIT_S:g}")
    options = _parse(parser, arguments, ("text", not_empty, "TEXT"))
    entry = _running(options.name)
    ask(entry.folder.control_socket, "wait", options.timeout + 30, text=options.text, seconds=options.timeout)
    return DONE


def insert(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("--read-only", action="store_true", help="the guest cannot write to the diskette")
    options = _parse(parser, arguments, ("device", str, "DEVICE"), ("file", Path, "F"))
    image = options.file.expanduser().absolute()
    entry = Library().find(options.name)
    if entry.folder.holder() is None:
        Runner(entry.folder).insert(options.device, image, options.read_only)
    else:
        _tell(options.name, "insert", device=options.device, file=str(image), read_only=options.read_only)
    return DONE


def eject(parser: Parser, arguments: Sequence[str]) -> int:
    options = _parse(parser, arguments, ("device", str, "DEVICE"))
    entry = Library().find(options.name)
    if entry.folder.holder() is None:
        Runner(entry.folder).eject(options.device)
    else:
        _tell(options.name, "eject", device=options.device)
    return DONE


# -- Inside


def _parse(parser: Parser, arguments: Sequence[str], *positional: tuple[str, Callable[[str], Any], str]) -> Any:
    parser.add_argument("name", metavar="NAME", help="a machine's name, id or folder")
    for name, kind, metavar in positional:
        parser.add_argument(name, type=kind, metavar=metavar)
    return parser.parse(arguments)


def _running(name: str) -> LibraryEntry:
    entry = Library().find(name)
    if entry.folder.holder() is None:
        raise MachineError(f"“{entry.name}” is not running. “bancada start” starts it.")
    return entry


def _tell(name: str, command: str, **arguments: Any) -> dict[str, Any]:
    return ask(_running(name).folder.control_socket, command, **arguments)


COMMANDS = (
    Command("start", GROUP, "start a machine in the background, or with a window", start),
    Command("stop", GROUP, "press a machine's power button, or pull its plug", stop),
    Command("pause", GROUP, "stop a machine's time", _order("pause")),
    Command("resume", GROUP, "let a paused machine go on", _order("resume")),
    Command("reset", GROUP, "press a machine's reset button", _order("reset")),
    Command("status", GROUP, "what a machine is doing", status),
    Command("screenshot", GROUP, "save a machine's screen as PNG", screenshot),
    Command("text", GROUP, "print the text on a machine's screen", text),
    Command("type", GROUP, "type on a machine's keyboard", type_text),
    Command("key", GROUP, "press keys together, like ctrl+alt+delete", key),
    Command("wait", GROUP, "wait until a text is on a machine's screen", wait),
    Command("insert", GROUP, "put an image into a drive (floppy0, cdrom0)", insert),
    Command("eject", GROUP, "empty a drive", eject),
)
