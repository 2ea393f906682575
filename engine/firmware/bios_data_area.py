"""Names and places of the BIOS data area (segment 40h) and the extended BIOS data area.

Linear addresses. Source: IBM Personal System/2 and Personal Computer BIOS Interface Technical Reference,
section 3. The EBDA takes the last KiB below 640 KiB.
"""

from __future__ import annotations

from typing import Final

SERIAL_BASES: Final = 0x400  # 4 words
PARALLEL_BASES: Final = 0x408  # 3 words
EBDA_SEGMENT: Final = 0x40E
EQUIPMENT: Final = 0x410
MEMORY_KIB: Final = 0x413
KEYBOARD_FLAGS: Final = 0x417
KEYBOARD_FLAGS_2: Final = 0x418
ALT_KEYPAD: Final = 0x419
KEYBOARD_HEAD: Final = 0x41A
KEYBOARD_TAIL: Final = 0x41C
KEYBOARD_BUFFER: Final = 0x41E  # 16 words
FLOPPY_RECALIBRATE: Final = 0x43E
FLOPPY_MOTOR: Final = 0x43F
FLOPPY_MOTOR_TIMEOUT: Final = 0x440
FLOPPY_STATUS: Final = 0x441
FLOPPY_RESULT: Final = 0x442  # 7 bytes
VIDEO_MODE: Final = 0x449
VIDEO_COLUMNS: Final = 0x44A
VIDEO_PAGE_BYTES: Final = 0x44C
VIDEO_PAGE_START: Final = 0x44E
CURSOR_POSITIONS: Final = 0x450  # 8 words: column, row
CURSOR_SHAPE: Final = 0x460  # end line, start line
ACTIVE_PAGE: Final = 0x462
CRTC_PORT: Final = 0x463
CGA_MODE_REGISTER: Final = 0x465
CGA_PALETTE: Final = 0x466
RESET_POINTER: Final = 0x467
TICKS: Final = 0x46C
MIDNIGHT: Final = 0x470
BREAK_FLAG: Final = 0x471
RESET_FLAG: Final = 0x472
DISK_STATUS: Final = 0x474
DISK_COUNT: Final = 0x475
DISK_CONTROL: Final = 0x476
PARALLEL_TIMEOUTS: Final = 0x478  # 4 bytes
SERIAL_TIMEOUTS: Final = 0x47C  # 4 bytes
KEYBOARD_BUFFER_START: Final = 0x480
KEYBOARD_BUFFER_END: Final = 0x482
VIDEO_ROWS: Final = 0x484  # rows minus one
CHARACTER_HEIGHT: Final = 0x485
VIDEO_CONTROL: Final = 0x487
VIDEO_SWITCHES: Final = 0x488
VIDEO_FLAGS: Final = 0x489
DISPLAY_COMBINATION: Final = 0x48A
FLOPPY_DATA_RATE: Final = 0x48B
DISK_INTERRUPT: Final = 0x48E
FLOPPY_CAPABILITIES: Final = 0x48F
FLOPPY_MEDIA: Final = 0x490  # 2 bytes
FLOPPY_TRACKS: Final = 0x494  # 2 bytes
KEYBOARD_MODE: Final = 0x496
KEYBOARD_LEDS: Final = 0x497
WAIT_FLAG_POINTER: Final = 0x498
WAIT_COUNT_US: Final = 0x49C
WAIT_ACTIVE: Final = 0x4A0
SAVE_POINTER: Final = 0x4A8
PRINT_SCREEN_STATUS: Final = 0x500

EBDA_LINEAR: Final = 0x9FC00
EBDA_SEGMENT_VALUE: Final = EBDA_LINEAR >> 4
EBDA_BYTES: Final = 1024
BASE_MEMORY_KIB: Final = 639
# In the EBDA.
EBDA_MOUSE_HANDLER: Final = EBDA_LINEAR + 0x22  # offset, segment
EBDA_MOUSE_FLAGS_1: Final = EBDA_LINEAR + 0x26  # bit 7: enabled by command, bits 2-0: index of the next byte
EBDA_MOUSE_FLAGS_2: Final = EBDA_LINEAR + 0x27  # bit 7: handler set, bits 2-0: packet size minus one
EBDA_MOUSE_DATA: Final = EBDA_LINEAR + 0x28  # 8 bytes
EBDA_DISK_TABLES: Final = EBDA_LINEAR + 0x40  # two tables of 16 bytes for INT 41h and INT 46h

# Keyboard flags, 40:17.
RIGHT_SHIFT: Final = 0x01
LEFT_SHIFT: Final = 0x02
CONTROL: Final = 0x04
ALT: Final = 0x08
SCROLL_LOCK: Final = 0x10
NUM_LOCK: Final = 0x20
CAPS_LOCK: Final = 0x40
INSERT: Final = 0x80
# Keyboard flags 2, 40:18.
LEFT_CONTROL: Final = 0x01
LEFT_ALT: Final = 0x02
SYSRQ: Final = 0x04
PAUSED: Final = 0x08
SCROLL_DOWN: Final = 0x10
NUM_DOWN: Final = 0x20
CAPS_DOWN: Final = 0x40
INSERT_DOWN: Final = 0x80
# Keyboard mode, 40:96.
LAST_E1: Final = 0x01
LAST_E0: Final = 0x02
RIGHT_CONTROL: Final = 0x04
RIGHT_ALT: Final = 0x08
ENHANCED_KEYBOARD: Final = 0x10

WARM_RESET: Final = 0x1234
