"""Filming the screen of the current machine: one film a machine, until it is ended or the machine is off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, Signal

from engine.events import PowerState
from ui import save_file
from ui.error_dialog import show_error
from ui.main_window import MainWindow
from ui.vm_session import VmSession

if TYPE_CHECKING:
    from app.recording import Recorder, RecordingError


class RecordingCommands(QObject):
    _ended = Signal(object, object)  # session, error; from the recorder's thread

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._recorders: dict[VmSession, Recorder] = {}
        self._ended.connect(self._film_ended)
        window.actions_.record.triggered.connect(self.toggle)
        window.recording_light.clicked.connect(self.toggle)
        window.current_changed.connect(self.update)
        window.sessions.changed.connect(self.update)
        window.sessions.power_changed.connect(self._power_changed)
        self.update()

    def update(self, *_: object) -> None:
        session = self._window.session
        recorder = self._recorders.get(session) if session is not None else None
        action = self._window.actions_.record
        action.setEnabled(session is not None and session.is_on)
        action.setChecked(recorder is not None)
        self._window.recording_light.show_time_of(recorder)

    def toggle(self) -> None:
        session = self._window.session
        if session is not None:
            if session in self._recorders:
                self._recorders[session].stop()
            elif session.machine is not None:
                self._begin(session)
        self.update()

    def _begin(self, session: VmSession) -> None:
        if self._window.tab is not None:
            self._window.tab.console.release_input()
        file = save_file.ask(
            self._window,
            self.tr("Film the screen into"),
            save_file.dated_file(session.name, ".webm", QStandardPaths.StandardLocation.MoviesLocation),
            self.tr("Films (*.webm *.mp4 *.gif)"),
        )
        if file is None or session.machine is None:
            return
        from app.recording import Recorder, RecordingError  # brings numpy, which the window comes without

        try:
            self._recorders[session] = Recorder(
                session.machine.screen, file, lambda error: self._ended.emit(session, error)
            )
        except RecordingError as error:
            show_error(self._window, self.tr("The film could not be begun"), error)

    def _power_changed(self, session: VmSession, state: PowerState, _: str) -> None:
        if state in (PowerState.OFF, PowerState.CRASHED) and session in self._recorders:
            self._recorders[session].stop()

    def _film_ended(self, session: VmSession, error: RecordingError | None) -> None:
        recorder = self._recorders.pop(session, None)
        if error is not None:
            show_error(self._window, self.tr("The film has ended early"), error)
        elif recorder is not None:
            self._window.say(self.tr("Saved: {file}").format(file=recorder.file))
        self.update()
