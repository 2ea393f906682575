/* The menu. */
#include "console.h"
#include "pages.h"

static const struct {
  const char *name, *about;
  void (*page)(void);
} entries[] = {
    {"Text attributes", "colours, blinking, the character set", page_text},
    {"Mode 13h picture", "320x200 in 256 colours, own palette", page_mode13h},
    {"VBE picture", "true colour in the linear frame buffer", page_vbe},
    {"Keyboard", "scan codes, characters, shift states", page_keyboard},
    {"Mouse", "PS/2 mouse through the BIOS", page_mouse},
    {"Speaker", "a scale", page_speaker},
    {"Timer and clocks", "timer, BIOS ticks and real-time clock", page_timer},
    {"Memory walk", "write and read all memory above 1 MB", page_memory},
    {"Benchmark", "integer, memory and floating point", page_benchmark},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

static void start_x87(void) {
  dword cr0;
  __asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
  cr0 = (cr0 & ~0xCu) | 0x22; /* EM and TS off; MP and NE on */
  __asm__ volatile("movl %0, %%cr0\n\tfninit" ::"r"(cr0));
}

int main(void) {
  start_x87();
  set_text_mode();
  int selected = 0;
  for (;;) {
    screen_title("Menu", "\x18\x19 Enter or a number: choose   R: restart the PC");
    text_at(4, 2, BRIGHT, "This PC runs inside Bancada. Choose what to look at:");
    for (int i = 0; i < ENTRIES; ++i) {
      byte attribute = i == selected ? TITLE : NORMAL;
      for (int column = 6; column < 74; ++column) cell(column, 4 + i * 2, ' ', attribute);
      cell(8, 4 + i * 2, (byte)('1' + i), attribute);
      text_at(11, 4 + i * 2, attribute, entries[i].name);
      text_at(32, 4 + i * 2, attribute, entries[i].about);
    }
    word key = key_wait();
    byte character = (byte)key, scan = (byte)(key >> 8);
    if (scan == 0x48) selected = (selected + ENTRIES - 1) % ENTRIES;
    if (scan == 0x50) selected = (selected + 1) % ENTRIES;
    int chosen = character == '\r' ? selected : character - '1';
    if (chosen >= 0 && chosen < ENTRIES) {
      selected = chosen;
      entries[chosen].page();
      set_text_mode();
    }
    if ((character & 0xDF) == 'R') out8(0x64, 0xFE);
  }
}
