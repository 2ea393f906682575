"""Plays a machine's sound on the host: an audio sink that is opened with the first sound, not before.

No audio device, or one that goes away, means silence and nothing else.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from PySide6.QtCore import QLoggingCategory, QObject, QTimer

SAMPLE_RATE: Final = 48_000
_SAMPLE_BYTES: Final = 2
_BUFFER_MS: Final = 80
_PUSH_MS: Final = 20
_POLL_MS: Final = 60  # while nothing was heard yet
_QUIET_PUSHES: Final = 250  # 5 s of silence closes the sink again


class Speaker(Protocol):
    """A machine's speaker; ``audible`` is cheap to ask."""

    @property
    def audible(self) -> bool: ...

    def take_samples(self, count: int) -> bytes: ...


class SoundOutput(QObject):
    """Pulls 16-bit mono samples from a machine's speaker while the machine runs."""

    def __init__(self, speaker: Speaker, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._speaker = speaker
        self._sink: Any = None
        self._device: Any = None
        self._failed = False
        self._quiet = 0
        self.muted = False
        self.volume = 100  # per cent
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._push)

    def start(self) -> None:
        self._timer.start(_PUSH_MS if self._sink else _POLL_MS)

    def stop(self) -> None:
        self._timer.stop()
        self._close()

    def _push(self) -> None:
        if self._sink is None:
            if not self._failed and not self.muted and self._speaker.audible:
                self._open()
            return
        self._sink.setVolume(self.volume / 100)
        room = self._sink.bytesFree() // _SAMPLE_BYTES
        if room <= 0:
            return
        samples = self._speaker.take_samples(room)
        if self.muted:
            samples = bytes(len(samples))
        self._quiet = 0 if any(samples) else self._quiet + 1
        if self._quiet > _QUIET_PUSHES:
            self._close()
            self._timer.start(_POLL_MS)
            return
        if samples:
            self._device.write(samples)

    def _open(self) -> None:
        # Importing QtMultimedia costs start-up time and loads the host's audio libraries: only when needed.
        QLoggingCategory.setFilterRules("qt.multimedia.*=false")  # no audio service is no news to anybody
        from PySide6.QtMultimedia import QAudioFormat, QAudioSink, QMediaDevices

        output = QMediaDevices.defaultAudioOutput()
        wanted = QAudioFormat()
        wanted.setSampleRate(SAMPLE_RATE)
        wanted.setChannelCount(1)
        wanted.setSampleFormat(QAudioFormat.SampleFormat.Int16)
        if output.isNull() or not output.isFormatSupported(wanted):
            self._failed = True
            return
        self._sink = QAudioSink(output, wanted, self)
        self._sink.setBufferSize(SAMPLE_RATE * _SAMPLE_BYTES * _BUFFER_MS // 1000)
        self._device = self._sink.start()
        if self._device is None:
            self._failed = True
            self._close()
            return
        self._quiet = 0
        self._timer.start(_PUSH_MS)

    def _close(self) -> None:
        if self._sink is not None:
            self._sink.stop()
            self._sink.deleteLater()
        self._sink = self._device = None
