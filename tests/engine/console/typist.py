"""Reads scan codes as a US guest would; written apart from the layouts it checks."""

from __future__ import annotations

PLAIN = {
    **dict(zip(bytes.fromhex("0e16 1e26 252e 363d 3e46 454e 55".replace(" ", "")), "`1234567890-=", strict=True)),
    **dict(zip(bytes.fromhex("151d242d2c353c43444d545b5d"), "qwertyuiop[]\\", strict=True)),
    **dict(zip(bytes.fromhex("1c1b232b34333b424b4c52"), "asdfghjkl;'", strict=True)),
    **dict(zip(bytes.fromhex("1a22212a32313a41494a"), "zxcvbnm,./", strict=True)),
    0x29: " ",
    0x5A: "\n",
}
SHIFTED = {
    code: dict(zip("`1234567890-=[]\\;',./", '~!@#$%^&*()_+{}|:"<>?', strict=True)).get(sign, sign.upper())
    for code, sign in PLAIN.items()
}


def decode_us(codes: bytes) -> str:
    """Text of a stream of set 2 codes."""
    text = ""
    shift = released = False
    for code in codes:
        if code == 0xF0:
            released = True
            continue
        if code in (0x12, 0x59):
            shift = not released
        elif not released:
            text += (SHIFTED if shift else PLAIN)[code]
        released = False
    return text
