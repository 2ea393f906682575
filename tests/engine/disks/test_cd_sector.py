"""Whole CD sectors: the header, and codes that come out as ECMA-130 says they must, checked from the receiving side."""

from __future__ import annotations

import random

import pytest

from engine.disks.cd_sector import minute_second_frame, whole_sector

DATA = random.Random(3).randbytes(2048)


def times(left: int, right: int) -> int:
    """Multiplication in GF(2^8) over x^8 + x^4 + x^3 + x^2 + 1."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left = left << 1 ^ (0x11D if left & 0x80 else 0)
        right >>= 1
    return product


def syndromes(values: list[int]) -> tuple[int, int]:
    """Both are zero when nothing is wrong (annex A: rows of ones, and of falling powers of alpha)."""
    total, weighted, power = 0, 0, 1
    for value in reversed(values):
        total ^= value
        weighted ^= times(value, power)
        power = times(power, 2)
    return total, weighted


def columns_and_diagonals(sector: bytes) -> list[list[int]]:
    """P and Q vectors in words, each byte of a word by itself, as annex A counts them."""
    vectors = []
    for plane in (0, 1):
        words = sector[12 + plane :: 2]
        vectors += [[words[43 * row + column] for row in range(26)] for column in range(43)]
        for diagonal in range(26):
            places = [(44 * step + 43 * diagonal) % 1118 for step in range(43)]
            vectors.append([words[at] for at in [*places, 1118 + diagonal, 1144 + diagonal]])
    return vectors


@pytest.mark.parametrize("lba", [0, 16, 4500, 333000])
def test_the_layout(lba: int) -> None:
    sector = whole_sector(lba, DATA)
    assert len(sector) == 2352
    assert sector[:12] == b"\0" + b"\xff" * 10 + b"\0"
    assert sector[12:16].hex() == {0: "00020001", 16: "00021601", 4500: "01020001", 333000: "74020001"}[lba]
    assert sector[16:2064] == DATA
    assert sector[2068:2076] == bytes(8)


def test_error_detection_divides_the_sector() -> None:
    sector = whole_sector(16, DATA)
    polynomial = 0x1_8001_801B  # (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1)
    remainder = 0
    for byte in sector[:2068]:
        for bit in range(8):
            remainder = remainder << 1 | byte >> bit & 1
            if remainder >> 32:
                remainder ^= polynomial
    assert remainder == 0


def test_error_correction_finds_nothing_wrong_and_sees_damage() -> None:
    sector = whole_sector(16, DATA)
    vectors = columns_and_diagonals(sector)
    assert len(vectors) == 2 * (43 + 26)
    assert all(syndromes(vector) == (0, 0) for vector in vectors)
    damaged = bytearray(sector)
    damaged[1000] ^= 0x40
    assert sum(syndromes(vector) != (0, 0) for vector in columns_and_diagonals(bytes(damaged))) == 2


def test_time_on_the_disc() -> None:
    assert minute_second_frame(0) == (0, 2, 0)
    assert minute_second_frame(75 * 60 - 150) == (1, 0, 0)
    assert minute_second_frame(449_849) == (99, 59, 74)
    assert minute_second_frame(10_000_000) == (255, 59, 74)
