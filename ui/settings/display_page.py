"""Settings: the display adapter."""

from __future__ import annotations

from engine.config import MachineConfig
from ui import theme
from ui.settings.page import Page, add_field, note


class DisplayPage(Page):
    key = "display"
    icon_name = "display"

    def title(self) -> str:
        return self.tr("Display")

    def explanation(self) -> str:
        return self.tr("A VGA with VESA modes. More video memory makes larger and more colourful modes possible.")

    def build(self) -> None:
        form = self.form()
        self.video_memory = theme.spin_box()
        self.video_memory.setRange(0, 99_999)
        self.video_memory.setSuffix(self.tr(" MB"))
        self.video_memory.setAccessibleName(self.tr("Video memory in megabytes"))
        self.video_memory.valueChanged.connect(self._changed)
        self._reach = note("")
        problem = self.problem_place("video_memory_mb", self.video_memory)
        add_field(form, self.tr("&Video memory"), self.video_memory, problem, self._reach)
        self.body.addWidget(note(self.tr("How the picture is scaled to the window is chosen in the View menu.")))

    def fill(self, config: MachineConfig) -> None:
        self.video_memory.setValue(config.video_memory_mb)
        self._explain()

    def store(self, config: MachineConfig) -> MachineConfig:
        return config.replace(video_memory_mb=self.video_memory.value())

    def _changed(self) -> None:
        self._explain()
        self.edited()

    def _explain(self) -> None:
        room = self.video_memory.value() << 20
        modes = [(1280, 1024), (1024, 768), (800, 600), (640, 480)]
        largest = next((mode for mode in modes if mode[0] * mode[1] * 4 <= room), None)
        if largest is None:
            self._reach.setText(self.tr("Enough for 640 × 480 with 256 colours."))
        else:
            self._reach.setText(
                self.tr("Enough for {width} × {height} in true colour.").format(width=largest[0], height=largest[1])
            )
