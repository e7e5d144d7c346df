"""The registers of a virtio-mmio slot, in the modern layout (version 2) and the legacy one (VIRTIO 1.2, 4.2).

Where a driver breaks the specification's rules, the slot behaves as QEMU's: an access to a control register that is
not an aligned word reads as zero and writes nothing; configuration space reads as ones past its end.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.queue import LEGACY_ALIGN, QUEUE_MAX, Memory, QueueError, Virtqueue
from trapline.vm.board.virtio.states import SlotState

SLOT_SIZE = 0x200
REGISTER_SIZE = 4
MAGIC = 0x74726976
"""The letters "virt"."""
VENDOR = 0x554D4551
"""The letters "QEMU", which teaching kernels check."""

NEEDS_RESET, FEATURES_OK, DRIVER_OK = 64, 8, 4
USED_BUFFER, CONFIG_CHANGE = 1, 2

ANY_LAYOUT = 1 << 27
INDIRECT_DESC = 1 << 28
EVENT_IDX = 1 << 29
VERSION_1 = 1 << 32
PORTION = 1 << 12
"""The work (`vm.board.virtio.queue.Virtqueue.work`) of some 20 ms, after which a device pauses."""
FEATURE_WORDS = 2
"""Words of the features above, which FeaturesSel chooses between."""


class Register:
    """Offsets of the control registers."""

    MAGIC_VALUE = 0x000
    VERSION = 0x004
    DEVICE_ID = 0x008
    VENDOR_ID = 0x00C
    DEVICE_FEATURES = 0x010
    DEVICE_FEATURES_SEL = 0x014
    DRIVER_FEATURES = 0x020
    DRIVER_FEATURES_SEL = 0x024
    GUEST_PAGE_SIZE = 0x028  # legacy
    QUEUE_SEL = 0x030
    QUEUE_NUM_MAX = 0x034
    QUEUE_NUM = 0x038
    QUEUE_ALIGN = 0x03C  # legacy
    QUEUE_PFN = 0x040  # legacy
    QUEUE_READY = 0x044
    QUEUE_NOTIFY = 0x050
    INTERRUPT_STATUS = 0x060
    INTERRUPT_ACK = 0x064
    STATUS = 0x070
    QUEUE_DESC_LOW = 0x080
    QUEUE_DESC_HIGH = 0x084
    QUEUE_DRIVER_LOW = 0x090
    QUEUE_DRIVER_HIGH = 0x094
    QUEUE_DEVICE_LOW = 0x0A0
    QUEUE_DEVICE_HIGH = 0x0A4
    SHM_LEN_LOW = 0x0B0
    SHM_BASE_HIGH = 0x0BC
    CONFIG = 0x100


ADDRESSES = {
    Register.QUEUE_DESC_LOW: ("descriptors", 0), Register.QUEUE_DESC_HIGH: ("descriptors", 32),
    Register.QUEUE_DRIVER_LOW: ("available", 0), Register.QUEUE_DRIVER_HIGH: ("available", 32),
    Register.QUEUE_DEVICE_LOW: ("used", 0), Register.QUEUE_DEVICE_HIGH: ("used", 32),
}  # fmt: skip
"""The part of a queue that a register locates, and the lowest bit that it sets."""


class Slot:
    """One slot: empty, or a device behind registers.

    memory: the guest's. legacy: version 1 of the registers, else version 2.
    report: called with what a person who debugs the driver wants to know, each kind of trouble once.
    """

    def __init__(
        self, memory: Memory | None, legacy: bool, report: Callable[[str], None] = lambda text: None
    ) -> None:  # fmt: skip
        self.memory = memory
        self._report = report
        self._reported: set[str] = set()
        self._driven = False
        self.legacy = legacy
        self.device: VirtioDevice | None = None
        self.queues: list[Virtqueue] = []
        self.features = 0
        self.page_shift = 0
        self._serving: tuple[Virtqueue, Iterator[None]] | None = None
        self.reset()

    def plug(self, device: VirtioDevice) -> None:
        """Plug a device into the empty slot."""
        assert self.memory is not None and self.device is None
        self.device = device
        self.queues = [Virtqueue(self.memory, self._outside) for _ in range(device.queues)]
        self.features = device.features | INDIRECT_DESC | EVENT_IDX | (ANY_LAYOUT if self.legacy else VERSION_1)

    def power_on(self) -> None:
        """Reset with the whole machine."""
        self.page_shift = 0
        self._driven = False
        self.reset()

    def reset(self) -> None:
        """Reset by the driver. GuestPageSize stays: Linux writes it once, before it resets the device."""
        self.status = 0
        self.interrupt_status = 0
        self.driver_features = 0
        self._serving = None
        self.device_features_sel = self.driver_features_sel = self.queue_sel = 0
        for queue in self.queues:
            queue.reset()
        if self.device is not None:
            self.device.reset()

    def _trouble(self, kind: str, text: str) -> None:
        if self.device is not None and kind not in self._reported:
            self._reported.add(kind)
            self._report(f"virtio {self.device.name}: {text}")

    def _outside(self, address: int, length: int) -> None:
        what = f"{length} byte{'s' if length > 1 else ''} at {address:#x}"
        self._trouble("outside", f"{what} are not all RAM: the rest reads as zeros and ignores writes, as on QEMU")

    # For the board

    def save(self) -> SlotState:
        """See `vm.state.Stateful`. Only while nothing is being served."""
        assert self._serving is None
        return SlotState(
            self.status, self.interrupt_status, self.driver_features, self.device_features_sel,
            self.driver_features_sel, self.queue_sel, self.page_shift, self._driven,
            tuple(queue.save() for queue in self.queues), None if self.device is None else self.device.save(),
        )  # fmt: skip

    def restore(self, state: SlotState) -> None:
        """See `vm.state.Stateful`."""
        if len(state.queues) != len(self.queues) or (state.device is None) != (self.device is None):
            raise ValueError("a virtio slot with another device")
        self._serving = None
        self.status, self.interrupt_status, self.driver_features = state.status, state.interrupt_status, state.features
        self.device_features_sel, self.driver_features_sel = state.device_features_sel, state.driver_features_sel
        self.queue_sel, self.page_shift, self._driven = state.queue_sel, state.page_shift, state.driven
        for queue, saved in zip(self.queues, state.queues, strict=True):
            queue.restore(saved)
        if self.device is not None and state.device is not None:
            self.device.restore(state.device)

    def asserts(self) -> bool:
        """Whether the line has been driven since the last call, perhaps to the level that it had."""
        driven, self._driven = self._driven, False
        return driven

    def interrupt(self) -> bool:
        """The level of the interrupt line."""
        return self.interrupt_status != 0

    @property
    def awaits_input(self) -> bool:
        """Whether the driver waits for input from the host."""
        return self.device is not None and self.device.awaits_input and not self.status & NEEDS_RESET

    def poll(self) -> None:
        """Serve a queue for which the host has data."""
        index = self.device.due() if self.device is not None and not self.busy else None
        if index is not None:
            self.notify(index)

    # Registers

    def load(self, offset: int, width: int) -> int | None:
        """Read a register or configuration space."""
        if offset < Register.CONFIG or self.device is None:
            aligned_word = width == REGISTER_SIZE and offset % REGISTER_SIZE == 0
            return self._register(offset) if aligned_word or self.device is None else 0
        start = offset - Register.CONFIG
        data = self.device.config()[start : start + width]
        return int.from_bytes(data if len(data) == width else b"\xff" * width, "little")

    def _register(self, offset: int) -> int:
        if offset == Register.MAGIC_VALUE:
            return MAGIC
        if offset == Register.VERSION:
            return 1 if self.legacy else 2
        if offset == Register.VENDOR_ID:
            return VENDOR
        if self.device is None:
            return 0
        if offset == Register.DEVICE_ID:
            return self.device.device_id
        if offset == Register.DEVICE_FEATURES:
            return (self.features >> (32 * min(self.device_features_sel, FEATURE_WORDS))) & 0xFFFFFFFF
        if offset == Register.INTERRUPT_STATUS:
            return self.interrupt_status
        if offset == Register.STATUS:
            return self.status
        if Register.SHM_LEN_LOW <= offset <= Register.SHM_BASE_HIGH and not self.legacy:
            # "Reading from a non-existent region ... results in a length of -1", and a base of all ones.
            return 0xFFFFFFFF
        if self.queue_sel < len(self.queues):
            return self._queue_register(offset)
        return 0

    def _queue_register(self, offset: int) -> int:
        if offset == Register.QUEUE_NUM_MAX:
            return QUEUE_MAX
        if offset == Register.QUEUE_PFN and self.legacy:
            return self.queues[self.queue_sel].page_number
        if offset == Register.QUEUE_READY and not self.legacy:
            return int(self.queues[self.queue_sel].ready)
        return 0

    def store(self, offset: int, width: int, value: int) -> bool:
        """Write a register or configuration space; what is read-only or absent ignores it."""
        value &= (1 << (8 * width)) - 1
        if self.device is not None and offset >= Register.CONFIG:
            self.device.store_config(offset - Register.CONFIG, value.to_bytes(width, "little"))
        elif self.device is not None and width == REGISTER_SIZE and offset % REGISTER_SIZE == 0:
            self._set_register(offset, value)
        return True

    def _set_register(self, offset: int, value: int) -> None:
        if offset == Register.DEVICE_FEATURES_SEL:
            self.device_features_sel = value
        elif offset == Register.DRIVER_FEATURES_SEL:
            self.driver_features_sel = value
        elif offset == Register.DRIVER_FEATURES:
            self._accept(value)
        elif offset == Register.GUEST_PAGE_SIZE and self.legacy:
            self.page_shift = (value & -value).bit_length() - 1 if value else 0
        elif offset == Register.QUEUE_SEL:
            self.queue_sel = value
        elif offset == Register.QUEUE_NOTIFY:
            self.notify(value)
        elif offset == Register.INTERRUPT_ACK:
            self.interrupt_status &= ~value
            self._driven = True
        elif offset == Register.STATUS:
            self._set_status(value & 0xFF)
        elif self.queue_sel < len(self.queues):
            queue = self.queues[self.queue_sel]
            if self.legacy:
                self._place_legacy(queue, offset, value)
            else:
                self._place(queue, offset, value)

    def _accept(self, value: int) -> None:
        if self.legacy:
            if self.driver_features_sel == 0:
                self.driver_features = value
        elif self.driver_features_sel < FEATURE_WORDS and not self.status & FEATURES_OK:
            shift = 32 * self.driver_features_sel
            self.driver_features = self.driver_features & ~(0xFFFFFFFF << shift) | value << shift

    def _place(self, queue: Virtqueue, offset: int, value: int) -> None:
        """The modern registers of a queue: size, ready, addresses of 64 bits."""
        if offset == Register.QUEUE_READY:
            if value & 1 and not queue.ready:
                queue.restart()
            queue.ready = bool(value & 1)
        elif queue.ready:
            # "When QueueReady is not zero, the driver MUST NOT access QueueNum, QueueDescLow" and the others.
            return
        elif offset == Register.QUEUE_NUM:
            queue.size = value
        elif offset in ADDRESSES:
            part, shift = ADDRESSES[offset]
            setattr(queue, part, getattr(queue, part) & ~(0xFFFFFFFF << shift) | value << shift)

    def _place_legacy(self, queue: Virtqueue, offset: int, value: int) -> None:
        """The legacy registers of a queue: size, alignment, number of its first page."""
        if offset == Register.QUEUE_NUM:
            queue.size = value
        elif offset == Register.QUEUE_ALIGN:
            queue.align = value or LEGACY_ALIGN
        elif offset == Register.QUEUE_PFN:
            queue.page_number = value
            queue.ready = value != 0
        else:
            return
        queue.restart()
        queue.place_legacy(queue.page_number << self.page_shift)

    def _set_status(self, value: int) -> None:
        if value == 0:
            self.reset()
            return
        # "The device SHOULD accept any valid subset of features the driver accepts, otherwise it MUST fail to set the
        # FEATURES_OK device status bit". VERSION_1 is not required: some kernels never look at bit 32.
        if not self.legacy and self.driver_features & ~self.features:
            value &= ~FEATURES_OK
        self.status = value | self.status & NEEDS_RESET
        for index, queue in enumerate(self.queues):
            if queue.notified:
                self.notify(index)

    @property
    def busy(self) -> bool:
        """Whether a notification has not been served whole."""
        return self._serving is not None

    def advance(self) -> None:
        """Serve the next portion of a notification. The harts stand still meanwhile, so they see it served at once."""
        if self._serving is None:
            return
        queue, pauses = self._serving
        until = None
        try:
            for _ in pauses:
                if until is None:
                    until = queue.work + PORTION
                if queue.work >= until:
                    return
        except BaseException:
            # Ctrl-C, or a limit on output: the driver hears of what was served.
            self._serving = None
            with suppress(QueueError):
                self._finish(queue)
            raise
        self._serving = None
        for index, other in enumerate(self.queues):
            if other.notified:
                self.notify(index)

    def notify(self, index: int) -> None:
        """Serve a queue, or begin to; `advance` does the rest."""
        if index >= len(self.queues) or self.status & NEEDS_RESET:
            return
        queue = self.queues[index]
        # "Legacy driver implementations often used the device before setting the DRIVER_OK bit"; others must not.
        if self.busy or not queue.ready or not (self.legacy or self.status & DRIVER_OK):
            queue.notified = True
            return
        self._serving = queue, self._serve(index, queue)
        self.advance()

    def _serve(self, index: int, queue: Virtqueue) -> Iterator[None]:
        """A driver that breaks the rules gets DEVICE_NEEDS_RESET and a configuration interrupt."""
        assert self.device is not None
        broken = None
        try:
            queue.begin(bool(self.driver_features & self.features & EVENT_IDX))
            try:
                yield from self.device.serve(index, queue)
            except QueueError as error:
                broken = error
            self._finish(queue)
            if broken is not None:
                raise broken
        except QueueError as error:
            self.status |= NEEDS_RESET
            self._trouble("stopped", f"stopped until the driver resets it, which broke a rule: {error}")
            # "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a device configuration
            # change notification to the driver."
            if self.status & DRIVER_OK:
                self._raise(CONFIG_CHANGE)

    def _finish(self, queue: Virtqueue) -> None:
        if queue.finish():
            self._raise(USED_BUFFER)

    def _raise(self, reason: int) -> None:
        self.interrupt_status |= reason
        self._driven = True
