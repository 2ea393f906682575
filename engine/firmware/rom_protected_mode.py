"""The ROM's 32-bit entry points: APM, the BIOS32 service directory, the PCI BIOS.

Sources: APM BIOS Interface Specification 1.2, chapter 4; Standard BIOS 32-bit Service Directory Proposal 0.4;
PCI BIOS Specification 2.1, section 3. All are reached by far calls in the caller's own segments: the code uses no
address of its own but that of its labels, and no data but the caller's stack.
"""

from __future__ import annotations

from typing import Final

from engine.firmware.assembler import Assembler
from engine.firmware.mailbox_layout import Service

ROM_ADDRESS: Final = 0xF0000
_ROM_BYTES: Final = 0x10000
_DIRECTORY_BYTES: Final = 16

# The service stub once more, in 32-bit code. The caller's interrupt flag is kept; its carry flag becomes the service's.
_STUB: Final = """
    9C FA                   pushfd; cli
    6A 00                   push 0                  ; the frame's CS and FLAGS
    68                      push SERVICE            ; its service and IP
    60                      pushad
    66 1E  66 06  50        push ds; push es; push eax
    FC                again: cld
    8C D0  8E D8  8E C0     mov eax, ss; mov ds, eax; mov es, eax
    89 E6                   mov esi, esp
    B9 30 00 00 00          mov ecx, FRAME_BYTES
    BA 00 F2 00 00  F3 6E   mov edx, PORT_FRAME; rep outsb
    BA 04 F2 00 00          mov edx, PORT_COMMAND
    B0 01  EE               mov al, Command.CALL; out dx, al
    89 E7                   mov edi, esp
    B9 30 00 00 00          mov ecx, FRAME_BYTES
    BA 00 F2 00 00  F3 6C   mov edx, PORT_FRAME; rep insb
    58  3C 00  74 06        pop eax; cmp al, Status.DONE; je done
    50  FB F4 FA  EB CA     push eax; sti; hlt; cli; jmp again
    66 07  66 1F  61  done: pop es; pop ds; popad
    0F BA 64 24 06 00       bt dword [esp + 6], 0   ; the service's carry flag
    8D 64 24 08             lea esp, [esp + 8]
    73 06                   jnc clear
    80 0C 24 01  EB 04      or byte [esp], 1; jmp leave
    80 24 24 FE      clear: and byte [esp], FEh
    9D CB            leave: popfd; retf
"""

# BIOS32: EAX names the service, BL is the directory's function. AL: 0 found, 80h no such service, 81h no such function.
_DIRECTORY: Final = """
    84 DB  75 1C               test bl, bl; jnz no_function
    3D 24 50 43 49  75 12      cmp eax, "$PCI"; jne no_service
    BB 00 00 0F 00             mov ebx, ROM_ADDRESS
    B9 00 00 01 00             mov ecx, ROM_BYTES
    B0 00                      mov al, 0
    BA                         mov edx, PCI
"""
_DIRECTORY_END: Final = """
    CB                         retf
    B0 80  CB  no_service:     mov al, 80h; retf
    B0 81  CB  no_function:    mov al, 81h; retf
"""


def _hex_column(listing: str) -> bytes:
    """The bytes of a listing: pairs of hexadecimal digits up to the first other word of each line."""
    out = bytearray()
    for line in listing.splitlines():
        for word in line.split():
            if len(word) != 2 or not all(digit in "0123456789ABCDEF" for digit in word):
                break
            out.append(int(word, 16))
    return bytes(out)


def protected_mode_entries(asm: Assembler) -> None:
    """Labels apm_32, pci_32 and bios32; the directory's header lies on a paragraph for everybody to find."""
    _service_stub(asm, "apm_32", Service.INT15)
    _service_stub(asm, "pci_32", Service.PCI_32)
    asm.label("bios32")
    asm.emit(_hex_column(_DIRECTORY))
    asm.emit(asm.labels["pci_32"].to_bytes(4, "little"))
    asm.emit(_hex_column(_DIRECTORY_END))
    asm.align(16)
    asm.emit(_directory_header(ROM_ADDRESS + asm.labels["bios32"]))


def _service_stub(asm: Assembler, label: str, service: Service) -> None:
    before, after = (_hex_column(part) for part in _STUB.split("push SERVICE"))
    asm.label(label)
    asm.emit(before + int(service).to_bytes(4, "little") + after)


def _directory_header(entry: int) -> bytes:
    header = b"_32_" + entry.to_bytes(4, "little") + bytes((0, _DIRECTORY_BYTES // 16))
    return header + bytes((-sum(header) & 0xFF,)) + bytes(5)
