"""The preferences: look, input, questions, screen, sound, new machines."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.preferences import Preferences, choices
from ui import theme
from ui.console.release_keys import release_keys
from ui.settings.file_field import FileField
from ui.settings.page import add_field, new_form


class PreferencesDialog(QDialog):
    """Edits a copy; ``store`` writes it into the preferences when OK was pressed."""

    def __init__(self, preferences: Preferences, machines_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._usual_folder = machines_folder
        self.setWindowTitle(self.tr("Preferences"))
        self.setMinimumWidth(560)
        self.form = new_form()
        self._section(self.tr("LOOK"))
        self.theme = self._choice(
            self.tr("&Theme"),
            "theme",
            {"system": self.tr("As the system"), "light": self.tr("Light"), "dark": self.tr("Dark")},
        )
        self.figures = self._tick(self.tr("Show live &figures beside the screen"), preferences.show_figures)
        self._section(self.tr("SCREEN"))
        self.scaling = self._choice(
            self.tr("&Scaling"),
            "scaling",
            {
                "fit": self.tr("As large as fits"),
                "none": self.tr("Pixel for pixel"),
                "integer": self.tr("Whole multiples, sharp"),
                "stretch": self.tr("Stretched to the window"),
            },
        )
        self.smooth = self._tick(self.tr("S&mooth edges when scaled"), preferences.smooth_scaling)
        self._section(self.tr("KEYBOARD AND MOUSE"))
        self.click_grabs = self._tick(self.tr("A &click grabs keyboard and mouse"), preferences.grab_on_click)
        self.release_keys = self._choice(
            self.tr("&Given back by"),
            "release_keys",
            {name: release_keys(name).label for name in choices("release_keys")},
        )
        self.release_keys.setToolTip(
            self.tr("Pressed alone they give keyboard and mouse back; with Enter they switch full screen on and off.")
        )
        self.layout_ = self._choice(
            self.tr("&Layout for pasted text"),
            "keyboard_layout",
            {
                "auto": self.tr("As this computer's keyboard"),
                "us": self.tr("English (US)"),
                "br": self.tr("Portuguese (Brazil, ABNT2)"),
            },
        )
        self.layout_.setToolTip(self.tr("The layout that the guest's system is set to."))
        self._section(self.tr("SOUND"))
        self.sound = self._tick(self.tr("&Play the guests' sound"), preferences.sound)
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.volume.setRange(0, 100)
        self.volume.setValue(preferences.volume)
        self.volume.setAccessibleName(self.tr("Volume"))
        self.volume.setEnabled(preferences.sound)
        self.sound.toggled.connect(self.volume.setEnabled)
        self.form.addRow(self.tr("&Volume"), self.volume)
        self._section(self.tr("QUESTIONS"))
        self.ask_power_off = self._tick(self.tr("Ask before powering &off"), preferences.confirm_power_off)
        self.ask_reset = self._tick(self.tr("Ask before a &reset"), preferences.confirm_reset)
        self.close_action = self._choice(
            self.tr("Closing a &running tab"),
            "close_action",
            {
                "ask": self.tr("Asks"),
                "background": self.tr("Keeps the machine running"),
                "power_off": self.tr("Powers the machine off"),
            },
        )
        self._section(self.tr("NEW MACHINES"))
        self.folder = FileField(folders=True)
        self.folder.setAccessibleName(self.tr("Folder for new machines"))
        self.folder.set_placeholder(str(machines_folder))
        self.folder.path = Path(preferences.machines_folder) if preferences.machines_folder else None
        add_field(self.form, self.tr("Fol&der"), self.folder)
        self.accelerator = self._choice(
            self.tr("R&un by"),
            "accelerator",
            {
                "auto": self.tr("Automatic"),
                "kvm": self.tr("KVM"),
                "translator": self.tr("Translator"),
                "interpreter": self.tr("Interpreter"),
            },
        )
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        theme.set_role(self._problem, "problem")
        self._problem.hide()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.ok: QPushButton = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        theme.set_role(self.ok, "primary")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.folder.edited.connect(self._check)
        column = QVBoxLayout(self)
        column.setContentsMargins(26, 18, 26, 16)
        column.setSpacing(8)
        column.addLayout(self.form)
        column.addWidget(self._problem)
        foot = QHBoxLayout()
        foot.addWidget(self.buttons)
        column.addLayout(foot)

    def store(self, preferences: Preferences) -> None:
        """Writes what was chosen into the preferences."""
        preferences.theme = self.theme.currentData()
        preferences.show_figures = self.figures.isChecked()
        preferences.scaling = self.scaling.currentData()
        preferences.smooth_scaling = self.smooth.isChecked()
        preferences.grab_on_click = self.click_grabs.isChecked()
        preferences.release_keys = self.release_keys.currentData()
        preferences.keyboard_layout = self.layout_.currentData()
        preferences.sound = self.sound.isChecked()
        preferences.volume = self.volume.value()
        preferences.confirm_power_off = self.ask_power_off.isChecked()
        preferences.confirm_reset = self.ask_reset.isChecked()
        preferences.close_action = self.close_action.currentData()
        preferences.machines_folder = str(self.folder.path) if self.folder.path else ""
        preferences.accelerator = self.accelerator.currentData()

    def _section(self, text: str) -> None:
        head = theme.heading(text, "section")
        head.setContentsMargins(0, 10 if self.form.rowCount() else 0, 0, 2)
        self.form.addRow(head)

    def _choice(self, label: str, name: str, labels: dict[str, str]) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(label.replace("&", ""))
        for value in choices(name):
            box.addItem(labels.get(value, value), value)
        box.setCurrentIndex(max(0, box.findData(getattr(self._preferences, name))))
        add_field(self.form, label, box)
        return box

    def _tick(self, text: str, on: bool) -> QCheckBox:
        box = QCheckBox(text)
        box.setChecked(on)
        self.form.addRow("", box)
        return box

    def _check(self) -> None:
        folder = self.folder.path
        wrong = folder is not None and folder.exists() and not folder.is_dir()
        self._problem.setText(self.tr("{path} is a file, not a folder.").format(path=folder) if wrong else "")
        self._problem.setVisible(wrong)
        self.ok.setEnabled(not wrong)
