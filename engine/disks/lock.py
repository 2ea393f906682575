"""One writer for an image file, any number of readers, across processes and within this one.

Advisory locks of the host (flock) belong to an open file, so two opens in one process exclude each other too.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from engine.errors import MediumError, MediumInUseError

_READ_ONLY_HERE: Final = (errno.EACCES, errno.EPERM, errno.EROFS)


def open_image(path: Path, writable: bool) -> tuple[int, bool]:
    """Opens and locks an image; returns the descriptor and whether it may be written.

    A file that cannot be opened for writing is opened for reading. Raises MediumError, or MediumInUseError when
    another machine writes to it (or, for writing, uses it at all).
    """
    _check_kind(path)
    descriptor = -1
    if writable:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            if error.errno not in _READ_ONLY_HERE:
                raise _unreadable(path, error) from error
            writable = False
    if descriptor < 0:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(path, error) from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if writable else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise MediumInUseError(
            path,
            "Another virtual machine is using this image.",
            "Power that one off, or attach the image read-only in both.",
        ) from error
    except OSError:
        pass  # a file system without locks: better without than not at all
    return descriptor, writable


def _check_kind(path: Path) -> None:
    """Only files (and the host's drives): opening a pipe would wait for its other end."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:
        raise MediumError(repr(str(path)), "This is not the name of a file.", "Choose another image.") from error
    if stat.S_ISDIR(mode):
        raise MediumError(path, "This is a folder, not an image file.", "Choose a file.")
    if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
        raise MediumError(path, "This is not an image file.", "Choose a file.")


def _unreadable(path: Path, error: OSError) -> MediumError:
    if isinstance(error, FileNotFoundError):
        return MediumError(path, "The file does not exist.", "Choose another image, or eject it.")
    return MediumError(path, f"The file cannot be opened: {error.strerror or error}.", "Check its permissions.")
