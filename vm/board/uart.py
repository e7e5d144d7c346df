"""The UART of QEMU's `virt` board, a 16550A.

A character takes no time here, neither on its way out nor in: the transmitter is always empty, and the timeout of four
character times, after which a receiver below its trigger level asks for attention, has passed at once.
"""

from typing import Annotated

from msgspec import Meta

from trapline.vm.host.console import Console
from trapline.vm.state import Byte, Count, State, put_back, saved

UART_BASE = 0x10000000
UART_SOURCE = 10
"""Interrupt number of the UART at the PLIC."""

DATA, IER, FCR, LCR, MCR, LSR, MSR, SCRATCH = range(8)
"""Registers of the UART, a byte each. DATA is the receiver's to read and the transmitter's to write."""
IIR = FCR
"""What a read of FCR's offset returns."""
REGISTERS = SCRATCH + 1

IER_RECEIVED, IER_EMPTY, IER_LINE_STATUS = 1 << 0, 1 << 1, 1 << 2
IER_WRITABLE = 0x0F
IIR_NONE, IIR_EMPTY, IIR_RECEIVED, IIR_LINE_STATUS, IIR_TIMEOUT = 1, 2, 4, 6, 0x0C
IIR_FIFO = 0xC0
"""The FIFOs are on."""
FCR_FIFO, FCR_CLEAR_RECEIVER, FCR_CLEAR_TRANSMITTER = 1 << 0, 1 << 1, 1 << 2
FCR_WRITABLE = 0xC9
"""What FCR keeps: the FIFOs' enable, the DMA mode and the trigger level."""
FCR_TRIGGER_SHIFT = 6
TRIGGER_LEVELS = (1, 4, 8, 14)
"""Bytes in the receiver's FIFO that ask for attention, by the two upper bits of FCR."""
LCR_DIVISOR_LATCH = 1 << 7
"""The first two registers hold the divisor."""
MCR_DTR, MCR_RTS, MCR_OUT1, MCR_OUT2 = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MCR_LOOPBACK = 1 << 4
"""The transmitter feeds the receiver, and MCR's outputs feed MSR's inputs."""
MCR_WRITABLE = 0x1F
LSR_RECEIVED, LSR_OVERRUN = 1 << 0, 1 << 1
LSR_EMPTY = 0x60
"""The transmitter's register and its shift register are empty."""
MSR_CTS, MSR_DSR, MSR_RI, MSR_DCD = 1 << 4, 1 << 5, 1 << 6, 1 << 7
LOOPED_BACK = ((MCR_RTS, MSR_CTS), (MCR_DTR, MSR_DSR), (MCR_OUT1, MSR_RI), (MCR_OUT2, MSR_DCD))
"""The input that each output feeds in loopback."""
FIFO_BYTES = 16
RESET_DIVISOR = 12


class UartState(State, frozen=True):
    """Of a `Uart`. seen: bytes of input that it has noticed; driven: see `Uart.asserts`."""

    registers: Annotated[bytes, Meta(min_length=REGISTERS, max_length=REGISTERS)]
    divisor: Annotated[bytes, Meta(min_length=2, max_length=2)]
    emptied: bool
    looped: Annotated[bytes, Meta(max_length=FIFO_BYTES)]
    holding: Byte
    overrun: bool
    seen: Count
    driven: bool


class Uart:
    """A 16550A that prints what is written at once, so that its transmitter is always empty.

    It requests an interrupt when IER enables one of these: overrun, received data (the trigger level is reached, or
    fewer bytes have waited for the timeout), transmitter empty. Only loopback can overrun.
    A wider access reaches the byte register at its address, as on QEMU.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.changes = 0
        self.reset()

    def reset(self) -> None:
        """Return to the power-on state. Input that the host holds stays."""
        self.registers = bytearray(REGISTERS)
        self.registers[MCR] = MCR_OUT2
        self.divisor = bytearray(RESET_DIVISOR.to_bytes(2, "little"))
        self.emptied = False
        self.looped = bytearray()
        self.holding = 0
        self.overrun = False
        self._seen = 0
        self._driven = False
        self.changes += 1

    def save(self) -> UartState:
        """See `vm.state.Stateful`."""
        return saved(UartState, self)

    def restore(self, state: UartState) -> None:
        """See `vm.state.Stateful`."""
        put_back(self, state)
        self.changes += 1

    def asserts(self) -> bool:
        """Whether the line has been driven since the last call, perhaps to the level that it had.

        QEMU's is when input arrives, and after accesses that may change what there is to report.
        """
        arrived, self._seen = self.console.unread > self._seen, self.console.unread
        driven, self._driven = self._driven or arrived, False
        return driven

    def _reaches(self, level: int) -> bool:
        """Whether so many bytes can be read."""
        if self.looped or self.registers[MCR] & MCR_LOOPBACK:
            return len(self.looped) >= level
        return self.console.available(level) == level

    def resting(self, received: bool | None) -> list[int]:
        """What a load of each register answers while nothing changes; -1 where the load itself changes something.

        received: whether there is input from the host; None where only `received` finds out.
        """
        values = list(self.registers)
        received = self._received(received)
        status = received is not None and not self.overrun
        values[LSR] = LSR_EMPTY | (LSR_RECEIVED if received else 0) if status else -1
        values[MSR] = self._modem_status()
        fifo = self.registers[FCR] & FCR_FIFO
        values[IIR] = -1 if self.registers[IER] else IIR_NONE | (IIR_FIFO if fifo else 0)
        values[DATA] = -1 if received is not False or self.registers[IER] else 0 if fifo else self.holding
        if self._is_divisor(DATA):
            values[: len(self.divisor)] = self.divisor
        return values

    def only_prints(self, received: bool | None) -> bool:
        """Whether a store to the transmitter has no effect but to print: no interrupt could follow."""
        quiet = self.registers[IER] == 0 or (self.registers[IER] == IER_RECEIVED and self._received(received) is False)
        return quiet and not self.registers[MCR] & MCR_LOOPBACK and not self._is_divisor(DATA)

    def _received(self, from_host: bool | None) -> bool | None:
        if self.looped:
            return True
        return False if self.registers[MCR] & MCR_LOOPBACK else from_host

    def transmitted(self) -> None:
        """Note that bytes were stored to the transmitter, while it `only_prints`, which are printed."""
        self._driven = self.emptied = True

    def received(self) -> bool:
        """Whether a byte can be read."""
        return bool(self.looped) or (not self.registers[MCR] & MCR_LOOPBACK and self.console.ready())

    def interrupt(self) -> int:
        """The interrupt that IIR reports; IIR_NONE for none."""
        enabled = self.registers[IER]
        if enabled & IER_LINE_STATUS and self.overrun:
            return IIR_LINE_STATUS
        if enabled & IER_RECEIVED and self.received():
            fifo = self.registers[FCR]
            trigger = TRIGGER_LEVELS[fifo >> FCR_TRIGGER_SHIFT] if fifo & FCR_FIFO else 1
            return IIR_RECEIVED if trigger == 1 or self._reaches(trigger) else IIR_TIMEOUT
        if enabled & IER_EMPTY and self.emptied:
            return IIR_EMPTY
        return IIR_NONE

    def load(self, offset: int, width: int) -> int | None:
        """The byte register at `offset`."""
        if offset >= REGISTERS:
            return None
        self.changes += 1
        if self._is_divisor(offset):
            return self.divisor[offset]
        if offset == DATA:
            return self._receive()
        if offset == IIR:
            cause = self.interrupt()
            if cause == IIR_EMPTY:
                self.emptied = False
                self._driven = True
            return cause | (IIR_FIFO if self.registers[FCR] & FCR_FIFO else 0)
        if offset == LSR:
            overrun, self.overrun = self.overrun, False
            self._driven = self._driven or overrun
            return LSR_EMPTY | (LSR_OVERRUN if overrun else 0) | (LSR_RECEIVED if self.received() else 0)
        if offset == MSR:
            return self._modem_status()
        return self.registers[offset]

    def store(self, offset: int, width: int, value: int) -> bool:
        """Write the byte register at `offset`; line and modem status are read-only."""
        if offset >= REGISTERS:
            return False
        self.changes += 1
        value &= 0xFF
        if self._is_divisor(offset):
            self.divisor[offset] = value
        elif offset == DATA:
            self._transmit(value)
        elif offset == IER:
            self._driven = self._driven or value & IER_WRITABLE != self.registers[IER]
            if (value ^ self.registers[IER]) & IER_EMPTY:
                self.emptied = bool(value & IER_EMPTY)
            self.registers[IER] = value & IER_WRITABLE
        elif offset == FCR:
            self._control_fifo(value)
        elif offset == MCR:
            self.registers[MCR] = value & MCR_WRITABLE
        elif offset not in (LSR, MSR):
            self.registers[offset] = value
        return True

    def _is_divisor(self, offset: int) -> bool:
        return offset < len(self.divisor) and bool(self.registers[LCR] & LCR_DIVISOR_LATCH)

    def _receive(self) -> int:
        self._driven = True
        byte = None
        if self.looped:
            byte = self.looped.pop(0)
        elif self.received():
            byte = self.console.read()
        if self.registers[FCR] & FCR_FIFO:
            return byte or 0
        # Without the FIFO a single register keeps its byte.
        self.holding = self.holding if byte is None else byte
        return self.holding

    def _transmit(self, value: int) -> None:
        self._driven = True
        if not self.registers[MCR] & MCR_LOOPBACK:
            self.console.write(bytes((value,)))
        else:
            fifo = self.registers[FCR] & FCR_FIFO
            self.overrun = self.overrun or len(self.looped) >= (FIFO_BYTES if fifo else 1)
            if not fifo:
                self.looped[:] = (value,)
                self.holding = value
            elif len(self.looped) < FIFO_BYTES:
                self.looped.append(value)
        self.emptied = True

    def _control_fifo(self, value: int) -> None:
        self._driven = True
        # Turning the FIFOs on or off empties them. Input still held by the host has not arrived yet and stays.
        if (value ^ self.registers[FCR]) & FCR_FIFO:
            value |= FCR_CLEAR_RECEIVER | FCR_CLEAR_TRANSMITTER
        if value & FCR_CLEAR_RECEIVER:
            self.looped.clear()
        if value & FCR_CLEAR_TRANSMITTER:
            self.emptied = True
        self.registers[FCR] = value & FCR_WRITABLE

    def _modem_status(self) -> int:
        control = self.registers[MCR]
        if not control & MCR_LOOPBACK:
            return MSR_DCD | MSR_DSR | MSR_CTS
        return sum(status for output, status in LOOPED_BACK if control & output)
