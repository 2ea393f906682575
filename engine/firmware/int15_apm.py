"""INT 15h/53h: APM 1.2: idle, power off, status; real-mode, 16-bit and 32-bit protected-mode interfaces.

Source: APM BIOS Interface Specification 1.2, chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.firmware.board import FirmwareBoard
from engine.firmware.call import Call
from engine.firmware.rom import SYSTEM_SEGMENT

_VERSION: Final = 0x0102
_ALL_DEVICES: Final = 0x0001
_STATE_STANDBY: Final = 1
_STATE_SUSPEND: Final = 2
_STATE_OFF: Final = 3
_NOT_CONNECTED: Final = 0x03
_UNKNOWN_DEVICE: Final = 0x09
_BAD_PARAMETER: Final = 0x0A
_ALREADY_CONNECTED: Final = 0x02
_HAS_16_BIT: Final = 0x0001
_HAS_32_BIT: Final = 0x0002
_DISABLED: Final = 0x0008
_SEGMENT_LENGTH: Final = 0xFFFF
_NO_EVENT: Final = 0x80


@dataclass
class PowerState:
    connected: bool = False
    enabled: bool = True
    version: int = 0x0100


class PowerManagement:
    """All functions; which interface a call came through makes no difference."""

    def __init__(self, board: FirmwareBoard, labels: dict[str, int]) -> None:
        self._board = board
        self._labels = labels
        self.state = PowerState()

    def service(self, call: Call) -> None:
        error = self._function(call)
        call.carry = error != 0
        if error:
            call.ah = error

    def _function(self, call: Call) -> int:
        function, device = call.al, call.bx
        state = self.state
        if function == 0x00:
            if device != 0:
                return _UNKNOWN_DEVICE
            call.ax = _VERSION
            call.bx = 0x504D  # "PM"
            call.cx = _HAS_16_BIT | _HAS_32_BIT | (0 if state.enabled else _DISABLED)
            return 0
        if function in (0x01, 0x02, 0x03):
            if state.connected:
                return _ALREADY_CONNECTED
            state.connected = True
            self._entry_point(call)
            return 0
        if function == 0x04:
            was, state.connected = state.connected, False
            return 0 if was else _NOT_CONNECTED
        if function == 0x05:
            call.ah = 0
            call.wait_once()
            return 0
        if function == 0x06:
            return 0
        if function == 0x07:
            return self._set_power_state(call)
        if function in (0x08, 0x0D, 0x0F):
            state.enabled = bool(call.cx & 1)
            return 0
        return self._status(call)

    def _entry_point(self, call: Call) -> None:
        """Segments (real-mode values) and offset of the protected-mode entry that was asked for."""
        if call.al == 0x02:
            call.ax, call.bx, call.cx = SYSTEM_SEGMENT, self._labels["apm_16"], SYSTEM_SEGMENT
            call.si = call.di = _SEGMENT_LENGTH
        elif call.al == 0x03:
            call.ax, call.ebx = SYSTEM_SEGMENT, self._labels["apm_32"]
            call.cx = call.dx = SYSTEM_SEGMENT
            call.esi = _SEGMENT_LENGTH << 16 | _SEGMENT_LENGTH
            call.di = _SEGMENT_LENGTH

    def _set_power_state(self, call: Call) -> int:
        wanted = call.cx
        if call.bx == _ALL_DEVICES and wanted == _STATE_OFF:
            self._board.power_off()
        elif wanted in (_STATE_STANDBY, _STATE_SUSPEND) and call.bx == _ALL_DEVICES:
            call.wait_once()  # until something happens
        elif wanted > 4:
            return _BAD_PARAMETER
        return 0

    def _status(self, call: Call) -> int:
        function = call.al
        if function == 0x0A:
            call.bh, call.bl = 1, 0xFF  # on line; no battery
            call.cl, call.ch = 0xFF, 0x80
            call.dx = 0xFFFF
            return 0
        if function == 0x0B:
            return _NO_EVENT
        if function == 0x0C:
            call.cx = 0  # APM enabled: everything is on
            return 0
        if function == 0x0E:
            self.state.version = min(call.cx, _VERSION)
            call.ax = self.state.version
            return 0
        if function == 0x10:
            call.bl, call.cx = 0, 0
            return 0
        return _BAD_PARAMETER
