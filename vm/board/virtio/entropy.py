"""The entropy device (VIRTIO 1.2, 5.4)."""

import hashlib
import os
from collections.abc import Callable, Iterator

from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.queue import QueueError, Virtqueue, pieces, total

REQUEST_LIMIT = 1 << 16
"""Bytes served at a time: the device "MAY use less than the entire buffer length"."""


def seeded(seed: int = 0) -> Callable[[int], bytes]:
    """A reproducible source of pseudo-random bytes: SHA-256 of the seed and a counter."""
    blocks = 0

    def take(count: int) -> bytes:
        nonlocal blocks
        data = bytearray()
        while len(data) < count:
            data += hashlib.sha256(f"{seed}:{blocks}".encode()).digest()
            blocks += 1
        return bytes(data[:count])

    return take


class Entropy(VirtioDevice):
    """Fills buffers with random bytes.

    source: returns as many bytes as requested, such as `os.urandom`. The default, `seeded()`, makes runs
    reproducible.
    """

    name = "entropy"
    device_id = 4

    def __init__(self, source: Callable[[int], bytes] | None = None) -> None:
        self.source = source or seeded()

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
