"""``--record FILE``: the screen of a run on film."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from app.recording import Recorder, RecordingError
from app.runner import Runner


@contextlib.contextmanager
def filming(runner: Runner, file: Path | None) -> Iterator[None]:
    """Films the machine, which was started, while the body runs; nothing without a file. Raises RecordingError."""
    machine = runner.machine
    if file is None or machine is None:
        yield
        return

    def ended(error: RecordingError | None) -> None:
        if error is not None:
            print(f"bancada: {error}", file=sys.stderr)

    recorder = Recorder(machine.screen, file, ended)
    try:
        yield
    finally:
        recorder.stop()
