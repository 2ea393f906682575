"""Long work on a thread of its own, with progress and cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from typing import Any, Generic, TypeVar

from engine.errors import BancadaError

T = TypeVar("T")


class Cancelled(BancadaError):
    """The person cancelled the work; whatever was begun has been undone."""

    def __init__(self) -> None:
        super().__init__("Cancelled.")


class Progress:
    """Handed to the work: it reports, and asks often whether to go on. Any thread."""

    def __init__(self, changed: Callable[[], None] | None = None) -> None:
        self.fraction: float | None = None
        self.text = ""
        self._cancelled = threading.Event()
        self._changed = changed

    def report(self, fraction: float | None, text: str = "") -> None:
        """``fraction`` 0 to 1, or None when not known; ``text`` says what is being done (empty: as before).

        Raises Cancelled when the person wishes it."""
        self.check()
        self.fraction = None if fraction is None else min(max(fraction, 0.0), 1.0)
        self.text = text or self.text
        if self._changed is not None:
            self._changed()

    def check(self) -> None:
        """Raises Cancelled when the person wishes it."""
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()


class JobState(Enum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Generic[T]):
    """``work(progress)`` on its own thread. ``finished(job)`` and ``changed(job)`` are called on that thread."""

    def __init__(
        self,
        title: str,
        work: Callable[[Progress], T],
        finished: Callable[[Job[T]], None] | None = None,
        changed: Callable[[Job[T]], None] | None = None,
    ) -> None:
        self.title = title
        self.state = JobState.WAITING
        self.result: T | None = None
        self.error: BaseException | None = None
        self._work = work
        self._finished = finished
        self._progress = Progress((lambda: changed(self)) if changed is not None else None)
        self._thread = threading.Thread(target=self._run, name=f"job {title}", daemon=True)

    @property
    def fraction(self) -> float | None:
        return self._progress.fraction

    @property
    def text(self) -> str:
        return self._progress.text

    def start(self) -> Job[T]:
        self.state = JobState.RUNNING
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Asks the work to stop; it undoes what it began, then the state is CANCELLED."""
        self._progress.cancel()

    def wait(self, timeout: float | None = None) -> T:
        """The result. Raises what the work raised, Cancelled, or TimeoutError after ``timeout`` seconds."""
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"{self.title}: not finished yet.")
        if self.error is not None:
            raise self.error
        result: Any = self.result
        return result  # type: ignore[no-any-return]

    def _run(self) -> None:
        try:
            self.result = self._work(self._progress)
            self.state = JobState.DONE
        except Cancelled as error:
            self.error = error
            self.state = JobState.CANCELLED
        except BaseException as error:  # carried to whoever waits
            self.error = error
            self.state = JobState.FAILED
        if self._finished is not None:
            self._finished(self)
