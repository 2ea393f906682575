"""Local APIC, by sections of the SDM (vol. 3, ch. 10): what a guest sees of it."""

from __future__ import annotations

import pytest

from engine.devices import local_apic as local
from engine.devices.local_apic import (
    APR,
    BASE_AT_RESET,
    CURRENT_COUNT,
    DFR,
    DIVIDE,
    EOI,
    ESR,
    ICR_HIGH,
    ICR_LOW,
    ID,
    INITIAL_COUNT,
    IRR,
    ISR,
    LDR,
    LVT_ERROR,
    LVT_LINT0,
    LVT_LINT1,
    LVT_MASKED,
    LVT_TIMER,
    PPR,
    SVR,
    TMR,
    TPR,
    VERSION,
)
from tests.core.protected_rig import GP, ProtectedRig, mov_eax
from tests.engine.devices.apic_rig import ApicRig

TICK_NS = 10
BY_1, BY_2, BY_16, BY_128 = 0xB, 0x0, 0x3, 0xA
PERIODIC, LEVEL, REMOTE_IRR = 0x20000, 0x8000, 0x4000
FIXED_NMI, FIXED_EXT_INT = 0x400, 0x700
NMI = 2


@pytest.fixture
def rig() -> ApicRig:
    return ApicRig()


# -- 10.4 The local APIC


def test_10_4_7_1_state_after_reset() -> None:
    rig = ApicRig(is_programmed=False)
    assert (rig[ID], rig[VERSION], rig[TPR], rig[LDR]) == (0, 0x00050014, 0, 0)
    assert (rig[DFR], rig[SVR], rig[ESR]) == (0xFFFFFFFF, 0xFF, 0)
    assert [rig[register] for register in range(LVT_TIMER, LVT_ERROR + 16, 16)] == [LVT_MASKED] * 6
    assert rig.bits(ISR) == rig.bits(TMR) == rig.bits(IRR) == []
    assert rig[INITIAL_COUNT] == rig[CURRENT_COUNT] == rig[DIVIDE] == 0


def test_pins_reach_the_processor_until_the_apic_is_programmed() -> None:
    rig = ApicRig(is_programmed=False)
    rig.run()
    rig.local.set_lint0(True)
    assert rig.run() == [0x08]
    rig.local.set_lint1(True)
    assert rig.run() == [NMI]
    rig[SVR] = local.SVR_ENABLE | 0xFF
    rig.local.set_lint0(True)
    assert rig.run() == []


def test_10_4_7_2_software_disable_masks_the_local_vector_table(rig: ApicRig) -> None:
    rig[LVT_TIMER] = 0x40
    rig[SVR] = 0xFF
    assert rig[LVT_TIMER] == LVT_MASKED | 0x40
    rig[LVT_TIMER] = 0x41
    assert rig[LVT_TIMER] == LVT_MASKED | 0x41
    rig.send_to_itself(0x50)
    assert rig.bits(IRR) == []
    rig[SVR] = local.SVR_ENABLE | 0xFF
    assert rig[LVT_TIMER] == LVT_MASKED | 0x41  # masked until somebody unmasks it


def test_registers_that_do_not_exist(rig: ApicRig) -> None:
    assert rig[0x40] == 0
    rig[ESR] = 0
    assert rig[ESR] == 0x80  # illegal register address
    rig[ESR] = 0
    assert rig[ESR] == 0


def test_writes_to_read_only_registers_change_nothing(rig: ApicRig) -> None:
    for register in (VERSION, APR, PPR, CURRENT_COUNT, ISR, TMR, IRR + 0x70):
        before = rig[register]
        rig[register] = 0xFFFFFFFF
        assert rig[register] == before
    rig[ESR] = 0
    assert rig[ESR] == 0


def test_accesses_of_other_sizes_do_no_harm(rig: ApicRig) -> None:
    rig.bus.write_memory(BASE_AT_RESET + TPR, b"\x55")
    rig.bus.write_memory(BASE_AT_RESET + TPR + 4, b"\x55" * 4)
    assert rig[TPR] == 0
    rig[TPR] = 0x60
    assert rig.bus.read_memory(BASE_AT_RESET + TPR, 1) == b"\x60"
    assert rig.bus.read_memory(BASE_AT_RESET + TPR + 4, 4) == bytes(4)


# -- 10.4.3, 10.4.4: IA32_APIC_BASE and CPUID


def processor_with_apic() -> tuple[ProtectedRig, local.LocalApic]:
    rig = ProtectedRig()
    apic = local.LocalApic(rig.clock)
    apic.native.connect(rig.cpu, rig.bus, None)
    return rig, apic


READ_BASE = b"\xb9\x1b\0\0\0\x0f\x32"
CPUID_1 = b"\xb8\x01\0\0\0\x0f\xa2"


def write_base(value: int) -> bytes:
    return b"\xb9\x1b\0\0\0\x31\xd2" + mov_eax(value) + b"\x0f\x30"


def test_10_4_4_base_after_reset() -> None:
    rig, _ = processor_with_apic()
    stop = rig.run(READ_BASE)
    assert (stop["eax"], stop["edx"]) == (0xFEE00900, 0)
    assert rig.run(CPUID_1)["edx"] & 0x200


def test_cpuid_shows_no_apic_on_a_board_without() -> None:
    rig = ProtectedRig()
    assert not rig.run(CPUID_1)["edx"] & 0x200
    stop = rig.run(READ_BASE)
    assert stop["eax"] & 0x800 == 0


def test_10_4_5_the_page_moves() -> None:
    rig, _ = processor_with_apic()
    read = b"\xa1" + (0xFEC80030).to_bytes(4, "little")  # MOV EAX, [FEC80030h]
    stop = rig.run(write_base(0xFEC80900) + read)
    assert stop["eax"] == 0x00050014
    assert rig.bus.read_memory(BASE_AT_RESET + VERSION, 4) == b"\xff" * 4


def test_a_page_over_memory_stays_hidden_and_the_memory_stays() -> None:
    rig, _ = processor_with_apic()
    rig.memory.write(0x100000, b"here")
    stop = rig.run(write_base(0x00100900) + READ_BASE)
    assert stop["eax"] == 0x00100900
    assert rig.bus.read_memory(0x100000, 4) == b"here"
    rig.run(write_base(0xFEE00900))
    assert rig.bus.read_memory(BASE_AT_RESET + VERSION, 4) == (0x00050014).to_bytes(4, "little")


def test_10_4_3_disabling_hides_everything_and_forgets() -> None:
    rig, apic = processor_with_apic()
    apic.native.write(TPR, 0x50, 4)
    stop = rig.run(write_base(0xFEE00100) + CPUID_1)
    assert not stop["edx"] & 0x200
    assert rig.bus.read_memory(BASE_AT_RESET + VERSION, 4) == b"\xff" * 4
    stop = rig.run(write_base(0xFEE00900) + CPUID_1)
    assert stop["edx"] & 0x200
    assert rig.bus.read_memory(BASE_AT_RESET + TPR, 4) == bytes(4)


@pytest.mark.parametrize("value", [0xFEE00901, 0xFEE00D00, 0xFEE00A00])
def test_reserved_bits_of_the_base_fault(value: int) -> None:
    rig, _ = processor_with_apic()
    assert rig.run(write_base(value)).vector == GP


# -- 10.5.1 Local vector table


def test_10_5_1_ext_int_through_lint0(rig: ApicRig) -> None:
    rig[LVT_LINT0] = FIXED_EXT_INT
    rig.local.set_lint0(True)
    assert rig.run() == [0x08]
    assert rig.bits(ISR) == []  # the 8259 pair keeps it in service, not the APIC
    rig[LVT_LINT0] = LVT_MASKED | FIXED_EXT_INT
    rig.local.set_lint0(True)
    assert rig.run() == []
    rig[LVT_LINT0] = FIXED_EXT_INT
    assert rig.run() == [0x08]


def test_10_5_1_nmi_through_lint1_is_an_edge(rig: ApicRig) -> None:
    rig[LVT_LINT1] = FIXED_NMI
    rig.local.set_lint1(True)
    assert rig.run() == [NMI]
    assert rig.run() == []
    rig.local.set_lint1(False)
    rig[LVT_LINT1] = LVT_MASKED | FIXED_NMI
    rig.local.set_lint1(True)
    assert rig.run() == []


def test_10_5_1_fixed_edge_on_lint0(rig: ApicRig) -> None:
    rig[LVT_LINT0] = 0x61
    rig.local.set_lint0(True)
    assert rig.run() == [0x61]
    rig[EOI] = 0
    assert rig.run() == []
    assert rig.ended == []


def test_10_5_1_fixed_level_on_lint0_asks_again_after_eoi(rig: ApicRig) -> None:
    rig[LVT_LINT0] = LEVEL | 0x61
    rig.local.set_lint0(True)
    assert rig.run() == [0x61]
    assert rig[LVT_LINT0] & REMOTE_IRR
    assert rig.bits(TMR) == [0x61]
    rig[EOI] = 0
    assert rig.run() == [0x61]
    rig.local.set_lint0(False)
    rig[EOI] = 0
    assert rig.run() == []
    assert not rig[LVT_LINT0] & REMOTE_IRR


# -- 10.5.3 Errors


def test_10_5_3_illegal_vectors_raise_the_error_interrupt(rig: ApicRig) -> None:
    rig[LVT_ERROR] = 0x70
    rig.send_to_itself(0x0F)
    assert rig.run() == [0x70]
    assert rig[ESR] == 0  # latched by a write
    rig[ESR] = 0
    assert rig[ESR] == 0x60  # sent and received


def test_an_error_entry_with_an_illegal_vector_does_not_run_away(rig: ApicRig) -> None:
    rig[LVT_ERROR] = 0x05
    rig.send_to_itself(0x03)
    assert rig.run() == []
    rig[ESR] = 0
    assert rig[ESR] == 0x60


# -- 10.5.4 Timer


@pytest.mark.parametrize(("divide", "factor"), [(BY_1, 1), (BY_2, 2), (BY_16, 16), (BY_128, 128)])
def test_10_5_4_one_shot(rig: ApicRig, divide: int, factor: int) -> None:
    rig.run()
    rig[DIVIDE] = divide
    rig[LVT_TIMER] = 0x50
    rig[INITIAL_COUNT] = 1000
    assert rig[CURRENT_COUNT] == 1000
    span_ns = 1000 * TICK_NS * factor
    assert rig.run(span_ns // 2) == []
    assert rig[CURRENT_COUNT] == 500
    assert rig.run(span_ns) == [0x50]
    assert rig[CURRENT_COUNT] == 0
    rig[EOI] = 0
    assert rig.run(2 * span_ns) == []


def test_10_5_4_periodic_keeps_its_pace(rig: ApicRig) -> None:
    rig.ends_itself = True
    rig[DIVIDE] = BY_1
    rig[LVT_TIMER] = PERIODIC | 0x50
    rig[INITIAL_COUNT] = 1000
    assert rig.run(100_000) == [0x50] * 9  # the tenth is just about to be taken
    assert rig.run(1_000_000) == [0x50] * 100
    rig[INITIAL_COUNT] = 0
    rig.run()
    assert rig.run(100_000) == []


def test_10_5_4_a_masked_timer_counts_without_interrupts(rig: ApicRig) -> None:
    rig[DIVIDE] = BY_1
    rig[LVT_TIMER] = LVT_MASKED | PERIODIC | 0x50
    rig[INITIAL_COUNT] = 1000
    assert rig.run(12_500) == []
    assert rig[CURRENT_COUNT] == 750


def test_10_5_4_the_divider_changes_in_the_middle(rig: ApicRig) -> None:
    rig.run()
    rig[DIVIDE] = BY_1
    rig[LVT_TIMER] = 0x50
    rig[INITIAL_COUNT] = 1000
    rig.run(5000)
    rig[DIVIDE] = BY_2
    assert rig[CURRENT_COUNT] == 500
    assert rig.run(9000) == []
    assert rig.run(2000) == [0x50]


def test_the_shortest_period_leaves_the_guest_running(rig: ApicRig) -> None:
    rig[DIVIDE] = BY_1
    rig[LVT_TIMER] = PERIODIC | 0x50
    rig[INITIAL_COUNT] = 1
    rig.ends_itself = True
    assert 50 <= len(rig.run(100_000)) <= 100


# -- 10.6 Interprocessor interrupts


def test_10_6_1_shorthands(rig: ApicRig) -> None:
    rig.ends_itself = True
    rig[ICR_LOW] = 0x40061  # self
    assert rig.run() == [0x61]
    rig[ICR_LOW] = 0x80062  # all, itself included
    assert rig.run() == [0x62]
    rig[ICR_LOW] = 0xC0063  # all but itself
    assert rig.run() == []
    assert not rig[ICR_LOW] & 0x1000  # delivery status: idle


@pytest.mark.parametrize(("destination", "arrives"), [(0x00, True), (0xFF, True), (0x01, False)])
def test_10_6_2_1_physical_destinations(rig: ApicRig, destination: int, arrives: bool) -> None:
    rig[ICR_HIGH] = destination << 24
    rig[ICR_LOW] = 0x64
    assert rig.run() == [0x64] * arrives


@pytest.mark.parametrize(
    ("model", "destination", "arrives"),
    [
        (0xF, 0x04, True),
        (0xF, 0x3C, True),
        (0xF, 0x03, False),
        (0x0, 0x24, True),
        (0x0, 0xF4, True),
        (0x0, 0x14, False),
        (0x0, 0x22, False),
    ],
)
def test_10_6_2_2_logical_destinations(rig: ApicRig, model: int, destination: int, arrives: bool) -> None:
    rig[DFR] = model << 28
    rig[LDR] = 0x24 << 24
    rig[ICR_HIGH] = destination << 24
    rig[ICR_LOW] = 0x800 | 0x64
    expected = arrives if model == 0 else bool(destination & 0x24)
    assert expected == arrives
    assert rig.run() == [0x64] * arrives


def test_10_6_1_nmi_to_itself(rig: ApicRig) -> None:
    rig[ICR_HIGH] = 0
    rig[ICR_LOW] = FIXED_NMI
    assert rig.run() == [NMI]


@pytest.mark.parametrize("command", [0xC4500, 0xC8500, 0xC4608])
def test_10_6_1_waking_processors_that_are_not_there(rig: ApicRig, command: int) -> None:
    """INIT, its deassertion and start-up: as an OS looks for others."""
    rig[ICR_HIGH] = 1 << 24
    rig[ICR_LOW] = command
    assert rig.run() == []
    assert rig[ICR_LOW] == command & ~0x1000


# -- 10.8 Handling interrupts


def test_10_8_3_priorities_and_eoi(rig: ApicRig) -> None:
    for vector in (0x55, 0x91, 0x57):
        rig.send_to_itself(vector)
    assert rig.bits(IRR) == [0x55, 0x57, 0x91]
    assert rig.run() == [0x91]
    assert rig[PPR] == 0x90
    rig[EOI] = 0
    assert rig.run() == [0x57]  # 55h is of the same class and waits
    assert rig.bits(ISR) == [0x57] and rig.bits(IRR) == [0x55]
    rig[EOI] = 0
    assert rig.run() == [0x55]
    rig[EOI] = 0
    assert rig.bits(ISR) == []


def test_10_8_3_1_task_priority_holds_classes_back(rig: ApicRig) -> None:
    rig[TPR] = 0x60
    rig.send_to_itself(0x6F)
    assert rig.run() == []
    rig.send_to_itself(0x70)
    assert rig.run() == [0x70]
    assert (rig[PPR], rig[APR]) == (0x70, 0x70)
    rig[EOI] = 0
    assert rig[PPR] == 0x60
    rig[TPR] = 0x50
    assert rig.run() == [0x6F]


def test_10_8_4_a_vector_is_remembered_once_while_in_service(rig: ApicRig) -> None:
    rig.send_to_itself(0x80)
    assert rig.run() == [0x80]
    for _ in range(3):
        rig.send_to_itself(0x80)
    rig[EOI] = 0
    assert rig.run() == [0x80]
    rig[EOI] = 0
    assert rig.run() == []


def test_10_8_5_only_level_triggered_vectors_tell_the_io_apic(rig: ApicRig) -> None:
    rig.local.message(0x81, 0, True, 0, False)
    rig.run()
    rig[EOI] = 0
    rig.local.message(0x81, 0, False, 0, False)
    rig.run()
    rig[EOI] = 0
    assert rig.ended == [0x81]


def test_eoi_with_nothing_in_service(rig: ApicRig) -> None:
    rig[EOI] = 0
    assert (rig.ended, rig.bits(ISR)) == ([], [])


# -- 10.9 Spurious interrupts


def test_10_9_a_request_that_went_away_gives_the_spurious_vector(rig: ApicRig) -> None:
    rig[SVR] = local.SVR_ENABLE | 0xEF
    rig.send_to_itself(0x40)
    assert rig.local.native.acknowledge() == 0x40
    assert rig.local.native.acknowledge() == 0xEF
    assert rig.bits(ISR) == [0x40]


def test_interrupts_wait_while_the_processor_has_them_off(rig: ApicRig) -> None:
    rig.memory.write(0x8000, b"\xfa\xeb\xfe")  # CLI; JMP $
    rig.send_to_itself(0x40)
    assert rig.run() == []
    rig.memory.write(0x8000, b"\xfb\xeb\xfe")
    rig.cpu.set_registers({"eip": 0x8000})
    assert rig.run() == [0x40]
