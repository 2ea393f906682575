"""A field for a file of the host: typed, chosen, or dropped on it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QWidget


class FileField(QWidget):
    """``filters`` as QFileDialog takes them. With ``saving`` the file need not exist; ``folders`` picks folders."""

    edited = Signal()

    def __init__(
        self, filters: str = "", saving: bool = False, folders: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._filters = filters
        self._saving = saving
        self._folders = folders
        self.line = QLineEdit()
        self.line.setClearButtonEnabled(not folders)
        self.line.textChanged.connect(self.edited)
        self.button = QPushButton(self.tr("Browse…"))
        self.button.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)
        self.setFocusProxy(self.line)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAcceptDrops(True)

    def setAccessibleName(self, name: str) -> None:
        super().setAccessibleName(name)
        self.line.setAccessibleName(name)
        self.button.setAccessibleName(self.tr("Browse: {name}").format(name=name))

    @property
    def path(self) -> Path | None:
        text = self.line.text().strip()
        return Path(text).expanduser() if text else None

    @path.setter
    def path(self, value: Path | None) -> None:
        self.line.setText(str(value) if value else "")

    def set_placeholder(self, text: str) -> None:
        self.line.setPlaceholderText(text)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.path = Path(url.toLocalFile())
                break

    def _browse(self) -> None:
        start = str(self.path or Path.home())
        if self._folders:
            chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose a folder"), start)
        elif self._saving:
            chosen, _ = QFileDialog.getSaveFileName(self, self.tr("Choose a file"), start, self._filters)
        else:
            chosen, _ = QFileDialog.getOpenFileName(self, self.tr("Choose a file"), start, self._filters)
        if chosen:
            self.path = Path(chosen)
