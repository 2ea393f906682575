"""A serial port as scripts use it: bytes in both directions, and waiting for what the guest says."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

_TRANSCRIPT_BYTES = 1 << 20  # what is kept of the guest's output


class SerialConsole:
    """The other end of the guest's cable.

    ``deliver`` brings bytes to the guest (called on the machine's thread by ``run``); ``wait`` is the machine's
    ``wait_until``.
    """

    def __init__(
        self,
        deliver: Callable[[bytes], None],
        run: Callable[[Callable[[], None]], None],
        wait: Callable[[Callable[[], bool], float], None],
    ) -> None:
        self._deliver = deliver
        self._run = run
        self._wait = wait
        self._lock = threading.Lock()
        self._transcript = bytearray()
        self._unread: deque[int] = deque(maxlen=_TRANSCRIPT_BYTES)
        self._searched = 0

    def received(self, data: bytes) -> None:
        """The guest sent bytes. Machine's thread."""
        with self._lock:
            self._transcript += data
            excess = len(self._transcript) - _TRANSCRIPT_BYTES
            if excess > 0:
                del self._transcript[:excess]
                self._searched = max(self._searched - excess, 0)
            self._unread.extend(data)

    def write(self, data: bytes) -> None:
        """Sends bytes to the guest, at the speed of its port."""
        self._run(lambda: self._deliver(data))

    def read(self) -> bytes:
        """What the guest sent since the last read."""
        with self._lock:
            data = bytes(self._unread)
            self._unread.clear()
        return data

    @property
    def transcript(self) -> bytes:
        """All the guest sent (the last megabyte)."""
        with self._lock:
            return bytes(self._transcript)

    def wait_for(self, text: bytes, timeout: float) -> None:
        """Waits until the guest has sent ``text`` (after what the last wait found).

        Raises TimeoutError with the end of the transcript after ``timeout`` guest seconds.
        """

        def found() -> bool:
            with self._lock:
                place = self._transcript.find(text, self._searched)
                if place >= 0:
                    self._searched = place + len(text)
            return place >= 0

        try:
            self._wait(found, timeout)
        except TimeoutError:
            tail = self.transcript[-2000:].decode("latin-1")
            raise TimeoutError(
                f"{text!r} did not come on the serial port within {timeout:g} s. It said:\n{tail}"
            ) from None
