/* All 256 attributes and all 256 characters of text mode. */
#include "console.h"
#include "pages.h"

void page_text(void) {
  screen_title("Text attributes", "B: blinking on or off   Esc: menu");
  text_at(2, 2, BRIGHT, "Attributes, one row a background");
  for (int background = 0; background < 16; ++background) {
    hex_at(2, 4 + background, DIM, (dword)background, 1);
    for (int foreground = 0; foreground < 16; ++foreground) {
      byte attribute = (byte)(background << 4 | foreground);
      cell(4 + foreground * 2, 4 + background, 'A', attribute);
      cell(5 + foreground * 2, 4 + background, 'a', attribute);
    }
  }
  text_at(40, 2, BRIGHT, "Characters of code page 437");
  for (int code = 0; code < 256; ++code) cell(40 + code % 32, 4 + code / 32 * 2, (byte)code, NORMAL);
  text_at(40, 20, NORMAL, "\xC9\xCD\xCD\xCD\xCD\xCD\xCD\xCB\xCD\xCD\xCD\xCD\xCD\xCD\xBB");
  text_at(40, 21, NORMAL, "\xBA \xB0\xB1\xB2\xDB \xBA \xDC\xDB\xDF  \xBA");
  text_at(40, 22, NORMAL, "\xC8\xCD\xCD\xCD\xCD\xCD\xCD\xCA\xCD\xCD\xCD\xCD\xCD\xCD\xBC");
  dword blink = 1;
  for (;;) {
    word key = key_wait();
    if (key == KEY_ESCAPE) return;
    if ((key & 0xDF) == 'B') {
      blink ^= 1;
      struct bios_registers r = {.eax = 0x1003, .ebx = blink};
      bios_interrupt(0x10, &r);
    }
  }
}
