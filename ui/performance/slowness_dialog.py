""" "Why is this slow?": the causes that were found, and what each remedy gains."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.slowness import Cause, Evidence, Finding, evidence, findings
from app.speed_comparison import translator_gain
from ui import theme
from ui.background import Background
from ui.performance.speed_light import accelerator_name
from ui.vm_session import VmSession

_WIDTH: Final = 560


class SlownessDialog(QDialog):
    settings_wanted = Signal(str)  # page
    accelerator_wanted = Signal(str)

    def __init__(self, session: VmSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Why is this slow?"))
        self.setFixedWidth(_WIDTH)
        self._measuring = Background("measuring", self)
        seen = evidence(session.runner, session.history.last)
        found = findings(seen)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(theme.heading(self._headline(session, seen, found), "big"))
        column.addWidget(_words(self._state(seen)))
        for finding in found:
            column.addWidget(self._card(finding))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)

    def _headline(self, session: VmSession, seen: Evidence, found: list[Finding]) -> str:
        if found:
            return self.tr("What slows “{name}” down").format(name=session.name)
        if seen.keeps_up:
            return self.tr("“{name}” keeps up: nothing slows it down").format(name=session.name)
        return self.tr("“{name}” uses all that one core of this computer gives").format(name=session.name)

    def _state(self, seen: Evidence) -> str:
        number = self.locale().toString
        return self.tr(
            "Run by: {name}. The guest's clock goes at {time} % of real time, and the machine takes {core} % of a core."
        ).format(
            name=accelerator_name(seen.accelerator),
            time=number(min(seen.time_share, 1.0) * 100, "f", 0),
            core=number(seen.core_share * 100, "f", 0),
        )

    def _card(self, finding: Finding) -> QFrame:
        headline, text = self._texts(finding)
        card = QFrame()
        theme.set_role(card, "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(14, 10, 14, 10)
        column.addWidget(theme.heading(headline, "subtitle"))
        column.addWidget(_words(text))
        row = QHBoxLayout()
        row.addStretch(1)
        if finding.cause is Cause.INTERPRETER_CHOSEN:
            measure = QPushButton(self.tr("&Measure the gain"))
            measure.setAutoDefault(False)
            measure.clicked.connect(lambda: self._measure(measure, column))
            use = QPushButton(self.tr("&Use the translator now"))
            use.setAutoDefault(False)
            use.clicked.connect(lambda: self.accelerator_wanted.emit("translator"))
            use.clicked.connect(self.accept)
            row.addWidget(measure)
            row.addWidget(use)
        page = {
            Cause.COUNTED_TIME: "processor",
            Cause.MEMORY_OVERCOMMITTED: "memory",
            Cause.SWAPPING: "memory",
        }.get(finding.cause)
        if page is not None:
            settings = QPushButton(self.tr("&Settings…"))
            settings.setAutoDefault(False)
            settings.clicked.connect(self.accept)
            settings.clicked.connect(lambda: self.settings_wanted.emit(page))
            row.addWidget(settings)
        if row.count() > 1:
            column.addLayout(row)
        return card

    def _texts(self, finding: Finding) -> tuple[str, str]:
        number = self.locale().toString
        share = number((finding.share or 0.0) * 100, "f", 0)
        texts = {
            Cause.INTERPRETER_CHOSEN: (
                self.tr("The interpreter is chosen"),
                self.tr(
                    "It carries out one instruction after the other. The translator does the same several times as fast."
                ),
            ),
            Cause.NO_TRANSLATOR: (
                self.tr("This computer cannot run the translator"),
                self.tr("It needs Linux on an x86-64 processor with BMI2 (Intel since 2013, AMD since 2015)."),
            ),
            Cause.COUNTED_TIME: (
                self.tr("Guest time follows the instructions"),
                self.tr(
                    "The machine repeats itself exactly, at a pace of its own. With real time it is as fast as it can be."
                ),
            ),
            Cause.HOST_BUSY: (
                self.tr("Other programs take the processor"),
                self.tr(
                    "{load} programs want each core of this computer. Closing some gives the machine up to {share} % of "
                    "a core more."
                ).format(load=number(finding.value, "f", 1), share=share),
            ),
            Cause.BUSY_DEVICE: (
                self.tr("The guest talks to “{device}” all the time").format(device=finding.device),
                self.tr(
                    "{rate} accesses a second cost about {share} % of a core. A driver for faster hardware, or another "
                    "video mode, may need fewer."
                ).format(rate=number(round(finding.value)), share=share),
            ),
            Cause.MEMORY_OVERCOMMITTED: (
                self.tr("The machines that are on want more memory than there is"),
                self.tr("They want {value} MB more than this computer has. Stop one, or give them less.").format(
                    value=number(round(finding.value))
                ),
            ),
            Cause.SWAPPING: (
                self.tr("Memory of the machines lies in the host's swap"),
                self.tr("{value} MB have to be fetched from the disk when they are used. Close other programs.").format(
                    value=number(round(finding.value))
                ),
            ),
            Cause.DEBUG_PORT: (
                self.tr("The debug port is recorded"),
                self.tr(
                    "Everything the guest writes to port E9h goes into a file. Without it, nothing is slowed down by it."
                ),
            ),
        }
        return texts[finding.cause]

    def _measure(self, button: QPushButton, column: QVBoxLayout) -> None:
        button.setEnabled(False)
        button.setText(self.tr("Measuring…"))

        def measured(gain: float | None, error: BaseException | None) -> None:
            button.hide()
            if error is not None or gain is None:
                text = self.tr("It could not be measured: {reason}").format(reason=error)
            else:
                text = self.tr("Measured on this computer just now: {gain} times as fast.").format(
                    gain=self.locale().toString(gain, "f", 1)
                )
            column.insertWidget(2, _words(text))

        self._measuring.run(translator_gain, measured)


def _words(text: str) -> QWidget:
    words = theme.heading(text, "muted")
    words.setWordWrap(True)
    return words
