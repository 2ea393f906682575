"""Work off the GUI thread whose result comes back to it: power orders, media changes, long jobs with a dialog."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.jobs import Job, JobState, Progress
from ui import theme

Result = TypeVar("Result")
_POLL_MS = 50


class Background(QObject):
    """Runs one piece of work at a time on a thread of its own; those that come meanwhile wait their turn."""

    _finished = Signal(object, object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._waiting: list[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]]] = []
        self._current: Callable[[Any, BaseException | None], None] | None = None
        self._finished.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        return self._current is not None

    def run(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """``done(result, error)`` is called on the GUI thread."""
        self._waiting.append((work, done))
        if not self.busy:
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            return
        work, self._current = self._waiting.pop(0)
        threading.Thread(target=self._work, args=(work,), name=self._name, daemon=True).start()

    def _work(self, work: Callable[[], Any]) -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:  # carried to the GUI thread
            failure = error
        try:
            self._finished.emit(result, failure)
        except RuntimeError:
            return  # the application has gone

    def _deliver(self, result: Any, failure: BaseException | None) -> None:
        done, self._current = self._current, None
        if done is not None:
            done(result, failure)
        if not self.busy:
            self._next()


class ProgressDialog(QDialog, Generic[Result]):
    """Runs a job, shows how far it is, and lets it be cancelled. ``run`` returns when it is over."""

    def __init__(self, parent: QWidget | None, title: str, work: Callable[[Progress], Result]) -> None:
        super().__init__(parent)
        self.setWindowTitle(QCoreApplication.applicationName() or "Bancada")
        self.setMinimumWidth(420)
        self.job: Job[Result] = Job(title, work)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(theme.heading(title, "big"))
        self._text = theme.heading("", "muted")
        self._text.setWordWrap(True)
        column.addWidget(self._text)
        self._bar = QProgressBar()
        self._bar.setAccessibleName(title)
        self._bar.setRange(0, 0)
        column.addWidget(self._bar)
        buttons = QDialogButtonBox()
        self.cancel: QPushButton = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.cancel.clicked.connect(self.reject)
        column.addWidget(buttons)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)

    def run(self) -> Result:
        """The job's result. Raises what the job raised, ``app.jobs.Cancelled`` when the person cancelled it."""
        self.job.start()
        self._timer.start(_POLL_MS)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.exec()
        self._timer.stop()
        return self.job.wait()

    def reject(self) -> None:
        self.job.cancel()
        self.cancel.setEnabled(False)
        self._text.setText(self.tr("Cancelling…"))

    def _look(self) -> None:
        if self.job.state not in (JobState.WAITING, JobState.RUNNING):
            self._timer.stop()
            self.accept()
            return
        if self.cancel.isEnabled():
            self._text.setText(self.job.text)
        fraction = self.job.fraction
        if fraction is None:
            self._bar.setRange(0, 0)
        else:
            self._bar.setRange(0, 1000)
            self._bar.setValue(round(fraction * 1000))


def soon(work: Callable[[], Any]) -> None:
    """On the GUI thread: runs ``work`` when the event loop comes round again."""
    QTimer.singleShot(0, work)
