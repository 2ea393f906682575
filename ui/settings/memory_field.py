"""Slider and number for an amount of memory, as the settings and the wizard show it."""

from __future__ import annotations

import math
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

from engine.config import MAX_MEMORY_MB, MIN_MEMORY_MB
from ui import theme

_STEPS_PER_DOUBLING: Final = 8
_LARGEST_TYPED_MB: Final = 9_999_999  # more than is allowed can be typed, so that the limit can be explained


class MemoryField(QWidget):
    edited = Signal()

    def __init__(self) -> None:
        super().__init__()
        label = QLabel(self.tr("&Memory for this machine"))
        self.spin = theme.spin_box()
        self.spin.setRange(0, _LARGEST_TYPED_MB)
        self.spin.setSuffix(self.tr(" MB"))
        self.spin.setMinimumWidth(130)
        self.spin.setAccessibleName(self.tr("Memory in megabytes"))
        label.setBuddy(self.spin)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(_to_slider(MIN_MEMORY_MB), _to_slider(MAX_MEMORY_MB))
        self.slider.setAccessibleName(self.tr("Memory"))
        self.slider.setPageStep(_STEPS_PER_DOUBLING)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.addWidget(label, 0, 0, 1, 3)
        grid.addWidget(self.slider, 1, 0, 1, 2)
        grid.addWidget(self.spin, 1, 2)
        grid.addWidget(theme.heading(memory_text(MIN_MEMORY_MB), "muted"), 2, 0)
        grid.addWidget(theme.heading(memory_text(MAX_MEMORY_MB), "muted"), 2, 1, Qt.AlignmentFlag.AlignRight)
        self.slider.valueChanged.connect(self._slid)
        self.spin.valueChanged.connect(self._typed)

    @property
    def megabytes(self) -> int:
        return self.spin.value()

    @megabytes.setter
    def megabytes(self, value: int) -> None:
        self.spin.setValue(value)
        self._follow(value)

    def _slid(self, position: int) -> None:
        with QSignalBlocker(self.spin):
            self.spin.setValue(_from_slider(position))
        self.edited.emit()

    def _typed(self, megabytes: int) -> None:
        self._follow(megabytes)
        self.edited.emit()

    def _follow(self, megabytes: int) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(_to_slider(megabytes))


def memory_text(megabytes: int) -> str:
    """16 MB, 1 GB, 1.5 GB."""
    if megabytes >= 1024 and megabytes % 512 == 0:
        return f"{megabytes / 1024:g} GB"
    return f"{megabytes} MB"


def _to_slider(megabytes: int) -> int:
    return round(math.log2(max(megabytes, 1)) * _STEPS_PER_DOUBLING)


def _from_slider(position: int) -> int:
    exact = float(2 ** (position / _STEPS_PER_DOUBLING))
    grain = 1 << max(int(math.log2(exact)) - 3, 0)  # sizes people write: 40, 48, 56, 64 ...
    return min(max(round(exact / grain) * grain, MIN_MEMORY_MB), MAX_MEMORY_MB)
