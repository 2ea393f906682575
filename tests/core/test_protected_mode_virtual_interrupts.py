"""Protected-mode virtual interrupts: CR4.PVI gives ring 3 a flag of its own (SDM vol. 3, 20.4)."""

from __future__ import annotations

import pytest

from tests.core.protected_rig import CODE3, DATA3, GP, IF, IOPL3, UD, VIF, VIP, ProtectedRig

CR4_PVI = 2
CLI, STI, PUSHF_POP_EAX, POPF, UD2 = b"\xfa", b"\xfb", b"\x9c\x58", b"\x9d", b"\x0f\x0b"


def flags_after(code: bytes, eflags: int, cr4: int = CR4_PVI, cpl: int = 3) -> tuple[int | None, int, int]:
    """The exception, the flags it pushed, and EAX."""
    selectors = {"cpl": cpl, "cs": CODE3 & ~3 | cpl, "cs_access": 0xC9B | cpl << 5}
    selectors |= {"ss": DATA3 & ~3 | cpl, "ss_access": 0xC93 | cpl << 5}
    stop = ProtectedRig().run(code + UD2, eflags=2 | eflags, cr4=cr4, **selectors)
    return stop.vector, stop.frame[2] & (IF | VIF | VIP), stop["eax"]


@pytest.mark.parametrize(
    ("code", "eflags", "vector", "left"),
    [
        (STI, 0, UD, VIF),
        (CLI, IF | VIF, UD, IF),
        (CLI, IF | VIF | VIP, UD, IF | VIP),
        (STI, VIP, GP, VIP),  # an interrupt waits: the monitor takes over
        (STI, IOPL3, UD, IF),  # IOPL 3: the flag itself
        (CLI, IOPL3 | IF | VIF, UD, VIF),
        (STI, IOPL3 | VIP, UD, IF | VIP),
    ],
)
def test_cli_and_sti_at_ring_3(code: bytes, eflags: int, vector: int, left: int) -> None:
    assert flags_after(code, eflags)[:2] == (vector, left)


def test_pushf_and_popf_show_and_change_neither_flag_of_the_two() -> None:
    vector, left, pushed = flags_after(PUSHF_POP_EAX, IF)
    assert (vector, left, pushed & (IF | VIF)) == (UD, IF, IF)
    assert flags_after(b"\x6a\x02" + POPF, IF | VIF)[:2] == (UD, IF | VIF)


@pytest.mark.parametrize("code", [CLI, STI])
def test_without_the_bit_and_at_rings_1_and_2_both_fault(code: bytes) -> None:
    assert flags_after(code, IF, cr4=0)[:2] == (GP, IF)
    for cpl in (1, 2):
        assert flags_after(code, IF, cpl=cpl)[:2] == (GP, IF)
