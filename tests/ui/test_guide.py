"""The user guide: what it names is there, and its window shows it."""

from __future__ import annotations

import re

from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from app import cli
from tests.ui.robot import use_menu
from ui.guide_window import GUIDE, GuideWindow, anchor_of
from ui.shell import Shell

TEXT = GUIDE.read_text(encoding="utf-8")


def entries(menu: QMenu) -> set[str]:
    found: set[str] = set()
    for action in menu.actions():
        found.add(action.text().replace("&", "").rstrip("…"))
        sub = action.menu()
        if isinstance(sub, QMenu):
            found |= entries(sub)
    return found


def test_every_menu_entry_that_is_named_exists(shell: Shell) -> None:
    menus = {
        action.text().replace("&", ""): entries(menu)
        for action in shell.window.menuBar().actions()
        if isinstance(menu := action.menu(), QMenu)
    }
    named = re.findall(r"\*\*(\w+) > ([^*]+)\*\*", TEXT)
    assert len(named) > 12
    for menu, entry in named:
        assert entry in menus[menu], f"{menu} > {entry}"


def test_links_pictures_and_commands_exist() -> None:
    headings = {anchor_of(line.lstrip("# ")) for line in TEXT.splitlines() if line.startswith("#")}
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert links and set(links) <= headings
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT)
    assert pictures and all((GUIDE.parent / picture).is_file() for picture in pictures)
    commands = re.findall(r"`bancada (\w+)", TEXT)
    assert commands and set(commands) <= set(cli.commands())


def test_the_guide_opens_and_its_links_lead_somewhere(shell: Shell, qtbot: QtBot) -> None:
    use_menu(shell.window, "Help", "User guide")
    guide = shell.window.findChild(GuideWindow)
    assert guide is not None and guide.isVisible()
    assert "Bancada: user guide" in guide.text.toPlainText()
    assert guide.go_to("diskettes-and-cds")
    assert guide.text.textCursor().block().text() == "Diskettes and CDs"
    assert not guide.go_to("nowhere")
    guide.close()
