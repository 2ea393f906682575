"""Where things are kept on this host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import appdirs

APPLICATION: Final = "bancada"
HOME_VARIABLE: Final = "BANCADA_HOME"  # one folder for everything, instead of the system's usual places


def _home() -> Path | None:
    value = os.environ.get(HOME_VARIABLE, "")
    return Path(value).expanduser().absolute() if value else None


def data_folder() -> Path:
    """Machines, the library's own file, logs."""
    return _home() or Path(appdirs.user_data_dir(APPLICATION, appauthor=False))


def settings_folder() -> Path:
    """Preferences."""
    return _home() or Path(appdirs.user_config_dir(APPLICATION, appauthor=False))


def machines_folder() -> Path:
    """Where new machines are made, unless the preferences say otherwise."""
    return data_folder() / "machines"
