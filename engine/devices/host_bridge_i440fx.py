"""Host bridge: 82441FX (PMC) of the 440FX chip set: shadow RAM in C0000h-FFFFFh, SMRAM, DRAM row boundaries.

Source: Intel 440FX PCIset data sheet (290549), section 3. Function 0 of device 0. The processor has no system
management mode here: SMRAM's register is kept and its lock works, and the memory stays hidden behind the VGA window.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.devices.pci_function import Identity, PciFunction

PAM0: Final = 0x59
PAM6: Final = 0x5F
DRB0: Final = 0x60  # row boundaries in units of 8 MB
SMRAM: Final = 0x72

PAM_READ: Final = 1  # reads go to DRAM
PAM_WRITE: Final = 2
SMRAM_OPEN: Final = 0x40
SMRAM_LOCK: Final = 0x10
SMRAM_ENABLE: Final = 0x08

_COMMAND_WRITABLE: Final = 0x0140  # SERR#, parity response; memory and master are always on
_ROWS: Final = 8
_ROW_UNIT_MB: Final = 8

# (PAM register, shift of its two attribute bits, first address, bytes)
SEGMENTS: Final = (
    (0x59, 4, 0xF0000, 0x10000),
    *((0x5A + i // 2, 4 * (i & 1), 0xC0000 + 0x4000 * i, 0x4000) for i in range(12)),
)


class HostBridge(PciFunction):
    """``set_shadow(first, length, reads, writes)`` is called for every segment whose attributes changed: whether
    reads come from DRAM and whether writes go there (else both go to ROM and the bus)."""

    def __init__(self, memory_mb: int, set_shadow: Callable[[int, int, bool, bool], None]) -> None:
        self._set_shadow = set_shadow
        self._attributes = dict.fromkeys(SEGMENTS, 0)
        rows = [min((memory_mb + _ROW_UNIT_MB - 1) // _ROW_UNIT_MB, 0xFF)] * _ROWS
        defaults = {DRB0 + index: value for index, value in enumerate(rows)}
        defaults |= {0x04: 0x06, 0x06: 0x80, 0x07: 0x02, SMRAM: 0x02}  # fast back-to-back; DEVSEL# medium
        writable = dict.fromkeys(range(PAM0 + 1, PAM6 + 1), 0x33)
        writable |= {PAM0: 0x30, SMRAM: 0x78, 0x50: 0xFF, 0x51: 0xFF, 0x53: 0x80}
        writable |= {DRB0 + index: 0xFF for index in range(_ROWS)} | {0x57: 0xFF, 0x58: 0xFF}
        identity = Identity(0x8086, 0x1237, 0x060000, revision=2, subsystem_vendor=0x1AF4, subsystem=0x1100)
        super().__init__(identity, writable=writable, defaults=defaults, command_writable=_COMMAND_WRITABLE)

    def write_configuration(self, offset: int, value: int, size: int) -> None:
        before = self.configuration[SMRAM]
        super().write_configuration(offset, value, size)
        # The lock closes SMRAM and keeps the register as it is until reset.
        if before & SMRAM_LOCK:
            self.configuration[SMRAM] = before
        elif self.configuration[SMRAM] & SMRAM_LOCK:
            self.configuration[SMRAM] &= ~SMRAM_OPEN

    def configuration_changed(self, offset: int, size: int) -> None:
        for segment in SEGMENTS:
            register, shift, first, length = segment
            attributes = self.configuration[register] >> shift & 3
            if attributes != self._attributes[segment]:
                self._attributes[segment] = attributes
                self._set_shadow(first, length, bool(attributes & PAM_READ), bool(attributes & PAM_WRITE))
