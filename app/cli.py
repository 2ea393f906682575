"""The command line: ``bancada`` opens the window, ``bancada COMMAND ...`` does one thing.

Exit status: 0 done; 1 the guest failed, a wait timed out or the host refused; 2 what was asked cannot be done as it
was given: usage, an unknown machine, wrong settings, an image that cannot be used.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from app import log
from app.crash_report import version
from app.library import LibraryError
from engine.errors import BancadaError, ConfigError, MediumError, MediumInUseError
from engine.toml_text import did_you_mean

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2

_EPILOG: Final = (
    "Exit status: 0 done; 1 the guest failed, a wait timed out or the host refused; 2 what was asked cannot be done as "
    "given (usage, unknown machine, wrong settings, an image that cannot be used)."
)


class Parser(argparse.ArgumentParser):
    """argparse with suggestions, and without abbreviated options: a script must not change its meaning when an option
    is added."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"bancada {command}".strip(), description=description, epilog=_EPILOG, allow_abbrev=False)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The parsed arguments; ends the program with status 2 and a hint when they are wrong."""
        namespace, extra = self.parse_known_args(arguments)
        if extra:
            options = [option for action in self._actions for option in action.option_strings]
            first = extra[0]
            if first.startswith("-"):
                name = first.split("=")[0]
                self.error(f"unknown option “{name}”. {did_you_mean(name, options) or 'See --help.'}")
            self.error(f"“{first}” is too much here.")
        return namespace

    def error(self, message: str) -> NoReturn:
        # "invalid choice: 'flopy' (choose from ...)" gets a suggestion as well.
        match = re.search(r"invalid choice: ['\"]?([^'\"]*)['\"]? \(choose from (.*)\)", message)
        if match:
            hint = did_you_mean(match[1], re.findall(r"[\w.-]+", match[2]))
            message = f"{message}. {hint}" if hint else message
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {message}\n")


@dataclass(frozen=True)
class Command:
    """One verb: ``run(arguments behind the verb) -> exit status``."""

    name: str
    group: str
    summary: str
    run: Callable[[Parser, Sequence[str]], int]


def commands() -> dict[str, Command]:
    """All verbs, in the order of the help."""
    from app.commands import control, machines, reference, report, run, window

    groups = (run.COMMANDS, machines.COMMANDS, control.COMMANDS, report.COMMANDS, reference.COMMANDS, window.COMMANDS)
    return {command.name: command for group in groups for command in group}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    log.show_on_terminal(verbose=bool(os.environ.get("BANCADA_DEBUG")))
    try:
        return _dispatch(words)
    except SystemExit as end:  # argparse, after it has printed what is wrong
        return end.code if isinstance(end.code, int) else FAILED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except KeyboardInterrupt:
        return FAILED
    except BancadaError as error:
        print(f"bancada: {error}", file=sys.stderr)
        return status_of(error)


def status_of(error: BaseException) -> int:
    """2 for what the person gave, 1 for everything else."""
    if isinstance(error, MediumInUseError):
        return FAILED
    return USAGE if isinstance(error, ConfigError | MediumError | LibraryError) else FAILED


def _dispatch(words: list[str]) -> int:
    from app.commands.window import open_window

    if not words:
        return open_window()
    known = commands()
    name = words[0]
    if name in ("-h", "--help", "help"):
        if len(words) > 1 and words[1] in known:
            return _dispatch([words[1], "--help"])
        print(_help(known))
        return DONE
    if name == "--version":
        print(f"bancada {version()}")
        return DONE
    if name not in known:
        kind = "option" if name.startswith("-") else "command"
        options = ("--help", "--version") if kind == "option" else known
        hint = did_you_mean(name, options) or "“bancada --help” lists them."
        print(f"bancada: error: unknown {kind} “{name}”. {hint}", file=sys.stderr)
        return USAGE
    command = known[name]
    return command.run(Parser(name, command.summary), words[1:])


def _help(known: dict[str, Command]) -> str:
    lines = [
        "usage: bancada [COMMAND ...]",
        "",
        "A desktop virtual machine manager with its own PC inside. Without a command, its window opens.",
    ]
    group = ""
    for command in known.values():
        if command.group != group:
            group = command.group
            lines += ["", f"{group}:"]
        lines.append(f"  {command.name:<12}{command.summary}")
    lines += ["", "“bancada COMMAND --help” tells more. A machine is named by its name, id or folder.", "", _EPILOG]
    return "\n".join(lines)
