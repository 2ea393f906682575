"""Packets of the GDB remote serial protocol: ``$data#checksum``. GDB manual, appendix E.1 and E.5."""

from __future__ import annotations

from typing import Final

INTERRUPT: Final = b"\x03"
LARGEST: Final = 0x4000  # bytes of a packet's data
_ESCAPE: Final = 0x7D


def packet(data: bytes) -> bytes:
    """A packet of ours."""
    escaped = b"".join(bytes((_ESCAPE, byte ^ 0x20)) if byte in b"#$}*" else bytes((byte,)) for byte in data)
    return b"$" + escaped + b"#%02x" % (sum(escaped) & 0xFF)


def unescaped(data: bytes) -> bytes:
    """What binary data of a packet stands for."""
    result = bytearray()
    escape = False
    for byte in data:
        if escape:
            result.append(byte ^ 0x20)
            escape = False
        elif byte == _ESCAPE:
            escape = True
        else:
            result.append(byte)
    return bytes(result)


class PacketReader:
    """Takes bytes as they come and gives packets: their data; INTERRUPT for a break; None for one that is damaged."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> list[bytes | None]:
        self._bytes += data
        found: list[bytes | None] = []
        while self._bytes:
            first = self._bytes[0]
            if first == INTERRUPT[0]:
                found.append(INTERRUPT)
                del self._bytes[0]
            elif first != ord("$"):
                del self._bytes[0]  # acknowledgements, and noise between packets
            else:
                end = self._bytes.find(b"#")
                if end < 0 or len(self._bytes) < end + 3:
                    if len(self._bytes) > 2 * LARGEST:
                        self._bytes.clear()
                        found.append(None)
                    break
                body, sent = bytes(self._bytes[1:end]), bytes(self._bytes[end + 1 : end + 3])
                del self._bytes[: end + 3]
                found.append(body if sent.lower() == b"%02x" % (sum(body) & 0xFF) else None)
        return found
