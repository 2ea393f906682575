"""The registers of every device, as its saved state has them, for people to read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

_MOST_ITEMS: Final = 32  # of a list; the rest is counted
_MOST_BYTES: Final = 32


def rows(state: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Names and values, those inside of others with a dot between."""
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        for field in dataclasses.fields(state):
            yield from rows(getattr(state, field.name), f"{name}.{field.name}".lstrip("."))
    elif isinstance(state, Mapping):
        for key, value in state.items():
            yield from rows(value, f"{name}.{key}".lstrip("."))
    elif isinstance(state, list | tuple):
        for number, value in enumerate(state[:_MOST_ITEMS]):
            yield from rows(value, f"{name}[{number}]")
        if len(state) > _MOST_ITEMS:
            yield name, f"{len(state)} in all"
    else:
        yield name, _text(state)


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f"{value} ({value:X}h)" if abs(value) > 9 else str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        content = bytes(value)
        more = f" … {len(content)} bytes" if len(content) > _MOST_BYTES else ""
        return content[:_MOST_BYTES].hex(" ") + more
    return str(value)
