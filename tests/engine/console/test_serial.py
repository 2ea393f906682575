"""A serial port in scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.console.serial import SerialConsole


class Rig:
    def __init__(self) -> None:
        self.delivered = bytearray()
        self.timeouts: list[float] = []
        self.script: list[bytes] = []  # what the guest says at each look
        self.console = SerialConsole(self.delivered.extend, lambda work: work(), self.wait)

    def wait(self, predicate: Callable[[], bool], timeout: float) -> None:
        self.timeouts.append(timeout)
        while not predicate():
            if not self.script:
                raise TimeoutError("nothing")
            self.console.received(self.script.pop(0))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_write_goes_to_the_guest(rig: Rig) -> None:
    rig.console.write(b"root\n")
    assert rig.delivered == b"root\n"


def test_read_gives_each_byte_once_and_the_transcript_all(rig: Rig) -> None:
    rig.console.received(b"abc")
    assert rig.console.read() == b"abc"
    rig.console.received(b"def")
    assert rig.console.read() == b"def"
    assert rig.console.read() == b""
    assert rig.console.transcript == b"abcdef"


def test_wait_for_finds_text_that_comes_in_pieces(rig: Rig) -> None:
    rig.script = [b"log", b"in: "]
    rig.console.wait_for(b"login:", timeout=5)
    assert rig.timeouts == [5]


def test_wait_for_text_that_is_there_already(rig: Rig) -> None:
    rig.console.received(b"login: ")
    rig.console.wait_for(b"login:", timeout=5)


def test_each_wait_looks_after_what_the_last_one_found(rig: Rig) -> None:
    rig.console.received(b"$ ls\n$ ")
    rig.console.wait_for(b"$ ", timeout=5)
    rig.console.wait_for(b"$ ", timeout=5)
    with pytest.raises(TimeoutError):
        rig.console.wait_for(b"$ ", timeout=5)


def test_time_out_tells_what_the_guest_said(rig: Rig) -> None:
    rig.script = [b"kernel panic"]
    with pytest.raises(TimeoutError, match=r"login:.*(\n.*)*kernel panic"):
        rig.console.wait_for(b"login:", timeout=3)


def test_transcript_is_bounded(rig: Rig) -> None:
    for _ in range(40):
        rig.console.received(bytes(100_000))
    rig.console.received(b"end")
    assert len(rig.console.transcript) <= 1 << 20
    rig.console.wait_for(b"end", timeout=1)
    assert len(rig.console.read()) <= 1 << 20
