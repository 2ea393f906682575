"""Films are played back and looked at, with the same library."""

from __future__ import annotations

import threading
from pathlib import Path

import av
import numpy as np
import pytest

from app.recording import Film, Recorder, RecordingError, fitted

RED, BLUE = (220, 20, 20), (20, 20, 220)


def plain(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def played(file: Path) -> list[tuple[float, np.ndarray]]:
    """Seconds and pictures."""
    with av.open(str(file)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


class Screen:
    """One whose pictures the test changes; ``looked`` tells that the recorder has seen the present one."""

    def __init__(self) -> None:
        self.picture, self.generation = plain(RED), 1
        self.looked = threading.Event()

    def show(self, picture: np.ndarray) -> None:
        self.looked.clear()
        self.picture = picture
        self.generation += 1

    def pixels(self) -> np.ndarray:
        self.looked.set()
        return self.picture


@pytest.mark.parametrize("suffix", [".webm", ".mp4", ".gif"])
def test_a_film_shows_what_was_written_when_it_was_written(tmp_path: Path, suffix: str) -> None:
    film = Film(tmp_path / f"film{suffix}", 64, 48)
    for milliseconds, colour in ((0, RED), (500, BLUE), (1000, BLUE)):
        film.write(plain(colour), milliseconds)
    film.close()
    pictures = played(tmp_path / f"film{suffix}")
    times = [time for time, _ in pictures]
    assert times[0] == pytest.approx(0, abs=0.02) and times[1] == pytest.approx(0.5, abs=0.02)
    for (_, picture), colour in zip(pictures, (RED, BLUE, BLUE), strict=False):
        assert np.abs(picture[24, 32].astype(int) - colour).max() < 40


@pytest.mark.parametrize("suffix", [".webm", ".mp4", ".gif"])
@pytest.mark.parametrize("first", [0, 5, 12])
def test_pictures_nearer_to_each_other_than_the_file_can_tell(tmp_path: Path, suffix: str, first: int) -> None:
    film = Film(tmp_path / f"film{suffix}", 64, 48)
    for milliseconds in (first, first, first + 1, first + 2, first + 11):
        film.write(plain((milliseconds, 0, 0)), milliseconds)
    film.close()
    times = [time for time, _ in played(tmp_path / f"film{suffix}")]
    assert len(times) == 5 and times == sorted(set(times))


def test_a_guest_that_changes_its_mode_stays_in_the_film(tmp_path: Path) -> None:
    screen, ends = Screen(), list[object]()
    recorder = Recorder(screen, tmp_path / "film.webm", ends.append)
    assert screen.looked.wait(10)
    screen.show(plain(BLUE, 200, 48))
    assert screen.looked.wait(10)
    recorder.stop()
    assert ends == [None]
    last = played(tmp_path / "film.webm")[-1][1]
    assert last.shape == (48, 64, 3)
    assert np.abs(last[24, 32].astype(int) - BLUE).max() < 40  # in the middle
    assert last[3, 32].max() < 40  # black above it


def test_odd_sizes_become_even(tmp_path: Path) -> None:
    film = Film(tmp_path / "film.mp4", 63, 47)
    film.write(plain(RED, 63, 47), 0)
    film.close()
    assert played(tmp_path / "film.mp4")[0][1].shape == (48, 64, 3)


def test_fitted_keeps_small_pictures_as_they_are_and_centres_them() -> None:
    whole = fitted(plain(RED, 10, 10), 20, 30)
    assert whole.shape == (30, 20, 3)
    assert (whole[10:20, 5:15] == RED).all()
    assert whole.sum() == plain(RED, 10, 10).sum()


def test_a_name_that_is_no_films(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"\.webm, \.mp4, \.gif"):
        Recorder(Screen(), tmp_path / "film.avi", lambda _: None)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="could not be written"):
        Recorder(Screen(), tmp_path / "none" / "film.webm", lambda _: None)


def test_a_full_disk_ends_the_film_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, ends, over = Screen(), list[RecordingError | None](), threading.Event()

    def ended(error: RecordingError | None) -> None:
        ends.append(error)
        over.set()

    recorder = Recorder(screen, tmp_path / "film.webm", ended)
    assert screen.looked.wait(10)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder._film, "_encode", full)
    screen.show(plain(BLUE))
    assert over.wait(10)
    recorder.stop()
    assert len(ends) == 1 and "disk is full" in str(ends[0])
