"""The keys that give keyboard and mouse back to the host, and with another key give the host an order."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QCoreApplication

_EITHER: Final = {
    "ctrl": frozenset(("ctrl", "rctrl")),
    "alt": frozenset(("alt", "ralt")),
    "shift": frozenset(("shift", "rshift")),
}
_RIGHT: Final = {"rctrl": "ctrl", "ralt": "alt"}


@dataclass(frozen=True)
class ReleaseKeys:
    """``parts``: of each of these groups of guest keys one has to be held."""

    name: str
    parts: tuple[frozenset[str], ...]

    def held(self, keys: Set[str]) -> bool:
        """Whether all of them are among the keys that are down."""
        return all(part & keys for part in self.parts)

    def has(self, key: str) -> bool:
        """Whether ``key`` is one of them."""
        return any(key in part for part in self.parts)

    @property
    def label(self) -> str:
        """As it is printed in menus: "Ctrl+Alt"."""
        names = {
            "ctrl": "Ctrl",
            "alt": "Alt",
            "shift": "Shift",
            "rctrl": QCoreApplication.translate("ReleaseKeys", "Right Ctrl"),
            "ralt": QCoreApplication.translate("ReleaseKeys", "Right Alt"),
        }
        return "+".join(names[part] for part in self.name.split("+"))

    @property
    def shortcut_prefix(self) -> str:
        """The same for a shortcut of the window; empty where shortcuts cannot tell left from right."""
        return "" if set(self.name.split("+")) & set(_RIGHT) else self.label


def release_keys(name: str, knows_sides: bool = True) -> ReleaseKeys:
    """``name`` as in the preferences: "ctrl+alt", "rctrl".

    Where the platform does not tell the right key from the left (``knows_sides``), either is good: there has to be
    a way out.
    """

    def group(part: str) -> frozenset[str]:
        if part in _RIGHT:
            return frozenset((part,)) if knows_sides else _EITHER[_RIGHT[part]]
        return _EITHER[part]

    return ReleaseKeys(name, tuple(group(part) for part in name.split("+")))


CTRL_ALT: Final = release_keys("ctrl+alt")
