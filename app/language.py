"""The language of words that people read: English as written in the code, or a catalogue of translations.

A catalogue is ``resources/translations/<language>.po``, with the English text as the key. What has no translation is
shown in English. ``python -m tests.messages`` brings the catalogues up to date with the code.
"""

from __future__ import annotations

import locale
import os
from pathlib import Path
from typing import Final

import polib

from app.log import logger

FOLDER: Final = Path(__file__).resolve().parent.parent / "resources" / "translations"
_ENGLISH: Final = "en"
_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")

_words: dict[str, str] = {}


def catalogue_file(language: str) -> Path:
    return FOLDER / f"{language}.po"


def chosen(preference: str) -> str:
    """The language for a preference: itself, or for "auto" the host's where we have it."""
    if preference != "auto":
        return preference
    name = next((value for variable in _VARIABLES if (value := os.environ.get(variable))), locale.getlocale()[0] or "")
    return "pt_BR" if name.startswith("pt") else _ENGLISH


def use(language: str) -> None:
    """``text`` answers in this language from now on. A catalogue that cannot be read is as good as none."""
    _words.clear()
    if language == _ENGLISH:
        return
    try:
        entries = polib.pofile(str(catalogue_file(language)))
    except (OSError, UnicodeDecodeError) as error:
        logger("language").warning("%s cannot be used: %s", catalogue_file(language), error)
        return
    _words.update({entry.msgid: entry.msgstr for entry in entries if entry.msgstr and not entry.fuzzy})


def text(message: str) -> str:
    """``message`` in the language in use."""
    return _words.get(message, message)
