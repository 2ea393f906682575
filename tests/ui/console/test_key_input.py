"""Host keys -> guest keys: by position where the platform tells it, by the Qt key elsewhere; what stays with the host."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from pytestqt.qtbot import QtBot

from engine.console.scan_codes import KEYS
from tests.ui.fakes import FakeKeyboard
from ui.console.key_input import CTRL_ALT_DELETE, FULL_SCREEN, KeyInput
from ui.console.key_names import EVDEV, WINDOWS, by_qt_key, by_scan_code

NONE = Qt.KeyboardModifier.NoModifier
PRESS, RELEASE = QEvent.Type.KeyPress, QEvent.Type.KeyRelease


@pytest.fixture
def keyboard() -> FakeKeyboard:
    return FakeKeyboard()


@pytest.fixture
def keys(qtbot: QtBot, keyboard: FakeKeyboard) -> KeyInput:
    door = KeyInput()
    door.attach(keyboard)
    return door


def event(
    kind: QEvent.Type, key: Qt.Key, text: str = "", scan_code: int = 0, repeat: bool = False,
    modifiers: Qt.KeyboardModifier = NONE,
) -> QKeyEvent:  # fmt: skip
    return QKeyEvent(kind, key, modifiers, scan_code, 0, 0, text, repeat)


def press(door: KeyInput, key: Qt.Key, **more: object) -> None:
    door.press(event(PRESS, key, **more))  # type: ignore[arg-type]


def release(door: KeyInput, key: Qt.Key, **more: object) -> None:
    door.release(event(RELEASE, key, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("table", [EVDEV, WINDOWS])
def test_the_tables_name_keys_that_the_machine_knows(table: dict[int, str]) -> None:
    assert set(table.values()) <= set(KEYS)
    assert len(set(table.values())) == len(table), "a key stands at two codes"


def test_every_key_of_a_102_key_board_is_in_the_tables() -> None:
    for name in (
        "a",
        "z",
        "0",
        "f12",
        "rctrl",
        "ralt",
        "kpenter",
        "kpdivide",
        "pause",
        "printscreen",
        "intl102",
        "menu",
    ):
        assert name in EVDEV.values() and name in WINDOWS.values()


def test_scan_codes_of_x11_are_evdev_plus_8() -> None:
    assert by_scan_code(38, "xcb") == "a"
    assert by_scan_code(105, "wayland") == "rctrl"
    assert by_scan_code(38, "offscreen") is None


def test_position_wins_over_what_the_host_layout_types(
    keys: KeyInput, keyboard: FakeKeyboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QGuiApplication, "platformName", staticmethod(lambda: "xcb"))
    press(keys, Qt.Key.Key_Q, text="q", scan_code=38)  # a French layout: the key at "a" types q
    release(keys, Qt.Key.Key_Q, scan_code=38)
    assert keyboard.log == ["+a", "-a"]


def test_repeats_of_the_host_are_left_out(keys: KeyInput, keyboard: FakeKeyboard) -> None:
    press(keys, Qt.Key.Key_X, text="x")
    press(keys, Qt.Key.Key_X, text="x", repeat=True)
    release(keys, Qt.Key.Key_X, repeat=True)
    release(keys, Qt.Key.Key_X)
    assert keyboard.log == ["+x", "-x"]


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        (Qt.Key.Key_A, "A", ["+shift", "+a", "-a", "-shift"]),
        (Qt.Key.Key_Colon, ":", ["+shift", "+semicolon", "-semicolon", "-shift"]),
        (Qt.Key.Key_Backslash, "\\", ["+backslash", "-backslash"]),
        (Qt.Key.Key_F10, "", ["+f10", "-f10"]),
        (Qt.Key.Key_PageDown, "", ["+pagedown", "-pagedown"]),
    ],
)
def test_without_positions_the_typed_character_decides(
    keys: KeyInput, keyboard: FakeKeyboard, key: Qt.Key, text: str, expected: list[str]
) -> None:
    press(keys, key, text=text)
    release(keys, key)
    assert keyboard.log == expected


def test_keypad_keys_are_told_from_the_others() -> None:
    assert by_qt_key(Qt.Key.Key_7, keypad=True) == ("kp7", False)
    assert by_qt_key(Qt.Key.Key_7) == ("7", False)
    assert by_qt_key(Qt.Key.Key_Plus, keypad=True) == ("kpplus", False)
    assert by_qt_key(Qt.Key.Key_Plus) == ("equals", True)


def test_losing_the_focus_lets_go_of_everything(keys: KeyInput, keyboard: FakeKeyboard) -> None:
    press(keys, Qt.Key.Key_Shift)
    press(keys, Qt.Key.Key_A, text="A", modifiers=Qt.KeyboardModifier.ShiftModifier)
    keys.release_all()
    assert keyboard.log == ["+shift", "+a", "-a", "-shift"]
    release(keys, Qt.Key.Key_A)  # comes late, from another window's point of view
    assert keyboard.log[-1] == "-shift"


def test_ctrl_alt_alone_releases_on_the_first_key_up(keys: KeyInput, qtbot: QtBot) -> None:
    press(keys, Qt.Key.Key_Control)
    press(keys, Qt.Key.Key_Alt)
    with qtbot.waitSignal(keys.release_wanted, timeout=200):
        release(keys, Qt.Key.Key_Control)
    with qtbot.assertNotEmitted(keys.release_wanted):
        release(keys, Qt.Key.Key_Alt)


def test_ctrl_alt_with_another_key_does_not_release(keys: KeyInput, keyboard: FakeKeyboard, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(keys.release_wanted):
        press(keys, Qt.Key.Key_Control)
        press(keys, Qt.Key.Key_Alt)
        press(keys, Qt.Key.Key_F1)
        release(keys, Qt.Key.Key_F1)
        release(keys, Qt.Key.Key_Alt)
        release(keys, Qt.Key.Key_Control)
    assert "+f1" in keyboard.log, "a virtual console of the guest"


@pytest.mark.parametrize(("key", "name"), [(Qt.Key.Key_Return, FULL_SCREEN), (Qt.Key.Key_Insert, CTRL_ALT_DELETE)])
def test_host_combinations_do_not_reach_the_guest(
    keys: KeyInput, keyboard: FakeKeyboard, qtbot: QtBot, key: Qt.Key, name: str
) -> None:
    press(keys, Qt.Key.Key_Control)
    press(keys, Qt.Key.Key_Alt)
    with qtbot.waitSignal(keys.hot_key, timeout=200) as heard:
        press(keys, key)
    release(keys, key)
    assert heard.args == [name]
    assert keyboard.log == ["+ctrl", "+alt", "-alt", "-ctrl"], "and the guest holds nothing any more"


def test_ctrl_alt_space_passes_the_next_key(keys: KeyInput, keyboard: FakeKeyboard, qtbot: QtBot) -> None:
    press(keys, Qt.Key.Key_Control)
    press(keys, Qt.Key.Key_Alt)
    press(keys, Qt.Key.Key_Space, text=" ")
    release(keys, Qt.Key.Key_Space)
    assert keys.pass_next
    with qtbot.assertNotEmitted(keys.hot_key):
        press(keys, Qt.Key.Key_Return)
        release(keys, Qt.Key.Key_Return)
    assert keyboard.log == ["+ctrl", "+alt", "+enter", "-enter"]


def test_an_unknown_key_is_ignored(keys: KeyInput, keyboard: FakeKeyboard) -> None:
    press(keys, Qt.Key.Key_LaunchMail)
    release(keys, Qt.Key.Key_LaunchMail)
    assert keyboard.log == []


def native(door: KeyInput, kind: QEvent.Type, *scan_codes: int) -> None:
    """X11 key events of these keys; the Qt key does not matter there."""
    for scan_code in scan_codes:
        send = door.press if kind is PRESS else door.release
        send(event(kind, Qt.Key.Key_Control, scan_code=scan_code))


LEFT_CTRL, RIGHT_CTRL, RETURN, C = 37, 105, 36, 54


def test_right_ctrl_can_be_the_release_key(
    keys: KeyInput, keyboard: FakeKeyboard, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QGuiApplication, "platformName", staticmethod(lambda: "xcb"))
    keys.set_release_keys("rctrl")
    with qtbot.assertNotEmitted(keys.release_wanted):
        native(keys, PRESS, LEFT_CTRL)
        native(keys, RELEASE, LEFT_CTRL)
    with qtbot.waitSignal(keys.release_wanted, timeout=200):
        native(keys, PRESS, RIGHT_CTRL)
        native(keys, RELEASE, RIGHT_CTRL)
    with qtbot.waitSignal(keys.hot_key, timeout=200) as heard:
        native(keys, PRESS, RIGHT_CTRL, RETURN)
        native(keys, RELEASE, RETURN, RIGHT_CTRL)
    assert heard.args == [FULL_SCREEN]
    keyboard.log.clear()
    with qtbot.assertNotEmitted(keys.release_wanted):  # it is still a Ctrl key for the guest
        native(keys, PRESS, RIGHT_CTRL, C)
        native(keys, RELEASE, C, RIGHT_CTRL)
    assert keyboard.log == ["+rctrl", "+c", "-c", "-rctrl"]


def test_with_other_release_keys_ctrl_alt_is_the_guests(keys: KeyInput, keyboard: FakeKeyboard, qtbot: QtBot) -> None:
    keys.set_release_keys("ctrl+alt+shift")
    with qtbot.assertNotEmitted(keys.release_wanted), qtbot.assertNotEmitted(keys.hot_key):
        for key in (Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Return):
            press(keys, key)
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Alt, Qt.Key.Key_Control):
            release(keys, key)
    assert keyboard.log == ["+ctrl", "+alt", "+enter", "-enter", "-alt", "-ctrl"]
    with qtbot.waitSignal(keys.release_wanted, timeout=200):
        for key in (Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Shift):
            press(keys, key)
        release(keys, Qt.Key.Key_Shift)


def test_where_right_cannot_be_told_from_left_there_is_a_way_out_all_the_same(keys: KeyInput, qtbot: QtBot) -> None:
    keys.set_release_keys("rctrl")  # on a platform without positions
    with qtbot.waitSignal(keys.release_wanted, timeout=200):
        press(keys, Qt.Key.Key_Control)
        release(keys, Qt.Key.Key_Control)
