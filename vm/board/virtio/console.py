"""The console device (VIRTIO 1.2, 5.3) with a single port, on the machine's console."""

import struct
from collections.abc import Iterator
from typing import Self

from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.queue import QueueError, Virtqueue, pieces, total
from trapline.vm.host.console import Console

RECEIVE, TRANSMIT = 0, 1
EMERGENCY_WRITE = 1 << 2
EMERGENCY_OFFSET = 8
INPUT_PIECE = 4096
"""Bytes of input put into one buffer at most, because input may be endless."""


class VirtioConsole(VirtioDevice):
    """A serial line. It takes input only while the driver provides buffers."""

    name = "console"
    device_id = 3
    queues = 2
    features = EMERGENCY_WRITE

    def __init__(self, console: Console) -> None:
        self.console = console

    def copy(self, console: Console) -> Self:
        """See VirtioDevice."""
        return type(self)(console)

    def config(self) -> bytes:
        """Size and number of ports, features that are not offered, and emerg_wr, which reads as zero."""
        return struct.pack("<HHII", 0, 0, 0, 0)

    def store_config(self, offset: int, data: bytes) -> None:
        """Print what is written to emerg_wr: "The device MUST allow a write to emerg_wr, even on an unconfigured
        device."
        """
        if offset == EMERGENCY_OFFSET:
            self.console.write(data[:1])

    def serve(self, index: int, queue: Virtqueue) -> Iterator[None]:
        """Print the transmit queue; fill receive buffers while there is input."""
        if index == TRANSMIT:
            while (chain := queue.pop()) is not None:
                for piece in pieces(chain.readable, 0, total(chain.readable)):
                    self.console.write(queue.read(*piece))
                    yield
                queue.push(chain, 0)
                yield
            return
        while queue.waiting and self.console.ready():
            self._fill(queue)
            yield
        self.awaits_input = queue.waiting > 0

    def _fill(self, queue: Virtqueue) -> None:
        chain = queue.pop()
        assert chain is not None
        room = total(chain.writable)
        if not room:
            raise QueueError("a receive buffer that is not writable")
        data = bytearray()
        while len(data) < min(room, INPUT_PIECE) and (byte := self.console.read()) is not None:
            data.append(byte)
        done = 0
        for address, length in pieces(chain.writable, 0, len(data)):
            queue.write(address, bytes(data[done : done + length]))
            done += length
        queue.push(chain, done)

    def due(self) -> int | None:
        """The receive queue when there are both buffers and input, else None."""
        return RECEIVE if self.awaits_input and self.console.ready() else None

    def reset(self) -> None:
        """The driver's buffers are gone."""
        self.awaits_input = False
