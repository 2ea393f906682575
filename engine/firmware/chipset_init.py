"""What POST does before it shows anything: chips to their PC settings, vectors, the BIOS data area."""

from __future__ import annotations

from typing import Final

from engine.devices import local_apic
from engine.firmware import bios_data_area as bda
from engine.firmware import ide_channels, pci_resources
from engine.firmware.acpi_tables import facs
from engine.firmware.board import FirmwareBoard
from engine.firmware.guest_memory import GuestMemory
from engine.firmware.int13_disk import VECTOR_DISKETTE_TABLE, DiskServices
from engine.firmware.rom import (
    DISKETTE_TABLE,
    DUMMY_IRET,
    SYSTEM_ROM_BYTES,
    SYSTEM_SEGMENT,
    VIDEO_PARAMETERS,
    VIDEO_ROM_BYTES,
    VIDEO_SEGMENT,
)
from engine.firmware.rom_shadow import shadow
from engine.firmware.settings import Values
from engine.firmware.system_tables import FACS_ADDRESS, TABLES_ADDRESS, TABLES_BYTES

# Entry points at their classic offsets in segment F000h; the others are labels of the ROM.
_FIXED_VECTORS: Final = {
    0x02: 0xE2C3, 0x05: 0xFF54, 0x08: 0xFEA5, 0x09: 0xE987, 0x0E: 0xEF57, 0x11: 0xF84D, 0x12: 0xF841, 0x13: 0xE3FE,
    0x14: 0xE739, 0x15: 0xF859, 0x16: 0xE82E, 0x17: 0xEFD2, 0x19: 0xE6F2, 0x1A: 0xFE6E, 0x40: 0xEC59, 0x42: 0xF065,
}  # fmt: skip
_LABELLED_VECTORS: Final = {
    0x0A: "irq_master", 0x0B: "irq_master", 0x0C: "irq_master", 0x0D: "irq_master", 0x0F: "irq_master",
    0x18: "int18", 0x70: "int70", 0x71: "int71", 0x72: "irq_slave", 0x73: "irq_slave", 0x74: "int74", 0x75: "int75",
    0x76: "int76", 0x77: "int76",
}  # fmt: skip
_UNUSED_VECTORS: Final = range(0x60, 0x68)  # left zero: for programs
_MASTER_MASK: Final = 0xB8  # open: timer, keyboard, cascade, floppy
_SLAVE_MASK: Final = 0x8E  # open: RTC, mouse, coprocessor, primary IDE
_SPURIOUS_VECTOR: Final = 0x0F  # where the 8259 pair has its own
_SHADOWED: Final = (
    (VIDEO_SEGMENT * 16, VIDEO_ROM_BYTES),
    (TABLES_ADDRESS, TABLES_BYTES),
    (SYSTEM_SEGMENT * 16, SYSTEM_ROM_BYTES),
)
_EQUIPMENT_FPU: Final = 0x0002
_EQUIPMENT_MOUSE: Final = 0x0004
_EQUIPMENT_COLOUR_80: Final = 0x0020


class ChipsetInit:
    """Everything by ports and memory, as any BIOS would."""

    def __init__(self, board: FirmwareBoard, guest: GuestMemory, labels: dict[str, int], video_labels: dict[str, int]):
        self._board = board
        self._guest = guest
        self._labels = labels
        self._video_labels = video_labels

    def chips(self) -> None:
        """Interrupt controllers, timer, DMA, PCI, IDE, keyboard controller, floppy motors."""
        self.interrupt_mode()
        write = self._board.bus.port_write
        for port, vector, cascade, mask in ((0x20, 0x08, 0x04, _MASTER_MASK), (0xA0, 0x70, 0x02, _SLAVE_MASK)):
            for offset, value in ((0, 0x11), (1, vector), (1, cascade), (1, 0x01), (1, mask)):
                write(port + offset, value, 1)
        # Channel 0: ticks, mode 3 with 65536; channel 1: refresh, mode 2; channel 2: speaker, mode 3.
        for command, port, count in ((0x36, 0x40, 0), (0x54, 0x41, 18), (0xB6, 0x42, 0x0533)):
            write(0x43, command, 1)
            write(port, count & 0xFF, 1)
            if command & 0x30 == 0x30:
                write(port, count >> 8, 1)
        write(0x61, 0x00, 1)
        write(0x0D, 0, 1)  # both DMA controllers: reset, then cascade on channel 4
        write(0xDA, 0, 1)
        write(0xD6, 0xC0, 1)
        write(0xD4, 0x00, 1)
        shadow(self._board.bus, _SHADOWED)
        pci_resources.assign(self._board.bus)
        ide_channels.prepare(self._board)
        self._keyboard_controller()
        write(0x3F2, 0x0C, 1)
        write(0xF0, 0, 1)

    def interrupt_mode(self) -> None:
        """Virtual wire mode (MP specification 3.6.2.2): the local APIC passes the 8259 pair and NMI on."""
        if not self._board.has_apics:
            return
        for register, value in (
            (local_apic.SVR, local_apic.SVR_ENABLE | _SPURIOUS_VECTOR),
            (local_apic.LVT_LINT0, local_apic.LVT_EXT_INT),
            (local_apic.LVT_LINT1, local_apic.LVT_NMI),
        ):
            self._board.bus.write_memory(local_apic.BASE_AT_RESET + register, value.to_bytes(4, "little"))

    def _keyboard_controller(self) -> None:
        """Command byte: keyboard interrupt, translation, system flag. The mouse is told to test itself."""
        bus = self._board.bus
        for _ in range(16):  # old bytes away
            if not bus.port_read(0x64, 1) & 1:
                break
            bus.port_read(0x60, 1)
        bus.port_write(0x64, 0x60, 1)
        bus.port_write(0x60, 0x65, 1)
        bus.port_write(0x64, 0xAE, 1)
        bus.port_write(0x64, 0xD4, 1)  # lets the mouse's clock go, too
        bus.port_write(0x60, 0xFF, 1)

    def hear_mouse(self) -> None:
        """Takes what the mouse says about its self-test. Left in the mouse it would come between an answer of the
        controller's and the driver that asks it first."""
        bus = self._board.bus
        if bus.port_read(0x64, 1) & 0x21 == 0x21:
            bus.port_read(0x60, 1)

    def mouse_port_off(self) -> None:
        """The mouse is silent until a driver asks for it."""
        self._board.bus.port_write(0x64, 0xA7, 1)

    def clock_chip(self) -> None:
        """The RTC's divider and mode, interrupts off."""
        cmos = self._board.cmos
        cmos.write_cmos(0x0A, 0x26)
        cmos.write_cmos(0x0B, cmos.read_cmos(0x0B) & 0x07 | 0x02)
        cmos.read_cmos(0x0C)

    def vectors(self) -> None:
        """The interrupt vector table."""
        guest = self._guest
        table = bytearray(0x400)

        def put(vector: int, segment: int, offset: int) -> None:
            table[vector * 4 : vector * 4 + 4] = offset.to_bytes(2, "little") + segment.to_bytes(2, "little")

        for vector in range(0x78):
            if vector not in _UNUSED_VECTORS:
                put(vector, SYSTEM_SEGMENT, DUMMY_IRET)
        for vector, offset in _FIXED_VECTORS.items():
            put(vector, SYSTEM_SEGMENT, offset)
        for vector, label in _LABELLED_VECTORS.items():
            put(vector, SYSTEM_SEGMENT, self._labels[label])
        for vector in (0x10, 0x6D):
            put(vector, VIDEO_SEGMENT, self._video_labels["int10"])
        put(0x1D, SYSTEM_SEGMENT, VIDEO_PARAMETERS)
        put(0x1F, VIDEO_SEGMENT, self._video_labels["font_8x8"] + 0x400)
        put(0x43, VIDEO_SEGMENT, self._video_labels["font_8x16"])
        table[VECTOR_DISKETTE_TABLE : VECTOR_DISKETTE_TABLE + 4] = DISKETTE_TABLE.to_bytes(2, "little") + bytes(
            (0, 0xF0)
        )
        guest.write(0, table)

    def data_area(self, disks: DiskServices, values: Values) -> int:
        """The BIOS data area and the EBDA, all but video. Returns the equipment word."""
        guest, board = self._guest, self._board
        reset_flag = guest.read_word(bda.RESET_FLAG)
        guest.write(0x400, bytes(0x100))
        guest.write(bda.EBDA_LINEAR, bytes([bda.EBDA_BYTES // 1024]) + bytes(bda.EBDA_BYTES - 1))
        guest.write(FACS_ADDRESS, facs())
        guest.write_word(bda.RESET_FLAG, reset_flag)
        guest.write_word(bda.EBDA_SEGMENT, bda.EBDA_SEGMENT_VALUE)
        guest.write_word(bda.MEMORY_KIB, bda.BASE_MEMORY_KIB)
        serial = [base for base, on in zip(board.serial_bases, values.serial, strict=False) if on]
        parallel = list(board.parallel_bases)[:3] if values.parallel else []
        for index, base in enumerate(serial[:4]):
            guest.write_word(bda.SERIAL_BASES + 2 * index, base)
        for index, base in enumerate(parallel):
            guest.write_word(bda.PARALLEL_BASES + 2 * index, base)
        guest.write(bda.PARALLEL_TIMEOUTS, bytes((20, 20, 20, 0, 1, 1, 1, 1)))
        equipment = _EQUIPMENT_FPU | _EQUIPMENT_MOUSE | _EQUIPMENT_COLOUR_80 | len(serial) << 9 | len(parallel) << 14
        if disks.floppies:
            equipment |= 1 | (min(len(disks.floppies), 4) - 1) << 6
        guest.write_word(bda.EQUIPMENT, equipment)
        for address, value in (
            (bda.KEYBOARD_HEAD, 0x1E),
            (bda.KEYBOARD_TAIL, 0x1E),
            (bda.KEYBOARD_BUFFER_START, 0x1E),
            (bda.KEYBOARD_BUFFER_END, 0x3E),
        ):
            guest.write_word(address, value)
        guest.write_byte(bda.KEYBOARD_MODE, bda.ENHANCED_KEYBOARD)
        guest.write_byte(bda.KEYBOARD_FLAGS, bda.NUM_LOCK if values.num_lock else 0)
        guest.write_byte(bda.VIDEO_CONTROL, 0x60)
        guest.write_byte(bda.VIDEO_SWITCHES, 0xF9)
        guest.write_byte(bda.VIDEO_FLAGS, 0x51)
        guest.write_byte(bda.DISPLAY_COMBINATION, 0x0B)
        guest.write_pointer(bda.SAVE_POINTER, VIDEO_SEGMENT, self._video_labels["save_pointers"])
        capabilities = 0
        for index, unit in enumerate(disks.floppies[:2]):
            capabilities |= (0x01 if unit.drive.kind == "360K" else 0x07) << 4 * index
        guest.write_byte(bda.FLOPPY_CAPABILITIES, capabilities)
        guest.write_byte(bda.RESET_POINTER, 0)
        disks.write_tables()
        return equipment
