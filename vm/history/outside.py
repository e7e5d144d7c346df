"""All that comes to a machine from outside, with the moment at which it came: logged once, then the same again.

A machine is deterministic but for typed input and the wall clock. While its history is kept, both reach it only between
two pieces of a run: at a number of instructions, or while all harts wait. So a log of them leads to the same state.
"""

from typing import Protocol

from msgspec.structs import replace

from trapline.vm.exits.clock import Clock
from trapline.vm.host.console import Console
from trapline.vm.state import Count, State


class Arrival(State, frozen=True):
    """What came. cycle: instructions that all harts had done; times: how often in a row the same came.

    idle: whether it came while all harts waited, at which moment time passes; goes_on: whether the wait then went on.
    data: input; end: whether there will be no more; ticks: of mtime that passed.
    """

    cycle: Count
    idle: bool = False
    data: bytes = b""
    end: bool = False
    ticks: Count = 0
    goes_on: bool = True
    times: Count = 1


class OutsideState(State, frozen=True):
    """Of `Outside`: how many arrivals there were, and how often the last of them came again."""

    next: Count
    again: Count


class LoggedMachine(Protocol):
    """The machine whose outside it is (`vm.machine.Machine`)."""

    @property
    def console(self) -> Console: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def cycle(self) -> int: ...

    def advance_time(self, ticks: int) -> None:
        """Let time pass."""


class Outside:
    """The outside of one machine.

    arrivals: the log, in order. Up to `known`, a number of instructions, nothing else has come and nothing new comes:
    the machine is in its past; from there on it is in the present, and what comes is logged.
    """

    def __init__(self, machine: LoggedMachine, arrivals: list[Arrival] | None = None, known: int = 0) -> None:
        self._machine = machine
        self.arrivals = arrivals or []
        self.known = known
        self._next = self._again = self._settled = 0

    @property
    def in_the_past(self) -> bool:
        """Whether what happens next is known."""
        return self._next < len(self.arrivals) or self._machine.cycle < self.known

    @property
    def position(self) -> tuple[int, int]:
        """How many arrivals there were, and how often the last of them came again."""
        return self._next, self._again

    def limit(self, budget: int) -> int:
        """The steps, at most `budget`, until something may come."""
        now = self._machine.cycle
        if self._next < len(self.arrivals) and not self.arrivals[self._next].idle:
            return min(budget, max(0, self.arrivals[self._next].cycle - now))
        return min(budget, self.known - now) if now < self.known else budget

    def look(self) -> None:
        """Between two pieces of a run: let come what comes now."""
        while self._next < len(self.arrivals):
            arrival = self.arrivals[self._next]
            if arrival.idle or arrival.cycle > self._machine.cycle:
                return
            self._let_in(arrival)
        if not self.in_the_past:
            self._receive(idle=False)

    def idle(self) -> bool:
        """All harts wait: as `Clock.idle`."""
        machine = self._machine
        if not machine.clock.waits_outside():
            return machine.clock.idle()
        if self._next < len(self.arrivals):
            arrival = self.arrivals[self._next]
            self._let_in(arrival)
            return arrival.goes_on
        return self._receive(idle=True)

    def _let_in(self, arrival: Arrival) -> None:
        self._machine.console.receive(arrival.data, arrival.end)
        if arrival.ticks:
            self._machine.advance_time(arrival.ticks)
        self._again += 1
        if self._again == arrival.times:
            self._next, self._again = self._next + 1, 0

    def _receive(self, idle: bool) -> bool:
        """Let the present in, and log it."""
        machine = self._machine
        console, clock = machine.console, machine.clock
        passed, ended = clock.passed, console.ended
        with console.opened():
            if idle:
                goes_on = clock.idle()
            else:
                goes_on = True
                clock.follow()
                console.look()
                console.fetch()
        data, end = console.taken()
        arrival = Arrival(machine.cycle, idle, data, end, clock.passed - passed, goes_on)
        if idle or data or end != ended or arrival.ticks:
            self._log(arrival)
        return goes_on

    def _log(self, arrival: Arrival) -> None:
        # While a guest waits, nothing comes many times; but what a state refers to stays as it is.
        last = self.arrivals[-1] if len(self.arrivals) > self._settled else None
        if last is not None and arrival.idle and not arrival.data and replace(last, times=1) == arrival:
            self.arrivals[-1] = replace(last, times=last.times + 1)
        else:
            self.arrivals.append(arrival)
        self._next, self._again = len(self.arrivals), 0

    def forget_future(self) -> None:
        """The machine goes another way from here on: what was typed later is typed again, when its time has come."""
        if self._again:
            self.arrivals[self._next] = replace(self.arrivals[self._next], times=self._again)
            self._next, self._again = self._next + 1, 0
        self._machine.console.type_again(b"".join(arrival.data for arrival in self.arrivals[self._next :]))
        del self.arrivals[self._next :]
        self.known = self._machine.cycle

    def save(self) -> OutsideState:
        """See `vm.state.Stateful`."""
        self._settled = len(self.arrivals)
        return OutsideState(self._next, self._again)

    def restore(self, state: OutsideState) -> None:
        """See `vm.state.Stateful`."""
        self.known = max(self.known, self._machine.cycle)
        self._next, self._again = state.next, state.again
