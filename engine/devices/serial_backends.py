"""The far end of a serial cable on the host: a file, the terminal, a TCP or Unix socket, a pseudo-terminal.

A backend never blocks the machine's thread: a thread of its own reads and writes, hands bytes over through
``deliver``, and keeps what the host does not take at once in a bounded queue. A backend that cannot be opened
raises HostResourceError; one that fails later says so once through ``notice`` and goes quiet.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from engine.config import SerialConfig
from engine.errors import HostResourceError

QUEUE_BYTES: Final = 1 << 20  # guest output that waits for the host; what is more is dropped
_PIECE_BYTES: Final = 4096
_PATIENCE_SECONDS: Final = 1.0
_GONE: Final = (errno.EPIPE, errno.ECONNRESET, errno.EIO)

Deliver = Callable[[bytes], None]
Notify = Callable[[str], None]


class SerialBackend(Protocol):
    """``send`` is called on the machine's thread with what the guest transmitted."""

    def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class MemoryBackend:
    """Nobody but the Python API listens."""

    def send(self, data: bytes) -> None:
        return None

    def close(self) -> None:
        return None


class FileBackend:
    """The guest's output goes to the end of a file."""

    def __init__(self, path: Path, notice: Notify) -> None:
        self._path = path
        self._notice = notice
        try:
            if path.exists() and stat.S_ISFIFO(path.stat().st_mode):
                raise HostResourceError(
                    f"The serial port's file {path} is a named pipe, which would stop the virtual machine. "
                    "Use a plain file, or a serial port of kind “unix” or “tcp”."
                )
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise HostResourceError(
                f"The serial port's file {path} cannot be written: {error.strerror}. "
                "Choose another file in the settings."
            ) from error

    def send(self, data: bytes) -> None:
        if self._file.closed:
            return
        try:
            self._file.write(data)
        except OSError as error:
            self._notice(f"The serial port's file {self._path} cannot be written any more: {error.strerror}.")
            self._file.close()

    def close(self) -> None:
        self._file.close()


class StreamBackend:
    """Bytes both ways over descriptors; base of terminal, sockets and pseudo-terminal."""

    def __init__(self, deliver: Deliver, notice: Notify, name: str) -> None:
        self._deliver = deliver
        self._notice = notice
        self._name = name
        self._lock = threading.Lock()
        self._queue = bytearray()  # under the lock
        self._ended = False  # under the lock: the thread has closed its descriptors
        self._closing = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._serve, name=f"serial {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, data: bytes) -> None:
        with self._lock:
            if self._ended:
                return
            empty = not self._queue
            self._queue += data[: max(QUEUE_BYTES - len(self._queue), 0)]
            if empty:
                self._wake()

    def close(self) -> None:
        """Gives what is queued a last chance, then closes."""
        with self._lock:
            self._closing = True
            if not self._ended:
                self._wake()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=2 * _PATIENCE_SECONDS)

    def _wake(self) -> None:
        """Under the lock, so that the pipe is still ours."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_write, b"x")

    # -- On the backend's own thread

    def _open(self) -> tuple[int, int] | None:
        """Descriptors to read from (-1: none) and to write to; None: not connected."""
        return None

    def _listening(self) -> int:
        """A descriptor whose readiness means that ``_open`` may succeed now; -1: none."""
        return -1

    def _lost(self) -> None:
        """The far end went away."""

    def _shut(self) -> None:
        """Closes what the backend holds."""

    def _serve(self) -> None:
        try:
            while not self._closing:
                streams = self._open()
                if streams is None:
                    self._ready([self._listening()], [], None)
                elif not self._exchange(*streams):
                    self._lost()
        except OSError as error:
            if not self._closing:
                self._notice(f"The serial port's connection {self._name} failed: {error.strerror or error}.")
        finally:
            with self._lock:
                self._ended = True
                self._queue.clear()
                os.close(self._wake_read)
                os.close(self._wake_write)
            self._shut()

    def _ready(self, reading: list[int], writing: list[int], timeout: float | None) -> set[tuple[int, int]]:
        """Waits for descriptors or a wake-up; returns (descriptor, event) pairs."""
        wanted = {self._wake_read: selectors.EVENT_READ}
        for descriptor in reading:
            if descriptor >= 0:
                wanted[descriptor] = wanted.get(descriptor, 0) | selectors.EVENT_READ
        for descriptor in writing:
            wanted[descriptor] = wanted.get(descriptor, 0) | selectors.EVENT_WRITE
        with _selector() as selector:
            for descriptor, events in wanted.items():
                selector.register(descriptor, events)
            found = selector.select(timeout)
        ready = {(key.fd, bit) for key, events in found for bit in (1, 2) if events & bit}
        if (self._wake_read, selectors.EVENT_READ) in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, _PIECE_BYTES)
        return ready

    def _exchange(self, source: int, target: int) -> bool:
        """Copies both ways until closed; False when the far end is gone."""
        while True:
            with self._lock:
                waiting = bool(self._queue)
            if self._closing and not waiting:
                return True
            timeout = _PATIENCE_SECONDS if self._closing else None
            ready = self._ready([source], [target] if waiting else [], timeout)
            if (source, selectors.EVENT_READ) in ready:
                data = _read(source)
                if data:
                    self._deliver(data)
                elif data is not None:
                    if source == target:
                        return False
                    source = -1  # standard input ended; output goes on
            if (target, selectors.EVENT_WRITE) in ready:
                if not self._write_piece(target):
                    return False
            elif self._closing:
                return True  # the host takes nothing more

    def _write_piece(self, target: int) -> bool:
        with self._lock:
            piece = bytes(self._queue[:_PIECE_BYTES])
        try:
            count = os.write(target, piece)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno not in _GONE:
                raise
            with self._lock:
                self._queue.clear()
            return False
        with self._lock:
            del self._queue[:count]
        return True


def _selector() -> selectors.BaseSelector:
    # Terminals, sockets and redirected plain files alike: epoll would refuse the last.
    return selectors.PollSelector() if hasattr(selectors, "PollSelector") else selectors.DefaultSelector()


def _read(source: int) -> bytes | None:
    """What there is; empty at the end, None when there was nothing after all."""
    try:
        return os.read(source, _PIECE_BYTES)
    except BlockingIOError:
        return None
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return b""


class StdioBackend(StreamBackend):
    """The terminal the program was started from."""

    def __init__(self, deliver: Deliver, notice: Notify) -> None:
        super().__init__(deliver, notice, "standard input and output")
        self._done = False

    def _open(self) -> tuple[int, int] | None:
        if self._done or sys.stdout is None:
            return None
        return sys.stdin.fileno() if sys.stdin is not None else -1, sys.stdout.fileno()

    def _lost(self) -> None:
        self._done = True


class SocketBackend(StreamBackend):
    """A TCP or Unix socket: connects where somebody listens already, else listens for one peer at a time."""

    def __init__(self, config: SerialConfig, deliver: Deliver, notice: Notify) -> None:
        self._listener: socket.socket | None = None
        self._peer: socket.socket | None = None
        self._own_path: Path | None = None
        try:
            if config.kind == "unix":
                self._open_unix(Path(config.target))
            else:
                self._open_tcp(config.target)
        except (OSError, ValueError, OverflowError) as error:
            self._shut()
            raise HostResourceError(
                f"The serial port cannot use “{config.target}”: {_reason(error)}. "
                "Give HOST:PORT to connect, :PORT to listen, or the path of a socket."
            ) from error
        super().__init__(deliver, notice, config.target)

    def _open_tcp(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        number = int(port)
        if host:
            self._peer = socket.create_connection((host.strip("[]"), number), timeout=5)
            self._peer.setblocking(False)
        else:
            self._listener = socket.create_server(("127.0.0.1", number))
            self._listener.setblocking(False)

    def _open_unix(self, path: Path) -> None:
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(5)
        try:
            peer.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            peer.close()
        except OSError:
            peer.close()
            raise
        else:
            peer.setblocking(False)
            self._peer = peer
            return
        if path.is_socket():
            path.unlink()  # left behind by a program that is gone
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._own_path = path
        self._listener.listen(1)
        self._listener.setblocking(False)

    @property
    def port(self) -> int:
        """The TCP port it listens on; 0 when it does not."""
        if self._listener is None or self._own_path is not None:
            return 0
        return int(self._listener.getsockname()[1])

    def _listening(self) -> int:
        return self._listener.fileno() if self._listener is not None else -1

    def _open(self) -> tuple[int, int] | None:
        if self._peer is None and self._listener is not None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._peer, _ = self._listener.accept()
                self._peer.setblocking(False)
        return (self._peer.fileno(), self._peer.fileno()) if self._peer is not None else None

    def _lost(self) -> None:
        if self._peer is not None:
            self._peer.close()
            self._peer = None
        if self._listener is None:
            self._notice(f"The serial port's connection {self._name} was closed by the other side.")

    def _shut(self) -> None:
        for end in (self._peer, self._listener):
            if end is not None:
                end.close()
        if self._own_path is not None:
            self._own_path.unlink(missing_ok=True)


class PtyBackend(StreamBackend):
    """A pseudo-terminal; ``device`` is what a terminal program opens."""

    def __init__(self, deliver: Deliver, notice: Notify) -> None:
        try:
            import tty

            self._master, self._slave = os.openpty()
        except (ImportError, AttributeError, OSError) as error:
            raise HostResourceError(
                f"The host gives no pseudo-terminal for the serial port: {_reason(error)}. "
                "Choose another kind of serial port in the settings."
            ) from error
        # The other end stays open here, so that terminal programs may come and go.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.device = os.ttyname(self._slave)
        super().__init__(deliver, notice, self.device)
        notice(f"A serial port is at {self.device}.")

    def _open(self) -> tuple[int, int] | None:
        return self._master, self._master

    def _shut(self) -> None:
        os.close(self._master)
        os.close(self._slave)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


def open_backend(config: SerialConfig, deliver: Deliver, notice: Notify) -> SerialBackend:
    """The backend a configuration asks for. ``deliver`` and ``notice`` may be called from another thread.

    Raises HostResourceError saying what to change.
    """
    if config.kind == "file":
        return FileBackend(Path(config.target), notice)
    stream: StreamBackend
    if config.kind == "stdio":
        stream = StdioBackend(deliver, notice)
    elif config.kind in ("tcp", "unix"):
        stream = SocketBackend(config, deliver, notice)
    elif config.kind == "pty":
        stream = PtyBackend(deliver, notice)
    else:
        return MemoryBackend()
    stream.start()
    return stream
