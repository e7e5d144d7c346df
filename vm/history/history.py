"""A machine's history: checkpoints on its way, and how to get back to any instruction of it.

To go back is to bring back the checkpoint before, and to do again what was done from there on, without printing it
again. Checkpoints are thinned out as they age, so that their number grows with the logarithm of the run's length.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from trapline.isa.sv32 import PAGE
from trapline.vm.engine import Engine
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.history.outside import LoggedMachine, Outside, OutsideState
from trapline.vm.host.signals import held
from trapline.vm.registers import Hart
from trapline.vm.snapshot.snapshot import Snapshot

LOOKS_APART = 12
"""Checkpoints are so many looks at the clock apart (`vm.engine_kinds`), some 40 ms: one takes 1 or 2."""
DENSITY = 32
"""Two checkpoints are kept if they are further apart than this part of their age."""
PARTS = 16
"""Pieces of a stretch of history that is searched, last to first."""
DEFAULT_MEMORY = 256 << 20
"""Bytes of RAM that checkpoints hold beside the present one's, at most."""
MOMENT = 0.05
"""Seconds for which the past is repeated between two looks at who waits for it."""
STOPS = (ExitReason.BREAKPOINT, ExitReason.WATCHPOINT, ExitReason.CATCH)
"""How a run ends where a debugger wants to look."""


@dataclass(frozen=True)
class Checkpoint:
    """A state on the way. size: bytes that it takes: memory that was written since the one before, and its registers.

    changes: how often the host had changed the state by then; changed: whether it did so last just then, so that a run
    does not lead here.
    """

    snapshot: Snapshot
    outside: OutsideState
    changes: int
    changed: bool
    size: int

    @property
    def cycle(self) -> int:
        """Instructions that all harts had done."""
        return self.snapshot.cycle


class RememberedMachine(LoggedMachine, Protocol):
    """The machine whose history it is (`vm.machine.Machine`)."""

    @property
    def engine(self) -> Engine: ...
    @property
    def current(self) -> Hart: ...

    def snapshot(self) -> Snapshot:
        """The state now."""

    def restore(self, snapshot: Snapshot, again: bool = True) -> None:
        """Go to a state."""

    def run(self, max_instructions: int | None = None, timeout: float | None = None) -> Exit:
        """Go on."""


class Repeater(Protocol):
    """How the machine runs (`vm.run_loop.RunLoop`)."""

    def undisturbed(self) -> AbstractContextManager[None]:
        """A context in which nothing ends a run but its limit and the guest, and nothing is reported."""

    def stop_here(self) -> Exit | None:
        """How a run that comes to this place stops here, as at a breakpoint; None if it does not."""


class History:
    """The history of one machine, from when this is made.

    memory: bytes that checkpoints may take beside the machine's own. outside: what has come from outside.
    attend: called now and then on a way back; what it raises ends the way, as Ctrl-C does: see `run_back`.
    """

    def __init__(self, machine: RememberedMachine, loop: Repeater, memory: int = DEFAULT_MEMORY) -> None:
        self._machine, self._loop = machine, loop
        self._memory = memory
        self.outside = Outside(machine)
        self.attend: Callable[[], None] = lambda: None
        self._apart = LOOKS_APART * machine.engine.kind.steps_per_look
        self._changes = 0
        self._checkpoints: list[Checkpoint] = []
        with machine.console.opened():
            pass  # from here on input comes only when it is let in
        self._save()

    @property
    def begin(self) -> int:
        """Where it begins: instructions that all harts had done."""
        return self._checkpoints[0].cycle

    @property
    def end(self) -> int:
        """The present, as far as it is known."""
        return max(self.outside.known, self._machine.cycle)

    # While the machine runs

    def look(self) -> None:
        """Between two pieces of a run: let come what comes, and remember the state now and then."""
        self.renew()
        self.outside.look()
        if self._machine.cycle >= self._due():
            self._save()

    def limit(self, budget: int) -> int:
        """The steps, at most `budget`, until the next look."""
        now = self._machine.cycle
        budget = min(self.outside.limit(budget), max(1, self._due() - now))
        change = self._next_change()
        return budget if change is None else min(budget, change.cycle - now)

    def idle(self) -> bool:
        """All harts wait: as `Clock.idle`."""
        return self.outside.idle()

    def renew(self) -> None:
        """Where the machine has come to a moment at which the host changed something: change it again."""
        while (change := self._next_change()) is not None and change.cycle == self._machine.cycle:
            self._bring_back(change)

    def _next_change(self) -> Checkpoint | None:
        return next((c for c in self._checkpoints if c.changed and c.changes > self._changes), None)

    def _due(self) -> int:
        return self._before(self._machine.cycle).cycle + self._apart

    def changed(self) -> None:
        """The host has changed something of the machine, such as memory or a register: from here it goes another way.

        What was known to come is forgotten, but for what was typed; what is printed from here on is printed even if the
        console has already been so far.
        """
        now = self._machine.cycle
        self._machine.restore(self._machine.snapshot())
        self.outside.forget_future()
        self._checkpoints = [c for c in self._checkpoints if c.cycle <= now and c.changes <= self._changes]
        self._changes += 1
        self._save(changed=True)

    # Checkpoints

    def _before(self, cycle: int) -> Checkpoint:
        """The last checkpoint that is not after `cycle`, or the first."""
        return next((c for c in reversed(self._checkpoints) if c.cycle <= cycle), self._checkpoints[0])

    def _save(self, changed: bool = False) -> None:
        checkpoint = self._here(changed)
        place = bisect_right(self._checkpoints, (checkpoint.cycle, self._changes), key=lambda c: (c.cycle, c.changes))
        if place:
            pages = checkpoint.snapshot.memory.differing(self._checkpoints[place - 1].snapshot.memory)
            checkpoint = replace(checkpoint, size=checkpoint.size + PAGE * sum(1 for _ in pages))
        self._checkpoints.insert(place, checkpoint)
        if place == len(self._checkpoints) - 1 or self._size() > self._memory:
            self._thin()

    def _here(self, changed: bool = False) -> Checkpoint:
        """The state now."""
        snapshot = self._machine.snapshot()
        return Checkpoint(snapshot, self.outside.save(), self._changes, changed, snapshot.records.size)

    def _thin(self) -> None:
        """Drop checkpoints that are close together for their age, more of them when memory is short."""
        density = DENSITY
        while density:
            self._drop_close(density)
            if self._size() <= self._memory:
                return
            density //= 2
        while len(self._checkpoints) > 1 and self._size() > self._memory:
            del self._checkpoints[0]  # nothing else is left: the history begins later

    def _size(self) -> int:
        """Bytes that the checkpoints after the first take."""
        return sum(checkpoint.size for checkpoint in self._checkpoints[1:])

    def _drop_close(self, density: int) -> None:
        now = self._checkpoints[-1].cycle
        kept = self._checkpoints[-1:]
        for older, checkpoint in zip(self._checkpoints[-3::-1], self._checkpoints[-2:0:-1], strict=False):
            newer = kept[-1]
            if not checkpoint.changed and newer.cycle - older.cycle <= (now - checkpoint.cycle) // density:
                kept[-1] = replace(newer, size=newer.size + checkpoint.size - checkpoint.snapshot.records.size)
            else:
                kept.append(checkpoint)
        self._checkpoints = [*self._checkpoints[:1], *reversed(kept)] if len(self._checkpoints) > 1 else kept

    def _bring_back(self, checkpoint: Checkpoint) -> None:
        self._machine.restore(checkpoint.snapshot, again=False)
        self.outside.restore(checkpoint.outside)
        self._changes = checkpoint.changes

    # Back

    def go_to(self, cycle: int) -> None:
        """Go to where all harts had done so many instructions, in the past or the present.

        Raises ValueError for a moment before the history or after the present.
        """
        if not self.begin <= cycle <= self.end:
            raise ValueError(f"instruction {cycle} is not in the history, [{self.begin}, {self.end}]")
        machine = self._machine
        self.outside.known = self.end
        checkpoint = self._before(cycle)
        if not checkpoint.cycle <= machine.cycle <= cycle or checkpoint.changes > self._changes:
            self._bring_back(checkpoint)
        with self._loop.undisturbed(), self._closer(machine.cycle, cycle):
            while machine.cycle < cycle:
                before = machine.cycle, self.outside.position
                if self._stays(self._repeat(cycle - machine.cycle), before):
                    break  # it halts here, and did then

    def _repeat(self, count: int) -> Exit:
        """Do at most so many instructions again, for a moment. Raises KeyboardInterrupt, and what `attend` raises."""
        exit = self._machine.run(count, MOMENT)
        if exit.reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt
        self.attend()
        return exit

    def _stays(self, exit: Exit, before: tuple[int, tuple[int, int]]) -> bool:
        """Whether a run has done nothing: neither instructions, nor waited for what came then."""
        return exit.reason is not ExitReason.TIMEOUT and (self._machine.cycle, self.outside.position) == before

    @contextmanager
    def returning(self) -> Iterator[None]:
        """A context that leaves the machine where it has been before, if the way back is given up inside."""
        home = self._here()
        try:
            yield
        except BaseException:
            with held():
                self._bring_back(home)
            raise

    def back(self, count: int) -> None:
        """Go back by so many instructions of all harts, at most to the beginning."""
        with self.returning():
            self.go_to(max(self.begin, self._machine.cycle - count))

    def run_back(self, undoing: bool = False) -> Exit:
        """Go back to the last moment at which a run stops; to the beginning, where there is none.

        undoing: whether that may be this one, if the last instruction made an access that is watched or has trapped: as
        for a debugger that will go back behind it then.
        Where it is given up, the machine stands so far back that no later moment is one at which a run stops.
        """
        machine = self._machine
        end = machine.cycle
        self.outside.known = self.end
        while end > self.begin:
            with self.returning():
                if end - self._before(end - 1).cycle > self._machine.engine.kind.steps_per_look:
                    self.go_to(end - 1)  # leaves checkpoints: the last part is looked at first
                start = self._before(end - 1)
                found = self._last_stop(start, end, undoing)
                if found is not None:
                    cycle, exit = found
                    self.go_to(cycle)
                    return exit
            self._bring_back(start)
            end, undoing = start.cycle, True
        self.go_to(self.begin)
        return Exit(ExitReason.BEGIN, machine.current.pc)

    @contextmanager
    def _closer(self, start: int, end: int) -> Iterator[None]:
        """Leave checkpoints closer together where history is repeated: who goes back once does so again."""
        apart = self._apart
        self._apart = min(apart, max(self._machine.engine.kind.steps_per_look, (end - start) // PARTS))
        try:
            yield
        finally:
            self._apart = apart

    def _last_stop(self, start: Checkpoint, end: int, undoing: bool) -> tuple[int, Exit] | None:
        """The last moment in [start, end) at which a run stops, and how. undoing: or behind what was done last."""
        machine = self._machine
        self._bring_back(start)
        exit = self._loop.stop_here()
        found = None if exit is None else (machine.cycle, exit)
        while machine.cycle < end:
            before = machine.cycle, self.outside.position
            exit = self._repeat(end - machine.cycle)
            within = machine.cycle < end or (undoing and exit.reason is not ExitReason.BREAKPOINT)
            if exit.reason in STOPS and within:
                found = machine.cycle, exit
            elif self._stays(exit, before):
                break
        return found
