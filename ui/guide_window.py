"""The user guide in a window of its own: links within it work, pictures are scaled to the window."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, QUrl
from PySide6.QtGui import QDesktopServices, QTextCursor, QTextDocument, QTextImageFormat
from PySide6.QtWidgets import QDialog, QTextBrowser, QVBoxLayout, QWidget

GUIDE: Final = Path(__file__).resolve().parent.parent / "resources" / "guide" / "guide.md"
_MOST_WIDE: Final = 620  # pixels of a picture


class GuideWindow(QDialog):
    """Stays open beside the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("User guide"))
        self.resize(QSize(760, 640))
        self.text = QTextBrowser()
        self.text.setAccessibleName(self.tr("User guide"))
        self.text.setOpenLinks(False)
        self.text.anchorClicked.connect(self._follow)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        self._show_guide()

    def _show_guide(self) -> None:
        document = self.text.document()
        document.setBaseUrl(QUrl.fromLocalFile(str(GUIDE)))
        document.setDocumentMargin(24)
        document.setMarkdown(GUIDE.read_text(encoding="utf-8"), QTextDocument.MarkdownFeature.MarkdownDialectGitHub)
        block = document.begin()
        while block.isValid():
            iterator = block.begin()
            while not iterator.atEnd():
                fragment = iterator.fragment()
                picture = fragment.charFormat().toImageFormat()
                if picture.isValid():
                    self._fit(fragment.position(), fragment.length(), picture)
                iterator += 1
            block = block.next()

    def _fit(self, position: int, length: int, picture: QTextImageFormat) -> None:
        picture.setWidth(_MOST_WIDE)
        cursor = QTextCursor(self.text.document())
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.setCharFormat(picture)

    def _follow(self, target: QUrl) -> None:
        if target.scheme() in ("http", "https"):
            QDesktopServices.openUrl(target)
        elif target.hasFragment():
            self.go_to(target.fragment())

    def go_to(self, anchor: str) -> bool:
        """Shows the section whose heading makes this anchor, as GitHub makes them."""
        block = self.text.document().begin()
        while block.isValid():
            if block.blockFormat().headingLevel() and anchor_of(block.text()) == anchor:
                self.text.setTextCursor(QTextCursor(self.text.document().lastBlock()))
                self.text.setTextCursor(QTextCursor(block))
                return True
            block = block.next()
        return False


def anchor_of(heading: str) -> str:
    """ "The guest's screen" is "the-guests-screen"."""
    kept = "".join(character for character in heading.lower() if character.isalnum() or character in " -")
    return kept.replace(" ", "-")
