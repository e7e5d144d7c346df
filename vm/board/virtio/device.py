"""What a kind of device adds to the transport."""

from trapline.vm.board.virtio.queue import Virtqueue


class VirtioDevice:
    """A kind of device: its numbers, its configuration, and what it does with the buffers of its queues.

    Attributes: `device_id` (VIRTIO 1.2, chapter 5), `queues` how many virtqueues it has, `features` the feature bits
    of its kind, `awaits_input` whether the driver waits for something that only the host can bring.
    """

    device_id = 0
    queues = 1
    features = 0
    awaits_input = False

    def config(self) -> bytes:
        """The configuration space. It never changes, so ConfigGeneration is always 0."""
        return b""

    def store_config(self, offset: int, data: bytes) -> None:
        """The driver writes the configuration space; read-only fields ignore it."""

    def serve(self, index: int, queue: Virtqueue) -> None:
        """Use the buffers that queue `index` has. Raises QueueError when the driver breaks the rules."""
        raise NotImplementedError

    def due(self) -> int | None:
        """A queue that can be served without a notification, because the host has something for it."""
        return None

    def reset(self) -> None:
        """The driver resets the device: forget what it asked for, not what the device holds."""

    def close(self) -> None:
        """The machine is switched off."""
