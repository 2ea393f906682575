"""The pages of the New machine wizard, in their order."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app import language
from app.guest_presets import FAMILIES, of_family, preset
from app.media_detection import guess_guest
from app.memory_check import memory_warning
from app.new_vm import NewVmDraft
from engine.errors import Problem
from ui import theme
from ui.settings.file_field import FileField
from ui.settings.file_filters import cd_images, disk_images, floppy_images
from ui.settings.memory_field import MemoryField, memory_text
from ui.settings.page import add_field, banner, new_form, note
from ui.wizard_page import WizardPage

_KEY: Final = Qt.ItemDataRole.UserRole


class GuestPage(WizardPage):
    """Which system will run: it proposes everything else."""

    def step(self) -> str:
        return self.tr("Guest system")

    def title(self) -> str:
        return self.tr("What will run on this machine?")

    def explanation(self) -> str:
        return self.tr("Memory, disk and processor are proposed to suit it. All of it can be changed.")

    def build(self) -> None:
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Guest systems"))
        self.list.setIconSize(QSize(20, 20))
        for family in FAMILIES:
            head = QListWidgetItem(language.text(family))
            head.setFlags(Qt.ItemFlag.NoItemFlags)
            font = QFont(self.list.font())
            font.setWeight(QFont.Weight.DemiBold)
            head.setFont(font)
            self.list.addItem(head)
            for guest in of_family(family):
                item = QListWidgetItem(theme.icon("machine"), language.text(guest.label))
                item.setData(_KEY, guest.key)
                self.list.addItem(item)
        self.body.addWidget(self.list, 1)
        self._note = note("")
        self._note.setMinimumHeight(38)
        self.body.addWidget(self._note)
        self.body.addWidget(self.problem_place("guest"))
        self.list.currentItemChanged.connect(self._chosen)

    def first_field(self) -> QWidget:
        return self.list

    def fill(self, draft: NewVmDraft) -> None:
        for row in range(self.list.count()):
            if self.list.item(row).data(_KEY) == draft.guest:
                self.list.setCurrentRow(row)
        self.list.scrollToItem(self.list.currentItem(), QListWidget.ScrollHint.EnsureVisible)

    def store(self, draft: NewVmDraft) -> None:
        key = self.list.currentItem().data(_KEY) if self.list.currentItem() else None
        if key is not None and key != draft.guest:
            draft.apply_preset(key)

    def _chosen(self) -> None:
        item = self.list.currentItem()
        key = item.data(_KEY) if item is not None else None
        self._note.setText(language.text(preset(key).note) if key else "")
        self.edited()


class NamePage(WizardPage):
    def step(self) -> str:
        return self.tr("Name and folder")

    def title(self) -> str:
        return self.tr("Name and folder")

    def explanation(self) -> str:
        return self.tr("The machine is one folder with everything in it. It can be moved as a whole.")

    def build(self) -> None:
        form = _form(self.body)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the machine"))
        add_field(form, self.tr("&Name"), self.name, self.problem_place("name", field=self.name))
        self.location = FileField(folders=True)
        self.location.setAccessibleName(self.tr("Folder for the machine's folder"))
        self._folder = note("")
        problem = self.problem_place("location", field=self.location.line)
        add_field(form, self.tr("&Location"), self.location, problem, self._folder)
        self.body.addStretch(1)
        self.name.textChanged.connect(self.edited)
        self.location.edited.connect(self.edited)

    def first_field(self) -> QWidget:
        return self.name

    def fill(self, draft: NewVmDraft) -> None:
        if self.name.text() != draft.name:
            self.name.setText(draft.name)
            self.name.selectAll()
        if self.location.path is None:
            self.location.path = draft.location or self.library.folder
        self._explain(draft)

    def store(self, draft: NewVmDraft) -> None:
        draft.name = self.name.text().strip()
        draft.location = self.location.path
        self._explain(draft)

    def _explain(self, draft: NewVmDraft) -> None:
        if draft.name:
            self._folder.setText(self.tr("Will be made: {folder}").format(folder=draft.folder_for(self.library)))
        else:
            self._folder.setText("")


class WizardMemoryPage(WizardPage):
    def step(self) -> str:
        return self.tr("Memory")

    def title(self) -> str:
        return self.tr("How much memory?")

    def build(self) -> None:
        self.field = MemoryField()
        self.spin = self.field.spin
        self.body.addWidget(self.field)
        self.body.addWidget(self.problem_place("memory_mb", field=self.spin))
        self.body.addSpacing(6)
        self._proposal = note("")
        self.body.addWidget(self._proposal)
        self._warning = theme.heading("", "warning")
        self._warning.setWordWrap(True)
        self.body.addWidget(self._warning)
        self.body.addStretch(1)
        self.field.edited.connect(self.edited)

    def first_field(self) -> QWidget:
        return self.spin

    def fill(self, draft: NewVmDraft) -> None:
        self.field.megabytes = draft.memory_mb
        guest = preset(draft.guest)
        self._proposal.setText(
            self.tr("Proposed for {guest}: {size}").format(
                guest=language.text(guest.label), size=memory_text(guest.memory_mb)
            )
        )
        self._warn()

    def store(self, draft: NewVmDraft) -> None:
        draft.memory_mb = self.spin.value()
        self._warn()

    def _warn(self) -> None:
        self._warning.setText(memory_warning(self.spin.value()))


class DiskPage(WizardPage):
    def step(self) -> str:
        return self.tr("Hard disk")

    def title(self) -> str:
        return self.tr("Hard disk")

    def explanation(self) -> str:
        return self.tr("A new disk takes little room at first and grows as the guest writes to it.")

    def build(self) -> None:
        self._group = QButtonGroup(self)
        self.new = QRadioButton(self.tr("Make a &new disk"))
        self.size_mb = theme.spin_box()
        self.size_mb.setRange(0, 9_999_999)
        self.size_mb.setSuffix(self.tr(" MB"))
        self.size_mb.setSingleStep(100)
        self.size_mb.setMinimumWidth(150)
        self.size_mb.setAccessibleName(self.tr("Size of the new disk in megabytes"))
        self.existing = QRadioButton(self.tr("Use an &existing disk image"))
        self.file = FileField(disk_images())
        self.file.setAccessibleName(self.tr("Existing disk image"))
        self.copy = QCheckBox(self.tr("&Copy it into the machine's folder"))
        self.none = QRadioButton(self.tr("N&o hard disk"))
        for button, fields in ((self.new, [self.size_mb]), (self.existing, [self.file, self.copy]), (self.none, [])):
            self._group.addButton(button)
            self.body.addWidget(button)
            for field in fields:
                inset = QVBoxLayout()
                inset.setContentsMargins(26, 0, 0, 0)
                inset.addWidget(field, 0, Qt.AlignmentFlag.AlignLeft if field is self.size_mb else Qt.AlignmentFlag(0))
                self.body.addLayout(inset)
            if button is self.new:
                self.body.addWidget(_inset(self.problem_place("disk_mb", field=self.size_mb)))
            if button is self.existing:
                self.body.addWidget(_inset(self.problem_place("existing_disk", "copy_disk", field=self.file.line)))
            self.body.addSpacing(8)
        self.body.addStretch(1)
        self._group.buttonToggled.connect(self._kind_chosen)
        self.size_mb.valueChanged.connect(self.edited)
        self.file.edited.connect(self.edited)
        self.copy.toggled.connect(self.edited)

    def first_field(self) -> QWidget:
        return self.size_mb if self.new.isChecked() else (self._group.checkedButton() or self.new)

    def fill(self, draft: NewVmDraft) -> None:
        if draft.existing_disk is not None:
            self.existing.setChecked(True)
        elif draft.disk_mb:
            self.new.setChecked(True)
        elif not (self.existing.isChecked() and self.file.path is None):
            self.none.setChecked(True)
        self.size_mb.setValue(draft.disk_mb or preset(draft.guest).disk_mb or 500)
        if draft.existing_disk != self.file.path:
            self.file.path = draft.existing_disk
        self.copy.setChecked(draft.copy_disk)
        self._enable()

    def store(self, draft: NewVmDraft) -> None:
        draft.disk_mb = self.size_mb.value() if self.new.isChecked() else None
        draft.existing_disk = self.file.path if self.existing.isChecked() else None
        draft.copy_disk = self.existing.isChecked() and self.copy.isChecked()

    def own_problems(self) -> list[Problem]:
        if self.existing.isChecked() and self.file.path is None:
            return [Problem("existing_disk", self.tr("No disk image is chosen."), self.tr("Choose a file."))]
        return []

    def _kind_chosen(self) -> None:
        self._enable()
        self.edited()

    def _enable(self) -> None:
        self.size_mb.setEnabled(self.new.isChecked())
        self.file.setEnabled(self.existing.isChecked())
        self.copy.setEnabled(self.existing.isChecked())


class MediaPage(WizardPage):
    def step(self) -> str:
        return self.tr("Floppy and CD")

    def title(self) -> str:
        return self.tr("What is in the drives?")

    def explanation(self) -> str:
        return self.tr("The diskette or CD to start or install from. Both can be left empty and changed at any time.")

    def build(self) -> None:
        form = _form(self.body)
        self.floppy = FileField(floppy_images())
        self.floppy.set_placeholder(self.tr("Empty"))
        self.floppy.setAccessibleName(self.tr("Floppy image"))
        add_field(form, self.tr("&Floppy image"), self.floppy, self.problem_place("floppy", field=self.floppy.line))
        self.cdrom = FileField(cd_images())
        self.cdrom.set_placeholder(self.tr("Empty"))
        self.cdrom.setAccessibleName(self.tr("CD image"))
        self._guess = note("")
        problem = self.problem_place("cdrom", field=self.cdrom.line)
        add_field(form, self.tr("&CD image"), self.cdrom, problem, self._guess)
        self.body.addStretch(1)
        self.floppy.edited.connect(self.edited)
        self.cdrom.edited.connect(self.edited)

    def first_field(self) -> QWidget:
        return self.floppy.line

    def fill(self, draft: NewVmDraft) -> None:
        self.floppy.path = draft.floppy
        self.cdrom.path = draft.cdrom

    def store(self, draft: NewVmDraft) -> None:
        draft.floppy, draft.cdrom = self.floppy.path, self.cdrom.path
        found = guess_guest(draft.cdrom) if draft.cdrom is not None else ""
        if not found and draft.floppy is not None:
            found = guess_guest(draft.floppy)
            if preset(found).family == "DOS":
                found = ""  # many a system is installed from a DOS diskette
        if found and found != draft.guest:
            self._guess.setText(
                self.tr("By what is on it this is a medium of {system}; {chosen} was chosen as the guest.").format(
                    system=language.text(preset(found).label), chosen=language.text(preset(draft.guest).label)
                )
            )
        else:
            self._guess.setText("")


class NetworkChoicePage(WizardPage):
    def step(self) -> str:
        return self.tr("Network")

    def title(self) -> str:
        return self.tr("Network")

    def build(self) -> None:
        self.none = QRadioButton(self.tr("No network adapter"))
        self.none.setChecked(True)
        self.body.addWidget(self.none)
        self.body.addSpacing(6)
        self.body.addWidget(
            banner(
                "information",
                self.tr(
                    "This version of Bancada has no network adapters, so there is nothing to choose. To bring files in "
                    "and out, use floppy and CD images."
                ),
            )
        )
        self.body.addStretch(1)

    def first_field(self) -> QWidget:
        return self.none

    def fill(self, draft: NewVmDraft) -> None:
        pass

    def store(self, draft: NewVmDraft) -> None:
        pass


class FinishPage(WizardPage):
    def step(self) -> str:
        return self.tr("Summary")

    def title(self) -> str:
        return self.tr("Ready to make the machine")

    def build(self) -> None:
        card = QFrame()
        theme.set_role(card, "card")
        self._rows = QFormLayout(card)
        self._rows.setContentsMargins(18, 14, 18, 14)
        self._rows.setHorizontalSpacing(24)
        self._rows.setVerticalSpacing(8)
        self.body.addWidget(card)
        self.body.addSpacing(8)
        self.start = QCheckBox(self.tr("&Start the machine when it is made"))
        self.body.addWidget(self.start)
        self._problem = self.problem_place("boot_order", "notes", "cpu_model")
        self.body.addWidget(self._problem)
        self.body.addStretch(1)

    def first_field(self) -> QWidget:
        return self.start

    def fill(self, draft: NewVmDraft) -> None:
        while self._rows.rowCount():
            self._rows.removeRow(0)
        disk = self.tr("none")
        if draft.existing_disk is not None:
            disk = draft.existing_disk.name + (self.tr(" (copied)") if draft.copy_disk else "")
        elif draft.disk_mb:
            disk = self.tr("new, {size}").format(size=memory_text(draft.disk_mb))
        for name, value in (
            (self.tr("Name"), draft.name),
            (self.tr("Guest"), language.text(preset(draft.guest).label)),
            (self.tr("Folder"), str(draft.folder_for(self.library))),
            (self.tr("Memory"), memory_text(draft.memory_mb)),
            (self.tr("Hard disk"), disk),
            (self.tr("Floppy"), draft.floppy.name if draft.floppy else self.tr("empty")),
            (self.tr("CD-ROM"), draft.cdrom.name if draft.cdrom else self.tr("empty")),
            (self.tr("Network"), self.tr("no adapter")),
        ):
            label = QLabel(value)
            label.setWordWrap(True)
            self._rows.addRow(theme.heading(name, "muted"), label)

    def store(self, draft: NewVmDraft) -> None:
        pass


def _form(body: QVBoxLayout) -> QFormLayout:
    form = new_form()
    body.addLayout(form)
    return form


def _inset(widget: QLabel) -> QLabel:
    widget.setIndent(26)
    return widget
