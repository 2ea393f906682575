"""A whole CD sector of 2352 bytes made from its 2048 bytes of data: sync pattern, header, error detection and correction.

Source: ECMA-130, sections 14.2 to 14.6 (sector mode 1) and annex A (P and Q parities).
"""

from __future__ import annotations

from typing import Final

RAW_BYTES: Final = 2352
DATA_BYTES: Final = 2048
SYNC: Final = b"\0" + b"\xff" * 10 + b"\0"
FRAMES_BEFORE_0: Final = 150  # block 0 is two seconds into the disc
_HEADER_AT, _EDC_AT, _P_AT, _Q_AT = 12, 2064, 2076, 2248


def minute_second_frame(lba: int) -> tuple[int, int, int]:
    """Where a block is in time. Times that need more than a byte of minutes (DVDs) become the last one that fits."""
    frames = min(lba + FRAMES_BEFORE_0, 256 * 60 * 75 - 1)
    return frames // 75 // 60, frames // 75 % 60, frames % 75


def whole_sector(lba: int, data: bytes) -> bytes:
    """Sector mode 1."""
    sector = bytearray(RAW_BYTES)
    sector[:_HEADER_AT] = SYNC
    sector[_HEADER_AT : _HEADER_AT + 4] = bytes((*(_bcd(part) for part in minute_second_frame(lba)), 1))
    sector[16 : 16 + DATA_BYTES] = data
    sector[_EDC_AT : _EDC_AT + 4] = error_detection(sector[:_EDC_AT]).to_bytes(4, "little")
    sector[_P_AT:_Q_AT] = _parity(sector, _COLUMNS)
    sector[_Q_AT:] = _parity(sector, _DIAGONALS)
    return bytes(sector)


def _bcd(value: int) -> int:
    return (value // 10 % 16) << 4 | value % 10


def error_detection(covered: bytes | bytearray) -> int:
    """The CRC of (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1), least significant bit first."""
    value = 0
    for byte in covered:
        value = value >> 8 ^ _EDC_TABLE[(value ^ byte) & 0xFF]
    return value


def _parity(sector: bytearray, vectors: list[list[int]]) -> bytes:
    """Two parity bytes of each vector over GF(2^8): all the first ones, then all the second ones."""
    first, second = bytearray(), bytearray()
    for places in vectors:
        total = weighted = 0
        for place in places:
            weighted = _DOUBLED[weighted ^ sector[place]]
            total ^= sector[place]
        # V0 + V1 and the weighted sum must both come to zero with the parities at the last two places.
        parity = _THIRD[_DOUBLED[weighted] ^ total]
        first.append(parity)
        second.append(parity ^ total)
    return bytes(first + second)


def _make_edc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xD8018001 if value & 1 else 0)
        table.append(value)
    return table


# Annex A: two interleaved sets of bytes, from the header on. P over columns, Q over diagonals with P included.
_COLUMNS: Final = [[12 + column + 86 * row for row in range(24)] for column in range(86)]
_DIAGONALS: Final = [[12 + row % 2 + (86 * (row // 2) + 88 * step) % 2236 for step in range(43)] for row in range(52)]
_EDC_TABLE: Final = _make_edc_table()
_DOUBLED: Final = [value << 1 ^ (0x11D if value & 0x80 else 0) for value in range(256)]  # times alpha
_THIRD: Final = [0] * 256  # divided by alpha + 1
for _value in range(256):
    _THIRD[_value ^ _DOUBLED[_value]] = _value
