"""Where a guest is to stop: breakpoints, watchpoints and catches as a person numbers them."""

from collections.abc import Iterator
from dataclasses import dataclass

from trapline.isa.cause import EXCEPTIONS, INTERRUPT, INTERRUPTS, describe
from trapline.vm.debug.expressions import Expression
from trapline.vm.debug.mistake import Mistake, quoted

MOST = 256
"""Stops that may be set at once."""
TRAP, ANY_INTERRUPT, MODE, EXIT = "trap", "interrupt", "mode", "exit"
CATCHES = (TRAP, ANY_INTERRUPT, MODE, EXIT)
READ, WRITE = 1, 2
WATCHES = {WRITE: "watch", READ: "rwatch", READ | WRITE: "awatch"}
"""gdb's words, by the accesses that they are about."""


@dataclass
class Stop:
    """What all have. condition: stop only where it is not 0; hits: how often it was met; place: for people."""

    number: int
    place: str
    condition: Expression | None = None
    hits: int = 0

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return type(self).__name__.lower()


@dataclass
class Breakpoint(Stop):
    """Stop before the instruction at an address. once: it is deleted when it is met."""

    address: int = 0
    once: bool = False

    @property
    def kind(self) -> str:
        """See Stop."""
        return "temporary breakpoint" if self.once else "breakpoint"


@dataclass
class Watchpoint(Stop):
    """Stop after an instruction that accesses one of `length` bytes at an address."""

    address: int = 0
    length: int = 4
    access: int = WRITE

    def concerns(self, address: int, width: int, access: int) -> bool:
        """Whether it is about this access."""
        return bool(access & self.access) and address < self.address + self.length and self.address < address + width


@dataclass
class Catch(Stop):
    """Stop after a trap, an interrupt, a change of mode, or an exit to the hypervisor. cause: only this one."""

    event: str = TRAP
    cause: int | None = None

    def concerns(self, event: str, cause: int | None) -> bool:
        """Whether it is about this event."""
        return event == self.event and self.cause in (None, cause)


class Stops:
    """Those that are set, by number."""

    def __init__(self) -> None:
        self._stops: dict[int, Stop] = {}
        self._last = 0

    def __iter__(self) -> Iterator[Stop]:
        return iter(list(self._stops.values()))

    def __len__(self) -> int:
        return len(self._stops)

    def next_number(self) -> int:
        """The number of the next one. Raises Mistake when there are too many."""
        if len(self._stops) >= MOST:
            raise Mistake(f"there are {MOST} breakpoints, watchpoints and catches already")
        return self._last + 1

    def add(self, stop: Stop) -> None:
        """Set one that has the next number."""
        self._stops[stop.number] = stop
        self._last = stop.number

    def remove(self, number: int) -> Stop:
        """Delete one. Raises Mistake if there is none of this number."""
        if number not in self._stops:
            raise Mistake(f"no breakpoint {number}; `info breakpoints` lists them")
        return self._stops.pop(number)

    def clear(self) -> None:
        """Delete all."""
        self._stops.clear()

    @property
    def breakpoints(self) -> list[Breakpoint]:
        """Those before an instruction."""
        return [stop for stop in self if isinstance(stop, Breakpoint)]

    @property
    def watchpoints(self) -> list[Watchpoint]:
        """Those on memory."""
        return [stop for stop in self if isinstance(stop, Watchpoint)]

    @property
    def catches(self) -> list[Catch]:
        """Those on events."""
        return [stop for stop in self if isinstance(stop, Catch)]


def cause_of(text: str, event: str) -> int:
    """The mcause value of a cause's number or name, as for `catch trap`. Raises Mistake."""
    if event not in (TRAP, ANY_INTERRUPT):
        raise Mistake(f"`catch {event}` takes nothing more")
    flag = INTERRUPT if event == ANY_INTERRUPT else 0
    names = {describe(code | flag): code | flag for code in (INTERRUPTS if flag else EXCEPTIONS)}
    if text.isascii() and text.isdigit() and len(text) <= len("4294967295"):
        number = int(text)
        if number | flag in names.values():
            return number | flag
    if text.lower() in names:
        return names[text.lower()]
    raise Mistake(f"no {event} {quoted(text)}; a cause is a number or one of: {', '.join(names)}")
