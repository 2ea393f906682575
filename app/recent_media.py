"""Images used lately, for menus. A memory aid: what cannot be read or written is simply not there."""

from __future__ import annotations

import contextlib
import json
import threading
from pathlib import Path
from typing import Final

from app import places
from engine.atomic_file import write_atomically

KINDS: Final = ("floppy", "cdrom", "disk")
KEPT: Final = 12

_guard = threading.Lock()


def recent(kind: str) -> list[Path]:
    """Images of a kind that are still there, the latest first."""
    return [path for path in map(Path, _read().get(kind, [])) if path.is_file()]


def remember(kind: str, image: Path) -> None:
    """Puts an image at the head of the list."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}")
    with _guard:
        content = _read()
        path = str(image.absolute())
        content[kind] = [path, *(item for item in content.get(kind, []) if item != path)][:KEPT]
        with contextlib.suppress(OSError):
            _file().parent.mkdir(parents=True, exist_ok=True)
            write_atomically(_file(), json.dumps(content, indent=2, ensure_ascii=False).encode())


def _file() -> Path:
    return places.data_folder() / "recent-media.json"


def _read() -> dict[str, list[str]]:
    try:
        content = json.loads(_file().read_bytes())
        return {kind: [item for item in content.get(kind, []) if isinstance(item, str)] for kind in KINDS}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
