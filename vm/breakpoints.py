"""What a debugger has a machine stop at: breakpoints, watchpoints and catches; and what a stop was about.

`Machine.stops` takes these records. What is about a place is not to be changed while a record is there.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any

Condition = Callable[[Any], object]
"""Called with the machine; a stop is passed, and not counted, where the answer is false."""


class Access(IntFlag):
    """What an access does, and what a watchpoint is about: gdb's `rwatch`, `watch` and `awatch`."""

    READ = 1
    WRITE = 2
    ACCESS = READ | WRITE


@dataclass(eq=False, kw_only=True)
class Stop:
    """What all have: whether a stop is wanted when the place is reached.

    hart: number of the hart that it is about, None for all. condition: see `Condition`. ignore: stops that are passed
    before the first one. hits: how often the condition was met, those that were ignored included.
    """

    hart: int | None = None
    condition: Condition | None = field(default=None, repr=False)
    ignore: int = 0
    hits: int = 0

    def is_wanted(self, machine: Any) -> bool:
        """Whether to stop now that the place is reached; counts it."""
        if self.condition is not None and not self.condition(machine):
            return False
        self.hits += 1
        if self.ignore > 0:
            self.ignore -= 1
            return False
        return True


@dataclass(eq=False)
class Breakpoint(Stop):
    """Stop before the instruction at an address, each time that it is about to be executed.

    address: virtual, whether a page is there yet or not; with `physical`, where the word is. satp: only while this is
    in force, and not in M mode.
    """

    address: int
    physical: bool = False
    satp: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it stops each hart each time at a virtual address."""
        return not self.physical and (self.satp, self.hart, self.condition) == (None, None, None)


@dataclass(eq=False)
class Watchpoint(Stop):
    """Stop after an instruction that accesses one of `length` bytes from an address on.

    address, physical, satp: as of a breakpoint; devices have addresses too. Fetches, and page-table walks, are none of
    these accesses. An AMO reads and writes; an SC that fails does neither.
    """

    address: int
    length: int = 4
    access: Access = Access.WRITE
    physical: bool = False
    satp: int | None = None


@dataclass(eq=False)
class Catch(Stop):
    """Stop when control changes: pc is then that of the handler's first instruction, or where a return leads.

    causes: traps by their mcause, interrupts with bit 31. modes: each change of the privilege mode. exits: traps out of
    a guest to the hypervisor, by the exception's cause; pc is still that of the instruction, and nothing is served yet.
    """

    causes: Collection[int] = ()
    modes: bool = False
    exits: Collection[int] = ()


@dataclass(frozen=True)
class Hit:
    """What a stop was about.

    stops: the records that wanted it. hart: by number. pc: of the instruction with the breakpoint, the one that made
    the access, or, at a catch, of the next.
    address, width, access: virtual address, bytes and kind of the access, whose bytes may be more than those watched;
    old, new: what lies there before and after, as a little-endian number, None where no RAM or more than a page is, and
    `new` where a run stops before the access.
    cause: of a catch, mcause, or None at a return; mode: the privilege mode before.
    """

    stops: tuple[Stop, ...]
    hart: int
    pc: int
    address: int = 0
    width: int = 0
    access: Access | None = None
    old: int | None = None
    new: int | None = None
    cause: int | None = None
    mode: int | None = None
