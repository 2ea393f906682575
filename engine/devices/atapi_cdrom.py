"""ATAPI CD-ROM drive: ATA/ATAPI-6 PACKET protocol and the MMC-3 command set (T10/1363-D), read-only.

A medium change is told by UNIT ATTENTION. Audio commands are answered as by a disc without audio tracks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from engine.devices.device import ResetKind
from engine.devices.ide_device import DRDY, DRQ, DSC, ERR, ERROR_ABRT, IdeDevice, identify_string
from engine.disks.block_device import BlockError
from engine.disks.cd_image import BLOCK_BYTES, CdImage

PACKET_BYTES: Final = 12
REASON_COMMAND, REASON_TO_HOST = 0x01, 0x02
NO_SENSE, NOT_READY, MEDIUM_ERROR, ILLEGAL_REQUEST, UNIT_ATTENTION = 0x0, 0x2, 0x3, 0x5, 0x6
NO_MEDIUM: Final = (NOT_READY, 0x3A, 0x00)
CHANGED: Final = (UNIT_ATTENTION, 0x28, 0x00)
BAD_OPCODE: Final = (ILLEGAL_REQUEST, 0x20, 0x00)
BAD_FIELD: Final = (ILLEGAL_REQUEST, 0x24, 0x00)
OUT_OF_RANGE: Final = (ILLEGAL_REQUEST, 0x21, 0x00)
WRONG_MODE: Final = (ILLEGAL_REQUEST, 0x64, 0x00)
UNREADABLE: Final = (MEDIUM_ERROR, 0x11, 0x00)
LOCKED: Final = (ILLEGAL_REQUEST, 0x53, 0x02)
_BLOCKS_AT_ONCE: Final = 32
# Commands that do not care whether there is a medium, or whether it was changed.
_ALWAYS: Final = frozenset({0x03, 0x12, 0x46, 0x4A, 0x1E, 0x1B, 0x1A, 0x5A, 0xBD})


class CheckCondition(Exception):
    """A packet command ends with CHECK CONDITION; ``sense`` is key, additional code and qualifier."""

    def __init__(self, sense: tuple[int, int, int]) -> None:
        self.sense = sense
        super().__init__(str(sense))


def msf(lba: int) -> bytes:
    """Minute, second, frame of an address (MMC-3, 4.2.5)."""
    frames = lba + 150
    return bytes((0, frames // 75 // 60 & 0xFF, frames // 75 % 60, frames % 75))


class AtapiCdrom(IdeDevice):
    """``medium`` is the CD in the drive, or None."""

    is_atapi = True

    def __init__(self, activity: Callable[[bool], None] | None = None) -> None:
        super().__init__(activity)
        self.medium: CdImage | None = None
        self._packets: dict[int, Callable[[bytes], bytes]] = {
            0x00: lambda packet: b"",
            0x03: self._request_sense,
            0x12: self._inquiry,
            0x1A: lambda packet: self._mode_sense(packet, short=True),
            0x1B: self._start_stop,
            0x1E: self._prevent_allow,
            0x25: self._read_capacity,
            0x2B: lambda packet: b"",
            0x42: self._read_sub_channel,
            0x43: self._read_toc,
            0x44: self._read_header,
            0x45: self._play_audio,
            0x46: self._configuration,
            0x47: self._play_audio,
            0x4A: self._event_status,
            0x4B: self._play_audio,
            0x4E: lambda packet: b"",
            0x51: self._disc_information,
            0x5A: lambda packet: self._mode_sense(packet, short=False),
            0xBD: self._mechanism_status,
        }

    # -- The medium

    def insert(self, image: CdImage) -> None:
        self.eject()
        self.medium = image

    def eject(self) -> None:
        """The person's button: it opens the drive even when the guest locked it."""
        if self.medium is not None:
            self.medium.close()
        self.medium = None
        self.state.attention = True
        self.state.locked = False

    @property
    def locked(self) -> bool:
        return self.state.locked

    def reset(self, kind: ResetKind) -> None:
        super().reset(kind)
        if kind is ResetKind.POWER_ON:
            self.state.attention = False

    # -- ATA commands

    def execute(self, command: int) -> None:
        task = self.state.task
        task.error = 0
        if command == 0xA0:
            task.count = REASON_COMMAND
            self.ask(PACKET_BYTES, "packet", interrupt=False)
            task.status = DRDY | DRQ
        elif command == 0xA1:
            self.offer(self.identify(), "identify")
        elif command == 0x08:
            self.sign()
        elif command == 0x90:
            self.sign()
            self.set_interrupt(True)
        elif command == 0xEC:
            self.sign()  # a disk command: the signature tells what this is
            self.abort()
        elif command in (0x00, 0xE0, 0xE1, 0xE5, 0xE6, 0xEF):
            if command == 0x00:
                self.abort()
            else:
                if command == 0xE5:
                    task.count = 0xFF
                self.finish()
        else:
            self.abort()

    def phase_done(self) -> None:
        state = self.state
        phase = state.phase
        if phase == "packet":
            self._packet(state.buffer)
        elif phase == "blocks" and state.left:
            self._next_blocks()
        elif phase in ("blocks", "reply"):
            self._complete()
        else:
            state.phase, state.buffer, state.position = "", b"", 0
            state.task.status = DRDY | DSC

    # -- PACKET

    def _packet(self, packet: bytes) -> None:
        state, opcode = self.state, packet[0]
        state.packet = packet
        # The byte count the processor set limits each block of data.
        state.limit = (state.task.lba_mid | state.task.lba_high << 8) or 0xFFFE
        try:
            if opcode not in _ALWAYS:
                if state.attention:
                    state.attention = False
                    raise CheckCondition(CHANGED if self.medium is not None else NO_MEDIUM)
                if self.medium is None:
                    raise CheckCondition(NO_MEDIUM)
            if opcode in (0x28, 0xA8, 0xBE):
                self._start_read(packet)
                return
            handler = self._packets.get(opcode)
            if handler is None:
                raise CheckCondition(BAD_OPCODE)
            reply = handler(packet)
        except CheckCondition as check:
            self._fail(check.sense)
            return
        if opcode != 0x03:
            state.sense = (0, 0, 0)
        if reply:
            self._send(reply, "reply")
        else:
            self._complete()

    def _send(self, data: bytes, phase: str) -> None:
        """Hands out a block no longer than the byte count; what is over is kept for the next."""
        state = self.state
        limit = state.limit & ~1 or 2
        piece = data[:limit]
        state.rest = data[limit:]
        task = state.task
        task.count = REASON_TO_HOST
        task.lba_mid, task.lba_high = len(piece) & 0xFF, len(piece) >> 8
        if len(piece) & 1:
            piece += b"\0"
        self.offer(piece, phase)

    def _complete(self) -> None:
        state = self.state
        if state.phase == "reply" and state.rest:
            self._send(state.rest, "reply")
            return
        state.rest = b""
        state.task.count = REASON_COMMAND | REASON_TO_HOST
        self.finish()

    def _fail(self, sense: tuple[int, int, int]) -> None:
        self.state.sense = sense
        self.state.task.count = REASON_COMMAND | REASON_TO_HOST
        self.abort(sense[0] << 4 | ERROR_ABRT)
        self.state.task.status = DRDY | DSC | ERR

    # -- Reading

    def _start_read(self, packet: bytes) -> None:
        state = self.state
        opcode = packet[0]
        lba = struct.unpack_from(">I", packet, 2)[0]
        if opcode == 0x28:
            count = struct.unpack_from(">H", packet, 7)[0]
        elif opcode == 0xA8:
            count = struct.unpack_from(">I", packet, 6)[0]
        else:
            count = packet[6] << 16 | packet[7] << 8 | packet[8]
            if packet[9] & 0xF8 == 0:
                count = 0
            elif packet[9] & 0xF8 != 0x10:
                raise CheckCondition(WRONG_MODE)
        assert self.medium is not None
        if lba + count > self.medium.block_count:
            raise CheckCondition(OUT_OF_RANGE)
        state.sense = (0, 0, 0)
        state.lba, state.left = lba, count
        if count:
            self._next_blocks()
        else:
            self._complete()

    def _next_blocks(self) -> None:
        state = self.state
        count = max(1, min(state.left, _BLOCKS_AT_ONCE, (state.limit or 0xFFFE) // BLOCK_BYTES))
        if self.medium is None:
            self._fail(NO_MEDIUM)
            return
        try:
            data = self.medium.read(state.lba, count)
        except (BlockError, ValueError):
            self._fail(UNREADABLE)
            return
        self.active(False)
        state.lba += count
        state.left -= count
        state.limit = max(state.limit, BLOCK_BYTES)
        self._send(data, "blocks")

    # -- Information

    @staticmethod
    def _cut(reply: bytes, length: int) -> bytes:
        return reply[:length]

    def _request_sense(self, packet: bytes) -> bytes:
        key, code, qualifier = self.state.sense
        self.state.sense = (0, 0, 0)
        reply = bytes((0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, code, qualifier, 0, 0, 0, 0))
        return self._cut(reply, packet[4])

    def _inquiry(self, packet: bytes) -> bytes:
        if packet[1] & 1:
            raise CheckCondition(BAD_FIELD)
        reply = bytes((0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0)) + b"BANCADA " + b"Virtual CD-ROM  " + b"1.0 "
        return self._cut(reply, packet[4])

    def _read_capacity(self, packet: bytes) -> bytes:
        assert self.medium is not None
        return struct.pack(">II", self.medium.block_count - 1, BLOCK_BYTES)

    def _read_toc(self, packet: bytes) -> bytes:
        assert self.medium is not None
        in_msf, form = packet[1] & 2, packet[2] & 0x0F or packet[9] >> 6
        length = struct.unpack_from(">H", packet, 7)[0]
        end = self.medium.block_count

        def address(lba: int) -> bytes:
            return msf(lba) if in_msf else struct.pack(">I", lba)

        if form == 0:
            first = packet[6]
            if first not in (0, 1, 0xAA):
                raise CheckCondition(BAD_FIELD)
            tracks = b"" if first == 0xAA else bytes((0, 0x14, 1, 0)) + address(0)
            tracks += bytes((0, 0x14, 0xAA, 0)) + address(end)
            reply = bytes((1, 1)) + tracks
        elif form == 1:
            reply = bytes((1, 1, 0, 0x14, 1, 0)) + address(0)
        elif form == 2:
            reply = bytes((1, 1))
            for point, at in ((0xA0, bytes((0, 1, 0, 0))), (0xA1, bytes((0, 1, 0, 0))), (0xA2, msf(end)), (1, msf(0))):
                reply += bytes((1, 0x14, 0, point, 0, 0, 0)) + at
        else:
            raise CheckCondition(BAD_FIELD)
        return self._cut(struct.pack(">H", len(reply)) + reply, length)

    def _read_header(self, packet: bytes) -> bytes:
        lba = struct.unpack_from(">I", packet, 2)[0]
        place = msf(lba) if packet[1] & 2 else struct.pack(">I", lba)
        return self._cut(bytes((1, 0, 0, 0)) + place, struct.unpack_from(">H", packet, 7)[0])

    def _read_sub_channel(self, packet: bytes) -> bytes:
        length = struct.unpack_from(">H", packet, 7)[0]
        if not packet[2] & 0x40:
            return self._cut(bytes((0, 0x15, 0, 0)), length)
        if packet[3] == 1:
            return self._cut(bytes((0, 0x15, 0, 12, 1, 0x14, 1, 1)) + bytes(8), length)
        if packet[3] in (2, 3):
            return self._cut(bytes((0, 0x15, 0, 20, packet[3], 0x14, 1, 0)) + bytes(16), length)
        raise CheckCondition(BAD_FIELD)

    def _mode_sense(self, packet: bytes, short: bool) -> bytes:
        page, wanted = packet[2] >> 6, packet[2] & 0x3F
        if page == 3:
            raise CheckCondition((ILLEGAL_REQUEST, 0x39, 0x00))
        pages = {
            0x01: bytes((0x01, 6, 0, 5, 0, 0, 0, 0)),
            0x0D: bytes((0x0D, 6, 0, 0x0D, 0, 60, 0, 75)),
            0x0E: bytes((0x0E, 14, 4, 0, 0, 0, 0, 75, 1, 0xFF, 2, 0xFF, 0, 0, 0, 0)),
            0x2A: bytes((0x2A, 18, 0, 0, 0x71, 0x60, 0x29 | (2 if self.locked else 0), 0))
            + struct.pack(">HHHH", 4234, 256, 128, 4234)
            + bytes(4),
        }
        if wanted == 0x3F:
            body = b"".join(pages.values())
        elif wanted in pages:
            body = pages[wanted]
        else:
            raise CheckCondition(BAD_FIELD)
        kind = 0x01 if self.medium is not None else 0x70
        if short:
            return self._cut(bytes((len(body) + 3, kind, 0, 0)) + body, packet[4])
        header = struct.pack(">HB5x", len(body) + 6, kind)
        return self._cut(header + body, struct.unpack_from(">H", packet, 7)[0])

    def _configuration(self, packet: bytes) -> bytes:
        profile = 0x0008 if self.medium is not None else 0
        profiles = bytes((0, 0, 3, 4, 0, 8, 1 if profile else 0, 0))
        core = bytes((0, 1, 3, 4, 0, 0, 0, 2))
        removable = bytes((0, 3, 3, 4, 0x29, 0, 0, 0))
        reply = struct.pack(">IHH", 4 + len(profiles + core + removable), 0, profile) + profiles + core + removable
        return self._cut(reply, struct.unpack_from(">H", packet, 7)[0])

    def _event_status(self, packet: bytes) -> bytes:
        if not packet[1] & 1:
            raise CheckCondition(BAD_FIELD)  # no asynchronous notification
        length = struct.unpack_from(">H", packet, 7)[0]
        if not packet[4] & 0x10:
            return self._cut(bytes((0, 2, 0x80, 0x10)), length)
        event = 2 if self.state.attention and self.medium is not None else 3 if self.state.attention else 0
        reply = bytes((0, 6, 4, 0x10, event, 2 if self.medium is not None else 0, 0, 0))
        return self._cut(reply, length)

    def _disc_information(self, packet: bytes) -> bytes:
        reply = bytes((0, 32, 0x0E, 1, 1, 1, 1, 0x20, 0)) + bytes(25)
        return self._cut(reply, struct.unpack_from(">H", packet, 7)[0])

    def _mechanism_status(self, packet: bytes) -> bytes:
        return self._cut(bytes((0, 0, 0, 0, 0, 1, 0, 0)), struct.unpack_from(">H", packet, 8)[0])

    # -- Control

    def _start_stop(self, packet: bytes) -> bytes:
        if packet[4] & 3 == 2:
            if self.locked:
                raise CheckCondition(LOCKED)
            self.eject()
        return b""

    def _prevent_allow(self, packet: bytes) -> bytes:
        self.state.locked = bool(packet[4] & 1)
        return b""

    def _play_audio(self, packet: bytes) -> bytes:
        raise CheckCondition(WRONG_MODE)

    # -- IDENTIFY PACKET DEVICE

    def identify(self) -> bytes:
        words = [0] * 256
        words[0] = 0x8580  # ATAPI CD-ROM, removable, 12-byte packets, interrupt-free DRQ within 3 ms
        words[49] = 0x0200
        words[50], words[51], words[53] = 0x4000, 0x0200, 0x0002
        words[64], words[67], words[68] = 0x0003, 120, 120
        words[80] = 0x007E
        words[82], words[83], words[84] = 0x4210, 0x4000, 0x4000
        words[85], words[86], words[87] = 0x4210, 0x0000, 0x4000
        data = bytearray(b"".join(word.to_bytes(2, "little") for word in words))
        data[20:40] = identify_string("BANCADA-CD", 20)
        data[46:54] = identify_string("1.0", 8)
        data[54:94] = identify_string("Bancada virtual CD-ROM", 40)
        return bytes(data)
