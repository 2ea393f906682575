"""One function of a PCI device: its configuration space, and the windows its base address registers open.

Source: PCI Local Bus Specification 2.2 (interrupt disable and status: 2.3), chapter 6. A device model fills in
identity, windows and the writable bits of its own registers; whatever the guest writes, a window is only open while
it lies where nothing else is, and what the guest reads from the base address is what it wrote.

A new PCI card: subclass :class:`PciFunction`, or make one beside the chip and give the chip its bound methods.
``windows`` maps base address 0-5 (6: expansion ROM) to a :class:`Window`, whose ``place`` attaches the chip at the
address and takes it off again (``board_bus.movable_map`` for ports). The chip drives ``set_interrupt(level)`` and asks
``is_master`` before DMA. ``load`` opens windows again; the chip's own ``load`` drives the interrupt again. One line in
``resources.PCI_FUNCTIONS`` gives it a place; POST does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError

CONFIGURATION_BYTES: Final = 256

# Header type 00h
VENDOR_ID: Final = 0x00
DEVICE_ID: Final = 0x02
COMMAND: Final = 0x04
STATUS: Final = 0x06  # its two bytes are constant, but for the interrupt
REVISION_ID: Final = 0x08
CLASS_CODE: Final = 0x09  # programming interface, sub-class, base class
HEADER_TYPE: Final = 0x0E
BASE_ADDRESS: Final = 0x10
SUBSYSTEM_VENDOR_ID: Final = 0x2C
SUBSYSTEM_ID: Final = 0x2E
EXPANSION_ROM: Final = 0x30
CAPABILITIES_POINTER: Final = 0x34
INTERRUPT_LINE: Final = 0x3C
INTERRUPT_PIN: Final = 0x3D

COMMAND_IO: Final = 0x0001
COMMAND_MEMORY: Final = 0x0002
COMMAND_MASTER: Final = 0x0004
COMMAND_INTERRUPT_DISABLE: Final = 0x0400
COMMAND_WRITABLE: Final = 0x0547  # I/O, memory, master, parity response, SERR#, interrupt disable
STATUS_INTERRUPT: Final = 0x08
STATUS_CAPABILITIES: Final = 0x10
MULTI_FUNCTION: Final = 0x80
ROM_ENABLE: Final = 0x01
BASE_ADDRESS_IO: Final = 0x01

EXPANSION_ROM_INDEX: Final = 6  # the expansion ROM counts as the window after the six base addresses


@dataclass(frozen=True)
class Window:
    """What a base address register opens. ``length`` is a power of two: ports, or bytes of memory (4096 at least).

    ``place(base)`` puts the window at an address, or with None closes it.
    """

    kind: str  # "io" or "memory"
    length: int
    place: Callable[[int | None], None]
    prefetchable: bool = False


@dataclass(frozen=True)
class Identity:
    """``class_code`` is base class, sub-class and programming interface as one 24-bit number."""

    vendor: int
    device: int
    class_code: int
    revision: int = 0
    subsystem_vendor: int = 0
    subsystem: int = 0
    interrupt_pin: int = 0  # 1: INTA# ... 4: INTD#; 0: none
    multi_function: bool = False


class Claims(Protocol):
    """Who keeps windows from lying upon each other: the bus."""

    def claim(self, window: Window, base: int) -> bool: ...

    def release(self, window: Window) -> None: ...

    def room_made(self) -> None:
        """Windows were closed or moved: others may open now."""


@dataclass(slots=True)
class FunctionState:
    configuration: bytearray = field(default_factory=lambda: bytearray(CONFIGURATION_BYTES))
    open: list[int] = field(default_factory=list)  # windows that found room, by index


class PciFunction:
    """``writable`` maps offsets to masks of writable bits, beside those of the standard header; ``defaults`` maps
    offsets to power-on values. ``command_writable`` are the bits of the command register that are not wired to their
    ``defaults``. ``capabilities`` are (offset, identifier, what follows the two first bytes), in the list's order.
    Subclasses see changes in :meth:`configuration_changed`; the bus sets ``claims`` and ``interrupt`` when the function
    is plugged in."""

    def __init__(
        self,
        identity: Identity,
        windows: Mapping[int, Window] | None = None,
        writable: Mapping[int, int] | None = None,
        defaults: Mapping[int, int] | None = None,
        command_writable: int = COMMAND_WRITABLE,
        capabilities: Sequence[tuple[int, int, bytes]] = (),
    ) -> None:
        self.identity = identity
        self._windows = dict(windows or {})
        self._writable = bytearray(CONFIGURATION_BYTES)
        self._writable[COMMAND : COMMAND + 2] = command_writable.to_bytes(2, "little")
        self._writable[INTERRUPT_LINE] = 0xFF
        for index, window in self._windows.items():
            mask = ~(window.length - 1) & 0xFFFFFFFF
            if index == EXPANSION_ROM_INDEX:
                mask |= ROM_ENABLE
            at = _register_of(index)
            self._writable[at : at + 4] = mask.to_bytes(4, "little")
        for offset, mask in (writable or {}).items():
            self._writable[offset] |= mask
        self._defaults = dict(defaults or {})
        self._capabilities = tuple(capabilities)
        self._open: dict[int, int] = {}
        self._interrupt_level = False
        self.claims: Claims | None = None
        self.interrupt: Callable[[bool], None] = lambda level: None
        self._s = FunctionState(self._power_on())

    def _power_on(self) -> bytearray:
        identity = self.identity
        space = bytearray(CONFIGURATION_BYTES)
        for at, value, size in (
            (VENDOR_ID, identity.vendor, 2),
            (DEVICE_ID, identity.device, 2),
            (REVISION_ID, identity.revision, 1),
            (CLASS_CODE, identity.class_code, 3),
            (HEADER_TYPE, MULTI_FUNCTION if identity.multi_function else 0, 1),
            (SUBSYSTEM_VENDOR_ID, identity.subsystem_vendor, 2),
            (SUBSYSTEM_ID, identity.subsystem, 2),
            (INTERRUPT_PIN, identity.interrupt_pin, 1),
        ):
            space[at : at + size] = value.to_bytes(size, "little")
        for index, window in self._windows.items():
            if index != EXPANSION_ROM_INDEX:
                space[_register_of(index)] = BASE_ADDRESS_IO if window.kind == "io" else window.prefetchable << 3
        for offset, value in self._defaults.items():
            space[offset] = value
        pointer = CAPABILITIES_POINTER
        for offset, identifier, body in self._capabilities:
            space[pointer] = offset
            space[offset : offset + 2 + len(body)] = bytes((identifier, 0)) + body
            pointer = offset + 1
            space[STATUS] |= STATUS_CAPABILITIES
        return space

    # -- The device contract ------------------------------------------------------------------------------------

    def reset(self, kind: ResetKind) -> None:
        self._s.configuration[:] = self._power_on()
        self._interrupt_level = False
        self.interrupt(False)
        self._place_windows()
        self.configuration_changed(0, CONFIGURATION_BYTES)

    def save(self) -> Any:
        self._s.open = sorted(self._open)
        return copy_state(self._s)

    def load(self, state: Any) -> None:
        """Raises StateError."""
        fits = (
            isinstance(state, FunctionState)
            and isinstance(state.configuration, bytearray)
            and isinstance(state.open, list)
        )
        if not fits or len(state.configuration) != CONFIGURATION_BYTES:
            raise StateError("The saved state of a PCI device is of another kind.")
        # Read-only bits are the chip's own, whatever a damaged state says.
        own = self._power_on()
        for i, mask in enumerate(self._writable):
            own[i] = own[i] & ~mask | state.configuration[i] & mask
        self._s.configuration[:] = own
        self._drive_interrupt()
        self._close_windows([index for index in self._open if index not in state.open])
        self._place_windows(first=state.open)
        self.configuration_changed(0, CONFIGURATION_BYTES)

    # -- Configuration space --------------------------------------------------------------------------------------

    @property
    def configuration(self) -> bytearray:
        """The registers, for the model's own reading."""
        return self._s.configuration

    def read_configuration(self, offset: int, size: int) -> int:
        """``offset`` 0-255; an access never leaves its doubleword."""
        return int.from_bytes(self._s.configuration[offset : offset + size], "little")

    def write_configuration(self, offset: int, value: int, size: int) -> None:
        space = self._s.configuration
        for i in range(size):
            mask = self._writable[offset + i]
            space[offset + i] = space[offset + i] & ~mask | value >> 8 * i & mask
        if offset < CAPABILITIES_POINTER and offset + size > COMMAND:
            self._place_windows()
            self._drive_interrupt()
        self.configuration_changed(offset, size)

    def configuration_changed(self, offset: int, size: int) -> None:
        """For models: registers in [offset, offset + size) were written."""

    @property
    def command(self) -> int:
        return int.from_bytes(self._s.configuration[COMMAND : COMMAND + 2], "little")

    @property
    def is_master(self) -> bool:
        """Whether the function may reach memory by itself."""
        return bool(self.command & COMMAND_MASTER)

    # -- Interrupt --------------------------------------------------------------------------------------------------

    def set_interrupt(self, level: bool) -> None:
        """Drives the function's INTx# pin."""
        self._interrupt_level = level
        self._drive_interrupt()

    def _drive_interrupt(self) -> None:
        status = self._s.configuration[STATUS] & ~STATUS_INTERRUPT
        self._s.configuration[STATUS] = status | (STATUS_INTERRUPT if self._interrupt_level else 0)
        self.interrupt(self._interrupt_level and not self.command & COMMAND_INTERRUPT_DISABLE)

    # -- Windows ------------------------------------------------------------------------------------------------------

    def base(self, index: int) -> int | None:
        """Where a window is open now."""
        return self._open.get(index)

    def _wanted(self, index: int) -> int | None:
        window, at = self._windows[index], _register_of(index)
        value = int.from_bytes(self._s.configuration[at : at + 4], "little")
        enable = COMMAND_IO if window.kind == "io" else COMMAND_MEMORY
        if not self.command & enable or (index == EXPANSION_ROM_INDEX and not value & ROM_ENABLE):
            return None
        return value & ~(window.length - 1) & 0xFFFFFFFF

    def _place_windows(self, first: Sequence[int] = ()) -> None:
        # Those that close make room for those that open, of this function and of others.
        self._close_windows([index for index, base in self._open.items() if base != self._wanted(index)])
        for index in first:
            if index in self._windows:
                self._open_window(index)
        self.open_windows()
        if self.claims is not None:
            self.claims.room_made()

    def _close_windows(self, indices: Sequence[int]) -> None:
        for index in indices:
            del self._open[index]
            self._windows[index].place(None)
            if self.claims is not None:
                self.claims.release(self._windows[index])

    def open_windows(self) -> None:
        """Opens the windows that the guest wants open and that have room now."""
        for index in self._windows:
            self._open_window(index)

    def _open_window(self, index: int) -> None:
        window, base = self._windows[index], self._wanted(index)
        if base is None or index in self._open:
            return
        if self.claims is None or self.claims.claim(window, base):
            self._open[index] = base
            window.place(base)


def _register_of(index: int) -> int:
    return EXPANSION_ROM if index == EXPANSION_ROM_INDEX else BASE_ADDRESS + 4 * index
