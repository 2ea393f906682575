"""Which keyboard layout text is typed on: what the person chose, or the host's where that was left open."""

from __future__ import annotations

from PySide6.QtCore import QLocale
from PySide6.QtGui import QGuiApplication

from engine.console.layouts import LAYOUTS

AUTOMATIC = "auto"
_DEFAULT = "us"


def guest_layout(chosen: str) -> str:
    """A name in ``LAYOUTS`` for the preference ``chosen``."""
    if chosen != AUTOMATIC:
        return chosen
    territory = QLocale.territoryToCode(QGuiApplication.inputMethod().locale().territory()).lower()
    return territory if territory in LAYOUTS else _DEFAULT
