"""The mouse as people, scripts and the window use it: relative motion, buttons and wheel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

BUTTONS: Final[dict[str, int]] = {"left": 1, "right": 2, "middle": 4, "back": 8, "forward": 16}


class PointerSink(Protocol):
    """The mouse device. ``dy`` counts upwards, as the PS/2 packet does."""

    def move(self, dx: int, dy: int, wheel: int) -> None: ...

    def buttons(self, mask: int) -> None: ...


class Mouse:
    """All methods may be called from any thread: ``run`` brings them to the machine's. While ``takes_input()`` is
    false (the machine is paused), motion and presses are dropped; buttons that are let go are not."""

    def __init__(
        self,
        sink: PointerSink,
        run: Callable[[Callable[[], None]], None],
        takes_input: Callable[[], bool] = lambda: True,
    ) -> None:
        self._sink = sink
        self._takes_input = takes_input
        self._run = run
        self._mask = 0

    def move(self, dx: int, dy: int) -> None:
        """Moves by counts, right and down positive."""
        self._run_input(lambda: self._sink.move(dx, -dy, 0))

    def wheel(self, notches: int) -> None:
        """Turns the wheel; positive is towards the person (down)."""
        self._run_input(lambda: self._sink.move(0, 0, notches))

    def press(self, button: str = "left") -> None:
        """Holds a button down. Raises ValueError for a name that is not in BUTTONS."""
        bit = _bit(button)
        self._run_input(lambda: self._set(self._mask | bit))

    def release(self, button: str = "left") -> None:
        """Lets a button go."""
        bit = _bit(button)
        self._run(lambda: self._let_go(bit))

    def release_all(self) -> None:
        """Lets every button go."""
        self._run(lambda: self._let_go(self._mask))

    def click(self, button: str = "left") -> None:
        """Presses and lets go; the guest is told of both."""
        self.press(button)
        self.release(button)

    def _run_input(self, work: Callable[[], None]) -> None:
        """Asks twice: the machine may be paused now, or by the time its thread comes to the work."""
        if self._takes_input():
            self._run(lambda: work() if self._takes_input() else None)

    def _let_go(self, mask: int) -> None:
        if self._mask & mask:  # a press that was dropped is not let go
            self._set(self._mask & ~mask)

    def _set(self, mask: int) -> None:
        self._mask = mask
        self._sink.buttons(mask)


def _bit(button: str) -> int:
    if button not in BUTTONS:
        raise ValueError(f"There is no mouse button “{button}”. Known: {', '.join(BUTTONS)}.")
    return BUTTONS[button]
