"""The pictures of the README: all there, all used, all small."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtGui import QImage

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "resources" / "pictures"
LARGEST = 100_000  # bytes


def test_the_readme_shows_every_picture_and_none_is_missing() -> None:
    shown = set(re.findall(r"resources/pictures/([\w-]+\.png)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert shown == {file.name for file in PICTURES.iterdir()}
    for name in shown:
        assert not QImage(str(PICTURES / name)).isNull(), name
        assert (PICTURES / name).stat().st_size <= LARGEST, name
