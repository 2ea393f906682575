"""Start-up: is there a display, the theme, the window, the end. The two ways in are ``main`` and ``run_console``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.runner import Runner

NO_DISPLAY: Final = (
    "Bancada's window needs a graphical session, and there is none here (neither DISPLAY nor WAYLAND_DISPLAY is set). "
    "Start it from a desktop, or run a machine without a window: bancada run --headless"
)
EXIT_FAILED: Final = 1


def has_display() -> bool:
    """Whether a window can be opened. Qt would end the process where none can."""
    if sys.platform in ("win32", "darwin") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def main(show: Path | None = None) -> int:
    """Opens the main window; ``show`` is the folder of a machine to select. Returns the exit status."""
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)
        return EXIT_FAILED
    from ui.error_dialog import show_message
    from ui.shell import Shell

    shell = Shell()
    window = shell.window
    window.show()
    if show is not None:
        shell.library_commands.open_path(show)
    if shell.preferences.problems:
        problems = "\n".join(str(problem) for problem in shell.preferences.problems)
        show_message(window, window.tr("Some preferences could not be used"), problems, "warning")
    shell.library_commands.tell_left_running()
    return shell.run()


def run_console(runner: Runner) -> int:
    """A window on a runner that was started; returns when it is closed. The caller stops the runner."""
    if not has_display():
        print(NO_DISPLAY, file=sys.stderr)
        return EXIT_FAILED
    from ui.shell import Shell

    shell = Shell()
    shell.show_only(runner)
    shell.window.show()
    return shell.run()
