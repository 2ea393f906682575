"""The ROM's stubs run by the real interpreter: registers, flags, transfers, interrupts."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine import Machine, MachineConfig
from engine.config import DEFAULT_CPU_MODEL
from engine.events import PowerState

_END = "b0a5 e6e9 fa f4"  # out E9h, A5h; cli; hlt


def run(
    tmp_path: Path,
    code: str,
    seconds: float = 3.0,
    disk: bool = False,
    cpu_model: str = DEFAULT_CPU_MODEL,
    printer: Path | None = None,
) -> Machine:
    """Boots a floppy whose boot sector is ``code``; returns the machine afterwards, still open."""
    sector = bytes.fromhex("".join((code + _END).split()))
    assert len(sector) <= 510
    image = bytearray(1474560)
    image[: len(sector)] = sector
    image[510:512] = b"\x55\xaa"
    for number in range(1, 2880):
        image[number * 512 : number * 512 + 512] = number.to_bytes(2, "little") * 256
    floppy = tmp_path / "boot.img"
    floppy.write_bytes(bytes(image))
    disks = []
    if disk:
        path = tmp_path / "disk.img"
        path.write_bytes(b"".join(number.to_bytes(2, "little") * 256 for number in range(2016)))
        disks.append(path)
    machine = Machine(
        MachineConfig(
            memory_mb=4, clock="instructions", floppies=[floppy], disks=disks, cpu_model=cpu_model, printer=printer
        )
    )
    machine.power_on()
    machine.run_for(seconds)
    return machine


def test_registers_survive_a_call_and_only_results_change(tmp_path: Path) -> None:
    # Fill all registers, INT 12h, store them at 0:6000h.
    code = """
        66b878563412 66bb11111111 66b922222222 66ba33333333 66be44444444 66bf55555555 66bd66666666
        6800108ed8 8ec0
    """
    code = code.replace("6800108ed8 8ec0", "6a00 1f 6a00 07 cd12")
    code += "66a30060 66891e0460 66890e0860 6689160c60 6689361060 66893e1460 66892e1860"
    with run(tmp_path, code) as vm:
        values = [int.from_bytes(vm.memory[0x6000 + 4 * n : 0x6004 + 4 * n], "little") for n in range(7)]
    assert values == [0x1234027F, 0x11111111, 0x22222222, 0x33333333, 0x44444444, 0x55555555, 0x66666666]


@pytest.mark.parametrize(("function", "carry"), [("b80102", 0), ("b80177", 1)])
def test_carry_reaches_the_caller(tmp_path: Path, function: str, carry: int) -> None:
    code = f"31c0 8ed8 8ec0 8ed0 bc007c bb0080 b90200 ba0000 {function} f9 cd13 9c 58 a30060"
    with run(tmp_path, code) as vm:
        flags = int.from_bytes(vm.memory[0x6000:0x6002], "little")
        data = vm.memory[0x8000:0x8004]
    assert flags & 1 == carry
    assert (data == b"\1\0\1\0") == (not carry)


def test_disk_blocks_of_64_kib_arrive_whole(tmp_path: Path) -> None:
    # INT 13h/02h: 127 sectors from the hard disk to 1000:0005.
    code = "b80010 8ec0 bb0500 b87f02 b90100 ba8000 cd13"
    with run(tmp_path, code, disk=True) as vm:
        data = vm.memory[0x10005 : 0x10005 + 127 * 512]
    assert data == b"".join(number.to_bytes(2, "little") * 256 for number in range(127))


def test_disk_write_takes_the_callers_bytes(tmp_path: Path) -> None:
    # Fill 3000:0000 with ABh, write it to sector 3, read it back to 4000:0000.
    code = """
        b80030 8ec0 31ff b90002 b0ab f3aa 31db b80103 b90300 ba8000 cd13
        b80040 8ec0 31db b80102 b90300 ba8000 cd13
    """
    with run(tmp_path, code, disk=True) as vm:
        assert vm.memory[0x40000:0x40200] == b"\xab" * 512


def test_ticks_count_in_guest_time(tmp_path: Path) -> None:
    # Wait 20 ticks with INT 1Ah, store the count before and after.
    code = """
        31c0 8ed8 31c0 cd1a 89160060 89d3 83c314
        31c0 cd1a 39da 75f8 89160260
    """
    with run(tmp_path, code) as vm:
        before = int.from_bytes(vm.memory[0x6000:0x6002], "little")
        after = int.from_bytes(vm.memory[0x6002:0x6004], "little")
    assert (after - before) & 0xFFFF == 20


def test_wait_of_int_15h_86h(tmp_path: Path) -> None:
    # 500,000 microseconds between two readings of the tick count.
    code = "31c0 8ed8 a16c04 a30060 b90700 ba20a1 b400 b486 cd15 a16c04 a30260"
    with run(tmp_path, code) as vm:
        ticks = int.from_bytes(vm.memory[0x6002:0x6004], "little") - int.from_bytes(vm.memory[0x6000:0x6002], "little")
    assert 8 <= ticks <= 11


def test_key_press_goes_through_int_9_to_int_16h(tmp_path: Path) -> None:
    code = "31c0 8ed8 fb b400 cd16 a30060"
    with run(tmp_path, code, seconds=2.0) as vm:
        assert vm.memory[0x6000:0x6002] != b"\x61\x1e"
        vm.keyboard.type("a")
        vm.run_for(1.0)
        assert vm.memory[0x6000:0x6002] == b"\x61\x1e"


def test_mouse_packets_reach_a_real_mode_handler(tmp_path: Path) -> None:
    # C205h (3 bytes), C207h (handler at 0:7D00), C200h; the handler counts at 0:6000 and keeps X at 0:6002.
    handler = "1e 50 55 89e5 31c0 8ed8 ff060060 8b460e a30260 5d 58 1f cb"
    code = "31c0 8ed8 8ec0 fb b805c2 b703 cd15 b807c2 bb007d cd15 b800c2 b701 cd15 a30460 ebfe"
    sector = bytes.fromhex(code.replace(" ", "")).ljust(0x100, b"\x90") + bytes.fromhex(handler.replace(" ", ""))
    with run(tmp_path, sector.hex()) as vm:
        assert vm.memory[0x6005][0] == 0
        vm.mouse.move(7, 0)
        vm.run_for(0.5)
        assert vm.memory[0x6000][0] >= 1
        assert vm.memory[0x6002][0] == 7


def test_control_alt_delete_starts_again(tmp_path: Path) -> None:
    with run(tmp_path, "31c0 8ed8 ff060060 fb f4 ebfd") as vm:
        assert vm.memory[0x6000][0] == 1
        vm.keyboard.chord("ctrl+alt+delete")
        vm.run_for(2.0)
        assert vm.memory[0x6000][0] == 2


def test_shutdown_code_0a_comes_back_without_touching_memory(tmp_path: Path) -> None:
    # CMOS 0Fh = 0Ah, 40:67 = 0:7D00, reset by the keyboard controller.
    back = "31c0 8ed8 c606006042 fa f4"
    code = "31c0 8ed8 c7066704007d c70669040000 b08f e670 b00a e671 b0fe e664 ebfe"
    sector = bytes.fromhex(code.replace(" ", "")).ljust(0x100, b"\x90") + bytes.fromhex(back.replace(" ", ""))
    with run(tmp_path, sector.hex(), seconds=1.5) as vm:
        assert vm.memory[0x6000][0] == 0x42


def test_int_17h_prints_into_the_file(tmp_path: Path) -> None:
    file = tmp_path / "out.prn"
    character = " b8{:02x}00 ba0000 cd17 8826{:02x}60"
    code = "31c0 8ed8 ba0000 b80001 cd17" + character.format(ord("O"), 0) + character.format(ord("K"), 1)
    with run(tmp_path, code, printer=file) as vm:
        assert all(status & 0x39 == 0x10 for status in vm.memory[0x6000:0x6002])  # selected, no error, no timeout
        assert file.read_bytes() == b"OK", "at once, not at power-off"


def test_int_17h_without_a_printer_times_out(tmp_path: Path) -> None:
    with run(tmp_path, "31c0 8ed8 ba0000 b84100 cd17 88260060", seconds=60) as vm:
        assert vm.memory[0x6000][0] & 0x01


def test_print_screen_prints_every_row_at_the_printers_pace(tmp_path: Path) -> None:
    file = tmp_path / "out.prn"
    # Clear the screen with INT 10h/00h, write "Hi" with 0Eh, then INT 5.
    with run(tmp_path, "31c0 8ed8 b80300 cd10 b8480e cd10 b8690e cd10 cd05", printer=file) as vm:
        assert vm.memory[0x500][0] == 0x00
        assert file.read_bytes() == b"\r\nHi" + b" " * 78 + b"\r\n" + (b" " * 80 + b"\r\n") * 24


def test_print_screen_without_a_printer_is_over_at_once(tmp_path: Path) -> None:
    with run(tmp_path, "31c0 8ed8 cd05 c606006042") as vm:
        assert vm.memory[0x500][0] == 0xFF
        assert vm.memory[0x6000][0] == 0x42, "the program goes on"


def test_apm_power_off(tmp_path: Path) -> None:
    with run(tmp_path, "b80753 bb0100 b90300 cd15") as vm:
        assert vm.state is PowerState.OFF


def test_apm_through_its_32_bit_entry_point(tmp_path: Path) -> None:
    # Connects (5303h), enters flat protected mode, asks for an event and the driver version, switches off.
    code = """
        31c08ed88ed0bc007cb8035331dbcd1566891e847cfa0f01168a7c0f20c00c010f22c0ea287c080066b810008ed88ec0
        8ed0bc007c0000b80b53000031dbff1d847c0000a3006000009c8f0504600000b80e53000031dbb902010000ff1d847c
        0000a3086000009c8f050c600000b807530000bb01000000b903000000ff1d847c0000f40000000018002700907c0000
        0000000000000000ffff0000009bcf00ffff00000093cf00ffff00000f9b4000
    """
    with run(tmp_path, code) as vm:
        values = [int.from_bytes(vm.memory[at : at + 4], "little") for at in (0x6000, 0x6004, 0x6008, 0x600C)]
        state = vm.state
    assert values[0] >> 8 & 0xFF == 0x80 and values[1] & 1  # no event
    assert values[2] & 0xFFFF == 0x0102 and not values[3] & 1
    assert state is PowerState.OFF


def test_power_button_and_soft_off_by_acpi(tmp_path: Path) -> None:
    # ACPI on (F1h to port B2h), PWRBTN_EN; polls PWRBTN_STS, clears it, then SLP_EN with the type of S5.
    code = """
        b0f1 e6b2 ba0206 b80001 ef
        ba0006 ed f6c401 74fa b80001 ef ed 31db 8edb a30060
        ba0406 ed a30260 b80120 ef
    """
    with run(tmp_path, code, seconds=2.0) as vm:
        assert vm.state is PowerState.RUNNING
        vm.press_power_button()
        vm.run_for(1.0)
        assert vm.state is PowerState.OFF
        assert not vm.memory[0x6001][0] & 1 and vm.memory[0x6002][0] & 1


def test_power_button_without_acpi_is_the_plug(tmp_path: Path) -> None:
    with run(tmp_path, "ebfe", seconds=2.0) as vm:
        vm.press_power_button()
        assert vm.state is PowerState.OFF


def test_protected_mode_switch_of_int_15h_89h(tmp_path: Path) -> None:
    # A GDT at 0:7D00; after the switch the code stores a word through DS = 18h and halts.
    gdt = bytearray(0x40)
    for index, (base, access) in {
        1: (0x7D00, 0x93),
        2: (0, 0x93),
        3: (0, 0x93),
        4: (0, 0x93),
        5: (0, 0x93),
        6: (0, 0x9B),
    }.items():
        gdt[index * 8 : index * 8 + 8] = bytes((0xFF, 0xFF)) + base.to_bytes(3, "little") + bytes((access, 0, 0))
    code = "31c0 8ed8 8ec0 8ed0 bc007c be007d bb7020 b489 cd15 c70600605a5a fa f4"
    sector = bytes.fromhex(code.replace(" ", "")).ljust(0x100, b"\x90") + bytes(gdt)
    with run(tmp_path, sector.hex(), seconds=1.5) as vm:
        assert vm.memory[0x6000:0x6002] == b"\x5a\x5a"
        assert vm.cpu.registers["cs"] == 0x30 and vm.cpu.registers["cr0"] & 1


def test_an_idle_prompt_costs_next_to_nothing(tmp_path: Path) -> None:
    """A loop on INT 16h/01h sleeps between interrupts: far fewer instructions than the time would allow."""
    with run(tmp_path, "b401 cd16 74fa") as vm:
        before = vm.cpu.retired
        vm.run_for(10.0)
        assert vm.cpu.retired - before < 0.01 * 10.0 * 100_000_000


def memory_registers(tmp_path: Path, model: str) -> dict[int, int]:
    """CR0 (as number 0) and MTRRs as the boot sector finds them: it stores ECX, EAX, EDX of each to 0:6000h."""
    registers = (0x2FF, 0x250, 0x258, 0x259, 0x268, 0x26F, 0x200, 0x201, 0x202, 0x203)
    code = "31c0 8ed8 8ec0 bf0060 fc 66b800000000 66ab 0f20c0 66ab 6631c0 66ab"
    if model != "486":
        for register in registers:
            code += f" 66b9{register.to_bytes(4, 'little').hex()} 6689c8 66ab 0f32 66ab 6689d0 66ab"
    code += " 66b8ffffffff 66ab fa f4"
    with run(tmp_path, code, cpu_model=model) as vm:
        data = bytes(vm.memory[0x6000:0x6100])
    found = {}
    for at in range(0, len(data), 12):
        number, value = struct.unpack_from("<IQ", data, at)
        if number == 0xFFFFFFFF:
            break
        found[number] = value
    return found


@pytest.mark.parametrize("model", ["486", "pentium-iii", "pentium-4"])
def test_post_leaves_the_caches_on_and_says_what_may_be_cached(tmp_path: Path, model: str) -> None:
    found = memory_registers(tmp_path, model)
    assert not found[0] & 0x60000000  # CD, NW
    if model == "486":
        assert list(found) == [0]
        return
    assert found[0x2FF] == 0xC06  # enabled, with fixed ranges; else write-back
    assert found[0x250] == found[0x258] == 0x0606060606060606
    assert found[0x259] == 0 and found[0x268] == found[0x26F] == 0x0505050505050505
    assert (found[0x200], found[0x201]) == (0xE0000000, 0xE0000800)  # PCI devices: uncached
    assert (found[0x202], found[0x203]) == (0, 0)
