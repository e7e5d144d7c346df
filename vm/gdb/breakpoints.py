"""The breakpoints of a debugger: which of gdb's kinds there are, and what the machine has for them."""

from trapline.isa.sv32 import ADDRESSES
from trapline.vm.machine import Machine

SOFTWARE, HARDWARE = 0, 1
"""Types of Z packets. Here both are the same: neither changes memory."""
KINDS = {SOFTWARE: "swbreak", HARDWARE: "hwbreak"}
"""How a stop reply calls them."""
MOST = 256
"""Breakpoints at most."""


class Breakpoints:
    """The breakpoints that gdb has set on a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._set: set[tuple[int, int]] = set()

    def add(self, kind: int, address: int, length: int) -> bool:
        """Set one, unless it is set; whether there is such a kind. Raises ValueError for an address that is none."""
        if kind not in KINDS:
            return False
        if address >= ADDRESSES or len(self._set) >= MOST:
            raise ValueError(f"no breakpoint at {address:#x}")
        self._set.add((kind, address))
        self._machine.breakpoints.add(address)
        return True

    def remove(self, kind: int, address: int, length: int) -> bool:
        """Take one away, if it is set; whether there is such a kind."""
        if kind not in KINDS:
            return False
        self._set.discard((kind, address))
        if not any((other, address) in self._set for other in KINDS):
            self._machine.breakpoints.discard(address)
        return True

    def clear(self) -> None:
        """Take all away."""
        for kind, address in list(self._set):
            self.remove(kind, address, 0)

    def kind_at(self, address: int) -> str:
        """How a stop reply calls the breakpoint at an address."""
        return next((name for kind, name in KINDS.items() if (kind, address) in self._set), KINDS[SOFTWARE])
