"""The block device (VIRTIO 1.2, 5.2): read, write, flush and get-id."""

import struct
from collections.abc import Generator, Iterator
from typing import Self

from trapline.vm.board.virtio.backing_file import SECTOR, Drive, DriveState
from trapline.vm.board.virtio.device import DeviceState, VirtioDevice
from trapline.vm.board.virtio.queue import Chain, QueueError, Virtqueue, pieces, total
from trapline.vm.host.console import Console

SEG_MAX, READ_ONLY, BLK_SIZE, FLUSH = 1 << 2, 1 << 5, 1 << 6, 1 << 9

T_IN, T_OUT, T_FLUSH, T_GET_ID = 0, 1, 4, 8
S_OK, S_IOERR, S_UNSUPP = b"\0", b"\1", b"\2"

SEGMENTS = 126
"""Data buffers in a request; header and status make it 128."""
ID_LENGTH = 20

_HEADER = struct.Struct("<IIQ")
_CONFIG = struct.Struct("<QIIHBBI")


class BlockState(DeviceState, frozen=True, tag=True):
    """Of a `Block`."""

    drive: DriveState


class Block(VirtioDevice):
    """A disk on a `Drive`.

    serial: the device ID that the driver can read, at most 20 bytes of ASCII.
    """

    name = "disk"
    device_id = 2
    state_kind = BlockState

    def __init__(self, drive: Drive, serial: str = "") -> None:
        self.drive = drive
        self.serial = serial.encode("ascii", "replace")[:ID_LENGTH]
        self.features = SEG_MAX | BLK_SIZE | FLUSH | (READ_ONLY if drive.readonly else 0)

    def save(self) -> BlockState:
        """See VirtioDevice."""
        return BlockState(self.awaits_input, self.drive.save())

    def restore(self, state: DeviceState) -> None:
        """See VirtioDevice."""
        if not isinstance(state, BlockState):
            raise ValueError(f"this is not the state of a {self.name}")
        self.drive.restore(state.drive)

    def copy(self, console: Console) -> Self:
        """See VirtioDevice."""
        return type(self)(self.drive.copy(), self.serial.decode())

    def config(self) -> bytes:
        """Capacity in sectors, no size_max, seg_max, no geometry, blk_size."""
        return _CONFIG.pack(self.drive.capacity, 0, SEGMENTS, 0, 0, 0, SECTOR)

    def serve(self, index: int, queue: Virtqueue) -> Iterator[None]:
        """Serve requests in the order in which they were made available."""
        while (chain := queue.pop()) is not None:
            written = yield from self._request(queue, chain)
            queue.push(chain, written)
            yield

    def _request(self, queue: Virtqueue, chain: Chain) -> Generator[None, None, int]:
        """Serve one request and write its status; the number of bytes written from the start of its buffers."""
        room = total(chain.writable) - 1
        if total(chain.readable) < _HEADER.size or room < 0:
            raise QueueError("a request without header or status")
        header = b"".join(queue.read(*piece) for piece in pieces(chain.readable, 0, _HEADER.size))
        kind, _, sector = _HEADER.unpack(header)
        written = 0
        try:
            if kind == T_IN:
                written = yield from self._read(queue, chain, sector, room)
            elif kind == T_OUT:
                yield from self._write(queue, chain, sector)
            elif kind == T_FLUSH:
                self.drive.flush()
            elif kind == T_GET_ID:
                written = self._name(queue, chain, room)
            status = S_OK if kind in (T_IN, T_OUT, T_FLUSH, T_GET_ID) else S_UNSUPP
        except OSError:
            status = S_IOERR
        ((address, _),) = pieces(chain.writable, room, room + 1)
        queue.write(address, status)
        # The length must not claim bytes that were not written, and the status comes last.
        return written + 1 if written == room else written

    def _range(self, sector: int, length: int) -> int:
        """The position of a range of sectors. Raises OSError unless it is within the disk."""
        if length % SECTOR or sector + length // SECTOR > self.drive.capacity:
            raise OSError(f"{length} bytes at sector {sector} are not whole sectors of the disk")
        return sector * SECTOR

    def _read(self, queue: Virtqueue, chain: Chain, sector: int, room: int) -> Generator[None, None, int]:
        position = start = self._range(sector, room)
        for address, length in pieces(chain.writable, 0, room):
            queue.write(address, self.drive.read(position, length))
            position += length
            yield
        return position - start

    def _write(self, queue: Virtqueue, chain: Chain, sector: int) -> Iterator[None]:
        end = total(chain.readable)
        position = self._range(sector, end - _HEADER.size)
        if self.drive.readonly:
            # "A device MUST set the status byte to VIRTIO_BLK_S_IOERR for a write request if the VIRTIO_BLK_F_RO
            # feature if offered, and MUST NOT write any data."
            raise PermissionError("the drive is read-only")
        for address, length in pieces(chain.readable, _HEADER.size, end):
            self.drive.write(position, queue.read(address, length))
            position += length
            yield

    def _name(self, queue: Virtqueue, chain: Chain, room: int) -> int:
        # "The device ID string is a NUL-padded ASCII string up to 20 bytes long."
        name = self.serial.ljust(ID_LENGTH, b"\0")[:room]
        done = 0
        for address, length in pieces(chain.writable, 0, len(name)):
            queue.write(address, name[done : done + length])
            done += length
        return done

    def close(self) -> None:
        """Flush and close the drive."""
        self.drive.close()
