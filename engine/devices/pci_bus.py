"""The PCI bus: configuration mechanism 1, who answers at which device number, and where windows may lie.

Sources: PCI Local Bus Specification 2.2, sections 3.2.2.3 (configuration mechanism) and 6.2.5 (base addresses).
Interrupt pins are turned by device number onto the four PIRQ lines, as the boards of the time were wired.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from engine.bus import PortRange
from engine.devices.device import ResetKind, copy_state
from engine.devices.pci_function import PciFunction, Window
from engine.errors import StateError

CONFIG_ADDRESS: Final = 0xCF8
CONFIG_DATA: Final = 0xCFC
RESET_CONTROL: Final = 0xCF9
ADDRESS_ENABLE: Final = 0x80000000
ADDRESS_WRITABLE: Final = 0x80FFFFFC
PIRQ_LINES: Final = 4
# Memory windows end below the I/O APIC, the local APIC and the ROM.
WINDOWS_END: Final = 0xFEC00000


@dataclass(slots=True)
class PciBusState:
    address: int = 0


class PciBus:
    """``pirq(line, level)`` drives PIRQA#-PIRQD# (0-3). ``memory_floor`` is the first address above RAM.
    ``read_reset``/``write_reset`` answer at port CF9h, which lies in the middle of the address register."""

    def __init__(
        self,
        pirq: Callable[[int, bool], None],
        memory_floor: int,
        read_reset: Callable[[], int] = lambda: 0,
        write_reset: Callable[[int], None] = lambda value: None,
    ) -> None:
        self._pirq = pirq
        self._memory_floor = memory_floor
        self._read_reset = read_reset
        self._write_reset = write_reset
        self._functions: dict[int, PciFunction] = {}  # device number * 8 + function number
        self._claimed: list[tuple[Window, int]] = []
        self._asserting: list[set[int]] = [set() for _ in range(PIRQ_LINES)]
        self.ports_are_free: Callable[[int, int], bool] = lambda first, count: True
        self._s = PciBusState()

    def plug(self, device: int, function: int, model: PciFunction) -> None:
        """Puts a function at its place; the bus takes care of its windows and its interrupt pin."""
        number = device * 8 + function
        assert number not in self._functions
        self._functions[number] = model
        model.claims = self
        pin = model.identity.interrupt_pin
        if pin:
            line = (pin - 1 + device) % PIRQ_LINES
            model.interrupt = lambda level: self._drive(line, number, level)

    @property
    def functions(self) -> dict[tuple[int, int], PciFunction]:
        """By device and function number."""
        return {(number >> 3, number & 7): model for number, model in sorted(self._functions.items())}

    def _drive(self, line: int, number: int, level: bool) -> None:
        asserting = self._asserting[line]
        before = bool(asserting)
        if level:
            asserting.add(number)
        else:
            asserting.discard(number)
        if before != bool(asserting):
            self._pirq(line, not before)

    # -- The device contract ------------------------------------------------------------------------------------

    def port_map(self) -> list[PortRange]:
        """Attach at base 0."""
        return [
            PortRange(CONFIG_ADDRESS, 4, read=self._read_address, write=self._write_address, width=4),
            PortRange(CONFIG_DATA, 4, read=self._read_data, write=self._write_data, width=4),
        ]

    def reset(self, kind: ResetKind) -> None:
        self._s = PciBusState()

    def save(self) -> PciBusState:
        return copy_state(self._s)

    def load(self, state: PciBusState) -> None:
        """Raises StateError."""
        if not isinstance(state, PciBusState) or state.address & ~ADDRESS_WRITABLE:
            raise StateError("The saved state of the PCI bus does not fit.")
        self._s = copy_state(state)

    # -- Configuration mechanism 1 --------------------------------------------------------------------------------

    def _read_address(self, offset: int, size: int) -> int:
        if size == 4:
            return self._s.address
        # Only a doubleword reaches the address register; smaller accesses go to the ports below it.
        return self._read_reset() if (offset, size) == (RESET_CONTROL - CONFIG_ADDRESS, 1) else (1 << size * 8) - 1

    def _write_address(self, offset: int, value: int, size: int) -> None:
        if size == 4:
            self._s.address = value & ADDRESS_WRITABLE
        elif (offset, size) == (RESET_CONTROL - CONFIG_ADDRESS, 1):
            self._write_reset(value)

    def _read_data(self, offset: int, size: int) -> int:
        address = self._s.address
        if not address & ADDRESS_ENABLE:
            return (1 << size * 8) - 1
        return self.read(address >> 16 & 0xFF, address >> 8 & 0xFF, (address & 0xFC) + offset, size)

    def _write_data(self, offset: int, value: int, size: int) -> None:
        address = self._s.address
        if address & ADDRESS_ENABLE:
            self.write(address >> 16 & 0xFF, address >> 8 & 0xFF, (address & 0xFC) + offset, value, size)

    def read(self, bus: int, number: int, register: int, size: int) -> int:
        """Configuration read; all ones where nobody answers."""
        model = self._functions.get(number) if bus == 0 else None
        return (1 << size * 8) - 1 if model is None else model.read_configuration(register, size)

    def write(self, bus: int, number: int, register: int, value: int, size: int) -> None:
        model = self._functions.get(number) if bus == 0 else None
        if model is not None:
            model.write_configuration(register, value, size)

    # -- Windows ----------------------------------------------------------------------------------------------------

    def claim(self, window: Window, base: int) -> bool:
        """Whether the window may lie there: on nothing else, above RAM and below the APICs. Guests that find out
        sizes write all ones, and some do so with decoding on."""
        end = base + window.length
        if window.kind == "io":
            if base == 0 or end > 0x10000 or not self.ports_are_free(base, window.length):
                return False
        elif base < self._memory_floor or end > WINDOWS_END:
            return False
        for other, start in self._claimed:
            if other.kind == window.kind and base < start + other.length and start < end:
                return False
        self._claimed.append((window, base))
        return True

    def release(self, window: Window) -> None:
        self._claimed = [(other, base) for other, base in self._claimed if other is not window]
