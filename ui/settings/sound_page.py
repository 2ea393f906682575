"""Settings: sound."""

from __future__ import annotations

from PySide6.QtWidgets import QCheckBox

from engine.config import MachineConfig
from ui.settings.page import Page, note


class SoundPage(Page):
    key = "sound"
    icon_name = "sound"

    def title(self) -> str:
        return self.tr("Sound")

    def explanation(self) -> str:
        return self.tr("The PC speaker, played on the host's default audio output.")

    def build(self) -> None:
        self.enabled = QCheckBox(self.tr("&Play the machine's sound"))
        self.enabled.toggled.connect(self.edited)
        self.body.addWidget(self.enabled)
        self.body.addWidget(
            note(self.tr("Sound can be muted at any time with the loudspeaker at the bottom of the window."))
        )

    def fill(self, config: MachineConfig) -> None:
        self.enabled.setChecked(config.sound)

    def store(self, config: MachineConfig) -> MachineConfig:
        return config.replace(sound=self.enabled.isChecked())
