"""A file of the user's as the sectors of a disk.

By default the disk is copy-on-write: the guest's writes stay in memory and are lost at the end.
"""

import copy
import os
import stat
from pathlib import Path
from typing import Self

from trapline.vm.state import Count, State

SECTOR = 512
BLOCK = 8 * SECTOR
"""Granularity of copy-on-write in bytes."""
KEPT_LIMIT = 1 << 30
"""Limit of copy-on-write in bytes: the file may be far larger than the host's memory."""


class DriveState(State, frozen=True):
    """Of a `Drive`: the blocks that the guest has written, by number; for a file that is written through, how often."""

    kept: dict[Count, bytes]
    writes: Count


class DriveError(ValueError):
    """The file cannot serve as a drive."""


class Drive:
    """A raw disk image.

    The last sector of a file that is not a whole number of sectors is padded with zeros, as on QEMU; a write-through
    to that sector extends the file.
    The file stays open: removing it does not affect the guest; reading past the end of a truncated file fails.

    path: as it was named. readonly: the guest cannot write. write: the guest's writes go to the file.
    Raises DriveError for a file that cannot be opened or is neither a regular file nor a block device, and for both
    flags at once.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False, write: bool = False) -> None:
        if readonly and write:
            raise DriveError(f"{path}: a drive is either read-only or written through")
        self.path = os.fspath(path)
        self.readonly = readonly
        self.write_through = write
        try:
            kind = os.stat(path).st_mode
            if not stat.S_ISREG(kind) and not stat.S_ISBLK(kind):
                what = "is a directory" if stat.S_ISDIR(kind) else "is not a regular file"
                raise DriveError(f"{path}: {what}; a drive is a disk image in a file")
            self._file = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            raise DriveError(f"{path}: {error.strerror}") from None
        self._size = os.lseek(self._file, 0, os.SEEK_END)
        self._open = True
        self._kept: dict[int, bytes] = {}
        self._writes = 0

    @property
    def capacity(self) -> int:
        """Sectors of 512 bytes."""
        return -(-self._size // SECTOR)

    @property
    def file_size(self) -> int:
        """Bytes of the file."""
        return self._size

    def file_part(self, position: int, length: int) -> bytes:
        """Bytes of the file, without what the guest has written to memory only. Raises OSError."""
        return bytes(self._read_file(position, length))

    def read(self, position: int, length: int) -> bytes:
        """Bytes of the disk, within its capacity. Raises OSError."""
        data = self._read_file(position, length)
        if self._kept:
            for number in range(position // BLOCK, (position + length - 1) // BLOCK + 1):
                if page := self._kept.get(number):
                    start = number * BLOCK - position
                    first, last = max(start, 0), min(start + BLOCK, length)
                    data[first:last] = page[first - start : last - start]
        return bytes(data)

    def _read_file(self, position: int, length: int) -> bytearray:
        data = bytearray()
        available = max(0, min(length, self._size - position))
        while len(data) < available:
            part = _read_at(self._file, available - len(data), position + len(data))
            if not part:
                raise OSError(f"the file ends at {position + len(data)}; it had {self._size} bytes")
            data += part
        return data + bytes(length - available)

    def write(self, position: int, data: bytes) -> None:
        """Write bytes of the disk, within its capacity. Raises OSError."""
        if self.readonly:
            raise PermissionError("the drive is read-only")
        if self.write_through:
            self._writes += 1
            while data:
                done = _write_at(self._file, data, position)
                position, data = position + done, data[done:]
            self._size = max(self._size, position)
            return
        while data:
            number, offset = divmod(position, BLOCK)
            part = data[: BLOCK - offset]
            page = self._page(number)
            self._kept[number] = page[:offset] + part + page[offset + len(part) :]
            position, data = position + len(part), data[len(part) :]

    def _page(self, number: int) -> bytes:
        page = self._kept.get(number)
        if page is None:
            if len(self._kept) >= KEPT_LIMIT // BLOCK:
                raise OSError("the guest has written more than copy-on-write keeps")
            page = bytes(self._read_file(number * BLOCK, BLOCK))
        return page

    def save(self) -> DriveState:
        """See `vm.state.Stateful`."""
        return DriveState(dict(self._kept), self._writes)

    def restore(self, state: DriveState) -> None:
        """See `vm.state.Stateful`. Raises ValueError when the file itself was written to since."""
        if state.writes != self._writes:
            raise ValueError("the guest has written to the file of a drive since, which cannot be taken back")
        blocks = -(-self._size // BLOCK)
        if any(number >= blocks or len(data) != BLOCK for number, data in state.kept.items()):
            raise ValueError("this is the state of another drive")
        self._kept = dict(state.kept)

    def copy(self) -> Self:
        """Another drive on the same file. Raises ValueError for one that is written through."""
        if self.write_through:
            raise ValueError("a drive that is written through cannot be shared by two machines")
        other = copy.copy(self)
        other._file, other._kept = os.dup(self._file), dict(self._kept)
        return other

    def flush(self) -> None:
        """Flush write-through data to the disk. Raises OSError."""
        if self.write_through:
            os.fsync(self._file)

    def close(self) -> None:
        """Flush and close the file, once. Raises OSError when the flush fails."""
        if self._open:
            self._open = False
            try:
                self.flush()
            finally:
                os.close(self._file)


def _read_at(file: int, size: int, position: int) -> bytes:
    """Up to `size` bytes at a place in the file."""
    if hasattr(os, "pread"):
        return os.pread(file, size, position)
    os.lseek(file, position, os.SEEK_SET)  # Windows
    return os.read(file, size)


def _write_at(file: int, data: bytes, position: int) -> int:
    """Write at a place in the file; the number of bytes written."""
    if hasattr(os, "pwrite"):
        return os.pwrite(file, data, position)
    os.lseek(file, position, os.SEEK_SET)
    return os.write(file, data)
