"""Fixtures for all tests, and the summary line that says which shared guests were there."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# The same examples every time: a run that failed can be repeated.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# `.ci/asan` runs the tests on a core built with sanitizers instead of the one in engine/.
if instrumented := os.environ.get("BANCADA_CORE_MODULE"):
    spec = importlib.util.spec_from_file_location("engine._core", instrumented)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["engine._core"] = module
    spec.loader.exec_module(module)

_TESTS = pytest.StashKey[int]()
_TESTS_A_COLLECTION = 16

GUESTS = Path(__file__).resolve().parents[2] / "shared" / "guests"


@pytest.fixture(autouse=True)
def private_library(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Every test has a user data folder of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BANCADA_HOME", str(home))
    yield home


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """A processor with its memory is a few small objects to Python's collector, and megabytes to the host."""
    item.session.stash[_TESTS] = item.session.stash.get(_TESTS, 0) + 1
    if item.session.stash[_TESTS] % _TESTS_A_COLLECTION == 0:
        gc.collect()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [report.nodeid for report in terminalreporter.stats.get("passed", [])]
    booted = sum("test_guest_boots" in nodeid for nodeid in passed)
    there = "there" if GUESTS.is_dir() else "not there"
    terminalreporter.write_line(f"shared guests ({there}): {booted} booted")
