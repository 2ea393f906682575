"""Interrupt request lines: levels with owners.

Several devices may share a line (PCI): the line is high while any owner holds it. Restoring a saved state
only has to drive each owner's level again.
"""

from __future__ import annotations

from collections.abc import Callable


class IrqWire:
    """A wire to one or more inputs of interrupt controllers; the OR of its owners."""

    def __init__(self, changed: Callable[[bool], None]) -> None:
        self._changed = [changed]
        self._high: set[IrqLine] = set()

    def connect(self, changed: Callable[[bool], None]) -> None:
        """Leads the wire to one more input; that one hears of changes from now on."""
        self._changed.append(changed)

    def line(self) -> IrqLine:
        """A new owner's end of the wire, low."""
        return IrqLine(self)

    def drive(self, line: IrqLine, level: bool) -> None:
        before = bool(self._high)
        if level:
            self._high.add(line)
        else:
            self._high.discard(line)
        after = bool(self._high)
        if before != after:
            for changed in self._changed:
                changed(after)


class IrqLine:
    """A device's end of an interrupt wire."""

    __slots__ = ("_wire", "level")

    def __init__(self, wire: IrqWire) -> None:
        self._wire = wire
        self.level = False

    def set(self, level: bool) -> None:
        if level != self.level:
            self.level = level
            self._wire.drive(self, level)

    def pulse(self) -> None:
        """Low to high and back: one edge."""
        self.set(False)
        self.set(True)
        self.set(False)


class RecordingIrqLine(IrqLine):
    """For tests: remembers every level it was set to."""

    __slots__ = ("history",)

    def __init__(self) -> None:
        super().__init__(IrqWire(lambda level: None))
        self.history: list[bool] = []

    def set(self, level: bool) -> None:
        if level != self.level:
            self.history.append(level)
        super().set(level)

    @property
    def edges(self) -> int:
        """Low-to-high transitions so far."""
        return sum(self.history)
