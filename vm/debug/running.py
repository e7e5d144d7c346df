"""Runs a target until something is met that a person has set, forward and backward."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from trapline.isa import Kind
from trapline.isa.cause import EXCEPTIONS, INTERRUPT, INTERRUPTS, describe
from trapline.isa.hart import ABI_NAMES
from trapline.isa.mode import MODE_NAMES
from trapline.vm import breakpoints
from trapline.vm.breakpoints import Access, Hit
from trapline.vm.debug import memory
from trapline.vm.debug.expressions import Expression
from trapline.vm.debug.mistake import Mistake
from trapline.vm.debug.stops import EXIT, MODE, Catch, Stop, Stops, Watchpoint
from trapline.vm.debug.target import Outcome, Target
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.machine import Machine
from trapline.vm.registers import Hart

EVERY_CAUSE = (*EXCEPTIONS, *(code | INTERRUPT for code in INTERRUPTS))
ACCESSED = {Access.READ: "read", Access.WRITE: "written", Access.ACCESS: "read and written"}


@dataclass(frozen=True)
class Met:
    """Something that was set is met. about: what happened, in words."""

    stop: Stop
    about: str = ""


Why = Outcome | Met


class Runner:
    """Runs one target.

    stops: those that a person has set. value: of a condition, to the hart of a number; may raise Mistake.
    """

    def __init__(self, target: Target, value: Callable[[Expression, int], int]) -> None:
        self._target, self._value = target, value
        self.stops = Stops(target.machine.stops, self._wants)
        self._searching = False

    @property
    def machine(self) -> Machine:
        """The machine that runs."""
        return self._target.machine

    def go(self, count: int | None = None) -> Why:
        """Go on until something is met, by at most so many instructions."""
        return self._why(self._target.run(count))

    def go_to(self, addresses: frozenset[int], holds: Callable[[], bool] = lambda: True) -> Why:
        """Go on to one of these addresses, where something holds: an Exit at a breakpoint, if nothing else is met."""
        # The first instruction passes what it stands at, and not because there is another breakpoint now.
        why = self.go(1)
        if not isinstance(why, Exit) or why.reason is not ExitReason.LIMIT:
            return why
        if self.machine.current.pc in addresses and holds():
            return Exit(ExitReason.BREAKPOINT, self.machine.current.pc)
        with self._also(_places(addresses, holds)):
            return self._why(self._target.run(None))

    @contextmanager
    def _also(self, records: list[breakpoints.Stop]) -> Iterator[None]:
        """A context with more stops. Raises Mistake for too many."""
        stops = self.machine.stops
        try:
            try:
                for record in records:
                    stops.add(record)
            except ValueError as error:
                raise Mistake(str(error)) from None
            yield
        finally:
            for record in records:
                if record in stops:
                    stops.remove(record)

    # What is met

    def _wants(self, stop: Stop) -> bool:
        """Whether a person wants to stop now that the machine has come there. A search counts nothing."""
        return self._holds(stop) and (self._searching or stop.count())

    def _holds(self, stop: Stop) -> bool:
        if stop.condition is None:
            return True
        try:
            return self._value(stop.condition, self.machine.harts.index(self.machine.current)) != 0
        except Mistake:
            return True  # a person is to see why

    def _why(self, outcome: Outcome) -> Why:
        """What was met, if it is that."""
        if not isinstance(outcome, Exit) or outcome.hit is None:
            return outcome
        return self._met(self.stops.reached(outcome.hit), outcome.hit) or outcome

    def _met(self, stops: list[Stop], hit: Hit) -> Met | None:
        if not stops:
            return None
        for stop in stops:
            if stop.once:
                self.stops.remove(stop.number)
        return Met(stops[0], "; ".join(filter(None, (self._about(stops[0], hit), self._doubt(stops[0])))))

    def _doubt(self, stop: Stop) -> str:
        """Why it is not known whether the condition holds."""
        try:
            if stop.condition is not None:
                self._value(stop.condition, self.machine.harts.index(self.machine.current))
        except Mistake as mistake:
            return f"its condition cannot be looked at: {mistake}"
        return ""

    def _about(self, stop: Stop, hit: Hit) -> str:
        """What has happened, in words."""
        if isinstance(stop, Watchpoint) and hit.access is not None:
            place = f"{hit.width} byte{'s' * (hit.width > 1)} at {hit.address:#010x} {ACCESSED[hit.access]}"
            return f"{place} by {self._target.lines.place(hit.pc)}{_values(hit)}"
        if not isinstance(stop, Catch) or hit.mode is None:
            return ""
        cause = "" if hit.cause is None else describe(hit.cause)
        if stop.event == EXIT:
            return f"exit to the hypervisor: {cause}"
        if stop.event == MODE:
            return f"mode {MODE_NAMES[hit.mode]} -> {MODE_NAMES[self.machine.harts[hit.hart].mode]}"
        return cause

    # Backward

    def back(self, count: int) -> bool:
        """Go back by so many instructions of all harts; whether that is not beyond the beginning."""
        now = self.machine.cycle
        self._target.go_to(max(self._target.begin, now - count))
        return now - count >= self._target.begin

    def go_back(self) -> Why:
        """Go back to the last moment at which something was met; to the beginning where there is none."""
        return self._back_to_own()

    def go_back_to(self, addresses: frozenset[int], holds: Callable[[], bool]) -> Why:
        """Go back to one of these addresses, where something holds: an Exit at a breakpoint, if nothing else is met."""
        with self._also(_places(addresses, holds)):
            return self._back_to_own()

    def go_back_to_trap(self, hart: Hart) -> Why:
        """Go back to where a hart was about to take its last trap or interrupt, if nothing else is met."""
        with self._also([breakpoints.Catch(causes=EVERY_CAUSE, hart=hart.h.mhartid)]):
            exit = self._back_to_own()
        if not isinstance(exit, Exit) or exit.hit is None:
            return exit
        if exit.hit.cause is not None and not exit.hit.cause & INTERRUPT:
            self.back(1)  # an interrupt is no instruction: there it stands already
        return Exit(ExitReason.LIMIT, hart.pc)

    def _back_to_own(self) -> Why:
        """Go back to the last stop that is wanted: the machine's exit, if that is none of a person."""
        while True:
            exit = self._search()
            reached = [] if exit.hit is None else self.stops.reached(exit.hit)
            if exit.hit is None or len(exit.hit.stops) > len(reached):
                return exit
            if (met := self._met([stop for stop in reached if stop.count()], exit.hit)) is not None:
                return met

    def _search(self) -> Exit:
        self._searching = True
        try:
            return self._target.run_back()
        finally:
            self._searching = False


def _places(addresses: frozenset[int], holds: Callable[[], bool]) -> list[breakpoints.Stop]:
    return [breakpoints.Breakpoint(address, condition=lambda machine: holds()) for address in addresses]


def _values(hit: Hit) -> str:
    """What lay and lies there."""
    if hit.old is None or hit.new is None:
        return ""
    return f": {hit.old:#x} -> {hit.new:#x}" if hit.access != Access.READ else f": {hit.new:#x}"


def is_call(machine: Machine, hart: Hart, pc: int) -> bool:
    """Whether an instruction is a call: a jump that leaves its return address in ra or t0."""
    found = memory.decoded(machine, hart, pc)
    if found is None or found.instruction.kind is not Kind.JUMP:
        return False
    return ABI_NAMES[found.instruction.pattern.extract(found.word)["rd"]] in ("ra", "t0")
