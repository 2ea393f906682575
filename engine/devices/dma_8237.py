"""DMA: two 8237A controllers and the page registers of the PC/AT.

Sources: Intel 8237A data sheet (231466); IBM PC/AT Technical Reference for page registers and the word
addresses of channels 5-7. Modelled: single, block, demand and cascade mode, read, write and verify transfers,
auto-initialize, address decrement, masks, status, software requests, memory-to-memory on the first controller.
A device moves its bytes through a :class:`DmaChannel`; one call is one burst. Bus timing, priorities among
channels and DREQ/DACK sense have no effect on this board and are only remembered. Port 80h, an unused page
register, is left to the POST code display.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from engine.bus import Memory, Port
from engine.devices.device import ResetKind, copy_state
from engine.errors import StateError

# Controller registers, in steps of 1 (channels 0-3, base 00h) or 2 (channels 4-7, base C0h)
FIRST_BASE: Final = 0x00
SECOND_BASE: Final = 0xC0
STATUS_COMMAND: Final = 8
REQUEST: Final = 9
SINGLE_MASK: Final = 10
MODE: Final = 11
CLEAR_FLIP_FLOP: Final = 12
TEMPORARY_MASTER_CLEAR: Final = 13
CLEAR_MASK: Final = 14
ALL_MASKS: Final = 15

COMMAND_MEMORY_TO_MEMORY: Final = 0x01
COMMAND_HOLD_CHANNEL_0: Final = 0x02
COMMAND_DISABLE: Final = 0x04
MODE_TRANSFER: Final = 0x0C
MODE_VERIFY: Final = 0x00
MODE_WRITE: Final = 0x04  # device to memory
MODE_READ: Final = 0x08  # memory to device
MODE_AUTO_INITIALIZE: Final = 0x10
MODE_DECREMENT: Final = 0x20
MODE_SELECT: Final = 0xC0
MODE_CASCADE: Final = 0xC0

# Page registers 81h-8Fh: which channel, by offset from 80h. The rest (and refresh, 8Fh) is plain memory.
PAGE_BASE: Final = 0x80
PAGE_OFFSET: Final = {0: 0x7, 1: 0x3, 2: 0x1, 3: 0x2, 5: 0xB, 6: 0x9, 7: 0xA}


@dataclass(slots=True)
class ChannelState:
    base_address: int = 0
    base_count: int = 0
    current_address: int = 0
    current_count: int = 0
    mode: int = 0


@dataclass(slots=True)
class ControllerState:
    channels: list[ChannelState] = field(default_factory=lambda: [ChannelState() for _ in range(4)])
    command: int = 0
    terminal_counts: int = 0  # status bits 3-0
    requests: int = 0  # lines asking for service (status bits 7-4)
    software_requests: int = 0
    mask: int = 0x0F
    flip_flop: bool = False
    temporary: int = 0


@dataclass(slots=True)
class State:
    controllers: list[ControllerState] = field(default_factory=lambda: [ControllerState(), ControllerState()])
    pages: bytearray = field(default_factory=lambda: bytearray(16))


class DmaChannel:
    """A device's end of a channel (DREQ, DACK and the data path).

    Transfers stop at terminal count, also on an auto-initialized channel, which then starts over with the next
    call. A masked channel or a disabled controller moves nothing. Verify transfers count without touching
    memory.
    """

    def __init__(self, owner: DmaControllers, number: int) -> None:
        self._owner = owner
        self._number = number
        self._unit = 2 if number >= 4 else 1
        self.terminal_count = False  # the last transfer ended with TC

    @property
    def number(self) -> int:
        return self._number

    @property
    def ready(self) -> bool:
        """A request would be answered now."""
        return self._owner.is_ready(self._number)

    @property
    def verify(self) -> bool:
        """The channel is programmed to count without moving data."""
        return self._owner.channel_state(self._number).mode & MODE_TRANSFER == MODE_VERIFY

    @property
    def remaining(self) -> int:
        """Bytes until terminal count."""
        return (self._owner.channel_state(self._number).current_count + 1) * self._unit

    def request(self, level: bool) -> None:
        """Drives DREQ, which shows in the status register only."""
        self._owner.set_request(self._number, level)

    def write_memory(self, data: bytes | bytearray | memoryview) -> int:
        """Device to memory. Returns how many bytes were taken (0 while masked)."""
        view = memoryview(data)
        taken = self._owner.begin(self._number, len(view) // self._unit) * self._unit
        if taken:
            mode = self._owner.channel_state(self._number).mode
            if mode & MODE_TRANSFER == MODE_WRITE:
                self._owner.store(self._number, bytes(view[:taken]))
            self.terminal_count = self._owner.finish(self._number, taken // self._unit)
        else:
            self.terminal_count = False
        return taken

    def read_memory(self, count: int) -> bytes:
        """Memory to device: up to ``count`` bytes, fewer at terminal count, none while masked."""
        units = self._owner.begin(self._number, max(count, 0) // self._unit)
        if not units:
            self.terminal_count = False
            return b""
        mode = self._owner.channel_state(self._number).mode
        if mode & MODE_TRANSFER == MODE_READ:
            data = self._owner.fetch(self._number, units * self._unit)
        else:
            data = bytes(units * self._unit)
        self.terminal_count = self._owner.finish(self._number, units)
        return data


class _Controller:
    """The registers of one 8237A."""

    def __init__(self, owner: DmaControllers, first_channel: int) -> None:
        self.s = ControllerState()
        self._owner = owner
        self._first = first_channel

    def port_map(self, base: int, step: int) -> list[Port]:
        ports = []
        for index in range(4):
            ports.append(self._address_port(base + 2 * index * step, index))
            ports.append(self._count_port(base + (2 * index + 1) * step, index))
        registers = (
            (STATUS_COMMAND, self.read_status, self.write_command),
            (REQUEST, None, self.write_request),
            (SINGLE_MASK, None, self.write_single_mask),
            (MODE, None, self.write_mode),
            (CLEAR_FLIP_FLOP, None, self.clear_flip_flop),
            (TEMPORARY_MASTER_CLEAR, self.read_temporary, self.master_clear),
            (CLEAR_MASK, None, self.clear_mask),
            (ALL_MASKS, self.read_all_masks, self.write_all_masks),
        )
        ports.extend(Port(base + offset * step, read, write) for offset, read, write in registers)
        return ports

    def _address_port(self, offset: int, index: int) -> Port:
        return Port(
            offset,
            lambda: self._read_half(self.s.channels[index].current_address),
            lambda value: self._write_address(index, value),
        )

    def _count_port(self, offset: int, index: int) -> Port:
        return Port(
            offset,
            lambda: self._read_half(self.s.channels[index].current_count),
            lambda value: self._write_count(index, value),
        )

    def _read_half(self, value: int) -> int:
        high, self.s.flip_flop = self.s.flip_flop, not self.s.flip_flop
        return value >> 8 if high else value & 0xFF

    def _half(self, before: int, value: int) -> int:
        high, self.s.flip_flop = self.s.flip_flop, not self.s.flip_flop
        return before & 0x00FF | value << 8 if high else before & 0xFF00 | value

    def _write_address(self, index: int, value: int) -> None:
        channel = self.s.channels[index]
        channel.base_address = channel.current_address = self._half(channel.base_address, value)

    def _write_count(self, index: int, value: int) -> None:
        channel = self.s.channels[index]
        channel.base_count = channel.current_count = self._half(channel.base_count, value)

    def read_status(self) -> int:
        s = self.s
        status = (s.requests | s.software_requests) << 4 | s.terminal_counts
        s.terminal_counts = 0
        return status

    def write_command(self, value: int) -> None:
        self.s.command = value

    def write_request(self, value: int) -> None:
        bit = 1 << (value & 3)
        if not value & 4:
            self.s.software_requests &= ~bit
            return
        self.s.software_requests |= bit
        if bit == 1 and self.s.command & COMMAND_MEMORY_TO_MEMORY and not self.s.command & COMMAND_DISABLE:
            self._owner.memory_to_memory(self._first)

    def write_single_mask(self, value: int) -> None:
        bit = 1 << (value & 3)
        self.s.mask = self.s.mask | bit if value & 4 else self.s.mask & ~bit

    def write_mode(self, value: int) -> None:
        self.s.channels[value & 3].mode = value & 0xFC

    def clear_flip_flop(self, value: int) -> None:
        self.s.flip_flop = False

    def read_temporary(self) -> int:
        return self.s.temporary

    def master_clear(self, value: int) -> None:
        """As RESET: everything but addresses, counts and modes."""
        s = self.s
        s.command = s.terminal_counts = s.software_requests = s.temporary = 0
        s.flip_flop = False
        s.mask = 0x0F

    def clear_mask(self, value: int) -> None:
        self.s.mask = 0

    def read_all_masks(self) -> int:
        return 0xF0 | self.s.mask

    def write_all_masks(self, value: int) -> None:
        self.s.mask = value & 0x0F


class DmaControllers:
    """Both controllers and the page registers; ``channel(n)`` is what a device gets."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._controllers = [_Controller(self, 0), _Controller(self, 4)]
        self._pages = bytearray(16)
        self._channels = [DmaChannel(self, number) for number in range(8)]

    def channel(self, number: int) -> DmaChannel:
        """Channel 0-3 (bytes) or 5-7 (words); 4 is the cascade and has none."""
        if not 0 <= number <= 7 or number == 4:
            raise ValueError(f"There is no DMA channel {number} for devices.")
        return self._channels[number]

    def port_map(self) -> list[Port]:
        """Attach at base 0."""
        ports = self._controllers[0].port_map(FIRST_BASE, 1) + self._controllers[1].port_map(SECOND_BASE, 2)
        return ports + [self._page_port(offset) for offset in range(1, 16)]

    def _page_port(self, offset: int) -> Port:
        def write(value: int) -> None:
            self._pages[offset] = value

        return Port(PAGE_BASE + offset, lambda: self._pages[offset], write)

    # -- For channels

    def channel_state(self, number: int) -> ChannelState:
        return self._controllers[number >> 2].s.channels[number & 3]

    def is_ready(self, number: int) -> bool:
        s = self._controllers[number >> 2].s
        channel = s.channels[number & 3]
        return (
            not s.command & COMMAND_DISABLE
            and not s.mask >> (number & 3) & 1
            and channel.mode & MODE_SELECT != MODE_CASCADE
        )

    def set_request(self, number: int, level: bool) -> None:
        s = self._controllers[number >> 2].s
        bit = 1 << (number & 3)
        s.requests = s.requests | bit if level else s.requests & ~bit

    def begin(self, number: int, units: int) -> int:
        """How many of ``units`` transfers can be made now."""
        if not self.is_ready(number):
            return 0
        return min(units, self.channel_state(number).current_count + 1)

    def finish(self, number: int, units: int) -> bool:
        """Advances address and count; True at terminal count."""
        s = self._controllers[number >> 2].s
        channel = s.channels[number & 3]
        step = -units if channel.mode & MODE_DECREMENT else units
        channel.current_address = (channel.current_address + step) & 0xFFFF
        channel.current_count -= units
        if channel.current_count >= 0:
            return False
        bit = 1 << (number & 3)
        s.terminal_counts |= bit
        s.software_requests &= ~bit
        if channel.mode & MODE_AUTO_INITIALIZE:
            channel.current_address = channel.base_address
            channel.current_count = channel.base_count
        else:
            channel.current_count = 0xFFFF
            s.mask |= bit
        return True

    def _spans(self, number: int, length: int) -> list[tuple[int, int]]:
        """Physical (start, length) pieces in memory order of the transfer; addresses wrap inside the page."""
        channel = self.channel_state(number)
        page = self._pages[PAGE_OFFSET.get(number, 0xF)]
        unit = 2 if number >= 4 else 1
        base = (page & 0xFE if unit == 2 else page) << 16
        size = 0x10000 * unit
        address = channel.current_address * unit
        if channel.mode & MODE_DECREMENT:
            low = address + unit - length
            pieces = [(max(low, 0), address + unit - max(low, 0))]
            if low < 0:
                pieces.append((low + size, -low))
        else:
            first = min(length, size - address)
            pieces = [(address, first)]
            if first < length:
                pieces.append((0, length - first))
        return [(base + start, count) for start, count in pieces]

    def store(self, number: int, data: bytes) -> None:
        """Puts a burst into memory without advancing the channel."""
        down = bool(self.channel_state(number).mode & MODE_DECREMENT)
        done = 0
        for start, length in self._spans(number, len(data)):
            piece = data[done : done + length]
            self._memory.write(start, _reversed_units(piece, number) if down else piece)
            done += length

    def fetch(self, number: int, length: int) -> bytes:
        """Takes a burst from memory without advancing the channel."""
        down = bool(self.channel_state(number).mode & MODE_DECREMENT)
        pieces = []
        for start, count in self._spans(number, length):
            piece = bytes(self._memory.read(start, count))
            pieces.append(_reversed_units(piece, number) if down else piece)
        return b"".join(pieces)

    def memory_to_memory(self, first: int) -> None:
        """A block from channel 0 to channel 1 of a controller, ended by channel 1's terminal count."""
        s = self._controllers[first >> 2].s
        source, target = s.channels[0], s.channels[1]
        units = target.current_count + 1
        unit = 2 if first >= 4 else 1
        if s.command & COMMAND_HOLD_CHANNEL_0:
            one = self._fetch_units(first, 1)
            data = one * units
        else:
            data = self._fetch_units(first, units)
            step = -units if source.mode & MODE_DECREMENT else units
            source.current_address = (source.current_address + step) & 0xFFFF
            source.current_count = (source.current_count - units) & 0xFFFF
        self.store(first + 1, data)
        s.temporary = data[-unit]
        self.finish(first + 1, units)
        s.software_requests &= ~1

    def _fetch_units(self, number: int, units: int) -> bytes:
        return self.fetch(number, units * (2 if number >= 4 else 1))

    # -- Contract

    def reset(self, kind: ResetKind) -> None:
        for controller in self._controllers:
            if kind is ResetKind.POWER_ON:
                controller.s = ControllerState(requests=controller.s.requests)
            else:
                controller.master_clear(0)
        if kind is ResetKind.POWER_ON:
            self._pages[:] = bytes(16)
        for channel in self._channels:
            channel.terminal_count = False

    def save(self) -> State:
        return copy_state(State([controller.s for controller in self._controllers], self._pages))

    def load(self, state: State) -> None:
        if not isinstance(state, State):
            raise StateError("The saved state of the DMA controllers is of another kind.")
        if (
            len(state.pages) != 16
            or len(state.controllers) != 2
            or any(len(controller.channels) != 4 for controller in state.controllers)
        ):
            raise StateError("The saved state of the DMA controllers is damaged.")
        channels = [channel for controller in state.controllers for channel in controller.channels]
        for channel in channels:
            if not 0 <= channel.current_address <= 0xFFFF or not 0 <= channel.current_count <= 0xFFFF:
                raise StateError("The saved state of the DMA controllers is damaged.")
        state = copy_state(state)
        for controller, controller_state in zip(self._controllers, state.controllers, strict=True):
            controller.s = controller_state
        self._pages[:] = state.pages


def _reversed_units(data: bytes, number: int) -> bytes:
    """Transfer order to memory order and back, for a channel that counts down."""
    if number < 4:
        return data[::-1]
    swapped = bytearray(len(data))
    swapped[0::2] = data[-2::-2]
    swapped[1::2] = data[-1::-2]
    return bytes(swapped)
