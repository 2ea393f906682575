"""The settings dialog: pages over one draft configuration. Cancel leaves nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.config import MachineConfig
from engine.errors import BancadaError
from ui import theme
from ui.error_dialog import show_error
from ui.settings.boot_page import BootPage
from ui.settings.cdrom_page import CdromPage
from ui.settings.disks_page import DisksPage
from ui.settings.display_page import DisplayPage
from ui.settings.floppy_page import FloppyPage
from ui.settings.memory_page import MemoryPage
from ui.settings.network_page import NetworkPage
from ui.settings.options_page import OptionsPage
from ui.settings.page import Page
from ui.settings.processor_page import ProcessorPage
from ui.settings.serial_page import SerialPage
from ui.settings.sound_page import SoundPage


class SettingsDialog(QDialog):
    """Edits ``config``. ``save(config)`` writes it and may raise; the dialog stays open then.

    ``make_disk`` asks for a new disk image and makes it; images made here are deleted again on Cancel.
    """

    def __init__(
        self,
        config: MachineConfig,
        running: bool,
        save: Callable[[MachineConfig], None],
        make_disk: Callable[[Page, MachineConfig], Path | None] | None = None,
        warn: Callable[[MachineConfig], str] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._original = config
        self.draft = config
        self._save = save
        self._warn = warn
        self._made: list[Path] = []
        self.setWindowTitle(self.tr("Settings of “{name}”").format(name=config.name))
        self.resize(880, 600)
        self.setMinimumSize(720, 460)

        def new_disk(page: Page, draft: MachineConfig) -> Path | None:
            image = make_disk(page, draft) if make_disk is not None else None
            if image is not None:
                self._made.append(image)
            return image

        self.pages: list[Page] = [
            MemoryPage(),
            ProcessorPage(),
            DisksPage(new_disk if make_disk is not None else None),
            CdromPage(),
            FloppyPage(),
            NetworkPage(),
            SerialPage(),
            DisplayPage(),
            SoundPage(),
            BootPage(),
            OptionsPage(),
        ]
        self.list = QListWidget()
        theme.set_role(self.list, "pages")
        self.list.setFixedWidth(236)
        self.list.setIconSize(QSize(22, 22))
        self.list.setAccessibleName(self.tr("Pages"))
        self.stack = QStackedWidget()
        theme.set_role(self.stack, "surface")
        for page in self.pages:
            item = QListWidgetItem(theme.icon(page.icon_name), page.title())
            self.list.addItem(item)
            self.stack.addWidget(page)
            page.load(config)
            page.set_running(running)
            page.changed.connect(self._edited)
        self.list.currentRowChanged.connect(self.stack.setCurrentIndex)
        self.list.setCurrentRow(0)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.ok: QPushButton = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        theme.set_role(self.ok, "primary")
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.list)
        middle.addWidget(self.stack, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(18, 10, 18, 14)
        foot.addWidget(self.message, 1)
        foot.addWidget(self.buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        line = QLabel()
        line.setFixedHeight(1)
        line.setStyleSheet(f"background: {theme.colours().border};")
        column.addWidget(line)
        column.addLayout(foot)
        self.ok.setDefault(True)  # only a button that is in the dialog keeps a Browse button from being taken
        self._check()

    def show_page(self, key: str) -> None:
        """Turns to a page by its key; an unknown key changes nothing."""
        for row, page in enumerate(self.pages):
            if page.key == key:
                self.list.setCurrentRow(row)

    def page(self, key: str) -> Page:
        return next(page for page in self.pages if page.key == key)

    def _edited(self) -> None:
        self._collect()
        self._check()

    def _collect(self) -> None:
        draft = self._original
        for page in self.pages:
            draft = page.store(draft)
        self.draft = draft

    def _check(self) -> None:
        """Shows what is wrong beside the fields, on the page list and at the foot."""
        problems = self.draft.problems()
        wrong_rows = []
        for row, page in enumerate(self.pages):
            page.show_problems(problems)
            wrong = bool(page.problems(problems))
            self.list.item(row).setIcon(theme.icon("warning" if wrong else page.icon_name))
            if wrong:
                wrong_rows.append(page.title())
        blocked = bool(problems) or any(page.own_problems() for page in self.pages)
        self.ok.setEnabled(not blocked)
        if blocked:
            theme.set_role(self.message, "problem")
            self.message.setText(
                self.tr("To be put right first: {pages}").format(pages=", ".join(wrong_rows) or str(problems[0]))
            )
        else:
            theme.set_role(self.message, "warning")
            self.message.setText(self._warn(self.draft) if self._warn is not None else "")

    def _accept(self) -> None:
        self._collect()
        if self.draft == self._original:
            self.accept()
            return
        try:
            self._save(self.draft)
        except (BancadaError, OSError) as error:
            show_error(self, self.tr("The settings could not be saved"), error)
            return
        self.accept()

    def reject(self) -> None:
        for image in self._made:
            image.unlink(missing_ok=True)
        super().reject()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # Enter in a field must not close a dialog full of fields by surprise.
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.ok.hasFocus():
            event.accept()
            return
        super().keyPressEvent(event)
