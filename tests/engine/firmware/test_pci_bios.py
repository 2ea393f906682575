"""PCI BIOS 2.1 by INT 1Ah and by BIOS32, and shadowing, by code on the real processor."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from tests.engine.firmware.test_stubs_on_the_processor import run

# Fourteen calls of INT 1Ah; after each, FLAGS and PUSHAD's registers go to the list at 0:6000.
_REAL_MODE = """
    31c08ed88ec08ed0bc007cc706cc7c0060b801b1e89a00b802b1b90070ba868031f6e88c00b802b1baffffe88300b803
    b166b90000030031f6e87500b803b1be0100e86c00b80ab1bb100031ffe86100b809b1bf0100e85800b80bb1bf3c00b1
    0be84d00b808b1bf3c00e84400b806b1e83e00b80fb1bb1000b90a05e83200b80fb1b90a06e82900bfce7cc706ce7c0a
    00b80eb1e81a00c706ce7c0003c706d07c0000c706d27c0007b80eb1e80200eb23cd1a66609c8b3ecc7c89e589e6b911
    00fcf3a5893ecc7c9d6661c30000000000000000
"""
# Looks for "_32_", enters flat protected mode, asks the directory three times (unknown function, unknown service,
# "$PCI"), then calls the PCI BIOS at the address it got: 01h, 0Ah with the carry flag set before, FFh.
_PROTECTED_MODE = """
    fa31c08ed88ec08ed0bc007cbe00f08ec62666813e00005f33325f74044675eff42666a1040066a3ee7c0f0116f47c0f
    20c00c010f22c066ea3f7c0000080066b810008ed88ec08ed0bc007c0000b824504349bb01000000ff1dee7c0000a200
    600000b82458595a31dbff1dee7c0000a201600000b82450434931dbff1dee7c0000a202600000891d04600000890d08
    60000001d3891dee7c000066b801b1bf00000000ff1dee7c000089150c600000a31060000066b80ab1bb0800000031ff
    f99cff1dee7c00009c8f051860000058890d1460000066b8ffb1ff1dee7c00009c8f0520600000a31c600000eb2a0000
    000008001700007d00009090909090900000000000000000ffff0000009bcf00ffff00000093cf00
"""


# What BIOSes do to shadow themselves: writes of the F segment to RAM while it is ROM that runs (INT 12h), the copy
# of 64 KiB, then RAM that cannot be written, then RAM that can.
_SHADOW = """
    31c08ed866b858000080baf80c66efbafd0cb020eecd12a30060b800f08ec08ed831f631ffb90040fcf366a5bafd0cb0
    10eecd1231db8edba30260bafd0cb030ee26c606400077cd12a30460
"""


@dataclass
class Result:
    flags: int
    edi: int
    esi: int
    ebp: int
    esp: int
    ebx: int
    edx: int
    ecx: int
    eax: int

    @property
    def status(self) -> int:
        assert bool(self.flags & 1) == bool(self.eax >> 8 & 0xFF)
        return self.eax >> 8 & 0xFF


def test_functions_by_interrupt(tmp_path: Path) -> None:
    with run(tmp_path, _REAL_MODE, seconds=2.0) as vm:
        data = vm.memory[0x6000 : 0x6000 + 34 * 14]
        options = vm.memory[0x7000:0x7080]
        bus = vm.board.bus
        route, level = bus.port_read, bus.port_read(0x4D0, 1)
        bus.port_write(0xCF8, 0x80000860, 4)
        pirq = route(0xCFE, 1)
        length = struct.unpack("<H", vm.memory[0x7CCE:0x7CD0])[0]
    results = [Result(*values) for values in struct.iter_unpack("<H8I", data)]
    present, device, no_vendor, display, no_second, identity, odd = results[:7]
    wrote, line, special, routed, not_routed, too_small, all_options = results[7:]
    assert present.status == 0 and present.edx == 0x20494350 and present.ebx & 0xFFFF == 0x0210
    assert present.eax & 0xFF == 3 and present.ecx & 0xFF == 0
    assert device.status == 0 and device.ebx & 0xFFFF == 0x0008
    assert no_vendor.status == 0x83 and no_second.status == 0x86
    assert display.status == 0 and display.ebx & 0xFFFF == 0x0010
    assert identity.status == 0 and identity.ecx == 0x040515AD
    assert odd.status == 0x87
    assert wrote.status == 0 and line.status == 0 and line.ecx & 0xFF == 0x0B
    assert special.status == 0x81
    assert routed.status == 0 and pirq == 5 and level & 1 << 5  # INTA# of device 2 is PIRQC#
    assert not_routed.status == 0x88
    assert too_small.status == 0x89 and all_options.status == 0
    assert length % 16 == 0 and length >= 32
    assert options[16:19] == bytes((0, 2 << 3, 0x62))  # device 2: bus, number, link of INTA#


def test_bios32_service_directory_and_the_32_bit_entry(tmp_path: Path) -> None:
    with run(tmp_path, _PROTECTED_MODE, seconds=2.0) as vm:
        no_function, no_service, found = vm.memory[0x6000:0x6003]
        values = struct.unpack("<8I", vm.memory[0x6004:0x6024])
    assert (no_function, no_service, found) == (0x81, 0x80, 0)
    base, length, signature, present, identity, flags, other, other_flags = values
    assert base == 0xF0000 and length == 0x10000
    assert signature == 0x20494350 and present >> 8 & 0xFF == 0
    assert identity == 0x70008086 and not flags & 1
    assert other >> 8 & 0xFF == 0x81 and other_flags & 1


def test_code_runs_in_a_segment_whose_writes_go_elsewhere(tmp_path: Path) -> None:
    with run(tmp_path, _SHADOW, seconds=2.0) as vm:
        assert struct.unpack("<3H", vm.memory[0x6000:0x6006]) == (639, 639, 639)
        assert vm.memory[0xF0040][0] == 0x77
        assert vm.memory[0xFFFF0040][0] != 0x77
