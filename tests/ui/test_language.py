"""Brazilian Portuguese: all of it is there, fits its places, and is what people see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

import ui.language
from app import language
from app.library import Library
from app.preferences import Preferences
from tests.messages import messages
from ui.main_window import MainWindow
from ui.preferences_dialog import PreferencesDialog

_PLACE = re.compile(r"{[^}]*}")


@pytest.fixture
def portuguese(qtbot: QtBot) -> Iterator[None]:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    ui.language.apply(application, "pt_BR")
    yield
    ui.language.apply(application, "en")


def catalogue() -> polib.POFile:
    return polib.pofile(str(language.catalogue_file("pt_BR")))


def test_every_text_of_the_windows_has_a_translation() -> None:
    translated = {entry.msgid for entry in catalogue() if entry.msgstr}
    missing = [message for message in messages() if message not in translated]
    assert not missing, "\n".join(missing)


def test_translations_keep_what_is_filled_in_and_keys() -> None:
    for entry in catalogue():
        assert sorted(_PLACE.findall(entry.msgid)) == sorted(_PLACE.findall(entry.msgstr)), entry.msgid
        assert entry.msgid.replace("&&", "").count("&") == entry.msgstr.replace("&&", "").count("&"), entry.msgid
        assert entry.msgid.endswith("…") == entry.msgstr.endswith("…"), entry.msgid


def keys_of(menu: QMenu) -> list[str]:
    """The letters that choose entries of an open menu, sub-menus and hidden entries aside."""
    texts = [action.text() for action in menu.actions() if action.isVisible()]
    return [match[1].casefold() for text in texts if (match := re.search(r"&(\w)", text))]


def check_menus(window: MainWindow) -> None:
    bar = [action for action in window.menuBar().actions() if isinstance(action, QAction)]
    letters = [match[1].casefold() for action in bar if (match := re.search(r"&(\w)", action.text()))]
    assert len(letters) == len(set(letters)) == len(bar), letters
    for menu in window.menuBar().findChildren(QMenu):
        letters = keys_of(menu)
        assert len(letters) == len(set(letters)), (menu.title(), letters)


@pytest.fixture
def make_window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(Library(tmp_path / "library"), Preferences(), tmp_path / "window.ini")
        qtbot.addWidget(window)
        windows.append(window)
        return window

    yield make  # type: ignore[misc]


def test_letters_choose_one_entry_each_in_english(make_window: object) -> None:
    check_menus(make_window())  # type: ignore[operator]


def test_the_window_is_in_portuguese_and_letters_choose_one_entry_each(portuguese: None, make_window: object) -> None:
    window = make_window()  # type: ignore[operator]
    check_menus(window)
    assert window.menuBar().actions()[0].text() == "&Arquivo"
    assert window.home.new_tile.accessibleName().startswith("Nova máquina")


def test_a_dialog_and_its_buttons_are_in_portuguese(portuguese: None, qtbot: QtBot, tmp_path: Path) -> None:
    dialog = PreferencesDialog(Preferences(), tmp_path)
    qtbot.addWidget(dialog)
    assert dialog.windowTitle() == "Preferências"
    assert [button.text().replace("&", "") for button in dialog.buttons.buttons()] == ["OK", "Cancelar"]


@pytest.mark.parametrize(
    ("preference", "lang", "chosen"),
    [
        ("auto", "pt_BR.UTF-8", "pt_BR"),
        ("auto", "de_DE.UTF-8", "en"),
        ("en", "pt_BR.UTF-8", "en"),
        ("pt_BR", "C", "pt_BR"),
    ],
)
def test_the_hosts_language_is_taken_where_we_have_it(
    preference: str, lang: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", lang)
    assert language.chosen(preference) == chosen


def test_a_language_without_a_catalogue_is_english() -> None:
    language.use("tlh")
    assert language.text("Cancel") == "Cancel"
