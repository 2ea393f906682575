"""A firmware on a fake board, after POST."""

from __future__ import annotations

import pytest

from tests.engine.firmware.fake_board import Bios, FakeDrive, FakeFloppy


@pytest.fixture
def bios() -> Bios:
    """One 1.44 MB drive with a diskette, no other drives; POST is over."""
    machine = Bios(floppies=[FakeDrive(FakeFloppy())])
    machine.start()
    return machine
