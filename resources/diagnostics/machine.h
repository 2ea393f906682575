/* What the diagnostics program knows of the PC: ports, BIOS calls, time. */
#pragma once

typedef unsigned char byte;
typedef unsigned short word;
typedef unsigned int dword;

struct bios_registers {
  dword eax, ebx, ecx, edx, esi, edi, ebp, ds, es, flags;
};

enum { CARRY = 1, ZERO = 0x40 };

/* start.S */
void bios_interrupt(dword vector, struct bios_registers *registers);
void timer_interrupt(void);
void ignore_interrupt(void);
extern void mouse_callback(void);
extern volatile short mouse_x, mouse_y;
extern volatile word mouse_packets;
extern volatile byte mouse_buttons;
extern volatile dword timer_ticks;
/* link.ld */
extern volatile dword bios_ticks;
extern volatile byte bios_shift_state;
extern dword interrupt_table[32];

static inline void out8(word port, byte value) {
  __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
static inline byte in8(word port) {
  byte value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

/* time.c. Between time_start and time_stop interrupts are on in protected mode, for the timer only. */
void time_start(void);
dword time_microseconds(void); /* since time_start; good for an hour */
void time_stop(void);
/* a * b / c with a 64-bit product; the quotient must fit. */
static inline dword multiply_divide(dword a, dword b, dword c) {
  dword quotient, rest;
  __asm__("mull %3; divl %4" : "=&a"(quotient), "=&d"(rest) : "0"(a), "r"(b), "r"(c));
  (void)rest;
  return quotient;
}

/* Buffers below 64 KiB that BIOS services may use by segment:offset. */
#define BIOS_BUFFER 0x8000
