"""Power management: function 3 of the PIIX4 (82371AB): ACPI registers, the power management timer, soft off.

Source: Intel 82371AB data sheet (290562), section 7. Processor clock control and the device monitors are kept as
registers without effect; the SMBus controller answers as one without devices. The processor has no system management
mode: what its program would do at the SMI command port happens here, and the port's enable bit is set at power-on, which
tells a firmware (SeaBIOS among them) that such a program is in place already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from engine.bus import Port, PortRange
from engine.clock import Clock
from engine.devices.device import ResetKind, copy_state
from engine.devices.pci_function import COMMAND, COMMAND_IO, FunctionState, Identity, PciFunction
from engine.errors import StateError
from engine.irq import IrqLine

# Configuration space
PMBA: Final = 0x40
DEVACTB: Final = 0x58
DEVACTB_APMC_EN: Final = 0x02000000
PMREGMISC: Final = 0x80
PMREGMISC_PMIOSE: Final = 0x01
SMBBA: Final = 0x90
SMBHSTCFG: Final = 0xD2
SMBHSTCFG_ENABLE: Final = 0x01

# I/O space, by offset from PMBA
PMSTS: Final = 0x00
PMEN: Final = 0x02
PMCNTRL: Final = 0x04
PMTMR: Final = 0x08
GPSTS: Final = 0x0C
GPEN: Final = 0x0E
PM_PORTS: Final = 0x40
SMB_PORTS: Final = 0x10

TMROF: Final = 0x0001
GBL: Final = 0x0020
PWRBTN: Final = 0x0100
RTC: Final = 0x0400
RSM: Final = 0x8000
_STATUS_BITS: Final = TMROF | GBL | PWRBTN | RTC | RSM
_ENABLE_BITS: Final = TMROF | GBL | PWRBTN | RTC

SCI_EN: Final = 0x0001
SUS_TYP: Final = 0x1C00
SUS_EN: Final = 0x2000
_CONTROL_BITS: Final = SCI_EN | 0x0002 | SUS_TYP
SUS_TYP_SOFT_OFF: Final = 0

# SMI command port (APMC): what the FADT tells the guest to write.
APMC: Final = 0xB2
APMS: Final = 0xB3
ACPI_ENABLE: Final = 0xF1
ACPI_DISABLE: Final = 0xF0

TIMER_HZ: Final = 3_579_545
TIMER_BITS: Final = 24
_SECOND_NS: Final = 1_000_000_000

# SMBus host status
_SMB_DEVICE_ERROR: Final = 0x04
_SMB_START: Final = 0x40


@dataclass(slots=True)
class PowerState:
    function: FunctionState = field(default_factory=FunctionState)
    status: int = 0
    enable: int = 0
    control: int = 0
    half_periods_seen: int = 0  # of the timer's top bit, when TMROF was last cleared
    apm_command: int = 0
    apm_status: int = 0
    smb_status: int = 0
    registers: bytearray = field(default_factory=lambda: bytearray(PM_PORTS))  # those without effect


class PowerManagement(PciFunction):
    """``place_pm(base)`` and ``place_smb(base)`` attach the port maps where the guest wants them (None: nowhere).
    ``sci`` is the system control interrupt, ``soft_off()`` switches the board off."""

    def __init__(
        self,
        clock: Clock,
        sci: IrqLine,
        soft_off: Callable[[], None],
        place_pm: Callable[[int | None], None] = lambda base: None,
        place_smb: Callable[[int | None], None] = lambda base: None,
    ) -> None:
        self._clock = clock
        self._sci = sci
        self._soft_off = soft_off
        self.place_pm = place_pm
        self.place_smb = place_smb
        self._p = PowerState()
        self._timer_call = 0
        self._pm_base: int | None = None
        self._smb_base: int | None = None
        self.ports_are_free: Callable[[int, int], bool] = lambda first, count: True
        writable = {PMBA: 0xC0, PMBA + 1: 0xFF, PMREGMISC: 0x01, SMBBA: 0xF0, SMBBA + 1: 0xFF, SMBHSTCFG: 0x0F}
        writable |= dict.fromkeys(range(0x44, 0x80), 0xFF) | dict.fromkeys(range(0xD3, 0xD7), 0xFF)
        defaults = {0x07: 0x02, PMBA: 0x01, SMBBA: 0x01, DEVACTB + 3: DEVACTB_APMC_EN >> 24}
        identity = Identity(0x8086, 0x7113, 0x068000, revision=3, interrupt_pin=1)
        super().__init__(identity, writable=writable, defaults=defaults, command_writable=COMMAND_IO)

    # -- The device contract ----------------------------------------------------------------------------------

    def reset(self, kind: ResetKind) -> None:
        self._p = PowerState(half_periods_seen=self._half_periods())
        super().reset(kind)
        self._update()

    def save(self) -> Any:
        """A :class:`PowerState` that holds the configuration space too."""
        state = copy_state(self._p)
        state.function = super().save()
        return state

    def load(self, state: Any) -> None:
        """Raises StateError."""
        if not isinstance(state, PowerState) or len(state.registers) != PM_PORTS:
            raise StateError("The saved state of the power management does not fit.")
        super().load(state.function)
        p = self._p = copy_state(state)
        p.status &= _STATUS_BITS & ~TMROF
        p.enable &= _ENABLE_BITS
        p.control &= _CONTROL_BITS
        p.apm_command, p.apm_status, p.smb_status = (v & 0xFF for v in (p.apm_command, p.apm_status, p.smb_status))
        self._update()

    def configuration_changed(self, offset: int, size: int) -> None:
        before = self._pm_base, self._smb_base
        self._place_fixed()
        if before != (self._pm_base, self._smb_base) and self.claims is not None:
            self.claims.room_made()

    def open_windows(self) -> None:
        super().open_windows()
        self._place_fixed()

    def _place_fixed(self) -> None:
        space = self.configuration
        on = space[PMREGMISC] & PMREGMISC_PMIOSE
        self._pm_base = self._moved(PMBA, 0xFFC0, PM_PORTS, bool(on), self._pm_base, self.place_pm)
        on = space[SMBHSTCFG] & SMBHSTCFG_ENABLE and space[COMMAND] & COMMAND_IO
        self._smb_base = self._moved(SMBBA, 0xFFF0, SMB_PORTS, bool(on), self._smb_base, self.place_smb)

    def _moved(
        self, register: int, mask: int, ports: int, on: bool, old: int | None, place: Callable[[int | None], None]
    ) -> int | None:
        """Puts a fixed window where its register says; it stays closed over other ports."""
        wanted = int.from_bytes(self.configuration[register : register + 2], "little") & mask
        base = wanted if on and wanted else None
        if base == old:
            return old
        if old is not None:
            place(None)
        if base is None or not self.ports_are_free(base, ports):
            return None
        place(base)
        return base

    # -- Ports ----------------------------------------------------------------------------------------------------

    def port_map(self) -> list[PortRange]:
        """The ACPI registers; attach at PMBA."""
        return [PortRange(0, PM_PORTS, read=self._read, write=self._write, width=4)]

    def smb_port_map(self) -> list[PortRange]:
        """Attach at SMBBA."""
        return [PortRange(0, SMB_PORTS, read=self._read_smb, write=self._write_smb)]

    def apm_port_map(self) -> list[Port]:
        """Attach at base 0."""
        return [
            Port(APMC, lambda: self._p.apm_command, self._write_apm_command),
            Port(APMS, lambda: self._p.apm_status, self._write_apm_status),
        ]

    def _read(self, offset: int, size: int) -> int:
        registers = bytearray(self._p.registers)
        for at, word in ((PMSTS, self.status), (PMEN, self._p.enable), (PMCNTRL, self._p.control)):
            registers[at : at + 2] = word.to_bytes(2, "little")
        registers[PMTMR : PMTMR + 4] = self.timer.to_bytes(4, "little")
        return int.from_bytes(registers[offset : offset + size], "little")

    def _write(self, offset: int, value: int, size: int) -> None:
        p = self._p
        for at in range(offset & ~1, offset + size, 2):
            # Each 16-bit register, with what this access does not reach as it is (status bits: zero).
            shift = (at - offset) * 8
            mask = (
                ((1 << size * 8) - 1) << 8 * (offset - at) if shift < 0 else ((1 << size * 8) - 1) >> shift
            ) & 0xFFFF
            word = (value << -shift if shift < 0 else value >> shift) & mask
            if at == PMSTS:
                self._clear(word)
            elif at == PMEN:
                p.enable = (p.enable & ~mask | word) & _ENABLE_BITS
            elif at == PMCNTRL:
                p.control = (p.control & ~mask | word) & _CONTROL_BITS
                if word & SUS_EN and (p.control & SUS_TYP) == SUS_TYP_SOFT_OFF << 10:
                    self._soft_off()
            elif at in (GPSTS, PMTMR, PMTMR + 2):
                continue  # nothing is wired to the general-purpose events; the timer cannot be set
            elif at < PM_PORTS:
                kept = int.from_bytes(p.registers[at : at + 2], "little") & ~mask
                p.registers[at : at + 2] = (kept | word).to_bytes(2, "little")
        self._update()

    # -- Status, timer and the interrupt ------------------------------------------------------------------------------

    @property
    def timer(self) -> int:
        """24 bits at 3.579545 MHz."""
        return self._ticks() & (1 << TIMER_BITS) - 1

    def _ticks(self) -> int:
        return self._clock.now_ns * TIMER_HZ // _SECOND_NS

    def _half_periods(self) -> int:
        """How often the timer's top bit has changed."""
        return self._ticks() >> TIMER_BITS - 1

    @property
    def status(self) -> int:
        overflowed = self._half_periods() != self._p.half_periods_seen
        return self._p.status | (TMROF if overflowed else 0)

    def _clear(self, bits: int) -> None:
        self._p.status &= ~bits
        if bits & TMROF:
            self._p.half_periods_seen = self._half_periods()

    def press_power_button(self) -> None:
        """What the person presses; an operating system with ACPI shuts down."""
        self._p.status |= PWRBTN
        self._update()

    @property
    def watches_power_button(self) -> bool:
        """Whether an operating system takes care of it."""
        return bool(self._p.control & SCI_EN and self._p.enable & PWRBTN)

    def _update(self) -> None:
        p = self._p
        self._sci.set(bool(p.control & SCI_EN and self.status & p.enable))
        self._clock.cancel(self._timer_call)
        self._timer_call = 0
        if p.enable & TMROF and not self.status & TMROF:
            next_half = (p.half_periods_seen + 1) << TIMER_BITS - 1
            self._timer_call = self._clock.call_at(-(-next_half * _SECOND_NS // TIMER_HZ), self._update)

    def _write_apm_command(self, value: int) -> None:
        """System management mode's only task here: handing the power management over to ACPI and back."""
        p = self._p
        p.apm_command = value
        if value == ACPI_ENABLE:
            p.control |= SCI_EN
        elif value == ACPI_DISABLE:
            p.control &= ~SCI_EN
        self._update()

    def _write_apm_status(self, value: int) -> None:
        self._p.apm_status = value

    # -- SMBus -----------------------------------------------------------------------------------------------------------

    def _read_smb(self, offset: int, size: int) -> int:
        return self._p.smb_status if offset == 0 else 0

    def _write_smb(self, offset: int, value: int, size: int) -> None:
        if offset == 0:
            self._p.smb_status &= ~value
        elif offset == 2 and value & _SMB_START:
            self._p.smb_status |= _SMB_DEVICE_ERROR
