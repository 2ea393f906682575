"""One machine's tab: its summary while it is off, its console while it is on, remarks above, figures at the side."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSplitter, QStackedWidget, QToolButton, QVBoxLayout, QWidget

from engine.events import PowerState
from ui import theme
from ui.console.console_widget import ConsoleWidget
from ui.console.sound_output import SoundOutput
from ui.performance.histories import Histories
from ui.summary_page import SummaryPage
from ui.vm_session import GuestKeyboard, GuestMouse, VmSession


class RemarkBar(QFrame):
    """What the machine reported, above its screen, until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        theme.set_role(self, "notice")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 8, 7)
        picture = QLabel()
        theme.set_icon(picture, "information", 18)
        row.addWidget(picture)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row.addWidget(self.text, 1)
        close = QToolButton()
        theme.set_icon(close, "close", 14)
        close.setToolTip(self.tr("Close this remark"))
        close.setAccessibleName(self.tr("Close this remark"))
        close.clicked.connect(self.hide)
        row.addWidget(close)
        self.hide()

    def say(self, text: str) -> None:
        self.text.setText(text)
        self.show()


class VmTab(QWidget):
    grab_changed = Signal(bool)
    hot_key = Signal(str)
    pointer_moved = Signal(QPoint)
    file_dropped = Signal(str)
    text_dropped = Signal(str)

    def __init__(self, session: VmSession, histories: Histories, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._histories = histories
        self.summary = SummaryPage(session)
        self.console = ConsoleWidget()
        self.console.grab_changed.connect(self.grab_changed)
        self.console.hot_key.connect(self.hot_key)
        self.console.pointer_moved.connect(self.pointer_moved)
        self.console.file_dropped.connect(self.file_dropped)
        self.console.text_dropped.connect(self.text_dropped)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.summary)
        self.pages.addWidget(self.console)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(self.pages)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(1)
        self.remarks = RemarkBar()
        self._remark_frame = QWidget()
        frame = QVBoxLayout(self._remark_frame)
        frame.setContentsMargins(8, 6, 8, 6)
        frame.addWidget(self.remarks)
        self._remark_frame.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._remark_frame)
        column.addWidget(self.split, 1)
        self._sound: SoundOutput | None = None
        self._muted = False
        self._volume = 100
        self._performance: QWidget | None = None
        self._attached: Any = None
        self.summary.console_wanted.connect(self.show_console)
        session.bridge.frame_ready.connect(self.console.frame_ready)
        session.power_changed.connect(self._power_changed)
        session.notice.connect(self.remark)
        if session.machine is not None:
            self._power_changed(session.state, "")

    # -- What is shown ---------------------------------------------------------------------------------------

    @property
    def shows_console(self) -> bool:
        return self.pages.currentWidget() is self.console

    def show_console(self) -> None:
        if self._attached is not None:
            self.pages.setCurrentWidget(self.console)
            self.console.setFocus()

    def show_summary(self) -> None:
        self.console.release_input()
        self.summary.preview.show_picture(self.console.picture())
        self.pages.setCurrentWidget(self.summary)

    def remark(self, text: str) -> None:
        """Shows a line above the screen."""
        self.remarks.say(text)
        self._remark_frame.show()

    def set_remarks_visible(self, visible: bool) -> None:
        """Full screen shows the guest and nothing else."""
        self._remark_frame.setVisible(visible and not self.remarks.isHidden())

    @property
    def shows_performance(self) -> bool:
        return self._performance is not None and not self._performance.isHidden()

    def show_performance(self, shown: bool) -> None:
        if shown and self._performance is None:
            from ui.performance.machine_view import MachineView

            self._performance = MachineView(self.session, self._histories)
            self._performance.setMinimumWidth(280)
            self.split.addWidget(self._performance)
            self.split.setStretchFactor(0, 1)
            self.split.setSizes([self.width() - 330, 330])
        if self._performance is not None:
            self._performance.setVisible(shown)

    # -- Sound -----------------------------------------------------------------------------------------------

    @property
    def muted(self) -> bool:
        return self._muted

    def set_muted(self, muted: bool) -> None:
        self._muted = muted
        if self._sound is not None:
            self._sound.muted = muted

    def set_volume(self, percent: int) -> None:
        self._volume = percent
        if self._sound is not None:
            self._sound.volume = percent

    # -- The machine goes on and off -------------------------------------------------------------------------

    def _power_changed(self, state: PowerState, reason: str) -> None:
        if state in (PowerState.RUNNING, PowerState.PAUSED):
            self._attach()
            self.console.set_dimmed(state is PowerState.PAUSED)
            if self._sound is not None:
                if state is PowerState.RUNNING:
                    self._sound.start()
                else:
                    self._sound.stop()
        else:
            self._detach()
            if state is PowerState.CRASHED:
                self.remark(reason)

    def _attach(self) -> None:
        machine = self.session.machine
        if machine is None or machine is self._attached:
            return
        self._attached = machine
        runner = self.session.runner
        self.console.attach(machine.screen, GuestKeyboard(runner), GuestMouse(runner), runner.post)
        if self.session.config.sound:
            self._sound = SoundOutput(machine.speaker, self)
            self._sound.muted, self._sound.volume = self._muted, self._volume
        self.remarks.hide()
        self._remark_frame.hide()
        self.show_console()

    def _detach(self) -> None:
        had_focus = self.console.hasFocus()
        picture = self.console.picture()
        self.console.detach()
        self._attached = None
        if self._sound is not None:
            self._sound.stop()
            self._sound.deleteLater()
            self._sound = None
        if not picture.isNull():
            self.summary.preview.show_picture(picture)
        self.pages.setCurrentWidget(self.summary)
        if had_focus:
            self.summary.start.setFocus()

    def shut(self) -> None:
        """The tab is going away."""
        self.summary.save_notes()
        self._detach()
