"""The interface of a virtio device to the transport."""

from collections.abc import Iterator
from typing import Self

from trapline.vm.board.virtio.queue import Virtqueue
from trapline.vm.host.console import Console
from trapline.vm.state import State, put_back, saved


class DeviceState(State, frozen=True, tag=True):
    """Of a device that has nothing but whether its driver waits for input."""

    awaits_input: bool


class VirtioDevice:
    """A device: its IDs, its configuration space, and what it does with the buffers in its queues.

    Attributes: `name` for people, `device_id` (VIRTIO 1.2, chapter 5), `queues` the number of virtqueues, `features`
    the device's own feature bits, `awaits_input` whether the driver waits for input from the host.
    """

    name = "device"
    device_id = 0
    queues = 1
    features = 0
    awaits_input = False
    state_kind: type[DeviceState] = DeviceState

    def save(self) -> DeviceState:
        """See `vm.state.Stateful`."""
        return saved(self.state_kind, self)

    def restore(self, state: DeviceState) -> None:
        """See `vm.state.Stateful`."""
        if type(state) is not self.state_kind:
            raise ValueError(f"this is not the state of a {self.name}")
        put_back(self, state)

    def copy(self, console: Console) -> Self:
        """Another device of the same contents, for a machine with this console. Raises ValueError where that fails."""
        raise ValueError(f"a {self.name} cannot be shared by two machines")

    def config(self) -> bytes:
        """The configuration space; it never changes, so ConfigGeneration is always 0."""
        return b""

    def store_config(self, offset: int, data: bytes) -> None:
        """Write the configuration space; read-only fields ignore it."""

    def serve(self, index: int, queue: Virtqueue) -> Iterator[None]:
        """Serve the buffers of queue `index`, and yield wherever the device may pause (`vm.board.virtio.transport`).

        Raises QueueError when the driver breaks the rules.
        """
        raise NotImplementedError

    def due(self) -> int | None:
        """A queue that can be served without a notification, because the host has data for it; None if none."""
        return None

    def reset(self) -> None:
        """Reset the device: forget the driver's requests, keep the device's contents."""

    def close(self) -> None:
        """Power off."""
