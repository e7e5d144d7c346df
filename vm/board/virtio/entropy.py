"""The entropy device (VIRTIO 1.2, 5.4)."""

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Self

from trapline.vm.board.virtio.device import DeviceState, VirtioDevice
from trapline.vm.board.virtio.queue import QueueError, Virtqueue, pieces, total
from trapline.vm.host.console import Console
from trapline.vm.state import Count

REQUEST_LIMIT = 1 << 16
"""Bytes served at a time: the device "MAY use less than the entire buffer length"."""


class EntropyState(DeviceState, frozen=True, tag=True):
    """Of an `Entropy`. blocks: how many were taken from a reproducible source."""

    blocks: Count


class Seeded:
    """A reproducible source of pseudo-random bytes: SHA-256 of the seed and a counter."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.blocks = 0

    def __call__(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            data += hashlib.sha256(f"{self.seed}:{self.blocks}".encode()).digest()
            self.blocks += 1
        return bytes(data[:count])


class Entropy(VirtioDevice):
    """Fills buffers with random bytes.

    source: returns as many bytes as requested, such as `os.urandom`. The default, `Seeded()`, makes runs
    reproducible.
    """

    name = "entropy"
    device_id = 4
    state_kind = EntropyState

    def __init__(self, source: Callable[[int], bytes] | None = None) -> None:
        self.source = source or Seeded()

    @property
    def blocks(self) -> int:
        """Blocks taken from a reproducible source; 0 for another."""
        return self.source.blocks if isinstance(self.source, Seeded) else 0

    @blocks.setter
    def blocks(self, value: int) -> None:
        if isinstance(self.source, Seeded):
            self.source.blocks = value

    def copy(self, console: Console) -> Self:
        """See VirtioDevice."""
        return type(self)(Seeded(self.source.seed) if isinstance(self.source, Seeded) else self.source)

    @classmethod
    def real(cls) -> "Entropy":
        """With the host's randomness, which makes every run different."""
        return cls(os.urandom)

    def serve(self, index: int, queue: Virtqueue) -> Iterator[None]:
        """Fill every buffer that was made available."""
        while (chain := queue.pop()) is not None:
            count = min(total(chain.writable), REQUEST_LIMIT)
            if not count:
                raise QueueError("a request for entropy without a writable buffer")
            for address, length in pieces(chain.writable, 0, count):
                queue.write(address, self.source(length))
            queue.push(chain, count)
            yield
