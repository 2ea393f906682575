"""The machines that the windows know: one session each, made when it is first needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.runner import Runner
from app.running import running_in
from app.vm_folder import VmFolder
from ui.vm_session import VmSession


class Sessions(QObject):
    changed = Signal(VmSession)
    failed = Signal(VmSession, str, object)
    power_changed = Signal(VmSession, object, str)  # PowerState, reason

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sessions: list[VmSession] = []

    def __iter__(self) -> Iterator[VmSession]:
        return iter(list(self._sessions))

    def find(self, path: Path) -> VmSession | None:
        """The session of the machine in this folder, if there is one."""
        return next((item for item in self._sessions if item.folder is not None and item.folder.path == path), None)

    def of_folder(self, folder: VmFolder) -> VmSession:
        """The session of this folder's machine; its runner is taken over when it runs in this process already."""
        return self.find(folder.path) or self._add(VmSession(folder, running_in(folder.path), self))

    def of_runner(self, runner: Runner) -> VmSession:
        """A session for a machine that exists for this run only."""
        return self._add(VmSession(runner=runner, parent=self))

    def running(self) -> list[VmSession]:
        """Those that are on."""
        return [session for session in self._sessions if session.is_on or session.busy]

    def forget(self, session: VmSession) -> None:
        """The machine leaves the windows; it must be off."""
        if session in self._sessions:
            self._sessions.remove(session)
            session.close()
            session.deleteLater()

    def _add(self, session: VmSession) -> VmSession:
        self._sessions.append(session)
        session.changed.connect(lambda: self.changed.emit(session))
        session.power_changed.connect(lambda state, reason: self.power_changed.emit(session, state, reason))
        session.failed.connect(lambda headline, error: self.failed.emit(session, headline, error))
        return session
