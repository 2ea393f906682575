"""Asks for name and size of a new hard disk and makes its image in the machine's folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.new_vm import MAX_DISK_MB, MIN_DISK_MB, make_disk
from engine.config import MachineConfig
from engine.errors import BancadaError
from ui import theme
from ui.error_dialog import show_error
from ui.settings.page import new_form, note


class NewDiskDialog(QDialog):
    """After ``exec()`` is accepted ``made`` is the new image."""

    def __init__(self, folder: Path, config: MachineConfig, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.made: Path | None = None
        self.setWindowTitle(self.tr("New hard disk"))
        self.setMinimumWidth(440)
        self.size_mb = theme.spin_box()
        self.size_mb.setRange(0, 9_999_999)
        self.size_mb.setValue(500)
        self.size_mb.setSingleStep(100)
        self.size_mb.setSuffix(self.tr(" MB"))
        self.size_mb.setAccessibleName(self.tr("Size in megabytes"))
        self.name = QLineEdit(self._free_name(config))
        self.name.setAccessibleName(self.tr("File name"))
        form = new_form()
        form.addRow(self.tr("&Size"), self.size_mb)
        form.addRow(self.tr("&File name"), self.name)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        theme.set_role(self.problem, "problem")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.ok = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self.ok.setText(self.tr("Make the disk"))
        theme.set_role(self.ok, "primary")
        buttons.accepted.connect(self._make)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(theme.heading(self.tr("New hard disk"), "big"))
        column.addLayout(form)
        where = self.tr("The image grows as the guest writes; it is made in {folder}.").format(folder=folder)
        column.addWidget(note(where))
        column.addWidget(self.problem)
        column.addWidget(buttons)
        self.size_mb.valueChanged.connect(self._check)
        self.name.textChanged.connect(self._check)
        self._check()

    @classmethod
    def make(cls, parent: QWidget | None, folder: Path, config: MachineConfig) -> Path | None:
        """Asks and makes; None when the person cancelled."""
        dialog = cls(folder, config, parent)
        dialog.exec()
        dialog.deleteLater()
        return dialog.made

    def _free_name(self, config: MachineConfig) -> str:
        used = {disk.image.name for disk in config.hard_disks}
        number = 1
        while True:
            name = "disk.img" if number == 1 else f"disk{number}.img"
            if name not in used and not (self._folder / name).exists():
                return name
            number += 1

    def _file(self) -> Path:
        name = self.name.text().strip()
        return self._folder / (name if Path(name).suffix else f"{name}.img")

    def _check(self) -> None:
        name = self.name.text().strip()
        problem = ""
        if not MIN_DISK_MB <= self.size_mb.value() <= MAX_DISK_MB:
            problem = self.tr("A disk has {least} to {most:,} MB.").format(least=MIN_DISK_MB, most=MAX_DISK_MB)
        elif not name or Path(name).name != name:
            problem = self.tr("Give the file a name, without a folder.")
        elif self._file().exists():
            problem = self.tr("{name} is there already. Choose another name.").format(name=self._file().name)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.ok.setEnabled(not problem)

    def _make(self) -> None:
        try:
            make_disk(self._file(), self.size_mb.value() << 20)
        except (BancadaError, OSError) as error:
            show_error(self, self.tr("The disk could not be made"), error)
            return
        self.made = self._file()
        self.accept()
