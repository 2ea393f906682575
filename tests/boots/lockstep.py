"""A guest's boot by the interpreter and by the translator, side by side: both are in the same state all the time.

Time is that of the ``instructions`` clock, so both executed the same number of instructions at every look. Where they
differ, both boots are done again with ever more looks, down to the instruction.

At length by hand: ``python -m tests.boots.lockstep freedos.img --seconds 60``, see ``--help``.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine import CdromConfig, DiskConfig, FloppyConfig, Machine, MachineConfig

ACCELERATORS: Final = ("interpreter", "translator")
INSTRUCTION_S: Final = 10e-9  # of the instructions clock
LARGEST_FLOPPY_BYTES: Final = 2_949_120
_FINER: Final = 100
_WINDOW, _WINDOW_END = 0xA0000, 0xC0000  # video memory: reading it changes the adapter's latches


@dataclass(frozen=True)
class Guest:
    """What is booted. The files are copied, so that each boot finds them as they are."""

    images: tuple[Path, ...] = ()
    memory_mb: int = 16
    cpu_model: str = MachineConfig().cpu_model
    kernel: Path | None = None
    initrd: Path | None = None
    command_line: str = ""

    def configuration(self, accelerator: str, folder: Path) -> MachineConfig:
        floppies, disks, cdroms = [], [], []
        for number, image in enumerate(self.images):
            if image.suffix == ".iso":
                cdroms.append(CdromConfig(image))
                continue
            copy = folder / f"{accelerator}-{number}{image.suffix}"
            shutil.copyfile(image, copy)
            if image.stat().st_size <= LARGEST_FLOPPY_BYTES:
                floppies.append(FloppyConfig(copy))
            else:
                disks.append(DiskConfig(copy))
        return MachineConfig(
            memory_mb=self.memory_mb,
            cpu_model=self.cpu_model,
            clock="instructions",
            accelerator=accelerator,
            floppies=floppies,
            disks=disks,
            cdroms=cdroms,
            kernel=self.kernel,
            initrd=self.initrd,
            kernel_command_line=self.command_line,
        )


@dataclass(frozen=True)
class Difference:
    """``seconds`` of guest time both were the same; ``text`` says what was not, ``every`` seconds later."""

    seconds: float
    every: float
    text: str


class Pair:
    """The guest twice. A context manager; ``run`` both and see ``difference``."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest
        self._open = ExitStack()
        self.machines: list[Machine] = []

    def __enter__(self) -> Pair:
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        for accelerator in ACCELERATORS:
            machine = self._open.enter_context(Machine(self._guest.configuration(accelerator, folder)))
            machine.power_on()
            self.machines.append(machine)
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open.close()

    def run(self, seconds: float) -> None:
        for machine in self.machines:
            machine.run_for(seconds)

    def difference(self) -> str:
        """What differs, in words; empty when nothing does."""
        ours, theirs = self.machines
        if ours.cpu.retired != theirs.cpu.retired:
            return f"{ours.cpu.retired} and {theirs.cpu.retired} instructions retired"
        before, after = ours.cpu.registers, theirs.cpu.registers
        registers = [f"{name} {before[name]:x} and {after[name]:x}" for name in before if before[name] != after[name]]
        memory = [
            f"memory {start:x}"
            for start, end in self._pieces()
            if _digest(ours.memory[start:end]) != _digest(theirs.memory[start:end])
        ]
        return ", ".join(registers + memory[:8])

    def where(self) -> str:
        registers = self.machines[0].cpu.registers
        linear = registers["cs_base"] + registers["eip"] & 0xFFFFFFFF
        return f"{registers['cs']:04x}:{registers['eip']:08x} (linear {linear:08x}, flags {registers['eflags']:x})"

    def _pieces(self) -> Iterator[tuple[int, int]]:
        step = 1 << 16
        for start in range(0, self._guest.memory_mb << 20, step):
            if not _WINDOW <= start < _WINDOW_END:
                yield start, start + step


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def first_difference(guest: Guest, seconds: float, every: float) -> Difference | None:
    """Boots ``guest`` for ``seconds`` and looks ``every`` so many; None when both were the same at every look."""
    same_until = 0.0
    while True:
        found = _look(guest, same_until, seconds, every)
        if found is None or every <= INSTRUCTION_S:
            return found
        same_until, seconds = found.seconds, found.seconds + 2 * every
        every = max(every / _FINER, INSTRUCTION_S)


def _look(guest: Guest, same_until: float, seconds: float, every: float) -> Difference | None:
    with Pair(guest) as pair:
        if same_until:
            pair.run(same_until)
        looks = 0
        while same_until + looks * every < seconds:
            where = pair.where()
            pair.run(every)
            text = pair.difference()
            if text:
                return Difference(same_until + looks * every, every, f"{text}; before: {where}")
            looks += 1
    return None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.boots.lockstep", description=__doc__)
    parser.add_argument("images", nargs="*", type=Path, help="diskettes, disks and CDs, told apart by size and name")
    parser.add_argument("--seconds", type=float, default=10, help="of guest time (default: 10)")
    parser.add_argument("--every", type=float, default=0.05, help="seconds of guest time between two looks")
    parser.add_argument("--memory", type=int, default=16, help="MB (default: 16)")
    parser.add_argument("--cpu-model", default=Guest.cpu_model)
    parser.add_argument("--kernel", type=Path)
    parser.add_argument("--initrd", type=Path)
    parser.add_argument("--append", default="")
    chosen = parser.parse_args(arguments)
    guest = Guest(tuple(chosen.images), chosen.memory, chosen.cpu_model, chosen.kernel, chosen.initrd, chosen.append)
    found = first_difference(guest, chosen.seconds, chosen.every)
    if found is None:
        print(f"The same for {chosen.seconds} s of guest time.")
        return 0
    print(f"The same for {found.seconds:.8f} s, then within {found.every * 1e9:.0f} ns: {found.text}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
