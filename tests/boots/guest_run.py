"""A real guest and the steps of its row in ``tests/guests/*.toml``, carried out as a person would.

A row says what goes into the drives (``floppy``, ``disk``, ``cdrom``, ``boot``, ``memory`` in MiB) and ``steps``, a list
of [verb, arguments...]. ``each = [..]`` makes one guest of every word in it, put in the place of ``{}``.
Seconds are the guest's, of the ``instructions`` clock, so every run is the same. ``mips`` is the processor's speed, for
guests that count frames or poll all the time: the slower it is, the less there is to execute.

wait TEXT [SECONDS]         the screen shows TEXT (all of the text at once, lines included)
like SHOT SHARE [SECONDS]   the picture is that of ``shots/SHOT.png`` beside the guest, in this share of its pixels at least
type TEXT                   as on the keyboard
key CHORD [TIMES]           one chord, TIMES over
mouse RIGHT DOWN            moves the mouse by counts
press NAME, release NAME    a mouse button
run SECONDS                 lets time pass
mode NAME                   the adapter is in this mode
colours NUMBER              the picture has at least that many colours
absent TEXT                 the screen does not show TEXT
look                        remembers the picture and where every character is
changed LEAST [MOST]        so many pixels differ from the last look
walked CHARACTER DX DY      CHARACTER, one of its kind on the screen, went from its last look in this direction (signs count)
dark X Y W H                nothing but black in this rectangle, which is in character cells
lit X Y W H                 something in this rectangle, in character cells
reset                       the reset button
power-cycle                 off, and a new machine made of the same files
"""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from engine import CdromConfig, DiskConfig, FloppyConfig, Machine, MachineConfig
from tests.conftest import GUESTS

SHOTS: Final = GUESTS / "shots"
Step = list[Any]

_PATIENCE_S: Final = 30
_LOOK_S: Final = 0.1  # between two comparisons of a picture
_COLOUR_TOLERANCE: Final = 12  # adapters turn six bits of a colour into eight in different ways


def private_copy(name: str, folder: Path) -> Path:
    """A writable copy, unpacked, so that a guest may write to it."""
    source = GUESTS / name
    if name.endswith(".gz"):
        target = folder / name.removesuffix(".gz")
        target.write_bytes(gzip.decompress(source.read_bytes()))
    else:
        target = folder / name
        shutil.copyfile(source, target)
        target.chmod(0o644)
    return target


def configuration(row: dict[str, Any], folder: Path, accelerator: str) -> MachineConfig:
    boot = row.get("boot") or ["floppy" if "floppy" in row else "cdrom" if "cdrom" in row else "disk"]
    return MachineConfig(
        name=row["name"],
        clock="instructions",
        accelerator=accelerator,
        memory_mb=row.get("memory", 16),
        boot_order=tuple(boot),
        floppies=[FloppyConfig(private_copy(row["floppy"], folder))] if "floppy" in row else [],
        disks=[DiskConfig(private_copy(row["disk"], folder))] if "disk" in row else [],
        cdroms=[CdromConfig(GUESTS / row["cdrom"])] if "cdrom" in row else [],
    )


class GuestRun:
    """One machine with one guest's media; ``close`` it."""

    def __init__(self, row: dict[str, Any], folder: Path, accelerator: str) -> None:
        self._config = configuration(row, folder, accelerator)
        self.vm = self._switched_on()
        self._picture = self.vm.screen.pixels()
        self._text: list[str] = []

    def close(self) -> None:
        self.vm.close()

    def carry_out(self, step: Step) -> None:
        """Raises AssertionError or TimeoutError where the guest is not as the step says."""
        verb, *arguments = step
        getattr(self, "do_" + verb.replace("-", "_"))(*arguments)

    def _switched_on(self) -> Machine:
        vm = Machine(self._config)
        vm.power_on()
        return vm

    # -- What a person does ---------------------------------------------------------------------------------

    def do_type(self, text: str) -> None:
        self.vm.keyboard.type(text)

    def do_key(self, chord: str, times: int = 1) -> None:
        for _ in range(times):
            self.vm.keyboard.chord(chord)

    def do_mouse(self, right: int, down: int) -> None:
        # A packet carries up to 255 counts; a hand needs time, too.
        for _ in range(10):
            self.vm.mouse.move(right // 10, down // 10)
            self.vm.run_for(0.02)
        self.vm.mouse.move(right - right // 10 * 10, down - down // 10 * 10)
        self.vm.run_for(0.1)

    def do_press(self, name: str) -> None:
        self.vm.mouse.press(name)
        self.vm.run_for(0.1)

    def do_release(self, name: str) -> None:
        self.vm.mouse.release(name)
        self.vm.run_for(0.1)

    def do_run(self, seconds: float) -> None:
        self.vm.run_for(seconds)

    def do_reset(self) -> None:
        self.vm.reset()
        self.vm.run_for(0.1)  # the old picture is gone

    def do_power_cycle(self) -> None:
        self.vm.power_off()
        self.vm.close()
        self.vm = self._switched_on()

    def do_look(self) -> None:
        self._picture = self.vm.screen.pixels()
        self._text = self.vm.screen.text().splitlines()

    # -- What a person sees ---------------------------------------------------------------------------------

    def do_wait(self, text: str, seconds: float = _PATIENCE_S) -> None:
        self.vm.screen.wait_for_text(text, timeout=seconds)

    def do_absent(self, text: str) -> None:
        assert text not in self.vm.screen.text()

    def do_mode(self, name: str) -> None:
        assert self.vm.screen.mode_name == name

    def do_colours(self, least: int) -> None:
        assert len(np.unique(self.vm.screen.pixels().reshape(-1, 3), axis=0)) >= least

    def do_like(self, shot: str, share: float, seconds: float = _PATIENCE_S) -> None:
        expected = picture_of(SHOTS / f"{shot}.png")
        reached = 0.0
        for _ in range(round(seconds / _LOOK_S)):
            reached = max(reached, equal_share(self.vm.screen.pixels(), expected))
            if reached >= share:
                return
            self.vm.run_for(_LOOK_S)
        raise AssertionError(f"at best {reached:.1%} of the pixels were those of {shot}.png")

    def do_changed(self, least: int, most: int | None = None) -> None:
        picture = self.vm.screen.pixels()
        assert picture.shape == self._picture.shape
        different = int((picture != self._picture).any(axis=2).sum())
        assert least <= different <= (picture.size if most is None else most)

    def do_walked(self, character: str, right: int, down: int) -> None:
        before, after = position(self._text, character), position(self.vm.screen.text().splitlines(), character)
        assert np.sign(after[0] - before[0]) == np.sign(right)
        assert np.sign(after[1] - before[1]) == np.sign(down)

    def do_dark(self, column: int, row: int, width: int, height: int) -> None:
        assert not self._cells(column, row, width, height).any()

    def do_lit(self, column: int, row: int, width: int, height: int) -> None:
        assert self._cells(column, row, width, height).any()

    def _cells(self, column: int, row: int, width: int, height: int) -> NDArray[np.uint8]:
        picture = self.vm.screen.pixels()
        name = self.vm.screen.mode_name
        assert name.startswith("text "), name
        columns, rows = (int(number) for number in name.removeprefix("text ").split("x"))
        across, down = picture.shape[1] // columns, picture.shape[0] // rows
        return picture[row * down : (row + height) * down, column * across : (column + width) * across]


def position(lines: list[str], character: str) -> tuple[int, int]:
    """Column and row of the only ``character`` there is."""
    found = [(line.index(character), row) for row, line in enumerate(lines) if character in line]
    assert len(found) == 1, f"{character!r} is {len(found)} times on the screen"
    return found[0]


def picture_of(file: Path) -> NDArray[np.uint8]:
    """Rows, columns, red-green-blue of a picture file."""
    image = QImage(str(file)).convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 3].reshape(image.height(), image.width(), 3).copy()


def equal_share(picture: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    """The share of pixels with the expected colour; 0 when the sizes have nothing to do with each other."""
    down, across = expected.shape[0] // picture.shape[0], expected.shape[1] // picture.shape[1]
    if (picture.shape[0] * down, picture.shape[1] * across) != expected.shape[:2]:
        return 0.0
    enlarged = picture.repeat(down, axis=0).repeat(across, axis=1).astype(np.int16)
    return float((np.abs(enlarged - expected).max(axis=2) <= _COLOUR_TOLERANCE).mean())
