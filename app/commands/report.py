"""``bancada report``: everything that is needed to find a fault, in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.cli import DONE, Command, Parser
from app.library import Library
from app.problem_report import collect, write
from app.running import running_in


def report(parser: Parser, arguments: Sequence[str]) -> int:
    parser.add_argument("name", nargs="?", metavar="NAME", help="the machine it is about; none: the program")
    parser.add_argument("file", type=Path, metavar="FILE", help="the ZIP archive to write")
    options = parser.parse(arguments)
    folder = Library().find(options.name).folder if options.name is not None else None
    parts = collect(folder, running_in(folder.path) if folder is not None else None)
    write(options.file, parts)
    print(f"{options.file}: " + ", ".join(part.name for part in parts))
    return DONE


COMMANDS = (Command("report", "Help", "pack settings, logs and host facts into one file", report),)
