"""Changes the values in a TOML text and leaves the rest, comments and order above all, as its author wrote it.

The text is one of flat settings followed by sections ``[[kind]]``, as machine.toml and the preferences are.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit

from engine.toml_text import Statement, statements


def render(value: Any) -> str:
    """A value as TOML: numbers, truth values, text, lists of those."""
    text: str = tomlkit.item(value).as_string()
    return text


def edit(
    text: str,
    old: Mapping[str, Any],
    settings: Mapping[str, Any],
    sections: Mapping[str, Sequence[Mapping[str, Any]]],
) -> str:
    """``text`` (whose parsed values are ``old``) with exactly these settings and sections in it.

    What is not among them is taken out; what is new goes behind the setting that precedes it in ``settings``, or
    behind the last section of its kind.
    """
    editor = _Editor(text)
    for name in old:
        if name in sections:
            if not editor.has_sections(name):
                editor.remove_setting(name)
        elif name not in settings:
            editor.remove_setting(name)
    previous = ""
    for name, value in settings.items():
        editor.put("", name, value, previous)
        previous = name
    for kind, items in sections.items():
        editor.put_sections(kind, items)
    return editor.text


class _Editor:
    def __init__(self, text: str) -> None:
        self.text = text if text.endswith("\n") or not text else text + "\n"
        self._found: list[Statement] | None = None

    @property
    def _statements(self) -> list[Statement]:
        if self._found is None:
            self._found = statements(self.text)
        return self._found

    # -- One setting

    def put(self, section: str, name: str, value: Any, previous: str) -> None:
        """Gives a setting a value; adds it behind ``previous`` (or the section's start) when it is not there."""
        found = self._statements
        prefix = f"{section}." if section else ""
        there = _find(found, prefix + name)
        if there is not None and not there.is_header:
            rendered = render(value)
            if _parsed(self.text[there.value_start : there.value_end]) != (type(value), value):
                self._replace(there.value_start, there.value_end, rendered)
            return
        before = _find(found, prefix + previous) if previous else None
        if before is None:
            before = _find(found, section) if section else None
        where = before.end if before is not None else self._first_setting(found)
        self._replace(where, where, f"{name} = {render(value)}\n")

    def remove_setting(self, path: str) -> None:
        """Takes a setting out, or the tables of that name."""
        while True:
            found = self._statements
            there = next((s for s in found if _is_at(s.path, path)), None)
            if there is None:
                return
            if there.is_header:
                self._remove_section(found, there)
            else:
                self._replace(there.start, there.end, "")

    def _first_setting(self, found: list[Statement]) -> int:
        return found[0].start if found else len(self.text)

    # -- Sections

    def has_sections(self, kind: str) -> bool:
        return any(s.is_header and s.path == f"{kind}[0]" for s in self._statements)

    def put_sections(self, kind: str, items: Sequence[Mapping[str, Any]]) -> None:
        for index, item in enumerate(items):
            path = f"{kind}[{index}]"
            found = self._statements
            if _find(found, path) is None:
                self._add_section(found, kind, index)
            for statement in [s for s in self._statements if s.path.startswith(f"{path}.")]:
                if statement.path.removeprefix(f"{path}.") not in item:
                    self.remove_setting(statement.path)
            previous = ""
            for name, value in item.items():
                self.put(path, name, value, previous)
                previous = name
        while (extra := _find(found := self._statements, f"{kind}[{len(items)}]")) is not None:
            self._remove_section(found, extra)

    def _add_section(self, found: list[Statement], kind: str, index: int) -> None:
        where = len(self.text)
        if index:
            last = _find(found, f"{kind}[{index - 1}]")
            assert last is not None
            where = self._section_end(found, last)
        gap = "" if self.text[:where].endswith("\n\n") or where == 0 else "\n"
        trail = "\n" if where < len(self.text) and not self.text.startswith("\n", where) else ""
        self._replace(where, where, f"{gap}[[{kind}]]\n{trail}")

    def _section_end(self, found: list[Statement], header: Statement) -> int:
        """Behind the section's last setting."""
        end = header.end
        for statement in found[found.index(header) + 1 :]:
            if statement.is_header:
                break
            end = statement.end
        return end

    def _remove_section(self, found: list[Statement], header: Statement) -> None:
        start = header.start
        end = self._section_end(found, header)
        # Comments stay: they are the author's, and the heading above the sections of a kind serves the next one.
        if self.text.startswith("\n", end) and self.text[:start].endswith("\n\n"):
            end += 1
        self._replace(start, end, "")

    def _replace(self, start: int, end: int, new: str) -> None:
        self.text = self.text[:start] + new + self.text[end:]
        self._found = None


def _find(found: Sequence[Statement], path: str) -> Statement | None:
    return next((statement for statement in found if statement.path == path), None)


def _is_at(path: str, wanted: str) -> bool:
    return path == wanted or path.startswith((f"{wanted}.", f"{wanted}["))


def _parsed(source: str) -> tuple[type, Any]:
    value = tomllib.loads(f"value = {source}")["value"]
    return type(value), value
