"""Serial cables to the host: every kind both ways, and what happens when the host fails."""

from __future__ import annotations

import os
import queue
import socket
from pathlib import Path

import pytest

from engine.config import SerialConfig
from engine.devices import serial_backends
from engine.devices.serial_backends import PtyBackend, SocketBackend, StdioBackend, open_backend
from engine.errors import HostResourceError

PATIENCE_SECONDS = 10


class End:
    """What the backend delivers and says, from any thread."""

    def __init__(self) -> None:
        self.delivered: queue.Queue[bytes] = queue.Queue()
        self.notices: queue.Queue[str] = queue.Queue()

    def open(self, kind: str, target: str = "") -> serial_backends.SerialBackend:
        return open_backend(SerialConfig(kind, target), self.delivered.put, self.notices.put)

    def expect(self, data: bytes) -> None:
        received = b""
        while len(received) < len(data):
            received += self.delivered.get(timeout=PATIENCE_SECONDS)
        assert received == data


@pytest.fixture
def end() -> End:
    return End()


def receive(peer: socket.socket, count: int) -> bytes:
    peer.settimeout(PATIENCE_SECONDS)
    received = b""
    while len(received) < count and (piece := peer.recv(count - len(received))):
        received += piece
    return received


def test_memory_backend_swallows(end: End) -> None:
    backend = end.open("memory")
    backend.send(b"abc")
    backend.close()
    assert end.delivered.empty()


def test_file_is_appended_to(end: End, tmp_path: Path) -> None:
    file = tmp_path / "serial.log"
    for text in (b"one ", b"two"):
        backend = end.open("file", str(file))
        backend.send(text)
        backend.close()
        backend.send(b"late")
    assert file.read_bytes() == b"one two"


def test_file_that_cannot_be_opened_is_named(end: End, tmp_path: Path) -> None:
    with pytest.raises(HostResourceError, match="nowhere"):
        end.open("file", str(tmp_path / "nowhere" / "serial.log"))


def test_named_pipe_is_refused_instead_of_blocking(end: End, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HostResourceError, match="named pipe"):
        end.open("file", str(tmp_path / "pipe"))


def test_file_on_a_full_disk_says_so_once(end: End) -> None:
    backend = end.open("file", "/dev/full")
    backend.send(b"a")
    backend.send(b"b")
    assert "/dev/full" in end.notices.get_nowait()
    assert end.notices.empty()


def test_tcp_server_takes_one_peer_after_another(end: End) -> None:
    backend = end.open("tcp", ":0")
    assert isinstance(backend, SocketBackend)
    for greeting in (b"first", b"second"):
        with socket.create_connection(("127.0.0.1", backend.port), timeout=PATIENCE_SECONDS) as peer:
            peer.sendall(greeting)
            end.expect(greeting)
            backend.send(b"hello")
            assert receive(peer, 5) == b"hello"
    backend.close()
    assert end.notices.empty()


def test_tcp_client_talks_and_tells_when_it_is_cut_off(end: End) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        backend = end.open("tcp", f"127.0.0.1:{server.getsockname()[1]}")
        peer, _ = server.accept()
        with peer:
            backend.send(b"ping")
            assert receive(peer, 4) == b"ping"
            peer.sendall(b"pong")
            end.expect(b"pong")
    assert "closed by the other side" in end.notices.get(timeout=PATIENCE_SECONDS)
    backend.send(b"late")
    backend.close()


@pytest.mark.parametrize("target", ["nonsense", "127.0.0.1:0", ":99999999", "127.0.0.1:port"])
def test_bad_tcp_target_says_what_to_give(end: End, target: str) -> None:
    with pytest.raises(HostResourceError, match="HOST:PORT"):
        end.open("tcp", target)


def test_tcp_port_that_is_taken_is_an_error(end: End) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(HostResourceError),
    ):
        end.open("tcp", f":{server.getsockname()[1]}")


def test_unix_socket_listens_and_removes_its_path(end: End, tmp_path: Path) -> None:
    path = tmp_path / "serial.sock"
    backend = end.open("unix", str(path))
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        peer.sendall(b"hi")
        end.expect(b"hi")
        backend.send(b"there")
        assert receive(peer, 5) == b"there"
    backend.close()
    assert not path.exists()


def test_unix_socket_left_behind_is_replaced(end: End, tmp_path: Path) -> None:
    path = tmp_path / "serial.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    backend = end.open("unix", str(path))
    backend.close()


def test_unix_socket_of_a_listening_program_is_connected_to_and_left_alone(end: End, tmp_path: Path) -> None:
    path = tmp_path / "serial.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        backend = end.open("unix", str(path))
        peer, _ = server.accept()
        with peer:
            backend.send(b"knock")
            assert receive(peer, 5) == b"knock"
        backend.close()
    assert path.exists()


def test_unix_path_that_is_a_plain_file_is_refused(end: End, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_bytes(b"data")
    with pytest.raises(HostResourceError):
        end.open("unix", str(file))
    assert file.read_bytes() == b"data"


def test_pseudo_terminal_both_ways(end: End) -> None:
    backend = end.open("pty")
    assert isinstance(backend, PtyBackend)
    assert backend.device in end.notices.get(timeout=PATIENCE_SECONDS)
    terminal = os.open(backend.device, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(terminal, b"root\r")
        end.expect(b"root\r")
        backend.send(b"login: ")
        assert os.read(terminal, 7) == b"login: "
    finally:
        os.close(terminal)
        backend.close()


def test_standard_streams(end: End, monkeypatch: pytest.MonkeyPatch) -> None:
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    with os.fdopen(in_read) as stdin, os.fdopen(out_write, "w") as stdout:
        monkeypatch.setattr("sys.stdin", stdin)
        monkeypatch.setattr("sys.stdout", stdout)
        backend = end.open("stdio")
        assert isinstance(backend, StdioBackend)
        os.write(in_write, b"typed")
        end.expect(b"typed")
        os.close(in_write)
        backend.send(b"shown")
        assert os.read(out_read, 5) == b"shown"
        backend.close()
    os.close(out_read)


def test_queue_is_bounded_while_nobody_is_connected(end: End) -> None:
    backend = end.open("tcp", ":0")
    assert isinstance(backend, SocketBackend)
    for _ in range(3):
        backend.send(bytes(serial_backends.QUEUE_BYTES))
    assert len(backend._queue) == serial_backends.QUEUE_BYTES
    backend.close()


def test_sending_after_close_touches_no_descriptor(end: End) -> None:
    backend = end.open("tcp", ":0")
    backend.close()
    read, write = os.pipe()  # may get the numbers the backend had
    os.set_blocking(read, False)
    backend.send(b"x")
    backend.close()
    with pytest.raises(BlockingIOError):
        os.read(read, 1)
    os.close(read)
    os.close(write)
