/* What the keyboard and the mouse send. */
#include "console.h"
#include "pages.h"

void page_keyboard(void) {
  screen_title("Keyboard", "Press keys to see their codes   Esc twice: menu");
  text_at(2, 2, BRIGHT, "Scan  ASCII  Character");
  text_at(40, 2, BRIGHT, "Shift states (40:17)");
  static const char *const states[8] = {"Right Shift", "Left Shift", "Ctrl",      "Alt",
                                        "Scroll Lock", "Num Lock",   "Caps Lock", "Insert"};
  int row = 4, escapes = 0;
  while (escapes < 2) {
    byte shift = bios_shift_state;
    for (int bit = 0; bit < 8; ++bit) text_at(40, 4 + bit, shift >> bit & 1 ? GOOD : DIM, states[bit]);
    struct bios_registers r = {.eax = 0x1100};
    bios_interrupt(0x16, &r);
    if (r.flags & ZERO) {
      pause_milliseconds(10);
      continue;
    }
    r = (struct bios_registers){.eax = 0x1000};
    bios_interrupt(0x16, &r);
    word key = (word)r.eax;
    escapes = key == KEY_ESCAPE ? escapes + 1 : 0;
    for (int i = 2; i < 30; ++i) cell(i, row, ' ', NORMAL);
    hex_at(2, row, NORMAL, key >> 8, 2);
    hex_at(8, row, NORMAL, key & 0xFF, 2);
    cell(15, row, (byte)key, BRIGHT);
    debug_text("@key ");
    debug_number(key);
    debug_text("\n");
    row = row == 21 ? 4 : row + 1;
    for (int i = 2; i < 30; ++i) cell(i, row, i == 2 ? '>' : ' ', DIM);
  }
}

static int mouse_command(dword function, dword bx) {
  struct bios_registers r = {.eax = 0xC200 | function, .ebx = bx};
  bios_interrupt(0x15, &r);
  return !(r.flags & CARRY);
}

void page_mouse(void) {
  screen_title("Mouse", "Move the mouse, press its buttons   Esc: menu");
  struct bios_registers handler = {.eax = 0xC207, .ebx = (dword)mouse_callback - 0x10000, .es = 0x1000};
  mouse_x = mouse_y = 0;
  mouse_packets = 0;
  int ready = mouse_command(5, 0x0300); /* initialise: three bytes a packet */
  bios_interrupt(0x15, &handler);
  ready = ready && !(handler.flags & CARRY) && mouse_command(0, 0x0100);
  if (!ready) {
    text_at(2, 3, WARN, "The BIOS finds no PS/2 mouse.");
    while (key_wait() != KEY_ESCAPE) continue;
    return;
  }
  text_at(2, 2, BRIGHT, "Position          Packets      Buttons");
  int column = -1, row = -1;
  for (;;) {
    int x = mouse_x, y = mouse_y;
    x = x < 0 ? 0 : x > 639 ? 639 : x;
    y = y < 0 ? 0 : y > 167 ? 167 : y;
    mouse_x = (short)x;
    mouse_y = (short)y;
    if (column != x / 8 || row != 3 + y / 8) {
      if (row >= 0) cell(column, row, ' ', NORMAL);
      column = x / 8;
      row = 3 + y / 8;
    }
    number_at(11, 2, BRIGHT, (dword)x, 3);
    number_at(15, 2, BRIGHT, (dword)y, 3);
    number_at(28, 2, BRIGHT, mouse_packets, 4);
    for (int button = 0; button < 3; ++button) {
      cell(42 + button * 2, 2, (byte)"LRM"[button], mouse_buttons >> button & 1 ? 0x2F : NORMAL);
    }
    cell(column, row, 0xDB, mouse_buttons & 7 ? GOOD : BRIGHT);
    if (key_poll() == KEY_ESCAPE) break;
    pause_milliseconds(10);
  }
  mouse_command(0, 0x0000);
}
