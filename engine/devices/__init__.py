"""The chips of the PC, one file each, named after the job first.

ata_disk.py                         ATA hard disk: ATA/ATAPI-6 (T13/1410D), the mandatory commands and what operating
atapi_cdrom.py                      ATAPI CD-ROM drive: ATA/ATAPI-6 PACKET protocol and the MMC-3 command set (T10/136
debug_ports.py                      Debug ports: the E9h console and the POST code display at port 80h
device.py                           The contract every device model keeps
dma_8237.py                         DMA: two 8237A controllers and the page registers of the PC/AT
floppy_controller_82077.py          Floppy controller: Intel 82077AA (data sheet 290166), PC/AT and PS/2 register set,
floppy_drive.py                     A floppy drive: motor, head position, disk change line, and the diskette in it
ide_controller.py                   IDE controller: two channels of two drives at the PC/AT's addresses, PIO only
ide_device.py                       What an ATA disk and an ATAPI drive have in common: the task file and the programm
interrupt_controller_8259.py        Interrupt controllers: two cascaded 8259A with the edge/level control registers of
io_apic_82093aa.py                  I/O APIC: Intel 82093AA, 24 interrupt inputs that become messages to the local APIC
keyboard_controller_8042.py         Keyboard controller: 8042 of the PC/AT with the PS/2 auxiliary port
parallel_port.py                    Parallel port: the printer port of the PC/AT (SPP), with a printer that prints int
pc_speaker.py                       The PC speaker: counter 2 of the timer and a data bit (port 61h), both through an
local_apic.py                       Local APIC: the processor's interrupt controller at FEE00000h, with its timer
ps2_keyboard.py                     PS/2 keyboard with 104 keys, scan code sets 1, 2 and 3
ps2_mouse.py                        PS/2 mouse: three buttons; with the wheel (IntelliMouse) and five buttons (Explore
rtc_cmos_mc146818.py                Real-time clock and CMOS memory: MC146818A as in the PIIX, 256 bytes of battery-ba
serial_16550.py                     Serial port: 16550A UART with 16-byte FIFOs, as on COM1-COM4
serial_backends.py                  The far end of a serial cable on the host: a file, the terminal, a TCP or Unix soc
system_control.py                   System control ports of the PC/AT: port 61h, port 92h and the coprocessor's F0h an
timer_8254.py                       Interval timer: 8254, counters 0 (IRQ 0), 1 (memory refresh) and 2 (speaker)
vga.py                              VGA, with linear modes beyond it
vga_dac.py                          The palette DAC: 256 colours of three 6-bit (or 8-bit) components at ports 3C6h-3C
vga_dispi.py                        Modes beyond VGA: the Bochs display interface (VBE_DISPI), index and data register
vga_picture.py                      What the registers say the picture is: from CRTC, attribute controller, sequencer,
vga_timing.py                       When the beam is where: the monitor's timing from the CRTC registers
"""
