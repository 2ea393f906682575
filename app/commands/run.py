"""``bancada run``: a PC from the library or from options alone, in a window or without one."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app.cli import DONE, FAILED, Command, Parser
from app.commands.actions import ActionFailed, Clock, Script, add_actions, seconds
from app.commands.debugging import Debugging
from app.commands.film import filming
from app.commands.headless import HeadlessRun, show_screen
from app.commands.option_values import image_file, memory_mb
from app.commands.window import display_problem, run_in_window
from app.diagnostics import diagnostics_config
from app.library import Library, LibraryError
from app.memory_check import memory_warning
from app.runner import Runner
from app.vm_folder import VmFolder
from engine import config as limits
from engine.config import CdromConfig, DiskConfig, FloppyConfig, MachineConfig, SerialConfig
from engine.errors import BancadaError, ConfigError
from engine.toml_text import did_you_mean

_SCRIPT_END_S: Final = 30.0
_IMAGE_SUFFIXES = {".img": "--floppy", ".ima": "--floppy", ".flp": "--floppy", ".vfd": "--floppy", ".iso": "--cdrom"}


def run(parser: Parser, arguments: Sequence[str]) -> int:
    _add_options(parser)
    options = parser.parse(arguments)
    try:
        folder, config, is_changed = _machine(options)
    except LibraryError as error:
        if (hint := _image_hint(options.name)) != "":
            parser.error(hint)
        raise error
    problems = config.problems()
    if problems:
        raise ConfigError(problems, folder.settings_file if folder is not None and not is_changed else None)
    warning = memory_warning(config.memory_mb)
    if warning:
        print(f"bancada: {warning}", file=sys.stderr)
    headless: bool = options.headless
    if options.gdb_wait and options.gdb is None:
        parser.error("--gdb-wait needs --gdb and a port.")
    debugging = Debugging(options.gdb, options.gdb_wait)
    if not headless and (problem := display_problem()):
        print(f"bancada: {problem} The machine runs without a window; Ctrl-C ends it.", file=sys.stderr)
        headless = True
    on_demand = headless and config.clock == "instructions"
    runner = Runner(
        folder or config, config=config if folder is not None and is_changed else None, free_running=not on_demand
    )
    if headless:
        if on_demand and options.gdb is not None:
            parser.error("--gdb stops what runs in real time; it does not go with --headless --clock instructions.")
        if on_demand and options.record is not None:
            parser.error("--record films what happens in real time; it does not go with --clock instructions.")
        return HeadlessRun(
            runner, options.steps, options.timeout, on_demand, options.no_reboot, options.record, debugging
        ).run()
    return _run_with_window(runner, options, debugging)


COMMANDS = (Command("run", "Running a PC", "run a machine, or a PC made of options alone", run),)


def _add_options(parser: Parser) -> None:
    parser.usage = "%(prog)s [NAME] [OPTION ...]"
    add = parser.add_argument
    add("name", nargs="?", metavar="NAME", help="a machine of the library, or its folder; without it a PC of its own")
    parts = parser.add_argument_group("parts (with NAME: instead of what its settings say, for this run)")
    parts.add_argument("--memory", type=memory_mb, metavar="MB", help=f"1 to {limits.MAX_MEMORY_MB}")
    parts.add_argument("--cpu", choices=limits.CPU_MODELS, help="what the processor claims to be")
    parts.add_argument(
        "--floppy", type=image_file, action="append", default=[], metavar="F", help="diskette, at most two"
    )
    parts.add_argument("--cdrom", type=image_file, action="append", default=[], metavar="F", help="ISO image")
    parts.add_argument("--disk", type=image_file, action="append", default=[], metavar="F", help="hard disk image")
    parts.add_argument("--firmware", type=image_file, metavar="F", help="BIOS image in place of the built-in one")
    parts.add_argument("--video-firmware", type=image_file, metavar="F", help="video BIOS image for it")
    parts.add_argument("--kernel", type=image_file, metavar="F", help="Linux kernel, started before any boot device")
    parts.add_argument("--initrd", type=image_file, metavar="F", help="its initial RAM disk")
    parts.add_argument("--append", metavar="S", help="its command line")
    parts.add_argument("--read-only", action="store_true", help="the images given here are not written to")
    parts.add_argument("--boot", type=_boot, metavar="DEVICE", help=f"{', '.join(limits.BOOT_DEVICES)}: first of all")
    parts.add_argument(
        "--serial", type=_serial, metavar="stdio|FILE", help="what the first serial port is connected to"
    )
    parts.add_argument("--printer", type=Path, metavar="FILE", help="what the guest prints on LPT1 goes here")
    parts.add_argument("--debug-port", type=Path, metavar="FILE", help="what the guest writes to port E9h goes here")
    way = parser.add_argument_group("how it runs")
    way.add_argument("--accelerator", choices=limits.ACCELERATORS, help="how guest code is run")
    way.add_argument(
        "--clock", choices=limits.CLOCKS, help="instructions: guest time follows them, runs repeat exactly"
    )
    way.add_argument("--headless", action="store_true", help="no window")
    way.add_argument(
        "--timeout", type=seconds, metavar="S", help="the run ends after so many seconds; status 1 when actions remain"
    )
    way.add_argument("--record", type=Path, metavar="FILE", help="film the screen into a .webm, .mp4 or .gif file")
    way.add_argument(
        "--gdb", metavar="[HOST:]PORT|unix:PATH", help="GDB can connect here: target remote localhost:PORT"
    )
    way.add_argument("--gdb-wait", action="store_true", help="stand before the first instruction until GDB goes on")
    way.add_argument("--no-reboot", action="store_true", help="a triple fault ends the run with status 1")
    add_actions(parser)


# -- The machine that was asked for


def _machine(options: argparse.Namespace) -> tuple[VmFolder | None, MachineConfig, bool]:
    """Folder (None: a PC of options alone), configuration, and whether options changed it."""
    if options.name is not None:
        entry = Library().find(options.name)
        base = entry.folder.settings.machine
        config = _with_options(base, options)
        return entry.folder, config, config != base
    images = [*options.floppy, *options.disk, *options.cdrom, *([options.kernel] if options.kernel else [])]
    if not images:
        base = diagnostics_config()
    else:
        first = Path(images[0])
        base = MachineConfig(name=first.stem, floppies=(FloppyConfig(),))
    return None, _with_options(base, options), True


def _with_options(config: MachineConfig, options: argparse.Namespace) -> MachineConfig:
    changes: dict[str, object] = {}
    for field, value in (
        ("memory_mb", options.memory),
        ("cpu_model", options.cpu),
        ("accelerator", options.accelerator),
        ("clock", options.clock),
        ("printer", options.printer.absolute() if options.printer else None),
        ("debug_port", options.debug_port.absolute() if options.debug_port else None),
        ("firmware", options.firmware),
        ("video_firmware", options.video_firmware),
        ("kernel", options.kernel),
        ("initrd", options.initrd),
        ("kernel_command_line", options.append),
    ):
        if value is not None:
            changes[field] = value
    if options.floppy:
        floppies = list(config.floppy_drives)
        for index, image in enumerate(options.floppy):
            drive = floppies[index] if index < len(floppies) else FloppyConfig()
            floppies[index : index + 1] = [dataclasses.replace(drive, image=image, read_only=options.read_only)]
        changes["floppies"] = tuple(floppies)
    if options.disk or options.cdrom:
        changes["disks"], changes["cdroms"] = _ide_drives(config, options)
    if options.boot:
        rest = [device for device in config.boot_order if device not in options.boot]
        changes["boot_order"] = (*options.boot, *rest)
    if options.serial is not None:
        changes["serial"] = (options.serial, *config.serial[1:])
    return config.replace(**changes) if changes else config


def _ide_drives(
    config: MachineConfig, options: argparse.Namespace
) -> tuple[tuple[DiskConfig, ...], tuple[CdromConfig, ...]]:
    """Images take the place of the drives of their kind in order; further ones get the next free slot."""
    disks, cdroms = list(config.hard_disks), list(config.cdrom_drives)
    taken = {disk.slot for disk in disks} | {cdrom.slot for cdrom in cdroms}

    def free(order: tuple[int, ...]) -> int:
        slot = next((slot for slot in order if slot not in taken), limits.MAX_IDE_DRIVES)
        taken.add(slot)
        return slot

    for index, image in enumerate(options.disk):
        if index < len(disks):
            disks[index] = dataclasses.replace(disks[index], image=image, read_only=options.read_only)
        else:
            disks.append(DiskConfig(image, free((0, 1, 3, 2)), options.read_only))
    for index, image in enumerate(options.cdrom):
        if index < len(cdroms):
            cdroms[index] = dataclasses.replace(cdroms[index], image=image)
        else:
            cdroms.append(CdromConfig(image, free((2, 3, 1, 0))))
    return tuple(disks), tuple(cdroms)


def _image_hint(name: str | None) -> str:
    """Somebody named an image where a machine's name belongs."""
    if name is None or not Path(name).is_file():
        return ""
    option = _IMAGE_SUFFIXES.get(Path(name).suffix.lower(), "--floppy, --cdrom or --disk")
    return f"“{name}” is a file, not a machine. To run from it, write: bancada run {option.split(',')[0]} {name}"


# -- Values of options


def _boot(text: str) -> tuple[str, ...]:
    devices = tuple(text.split(","))
    for device in devices:
        if device not in limits.BOOT_DEVICES:
            hint = did_you_mean(device, limits.BOOT_DEVICES)
            allowed = ", ".join(limits.BOOT_DEVICES)
            raise argparse.ArgumentTypeError(f"“{device}” cannot be booted from; allowed: {allowed}. {hint}".rstrip())
    return devices


def _serial(text: str) -> SerialConfig:
    """stdio, pty, none, tcp:HOST:PORT, unix:PATH, or a file."""
    if text in ("stdio", "pty", "none"):
        return SerialConfig(text)
    kind, colon, target = text.partition(":")
    if colon and kind in ("tcp", "unix", "file") and target:
        return SerialConfig(kind, target)
    if not text:
        raise argparse.ArgumentTypeError("the file's name is empty")
    return SerialConfig("file", str(Path(text).expanduser().absolute()))


# -- With a window


def _run_with_window(runner: Runner, options: argparse.Namespace, debugging: Debugging) -> int:
    """The script runs beside the window; the window stays open after it, until the run's time is over."""
    status = [DONE]

    def script() -> None:
        work = Script(runner, options.steps, options.timeout, Clock(runner, on_demand=False))
        try:
            work.carry_out()
            if options.timeout is not None and not runner.wait(work.remaining()):
                runner.stop_and_wait()  # the window closes with it
        except ActionFailed as error:
            status[0] = FAILED
            print(f"bancada: {error}", file=sys.stderr)
            show_screen(error.screen)
        except BancadaError as error:
            status[0] = FAILED
            print(f"bancada: {error}", file=sys.stderr)

    runner.start(debugging.waits)
    beside = threading.Thread(target=script, name=f"script of {runner.name}", daemon=True)
    beside.start()
    with debugging.of(runner), filming(runner, options.record):
        code = run_in_window(runner)
    beside.join(_SCRIPT_END_S)  # the machine is off: whatever the script waited for fails now
    return status[0] or code
