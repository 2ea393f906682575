"""The agreement between the ROM's stubs and Python: ports, the frame, service numbers, status words.

All data goes byte by byte: a guest's program may emulate the stubs, with an operating system below it that makes one
access of every byte (Linux's /dev/port splits a doubleword over four ports).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

PORT_BASE: Final = 0xF200
PORT_FRAME: Final = PORT_BASE  # byte: OUT pushes, IN pops
PORT_COMMAND: Final = PORT_BASE + 4  # byte: OUT runs a Command, IN reads the last Status
PORT_BLOCK: Final = PORT_BASE + 8  # byte: REP INSB and REP OUTSB of a transfer
PORT_POINTER: Final = PORT_BASE + 12  # dword in four ports: segment:offset of the transfer
PORT_LENGTH: Final = PORT_BASE + 16  # dword in four ports: bytes of the transfer

# The frame as it lies on the caller's stack, from SP up: status (dword), ES, DS, the PUSHAD registers,
# the service number, then what INT pushed: IP, CS, FLAGS.
FRAME_FORMAT: Final = "<I2H8I4H"
FRAME_BYTES: Final = 48


class Command(IntEnum):
    CALL = 1  # the frame was pushed: run its service
    NEXT = 2  # a transfer to the caller is done


class Status(IntEnum):
    """What the stub does next."""

    DONE = 0  # back to the caller
    WAIT = 1  # STI, HLT, and ask again
    STORE = 2  # REP INSB to the caller's memory, then Command.NEXT
    FETCH = 3  # REP OUTSB from the caller's memory, then ask again
    POLL = 4  # ask again at once


class Service(IntEnum):
    """Service numbers: the interrupt vector where there is one."""

    NMI = 0x02
    INT05 = 0x05
    INT09 = 0x09
    INT10 = 0x10
    INT11 = 0x11
    INT12 = 0x12
    INT13 = 0x13
    INT14 = 0x14
    INT15 = 0x15
    INT16 = 0x16
    INT17 = 0x17
    INT18 = 0x18
    INT19 = 0x19
    INT1A = 0x1A
    INT40 = 0x40
    INT70 = 0x70
    INT74 = 0x74
    POST = 0x100
    PCI_32 = 0x105  # the PCI BIOS's 32-bit entry point
    # Calls that go on after a wait, by the number the service put into the frame.
    RETURN = 0x101  # nothing left to do
    WAIT_UNTIL = 0x102  # INT 15h/86h
    NO_BOOT = 0x103  # INT 18h waiting for a key
    MOUSE_WAIT = 0x104  # INT 15h/C2h talking to the mouse
    PRINT_SCREEN = 0x106  # INT 5 waiting for the printer


class KeyAction(IntEnum):
    """What INT 9's stub does after the service."""

    NONE = 0
    STORED = 1  # INT 15h, AX = 9102h
    BREAK = 2  # INT 1Bh
    PRINT_SCREEN = 3  # INT 5
    PAUSE = 4  # loop until a key clears 40:18 bit 3
    SYSRQ_DOWN = 5  # INT 15h, AX = 8500h
    SYSRQ_UP = 6  # INT 15h, AX = 8501h
