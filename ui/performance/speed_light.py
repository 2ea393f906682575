"""In the status bar: whether the guest's time keeps up with the world's, and what runs its code."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QToolButton

from engine.events import PowerState
from ui import theme
from ui.vm_session import VmSession

_SEEN_S: Final = 3.0
_KEEPS_UP: Final = 0.97


class SpeedLight(QToolButton):
    """A click asks why. Hidden while the machine that is shown is off."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._icon_name = ""
        self.setAccessibleName(self.tr("Speed of the machine"))
        self._show_icon("performance")
        self.hide()

    def show_speed(self, session: VmSession | None) -> None:
        """Of the machine that is shown."""
        if session is None or not session.is_on:
            self.hide()
            return
        self.show()
        name = accelerator_name(session.history.accelerator)
        samples = session.history.window(_SEEN_S)
        if session.state is not PowerState.RUNNING or not samples:
            self._show_icon("performance")
            self._say(name, self.tr("{name}. Click to see why a machine is slow.").format(name=name))
            return
        share = sum(sample.time_share for sample in samples) / len(samples)
        slow = share < _KEEPS_UP
        self._show_icon("warning" if slow else "performance")
        percent = self.locale().toString(min(share, 1.0) * 100, "f", 0)
        self._say(
            f"{name}  {percent} %" if slow else name,
            self.tr("Run by: {name}. The guest's clock goes at {percent} % of real time. Click to see why.").format(
                name=name, percent=percent
            ),
        )

    def _say(self, text: str, tip: str) -> None:
        self.setText(text)
        self.setToolTip(tip)
        self.setAccessibleName(tip)

    def _show_icon(self, name: str) -> None:
        if name != self._icon_name:
            self._icon_name = name
            theme.set_icon(self, name, 16)


def accelerator_name(key: str) -> str:
    """What people call it."""
    return {
        "kvm": "KVM",
        "translator": QCoreApplication.translate("SpeedLight", "Translator"),
        "interpreter": QCoreApplication.translate("SpeedLight", "Interpreter"),
    }.get(key, key)
