"""The ROM image: entry points where software expects them, and the stubs that hand calls to Python.

A service stub pushes the caller's registers as one frame, writes the frame to the mailbox (REP OUTSB), names the
service, reads the frame back and does what its first word says. Everything goes through ports, so a stub works
alike in real mode, in virtual-8086 mode and under an x86 emulator inside a guest's program.

System ROM: segment F000h, 64 KiB. Video ROM: segment C000h, 32 KiB, with the INT 10h entry and the fonts.
Entry points: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference, and the listings in
the IBM PC/AT Technical Reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.console.rom_fonts import rom_font
from engine.firmware import memory_types
from engine.firmware.assembler import Assembler
from engine.firmware.mailbox_layout import (
    FRAME_BYTES,
    PORT_BLOCK,
    PORT_COMMAND,
    PORT_FRAME,
    PORT_LENGTH,
    PORT_POINTER,
    Command,
    Service,
    Status,
)
from engine.firmware.rom_protected_mode import protected_mode_entries
from engine.firmware.video_modes import parameter_table
from engine.firmware.video_rom_tables import FONT_HEIGHT_LABELS, SaveArea, static_functionality

SYSTEM_SEGMENT: Final = 0xF000
SYSTEM_ROM_BYTES: Final = 0x10000
VIDEO_SEGMENT: Final = 0xC000
VIDEO_ROM_BYTES: Final = 0x8000
STUB_AREA: Final = 0x0100  # free part of the system ROM where the longer stubs live
POST_STACK: Final = 0x7C00  # below the boot sector
MODEL: Final = 0xFC
SUBMODEL: Final = 0x01
RELEASE_DATE: Final = b"11/23/26"
PRODUCT: Final = "Bancada"
FIRMWARE_NAME: Final = "Bancada BIOS"
FIRMWARE_VERSION: Final = "1.0"

# Fixed offsets in segment F000h.
RESET_ENTRY: Final = 0xE05B
CONFIG_TABLE: Final = 0xE6F5
BAUD_TABLE: Final = 0xE729
DISKETTE_TABLE: Final = 0xEFC7
VIDEO_PARAMETERS: Final = 0xF0A4
FONT_8X8: Final = 0xFA6E
VECTOR_TABLE: Final = 0xFEF3
DUMMY_IRET: Final = 0xFF53
RESET_VECTOR: Final = 0xFFF0

_FIXED_SERVICES: Final = {
    0xE2C3: Service.NMI,
    0xE3FE: Service.INT13,
    0xE739: Service.INT14,
    0xE82E: Service.INT16,
    0xEC59: Service.INT40,
    0xEFD2: Service.INT17,
    0xF841: Service.INT12,
    0xF84D: Service.INT11,
    0xF859: Service.INT15,
    0xFE6E: Service.INT1A,
}


@dataclass(frozen=True)
class RomImages:
    """Both images and where their parts are: offsets in their own segments, by label."""

    system: bytes
    video: bytes
    system_labels: dict[str, int]
    video_labels: dict[str, int]


def build_rom(vbe_modes: list[int]) -> RomImages:
    """Assembles both ROMs. ``vbe_modes`` is the VESA mode list that the video memory allows."""
    video = _build_video(vbe_modes)
    system = _build_system(video.labels["int10"])
    return RomImages(system.finish(), _with_checksum(video.finish()), system.labels, video.labels)


def _with_checksum(image: bytes) -> bytes:
    """An option ROM's bytes add up to zero."""
    return image[:-1] + bytes([-sum(image[:-1]) & 0xFF])


def _service_stub(asm: Assembler) -> None:
    """The common end of every service entry; the service number was pushed by the entry."""
    asm.label("common")
    asm.op("cli", "pushad")
    asm.push("ds")
    asm.push("es")
    asm.push("eax")  # room for the status
    asm.label("again")
    asm.op("cld")
    asm.move("ax", "ss")
    asm.move("ds", "ax")
    asm.move("es", "ax")  # some x86 emulators read OUTS from ES
    asm.move("si", "sp")
    asm.mov("ecx", FRAME_BYTES)
    asm.mov("dx", PORT_FRAME)
    asm.op("rep_outsb")
    asm.mov("dx", PORT_COMMAND)
    asm.mov("al", Command.CALL)
    asm.op("out_dx_al")
    asm.label("result")
    asm.op("cld")
    asm.move("ax", "ss")
    asm.move("es", "ax")
    asm.move("di", "sp")
    asm.mov("ecx", FRAME_BYTES)
    asm.mov("dx", PORT_FRAME)
    asm.op("rep_insb")
    asm.pop("eax")
    asm.alu("cmp", "al", Status.DONE)
    asm.jump_if("nz", "not_done")
    asm.pop("es")
    asm.pop("ds")
    asm.op("popad")
    asm.alu("add", "sp", 2)
    asm.op("iret")

    asm.label("not_done")
    asm.push("eax")
    asm.alu("cmp", "al", Status.WAIT)
    asm.jump_if("nz", "transfer")
    asm.op("sti", "hlt", "cli")
    asm.jmp("again")

    # A block between Python and the caller's memory: ES:DI or DS:SI, ECX bytes.
    asm.label("transfer")
    asm.alu("cmp", "al", Status.POLL)
    asm.jump_if("z", "again")
    asm.move("bl", "al")
    asm.mov("dx", PORT_LENGTH)
    asm.op("in_eax_dx")
    asm.move("ecx", "eax")
    asm.mov("dx", PORT_POINTER)
    asm.op("in_eax_dx")
    asm.move("di", "ax")
    asm.move("si", "ax")
    asm.shr_eax_16()
    asm.move("es", "ax")
    asm.move("ds", "ax")
    asm.mov("dx", PORT_BLOCK)
    asm.alu("cmp", "bl", Status.FETCH)
    asm.jump_if("z", "fetch")
    asm.op("rep_insb")
    asm.mov("dx", PORT_COMMAND)
    asm.mov("al", Command.NEXT)
    asm.op("out_dx_al")
    asm.jmp("result")
    asm.label("fetch")
    asm.op("rep_outsb")
    asm.jmp("again")


def _entry(asm: Assembler, service: int) -> None:
    asm.push_word(service)
    asm.jmp("common")


def _build_system(int10_offset: int) -> Assembler:
    asm = Assembler(SYSTEM_ROM_BYTES)
    asm.org(STUB_AREA)
    _service_stub(asm)
    for name, service in (
        ("int05", Service.INT05),
        ("int09_service", Service.INT09),
        ("int15_service", Service.INT15),
        ("int18", Service.INT18),
        ("int19", Service.INT19),
        ("int70_service", Service.INT70),
        ("int74_service", Service.INT74),
        ("post_service", Service.POST),
    ):
        asm.label(name)
        _entry(asm, service)
    _timer(asm)
    _keyboard(asm)
    _clock_alarm(asm)
    _mouse(asm)
    _small_interrupts(asm)
    _start(asm)
    _enter_protected(asm)
    asm.label("apm_16")
    _call_service(asm, "int15_service")
    asm.op("retf")
    protected_mode_entries(asm)

    asm.org(RESET_ENTRY)
    asm.jmp("start")
    for offset, service in _FIXED_SERVICES.items():
        asm.org(offset)
        _entry(asm, service)
    for offset, label in (
        (0xE6F2, "int19"),
        (0xE987, "int09"),
        (0xEF57, "int0e"),
        (0xFEA5, "int08"),
        (0xFF54, "int05"),
    ):
        asm.org(offset)
        asm.jmp(label)
    for offset in (0xF045, 0xF065):
        asm.org(offset)
        asm.emit(b"\xea" + int10_offset.to_bytes(2, "little") + VIDEO_SEGMENT.to_bytes(2, "little"))

    asm.org(CONFIG_TABLE)
    asm.label("config_table")
    # Length; model; submodel; revision; features: second PIC, RTC, INT 15h/4Fh, wait for event; EBDA.
    asm.word(8)
    asm.byte(MODEL, SUBMODEL, 0x00, 0x74, 0x40, 0x00, 0x00, 0x00)
    asm.org(BAUD_TABLE)
    asm.word(0x0417, 0x0300, 0x0180, 0x00C0, 0x0060, 0x0030, 0x0018, 0x000C)
    asm.org(DISKETTE_TABLE)
    asm.label("diskette_table")
    asm.byte(0xAF, 0x02, 0x25, 0x02, 0x12, 0x1B, 0xFF, 0x6C, 0xF6, 0x0F, 0x08)
    asm.org(VIDEO_PARAMETERS)
    asm.label("video_parameters")
    asm.emit(_CRTC_6845)
    asm.org(FONT_8X8)
    asm.emit(rom_font(8)[:1024])
    asm.org(VECTOR_TABLE)
    asm.word(0xFEA5, 0xE987, 0xFF53, 0xFF53, 0xFF53, 0xFF53, 0xEF57, 0xFF53)
    asm.org(DUMMY_IRET)
    asm.label("dummy")
    asm.op("iret")
    asm.org(RESET_VECTOR)
    asm.jmp_far(SYSTEM_SEGMENT, "reset_entry")
    asm.labels["reset_entry"] = RESET_ENTRY
    asm.emit(RELEASE_DATE)
    asm.byte(0x00, MODEL, 0x00)
    asm.org(0xE000)
    asm.emit(f"{FIRMWARE_NAME} {FIRMWARE_VERSION}".encode("ascii"))
    return asm


# 6845 registers of modes 0-1, 2-3, 4-6 and 7, then page lengths, columns and mode bytes (INT 1Dh).
_CRTC_6845: Final = bytes.fromhex(
    "38282D0A1F06191C0207060700000000"
    "71505A0A1F06191C0207060700000000"
    "38282D0A7F0640700201060700000000"
    "6150520F190619190 20D0B0C00000000".replace(" ", "")
    + "0008001000400040"
    + "2828505028285050"
    + "2C282D292A2E1E29"
)


def _bda_segment(asm: Assembler) -> None:
    asm.mov("ax", 0x0040)
    asm.move("ds", "ax")


def _end_of_interrupt(asm: Assembler, slave: bool) -> None:
    asm.mov("al", 0x20)
    if slave:
        asm.out_al(0xA0)
    asm.out_al(0x20)


def _timer(asm: Assembler) -> None:
    """INT 8: ticks since midnight at 40:6C, midnight flag at 40:70, floppy motor at 40:40, then INT 1Ch."""
    asm.label("int08")
    asm.push("ds")
    asm.push("ax")
    asm.push("dx")
    _bda_segment(asm)
    asm.emit("66FF066C00")  # INC DWORD [6C]
    asm.emit("66813E6C00B0001800")  # CMP DWORD [6C], 1800B0
    asm.jump_if("c", "same_day")
    asm.emit("66C7066C0000000000")  # MOV DWORD [6C], 0
    asm.emit("C606700001")  # MOV BYTE [70], 1
    asm.label("same_day")
    asm.emit("803E400000")  # CMP BYTE [40], 0
    asm.jump_if("z", "motor_done")
    asm.emit("FE0E4000")  # DEC BYTE [40]
    asm.jump_if("nz", "motor_done")
    asm.emit("80263F00F0")  # AND BYTE [3F], F0
    asm.mov("al", 0x0C)
    asm.mov("dx", 0x3F2)
    asm.op("out_dx_al")
    asm.label("motor_done")
    asm.int_(0x1C)
    asm.op("cli")
    _end_of_interrupt(asm, slave=False)
    asm.pop("dx")
    asm.pop("ax")
    asm.pop("ds")
    asm.op("iret")


def _call_service(asm: Assembler, label: str) -> None:
    """Calls a service entry from ROM code as INT would."""
    asm.op("pushf")
    asm.push("cs")
    asm.call(label)


def _keyboard(asm: Assembler) -> None:
    """INT 9. The service says in AL what is left to do here (``KeyAction``)."""
    asm.label("int09")
    asm.push("ax")
    asm.in_al(0x60)
    asm.mov("ah", 0x4F)
    asm.op("stc")
    asm.int_(0x15)
    asm.jump_if("c", "key_wanted")
    asm.xor("ax", "ax")
    asm.jmp("key_done")
    asm.label("key_wanted")
    _call_service(asm, "int09_service")
    asm.label("key_done")
    asm.op("cli")
    asm.push("ax")
    _end_of_interrupt(asm, slave=False)
    asm.pop("ax")
    asm.alu("cmp", "al", 0)
    asm.jump_if("z", "key_end")
    asm.dec("al")
    asm.jump_if("z", "key_stored")
    asm.dec("al")
    asm.jump_if("z", "key_break")
    asm.dec("al")
    asm.jump_if("z", "key_print")
    asm.dec("al")
    asm.jump_if("z", "key_pause")
    asm.dec("al")  # 0 or 1: SysRq pressed or released
    asm.mov("ah", 0x85)
    asm.op("sti")
    asm.int_(0x15)
    asm.jmp("key_end")
    asm.label("key_stored")
    asm.mov("ax", 0x9102)
    asm.int_(0x15)
    asm.jmp("key_end")
    asm.label("key_break")
    asm.int_(0x1B)
    asm.jmp("key_end")
    asm.label("key_print")
    asm.int_(0x05)
    asm.jmp("key_end")
    asm.label("key_pause")
    asm.push("ds")
    _bda_segment(asm)
    asm.label("key_paused")
    asm.op("sti", "hlt")
    asm.emit("F606180008")  # TEST BYTE [18], 8
    asm.jump_if("nz", "key_paused")
    asm.pop("ds")
    asm.label("key_end")
    asm.pop("ax")
    asm.op("iret")


def _read_rtc(asm: Assembler, register: int) -> None:
    asm.mov("al", register)
    asm.out_al(0x70)
    asm.in_al(0x71)


def _clock_alarm(asm: Assembler) -> None:
    """INT 70h. In: BL = RTC register C, BH = register B. Out: AL bit 0: INT 4Ah, bit 1: write BH to register B."""
    asm.label("int70")
    asm.op("pushad")
    _read_rtc(asm, 0x0C)
    asm.move("bl", "al")
    _read_rtc(asm, 0x0B)
    asm.move("bh", "al")
    _call_service(asm, "int70_service")
    asm.test("al", 2)
    asm.push("ax")
    asm.jump_if("z", "alarm_no_write")
    asm.mov("al", 0x0B)
    asm.out_al(0x70)
    asm.move("al", "bh")
    asm.out_al(0x71)
    asm.label("alarm_no_write")
    asm.mov("al", 0x0D)
    asm.out_al(0x70)
    asm.in_al(0x71)
    _end_of_interrupt(asm, slave=True)
    asm.pop("ax")
    asm.test("al", 1)
    asm.jump_if("z", "alarm_end")
    asm.op("sti")
    asm.int_(0x4A)
    asm.label("alarm_end")
    asm.op("popad", "iret")


def _mouse(asm: Assembler) -> None:
    """INT 74h. In: AH = 8042 status, AL = byte. Out: AL = 1: call ES:DI with BX, CX, DX, SI on the stack."""
    asm.label("int74")
    asm.op("pushad")
    asm.push("ds")
    asm.push("es")
    asm.in_al(0x64)
    asm.move("ah", "al")
    asm.in_al(0x60)
    _call_service(asm, "int74_service")
    asm.alu("cmp", "al", 1)
    asm.jump_if("nz", "mouse_end")
    for register in ("bx", "cx", "dx", "si"):
        asm.push(register)
    asm.push("cs")
    asm.mov_offset("ax", "mouse_back")
    asm.push("ax")
    asm.push("es")
    asm.push("di")
    asm.op("retf")
    asm.label("mouse_back")
    asm.alu("add", "sp", 8)
    asm.op("cli")
    asm.label("mouse_end")
    _end_of_interrupt(asm, slave=True)
    asm.pop("es")
    asm.pop("ds")
    asm.op("popad", "iret")


def _small_interrupts(asm: Assembler) -> None:
    # IRQ 2 redirected: IRQ 9 appears as INT 0Ah.
    asm.label("int71")
    asm.push("ax")
    asm.mov("al", 0x20)
    asm.out_al(0xA0)
    asm.pop("ax")
    asm.int_(0x0A)
    asm.op("iret")
    # IRQ 13: the x87's error goes on as INT 2.
    asm.label("int75")
    asm.push("ax")
    asm.xor("al", "al")
    asm.out_al(0xF0)
    _end_of_interrupt(asm, slave=True)
    asm.pop("ax")
    asm.int_(0x02)
    asm.op("iret")
    # IRQ 6: the floppy controller is done.
    asm.label("int0e")
    asm.push("ax")
    asm.push("ds")
    _bda_segment(asm)
    asm.emit("800E3E0080")  # OR BYTE [3E], 80
    _end_of_interrupt(asm, slave=False)
    asm.pop("ds")
    asm.mov("ax", 0x9101)
    asm.int_(0x15)
    asm.pop("ax")
    asm.op("iret")
    # IRQ 14: the hard disk is done.
    asm.label("int76")
    asm.push("ax")
    asm.push("ds")
    _bda_segment(asm)
    asm.emit("C6068E00FF")  # MOV BYTE [8E], FF
    _end_of_interrupt(asm, slave=True)
    asm.pop("ds")
    asm.mov("ax", 0x9100)
    asm.int_(0x15)
    asm.pop("ax")
    asm.op("iret")
    # An interrupt nobody expects: dismissed at whichever controller has it in service (OCW3 reads the ISR).
    asm.label("irq_slave")
    asm.push("ax")
    asm.mov("al", 0x0B)
    asm.out_al(0xA0)
    asm.in_al(0xA0)
    asm.alu("cmp", "al", 0)
    asm.jump_if("z", "irq_slave_spurious")
    asm.mov("al", 0x20)
    asm.out_al(0xA0)
    asm.label("irq_slave_spurious")
    asm.mov("al", 0x20)
    asm.out_al(0x20)
    asm.pop("ax")
    asm.op("iret")
    asm.label("irq_master")
    asm.push("ax")
    asm.mov("al", 0x0B)
    asm.out_al(0x20)
    asm.in_al(0x20)
    asm.alu("cmp", "al", 0)
    asm.jump_if("z", "irq_master_end")
    asm.mov("al", 0x20)
    asm.out_al(0x20)
    asm.label("irq_master_end")
    asm.pop("ax")
    asm.op("iret")


def _start(asm: Assembler) -> None:
    """After reset. CMOS byte 0Fh (shutdown) may say that this is a way back from protected mode, not a start:
    memory must stay as it is then, so nothing is pushed before that is known."""
    asm.label("start")
    asm.op("cli", "cld")
    asm.emit("0F20C0 6625FFFFFF9F 0F22C0".replace(" ", ""))  # CR0: CD and NW off, as reset leaves them on
    _read_rtc(asm, 0x8F)
    asm.move("bl", "al")
    asm.mov("al", 0x8F)
    asm.out_al(0x70)
    asm.xor("al", "al")
    asm.out_al(0x71)
    asm.mov("al", 0x0D)
    asm.out_al(0x70)
    asm.in_al(0x71)
    asm.xor("ax", "ax")
    asm.move("ds", "ax")
    asm.alu("cmp", "bl", 0x0A)
    asm.jump_if("z", "resume_jump")
    asm.alu("cmp", "bl", 0x05)
    asm.jump_if("z", "resume_eoi")
    asm.alu("cmp", "bl", 0x09)
    asm.jump_if("z", "resume_return")
    asm.alu("cmp", "bl", 0x0B)
    asm.jump_if("z", "resume_iret")
    asm.alu("cmp", "bl", 0x0C)
    asm.jump_if("z", "resume_retf")
    asm.move("ss", "ax")
    asm.mov("sp", POST_STACK)
    _call_service(asm, "post_service")
    _write_registers(asm)
    asm.op("sti")
    asm.int_(0x19)
    asm.jmp("start")

    asm.label("resume_eoi")
    _end_of_interrupt(asm, slave=True)
    asm.label("resume_jump")
    asm.emit("FF2E6704")  # JMP FAR [467]
    # INT 15h/87h's own way back: SS:SP at 40:67, then ES, DS, registers and flags.
    asm.label("resume_return")
    asm.emit("0FB2266704")  # LSS SP, [467]
    asm.pop("ds")
    asm.pop("es")
    asm.op("popa", "iret")
    asm.label("resume_iret")
    asm.emit("0FB2266704")
    asm.op("iret")
    asm.label("resume_retf")
    asm.emit("0FB2266704")
    asm.op("retf")


def _write_registers(asm: Assembler) -> None:
    """The model-specific registers that POST wants (``memory_types``); DS is 0."""
    asm.mov("si", memory_types.LIST)
    asm.label("next_register")
    asm.emit("668B0C")  # MOV ECX, [SI]
    asm.emit("6685C9")  # TEST ECX, ECX
    asm.jump_if("z", "registers_written")
    asm.emit("668B4404")  # MOV EAX, [SI + 4]
    asm.emit("668B5408")  # MOV EDX, [SI + 8]
    asm.emit("0F30")  # WRMSR
    asm.alu("add", "si", 12)
    asm.jmp("next_register")
    asm.label("registers_written")


def _enter_protected(asm: Assembler) -> None:
    """The end of INT 15h/89h: ES:SI is the caller's GDT, DX the caller's IP, interrupts are off."""
    asm.label("enter_protected")
    asm.emit("260F015408")  # LGDT ES:[SI + 8]
    asm.emit("260F015C10")  # LIDT ES:[SI + 10h]
    asm.emit("0F20C0")  # MOV EAX, CR0
    asm.emit("6683C801")  # OR EAX, 1
    asm.emit("0F22C0")  # MOV CR0, EAX
    asm.jmp_far(0x38, "protected")
    asm.label("protected")
    for segment, selector in (("ds", 0x18), ("es", 0x20), ("ss", 0x28)):
        asm.mov("ax", selector)
        asm.move(segment, "ax")
    asm.xor("ax", "ax")
    asm.push_word(0x30)
    asm.push("dx")
    asm.op("retf")


def _build_video(vbe_modes: list[int]) -> Assembler:
    asm = Assembler(VIDEO_ROM_BYTES)
    asm.byte(0x55, 0xAA, VIDEO_ROM_BYTES // 512)
    asm.op("retf")  # initialised by POST already
    asm.org(0x1E)
    asm.emit(b"IBM VGA compatible\0")
    asm.align(16)
    asm.label("int10")
    _entry(asm, Service.INT10)
    _service_stub(asm)
    # VBE's window function: a far call with the registers of function 05h. Setting the bank needs no service.
    asm.label("vbe_window")
    asm.emit("84FF")  # TEST BH, BH
    asm.jump_if("z", "vbe_set_window")
    asm.mov("ax", 0x4F05)
    asm.int_(0x10)
    asm.op("retf")
    asm.label("vbe_set_window")
    asm.push("ax")
    asm.push("dx")
    asm.mov("dx", 0x1CE)
    asm.mov("ax", 5)
    asm.op("out_dx_ax")
    asm.mov("dx", 0x1CF)
    asm.pop("ax")
    asm.op("out_dx_ax")
    asm.move("dx", "ax")
    asm.pop("ax")
    asm.op("retf")
    for name, text in (
        ("oem_string", f"{PRODUCT} VGA"),
        ("oem_vendor", PRODUCT),
        ("oem_product", f"{PRODUCT} SVGA"),
        ("oem_revision", FIRMWARE_VERSION),
    ):
        asm.label(name)
        asm.emit(text.encode("ascii") + b"\0")
    asm.align(2)
    asm.label("vbe_modes")
    asm.word(*vbe_modes, 0xFFFF)
    asm.align(16)
    asm.label("functionality")
    asm.emit(static_functionality())
    asm.align(16)
    asm.label("parameter_table")
    asm.emit(parameter_table())
    asm.align(16)
    SaveArea.emit(asm, VIDEO_SEGMENT)
    for height, label in FONT_HEIGHT_LABELS.items():
        asm.align(16)
        asm.label(label)
        asm.emit(rom_font(height))
    # Replacement glyphs for nine-dot text; there are none to replace.
    asm.label("font_alternate")
    asm.byte(0)
    return asm
