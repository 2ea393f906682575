"""The machines that run in this process."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.runner import Runner

_guard = threading.Lock()
_runners: list[Runner] = []


def add(runner: Runner) -> None:
    with _guard:
        if runner not in _runners:
            _runners.append(runner)


def remove(runner: Runner) -> None:
    with _guard:
        if runner in _runners:
            _runners.remove(runner)


def all_running() -> list[Runner]:
    """Everything that is on, paused or crashed, in the order of their starts."""
    with _guard:
        return list(_runners)


def running_in(folder: Path) -> Runner | None:
    """The runner of the machine in this folder, when it is on."""
    wanted = os.path.realpath(folder)
    for runner in all_running():
        if runner.folder is not None and os.path.realpath(runner.folder.path) == wanted:
            return runner
    return None


def reserved_memory_mb() -> int:
    """Guest memory of all that is on, video memory included."""
    return sum(runner.config.memory_mb + runner.config.video_memory_mb for runner in all_running())


def stop_all() -> None:
    """Powers everything off; media are flushed."""
    for runner in all_running():
        runner.stop_and_wait()
