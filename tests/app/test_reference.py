"""Completion, manual page and desktop files: what shells, man and desktops read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app import cli
from app.cli import main
from app.command_reference import reference
from app.vm_folder import VmFolder

DESKTOP = Path(__file__).resolve().parents[2] / "resources" / "desktop"
Output = pytest.CaptureFixture[str]


def run(name: str, *arguments: str, stdin: str = "") -> str:
    """What a program of the host's prints; skips where there is none."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([name, *arguments], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_command_is_described_and_not_carried_out() -> None:
    for command in cli.commands().values():
        found = reference(command)
        assert found.usage.startswith(f"bancada {command.name}"), command.name
        assert all(option.value or option.flags for option in found.options)


def complete(script: str, *words: str) -> list[str]:
    line = " ".join(f"'{word}'" for word in words)
    ask = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _bancada; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    return run("bash", "-c", f"bancada() {{ printf 'DOS\\nWindows 98\\n'; }}\n{script}\n{ask}").splitlines()


def test_bash_completes_commands_options_choices_and_machines(capsys: Output) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert complete(script, "bancada", "scr") == ["screenshot"]
    assert complete(script, "bancada", "run", "--accel") == ["--accelerator"]
    assert "translator" in complete(script, "bancada", "run", "--accelerator", "")
    assert complete(script, "bancada", "start", "Win") == ["Windows 98"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_read_theirs(shell: str, capsys: Output) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "screenshot" in script
    run(shell, "-n", stdin=script)


def test_the_manual_names_every_command_and_option(capsys: Output) -> None:
    assert main(["man"]) == 0
    page = capsys.readouterr().out
    for command in cli.commands().values():
        assert f".SS bancada {command.name}" in page
    assert r"\fB\-\-headless\fR" in page
    text = run("groff", "-man", "-Tascii", "-P-cbou", "-ww", stdin=page)
    assert "EXIT STATUS" in text


def test_names_for_completion(make_vm: Callable[..., VmFolder], capsys: Output) -> None:
    make_vm("DOS")
    make_vm("Windows 98")
    assert main(["list", "--names"]) == 0
    assert capsys.readouterr().out == "DOS\nWindows 98\n"


def test_desktop_entry() -> None:
    run("desktop-file-validate", str(DESKTOP / "bancada.desktop"))


def test_metainfo() -> None:
    run("appstreamcli", "validate", "--no-net", str(DESKTOP / "bancada.metainfo.xml"))
