# Entry at 1000:0000 in real mode: switches to flat 32-bit protected mode and calls main().
# Also the way back to real mode for BIOS services, and the two handlers the BIOS and the timer call.
        .set    SEGMENT, 0x1000
        .set    CODE32, 0x08
        .set    DATA32, 0x10
        .set    CODE16, 0x18
        .set    DATA16, 0x20

        .section .start, "ax"
        .code16
        .globl  start
start:  cli
        movw    %cs, %ax
        movw    %ax, %ds
        movw    $0x0900, %ax            # real-mode stack 0900:1000
        movw    %ax, %ss
        movw    $0x1000, %sp
        movw    $0x2401, %ax            # A20 on, by the BIOS ...
        int     $0x15
        inb     $0x92, %al              # ... and by port 92h
        orb     $2, %al
        andb    $0xFE, %al
        outb    %al, $0x92
        lgdtl   gdtr - start
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $CODE32, $flat

        .code32
flat:   movl    $DATA32, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        movl    $0x80000, %esp
        lidtl   idtr
        cld
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        call    main
1:      hlt
        jmp     1b

# void bios_interrupt(unsigned vector, struct bios_registers *registers)
# Calls a BIOS service in real mode with interrupts on, and comes back with what it left in the registers.
        .globl  bios_interrupt
bios_interrupt:
        pushal
        movl    36(%esp), %eax          # vector
        movl    40(%esp), %esi          # registers
        movl    (,%eax,4), %eax         # the interrupt vector: segment:offset
        movl    %eax, target
        movl    $frame, %edi
        movl    $10, %ecx
        rep movsl
        movl    %esp, saved_stack
        cli
        lidtl   real_idtr
        ljmpl   $CODE16, $1f - start
        .code16
1:      movw    $DATA16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    %ax, %fs
        movw    %ax, %gs
        movl    %cr0, %eax
        andb    $0xFE, %al
        movl    %eax, %cr0
        ljmp    $SEGMENT, $2f - start
2:      movw    $0x0900, %ax
        movw    %ax, %ss
        movw    $0x1000, %sp
        movw    %cs, %ax
        movw    %ax, %ds
        movl    frame - start + 0, %eax
        movl    frame - start + 4, %ebx
        movl    frame - start + 8, %ecx
        movl    frame - start + 12, %edx
        movl    frame - start + 16, %esi
        movl    frame - start + 20, %edi
        movl    frame - start + 24, %ebp
        movw    frame - start + 32, %es
        pushw   frame - start + 28
        popw    %ds
        sti
        pushfw
        lcall   *%cs:target - start
        pushw   %ds
        pushw   %cs
        popw    %ds
        popw    frame - start + 28
        pushfw
        popw    frame - start + 36
        movw    %es, frame - start + 32
        movl    %eax, frame - start + 0
        movl    %ebx, frame - start + 4
        movl    %ecx, frame - start + 8
        movl    %edx, frame - start + 12
        movl    %esi, frame - start + 16
        movl    %edi, frame - start + 20
        movl    %ebp, frame - start + 24
        cli
        cld
        lgdtl   gdtr - start
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $CODE32, $3f
        .code32
3:      movl    $DATA32, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    %eax, %fs
        movl    %eax, %gs
        movl    saved_stack, %esp
        lidtl   idtr
        movl    40(%esp), %edi
        movl    $frame, %esi
        movl    $10, %ecx
        rep movsl
        popal
        ret

# Protected mode's timer interrupt (IRQ 0 stays at vector 8, where the BIOS put it).
        .globl  timer_interrupt
timer_interrupt:
        pushl   %eax
        incl    timer_ticks
        incl    bios_ticks                   # the BIOS's own tick count goes on
        movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        iret

        .globl  ignore_interrupt
ignore_interrupt:
        iret

# INT 15h C207h calls this far in real mode: status, x, y, z on the stack.
        .code16
        .globl  mouse_callback
mouse_callback:
        pushw   %bp
        movw    %sp, %bp
        pushw   %ax
        pushw   %ds
        pushw   %cs
        popw    %ds
        movw    12(%bp), %ax            # status: buttons and signs
        movb    %al, mouse_buttons - start
        testb   $0x10, %al
        movw    10(%bp), %ax            # x
        movb    $0, %ah
        jz      1f
        movb    $0xFF, %ah
1:      addw    %ax, mouse_x - start
        testb   $0x20, 12(%bp)
        movw    8(%bp), %ax             # y
        movb    $0, %ah
        jz      2f
        movb    $0xFF, %ah
2:      subw    %ax, mouse_y - start   # the mouse counts up, the screen down
        incw    mouse_packets - start
        popw    %ds
        popw    %ax
        popw    %bp
        lret

        .code32
        .align  8
gdt:    .quad   0
        .quad   0x00CF9A000000FFFF      # 32-bit code, flat
        .quad   0x00CF92000000FFFF      # 32-bit data, flat
        .quad   0x00009A010000FFFF      # 16-bit code at 10000h
        .quad   0x000092010000FFFF      # 16-bit data at 10000h
gdtr:   .word   . - gdt - 1
        .long   gdt
        .globl  idtr
idtr:   .word   0x10 * 8 - 1
        .long   interrupt_table
real_idtr:
        .word   0x3FF
        .long   0
target: .long   0
saved_stack:
        .long   0
frame:  .fill   10, 4, 0
        .globl  mouse_x, mouse_y, mouse_buttons, mouse_packets
mouse_x:        .word 0
mouse_y:        .word 0
mouse_packets:  .word 0
mouse_buttons:  .byte 0
        .byte   0
