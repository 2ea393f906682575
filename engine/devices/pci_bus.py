"""The PCI bus: configuration mechanisms 1 and 2, who answers at which device number, and where windows may lie.

Sources: PCI Local Bus Specification 2.2, sections 3.2.2.3 (mechanism 1) and 6.2.5 (base addresses); 2.1, section
3.7.4.2 (mechanism 2: a key at CF8h opens the configuration space of devices 0-15 as ports C000h-CFFFh).
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
SPACE_ENABLE: Final = 0xCF8  # mechanism 2, bytes
FORWARD: Final = 0xCFA
SPACE_WINDOW: Final = 0xC000
SPACE_WINDOW_PORTS: Final = 0x1000
SPACE_KEY: Final = 0xF0
SPACE_FUNCTION: Final = 0x0E
SPACE_SPECIAL_CYCLE: Final = 0x01
ADDRESS_ENABLE: Final = 0x80000000
ADDRESS_WRITABLE: Final = 0x80FFFFFC
PIRQ_LINES: Final = 4
# Memory windows end below the I/O APIC, the local APIC and the ROM.
WINDOWS_END: Final = 0xFEC00000


@dataclass(slots=True)
class PciBusState:
    address: int = 0
    space_enable: int = 0
    forward: int = 0  # bus number of mechanism 2


class PciBus:
    """``pirq(line, level)`` drives PIRQA#-PIRQD# (0-3). ``memory_floor`` is the first address above RAM.
    ``read_reset``/``write_reset`` answer at port CF9h, which lies in the middle of the address register.
    ``place_space_window(base)`` attaches the ports of mechanism 2 (None: takes them off)."""

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
        self.place_space_window: Callable[[int | None], None] = lambda base: None
        self._space_is_open = False
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

    def space_port_map(self) -> list[PortRange]:
        """The window of mechanism 2; attach at SPACE_WINDOW."""
        return [PortRange(0, SPACE_WINDOW_PORTS, read=self._read_space, write=self._write_space, width=4)]

    def reset(self, kind: ResetKind) -> None:
        self._s = PciBusState()
        self._place_space()

    def save(self) -> PciBusState:
        return copy_state(self._s)

    def load(self, state: PciBusState) -> None:
        """Raises StateError."""
        if (
            not isinstance(state, PciBusState)
            or state.address & ~ADDRESS_WRITABLE
            or state.space_enable & ~0xFF
            or state.forward & ~0xFF
        ):
            raise StateError("The saved state of the PCI bus does not fit.")
        self._s = copy_state(state)
        self._place_space()

    # -- Configuration mechanism 1 --------------------------------------------------------------------------------

    def _read_address(self, offset: int, size: int) -> int:
        if size == 4:
            return self._s.address
        # Only a doubleword reaches the address register; bytes go to the ports below it.
        port = CONFIG_ADDRESS + offset
        if size == 1 and port == RESET_CONTROL:
            return self._read_reset()
        if size == 1 and port == SPACE_ENABLE:
            return self._s.space_enable
        if size == 1 and port == FORWARD:
            return self._s.forward
        return _ones(size)

    def _write_address(self, offset: int, value: int, size: int) -> None:
        port = CONFIG_ADDRESS + offset
        if size == 4:
            self._s.address = value & ADDRESS_WRITABLE
        elif size == 1 and port == RESET_CONTROL:
            self._write_reset(value)
        elif size == 1 and port == SPACE_ENABLE:
            self._s.space_enable = value
            self._place_space()
        elif size == 1 and port == FORWARD:
            self._s.forward = value

    def _read_data(self, offset: int, size: int) -> int:
        address = self._s.address
        if not address & ADDRESS_ENABLE:
            return _ones(size)
        return self._read_dword(address >> 16 & 0xFF, address >> 8 & 0xFF, address & 0xFC, offset, size)

    def _write_data(self, offset: int, value: int, size: int) -> None:
        address = self._s.address
        if address & ADDRESS_ENABLE:
            self._write_dword(address >> 16 & 0xFF, address >> 8 & 0xFF, address & 0xFC, offset, value, size)

    def _read_dword(self, bus: int, number: int, register: int, offset: int, size: int) -> int:
        """One bus cycle ends with its doubleword; bytes beyond are of another cycle, which nobody answers."""
        inside = min(size, 4 - offset)
        value = self.read(bus, number, register + offset, inside)
        return value | _ones(size) & ~_ones(inside)

    def _write_dword(self, bus: int, number: int, register: int, offset: int, value: int, size: int) -> None:
        inside = min(size, 4 - offset)
        self.write(bus, number, register + offset, value & _ones(inside), inside)

    def read(self, bus: int, number: int, register: int, size: int) -> int:
        """Configuration read of 1 to 4 bytes in one doubleword; all ones where nobody answers."""
        model = self._functions.get(number) if bus == 0 else None
        return _ones(size) if model is None else model.read_configuration(register, size)

    def write(self, bus: int, number: int, register: int, value: int, size: int) -> None:
        model = self._functions.get(number) if bus == 0 else None
        if model is not None:
            model.write_configuration(register, value, size)

    # -- Configuration mechanism 2 --------------------------------------------------------------------------------

    def _place_space(self) -> None:
        """The window opens where it does not hide another device's ports."""
        wanted = bool(self._s.space_enable & SPACE_KEY)
        if wanted and not self._space_is_open and self.ports_are_free(SPACE_WINDOW, SPACE_WINDOW_PORTS):
            self.place_space_window(SPACE_WINDOW)
            self._space_is_open = True
        elif not wanted and self._space_is_open:
            self.place_space_window(None)
            self._space_is_open = False
            self.room_made()

    def _space_function(self, offset: int) -> int:
        return (offset >> 8) << 3 | (self._s.space_enable & SPACE_FUNCTION) >> 1

    def _read_space(self, offset: int, size: int) -> int:
        if self._s.space_enable & SPACE_SPECIAL_CYCLE:
            return _ones(size)
        return self._read_dword(self._s.forward, self._space_function(offset), offset & 0xFC, offset & 3, size)

    def _write_space(self, offset: int, value: int, size: int) -> None:
        if not self._s.space_enable & SPACE_SPECIAL_CYCLE:
            function = self._space_function(offset)
            self._write_dword(self._s.forward, function, offset & 0xFC, offset & 3, value, size)

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

    def room_made(self) -> None:
        """Windows that had no room where the guest put them open as soon as there is."""
        for _, model in sorted(self._functions.items()):
            model.open_windows()


def _ones(size: int) -> int:
    return (1 << size * 8) - 1
