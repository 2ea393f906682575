"""TOML files that people edit: read with line numbers, so that every complaint can name one."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import ConfigError, Problem

MAX_BYTES: Final = 1 << 20  # a settings file is a few hundred bytes; anything like this is not one

_POSITION = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)")
_KEY = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)""")


@dataclass(frozen=True)
class FileProblem(Problem):
    """A problem with the line of the file it is in; 0 when it has none (something is missing)."""

    line: int = 0

    def __str__(self) -> str:
        text = f"line {self.line}: " if self.line else ""
        return text + super().__str__()


@dataclass(frozen=True)
class TomlText:
    """A parsed file. ``lines`` maps setting paths (``"memory_mb"``, ``"floppy[0].image"``) to line numbers from 1."""

    file: Path
    text: str
    values: dict[str, Any]
    lines: dict[str, int]

    def line(self, path: str) -> int:
        """The line of a setting, of the nearest thing around it, or 0."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return 0

    def problem(self, path: str, message: str, fix: str = "") -> FileProblem:
        return FileProblem(path, message, fix, self.line(path))


def read_toml(file: Path) -> TomlText:
    """Reads and parses. Raises ConfigError naming file and line when it is no TOML, OSError when it cannot be read."""
    with file.open("rb") as stream:
        raw = stream.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ConfigError([Problem("file", "This is far too long for a settings file.")], file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        fix = "Save the file as UTF-8."
        raise ConfigError([FileProblem("file", "These bytes are not UTF-8 text.", fix, line)], file) from None
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError([_syntax_problem(text, str(error))], file) from None
    return TomlText(file, text, values, _line_numbers(text))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean “memory_mb”?``, or nothing."""
    names = list(known)
    near = difflib.get_close_matches(word, names, 1) or difflib.get_close_matches(word.lower(), names, 1)
    return f"Did you mean “{near[0]}”?" if near else ""


def _syntax_problem(text: str, message: str) -> FileProblem:
    place = _POSITION.search(message)
    if "recursion" in message:
        message = "Too many brackets inside each other"
    if place is None:
        line = 1
    elif place[1]:
        line = int(place[1])
    else:
        line = text.rstrip("\n").count("\n") + 1
    # What is reported at the start of a line broke at the end of the one before.
    if place is not None and place[2] == "1" and line > 1 and "newline" in message:
        line -= 1
    what = _POSITION.sub("", message)
    return FileProblem("syntax", f"{what}.", 'Write settings as: key = value, and text in "quotes".', line)


@dataclass(frozen=True, slots=True)
class Statement:
    """A table header or a ``key = value`` of the text. Offsets are characters; ``end`` is behind the line break."""

    path: str
    line: int
    start: int
    end: int
    value_start: int = -1  # -1: a header
    value_end: int = -1

    @property
    def is_header(self) -> bool:
        return self.value_start < 0


def statements(text: str) -> list[Statement]:
    """All headers and settings of a text that is known to be valid TOML, in order."""
    found: list[Statement] = []
    arrays: dict[str, int] = {}
    table = ""
    position, line = 0, 1
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end + 1
        first = text[position:end].strip()
        if first.startswith("["):
            names, _ = _key_path(first, 2 if first.startswith("[[") else 1)
            table = _resolve(names, arrays)
            if first.startswith("[["):
                arrays[table] = arrays.get(table, -1) + 1
                table = f"{table}[{arrays[table]}]"
            found.append(Statement(table, line, position, end))
        elif first and not first.startswith("#"):
            names, after_key = _key_path(text, position)
            path = ".".join([table, *names] if table else names)
            value_start = text.index("=", after_key) + 1
            while text[value_start] in " \t":
                value_start += 1
            value_end, newline = _value_end(text, value_start)
            end = min(newline + 1, len(text))
            found.append(Statement(path, line, position, end, value_start, value_end))
        line += text.count("\n", position, end)
        position = end
    return found


def _line_numbers(text: str) -> dict[str, int]:
    lines: dict[str, int] = {}
    for statement in statements(text):
        lines.setdefault(statement.path, statement.line)
        if statement.is_header and statement.path.endswith("[0]"):
            lines.setdefault(statement.path[:-3], statement.line)
    return lines


def _key_path(text: str, position: int) -> tuple[list[str], int]:
    """The parts of a dotted key, and where it ends."""
    names: list[str] = []
    while match := _KEY.match(text, position):
        names.append(next(part for part in match.groups()[:3] if part is not None))
        position = match.end()
        if not match[4]:
            break
    return names, position


def _resolve(names: list[str], arrays: dict[str, int]) -> str:
    """The path of a table below the newest elements of the arrays around it."""
    path = ""
    for index, name in enumerate(names):
        path = f"{path}.{name}" if path else name
        if path in arrays and index < len(names) - 1:
            path = f"{path}[{arrays[path]}]"
    return path


def _value_end(text: str, position: int) -> tuple[int, int]:
    """Where a value ends, and where the line break after it (and its comment) is, or the text's end."""
    depth = 0
    end = position
    while position < len(text):
        character = text[position]
        if text.startswith(('"""', "'''"), position):
            end = position = _string_end(text, position, text[position : position + 3])
        elif character in "\"'":
            end = position = _string_end(text, position, character)
        elif character == "#":
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline
        elif character == "\n" and depth == 0:
            return end, position
        else:
            depth += (character in "[{") - (character in "]}")
            position += 1
            if not character.isspace():
                end = position
    return end, position


def _string_end(text: str, position: int, quote: str) -> int:
    position += len(quote)
    while position < len(text) and not text.startswith(quote, position):
        position += 2 if quote[0] == '"' and text[position] == "\\" else 1
    position += len(quote)
    while len(quote) == 3 and text.startswith(quote[0], position):  # up to two more quotes belong to the text
        position += 1
    return position
