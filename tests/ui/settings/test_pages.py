"""The pages: what is loaded is stored again, edits are stored, problems stand at their fields, running locks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from engine.config import CdromConfig, DiskConfig, FloppyConfig, MachineConfig, SerialConfig
from engine.errors import MediumError
from tests.ui.robot import Robot, button, click, click_row, keys, press
from ui.settings.boot_page import BootPage
from ui.settings.cdrom_page import CdromPage
from ui.settings.dialog import SettingsDialog
from ui.settings.disks_page import DisksPage
from ui.settings.floppy_page import FloppyPage
from ui.settings.page import Page
from ui.settings.processor_page import ProcessorPage
from ui.settings.serial_page import SerialPage


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1024))
    return image


@pytest.fixture
def config(disk: Path) -> MachineConfig:
    return MachineConfig(
        name="Everything",
        memory_mb=48,
        cpu_model="486",
        accelerator="interpreter",
        clock="instructions",
        floppies=(FloppyConfig(Path("/a.img"), "1.2M", read_only=True), FloppyConfig(None, "360K")),
        disks=(DiskConfig(disk, 0, read_only=True),),
        cdroms=(CdromConfig(Path("/c.iso"), 2), CdromConfig(None, 3)),
        serial=(SerialConfig("tcp", "localhost:4000"), SerialConfig("none"), SerialConfig("pty")),
        boot_order=("disk", "cdrom"),
        video_memory_mb=8,
        sound=False,
        printer=Path("/tmp/printed.prn"),
        debug_port=Path("/tmp/debug.txt"),
        start_time="1998-05-04T03:02:01",
    )


@pytest.fixture
def saved() -> list[MachineConfig]:
    return []


@pytest.fixture
def dialog(qtbot: QtBot, config: MachineConfig, saved: list[MachineConfig]) -> SettingsDialog:
    window = SettingsDialog(config, running=False, save=saved.append)
    qtbot.addWidget(window)
    window.show()
    return window


def test_what_is_loaded_comes_back_unchanged(dialog: SettingsDialog, config: MachineConfig) -> None:
    for page in dialog.pages:
        assert page.store(config) == config, page.key


def test_ok_without_edits_writes_nothing(dialog: SettingsDialog, saved: list[MachineConfig]) -> None:
    click(dialog.ok)
    assert saved == []
    assert not dialog.isVisible()


def test_edits_on_several_pages_are_saved_together(dialog: SettingsDialog, saved: list[MachineConfig]) -> None:
    dialog.page("memory").field.spin.setValue(32)  # type: ignore[attr-defined]
    sound = dialog.page("sound")
    dialog.show_page("sound")
    click(sound.enabled)  # type: ignore[attr-defined]
    click(dialog.ok)
    assert [(config.memory_mb, config.sound, config.cpu_model) for config in saved] == [(32, True, "486")]


def test_a_failed_save_keeps_the_dialog_and_the_edits(qtbot: QtBot, config: MachineConfig, robot: Robot) -> None:
    def refuse(_: MachineConfig) -> None:
        raise MediumError("/machines/x/machine.toml", "The disk is full.")

    window = SettingsDialog(config, running=False, save=refuse)
    qtbot.addWidget(window)
    window.show()
    window.page("memory").field.spin.setValue(20)  # type: ignore[attr-defined]
    robot.expect("MessageDialog", press("OK"))
    click(window.ok)
    qtbot.waitUntil(lambda: robot.done)
    assert window.isVisible()
    assert window.draft.memory_mb == 20


def test_two_drives_on_one_connection_are_told_at_the_field(dialog: SettingsDialog) -> None:
    dialog.show_page("cdrom")
    page = dialog.page("cdrom")
    assert isinstance(page, CdromPage)
    slot = page.cards[1].slot
    slot.setCurrentIndex(slot.findData(2))
    wrong = [label for path, label, _ in page._places if path == "cdrom[1].slot"]
    assert wrong[0].text() == "IDE slot 2 is taken by cdrom[0]."
    assert not dialog.ok.isEnabled()
    assert "CD-ROM" in dialog.message.text()


def test_a_disk_file_that_is_gone_blocks_with_its_name(qtbot: QtBot, config: MachineConfig, disk: Path) -> None:
    disk.unlink()
    window = SettingsDialog(config, running=False, save=lambda _: None)
    qtbot.addWidget(window)
    assert not window.ok.isEnabled()
    page = window.page("disks")
    assert isinstance(page, DisksPage)
    assert any(str(disk) in label.text() for _, label, _ in page._places)
    page.remove(page.cards[0])
    assert window.ok.isEnabled()
    assert window.draft.disks == ()


def test_a_disk_made_and_then_cancelled_is_deleted(qtbot: QtBot, config: MachineConfig, tmp_path: Path) -> None:
    def make(page: Page, draft: MachineConfig) -> Path:
        image = tmp_path / "new.img"
        image.write_bytes(bytes(512))
        return image

    window = SettingsDialog(config, running=False, save=lambda _: None, make_disk=make)
    qtbot.addWidget(window)
    window.show()
    window.show_page("disks")
    page = window.page("disks")
    assert isinstance(page, DisksPage)
    click(page.add_new)
    assert [item.image.name for item in window.draft.hard_disks] == ["disk.img", "new.img"]
    assert window.draft.hard_disks[1].slot == 1
    click(button(window, "Cancel"))
    assert not (tmp_path / "new.img").exists()


def test_a_fifth_ide_drive_is_refused_with_words(dialog: SettingsDialog) -> None:
    dialog.show_page("cdrom")
    page = dialog.page("cdrom")
    assert isinstance(page, CdromPage)
    click(page.add)
    assert len(page.cards) == 3
    click(page.add)
    assert len(page.cards) == 3
    assert page._banner.isVisible()


def test_boot_order_is_moved_and_unticked(dialog: SettingsDialog) -> None:
    dialog.show_page("boot")
    page = dialog.page("boot")
    assert isinstance(page, BootPage)
    page.list.setCurrentRow(1)
    click(page.up)
    assert dialog.draft.boot_order == ("cdrom", "disk")
    page.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert dialog.draft.boot_order == ("disk",)


def test_a_printer_is_plugged_in_by_naming_its_file(
    dialog: SettingsDialog, saved: list[MachineConfig], tmp_path: Path
) -> None:
    dialog.show_page("serial")
    page = dialog.page("serial")
    assert isinstance(page, SerialPage)
    page.printer.line.setText(str(tmp_path / "nowhere" / "out.prn"))
    assert [problem.path for problem in page.own_problems()] == ["printer"]
    page.printer.line.setText(str(tmp_path / "out.prn"))
    click(dialog.ok)
    assert saved[0].printer == tmp_path / "out.prn"


def test_a_serial_port_without_a_target_is_told(dialog: SettingsDialog) -> None:
    dialog.show_page("serial")
    page = dialog.page("serial")
    assert isinstance(page, SerialPage)
    page.ports[0].target.line.clear()
    wrong = [label for path, label, _ in page._places if path == "serial[0]"]
    assert "needs a target" in wrong[0].text()
    page.ports[0].kind.setCurrentIndex(page.ports[0].kind.findData("memory"))
    assert wrong[0].text() == ""


def test_running_locks_what_cannot_change_and_says_why(
    qtbot: QtBot, config: MachineConfig, saved: list[MachineConfig]
) -> None:
    window = SettingsDialog(config, running=True, save=saved.append)
    qtbot.addWidget(window)
    window.show()
    memory = window.page("memory")
    assert not memory.field.spin.isEnabled()  # type: ignore[attr-defined]
    assert memory._banner.isVisible()
    window.show_page("floppy")
    floppy = window.page("floppy")
    assert isinstance(floppy, FloppyPage)
    assert not floppy.drives[0].kind.isEnabled()
    assert floppy.drives[0].image.isEnabled()
    floppy.drives[0].image.line.setText("/b.img")
    click(window.ok)
    assert saved[0].floppy_drives[0].image == Path("/b.img")


def test_every_field_has_a_name_for_screen_readers(dialog: SettingsDialog) -> None:
    from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QLineEdit, QWidget

    nameless: list[QWidget] = []
    for page in dialog.pages:
        for field in page.findChildren(QWidget):
            inside = isinstance(field, QLineEdit) and isinstance(field.parent(), QAbstractSpinBox | QComboBox)
            if (
                isinstance(field, QLineEdit | QComboBox | QAbstractSpinBox)
                and not inside
                and not field.accessibleName()
            ):
                nameless.append(field)
    assert nameless == []


def test_tab_goes_from_field_to_field(dialog: SettingsDialog) -> None:
    click_row(dialog.list, "Processor")
    page = dialog.page("processor")
    assert isinstance(page, ProcessorPage)
    for expected in (page.model, page.accelerator, page.clock, dialog.ok):
        keys(dialog.focusWidget(), Qt.Key.Key_Tab)
        assert dialog.focusWidget() is expected
