"""Questions that are asked before something could be lost. Each names the machine, and can be told to stay away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QCheckBox, QRadioButton, QSystemTrayIcon, QWidget

from ui import theme
from ui.error_dialog import MessageDialog

ASK: Final = "ask"
BACKGROUND: Final = "background"
IN_TRAY: Final = "in_tray"
PAUSE: Final = "pause"
SHUT_DOWN: Final = "shut_down"
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


def how_to_close(parent: QWidget | None, name: str, ways: Sequence[str]) -> tuple[str, bool]:
    """What closing the tab of a machine that is on shall do: one of ``ways``, or "" for nothing; and whether always."""
    return _choose_way(parent, _tr("“{name}” is on").format(name=name), "", ways)


def how_to_quit(parent: QWidget | None, names: Sequence[str], ways: Sequence[str]) -> tuple[str, bool]:
    """The same for the window, with the guests ``names`` on."""
    if len(names) == 1:
        return _choose_way(parent, _tr("“{name}” is still on").format(name=names[0]), "", ways)
    headline = _tr("{count} machines are still on").format(count=len(names))
    return _choose_way(parent, headline, "\n".join(f"  •  {name}" for name in names), ways)


def _choose_way(parent: QWidget | None, headline: str, text: str, ways: Sequence[str]) -> tuple[str, bool]:
    dialog = MessageDialog(headline, text, "question", parent=parent)
    choices: dict[str, QRadioButton] = {}
    texts = _way_texts()
    for way in ways:
        label, explanation = texts[way]
        choices[way] = QRadioButton(label)
        choices[way].setAccessibleDescription(explanation)
        below = theme.heading(explanation, "muted")
        below.setWordWrap(True)
        below.setContentsMargins(26, 0, 0, 6)
        for widget in (choices[way], below):
            dialog.column.insertWidget(dialog.column.count() - 1, widget)  # above the stretch
    first = choices[ways[0]]
    first.setChecked(True)
    always = QCheckBox(_tr("Always do this"))
    dialog.column.addWidget(always)
    dialog.add_button(_tr("OK"), "ok", role="primary")
    dialog.add_button(_tr("Cancel"), "", default=True)
    first.setFocus()
    dialog.exec()
    if not dialog.chosen:
        return "", False
    return next(way for way, choice in choices.items() if choice.isChecked()), always.isChecked()


def _way_texts() -> dict[str, tuple[str, str]]:
    return {
        BACKGROUND: (
            _tr("&Keep it running"),
            _tr("It goes on in the background; a click in the library shows it again."),
        ),
        IN_TRAY: (
            _tr("&Keep running"),
            _tr("Bancada goes on in the background. Its icon in the desktop's notification area brings it back.")
            if QSystemTrayIcon.isSystemTrayAvailable()
            else _tr("Bancada goes on with its window minimised: this desktop has no notification area."),
        ),
        PAUSE: (_tr("Pau&se it"), _tr("The guest's time stands still until it is resumed. Its memory stays in use.")),
        SHUT_DOWN: (
            _tr("&Shut the guest down"),
            _tr("Presses the power button: a system with ACPI saves and switches off, any other is switched off."),
        ),
        POWER_OFF: (
            _tr("&Power off"),
            _tr("Like pulling the plug: what programs in the guest have not saved is lost."),
        ),
    }


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
