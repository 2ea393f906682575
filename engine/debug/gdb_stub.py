"""The commands of the GDB remote serial protocol for one machine. GDB manual, appendix E.2 to E.4, G (target descriptions).

Addresses are linear. In real mode GDB shows EIP without the segment: ``x/i $cs_base+$eip`` shows the instruction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from engine.debug.debugger import Debugger, Watchpoint
from engine.debug.gdb_packets import LARGEST, unescaped
from engine.errors import BancadaError

OK: Final = b"OK"
ERROR: Final = b"E01"  # GDB reads no meaning into the number
RUNNING: Final = None  # the answer comes when the machine stops
_TRAP: Final = 5

# Names and bits, in the order that GDB counts them in.
_CORE: Final = tuple(
    (name, 32)
    for name in [
        "eax",
        "ecx",
        "edx",
        "ebx",
        "esp",
        "ebp",
        "esi",
        "edi",
        "eip",
        "eflags",
        "cs",
        "ss",
        "ds",
        "es",
        "fs",
        "gs",
    ]
)
_X87: Final = (
    *((f"st{number}", 80) for number in range(8)),
    *((name, 32) for name in ["fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"]),
)
_SSE: Final = (*((f"xmm{number}", 128) for number in range(8)), ("mxcsr", 32))
_SYSTEM: Final = tuple(
    (name, 32)
    for name in [
        "cr0",
        "cr2",
        "cr3",
        "cr4",
        "cs_base",
        "ss_base",
        "ds_base",
        "es_base",
        "fs_base",
        "gs_base",
        "gdtr_base",
        "idtr_base",
        "cpl",
    ]
)
_REGISTERS: Final = (*_CORE, *_X87, *_SSE, *_SYSTEM)
_READ_ONLY: Final = {name for name, _ in _X87} | {"cpl"}
_TYPES: Final = {"eip": "code_ptr", "esp": "data_ptr", "ebp": "data_ptr", 80: "i387_ext", 128: "vec128", 32: "int32"}
_HELP: Final = """monitor commands:
  info registers   all registers, hidden parts of segments too
  info devices     accesses of each device so far
  reset            presses the reset button
  help             this text
"""


class GdbStub:
    """``handle`` answers packets. The machine must be stopped when the first comes."""

    def __init__(self, debugger: Debugger) -> None:
        self._debugger = debugger
        self.acknowledges = True  # packets are, until GDB asks for none
        self.is_over = False  # GDB detached, or killed the machine
        self._commands: tuple[tuple[bytes, Callable[[bytes], bytes | None]], ...] = (
            (b"?", lambda _: self.stop_reply()),
            (b"g", lambda _: self._read_all()),
            (b"G", self._write_all),
            (b"p", self._read_one),
            (b"P", self._write_one),
            (b"m", self._read_memory),
            (b"M", self._write_memory),
            (b"X", self._write_binary),
            (b"Z", lambda data: self._stop_at(data, True)),
            (b"z", lambda data: self._stop_at(data, False)),
            (b"vCont?", lambda _: b"vCont;c;C;s;S"),
            (b"vCont;", self._resume),
            (b"c", lambda data: self._go(data)),
            (b"C", lambda data: self._go(data.partition(b";")[2])),
            (b"s", lambda data: self._step(data)),
            (b"S", lambda data: self._step(data.partition(b";")[2])),
            (b"D", lambda _: self._detach()),
            (b"k", lambda _: self._kill()),
            (b"H", lambda _: OK),
            (b"T", lambda _: OK),
            (b"qC", lambda _: b"QC1"),
            (b"qfThreadInfo", lambda _: b"m1"),
            (b"qsThreadInfo", lambda _: b"l"),
            (b"qAttached", lambda _: b"1"),
            (b"qSupported", lambda _: self._supported()),
            (b"qXfer:features:read:target.xml:", self._description),
            (b"qRcmd,", self._monitor),
            (b"QStartNoAckMode", lambda _: self._no_acknowledgements()),
        )

    def handle(self, packet: bytes) -> bytes | None:
        """The answer to a packet: empty for what is not known, an error for what makes no sense; RUNNING when the
        machine goes on."""
        for name, command in self._commands:
            if packet.startswith(name):
                try:
                    return command(packet[len(name) :])
                except (ValueError, KeyError, IndexError, OverflowError, BancadaError):
                    return ERROR
        return b""

    def stop_reply(self) -> bytes:
        """Why the machine stands."""
        watched = self._debugger.watch_hit
        return b"S%02x" % _TRAP if watched is None else b"T%02xwatch:%x;" % (_TRAP, watched)

    # -- Registers

    def _read_all(self) -> bytes:
        values = self._debugger.registers()
        return b"".join(_hex(values[name], bits) for name, bits in _REGISTERS)

    def _write_all(self, data: bytes) -> bytes:
        raw = bytes.fromhex(data.decode())
        values: dict[str, int] = {}
        for name, bits in _REGISTERS:
            piece, raw = raw[: bits // 8], raw[bits // 8 :]
            if len(piece) == bits // 8 and name not in _READ_ONLY:
                values[name] = int.from_bytes(piece, "little")
        now = self._debugger.registers()
        self._debugger.set_registers({name: value for name, value in values.items() if now[name] != value})
        return OK

    def _read_one(self, data: bytes) -> bytes:
        name, bits = _REGISTERS[int(data, 16)]
        return _hex(self._debugger.registers()[name], bits)

    def _write_one(self, data: bytes) -> bytes:
        number, _, value = data.partition(b"=")
        name, bits = _REGISTERS[int(number, 16)]
        if name in _READ_ONLY or len(value) != bits // 4:
            return ERROR
        self._debugger.set_registers({name: int.from_bytes(bytes.fromhex(value.decode()), "little")})
        return OK

    # -- Memory

    def _read_memory(self, data: bytes) -> bytes:
        address, length = _numbers(data)
        found = self._debugger.read(address, min(length, LARGEST // 2))
        return found.hex().encode() if found or not length else ERROR

    def _write_memory(self, data: bytes) -> bytes:
        place, _, content = data.partition(b":")
        return self._write(place, bytes.fromhex(content.decode()))

    def _write_binary(self, data: bytes) -> bytes:
        place, _, content = data.partition(b":")
        return self._write(place, unescaped(content))

    def _write(self, place: bytes, content: bytes) -> bytes:
        address, length = _numbers(place)
        if length != len(content):
            return ERROR
        return OK if self._debugger.write(address, content) else ERROR

    # -- Where it stops

    def _stop_at(self, data: bytes, wanted: bool) -> bytes:
        kind, _, place = data.partition(b",")
        address, length = _numbers(place.partition(b";")[0])
        if kind in (b"0", b"1"):  # software and hardware breakpoints are the same here
            (self._debugger.set_breakpoint if wanted else self._debugger.clear_breakpoint)(address)
            return OK
        if kind in (b"2", b"3", b"4") and 0 < length <= LARGEST:
            watchpoint = Watchpoint(address, length, reads=kind != b"2", writes=kind != b"3")
            (self._debugger.set_watchpoint if wanted else self._debugger.clear_watchpoint)(watchpoint)
            return OK
        return b""

    # -- Running

    def _resume(self, data: bytes) -> bytes | None:
        """vCont: there is one thread, so the first action is its."""
        action = data[:1]
        if action in (b"c", b"C"):
            return self._go(b"")
        return self._step(b"") if action in (b"s", b"S") else ERROR

    def _go(self, address: bytes) -> bytes | None:
        self._jump(address)
        self._debugger.go()
        return RUNNING

    def _step(self, address: bytes) -> bytes:
        self._jump(address)
        self._debugger.step()
        return self.stop_reply()

    def _jump(self, address: bytes) -> None:
        if address:
            self._debugger.set_registers({"eip": int(address, 16)})

    def _detach(self) -> bytes:
        self._debugger.clear()
        self._debugger.go()
        self.is_over = True
        return OK

    def _kill(self) -> bytes:
        self._debugger.clear()
        self._debugger.machine.power_off()
        self.is_over = True
        return OK

    # -- What it can do

    def _supported(self) -> bytes:
        return b"PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+" % LARGEST

    def _no_acknowledgements(self) -> bytes:
        self.acknowledges = False
        return OK

    def _description(self, data: bytes) -> bytes:
        offset, length = _numbers(data)
        text = target_description().encode()
        piece = text[offset : offset + min(length, LARGEST - 1)]
        return (b"m" if offset + len(piece) < len(text) else b"l") + piece

    def _monitor(self, data: bytes) -> bytes:
        words = bytes.fromhex(data.decode()).decode(errors="replace").split()
        if words == ["reset"]:
            self._debugger.machine.reset()
            self._debugger.stop()
            text = "The machine was reset.\n"
        elif words == ["info", "registers"]:
            values = self._debugger.registers()
            text = "".join(f"{name:12} {value:08x}\n" for name, value in values.items())
        elif words == ["info", "devices"]:
            counters = self._debugger.machine.stats["bus"]
            text = "".join(
                f"{name:24} {row['reads']:>12} reads {row['writes']:>12} writes\n" for name, row in counters.items()
            )
        else:
            text = _HELP
        return text.encode().hex().encode()[: LARGEST - 1 & ~1]


def target_description() -> str:
    """The registers for GDB, as XML."""
    parts = (
        ("org.gnu.gdb.i386.core", (*_CORE, *_X87)),
        ("org.gnu.gdb.i386.sse", _SSE),
        ("org.bancada.system", _SYSTEM),
    )
    features = ""
    for feature, registers in parts:
        rows = ""
        if feature.endswith("sse"):
            rows = '<vector id="v4f" type="ieee_single" count="4"/><vector id="v16i8" type="int8" count="16"/>'
            rows += '<union id="vec128"><field name="v4_float" type="v4f"/><field name="v16_int8" type="v16i8"/>'
            rows += '<field name="uint128" type="uint128"/></union>'
        for name, bits in registers:
            kind = _TYPES.get(name, _TYPES[bits])
            group = ' group="float"' if (name, bits) in _X87 else ' group="system"' if (name, bits) in _SYSTEM else ""
            rows += f'<reg name="{name}" bitsize="{bits}" type="{kind}"{group}/>'
        features += f'<feature name="{feature}">{rows}</feature>'
    head = '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">'
    return f'{head}<target version="1.0"><architecture>i386</architecture>{features}</target>'


def _hex(value: int, bits: int) -> bytes:
    return value.to_bytes(bits // 8, "little").hex().encode()


def _numbers(data: bytes) -> tuple[int, int]:
    """``address,length`` in hexadecimal digits. Raises ValueError."""
    match = re.fullmatch(rb"([0-9a-fA-F]{1,16}),([0-9a-fA-F]{1,8})", data)
    if match is None:
        raise ValueError("not an address and a length")
    return int(match[1], 16) & 0xFFFFFFFF, int(match[2], 16)
