"""A machine's insides while it stands: code, registers, memory, tables, devices; go, stop, step, break."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import QLabel, QMainWindow, QSplitter, QTabWidget, QToolBar, QWidget

from engine.debug.debugger import Debugger
from engine.events import PowerState
from ui import theme
from ui.inspector.code_view import CodeView
from ui.inspector.devices_view import DevicesView
from ui.inspector.memory_view import MemoryView
from ui.inspector.register_view import RegisterView
from ui.inspector.tables_view import TablesView
from ui.vm_session import VmSession


class InspectorWindow(QMainWindow):
    """Of one machine. Closing it takes its breakpoints away; the machine stays as it is."""

    def __init__(self, session: VmSession, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._session = session
        self._debugger: Debugger | None = None
        self.setWindowTitle(self.tr("Inspector: {name}").format(name=session.name))
        self.resize(1040, 640)
        self.code = CodeView()
        self.registers = RegisterView()
        self.memory = MemoryView()
        self.tables = TablesView()
        self.devices = DevicesView()
        processor = QSplitter(Qt.Orientation.Horizontal)
        processor.addWidget(self.code)
        processor.addWidget(self.registers)
        processor.setSizes([640, 400])
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        for page, title in (
            (processor, self.tr("Processor")),
            (self.memory, self.tr("Memory")),
            (self.tables, self.tr("Tables")),
            (self.devices, self.tr("Devices")),
        ):
            self.tabs.addTab(page, title)
        self.setCentralWidget(self.tabs)
        self.state = QLabel()
        self.state.setAccessibleName(self.tr("State"))
        self.statusBar().addWidget(self.state, 1)
        self._make_toolbar()
        session.power_changed.connect(self.refresh)
        self.refresh()

    def _make_toolbar(self) -> None:
        bar = QToolBar(self.tr("Toolbar"))
        bar.setMovable(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.addToolBar(bar)

        def add(text: str, key: str, icon_name: str, slot: Callable[[], None]) -> QAction:
            action = QAction(text, self)
            if icon_name:
                theme.set_icon(action, icon_name)
            action.setShortcut(QKeySequence(key))
            action.setToolTip(f"{text} ({key})")
            action.triggered.connect(slot)
            bar.addAction(action)
            return action

        self.go = add(self.tr("Go on"), "F5", "start", self._go)
        self.stop = add(self.tr("Stop"), "F6", "pause", self._stop)
        self.step = add(self.tr("Step"), "F11", "down", self._step)
        self.step_over = add(self.tr("Step over"), "F10", "right", self._step_over)
        self.run_to = add(self.tr("Run to the chosen line"), "F4", "exit", self._run_to)
        self.toggle = add(self.tr("Breakpoint"), "F9", "recording", self._toggle)

    # -- Shown -----------------------------------------------------------------------------------------------

    def refresh(self, *_: object) -> None:
        """Shows the machine as it is now."""
        state, machine = self._session.state, self._session.machine
        stands = state is PowerState.PAUSED and machine is not None
        self.go.setEnabled(stands)
        self.stop.setEnabled(state is PowerState.RUNNING)
        for action in (self.step, self.step_over, self.run_to, self.toggle):
            action.setEnabled(stands)
        self.tabs.setEnabled(stands)
        self.code.set_dimmed(not stands)
        if not stands or machine is None:
            if state in (PowerState.OFF, PowerState.CRASHED):
                self._debugger = None
            running = state is PowerState.RUNNING
            self.state.setText(self.tr("The machine runs. F6 stops it.") if running else self.tr("The machine is off."))
            return
        if self._debugger is None or self._debugger.machine is not machine:
            self._debugger = Debugger(machine)
        debugger = self._debugger
        debugger.stopped()
        registers = debugger.registers()
        self.code.show_code(debugger, registers)
        self.registers.show_registers(registers)
        self.memory.show_memory(debugger, registers)
        self.tables.show_tables(debugger, registers)
        self.devices.show_devices(machine)
        self.state.setText(
            self.tr("Stopped at {place}, {count} instructions after power-on.").format(
                place=f"{registers['cs']:04X}:{registers['eip']:08X}",
                count=self.locale().toString(machine.stats["instructions"]),
            )
        )

    # -- Done ------------------------------------------------------------------------------------------------

    def _go(self) -> None:
        self._session.resume()

    def _stop(self) -> None:
        self._session.pause()

    def _step(self) -> None:
        if self._debugger is not None and not self._debugger.runs:
            self._debugger.step()
            self.refresh()

    def _step_over(self) -> None:
        behind = self.code.behind_call
        if behind is None:
            self._step()
        elif self._debugger is not None:
            self._debugger.run_to(behind)

    def _run_to(self) -> None:
        if self._debugger is not None and self.code.chosen is not None:
            self._debugger.run_to(self.code.chosen)

    def _toggle(self) -> None:
        debugger, place = self._debugger, self.code.chosen
        if debugger is None or place is None:
            return
        if place in debugger.breakpoints:
            debugger.clear_breakpoint(place)
        else:
            debugger.set_breakpoint(place)
        self.code.show_breakpoints(debugger)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self._debugger is not None and self._session.is_on:
            self._debugger.clear()
        super().closeEvent(event)
