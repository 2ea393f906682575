"""Settings: network. The machine has no adapter yet, and the page says so."""

from __future__ import annotations

from engine.config import MachineConfig
from ui.settings.page import Page, banner, note


class NetworkPage(Page):
    key = "network"
    icon_name = "network"

    def title(self) -> str:
        return self.tr("Network")

    def build(self) -> None:
        self.body.addWidget(banner("information", no_adapters_text(self)))
        self.body.addWidget(note(self.tr("To bring files in and out, use floppy and CD images.")))

    def fill(self, config: MachineConfig) -> None:
        pass

    def store(self, config: MachineConfig) -> MachineConfig:
        return config


def no_adapters_text(page: Page) -> str:
    return page.tr("This version of Bancada has no network adapters. The machine runs without a network.")
