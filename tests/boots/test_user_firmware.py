"""A firmware we did not write drives our devices: SeaBIOS of the host's distribution, when it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.diagnostics import diagnostics_config
from engine import Machine, MachineConfig
from engine.errors import MediumError

SEABIOS = Path("/usr/share/seabios")
VIDEO = SEABIOS / "vgabios-vmware.bin"


@pytest.mark.skipif(not VIDEO.exists(), reason="the package seabios is not installed")
@pytest.mark.parametrize("name", ["bios.bin", "bios-256k.bin"])  # the second one would set system management mode up
def test_seabios_boots_the_diagnostics_diskette(name: str) -> None:
    base = diagnostics_config()
    config = MachineConfig(
        memory_mb=64, clock="instructions", floppies=base.floppies, firmware=SEABIOS / name, video_firmware=VIDEO
    )
    with Machine(config) as vm:
        vm.power_on()
        vm.screen.wait_for_text("SeaBIOS", timeout=20)
        vm.screen.wait_for_text("Keyboard", timeout=60)


def test_images_that_are_none_are_refused(tmp_path: Path) -> None:
    empty, blank = tmp_path / "empty", tmp_path / "blank"
    empty.write_bytes(b"")
    blank.write_bytes(bytes(0x10000))
    for image, words in ((empty, "between 1 byte"), (blank, "reset vector"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(MediumError, match=words):
            Machine(MachineConfig(firmware=image))
