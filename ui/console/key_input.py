"""The one door through which the host's keys reach a guest, and the combinations that stay with the host.

While the console holds the input (``grabbed``), every key belongs to the guest except combinations with the release
keys (Ctrl+Alt, unless the person chose others), which belong to the host. Release keys and Space make an exception:
the key that follows is sent to the guest together with them.
"""

from __future__ import annotations

from typing import Final, Protocol

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent

from ui.console.key_names import MODIFIERS, by_character, by_qt_key, by_scan_code, tells_positions
from ui.console.release_keys import CTRL_ALT, ReleaseKeys, release_keys

FULL_SCREEN: Final = "fullscreen"
CTRL_ALT_DELETE: Final = "ctrl-alt-delete"
NEXT_MACHINE: Final = "next"
PREVIOUS_MACHINE: Final = "previous"
SCREENSHOT: Final = "screenshot"

_HOT_KEYS: Final = {
    "enter": FULL_SCREEN,
    "kpenter": FULL_SCREEN,
    "insert": CTRL_ALT_DELETE,
    "kp0": CTRL_ALT_DELETE,
    "tab": NEXT_MACHINE,
    "right": NEXT_MACHINE,
    "left": PREVIOUS_MACHINE,
    "printscreen": SCREENSHOT,
}


class Keys(Protocol):
    """The guest's keyboard; key names are the machine's."""

    def press(self, key: str) -> None: ...

    def release(self, key: str) -> None: ...


class KeyInput(QObject):
    """Turns Qt key events into key presses of the guest."""

    release_wanted = Signal()  # the release keys were pressed and let go with nothing in between
    hot_key = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._keys: Keys | None = None
        self._down: dict[int, tuple[str, ...]] = {}  # host key -> guest keys it holds
        self._host_held: set[int] = set()  # keys that were taken for the host
        self._chord_clean = False  # only the release keys went down since they came together
        self._pass_next = False
        self._release: ReleaseKeys = CTRL_ALT

    def set_release_keys(self, name: str) -> None:
        """``name`` as in the preferences: "ctrl+alt", "rctrl"."""
        self._release = release_keys(name, tells_positions(QGuiApplication.platformName()))
        self._chord_clean = False

    def attach(self, keys: Keys | None) -> None:
        """Sends keys to this keyboard from now on, or to none."""
        self.release_all()
        self._keys = keys

    @property
    def pass_next(self) -> bool:
        """The next key goes to the guest together with the release keys."""
        return self._pass_next

    def press(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat():
            return  # the guest's keyboard repeats by itself
        identity = _identity(event)
        names = self._names(event)
        if not names:
            return
        key = names[-1]
        if self._release.held(self._held()) and key not in MODIFIERS:
            if self._pass_next:
                self._pass_next = False
                self._chord_clean = False
            else:
                self._take_for_host(key, identity)
                return
        self._hold(identity, names)
        if not self._release.has(key):
            self._chord_clean = False
        elif self._release.held(self._held()):
            self._chord_clean = all(self._release.has(held) for held in self._held())

    def release(self, event: QKeyEvent) -> None:
        if event.isAutoRepeat():
            return
        identity = _identity(event)
        if identity in self._host_held:
            self._host_held.discard(identity)
            return
        names = self._down.pop(identity, None)
        if names is None:
            return
        chord = self._chord_clean and self._release.has(names[-1])
        for name in reversed(names):
            self._send_release(name)
        if chord:
            self._chord_clean = False
            self.release_wanted.emit()

    def release_all(self) -> None:
        """Lets go of every key the guest holds: focus went elsewhere, or the host took over."""
        held = [name for names in self._down.values() for name in names]
        self._down.clear()
        for name in reversed(list(dict.fromkeys(held))):
            self._send_release(name)
        self._chord_clean = False
        self._pass_next = False

    def _take_for_host(self, key: str, identity: int) -> None:
        self._host_held.add(identity)
        self._chord_clean = False
        if key == "space":
            self._pass_next = True
            return
        action = _HOT_KEYS.get(key)
        if action is None:
            # Not ours: the guest gets the combination after all, as people expect of Ctrl+Alt+F1 and the like.
            self._host_held.discard(identity)
            self._hold(identity, (key,))
            return
        if action != SCREENSHOT:
            self.release_all()
        self.hot_key.emit(action)

    def _hold(self, identity: int, names: tuple[str, ...]) -> None:
        if identity in self._down:
            return
        self._down[identity] = names
        for name in names:
            if self._keys is not None:
                self._keys.press(name)

    def _send_release(self, name: str) -> None:
        if self._keys is not None and not any(name in held for held in self._down.values()):
            self._keys.release(name)

    def _held(self) -> set[str]:
        return {name for names in self._down.values() for name in names}

    def _names(self, event: QKeyEvent) -> tuple[str, ...]:
        """The guest keys of an event: usually one; with Shift in front where a typed character needs it."""
        by_position = by_scan_code(event.nativeScanCode(), QGuiApplication.platformName())
        if by_position is not None:
            return (by_position,)
        keypad = bool(event.modifiers() & Qt.KeyboardModifier.KeypadModifier)
        text = event.text()
        plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
        found = by_character(text) if plain and len(text) == 1 and text.isprintable() and not keypad else None
        found = found or by_qt_key(event.key(), keypad)
        if found is None:
            return ()
        name, shifted = found
        return ("shift", name) if shifted and not self._held() & {"shift", "rshift"} else (name,)


def _identity(event: QKeyEvent) -> int:
    """What the press and the release of one host key have in common."""
    scan_code = event.nativeScanCode()
    return scan_code if scan_code > 1 else -event.key()


def release_hint(keys: str) -> str:
    """What the status bar says while the console holds the input."""
    return QCoreApplication.translate("KeyInput", "To release keyboard and mouse: {keys}").format(keys=keys)
