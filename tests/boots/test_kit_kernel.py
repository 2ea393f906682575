"""The benchmark kit's Linux by direct boot: every workload with the checksum it has on real hardware.

The kit lies beside the repository (``../shared/kit``); without it these tests are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine import Machine, MachineConfig
from engine._core import Interpreter
from engine.events import PowerState

BUILD = Path(__file__).resolve().parents[3] / "shared" / "kit" / "build"
SCALE = 50
# What `bench-x87 50` prints on the host.
CHECKSUMS = {
    "int": "7ca1f076",
    "calls": "c61a5a89",
    "bodies-x87": "4002dd92",
    "mandel-x87": "0000004f",
    "mem": "00000c36",
    "sys": "00002bc0",
    "fork": "0000000f",
}


def run(words: str, **changes: object) -> tuple[str, PowerState]:
    """Everything the kernel and the workloads said on COM1, and the machine's state afterwards."""
    config = MachineConfig(
        memory_mb=64,
        clock="instructions",
        accelerator="interpreter",
        kernel=kit("kernel"),
        initrd=kit("initrd-x87.gz"),
        kernel_command_line=f"console=ttyS0 panic=-1 cryptomgr.notests bench.scale={SCALE} {words}",
    )
    return run_to_the_end(config.replace(**changes))


def kit(name: str) -> Path:
    if not (BUILD / name).exists():
        pytest.skip("the benchmark kit is not here")
    return BUILD / name


def run_to_the_end(config: MachineConfig, timeout: float = 60) -> tuple[str, PowerState]:
    """``timeout`` in seconds of the guest."""
    said = bytearray()
    with Machine(config) as vm:
        vm.power_on()

        def ended() -> bool:
            said.extend(vm.serial[0].read())
            return re.search(rb"reboot: (Power down|System halted)|Kernel panic", said) is not None

        vm.wait_until(ended, timeout)
        if b"Power down" in said:
            vm.run_for(1)
        return said.decode(errors="replace"), vm.state


@pytest.mark.parametrize(
    ("words", "apic", "signs"),
    [
        ("", True, ["Using ACPI (MADT)", "Switch to symmetric I/O mode setup", "Power down"]),
        ("acpi=off", True, ["found SMP MP-table", "Switch to symmetric I/O mode setup", "System halted"]),
        ("", False, ["Using PIC for interrupt routing", "Power down"]),
    ],
    ids=["ACPI", "MP table", "8259"],
)
def test_every_workload_has_its_checksum(words: str, apic: bool, signs: Sequence[str]) -> None:
    said, state = run(words, apic=apic)
    found = dict(re.findall(r"bench (\S+) [\d.]+ ([0-9a-f]{8})", said))
    assert found == CHECKSUMS
    for sign in signs:
        assert sign in said
    assert "bench-end" in said
    assert ("IOAPIC" in said or "I/O APICs" in said) == apic
    # Through ACPI the kernel switches the machine off; without, it halts.
    assert (state is PowerState.OFF) == ("Power down" in said)


# What `bench-x87 1` prints on the host.
WHOLE_CHECKSUMS = {
    "int": "db5bddd8",
    "calls": "ec09cca9",
    "bodies-x87": "e0eb9813",
    "mandel-x87": "0003457e",
    "mem": "094e4744",
    "sys": "00088b80",
    "fork": "00002332",
}


def test_the_whole_work_from_the_cd() -> None:
    """GRUB from the CD starts the kernel, which does all of every workload."""
    if not Interpreter.can_translate():
        pytest.skip("thirteen thousand million instructions: for the translator")
    config = MachineConfig(memory_mb=64, clock="instructions", accelerator="translator", cdroms=[kit("kit.iso")])
    said, state = run_to_the_end(config, timeout=300)
    assert dict(re.findall(r"bench (\S+) [\d.]+ ([0-9a-f]{8})", said)) == WHOLE_CHECKSUMS
    assert state is PowerState.OFF
