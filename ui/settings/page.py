"""What a page of the settings dialog is: it shows one part of a draft configuration and writes it back.

``load(config)`` fills the fields, ``changed`` tells of every edit, ``store(config)`` returns the draft with the
page's part replaced, ``show_problems`` puts what is wrong beside the field it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine.config import MachineConfig
from engine.errors import Problem
from ui import theme


class Page(QScrollArea):
    """Base of all pages. A subclass names itself (``key``, ``icon_name``, ``title``) and fills ``self.body``."""

    changed = Signal()
    key = ""
    icon_name = ""
    live = False  # the page's fields may be changed while the machine runs

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loading = False
        self._places: list[tuple[str, QLabel, QWidget | None]] = []
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # Tab goes to its fields, and what has the focus is scrolled to
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        theme.set_role(content, "page")
        self.setWidget(content)
        column = QVBoxLayout(content)
        column.setContentsMargins(26, 22, 26, 18)
        column.setSpacing(6)
        column.addWidget(theme.heading(self.title(), "title"))
        explanation = note(self.explanation())
        explanation.setVisible(bool(self.explanation()))
        column.addWidget(explanation)
        column.addSpacing(10)
        self._banner = banner("information", "")
        self._banner.hide()
        column.addWidget(self._banner)
        self._fields = QWidget()
        theme.set_role(self._fields, "page")
        self.body = QVBoxLayout(self._fields)
        self.body.setContentsMargins(0, 6, 0, 0)
        self.body.setSpacing(12)
        column.addWidget(self._fields)
        column.addStretch(1)
        self.build()

    # -- To be written by a page -----------------------------------------------------------------------------

    def title(self) -> str:
        raise NotImplementedError

    def explanation(self) -> str:
        """One or two sentences under the title."""
        return ""

    def build(self) -> None:
        """Makes the fields."""
        raise NotImplementedError

    def fill(self, config: MachineConfig) -> None:
        """Puts the configuration's values into the fields."""
        raise NotImplementedError

    def store(self, config: MachineConfig) -> MachineConfig:
        """The configuration with this page's values."""
        raise NotImplementedError

    def own_problems(self) -> list[Problem]:
        """What the page finds wrong beyond ``MachineConfig.problems()``."""
        return []

    # -- Shared ------------------------------------------------------------------------------------------------

    def load(self, config: MachineConfig) -> None:
        self._loading = True
        try:
            self.fill(config)
        finally:
            self._loading = False

    def edited(self, *_: object) -> None:
        """A field was edited; connect the fields' signals here."""
        if not self._loading:
            self.changed.emit()

    def form(self) -> QFormLayout:
        """A new two-column form at the end of the page."""
        form = new_form()
        self.body.addLayout(form)
        return form

    def problem_place(self, path: str, field: QWidget | None = None) -> QLabel:
        """A line under a field for problems whose setting is ``path`` or lies below it."""
        label = QLabel()
        label.setWordWrap(True)
        theme.set_role(label, "problem")
        label.hide()
        self._places.append((path, label, field))
        return label

    def forget_places(self, below: str) -> None:
        """Forgets the places for ``below`` and what is under it; their fields are going away."""
        self._places = [place for place in self._places if not _lies_under(place[0], below)]

    def problems(self, all_problems: Iterable[Problem]) -> list[Problem]:
        """Those that have a place on this page, and the page's own."""
        mine = [problem for problem in all_problems if self._place_of(problem) is not None]
        return mine + self.own_problems()

    def show_problems(self, all_problems: Iterable[Problem]) -> None:
        texts: dict[int, list[str]] = {}
        for problem in [*all_problems, *self.own_problems()]:
            index = self._place_of(problem)
            if index is not None:
                texts.setdefault(index, []).append(f"{problem.message} {problem.fix}".strip())
        for index, (_, label, field) in enumerate(self._places):
            text = "\n".join(texts.get(index, []))
            label.setText(text)
            label.setVisible(bool(text))
            if field is not None:
                theme.set_role(field, "wrong" if text else "")

    def _place_of(self, problem: Problem) -> int | None:
        best: int | None = None
        for index, (path, _, _) in enumerate(self._places):
            if _lies_under(problem.path, path) and (best is None or len(path) > len(self._places[best][0])):
                best = index
        return best

    def set_running(self, running: bool) -> None:
        """What cannot change under a running machine is locked, and the reason shown."""
        locked = running and not self.live
        self._fields.setEnabled(not locked)
        set_banner_text(self._banner, self.locked_reason())
        self._banner.setVisible(locked)

    def locked_reason(self) -> str:
        return self.tr("The machine is running. Power it off to change this.")

    def show_notice(self, text: str) -> None:
        set_banner_text(self._banner, text)
        self._banner.setVisible(bool(text))


def _lies_under(path: str, parent: str) -> bool:
    return path == parent or path.startswith((f"{parent}.", f"{parent}["))


def new_form() -> QFormLayout:
    """A two-column form in the style of all forms here."""
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    form.setHorizontalSpacing(18)
    form.setVerticalSpacing(9)
    return form


def add_field(form: QFormLayout, text: str, field: QWidget, *below: QWidget) -> None:
    """A row of a form: label with its mnemonic, field, and what belongs under the field (hidden: no room taken)."""
    label = QLabel(text)
    label.setBuddy(field)
    label.setFixedHeight(field.sizeHint().height())
    column = QVBoxLayout()
    column.setSpacing(4)
    for widget in (field, *below):
        column.addWidget(widget)
        if isinstance(widget, QComboBox | QAbstractSpinBox | QCheckBox):
            column.setAlignment(widget, Qt.AlignmentFlag.AlignLeft)
    form.addRow(label, column)


def note(text: str) -> QLabel:
    """A muted, wrapping line of explanation."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
    theme.set_role(label, "muted")
    return label


def banner(icon_name: str, text: str) -> QFrame:
    """A framed remark with an icon."""
    frame = QFrame()
    theme.set_role(frame, "locked")
    row = QHBoxLayout(frame)
    row.setContentsMargins(12, 9, 12, 9)
    row.setSpacing(10)
    picture = QLabel()
    theme.set_icon(picture, icon_name, 20)
    row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
    label = QLabel(text)
    label.setObjectName("banner_text")
    label.setWordWrap(True)
    row.addWidget(label, 1)
    return frame


def set_banner_text(frame: QFrame, text: str) -> None:
    label = frame.findChild(QLabel, "banner_text")
    if label is not None:
        label.setText(text)
