"""A socket that GDB connects to: ``target remote localhost:1234``, or the path of a Unix socket. One at a time."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from pathlib import Path
from typing import Final

from engine.debug.debugger import Debugger
from engine.debug.gdb_packets import INTERRUPT, PacketReader, packet
from engine.debug.gdb_stub import GdbStub
from engine.errors import HostResourceError
from engine.events import PowerState
from engine.machine import Machine

DEFAULT_HOST: Final = "127.0.0.1"
_LOOK_S: Final = 0.02  # how long a stop of the machine may go unnoticed
_UNIX: Final = "unix:"


class GdbServer:
    """Listens from the start; a thread of its own serves. ``close`` ends it and lets the machine run without stops."""

    def __init__(self, machine: Machine, where: str) -> None:
        """``where``: a port, HOST:PORT, or unix:PATH. Raises HostResourceError when it cannot be listened on."""
        self._machine = machine
        self._path = Path(where.removeprefix(_UNIX)) if where.startswith(_UNIX) else None
        try:
            self._listener = self._listen(where)
        except (OSError, ValueError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise HostResourceError(f"GDB cannot be waited for at {where}: {reason}. Choose another port.") from error
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"gdb of {machine.config.name}", daemon=True)
        self._thread.start()

    def _listen(self, where: str) -> socket.socket:
        if self._path is not None:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            with contextlib.suppress(FileNotFoundError):
                if self._path.is_socket():
                    os.unlink(self._path)  # left by one that was killed
            listener.bind(str(self._path))
        else:
            host, _, port = where.rpartition(":")
            listener = socket.create_server((host or DEFAULT_HOST, int(port)))
        listener.listen(1)
        return listener

    @property
    def address(self) -> str:
        """What GDB's ``target remote`` wants."""
        if self._path is not None:
            return str(self._path)
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._listener.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while not self._closing.is_set():
            ready, _, _ = select.select([self._listener], [], [], _LOOK_S)
            if ready:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    _Visit(self._machine, connection, self._closing).serve()


class _Visit:
    """From GDB's connection to its end."""

    def __init__(self, machine: Machine, connection: socket.socket, closing: threading.Event) -> None:
        self._machine = machine
        self._connection = connection
        self._closing = closing
        self._debugger = Debugger(machine)
        self._stub = GdbStub(self._debugger)
        self._goes = False  # GDB waits for the machine to stop

    def serve(self) -> None:
        self._debugger.stop()
        reader = PacketReader()
        try:
            while not self._stub.is_over and not self._closing.is_set():
                ready, _, _ = select.select([self._connection], [], [], _LOOK_S)
                if ready:
                    data = self._connection.recv(65536)
                    if not data:
                        return
                    for command in reader.feed(data):
                        self._take(command)
                if self._goes and self._machine.state is not PowerState.RUNNING:
                    self._goes = False
                    is_on = self._machine.state is PowerState.PAUSED
                    self._send(self._stub.stop_reply() if is_on else b"W00")
        finally:
            if self._machine.state is not PowerState.OFF:
                self._debugger.clear()

    def _take(self, command: bytes | None) -> None:
        if command == INTERRUPT:
            self._debugger.stop()
            return
        if self._stub.acknowledges:
            self._connection.sendall(b"-" if command is None else b"+")
        if command is None:
            return
        answer = self._stub.handle(command)
        if answer is None:
            self._goes = True
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        self._connection.sendall(packet(answer))
