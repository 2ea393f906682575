"""``--gdb PORT`` and ``--gdb-wait``: a run that GDB can connect to."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from app.runner import Runner


@dataclass(frozen=True)
class Debugging:
    """``where`` GDB is waited for (None: nowhere); ``waits``: the machine stands until GDB lets it go."""

    where: str | None = None
    waits: bool = False

    @contextlib.contextmanager
    def of(self, runner: Runner) -> Iterator[None]:
        """Serves GDB while the body runs; the runner was started. Raises HostResourceError."""
        machine = runner.machine
        if self.where is None or machine is None:
            yield
            return
        from engine.debug.gdb_server import GdbServer

        server = GdbServer(machine, self.where)
        print(f"bancada: waiting for GDB: target remote {server.address}", file=sys.stderr, flush=True)
        try:
            yield
        finally:
            server.close()
