"""A bootable diskette of our own: its program shows the text of sector 2, and reads it anew at every key."""

from __future__ import annotations

from pathlib import Path

_SECTOR = 512
_SIZE = 1_474_560

_PROGRAM = bytes.fromhex(
    "31C0 8ED8 8EC0 8ED0 BC007C"  # 00  xor ax,ax; mov ds,ax; mov es,ax; mov ss,ax; mov sp,7C00h
    "BF0300"  # 0B  read:  mov di,3
    "B80102 BB007E B90200 31D2 CD13"  # 0E  again: mov ax,0201h; mov bx,7E00h; mov cx,2; xor dx,dx; int 13h
    "7309"  # 1B         jnc show
    "31C0 CD13 4F 75EA EB11"  # 1D         xor ax,ax; int 13h; dec di; jnz again; jmp wait
    "BE007E"  # 26  show:  mov si,7E00h
    "AC 08C0 7409 B40E BB0700 CD10 EBF2"  # 29  next:  lodsb; or al,al; jz wait; mov ah,0Eh; mov bx,7; int 10h; jmp next
    "31C0 CD16 EBCE"  # 37  wait:  xor ax,ax; int 16h; jmp read
)


def make_reader_diskette(file: Path, text: str) -> Path:
    """A 1.44 MB image that shows ``text`` when it is booted, or read by this program after a change of diskettes."""
    boot = _PROGRAM.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa"
    message = f"{text}\r\n".encode("ascii").ljust(_SECTOR, b"\0")
    file.write_bytes((boot + message).ljust(_SIZE, b"\0"))
    return file
