"""Every test of the core runs by the interpreter alone, and with each block translated when it is met: once with looks
into page tables, and once in windows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import _core
from tests.core import processors


@pytest.fixture(params=["interpreter", "translator", "windows"], autouse=True)
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param != "interpreter" and not _core.Interpreter.can_translate():
        pytest.skip("this host cannot run translated code")
    if request.param == "windows" and not _core.Interpreter.can_use_windows():
        pytest.skip("this host has no windows")
    monkeypatch.setattr(processors, "accelerator", request.param)
    yield request.param
