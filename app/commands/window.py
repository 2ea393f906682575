"""The window: is there a display, and what opens. ``ui`` is imported here and only when it is wanted."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app import running
from app.cli import DONE, FAILED, Command, Parser
from app.commands.actions import Step
from app.commands.headless import HeadlessRun
from app.diagnostics import diagnostics_config
from app.library import Library
from app.runner import Runner
from app.signals import on_termination

_X_SOCKETS: Final = "/tmp/.X11-unix/X"
_SELF_CONTAINED: Final = ("offscreen", "minimal", "vnc", "eglfs", "linuxfb")  # Qt platforms that need no display


def display_problem() -> str:
    """Why no window can be opened here; empty when one can. Qt would end the program without a word to act on."""
    if sys.platform in ("win32", "darwin"):
        return ""
    if os.environ.get("QT_QPA_PLATFORM", "").split(":")[0] in _SELF_CONTAINED:
        return ""
    if os.environ.get("WAYLAND_DISPLAY"):
        return ""
    display = os.environ.get("DISPLAY", "")
    if not display:
        return "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set)."
    local = re.fullmatch(r"(?:unix)?:(\d+)(?:\.\d+)?", display)
    if local and not any(_answers(name + local[1]) for name in (_X_SOCKETS, f"\0{_X_SOCKETS}")):
        return f"The display “{display}” does not answer."
    return ""


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2.0)
        try:
            connection.connect(address)
        except OSError:
            return False
    return True


def open_window(show: Path | None = None) -> int:
    """The main window; without a display the diagnostics diskette, as text."""
    problem = display_problem()
    if problem:
        print(f"bancada: {problem}", file=sys.stderr)
        return FAILED if show is not None else _diagnostics_as_text()
    from ui.application import main as ui_main

    with on_termination(running.stop_all, grace_s=0.5):
        return ui_main(show)


def run_in_window(runner: Runner) -> int:
    """A console window on a runner that was started; off and closed when this returns."""
    from ui.application import run_console

    with on_termination(running.stop_all):
        try:
            return run_console(runner)
        finally:
            runner.stop_and_wait()


def _diagnostics_as_text() -> int:
    print("The built-in diagnostics diskette boots without a window instead:\n", file=sys.stderr)
    runner = Runner(diagnostics_config())
    status = HeadlessRun(runner, [Step("wait", "Benchmark"), Step("text", None)], timeout=60).run()
    if status == DONE:
        print(
            "\nThe PC works. Start “bancada” on a desktop for its window, or see “bancada run --help”.", file=sys.stderr
        )
    return status


def open_machine(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("machine", metavar="NAME|FOLDER", help="a machine of the library, or the folder of any machine")
    parser.add_argument("--no-window", action="store_true", help="only put it on the library's list")
    options = parser.parse(arguments)
    library = Library()
    entry = library.find(options.machine)
    if all(other.path != entry.path for other in library.entries()):
        entry = library.add(entry.path)
        print(f"“{entry.name}” is on the list now.")
    return DONE if options.no_window else open_window(entry.path)


COMMANDS = (
    Command(
        "open", "The window", "open the window with a machine; a folder from elsewhere joins the list", open_machine
    ),
)
