"""Lights: one a device, lit while it works, a menu and a drop place."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from engine.config import CdromConfig, FloppyConfig, MachineConfig
from ui.device_list import devices
from ui.status_lights import StatusLights

IMAGE = Path("/images/dos.img")
CONFIG = MachineConfig(floppies=(FloppyConfig(IMAGE), FloppyConfig(drive="none")), cdroms=(CdromConfig(),))


@pytest.fixture
def lights(qtbot: QtBot) -> StatusLights:
    widget = StatusLights(lambda device: [Path("/images/other.img"), IMAGE] if device == "floppy0" else [])
    qtbot.addWidget(widget)
    widget.show_devices(devices(CONFIG))
    widget.show()
    return widget


def entries(lights: StatusLights, device: str) -> list[str]:
    menu = QMenu()
    lights.fill_menu(menu, lights.lights[device].row)
    return [action.text() for action in menu.actions() if not action.isSeparator()]


def test_one_light_a_device_that_is_fitted(lights: StatusLights) -> None:
    assert list(lights.lights) == ["floppy0", "cdrom0", "serial0", "sound"]


def test_a_light_goes_on_and_out(lights: StatusLights, qtbot: QtBot) -> None:
    light = lights.lights["floppy0"]
    lights.flash("floppy0", writing=True)
    assert light.is_lit
    assert not lights.lights["cdrom0"].is_lit
    qtbot.waitUntil(lambda: not light.is_lit)


def test_an_unknown_device_is_no_matter(lights: StatusLights) -> None:
    lights.flash("disk7", writing=False)
    assert not any(light.is_lit for light in lights.lights.values())


def test_the_menu_of_a_drive_with_a_medium(lights: StatusLights) -> None:
    assert entries(lights, "floppy0") == [
        "Floppy A:  dos.img",
        "Disconnect “dos.img”",
        "Insert image…",
        "Recent images",
        "Settings…",
    ]


def test_the_menu_of_an_empty_drive(lights: StatusLights) -> None:
    assert entries(lights, "cdrom0") == ["CD-ROM  empty", "Insert image…", "Settings…"]


def test_the_menu_of_the_sound_mutes(lights: StatusLights, qtbot: QtBot) -> None:
    menu = QMenu()
    lights.fill_menu(menu, lights.lights["sound"].row)
    mute = next(action for action in menu.actions() if action.text() == "Mute")
    with qtbot.waitSignal(lights.mute_wanted) as heard:
        mute.trigger()
    assert heard.args == [True]


def test_an_image_is_dropped_on_a_drive(lights: StatusLights, qtbot: QtBot) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/images/new.img")])
    drop = QDropEvent(
        QPointF(3, 3), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(lights.insert_wanted) as heard:
        lights.lights["floppy0"].dropEvent(drop)
    assert heard.args == ["floppy0", "/images/new.img"]
    assert not lights.lights["serial0"].acceptDrops()


def test_screen_readers_hear_device_and_medium(lights: StatusLights) -> None:
    assert lights.lights["floppy0"].accessibleName() == "Floppy A: dos.img"
    assert lights.lights["cdrom0"].accessibleName() == "CD-ROM empty"
