"""What a problem report holds, before it is written: the person reads every part of it first."""

from __future__ import annotations

import datetime
from pathlib import Path

from PySide6.QtGui import QFontDatabase, QPixmap
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.problem_report import Part, ReportError, write
from ui import save_file, theme
from ui.error_dialog import show_error


class ProblemReportDialog(QDialog):
    def __init__(self, parts: list[Part], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._parts = parts
        self.file: Path | None = None  # where it was written
        self.setWindowTitle(self.tr("Report a problem"))
        self.resize(780, 520)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 14)
        column.setSpacing(10)
        column.addWidget(theme.heading(self.tr("This goes into the report"), "big"))
        words = theme.heading(
            self.tr(
                "Names and places of yours are replaced by words in angle brackets. Look through it, save it, and send "
                "the file with a few words on what happened. Nothing is sent by itself."
            ),
            "muted",
        )
        words.setWordWrap(True)
        column.addWidget(words)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Parts of the report"))
        self.list.setFixedWidth(170)
        self.list.addItems([part.name for part in parts])
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setAccessibleName(self.tr("Content"))
        self._picture = QLabel()
        self._picture.setScaledContents(True)
        self._shown = QStackedWidget()
        self._shown.addWidget(self.text)
        self._shown.addWidget(self._picture)
        middle = QHBoxLayout()
        middle.addWidget(self.list)
        middle.addWidget(self._shown, 1)
        column.addLayout(middle, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.save: QPushButton = buttons.addButton(self.tr("&Save the report…"), QDialogButtonBox.ButtonRole.ActionRole)
        theme.set_role(self.save, "primary")
        self.save.clicked.connect(self._save)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self.list.currentRowChanged.connect(self._show_part)
        self.list.setCurrentRow(0)

    def _show_part(self, row: int) -> None:
        content = self._parts[row].content
        if isinstance(content, bytes):
            picture = QPixmap()
            picture.loadFromData(content)
            self._picture.setPixmap(picture)
            self._shown.setCurrentWidget(self._picture)
        else:
            self.text.setPlainText(content)
            self._shown.setCurrentWidget(self.text)

    def _save(self) -> None:
        proposed = Path.home() / f"bancada-report-{datetime.date.today():%Y-%m-%d}.zip"
        file = save_file.ask(self, self.tr("Save the report"), proposed, self.tr("Archives (*.zip)"))
        if file is None:
            return
        try:
            write(file, self._parts)
        except ReportError as error:
            show_error(self, self.tr("The report could not be saved"), error)
            return
        self.file = file
        self.accept()
