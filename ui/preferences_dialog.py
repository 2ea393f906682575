"""The preferences: look, screen, input, sound, questions, new machines; a page each."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.preferences import Preferences, choices
from ui import theme
from ui.console.release_keys import release_keys
from ui.settings.file_field import FileField
from ui.settings.page import add_field, new_form, note


class PreferencesDialog(QDialog):
    """Edits a copy; ``store`` writes it into the preferences when OK was pressed."""

    def __init__(self, preferences: Preferences, machines_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self.ask_all_again = False
        self.setWindowTitle(self.tr("Preferences"))
        self.resize(800, 460)
        self.setMinimumSize(700, 420)
        self.list = QListWidget()
        theme.set_role(self.list, "pages")
        self.list.setFixedWidth(210)
        self.list.setIconSize(QSize(22, 22))
        self.list.setAccessibleName(self.tr("Pages"))
        self.stack = QStackedWidget()
        theme.set_role(self.stack, "surface")
        self._form: QFormLayout = new_form()  # of the page being made
        self._look()
        self._screen()
        self._input()
        self._sound()
        self._questions()
        self._new_machines(machines_folder)
        self.list.currentRowChanged.connect(self.stack.setCurrentIndex)
        self.list.setCurrentRow(0)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.ok: QPushButton = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        theme.set_role(self.ok, "primary")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        middle = QHBoxLayout()
        middle.setSpacing(0)
        middle.addWidget(self.list)
        middle.addWidget(self.stack, 1)
        line = QWidget()
        theme.set_role(line, "line")
        line.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        line.setFixedHeight(1)
        foot = QHBoxLayout()
        foot.setContentsMargins(18, 10, 18, 14)
        foot.addWidget(self.buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(line)
        column.addLayout(foot)
        self.ok.setDefault(True)  # only a button that is in the dialog keeps a Browse button from being taken

    def store(self, preferences: Preferences) -> None:
        """Writes what was chosen into the preferences."""
        preferences.theme = self.theme.currentData()
        preferences.language = self.language.currentData()
        preferences.thumbnails = self.thumbnails.isChecked()
        preferences.show_figures = self.figures.isChecked()
        preferences.scaling = self.scaling.currentData()
        preferences.smooth_scaling = self.smooth.isChecked()
        preferences.grab_on_click = self.click_grabs.isChecked()
        preferences.release_keys = self.release_keys.currentData()
        preferences.keyboard_layout = self.text_layout.currentData()
        preferences.sound = self.sound.isChecked()
        preferences.volume = self.volume.value()
        preferences.confirm_power_off = self.ask_power_off.isChecked()
        preferences.confirm_reset = self.ask_reset.isChecked()
        preferences.close_action = self.close_action.currentData()
        preferences.quit_action = self.quit_action.currentData()
        preferences.notifications = self.notifications.isChecked()
        preferences.machines_folder = str(self.folder.path) if self.folder.path else ""
        preferences.accelerator = self.accelerator.currentData()

    # -- Pages -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._page("display", self.tr("Look"))
        self.theme = self._choice(
            self.tr("&Theme"),
            "theme",
            {"system": self.tr("As the system"), "light": self.tr("Light"), "dark": self.tr("Dark")},
        )
        self.language = self._choice(
            self.tr("&Language"),
            "language",
            {"auto": self.tr("As the system"), "en": "English", "pt_BR": "Português (Brasil)"},
            note(self.tr("Used from the next start on.")),
        )
        self.thumbnails = self._tick(self.tr("Small live &pictures in the library"), self._preferences.thumbnails)
        self.figures = self._tick(self.tr("Show live &figures beside the screen"), self._preferences.show_figures)

    def _screen(self) -> None:
        self._page("scaling", self.tr("Screen"))
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
        self.smooth = self._tick(self.tr("S&mooth edges when scaled"), self._preferences.smooth_scaling)

    def _input(self) -> None:
        self._page("keyboard", self.tr("Keyboard and mouse"))
        self.click_grabs = self._tick(
            self.tr("A &click gives keyboard and mouse to the guest"), self._preferences.grab_on_click
        )
        self.release_keys = self._choice(
            self.tr("&Release keys"),
            "release_keys",
            {name: release_keys(name).label for name in choices("release_keys")},
            note(self.tr("Alone they give keyboard and mouse back; with Enter, full screen on and off.")),
        )
        self.text_layout = self._choice(
            self.tr("&Pasted text"),
            "keyboard_layout",
            {
                "auto": self.tr("As this computer's keyboard"),
                "us": self.tr("English (US)"),
                "br": self.tr("Portuguese (Brazil, ABNT2)"),
            },
            note(self.tr("The keyboard layout that the guest's system is set to.")),
        )

    def _sound(self) -> None:
        self._page("sound", self.tr("Sound"))
        self.sound = self._tick(self.tr("Pla&y the guests' sound"), self._preferences.sound)
        self.volume = QSlider(Qt.Orientation.Horizontal)
        self.volume.setRange(0, 100)
        self.volume.setValue(self._preferences.volume)
        self.volume.setAccessibleName(self.tr("Volume"))
        self.volume.setEnabled(self._preferences.sound)
        self.sound.toggled.connect(self.volume.setEnabled)
        add_field(self._form, self.tr("&Volume"), self.volume)

    def _questions(self) -> None:
        self._page("question", self.tr("Questions"))
        self.ask_power_off = self._tick(self.tr("Ask before powering &off"), self._preferences.confirm_power_off)
        self.ask_reset = self._tick(self.tr("Ask before a r&eset"), self._preferences.confirm_reset)
        self.close_action = self._choice(
            self.tr("C&losing a running tab"),
            "close_action",
            {
                "ask": self.tr("Asks"),
                "background": self.tr("Keeps the machine running"),
                "pause": self.tr("Pauses the machine"),
                "shut_down": self.tr("Shuts the guest down"),
                "power_off": self.tr("Powers the machine off"),
            },
        )
        self.quit_action = self._choice(
            self.tr("Closing the &window"),
            "quit_action",
            {
                "ask": self.tr("Asks while guests run"),
                "in_tray": self.tr("Keeps running in the background"),
                "shut_down": self.tr("Shuts the guests down"),
                "power_off": self.tr("Powers the guests off"),
            },
        )
        self.notifications = self._tick(self.tr("&Tell when a guest stops"), self._preferences.notifications)
        self.ask_all = QPushButton(self.tr("&Ask everything again"))
        self.ask_all.setToolTip(self.tr("Forgets every “Do not ask again”"))
        self.ask_all.setAutoDefault(False)
        self.ask_all.clicked.connect(self._ask_all_again)
        row = QHBoxLayout()
        row.addWidget(self.ask_all)
        row.addStretch(1)
        self._form.addRow("", row)

    def _new_machines(self, machines_folder: Path) -> None:
        self._page("new", self.tr("New machines"))
        self.folder = FileField(folders=True)
        self.folder.setAccessibleName(self.tr("Folder for new machines"))
        self.folder.set_placeholder(str(machines_folder))
        chosen = self._preferences.machines_folder
        self.folder.path = Path(chosen) if chosen else None
        self._problem = QLabel()
        self._problem.setWordWrap(True)
        theme.set_role(self._problem, "problem")
        self._problem.hide()
        add_field(self._form, self.tr("Fol&der"), self.folder, self._problem)
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
        self.folder.edited.connect(self._check)

    # -- Parts of a page -------------------------------------------------------------------------------------

    def _page(self, icon_name: str, title: str) -> None:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(26, 20, 26, 16)
        column.setSpacing(14)
        column.addWidget(theme.heading(title))
        self._form = new_form()
        column.addLayout(self._form)
        column.addStretch(1)
        self.stack.addWidget(page)
        self.list.addItem(QListWidgetItem(theme.icon(icon_name), title))

    def _choice(self, label: str, name: str, labels: dict[str, str], *below: QWidget) -> QComboBox:
        box = QComboBox()
        box.setAccessibleName(label.replace("&", ""))
        for value in choices(name):
            box.addItem(labels.get(value, value), value)
        box.setCurrentIndex(max(0, box.findData(getattr(self._preferences, name))))
        add_field(self._form, label, box, *below)
        return box

    def _tick(self, text: str, on: bool) -> QCheckBox:
        box = QCheckBox(text)
        box.setChecked(on)
        self._form.addRow("", box)
        return box

    # -- Reactions -------------------------------------------------------------------------------------------

    def _ask_all_again(self) -> None:
        self.ask_all_again = True
        self.ask_power_off.setChecked(True)
        self.ask_reset.setChecked(True)
        self.close_action.setCurrentIndex(self.close_action.findData("ask"))
        self.ask_all.setEnabled(False)

    def _check(self) -> None:
        folder = self.folder.path
        wrong = folder is not None and folder.exists() and not folder.is_dir()
        self._problem.setText(self.tr("{path} is a file, not a folder.").format(path=folder) if wrong else "")
        self._problem.setVisible(wrong)
        self.ok.setEnabled(not wrong)
