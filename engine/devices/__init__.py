"""The chips of the PC, one file each, named after the job first.

Base
    device                          the contract every device model keeps

Chipset
    pci_bus                         configuration mechanism 1, windows, interrupt pins
    pci_function                    configuration space and base addresses of one function
    host_bridge_i440fx              82441FX: shadow RAM, DRAM rows
    isa_bridge_piix3                PIIX3 function 0: PIRQ routing, reset control
    power_management_piix4          PIIX4 function 3: ACPI registers, timer, soft off
    interrupt_controller_8259       two cascaded 8259A with edge/level control
    io_apic_82093aa                 24 inputs that become messages to the local APIC
    local_apic                      registers of the processor's interrupt controller, and its timer
    timer_8254                      interval timer
    rtc_cmos_mc146818               real-time clock and CMOS memory
    dma_8237                        two 8237A and the page registers
    system_control                  ports 61h, 92h and F0h
    keyboard_controller_8042        8042 with the auxiliary port
    debug_ports                     port E9h console and POST codes

Drives
    floppy_controller_82077         82077AA
    floppy_drive                    motor, head, disk change line, and the diskette in it
    ide_controller                  two channels of two drives
    ide_bus_master                  DMA of one channel, by a table in guest memory
    ide_function_piix3              its PCI function
    ide_device                      what both kinds of drives share: task file and transfers
    ata_disk                        hard disk
    ata_identify                    what it tells about itself
    atapi_cdrom                     CD-ROM drive
    mmc_replies                     what it tells about itself and its disc

Display
    vga                             the adapter: VGA registers and the pace of frames
    pci_display                     its PCI function
    vga_dac                         palette
    vga_dispi                       modes beyond VGA, Bochs display interface
    vga_frame                       where the picture is
    vga_picture                     what the registers say the picture is
    vga_timing                      when the beam is where
    svga_vmware                     VMware SVGA II registers
    svga_fifo                       its command FIFO
    svga_cursor                     its hardware cursor

Input, output, sound
    ps2_keyboard                    104 keys, scan code sets 1 to 3
    ps2_mouse                       plain, wheel and five buttons
    serial_16550                    16550A UART
    serial_backends                 the far end of a serial cable on the host
    parallel_port                   printer port and the printer
    pc_speaker                      counter 2 and a data bit, as sound
"""
