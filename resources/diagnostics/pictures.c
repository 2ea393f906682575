/* A picture in mode 13h, and one in the largest 32-bit VBE mode up to 1024x768. */
#include "console.h"
#include "pages.h"

/* 64 + 255 steps round the colour circle: red, yellow, green, cyan, blue, magenta. */
static void hue(int step, int brightness, byte *red, byte *green, byte *blue) {
  int part = step / 43 % 6, rise = step % 43 * brightness / 43, fall = brightness - rise;
  int r = part == 0 || part == 5 ? brightness : part == 1 ? fall : part == 4 ? rise : 0;
  int g = part == 1 || part == 2 ? brightness : part == 3 ? fall : part == 0 ? rise : 0;
  int b = part == 3 || part == 4 ? brightness : part == 5 ? fall : part == 2 ? rise : 0;
  *red = (byte)r;
  *green = (byte)g;
  *blue = (byte)b;
}

void page_mode13h(void) {
  struct bios_registers r = {.eax = 0x0013};
  bios_interrupt(0x10, &r);
  debug_text("@page Mode 13h\n");
  out8(0x3C8, 0);
  for (int i = 0; i < 256; ++i) {
    byte red, green, blue;
    hue(i, 63, &red, &green, &blue);
    out8(0x3C9, i ? red : 0);
    out8(0x3C9, i ? green : 0);
    out8(0x3C9, i ? blue : 0);
  }
  volatile byte *pixels = (volatile byte *)0xA0000;
  for (int y = 0; y < 200; ++y) {
    for (int x = 0; x < 320; ++x) {
      int dx = (x - 160) * 5, dy = (y - 100) * 6;
      int distance = dx * dx + dy * dy;
      byte value = (byte)(distance < 518400 ? 1 + distance / 2040 % 255 : 0);
      if (y < 8 || y >= 192) value = (byte)(x * 255 / 319);
      pixels[y * 320 + x] = value;
    }
  }
  key_wait();
  set_text_mode();
}

struct vbe_mode {
  word number, width, height, pitch;
  dword frame_buffer;
};

/* The largest 32-bit mode with a linear frame buffer up to 1024x768; number 0 when there is none. */
static struct vbe_mode find_mode(void) {
  struct vbe_mode best = {0, 0, 0, 0, 0};
  volatile byte *information = (volatile byte *)BIOS_BUFFER;
  for (int i = 0; i < 512; ++i) information[i] = 0;
  information[0] = 'V', information[1] = 'B', information[2] = 'E', information[3] = '2';
  struct bios_registers r = {.eax = 0x4F00, .edi = 0, .es = BIOS_BUFFER >> 4};
  bios_interrupt(0x10, &r);
  if ((r.eax & 0xFFFF) != 0x004F) return best;
  word list[128];
  volatile word *modes = (volatile word *)(*(volatile word *)(information + 14) + *(volatile word *)(information + 16) * 16u);
  int count = 0;
  for (; count < 127 && modes[count] != 0xFFFF; ++count) list[count] = modes[count];
  for (int i = 0; i < count; ++i) {
    volatile byte *mode = information;
    r = (struct bios_registers){.eax = 0x4F01, .ecx = list[i], .edi = 0, .es = BIOS_BUFFER >> 4};
    bios_interrupt(0x10, &r);
    if ((r.eax & 0xFFFF) != 0x004F || (mode[0] & 0x81) != 0x81 || mode[0x19] != 32) continue;
    word width = *(volatile word *)(mode + 0x12), height = *(volatile word *)(mode + 0x14);
    if (width > 1024 || height > 768 || width < best.width) continue;
    best = (struct vbe_mode){list[i], width, height, *(volatile word *)(mode + 0x10), *(volatile dword *)(mode + 0x28)};
  }
  return best;
}

void page_vbe(void) {
  struct vbe_mode mode = find_mode();
  struct bios_registers r = {.eax = 0x4F02, .ebx = mode.number | 0x4000u};
  if (mode.number) bios_interrupt(0x10, &r);
  if (!mode.number || (r.eax & 0xFFFF) != 0x004F) {
    screen_title("VBE picture", "Esc: menu");
    text_at(2, 3, WARN, "The BIOS offers no 32-bit mode with a linear frame buffer.");
    key_wait();
    return;
  }
  debug_text("@page VBE ");
  debug_number(mode.width);
  debug_text("\n");
  for (int y = 0; y < mode.height; ++y) {
    volatile dword *row = (volatile dword *)(mode.frame_buffer + (dword)y * mode.pitch);
    for (int x = 0; x < mode.width; ++x) {
      byte red, green, blue;
      hue(x * 256 / mode.width, 255 - y * 255 / mode.height, &red, &green, &blue);
      if ((x ^ y) & 64 && y > mode.height / 2) red = green = blue = (byte)(x * 255 / mode.width);
      row[x] = (dword)red << 16 | (dword)green << 8 | blue;
    }
  }
  for (int x = 0; x < mode.width; ++x) {
    *(volatile dword *)(mode.frame_buffer + (dword)x * 4) = 0xFFFFFF;
    *(volatile dword *)(mode.frame_buffer + (dword)(mode.height - 1) * mode.pitch + (dword)x * 4) = 0xFFFFFF;
  }
  key_wait();
  set_text_mode();
}
