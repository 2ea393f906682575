"""Our own BIOS: small stubs in ROM, services in Python. ``Firmware(board)`` is all the board needs.

The way of a call: INT -> stub (``rom``) -> ports (``mailbox_layout``, ``mailbox``) -> ``services`` -> one of the
files below, which sees the caller's registers and memory as a ``Call``.

Frame
    board               FirmwareBoard: what the firmware is given
    bios                Firmware: installs the ROM, resets, saves, loads
    user_rom            a BIOS image of the person's own
    assembler           emits 16-bit code for the ROM
    rom                 entry points, stubs and tables of both ROMs
    rom_protected_mode  32-bit entry points: APM, BIOS32, PCI BIOS
    mailbox_layout      ports, frame, service and status numbers
    mailbox             the ports themselves
    call                registers, flags and memory of one call
    services            makes the services and finds the one that is called
    guest_memory        memory as real-mode code sees it
    bios_data_area      names in segment 40h and the EBDA
    memory_map          the address map of E820h
    memory_types        which addresses are cached: MTRRs
    settings            what Setup keeps in CMOS, and the PC/AT's CMOS bytes
    chipset_init        chips, vectors and data area at power-on
    system_tables       puts the tables below into the ROM at E0000h
    acpi_tables         RSDP, RSDT, FADT, FACS, MADT
    acpi_dsdt           the DSDT
    aml                 ACPI machine language
    mp_table            MultiProcessor tables
    pci_routing_table   $PIR
    smbios_tables       SMBIOS
    rom_shadow          copies the ROMs into RAM
    pci_configuration   PCI configuration space through the ports
    pci_resources       addresses and interrupts of PCI functions
    ide_channels        transfer modes of drives and their channels
    idle                tells waiting from working

Power-on
    post                power-on self test
    setup               the Setup program
    setup_pages         its pages
    boot_menu           the one-time boot menu
    text_box            frames and key names for both
    inventory           drives and processor in words

Interrupts
    int10_video         INT 10h: modes, cursor, text, pixels
    int10_palette       INT 10h/0Bh and 10h
    int10_fonts         INT 10h/11h
    vbe                 INT 10h/4Fh
    vbe_modes           VESA modes and the EDID
    video_adapter       mode sets, fonts and cursor on the hardware
    video_modes         register tables and palettes
    video_ports         the VGA's ports
    video_rom_tables    tables in the video ROM
    video_state         save and restore
    video_surface       pixels of each memory organisation
    video_text          text in all modes
    int13_disk          INT 13h by cylinder, head, sector
    int13_extensions    INT 13h by linear address; CD functions
    drives              what answers at a drive number
    disk_geometry       geometries and their translation
    el_torito           boot images on CD
    int14_17_ports      INT 14h, INT 17h, INT 5
    int15_system        INT 15h, INT 70h
    int15_apm           INT 15h/53h
    int15_mouse         INT 15h/C2h, INT 74h
    int16_keyboard      INT 9, INT 16h
    keyboard_translation    scan codes to buffer words
    int19_boot          INT 19h, INT 18h
    linux_boot          a Linux kernel with no disk
    int1a_time          INT 1Ah
    int1a_pci           INT 1Ah/B1h and the same from protected mode
"""

from engine.firmware.bios import Firmware, FirmwareState
from engine.firmware.board import FirmwareBoard

__all__ = ["Firmware", "FirmwareBoard", "FirmwareState"]
