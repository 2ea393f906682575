"""Settings: CD-ROM drives on IDE."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from engine.config import CdromConfig, MachineConfig
from ui import theme
from ui.settings.file_field import FileField
from ui.settings.file_filters import cd_images
from ui.settings.ide_slots import free_slot, slot_box
from ui.settings.page import Page, add_field, new_form


class CdromPage(Page):
    key = "cdrom"
    icon_name = "cdrom"

    def title(self) -> str:
        return self.tr("CD-ROM drives")

    def explanation(self) -> str:
        return self.tr(
            "A CD image can be in the drives of any number of machines at once. Discs can also be changed while the "
            "machine runs: click the drive's light at the bottom of the window."
        )

    def build(self) -> None:
        self.cards: list[_DriveCard] = []
        self._draft = MachineConfig()
        self._column = QVBoxLayout()
        self._column.setSpacing(12)
        self.body.addLayout(self._column)
        row = QHBoxLayout()
        self.add = QPushButton(self.tr("&Add a CD-ROM drive"))
        theme.set_icon(self.add, "add")
        self.add.clicked.connect(self._add)
        row.addWidget(self.add)
        row.addStretch(1)
        self.body.addLayout(row)

    def fill(self, config: MachineConfig) -> None:
        self._draft = config
        self._show(list(config.cdrom_drives))

    def store(self, config: MachineConfig) -> MachineConfig:
        self._draft = config.replace(cdroms=tuple(card.value() for card in self.cards))
        return self._draft

    def set_running(self, running: bool) -> None:
        """Discs can be changed while the machine runs; drives cannot."""
        self.add.setEnabled(not running)
        for card in self.cards:
            card.slot.setEnabled(not running)
            card.remove.setEnabled(not running)
        self.show_notice(self.tr("The machine is running: discs can be changed, drives cannot.") if running else "")

    def _show(self, drives: list[CdromConfig]) -> None:
        self.forget_places("cdrom")
        for card in self.cards:
            card.setParent(None)
            card.deleteLater()
        self.cards = []
        for index, drive in enumerate(drives):
            card = _DriveCard(self, index, drive)
            self.cards.append(card)
            self._column.addWidget(card)

    def _add(self) -> None:
        drives = [card.value() for card in self.cards]
        config = self._draft.replace(cdroms=tuple(drives))
        slot = free_slot(config, (2, 3, 1, 0))
        if slot is None:
            self.show_notice(self.tr("All four places of the IDE channels are taken. Remove a drive first."))
            return
        self._show([*drives, CdromConfig(None, slot)])
        self.edited()

    def remove(self, card: _DriveCard) -> None:
        self._show([other.value() for other in self.cards if other is not card])
        self.edited()


class _DriveCard(QFrame):
    def __init__(self, page: CdromPage, index: int, drive: CdromConfig) -> None:
        super().__init__()
        theme.set_role(self, "card")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 10, 12, 14)
        top = QHBoxLayout()
        top.addWidget(theme.heading(page.tr("CD-ROM drive {number}").format(number=index + 1), "subtitle"))
        top.addStretch(1)
        self.remove = QPushButton(page.tr("Remove"))
        theme.set_role(self.remove, "link")
        self.remove.setAccessibleName(page.tr("Remove CD-ROM drive {number}").format(number=index + 1))
        top.addWidget(self.remove)
        column.addLayout(top)
        form = new_form()
        column.addLayout(form)
        self.image = FileField(cd_images())
        self.image.set_placeholder(page.tr("Empty"))
        self.image.setAccessibleName(page.tr("CD image in drive {number}").format(number=index + 1))
        self.image.path = drive.image
        add_field(form, page.tr("Disc"), self.image, page.problem_place(f"cdrom[{index}]", self.image.line))
        self.slot = slot_box(page.tr("Connection of CD-ROM drive {number}").format(number=index + 1))
        self.slot.setCurrentIndex(max(0, self.slot.findData(drive.slot)))
        add_field(form, page.tr("Connection"), self.slot, page.problem_place(f"cdrom[{index}].slot", self.slot))
        self.image.edited.connect(page.edited)
        self.slot.currentIndexChanged.connect(page.edited)
        self.remove.clicked.connect(lambda: page.remove(self))

    def value(self) -> CdromConfig:
        return CdromConfig(self.image.path, self.slot.currentData())
