"""The diagnostics diskette: every page does what it promises. It is built with the project, so it is always there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from app.diagnostics import diagnostics_image
from engine import FloppyConfig, Machine, MachineConfig
from engine.events import PowerState


def configuration(**changes: object) -> MachineConfig:
    settings: dict[str, object] = {
        "name": "diagnostics",
        "clock": "instructions",
        "accelerator": "interpreter",
        "memory_mb": 8,
        "boot_order": ("floppy",),
        "floppies": [FloppyConfig(diagnostics_image(), read_only=True)],
    }
    return MachineConfig(**(settings | changes))  # type: ignore[arg-type]


@pytest.fixture
def vm() -> Iterator[Machine]:
    with Machine(configuration()) as machine:
        machine.power_on()
        machine.screen.wait_for_text("Choose what to look at", timeout=30)
        yield machine


def test_menu_names_every_page(vm: Machine) -> None:
    text = vm.screen.text()
    for name in ("Text attributes", "Mode 13h picture", "VBE picture", "Keyboard", "Mouse", "Speaker", "Memory walk"):
        assert name in text


def test_text_page_shows_all_colours(vm: Machine) -> None:
    vm.keyboard.type("1")
    vm.screen.wait_for_text("Characters of code page 437", timeout=5)
    vm.screen.refresh()
    assert len(np.unique(vm.screen.pixels().reshape(-1, 3), axis=0)) >= 16
    vm.keyboard.chord("escape")
    vm.screen.wait_for_text("Choose what to look at", timeout=5)


def test_mode_13h_picture_has_its_palette(vm: Machine) -> None:
    vm.keyboard.type("2")
    vm.run_for(3)
    vm.screen.refresh()
    pixels = vm.screen.pixels()
    height, width, _ = pixels.shape
    assert width / height == pytest.approx(320 / 200)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 150
    assert tuple(pixels[height // 2, width // 2] > 128) == (True, False, False)  # the middle of the rings is red
    assert not pixels[height // 2, 2].any()  # outside of them it is black


def test_vbe_picture_is_a_gradient_with_a_white_frame(vm: Machine) -> None:
    vm.keyboard.type("3")
    vm.run_for(5)
    vm.screen.refresh()
    pixels = vm.screen.pixels()
    assert pixels.shape == (768, 1024, 3)
    assert (pixels[0] == 255).all() and (pixels[-1] == 255).all()
    assert tuple(pixels[1, 0]) == (255, 0, 0)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000


def test_keyboard_page_echoes_codes_and_shift_states(vm: Machine) -> None:
    vm.keyboard.type("4")
    vm.screen.wait_for_text("Shift states", timeout=5)
    vm.keyboard.type("aB")
    vm.screen.wait_for_text("1E    61     a", timeout=5)
    vm.screen.wait_for_text("30    42     B", timeout=5)
    vm.keyboard.chord("f11")
    vm.screen.wait_for_text("85    00", timeout=5)


def test_mouse_page_follows_the_mouse(vm: Machine) -> None:
    vm.keyboard.type("5")
    vm.screen.wait_for_text("Packets", timeout=5)
    vm.run_for(1)
    vm.mouse.move(100, 40)
    vm.screen.wait_for_text("100", timeout=5)
    vm.mouse.press("left")
    vm.run_for(0.5)
    position = next(line for line in vm.screen.text().splitlines() if line.strip().startswith("Position"))
    assert position.split()[1:3] == ["100", "40"]


def test_speaker_page_plays_its_scale(vm: Machine) -> None:
    vm.keyboard.type("6")
    vm.run_for(0.6)
    samples = np.frombuffer(b"".join(vm.speaker.take_samples(480) for _ in range(20)), dtype=np.int16)
    vm.run_for(2)
    assert samples.any()
    vm.screen.wait_for_text("C5", timeout=5)


def test_timer_page_finds_18_ticks_a_second(vm: Machine) -> None:
    vm.keyboard.type("7")
    vm.screen.wait_for_text("Ticks in one RTC second", timeout=5)
    vm.run_for(4)
    line = next(line for line in vm.screen.text().splitlines() if "Ticks in one RTC second" in line)
    assert line.split()[-1] in ("18", "19")
    assert "2000-01-01" in vm.screen.text()


def test_memory_walk_finds_all_memory_right(vm: Machine) -> None:
    vm.keyboard.type("8")
    vm.screen.wait_for_text("All memory is right.", timeout=120)


def test_benchmark_gets_right_results(vm: Machine) -> None:
    vm.keyboard.type("9")
    vm.screen.wait_for_text("Done.", timeout=120)
    text = vm.screen.text()
    assert text.count("right") == 4
    assert "WRONG" not in text


def test_a_run_repeats_bit_for_bit() -> None:
    def fingerprint() -> tuple[int, dict[str, int], bytes]:
        with Machine(configuration()) as machine:
            machine.power_on()
            machine.screen.wait_for_text("Choose what to look at", timeout=30)
            machine.keyboard.type("1")
            machine.run_for(1)
            return machine.cpu.retired, machine.cpu.registers, machine.memory[0:0xA0000]

    assert fingerprint() == fingerprint()


def test_reset_key_restarts_the_pc(vm: Machine) -> None:
    vm.keyboard.type("1")
    vm.screen.wait_for_text("code page 437", timeout=5)
    vm.keyboard.chord("escape")
    vm.screen.wait_for_text("Choose what to look at", timeout=5)
    before = vm.cpu.retired
    vm.keyboard.type("r")
    vm.run_for(0.1)
    vm.screen.wait_for_text("Choose what to look at", timeout=30)
    assert vm.state is PowerState.RUNNING
    assert vm.cpu.retired > before


def test_two_realtime_machines_run_side_by_side() -> None:
    with Machine(configuration(clock="realtime")) as first, Machine(configuration(clock="realtime")) as second:
        first.power_on()
        second.power_on()
        for machine in (first, second):
            machine.screen.wait_for_text("Choose what to look at", timeout=60)
            machine.keyboard.type("1")
        for machine in (first, second):
            machine.screen.wait_for_text("code page 437", timeout=60)
        first.pause()
        assert first.state is PowerState.PAUSED
        second.keyboard.chord("escape")
        second.screen.wait_for_text("Choose what to look at", timeout=60)
        first.resume()
        first.keyboard.chord("escape")
        first.screen.wait_for_text("Choose what to look at", timeout=60)
        first.power_off()
        assert first.state is PowerState.OFF
        assert second.state is PowerState.RUNNING
