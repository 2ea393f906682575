"""The remote protocol, spoken over a socket by a client of the test's own."""

from __future__ import annotations

import socket
import xml.etree.ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.debug.debugger import Debugger
from engine.debug.gdb_packets import PacketReader, packet, unescaped
from engine.debug.gdb_server import GdbServer
from engine.debug.gdb_stub import GdbStub, target_description
from engine.errors import HostResourceError
from engine.events import PowerState
from tests.engine.debug.conftest import AFTER_STORE, BOOT, CELL, END, STORE, Bench

_EIP = 8  # its number


class Gdb:
    """GDB's side."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=60)
        self._reader = PacketReader()
        self._found: list[bytes | None] = []
        self.ask(b"QStartNoAckMode")

    def send(self, data: bytes) -> None:
        self._socket.sendall(packet(data))

    def break_in(self) -> None:
        self._socket.sendall(b"\x03")

    def answer(self) -> bytes:
        while not self._found:
            data = self._socket.recv(65536)
            assert data, "the connection ended"
            self._found += self._reader.feed(data)
        found = self._found.pop(0)
        assert found is not None
        return unescaped(found)

    def ask(self, data: bytes) -> bytes:
        self.send(data)
        return self.answer()

    def eip(self) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(b"p%x" % _EIP).decode()), "little")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server(bench: Bench) -> Iterator[GdbServer]:
    made = GdbServer(bench.machine, "0")
    yield made
    made.close()


@pytest.fixture
def gdb(server: GdbServer) -> Iterator[Gdb]:
    host, _, port = server.address.rpartition(":")
    made = Gdb((host, int(port)))
    yield made
    made.close()


@pytest.fixture
def stub(bench: Bench) -> GdbStub:
    return GdbStub(Debugger(bench.machine))


# -- Packets


def test_packets_are_escaped_and_found_again() -> None:
    data = bytes(range(256))
    assert PacketReader().feed(b"+" + packet(data)) == [packet(data)[1:-3]]
    assert unescaped(packet(data)[1:-3]) == data


def test_packets_come_in_pieces_and_damaged_ones_are_told() -> None:
    reader = PacketReader()
    assert reader.feed(b"$m0,") == []
    assert reader.feed(b"4#fd\x03$g#00") == [b"m0,4", b"\x03", None]
    assert reader.feed(b"$" + b"a" * 40000) == [None]
    assert reader.feed(packet(b"g")) == [b"g"]


# -- Commands


def test_breakpoint_step_and_registers(gdb: Gdb) -> None:
    assert gdb.ask(b"?") == b"S05"
    assert gdb.ask(b"Z0,%x,1" % BOOT) == b"OK"
    assert gdb.ask(b"c") == b"S05"
    assert gdb.eip() == BOOT
    assert gdb.ask(b"m%x,2" % BOOT) == b"31c0"
    assert gdb.ask(b"vCont;s:1") == b"S05"
    assert gdb.eip() == BOOT + 2
    assert gdb.ask(b"P0=78563412") == b"OK"  # EAX
    assert gdb.ask(b"p0") == b"78563412"


def test_a_watchpoint_is_named(gdb: Gdb) -> None:
    assert gdb.ask(b"Z2,%x,2" % CELL) == b"OK"
    while gdb.ask(b"vCont;c") == b"T05watch:%x;" % CELL and gdb.eip() != AFTER_STORE:
        pass  # the firmware's memory test came by
    assert gdb.eip() == AFTER_STORE


def test_break_in_and_detach(gdb: Gdb, bench: Bench) -> None:
    gdb.send(b"c")
    gdb.break_in()
    assert gdb.answer() == b"S05"
    assert bench.machine.state is PowerState.PAUSED
    assert gdb.ask(b"D") == b"OK"
    bench.machine.wait_until(lambda: bench.machine.board.bus.read_memory(CELL, 2) == b"\x03\0", timeout=30)


def test_the_end_of_the_machine_is_told(gdb: Gdb, bench: Bench) -> None:
    gdb.send(b"c")
    bench.machine.power_off()
    assert gdb.answer() == b"W00"


def test_registers_as_a_whole_go_back_unchanged(stub: GdbStub) -> None:
    everything = stub.handle(b"g")
    assert everything is not None
    assert stub.handle(b"G" + everything) == b"OK"
    assert stub.handle(b"g") == everything


def test_the_description_names_what_g_sends(stub: GdbStub) -> None:
    registers = xml.etree.ElementTree.fromstring(target_description()).iter("reg")
    bits = sum(int(register.get("bitsize", "0")) for register in registers)
    assert len(stub.handle(b"g") or b"") == bits // 4
    text = b""
    while True:
        piece = stub.handle(b"qXfer:features:read:target.xml:%x,300" % len(text)) or b""
        text += piece[1:]
        if piece[:1] == b"l":
            break
    assert text.decode() == target_description()


def test_memory_in_both_ways(stub: GdbStub) -> None:
    assert stub.handle(b"M600,3:414243") == b"OK"
    assert stub.handle(b"X603,2:\x7d\x03\x7d\x0a") == b"OK"
    assert stub.handle(b"m600,5") == b"414243232a"


def test_monitor_commands(stub: GdbStub) -> None:
    devices = stub.handle(b"qRcmd," + b"info devices".hex().encode()) or b""
    assert "interrupt controllers" in bytes.fromhex(devices.decode()).decode()
    helping = stub.handle(b"qRcmd," + b"nonsense".hex().encode()) or b""
    assert "monitor commands" in bytes.fromhex(helping.decode()).decode()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"m", b"E01"), (b"m-1,4", b"E01"), (b"mxyz,4", b"E01"), (b"M600,3:41", b"E01"), (b"M600,1:zz", b"E01"),
        (b"p9999", b"E01"), (b"P10=00", b"E01"), (b"Gzz", b"E01"), (b"Z0,,", b"E01"), (b"Z2,600,0", b""),
        (b"Z9,600,1", b""), (b"vCont;x", b"E01"), (b"vMustReplyEmpty", b""), (b"", b""), (b"qRcmd,zz", b"E01"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_answered_as_the_protocol_says(stub: GdbStub, command: bytes, answer: bytes) -> None:
    assert stub.handle(command) == answer


# -- The server


def test_a_port_that_is_taken(bench: Bench, server: GdbServer) -> None:
    with pytest.raises(HostResourceError, match="Choose another port"):
        GdbServer(bench.machine, server.address)
    with pytest.raises(HostResourceError):
        GdbServer(bench.machine, "localhost:none")


def test_a_unix_socket_comes_and_goes(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "gdb"
    server = GdbServer(bench.machine, f"unix:{path}")
    assert path.is_socket() and server.address == str(path)
    server.close()
    assert not path.exists()


def test_gdb_goes_and_the_next_may_come(bench: Bench, server: GdbServer) -> None:
    host, _, port = server.address.rpartition(":")
    first = Gdb((host, int(port)))
    assert first.ask(b"Z0,%x,1" % STORE) == b"OK"
    first.close()
    second = Gdb((host, int(port)))
    assert second.ask(b"?") == b"S05"
    assert second.ask(b"Z0,%x,1" % END) == b"OK"
    assert second.ask(b"c") == b"S05"
    assert second.eip() == END  # the first one's breakpoint is forgotten
    second.close()
