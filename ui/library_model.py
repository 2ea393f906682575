"""The library as Qt shows it: one row a machine, sorted by name, filtered by what is typed into the search box."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QAbstractListModel, QCoreApplication, QModelIndex, QObject, QSortFilterProxyModel, Qt

from app.library import Library, LibraryEntry
from engine.events import PowerState
from ui.sessions import Sessions
from ui.thumbnails import Thumbnails
from ui.vm_session import VmSession

_ROOT: Final = QModelIndex()
ENTRY: Final = Qt.ItemDataRole.UserRole
STATE: Final = Qt.ItemDataRole.UserRole + 1
SUBTITLE: Final = Qt.ItemDataRole.UserRole + 2
SEARCHED: Final = Qt.ItemDataRole.UserRole + 3
PROBLEM: Final = Qt.ItemDataRole.UserRole + 4
THUMBNAIL: Final = Qt.ItemDataRole.UserRole + 5


class LibraryModel(QAbstractListModel):
    """Rows are the library's entries; states come from the sessions."""

    def __init__(
        self, library: Library, sessions: Sessions, thumbnails: Thumbnails, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._sessions = sessions
        self._thumbnails = thumbnails
        thumbnails.changed.connect(self._session_changed)
        self._entries: list[LibraryEntry] = []
        sessions.changed.connect(self._session_changed)
        self.refresh()

    def refresh(self) -> None:
        """Reads the library again."""
        entries = self._library.entries()
        if entries == self._entries:
            return
        self.beginResetModel()
        self._entries = entries
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:  # type: ignore[override]
        return 0 if parent.isValid() else len(self._entries)

    def row_of(self, path: Path) -> int:
        """The row of the machine in this folder, -1 when it is not listed."""
        return next((row for row, entry in enumerate(self._entries) if entry.path == path), -1)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # type: ignore[override]
        if not index.isValid() or index.row() >= len(self._entries):
            return None
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.name
        if role == ENTRY:
            return entry
        if role == PROBLEM:
            return entry.problem
        if role == STATE:
            return self._state(entry)
        if role == THUMBNAIL:
            return self._thumbnails.of(self._sessions.find(entry.path))
        if role == SUBTITLE:
            return self._subtitle(entry)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{entry.problem}\n{entry.path}".strip()
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{entry.name}, {self._subtitle(entry)}"
        if role == SEARCHED:
            return _searched(entry)
        return None

    def _state(self, entry: LibraryEntry) -> PowerState:
        session = self._sessions.find(entry.path)
        return session.state if session is not None else PowerState.OFF

    def _subtitle(self, entry: LibraryEntry) -> str:
        if entry.problem:
            return self.tr("needs attention")
        session = self._sessions.find(entry.path)
        if session is not None and session.order:
            return session.order
        state = state_text(self._state(entry))
        return self.tr("★ {state}").format(state=state) if entry.is_favourite else state

    def _session_changed(self, session: VmSession) -> None:
        if session.folder is None:
            return
        row = self.row_of(session.folder.path)
        if row >= 0 and session.name == self._entries[row].name:
            self.dataChanged.emit(self.index(row), self.index(row))
        else:
            self.refresh()


class LibraryFilter(QSortFilterProxyModel):
    """Keeps the rows that contain every word of the search text."""

    def __init__(self, model: LibraryModel) -> None:
        super().__init__(model)
        self._words: list[str] = []
        self.setSourceModel(model)

    def search(self, text: str) -> None:
        self._words = text.casefold().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:  # type: ignore[override]
        searched = self.sourceModel().index(row, 0).data(SEARCHED) or ""
        return all(word in searched for word in self._words)


def state_text(state: PowerState) -> str:
    """The state for people."""
    return {
        PowerState.OFF: QCoreApplication.translate("PowerState", "powered off"),
        PowerState.RUNNING: QCoreApplication.translate("PowerState", "running"),
        PowerState.PAUSED: QCoreApplication.translate("PowerState", "paused"),
        PowerState.CRASHED: QCoreApplication.translate("PowerState", "stopped by an error"),
    }[state]


def _searched(entry: LibraryEntry) -> str:
    parts = [entry.name, entry.guest, str(entry.path)]
    if entry.settings is not None:
        machine = entry.settings.machine
        parts.append(entry.settings.notes)
        parts += [drive.image.name for drive in machine.floppy_drives if drive.image]
        parts += [drive.image.name for drive in machine.cdrom_drives if drive.image]
        parts += [disk.image.name for disk in machine.hard_disks]
    return " ".join(parts).casefold()
