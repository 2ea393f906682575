/* The PC's clocks side by side: BIOS ticks, the timer's counter, the real-time clock, and how well they agree. */
#include "console.h"
#include "pages.h"

static byte cmos(byte index) {
  out8(0x70, index);
  return in8(0x71);
}

static void bcd_at(int column, int row, byte value) { hex_at(column, row, BRIGHT, value, 2); }

void page_timer(void) {
  screen_title("Timer and clocks", "Esc: menu");
  text_at(4, 4, NORMAL, "Date and time (RTC)        -  -     :  :");
  text_at(4, 6, NORMAL, "BIOS ticks since midnight");
  text_at(4, 8, NORMAL, "Timer counter 0");
  text_at(4, 10, NORMAL, "Ticks in one RTC second");
  byte second = 0xFF;
  dword ticks_at_second = 0;
  int seconds = 0;
  for (;;) {
    while (cmos(0x0A) & 0x80) continue;
    bcd_at(29, 4, cmos(0x32));
    bcd_at(31, 4, cmos(0x09));
    cell(33, 4, '-', NORMAL);
    bcd_at(34, 4, cmos(0x08));
    cell(36, 4, '-', NORMAL);
    bcd_at(37, 4, cmos(0x07));
    bcd_at(41, 4, cmos(0x04));
    bcd_at(44, 4, cmos(0x02));
    cell(43, 4, ':', NORMAL);
    cell(46, 4, ':', NORMAL);
    byte now = cmos(0x00);
    bcd_at(47, 4, now);
    cell(39, 4, ' ', NORMAL);
    dword ticks = bios_ticks;
    number_at(31, 6, BRIGHT, ticks, 8);
    out8(0x43, 0x00);
    dword count = in8(0x40);
    count |= (dword)in8(0x40) << 8;
    number_at(34, 8, BRIGHT, count, 5);
    if (now != second) {
      /* The first second is cut short by when the page was opened. */
      if (seconds >= 2) {
        dword ticks_in_second = ticks - ticks_at_second;
        number_at(37, 10, ticks_in_second == 18 || ticks_in_second == 19 ? GOOD : BAD, ticks_in_second, 2);
      }
      ++seconds;
      second = now;
      ticks_at_second = ticks;
    }
    if (key_poll() == KEY_ESCAPE) return;
    pause_milliseconds(5);
  }
}
