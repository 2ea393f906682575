"""Settings: the machine's name, its clock at power-on, and the debug console."""

from __future__ import annotations

import datetime

from PySide6.QtCore import QDateTime
from PySide6.QtWidgets import QCheckBox, QDateTimeEdit, QLineEdit

from engine.config import MachineConfig
from engine.errors import Problem
from ui.settings.file_field import FileField
from ui.settings.page import Page, add_field, note


class OptionsPage(Page):
    key = "options"
    icon_name = "options"

    def title(self) -> str:
        return self.tr("Options")

    def build(self) -> None:
        form = self.form()
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the machine"))
        self.name.textChanged.connect(self.edited)
        add_field(form, self.tr("&Name"), self.name, self.problem_place("name", self.name))
        self.own_start = QCheckBox(self.tr("Start the machine's clock at a time of its own"))
        self.start = QDateTimeEdit()
        self.start.setCalendarPopup(True)
        self.start.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        self.start.setAccessibleName(self.tr("Time at power-on"))
        add_field(
            form,
            self.tr("&Clock"),
            self.own_start,
            self.start,
            self.problem_place("start_time", self.start),
            note(self.tr("Otherwise the clock starts at the host's local time.")),
        )
        self.debug_port = FileField(saving=True)
        self.debug_port.set_placeholder(self.tr("Off"))
        self.debug_port.setAccessibleName(self.tr("File for the debug console"))
        add_field(
            form,
            self.tr("&Debug console"),
            self.debug_port,
            self.problem_place("debug_port", self.debug_port.line),
            note(self.tr("What the guest writes to port E9h is appended to this file.")),
        )
        self.own_start.toggled.connect(self.start.setEnabled)
        self.own_start.toggled.connect(self.edited)
        self.start.dateTimeChanged.connect(self.edited)
        self.debug_port.edited.connect(self.edited)

    def fill(self, config: MachineConfig) -> None:
        self.name.setText(config.name)
        self.own_start.setChecked(bool(config.start_time))
        self.start.setEnabled(bool(config.start_time))
        moment = QDateTime.currentDateTime()
        if config.start_time:
            try:
                moment = QDateTime(datetime.datetime.fromisoformat(config.start_time))  # type: ignore[call-overload]
            except ValueError:
                moment = QDateTime.currentDateTime()
        self.start.setDateTime(moment)
        self.debug_port.path = config.debug_port

    def store(self, config: MachineConfig) -> MachineConfig:
        start = self.start.dateTime().toString("yyyy-MM-ddTHH:mm:ss") if self.own_start.isChecked() else ""
        return config.replace(name=self.name.text().strip(), start_time=start, debug_port=self.debug_port.path)

    def own_problems(self) -> list[Problem]:
        folder = self.debug_port.path.parent if self.debug_port.path else None
        if folder is not None and not folder.is_dir():
            return [Problem("debug_port", self.tr("There is no folder {folder}.").format(folder=folder))]
        return []
