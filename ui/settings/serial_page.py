"""Settings: what the serial ports and the printer port are connected to."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QFrame, QVBoxLayout

from engine.config import MAX_SERIAL_PORTS, MachineConfig, SerialConfig
from engine.errors import Problem
from ui import theme
from ui.settings.file_field import FileField
from ui.settings.page import Page, add_field, new_form, note

_OFFERED = ("none", "memory", "file", "tcp", "unix", "pty")


class SerialPage(Page):
    key = "serial"
    icon_name = "serial"

    def title(self) -> str:
        return self.tr("Ports")

    def explanation(self) -> str:
        return self.tr(
            "COM1 to COM4, 16550A with FIFO: each can write to a file or talk to another program. LPT1 has a printer "
            "that prints into a file."
        )

    def build(self) -> None:
        self.ports = [_PortFields(self, index) for index in range(MAX_SERIAL_PORTS)]
        self.body.addWidget(self.problem_place("serial"))
        card = QFrame()
        theme.set_role(card, "card")
        form = new_form()
        column = QVBoxLayout(card)
        column.setContentsMargins(16, 12, 16, 12)
        column.addLayout(form)
        self.printer = FileField(saving=True)
        self.printer.set_placeholder(self.tr("No printer"))
        self.printer.setAccessibleName(self.tr("File for the printer at LPT1"))
        hint = note(self.tr("What programs print is appended as the bytes they send, for a printer of their time."))
        add_field(form, "LPT1", self.printer, self.problem_place("printer", self.printer.line), hint)
        self.body.addWidget(card)
        self.printer.edited.connect(self.edited)

    def fill(self, config: MachineConfig) -> None:
        self.printer.path = config.printer
        for index, fields in enumerate(self.ports):
            fields.fill(config.serial[index] if index < len(config.serial) else SerialConfig("none"))

    def store(self, config: MachineConfig) -> MachineConfig:
        ports = [fields.value() for fields in self.ports]
        while ports and ports[-1].kind == "none":
            ports.pop()
        return config.replace(serial=tuple(ports), printer=self.printer.path)

    def own_problems(self) -> list[Problem]:
        folder = self.printer.path.parent if self.printer.path else None
        if folder is not None and folder.is_absolute() and not folder.is_dir():
            return [Problem("printer", self.tr("There is no folder {folder}.").format(folder=folder))]
        return []


class _PortFields(QFrame):
    def __init__(self, page: SerialPage, index: int) -> None:
        super().__init__()
        self._page = page
        theme.set_role(self, "card")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        form = new_form()
        column.addLayout(form)
        port = f"COM{index + 1}"
        self.kind = QComboBox()
        self.kind.setAccessibleName(page.tr("{port} is connected to").format(port=port))
        names = {
            "none": page.tr("Not fitted"),
            "memory": page.tr("Nothing (kept for scripts)"),
            "file": page.tr("A file that receives the output"),
            "tcp": page.tr("A TCP connection"),
            "unix": page.tr("A Unix socket"),
            "pty": page.tr("A pseudo-terminal of the host"),
            "stdio": page.tr("The terminal Bancada was started from"),
        }
        for kind in (*_OFFERED, "stdio"):
            self.kind.addItem(names[kind], kind)
        self.target = FileField(saving=True)
        self.target.setAccessibleName(page.tr("Target of {port}").format(port=port))
        self.hint = note("")
        problem = page.problem_place(f"serial[{index}]", self.target.line)
        add_field(form, port, self.kind, self.target, problem, self.hint)
        page.body.addWidget(self)
        self.kind.currentIndexChanged.connect(self._kind_chosen)
        self.kind.currentIndexChanged.connect(page.edited)
        self.target.edited.connect(page.edited)

    def fill(self, port: SerialConfig) -> None:
        self.kind.setCurrentIndex(max(0, self.kind.findData(port.kind)))
        self.target.line.setText(port.target)
        self._kind_chosen()

    def value(self) -> SerialConfig:
        kind = self.kind.currentData()
        return SerialConfig(kind, self.target.line.text().strip() if self._wants_target(kind) else "")

    @staticmethod
    def _wants_target(kind: str) -> bool:
        return kind in ("file", "tcp", "unix")

    def _kind_chosen(self) -> None:
        kind = self.kind.currentData()
        self.target.setVisible(self._wants_target(kind))
        self.target.button.setVisible(kind != "tcp")
        page = self._page
        hint = {
            "tcp": page.tr("HOST:PORT connects to a program that listens, :PORT waits for one to connect."),
            "unix": page.tr("Path of a socket that a program listens on."),
            "pty": page.tr("The name of the terminal is shown when the machine starts."),
        }.get(kind, "")
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
