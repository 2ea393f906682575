/* Time by the 8254: ticks counted by interrupt, and the counter itself between ticks. */
#include "machine.h"

volatile dword timer_ticks;
dword interrupt_table[32] __attribute__((aligned(8)));

static byte saved_mask;

static void set_gate(int vector, void (*handler)(void)) {
  dword address = (dword)handler;
  interrupt_table[vector * 2] = (8u << 16) | (address & 0xFFFF);
  interrupt_table[vector * 2 + 1] = (address & 0xFFFF0000) | 0x8E00;
}

static dword counter(void) {
  out8(0x43, 0x00); /* latch counter 0 */
  dword low = in8(0x40);
  return low | (dword)in8(0x40) << 8;
}

void time_start(void) {
  for (int vector = 0; vector < 16; ++vector) set_gate(vector, ignore_interrupt);
  set_gate(8, timer_interrupt);
  saved_mask = in8(0x21);
  out8(0x21, 0xFE);
  out8(0x43, 0x34); /* counter 0: rate generator, so that it counts down by one */
  out8(0x40, 0);
  out8(0x40, 0);
  timer_ticks = 0;
  __asm__ volatile("sti");
}

dword time_microseconds(void) {
  dword before, count, after;
  do {
    before = timer_ticks;
    count = counter();
    after = timer_ticks;
  } while (before != after);
  dword elapsed = 65536 - (count ? count : 65536);
  /* 65536 ticks of 1.193182 MHz are 54925.4 us. */
  return before * 54925 + multiply_divide(before, 4, 10) + multiply_divide(elapsed, 1000000, 1193182);
}

void time_stop(void) {
  __asm__ volatile("cli");
  out8(0x43, 0x36); /* as the BIOS had it: square wave */
  out8(0x40, 0);
  out8(0x40, 0);
  out8(0x21, saved_mask);
}
