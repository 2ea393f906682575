"""Questions that are asked before something could be lost. Each names the machine, and can be told to stay away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QCheckBox, QWidget

from ui.error_dialog import MessageDialog

ASK: Final = "ask"
BACKGROUND: Final = "background"
POWER_OFF: Final = "power_off"


class AnswerBook(Protocol):
    """Where "Do not ask again" is remembered."""

    def is_silenced(self, question: str) -> bool: ...

    def silence(self, question: str) -> None: ...


def ask(
    parent: QWidget | None,
    book: AnswerBook,
    question: str,
    headline: str,
    text: str,
    action: str,
    danger: bool = True,
) -> bool:
    """Asks before ``action``; True to go on. ``question`` is the key under which "Do not ask again" is kept."""
    if book.is_silenced(question):
        return True
    dialog = MessageDialog(headline, text, "warning" if danger else "question", parent=parent)
    never = QCheckBox(_tr("Do not ask again"))
    dialog.column.addWidget(never)
    dialog.add_button(action, "yes", role="danger" if danger else "primary")
    dialog.add_button(_tr("Cancel"), "", default=True)
    dialog.exec()
    if dialog.chosen and never.isChecked():
        book.silence(question)
    return bool(dialog.chosen)


def may_power_off(parent: QWidget | None, book: AnswerBook, name: str) -> bool:
    return ask(
        parent,
        book,
        "power_off",
        _tr("Power off “{name}”?").format(name=name),
        _tr(
            "This is like pulling the plug. What programs in the guest have not saved is lost. If you can, shut the "
            "guest down from inside first."
        ),
        _tr("Power off"),
    )


def may_reset(parent: QWidget | None, book: AnswerBook, name: str) -> bool:
    return ask(
        parent,
        book,
        "reset",
        _tr("Reset “{name}”?").format(name=name),
        _tr("The guest starts again at once. What programs in it have not saved is lost."),
        _tr("Reset"),
    )


def how_to_close(parent: QWidget | None, name: str, can_stay: bool) -> tuple[str, bool]:
    """What closing the tab of a machine that is on shall do: BACKGROUND, POWER_OFF or "" for nothing, and whether
    always."""
    dialog = MessageDialog(
        _tr("“{name}” is on").format(name=name),
        _tr("Powering off is like pulling the plug: what programs in the guest have not saved is lost.")
        + (_tr(" In the background it goes on, and a click in the library shows it again.") if can_stay else ""),
        "question",
        parent=parent,
    )
    always = QCheckBox(_tr("Always do this"))
    dialog.column.addWidget(always)
    if can_stay:
        dialog.add_button(_tr("Keep it running"), BACKGROUND)
    dialog.add_button(_tr("Power off and close"), POWER_OFF, role="danger")
    dialog.add_button(_tr("Cancel"), "", default=True)
    dialog.exec()
    return dialog.chosen, bool(dialog.chosen) and always.isChecked()


def may_quit(parent: QWidget | None, names: Sequence[str]) -> bool:
    """Closing the window with guests running. This is always asked: it can concern any number of machines."""
    if not names:
        return True
    if len(names) == 1:
        headline = _tr("“{name}” is still on").format(name=names[0])
    else:
        headline = _tr("{count} machines are still on").format(count=len(names))
    listed = "" if len(names) == 1 else "\n".join(f"  •  {name}" for name in names) + "\n\n"
    text = listed + _tr("Closing Bancada powers them off. What programs in the guests have not saved is lost.")
    dialog = MessageDialog(headline, text, "warning", parent=parent)
    dialog.add_button(_tr("Power off and quit"), "quit", role="danger")
    dialog.add_button(_tr("Keep running"), "", default=True)
    dialog.exec()
    return dialog.chosen == "quit"


def may_delete(parent: QWidget | None, name: str, folder: str) -> bool:
    """Deleting a machine's folder cannot be undone, so this is always asked."""
    dialog = MessageDialog(
        _tr("Delete “{name}” for good?").format(name=name),
        _tr(
            "Its folder and everything in it, the disks included, is deleted:\n{folder}\n\nImages that lie elsewhere "
            "stay. This cannot be undone."
        ).format(folder=folder),
        "warning",
        parent=parent,
    )
    dialog.add_button(_tr("Delete"), "delete", role="danger")
    dialog.add_button(_tr("Cancel"), "", default=True)
    dialog.exec()
    return dialog.chosen == "delete"


def _tr(text: str) -> str:
    return QCoreApplication.translate("Questions", text)
