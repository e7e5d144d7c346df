"""The entropy device (VIRTIO 1.2, 5.4)."""

import hashlib
import os
from collections.abc import Callable

from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.queue import QueueError, Virtqueue, pieces, total

REQUEST_LIMIT = 1 << 16
"""Bytes given at a time: the device "MAY use less than the entire buffer length"."""


def seeded(seed: int = 0) -> Callable[[int], bytes]:
    """A source of bytes that look random and are the same in every run: SHA-256 of the seed and a counter."""
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
    """Fills buffers with bytes.

    source: gives as many bytes as it is asked for; `os.urandom` for bytes that nobody can know. By default they are
    those of `seeded()`, so that a run can be repeated.
    """

    device_id = 4

    def __init__(self, source: Callable[[int], bytes] | None = None) -> None:
        self.source = source or seeded()

    @classmethod
    def real(cls) -> "Entropy":
        """The host's randomness: no run is like another."""
        return cls(os.urandom)

    def serve(self, index: int, queue: Virtqueue) -> None:
        """Fill every buffer that was made available."""
        while (chain := queue.pop()) is not None:
            count = min(total(chain.writable), REQUEST_LIMIT)
            if not count:
                raise QueueError("a request for entropy without a buffer to write")
            for address, length in pieces(chain.writable, 0, count):
                queue.write(address, self.source(length))
            queue.push(chain, count)
