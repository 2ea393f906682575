"""Qt asks our catalogues for its windows' words, and its own for its own."""

from __future__ import annotations

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from app import language


class CatalogueTranslator(QTranslator):
    """``tr`` and ``translate`` of all contexts; the English text is the key."""

    def translate(self, context: str, text: str, disambiguation: str | None = None, n: int = -1) -> str:
        return language.text(text)

    def isEmpty(self) -> bool:
        return False


def apply(application: QApplication, preference: str) -> None:
    """Gives the application the language of a preference ("auto", "en", "pt_BR"). Once, before its windows are made."""
    name = language.chosen(preference)
    language.use(name)
    QLocale.setDefault(QLocale(name))
    for child in application.findChildren(QTranslator, "language"):
        application.removeTranslator(child)
        child.setParent(None)
    ours, qts = CatalogueTranslator(application), QTranslator(application)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    qts.load(QLocale(name), "qtbase", "_", folder)
    for translator in (qts, ours):
        translator.setObjectName("language")
        application.installTranslator(translator)
