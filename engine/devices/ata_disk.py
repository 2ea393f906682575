"""ATA hard disk: ATA/ATAPI-6 (T13/1410D), the mandatory commands and what operating systems use, by PIO.

Capacity by CHS and by 28- and 48-bit LBA. DMA is not offered (IDENTIFY says so) and its commands abort.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

from engine.devices.device import ResetKind
from engine.devices.ide_device import DEVICE_LBA, ERROR_ABRT, ERROR_IDNF, ERROR_UNC, IdeDevice, identify_string
from engine.disks.block_device import SECTOR_BYTES, BlockDevice, BlockError

MOST_CYLINDERS: Final = 16383
MOST_MULTIPLE: Final = 16
LBA28_SECTORS: Final = 0x0FFFFFFF


def default_geometry(sectors: int) -> tuple[int, int, int]:
    """Cylinders, heads, sectors a track of IDENTIFY: 16 heads and 63 sectors, fewer heads for tiny disks."""
    heads = 16 if sectors >= 16 * 63 * 4 else 4
    return max(1, min(sectors // (heads * 63), MOST_CYLINDERS)), heads, 63


class AtaDisk(IdeDevice):
    """``block`` is the disk's contents; ``host_error`` hears that the host's disk is full."""

    def __init__(
        self,
        block: BlockDevice,
        activity: Callable[[bool], None] | None = None,
        host_error: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(activity)
        self.block = block
        self._host_error = host_error
        self.geometry = default_geometry(block.sector_count)
        self.state.heads, self.state.sectors = self.geometry[1:]
        self._commands: dict[int, Callable[[], None]] = {
            0x20: lambda: self._read(1, extended=False),
            0x21: lambda: self._read(1, extended=False),
            0x24: lambda: self._read(1, extended=True),
            0x29: lambda: self._read(self.state.multiple, extended=True),
            0x30: lambda: self._write(1, extended=False),
            0x31: lambda: self._write(1, extended=False),
            0x34: lambda: self._write(1, extended=True),
            0x39: lambda: self._write(self.state.multiple, extended=True),
            0xC4: lambda: self._read(self.state.multiple, extended=False),
            0xC5: lambda: self._write(self.state.multiple, extended=False),
            0x27: lambda: self._native_maximum(extended=True),
            0xF8: lambda: self._native_maximum(extended=False),
            0x40: lambda: self._verify(extended=False),
            0x41: lambda: self._verify(extended=False),
            0x42: lambda: self._verify(extended=True),
            0x90: self._diagnostic,
            0x91: self._initialise_parameters,
            0xC6: self._set_multiple,
            0xE7: self._flush,
            0xEA: self._flush,
            0xEC: self._identify,
            0xEF: self._set_features,
            0xE5: self._check_power,
            0x98: self._check_power,
        }
        for command in (0xE0, 0xE1, 0xE2, 0xE3, 0xE6, 0x94, 0x95, 0x96, 0x97, 0x99):
            self._commands[command] = self.finish
        for command in (*range(0x10, 0x20), *range(0x70, 0x80)):
            self._commands[command] = self._seek

    def reset(self, kind: ResetKind) -> None:
        super().reset(kind)
        if kind is not ResetKind.SOFT:
            self.state.heads, self.state.sectors = self.geometry[1:]
            self.state.multiple = 0

    def execute(self, command: int) -> None:
        self.state.task.error = 0
        self._commands.get(command, self.abort)()

    # -- Addresses

    def _address(self, extended: bool) -> tuple[int, int]:
        """(LBA, sectors); an LBA of -1 for a CHS address that does not exist."""
        task, state = self.state.task, self.state
        if extended:
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

    def _set_address(self, lba: int, left: int) -> None:
        """What the task file shows after a sector: where the drive is, and what is left."""
        task, state = self.state.task, self.state
        task.count = left & 0xFF
        if task.command in (0x24, 0x29, 0x34, 0x39, 0x42):
            task.lba_low, task.lba_mid, task.lba_high = lba & 0xFF, lba >> 8 & 0xFF, lba >> 16 & 0xFF
            task.lba_low_previous, task.lba_mid_previous = lba >> 24 & 0xFF, lba >> 32 & 0xFF
            task.lba_high_previous, task.count_previous = lba >> 40 & 0xFF, left >> 8 & 0xFF
        elif task.device & DEVICE_LBA:
            task.lba_low, task.lba_mid, task.lba_high = lba & 0xFF, lba >> 8 & 0xFF, lba >> 16 & 0xFF
            task.device = task.device & 0xF0 | lba >> 24 & 0x0F
        else:
            track, sector = divmod(lba, state.sectors)
            cylinder, head = divmod(track, state.heads)
            task.lba_low, task.lba_mid, task.lba_high = sector + 1, cylinder & 0xFF, cylinder >> 8 & 0xFF
            task.device = task.device & 0xF0 | head & 0x0F

    def _start(self, block_sectors: int, extended: bool) -> bool:
        state = self.state
        if block_sectors == 0:
            self.abort()
            return False
        state.lba, state.left = self._address(extended)
        state.block_sectors = block_sectors
        if state.lba < 0 or state.lba >= self.block.sector_count:
            self.abort(ERROR_IDNF)
            return False
        return True

    # -- Reading and writing

    def _read(self, block_sectors: int, extended: bool) -> None:
        if self._start(block_sectors, extended):
            self._next_read()

    def _next_read(self) -> None:
        state = self.state
        count = min(state.left, state.block_sectors, self.block.sector_count - state.lba)
        if count <= 0:
            self.abort(ERROR_IDNF)
            return
        try:
            data = self.block.read(state.lba, count)
        except BlockError:
            self.abort(ERROR_UNC)
            return
        self.active(False)
        state.lba += count
        state.left -= count
        self._set_address(state.lba - 1, state.left)
        self.offer(data, "read")

    def _write(self, block_sectors: int, extended: bool) -> None:
        if self.block.read_only:
            self.abort()
        elif self._start(block_sectors, extended):
            self._next_write(first=True)

    def _next_write(self, first: bool) -> None:
        state = self.state
        count = min(state.left, state.block_sectors, self.block.sector_count - state.lba)
        if count <= 0:
            self.abort(ERROR_IDNF)
            return
        self.ask(count * SECTOR_BYTES, "write", interrupt=not first)

    def phase_done(self) -> None:
        state = self.state
        if state.phase == "read":
            if state.left:
                self._next_read()
            else:
                # The end of a read has no interrupt of its own.
                state.phase, state.buffer, state.position = "", b"", 0
                state.task.status &= ~0x08
        elif state.phase == "write":
            self._store()
        else:
            state.phase, state.buffer, state.position = "", b"", 0
            state.task.status &= ~0x08

    def _store(self) -> None:
        state = self.state
        count = len(state.buffer) // SECTOR_BYTES
        try:
            self.block.write(state.lba, state.buffer)
        except BlockError as error:
            if error.full and self._host_error is not None:
                self._host_error(f"{error} Make room on the host's disk, then go on.")
            self.abort(ERROR_ABRT)
            return
        self.active(True)
        state.lba += count
        state.left -= count
        self._set_address(state.lba - 1, state.left)
        if state.left:
            self._next_write(first=False)
        else:
            self.finish()

    def _verify(self, extended: bool) -> None:
        if self._start(1, extended):
            state = self.state
            if state.lba + state.left > self.block.sector_count:
                self.abort(ERROR_IDNF)
            else:
                self._set_address(state.lba + state.left - 1, 0)
                self.finish()

    # -- The rest

    def _seek(self) -> None:
        self.finish()

    def _flush(self) -> None:
        try:
            self.block.flush()
        except BlockError:
            self.abort()
            return
        self.finish()

    def _diagnostic(self) -> None:
        self.sign()
        self.set_interrupt(True)

    def _initialise_parameters(self) -> None:
        state = self.state
        heads, sectors = (state.task.device & 0x0F) + 1, state.task.count
        if sectors == 0:
            self.abort()
            return
        state.heads, state.sectors = heads, sectors
        self.finish()

    def _set_multiple(self) -> None:
        count = self.state.task.count
        if count > MOST_MULTIPLE or count & (count - 1):
            self.abort()
            return
        self.state.multiple = count
        self.finish()

    def _set_features(self) -> None:
        features = self.state.task.features
        if features in (0x02, 0x82):
            self.state.write_cache = features == 0x02
        elif features == 0x03 and self.state.task.count >> 3 not in (0, 1):
            self.abort()  # transfer modes: PIO only
            return
        elif features not in (0x03, 0x05, 0x85, 0x55, 0xAA, 0x66, 0xCC):
            self.abort()
            return
        self.finish()

    def _check_power(self) -> None:
        self.state.task.count = 0xFF
        self.finish()

    def _native_maximum(self, extended: bool) -> None:
        last = self.block.sector_count - 1
        task = self.state.task
        task.lba_low, task.lba_mid, task.lba_high = last & 0xFF, last >> 8 & 0xFF, last >> 16 & 0xFF
        if extended:
            task.lba_low_previous, task.lba_mid_previous, task.lba_high_previous = (
                last >> 24 & 0xFF,
                last >> 32 & 0xFF,
                0,
            )
        else:
            task.device = task.device & 0xF0 | min(last, LBA28_SECTORS) >> 24 & 0x0F
        self.finish()

    def _identify(self) -> None:
        self.offer(self.identify(), "identify")

    def identify(self) -> bytes:
        """IDENTIFY DEVICE data (section 8.15), 256 words."""
        words = [0] * 256
        cylinders, heads, sectors = self.geometry
        state = self.state
        total = self.block.sector_count
        current_cylinders = min(total // (state.heads * state.sectors), 65535)
        current = current_cylinders * state.heads * state.sectors
        words[0] = 0x0040
        words[1], words[3], words[6] = cylinders, heads, sectors
        words[47] = 0x8000 | MOST_MULTIPLE
        words[49] = 0x0200  # LBA
        words[50] = 0x4000
        words[51] = 0x0200
        words[53] = 0x0003
        words[54], words[55], words[56] = current_cylinders, state.heads, state.sectors
        words[57], words[58] = current & 0xFFFF, current >> 16 & 0xFFFF
        words[59] = 0x0100 | state.multiple if state.multiple else 0
        low = min(total, LBA28_SECTORS)
        words[60], words[61] = low & 0xFFFF, low >> 16
        words[64], words[67], words[68] = 0x0003, 120, 120
        words[80], words[81] = 0x007E, 0x0022
        words[82], words[83], words[84] = 0x4020, 0x7400, 0x4000  # write cache, NOP; FLUSH (EXT), 48-bit
        words[85], words[86], words[87] = 0x4000 | (0x20 if state.write_cache else 0), 0x3400, 0x4000
        words[93] = 0x6001
        for index in range(4):
            words[100 + index] = total >> 16 * index & 0xFFFF
        data = bytearray(b"".join(word.to_bytes(2, "little") for word in words))
        serial = f"BANCADA{zlib.crc32(str(self.block.path).encode()):010d}"
        data[20:40] = identify_string(serial, 20)
        data[46:54] = identify_string("1.0", 8)
        data[54:94] = identify_string("Bancada virtual disk", 40)
        return bytes(data)
