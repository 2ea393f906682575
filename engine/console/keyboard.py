"""The keyboard as people, scripts and the window use it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from engine.clock import MILLISECOND_NS, SECOND_NS, Clock
from engine.console.layouts import LAYOUTS, Stroke
from engine.console.scan_codes import key_named

HOLD_NS: Final = 10 * MILLISECOND_NS  # a typed key stays down this long at least, in guest time
GAP_NS: Final = 15 * MILLISECOND_NS  # and the next goes down this long after it came up
PATIENCE_NS: Final = 2 * SECOND_NS  # then a guest that takes nothing is typed at all the same

_BDA_KEYBOARD: Final = 0x41A  # BIOS data area: head and tail of the keyboard buffer
_BDA_BUFFER: Final = range(0x1E, 0x3E, 2)
_BDA_ROOM: Final = 8  # of 16 words: strokes with a dead key take two


class KeySink(Protocol):
    """The keyboard device."""

    def press(self, name: str) -> None: ...

    def release(self, name: str) -> None: ...

    @property
    def queued(self) -> int:
        """Bytes that the guest has not taken yet."""


class Keyboard:
    """Presses keys of the guest's keyboard. Key names are those of ``scan_codes``.

    All methods may be called from any thread: ``run`` brings them to the machine's. ``guest_ready()`` may hold
    typed text back while the guest's own buffer is full. While ``takes_input()`` is false (the machine is paused),
    keys and text are dropped; keys that are let go are not.
    """

    def __init__(
        self,
        sink: KeySink,
        clock: Clock,
        run: Callable[[Callable[[], None]], None],
        guest_ready: Callable[[], bool] | None = None,
        takes_input: Callable[[], bool] = lambda: True,
    ) -> None:
        self._sink = sink
        self._takes_input = takes_input
        self._clock = clock
        self._run = run
        self._guest_ready = guest_ready
        self._down: list[str] = []
        self._strokes: deque[Stroke] = deque()
        self._held: Stroke | None = None  # the typed stroke that is down now
        self._waiting_since_ns = 0
        self._generation = 0  # a step of typing that was cancelled does nothing

    def press(self, key: str) -> None:
        """Holds a key down. Raises UnknownKeyError."""
        name = key_named(key).name
        self._run_input(lambda: self._press(name))

    def release(self, key: str) -> None:
        """Lets a key go. Raises UnknownKeyError."""
        name = key_named(key).name
        self._run(lambda: self._release(name))

    def release_all(self) -> None:
        """Lets go of every key that is down and forgets text still to be typed."""
        self._run(self._release_all)

    def chord(self, keys: str) -> None:
        """Presses keys one after the other, then lets go in reverse: ``"ctrl+alt+delete"``. Raises UnknownKeyError."""
        names = [key_named(part).name for part in (keys.split("+") if keys.strip("+") else ["equals"])]
        self._run_input(lambda: self._queue([(tuple(names[:-1]), names[-1])]))

    def type(self, text: str, layout: str = "us") -> str:
        """Types text on the guest's layout, no faster than the guest takes it; returns before it is typed.

        Returns the characters that the layout cannot type (they are left out). Raises ValueError for an unknown
        layout.
        """
        if layout not in LAYOUTS:
            raise ValueError(f"There is no keyboard layout “{layout}”. Known: {', '.join(LAYOUTS)}.")
        table = LAYOUTS[layout]
        text = text.replace("\r\n", "\n")
        strokes = [stroke for character in text for stroke in table.get(character, ())]
        self._run_input(lambda: self._queue(strokes))
        return "".join(character for character in text if character not in table)

    def cancel_typing(self) -> None:
        """Forgets text still to be typed; keys held by hand stay down."""
        self._run(self._cancel)

    @property
    def busy(self) -> bool:
        """Text or a chord is still being typed."""
        return self._held is not None or bool(self._strokes)

    def _run_input(self, work: Callable[[], None]) -> None:
        """Asks twice: the machine may be paused now, or by the time its thread comes to the work."""
        if self._takes_input():
            self._run(lambda: work() if self._takes_input() else None)

    # -- On the machine's thread

    def _press(self, name: str) -> None:
        if name not in self._down:
            self._down.append(name)
        self._sink.press(name)

    def _release(self, name: str) -> None:
        if name in self._down:
            self._down.remove(name)
            self._sink.release(name)

    def _release_all(self) -> None:
        self._cancel()
        for name in reversed(self._down.copy()):
            self._release(name)

    def _cancel(self) -> None:
        self._strokes.clear()
        self._let_go()
        self._generation += 1

    def _queue(self, strokes: list[Stroke]) -> None:
        idle = not self.busy
        self._strokes.extend(strokes)
        if idle and self._strokes:
            self._waiting_since_ns = self._clock.now_ns
            self._step()

    def _later(self, delay_ns: int) -> None:
        generation = self._generation

        def step() -> None:
            if generation == self._generation:
                self._step()

        self._clock.call_in(delay_ns, step)

    def _step(self) -> None:
        """Puts the next stroke down, or lets the last one go; waits for the guest to take what was sent."""
        if self._held is not None:
            if not self._taken():
                self._later(HOLD_NS)
                return
            self._let_go()
            if self._strokes:
                self._later(GAP_NS)
            return
        if not self._strokes:
            return
        if not (self._taken() and (self._guest_ready is None or self._guest_ready() or self._impatient())):
            self._later(HOLD_NS)
            return
        self._held = self._strokes.popleft()
        self._waiting_since_ns = self._clock.now_ns
        modifiers, key = self._held
        for name in (*modifiers, key):
            self._sink.press(name)
        self._later(HOLD_NS)

    def _let_go(self) -> None:
        if self._held is None:
            return
        (modifiers, key), self._held = self._held, None
        self._waiting_since_ns = self._clock.now_ns
        for name in (key, *reversed(modifiers)):
            if name not in self._down:  # a key that is also held by hand stays down
                self._sink.release(name)

    def _taken(self) -> bool:
        return self._sink.queued == 0 or self._impatient()

    def _impatient(self) -> bool:
        return self._clock.now_ns - self._waiting_since_ns >= PATIENCE_NS


def bios_buffer_has_room(read_memory: Callable[[int, int], bytes]) -> Callable[[], bool]:
    """A ``guest_ready`` for guests that type through the BIOS: its buffer of 16 words is not half full.

    ``read_memory(physical, length)`` reads guest memory. A guest that put something else there is never waited for.
    """

    def has_room() -> bool:
        pointers = read_memory(_BDA_KEYBOARD, 4)
        head, tail = int.from_bytes(pointers[:2], "little"), int.from_bytes(pointers[2:4], "little")
        if head not in _BDA_BUFFER or tail not in _BDA_BUFFER:
            return True
        return (tail - head) % 32 // 2 < _BDA_ROOM

    return has_room
