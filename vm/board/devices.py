"""The test finisher, and the bus that finds devices by address; addresses as on QEMU's `virt`.

A device serves `load(offset, width)` and `store(offset, width, value)` for physical accesses within its range; `None`
and `False` mean an access fault.
"""

from typing import Protocol

FINISHER_BASE = 0x100000
FINISHER_PASS, FINISHER_FAIL, FINISHER_RESET = 0x5555, 0x3333, 0x7777
"""Commands of the finisher, in the lower half of its first word."""


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
        if offset == 0 and command == FINISHER_PASS:
            raise Halt(0)
        if offset == 0 and command == FINISHER_FAIL:
            raise Halt((value >> 16) & 0xFFFF)
        if offset == 0 and command == FINISHER_RESET:
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
