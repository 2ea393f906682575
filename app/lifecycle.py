"""Power states and the moves they allow: one table for buttons, menus, command line and runner."""

from __future__ import annotations

from enum import Enum
from typing import Final

from engine.errors import MachineError
from engine.events import PowerState


class Action(Enum):
    """What can be asked of a machine. The value is the verb of the command line."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    RESET = "reset"
    SHUT_DOWN = "stop"  # the power button: the guest decides
    POWER_OFF = "stop --hard"
    SEND_KEYS = "type"
    CHANGE_MEDIA = "insert"
    SCREENSHOT = "screenshot"
    CHANGE_SETTINGS = "set"


_LOOK: Final = {Action.CHANGE_MEDIA, Action.SCREENSHOT}

ALLOWED: Final[dict[PowerState, frozenset[Action]]] = {
    PowerState.OFF: frozenset({Action.START, Action.CHANGE_MEDIA, Action.CHANGE_SETTINGS}),
    PowerState.RUNNING: frozenset(
        {Action.PAUSE, Action.RESET, Action.SHUT_DOWN, Action.POWER_OFF, Action.SEND_KEYS} | _LOOK
    ),
    PowerState.PAUSED: frozenset({Action.RESUME, Action.RESET, Action.POWER_OFF} | _LOOK),
    PowerState.CRASHED: frozenset({Action.RESET, Action.POWER_OFF, Action.SCREENSHOT}),
}

_STATE_WORDS: Final = {
    PowerState.OFF: "is switched off",
    PowerState.RUNNING: "is running",
    PowerState.PAUSED: "is paused",
    PowerState.CRASHED: "has crashed",
}


def allowed(state: PowerState) -> frozenset[Action]:
    return ALLOWED[state]


def check(name: str, state: PowerState, action: Action) -> None:
    """Raises MachineError saying what the machine is doing and what can be done now."""
    if action in ALLOWED[state]:
        return
    possible = ", ".join(a.value for a in Action if a in ALLOWED[state])
    raise MachineError(f"“{name}” {_STATE_WORDS[state]}: “{action.value}” is not possible now. Possible: {possible}.")
