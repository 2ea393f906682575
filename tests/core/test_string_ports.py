"""INS and OUTS (SDM vol. 2): what a loop of them does to guest and host."""

from __future__ import annotations

import struct

import pytest

from tests.core.protected_rig import SCRATCH, ProtectedRig

TURNS = 50_000
PORT = 0x300


@pytest.mark.parametrize(
    ("opcode", "back"),
    [(b"\x6c", b"\x4f"), (b"\x6d", b"\x83\xef\x04"), (b"\x6e", b"\x4e"), (b"\x6f", b"\x83\xee\x04")],
    ids=["INSB", "INSD", "OUTSB", "OUTSD"],
)
def test_a_long_loop_of_string_io_leaves_the_hosts_stack_alone(opcode: bytes, back: bytes) -> None:
    """Each turn goes from block to block; a handler that kept a frame for each would end the process."""
    rig = ProtectedRig()
    turns = []
    rig.bus.attach_port(PORT, 4, 4, "counter", lambda offset, size: turns.append(0) or 0x41, lambda *_: turns.append(1))
    body = opcode + back
    code = b"\xbf" + struct.pack("<I", SCRATCH) + b"\xbe" + struct.pack("<I", SCRATCH)
    code += b"\xba" + struct.pack("<I", PORT) + b"\xb9" + struct.pack("<I", TURNS)
    code += body + b"\xe2" + struct.pack("<b", -len(body) - 2)
    stop = rig.run(code, instructions=4 * TURNS)
    assert (len(turns), stop["ecx"], stop.vector) == (TURNS, 0, None)
