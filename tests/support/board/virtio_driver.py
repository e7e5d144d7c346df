"""A virtio driver written from the specification (VIRTIO 1.2, 2.7, 3.1, 4.2), in Python, over a piece of memory."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.transport import Slot

BASE, SIZE = 0x80000000, 0x20000
TABLE, AVAILABLE, USED = BASE + 0x1000, BASE + 0x6000, BASE + 0x8000
INDIRECT_TABLE = BASE + 0xC000
DATA = BASE + 0x10000

NEXT, WRITE, INDIRECT = 1, 2, 4
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 64
EVENT_IDX, VERSION_1 = 1 << 29, 1 << 32


@dataclass
class Ram:
    """SIZE bytes at BASE that count their accesses."""

    data: bytearray = field(default_factory=lambda: bytearray(SIZE))
    ram_base: int = BASE
    accesses: int = 0
    moved: int = 0

    @property
    def ram(self) -> bytearray:
        return self.data

    def _at(self, address: int, length: int) -> int:
        if not BASE <= address or address + length > BASE + len(self.data):
            raise ValueError(f"{address:#x} is not RAM")
        self.accesses += 1
        self.moved += length
        return address - BASE

    def read(self, address: int, length: int) -> bytes:
        at = self._at(address, length)
        return bytes(self.data[at : at + length])

    def write(self, address: int, data: bytes) -> None:
        at = self._at(address, len(data))
        self.data[at : at + len(data)] = data

    def half(self, address: int) -> int:
        return int.from_bytes(self.data[address - BASE : address - BASE + 2], "little")


@dataclass
class Driver:
    """Drives one device by the registers of one of the layouts; queues share the places above unless moved.

    `portions`: how often RAM was accessed in each piece of the device's work.
    """

    device: VirtioDevice
    legacy: bool
    size: int = 8

    def __post_init__(self) -> None:
        self.ram = Ram()
        self.slot = Slot(self.ram, self.legacy)
        self.slot.plug(self.device)
        self.seen = 0
        self.portions: list[int] = []

    def get(self, offset: int) -> int:
        value = self.slot.load(offset, 4)
        assert value is not None
        return value

    def set(self, offset: int, value: int) -> None:
        before = self.ram.accesses
        assert self.slot.store(offset, 4, value)
        self.portions.append(self.ram.accesses - before)
        self.settle()

    def settle(self) -> None:
        """Let a busy device come to an end, as a machine does before its harts go on."""
        while self.slot.busy:
            before = self.ram.accesses
            self.slot.advance()
            self.portions.append(self.ram.accesses - before)

    @property
    def status(self) -> int:
        return self.get(0x70)

    @property
    def used(self) -> int:
        """Where the used ring is: on the next page in the legacy layout."""
        return (self.available + 6 + 2 * self.size + 0xFFF) & ~0xFFF if self.legacy else USED

    def offered(self) -> int:
        words = []
        for select in (0, 1):
            self.set(0x14, select)
            words.append(self.get(0x10))
        return words[0] | words[1] << 32

    def start(self, features: int = 0, queues: Sequence[int] = (0,)) -> None:
        """The sequence of 3.1.1."""
        self.set(0x70, 0)
        self.set(0x70, ACKNOWLEDGE)
        self.set(0x70, ACKNOWLEDGE | DRIVER)
        self.set(0x24, 0)
        self.set(0x20, features & 0xFFFFFFFF)
        if not self.legacy:
            self.set(0x24, 1)
            self.set(0x20, (features | VERSION_1) >> 32)
            self.set(0x70, ACKNOWLEDGE | DRIVER | FEATURES_OK)
            assert self.status & FEATURES_OK
        for queue in queues:
            self.place(queue)
        self.set(0x70, self.status | DRIVER_OK)

    def place(self, queue: int, table: int = TABLE, available: int = AVAILABLE, used: int = USED) -> None:
        """Enable a queue; in the legacy layout the table decides where the rings are."""
        self.set(0x30, queue)
        self.set(0x38, self.size)
        if self.legacy:
            assert table % 0x1000 == 0
            self.set(0x28, 0x1000)
            self.set(0x3C, 0x1000)
            self.set(0x40, table >> 12)
        else:
            for offset, address in ((0x80, table), (0x90, available), (0xA0, used)):
                self.set(offset, address & 0xFFFFFFFF)
                self.set(offset + 4, address >> 32)
            self.set(0x44, 1)

    @property
    def available(self) -> int:
        """Where the available ring is: behind the table in the legacy layout."""
        return TABLE + 16 * self.size if self.legacy else AVAILABLE

    def describe(
        self, index: int, address: int, length: int, flags: int = 0, following: int = 0, table: int = TABLE
    ) -> None:
        self.ram.write(table + 16 * index, struct.pack("<QIHH", address, length, flags, following))

    def chain(self, buffers: Sequence[tuple[int, int, int]], first: int = 0, table: int = TABLE) -> None:
        """Descriptors (address, length, flags) from index `first` on, chained."""
        for n, (address, length, flags) in enumerate(buffers):
            more = n + 1 < len(buffers)
            self.describe(first + n, address, length, flags | more * NEXT, (first + n + 1) * more, table)

    def offer(self, *heads: int) -> None:
        index = self.ram.half(self.available + 2)
        for head in heads:
            self.ram.write(self.available + 4 + 2 * (index % self.size), struct.pack("<H", head))
            index = (index + 1) & 0xFFFF
        self.ram.write(self.available + 2, struct.pack("<H", index))

    def kick(self, queue: int = 0) -> None:
        self.set(0x50, queue)

    def returned(self) -> list[tuple[int, int]]:
        """(head, length written) of the chains returned since the last call."""
        chains = []
        while self.seen != self.ram.half(self.used + 2):
            entry = self.ram.read(self.used + 4 + 8 * (self.seen % self.size), 8)
            head, length = struct.unpack("<II", entry)
            chains.append((head, length))
            self.seen = (self.seen + 1) & 0xFFFF
        return chains

    def send(self, *buffers: tuple[int, int, int], queue: int = 0) -> list[tuple[int, int]]:
        """One chain from descriptor 0 on, offered and notified."""
        self.chain(buffers)
        self.offer(0)
        self.kick(queue)
        return self.returned()

    def broken(self) -> bool:
        """Whether the device stopped with its error status and announced it: both or neither."""
        broken = bool(self.status & NEEDS_RESET)
        assert broken == bool(self.get(0x60) & 2)
        return broken
