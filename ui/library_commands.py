"""What is done to the library: new, open, try, rename, remove, delete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QFileDialog, QInputDialog, QLineEdit, QMenu

from app.diagnostics import diagnostics_config
from app.library import LibraryEntry
from app.lifecycle import Action
from app.runner import Runner
from engine.errors import BancadaError
from engine.events import PowerState
from ui import close_question
from ui.error_dialog import show_error, show_message
from ui.machine_commands import MachineCommands
from ui.main_window import MainWindow
from ui.new_vm_wizard import NewVmWizard
from ui.vm_session import VmSession


class LibraryCommands(QObject):
    def __init__(self, window: MainWindow, machine: MachineCommands) -> None:
        super().__init__(window)
        self.window = window
        self.machine = machine
        actions = window.actions_
        for action, slot in (
            (actions.new, self.new),
            (actions.open, self.open),
            (actions.try_it, self.try_it),
            (actions.favourite, self.favourite),
            (actions.rename, self.rename),
            (actions.remove, self.remove),
            (actions.delete, self.delete),
        ):
            action.triggered.connect(slot)
        home = window.home
        home.new_wanted.connect(self.new)
        home.open_wanted.connect(self.open)
        home.try_wanted.connect(self.try_it)
        view = window.library_view
        view.new_wanted.connect(self.new)
        view.open_wanted.connect(self.show_entry)
        view.start_wanted.connect(self.start_entry)
        view.menu_wanted.connect(self.show_menu)
        view.list.selectionModel().selectionChanged.connect(self.update)
        window.current_changed.connect(self.update)
        window.sessions.changed.connect(self.update)
        self.update()

    def update(self, *_: object) -> None:
        entry = self.current()
        session = self.window.sessions.find(entry.path) if entry is not None else None
        off = entry is not None and (session is None or (session.state is PowerState.OFF and not session.busy))
        actions = self.window.actions_
        actions.favourite.setEnabled(entry is not None and bool(entry.id))
        actions.favourite.setChecked(entry is not None and entry.is_favourite)
        actions.rename.setEnabled(off and entry is not None and not entry.problem)
        actions.remove.setEnabled(off)
        actions.delete.setEnabled(off)

    def current(self) -> LibraryEntry | None:
        """The machine that is chosen in the library: that of the tab, while one is shown."""
        return self.window.library_view.current()

    # -- Coming ----------------------------------------------------------------------------------------------

    def new(self) -> None:
        wizard = NewVmWizard(self.window.library, self.window.preferences.accelerator, self.window)
        accepted = wizard.exec()
        made, start = wizard.made, wizard.start_wanted
        wizard.deleteLater()
        if not accepted or made is None:
            return
        self.window.model.refresh()
        session = self.window.sessions.of_folder(made)
        self.window.show_session(session)
        if start:
            self.machine.start_session(session)

    def open(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self.window,
            self.tr("Open a machine"),
            str(self.window.library.folder),
            self.tr("Machines (machine.toml);;All files (*)"),
        )
        if chosen:
            self.open_path(Path(chosen))

    def open_path(self, path: Path) -> None:
        """Adds the machine in a folder to the library and shows it."""
        try:
            entry = self.window.library.add(path)
        except (BancadaError, OSError) as error:
            show_error(self.window, self.tr("The machine could not be opened"), error)
            return
        self.window.model.refresh()
        self.show_entry(entry)

    def _settle(self, entry: LibraryEntry) -> LibraryEntry:
        """A folder that was copied is asked about: with the identity of another machine it would have its network
        addresses, too."""
        if entry.is_copy and close_question.ask(
            self.window,
            self.machine.book,
            "copied_machine",
            self.tr("Was “{name}” copied?").format(name=entry.name),
            self.tr(
                "The library has another machine with the same identity. If this is a copy, it should get an identity "
                "of its own."
            ),
            self.tr("It is a copy"),
            danger=False,
        ):
            return self.window.library.new_identity(entry)
        return entry

    def try_it(self) -> None:
        """A PC with the diagnostics diskette, at once; a second click goes to the one that runs."""
        for session in self.window.sessions:
            if session.folder is None and session.property("diagnostics"):
                self.window.show_session(session)
                if session.allows(Action.START):
                    self.machine.start_session(session)
                return
        try:
            session = self.window.sessions.of_runner(Runner(diagnostics_config()))
        except (BancadaError, OSError) as error:
            show_error(self.window, self.tr("The diagnostics diskette could not be started"), error)
            return
        session.setProperty("diagnostics", True)
        self.window.show_session(session)
        self.machine.start_session(session)

    # -- Showing ---------------------------------------------------------------------------------------------

    def show_entry(self, entry: LibraryEntry) -> VmSession | None:
        if entry.problem:
            show_message(
                self.window, self.tr("“{name}” cannot be opened").format(name=entry.name), entry.problem, "warning"
            )
            return None
        if self.window.sessions.find(entry.path) is None:
            try:
                entry = self._settle(entry)
            except (BancadaError, OSError) as error:
                show_error(self.window, self.tr("The machine could not be opened"), error)
                return None
        session = self.window.sessions.of_folder(entry.folder)
        self.window.show_session(session)
        return session

    def start_entry(self, entry: LibraryEntry) -> None:
        session = self.show_entry(entry) if not entry.problem else None
        if session is not None and session.allows(Action.START):
            self.machine.start_session(session)

    def show_menu(self, entry: LibraryEntry, where: QPoint) -> None:
        session = self.show_entry(entry) if not entry.problem else None
        actions = self.window.actions_
        self.update()
        menu = QMenu(self.window)
        if session is not None:
            for action in (
                actions.start,
                actions.pause,
                actions.reset,
                actions.shut_down,
                actions.power_off,
                None,
                actions.settings,
            ):
                if action is None:
                    menu.addSeparator()
                else:
                    menu.addAction(action)
            menu.addSeparator()
        for action in (actions.favourite, actions.rename, actions.open_folder, actions.remove, actions.delete):
            menu.addAction(action)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(where)

    # -- Changing and going ----------------------------------------------------------------------------------

    def favourite(self) -> None:
        entry = self.current()
        if entry is not None:
            wanted = not entry.is_favourite
            headline = self.tr("The favourites could not be changed")
            self._do(lambda: self.window.library.set_favourite(entry, wanted), headline)
            self.update()

    def tell_left_running(self) -> None:
        """After a start: which machines the last run of the program left without switching them off. Each is told
        once."""
        store = self.window.store
        left = [
            (entry, pid)
            for entry, pid in self.window.library.left_running()
            if str(store.value(f"machines/{entry.id}/left_by", "")) != str(pid)
        ]
        for entry, pid in left:
            store.setValue(f"machines/{entry.id}/left_by", str(pid))
        if left:
            names = "\n".join(f"  •  {entry.name}" for entry, _ in left)
            show_message(
                self.window,
                self.tr("Some machines were not switched off in order"),
                self.tr(
                    "Bancada or this computer stopped while they ran. What their systems had written to their disks is "
                    "there; at the next start they may want to check them:"
                )
                + f"\n\n{names}",
                "warning",
            )

    def rename(self) -> None:
        entry = self.current()
        if entry is None or entry.problem:
            return
        name, accepted = QInputDialog.getText(
            self.window,
            self.tr("Rename a machine"),
            self.tr("New name of “{name}”:").format(name=entry.name),
            QLineEdit.EchoMode.Normal,
            entry.name,
        )
        name = name.strip()
        if not accepted or not name or name == entry.name:
            return
        try:
            self.window.rename_machine(entry, name)
        except (BancadaError, OSError) as error:
            show_error(self.window, self.tr("The machine could not be renamed"), error)

    def remove(self) -> None:
        entry = self.current()
        if entry is not None and close_question.ask(
            self.window,
            self.machine.book,
            "remove",
            self.tr("Remove “{name}” from the library?").format(name=entry.name),
            self.tr("Its files stay in {folder} and can be opened again.").format(folder=entry.path),
            self.tr("Remove"),
            danger=False,
        ):
            self._forget(entry)
            self._do(lambda: self.window.library.remove(entry), self.tr("The machine could not be removed"))

    def delete(self) -> None:
        entry = self.current()
        if entry is not None and close_question.may_delete(self.window, entry.name, str(entry.path)):
            self._forget(entry)
            self._do(lambda: self.window.library.delete(entry), self.tr("The machine could not be deleted"))

    def _forget(self, entry: LibraryEntry) -> None:
        session = self.window.sessions.find(entry.path)
        if session is not None:
            tab = self.window.tab_of(session)
            if tab is not None:
                self.window.remove_tab(tab)
            self.window.sessions.forget(session)

    def _do(self, work: Callable[[], object], headline: str) -> None:
        try:
            work()
        except (BancadaError, OSError) as error:
            show_error(self.window, headline, error)
        self.window.model.refresh()
