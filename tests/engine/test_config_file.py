"""machine.toml: what is written is read, what people write stays, and every mistake is named with its line."""

from __future__ import annotations

import errno
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import config_file
from engine.config import (
    BOOT_DEVICES,
    CPU_MODELS,
    CdromConfig,
    DiskConfig,
    FloppyConfig,
    MachineConfig,
    NetworkConfig,
    SerialConfig,
)
from engine.config_file import VmSettings, read_settings, setting_kinds, settings_to_values, write_settings
from engine.errors import ConfigError
from engine.toml_edit import edit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vm" / "machine.toml"


@pytest.fixture
def full(file: Path) -> VmSettings:
    folder = file.parent
    folder.mkdir()
    return VmSettings(
        MachineConfig(
            name="Windows 98 — «São João»",
            memory_mb=256,
            cpu_model="pentium",
            floppies=(FloppyConfig(folder / "boot.img", read_only=True), FloppyConfig(drive="1.2M")),
            disks=(DiskConfig(folder / "disk.img"), DiskConfig(Path("/elsewhere/data.img"), 1, read_only=True)),
            cdroms=(CdromConfig(),),
            serial=(SerialConfig("file", "com1.txt"),),
            networks=(NetworkConfig("nat", "52:42:00:00:00:01"),),
            boot_order=("cdrom", "disk"),
            nvram=folder / "nvram.bin",
            start_time="1999-12-31T23:59:00",
        ),
        guest="windows-98",
        notes='First line\nSecond "line" \\ end\n',
    )


def problems_of(file: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_settings(file)
    assert str(file) in str(caught.value)
    return [str(problem) for problem in caught.value.problems]


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


# -- Round trips


def test_what_is_written_is_read(file: Path, full: VmSettings) -> None:
    write_settings(file, full)
    assert read_settings(file) == full
    text = file.read_text()
    assert re.search(r"^format = 1$", text, re.M) and text.index("format") < text.index("memory_mb")
    assert 'image = "boot.img"' in text and 'image = "/elsewhere/data.img"' in text


UNSET = (
    "debug_port",
    "printer",
    "firmware",
    "video_firmware",
    "kernel",
    "initrd",
    "kernel_command_line",
)  # written when somebody sets them


def test_every_setting_of_a_new_file_is_in_the_file(file: Path, full: VmSettings) -> None:
    write_settings(file, full)
    text = file.read_text()
    for name in setting_kinds():
        assert re.search(rf"^{name.split('.')[-1]} = ", text, re.M) or name in UNSET


def test_the_folder_can_be_moved(file: Path, full: VmSettings, tmp_path: Path) -> None:
    write_settings(file, full)
    file.parent.rename(tmp_path / "moved")
    machine = read_settings(tmp_path / "moved" / "machine.toml").machine
    assert machine.hard_disks[0].image == tmp_path / "moved" / "disk.img"
    assert machine.hard_disks[1].image == Path("/elsewhere/data.img")


def test_a_small_file_by_hand_is_enough(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('format = 1\nid = "8d8ce0c7-d2ef-4811-886a-298960a8faa8"\nname = "Tiny"\n')
    read = read_settings(file)
    assert read.machine == MachineConfig(name="Tiny", serial=()) and read.guest == "other"


COMMENTED = """\
# my machine
format = 1
id = "8d8ce0c7-d2ef-4811-886a-298960a8faa8"

memory_mb = 16   # enough for everybody
name = "DOS"
boot_order = [
  "floppy",  # first
  "disk",
]
notes = '''
kept as it is
'''

# the C: drive
[[disk]]
slot = 0  # master
image = 'dos.img'

# two diskettes
[[floppy]]
drive = "1.44M"
[[floppy]]
drive = "1.2M"
"""


def test_comments_and_order_stay(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(COMMENTED)
    old = read_settings(file)
    write_settings(file, old)
    first = file.read_text()
    for line in COMMENTED.splitlines():
        assert line in first
    disk = DiskConfig(file.parent / "win.img")
    changed = old.with_machine(memory_mb=32, disks=(disk,), floppies=(FloppyConfig(drive="720K"),))
    write_settings(file, changed)
    text = file.read_text()
    assert read_settings(file) == changed
    for line in (
        "# my machine",
        "memory_mb = 32   # enough for everybody",
        '  "floppy",  # first',
        "# the C: drive",
        "slot = 0  # master",
        "# two diskettes",
        "kept as it is",
    ):
        assert line in text
    assert text.index("memory_mb") < text.index("name =") and 'image = "win.img"' in text
    assert text.count("[[floppy]]") == 1 and "dos.img" not in text


def test_writing_the_same_does_not_touch_the_file(file: Path, full: VmSettings) -> None:
    write_settings(file, full)
    before = file.stat()
    write_settings(file, full)
    assert file.stat().st_ino == before.st_ino and file.stat().st_mtime_ns == before.st_mtime_ns


def test_sections_as_inline_tables_are_rewritten(file: Path) -> None:
    file.parent.mkdir()
    head = 'format = 1\nid = "8d8ce0c7-d2ef-4811-886a-298960a8faa8"\nname = "X"\n'
    file.write_text(head + 'floppy = [{drive = "1.2M"}]\n')
    old = read_settings(file)
    write_settings(file, old.with_machine(floppies=(FloppyConfig(drive="720K"), FloppyConfig())))
    assert [floppy.drive for floppy in read_settings(file).machine.floppy_drives] == ["720K", "1.44M"]


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(str.strip)
PATHS = st.text(st.sampled_from("aé./ \\'\"#=[]"), min_size=1, max_size=12).map(lambda t: Path("/vm") / t.lstrip("/"))
MACHINES = st.builds(
    MachineConfig,
    name=NAMES,
    memory_mb=st.integers(1, 3072),
    cpu_model=st.sampled_from(CPU_MODELS),
    floppies=st.lists(st.builds(FloppyConfig, st.none() | PATHS, st.just("1.44M"), st.booleans()), max_size=2),
    disks=st.lists(PATHS, max_size=2, unique=True).map(lambda images: [DiskConfig(p, i) for i, p in enumerate(images)]),
    cdroms=st.lists(st.none() | PATHS, max_size=2).map(
        lambda images: [CdromConfig(p, 2 + i) for i, p in enumerate(images)]
    ),
    boot_order=st.lists(st.sampled_from(BOOT_DEVICES), unique=True, min_size=1),
    sound=st.booleans(),
)
SETTINGS = st.builds(VmSettings, MACHINES, notes=NAMES)


@settings(max_examples=150, deadline=None)
@given(SETTINGS, SETTINGS)
def test_any_change_of_any_file_is_read_back(first: VmSettings, second: VmSettings) -> None:
    """The editor changes text; whatever it is given, the file means the new settings afterwards."""
    old, new = settings_to_values(first, Path("/vm")), settings_to_values(second, Path("/vm"))
    fresh = config_file._fresh(old)
    sections = {kind: new.pop(kind) for kind in ("floppy", "disk", "cdrom", "serial", "network")}
    text = edit(fresh, tomllib.loads(fresh), new, sections)
    assert tomllib.loads(text) == new | {kind: items for kind, items in sections.items() if items}
    for comment in [line for line in fresh.split("\n") if line.startswith("#")]:
        assert comment in text


# -- Mistakes


@pytest.mark.parametrize(
    ("wrong", "where", "what"),
    [
        ('memory_mb = "16"', "memory_mb", "The text “16” does not fit here. Allowed: a whole number."),
        ("memory_mb = 16.5", "memory_mb", "16.5 does not fit here. Allowed: a whole number."),
        ("memory_mb = true", "memory_mb", "true does not fit here. Allowed: a whole number."),
        ("memory_mb = 99999999", "memory_mb", "99999999 MB of memory is not possible. Allowed: 1 to 3072 MB."),
        ("memory_mb = -1", "memory_mb", "-1 MB of memory is not possible."),
        ("memroy_mb = 16", "memroy_mb", "This setting is not known. Did you mean “memory_mb”?"),
        ('cpu_model = "athlon"', "cpu_model", "“athlon” is not known. Allowed: 386, 486"),
        ('boot_order = "disk"', "boot_order", "Allowed: a list."),
        ('boot_order = ["disk", 1]', "boot_order", 'Write a list like ["floppy", "disk"].'),
        ('boot_order = ["disk", "tape"]', "boot_order[1]", "“tape” is not known. Allowed: floppy"),
        ('boot_order = ["disk", "disk"]', "boot_order", "A device is listed twice."),
        ('start_time = "yesterday"', "start_time", "“yesterday” is no date and time. Write 1999"),
        ("sound = 1", "sound", "1 does not fit here. Allowed: true or false."),
        ('floppy = "a.img"', "floppy", "Write [[floppy]] on a line of its own"),
        ('[floppy]\nimage = "a.img"', "floppy", "Write [[floppy]] on a line of its own"),
        ("[[disk]]\nslot = 0", "disk[0].image", "The disk has no image."),
        ('[[disk]]\nimage = ""\nslot = 0', "disk[0].image", "The disk has no image."),
        ('[[disk]]\nimage = "d.img"', "disk[0].slot", "This setting is missing. Allowed: 0 to 3."),
        ('[[disk]]\nimage = "d.img"\nslot = 4', "disk[0].slot", "IDE slot 4 does not exist. Allowed: 0 to 3."),
        (
            '[[disk]]\nimage = "d.img"\nslot = 2\n[[cdrom]]\nslot = 2',
            "cdrom[0].slot",
            "IDE slot 2 is taken by disk[0].",
        ),
        ('[[floppy]]\ndrive = "8 inch"', "floppy[0].drive", "“8 inch” is not known. Allowed: none, 360K"),
        ('[[floppy]]\nimgae = "x"', "floppy[0].imgae", "Did you mean “image”?"),
        ('[[flopy]]\nimage = "x"', "flopy", "Did you mean “floppy”?"),
        ("[[floppy]]\n[[floppy]]\n[[floppy]]", "floppy", "A PC has at most 2 floppy drives."),
        ('[[serial]]\nkind = "tcp"', "serial[0].target", "needs a target"),
        ("printer = true", "printer", "true does not fit here. Allowed: text in quotes."),
        ('pinter = "out.prn"', "pinter", "Did you mean “printer”?"),
        ('printer = "a.img"\n[[floppy]]\nimage = "a.img"', "printer", "is in a drive. Name another file"),
        ('nvram = "a\\u0000b"', "nvram", "The text holds a zero character."),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(file: Path, wrong: str, where: str, what: str) -> None:
    file.parent.mkdir()
    head = 'format = 1\nid = "8d8ce0c7-d2ef-4811-886a-298960a8faa8"\n\nname = "X"  # a comment\n# another\n'
    file.write_text(head + wrong + "\n")
    found = problems_of(file)
    assert len(found) == 1, found
    number, path, message = re.fullmatch(r"line (\d+): (\S+): (.*)", found[0]).groups()  # type: ignore[union-attr]
    assert path == where and what in message
    key = where.split(".")[-1].split("[")[0]
    expected = line_of(file, key) if key in wrong else line_of(file, wrong.splitlines()[0])
    lines = wrong.splitlines()
    if where == "cdrom[0].slot":
        expected = 5 + len(lines)
    assert int(number) == expected


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('[[floppy]]\ndrive = 5\n[[disk]]\nslot = 9\nimage = "x"\n')
    found = problems_of(file)
    assert found[0].startswith("format: This setting is missing. Add a line like: format = 1")
    assert [text.split(":")[0] for text in found[3:]] == ["line 2", "line 4"]
    assert "id: This setting is missing." in found[1] and "name: This setting is missing." in found[2]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("format = 1\nname = \n", 2),
        ('format = 1\nname = "open\nmemory_mb = 16\n', 2),
        ("format = 1\n\nmemory_mb 16\n", 3),
        ("format = 1\nformat = 2\n", 2),
        ("format = 1\n[[floppy]\n", 2),
        ("format = 1\nnotes = '''\nnever closed\n", 3),
    ],
)
def test_text_that_is_no_toml_is_named_with_its_line(file: Path, text: str, line: int) -> None:
    file.parent.mkdir()
    file.write_text(text)
    found = problems_of(file)
    assert len(found) == 1 and found[0].startswith(f"line {line}: syntax: "), found


def test_files_that_are_no_settings_at_all(file: Path) -> None:
    file.parent.mkdir()
    assert "There is no such file" in problems_of(file)[0]
    file.write_bytes(b'format = 1\nname = "\xff"\n')
    assert problems_of(file)[0].startswith("line 2: file: These bytes are not UTF-8 text.")
    file.write_bytes(bytes(2 << 20))
    assert "far too long" in problems_of(file)[0]
    file.write_text("x = " + "[" * 5000)
    assert len(problems_of(file)) == 1
    file.unlink()
    file.mkdir()
    assert "It cannot be read" in problems_of(file)[0]


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_settings_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError):
        read_settings(file)


def test_wrong_settings_are_not_written(file: Path, full: VmSettings) -> None:
    write_settings(file, full)
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="memory_mb"):
        write_settings(file, full.with_machine(memory_mb=0))
    assert file.read_bytes() == before


def test_a_file_broken_by_hand_is_not_overwritten(file: Path, full: VmSettings) -> None:
    file.write_text("hours of work [\n")
    with pytest.raises(ConfigError, match="line 1"):
        write_settings(file, full)
    assert file.read_text() == "hours of work [\n"


# -- Formats


def test_a_newer_format_is_refused(file: Path, full: VmSettings) -> None:
    write_settings(file, full)
    file.write_text(file.read_text().replace("format = 1", "format = 7") + 'holograms = "on"\n')
    found = problems_of(file)
    assert len(found) == 1 and "newer Bancada (format 7; this one knows 1)" in found[0] and "line 5" in found[0]
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="newer"):
        write_settings(file, full)
    assert file.read_bytes() == before


def test_an_older_format_is_brought_up_step_by_step(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Format 1 here calls memory "ram" and has no name; 2 renames it, 3 adds the name."""

    def rename_ram(values: dict[str, Any]) -> None:
        values["memory_mb"] = values.pop("ram")

    def add_name(values: dict[str, Any]) -> None:
        values["name"] = f"PC with {values['memory_mb']} MB"

    monkeypatch.setattr(config_file, "FORMAT", 3)
    monkeypatch.setattr(config_file, "MIGRATIONS", {1: rename_ram, 2: add_name})
    file.parent.mkdir()
    original = '# mine\nformat = 1\nid = "8d8ce0c7-d2ef-4811-886a-298960a8faa8"\nram = 8\nsound = false # quiet\n'
    file.write_text(original)
    read = read_settings(file)
    assert read.machine.memory_mb == 8 and read.name == "PC with 8 MB" and not read.machine.sound
    assert file.read_text() == original, "reading does not write"
    write_settings(file, read.with_machine(memory_mb=9))
    assert file.with_name("machine.toml.format-1").read_text() == original
    text = file.read_text()
    assert "format = 3" in text and "\nram" not in text and "# mine" in text and "sound = false # quiet" in text
    assert read_settings(file).machine.memory_mb == 9


# -- Crash safety


def test_a_full_disk_leaves_the_old_file(file: Path, full: VmSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(file, full)
    before = file.read_bytes()

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("engine.atomic_file.os.fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        write_settings(file, full.with_machine(memory_mb=1))
    assert file.read_bytes() == before and [path.name for path in file.parent.iterdir()] == ["machine.toml"]


def test_data_is_on_the_disk_before_the_name(file: Path, full: VmSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(handle: int) -> None:
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "data")
        fsync(handle)

    def note_replace(*arguments: Any) -> None:
        order.append("name")
        replace(*arguments)

    monkeypatch.setattr("engine.atomic_file.os.fsync", note_fsync)
    monkeypatch.setattr("engine.atomic_file.os.replace", note_replace)
    write_settings(file, full)
    assert order == ["data", "name", "folder"]


def test_a_link_stays_a_link_and_the_mode_stays(file: Path, full: VmSettings, tmp_path: Path) -> None:
    real = tmp_path / "real.toml"
    file.symlink_to(real)
    write_settings(file, full)
    real.chmod(0o640)
    write_settings(file, full.with_machine(name="Other"))
    assert file.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    assert read_settings(file).name == "Other"
