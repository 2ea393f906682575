"""Live plots of one machine, beside its screen. pyqtgraph is imported with the first view, not with the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.figures import Sample
from ui import save_file, theme
from ui.error_dialog import show_error
from ui.performance.histories import Histories
from ui.vm_session import VmSession

_NAMED: Final = 6  # busiest devices that are listed
_PLOT_HEIGHT: Final = 86


class MachineView(QWidget):
    def __init__(self, session: VmSession, histories: Histories, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph

        pyqtgraph.setConfigOptions(antialias=True)
        self._session = session
        self._history = session.history
        self._plots: dict[str, _Plot] = {}
        theme.set_role(self, "page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._content = QWidget()
        column = QVBoxLayout(self._content)
        column.setContentsMargins(12, 4, 12, 10)
        column.setSpacing(4)
        colours = theme.colours()
        for name, (title, unit, least, colour) in {
            "instructions": (self.tr("Instructions"), self.tr("million a second"), 1.0, colours.accent),
            "core_share": (self.tr("Processor of the host"), self.tr("% of a core"), 100.0, colours.accent),
            "exits": (self.tr("Device accesses"), self.tr("a second"), 10.0, colours.warning),
            "disk_read": (self.tr("Disk, read"), self.tr("MB a second"), 0.1, colours.good),
            "disk_written": (self.tr("Disk, written"), self.tr("MB a second"), 0.1, colours.good),
            "frames": (self.tr("Pictures"), self.tr("a second"), 10.0, colours.muted),
        }.items():
            self._plots[name] = _Plot(pyqtgraph, title, unit, least, colour)
            column.addWidget(self._plots[name])
        self.devices = QLabel()
        self.devices.setAccessibleName(self.tr("Busiest devices"))
        self.devices.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.devices.setWordWrap(True)
        theme.set_role(self.devices, "muted")
        column.addWidget(self.devices)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setAccessibleName(self.tr("Plots"))
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(self._content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(self._head())
        outer.addWidget(scroll, 1)
        histories.looked.connect(self._looked)
        self.refresh()

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(12, 8, 8, 2)
        self.range = QComboBox()
        self.range.setAccessibleName(self.tr("Time shown"))
        for seconds, text in (
            (60, self.tr("Last minute")),
            (300, self.tr("Last 5 minutes")),
            (600, self.tr("Last 10 minutes")),
        ):
            self.range.addItem(text, seconds)
        self.range.currentIndexChanged.connect(self.refresh)
        row.addWidget(self.range, 1)
        self.save_table = _small(self.tr("Save the figures as a table (CSV)…"), "notes")
        self.save_table.clicked.connect(self._save_table)
        self.save_picture = _small(self.tr("Save the plots as a picture…"), "screenshot")
        self.save_picture.clicked.connect(self._save_picture)
        row.addWidget(self.save_table)
        row.addWidget(self.save_picture)
        return row

    # -- Drawing ---------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def _looked(self) -> None:
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Draws what is known now."""
        seconds = self.range.currentData()
        samples = self._history.window(seconds)
        for name, plot in self._plots.items():
            factor = 100.0 if name == "core_share" else 1.0
            plot.show_samples(samples, [getattr(sample, name) * factor for sample in samples], seconds)
        self._name_devices(samples[-1] if samples else None)
        self.save_table.setEnabled(bool(self._history.samples))

    def _name_devices(self, sample: Sample | None) -> None:
        rates = sorted((sample.devices if sample else {}).items(), key=lambda item: -item[1])
        busiest = [f"{name} {self.locale().toString(round(rate))}/s" for name, rate in rates[:_NAMED] if rate >= 1]
        self.devices.setText("   ".join(busiest))

    # -- Saving ----------------------------------------------------------------------------------------------

    def _save_table(self) -> None:
        if file := self._ask(self.tr("Save the figures"), self.tr("Tables (*.csv)"), ".csv"):
            try:
                file.write_text(self._history.csv())
            except OSError as error:
                show_error(self, self.tr("The figures could not be saved"), error)

    def _save_picture(self) -> None:
        file = self._ask(self.tr("Save the plots"), self.tr("PNG pictures (*.png)"), ".png")
        if file is not None and not self._content.grab().save(str(file)):
            error = OSError(0, self.tr("cannot be written"), str(file))
            show_error(self, self.tr("The plots could not be saved"), error)

    def _ask(self, title: str, kinds: str, suffix: str) -> Path | None:
        return save_file.ask(self, title, Path.home() / f"{save_file.file_name(self._session.name)}{suffix}", kinds)


class _Plot(QWidget):
    """One figure over time, with its present value, mean and peak in words."""

    def __init__(self, pyqtgraph: Any, title: str, unit: str, least: float, colour: str) -> None:
        super().__init__()
        self._title, self._unit, self._least = title, unit, least
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(0)
        self.words = theme.heading("", "subtitle")
        column.addWidget(self.words)
        colours = theme.colours()
        self._plot = pyqtgraph.PlotWidget(background=colours.surface)
        self._plot.setFixedHeight(_PLOT_HEIGHT)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setMenuEnabled(False)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot.showGrid(x=False, y=True, alpha=0.15)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(colours.border)
            axis.setTextPen(colours.muted)
            axis.setStyle(tickFont=self.font())
        self._plot.getAxis("left").setWidth(44)
        fill = QColor(colour)
        fill.setAlpha(45)
        self._curve = self._plot.plot(pen=pyqtgraph.mkPen(colour, width=2), fillLevel=0, brush=fill)
        column.addWidget(self._plot)

    def show_samples(self, samples: list[Sample], values: list[float], seconds: float) -> None:
        now = samples[-1].at if samples else 0.0
        self._curve.setData([sample.at - now for sample in samples], values)
        peak = max(values, default=0.0)
        self._plot.setXRange(-seconds, 0, padding=0.01)
        self._plot.setYRange(0, max(self._least, peak) * 1.1, padding=0)
        mean = sum(values) / len(values) if values else 0.0
        number = self.locale().toString
        digits = 0 if self._least >= 10 else 1
        self.words.setText(
            self.tr("{title}: {now} {unit}").format(
                title=self._title, now=number(values[-1] if values else 0.0, "f", digits), unit=self._unit
            )
        )
        self.words.setToolTip(
            self.tr("Mean {mean}, peak {peak}").format(mean=number(mean, "f", digits), peak=number(peak, "f", digits))
        )
        self.setAccessibleName(f"{self.words.text()}. {self.words.toolTip()}")


def _small(tip: str, icon_name: str) -> QToolButton:
    button = QToolButton()
    theme.set_icon(button, icon_name, 16)
    button.setToolTip(tip)
    button.setAccessibleName(tip.rstrip("…"))
    return button
