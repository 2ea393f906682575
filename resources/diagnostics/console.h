/* Text output straight into the screen's memory, echoed to the debug port; keys through the BIOS. */
#pragma once
#include "machine.h"

enum { COLUMNS = 80, ROWS = 25 };
enum colour { NORMAL = 0x17, TITLE = 0x70, BRIGHT = 0x1F, GOOD = 0x1A, WARN = 0x1E, BAD = 0x1C, DIM = 0x13 };

void screen_clear(byte attribute);
void screen_title(const char *title, const char *hint);
void cell(int column, int row, byte character, byte attribute);
void text_at(int column, int row, byte attribute, const char *text);
void number_at(int column, int row, byte attribute, dword value, int width);
void hex_at(int column, int row, byte attribute, dword value, int digits);
/* value / 10^decimals, right-aligned in width */
void decimal_at(int column, int row, byte attribute, dword value, int decimals, int width);
void set_text_mode(void);

void debug_text(const char *text);
void debug_number(dword value);

enum { KEY_ESCAPE = 0x011B };
word key_wait(void); /* BIOS code: scan code in the high byte, ASCII in the low one */
word key_poll(void); /* 0 when there is none */
void pause_milliseconds(dword milliseconds);
