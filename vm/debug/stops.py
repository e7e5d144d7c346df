"""Where a guest is to stop: breakpoints, watchpoints and catches as a person numbers them, set on the machine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from trapline.isa.cause import EXCEPTIONS, INTERRUPT, INTERRUPTS, describe
from trapline.vm import breakpoints
from trapline.vm.breakpoints import Access
from trapline.vm.debug.expressions import Expression
from trapline.vm.debug.mistake import Mistake, quoted
from trapline.vm.stops.stops import Stops as MachineStops

MOST = 200
"""Stops that may be set at once. The machine has room for some more, which steps use."""
TRAP, ANY_INTERRUPT, MODE, EXIT = "trap", "interrupt", "mode", "exit"
CATCHES = (TRAP, ANY_INTERRUPT, MODE, EXIT)
WATCHES = {Access.WRITE: "watch", Access.READ: "rwatch", Access.ACCESS: "awatch"}
"""gdb's words, by the accesses that they are about."""
ANY_CAUSE = {TRAP: tuple(EXCEPTIONS), ANY_INTERRUPT: tuple(code | INTERRUPT for code in INTERRUPTS)}


@dataclass
class Stop:
    """What all have. condition: stop only where it is not 0; hits: how often it was met; place: for people.

    enabled: whether it is set on the machine; ignore: so many times it is passed before the next stop; once: whether it
    is deleted when it is met.
    """

    number: int
    place: str
    condition: Expression | None = None
    hits: int = 0
    enabled: bool = True
    ignore: int = 0
    once: bool = False

    @property
    def kind(self) -> str:
        """What it is, in a word."""
        return type(self).__name__.lower()

    def count(self) -> bool:
        """It is met: whether to stop there."""
        self.hits += 1
        self.ignore -= (passed := self.ignore > 0)
        return not passed

    def record(self, condition: breakpoints.Condition) -> breakpoints.Stop:
        """What the machine is to stop at. condition: whether it wants to."""
        raise NotImplementedError


@dataclass
class Breakpoint(Stop):
    """Stop before the instruction at an address."""

    address: int = 0

    @property
    def kind(self) -> str:
        """See Stop."""
        return "temporary breakpoint" if self.once else "breakpoint"

    def record(self, condition: breakpoints.Condition) -> breakpoints.Stop:
        """See Stop."""
        return breakpoints.Breakpoint(self.address, condition=condition)


@dataclass
class Watchpoint(Stop):
    """Stop after an instruction that accesses one of `length` bytes at an address."""

    address: int = 0
    length: int = 4
    access: Access = Access.WRITE

    def record(self, condition: breakpoints.Condition) -> breakpoints.Stop:
        """See Stop."""
        return breakpoints.Watchpoint(self.address, self.length, self.access, condition=condition)


@dataclass
class Catch(Stop):
    """Stop after a trap, an interrupt or a change of mode, or at an exit to the hypervisor. cause: only this one."""

    event: str = TRAP
    cause: int | None = None

    def record(self, condition: breakpoints.Condition) -> breakpoints.Stop:
        """See Stop."""
        if self.event == MODE:
            return breakpoints.Catch(modes=True, condition=condition)
        if self.event == EXIT:
            return breakpoints.Catch(exits=tuple(EXCEPTIONS), condition=condition)
        causes = ANY_CAUSE[self.event] if self.cause is None else (self.cause,)
        return breakpoints.Catch(causes=causes, condition=condition)


class Stops:
    """Those that a person has set, by number, and the records for them on a machine.

    wants: whether to stop at one that the machine has reached.
    """

    def __init__(self, machine: MachineStops, wants: Callable[[Stop], bool]) -> None:
        self._machine, self._wants = machine, wants
        self._stops: dict[int, Stop] = {}
        self._records: dict[int, breakpoints.Stop] = {}
        self._last = 0

    def __iter__(self) -> Iterator[Stop]:
        return iter(list(self._stops.values()))

    def __len__(self) -> int:
        return len(self._stops)

    def __getitem__(self, number: int) -> Stop:
        """The one of this number. Raises Mistake if there is none."""
        if number not in self._stops:
            raise Mistake(f"no breakpoint {number}; `info breakpoints` lists them")
        return self._stops[number]

    def next_number(self) -> int:
        """The number of the next one. Raises Mistake when there are too many."""
        if len(self._stops) >= MOST:
            raise Mistake(f"there are {MOST} breakpoints, watchpoints and catches already")
        return self._last + 1

    def add(self, stop: Stop) -> None:
        """Set one that has the next number."""
        self._stops[stop.number] = stop
        self._last = stop.number
        self._set(stop)

    def enable(self, stop: Stop, enabled: bool) -> None:
        """Let the machine stop at it from now on, or not."""
        self._unset(stop)
        stop.enabled = enabled
        if enabled:
            self._set(stop)

    def remove(self, number: int) -> Stop:
        """Delete one. Raises Mistake if there is none of this number."""
        self._unset(self[number])
        return self._stops.pop(number)

    def clear(self) -> None:
        """Delete all."""
        for stop in self:
            self.remove(stop.number)

    def reached(self, hit: breakpoints.Hit) -> list[Stop]:
        """Those that a stop of the machine was about."""
        return [stop for stop in self if self._records.get(stop.number) in hit.stops]

    def _set(self, stop: Stop) -> None:
        def wanted(machine: Any) -> bool:
            return self._wants(stop)

        self._records[stop.number] = self._machine.add(stop.record(wanted))

    def _unset(self, stop: Stop) -> None:
        record = self._records.pop(stop.number, None)
        if record is not None:
            self._machine.remove(record)


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
