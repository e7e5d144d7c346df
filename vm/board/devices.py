"""UART, test finisher and the bus that finds devices by address; addresses as on QEMU's `virt`.

A device serves `load(offset, width)` and `store(offset, width, value)` for physical accesses within its range; `None`
and `False` mean an access fault.
"""

from typing import Protocol

from trapline.vm.host.console import Console

UART_BASE = 0x10000000
UART_SOURCE = 10
"""Interrupt number of the UART at the PLIC."""

FINISHER_BASE = 0x100000


class Device(Protocol):
    """A device on the bus."""

    def load(self, offset: int, width: int) -> int | None:
        """The value of `width` bytes at `offset`; None for an access fault."""

    def store(self, offset: int, width: int, value: int) -> bool:
        """Write; False for an access fault."""


class Halt(Exception):
    """Raised by a device to end the run with this exit code."""

    def __init__(self, code: int, reset: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.reset = reset


class Uart:
    """A 16550A that prints what is written at once, so that its transmitter is always empty.

    It requests an interrupt when IER enables one of these: overrun, received data, transmitter empty. Only loopback
    can overrun. The FIFO's trigger level has no effect: one byte is enough.
    A wider access reaches the byte register at its address, as on QEMU.
    """

    DIVISOR_LATCH = 0x80
    """In LCR: the first two registers hold the divisor."""
    LOOPBACK = 0x10
    """In MCR: the transmitter feeds the receiver, and MCR's outputs feed MSR's inputs."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.registers = bytearray((0, 0, 0, 0, 8, 0, 0, 0))
        self.divisor = bytearray((12, 0))
        self.emptied = False
        self.looped = bytearray()
        self.holding = 0
        self.overrun = False

    def received(self) -> bool:
        """Whether a byte can be read."""
        return bool(self.looped) or (not self.registers[4] & self.LOOPBACK and self.console.ready())

    def interrupt(self) -> int:
        """The interrupt that IIR reports: 6 line status, 4 received data, 2 transmitter empty, 1 none."""
        if self.registers[1] & 4 and self.overrun:
            return 6
        if self.registers[1] & 1 and self.received():
            return 4
        if self.registers[1] & 2 and self.emptied:
            return 2
        return 1

    def load(self, offset: int, width: int) -> int | None:
        """The byte register at `offset`."""
        if offset > 7:
            return None
        if offset < 2 and self.registers[3] & self.DIVISOR_LATCH:
            return self.divisor[offset]
        if offset == 0:
            return self._receive()
        if offset == 2:
            cause = self.interrupt()
            if cause == 2:
                self.emptied = False
            return cause | (0xC0 if self.registers[2] & 1 else 0)
        if offset == 5:
            overrun, self.overrun = self.overrun, False
            return 0x60 | overrun << 1 | self.received()
        if offset == 6:
            return self._modem_status()
        return self.registers[offset]

    def store(self, offset: int, width: int, value: int) -> bool:
        """Write the byte register at `offset`; line and modem status are read-only."""
        if offset > 7:
            return False
        value &= 0xFF
        if offset < 2 and self.registers[3] & self.DIVISOR_LATCH:
            self.divisor[offset] = value
        elif offset == 0:
            self._transmit(value)
        elif offset == 1:
            if (value ^ self.registers[1]) & 2:
                self.emptied = bool(value & 2)
            self.registers[1] = value & 0x0F
        elif offset == 2:
            self._control_fifo(value)
        elif offset not in (5, 6):
            self.registers[offset] = value & (0x1F if offset == 4 else 0xFF)
        return True

    def _receive(self) -> int:
        byte = None
        if self.looped:
            byte = self.looped.pop(0)
        elif self.received():
            byte = self.console.read()
        if self.registers[2] & 1:
            return byte or 0
        # Without the FIFO a single register keeps its byte.
        self.holding = self.holding if byte is None else byte
        return self.holding

    def _transmit(self, value: int) -> None:
        if not self.registers[4] & self.LOOPBACK:
            self.console.write(bytes((value,)))
        else:
            fifo = self.registers[2] & 1
            self.overrun = self.overrun or len(self.looped) >= (16 if fifo else 1)
            if not fifo:
                self.looped[:] = (value,)
                self.holding = value
            elif len(self.looped) < 16:
                self.looped.append(value)
        self.emptied = True

    def _control_fifo(self, value: int) -> None:
        # Turning the FIFOs on or off empties them. Input still held by the host has not arrived yet and stays.
        if (value ^ self.registers[2]) & 1:
            value |= 6
        if value & 2:
            self.looped.clear()
        if value & 4:
            self.emptied = True
        self.registers[2] = value & 0xC9

    def _modem_status(self) -> int:
        control = self.registers[4]
        if control & self.LOOPBACK:
            return (control & 0x0C) << 4 | (control & 2) << 3 | (control & 1) << 5
        return 0xB0


class Finisher:
    """The SiFive test finisher: 0x5555 exits with 0, 0x3333 with the code in the upper half, 0x7777 resets.

    It accepts half-words and words; all other registers read as zero.
    """

    def load(self, offset: int, width: int) -> int | None:
        """Reads as zero."""
        return 0 if width > 1 else None

    def store(self, offset: int, width: int, value: int) -> bool:
        """Raise Halt for the three commands."""
        if width == 1:
            return False
        command = value & 0xFFFF
        if offset == 0 and command == 0x5555:
            raise Halt(0)
        if offset == 0 and command == 0x3333:
            raise Halt((value >> 16) & 0xFFFF)
        if offset == 0 and command == 0x7777:
            raise Halt(0, reset=True)
        return True


class Bus:
    """Finds devices by physical address."""

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int, Device]] = []

    def add(self, base: int, size: int, device: Device) -> None:
        """Map a device at [base, base + size). Raises ValueError for a range outside 4 GiB or one that overlaps."""
        if size <= 0 or base < 0 or base + size > 1 << 32:
            raise ValueError(f"device range {base:#x} of {size} bytes is not within 4 GiB")
        for other, length, _ in self.ranges:
            if base < other + length and other < base + size:
                raise ValueError(f"device range {base:#x} overlaps the one at {other:#x}")
        self.ranges.append((base, size, device))

    def load(self, address: int, width: int) -> int | None:
        """The value; None for an access fault."""
        for base, size, device in self.ranges:
            if base <= address and address + width <= base + size:
                return device.load(address - base, width)
        return None

    def store(self, address: int, width: int, value: int) -> bool:
        """Store; False for an access fault."""
        for base, size, device in self.ranges:
            if base <= address and address + width <= base + size:
                return device.store(address - base, width, value)
        return False
