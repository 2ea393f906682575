"""Errors as people see them: what happened, to which file or setting, what to do. Never a traceback.

Anything unforeseen is written to the log, said plainly, and the application goes on.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import BancadaError, GuestFailure
from ui import theme

log = logging.getLogger("bancada.ui")


class MessageDialog(QDialog):
    """An icon, a headline, a text, details on demand, and buttons that say what they do."""

    def __init__(
        self,
        headline: str,
        text: str,
        icon_name: str = "information",
        details: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(QCoreApplication.applicationName() or "Bancada")
        self.setMinimumWidth(460)
        self.chosen = ""
        row = QHBoxLayout()
        row.setSpacing(18)
        picture = QLabel()
        theme.set_icon(picture, icon_name, 40)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        self.column = QVBoxLayout()
        self.column.setSpacing(8)
        self.headline = theme.heading(headline, "big")
        self.headline.setWordWrap(True)
        self.column.addWidget(self.headline)
        self.text = QLabel(text)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setMinimumWidth(420)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setVisible(bool(text))
        self.column.addWidget(self.text)
        self.column.addStretch(1)
        row.addLayout(self.column, 1)
        self._details = QPlainTextEdit(details)
        self._details.setReadOnly(True)
        self._details.setMinimumHeight(160)
        self._details.setAccessibleName(self.tr("Details"))
        self._details.hide()
        self.buttons = QDialogButtonBox()
        if details:
            more = self.buttons.addButton(self.tr("Details"), QDialogButtonBox.ButtonRole.HelpRole)
            more.setCheckable(True)
            more.toggled.connect(self._details.setVisible)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 22, 24, 18)
        outer.setSpacing(16)
        outer.addLayout(row)
        outer.addWidget(self._details)
        outer.addWidget(self.buttons)
        self.setAccessibleName(headline)
        self.setAccessibleDescription(text)

    def add_button(self, text: str, name: str, default: bool = False, role: str = "") -> QPushButton:
        """A button that closes the dialog and sets ``chosen`` to ``name``; the empty name is Cancel."""
        kind = QDialogButtonBox.ButtonRole.AcceptRole if name else QDialogButtonBox.ButtonRole.RejectRole
        button = self.buttons.addButton(text, kind)
        button.setAutoDefault(default)
        button.setDefault(default)
        if role or (default and name):
            theme.set_role(button, role or "primary")
        button.clicked.connect(lambda: self._choose(name))
        if default:
            button.setFocus()
        return button

    def _choose(self, name: str) -> None:
        self.chosen = name
        if name:
            self.accept()
        else:
            self.reject()


def show_message(
    parent: QWidget | None, headline: str, text: str, icon_name: str = "information", details: str = ""
) -> None:
    """Shows a message without blocking the caller; the dialog lives until it is closed."""
    dialog = MessageDialog(headline, text, icon_name, details, parent)
    dialog.add_button(_tr("OK"), "ok", default=True)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowModality(Qt.WindowModality.WindowModal)
    dialog.open()


def show_error(parent: QWidget | None, headline: str, error: BaseException) -> None:
    """Tells of a failed action. Errors that were not made for people are logged and described in general words."""
    if isinstance(error, GuestFailure):
        show_message(parent, headline, str(error), "error", error.report)
    elif isinstance(error, BancadaError):
        show_message(parent, headline, str(error), "error")
    elif isinstance(error, OSError):
        show_message(parent, headline, os_error_text(error), "error")
    else:
        log.error("%s", headline, exc_info=error)
        show_message(parent, headline, _unforeseen(error), "error")


def os_error_text(error: OSError) -> str:
    """An operating system error with the file it is about."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}." if error.filename else f"{reason}."


def _unforeseen(error: BaseException) -> str:
    return _tr(
        "Something went wrong inside Bancada ({kind}). It was written to the log; the machines that run go on. "
        "If it happens again, please report it with the log file."
    ).format(kind=type(error).__name__)


def _tr(text: str) -> str:
    return QCoreApplication.translate("ErrorDialog", text)


class ExceptionCatcher(QObject):
    """Installed as ``sys.excepthook``: an exception in a slot becomes a log entry and one dialog at a time."""

    _caught = Signal(object)

    def __init__(self, window: Callable[[], QWidget | None]) -> None:
        super().__init__()
        self._window = window
        self._showing = False
        self._before = (sys.excepthook, threading.excepthook)
        self._caught.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        sys.excepthook = self.hook
        threading.excepthook = self._thread_hook

    def uninstall(self) -> None:
        sys.excepthook, threading.excepthook = self._before

    def hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QCoreApplication.quit()
            return
        log.error("Unexpected error", exc_info=(kind, error, trace))
        self._caught.emit(error)

    def _thread_hook(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            self.hook(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def _show(self, error: BaseException) -> None:
        if self._showing:
            return  # it is in the log; a storm of dialogs helps nobody
        self._showing = True
        text = str(error) if isinstance(error, BancadaError) else _unforeseen(error)
        dialog = MessageDialog(_tr("An unexpected error"), text, "error", parent=self._window())
        dialog.add_button(_tr("OK"), "ok", default=True)
        dialog.finished.connect(self._shown)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _shown(self) -> None:
        self._showing = False
