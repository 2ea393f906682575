"""Settings: which processor the guest sees, what runs it, and whose time it keeps."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QComboBox

from engine.config import ACCELERATORS, CLOCKS, CPU_MODELS, MachineConfig
from ui.settings.page import Page, add_field, note


class ProcessorPage(Page):
    key = "processor"
    icon_name = "processor"

    def title(self) -> str:
        return self.tr("Processor")

    def explanation(self) -> str:
        return self.tr("The processor the guest sees. Old software is happiest with one of its own time.")

    def build(self) -> None:
        form = self.form()
        self.model = _combo(self.tr("Processor model"), CPU_MODELS, model_names())
        add_field(form, self.tr("&Model"), self.model, self.problem_place("cpu_model", self.model))
        self.accelerator = _combo(self.tr("What runs the guest's code"), ACCELERATORS, self._accelerator_names())
        self._accelerator_note = note("")
        problem = self.problem_place("accelerator", self.accelerator)
        add_field(form, self.tr("&Run by"), self.accelerator, problem, self._accelerator_note)
        self.clock = _combo(self.tr("Guest time"), CLOCKS, self._clock_names())
        self._clock_note = note("")
        add_field(form, self.tr("&Time"), self.clock, self.problem_place("clock", self.clock), self._clock_note)
        for combo in (self.model, self.accelerator, self.clock):
            combo.currentIndexChanged.connect(self._chosen)

    def set_running(self, running: bool) -> None:
        """What runs the guest can be exchanged while it runs; what the guest sees cannot."""
        self.model.setEnabled(not running)
        self.clock.setEnabled(not running)
        self.show_notice(
            self.tr("The machine is running: what runs it can be exchanged, its processor cannot.") if running else ""
        )

    def fill(self, config: MachineConfig) -> None:
        for combo, value in (
            (self.model, config.cpu_model),
            (self.accelerator, config.accelerator),
            (self.clock, config.clock),
        ):
            combo.setCurrentIndex(max(0, combo.findData(value)))
        self._explain()

    def store(self, config: MachineConfig) -> MachineConfig:
        return config.replace(
            cpu_model=self.model.currentData(),
            accelerator=self.accelerator.currentData(),
            clock=self.clock.currentData(),
        )

    def _chosen(self) -> None:
        self._explain()
        self.edited()

    def _explain(self) -> None:
        self._accelerator_note.setText(
            {
                "auto": self.tr("The fastest way that this host offers and that suits the guest."),
                "kvm": self.tr("The host's own virtualization. Needs a Linux host with /dev/kvm open to you."),
                "translator": self.tr("Guest code is translated to host code as it runs. Needs no driver."),
                "interpreter": self.tr("One instruction after the other: the slowest and most exact way."),
            }.get(self.accelerator.currentData(), "")
        )
        self._clock_note.setText(
            {
                "realtime": self.tr("The guest's clock goes with the host's."),
                "instructions": self.tr(
                    "Guest time follows the instructions executed, so that a run repeats exactly. For tests and "
                    "debugging; sound and clocks are not in step with the world."
                ),
            }.get(self.clock.currentData(), "")
        )

    def _accelerator_names(self) -> dict[str, str]:
        return {
            "auto": self.tr("Automatic"),
            "kvm": self.tr("KVM"),
            "translator": self.tr("Translator"),
            "interpreter": self.tr("Interpreter"),
        }

    def _clock_names(self) -> dict[str, str]:
        return {"realtime": self.tr("Real time"), "instructions": self.tr("Counted instructions (repeatable)")}


def model_names() -> dict[str, str]:
    """What people call the processor models."""
    return {
        "386": "Intel 386",
        "486": "Intel 486",
        "pentium": "Intel Pentium",
        "pentium-pro": "Intel Pentium Pro",
        "pentium-ii": "Intel Pentium II",
        "pentium-iii": "Intel Pentium III",
        "pentium-4": "Intel Pentium 4",
        "host-like": QCoreApplication.translate("ProcessorPage", "Like this computer's processor"),
    }


def _combo(name: str, values: tuple[str, ...], labels: dict[str, str]) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    for value in values:
        combo.addItem(labels.get(value, value), value)
    return combo
