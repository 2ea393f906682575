"""The control socket: other processes speak to a running machine; nonsense does no harm."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.control_socket import MAX_LINE_BYTES, NotRunningError, ask
from app.library import Library
from app.runner import Runner
from app.vm_folder import VmFolder
from engine.config import MachineConfig
from engine.config_file import VmSettings
from engine.errors import MachineError
from engine.events import PowerState
from tests.app.fake_machine import PNG, Guest


@pytest.fixture
def runner(guest: Guest, make_vm: Callable[..., VmFolder]) -> Iterator[Runner]:
    guest.answers["ver\n"] = "FreeDOS"
    runner = Runner(make_vm())
    runner.start()
    yield runner
    runner.stop_and_wait()


@pytest.fixture
def path(runner: Runner) -> Path:
    assert runner.folder is not None
    return runner.folder.control_socket


def test_status_and_orders(runner: Runner, path: Path, floppy: Path) -> None:
    status = ask(path, "status")
    assert status["state"] == "running" and status["pid"] == os.getpid() and status["memory_mb"] == 16
    assert status["media"] == {"floppy0": "", "cdrom0": ""} and status["accelerator"] == "fake"
    assert ask(path, "pause")["state"] == "paused" and runner.state is PowerState.PAUSED
    assert ask(path, "resume")["state"] == "running"
    ask(path, "reset")
    ask(path, "insert", device="floppy0", file=str(floppy), read_only=True)
    assert ask(path, "status")["media"]["floppy0"] == str(floppy)
    ask(path, "eject", device="floppy0")
    assert ask(path, "status")["media"]["floppy0"] == ""


def test_keys_text_and_screenshot(runner: Runner, path: Path, tmp_path: Path) -> None:
    assert ask(path, "type", text="ver\nç")["left_out"] == "ç"
    ask(path, "type", text="ver\n")
    ask(path, "key", keys="ctrl+alt+delete")
    ask(path, "wait", text="FreeDOS", seconds=5)
    assert "FreeDOS" in ask(path, "text")["text"]
    with pytest.raises(MachineError, match="“Linux” did not appear"):
        ask(path, "wait", text="Linux", seconds=1)
    ask(path, "screenshot", file=str(tmp_path / "shot.png"))
    assert (tmp_path / "shot.png").read_bytes() == PNG


def test_stop_answers_and_the_socket_goes(runner: Runner, path: Path) -> None:
    assert ask(path, "stop") == {"state": "off"}
    assert runner.state is PowerState.OFF and not path.exists()
    with pytest.raises(NotRunningError, match="cannot be reached"):
        ask(path, "status")


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({"command": "stat"}, "The command “stat” is not known. Did you mean “status”?"),
        ({}, "The command “” is not known."),
        ({"command": "type"}, "“text” is missing."),
        ({"command": "type", "text": 5}, "“text” is missing."),
        ({"command": "insert", "device": "floppy0", "file": "relative.img"}, "must be a whole path"),
        ({"command": "insert", "device": "floppy0", "file": "/nowhere/x.img"}, "There is no such file"),
        ({"command": "eject", "device": "tape0"}, "no removable drive “tape0”"),
        ({"command": "wait", "text": "x", "seconds": "long"}, "“seconds” must be a number"),
        ({"command": "resume"}, "“resume” is not possible now"),
        ({"command": "screenshot", "file": "/nowhere/shot.png"}, "/nowhere/shot.png"),
        ([], "This is no request"),
        (5, "This is no request"),
    ],
)
def test_wrong_requests_are_refused_in_words(runner: Runner, path: Path, request_: object, answer: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(os.path.relpath(path) if len(str(path)) > 100 else str(path))
        connection.sendall(json.dumps(request_).encode() + b"\n")
        reply = json.loads(connection.makefile("rb").readline())
    assert reply["ok"] is False and answer in reply["error"]
    assert runner.state is PowerState.RUNNING


@pytest.mark.parametrize("rubbish", [b"\n", b"{\n", b"\xff\xfe\n", b"[" * 100000 + b"\n", b"no newline"])
def test_rubbish_does_no_harm(runner: Runner, path: Path, rubbish: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(rubbish)
        connection.shutdown(socket.SHUT_WR)
        assert json.loads(connection.makefile("rb").readline())["ok"] is False
    assert ask(path, "status")["state"] == "running"


def test_a_line_without_end_is_cut_off(runner: Runner, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        lines = connection.makefile("rb")
        connection.sendall(b"x" * MAX_LINE_BYTES)
        assert b"This is no request" in lines.readline()
        assert lines.readline() == b""
    assert ask(path, "status")["state"] == "running"


def test_several_requests_on_one_connection(runner: Runner, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        lines = connection.makefile("rb")
        for command in ("pause", "resume", "status"):
            connection.sendall(json.dumps({"command": command}).encode() + b"\n")
            assert json.loads(lines.readline())["ok"] is True


def test_the_socket_is_its_owners_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_of_a_killed_process_is_replaced(guest: Guest, make_vm: Callable[..., VmFolder]) -> None:
    folder = make_vm()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder.control_socket))
    runner = Runner(folder)
    runner.start()
    assert ask(folder.control_socket, "status")["state"] == "running"
    runner.stop_and_wait()


def test_a_folder_deeper_than_socket_names_may_be_long(guest: Guest, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    folder = Library(deep).create(VmSettings(MachineConfig(name="Deep")))
    runner = Runner(folder)
    runner.start()
    assert ask(folder.control_socket, "status")["name"] == "Deep"
    runner.stop_and_wait()
    assert not folder.control_socket.exists()


def test_a_machine_runs_where_there_can_be_no_socket(
    guest: Guest, make_vm: Callable[..., VmFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoBind(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(95, "Operation not supported")

    monkeypatch.setattr("app.control_socket.socket.socket", NoBind)
    folder = make_vm()
    runner = Runner(folder)
    runner.start()
    assert runner.state is PowerState.RUNNING
    runner.stop_and_wait()
    assert "No control socket (Operation not supported)" in folder.log_file.read_text()
