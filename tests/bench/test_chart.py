"""The picture that a benchmark run leaves."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QColor, QImage

from tests.bench.chart import COLOURS, draw


def colours_of(file: Path) -> dict[str, int]:
    picture = QImage(str(file))
    assert not picture.isNull()
    found: dict[str, int] = {}
    for y in range(0, picture.height(), 2):
        for x in range(0, picture.width(), 2):
            name = QColor(picture.pixel(x, y)).name()
            found[name] = found.get(name, 0) + 1
    return found


def test_a_row_a_job_and_a_colour_a_peer(tmp_path: Path, qapp: object) -> None:
    target = tmp_path / "new" / "bench.png"
    row = {"ours": 1.0, "slow": 40.0, "fast": 0.25}
    draw({"micro": {"a": row, "b": row}, "gfx": {"c": row}, "old": {"d": {"other": 1.0}}}, "ours", target)
    colours = colours_of(target)
    slow, fast = colours[COLOURS[0]], colours[COLOURS[1]]
    assert slow > 2 * fast > 200, "the longer bar is the slower one"
    assert QImage(str(target)).height() > 600, "two jobs"
