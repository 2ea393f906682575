"""Puts devices on the native bus."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine._core import Bus, PhysicalMemory
from engine.bus import HasPorts, NativePort, Port, PortRange


def attach(bus: Bus, device: HasPorts, base: int, name: str) -> None:
    """Registers a device's port map at ``base``. Raises BusConflict when a port is taken."""
    attach_map(bus, device.port_map(), base, name)


def movable_map(bus: Bus, port_map: Sequence[Port | PortRange], name: str) -> Callable[[int | None], None]:
    """Attaches a port map wherever a PCI base address says, and takes it off again (None)."""
    attached: list[tuple[int, int]] = []

    def place(base: int | None) -> None:
        for first, count in attached:
            bus.detach_ports(first, count)
        attached.clear()
        if base is not None:
            attach_map(bus, port_map, base, name)
            for entry in port_map:
                attached.append((base + entry.offset, entry.count if isinstance(entry, PortRange) else 1))

    return place


def movable_rom(memory: PhysicalMemory, offset: int, length: int) -> Callable[[int | None], None]:
    """Maps part of the backing, read only, wherever a PCI base address says, and takes it off again (None)."""
    mapped: list[int] = []

    def place(base: int | None) -> None:
        for old in mapped:
            memory.unmap(old, length)
        mapped.clear()
        if base is not None:
            memory.map_backed(base, length, offset, memory.PAGE_READ)
            mapped.append(base)

    return place


def attach_map(bus: Bus, port_map: Sequence[Port | PortRange | NativePort], base: int, name: str) -> None:
    """Registers one port map (some devices have several) at ``base``."""
    for entry in port_map:
        if isinstance(entry, Port):
            bus.attach_register(
                base + entry.offset,
                entry.width,
                name,
                entry.read,
                entry.write,
                entry.read_block,
                entry.write_block,
            )
            if entry.repeats:
                bus.repeat_wide_accesses(base + entry.offset)
        elif isinstance(entry, NativePort):
            bus.attach_native(base + entry.offset, 1, name, entry.handler)
        else:
            assert isinstance(entry, PortRange)
            bus.attach_port(base + entry.offset, entry.count, entry.width, name, entry.read, entry.write)
