"""What a page of the New machine wizard is: it shows some fields of the draft, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.library import Library
from app.new_vm import NewVmDraft
from engine.errors import Problem
from ui import theme
from ui.settings.page import note


class WizardPage(QWidget):
    """A subclass makes its fields in ``build`` and names them with ``problem_place``."""

    changed = Signal()

    def __init__(self, library: Library) -> None:
        super().__init__()
        self.library = library
        self._loading = False
        self._places: dict[str, tuple[QLabel, QWidget | None]] = {}
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(30, 26, 30, 14)
        self.body.setSpacing(8)
        self.body.addWidget(theme.heading(self.title(), "title"))
        explanation = note(self.explanation())
        explanation.setVisible(bool(self.explanation()))
        self.body.addWidget(explanation)
        self.body.addSpacing(10)
        self.build()

    def step(self) -> str:
        """The page's name in the list of steps."""
        raise NotImplementedError

    def title(self) -> str:
        raise NotImplementedError

    def explanation(self) -> str:
        return ""

    def build(self) -> None:
        raise NotImplementedError

    def fill(self, draft: NewVmDraft) -> None:
        """Puts the draft's values into the fields."""
        raise NotImplementedError

    def store(self, draft: NewVmDraft) -> None:
        """Puts the fields' values into the draft."""
        raise NotImplementedError

    def first_field(self) -> QWidget | None:
        """What gets the focus when the page is turned to."""
        return None

    def load(self, draft: NewVmDraft) -> None:
        self._loading = True
        try:
            self.fill(draft)
        finally:
            self._loading = False

    def edited(self, *_: object) -> None:
        if not self._loading:
            self.changed.emit()

    def problem_place(self, *paths: str, field: QWidget | None = None) -> QLabel:
        """A line for problems of these fields of the draft."""
        label = QLabel()
        label.setWordWrap(True)
        theme.set_role(label, "problem")
        label.hide()
        for path in paths:
            self._places[path] = (label, field)
        return label

    def mine(self, problems: Iterable[Problem]) -> list[Problem]:
        """Those that this page can show, its own among them."""
        return [problem for problem in (*problems, *self.own_problems()) if _field_of(problem) in self._places]

    def own_problems(self) -> list[Problem]:
        """What the page finds wrong beyond the draft's problems."""
        return []

    def show_problems(self, problems: Iterable[Problem]) -> None:
        texts: dict[QLabel, list[str]] = {label: [] for label, _ in self._places.values()}
        for problem in self.mine(problems):
            label, _ = self._places[_field_of(problem)]
            texts[label].append(f"{problem.message} {problem.fix}".strip())
        for label, lines in texts.items():
            label.setText("\n".join(lines))
            label.setVisible(bool(lines))
        for label, field in self._places.values():
            if field is not None:
                theme.set_role(field, "wrong" if texts[label] else "")


def _field_of(problem: Problem) -> str:
    return problem.path.split("[")[0].split(".")[0]
