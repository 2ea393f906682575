"""What is in a report, and what must not be."""

from __future__ import annotations

import getpass
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from app.problem_report import Part, Redactor, ReportError, collect, write
from app.vm_folder import VmFolder


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "mariana")
    monkeypatch.setattr(socket, "gethostname", lambda: "bench-7.example")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


def test_who_and_where_is_replaced_by_the_same_words_each_time(tmp_path: Path) -> None:
    redactor = Redactor([("Secret project", "MACHINE")])
    text = f"{tmp_path}/x mariana@bench-7.example Secret project 52:54:00:12:34:56 10.0.2.15 52:54:00:12:34:56 marianas"
    assert redactor.redact(text) == ("<HOME>/x <USER>@<HOST> <MACHINE> <MAC 1> <IP 1> <MAC 1> marianas")
    assert redactor.redact("52:54:00:AA:BB:CC 52:54:00:12:34:56") == "<MAC 2> <MAC 1>"


def test_a_machines_report(make_vm: Callable[..., VmFolder], tmp_path: Path) -> None:
    folder = make_vm("Secret project")
    folder.log_file.write_text(f"opened {folder.path}/disk.img for mariana\n")
    folder.crash_report_file.write_text("it stopped")
    parts = {part.name: part.content for part in collect(folder)}
    assert {"host.txt", "machine.toml", "crash-report.txt", "machine.log"} <= set(parts)
    assert parts["machine.log"] == "opened <MACHINE FOLDER>/disk.img for <USER>\n"
    everything = "".join(str(content) for content in parts.values())
    assert "Secret project" not in everything and "mariana" not in everything and str(tmp_path) not in everything
    assert "memory_mb" in str(parts["machine.toml"])


def test_a_broken_machine_has_a_report_too(make_vm: Callable[..., VmFolder]) -> None:
    folder = make_vm("Broken")
    folder.settings_file.write_text("this is not TOML [[")
    assert "this is not TOML" in {part.name: part.content for part in collect(folder)}["machine.toml"]


def test_the_end_of_a_long_log(make_vm: Callable[..., VmFolder]) -> None:
    folder = make_vm()
    folder.log_file.write_text("x" * (3 << 20) + "the end")
    log = {part.name: part.content for part in collect(folder)}["machine.log"]
    assert len(log) == 1 << 20 and log.endswith("the end")


def test_from_the_command_line(
    make_vm: Callable[..., VmFolder], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_vm("DOS")
    file = tmp_path / "report.zip"
    assert main(["report", "DOS", str(file)]) == 0
    assert "machine.toml" in capsys.readouterr().out
    with zipfile.ZipFile(file) as archive:
        assert "host.txt" in archive.namelist()
        assert archive.testzip() is None
    assert main(["report", str(tmp_path / "program.zip")]) == 0
    assert main(["report", "DOS", str(tmp_path / "none" / "report.zip")]) == 1
    assert "Choose another place" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(ReportError, match="No space left"):
        write(tmp_path / "report.zip", [Part("a", "b")])
    assert not (tmp_path / "report.zip").exists()
