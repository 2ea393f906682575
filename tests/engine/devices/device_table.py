"""Every device model in one table, for the tests that walk through all of them.

To add a device: write a function that builds it from a :class:`Rig` (with what has to be saved together with it),
and add it to ``TABLE``. ``stimuli`` are what the outside world does to it: keys, cables, other pins.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine import _core
from engine.bus import NativePort, Port, PortRange
from engine.clock import MICROSECOND_NS, MILLISECOND_NS, ManualClock
from engine.console.scan_codes import KEYS
from engine.devices.ata_disk import AtaDisk
from engine.devices.atapi_cdrom import AtapiCdrom
from engine.devices.debug_ports import DebugPorts
from engine.devices.device import Device
from engine.devices.dma_8237 import DmaControllers
from engine.devices.floppy_controller_82077 import FloppyController82077
from engine.devices.floppy_drive import FloppyDrive
from engine.devices.host_bridge_i440fx import HostBridge
from engine.devices.ide_controller import IdeController
from engine.devices.ide_function_piix3 import IdeFunction
from engine.devices.interrupt_controller_8259 import InterruptControllers
from engine.devices.io_apic_82093aa import IoApic82093aa
from engine.devices.isa_bridge_piix3 import IsaBridge
from engine.devices.keyboard_controller_8042 import KeyboardController8042
from engine.devices.local_apic import LocalApic
from engine.devices.parallel_port import ParallelPort
from engine.devices.pc_speaker import PcSpeaker
from engine.devices.pci_bus import PciBus
from engine.devices.pci_function import EXPANSION_ROM_INDEX, Identity, PciFunction, Window
from engine.devices.power_management_piix4 import PowerManagement
from engine.devices.ps2_keyboard import Ps2Keyboard
from engine.devices.ps2_mouse import Ps2Mouse
from engine.devices.rtc_cmos_mc146818 import RtcCmos
from engine.devices.serial_16550 import Serial16550
from engine.devices.system_control import SystemControl
from engine.devices.timer_8254 import Timer8254
from engine.irq import IrqLine, IrqWire, RecordingIrqLine
from tests.engine.devices.floppy_stimuli import Diskette, RandomGuest
from tests.engine.devices.ide_stimuli import CdTray, IdeGuest, MemoryDisk

Stimulus = Callable[[random.Random], object]
PAUSES_NS = (0, 0, MICROSECOND_NS, 50 * MICROSECOND_NS, MILLISECOND_NS, 20 * MILLISECOND_NS)


class RigMemory:
    """A megabyte of guest memory; elsewhere nothing answers."""

    def __init__(self) -> None:
        self.bytes = bytearray(1 << 20)

    def read(self, physical: int, length: int) -> bytes:
        return bytes(self.bytes[physical : physical + length]).ljust(length, b"\xff")

    def write(self, physical: int, data: bytes | bytearray | memoryview) -> None:
        kept = bytes(data)[: max(len(self.bytes) - physical, 0)]
        self.bytes[physical : physical + len(kept)] = kept


class Rig:
    """What devices hang on."""

    def __init__(self, now_ns: int = 0) -> None:
        self.clock = ManualClock()
        self.clock.advance(now_ns)
        self.memory = RigMemory()
        self.irqs: list[RecordingIrqLine] = []
        self.log: list[object] = []  # everything the device told the outside

    def irq(self) -> IrqLine:
        line = RecordingIrqLine()
        self.irqs.append(line)
        return line

    def note(self, *what: object) -> None:
        self.log.append(what)


@dataclass
class Built:
    """``devices`` are saved and loaded together, in this order."""

    devices: Sequence[Device]
    ports: Sequence[Port | PortRange | NativePort] = ()
    stimuli: Sequence[Stimulus] = ()
    looks: Sequence[Callable[[], object]] = ()  # what else can be seen of it
    pins: Sequence[IrqLine] = ()  # lines into the device, which their owners drive again after a load


def _interrupt_controllers(rig: Rig) -> Built:
    pic = InterruptControllers(lambda level: rig.note("int", level))
    lines = [pic.wire(irq).line() for irq in range(16) if irq != 2]
    stimuli = [
        lambda chance: chance.choice(lines).set(chance.random() < 0.5),
        lambda chance: rig.note("vector", pic.acknowledge()),
    ]
    return Built([pic], pic.port_map(), stimuli, [lambda: (pic.requests, pic.in_service, pic.masks)], lines)


def _apics(rig: Rig) -> Built:
    """Both APICs as the board has them; the native clock follows the rig's."""
    memory = _core.PhysicalMemory(1 << 20, 0)
    bus, clock = _core.Bus(memory), _core.Clock("instructions", 10)
    clock.set_now_ns(rig.clock.now_ns)
    cpu = _core.Interpreter(memory, bus, clock, "pentium-pro")
    local = LocalApic(clock)
    chip = IoApic82093aa(local.message)

    def ended(vector: int) -> None:
        rig.note("eoi", vector)
        chip.end_of_interrupt(vector)

    local.native.connect(cpu, bus, ended)

    def on_time(access: Callable[..., int | None]) -> Callable[..., int | None]:
        def call(*arguments: int) -> int | None:
            clock.set_now_ns(rig.clock.now_ns)
            clock.run_due()
            return access(*arguments)

        return call

    inputs = [IrqWire(chip.input(number)).line() for number in range(24)]
    pins = [IrqWire(local.set_lint0).line(), IrqWire(local.set_lint1).line(), *inputs]
    ports = [
        PortRange(0, 0x420, on_time(local.native.read), on_time(local.native.write), 4),  # type: ignore[arg-type]
        PortRange(0, 0x14, chip.read, chip.write, 4),
    ]
    stimuli: list[Stimulus] = [
        lambda chance: chance.choice(pins).set(chance.random() < 0.5),
        lambda chance: rig.note("vector", local.native.acknowledge()),
        lambda chance: on_time(local.native.write)(chance.randrange(0x40) * 16, chance.randrange(1 << 18), 4),
        lambda chance: local.message(chance.randrange(256), chance.randrange(8), chance.random() < 0.5, 0, False),
        lambda chance: local.native.write_base(chance.choice((0xFEE00900, 0xFEE00100, 0xFED00900, 0x900))),
    ]
    return Built([local, chip], ports, stimuli, [local.save, lambda: cpu.retired], pins)


def _timer(rig: Rig) -> Built:
    timer = Timer8254(rig.irq(), rig.clock)
    stimuli: list[Stimulus] = [lambda chance: timer.set_gate2(chance.random() < 0.5)]
    return Built([timer], timer.port_map(), stimuli, [lambda: timer.counter2_out, timer.counter2_waveform])


def _clock(rig: Rig) -> Built:
    rtc = RtcCmos(rig.irq(), rig.clock, datetime.datetime(2000, 2, 28, 23, 59, 57))
    return Built([rtc], rtc.port_map(), (), [rtc.time, lambda: rtc.nmi_masked])


def _dma(rig: Rig) -> Built:
    dma = DmaControllers(rig.memory)
    channels = [dma.channel(number) for number in (0, 1, 2, 3, 5, 6, 7)]
    stimuli: list[Stimulus] = [
        lambda chance: chance.choice(channels).write_memory(chance.randbytes(chance.randrange(600))),
        lambda chance: rig.note(chance.choice(channels).read_memory(chance.randrange(600))),
        lambda chance: chance.choice(channels).request(chance.random() < 0.5),
    ]
    return Built([dma], dma.port_map(), stimuli)


def _keyboard_and_mouse(rig: Rig) -> Built:
    keyboard = Ps2Keyboard(rig.clock, lambda leds: rig.note("leds", leds))
    mouse = Ps2Mouse(rig.clock)

    def set_a20(level: bool) -> None:
        controller.a20_changed(level)
        rig.note("a20", level)

    controller = KeyboardController8042(
        keyboard, mouse, rig.irq(), rig.irq(), rig.clock, set_a20, lambda: rig.note("reset")
    )
    names = sorted(KEYS)
    stimuli: list[Stimulus] = [
        lambda chance: keyboard.press(chance.choice(names)),
        lambda chance: keyboard.release(chance.choice(names)),
        lambda chance: mouse.move(chance.randint(-400, 400), chance.randint(-400, 400), chance.randint(-9, 9)),
        lambda chance: mouse.buttons(chance.randrange(32)),
    ]
    return Built([keyboard, mouse, controller], controller.port_map(), stimuli)


def _system_control(rig: Rig) -> Built:
    timer = Timer8254(rig.irq(), rig.clock)
    speaker = PcSpeaker(rig.clock)
    timer.counter2_changed = lambda: speaker.set_counter(timer.counter2_waveform())

    def set_a20(level: bool) -> None:
        control.a20_changed(level)

    control = SystemControl(
        timer, rig.clock, speaker.set_data, set_a20, lambda: rig.note("reset"), None, coprocessor_irq=rig.irq()
    )
    stimuli: list[Stimulus] = [lambda chance: control.set_ferr(chance.random() < 0.5)]
    timer_ports = [Port(0x40 + port.offset, port.read, port.write) for port in timer.port_map()]
    return Built([timer, speaker, control], [*control.port_map(), *timer_ports], stimuli)


def _serial(rig: Rig) -> Built:
    uart = Serial16550(rig.irq(), rig.clock, lambda data: rig.note("sent", data))
    stimuli: list[Stimulus] = [
        lambda chance: uart.receive(chance.randbytes(chance.randrange(40))),
        lambda chance: uart.receive_break(),
        lambda chance: uart.set_modem_lines(chance.randrange(256)),
    ]
    return Built([uart], uart.port_map(), stimuli)


def _parallel(rig: Rig) -> Built:
    port = ParallelPort(rig.irq(), rig.clock, lambda data: rig.note("printed", data) or True)
    return Built([port], port.port_map())


def _debug_ports(rig: Rig) -> Built:
    ports = DebugPorts(lambda data: rig.note("debug", data))
    return Built([ports], ports.port_map(), (), [lambda: ports.post_codes])


def _floppy(rig: Rig) -> Built:
    dma = DmaControllers(rig.memory)
    drives = [FloppyDrive("1.2M", activity=lambda writing: rig.note("light", writing)), FloppyDrive("1.44M")]
    controller = FloppyController82077(rig.irq(), dma.channel(2), rig.clock, drives)
    diskette = Diskette(drives[0])
    guest = RandomGuest(controller.port_map(), dma)
    stimuli: list[Stimulus] = [
        guest.out_of_reset,
        guest.send_command,
        guest.send_good_transfer,
        guest.send_good_transfer,
        guest.recalibrate,
        guest.format_track,
        guest.feed_data,
        guest.program_dma,
        guest.program_dma,
        lambda chance: diskette.insert(read_only=chance.random() < 0.2),
        lambda chance: drives[0].eject() if chance.random() < 0.2 else None,
    ]
    looks: list[Callable[[], object]] = [diskette.content, lambda: [drive.save() for drive in drives]]
    return Built([dma, diskette, *drives, controller], controller.port_map(), stimuli, looks)


def _ide(rig: Rig) -> Built:
    disk = MemoryDisk()
    cdrom = AtapiCdrom(lambda writing: rig.note("CD light", writing))
    drives = [AtaDisk(disk, lambda writing: rig.note("disk light", writing), rig.note), cdrom]
    controller = IdeController((rig.irq(), rig.irq()), [*drives, cdrom_alone := AtapiCdrom(), None], rig.memory)
    ports = [*controller.command_ports(0), *controller.control_ports(0), *controller.bus_master_ports()]
    tray = CdTray(cdrom)
    guest = IdeGuest(controller, rig.memory, rig.note)
    stimuli: list[Stimulus] = [
        guest.disk_command,
        guest.disk_command,
        guest.send_packet,
        guest.send_packet,
        guest.move_data,
        guest.move_data,
        guest.start_dma,
        guest.start_dma,
        guest.end_dma,
        guest.read_status,
        guest.software_reset,
        tray.change,
    ]
    looks: list[Callable[[], object]] = [
        disk.content,
        lambda: cdrom.medium is not None,
        lambda: cdrom_alone.medium is not None,
        lambda: bytes(rig.memory.bytes[:0x4000]),
    ]
    return Built([disk, tray, controller], ports, stimuli, looks)


def _pci(rig: Rig) -> Built:
    wires = [IrqWire(lambda level, irq=irq: rig.note("irq", irq, level)) for irq in range(16)]
    bridge = IsaBridge(lambda irq: wires[irq].line(), lambda: rig.note("reset"))
    bus = PciBus(bridge.set_pirq, 0x1000000, bridge.read_reset_control, bridge.write_reset_control)
    bus.place_space_window = lambda base: rig.note("mechanism 2", base)
    host = HostBridge(16, lambda *segment: rig.note("shadow", segment))
    windows = {
        0: Window("io", 16, lambda base: rig.note("ports", base)),
        1: Window("memory", 1 << 22, lambda base: rig.note("memory", base), prefetchable=True),
        EXPANSION_ROM_INDEX: Window("memory", 1 << 16, lambda base: rig.note("ROM", base)),
    }
    card = PciFunction(Identity(0x1234, 1, 0x030000, interrupt_pin=1), windows, capabilities=[(0x40, 1, bytes(6))])
    ide = IdeFunction()
    for place, function in {(0, 0): host, (1, 0): bridge, (1, 1): ide, (2, 0): card}.items():
        bus.plug(*place, function)
    stimuli: list[Stimulus] = [
        # Forms of addresses that hit functions which are there.
        lambda chance: bus.port_map()[0].write(
            0, 0x80000000 | chance.choice((0, 8, 9, 16)) << 8 | chance.randrange(256), 4
        ),
    ]
    looks: list[Callable[[], object]] = [
        lambda: [card.base(index) for index in windows],
        lambda: [bridge.route_of(index) for index in range(4)],
    ]
    return Built([bus, host, bridge, ide, card], [*bus.port_map(), *bus.space_port_map()], stimuli, looks)


def _power_management(rig: Rig) -> Built:
    chip = PowerManagement(
        rig.clock,
        rig.irq(),
        lambda: rig.note("off"),
        lambda base: rig.note("ACPI", base),
        lambda base: rig.note("SMBus", base),
    )
    stimuli: list[Stimulus] = [
        lambda chance: chip.press_power_button(),
        lambda chance: chip.write_configuration(chance.randrange(64) * 4, chance.getrandbits(32), 4),
    ]
    ports = [*chip.port_map(), *chip.smb_port_map(), *chip.apm_port_map()]
    return Built([chip], ports, stimuli, [lambda: chip.read_configuration(0x40, 4), lambda: chip.timer])


TABLE: dict[str, Callable[[Rig], Built]] = {
    "interrupt controllers": _interrupt_controllers,
    "local and I/O APIC": _apics,
    "timer": _timer,
    "clock": _clock,
    "dma": _dma,
    "keyboard, mouse and their controller": _keyboard_and_mouse,
    "system control, timer and speaker": _system_control,
    "serial port": _serial,
    "parallel port": _parallel,
    "floppy controller and drives": _floppy,
    "IDE controller and drives": _ide,
    "debug ports": _debug_ports,
    "PCI bus and bridges": _pci,
    "power management": _power_management,
}


class Poker:
    """Pokes a device at random: ports, the outside world, time. The same seed does the same."""

    def __init__(self, rig: Rig, built: Built, seed: int) -> None:
        self._rig = rig
        self._built = built
        self._chance = random.Random(seed)

    def poke(self, times: int) -> list[object]:
        """Returns everything that could be seen on the way."""
        seen: list[object] = []
        self._rig.log.clear()
        for _ in range(times):
            self._rig.clock.advance(self._chance.choice(PAUSES_NS))
            if self._built.stimuli and self._chance.random() < 0.3:
                self._chance.choice(self._built.stimuli)(self._chance)
            elif self._built.ports:
                seen.append(self._access(self._chance.choice(self._built.ports)))
            seen.append([line.level for line in self._rig.irqs])
        seen.extend(look() for look in self._built.looks)
        return [*seen, *self._rig.log]

    def _access(self, port: Port | PortRange | NativePort) -> object:
        chance = self._chance
        if isinstance(port, PortRange):
            size = chance.choice([size for size in (1, 2, 4) if size <= port.width])
            offset = chance.randrange(port.count)  # the bus takes the range's first port off
            if chance.random() < 0.5:
                return _checked(port.read(offset, size), size) if port.read else None
            return port.write(offset, chance.randrange(1 << 8 * size), size) if port.write else None
        kind = chance.random()
        if isinstance(port, NativePort):
            return port.handler.read() if kind < 0.5 else port.handler.write(chance.randrange(256))
        if kind < 0.45:
            return _checked(port.read(), port.width) if port.read else None
        if kind < 0.9:
            # Small values hit more commands and modes than evenly spread ones.
            top = chance.choice((4, 16, 64, 1 << 8 * port.width))
            return port.write(chance.randrange(min(top, 1 << 8 * port.width))) if port.write else None
        count = chance.randrange(1, 40)
        if kind < 0.95:
            if port.read_block is None:
                return None
            block = port.read_block(count)
            assert len(block) == count * port.width
            return block
        return port.write_block(chance.randbytes(count * port.width)) if port.write_block else None


def _checked(value: int, size: int) -> int:
    assert isinstance(value, int)
    assert 0 <= value < 1 << 8 * size
    return value
