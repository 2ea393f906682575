"""Values of options that several commands have."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from engine import config as limits


def memory_mb(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number of MB") from None
    if not limits.MIN_MEMORY_MB <= value <= limits.MAX_MEMORY_MB:
        allowed = f"{limits.MIN_MEMORY_MB} to {limits.MAX_MEMORY_MB}"
        raise argparse.ArgumentTypeError(f"{value} MB of memory is not possible; allowed: {allowed}")
    return value


def image_file(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the file's name is empty")
    return Path(os.path.normpath(Path(text).expanduser().absolute()))
