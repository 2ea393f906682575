"""What is saved when a machine dies: enough to find the fault, readable by the person who has it."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import MachineConfig
from engine.errors import GuestFailure

if TYPE_CHECKING:
    from app.vm_folder import VmFolder
    from engine.machine import Machine

_LOG_LINES = 60


def version() -> str:
    try:
        return metadata.version("bancada")
    except metadata.PackageNotFoundError:
        return "(source tree)"


def crash_report(
    config: MachineConfig, failure: GuestFailure, machine: Machine, when: datetime.datetime, folder: VmFolder
) -> str:
    """The whole report. Nothing in it raises: a machine that died may answer nothing any more."""
    parts = [
        f"Crash report of “{config.name}”, {when:%Y-%m-%d %H:%M:%S}",
        f"Bancada {version()}, Python {platform.python_version()}, {platform.platform()}",
        f"What happened: {failure}",
        _section("Details", lambda: failure.report or "none"),
        _section("Settings", lambda: folder.settings_file.read_text(encoding="utf-8", errors="replace")),
        _section("Figures", lambda: "\n".join(f"{key}: {value}" for key, value in machine.stats.items())),
        _section("Screen", lambda: machine.screen.text()),
        _section("Log", lambda: _tail(folder.log_file)),
    ]
    return "\n\n".join(parts) + "\n"


def _section(title: str, content: Callable[[], str]) -> str:
    try:
        text = content()
    except Exception as error:
        text = f"(not known: {error})"
    return f"== {title} ==\n{text.rstrip()}"


def _tail(file: Path) -> str:
    return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])
