"""Breakpoints, watchpoints, single steps, registers and linear memory of a machine. The guest does not see any of it.

While there are breakpoints or watchpoints the machine takes one instruction at a time: some millions a second.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.debug.page_tables import Range, ranges
from engine.errors import MachineError
from engine.events import PowerState

if TYPE_CHECKING:
    from engine.machine import Machine

_PAGE: Final = 4096
_LONGEST_HALT_S: Final = 0.5  # of the host's time


@dataclass(frozen=True)
class Watchpoint:
    """Stops after an access to ``length`` bytes of linear memory."""

    linear: int
    length: int
    reads: bool
    writes: bool


class Debugger:
    """Of one machine that is on. All methods may be called from any thread but the machine's own."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._cpu = machine.board.cpu
        self._breakpoints: set[int] = set()  # linear addresses
        self._watchpoints: set[Watchpoint] = set()
        self._until: int | None = None  # where ``run_to`` is going

    # -- Running

    @property
    def runs(self) -> bool:
        return self.machine.state is PowerState.RUNNING

    def stop(self) -> None:
        """Between two instructions; nothing happens to a machine that stands."""
        self.machine.pause()

    def go(self) -> None:
        """Runs on; a breakpoint at the present instruction does not count."""
        self.machine.resume()

    def step(self) -> None:
        """Carries out one instruction, or one repetition of a string instruction; an interrupt that is due comes first.
        A processor that is halted waits a while for one. Raises MachineError for a machine that runs or is off."""
        if self.machine.state is not PowerState.PAUSED:
            raise MachineError("Only a machine that is paused can be stepped. Stop it first.")
        self.machine.call(self._step_one)

    def _step_one(self) -> None:
        if not self._cpu.registers()["halted"]:
            self._cpu.run_for(1)
            return
        clock = self.machine.board.clock
        enough = threading.Timer(_LONGEST_HALT_S, self._cpu.request_stop)
        clock.resume()  # time has to go by for an interrupt to come
        enough.start()
        try:
            self._cpu.run_for(1)
        finally:
            enough.cancel()
            clock.pause()

    def run_to(self, linear: int) -> None:
        """Runs on to an address, once, unless something else stops it before."""
        self._until = linear & 0xFFFFFFFF
        self._change(lambda: None)
        self.go()

    def stopped(self) -> None:
        """To be called when the machine stands: what ``run_to`` waited for is over."""
        if self._until is not None:
            self._until = None
            self._change(lambda: None)

    @property
    def breakpoints(self) -> list[int]:
        """Linear addresses, sorted."""
        return sorted(self._breakpoints)

    @property
    def watch_hit(self) -> int | None:
        """The linear address of the watchpoint that stopped it last; None when something else did."""
        return self._cpu.watch_hit

    # -- Where it stops

    def set_breakpoint(self, linear: int) -> None:
        self._change(lambda: self._breakpoints.add(linear & 0xFFFFFFFF))

    def clear_breakpoint(self, linear: int) -> None:
        self._change(lambda: self._breakpoints.discard(linear & 0xFFFFFFFF))

    def set_watchpoint(self, watchpoint: Watchpoint) -> None:
        self._change(lambda: self._watchpoints.add(watchpoint))

    def clear_watchpoint(self, watchpoint: Watchpoint) -> None:
        self._change(lambda: self._watchpoints.discard(watchpoint))

    def clear(self) -> None:
        """Nothing stops it any more, and it has its full speed again."""

        def forget() -> None:
            self._until = None
            self._breakpoints.clear()
            self._watchpoints.clear()

        self._change(forget)

    def _change(self, change: Callable[[], None]) -> None:
        def work() -> None:
            change()
            watched = [(item.linear, item.length, item.reads, item.writes) for item in self._watchpoints]
            until = set() if self._until is None else {self._until}
            self._cpu.set_debugger_stops(sorted(self._breakpoints | until), watched)

        self.machine.call(work)

    # -- Registers and memory

    def registers(self) -> dict[str, int]:
        """Those of ``Machine.cpu.registers`` and of the x87."""
        return self.machine.call(lambda: self._cpu.registers() | self._cpu.x87_registers())

    def set_registers(self, values: dict[str, int]) -> None:
        """Raises KeyError for a name that is not a register's, or one of the x87's: these cannot be set."""
        self.machine.call(lambda: self._cpu.set_registers(values))

    def read(self, linear: int, length: int) -> bytes:
        """Linear memory through the guest's page tables, as far as it is mapped."""

        def work() -> bytes:
            found = b""
            while len(found) < length:
                at = (linear + len(found)) & 0xFFFFFFFF
                piece = self._cpu.read_linear(at, min(length - len(found), _PAGE - at % _PAGE))
                if piece is None:
                    break
                found += piece
            return found

        return self.machine.call(work)

    def read_physical(self, address: int, length: int) -> bytes:
        """Physical memory; what nobody answers for reads as ones."""
        return self.machine.call(lambda: self.machine.board.bus.read_memory(address, length))

    def mapped(self) -> list[Range]:
        """What the guest's page tables map now."""
        return self.machine.call(lambda: ranges(self.machine.board.bus.read_memory, self._cpu.registers()))

    def write(self, linear: int, data: bytes) -> bool:
        """False when a page of it is not mapped; what is before that is written."""

        def work() -> bool:
            done = 0
            while done < len(data):
                at = (linear + done) & 0xFFFFFFFF
                piece = data[done : done + _PAGE - at % _PAGE]
                if not self._cpu.write_linear(at, piece):
                    return False
                done += len(piece)
            return True

        return self.machine.call(work)
