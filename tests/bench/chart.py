"""The table of a benchmark run as a picture: for each phase one bar a PC, as many times our time, on a log scale."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

Medians = dict[str, dict[str, dict[str, float]]]  # job -> phase -> peer -> seconds

COLOURS: Final = ("#1f77b4", "#9aa5b1", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2")
_WIDTH, _ROW_HEIGHT = 1400, 340
_GROUP = 0.8  # of the distance between two phases
_LEGEND_DECADES = 0.3


def draw(medians: Medians, ours: str, target: Path) -> None:
    """Writes a PNG with one row a job. Raises OSError when ``target`` cannot be written."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import numpy as np
    import pyqtgraph as pg
    from pyqtgraph.exporters import ImageExporter

    pg.mkQApp("bench")
    pg.setConfigOptions(background="w", foreground="k", antialias=True)
    shown = {job: phases for job, phases in medians.items() if any(row.get(ours) for row in phases.values())}
    layout = pg.GraphicsLayoutWidget(size=(_WIDTH, _ROW_HEIGHT * max(len(shown), 1)))
    peers = list(dict.fromkeys(peer for phases in shown.values() for row in phases.values() for peer in row))
    peers.remove(ours)
    for number, (job, phases) in enumerate(shown.items()):
        plot = layout.addPlot(row=number, col=0, title=f"{job}: times our time")
        plot.addLegend(offset=(-10, 1), colCount=len(COLOURS))
        able = [peer for peer in peers if any(peer in row for row in phases.values())]
        width = _GROUP / max(len(able), 1)
        names = [phase for phase, row in phases.items() if row.get(ours)]
        for place, peer in enumerate(able):
            bars = [
                (x, phases[name][peer] / phases[name][ours]) for x, name in enumerate(names) if peer in phases[name]
            ]
            if not bars:
                continue
            x, ratios = np.array(bars).T
            logs = np.log10(ratios)
            colour = COLOURS[peers.index(peer) % len(COLOURS)]
            left = x + (place - (len(able) - 1) / 2) * width
            plot.addItem(pg.BarGraphItem(x=left, y0=0, height=logs, width=width, brush=colour, pen=None, name=peer))
            for at, log, ratio in zip(left, logs, ratios, strict=True):
                label = pg.TextItem(f"{ratio:.3g}", color="k", anchor=(0.5, 1.0 if log >= 0 else 0.0))
                label.setPos(at, log)
                plot.addItem(label)
        plot.getAxis("bottom").setTicks([list(enumerate(names))])
        plot.getAxis("left").setTicks([[(power, f"{10.0**power:g}") for power in range(-3, 4)]])
        plot.addLine(y=0, pen=pg.mkPen("k"))
        ratios = [row[peer] / row[ours] for row in phases.values() if row.get(ours) for peer in row]
        plot.setXRange(-0.6, len(names) - 0.4, padding=0)
        plot.setYRange(np.log10(min(ratios)), np.log10(max(ratios)) + _LEGEND_DECADES, padding=0.12)
    layout.show()
    target.parent.mkdir(parents=True, exist_ok=True)
    exporter = ImageExporter(layout.scene())
    exporter.parameters()["width"] = _WIDTH
    if not exporter.export(str(target)) and not target.exists():
        raise OSError(f"The chart could not be written to {target}.")
    layout.close()
