"""A run without a window. The guest's script has a thread of its own, so that the main thread can hear signals."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from app.cli import DONE, FAILED, status_of
from app.commands.actions import ActionFailed, Clock, Script, Step, trimmed
from app.commands.debugging import Debugging
from app.commands.film import filming
from app.runner import Runner
from engine.errors import BancadaError
from engine.events import Event, Notice, PowerState

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_SLICE_S: Final = 1.0  # guest seconds between looks at a guest that runs on demand
TRIPLE_FAULT: Final = "triple fault"  # stands in the machine's notice


class HeadlessRun:
    """Starts ``runner``, carries out the steps, ends it, and knows the exit status.

    Without steps it runs until the guest switches the PC off, a signal, or ``timeout`` seconds.
    """

    def __init__(
        self,
        runner: Runner,
        steps: Sequence[Step] = (),
        timeout: float | None = None,
        on_demand: bool = False,
        no_reboot: bool = False,
        film: Path | None = None,
        debugging: Debugging | None = None,
    ) -> None:
        self._runner = runner
        self._steps = list(steps)
        self._timeout = timeout
        self._on_demand = on_demand
        self._no_reboot = no_reboot
        self._film = film
        self._debugging = debugging or Debugging()
        self._interrupted = False
        self._triple_fault = False
        self._status = DONE
        self._done = threading.Event()

    def run(self) -> int:
        """Returns the exit status; everything is closed."""
        unsubscribe = self._runner.subscribe(self._on_event)
        thread = threading.Thread(target=self._work, name=f"script of {self._runner.name}", daemon=True)
        with interrupting(self._interrupt):
            thread.start()
            self._done.wait()
        thread.join()
        unsubscribe()
        return self._status

    # -- The script's thread

    def _work(self) -> None:
        try:
            self._runner.start(self._debugging.waits)
            script = Script(self._runner, self._steps, self._timeout, Clock(self._runner, self._on_demand))
            if self._interrupted:
                self._runner.interrupt()
            with self._debugging.of(self._runner), filming(self._runner, self._film):
                if self._steps:
                    script.carry_out()
                else:
                    self._until_the_end(script)
            if self._triple_fault and self._no_reboot:
                raise ActionFailed("The guest's processor shut down (triple fault).", self._runner.screen_text())
        except ActionFailed as error:
            self._status = FAILED
            self._complain(error)
        except BancadaError as error:
            self._status = FAILED if self._runner.state is not PowerState.OFF else status_of(error)
            print(f"bancada: {error}", file=sys.stderr)
        except Exception as error:
            self._status = FAILED
            print(f"bancada: internal error: {error!r}", file=sys.stderr)
        finally:
            with contextlib.suppress(Exception):
                self._runner.stop_and_wait()
            self._done.set()

    def _complain(self, error: ActionFailed) -> None:
        if self._interrupted:
            print("bancada: interrupted; the machine was switched off.", file=sys.stderr)
            return
        if self._triple_fault and self._no_reboot:
            error = ActionFailed("The guest's processor shut down (triple fault).", error.screen)
        print(f"bancada: {error}", file=sys.stderr)
        show_screen(error.screen)

    def _until_the_end(self, script: Script) -> None:
        runner = self._runner
        while runner.state in (PowerState.RUNNING, PowerState.PAUSED):
            left = script.remaining()
            if left == 0.0:
                break
            if not self._on_demand:
                runner.wait(left)
                continue
            machine = runner.machine
            assert machine is not None
            before = machine.stats.get("guest_ns", 0)
            machine.run_for(_SLICE_S if left is None else min(left, _SLICE_S))
            if runner.state is PowerState.RUNNING and machine.stats.get("guest_ns", 0) == before:
                raise ActionFailed("The guest stopped for ever: it halted with interrupts off.", runner.screen_text())
        if runner.state is PowerState.CRASHED:
            raise ActionFailed(f"The machine crashed: {runner.reason}", runner.screen_text())

    # -- Other threads

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Notice):
            return
        print(f"bancada: {event.message}", file=sys.stderr, flush=True)
        if TRIPLE_FAULT in event.message:
            self._triple_fault = True
            if self._no_reboot:
                self._runner.interrupt()

    def _interrupt(self) -> None:
        """A signal: the guest is stopped between two instructions, its media are flushed."""
        self._interrupted = True
        self._runner.interrupt()


def show_screen(text: str) -> None:
    """The guest's screen on standard error."""
    if not text.strip():
        print("The screen shows no text.", file=sys.stderr)
        return
    print(f"The screen shows:\n{trimmed(text)}", file=sys.stderr)


@contextlib.contextmanager
def interrupting(interrupt: Any) -> Iterator[None]:
    """SIGINT and SIGTERM call ``interrupt`` while the body runs (only the main thread can hear them)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda _number, _frame: interrupt()) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
