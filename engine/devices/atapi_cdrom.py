"""ATAPI CD-ROM drive: ATA/ATAPI-6 PACKET protocol and the MMC-3 command set (T10/1363-D), read-only.

A medium change is told by UNIT ATTENTION and as an event. Audio commands are answered as by a disc without audio
tracks. The guest opens and closes the tray with the disc in it; a person takes the disc out.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from engine.devices import mmc_replies as mmc
from engine.devices.device import ResetKind
from engine.devices.ide_device import (
    DIAGNOSTIC,
    DRDY,
    DRQ,
    ERROR_ABRT,
    FEATURE_TRANSFER_MODE,
    OLD_POWER,
    SET_FEATURES,
    IdeDevice,
    State,
    identify_modes,
    identify_string,
)
from engine.disks.block_device import BlockError
from engine.disks.cd_image import BLOCK_BYTES, CdImage
from engine.disks.cd_sector import FRAMES_BEFORE_0, RAW_BYTES

PACKET, IDENTIFY_PACKET, IDENTIFY, READ_SECTORS = 0xA0, 0xA1, 0xEC, 0x20
PACKET_BYTES: Final = 12
# Interrupt reason, in the count register.
REASON_FROM_HOST, REASON_COMMAND, REASON_TO_HOST = 0x00, 0x01, 0x02
FEATURES_DMA, FEATURES_OVERLAP = 0x01, 0x02
LARGEST_BYTE_COUNT: Final = 0xFFFE

TEST_UNIT_READY, REQUEST_SENSE, INQUIRY, START_STOP, PREVENT_ALLOW = 0x00, 0x03, 0x12, 0x1B, 0x1E
MODE_SELECT_6, MODE_SENSE_6, MODE_SELECT_10, MODE_SENSE_10 = 0x15, 0x1A, 0x55, 0x5A
READ_CAPACITY, READ_10, READ_12, READ_CD, READ_CD_MSF = 0x25, 0x28, 0xA8, 0xBE, 0xB9
SEEK, VERIFY, SYNCHRONIZE, SET_SPEED, STOP_PLAY = 0x2B, 0x2F, 0x35, 0xBB, 0x4E
READ_SUB_CHANNEL, READ_TOC, READ_HEADER, READ_DISC, READ_TRACK = 0x42, 0x43, 0x44, 0x51, 0x52
PLAY_10, PLAY_MSF, PAUSE_RESUME, PLAY_12, SCAN = 0x45, 0x47, 0x4B, 0xA5, 0xBA
GET_CONFIGURATION, GET_EVENT, MECHANISM_STATUS, READ_DVD_STRUCTURE = 0x46, 0x4A, 0xBD, 0xAD
_READS: Final = frozenset({READ_10, READ_12, READ_CD, READ_CD_MSF})

NOT_READY, MEDIUM_ERROR, ILLEGAL_REQUEST, UNIT_ATTENTION = 0x2, 0x3, 0x5, 0x6
NO_SENSE: Final = (0x0, 0x00, 0x00)
NO_MEDIUM: Final = (NOT_READY, 0x3A, 0x00)
TRAY_OPEN: Final = (NOT_READY, 0x3A, 0x02)
CHANGED: Final = (UNIT_ATTENTION, 0x28, 0x00)
UNREADABLE: Final = (MEDIUM_ERROR, 0x11, 0x00)
BAD_OPCODE: Final = (ILLEGAL_REQUEST, 0x20, 0x00)
OUT_OF_RANGE: Final = (ILLEGAL_REQUEST, 0x21, 0x00)
BAD_FIELD: Final = (ILLEGAL_REQUEST, 0x24, 0x00)
BAD_PARAMETERS: Final = (ILLEGAL_REQUEST, 0x26, 0x00)
WRONG_DISC: Final = (ILLEGAL_REQUEST, 0x30, 0x02)
CANNOT_SAVE_PAGES: Final = (ILLEGAL_REQUEST, 0x39, 0x00)
LOCKED: Final = (ILLEGAL_REQUEST, 0x53, 0x02)
WRONG_TRACK_MODE: Final = (ILLEGAL_REQUEST, 0x64, 0x00)

_BLOCKS_AT_ONCE: Final = 32
_MOST_PARAMETERS: Final = 1024
# Commands that do not care whether there is a medium, or whether it was changed.
_ALWAYS: Final = frozenset(
    {
        REQUEST_SENSE,
        INQUIRY,
        GET_CONFIGURATION,
        GET_EVENT,
        PREVENT_ALLOW,
        START_STOP,
        MODE_SENSE_6,
        MODE_SENSE_10,
        MODE_SELECT_6,
        MODE_SELECT_10,
        MECHANISM_STATUS,
        SET_SPEED,
        STOP_PLAY,
        SYNCHRONIZE,
    }
)
# READ CD: fields of a sector by the bits of packet byte 9, as (bit, first byte, end), for modes 1 and 2 (form 1).
_FIELDS: Final = {
    1: ((0x80, 0, 12), (0x20, 12, 16), (0x10, 16, 2064), (0x08, 2064, RAW_BYTES)),
    2: ((0x80, 0, 12), (0x20, 12, 16), (0x40, 16, 24), (0x10, 24, 2072), (0x08, 2072, RAW_BYTES)),
}
_USER_DATA: Final = 0x10
_SECTOR_TYPES: Final = {1: (0, 2), 2: (0, 4)}  # what READ CD may expect of either mode


class CheckCondition(Exception):
    """A packet command ends with CHECK CONDITION; ``sense`` is key, additional code and qualifier."""

    def __init__(self, sense: tuple[int, int, int]) -> None:
        self.sense = sense
        super().__init__(str(sense))


class AtapiCdrom(IdeDevice):
    """A drive with a tray; ``medium`` is the CD that can be read, None when the tray is empty or open."""

    is_atapi = True

    def __init__(self, activity: Callable[[bool], None] | None = None) -> None:
        super().__init__(activity)
        self._disc: CdImage | None = None
        self.state.pages = dict(mmc.DEFAULT_PAGES)
        self._packets: dict[int, Callable[[bytes], bytes]] = {
            REQUEST_SENSE: self._request_sense,
            INQUIRY: self._inquiry,
            START_STOP: self._start_stop,
            PREVENT_ALLOW: self._prevent_allow,
            MODE_SENSE_6: lambda packet: self._mode_sense(packet, short=True),
            MODE_SENSE_10: lambda packet: self._mode_sense(packet, short=False),
            READ_CAPACITY: lambda packet: mmc.capacity(self._facts),
            READ_SUB_CHANNEL: lambda packet: _cut(mmc.sub_channel(packet, self.state.lba), packet, 7),
            READ_TOC: lambda packet: _cut(mmc.table_of_contents(self._facts, packet), packet, 7),
            READ_HEADER: self._read_header,
            READ_DISC: lambda packet: _cut(mmc.disc_information(), packet, 7),
            READ_TRACK: lambda packet: _cut(mmc.track_information(self._facts, packet), packet, 7),
            READ_DVD_STRUCTURE: self._dvd_structure,
            GET_CONFIGURATION: lambda packet: _cut(mmc.configuration(self._facts, packet), packet, 7),
            GET_EVENT: self._event_status,
            MECHANISM_STATUS: lambda packet: _cut(mmc.mechanism_status(self.state.tray_open), packet, 8),
            SEEK: self._seek,
            VERIFY: self._verify,
        }
        self._packets |= dict.fromkeys((TEST_UNIT_READY, SYNCHRONIZE, SET_SPEED, STOP_PLAY), lambda packet: b"")
        self._packets |= dict.fromkeys((PLAY_10, PLAY_MSF, PAUSE_RESUME, PLAY_12, SCAN), self._play_audio)

    # -- The medium

    @property
    def medium(self) -> CdImage | None:
        return None if self.state.tray_open else self._disc

    def insert(self, image: CdImage) -> None:
        self.eject()
        self._disc = image
        self.state.event = mmc.EVENT_NEW_MEDIUM

    def eject(self) -> None:
        """The person's button: it empties the drive even when the guest locked it, and leaves the tray closed."""
        state, disc, self._disc = self.state, self._disc, None
        state.attention = True
        state.locked = state.tray_open = False
        if disc is not None:
            state.event = mmc.EVENT_REMOVED
            disc.close()

    @property
    def locked(self) -> bool:
        return self.state.locked

    @property
    def _facts(self) -> mmc.Disc:
        return mmc.Disc(self.medium.block_count if self.medium is not None else 0)

    def reset(self, kind: ResetKind) -> None:
        """An open tray stays open until the power comes back: who ejects a CD and restarts boots from the disk."""
        tray_open = self.state.tray_open
        super().reset(kind)
        state = self.state
        if kind is not ResetKind.POWER_ON:
            state.tray_open = tray_open
        if not state.pages:
            state.pages = dict(mmc.DEFAULT_PAGES)

    def after_soft_reset(self, old: State) -> None:
        state = self.state
        state.attention, state.event, state.locked = old.attention, old.event, old.locked
        state.sense, state.sense_lba = old.sense, old.sense_lba
        state.keep_settings = old.keep_settings
        if old.keep_settings:
            state.pages, state.dma_mode = old.pages, old.dma_mode

    # -- ATA commands

    def execute(self, command: int) -> None:
        task = self.state.task
        command = OLD_POWER.get(command, command)
        if command == PACKET:
            if task.features & FEATURES_OVERLAP:
                self.abort()
                return
            self.state.packet_dma = bool(task.features & FEATURES_DMA)
            self.ask(PACKET_BYTES, "packet", interrupt=False)
            task.count = REASON_COMMAND
            task.status = DRDY | DRQ
        elif command == IDENTIFY_PACKET:
            self.offer(self.identify(), "identify")
        elif command == DIAGNOSTIC:
            self.diagnostic()
        elif command in (IDENTIFY, READ_SECTORS):
            self.sign()  # commands of disks: the signature tells what this is
            self.abort()
        elif command == SET_FEATURES:
            self._set_features()
        elif command in OLD_POWER.values():
            self.power_command(command)
        else:
            self.abort()

    def _set_features(self) -> None:
        task = self.state.task
        if task.features in (0x66, 0xCC):
            self.state.keep_settings = task.features == 0x66
            self.finish()
        elif task.features == FEATURE_TRANSFER_MODE:
            self.set_transfer_mode()
        else:
            self.abort()

    def phase_done(self) -> None:
        state = self.state
        if state.position < len(state.buffer):
            self._next_piece()
        elif state.phase == "packet":
            self._packet(bytes(state.buffer))
        elif state.phase == "blocks" and state.left:
            self._next_blocks()
        elif state.phase == "parameters":
            self._mode_select(bytes(state.buffer))
        elif state.phase == "identify":
            self.end_of_reading()
        else:
            self._complete()

    # -- PACKET

    def _packet(self, packet: bytes) -> None:
        state, opcode = self.state, packet[0]
        state.packet, state.dma = packet, state.packet_dma
        # The byte count the processor set limits each block of data.
        state.limit = min(state.task.lba_mid | state.task.lba_high << 8 or LARGEST_BYTE_COUNT, LARGEST_BYTE_COUNT)
        state.limit = state.limit & ~1 or 2
        try:
            if opcode not in _ALWAYS:
                self._check_ready()
            if opcode != REQUEST_SENSE:
                state.sense, state.sense_lba = NO_SENSE, None
            if opcode in _READS:
                self._start_read(packet)
            elif opcode in (MODE_SELECT_6, MODE_SELECT_10):
                self._start_mode_select(packet)
            elif opcode in self._packets:
                self._reply(self._packets[opcode](packet))
            else:
                raise CheckCondition(BAD_OPCODE)
        except CheckCondition as check:
            self._fail(check.sense)
        except mmc.BadField:
            self._fail(BAD_FIELD)

    def _check_ready(self) -> None:
        if self.medium is None:
            raise CheckCondition(TRAY_OPEN if self.state.tray_open else NO_MEDIUM)
        if self.state.attention:
            self.state.attention = False
            raise CheckCondition(CHANGED)

    def _reply(self, reply: bytes) -> None:
        if reply:
            self._hand_out(reply, "reply")
        else:
            self._complete()

    def _next_piece(self) -> None:
        state = self.state
        self.next_block(state.limit)
        self._tell_byte_count()

    def _hand_out(self, data: bytes, phase: str) -> None:
        self.state.length = len(data)
        self.offer(data + bytes(len(data) & 1), phase, self._block_limit)
        self._tell_byte_count()

    @property
    def _block_limit(self) -> int | None:
        return None if self.state.dma else self.state.limit

    def _tell_byte_count(self) -> None:
        """The registers of a DRQ block. The buffer is even; an odd length means that its last byte is for nobody. By
        DMA there is no byte count."""
        state, task = self.state, self.state.task
        task.count = REASON_FROM_HOST if state.writing else REASON_TO_HOST
        if not state.dma:
            count = min(state.end, state.length) - state.position
            task.lba_mid, task.lba_high = count & 0xFF, count >> 8

    def _complete(self) -> None:
        self.state.task.count = REASON_COMMAND | REASON_TO_HOST
        self.finish()

    def _fail(self, sense: tuple[int, int, int], lba: int | None = None) -> None:
        self.state.sense, self.state.sense_lba = sense, lba
        self.state.task.count = REASON_COMMAND | REASON_TO_HOST
        self.abort(sense[0] << 4 | ERROR_ABRT)

    # -- Reading

    def _start_read(self, packet: bytes) -> None:
        state = self.state
        lba, count = self._range(packet)
        if packet[0] in (READ_CD, READ_CD_MSF):
            self._check_fields(packet)
        state.lba, state.left = lba, count if self._sector_bytes() else 0
        # Blocks of data hold whole sectors when that is possible.
        sector = self._sector_bytes()
        if 0 < sector <= state.limit:
            state.limit -= state.limit % sector
        if state.left:
            self._next_blocks()
        else:
            self._complete()

    def _range(self, packet: bytes) -> tuple[int, int]:
        """First block and how many."""
        lba: int = struct.unpack_from(">I", packet, 2)[0]
        if packet[0] in (READ_10, VERIFY):
            count: int = struct.unpack_from(">H", packet, 7)[0]
        elif packet[0] == READ_12:
            count = struct.unpack_from(">I", packet, 6)[0]
        elif packet[0] == READ_CD:
            count = int.from_bytes(packet[6:9], "big")
        else:
            lba, end = _from_time(packet[3:6]), _from_time(packet[6:9])
            if end < lba:
                raise mmc.BadField
            count = end - lba
        if not 0 <= lba <= lba + count <= self._facts.blocks:
            raise CheckCondition(OUT_OF_RANGE)
        return lba, count

    def _check_fields(self, packet: bytes) -> None:
        assert self.medium is not None
        if packet[1] >> 2 & 7 not in _SECTOR_TYPES[self.medium.mode]:
            raise CheckCondition(WRONG_TRACK_MODE)
        if packet[9] & 0x06 or packet[10] & 7:
            raise mmc.BadField  # C2 errors and sub-channels

    def _wanted(self) -> list[tuple[int, int]] | None:
        """Parts of a whole sector that READ CD asked for (none: it is a seek); None for the data and nothing else."""
        packet = self.state.packet
        if packet[0] not in (READ_CD, READ_CD_MSF) or packet[9] & 0xF8 == _USER_DATA or self.medium is None:
            return None
        return [(first, end) for bit, first, end in _FIELDS[self.medium.mode] if packet[9] & bit]

    def _sector_bytes(self) -> int:
        wanted = self._wanted()
        return BLOCK_BYTES if wanted is None else sum(end - first for first, end in wanted)

    def _next_blocks(self) -> None:
        state = self.state
        count = min(state.left, _BLOCKS_AT_ONCE)
        data = self._fetch(count)
        if data is None:
            count = 1
            data = self._fetch(count)  # what comes before a bad block is handed out first
        if data is None:
            self._fail(UNREADABLE if self.medium is not None else NO_MEDIUM, state.lba)
            return
        self.active(writing=False)
        state.lba += count
        state.left -= count
        self._hand_out(data, "blocks")

    def _fetch(self, count: int) -> bytes | None:
        medium, wanted = self.medium, self._wanted()
        if medium is None:
            return None
        try:
            if wanted is None:
                return medium.read(self.state.lba, count)
            data = medium.read_raw(self.state.lba, count)
        except (BlockError, ValueError):
            return None  # ValueError: a person put a smaller disc in
        sectors = [data[start : start + RAW_BYTES] for start in range(0, len(data), RAW_BYTES)]
        return b"".join(sector[first:end] for sector in sectors for first, end in wanted)

    def _verify(self, packet: bytes) -> bytes:
        self.state.lba, count = self._range(packet)
        assert self.medium is not None
        for lba in range(self.state.lba, self.state.lba + count):
            try:
                self.medium.read(lba, 1)
            except BlockError:
                raise CheckCondition(UNREADABLE) from None
        return b""

    def _seek(self, packet: bytes) -> bytes:
        lba: int = struct.unpack_from(">I", packet, 2)[0]
        if lba >= self._facts.blocks:
            raise CheckCondition(OUT_OF_RANGE)
        self.state.lba = lba
        return b""

    # -- Information

    def _request_sense(self, packet: bytes) -> bytes:
        state = self.state
        sense = state.sense
        if sense == NO_SENSE and state.attention and self.medium is not None:
            sense, state.attention = CHANGED, False
        reply = mmc.sense(*sense, state.sense_lba)
        state.sense, state.sense_lba = NO_SENSE, None
        return reply[: packet[4]]

    def _inquiry(self, packet: bytes) -> bytes:
        if packet[1] & 1 or packet[2]:
            raise mmc.BadField  # vital product data
        return mmc.inquiry()[: packet[4]]

    def _read_header(self, packet: bytes) -> bytes:
        assert self.medium is not None
        if struct.unpack_from(">I", packet, 2)[0] >= self.medium.block_count:
            raise CheckCondition(OUT_OF_RANGE)
        return _cut(mmc.header(packet, self.medium.mode), packet, 7)

    def _dvd_structure(self, packet: bytes) -> bytes:
        if self._facts.profile != mmc.PROFILE_DVD_ROM:
            raise CheckCondition(WRONG_DISC)
        return _cut(mmc.dvd_structure(self._facts, packet), packet, 8)

    def _event_status(self, packet: bytes) -> bytes:
        state = self.state
        reply = mmc.event_status(packet, state.event, self._disc is not None and not state.tray_open, state.tray_open)
        if len(reply) == 8:
            state.event = mmc.EVENT_NONE
        return _cut(reply, packet, 7)

    # -- Mode pages

    def _mode_sense(self, packet: bytes, short: bool) -> bytes:
        control, wanted = packet[2] >> 6, packet[2] & 0x3F
        if control == 3:
            raise CheckCondition(CANNOT_SAVE_PAGES)
        capabilities = mmc.capabilities_page(self.locked)
        pages = (self.state.pages, mmc.CHANGEABLE, mmc.DEFAULT_PAGES)[control]
        body = mmc.mode_pages(wanted, {mmc.PAGE_CAPABILITIES: capabilities} | pages)
        medium_type = 0x01 if self.medium is not None else 0x71 if self.state.tray_open else 0x70
        reply = mmc.mode_reply(body, medium_type, short)
        return reply[: packet[4]] if short else _cut(reply, packet, 7)

    def _start_mode_select(self, packet: bytes) -> None:
        length: int = packet[4] if packet[0] == MODE_SELECT_6 else struct.unpack_from(">H", packet, 7)[0]
        if packet[1] & 1:
            raise mmc.BadField  # pages cannot be saved
        if length > _MOST_PARAMETERS:
            raise CheckCondition(BAD_PARAMETERS)
        if length == 0:
            self._complete()
            return
        self.state.length = length
        self.ask(length + (length & 1), "parameters", self._block_limit)
        self._tell_byte_count()

    def _mode_select(self, data: bytes) -> None:
        """Pages of the right length; bits that cannot be changed are left alone."""
        short = self.state.packet[0] == MODE_SELECT_6
        data = data[: self.state.length]
        descriptors = (data[3:4] if short else data[6:8]) or b"\0"
        rest = data[(4 if short else 8) + int.from_bytes(descriptors, "big") :]
        changed = dict(self.state.pages)
        while rest:
            number = rest[0] & 0x3F
            old, mask = changed.get(number), mmc.CHANGEABLE.get(number, b"")
            if old is None or len(rest) < len(old) or rest[1] != old[1]:
                self._fail(BAD_PARAMETERS)
                return
            body = (new & bits | kept & ~bits for new, kept, bits in zip(rest[2:], old[2:], mask[2:], strict=False))
            changed[number] = old[:2] + bytes(body)
            rest = rest[len(old) :]
        self.state.pages = changed
        self._complete()

    # -- Control

    def _start_stop(self, packet: bytes) -> bytes:
        """Moves the tray when LoEj is set; the disc stays in it."""
        state, load_or_eject, start = self.state, packet[4] & 2, packet[4] & 1
        if load_or_eject and not start and not state.tray_open:
            if state.locked:
                raise CheckCondition(LOCKED)
            state.tray_open = True
            state.event = mmc.EVENT_REMOVED
        elif load_or_eject and start and state.tray_open:
            state.tray_open = False
            if self._disc is not None:
                state.attention, state.event = True, mmc.EVENT_NEW_MEDIUM
        return b""

    def _prevent_allow(self, packet: bytes) -> bytes:
        self.state.locked = bool(packet[4] & 1)
        return b""

    def _play_audio(self, packet: bytes) -> bytes:
        raise CheckCondition(WRONG_TRACK_MODE)

    # -- IDENTIFY PACKET DEVICE

    def identify(self) -> bytes:
        """IDENTIFY PACKET DEVICE data (ATA/ATAPI-6, section 8.16), 512 bytes."""
        words = [0] * 256
        words[0] = 0x8580  # ATAPI CD-ROM, removable, 12-byte packets, DRQ within 3 ms without an interrupt
        identify_modes(words, self.state.dma_mode)
        words[50], words[51] = 0x4000, 0x0200
        words[80] = 0x007E
        words[82], words[83], words[84] = 0x4218, 0x4000, 0x4000  # NOP, DEVICE RESET, PACKET, power management
        words[85], words[86], words[87] = 0x4218, 0x0000, 0x4000
        data = bytearray(b"".join(word.to_bytes(2, "little") for word in words))
        data[20:40] = identify_string("BANCADA-CD", 20)
        data[46:54] = identify_string("1.0", 8)
        data[54:94] = identify_string("Bancada virtual CD-ROM", 40)
        return bytes(data)


def _cut(reply: bytes, packet: bytes, at: int) -> bytes:
    """No more than the allocation length, a word of the packet."""
    length: int = struct.unpack_from(">H", packet, at)[0]
    return reply[:length]


def _from_time(time: bytes) -> int:
    minute, second, frame = time
    return (minute * 60 + second) * 75 + frame - FRAMES_BEFORE_0
