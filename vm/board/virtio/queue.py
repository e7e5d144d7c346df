"""The split virtqueue: descriptor table, available ring and used ring in the guest's memory (VIRTIO 1.2, 2.7).

The guest writes all of it, so none of it is trusted: a broken rule raises QueueError, and the cost of a notification
is limited. What is not RAM reads as zeros and loses what is written, as on QEMU: kernels that sign-extend an address
of 32 bits to the 64 of a descriptor run there.
"""

import struct
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass, field
from typing import Protocol

from trapline.vm.state import State, Wide, put_back, saved

QUEUE_MAX = 1024
"""Maximum queue size, as on QEMU, and maximum number of buffers in a chain."""
LEGACY_ALIGN = 4096
"""QueueAlign if the driver writes none or 0, as on QEMU: some kernels do either."""
DESCRIPTOR_LIMIT = 1 << 17
"""Descriptors that one notification may make the device follow: 128 for each entry of the largest queue."""
BYTE_LIMIT = 1 << 30
"""Bytes that one notification may make the device move."""
PIECE = 1 << 20
"""Bytes moved at a time, which bounds the host memory that a large buffer takes."""
BYTES_LIKE_A_DESCRIPTOR = 1 << 12
"""Bytes that take about as long to move as a descriptor takes to follow."""

NEXT, WRITE, INDIRECT = 1, 2, 4
NO_INTERRUPT = 1
_DESCRIPTOR = struct.Struct("<QIHH")


class QueueError(Exception):
    """The driver broke a rule: the device needs a reset."""


class Memory(Protocol):
    """Guest memory by physical address, such as a `vm.machine.Machine`.

    ram_base: the first address; ram: its bytes. Both methods raise ValueError outside RAM.
    """

    ram_base: int

    @property
    def ram(self) -> Sized:
        """As many bytes as there are from `ram_base` on."""

    def read(self, address: int, length: int) -> bytes:
        """`length` bytes at `address`."""

    def write(self, address: int, data: bytes) -> None:
        """Write `data` at `address`."""


@dataclass
class Chain:
    """The buffers of one request as (address, length): those that the device reads, and those that it writes."""

    head: int
    readable: list[tuple[int, int]] = field(default_factory=list)
    writable: list[tuple[int, int]] = field(default_factory=list)


def total(buffers: list[tuple[int, int]]) -> int:
    """The total length of the buffers in bytes."""
    return sum(length for _, length in buffers)


def pieces(buffers: list[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Bytes [start, end) of the concatenated buffers, as (address, length) of at most PIECE bytes.

    "The device MUST NOT make assumptions about the particular arrangement of descriptors."
    """
    for address, length in buffers:
        first, last = max(start, 0), min(end, length)
        for at in range(first, last, PIECE):
            yield address + at, min(PIECE, last - at)
        start, end = start - length, end - length


class QueueState(State, frozen=True):
    """Of a `Virtqueue`."""

    size: Wide
    descriptors: Wide
    available: Wide
    used: Wide
    page_number: Wide
    align: Wide
    ready: bool
    notified: bool
    event_idx: bool
    next: Wide
    done: Wide
    signalled: Wide
    waiting: Wide


class Virtqueue:
    """One queue: the location of its parts, and the progress of both sides.

    Attributes: `size` in entries; `ready`: enabled by the driver; `descriptors`, `available` and `used`: physical
    addresses of the parts; `page_number` and `align`: their place in the legacy interface; `notified`: buffers may
    be waiting that the device has not seen.
    on_outside: called with the address and length of what is not RAM, whenever that is used.
    """

    def __init__(self, memory: Memory, on_outside: Callable[[int, int], None] = lambda address, length: None) -> None:
        self.memory = memory
        self._on_outside = on_outside
        self.reset()

    def reset(self) -> None:
        """Return to the power-on state."""
        self.size = QUEUE_MAX
        self.descriptors = self.available = self.used = 0
        self.page_number, self.align = 0, LEGACY_ALIGN
        self.ready = self.notified = False
        self._event_idx = False
        self._bytes_left = self._descriptors_left = 0
        self.restart()

    def restart(self) -> None:
        """The driver enables the queue: both rings begin at entry 0, and their location must be checked."""
        self._next = self._done = self._signalled = 0
        self._waiting = 0
        self._checked = False

    def save(self) -> QueueState:
        """See `vm.state.Stateful`."""
        return saved(QueueState, self)

    def restore(self, state: QueueState) -> None:
        """See `vm.state.Stateful`. Nothing of it is trusted more than what a driver says."""
        put_back(self, state)
        self._next, self._done, self._signalled = (n & 0xFFFF for n in (state.next, state.done, state.signalled))
        self._waiting = min(state.waiting, QUEUE_MAX)
        self._checked = False

    def place_legacy(self, base: int) -> None:
        """Place all three parts in sequence from `base` on (VIRTIO 1.2, 2.7.2)."""
        self.descriptors = base
        self.available = base + 16 * self.size
        end = self.available + 6 + 2 * self.size
        self.used = (end + self.align - 1) // self.align * self.align

    @property
    def waiting(self) -> int:
        """Chains that `begin` found and `pop` has not returned yet."""
        return self._waiting

    @property
    def work(self) -> int:
        """What the notification has cost so far, in descriptors followed or as much in bytes moved."""
        moved = BYTE_LIMIT - self._bytes_left
        return DESCRIPTOR_LIMIT - self._descriptors_left + moved // BYTES_LIKE_A_DESCRIPTOR

    # Guest memory

    def read(self, address: int, length: int) -> bytes:
        """Read guest memory, zeros outside RAM. Raises QueueError when a notification moves too much."""
        self._count(length)
        start, end = self._inside(address, length)
        inside = self.memory.read(address + start, end - start) if start < end else b""
        return bytes(start) + inside + bytes(length - end)

    def write(self, address: int, data: bytes) -> None:
        """Write guest memory, nothing outside RAM. Raises QueueError likewise."""
        self._count(len(data))
        start, end = self._inside(address, len(data))
        if start < end:
            self.memory.write(address + start, data[start:end])

    def _inside(self, address: int, length: int) -> tuple[int, int]:
        """The part [start, end) of [0, length) that is RAM at `address`; start is end where there is none."""
        base = self.memory.ram_base
        start = min(max(base - address, 0), length)
        end = max(min(base + len(self.memory.ram) - address, length), start)
        if end - start < length:
            self._on_outside(address, length)
        return start, end

    def _count(self, length: int) -> None:
        self._bytes_left -= length
        if self._bytes_left < 0:
            raise QueueError(f"a notification moves more than {BYTE_LIMIT} bytes")

    def _half(self, address: int) -> int:
        return int.from_bytes(self.read(address, 2), "little")

    # One notification

    def begin(self, event_idx: bool) -> None:
        """Begin a notification: count the available chains. event_idx: VIRTIO_F_EVENT_IDX was negotiated."""
        self._bytes_left, self._descriptors_left = BYTE_LIMIT, DESCRIPTOR_LIMIT
        self._event_idx = event_idx
        self.notified = False
        if not self._checked:
            self._check()
        waiting = (self._half(self.available + 2) - self._next) & 0xFFFF
        if waiting > self.size:
            raise QueueError(f"{waiting} available entries in a queue of {self.size}")
        self._waiting = waiting

    def _check(self) -> None:
        size = self.size
        if not 0 < size <= QUEUE_MAX or size & (size - 1):
            # "Queue Size value is always a power of 2."
            raise QueueError(f"queue size {size} is not a power of two up to {QUEUE_MAX}")
        parts = (self.descriptors, 16, 16 * size), (self.available, 2, 6 + 2 * size), (self.used, 4, 6 + 8 * size)
        for address, alignment, length in parts:
            if address % alignment:
                raise QueueError(f"part of a queue at {address:#x} is not aligned to {alignment}")
            self._inside(address, length)
        self._checked = True

    def pop(self) -> Chain | None:
        """The next available chain; None when there are no more."""
        if not self._waiting:
            return None
        chain = self._chain(self._half(self.available + 4 + 2 * (self._next % self.size)))
        self._waiting -= 1
        self._next = (self._next + 1) & 0xFFFF
        return chain

    def _chain(self, head: int) -> Chain:
        chain = Chain(head)
        table, size, index, indirect = self.descriptors, self.size, head, False
        left = size
        while True:
            if index >= size:
                raise QueueError(f"descriptor {index} of a table of {size}")
            left, self._descriptors_left = left - 1, self._descriptors_left - 1
            if left < 0 or self._descriptors_left < 0:
                raise QueueError("too many descriptors, or a loop of them")
            address, length, flags, following = _DESCRIPTOR.unpack(self.read(table + 16 * index, 16))
            if flags & INDIRECT:
                # "The driver MUST NOT set the VIRTQ_DESC_F_INDIRECT flag within an indirect descriptor", and
                # "MUST NOT set both VIRTQ_DESC_F_INDIRECT and VIRTQ_DESC_F_NEXT".
                if indirect or flags & NEXT or not length or length % 16:
                    raise QueueError("an indirect table that is nested, continued, empty or of odd length")
                table, size, index, indirect = address, length // 16, 0, True
                left = min(size, QUEUE_MAX - len(chain.readable) - len(chain.writable))
                continue
            self._add(chain, address, length, flags)
            if not flags & NEXT:
                return chain
            index = following

    def _add(self, chain: Chain, address: int, length: int, flags: int) -> None:
        if not length:
            raise QueueError("an empty buffer")
        if flags & WRITE:
            chain.writable.append((address, length))
        elif chain.writable:
            # "The driver MUST place any device-writable descriptor elements after any device-readable" ones.
            raise QueueError("a device-readable buffer after a device-writable one")
        else:
            chain.readable.append((address, length))

    def push(self, chain: Chain, written: int) -> None:
        """Return a chain as used. written: bytes written from the start of its writable buffers."""
        element = self.used + 4 + 8 * (self._done % self.size)
        self.write(element, struct.pack("<II", chain.head, written))
        self._done = (self._done + 1) & 0xFFFF
        # "The device MUST set len prior to updating the used idx."
        self.write(self.used + 2, struct.pack("<H", self._done))

    def finish(self) -> bool:
        """End a notification: whether the driver wants an interrupt for the chains used since the last one."""
        before, self._signalled = self._signalled, self._done
        if self._event_idx:
            # "notifications are unnecessary until the driver writes entry with an index specified by avail_event"
            self.write(self.used + 4 + 8 * self.size, struct.pack("<H", (self._next + self._waiting) & 0xFFFF))
            event = self._half(self.available + 4 + 2 * self.size)
            return (self._done - event - 1) & 0xFFFF < (self._done - before) & 0xFFFF
        return self._done != before and not self._half(self.available) & NO_INTERRUPT
