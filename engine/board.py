"""The board: makes the chips of the PC from a configuration and draws every wire between them.

Read it as a schematic, top to bottom. Chips do not know each other; whatever one needs from another is a line
of this file. ``Machine`` owns the board and runs it.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from engine import _core, resources
from engine.board_bus import attach, attach_map, movable_map, movable_rom
from engine.config import FloppyConfig, MachineConfig, SerialConfig
from engine.console.keyboard import Keyboard, bios_buffer_has_room
from engine.console.mouse import Mouse
from engine.console.screen import Screen
from engine.console.serial import SerialConsole
from engine.devices import io_apic_82093aa as io_apic
from engine.devices.ata_disk import AtaDisk
from engine.devices.ata_identify import disk_serial
from engine.devices.atapi_cdrom import AtapiCdrom
from engine.devices.debug_ports import DebugPorts
from engine.devices.device import Device, ResetKind
from engine.devices.dma_8237 import DmaControllers
from engine.devices.floppy_controller_82077 import FloppyController82077
from engine.devices.floppy_drive import FloppyDrive
from engine.devices.host_bridge_i440fx import HostBridge
from engine.devices.ide_controller import IdeController
from engine.devices.ide_function_piix3 import IdeFunction
from engine.devices.interrupt_controller_8259 import CASCADE_IR, InterruptControllers
from engine.devices.io_apic_82093aa import IoApic82093aa
from engine.devices.isa_bridge_piix3 import IsaBridge
from engine.devices.keyboard_controller_8042 import KeyboardController8042
from engine.devices.local_apic import LocalApic
from engine.devices.parallel_port import ParallelPort, PrinterFile
from engine.devices.pc_speaker import PcSpeaker
from engine.devices.pci_bus import PciBus
from engine.devices.pci_display import DisplayFunction
from engine.devices.pci_function import Window
from engine.devices.power_management_piix4 import PowerManagement
from engine.devices.ps2_keyboard import Ps2Keyboard
from engine.devices.ps2_mouse import Ps2Mouse
from engine.devices.rtc_cmos_mc146818 import RtcCmos
from engine.devices.serial_16550 import Serial16550
from engine.devices.serial_backends import SerialBackend, open_backend
from engine.devices.system_control import SystemControl
from engine.devices.timer_8254 import Timer8254
from engine.devices.vga import Vga
from engine.disks.block_device import BlockError
from engine.disks.cd_image import CdImage
from engine.disks.counted_disk import CountedDisk, Traffic
from engine.disks.floppy_image import FloppyImage
from engine.disks.probe import open_disk
from engine.errors import HostResourceError, MachineError
from engine.firmware import Firmware, FirmwareBoard
from engine.firmware.linux_boot import LinuxImage
from engine.firmware.user_rom import VIDEO_ROM_BYTES, UserRom, read_rom
from engine.shadow_ram import ShadowRam

Result = TypeVar("Result")
MEGABYTE = 1 << 20
NS_PER_INSTRUCTION = 10  # guest time an instruction takes in "instructions" mode: 100 MIPS
FIXED_START = datetime.datetime(2000, 1, 1, 12, 0, 0)  # the RTC's start in "instructions" mode


class Host(Protocol):
    """What the board needs of the machine that runs it."""

    def post(self, work: Callable[[], None]) -> None: ...

    def call(self, work: Callable[[], Result]) -> Result: ...

    def request_reset(self) -> None: ...

    def request_power_off(self) -> None: ...

    def takes_input(self) -> bool: ...

    def activity(self, device: str, writing: bool) -> None: ...

    def notice(self, message: str, device: str = "") -> None: ...

    def run_posted(self) -> None: ...

    def wait_until(self, predicate: Callable[[], bool], timeout: float) -> None: ...

    def frame_ready(self) -> None: ...

    def host_error(self, message: str) -> None: ...


class Board:
    """Raises MediumError for an image that cannot be used, HostResourceError for what the host cannot give."""

    def __init__(self, config: MachineConfig, host: Host) -> None:
        self.config = config
        self._host = host
        self._closers: list[Callable[[], None]] = []
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        config, host = self.config, self._host
        self._make_core()
        clock, bus, memory = self.clock, self.bus, self.memory

        # -- Interrupts: the 8259 pair's output is the processor's INTR pin, or LINT0 of its local APIC.
        self.local_apic, self.io_apic = self._make_apics()
        self.pic = pic = InterruptControllers(output=self._interrupt_output)
        if self.io_apic is not None:
            for irq in range(16):
                if irq != CASCADE_IR:
                    pic.wire(irq).connect(self.io_apic.input(resources.IO_APIC_INPUTS.get(irq, irq)))
        self.coprocessor_irq = pic.wire(resources.COPROCESSOR.irq).line()
        self.cpu.set_wires(pic.acknowledge, self._run_posted, self.coprocessor_irq.set)

        # -- PCI: pins of the functions to the bridge, and from there to the interrupt controllers.
        self.isa_bridge = IsaBridge(lambda irq: pic.wire(irq).line(), host.request_reset)
        self.pci = PciBus(
            pirq=self.isa_bridge.set_pirq,
            memory_floor=config.memory_mb * MEGABYTE,
            read_reset=self.isa_bridge.read_reset_control,
            write_reset=self.isa_bridge.write_reset_control,
        )
        self.pci.ports_are_free = bus.ports_are_free
        self.pci.place_space_window = movable_map(bus, self.pci.space_port_map(), "PCI bus")
        self.host_bridge = HostBridge(config.memory_mb, lambda *segment: self.shadow_ram.set(*segment))
        self.power_management = PowerManagement(clock, pic.wire(resources.SCI_IRQ).line(), host.request_power_off)
        self.power_management.ports_are_free = bus.ports_are_free
        self.power_management.place_pm = movable_map(bus, self.power_management.port_map(), "power management")
        self.power_management.place_smb = movable_map(bus, self.power_management.smb_port_map(), "SMBus")

        # -- Time
        self.speaker = PcSpeaker(clock)
        self.timer = Timer8254(pic.wire(resources.TIMER.irq).line(), clock)
        self.timer.counter2_changed = lambda: self.speaker.set_counter(self.timer.counter2_waveform())
        self.rtc = RtcCmos(pic.wire(resources.RTC.irq).line(), clock, self._start_time())
        self.dma = DmaControllers(memory)

        # -- Keyboard and mouse; A20 has two gates, and each shows where the other put it.
        self.ps2_keyboard = Ps2Keyboard(clock)
        self.ps2_mouse = Ps2Mouse(clock)
        self.keyboard_controller = KeyboardController8042(
            self.ps2_keyboard,
            self.ps2_mouse,
            keyboard_irq=pic.wire(resources.KEYBOARD.irq).line(),
            mouse_irq=pic.wire(resources.MOUSE.irq).line(),
            clock=clock,
            set_a20=self.set_a20,
            request_reset=host.request_reset,
        )
        self.system_control = SystemControl(
            self.timer,
            clock,
            speaker_data=self.speaker.set_data,
            set_a20=self.set_a20,
            request_reset=host.request_reset,
            clear_coprocessor_error=lambda: self.coprocessor_irq.set(False),
        )

        # -- Screen
        self.vga = Vga(memory, bus, clock, vram_mb=config.video_memory_mb, frame_ready=host.frame_ready, lfb_base=None)
        self.display_function = DisplayFunction(
            config.video_memory_mb * MEGABYTE,
            place_ports=movable_map(bus, self.vga.svga.port_map(), "display adapter"),
            place_frame_buffer=self.vga.map_linear_frame_buffer,
            place_fifo=self.vga.map_fifo,
            expansion_rom=self._video_rom(),
        )
        self.screen = Screen(self.vga, host.wait_until, host.call, memory.backing[: memory.ram_bytes])

        # -- Drives and their controllers
        self.floppies = [self._make_floppy(index, floppy) for index, floppy in enumerate(config.floppy_drives)]
        self.floppy_controller = FloppyController82077(
            irq=pic.wire(resources.FLOPPY.irq).line(),
            dma=self.dma.channel(resources.FLOPPY.dma),
            clock=clock,
            drives=self.floppies,
        )
        self.ide = self._make_ide_drives()
        self.ide_controller = IdeController(
            irqs=(pic.wire(resources.IDE_PRIMARY.irq).line(), pic.wire(resources.IDE_SECONDARY.irq).line()),
            drives=self.ide,
            memory=memory,
            is_master=lambda: self.ide_function.is_master,
        )
        self.ide_function = IdeFunction(
            movable_map(bus, self.ide_controller.bus_master_ports(), "IDE bus master"),
            self.ide_controller.may_reach_memory,
        )

        # -- Ports to the outside
        self.debug_ports = DebugPorts(self._debug_sink())
        self.serial_chips: list[Serial16550] = []
        self.serial: list[SerialConsole] = []
        self.serial_bases: list[int] = []
        for index, port in enumerate(config.serial):
            self._make_serial(index, port)
        self.parallel = ParallelPort(pic.wire(resources.PARALLEL[0].irq).line(), clock, self._printer())

        # -- What people hold
        self.keyboard = Keyboard(
            self.ps2_keyboard, clock, host.post, bios_buffer_has_room(bus.read_memory), host.takes_input
        )
        self.mouse = Mouse(self.ps2_mouse, host.post, host.takes_input)

        for place, function in resources.PCI_FUNCTIONS.items():
            self.pci.plug(*place, getattr(self, function))
        self._attach()

        # -- Firmware
        self.firmware = self._make_firmware(
            FirmwareBoard(
                memory=memory,
                bus=bus,
                cpu=self.cpu,
                clock=clock,
                config=config,
                cmos=self.rtc,
                floppies=self.floppies,
                ide=self.ide,
                serial_bases=self.serial_bases,
                parallel_bases=[resources.PARALLEL[0].ports[0]],
                set_a20=self.set_a20,
                reset=host.request_reset,
                power_off=host.request_power_off,
                activity=host.activity,
                save_nvram=self._save_nvram,
                has_apics=self.local_apic is not None,
                cpu_identification=_core.model_identification(config.cpu_model),
                linux=self._linux_image(),
                linear_frame_buffer=resources.LINEAR_FRAME_BUFFER,
            )
        )
        self.shadow_ram = ShadowRam(memory, bus, self.firmware.install())

        self.devices: dict[str, Device] = {
            "pci": self.pci,
            **{name: getattr(self, name) for name in resources.PCI_FUNCTIONS.values()},
            "pic": pic,
            "timer": self.timer,
            "rtc": self.rtc,
            "dma": self.dma,
            "keyboard": self.ps2_keyboard,
            "mouse": self.ps2_mouse,
            "keyboard_controller": self.keyboard_controller,
            "system_control": self.system_control,
            "speaker": self.speaker,
            "vga": self.vga,
            "floppy": self.floppy_controller,
            "ide": self.ide_controller,
            "parallel": self.parallel,
            "debug": self.debug_ports,
            **{f"floppy{index}": drive for index, drive in enumerate(self.floppies)},
            **{f"serial{index}": chip for index, chip in enumerate(self.serial_chips)},
        }

        if self.local_apic is not None and self.io_apic is not None:
            self.devices |= {"local_apic": self.local_apic, "io_apic": self.io_apic}

    # -- Parts

    def _make_firmware(self, board: FirmwareBoard) -> Firmware | UserRom:
        return Firmware(board) if self.config.firmware is None else UserRom(board, self.config.firmware)

    def _video_rom(self) -> Window | None:
        """The display adapter's expansion ROM, for a firmware that is not ours."""
        path = self.config.video_firmware
        if path is None:
            return None
        memory = self.memory
        image = read_rom(path, VIDEO_ROM_BYTES, VIDEO_ROM_BYTES)
        offset = memory.allocate(len(image))
        memory.backing[offset : offset + len(image)] = image
        place = movable_rom(memory, offset, len(image))
        return Window("memory", len(image), place)

    def _make_apics(self) -> tuple[LocalApic | None, IoApic82093aa | None]:
        if not self.config.apic or not _core.model_has_local_apic(self.config.cpu_model):
            return None, None
        local = LocalApic(self.clock)
        chip = IoApic82093aa(local.message)
        local.native.connect(self.cpu, self.bus, chip.end_of_interrupt)
        self._closers.append(local.native.disconnect)
        self.bus.attach_mmio(io_apic.BASE, io_apic.PAGE_BYTES, "I/O APIC", chip.read, chip.write)
        self._from_8259 = chip.input(resources.IO_APIC_8259)
        return local, chip

    def _interrupt_output(self, level: bool) -> None:
        """The 8259 pair's INT pin."""
        if self.local_apic is None:
            self.cpu.set_intr(level)
        else:
            self.local_apic.set_lint0(level)
            self._from_8259(level)

    def _make_core(self) -> None:
        config = self.config
        video_bytes = config.video_memory_mb * MEGABYTE
        try:
            self.memory = _core.PhysicalMemory(config.memory_mb * MEGABYTE, video_bytes + MEGABYTE)
        except _core.HostMemoryError as error:
            raise HostResourceError(
                f"{error} Give the virtual machine less memory, or close other programs."
            ) from error
        self._closers.append(self.memory.release)
        self.bus = _core.Bus(self.memory)
        self._closers.append(self.bus.detach_all)
        self.clock = _core.Clock(config.clock, NS_PER_INSTRUCTION)
        self._closers.append(self.clock.clear)
        # RAM: all but the hole that video memory and ROM live in.
        writable = self.memory.PAGE_READ | self.memory.PAGE_WRITE
        self.memory.map_backed(0, min(config.memory_mb * MEGABYTE, 0xA0000), 0, writable)
        if config.memory_mb > 1:
            self.memory.map_backed(MEGABYTE, (config.memory_mb - 1) * MEGABYTE, MEGABYTE, writable)
        self.cpu = _core.Interpreter(self.memory, self.bus, self.clock, self.config.cpu_model)
        self.accelerator = ""
        self.use_accelerator(self.config.accelerator)
        self._closers.append(self.cpu.release_caches)
        self._closers.append(lambda: self.cpu.set_wires(None, None, None))

    def use_accelerator(self, wanted: str) -> None:
        """What runs guest code from now on; ``cpu`` must not be running. Raises HostResourceError."""
        if wanted == "kvm":
            raise HostResourceError(
                "The accelerator “kvm” is not part of this version of Bancada. Choose “auto”, “translator” or “interpreter”."
            )
        can_translate = _core.Interpreter.can_translate()
        if wanted == "translator" and not can_translate:
            raise HostResourceError(
                "The translator needs Linux on an x86-64 processor with BMI2, which this host is not. Choose “auto”."
            )
        if wanted == "interpreter" or not can_translate:
            self.cpu.use_no_translator()
            self.accelerator = "interpreter"
        else:
            self.cpu.use_translator()
            self.accelerator = "translator"

    def _start_time(self) -> datetime.datetime:
        if self.config.start_time:
            return datetime.datetime.fromisoformat(self.config.start_time).replace(tzinfo=None)
        return FIXED_START if self.config.clock == "instructions" else datetime.datetime.now()

    def _make_floppy(self, index: int, config: FloppyConfig) -> FloppyDrive:
        key = f"floppy{index}"
        drive = FloppyDrive(config.drive, activity=lambda writing: self._host.activity(key, writing))
        self._closers.append(drive.eject)
        if config.image is not None:
            drive.insert(FloppyImage.open(config.image, config.read_only, self._image_failed(key)))
        return drive

    def _make_ide_drives(self) -> list[AtaDisk | AtapiCdrom | None]:
        self.disk_traffic = Traffic()
        drives: list[AtaDisk | AtapiCdrom | None] = [None] * 4
        for index, disk in enumerate(self.config.hard_disks):
            failed = self._image_failed(f"disk{index}")
            block = CountedDisk(open_disk(disk.image, disk.read_only, failed), self.disk_traffic)
            self._closers.append(block.close)
            drives[disk.slot] = AtaDisk(
                block, self._light(f"disk{index}"), failed, disk_serial(self.config.identity, disk.slot)
            )
        for index, cdrom in enumerate(self.config.cdrom_drives):
            drive = AtapiCdrom(activity=self._light(f"cdrom{index}"))
            self._closers.append(drive.eject)
            if cdrom.image is not None:
                drive.insert(CdImage.open(cdrom.image, self._image_failed(f"cdrom{index}")))
            drives[cdrom.slot] = drive
        return drives

    def _image_failed(self, key: str) -> Callable[[BlockError], None]:
        """A person hears that the host failed, whoever asked (a controller, the firmware, a flush); the guest gets the
        error of the chip or of the BIOS. The machine waits for room on a full disk."""

        def failed(error: BlockError) -> None:
            if error.full:
                self._host.host_error(f"{error} Make room on the host's disk, then go on.")
            else:
                self._host.notice(str(error), key)

        return failed

    def _light(self, key: str) -> Callable[[bool], None]:
        return lambda writing: self._host.activity(key, writing)

    def _make_serial(self, index: int, config: SerialConfig) -> None:
        host, key = self._host, f"serial{index}"
        if config.kind == "none":
            return
        backend: SerialBackend

        def transmit(data: bytes) -> None:
            console.received(data)
            backend.send(data)
            host.activity(key, True)

        irq = self.pic.wire(resources.SERIAL[index].irq).line()
        chip = Serial16550(irq, self.clock, transmit, resources.LONGEST_SERIAL_CHARACTER_NS)
        console = SerialConsole(chip.receive, host.post, host.wait_until)
        backend = open_backend(
            config,
            deliver=lambda data: host.post(lambda: chip.receive(data)),
            notice=lambda message: host.post(lambda: host.notice(message, key)),
        )
        self._closers.append(backend.close)
        self.serial_chips.append(chip)
        self.serial.append(console)
        self.serial_bases.append(resources.SERIAL[index].ports[0])
        attach(self.bus, chip, resources.SERIAL[index].ports[0], f"serial port {index + 1}")

    def _linux_image(self) -> LinuxImage | None:
        config = self.config
        if config.kernel is None:
            return None
        return LinuxImage.open(config.kernel, config.initrd, config.kernel_command_line, self.memory.ram_bytes)

    def _printer(self) -> Callable[[bytes], bool] | None:
        if self.config.printer is None:
            return None
        printer = PrinterFile(self.config.printer, lambda message: self._host.notice(message, "printer"))
        self._closers.append(printer.close)

        def print_and_light(data: bytes) -> bool:
            self._host.activity("printer", True)
            return printer.print(data)

        return print_and_light

    def _debug_sink(self) -> Callable[[bytes], None] | None:
        path = self.config.debug_port
        if path is None:
            return None
        try:
            file = path.open("wb", buffering=0)
        except OSError as error:
            raise HostResourceError(f"The debug port's file {path} cannot be written: {error.strerror}.") from error
        self._closers.append(file.close)
        return lambda data: None if file.closed else _write_all(file, data)

    def _attach(self) -> None:
        bus = self.bus
        attach(bus, self.pci, 0, "PCI bus")
        attach_map(bus, self.power_management.apm_port_map(), 0, "power management")
        attach(bus, self.pic, 0, "interrupt controllers")
        attach(bus, self.timer, resources.TIMER.ports[0], "timer")
        attach(bus, self.rtc, resources.RTC.ports[0], "real-time clock")
        attach(bus, self.dma, 0, "DMA controllers")
        attach(bus, self.keyboard_controller, resources.KEYBOARD.ports[0], "keyboard controller")
        attach(bus, self.system_control, 0, "system control")
        attach(bus, self.vga, 0, "display adapter")
        attach(bus, self.floppy_controller, resources.FLOPPY.ports[0], "floppy controller")
        for channel, resource in enumerate((resources.IDE_PRIMARY, resources.IDE_SECONDARY)):
            attach_map(bus, self.ide_controller.command_ports(channel), resource.ports[0], f"IDE channel {channel}")
            attach_map(bus, self.ide_controller.control_ports(channel), resource.ports[1], f"IDE channel {channel}")
        attach(bus, self.parallel, resources.PARALLEL[0].ports[0], "parallel port")
        attach(bus, self.debug_ports, 0, "debug ports")

    # -- Wires that several chips drive

    def set_a20(self, level: bool) -> None:
        self.memory.a20 = level
        self.keyboard_controller.a20_changed(level)
        self.system_control.a20_changed(level)

    def _run_posted(self) -> None:
        self._host.run_posted()

    # -- Power

    def reset(self, kind: ResetKind) -> None:
        """Every chip, then the processor, then the firmware at its entry."""
        if kind is ResetKind.POWER_ON:
            self.memory.clear_ram()
            if self.config.nvram is not None and (text := self.rtc.load_nvram(self.config.nvram)):
                self._host.notice(text)
            if self.config.clock == "realtime" and not self.config.start_time:
                self.rtc.set_time(datetime.datetime.now())
        for device in self.devices.values():
            device.reset(kind)
        self.set_a20(True)
        self.cpu.reset()
        self.firmware.reset(cold=kind is ResetKind.POWER_ON)

    def press_power_button(self) -> bool:
        """Whether the guest hears of it: its operating system has to have taken power management over (ACPI)."""
        if self.power_management.watches_power_button:
            self.power_management.press_power_button()
            return True
        return False

    def flush(self) -> None:
        """Everything the guest wrote is on the host's disk, and so are the BIOS settings. What the host cannot write
        is told in a notice."""
        flushes = [drive.medium.flush for drive in self.floppies if drive.medium is not None]
        flushes += [unit.block.flush for unit in self.ide if isinstance(unit, AtaDisk)]
        for flush in flushes:
            with contextlib.suppress(BlockError):
                flush()
        self._save_nvram()

    def _save_nvram(self) -> None:
        if self.config.nvram is not None and (text := self.rtc.store_nvram(self.config.nvram)):
            self._host.notice(text)

    def close(self) -> None:
        """Gives every host resource back, the last made first."""
        while self._closers:
            closer = self._closers.pop()
            with contextlib.suppress(OSError, BlockError):
                closer()

    # -- Media

    def insert(self, device: str, path: Path, read_only: bool) -> None:
        drive = self._removable(device)
        if isinstance(drive, FloppyDrive):
            if drive.medium is not None and _same_file(drive.medium.path, path):
                drive.eject()  # its own lock on the file would refuse it
            drive.insert(FloppyImage.open(path, read_only, self._image_failed(device)))
        else:
            drive.insert(CdImage.open(path, self._image_failed(device)))

    def eject(self, device: str) -> None:
        self._removable(device).eject()

    def is_empty(self, device: str) -> bool:
        """Also when a tray is open."""
        return self._removable(device).medium is None

    def _removable(self, device: str) -> FloppyDrive | AtapiCdrom:
        cdroms = [self.ide[cdrom.slot] for cdrom in self.config.cdrom_drives]
        drives: dict[str, Any] = {f"floppy{index}": drive for index, drive in enumerate(self.floppies)}
        drives |= {f"cdrom{index}": drive for index, drive in enumerate(cdroms)}
        if device not in drives:
            known = ", ".join(sorted(drives)) or "none"
            raise MachineError(f"This machine has no removable drive “{device}”. Its drives: {known}.")
        drive = drives[device]
        assert isinstance(drive, FloppyDrive | AtapiCdrom)
        return drive

    # -- For reports

    def describe_cpu(self) -> str:
        """Registers and the bytes at CS:EIP, for crash reports."""
        registers = self.cpu.registers()
        rows = [" ".join(f"{name}={value:08x}" for name, value in registers.items() if "_" not in name)]
        where = registers["cs_base"] + registers["eip"] & 0xFFFFFFFF
        code = self.cpu.read_linear(where, 16)
        rows.append(f"code at {where:08x}: {code.hex(' ') if code else 'not mapped'}")
        return "\n".join(rows)


def _write_all(file: BinaryIO | FileIO, data: bytes) -> None:
    with contextlib.suppress(OSError):
        file.write(data)


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
