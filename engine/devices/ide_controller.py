"""IDE controller: two channels of two drives at the PC/AT's addresses, each with a bus master.

Source: ATA/ATAPI-6, section 7; the command block is attached at 1F0h or 170h, the control block at 3F6h or 376h, and
the bus masters' ports where the PCI function's BMIBA says.
Device 0 and device 1 both hear every register write; the selected one answers. The data register is two bytes
wide, and a dword there is two words of data (82371SB data sheet 290550, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from engine.bus import Memory, Port, PortRange
from engine.devices.device import ResetKind, copy_state
from engine.devices.ide_bus_master import CHANNEL_PORTS, BusMasterState, IdeBusMaster
from engine.devices.ide_device import BSY, DEVICE_SLAVE, DIAGNOSTIC, IdeDevice
from engine.devices.ide_device import State as DriveState
from engine.errors import StateError
from engine.irq import IrqLine

DATA, ERROR_FEATURES, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, STATUS_COMMAND = range(8)
CONTROL_HOB, CONTROL_SRST, CONTROL_NIEN = 0x80, 0x04, 0x02
_DEVICE_OBSOLETE: Final = 0xA0  # bits that read as ones
# Nobody drives the bus: all ones, but the host pulls DD7 down, so that an empty channel is not taken for a busy drive
# (ATA/ATAPI-4, 4.2).
_FLOATING: Final = 0x7F
_FLOATING_WORD: Final = b"\x7f\xff"
_SHADOWED: Final = {
    ERROR_FEATURES: "features",
    COUNT: "count",
    LBA_LOW: "lba_low",
    LBA_MID: "lba_mid",
    LBA_HIGH: "lba_high",
}


@dataclass
class ChannelState:
    control: int = 0
    device: int = _DEVICE_OBSOLETE
    drives: list[DriveState | None] = field(default_factory=list)
    bus_master: BusMasterState = field(default_factory=BusMasterState)


@dataclass
class State:
    channels: list[ChannelState] = field(default_factory=list)


class _Channel:
    def __init__(
        self, irq: IrqLine, drives: Sequence[IdeDevice | None], memory: Memory, is_master: Callable[[], bool]
    ) -> None:
        self.irq = irq
        self.bus_master = IdeBusMaster(memory, lambda: self.selected, is_master)
        self.drives = list(drives)
        self.state = ChannelState()
        for drive in self.drives:
            if drive is not None:
                drive.interrupt_changed = self.update_irq

    @property
    def selected(self) -> IdeDevice | None:
        return self.drives[1 if self.state.device & DEVICE_SLAVE else 0]

    def update_irq(self) -> None:
        drive = self.selected
        level = drive is not None and drive.interrupting and not self.state.control & CONTROL_NIEN
        self.bus_master.interrupt_line(level)
        self.irq.set(level)

    def reset(self, kind: ResetKind) -> None:
        self.state = ChannelState(control=self.state.control if kind is ResetKind.SOFT else 0)
        for drive in self.drives:
            if drive is not None:
                drive.reset(kind)
        self.update_irq()
        if kind is not ResetKind.SOFT:
            self.bus_master.reset()

    # -- Data register

    def read_data(self) -> int:
        return int.from_bytes(self.read_block(1), "little")

    def write_data(self, value: int) -> None:
        self.write_block(value.to_bytes(2, "little"))

    def read_block(self, count: int) -> bytes:
        drive = self.selected
        return drive.read_data(2 * count) if drive is not None else _FLOATING_WORD * count

    def write_block(self, data: bytes) -> None:
        drive = self.selected
        if drive is not None:
            drive.write_data(data)
            self.bus_master.run()  # it may have been a packet

    # -- The rest of the command block

    def read_register(self, register: int) -> int:
        drive = self.selected
        if drive is None:
            return self._nobody(self.state.device if register == DEVICE else 0x00)
        task = drive.state.task
        if register == DEVICE:
            return _DEVICE_OBSOLETE | task.device & ~DEVICE_SLAVE | self.state.device & DEVICE_SLAVE
        if register == STATUS_COMMAND:
            drive.set_interrupt(False)
            return self._status(drive)
        if register == ERROR_FEATURES:
            return task.error
        name = _SHADOWED[register]
        value: int = getattr(task, f"{name}_previous" if self.state.control & CONTROL_HOB else name)
        return value

    def _nobody(self, for_other: int) -> int:
        """What is read when the selected drive is not there; the other one, if there is one, answers for it."""
        return for_other if any(drive is not None for drive in self.drives) else _FLOATING

    def _status(self, drive: IdeDevice) -> int:
        return BSY if self.state.control & CONTROL_SRST else drive.state.task.status

    def write_register(self, register: int, value: int) -> None:
        self.state.control &= ~CONTROL_HOB
        if self.state.control & CONTROL_SRST:
            return  # the drives are busy with the reset
        if register == STATUS_COMMAND:
            self._command(value)
            return
        if register == DEVICE:
            self.state.device = value | _DEVICE_OBSOLETE
        for drive in self.drives:
            if drive is None:
                continue
            task = drive.state.task
            if register == DEVICE:
                task.device = value
            else:
                name = _SHADOWED[register]
                setattr(task, f"{name}_previous", getattr(task, name))
                setattr(task, name, value)
        if register == DEVICE:
            self.update_irq()
            self.bus_master.run()

    def _command(self, value: int) -> None:
        if value == DIAGNOSTIC:
            # Both drives carry it out, whichever is selected, and device 0 answers for both.
            self.state.device = _DEVICE_OBSOLETE
        for drive in self.drives if value == DIAGNOSTIC else [self.selected]:
            if drive is not None:
                drive.command(value)
        self.bus_master.run()

    # -- Control block

    def read_alternate_status(self) -> int:
        """As the status register, but the interrupt stays."""
        drive = self.selected
        if drive is None:
            return self._nobody(0x00)
        return self._status(drive)

    def write_control(self, value: int) -> None:
        before, self.state.control = self.state.control, value
        if before & CONTROL_SRST and not value & CONTROL_SRST:
            self.reset(ResetKind.SOFT)
        self.update_irq()

    def command_ports(self) -> list[Port]:
        ports: list[Port] = [
            Port(
                DATA,
                self.read_data,
                self.write_data,
                width=2,
                read_block=self.read_block,
                write_block=self.write_block,
                repeats=True,
            )
        ]
        ports += [self._register(register) for register in range(ERROR_FEATURES, STATUS_COMMAND + 1)]
        return ports

    def _register(self, register: int) -> Port:
        return Port(register, lambda: self.read_register(register), lambda value: self.write_register(register, value))


class IdeController:
    """``drives``: primary master, primary slave, secondary master, secondary slave; None where there is none.
    ``is_master`` is whether the PCI function may reach ``memory``."""

    def __init__(
        self,
        irqs: Sequence[IrqLine],
        drives: Sequence[IdeDevice | None],
        memory: Memory,
        is_master: Callable[[], bool] = lambda: True,
    ) -> None:
        self._channels = [
            _Channel(irq, drives[2 * index : 2 * index + 2], memory, is_master) for index, irq in enumerate(irqs)
        ]

    def command_ports(self, channel: int) -> list[Port]:
        return self._channels[channel].command_ports()

    def control_ports(self, channel: int) -> list[Port]:
        unit = self._channels[channel]
        return [Port(0, unit.read_alternate_status, unit.write_control)]

    def bus_master_ports(self) -> list[PortRange]:
        """Both channels' bus masters."""
        count = CHANNEL_PORTS * len(self._channels)
        return [PortRange(0, count, self._read_bus_master, self._write_bus_master, width=4)]

    def _read_bus_master(self, offset: int, size: int) -> int:
        units = self._channels
        value = 0
        for at in reversed(range(offset, offset + size)):
            channel, register = divmod(at, CHANNEL_PORTS)
            value = value << 8 | (units[channel].bus_master.read(register) if channel < len(units) else 0xFF)
        return value

    def _write_bus_master(self, offset: int, value: int, size: int) -> None:
        # The last byte first: a start in the same access comes after the table and the status it goes with.
        for index in reversed(range(size)):
            channel, register = divmod(offset + index, CHANNEL_PORTS)
            if channel < len(self._channels):
                self._channels[channel].bus_master.write(register, value >> 8 * index & 0xFF)

    def may_reach_memory(self) -> None:
        """The PCI function became a master: transfers that waited for it go on."""
        for channel in self._channels:
            channel.bus_master.run()

    def reset(self, kind: ResetKind) -> None:
        for channel in self._channels:
            channel.reset(kind)

    def save(self) -> State:
        return State(
            [
                ChannelState(
                    channel.state.control,
                    channel.state.device,
                    [drive.save() if drive is not None else None for drive in channel.drives],
                    channel.bus_master.save(),
                )
                for channel in self._channels
            ]
        )

    def load(self, state: State) -> None:
        """Raises StateError, also when the drives are not where they were."""
        if not isinstance(state, State):
            raise StateError("The saved state of the IDE controller is of another kind.")
        present = [[drive is not None for drive in channel.drives] for channel in self._channels]
        if [[drive is not None for drive in channel.drives] for channel in state.channels] != present:
            raise StateError("The saved IDE controller has other drives.")
        for channel, saved in zip(self._channels, copy_state(state).channels, strict=True):
            channel.state = ChannelState(saved.control, saved.device)
            for drive, drive_state in zip(channel.drives, saved.drives, strict=True):
                if drive is not None and drive_state is not None:
                    drive.load(drive_state)
            channel.update_irq()
            channel.bus_master.load(saved.bus_master)  # the line that moved on the way here was no drive's interrupt
