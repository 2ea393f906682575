"""Every test of the core runs twice: by the interpreter alone, and with each block translated when it is met."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import _core
from tests.core import processors


@pytest.fixture(params=["interpreter", "translator"], autouse=True)
def accelerator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "translator" and not _core.Interpreter.can_translate():
        pytest.skip("this host cannot run translated code")
    monkeypatch.setattr(processors, "accelerator", request.param)
    yield request.param
