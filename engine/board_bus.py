"""Puts devices on the native bus."""

from __future__ import annotations

from engine._core import Bus
from engine.bus import HasPorts, NativePort, Port, PortRange


def attach(bus: Bus, device: HasPorts, base: int, name: str) -> None:
    """Registers a device's port map at ``base``. Raises BusConflict when a port is taken."""
    attach_map(bus, device.port_map(), base, name)


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
