# The boot sector: loads the rest of the diskette's program to 1000:0000, track by track, and jumps there.
# Assembled with the boot sector's address in the low 64 KiB; SECTORS comes from the linker script.
        .code16
        .section .boot, "ax"
        .globl  boot
boot:
        jmp     1f
        nop
        # A FAT12 parameter block, so that any operating system takes this for a 1.44 MB diskette.
        .ascii  "BANCADA "
        .word   512
        .byte   1
        .word   1
        .byte   2
        .word   224, 2880
        .byte   0xF0
        .word   9, 18, 2
        .long   0, 0
        .byte   0, 0, 0x29
        .long   0x20261123
        .ascii  "DIAGNOSTICS"
        .ascii  "FAT12   "
1:      ljmp    $0, $2f
2:      cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %ss
        movw    $0x7C00, %sp
        sti
        cld
        movb    %dl, boot_drive
        movw    $0x1000, %ax
        movw    %ax, %es
        movw    $1, %si                 # next linear sector
read_more:
        movw    %si, %ax
        xorw    %dx, %dx
        movw    $18, %cx
        divw    %cx                     # ax = track, dx = sector from 0
        movw    %cx, %di
        subw    %dx, %di                # sectors to the end of the track
        movw    $SECTORS + 1, %bx
        subw    %si, %bx
        cmpw    %bx, %di
        jbe     3f
        movw    %bx, %di
3:      movb    %dl, %cl
        incb    %cl
        movb    %al, %ch
        shrb    $1, %ch                 # cylinder
        movb    %al, %dh
        andb    $1, %dh                 # head
        movw    $3, %bp                 # tries: a real drive may need to spin up
4:      movw    %di, %ax
        movb    $2, %ah
        xorw    %bx, %bx
        movb    boot_drive, %dl
        pushw   %bp
        pushw   %di
        pushw   %si
        int     $0x13
        popw    %si
        popw    %di
        popw    %bp
        jnc     5f
        xorb    %ah, %ah
        int     $0x13
        decw    %bp
        jnz     4b
        movw    $failed, %si
        jmp     say
5:      addw    %di, %si
        shlw    $5, %di                 # sectors to paragraphs
        movw    %es, %ax
        addw    %di, %ax
        movw    %ax, %es
        cmpw    $SECTORS, %si
        jbe     read_more
        movb    boot_drive, %dl
        ljmp    $0x1000, $0
say:    lodsb
        testb   %al, %al
        jz      6f
        movb    $0x0E, %ah
        movw    $7, %bx
        int     $0x10
        jmp     say
6:      hlt
        jmp     6b
failed: .asciz  "The diskette cannot be read.\r\n"
boot_drive:
        .byte   0
        .org    510
        .word   0xAA55
