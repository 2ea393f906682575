"""How a device describes its ports to the machine.

A device has ``port_map() -> list[Port | PortRange]`` with offsets, never absolute addresses; ``attach``
registers them on the native bus at a base. One handler per register.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine._core import PostCodePort


@dataclass(frozen=True, slots=True)
class Port:
    """One register. Accesses wider than ``width`` bytes are split by the bus, low part first.

    ``read_block(count) -> bytes`` and ``write_block(data)`` serve string instructions (REP INS/OUTS) with one
    call; ``count`` is in items of ``width`` bytes. A missing ``read`` reads all ones, a missing ``write``
    drops the value.
    """

    offset: int
    read: Callable[[], int] | None = None
    write: Callable[[int], None] | None = None
    width: int = 1
    read_block: Callable[[int], bytes] | None = None
    write_block: Callable[[bytes], None] | None = None
    repeats: bool = False  # data flows through it: a wider access is several accesses to this same port


@dataclass(frozen=True, slots=True)
class PortRange:
    """Several ports with one handler: ``read(offset, size)``, ``write(offset, value, size)``."""

    offset: int
    count: int
    read: Callable[[int, int], int] | None = None
    write: Callable[[int, int, int], None] | None = None
    width: int = 1


@dataclass(frozen=True, slots=True)
class NativePort:
    """One byte-wide register that the native core answers by itself: it calls no Python."""

    offset: int
    handler: PostCodePort


class HasPorts(Protocol):
    """A device that answers at I/O ports."""

    def port_map(self) -> Sequence[Port | PortRange | NativePort]: ...


class Memory(Protocol):
    """Guest physical memory as devices see it (DMA). Unbacked bytes read FFh; writes there are dropped."""

    def read(self, physical: int, length: int) -> bytes: ...

    def write(self, physical: int, data: bytes | bytearray | memoryview) -> None: ...
