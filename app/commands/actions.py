"""The actions of ``bancada run``, carried out in the order in which they stand on the command line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.runner import Runner
from engine.errors import BancadaError
from engine.events import PowerState

DEFAULT_WAIT_S: Final = 60.0  # of a --wait, when the whole run has no --timeout
_CLOSING_S: Final = 30.0  # a machine that is off has closed its files within this
_TYPING_S: Final = 600.0  # the guest must take typed text within this

_ESCAPES: Final = {"n": "\n", "t": "\t", "\\": "\\"}


class ActionFailed(BancadaError):
    """A step did not come true; ``screen`` is the text that the guest showed then."""

    def __init__(self, message: str, screen: str = "") -> None:
        self.screen = screen
        super().__init__(message)


@dataclass(frozen=True)
class Step:
    """One action: its option's name without dashes, and its value."""

    verb: str
    value: Any


class Clock:
    """Seconds of the guest's life: the host's clock while it runs freely, its own time when it runs on demand."""

    def __init__(self, runner: Runner, on_demand: bool) -> None:
        self._runner = runner
        self._on_demand = on_demand

    def now(self) -> float:
        if self._on_demand:
            return float(self._runner.stats.get("guest_ns", 0)) / 1e9
        return time.monotonic()


class Script:
    """``timeout`` bounds the whole run in seconds; None: every wait has ``DEFAULT_WAIT_S``."""

    def __init__(self, runner: Runner, steps: Sequence[Step], timeout: float | None, clock: Clock) -> None:
        self._runner = runner
        self._steps = steps
        self._timeout = timeout
        self._clock = clock
        self._begin = clock.now()

    def remaining(self) -> float | None:
        """What is left of the run's time; None when it is not bounded."""
        return None if self._timeout is None else max(self._timeout - (self._clock.now() - self._begin), 0.0)

    def carry_out(self) -> None:
        """Raises ActionFailed for the first step that fails."""
        self._begin = self._clock.now()
        for step in self._steps:
            _STEPS[step.verb](self, step.value)

    # -- The steps

    def _wait(self, text: str) -> None:
        left = self.remaining()
        limit = DEFAULT_WAIT_S if left is None else left
        machine = self._machine(f"“{text}” appeared")
        try:
            machine.screen.wait_for_text(text, timeout=limit)
        except Exception as error:
            if not self._has_ended(machine):
                if not isinstance(error, TimeoutError):
                    raise
                message = f"“{text}” did not appear within {round(limit, 2):g} s."
                raise ActionFailed(message, self._runner.screen_text()) from error
            raise self._ended(f"“{text}” appeared") from error

    def _type(self, text: str) -> None:
        machine = self._machine("the text was typed")
        left_out = machine.keyboard.type(text)
        if left_out:
            print(f"bancada: the guest's keyboard has no key for {left_out!r}.", file=sys.stderr)
        self._until_typed("the text was typed")

    def _key(self, keys: str) -> None:
        self._machine("the keys were pressed").keyboard.chord(keys)
        self._until_typed("the keys were pressed")

    def _until_typed(self, what: str) -> None:
        machine = self._machine(what)
        left = self.remaining()
        try:
            machine.wait_until(lambda: not machine.keyboard.busy, _TYPING_S if left is None else left)
        except Exception as error:
            if not self._has_ended(machine):
                if not isinstance(error, TimeoutError):
                    raise
                message = "The guest did not take the keys that were typed."
                raise ActionFailed(message, self._runner.screen_text()) from error
            # The keys may have been what switched it off.

    def _screenshot(self, file: Path) -> None:
        self._machine("the screenshot")
        self._runner.screenshot(file)

    def _sleep(self, seconds: float) -> None:
        left = self.remaining()
        machine = self._machine(f"{seconds:g} s had passed")
        if left is not None and left < seconds:
            machine.run_for(left)
            raise ActionFailed("The run's time was over.", self._runner.screen_text())
        machine.run_for(seconds)

    def _text(self, _: None) -> None:
        self._machine("the screen's text")
        print(trimmed(self._runner.screen_text()), flush=True)

    def _machine(self, what: str) -> Any:
        machine = self._runner.machine
        if machine is None or self._runner.state is not PowerState.RUNNING:
            raise self._ended(what)
        return machine

    def _has_ended(self, machine: Any) -> bool:
        """The machine is not running any more. One that is off is being closed by another thread, under our hands:
        what that made fail is no error, and the runner knows what the screen showed."""
        if machine.state is PowerState.RUNNING:
            return False
        if machine.state is PowerState.OFF:
            self._runner.wait(_CLOSING_S)
        return True

    def _ended(self, what: str) -> ActionFailed:
        runner = self._runner
        if runner.state is PowerState.PAUSED:
            return ActionFailed(f"The machine was paused before {what}.", runner.screen_text())
        if runner.state is PowerState.CRASHED:
            return ActionFailed(f"The machine crashed before {what}: {runner.reason}", runner.screen_text())
        reason = f" ({runner.reason})" if runner.reason else ""
        return ActionFailed(f"The machine was off before {what}{reason}.", runner.screen_text())


_STEPS: Final[dict[str, Callable[[Script, Any], None]]] = {
    "wait": Script._wait,
    "type": Script._type,
    "key": Script._key,
    "screenshot": Script._screenshot,
    "sleep": Script._sleep,
    "text": Script._text,
}


# -- On the command line


class _Append(argparse.Action):
    """All actions go to one list, so their order is kept."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        namespace.steps = [*namespace.steps, Step(self.dest, None if self.nargs == 0 else values)]


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Adds the options; the steps are in ``namespace.steps``."""
    group = parser.add_argument_group("actions, carried out in the order given")
    parser.set_defaults(steps=[])

    def option(name: str, kind: Callable[[str], Any], metavar: str, text: str) -> None:
        group.add_argument(
            f"--{name}", action=_Append, type=kind, metavar=metavar, help=text, default=argparse.SUPPRESS
        )

    option("wait", not_empty, "TEXT", "wait until this is on the screen (60 s, or what --timeout leaves)")
    option("type", unescaped, "TEXT", r"type this on the guest's keyboard; \n is Enter, \t Tab, \\ a backslash")
    option("key", chord, "KEYS", "press keys together, like ctrl+alt+delete")
    option("screenshot", Path, "PNG", "save the screen to a file")
    option("sleep", seconds, "S", "let the guest run for so many seconds")
    group.add_argument("--text", action=_Append, nargs=0, help="print the screen's text", default=argparse.SUPPRESS)


def trimmed(screen: str) -> str:
    """A screen's text without the blanks that fill it."""
    return "\n".join(line.rstrip() for line in screen.splitlines()).rstrip("\n")


def not_empty(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the text is empty")
    return text


def unescaped(text: str) -> str:
    r"""``\n``, ``\t`` and ``\\`` mean what they mean in most languages; any other backslash is one."""
    result, position = [], 0
    while position < len(text):
        pair = text[position : position + 2]
        if len(pair) == 2 and pair[0] == "\\" and pair[1] in _ESCAPES:
            result.append(_ESCAPES[pair[1]])
            position += 2
        else:
            result.append(text[position])
            position += 1
    return "".join(result)


def chord(keys: str) -> str:
    from engine.console.scan_codes import key_named

    try:
        for part in keys.split("+") if keys.strip("+") else ["equals"]:
            key_named(part)
    except BancadaError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return keys


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not a number of seconds") from None
    if not 0 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError(f"“{text}” s is not possible")
    return value
