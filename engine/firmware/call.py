"""One BIOS call as a service sees it: the caller's registers, flags and memory.

A service reads and writes the fields of :class:`Call`. What it wants from the caller's memory it asks for with
``fetch`` (before it changes anything: the call starts over once the bytes are there), what it gives with
``store``. Registers keep their upper halves when a 16- or 8-bit part is set.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from engine.firmware.mailbox_layout import FRAME_FORMAT, Service, Status

CF: Final = 0x0001
ZF: Final = 0x0040
IF: Final = 0x0200
CHUNK_BYTES: Final = 0x8000  # longest single transfer: never wraps behind a normalised offset
_FRAME: Final = struct.Struct(FRAME_FORMAT)


class FetchNeeded(Exception):
    """The service needs bytes of the caller's memory first."""

    def __init__(self, segment: int, offset: int, length: int) -> None:
        self.segment = segment
        self.offset = offset
        self.length = length
        super().__init__(f"{segment:04X}:{offset:04X}, {length} bytes")


@dataclass(slots=True)
class Transfer:
    """Bytes on their way to the caller's memory."""

    segment: int
    offset: int
    data: bytes


class _Part:
    """A register or a part of one, as an attribute of :class:`Call`."""

    __slots__ = ("_index", "_mask", "_shift")

    def __init__(self, index: int, bits: int, shift: int = 0) -> None:
        self._index = index
        self._mask = (1 << bits) - 1
        self._shift = shift

    def __get__(self, call: Call, owner: type[Call]) -> int:
        return call.registers[self._index] >> self._shift & self._mask

    def __set__(self, call: Call, value: int) -> None:
        kept = call.registers[self._index] & ~(self._mask << self._shift)
        call.registers[self._index] = kept | (value & self._mask) << self._shift


_EDI, _ESI, _EBP, _ESP, _EBX, _EDX, _ECX, _EAX = range(8)  # PUSHAD order from low addresses


@dataclass(slots=True)
class Call:
    """``registers`` in PUSHAD order from low addresses: EDI, ESI, EBP, ESP, EBX, EDX, ECX, EAX."""

    service: int = 0
    registers: list[int] = field(default_factory=lambda: [0] * 8)
    ds: int = 0
    es: int = 0
    cs: int = 0
    ip: int = 0
    flags: int = 0
    inputs: list[bytes] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    status: Status = Status.DONE
    _inputs_used: int = 0

    @classmethod
    def from_frame(cls, frame: bytes) -> Call:
        values = _FRAME.unpack(frame)
        return cls(
            service=values[11],
            registers=list(values[3:11]),
            es=values[1],
            ds=values[2],
            ip=values[12],
            cs=values[13],
            flags=values[14],
        )

    def frame(self, status: int) -> bytes:
        """The frame to hand back."""
        return _FRAME.pack(
            status,
            self.es,
            self.ds,
            *self.registers,
            self.service,
            self.ip & 0xFFFF,
            self.cs & 0xFFFF,
            self.flags & 0xFFFF,
        )

    eax, ax, al, ah = _Part(_EAX, 32), _Part(_EAX, 16), _Part(_EAX, 8), _Part(_EAX, 8, 8)
    ebx, bx, bl, bh = _Part(_EBX, 32), _Part(_EBX, 16), _Part(_EBX, 8), _Part(_EBX, 8, 8)
    ecx, cx, cl, ch = _Part(_ECX, 32), _Part(_ECX, 16), _Part(_ECX, 8), _Part(_ECX, 8, 8)
    edx, dx, dl, dh = _Part(_EDX, 32), _Part(_EDX, 16), _Part(_EDX, 8), _Part(_EDX, 8, 8)
    esi, si = _Part(_ESI, 32), _Part(_ESI, 16)
    edi, di = _Part(_EDI, 32), _Part(_EDI, 16)
    ebp, bp = _Part(_EBP, 32), _Part(_EBP, 16)

    def fingerprint(self) -> int:
        """A number that is the same for the same caller with the same registers."""
        return hash((*self.registers, self.ds, self.es, self.cs, self.ip))

    # -- Flags ------------------------------------------------------------------------------------------

    @property
    def carry(self) -> bool:
        return bool(self.flags & CF)

    @carry.setter
    def carry(self, value: bool) -> None:
        self.flags = self.flags | CF if value else self.flags & ~CF

    @property
    def zero(self) -> bool:
        return bool(self.flags & ZF)

    @zero.setter
    def zero(self, value: bool) -> None:
        self.flags = self.flags | ZF if value else self.flags & ~ZF

    # -- The caller's memory ----------------------------------------------------------------------------

    def fetch(self, segment: int, offset: int, length: int) -> bytes:
        """Bytes at segment:offset. Call it before any side effect: the service runs again from its start."""
        if length <= 0:
            return b""
        if self._inputs_used < len(self.inputs):
            data = self.inputs[self._inputs_used]
            self._inputs_used += 1
            return data.ljust(length, b"\0")[:length]
        segment, offset = normalised(segment, offset)
        raise FetchNeeded(segment, offset, min(length, CHUNK_BYTES))

    def fetch_long(self, segment: int, offset: int, length: int) -> bytes:
        """Like ``fetch`` for more than fits behind one offset."""
        parts = []
        while length > 0:
            part = min(length, CHUNK_BYTES)
            parts.append(self.fetch(segment, offset, part))
            segment, length = (segment + CHUNK_BYTES // 16) & 0xFFFF, length - part
        return b"".join(parts)

    def store(self, segment: int, offset: int, data: bytes | bytearray) -> None:
        """Puts bytes at segment:offset when the service is done."""
        for first in range(0, len(data), CHUNK_BYTES):
            part = bytes(data[first : first + CHUNK_BYTES])
            place, rest = normalised((segment + first // 16) & 0xFFFF, offset)
            self.transfers.append(Transfer(place, rest, part))

    def wait(self) -> None:
        """The stub halts until an interrupt and runs the service again."""
        self.status = Status.WAIT

    def wait_once(self) -> None:
        """The stub halts until an interrupt; the call is done after that."""
        self.service = Service.RETURN
        self.status = Status.WAIT

    def poll(self) -> None:
        """The stub runs the service again at once."""
        self.status = Status.POLL


def normalised(segment: int, offset: int) -> tuple[int, int]:
    """The same address with an offset below 16, so that blocks up to 64 KiB do not wrap.

    Above FFFF0h the segment cannot go further and the rest stays in the offset.
    """
    linear = (segment & 0xFFFF) * 16 + (offset & 0xFFFF)
    segment = min(linear >> 4, 0xFFFF)
    return segment, linear - segment * 16


Handler = Callable[[Call], None]
