"""Fixtures of the image tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.disks.host_faults import HostFaults


@pytest.fixture
def host() -> Iterator[HostFaults]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield HostFaults(monkeypatch)
