"""The breakpoints and watchpoints of a debugger: gdb's kinds, and what the machine has for them."""

from trapline.isa.sv32 import ADDRESSES
from trapline.vm.breakpoints import Access, Breakpoint, Hit, Stop, Watchpoint
from trapline.vm.machine import Machine

SOFTWARE, HARDWARE = 0, 1
"""Types of Z packets for breakpoints. Here both are the same: neither changes memory that the guest sees."""
BREAKPOINTS = {SOFTWARE: "swbreak", HARDWARE: "hwbreak"}
"""How a stop reply calls them."""
ACCESSES = {2: Access.WRITE, 3: Access.READ, 4: Access.ACCESS}
"""Types of Z packets for watchpoints."""
WATCHPOINTS = {Access.WRITE: "watch", Access.READ: "rwatch", Access.ACCESS: "awatch"}
"""How a stop reply calls them."""


class Breakpoints:
    """The breakpoints and watchpoints that gdb has set on a machine, by type, address and, of a watchpoint, length."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._set: dict[tuple[int, int, int], Stop] = {}

    def add(self, kind: int, address: int, length: int) -> bool:
        """Set one, unless it is set; whether there is such a kind. Raises ValueError for one that cannot be."""
        stop: Stop
        if kind in BREAKPOINTS:
            stop, length = Breakpoint(address), 0
        elif kind in ACCESSES:
            if length > ADDRESSES - address:
                raise ValueError(f"{length} bytes at {address:#x} reach beyond the address space")
            stop = Watchpoint(address, length, ACCESSES[kind])
        else:
            return False
        if (kind, address, length) not in self._set:
            self._set[kind, address, length] = self._machine.stops.add(stop)
        return True

    def remove(self, kind: int, address: int, length: int) -> bool:
        """Take one away, if it is set; whether there is such a kind."""
        if kind not in BREAKPOINTS and kind not in ACCESSES:
            return False
        stop = self._set.pop((kind, address, 0 if kind in BREAKPOINTS else length), None)
        if stop is not None:
            self._machine.stops.remove(stop)
        return True

    def clear(self) -> None:
        """Take all away."""
        for stop in self._set.values():
            self._machine.stops.remove(stop)
        self._set.clear()

    def reason(self, hit: Hit | None, pc: int) -> tuple[str, str]:
        """What a stop reply says: the reason, and the address of a watchpoint; empty if it is none of ours.

        hit: None for a breakpoint at pc that is there already when a run begins.
        """
        for (kind, address, _), stop in self._set.items():
            if stop not in hit.stops if hit is not None else kind not in BREAKPOINTS or address != pc:
                continue
            return (BREAKPOINTS[kind], "") if kind in BREAKPOINTS else (WATCHPOINTS[ACCESSES[kind]], f"{address:x}")
        return "", ""
