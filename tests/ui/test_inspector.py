"""The Inspector over a real machine, by its tool bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QToolBar
from pytestqt.qtbot import QtBot

from app.runner import Runner
from engine.config import FloppyConfig, MachineConfig
from engine.events import PowerState
from tests.engine.debug.conftest import BOOT, CALL, CELL, INC, STORE, program_diskette
from tests.ui.robot import click, write
from ui.inspector.window import InspectorWindow
from ui.vm_session import VmSession

_PATIENCE_MS = 60_000
_RECURSIVE = Qt.MatchFlag.MatchRecursive | Qt.MatchFlag.MatchEndsWith


class World:
    def __init__(self, session: VmSession, window: InspectorWindow, qtbot: QtBot) -> None:
        self.session, self.window, self.qtbot = session, window, qtbot

    def press(self, action: QAction) -> None:
        bar = self.window.findChild(QToolBar)
        assert bar is not None and action.isEnabled(), action.text()
        click(bar.widgetForAction(action))

    def until_it_stands_at(self, linear: int) -> None:
        self.qtbot.waitUntil(lambda: f"{linear:08X}" in self.window.state.text(), timeout=_PATIENCE_MS)

    def row(self, text: str) -> int:
        code = self.window.code
        return next(row for row in range(code.rowCount()) if code.item(row, 3).text() == text)

    def register(self, name: str) -> str:
        found = self.window.registers.findItems(name, _RECURSIVE)
        return found[0].text(1) if found else ""


@pytest.fixture
def world(qtbot: QtBot, tmp_path: Path) -> Iterator[World]:
    runner = Runner(MachineConfig(memory_mb=4, floppies=(FloppyConfig(program_diskette(tmp_path)),), sound=False))
    session = VmSession(runner=runner)
    runner.start(paused=True)
    qtbot.waitUntil(lambda: session.state is PowerState.PAUSED)
    window = InspectorWindow(session)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield World(session, window, qtbot)
    runner.stop_and_wait()
    session.close()


def go_to_program(world: World) -> None:
    """Runs the firmware up to the boot sector."""
    debugger = world.window._debugger
    assert debugger is not None
    debugger.run_to(BOOT)
    world.until_it_stands_at(BOOT)


def test_it_shows_the_first_instruction(world: World) -> None:
    assert "F000:0000FFF0" in world.window.state.text()
    assert world.window.code.item(0, 3).text().startswith("jmp")


def test_step_changes_registers_and_marks_them(world: World) -> None:
    go_to_program(world)
    assert world.window.code.item(0, 3).text() == "xor ax, ax"
    world.press(world.window.step)
    world.press(world.window.step)
    assert world.register("ecx").endswith("0003")
    assert world.window.registers.findItems("• ecx", _RECURSIVE)
    assert not world.window.registers.findItems("• ebp", _RECURSIVE)


def test_a_breakpoint_is_set_met_and_taken_away(world: World) -> None:
    go_to_program(world)
    window = world.window
    window.code.setCurrentCell(world.row("mov [600h], ax"), 3)
    world.press(window.toggle)
    assert window.code.item(world.row("mov [600h], ax"), 0).text().startswith("●")
    for _ in range(2):
        world.press(window.go)
        world.until_it_stands_at(STORE)
        world.qtbot.waitUntil(lambda: window.step.isEnabled())
        world.press(window.step)
    window.code.setCurrentCell(0, 3)
    world.press(window.go)
    world.until_it_stands_at(STORE)
    window.code.setCurrentCell(0, 3)
    world.press(window.toggle)
    world.press(window.go)
    world.qtbot.waitUntil(lambda: window.stop.isEnabled())
    world.press(window.stop)
    world.until_it_stands_at(0x7C11)  # the program's end


def test_step_over_runs_through_a_call(world: World) -> None:
    go_to_program(world)
    window = world.window
    window.code.setCurrentCell(world.row("call 7C14h"), 3)
    world.press(window.run_to)
    world.until_it_stands_at(CALL)
    world.press(window.step_over)
    world.until_it_stands_at(CALL + 3)
    assert world.register("ebx").endswith("0003")


def test_memory_follows_its_address(world: World) -> None:
    go_to_program(world)
    memory = world.window.memory
    world.window.tabs.setCurrentWidget(memory)
    write(memory.address, "0:7c00")
    assert memory.text.toPlainText().startswith("00007C00  31 c0 b9 03")
    write(memory.address, "nothing")
    assert memory._problem.isVisible() and "neither a register" in memory._problem.text()
    write(memory.address, f"{CELL:x}")
    assert not memory._problem.isVisible()


def test_devices_and_tables(world: World) -> None:
    window = world.window
    window.tabs.setCurrentWidget(window.devices)
    names = [window.devices.list.item(row).text() for row in range(window.devices.list.count())]
    window.devices.list.setCurrentRow(names.index("pic"))
    assert window.devices.fields.topLevelItemCount() > 5
    window.tabs.setCurrentWidget(window.tables)
    assert window.tables.table.rowCount() == 0  # real mode


def test_a_machine_that_runs_cannot_be_stepped_and_one_that_is_off_is_told(world: World) -> None:
    window = world.window
    world.press(window.go)
    world.qtbot.waitUntil(lambda: window.stop.isEnabled())
    assert not window.step.isEnabled() and not window.tabs.isEnabled()
    assert "F6 stops it" in window.state.text()
    world.session.power_off()
    world.qtbot.waitUntil(lambda: window.state.text() == "The machine is off.", timeout=_PATIENCE_MS)


def test_closing_it_takes_the_breakpoints_away(world: World) -> None:
    go_to_program(world)
    debugger = world.window._debugger
    assert debugger is not None
    debugger.set_breakpoint(INC)
    world.window.close()
    assert debugger.breakpoints == []
