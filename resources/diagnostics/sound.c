/* The speaker: a scale, each tone by counter 2 of the timer. */
#include "console.h"
#include "pages.h"

static void tone(dword hertz) {
  dword divisor = 1193182 / hertz;
  out8(0x43, 0xB6);
  out8(0x42, (byte)divisor);
  out8(0x42, (byte)(divisor >> 8));
  out8(0x61, in8(0x61) | 3);
}

static void silence(void) { out8(0x61, in8(0x61) & 0xFC); }

void page_speaker(void) {
  static const word scale[] = {262, 294, 330, 349, 392, 440, 494, 523};
  static const char *const names[] = {"C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5"};
  screen_title("Speaker", "Space: play again   Esc: menu");
  for (;;) {
    for (int i = 0; i < 8; ++i) {
      text_at(4, 3 + i * 2, BRIGHT, names[i]);
      number_at(8, 3 + i * 2, NORMAL, scale[i], 4);
      text_at(13, 3 + i * 2, NORMAL, "Hz");
      for (int bar = 0; bar < scale[i] / 12; ++bar) cell(18 + bar, 3 + i * 2, 0xDB, (byte)(0x19 + i % 6));
      tone(scale[i]);
      pause_milliseconds(180);
    }
    silence();
    word key;
    do {
      key = key_wait();
    } while (key != KEY_ESCAPE && (key & 0xFF) != ' ');
    if (key == KEY_ESCAPE) return;
    screen_title("Speaker", "Space: play again   Esc: menu");
  }
}
