"""A live view of what a machine does: instructions a second, and accesses to devices a second.

pyqtgraph is imported with the first view, not with the window.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QHideEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from ui import theme

_PERIOD_MS: Final = 500
_POINTS: Final = 120  # one minute
_NAMED: Final = 5  # busiest devices that are listed


class PerformanceView(QWidget):
    """``stats`` gives the machine's counters (``Machine.stats``), or None while there is none."""

    def __init__(self, stats: Callable[[], dict[str, Any] | None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph

        pyqtgraph.setConfigOptions(antialias=True)
        self._stats = stats
        self._before: tuple[float, dict[str, Any]] | None = None
        self._speed: deque[float] = deque([0.0] * _POINTS, maxlen=_POINTS)
        self._exits: deque[float] = deque([0.0] * _POINTS, maxlen=_POINTS)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(6)
        self._speed_label = theme.heading("", "subtitle")
        self._speed_plot, self._speed_curve = self._plot(pyqtgraph, theme.colours().accent)
        self._exits_label = theme.heading("", "subtitle")
        self._exits_plot, self._exits_curve = self._plot(pyqtgraph, theme.colours().warning)
        self._busiest = QLabel()
        theme.set_role(self._busiest, "muted")
        for widget in (self._speed_label, self._speed_plot, self._exits_label, self._exits_plot, self._busiest):
            column.addWidget(widget, 1 if widget in (self._speed_plot, self._exits_plot) else 0)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.sample)
        self._show_figures(0.0, 0.0, [])

    def _plot(self, pyqtgraph: Any, colour: str) -> tuple[Any, Any]:
        plot = pyqtgraph.PlotWidget(background=theme.colours().surface)
        plot.setMinimumHeight(90)
        plot.setMouseEnabled(x=False, y=False)
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setXRange(-(_POINTS - 1) * _PERIOD_MS / 1000, 0, padding=0.01)
        plot.getAxis("bottom").setLabel(self.tr("seconds"))
        plot.showGrid(x=False, y=True, alpha=0.15)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setPen(theme.colours().border)
            axis.setTextPen(theme.colours().muted)
        fill = QColor(colour)
        fill.setAlpha(45)
        curve = plot.plot(pen=pyqtgraph.mkPen(colour, width=2), fillLevel=0, brush=fill)
        return plot, curve

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._before = None
        self._timer.start(_PERIOD_MS)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def sample(self) -> None:
        """Takes the counters and moves the curves on."""
        stats = self._stats()
        now = time.monotonic()
        instructions, exits, busiest = 0.0, 0.0, list[tuple[str, float]]()
        if stats is not None and self._before is not None:
            then, earlier = self._before
            passed = max(now - then, 1e-3)
            # A machine that was switched off and on again counts from zero.
            instructions = max(0, stats["instructions"] - earlier["instructions"]) / passed
            rates = {name: _rate(stats, earlier, name, passed) for name in stats.get("bus", {})}
            exits = sum(rates.values())
            busiest = sorted(((n, r) for n, r in rates.items() if r >= 1), key=lambda item: -item[1])[:_NAMED]
        self._before = (now, stats) if stats is not None else None
        self._speed.append(instructions / 1e6)
        self._exits.append(exits)
        times = [(index - _POINTS + 1) * _PERIOD_MS / 1000 for index in range(_POINTS)]
        self._speed_curve.setData(times, list(self._speed))
        self._exits_curve.setData(times, list(self._exits))
        for plot, values, least in ((self._speed_plot, self._speed, 1.0), (self._exits_plot, self._exits, 10.0)):
            plot.setYRange(0, max(least, *values) * 1.1, padding=0)
        self._show_figures(instructions / 1e6, exits, busiest)

    def _show_figures(self, mips: float, exits: float, busiest: list[tuple[str, float]]) -> None:
        self._speed_label.setText(self.tr("{rate:.1f} million instructions a second").format(rate=mips))
        self._exits_label.setText(self.tr("{rate:,.0f} device accesses a second").format(rate=exits))
        self._busiest.setText("   ".join(f"{name} {rate:,.0f}/s" for name, rate in busiest))


def _rate(stats: dict[str, Any], earlier: dict[str, Any], name: str, passed: float) -> float:
    now, then = stats["bus"][name], earlier.get("bus", {}).get(name, {"reads": 0, "writes": 0})
    return max(0.0, float(now["reads"] + now["writes"] - then["reads"] - then["writes"])) / passed
