"""SIGINT and SIGTERM while a window's event loop has the main thread.

Python runs signal handlers on the main thread between its own instructions, which a quiet event loop does not get
to. The interpreter writes every signal's number to a descriptor at once; a thread reads it there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
GRACE_S: Final = 3.0  # for the window to close by itself after the machines are off


@contextlib.contextmanager
def on_termination(stop: Callable[[], None], grace_s: float = GRACE_S) -> Iterator[None]:
    """While the body runs, a signal calls ``stop`` on a thread of its own (machines off, media flushed). When the body
    has not ended within ``grace_s`` after that, the process ends with the signal's status.

    Only the main thread can do this; elsewhere nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    finished = threading.Event()

    def watch() -> None:
        while True:
            numbers = reader.recv(16)
            if not numbers or finished.is_set():
                return
            if any(number in SIGNALS for number in numbers):
                stop()
                if not finished.wait(grace_s):
                    os._exit(128 + numbers[0])
                return

    before = {number: signal.signal(number, lambda _number, _frame: None) for number in SIGNALS}
    old_descriptor = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=watch, name="signals", daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        signal.set_wakeup_fd(old_descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()
        thread.join(GRACE_S)
        reader.close()
