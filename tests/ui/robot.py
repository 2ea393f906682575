"""Hands for the tests: they click and type where a person would, also into windows that block their caller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QLineEdit,
    QListView,
    QMainWindow,
    QMenu,
    QMenuBar,
    QRadioButton,
    QTabBar,
    QToolBar,
    QToolButton,
    QWidget,
)

Step = Callable[[Any], None]
_LOOK_MS = 10
_PATIENCE_LOOKS = 500


class Robot(QObject):
    """Waits for the next dialog or menu and deals with it; ``done`` tells that all expected ones came."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[tuple[str, Step]] = []
        self._under_way = 0
        self.error: BaseException | None = None
        self._looks = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)

    def expect(self, window: str, step: Step) -> None:
        """When a window of class ``window`` comes up, ``step(window)`` is done to it. In the order of the calls."""
        self._steps.append((window, step))
        self._looks = 0
        self._timer.start(_LOOK_MS)

    @property
    def done(self) -> bool:
        if self.error is not None:
            raise self.error
        return not self._steps and not self._under_way

    def _look(self) -> None:
        self._looks += 1
        if not self._steps:
            self._timer.stop()
            return
        window = QApplication.activePopupWidget() or QApplication.activeModalWidget()
        name, step = self._steps[0]
        if window is None or type(window).__name__ != name:
            if self._looks > _PATIENCE_LOOKS:
                self._give_up(AssertionError(f"no {name} came up; there is {window!r}"))
            return
        self._steps.pop(0)
        self._under_way += 1
        self._looks = 0
        # On its own: a step may open the next window, and a timer does not fire again inside its own call.
        QTimer.singleShot(0, lambda: self._carry_out(step, window))

    def _carry_out(self, step: Step, window: QWidget) -> None:
        try:
            step(window)
        except BaseException as error:
            self._give_up(error)
        self._under_way -= 1

    def _give_up(self, error: BaseException) -> None:
        self.error = error
        self._steps = []
        self._timer.stop()
        for _ in range(5):
            window = QApplication.activePopupWidget() or QApplication.activeModalWidget()
            if window is None:
                break
            if isinstance(window, QDialog):
                window.done(0)
            else:
                window.close()


def click(widget: QWidget) -> None:
    assert widget.isVisible(), f"{widget!r} cannot be seen"
    assert widget.isEnabled(), f"{widget!r} cannot be used"
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=_hot_spot(widget))


def _hot_spot(widget: QWidget) -> QPoint:
    if isinstance(widget, QCheckBox | QRadioButton):
        return QPoint(8, widget.height() // 2)
    return widget.rect().center()


def button(window: QWidget, text: str) -> QAbstractButton:
    """The visible button with this text; mnemonics and dots do not count."""
    wanted = text.replace("&", "").rstrip("…")
    for found in window.findChildren(QAbstractButton):
        if found.isVisible() and found.text().replace("&", "").strip().rstrip("…") == wanted:
            return found
    raise AssertionError(f"no button “{text}” in {window!r}")


def press(text: str) -> Step:
    """A step that clicks the button with this text."""
    return lambda window: click(button(window, text))


def tick_and_press(box: str, text: str) -> Step:
    def step(window: QWidget) -> None:
        click(button(window, box))
        click(button(window, text))

    return step


def choose(text: str) -> Step:
    """A step that clicks a menu's entry."""

    def step(menu: QMenu) -> None:
        for action in menu.actions():
            if action.text().replace("&", "").startswith(text):
                assert action.isEnabled(), f"“{text}” cannot be chosen"
                QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(action).center())
                return
        raise AssertionError(f"no “{text}” among {[action.text() for action in menu.actions()]}")

    return step


def use_menu(window: QMainWindow, *path: str) -> None:
    """Clicks through the menu bar: ``use_menu(window, "Machine", "Power", "Reset")``."""
    bar: QMenuBar | QMenu = window.menuBar()
    for text in path:
        action = _entry(bar, text)
        assert action.isEnabled(), f"“{text}” cannot be chosen"
        menu = action.menu()
        spot = bar.actionGeometry(action).center()
        QTest.mouseMove(bar, spot)
        QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=spot)
        if not isinstance(menu, QMenu):
            break
        assert menu.isVisible(), f"the menu “{text}” did not come"
        bar = menu


def _entry(menu: QMenuBar | QMenu, text: str) -> QAction:
    for action in menu.actions():
        if action.text().replace("&", "").rstrip("…") == text:
            return action
    raise AssertionError(f"no “{text}” among {[action.text() for action in menu.actions()]}")


def use_toolbar(bar: QToolBar, name: str) -> None:
    """Clicks the tool button with this accessible name."""
    for found in bar.findChildren(QToolButton):
        if found.accessibleName() == name:
            click(found)
            return
    raise AssertionError(f"no “{name}” in the toolbar")


def choose_way(text: str, always: bool = False) -> Step:
    """A step that picks one of a dialog's ways and presses OK."""

    def step(dialog: QDialog) -> None:
        click(button(dialog, text))
        if always:
            click(button(dialog, "Always do this"))
        click(button(dialog, "OK"))

    return step


def choose_item(box: QComboBox, text: str) -> None:
    """Opens a combo box with the keyboard and types its way to an entry."""
    box.setFocus()
    row = box.findText(text)
    assert row >= 0, f"no “{text}” in the list"
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(row):
        QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentText() == text


def pick_file(path: Path) -> Step:
    """A step that types a file's name into a file dialog and presses Enter."""

    def step(dialog: QFileDialog) -> None:
        edit = dialog.findChild(QLineEdit, "fileNameEdit")
        assert edit is not None
        write(edit, str(path))
        QTest.keyClick(edit, Qt.Key.Key_Return)

    return step


def write(edit: QLineEdit, text: str) -> None:
    """Replaces what a field holds."""
    edit.setFocus()
    QTest.keyClick(edit, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(edit, Qt.Key.Key_Delete)
    QTest.keyClicks(edit, text)


def click_row(view: QListView, text: str) -> None:
    model = view.model()
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        if index.data() == text:
            view.scrollTo(index)
            QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())
            return
    raise AssertionError(f"no row “{text}”")


def click_tab(bar: QTabBar, text: str) -> None:
    for index in range(bar.count()):
        if bar.tabText(index) == text:
            QTest.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(index).center())
            return
    raise AssertionError(f"no tab “{text}”")


def keys(widget: QWidget, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
    """Presses and releases a key with its modifiers, in the active window as a person's are."""
    widget.window().windowHandle().requestActivate()  # no window manager does it on the offscreen platform
    QApplication.processEvents()
    combined = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        combined |= modifier
    QTest.keyClick(widget, key, combined)
