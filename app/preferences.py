"""What the user prefers: ``preferences.toml`` in the settings folder, made to be edited by hand too.

A value that cannot be used never keeps the program from starting: its default is taken, and ``problems`` says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from app import places
from engine.atomic_file import write_atomically
from engine.config import ACCELERATORS
from engine.console.layouts import LAYOUTS
from engine.errors import ConfigError, HostResourceError, Problem
from engine.toml_edit import edit, render
from engine.toml_text import TomlText, did_you_mean, read_toml

FILE_NAME: Final = "preferences.toml"

_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "language": ("auto", "en", "pt_BR"),
    "theme": ("system", "light", "dark"),
    "close_action": ("ask", "background", "pause", "shut_down", "power_off"),
    "quit_action": ("ask", "in_tray", "shut_down", "power_off"),
    "scaling": ("fit", "integer", "none", "stretch"),
    "accelerator": ACCELERATORS,
    "release_keys": ("ctrl+alt", "ctrl+alt+shift", "rctrl", "ralt"),
    "keyboard_layout": ("auto", *LAYOUTS),
}
_RANGES: Final = {"volume": (0, 100)}
_COMMENTS: Final = {
    "machines_folder": "Where new machines are made; empty: the usual place.",
    "language": "Language of the windows.",
    "theme": "Look of the windows.",
    "close_action": "What closing the tab of a running machine does.",
    "quit_action": "What closing the window with machines running does.",
    "notifications": "Tell when a guest stops or fails while another window is in front.",
    "confirm_power_off": "Ask before a running machine is switched off.",
    "confirm_reset": "Ask before a running machine is reset.",
    "release_keys": "Keys that give keyboard and mouse back to the host.",
    "grab_on_click": "A click into the guest's screen gives it keyboard and mouse.",
    "scaling": "How the guest's screen fits the window.",
    "smooth_scaling": "Smooth edges when scaled.",
    "sound": "Play the guests' sound.",
    "volume": "0 to 100.",
    "accelerator": "How new machines run guest code.",
    "keyboard_layout": "The guest's keyboard layout, for pasted text; auto: as the host's.",
    "thumbnails": "Small live pictures of running machines.",
    "show_figures": "Live figures (speed, disk, frames) below the screen.",
}
_TYPE_NAMES: Final = {int: "a whole number", str: "text in quotes", bool: "true or false"}


@dataclass
class Preferences:
    """Change fields, then ``save``. Each field's meaning is its comment in the file."""

    machines_folder: str = ""
    language: str = "auto"
    theme: str = "system"
    close_action: str = "ask"
    quit_action: str = "ask"
    notifications: bool = True
    confirm_power_off: bool = True
    confirm_reset: bool = True
    release_keys: str = "ctrl+alt"
    grab_on_click: bool = True
    scaling: str = "fit"
    smooth_scaling: bool = True
    sound: bool = True
    volume: int = 100
    accelerator: str = "auto"
    keyboard_layout: str = "auto"
    thumbnails: bool = True
    show_figures: bool = False
    problems: list[Problem] = field(default_factory=list, compare=False)

    def save(self) -> None:
        """Writes the file wholly or not at all; comments in it stay. Raises ConfigError for a value that is not
        allowed, HostResourceError when the file cannot be written."""
        wrong = [problem for name in _NAMES if (problem := _check(name, getattr(self, name))) is not None]
        if wrong:
            raise ConfigError(wrong)
        file = preferences_file()
        values = {name: getattr(self, name) for name in _NAMES}
        content = _fresh(values)
        try:
            if file.exists():
                try:
                    text = read_toml(file)
                    content = edit(text.text, text.values, values, {})
                except ConfigError:  # not even TOML: set aside, it may hold something dear
                    file.replace(file.with_name(f"{FILE_NAME}.broken"))
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(file, content.encode())
        except OSError as error:
            raise HostResourceError(f"{file}: the preferences could not be saved ({error.strerror}).") from error


_NAMES: Final = tuple(item.name for item in fields(Preferences) if item.name != "problems")


def preferences_file() -> Path:
    return places.settings_folder() / FILE_NAME


def choices(name: str) -> tuple[str, ...]:
    """What a field may be, when it is one of a few; empty otherwise."""
    return _CHOICES.get(name, ())


def load() -> Preferences:
    """The user's preferences; defaults where the file says nothing, or nothing that can be used."""
    loaded = Preferences()
    file = preferences_file()
    try:
        text = read_toml(file)
    except FileNotFoundError:
        return loaded
    except ConfigError as error:
        loaded.problems = list(error.problems)
        return loaded
    except OSError as error:
        loaded.problems = [Problem("file", f"{file} cannot be read: {error.strerror}.")]
        return loaded
    for name, value in text.values.items():
        problem = _problem(text, name, value)
        if problem is None:
            setattr(loaded, name, value)
        else:
            loaded.problems.append(problem)
    return loaded


def _problem(text: TomlText, name: str, value: Any) -> Problem | None:
    if name not in _NAMES:
        return text.problem(name, "This setting is not known.", did_you_mean(name, _NAMES))
    problem = _check(name, value)
    return None if problem is None else text.problem(name, problem.message, f"{problem.fix} The default is taken.")


def _check(name: str, value: Any) -> Problem | None:
    default = getattr(Preferences, name)
    if type(value) is not type(default):
        return Problem(name, f"{value!r} does not fit here.", f"Allowed: {_TYPE_NAMES[type(default)]}.")
    if name in _CHOICES and value not in _CHOICES[name]:
        return Problem(name, f"“{value}” is not known.", f"Allowed: {', '.join(_CHOICES[name])}.")
    if name in _RANGES and not _RANGES[name][0] <= value <= _RANGES[name][1]:
        return Problem(name, f"{value} is not possible.", f"Allowed: {_RANGES[name][0]} to {_RANGES[name][1]}.")
    return None


def _fresh(values: dict[str, Any]) -> str:
    lines = ["# Preferences of Bancada."]
    for name, value in values.items():
        allowed = f" One of: {', '.join(_CHOICES[name])}." if name in _CHOICES else ""
        lines += ["", f"# {_COMMENTS[name]}{allowed}", f"{name} = {render(value)}"]
    return "\n".join(lines) + "\n"
