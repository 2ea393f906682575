"""A PC that stands before its first instruction, with a small program on its diskette."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine import Machine, MachineConfig, _core
from engine.config import FloppyConfig
from engine.events import Event, PowerChanged, PowerState

#   7C00 xor ax, ax / mov cx, 3      7C09 mov [600h], ax      7C0E call 7C14h
#   7C05 nop                         7C0C loop 7C06h          7C11 jmp 7C11h
#   7C06 inc ax / nop / nop                                   7C14 mov bx, [600h] / ret
PROGRAM = bytes.fromhex("31c0b9030090409090a30006e2f8e80300ebfe908b1e0006c3")
BOOT, INC, STORE, AFTER_STORE, CALL, END = 0x7C00, 0x7C06, 0x7C09, 0x7C0C, 0x7C0E, 0x7C11
CELL = 0x600
_PATIENCE_S = 60


def program_diskette(folder: Path) -> Path:
    """1.44 MB with the program in its boot sector."""
    image = folder / "program.img"
    image.write_bytes(PROGRAM.ljust(510, b"\0") + b"\x55\xaa" + bytes(1_474_560 - 512))
    return image


class Bench:
    """The machine, and when it stands."""

    def __init__(self, config: MachineConfig) -> None:
        self._stands = threading.Event()
        self.machine = Machine(config, self._hear)
        self.machine.power_on(paused=True)

    def _hear(self, event: Event) -> None:
        if isinstance(event, PowerChanged):
            (self._stands.clear if event.state is PowerState.RUNNING else self._stands.set)()

    def until_it_stands(self) -> None:
        assert self._stands.wait(_PATIENCE_S), "it runs on"


@pytest.fixture(params=["interpreter", "translator"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "translator" and not _core.Interpreter.can_translate():
        pytest.skip("this host has no BMI2")
    floppies = (FloppyConfig(program_diskette(tmp_path)),)
    made = Bench(MachineConfig(memory_mb=4, floppies=floppies, accelerator=request.param))
    yield made
    made.machine.close()


Make = Callable[[], Bench]
