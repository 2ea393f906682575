"""The PC's clocks go at one rate: what a guest calibrates by one of them is right by all the others."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine.devices.power_management_piix4 import TIMER_HZ
from tests.engine.firmware.test_stubs_on_the_processor import run

# A boot sector that reaches the local APIC through a flat FS, starts its timer at FFFFFFFFh and divisor 1, and notes
# the counters at a change of the RTC's second and again five changes later.
PROGRAM = """
31c0 8ed8 8ec0 0f0116967c fa          ; LGDT, CLI
0f20c0 40 0f22c0 bb0800 8ee3 48 0f22c0 fb
66be0000e0fe                          ; MOV ESI, FEE00000h
646667c786e00300000b000000            ; divide configuration
646667c7862003000020000100            ; LVT timer: masked, one-shot
646667c78680030000ffffffff            ; initial count
bf0060 e81000 e82100 b90500 e80700 e2fb e81600 eb44
e80a00 88c3 e80500 38d8 74f9 c3       ; until the second changes
30c0 e670 e471 c3                     ; RTC register 0
0f31 66ab 6689d0 66ab                 ; TSC
ba0806 66ed 66ab                      ; PM timer
6466678b8690030000 66ab               ; APIC timer, current count
66a16c04 66ab c3                      ; INT 8's ticks
0f00 947c0000 ffff00000093cf00        ; GDTR, flat data
"""
SECONDS = 5  # from one change of the second to the fifth after it
TSC_HZ = 1e9
APIC_HZ = 100e6
TICK_HZ = 1193182 / 65536


def test_the_clocks_of_the_pc_agree_over_seconds(tmp_path: Path) -> None:
    code = "".join(line.partition(";")[0] for line in PROGRAM.splitlines())
    with run(tmp_path, code, seconds=9) as vm:
        tsc, pm_timer, apic, ticks = (
            after - before
            for before, after in zip(
                struct.unpack("<QIII", vm.memory[0x6000:0x6014]),
                struct.unpack("<QIII", vm.memory[0x6014:0x6028]),
                strict=True,
            )
        )
    assert tsc / TSC_HZ == pytest.approx(SECONDS, rel=1e-4)
    assert pm_timer % (1 << 24) == pytest.approx(SECONDS * TIMER_HZ % (1 << 24), rel=1e-3)
    assert -apic / APIC_HZ == pytest.approx(SECONDS, rel=1e-4)
    assert ticks == pytest.approx(SECONDS * TICK_HZ, abs=1)
