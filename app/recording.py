"""Films of a guest's screen: WebM, MP4 or GIF, by the suffix of the file's name.

PyAV (FFmpeg's libraries) encodes. A thread of the recorder's own looks at the screen as often as the film has
pictures, and encodes what changed at the time it was seen, by the host's clock: nothing piles up in memory, and a slow
encoder loses pictures, not time. The film has the size of the first picture; others are fitted into it.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from engine.errors import BancadaError

if TYPE_CHECKING:
    from av import FFmpegError, VideoFrame, VideoStream
    from av.container import OutputContainer

SUFFIXES: Final = (".webm", ".mp4", ".gif")
_PICTURES_A_SECOND: Final = {".webm": 25, ".mp4": 25, ".gif": 10}
_TIME_BASE: Final = Fraction(1, 1000)
_TICK_MS: Final = {".webm": 1, ".mp4": 1, ".gif": 10}  # no two pictures are nearer to each other in the file
_STILL_S: Final = 1.0  # a still screen is written again after this long, so that players can seek
_MOST_JOIN_S: Final = 30.0

Pixels = NDArray[np.uint8]  # (height, width, 3): red, green, blue


class RecordingError(BancadaError):
    """A film cannot be made, or could not be finished."""


class FilmedScreen(Protocol):
    """What is filmed: an ``engine.Screen``."""

    @property
    def generation(self) -> int: ...
    def pixels(self) -> Pixels: ...


class Film:
    """One file that pictures are written into. Raises RecordingError from every method."""

    def __init__(self, file: Path, width: int, height: int) -> None:
        """``width`` and ``height`` in pixels; the film's are even, as codecs want them."""
        self.file = file
        self.width, self.height = width + width % 2, height + height % 2
        try:
            import av
        except ImportError as error:
            raise RecordingError("Films need the package “av” (PyAV), which is not installed.") from error
        self._av = av
        self._graph: Any = None
        self._last_ms = -1000
        try:
            self._handle = file.open("wb")  # FFmpeg would open it no sooner than at the first picture
            self._container: OutputContainer = av.open(
                self._handle, "w", format=file.suffix[1:].lower(), options=_container_options(file)
            )
            self._stream = self._add_stream()
        except OSError as error:
            raise _failed(file, error) from error

    def _add_stream(self) -> VideoStream:
        suffix = self.file.suffix.lower()
        codec, pixel_format, options = {
            # "realtime" and "ultrafast": the guest needs the processor more than the film does.
            ".webm": ("libvpx", "yuv420p", {"deadline": "realtime", "cpu-used": "8", "crf": "12", "b": "4M"}),
            ".mp4": ("libx264", "yuv420p", {"preset": "ultrafast", "crf": "20"}),
            ".gif": ("gif", "pal8", {}),
        }[suffix]
        stream = cast("VideoStream", self._container.add_stream(codec, _PICTURES_A_SECOND[suffix], options=options))
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, pixel_format
        stream.time_base = stream.codec_context.time_base = _TIME_BASE
        if suffix == ".gif":
            self._graph = self._palette_graph()
        return stream

    def _palette_graph(self) -> Any:
        """GIF has 256 colours: those that suit each picture."""
        graph = self._av.filter.Graph()
        rgb = self._av.VideoFormat("rgb24", self.width, self.height)
        source = graph.add_buffer(width=self.width, height=self.height, format=rgb, time_base=_TIME_BASE)
        split = graph.add("split")
        palette = graph.add("palettegen", "stats_mode=single")
        use = graph.add("paletteuse", "new=1:dither=none")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(palette, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        return graph

    def write(self, pixels: Pixels, milliseconds: int) -> None:
        """One picture, at a time after the one before."""
        tick = _TICK_MS[self.file.suffix.lower()]
        milliseconds = max(milliseconds // tick * tick, self._last_ms + tick)
        self._last_ms = milliseconds
        frame = self._av.VideoFrame.from_ndarray(fitted(pixels, self.width, self.height), format="rgb24")
        frame.pts, frame.time_base = milliseconds, _TIME_BASE
        try:
            if self._graph is not None:
                self._graph.push(frame)
                frame = self._graph.pull()
            self._encode(frame)
        except (OSError, self._av.FFmpegError) as error:
            raise _failed(self.file, error) from error

    def _encode(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """Writes what the encoder still has. The file is closed afterwards, come what may."""
        try:
            try:
                self._encode(None)
            finally:
                try:
                    self._container.close()
                finally:
                    self._handle.close()
        except (OSError, self._av.FFmpegError) as error:
            raise _failed(self.file, error) from error


class Recorder:
    """Films ``screen`` until ``stop``. ``ended(error)`` is called once, on the recorder's thread: None, or why the
    film ends early. The file can be played in both cases."""

    def __init__(
        self,
        screen: FilmedScreen,
        file: Path,
        ended: Callable[[RecordingError | None], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises RecordingError for a name that is no film's, or a file that cannot be written."""
        if file.suffix.lower() not in SUFFIXES:
            raise RecordingError(f"{file}: films are {', '.join(SUFFIXES)} files. Choose a name that ends so.")
        self.file = file
        self._screen = screen
        self._ended = ended
        self._now = now
        self._started = now()
        self._last: Pixels = screen.pixels()
        self._film = Film(file, self._last.shape[1], self._last.shape[0])
        self._period = 1 / _PICTURES_A_SECOND[file.suffix.lower()]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"film {file.name}", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """How long the film is by now."""
        return self._now() - self._started

    def stop(self) -> None:
        """Ends the film; it is closed when this returns."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_MOST_JOIN_S)

    def _work(self) -> None:
        error: RecordingError | None = None
        try:
            self._film_it()
        except RecordingError as failure:
            error = failure
        try:
            self._film.close()
        except RecordingError as failure:
            error = error or failure
        self._ended(error)

    def _film_it(self) -> None:
        generation = None
        written = 0.0
        while not self._stop.is_set():
            before, now = generation, self.seconds
            generation = self._screen.generation
            if generation != before:
                try:
                    self._last = self._screen.pixels()
                except (BancadaError, TimeoutError):  # the machine is going off
                    break
            if generation != before or now - written >= _STILL_S:
                self._film.write(self._last, round(now * 1000))
                written = now
            self._stop.wait(self._period)
        self._film.write(self._last, round(self.seconds * 1000))


def fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """A picture of any size in the middle of one of (height, width, 3), black around it. What is larger loses rows and
    columns evenly."""
    high, wide, _ = pixels.shape
    if (wide, high) == (width, height):
        return np.ascontiguousarray(pixels)
    factor = min(1.0, width / wide, height / high)
    new_wide, new_high = max(1, int(wide * factor)), max(1, int(high * factor))
    if factor < 1:
        rows = np.arange(new_high) * high // new_high
        columns = np.arange(new_wide) * wide // new_wide
        pixels = pixels[rows][:, columns]
    whole = np.zeros((height, width, 3), np.uint8)
    top, left = (height - new_high) // 2, (width - new_wide) // 2
    whole[top : top + new_high, left : left + new_wide] = pixels
    return whole


def _container_options(file: Path) -> dict[str, str]:
    # An MP4 in fragments can be played as far as it was written.
    return {"movflags": "frag_keyframe+empty_moov"} if file.suffix.lower() == ".mp4" else {}


def _failed(file: Path, error: OSError | FFmpegError) -> RecordingError:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RecordingError(
            f"{file}: the disk is full, so the film ends here. Make room and film on into a new file."
        )
    return RecordingError(f"{file}: the film could not be written ({reason}). Choose another folder.")
