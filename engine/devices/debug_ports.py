"""Debug ports: the E9h console and the POST code display at port 80h.

Port E9h is a convention of PC emulators: bytes written go to the host, reading gives E9h so that a guest can
tell that the console is there. Port 80h shows where the power-on self-test stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine._core import PostCodePort
from engine.bus import NativePort, Port
from engine.devices.device import ResetKind
from engine.errors import StateError

# Ports (fixed on the board; attach at base 0)
POST_CODE: Final = 0x80
CONSOLE: Final = 0xE9

HISTORY_CODES: Final = PostCodePort.HISTORY_CODES


@dataclass(slots=True)
class State:
    post_code: int = 0
    history: list[int] = field(default_factory=list)  # the last POST codes that differed from the one before


class DebugPorts:
    """``sink(data)`` receives what the guest writes to port E9h."""

    def __init__(self, sink: Callable[[bytes], object] | None = None) -> None:
        self._sink = sink
        self._post = PostCodePort()

    def port_map(self) -> list[Port | NativePort]:
        """Attach at base 0."""
        return [
            NativePort(POST_CODE, self._post),
            Port(CONSOLE, lambda: CONSOLE, self.write_console, write_block=self.write_console_block),
        ]

    def write_console(self, value: int) -> None:
        if self._sink is not None:
            self._sink(bytes((value,)))

    def write_console_block(self, data: bytes) -> None:
        if self._sink is not None:
            self._sink(bytes(data))

    @property
    def post_code(self) -> int:
        """The last POST code."""
        return self._post.code

    @property
    def post_codes(self) -> tuple[int, ...]:
        """The last POST codes, oldest first, repetitions left out."""
        return tuple(self._post.history)

    def reset(self, kind: ResetKind) -> None:
        self._post.restore(0, [])

    def save(self) -> State:
        return State(self._post.code, self._post.history)

    def load(self, state: State) -> None:
        if not isinstance(state, State) or len(state.history) > HISTORY_CODES:
            raise StateError("The saved state of the debug ports does not fit.")
        self._post.restore(state.post_code, state.history)
