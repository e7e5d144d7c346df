"""What the engine is told of devices before it runs, and what it has printed when it comes back.

It loads the UART's registers itself where that changes nothing, prints what is stored to it, and raises access faults
where no device is (`vm.core.devices`). So a guest that polls or prints does not leave the engine for each byte.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from trapline.isa.sv32 import ADDRESSES
from trapline.vm.core.records import DEVICE_RANGES, OUTPUT_BYTES, MachineRecord
from trapline.vm.host.console import Console


class PolledUart(Protocol):
    """The UART (`vm.board.uart.Uart`)."""

    changes: int

    def resting(self, received: bool | None) -> Sequence[int]:
        """What a load of each register answers while nothing changes; negative where a load changes something."""

    def only_prints(self, received: bool | None) -> bool:
        """Whether a store to the transmitter has no effect but to print."""

    def transmitted(self) -> None:
        """Note that bytes were stored to the transmitter, which are printed."""


class EngineDevices:
    """The part of a machine's record that is about devices."""

    def __init__(self, m: MachineRecord) -> None:
        self._m = m
        self._ranges: tuple[Any, int] = (None, 0)
        self._state: tuple[PolledUart | None, int, bool | None] = (None, 0, None)
        self._prints = False

    def publish(self, ranges: Sequence[tuple[int, int, Any]], uart: PolledUart | None, console: Console) -> None:
        """Say what the devices would answer, and where they are.

        ranges: (first address, bytes, device) of each; uart: None without a board.
        """
        if self._ranges[0] is not ranges or self._ranges[1] != len(ranges):
            self._ranges = ranges, len(ranges)
            self._publish_ranges(ranges)
        self._m.call_printable = min(OUTPUT_BYTES, console.room)
        if uart is None:
            return
        state = uart, uart.changes, console.received()
        if state != self._state:
            self._state = state
            for register, value in enumerate(uart.resting(state[2])):
                self._m.uart[register] = value
            self._prints = uart.only_prints(state[2])
        self._m.printable = min(OUTPUT_BYTES, console.room) if self._prints else 0

    def _publish_ranges(self, ranges: Sequence[tuple[int, int, Any]]) -> None:
        m = self._m
        bounds = [(base, base + size) for base, size, _ in ranges]
        if len(bounds) > DEVICE_RANGES:
            bounds = [(0, ADDRESSES)]
        m.devices = len(bounds)
        for index, (start, end) in enumerate(bounds):
            m.device_start[index], m.device_end[index] = start, end

    def collect(self, uart: PolledUart | None, console: Console) -> None:
        """Print what the engine has printed, and count the looks at the input that it has answered."""
        m = self._m
        if m.printed and uart is not None:
            count, m.printed = m.printed, 0
            data = bytes(m.output[index] for index in range(count))
            stored, m.stored_output = m.stored_output, 0
            if stored:
                uart.transmitted()
            console.write(data)
        if m.uart_looks:
            looks, m.uart_looks = m.uart_looks, 0
            console.looked(looks)
