"""The state of a virtio slot with whatever device is in it."""

from typing import Annotated

from msgspec import Meta

from trapline.vm.board.virtio.block import BlockState
from trapline.vm.board.virtio.device import DeviceState
from trapline.vm.board.virtio.entropy import EntropyState
from trapline.vm.board.virtio.queue import QueueState
from trapline.vm.state import Byte, State, Wide, Word


class SlotState(State, frozen=True):
    """Of a `vm.board.virtio.transport.Slot`. features: those that the driver has accepted."""

    status: Byte
    interrupt_status: Word
    features: Wide
    device_features_sel: Word
    driver_features_sel: Word
    queue_sel: Word
    page_shift: Annotated[int, Meta(ge=0, le=31)]
    driven: bool
    queues: tuple[QueueState, ...]
    device: DeviceState | EntropyState | BlockState | None
