"""Preferences: never in the way of starting, comments kept, wrong values named with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from app import preferences, recent_media
from app.preferences import Preferences, load, preferences_file
from engine.errors import ConfigError, HostResourceError


def test_defaults_without_a_file() -> None:
    assert load() == Preferences() and load().problems == [] and not preferences_file().exists()


def test_what_is_saved_is_loaded_and_explained() -> None:
    mine = Preferences(language="pt_BR", volume=30, confirm_reset=False, machines_folder="~/PCs")
    mine.save()
    assert load() == mine
    text = preferences_file().read_text()
    assert "# Language of the windows. One of: auto, en, pt_BR." in text and 'language = "pt_BR"' in text
    preferences_file().write_text(text.replace("volume = 30", "volume = 30 # quiet"))
    mine.volume = 40
    mine.save()
    assert "volume = 40 # quiet" in preferences_file().read_text()


def test_wrong_values_become_defaults_and_are_named() -> None:
    preferences_file().parent.mkdir(parents=True, exist_ok=True)
    preferences_file().write_text('volume = 900\ntheme = 5\nlanguage = "tlh"\nvolumne = 1\nsound = false\n')
    loaded = load()
    assert loaded == Preferences(sound=False)
    told = [str(problem) for problem in loaded.problems]
    assert told == [
        "line 1: volume: 900 is not possible. Allowed: 0 to 100. The default is taken.",
        "line 2: theme: 5 does not fit here. Allowed: text in quotes. The default is taken.",
        "line 3: language: “tlh” is not known. Allowed: auto, en, pt_BR. The default is taken.",
        "line 4: volumne: This setting is not known. Did you mean “volume”?",
    ]


def test_a_file_that_is_no_toml_is_set_aside_when_saving() -> None:
    preferences_file().parent.mkdir(parents=True, exist_ok=True)
    preferences_file().write_text("volume = = 3\n")
    loaded = load()
    assert loaded == Preferences() and len(loaded.problems) == 1
    loaded.save()
    assert preferences_file().with_name("preferences.toml.broken").read_text() == "volume = = 3\n"
    assert load().problems == []


def test_values_that_are_not_allowed_are_not_saved() -> None:
    with pytest.raises(ConfigError, match="scaling"):
        Preferences(scaling="huge").save()
    assert not preferences_file().exists()


def test_a_settings_folder_that_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(preferences, "write_atomically", refuse)
    with pytest.raises(HostResourceError, match="could not be saved .Read-only"):
        Preferences().save()


def test_recent_media(tmp_path: Path, private_library: Path) -> None:
    images = [tmp_path / f"{number}.img" for number in range(15)]
    for image in images:
        image.write_bytes(b"")
        recent_media.remember("floppy", image)
    recent_media.remember("floppy", images[10])
    assert recent_media.recent("floppy") == [images[10], images[14], *images[13:10:-1], *images[9:2:-1]]
    images[14].unlink()
    assert images[14] not in recent_media.recent("floppy") and recent_media.recent("cdrom") == []
    (private_library / "recent-media.json").write_text("[1")
    assert recent_media.recent("floppy") == []
    with pytest.raises(ValueError, match="tape"):
        recent_media.remember("tape", images[0])
