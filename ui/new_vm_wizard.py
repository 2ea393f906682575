"""The New machine wizard: a page a step, validation beside the field, and a Finish that can be cancelled."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.guest_presets import DEFAULT_KEY
from app.jobs import Cancelled
from app.library import Library
from app.new_vm import NewVmDraft, short_name
from app.vm_folder import VmFolder
from engine.errors import BancadaError
from ui import theme
from ui.background import ProgressDialog
from ui.error_dialog import show_error
from ui.wizard_page import WizardPage
from ui.wizard_pages import (
    DiskPage,
    FinishPage,
    GuestPage,
    MediaPage,
    NamePage,
    NetworkChoicePage,
    WizardMemoryPage,
)


class NewVmWizard(QDialog):
    """After ``exec()`` is accepted, ``made`` is the new machine's folder and ``start_wanted`` what was ticked."""

    def __init__(self, library: Library, accelerator: str = "auto", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self.draft = NewVmDraft.for_guest(DEFAULT_KEY, library)
        self.draft.accelerator = accelerator
        self.made: VmFolder | None = None
        self.setWindowTitle(self.tr("New machine"))
        self.resize(820, 560)
        self.setMinimumSize(700, 480)
        self.finish_page = FinishPage(library)
        self.pages: list[WizardPage] = [
            GuestPage(library),
            NamePage(library),
            WizardMemoryPage(library),
            DiskPage(library),
            MediaPage(library),
            NetworkChoicePage(library),
            self.finish_page,
        ]
        self.stack = QStackedWidget()
        theme.set_role(self.stack, "surface")
        self._name_typed = False
        self._steps: list[QLabel] = []
        steps = QFrame()
        theme.set_role(steps, "sidebar")
        steps.setObjectName("steps")
        steps.setFixedWidth(200)
        steps.setStyleSheet(f"QFrame#steps {{ background: {theme.colours().sidebar}; }}")
        column = QVBoxLayout(steps)
        column.setContentsMargins(18, 26, 12, 18)
        column.setSpacing(14)
        for number, page in enumerate(self.pages, start=1):
            label = QLabel(f"{number}   {page.step()}")
            self._steps.append(label)
            column.addWidget(label)
            self.stack.addWidget(page)
            page.changed.connect(self._edited)
        column.addStretch(1)
        mark = QLabel()
        theme.set_icon(mark, "bancada", 40)
        column.addWidget(mark)
        self.back = QPushButton(self.tr("< &Back"))
        self.next = QPushButton(self.tr("&Next >"))
        self.finish = QPushButton(self.tr("&Finish"))
        self.cancel = QPushButton(self.tr("Cancel"))
        for button, slot in (
            (self.back, self.turn_back),
            (self.next, self.turn_on),
            (self.finish, self._finish),
            (self.cancel, self.reject),
        ):
            button.clicked.connect(slot)
            button.setAutoDefault(False)
        theme.set_role(self.next, "primary")
        theme.set_role(self.finish, "primary")
        foot = QHBoxLayout()
        foot.setContentsMargins(18, 12, 18, 14)
        foot.setSpacing(8)
        foot.addStretch(1)
        for button in (self.back, self.next, self.finish, self.cancel):
            foot.addWidget(button)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.stack, 1)
        line = QFrame()
        theme.set_role(line, "line")
        right.addWidget(line)
        right.addLayout(foot)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(steps)
        row.addLayout(right, 1)
        self._show(0)

    @property
    def start_wanted(self) -> bool:
        return self.finish_page.start.isChecked()

    @property
    def page(self) -> WizardPage:
        return self.pages[self.stack.currentIndex()]

    def turn_on(self) -> None:
        """The next page, when this one is right."""
        self._collect()
        if not self.page.mine(self.draft.problems(self._library)) and self.stack.currentIndex() + 1 < len(self.pages):
            self._show(self.stack.currentIndex() + 1)

    def turn_back(self) -> None:
        if self.stack.currentIndex() > 0:
            self._collect()
            self._show(self.stack.currentIndex() - 1)

    def _show(self, index: int) -> None:
        page = self.pages[index]
        page.load(self.draft)
        self.stack.setCurrentIndex(index)
        last = index == len(self.pages) - 1
        self.back.setEnabled(index > 0)
        self.next.setVisible(not last)
        self.finish.setVisible(last)
        self.next.setDefault(not last)
        self.finish.setDefault(last)
        for number, label in enumerate(self._steps):
            colours = theme.colours()
            colour = colours.accent if number == index else colours.text if number < index else colours.muted
            weight = 700 if number == index else 400
            label.setStyleSheet(f"color: {colour}; font-weight: {weight};")
        self._check()
        first = page.first_field()
        if first is not None:
            first.setFocus(Qt.FocusReason.TabFocusReason)

    def _collect(self) -> None:
        name, guest = self.draft.name, self.draft.guest
        self.page.store(self.draft)
        if isinstance(self.page, NamePage) and self.draft.name != name:
            self._name_typed = True
        if self.draft.guest != guest and not self._name_typed:
            self.draft.name = self._library.free_name(short_name(self.draft.guest))

    def _edited(self) -> None:
        self._collect()
        self._check()

    def _check(self) -> None:
        problems = self.draft.problems(self._library)
        self.page.show_problems(problems)
        self.next.setEnabled(not self.page.mine(problems))
        self.finish.setEnabled(not problems)

    def _finish(self) -> None:
        self._collect()
        title = self.tr("Making “{name}”").format(name=self.draft.name)
        try:
            self.made = ProgressDialog(self, title, lambda progress: self.draft.create(self._library, progress)).run()
        except Cancelled:
            return
        except (BancadaError, OSError) as error:
            show_error(self, self.tr("The machine could not be made"), error)
            return
        self.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            focused = self.focusWidget()
            button = self.next if self.next.isVisible() else self.finish
            if isinstance(focused, QPushButton):
                focused.click()
            elif button.isEnabled():
                button.click()
            return
        super().keyPressEvent(event)
