"""A running machine answers other processes: a Unix socket in its folder, one JSON object a line both ways.

Request: ``{"command": "status", ...}``. Answer: ``{"ok": true, ...}`` or ``{"ok": false, "error": "..."}``.
The socket is its owner's alone (mode 0600). Where the folder's file system has no sockets, there is none.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.drives import medium, removable_devices
from app.log import MachineLog
from engine.errors import BancadaError, MachineError
from engine.toml_text import did_you_mean

if TYPE_CHECKING:
    from app.runner import Runner

MAX_LINE_BYTES: Final = 1 << 20
MAX_CONNECTIONS: Final = 16
_IDLE_S: Final = 3600.0  # a client that says nothing for so long is sent away


class NotRunningError(BancadaError):
    """Nobody answers at the machine's control socket."""


# -- The machine's side


class ControlServer:
    """Serves one runner until ``close``."""

    def __init__(self, path: Path, listener: socket.socket, runner: Runner, log: MachineLog) -> None:
        self._path = path
        self._listener = listener
        self._runner = runner
        self._log = log
        self._guard = threading.Lock()
        self._open = True
        self._clients: set[socket.socket] = set()
        threading.Thread(target=self._accept, name=f"control of {runner.name}", daemon=True).start()

    @classmethod
    def open(cls, path: Path, runner: Runner, log: MachineLog) -> ControlServer | None:
        """None, with a line in the log, when there can be no socket. The folder's lock is held: a socket that is
        there already is a dead one."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISSOCK(path.lstat().st_mode):
                    path.unlink()
            with _reachable(path) as name:
                mask = os.umask(0o177)
                try:
                    listener.bind(name)
                finally:
                    os.umask(mask)
            listener.listen(4)
        except OSError as error:
            listener.close()
            log.warning(f"No control socket ({error.strerror}): other processes cannot speak to this machine.")
            return None
        return cls(path, listener, runner, log)

    def close(self) -> None:
        with self._guard:
            if not self._open:
                return
            self._open = False
            clients = list(self._clients)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
        for client in clients:
            # An answer that is under way is still sent; no further request is read.
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RD)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._guard:
                if not self._open or len(self._clients) >= MAX_CONNECTIONS:
                    client.close()
                    continue
                self._clients.add(client)
            client.settimeout(_IDLE_S)
            threading.Thread(target=self._serve, args=(client,), name="control client", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, client.makefile("rb") as lines:
                while line := lines.readline(MAX_LINE_BYTES):
                    answer = self._answer(line)
                    client.sendall(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                    if not line.endswith(b"\n"):
                        return  # too long: what follows is not a request
        except OSError:
            pass
        finally:
            with self._guard:
                self._clients.discard(client)

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise ValueError("a request is an object")
        except (ValueError, RecursionError) as error:
            return {"ok": False, "error": f"This is no request: {error}."}
        name = str(request.get("command", ""))
        command = COMMANDS.get(name)
        if command is None:
            return {"ok": False, "error": f"The command “{name}” is not known. {did_you_mean(name, COMMANDS)}".strip()}
        if name != "status":
            self._log.info(f"Control socket: {name}")
        try:
            return {"ok": True, **command(self._runner, request)}
        except (BancadaError, TimeoutError, ValueError, KeyError) as error:
            return {"ok": False, "error": _message(error)}
        except Exception as error:  # a fault of ours: the client hears of it, the machine goes on
            self._log.error(f"Control socket: {name}: {error!r}")
            return {"ok": False, "error": f"{name} failed: {error}"}


def _status(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    config = runner.config
    media: dict[str, str] = {}
    for device in removable_devices(config):
        image, _ = medium(config, device)
        media[device] = str(image) if image is not None else ""
    stats = runner.stats
    return {
        "name": runner.name,
        "state": runner.state.value,
        "reason": runner.reason,
        "pid": os.getpid(),
        "memory_mb": config.memory_mb,
        "media": media,
        "instructions": stats.get("instructions", 0),
        "guest_seconds": stats.get("guest_ns", 0) / 1e9,
        "accelerator": stats.get("accelerator", ""),
    }


def _stop(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    if request.get("hard", False):
        runner.power_off()
    else:
        runner.press_power_button()
    return {"state": runner.state.value}


def _order(order: Callable[[Runner], None]) -> Callable[[Runner, Mapping[str, Any]], dict[str, Any]]:
    def run(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
        order(runner)
        return {"state": runner.state.value}

    return run


def _screenshot(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    path = _absolute(request)
    runner.screenshot(path)
    return {"file": str(path)}


def _type(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    return {"left_out": runner.type_text(_text(request, "text"))}


def _key(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    runner.chord(_text(request, "keys"))
    return {}


def _insert(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    runner.insert(_text(request, "device"), _absolute(request), bool(request.get("read_only", False)))
    return {}


def _eject(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    runner.eject(_text(request, "device"))
    return {}


def _screen_text(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    return {"text": runner.screen_text()}


def _wait(runner: Runner, request: Mapping[str, Any]) -> dict[str, Any]:
    """Until a text is on the screen."""
    text = _text(request, "text")
    limit = request.get("seconds", 60)
    if not isinstance(limit, int | float) or not 0 <= limit <= 86400:
        raise ValueError("“seconds” must be a number, 0 to 86400.")
    machine = runner.machine
    if machine is None:
        raise MachineError(f"“{runner.name}” is switched off.")
    machine.screen.wait_for_text(text, timeout=limit)
    return {}


COMMANDS: Final[dict[str, Callable[[Runner, Mapping[str, Any]], dict[str, Any]]]] = {
    "status": _status,
    "stop": _stop,
    "pause": _order(lambda runner: runner.pause()),
    "resume": _order(lambda runner: runner.resume()),
    "reset": _order(lambda runner: runner.reset()),
    "screenshot": _screenshot,
    "type": _type,
    "key": _key,
    "insert": _insert,
    "eject": _eject,
    "text": _screen_text,
    "wait": _wait,
}


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"“{key}” is missing.")
    return value


def _absolute(request: Mapping[str, Any]) -> Path:
    path = Path(_text(request, "file"))
    if not path.is_absolute():
        raise ValueError(f"“{path}” must be a whole path: the machine's process has another working folder.")
    return path


def _message(error: BaseException) -> str:
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


# -- The other side


def ask(path: Path, command: str, timeout: float = 30.0, **arguments: Any) -> dict[str, Any]:
    """Sends one command to a machine's socket and returns its answer.

    Raises NotRunningError when nobody answers, MachineError with the machine's own words when it refuses.
    """
    request = json.dumps({"command": command, **arguments}).encode() + b"\n"
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        with connection, _reachable(path) as name:
            connection.connect(name)
            connection.sendall(request)
            with connection.makefile("rb") as lines:
                line = lines.readline(8 * MAX_LINE_BYTES)
    except TimeoutError:
        raise NotRunningError(f"{path.parent}: the machine did not answer within {timeout:g} s.") from None
    except OSError as error:
        raise NotRunningError(f"{path.parent}: the machine cannot be reached ({error.strerror}).") from error
    try:
        answer = json.loads(line)
    except ValueError:
        raise NotRunningError(f"{path.parent}: the machine ended before it answered.") from None
    if not answer.pop("ok", False):
        raise MachineError(str(answer.get("error", "The machine refused.")))
    return dict(answer)


@contextlib.contextmanager
def _reachable(path: Path) -> Any:
    """A name for the socket that fits into the 108 bytes the system allows, however deep the folder lies."""
    if len(os.fsencode(path)) < 100:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
