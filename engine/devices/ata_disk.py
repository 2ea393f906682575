"""ATA hard disk: ATA/ATAPI-6 (T13/1410D), the mandatory commands and what operating systems use, by PIO and DMA.

Capacity by CHS and by 28- and 48-bit LBA. An error of the host is UNC for reads and ABRT for writes, with the sector in
the task file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from engine.devices.ata_identify import LBA28_SECTORS, MOST_MULTIPLE, Facts, default_geometry, identify_disk
from engine.devices.device import ResetKind
from engine.devices.ide_device import (
    DEVICE_LBA,
    DEVICE_SLAVE,
    DIAGNOSTIC,
    ERROR_ABRT,
    ERROR_IDNF,
    ERROR_UNC,
    FEATURE_TRANSFER_MODE,
    OLD_POWER,
    SET_FEATURES,
    IdeDevice,
    State,
)
from engine.disks.block_device import SECTOR_BYTES, BlockDevice, BlockError

READ, READ_EXT, READ_MULTIPLE, READ_MULTIPLE_EXT = 0x20, 0x24, 0xC4, 0x29
WRITE, WRITE_EXT, WRITE_MULTIPLE, WRITE_MULTIPLE_EXT = 0x30, 0x34, 0xC5, 0x39
READ_DMA, READ_DMA_EXT, WRITE_DMA, WRITE_DMA_EXT = 0xC8, 0x25, 0xCA, 0x35
WRITE_VERIFY, VERIFY, VERIFY_EXT = 0x3C, 0x40, 0x42
NATIVE_MAX, NATIVE_MAX_EXT = 0xF8, 0x27
INITIALISE_PARAMETERS, SET_MULTIPLE, FLUSH, FLUSH_EXT, IDENTIFY = 0x91, 0xC6, 0xE7, 0xEA, 0xEC
WITHOUT_RETRY: Final = 1  # READ, WRITE (DMA) and VERIFY have a second code, from times when retries took revolutions
RECALIBRATE, SEEK = range(0x10, 0x20), range(0x70, 0x80)
_EXTENDED: Final = frozenset(
    {
        READ_EXT,
        READ_MULTIPLE_EXT,
        READ_DMA_EXT,
        WRITE_EXT,
        WRITE_MULTIPLE_EXT,
        WRITE_DMA_EXT,
        VERIFY_EXT,
        NATIVE_MAX_EXT,
        FLUSH_EXT,
    }
)

FEATURE_WRITE_CACHE, FEATURE_NO_WRITE_CACHE = 0x02, 0x82
FEATURE_KEEP_SETTINGS, FEATURE_REVERT_SETTINGS = 0x66, 0xCC
_IDLE_FEATURES: Final = frozenset({0x05, 0x85, 0x55, 0xAA})  # power level and look-ahead: nothing changes
_AT_ONCE: Final = 256  # sectors that go to or come from the host together at most; a multiple of every block size


class AtaDisk(IdeDevice):
    """``block`` is the disk's contents, and tells by itself when the host fails. ``refused`` hears the first time
    that a guest writes to a disk that is read-only. ``serial``: the serial number of IDENTIFY, 20 ASCII characters at
    most."""

    def __init__(
        self,
        block: BlockDevice,
        activity: Callable[[bool], None] | None = None,
        refused: Callable[[BlockError], None] | None = None,
        serial: str = "BANCADA",
    ) -> None:
        super().__init__(activity)
        self.block = block
        self._serial = serial
        self._refused = refused
        self.geometry = default_geometry(block.sector_count)
        self.state.heads, self.state.sectors = self.geometry[1:]
        self._commands: dict[int, Callable[[], object]] = {
            READ: lambda: self._read(1),
            READ + WITHOUT_RETRY: lambda: self._read(1),
            READ_EXT: lambda: self._read(1),
            READ_DMA: lambda: self._read(1, dma=True),
            READ_DMA + WITHOUT_RETRY: lambda: self._read(1, dma=True),
            READ_DMA_EXT: lambda: self._read(1, dma=True),
            READ_MULTIPLE: lambda: self._read(self.state.multiple),
            READ_MULTIPLE_EXT: lambda: self._read(self.state.multiple),
            WRITE: lambda: self._write(1),
            WRITE + WITHOUT_RETRY: lambda: self._write(1),
            WRITE_EXT: lambda: self._write(1),
            WRITE_DMA: lambda: self._write(1, dma=True),
            WRITE_DMA + WITHOUT_RETRY: lambda: self._write(1, dma=True),
            WRITE_DMA_EXT: lambda: self._write(1, dma=True),
            WRITE_VERIFY: lambda: self._write(1),
            WRITE_MULTIPLE: lambda: self._write(self.state.multiple),
            WRITE_MULTIPLE_EXT: lambda: self._write(self.state.multiple),
            VERIFY: self._verify,
            VERIFY + WITHOUT_RETRY: self._verify,
            VERIFY_EXT: self._verify,
            NATIVE_MAX: self._native_maximum,
            NATIVE_MAX_EXT: self._native_maximum,
            DIAGNOSTIC: self.diagnostic,
            INITIALISE_PARAMETERS: self._initialise_parameters,
            SET_MULTIPLE: self._set_multiple,
            FLUSH: self._flush,
            FLUSH_EXT: self._flush,
            IDENTIFY: lambda: self.offer(self.identify(), "identify"),
            SET_FEATURES: self._set_features,
        }
        for old, command in OLD_POWER.items():
            self._commands[old] = self._commands[command] = partial(self.power_command, command)
        self._commands |= dict.fromkeys(RECALIBRATE, self.finish) | dict.fromkeys(SEEK, self._seek)

    def reset(self, kind: ResetKind) -> None:
        super().reset(kind)
        if kind is not ResetKind.SOFT:
            self.state.heads, self.state.sectors = self.geometry[1:]

    def after_soft_reset(self, old: State) -> None:
        state = self.state
        state.heads, state.sectors = old.heads, old.sectors
        if old.keep_settings:
            state.keep_settings, state.multiple, state.write_cache = True, old.multiple, old.write_cache
            state.dma_mode = old.dma_mode

    def execute(self, command: int) -> None:
        self._commands.get(command, self.abort)()

    # -- Addresses

    def _address(self) -> tuple[int, int]:
        """(LBA, sectors); an LBA of -1 for a CHS address that does not exist."""
        task, state = self.state.task, self.state
        if task.command in _EXTENDED:
            lba = task.lba_low | task.lba_mid << 8 | task.lba_high << 16
            lba |= task.lba_low_previous << 24 | task.lba_mid_previous << 32 | task.lba_high_previous << 40
            return lba, (task.count | task.count_previous << 8) or 65536
        count = task.count or 256
        if task.device & DEVICE_LBA:
            return task.lba_low | task.lba_mid << 8 | task.lba_high << 16 | (task.device & 0x0F) << 24, count
        head, sector = task.device & 0x0F, task.lba_low
        if head >= state.heads or not 1 <= sector <= state.sectors:
            return -1, count
        return ((task.lba_mid | task.lba_high << 8) * state.heads + head) * state.sectors + sector - 1, count

    def _show_address(self, lba: int) -> None:
        task, state = self.state.task, self.state
        if task.command in _EXTENDED:
            task.lba_low, task.lba_mid, task.lba_high = lba & 0xFF, lba >> 8 & 0xFF, lba >> 16 & 0xFF
            task.lba_low_previous, task.lba_mid_previous = lba >> 24 & 0xFF, lba >> 32 & 0xFF
            task.lba_high_previous = lba >> 40 & 0xFF
        elif task.device & DEVICE_LBA:
            task.lba_low, task.lba_mid, task.lba_high = lba & 0xFF, lba >> 8 & 0xFF, lba >> 16 & 0xFF
            task.device = task.device & 0xF0 | lba >> 24 & 0x0F
        else:
            track, sector = divmod(lba, state.sectors)
            cylinder, head = divmod(track, state.heads)
            task.lba_low, task.lba_mid, task.lba_high = sector + 1, cylinder & 0xFF, cylinder >> 8 & 0xFF
            task.device = task.device & 0xF0 | head & 0x0F

    def _show_progress(self, lba: int) -> None:
        """The task file after a block, or at an error: which sector, and how many are left."""
        task, left = self.state.task, self.state.left
        self._show_address(lba)
        task.count = left & 0xFF
        if task.command in _EXTENDED:
            task.count_previous = left >> 8 & 0xFF

    def _start(self) -> bool:
        """Takes the address over; False when the command has already failed."""
        state = self.state
        state.lba, state.left = self._address()
        if 0 <= state.lba < self.block.sector_count:
            return True
        self.abort(ERROR_IDNF)
        return False

    def _fail(self, lba: int, error: int) -> None:
        self._show_progress(lba)
        self.abort(error)

    def _next_count(self, most: int) -> int:
        """Sectors of the next block; 0 when it would cross the end of the disk, which has failed then."""
        state = self.state
        count = min(state.left, most)
        beyond = self.block.sector_count
        if state.lba + count <= beyond:
            return count
        self._fail(beyond, ERROR_IDNF)
        return 0

    # -- Reading

    def _read(self, block_sectors: int, dma: bool = False) -> None:
        if block_sectors == 0:
            self.abort()  # the MULTIPLE commands are off
        elif self._start():
            self.state.block_sectors, self.state.dma = block_sectors, dma
            self._next_read()

    def _next_read(self) -> None:
        state = self.state
        block_bytes = state.block_sectors * SECTOR_BYTES
        if state.position < len(state.buffer):
            count = self.next_block(block_bytes) // SECTOR_BYTES
        else:
            data = self._fetch()
            if not data:
                return
            self.active(writing=False)
            count = self.offer(data, "read", None if state.dma else block_bytes) // SECTOR_BYTES
        state.lba += count
        state.left -= count
        self._show_progress(state.lba - 1)

    def _fetch(self) -> bytes:
        """One or more blocks from the host; nothing when the command has failed."""
        state = self.state
        block = self._next_count(state.block_sectors)
        if block == 0:
            return b""
        there = min(state.left, _AT_ONCE, self.block.sector_count - state.lba)
        if there < state.left:
            there -= there % state.block_sectors
        for count in (there, block):  # what comes before a bad block is handed out first
            try:
                return self.block.read(state.lba, count)
            except BlockError:
                pass
        self._fail(self._first_bad(state.lba, block), ERROR_UNC)
        return b""

    def _first_bad(self, lba: int, count: int) -> int:
        for at in range(lba, lba + count):
            try:
                self.block.read(at, 1)
            except BlockError:
                return at
        return lba

    def _verify(self) -> None:
        """The sectors are read from the host, so that a scan of the surface finds what is bad."""
        if not self._start():
            return
        state = self.state
        while state.left:
            count = self._next_count(_AT_ONCE)
            if count == 0:
                return
            try:
                self.block.read(state.lba, count)
            except BlockError:
                bad = self._first_bad(state.lba, count)
                state.left -= bad - state.lba
                self._fail(bad, ERROR_UNC)
                return
            state.lba += count
            state.left -= count
        self.active(writing=False)
        self._show_progress(state.lba - 1)
        self.finish()

    # -- Writing

    def _write(self, block_sectors: int, dma: bool = False) -> None:
        if block_sectors == 0:
            self.abort()
        elif self.block.read_only:
            self._refuse()
        elif self._start():
            self.state.block_sectors, self.state.dma = block_sectors, dma
            self._next_write(interrupt=False)

    def _refuse(self) -> None:
        refused, self._refused = self._refused, None
        if refused is not None:
            refused(BlockError(self.block.path, "The image is read-only, and the guest wants to write to it."))
        self.abort()

    def _next_write(self, interrupt: bool = True) -> None:
        state = self.state
        count = self._next_count(state.block_sectors)
        if count:
            if state.dma:
                count = min(state.left, _AT_ONCE, self.block.sector_count - state.lba)
            self.ask(count * SECTOR_BYTES, "write", interrupt=interrupt)

    def _store(self) -> None:
        """A block is given to the host before the next one is asked for, so that an error names its sectors."""
        state = self.state
        count = len(state.buffer) // SECTOR_BYTES
        stored = self._write_out(count)
        state.lba += stored
        state.left -= stored
        if stored < count:
            self._fail(state.lba, ERROR_ABRT)
            return
        self.active(writing=True)
        self._show_progress(state.lba - 1)
        if state.left:
            self._next_write()
        else:
            self.finish()

    def _write_out(self, count: int) -> int:
        """How many sectors of the buffer the host took. PIO fails with its whole block; DMA's are long, and the
        sectors before the bad one are good."""
        state, data = self.state, bytes(self.state.buffer)
        try:
            self.block.write(state.lba, data)
            return count
        except BlockError:
            if not state.dma:
                return 0
        for done in range(count):
            try:
                self.block.write(state.lba + done, data[done * SECTOR_BYTES : (done + 1) * SECTOR_BYTES])
            except BlockError:
                return done
        return count

    def phase_done(self) -> None:
        state = self.state
        if state.phase == "write":
            self._store()
        elif state.phase == "read" and state.left:
            self._next_read()
        else:
            self.end_of_reading()

    # -- The rest

    def _seek(self) -> None:
        if self._start():
            self.finish()

    def _flush(self) -> None:
        try:
            self.block.flush()
        except BlockError:
            self.abort()
            return
        self.finish()

    def _initialise_parameters(self) -> None:
        """CHS addresses are in this many heads and sectors from now on."""
        state = self.state
        heads, sectors = (state.task.device & 0x0F) + 1, state.task.count
        if sectors == 0:
            self.abort()
            return
        state.heads, state.sectors = heads, sectors
        self.finish()

    def _set_multiple(self) -> None:
        """0 switches the MULTIPLE commands off, and so does a number that the drive cannot do."""
        count = self.state.task.count
        possible = count <= MOST_MULTIPLE and not count & (count - 1)
        self.state.multiple = count if possible else 0
        if possible:
            self.finish()
        else:
            self.abort()

    def _set_features(self) -> None:
        state = self.state
        features = state.task.features
        if features in (FEATURE_WRITE_CACHE, FEATURE_NO_WRITE_CACHE):
            state.write_cache = features == FEATURE_WRITE_CACHE
        elif features in (FEATURE_KEEP_SETTINGS, FEATURE_REVERT_SETTINGS):
            state.keep_settings = features == FEATURE_KEEP_SETTINGS
        elif features == FEATURE_TRANSFER_MODE:
            self.set_transfer_mode()
            return
        elif features not in _IDLE_FEATURES:
            self.abort()
            return
        self.finish()

    def _native_maximum(self) -> None:
        last = self.block.sector_count - 1
        self._show_address(last if self.state.task.command in _EXTENDED else min(last, LBA28_SECTORS))
        self.finish()

    def identify(self) -> bytes:
        """IDENTIFY DEVICE data, 512 bytes."""
        state = self.state
        facts = Facts(
            self.block.sector_count,
            self.geometry,
            state.heads,
            state.sectors,
            state.multiple,
            state.write_cache,
            self._serial,
            state.dma_mode,
            bool(state.task.device & DEVICE_SLAVE),
        )
        return identify_disk(facts)
