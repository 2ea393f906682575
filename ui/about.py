"""The About dialog, and the list of keys."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib import metadata

from PySide6 import __version__ as qt_version
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from ui import theme


def version() -> str:
    try:
        return metadata.version("bancada")
    except metadata.PackageNotFoundError:
        return "0.1.0"


class AboutDialog(QDialog):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About Bancada"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(40, 30, 40, 20)
        column.setSpacing(8)
        mark = QLabel()
        theme.set_icon(mark, "bancada", 96)
        for widget in (
            mark,
            theme.heading("Bancada", "hero"),
            theme.heading(self.tr("Version {version}").format(version=version()), "muted"),
            QLabel(self.tr("A whole IA-32 PC in a window.")),
            theme.heading(
                f"Python {platform.python_version()}  ·  Qt for Python {qt_version}  ·  {platform.system()}", "muted"
            ),
        ):
            widget.setAlignment(Qt.AlignmentFlag.AlignCenter)
            column.addWidget(widget)
        column.addSpacing(12)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.setFixedSize(self.sizeHint())


class KeysDialog(QDialog):
    """Which keys do what, in the guest's screen and outside it."""

    def __init__(self, release: str, parent: QWidget | None = None) -> None:
        """``release``: the release keys as printed in menus."""
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keys"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(28, 20, 28, 16)
        column.setSpacing(8)
        column.addWidget(theme.heading(self.tr("While the guest has keyboard and mouse"), "big"))
        column.addLayout(
            _table(
                (
                    (release, self.tr("Gives keyboard and mouse back")),
                    (f"{release}+Enter", self.tr("Full screen on and off")),
                    (f"{release}+Ins", self.tr("Sends Ctrl+Alt+Del to the guest")),
                    (
                        self.tr("{keys}+Space, then a key").format(keys=release),
                        self.tr("Sends {keys} and that key to the guest").format(keys=release),
                    ),
                    (f"{release}+←  {release}+→", self.tr("Previous and next machine")),
                    (f"{release}+Print", self.tr("Saves a picture of the guest's screen")),
                )
            )
        )
        column.addSpacing(10)
        column.addWidget(theme.heading(self.tr("While it has not"), "big"))
        column.addLayout(
            _table(
                (
                    (self.tr("Click, Ctrl+G"), self.tr("Gives keyboard and mouse to the guest")),
                    ("F11", self.tr("Full screen on and off")),
                    ("Ctrl+B  Ctrl+J  Ctrl+R  Ctrl+E", self.tr("Start, pause or resume, reset, power off")),
                    ("Ctrl+N  Ctrl+O  Ctrl+W", self.tr("New machine, open, close the tab")),
                    ("Ctrl+D", self.tr("Settings of the machine")),
                    ("Ctrl+V", self.tr("Types the clipboard's text into the guest")),
                    ("F9  Ctrl+F", self.tr("Show or hide the library, search in it")),
                    ("Ctrl+Tab", self.tr("Next tab")),
                )
            )
        )
        column.addSpacing(8)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)


def _table(rows: Sequence[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(24)
    grid.setVerticalSpacing(6)
    for number, (keys, what) in enumerate(rows):
        grid.addWidget(theme.heading(keys, "subtitle"), number, 0)
        grid.addWidget(QLabel(what), number, 1)
    grid.setColumnMinimumWidth(0, 250)
    grid.setColumnStretch(1, 1)
    return grid
