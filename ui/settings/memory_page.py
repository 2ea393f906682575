"""Settings: how much memory the PC has."""

from __future__ import annotations

from engine.config import MachineConfig
from ui.settings.memory_field import MemoryField
from ui.settings.page import Page, note


class MemoryPage(Page):
    key = "memory"
    icon_name = "memory"

    def title(self) -> str:
        return self.tr("Memory")

    def explanation(self) -> str:
        return self.tr(
            "The memory the guest sees as its own. It is taken from the host while the machine runs, page by page as "
            "the guest uses it."
        )

    def build(self) -> None:
        self.field = MemoryField()
        self.field.edited.connect(self.edited)
        self.body.addWidget(self.field)
        self.body.addWidget(self.problem_place("memory_mb", self.field.spin))
        self.body.addWidget(
            note(
                self.tr("DOS is at home in 16 MB, Windows 95 in 64 MB, Windows 98 in 256 MB, a small Linux in 512 MB.")
            )
        )

    def fill(self, config: MachineConfig) -> None:
        self.field.megabytes = config.memory_mb

    def store(self, config: MachineConfig) -> MachineConfig:
        return config.replace(memory_mb=self.field.megabytes)
