"""Help > Report a problem."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.ui.robot import Robot, click, pick_file, use_menu
from ui.problem_report_dialog import ProblemReportDialog
from ui.shell import Shell
from ui.vm_session import VmSession


def test_a_report_is_looked_through_and_saved(
    shell: Shell, started: Callable[..., VmSession], robot: Robot, tmp_path: Path
) -> None:
    started("Accounts")
    target = tmp_path / "report.zip"
    seen: list[str] = []

    def through(dialog: ProblemReportDialog) -> None:
        names = [dialog.list.item(row).text() for row in range(dialog.list.count())]
        dialog.list.setCurrentRow(names.index("machine.toml"))
        seen.append(dialog.text.toPlainText())
        dialog.list.setCurrentRow(names.index("screen.png"))
        robot.expect("QFileDialog", pick_file(target))
        click(dialog.save)

    robot.expect("ProblemReportDialog", through)
    use_menu(shell.window, "Help", "Report a problem")
    assert 'name = "<MACHINE>"' in seen[0]
    with zipfile.ZipFile(target) as archive:
        assert {"host.txt", "machine.toml", "figures.txt", "screen.png"} <= set(archive.namelist())
    assert str(target) in shell.window.message.text()
