"""The stops of a machine: what a debugger has set, and what happens where the engine left because of it."""

import random
from collections.abc import Iterator, MutableSet
from typing import Any, Protocol, TypeVar

from trapline import isa
from trapline.isa.cause import LOAD_ACCESS, STORE_ACCESS
from trapline.isa.mode import M
from trapline.isa.sv32 import ADDRESSES, PAGE, PAGE_OFFSET
from trapline.isa.trap import NO_INTERRUPT, pending_interrupt
from trapline.vm.breakpoints import Access, Breakpoint, Catch, Hit, Stop, Watchpoint
from trapline.vm.core.loop import update_time
from trapline.vm.core.mmu import refresh
from trapline.vm.core.peek import fetched_offset, word_at_pc
from trapline.vm.core.records import HartRecord
from trapline.vm.core.status import AT_BREAKPOINT, AT_EXIT, AT_WATCHPOINT, CAUGHT, DEVICE, FOR_THE_HOST, LIMIT
from trapline.vm.core.stops import BREAKPOINTS, CATCHES, RECORDS, WATCHPOINTS
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.stops.table import StoppedEngine, StopTable

PHYSICAL_ADDRESSES = 1 << 34
"""What page-table entries can give."""

TOKEN_BITS = 62
"""Bits of the number of a table, so many that no two are alike, not even of other processes."""

S = TypeVar("S", bound=Stop)


class StoppedMachine(Protocol):
    """The machine that stops (`vm.machine.Machine`)."""

    @property
    def engine(self) -> StoppedEngine: ...
    @property
    def cycle(self) -> int: ...


class Stops:
    """The stops of one machine, a collection of `vm.breakpoints.Stop`.

    A breakpoint stops a run before its instruction, but not the run that begins there because the last one stopped
    there, or because the host set pc or the breakpoint. A watchpoint stops it after the instruction, a catch after the
    trap. They change nothing else: no state, and no count of instructions.

    passing: the kinds (BREAKPOINTS, WATCHPOINTS, CATCHES for an exit) that the next instruction is to pass.
    before_access: whether a watchpoint stops a run before its instruction instead, and again each time, like a trigger
    of the Debug specification whose timing is 0: whoever goes on takes the watchpoint away for that instruction.
    """

    def __init__(self, machine: StoppedMachine) -> None:
        self._machine = machine
        self._engine = machine.engine
        self._table = StopTable(machine.engine)
        self._stops: list[Stop] = []
        self._token = 0
        self.passing = 0
        self.before_access = False
        self._access: _Access | None = None
        self._checked: tuple[int, ...] | None = None
        self._exited: tuple[int, ...] | None = None
        self._ran = (0, 0, 0)

    # The collection

    def __iter__(self) -> Iterator[Stop]:
        return iter(list(self._stops))

    def __len__(self) -> int:
        return len(self._stops)

    def __contains__(self, stop: object) -> bool:
        return stop in self._stops

    def add(self, stop: S) -> S:
        """Set a stop and return it.

        Raises ValueError for one that is set already, for addresses beyond 32 bits (34 of a physical one), and for more
        than 256 breakpoints or watchpoints.
        """
        if stop in self._stops:
            raise ValueError(f"{stop} is set already")
        if isinstance(stop, Breakpoint | Watchpoint):
            length = stop.length if isinstance(stop, Watchpoint) else 1
            end = PHYSICAL_ADDRESSES if stop.physical else ADDRESSES
            if length < 1 or not 0 <= stop.address <= end - length:
                raise ValueError(f"{length} bytes at {stop.address:#x} are not in [0, {end:#x})")
            kind = Breakpoint if isinstance(stop, Breakpoint) else Watchpoint
            if len(self._of(kind)) >= RECORDS:
                raise ValueError(f"a machine has at most {RECORDS} {kind.__name__.lower()}s")
        self._stops.append(stop)
        self._changed()
        return stop

    def remove(self, stop: Stop) -> None:
        """Take a stop away. Raises ValueError if it is not set."""
        self._stops.remove(stop)
        self._changed()

    def clear(self) -> None:
        """Take all stops away."""
        self._stops.clear()
        self._changed()

    def exchange(self, stops: list[Stop]) -> list[Stop]:
        """Set these instead of those that are set, which are the answer."""
        kept, self._stops = self._stops, stops
        self._changed()
        return kept

    def renew(self) -> None:
        """Let the engine learn the stops anew, after its memory has been replaced by other means than a run."""
        self._changed()

    def _changed(self) -> None:
        self._token = random.SystemRandom().getrandbits(TOKEN_BITS) | 1 if self._stops else 0

    def _of(self, kind: type[S]) -> list[S]:
        return [stop for stop in self._stops if isinstance(stop, kind)]

    # A run

    def begin(self, moved: bool = False) -> None:
        """A run begins. moved: where it goes on, so that it has to stop there, too."""
        self._publish()
        self._access = None
        self.passing = 0
        if self._stops and not moved:
            now = self._now()
            self.passing = (BREAKPOINTS if self._checked != now else 0) | (CATCHES if self._exited == now else 0)

    def _publish(self) -> None:
        """Let the engine know the stops, unless it does: its memory may have been that of another time until now."""
        if not self._table.is_current(self._token):
            self._table.publish(self._token, self._of(Breakpoint), self._of(Watchpoint), self._of(Catch))

    def end(self) -> None:
        """A run ends: note whether it has got past all that the next instruction has, and whether that has trapped."""
        self._checked = self._exited = None
        if self._stops:
            self._checked = self._now() if not self.passing & BREAKPOINTS else None
            self._exited = self._now() if self.passing & CATCHES else None

    def _now(self) -> tuple[int, ...]:
        m = self._engine.m
        return (self._machine.cycle, m.current, self._h.pc, self._token)

    @property
    def _h(self) -> HartRecord:
        return self._engine.h[self._engine.m.current]

    def run(self, budget: int) -> int:
        """`Engine.run`, of one instruction if that is to pass something."""
        self._publish()
        self._start = self._h.cycle
        if not self.passing:
            status = self._engine.run(budget)
        else:
            self._pass(self.passing)
            try:
                status = self._engine.run(1)
            finally:
                self.passing &= self._engine.m.pass_stops
                self._pass(0)
        self._ran = (self._engine.m.current, self._h.unretired, self._h.mode)
        return status

    def _pass(self, kinds: int) -> None:
        for m in self._engine.all_machines:
            m.pass_stops = kinds

    def interrupted(self, cause: int, before: int) -> Exit | None:
        """The host has let the hart take an interrupt, with this mcause, instead of what was to be passed."""
        self.passing = 0
        self._access = None
        return self._caught(cause, before) if self._stops else None

    def served(self, status: int) -> Exit | None:
        """After `run` has answered this, and the host has done what it had to do then: whether to stop."""
        if not self._stops:
            return None
        if status == AT_BREAKPOINT:
            return self._at_breakpoint()
        if status == AT_WATCHPOINT:
            self._access = found = _Access(self._engine)
            mode = self._h.data_mode
            found.stops = [w for w in self._of(Watchpoint) if found.concerns(w) and self._applies(w, mode)]
            self.passing |= WATCHPOINTS
            return self._accessing(found) if self.before_access else None
        if status == CAUGHT:
            return self._caught(self._engine.m.caught_cause, self._engine.m.caught_mode)
        if status == AT_EXIT:
            self.passing |= CATCHES
            m = self._engine.m
            catches = [c for c in self._of(Catch) if m.caught_cause in c.exits]
            return self._exit(ExitReason.CATCH, catches, cause=m.caught_cause, mode=m.caught_mode)
        if self.passing and self._h.cycle != self._start:
            self.passing = 0
            access = self._access
            self._access = None
            if access is not None and access.is_done():
                return self._accessed(access)
        return self._trapped_by_host(status)

    def _trapped_by_host(self, status: int) -> Exit | None:
        """Whether the host has let the hart take an exception at which to stop."""
        number, unretired, before = self._ran
        if status not in (DEVICE, FOR_THE_HOST) or self._engine.h[number].unretired == unretired:
            return None
        m = self._engine.m
        refused = STORE_ACCESS if m.exit_store else LOAD_ACCESS
        return self._caught(refused if status == DEVICE else m.exit_cause, before)

    def _applies(self, stop: Breakpoint | Watchpoint, mode: int) -> bool:
        h = self._h
        satp = 0 if mode == M else h.satp
        return stop.hart in (None, h.mhartid) and stop.satp in (None, satp)

    def _exit(self, reason: ExitReason, stops: list[Any], **about: Any) -> Exit | None:
        """The exit for those of the stops that want it; None without any."""
        wanted = tuple(stop for stop in stops if stop.is_wanted(self._machine))
        if not wanted:
            return None
        pc = self._h.pc
        return Exit(reason, pc, hit=Hit(wanted, **({"hart": self._engine.m.current, "pc": pc} | about)))

    def here(self) -> list[Breakpoint]:
        """The breakpoints on the instruction at pc of the hart that ran last."""
        found = [b for b in self._of(Breakpoint) if self._applies(b, self._h.mode)]
        paddr = -1
        if any(b.physical for b in found):
            refresh(self._h)
            offset = fetched_offset(self._h, self._engine.m, self._engine.words)
            paddr = offset + self._engine.m.ram_base if offset >= 0 else -1
        return [b for b in found if b.address == (paddr if b.physical else self._h.pc)]

    def stop_here(self) -> Exit | None:
        """How a run that comes to this place stops before the next instruction; None if it does not."""
        return self._exit(ExitReason.BREAKPOINT, self.here())

    def _at_breakpoint(self) -> Exit | None:
        self.passing |= BREAKPOINTS
        return self.stop_here()

    def at_limit(self) -> Exit | None:
        """At the end of a run: whether the next instruction, which is not executed any more, has a breakpoint."""
        if self.passing or not self._of(Breakpoint) or self._engine.run(0) != LIMIT:
            return None
        update_time(self._h, self._engine.m)
        if pending_interrupt(self._h) != NO_INTERRUPT or not self.here():
            return None
        return self._at_breakpoint()

    def _accessing(self, access: "_Access") -> Exit | None:
        exit = self._accessed(access, done=False)
        access.stops = []  # what is passed now does not stop it behind the instruction
        self.passing |= BREAKPOINTS
        return exit

    def _accessed(self, access: "_Access", done: bool = True) -> Exit | None:
        return self._exit(
            ExitReason.WATCHPOINT, access.stops, hart=access.hart, pc=access.pc, address=access.vaddr,
            width=access.width, access=access.does, old=access.old, new=access.value() if done else None,
        )  # fmt: skip

    def _caught(self, cause: int, before: int) -> Exit | None:
        """A trap, or a return (negative), is done."""
        h = self._h
        catches = [
            c for c in self._of(Catch)
            if c.hart in (None, h.mhartid) and (cause in c.causes or (c.modes and before != h.mode))
        ]  # fmt: skip
        return self._exit(ExitReason.CATCH, catches, cause=None if cause < 0 else cause, mode=before)


class _Access:
    """The access that AT_WATCHPOINT is about, before it is done."""

    def __init__(self, engine: StoppedEngine) -> None:
        m = engine.m
        self._engine, self.hart = engine, m.current
        self._h = engine.h[m.current]
        self.pc = self._h.pc
        self.vaddr, self.width = m.watch_vaddr, m.watch_width
        self._paddr, self.does = m.watch_paddr, Access(m.watch_access)
        self._crosses = self.vaddr & PAGE_OFFSET > PAGE - self.width
        self._before = self._h.cycle, self._h.unretired
        self.stops: list[Watchpoint] = []
        refresh(self._h)
        if self.does == Access.ACCESS:
            self._look_at_sc()
        self.old = self.value()

    def _look_at_sc(self) -> None:
        """An SC stores, if at all, and loads nothing."""
        engine = self._engine
        word = word_at_pc(self._h, engine.m, engine.words)
        instruction = isa.decode(word) if word >= 0 else None  # one of 16 bits is none of 32
        if instruction is not None and instruction.kind is isa.Kind.SC:
            stores = self._h.reservation == self._paddr - engine.m.ram_base
            self.does = Access.WRITE if stores else Access(0)

    def value(self) -> int | None:
        """What lies there now."""
        offset = self._paddr - self._engine.m.ram_base
        if self._crosses or not 0 <= offset < len(self._engine.ram):
            return None
        return int.from_bytes(self._engine.ram[offset : offset + self.width].tobytes(), "little")

    def is_done(self) -> bool:
        """Whether the instruction has retired."""
        return (self._h.cycle - 1, self._h.unretired) == self._before

    def concerns(self, watchpoint: Watchpoint) -> bool:
        """Whether it is an access of what is watched, in the way that is watched."""
        first = self._paddr if watchpoint.physical else self.vaddr
        width = 1 if watchpoint.physical and self._crosses else self.width
        overlaps = watchpoint.address < first + width and first < watchpoint.address + watchpoint.length
        return overlaps and bool(watchpoint.access & self.does)


class Addresses(MutableSet[int]):
    """The virtual addresses that have a breakpoint without conditions: what is added and discarded here."""

    def __init__(self, stops: Stops) -> None:
        self._stops = stops

    def _plain(self) -> dict[int, Breakpoint]:
        return {s.address: s for s in self._stops if isinstance(s, Breakpoint) and s.is_plain}

    def __contains__(self, address: object) -> bool:
        return address in self._plain()

    def __iter__(self) -> Iterator[int]:
        return iter(self._plain())

    def __len__(self) -> int:
        return len(self._plain())

    def __repr__(self) -> str:
        return f"{{{', '.join(map(hex, self))}}}"

    def add(self, value: int) -> None:
        """Set a breakpoint at this address, unless there is one."""
        if value not in self:
            self._stops.add(Breakpoint(value))

    def discard(self, value: int) -> None:
        """Take the breakpoint away if there is one."""
        breakpoint = self._plain().get(value)
        if breakpoint is not None:
            self._stops.remove(breakpoint)


class AddressesOf:
    """The attribute `breakpoints` of a machine: a live set, to which any other can be assigned."""

    def __get__(self, machine: Any, owner: Any = None) -> Addresses:
        return Addresses(machine.stops)

    def __set__(self, machine: Any, addresses: MutableSet[int]) -> None:
        there, wanted = Addresses(machine.stops), set(addresses)
        for address in set(there) - wanted:
            there.discard(address)
        for address in sorted(wanted):
            there.add(address)
