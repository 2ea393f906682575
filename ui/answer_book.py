"""Remembers "Do not ask again": in the preferences where there is a switch for it, else with the window's state."""

from __future__ import annotations

from typing import Final

from ui.main_window import MainWindow

_SWITCHES: Final = {"power_off": "confirm_power_off", "reset": "confirm_reset"}


class PreferencesBook:
    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def is_silenced(self, question: str) -> bool:
        if question in _SWITCHES:
            return not getattr(self._window.preferences, _SWITCHES[question])
        return bool(self._window.store.value(f"silenced/{question}", False, type=bool))

    def silence(self, question: str) -> None:
        if question in _SWITCHES:
            setattr(self._window.preferences, _SWITCHES[question], False)
            self._window.save_preferences()
        else:
            self._window.store.setValue(f"silenced/{question}", True)

    def ask_all_again(self) -> None:
        """Every question is asked again."""
        for switch in _SWITCHES.values():
            setattr(self._window.preferences, switch, True)
        self._window.store.remove("silenced")
        self._window.save_preferences()
