"""The devices of a machine, wired as on QEMU's `virt` board."""

from collections.abc import Callable, Sequence
from typing import Protocol

from trapline.isa.cause import MEIP, SEIP
from trapline.vm.board.devices import FINISHER_BASE, Bus, Finisher
from trapline.vm.board.plic import PLIC_BASE, PLIC_SIZE, Plic, PlicState
from trapline.vm.board.uart import IIR_NONE, REGISTERS, UART_BASE, UART_SOURCE, Uart, UartState
from trapline.vm.board.virtio.device import VirtioDevice
from trapline.vm.board.virtio.queue import Memory
from trapline.vm.board.virtio.states import SlotState
from trapline.vm.board.virtio.transport import SLOT_SIZE, Slot
from trapline.vm.host.console import PATIENCE, Console
from trapline.vm.state import State

VIRTIO_BASE, VIRTIO_STRIDE, VIRTIO_SLOTS = 0x10001000, 0x1000, 8
VIRTIO_SOURCE = 1
"""Interrupt number of the first virtio slot at the PLIC."""


class InterruptLines(Protocol):
    """The part of a hart's record that interrupts touch."""

    lines: int
    mip: int
    mie: int


class BoardState(State, frozen=True):
    """Of a `Board`."""

    uart: UartState
    plic: PlicState
    slots: tuple[SlotState, ...]


class Board:
    """Bus, PLIC, UART, test finisher and virtio slots around harts.

    harts: hart records (`vm.core.hart.HartView`) whose interrupt lines the PLIC drives.
    memory: guest memory for virtio devices, needed only if there are any.
    legacy_virtio: whether the slots have version 1 of the registers, QEMU's default, or version 2.
    `report`, which a user may set, is called with each kind of trouble that a driver makes for a virtio device.
    """

    def __init__(
        self,
        harts: Sequence[InterruptLines],
        console: Console,
        memory: Memory | None = None,
        legacy_virtio: bool = True,
    ) -> None:
        self.harts = harts
        self.console = console
        self.report: Callable[[str], None] = lambda text: None
        self.bus = Bus()
        self.uart = Uart(console)
        self.plic = Plic(len(harts), self._drive)
        self.bus.add(FINISHER_BASE, 0x1000, Finisher())
        self.bus.add(UART_BASE, REGISTERS, self.uart)
        self.bus.add(PLIC_BASE, PLIC_SIZE, self.plic)
        self.slots = [Slot(memory, legacy_virtio, lambda text: self.report(text)) for _ in range(VIRTIO_SLOTS)]
        for number, slot in enumerate(self.slots):
            self.bus.add(VIRTIO_BASE + number * VIRTIO_STRIDE, SLOT_SIZE, slot)
        self.plugged: list[tuple[int, Slot]] = []

    def plug(self, device: VirtioDevice, number: int | None = None) -> int:
        """Plug a virtio device into slot `number`, or the first empty one; the slot's number. Raises ValueError."""
        empty = [n for n, slot in enumerate(self.slots) if slot.device is None]
        if number is None and not empty:
            raise ValueError(f"all {VIRTIO_SLOTS} virtio slots are taken")
        number = empty[0] if number is None else number
        if number not in empty:
            raise ValueError(f"virtio slot {number} is not free; free slots: {empty}")
        self.slots[number].plug(device)
        self.plugged.append((VIRTIO_SOURCE + number, self.slots[number]))
        return number

    def reset(self) -> None:
        """Bring all devices into their state at power-on. Drives keep their contents, and typed input stays."""
        self.uart.reset()
        self.plic.reset()
        for slot in self.slots:
            slot.power_on()

    def save(self) -> BoardState:
        """See `vm.state.Stateful`. A device that is busy finishes first."""
        while self.advance():
            pass
        return BoardState(self.uart.save(), self.plic.save(), tuple(slot.save() for slot in self.slots))

    def restore(self, state: BoardState) -> None:
        """See `vm.state.Stateful`."""
        if len(state.slots) != len(self.slots):
            raise ValueError(f"a board with {len(state.slots)} virtio slots, not {len(self.slots)}")
        self.uart.restore(state.uart)
        self.plic.restore(state.plic)
        for slot, saved in zip(self.slots, state.slots, strict=True):
            slot.restore(saved)

    def copy_devices(self, other: "Board") -> None:
        """Plug the same devices, with the same contents, into another board. Raises ValueError where that fails."""
        for number, slot in enumerate(self.slots):
            if slot.device is not None:
                other.plug(slot.device.copy(other.console), number)

    def close(self) -> None:
        """Power off: flush and close drives. Raises OSError when that fails."""
        for _, slot in self.plugged:
            if slot.device is not None:
                slot.device.close()

    def _drive(self, context: int, level: bool) -> None:
        h = self.harts[context >> 1]
        bit = SEIP if context & 1 else MEIP
        h.lines = h.lines | bit if level else h.lines & ~bit

    def update(self) -> None:
        """Update the interrupt lines from the devices."""
        self.plic.set_line(UART_SOURCE, self.uart.interrupt() != IIR_NONE, self.uart.asserts())
        for source, slot in self.plugged:
            slot.poll()
            self.plic.set_line(source, slot.interrupt(), slot.asserts())

    @property
    def busy(self) -> bool:
        """Whether a device has more to do before the harts may go on."""
        return any(slot.busy for _, slot in self.plugged)

    def advance(self) -> bool:
        """Let busy devices do a portion of their work, some 20 ms; whether there is more."""
        for _, slot in self.plugged:
            slot.advance()
        return self.busy

    def woken(self) -> bool:
        """Whether a pending interrupt would end a wfi."""
        return any((h.lines | h.mip) & h.mie for h in self.harts)

    def input_interrupts(self) -> bool:
        """Whether input would raise an interrupt."""
        return bool(self.uart.registers[1] & 1) or any(slot.awaits_input for _, slot in self.plugged)

    def fills_buffers(self) -> bool:
        """Whether a device writes, or input may be written, to memory that a driver has provided."""
        return any(slot.awaits_input or slot.busy for _, slot in self.plugged)

    def wait(self) -> bool:
        """All harts idle: wait briefly for console input. False when no input can ever come."""
        self.update()
        if self.woken() or self.busy:
            return True
        if not self.input_interrupts():
            return False
        arriving = self.console.wait(PATIENCE)
        # A key may arrive at any poll; one that arrives after the devices have polled is for the next call.
        seen = self.console.pending
        self.update()
        return self.woken() or (arriving and not (seen and self.console.pending))
