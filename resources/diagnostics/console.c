#include "console.h"

static volatile word *const screen = (volatile word *)0xB8000;

void set_text_mode(void) {
  struct bios_registers r = {.eax = 0x0003};
  bios_interrupt(0x10, &r);
  r = (struct bios_registers){.eax = 0x0100, .ecx = 0x2000}; /* no cursor */
  bios_interrupt(0x10, &r);
}

void cell(int column, int row, byte character, byte attribute) {
  screen[row * COLUMNS + column] = (word)(attribute << 8 | character);
}

void screen_clear(byte attribute) {
  for (int i = 0; i < COLUMNS * ROWS; ++i) screen[i] = (word)(attribute << 8 | ' ');
}

void text_at(int column, int row, byte attribute, const char *text) {
  for (; *text && column < COLUMNS; ++text, ++column) cell(column, row, (byte)*text, attribute);
}

void screen_title(const char *title, const char *hint) {
  screen_clear(NORMAL);
  for (int i = 0; i < COLUMNS; ++i) {
    cell(i, 0, ' ', TITLE);
    cell(i, ROWS - 1, ' ', TITLE);
  }
  text_at(2, 0, TITLE, "Bancada diagnostics");
  int length = 0;
  while (title[length]) ++length;
  text_at(COLUMNS - 2 - length, 0, TITLE, title);
  text_at(2, ROWS - 1, TITLE, hint);
  debug_text("@page ");
  debug_text(title);
  debug_text("\n");
}

void decimal_at(int column, int row, byte attribute, dword value, int decimals, int width) {
  int i = width;
  for (int digit = 0; digit < decimals && i > 0; ++digit, value /= 10) cell(column + --i, row, '0' + value % 10, attribute);
  if (decimals > 0 && i > 0) cell(column + --i, row, '.', attribute);
  for (int first = 1; i > 0 && (first || value); first = 0, value /= 10) cell(column + --i, row, '0' + value % 10, attribute);
  while (i > 0) cell(column + --i, row, ' ', attribute);
}

void number_at(int column, int row, byte attribute, dword value, int width) {
  decimal_at(column, row, attribute, value, 0, width);
}

void hex_at(int column, int row, byte attribute, dword value, int digits) {
  for (int i = digits - 1; i >= 0; --i, value >>= 4) cell(column + i, row, (byte)"0123456789ABCDEF"[value & 15], attribute);
}

void debug_text(const char *text) {
  while (*text) out8(0xE9, (byte)*text++);
}

void debug_number(dword value) {
  char digits[11];
  int i = 10;
  digits[i] = 0;
  do {
    digits[--i] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  debug_text(digits + i);
}

word key_wait(void) {
  struct bios_registers r = {.eax = 0x0000};
  bios_interrupt(0x16, &r);
  return (word)r.eax;
}

word key_poll(void) {
  struct bios_registers r = {.eax = 0x0100};
  bios_interrupt(0x16, &r);
  return r.flags & ZERO ? 0 : key_wait();
}

void pause_milliseconds(dword milliseconds) {
  dword microseconds = milliseconds * 1000;
  struct bios_registers r = {.eax = 0x8600, .ecx = microseconds >> 16, .edx = microseconds & 0xFFFF};
  bios_interrupt(0x15, &r);
}
