"""Puts devices on the native bus."""

from __future__ import annotations

from collections.abc import Callable

from engine._core import Bus
from engine.bus import HasPorts, NativePort, Port, PortRange


def attach(bus: Bus, device: HasPorts, base: int, name: str) -> None:
    """Registers a device's port map at ``base``. Raises BusConflict when a port is taken."""
    attach_map(bus, device.port_map(), base, name)


def movable_ports(bus: Bus, device: HasPorts, name: str) -> Callable[[int | None], None]:
    """Attaches a device's port map wherever a PCI base address says, and takes it off again (None)."""
    attached: list[tuple[int, int]] = []

    def place(base: int | None) -> None:
        for first, count in attached:
            bus.detach_ports(first, count)
        attached.clear()
        if base is not None:
            attach(bus, device, base, name)
            for entry in device.port_map():
                attached.append((base + entry.offset, entry.count if isinstance(entry, PortRange) else 1))

    return place


def attach_map(bus: Bus, port_map: object, base: int, name: str) -> None:
    """Registers one port map (some devices have several) at ``base``."""
    assert isinstance(port_map, list | tuple)
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
        elif isinstance(entry, NativePort):
            bus.attach_native(base + entry.offset, 1, name, entry.handler)
        else:
            assert isinstance(entry, PortRange)
            bus.attach_port(base + entry.offset, entry.count, entry.width, name, entry.read, entry.write)
