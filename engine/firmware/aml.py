"""ACPI machine language: just enough of an encoder to write a DSDT in Python.

Source: Advanced Configuration and Power Interface Specification 1.0b, section 16 (AML encoding), section 6.4
(resource descriptors). Every function returns encoded bytes; terms are put together with ``+``.
"""

from __future__ import annotations

import struct
from typing import Final

ZERO: Final = b"\x00"
ONE: Final = b"\x01"
ARG0: Final = b"\x68"
LOCAL0: Final = b"\x60"

REGION_IO: Final = 1
REGION_PCI: Final = 2
FIELD_BYTE_PRESERVE: Final = 0x01


def name(path: str) -> bytes:
    """A name string: ``\\`` roots it; segments are divided by dots and padded to four characters."""
    root = b"\\" if path.startswith("\\") else b""
    segments = [segment.ljust(4, "_").encode("ascii") for segment in path.lstrip("\\").split(".") if segment]
    if not segments:
        return root + b"\x00"
    if len(segments) == 1:
        return root + segments[0]
    if len(segments) == 2:
        return root + b"\x2e" + b"".join(segments)
    return root + b"\x2f" + bytes((len(segments),)) + b"".join(segments)


def integer(value: int) -> bytes:
    if value in (0, 1):
        return bytes((value,))
    if value < 0x100:
        return b"\x0a" + struct.pack("<B", value)
    if value < 0x10000:
        return b"\x0b" + struct.pack("<H", value)
    return b"\x0c" + struct.pack("<I", value)


def eisa_id(text: str) -> bytes:
    """A compressed identifier like PNP0A03."""
    letters = [ord(letter) - 0x40 for letter in text[:3]]
    number = letters[0] << 26 | letters[1] << 21 | letters[2] << 16 | int(text[3:], 16)
    return integer(int.from_bytes(number.to_bytes(4, "big"), "little"))


def _package(body: bytes) -> bytes:
    """A package length, which counts itself, and what it is the length of."""
    if len(body) + 1 < 0x40:
        return bytes((len(body) + 1,)) + body
    for extra in (1, 2, 3):
        length = len(body) + 1 + extra
        if length < 1 << 4 + 8 * extra:
            return bytes((extra << 6 | length & 0xF,)) + (length >> 4).to_bytes(extra, "little") + body
    raise ValueError("AML package too long")


def define(path: str, value: bytes) -> bytes:
    """Name(path, value)"""
    return b"\x08" + name(path) + value


def scope(path: str, *terms: bytes) -> bytes:
    return b"\x10" + _package(name(path) + b"".join(terms))


def device(path: str, *terms: bytes) -> bytes:
    return b"\x5b\x82" + _package(name(path) + b"".join(terms))


def processor(path: str, number: int) -> bytes:
    """Without a processor register block."""
    return b"\x5b\x83" + _package(name(path) + struct.pack("<BIB", number, 0, 0))


def method(path: str, arguments: int, *terms: bytes) -> bytes:
    return b"\x14" + _package(name(path) + bytes((arguments,)) + b"".join(terms))


def package(*elements: bytes) -> bytes:
    return b"\x12" + _package(bytes((len(elements),)) + b"".join(elements))


def buffer(data: bytes) -> bytes:
    return b"\x11" + _package(integer(len(data)) + data)


def region(path: str, space: int, offset: int, length: int) -> bytes:
    """OperationRegion"""
    return b"\x5b\x80" + name(path) + bytes((space,)) + integer(offset) + integer(length)


def field(path: str, flags: int, *units: tuple[str, int]) -> bytes:
    """Field; units are (name, bits)."""
    body = b"".join(unit.ljust(4, "_").encode("ascii") + _bits(bits) for unit, bits in units)
    return b"\x5b\x81" + _package(name(path) + bytes((flags,)) + body)


def _bits(count: int) -> bytes:
    """A field width is encoded as a package length that does not count itself."""
    return bytes((count,)) if count < 0x40 else bytes((0x40 | count & 0xF, count >> 4))


def dword_field(source: bytes, offset: int, path: str) -> bytes:
    """CreateDWordField"""
    return b"\x8a" + source + integer(offset) + name(path)


def store(value: bytes, target: bytes) -> bytes:
    return b"\x70" + value + target


def and_(a: bytes, b: bytes, target: bytes = ZERO) -> bytes:
    return b"\x7b" + a + b + target


def or_(a: bytes, b: bytes, target: bytes = ZERO) -> bytes:
    return b"\x7d" + a + b + target


def if_(condition: bytes, *terms: bytes) -> bytes:
    return b"\xa0" + _package(condition + b"".join(terms))


def return_(value: bytes) -> bytes:
    return b"\xa4" + value


# -- Resource descriptors


def resources(*descriptors: bytes) -> bytes:
    """A resource template: descriptors and the end tag, whose checksum of zero means that there is none."""
    return buffer(b"".join(descriptors) + b"\x79\x00")


def irq(*numbers: int) -> bytes:
    """IRQ(Edge, ActiveHigh, Exclusive)"""
    return b"\x22" + struct.pack("<H", sum(1 << number for number in numbers))


def dma(channel: int) -> bytes:
    """DMA(Compatibility, NotBusMaster, Transfer8)"""
    return b"\x2a" + bytes((1 << channel, 0))


def ports(first: int, length: int) -> bytes:
    """IO(Decode16)"""
    return b"\x47" + struct.pack("<BHHBB", 1, first, first, 1, length)


def interrupt(*numbers: int) -> bytes:
    """Interrupt(ResourceConsumer, Level, ActiveHigh, Shared)"""
    body = struct.pack("<BB", 0x09, len(numbers)) + b"".join(struct.pack("<I", number) for number in numbers)
    return b"\x89" + struct.pack("<H", len(body)) + body


def bus_numbers(first: int, last: int) -> bytes:
    """WordBusNumber(ResourceProducer, MinFixed, MaxFixed)"""
    return b"\x88" + struct.pack("<HBBBHHHHH", 13, 2, 0x0C, 0, 0, first, last, 0, last - first + 1)


def port_range(first: int, last: int) -> bytes:
    """WordIO(ResourceProducer, MinFixed, MaxFixed, EntireRange)"""
    return b"\x88" + struct.pack("<HBBBHHHHH", 13, 1, 0x0C, 3, 0, first, last, 0, last - first + 1)


def memory_range(first: int, last: int, cacheable: bool = False) -> bytes:
    """DWordMemory(ResourceProducer, MinFixed, MaxFixed, ReadWrite)"""
    flags = 0x03 if cacheable else 0x01
    return b"\x87" + struct.pack("<HBBBIIIII", 23, 0, 0x0C, flags, 0, first, last, 0, last - first + 1)
