"""What the commands and their options are, taken from their own parsers: for shell completion and the manual page."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.cli import Command, Parser


@dataclass(frozen=True)
class Option:
    """``flags`` is empty for what stands in its place ("NAME"); ``value`` is empty for a switch."""

    flags: tuple[str, ...]
    value: str
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    command: Command
    usage: str
    options: tuple[Option, ...]


class _Described(Exception):  # control flow, no error
    """The command has defined its options and would parse now."""


class _DescribingParser(Parser):
    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        raise _Described


def reference(command: Command) -> Reference:
    """Of one command. It is not carried out: it ends where it would parse its arguments."""
    parser = _DescribingParser(command.name, command.summary)
    with contextlib.suppress(_Described):
        command.run(parser, [])
    options = tuple(
        _option(parser, action) for action in parser._actions if not isinstance(action, argparse._HelpAction)
    )
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    return Reference(command, usage, options)


def _option(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    choices = tuple(str(choice) for choice in action.choices) if action.choices is not None else ()
    value = ""
    if action.nargs != 0:
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        value = metavar or "|".join(choices) or action.dest.upper()
    help_text = parser._get_formatter()._expand_help(action) if action.help else ""
    return Option(tuple(action.option_strings), value, help_text, choices)
