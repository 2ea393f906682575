"""The Home tab: three big buttons to begin with."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ui import theme


class Tile(QPushButton):
    """A large button: icon, title, one line of explanation."""

    def __init__(self, icon_name: str, title: str, text: str) -> None:
        super().__init__()
        theme.set_role(self, "tile")
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 22, 18, 18)
        column.setSpacing(8)
        picture = QLabel()
        theme.set_icon(picture, icon_name, 56)
        name = theme.heading(title, "big")
        explanation = theme.heading(text, "muted")
        explanation.setWordWrap(True)
        for label in (picture, name, explanation):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            column.addWidget(label)
        column.addStretch(1)

    def sizeHint(self) -> QSize:
        return QSize(222, 196)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)


class HomePage(QWidget):
    new_wanted = Signal()
    open_wanted = Signal()
    try_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.new_tile = Tile(
            "new",
            self.tr("New machine"),
            self.tr("Build a PC: memory, disk, floppy and CD, in a few steps."),
        )
        self.open_tile = Tile(
            "open",
            self.tr("Open a machine"),
            self.tr("Add a machine's folder that is already on this computer."),
        )
        self.try_tile = Tile(
            "try",
            self.tr("Try it"),
            self.tr("Start a PC with our diagnostics diskette. Nothing to set up."),
        )
        self.new_tile.clicked.connect(self.new_wanted)
        self.open_tile.clicked.connect(self.open_wanted)
        self.try_tile.clicked.connect(self.try_wanted)
        head = QHBoxLayout()
        head.setSpacing(18)
        mark = QLabel()
        theme.set_icon(mark, "bancada", 64)
        head.addStretch(1)
        head.addWidget(mark)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(theme.heading("Bancada", "hero"))
        words.addWidget(theme.heading(self.tr("A whole PC on your workbench."), "muted"))
        head.addLayout(words)
        head.addStretch(1)
        tiles = QHBoxLayout()
        tiles.setSpacing(18)
        tiles.addStretch(1)
        for tile in (self.new_tile, self.open_tile, self.try_tile):
            tiles.addWidget(tile)
        tiles.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 24, 24, 24)
        column.addStretch(2)
        column.addLayout(head)
        column.addSpacing(34)
        column.addLayout(tiles)
        column.addStretch(3)
