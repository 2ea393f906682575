"""Names that people give -> names of folders that every file system takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 120  # UTF-8; file systems allow 255, a number and an extension may follow
MAX_NAME_CHARACTERS: Final = 200

_FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def folder_name(name: str) -> str:
    """The nearest name that is safe on Linux, Windows and macOS; letters of any script stay.

    Never empty, never hidden, never a path.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c for c in text)
    text = _FORBIDDEN.sub("-", text)
    text = " ".join(text.split()).strip(". ")
    while len(text.encode()) > MAX_BYTES:
        text = text[:-1].rstrip(". ")
    if _RESERVED.fullmatch(text):
        text = f"_{text}"
    return text or "machine"


def free_folder(parent: Path, name: str) -> Path:
    """A path in ``parent`` for this name that nothing has yet: with " 2", " 3" ... behind it when taken."""
    try:
        taken = [entry.name for entry in parent.iterdir()]
    except OSError:
        taken = []
    return parent / free_name(folder_name(name), taken)


def free_name(name: str, taken: Iterable[str]) -> str:
    """``name``, or with a number behind it when it is taken. Case does not tell names apart."""
    known = {_key(item) for item in taken}
    if _key(name) not in known:
        return name
    match = re.fullmatch(r"(.*\S) (\d{1,6})", name)
    # "DOS 2" counts on when there is a "DOS"; "Windows 98" is nobody's ninety-eighth.
    stem, number = (match[1], int(match[2])) if match and _key(match[1]) in known else (name, 1)
    while _key(f"{stem} {number + 1}") in known:
        number += 1
    return f"{stem} {number + 1}"


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
