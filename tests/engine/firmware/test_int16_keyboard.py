"""INT 9 and INT 16h: from scan codes to buffer words."""

from __future__ import annotations

import pytest

from engine.firmware.mailbox_layout import KeyAction
from tests.engine.firmware.fake_board import Bios

SHIFT, CONTROL, ALT = 0x2A, 0x1D, 0x38


def key(bios: Bios, *codes: int) -> int:
    """Types scan codes and takes the word an enhanced program reads."""
    bios.type_scans(*codes)
    return bios.call(0x16, eax=0x1000).ax


@pytest.mark.parametrize(
    ("codes", "word"),
    [
        ((0x1E, 0x9E), 0x1E61),
        ((SHIFT, 0x1E, 0x9E, SHIFT | 0x80), 0x1E41),
        ((CONTROL, 0x2E, 0xAE, CONTROL | 0x80), 0x2E03),
        ((ALT, 0x1E, 0x9E), 0x1E00),
        ((0x1C, 0x9C), 0x1C0D),
        ((SHIFT, 0x03, 0x83, SHIFT | 0x80), 0x0340),
        ((0x3B, 0xBB), 0x3B00),
        ((SHIFT, 0x3B, 0xBB, SHIFT | 0x80), 0x5400),
        ((0x57, 0xD7), 0x8500),
        ((CONTROL, 0x58, 0xD8, CONTROL | 0x80), 0x8A00),
        ((0xE0, 0x48, 0xE0, 0xC8), 0x48E0),
        ((CONTROL, 0xE0, 0x4B, 0xE0, 0xCB, CONTROL | 0x80), 0x73E0),
        ((ALT, 0xE0, 0x53, 0xE0, 0xD3), 0xA300),
        ((0xE0, 0x1C, 0xE0, 0x9C), 0xE00D),
        ((0x0F, 0x8F), 0x0F09),
        ((SHIFT, 0x0F, 0x8F, SHIFT | 0x80), 0x0F00),
    ],
)
def test_words(bios: Bios, codes: tuple[int, ...], word: int) -> None:
    bios.write(0x417, b"\0\0")
    assert key(bios, *codes) == word


@pytest.mark.parametrize(
    ("num_lock", "shift", "word"), [(0, 0, 0x4700), (0x20, 0, 0x4737), (0x20, 1, 0x4700), (0, 1, 0x4737)]
)
def test_keypad_follows_num_lock_and_shift(bios: Bios, num_lock: int, shift: int, word: int) -> None:
    bios.write(0x417, bytes((num_lock | shift * 2, 0)))
    assert key(bios, 0x47) == word


def test_caps_lock_turns_letters_only(bios: Bios) -> None:
    bios.write(0x417, b"\0\0")
    bios.type_scans(0x3A, 0xBA)
    assert key(bios, 0x1E) == 0x1E41
    assert key(bios, 0x02) == 0x0231
    assert key(bios, SHIFT, 0x1E) == 0x1E61


def test_lock_keys_do_not_repeat(bios: Bios) -> None:
    bios.write(0x417, b"\0\0")
    bios.type_scans(0x45, 0x45, 0x45)
    assert bios.byte(0x417) & 0x20
    bios.type_scans(0xC5, 0x45)
    assert not bios.byte(0x417) & 0x20


def test_old_functions_do_not_see_new_keys(bios: Bios) -> None:
    bios.type_scans(0x57, 0xD7, 0xE0, 0x48, 0xE0, 0xC8)
    assert bios.call(0x16, eax=0x0000).ax == 0x4800


def test_check_leaves_the_key_where_it_is(bios: Bios) -> None:
    assert bios.call(0x16, eax=0x0100).zero
    bios.type_scans(0x10)
    for _ in range(2):
        result = bios.call(0x16, eax=0x0100)
        assert not result.zero and result.ax == 0x1071


def test_read_waits_for_a_key(bios: Bios) -> None:
    assert bios.call(0x16, most_waits=3, eax=0x0000).waits == 4


def test_buffer_holds_fifteen_keys(bios: Bios) -> None:
    for _ in range(15):
        assert bios.call(0x16, eax=0x0500, ecx=0x1E61).al == 0
    assert bios.call(0x16, eax=0x0500, ecx=0x1E61).al == 1
    assert bios.type_scans(0x10) == [KeyAction.NONE]


def test_alt_and_keypad_digits_make_a_character(bios: Bios) -> None:
    assert key(bios, ALT, 0x4F, 0xCF, 0x51, 0xD1, 0x52, 0xD2, ALT | 0x80) == 130


def test_control_break(bios: Bios) -> None:
    bios.type_scans(0x10)
    assert bios.type_scans(CONTROL, 0xE0, 0x46)[-1] == KeyAction.BREAK
    assert bios.byte(0x471) & 0x80
    assert bios.call(0x16, eax=0x1000).ax == 0


def test_pause_stops_until_the_next_key(bios: Bios) -> None:
    assert KeyAction.PAUSE in bios.type_scans(0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5)
    assert bios.byte(0x418) & 8
    bios.type_scans(0x39)
    assert not bios.byte(0x418) & 8
    assert bios.call(0x16, eax=0x0100).zero


def test_print_screen_and_sysrq(bios: Bios) -> None:
    assert bios.type_scans(0xE0, 0x2A, 0xE0, 0x37)[-1] == KeyAction.PRINT_SCREEN
    assert bios.type_scans(0x54, 0xD4) == [KeyAction.SYSRQ_DOWN, KeyAction.SYSRQ_UP]


def test_control_alt_delete_resets_warm(bios: Bios) -> None:
    bios.type_scans(CONTROL, ALT, 0x53)
    assert bios.resets == 1 and bios.word(0x472) == 0x1234


def test_lights_follow_and_each_byte_waits_for_its_acknowledge(bios: Bios) -> None:
    bios.type_scans(0xFA, 0xFA, 0xFA)
    bios.bus.writes.clear()
    bios.type_scans(0x3A)
    sent = [value for port, value in bios.bus.writes if port == 0x60]
    assert sent == [0xED]
    bios.type_scans(0xFA)
    sent = [value for port, value in bios.bus.writes if port == 0x60]
    assert len(sent) == 2 and sent[1] & 4


def test_shift_states(bios: Bios) -> None:
    bios.write(0x417, b"\0\0")
    bios.type_scans(0xE0, CONTROL, SHIFT)
    assert bios.call(0x16, eax=0x0200).al == 0x06
    assert bios.call(0x16, eax=0x1200).ah & 0x04


def test_probes(bios: Bios) -> None:
    assert bios.call(0x16, eax=0x9200).ah == 0x80
    assert bios.call(0x16, eax=0xA200).ah == 0xA2


# -- Idling ------------------------------------------------------------------------------------------------------


def poll(bios: Bios, times: int, instructions: int, ns: int) -> int:
    """Asks for a key over and over; how often the stub halted."""
    halts = 0
    for _ in range(times):
        bios.cpu.retired += instructions
        bios.clock.advance(ns)
        halts += bios.call(0x16, eax=0x0100).waits
    return halts


def test_a_program_that_only_polls_is_put_to_sleep(bios: Bios) -> None:
    assert poll(bios, 2000, 200, 2_000) >= 80


def test_a_program_that_polls_now_and_then_is_never_delayed(bios: Bios) -> None:
    assert poll(bios, 1000, 50_000, 500_000) == 0
    assert poll(bios, 1000, 200, 500_000) == 0
    assert poll(bios, 1000, 50_000, 2_000) == 0


def test_a_program_that_polls_some_hundred_times_between_its_steps_is_never_delayed(bios: Bios) -> None:
    halts = 0
    for _ in range(10):
        halts += poll(bios, 400, 200, 2_000)
        bios.call(0x10, eax=0x0E2E)
    assert halts == 0


def test_a_program_whose_registers_change_between_polls_is_never_delayed(bios: Bios) -> None:
    halts = 0
    for count in range(1000):
        bios.cpu.retired += 200
        bios.clock.advance(2_000)
        halts += bios.call(0x16, eax=0x0100, esi=count & 0xFFFF).waits
    assert halts == 0


def test_a_long_loop_sleeps_only_when_every_round_is_the_same(bios: Bios) -> None:
    assert poll(bios, 2000, 5_618, 56_180) >= 80
    bios.call(0x10, eax=0x0E2E)  # it does something else
    assert sum(poll(bios, 1, 5_618 + count % 7, 56_180) for count in range(1000)) == 0


def test_a_program_that_prints_between_polls_is_never_delayed(bios: Bios) -> None:
    halts = 0
    for _ in range(1000):
        halts += poll(bios, 1, 200, 2_000)
        bios.call(0x10, eax=0x0E2E)
    assert halts == 0


def test_a_key_ends_the_idling(bios: Bios) -> None:
    poll(bios, 1000, 200, 2_000)
    bios.type_scans(0x10)
    assert bios.call(0x16, eax=0x0100).waits == 0
    bios.call(0x16, eax=0x0000)
    assert poll(bios, 100, 200, 2_000) == 0
