"""Where something is saved: asked in the same way everywhere."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget


def ask(parent: QWidget, title: str, proposed: Path, kinds: str) -> Path | None:
    """The file a person chose, with the suffix of ``proposed`` where none was given; None when they changed their
    mind."""
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(proposed), kinds)
    if not chosen:
        return None
    file = Path(chosen)
    return file if file.suffix else file.with_suffix(proposed.suffix)


def dated_file(name: str, suffix: str, place: QStandardPaths.StandardLocation) -> Path:
    """A name for something that is made of a machine now, in the folder where such things are kept."""
    stamp = datetime.datetime.now().strftime("%Y-%m-%d %H-%M-%S")
    folder = QStandardPaths.writableLocation(place) or str(Path.home())
    return Path(folder) / f"{file_name(name)} {stamp}{suffix}"


def file_name(name: str) -> str:
    """A machine's name without what file names cannot have."""
    return re.sub(r'[\\/:*?"<>|]+', "_", name)
