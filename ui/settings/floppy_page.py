"""Settings: the two floppy drives and what lies in them."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox, QComboBox, QFrame, QVBoxLayout

from engine.config import FLOPPY_TYPES, MAX_FLOPPIES, FloppyConfig, MachineConfig
from ui import theme
from ui.settings.file_field import FileField
from ui.settings.file_filters import floppy_images
from ui.settings.page import Page, add_field, new_form

DRIVE_LETTERS = "AB"


class FloppyPage(Page):
    key = "floppy"
    icon_name = "floppy"

    def title(self) -> str:
        return self.tr("Floppy drives")

    def explanation(self) -> str:
        return self.tr(
            "A drive reads every format up to its own. Diskettes can also be changed while the machine runs: click the "
            "drive's light at the bottom of the window."
        )

    def build(self) -> None:
        self.drives = [_DriveFields(self, index) for index in range(MAX_FLOPPIES)]
        self.body.addWidget(self.problem_place("floppy"))

    def set_running(self, running: bool) -> None:
        """Diskettes can be changed while the machine runs; drives cannot."""
        for fields in self.drives:
            fields.kind.setEnabled(not running)
        self.show_notice(self.tr("The machine is running: diskettes can be changed, drives cannot.") if running else "")

    def fill(self, config: MachineConfig) -> None:
        for index, fields in enumerate(self.drives):
            fitted = config.floppy_drives[index] if index < len(config.floppy_drives) else FloppyConfig(drive="none")
            fields.fill(fitted)

    def store(self, config: MachineConfig) -> MachineConfig:
        drives = [fields.value() for fields in self.drives]
        while drives and drives[-1].drive == "none":
            drives.pop()
        return config.replace(floppies=tuple(drives))


class _DriveFields(QFrame):
    """One drive's card."""

    def __init__(self, page: FloppyPage, index: int) -> None:
        super().__init__()
        theme.set_role(self, "card")
        letter = DRIVE_LETTERS[index]
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 14)
        column.addWidget(theme.heading(page.tr("Drive {letter}:").format(letter=letter), "subtitle"))
        form = new_form()
        column.addLayout(form)
        self.kind = QComboBox()
        self.kind.setAccessibleName(page.tr("Type of drive {letter}").format(letter=letter))
        for kind in FLOPPY_TYPES:
            self.kind.addItem(page.tr("Not fitted") if kind == "none" else _drive_name(kind), kind)
        add_field(form, page.tr("Drive"), self.kind, page.problem_place(f"floppy[{index}].drive", self.kind))
        self.image = FileField(floppy_images())
        self.image.set_placeholder(page.tr("Empty"))
        self.image.setAccessibleName(page.tr("Diskette image in drive {letter}").format(letter=letter))
        add_field(form, page.tr("Diskette"), self.image, page.problem_place(f"floppy[{index}]", self.image.line))
        self.read_only = QCheckBox(page.tr("Write-protected"))
        self.read_only.setAccessibleName(page.tr("Diskette in drive {letter} is write-protected").format(letter=letter))
        add_field(form, "", self.read_only)
        page.body.addWidget(self)
        self.kind.currentIndexChanged.connect(self._kind_chosen)
        self.kind.currentIndexChanged.connect(page.edited)
        self.image.edited.connect(page.edited)
        self.read_only.toggled.connect(page.edited)

    def fill(self, drive: FloppyConfig) -> None:
        self.kind.setCurrentIndex(max(0, self.kind.findData(drive.drive)))
        self.image.path = drive.image
        self.read_only.setChecked(drive.read_only)
        self._kind_chosen()

    def value(self) -> FloppyConfig:
        kind = self.kind.currentData()
        if kind == "none":
            return FloppyConfig(drive="none")
        return FloppyConfig(self.image.path, kind, self.read_only.isChecked())

    def _kind_chosen(self) -> None:
        fitted = self.kind.currentData() != "none"
        self.image.setEnabled(fitted)
        self.read_only.setEnabled(fitted)


def _drive_name(kind: str) -> str:
    size = "5¼″" if kind in ("360K", "1.2M") else "3½″"
    return f"{size}  {kind.replace('K', ' KB').replace('M', ' MB')}"
