"""Every action of the main window in one table: text, keys, icon, and the menus and toolbar made of them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from PySide6.QtCore import QCoreApplication, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMainWindow, QMenu, QToolBar

from ui import theme
from ui.console.scaling import ScaleMode


def _tr(text: str) -> str:
    return QCoreApplication.translate("Actions", text)


@dataclass
class Actions:
    """The window's actions by name."""

    new: QAction
    open: QAction
    try_it: QAction
    close_tab: QAction
    favourite: QAction
    rename: QAction
    remove: QAction
    delete: QAction
    quit: QAction
    paste: QAction
    preferences: QAction
    full_screen: QAction
    console_view: QAction
    console_only: QAction
    fit_window: QAction
    library: QAction
    performance: QAction
    all_machines: QAction
    why_slow: QAction
    inspector: QAction
    find: QAction
    correct_aspect: QAction
    fit: QAction
    unscaled: QAction
    integer: QAction
    stretch: QAction
    start: QAction
    start_setup: QAction
    pause: QAction
    reset: QAction
    shut_down: QAction
    power_off: QAction
    grab: QAction
    ctrl_alt_delete: QAction
    copy_text: QAction
    screenshot: QAction
    record: QAction
    settings: QAction
    open_folder: QAction
    next_tab: QAction
    previous_tab: QAction
    home: QAction
    guide: QAction
    keys: QAction
    report: QAction
    about: QAction

    def all(self) -> list[QAction]:
        return [getattr(self, field.name) for field in fields(self)]

    def scaling(self) -> dict[ScaleMode, QAction]:
        return {
            ScaleMode.FIT: self.fit,
            ScaleMode.NONE: self.unscaled,
            ScaleMode.INTEGER: self.integer,
            ScaleMode.STRETCH: self.stretch,
        }


def make_actions(window: QMainWindow) -> Actions:
    """Makes the actions and gives them to the window, so that their keys work with the menu bar hidden too."""

    def make(text: str, keys: str = "", icon: str = "", tip: str = "", checkable: bool = False) -> QAction:
        action = QAction(text, window)
        action.setShortcuts([QKeySequence(key.strip()) for key in keys.split(";") if key.strip()])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setCheckable(checkable)
        if icon:
            theme.set_icon(action, icon)
        action.setProperty("tip", tip or text.replace("&", "").rstrip("…"))
        _set_tip(action)
        window.addAction(action)
        return action

    actions = Actions(
        new=make(_tr("&New machine…"), "Ctrl+N", "new", _tr("Make a new machine")),
        open=make(_tr("&Open a machine…"), "Ctrl+O", "open", _tr("Add a machine's folder to the library")),
        try_it=make(_tr("&Try it"), "", "try", _tr("Start a PC with the diagnostics diskette")),
        close_tab=make(_tr("&Close tab"), "Ctrl+W", "close"),
        favourite=make(_tr("Fa&vourite"), "", "", _tr("Stands at the top of the library"), True),
        rename=make(_tr("Rena&me…"), "F2", "rename"),
        remove=make(_tr("&Remove from the library"), "", "", _tr("Forget the machine; its files stay")),
        delete=make(_tr("&Delete from disk…"), "", "delete", _tr("Delete the machine and its disks")),
        quit=make(_tr("&Quit"), "Ctrl+Q", "exit"),
        paste=make(_tr("&Paste as keystrokes"), "Ctrl+V", "paste", _tr("Type the clipboard's text into the guest")),
        preferences=make(_tr("Pre&ferences…"), "Ctrl+P", "options"),
        full_screen=make(_tr("&Full screen"), "F11", "fullscreen", checkable=True),
        console_view=make(_tr("&Console view"), "", "display", _tr("The guest's screen, or the summary"), True),
        console_only=make(
            _tr("&Only the console"), "Ctrl+Shift+O", "", _tr("The guest's screen without library and toolbar"), True
        ),
        fit_window=make(_tr("Fit &window to guest"), "Ctrl+Shift+W", "", _tr("As large as the guest's screen")),
        library=make(_tr("&Library"), "F9", "library", _tr("Show or hide the library"), True),
        performance=make(_tr("&Performance"), "Ctrl+Shift+P", "performance", _tr("Live figures of the machine"), True),
        all_machines=make(_tr("All &machines…"), "", "", _tr("What every machine takes of the host")),
        why_slow=make(_tr("Wh&y is this slow?"), "", "question", _tr("What slows the machine down, and what helps")),
        inspector=make(_tr("I&nspector"), "Ctrl+Shift+I", "processor", _tr("Code, registers, memory and devices")),
        find=make(_tr("Find in the li&brary"), "Ctrl+F", "search"),
        correct_aspect=make(_tr("Old modes in &4:3, as on a monitor of their time"), checkable=True),
        fit=make(_tr("As large as &fits"), checkable=True),
        unscaled=make(_tr("&Pixel for pixel"), checkable=True),
        integer=make(_tr("&Whole multiples, sharp"), checkable=True),
        stretch=make(_tr("S&tretched to the window"), checkable=True),
        start=make(_tr("&Start"), "Ctrl+B", "start", _tr("Power the machine on")),
        start_setup=make(_tr("Start into S&etup"), "", "options", _tr("Power on and open the firmware's settings")),
        pause=make(_tr("&Pause"), "Ctrl+J", "pause", _tr("Stop the machine's time, or let it go on"), True),
        reset=make(_tr("&Reset"), "Ctrl+R", "reset", _tr("Press the reset button")),
        shut_down=make(
            _tr("S&hut down guest"),
            "",
            "power-button",
            _tr("Press the power button: a system with ACPI shuts down, any other is switched off"),
        ),
        power_off=make(_tr("Power &off"), "Ctrl+E", "power-off", _tr("Pull the plug")),
        grab=make(_tr("&Grab keyboard and mouse"), "Ctrl+G", "keyboard"),
        ctrl_alt_delete=make(_tr("Send Ctrl+&Alt+Del"), "", "ctrl-alt-del"),
        copy_text=make(
            _tr("Cop&y the screen's text"),
            "Ctrl+Shift+C",
            "notes",
            _tr("The text that the guest shows, to the clipboard"),
        ),
        screenshot=make(_tr("&Capture the screen…"), "", "screenshot", _tr("Save the guest's screen")),
        record=make(_tr("&Film the screen…"), "", "recording", _tr("Film the guest's screen into a file"), True),
        settings=make(_tr("Se&ttings…"), "Ctrl+D", "settings", _tr("Change the machine's hardware")),
        open_folder=make(_tr("&Open its folder"), "", "folder"),
        next_tab=make(_tr("&Next tab"), "Ctrl+Tab"),
        previous_tab=make(_tr("&Previous tab"), "Ctrl+Shift+Tab"),
        home=make(_tr("&Home"), "", "home"),
        guide=make(_tr("User &guide"), "", "help"),
        keys=make(_tr("&Keys"), "F1", "keyboard"),
        report=make(_tr("Report a &problem…"), "", "", _tr("Settings, logs and host facts in one file")),
        about=make(_tr("&About Bancada"), "", "information"),
    )
    group = QActionGroup(window)
    for action in actions.scaling().values():
        group.addAction(action)
    return actions


def _set_tip(action: QAction) -> None:
    first = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
    tip = action.property("tip")
    action.setToolTip(f"{tip} ({first})" if first else tip)


def set_host_keys(actions: Actions, prefix: str) -> None:
    """Gives the actions that work out of the guest their keys: ``prefix`` ("Ctrl+Alt") and one more.

    Without a prefix the console alone knows them: no shortcut can tell the right Ctrl from the left.
    """
    for action, last, others in (
        (actions.full_screen, "Return", ("F11",)),
        (actions.ctrl_alt_delete, "Ins", ()),
        (actions.screenshot, "Print", ()),
        (actions.next_tab, "Right", ("Ctrl+Tab",)),
        (actions.previous_tab, "Left", ("Ctrl+Shift+Tab",)),
    ):
        own = [f"{prefix}+{last}"] if prefix else []
        # The first is the one that menus show: that which works out of the guest, for full screen; Ctrl+Tab for tabs.
        keys = [*others, *own] if last in ("Right", "Left") else [*own, *others]
        action.setShortcuts([QKeySequence(key) for key in keys])
        _set_tip(action)


def fill_menus(window: QMainWindow, actions: Actions, removable: QMenu) -> QMenu:
    """Builds the menu bar; returns the Tabs menu, to which the tabs are added."""
    bar = window.menuBar()

    def add(menu: QMenu, *items: QAction | QMenu | None) -> None:
        for item in items:
            if item is None:
                menu.addSeparator()
            elif isinstance(item, QMenu):
                menu.addMenu(item)
            else:
                menu.addAction(item)

    a = actions
    file = bar.addMenu(_tr("&File"))
    add(file, a.new, a.open, a.try_it, None, a.close_tab, None, a.favourite, a.rename, a.remove, a.delete, None, a.quit)
    add(bar.addMenu(_tr("&Edit")), a.paste, a.copy_text, None, a.preferences)
    view = bar.addMenu(_tr("&View"))
    scaling = QMenu(_tr("&Scaling"), view)
    theme.set_icon(scaling, "scaling")
    add(scaling, a.fit, a.unscaled, a.integer, a.stretch, None, a.correct_aspect)
    add(
        view,
        a.full_screen,
        a.console_view,
        a.console_only,
        a.fit_window,
        scaling,
        None,
        a.library,
        a.find,
        None,
        a.performance,
        a.all_machines,
        a.why_slow,
    )
    machine = bar.addMenu(_tr("&Machine"))
    power = QMenu(_tr("&Power"), machine)
    theme.set_icon(power, "power-off")
    add(power, a.start, a.start_setup, None, a.pause, a.reset, None, a.shut_down, a.power_off)
    add(
        machine,
        power,
        removable,
        None,
        a.grab,
        a.ctrl_alt_delete,
        a.screenshot,
        a.record,
        None,
        a.inspector,
        None,
        a.open_folder,
        a.settings,
    )
    tabs = bar.addMenu(_tr("&Tabs"))
    add(bar.addMenu(_tr("&Help")), a.guide, a.keys, a.report, None, a.about)
    return tabs


def fill_toolbar(window: QMainWindow, actions: Actions) -> QToolBar:
    bar = QToolBar(_tr("Toolbar"), window)
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    bar.setFloatable(False)
    bar.setIconSize(QSize(20, 20))
    bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
    a = actions
    with_text = (a.new, a.start)
    for item in (
        a.library, a.new, None, a.start, a.pause, a.reset, a.shut_down, a.power_off, None, a.ctrl_alt_delete, a.screenshot,
        a.paste, None, a.console_view, a.performance, a.full_screen, None, a.settings,
    ):  # fmt: skip
        if item is None:
            bar.addSeparator()
            continue
        bar.addAction(item)
        button = bar.widgetForAction(item)
        button.setAccessibleName(item.text().replace("&", "").rstrip("…"))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        if item in with_text:
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)  # type: ignore[attr-defined]
    a.new.setIconText(" " + _tr("New"))
    a.start.setIconText(" " + _tr("Start"))
    window.addToolBar(bar)
    return bar
