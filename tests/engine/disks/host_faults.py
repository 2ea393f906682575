"""A host that fails: what the operating system answers to image files, one call at a time."""

from __future__ import annotations

import errno
import os
from typing import Any

import pytest


class HostFaults:
    """Makes os.pread, os.pwrite, os.ftruncate, os.fsync and os.open fail as long as told so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def fail(self, call: str, number: int, times: int = 1 << 30) -> None:
        """``call`` ("pwrite") fails with error ``number`` the next ``times`` times."""
        real = getattr(os, call)
        left = times

        def failing(*args: Any, **options: Any) -> Any:
            nonlocal left
            if left == 0:
                return real(*args, **options)
            left -= 1
            raise OSError(number, os.strerror(number))

        self._monkeypatch.setattr(os, call, failing)

    def refuse_writing(self, number: int = errno.EACCES) -> None:
        """Files cannot be opened for writing, whoever runs the tests."""
        real = os.open

        def opening(path: Any, flags: int, *args: Any, **options: Any) -> int:
            if flags & (os.O_RDWR | os.O_WRONLY):
                raise OSError(number, os.strerror(number), str(path))
            return real(path, flags, *args, **options)

        self._monkeypatch.setattr(os, "open", opening)

    def write_little(self, most: int) -> None:
        """A write takes at most so many bytes, as it does on a host that is nearly full."""
        real = os.pwrite
        self._monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, bytes(data)[:most], offset))

    def heal(self) -> None:
        self._monkeypatch.undo()
