/* A walk over all memory above 1 MiB: addresses as data, then their complement, then what was there. */
#include "console.h"
#include "pages.h"

/* Bytes of memory from 1 MiB up, by INT 15h E801h or 88h. */
static dword extended_bytes(void) {
  struct bios_registers r = {.eax = 0xE801};
  bios_interrupt(0x15, &r);
  if (!(r.flags & CARRY)) {
    dword low = r.eax & 0xFFFF ? r.eax & 0xFFFF : r.ecx & 0xFFFF;
    dword high = r.ebx & 0xFFFF ? r.ebx & 0xFFFF : r.edx & 0xFFFF;
    return low * 1024 + (low == 15 * 1024 ? high * 65536 : 0);
  }
  r = (struct bios_registers){.eax = 0x8800};
  bios_interrupt(0x15, &r);
  return (r.eax & 0xFFFF) * 1024;
}

void page_memory(void) {
  screen_title("Memory walk", "Esc: menu");
  dword bytes = extended_bytes();
  text_at(4, 3, NORMAL, "Memory above 1 MB                   KB");
  number_at(28, 3, BRIGHT, bytes / 1024, 8);
  text_at(4, 5, NORMAL, "Tested                              KB");
  text_at(4, 7, NORMAL, "Wrong words");
  dword wrong = 0;
  for (dword block = 0x100000; block < 0x100000 + bytes; block += 65536) {
    volatile dword *words = (volatile dword *)block;
    static dword keep[16384];
    for (int i = 0; i < 16384; ++i) keep[i] = words[i];
    for (int i = 0; i < 16384; ++i) words[i] = (dword)(words + i);
    for (int i = 0; i < 16384; ++i) wrong += words[i] != (dword)(words + i);
    for (int i = 0; i < 16384; ++i) words[i] = ~(dword)(words + i);
    for (int i = 0; i < 16384; ++i) wrong += words[i] != ~(dword)(words + i);
    for (int i = 0; i < 16384; ++i) words[i] = keep[i];
    if (block % (1 << 20) == 0) {
      number_at(28, 5, BRIGHT, (block - 0x100000) / 1024, 8);
      number_at(28, 7, wrong ? BAD : GOOD, wrong, 8);
      if (key_poll() == KEY_ESCAPE) return;
    }
  }
  number_at(28, 5, BRIGHT, bytes / 1024, 8);
  number_at(28, 7, wrong ? BAD : GOOD, wrong, 8);
  text_at(4, 9, wrong ? BAD : GOOD, wrong ? "Memory errors were found." : "All memory is right.");
  debug_text(wrong ? "@memory wrong\n" : "@memory right\n");
  while (key_wait() != KEY_ESCAPE) continue;
}
