"""Runs a target until something is met that a person has set, forward and backward."""

from dataclasses import dataclass

from trapline.isa import Kind, decode
from trapline.isa.cause import INTERRUPT, describe
from trapline.isa.hart import ABI_NAMES
from trapline.isa.mode import MODE_NAMES
from trapline.isa.word import MASK
from trapline.vm.core.hart import INTERRUPT_COUNTS
from trapline.vm.debug import memory
from trapline.vm.debug.expressions import Where
from trapline.vm.debug.mistake import Mistake
from trapline.vm.debug.stops import ANY_INTERRUPT, EXIT, MODE, READ, TRAP, WRITE, Stop, Stops, Watchpoint
from trapline.vm.debug.target import Ended, Outcome, Target
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.machine import Machine
from trapline.vm.registers import Hart

FIRST_PIECE = 1 << 12
"""Instructions that are searched first when going back; each piece before is twice as long."""
ACCESSES = {Kind.LOAD: READ, Kind.LR: READ, Kind.STORE: WRITE, Kind.SC: WRITE, Kind.AMO: READ | WRITE}


@dataclass(frozen=True)
class Met:
    """Something that was set is met. about: what happened, in words."""

    stop: Stop
    about: str = ""


Why = Outcome | Met


@dataclass(frozen=True)
class _Access:
    pc: int
    address: int
    width: int
    access: int
    old: bytes | None


@dataclass(frozen=True)
class _Before:
    """A hart before a step."""

    cycle: int
    unretired: int
    mode: int
    traps: list[int]
    exits: list[int]
    access: _Access | None


class Runner:
    """Runs one target. stops: those that a person has set; where: in which their conditions are looked at.

    counting: whether hits count; a search does not count them.
    """

    def __init__(self, target: Target, stops: Stops, where: Where) -> None:
        self._target, self._stops, self._where = target, stops, where
        self._counting = True

    @property
    def machine(self) -> Machine:
        """The machine that runs."""
        return self._target.machine

    def go(self, count: int | None = None, until: frozenset[int] = frozenset()) -> Why:
        """Go on until something is met, by at most so many instructions.

        until: addresses at which to stop too, as at a breakpoint without a number: an Exit with that reason.
        """
        end = None if count is None else self.machine.cycle + count
        addresses = {b.address for b in self._stops.breakpoints} | until
        self.machine.breakpoints = addresses
        try:
            while True:
                left = None if end is None else end - self.machine.cycle
                why = self._watched() if self._stops.watchpoints or self._stops.catches else self._target.run(left)
                if isinstance(why, Exit) and why.reason is ExitReason.BREAKPOINT:
                    why = self._at_breakpoint(why, until)
                if why is not None:
                    return why
                if end is not None and self.machine.cycle >= end:
                    return Exit(ExitReason.LIMIT, self.machine.current.pc)
        finally:
            self.machine.breakpoints = set()

    def _at_breakpoint(self, exit: Exit, until: frozenset[int]) -> Why | None:
        for stop in self._stops.breakpoints:
            if stop.address == exit.pc and (met := self._met(stop)):
                if stop.once and self._counting:
                    self._stops.remove(stop.number)
                return met
        return exit if exit.pc in until else None

    def _met(self, stop: Stop, about: str = "") -> Met | None:
        """The stop, if its condition holds."""
        if stop.condition is not None:
            try:
                if not stop.condition.value(self._where):
                    return None
            except Mistake as mistake:
                about = f"{about}; " * bool(about) + f"its condition cannot be looked at: {mistake}"
        if self._counting:
            stop.hits += 1
        return Met(stop, about)

    # One instruction at a time, while there are watchpoints or catches

    def _watched(self) -> Why | None:
        """One instruction, and what it has met; None if nothing."""
        before = [self._before(number) for number in range(len(self.machine.harts))]
        why = self._target.run(1)
        for number, state in enumerate(before):
            if (met := self._met_by(number, state)) is not None:
                return met
        return None if isinstance(why, Exit) and why.reason is ExitReason.LIMIT else why

    def _before(self, number: int) -> _Before:
        hart, real = self.machine.harts[number], self.machine.engine.real
        access = self._access(hart) if self._stops.watchpoints else None
        exits = list(real[number].exits) if real else []
        return _Before(hart.h.cycle, hart.h.unretired, hart.mode, list(hart.h.trap_counts), exits, access)

    def _access(self, hart: Hart) -> _Access | None:
        """The access that the instruction at pc is about to do."""
        word = memory.instruction(self.machine, hart, hart.pc)
        instruction = None if word is None else decode(word)
        if word is None or instruction is None or instruction.kind not in ACCESSES:
            return None
        operands = instruction.pattern.extract(word)
        address = (hart.x[operands["rs1"]] + operands.get("imm", 0)) & MASK
        return _Access(
            hart.pc,
            address,
            instruction.width,
            ACCESSES[instruction.kind],
            self._bytes(hart, address, instruction.width),
        )

    def _bytes(self, hart: Hart, address: int, width: int) -> bytes | None:
        try:
            return memory.read(self.machine, hart, address, width)
        except Mistake:
            return None

    def _met_by(self, number: int, before: _Before) -> Met | None:
        hart = self.machine.harts[number]
        if hart.h.cycle == before.cycle and hart.mode == before.mode:
            return None
        if before.access is not None and hart.h.unretired == before.unretired:
            for watchpoint in self._stops.watchpoints:
                if (met := self._watched_by(watchpoint, before.access, hart)) is not None:
                    return met
        events = list(self._events(number, before))
        for stop in self._stops.catches:
            for event, cause, about in events:
                if stop.concerns(event, cause) and (met := self._met(stop, about)):
                    return met
        return None

    def _watched_by(self, watchpoint: Watchpoint, access: _Access, hart: Hart) -> Met | None:
        if not watchpoint.concerns(access.address, access.width, access.access):
            return None
        new = self._bytes(hart, access.address, access.width)
        name = {READ: "read", WRITE: "written"}.get(access.access, "read and written")
        place = f"{access.width} byte{'s' * (access.width > 1)} at {access.address:#010x} {name}"
        values = "" if new is None else f": {_number(new)}"
        if access.access & WRITE and access.old is not None and new is not None:
            values = f": {_number(access.old)} -> {_number(new)}"
        return self._met(watchpoint, f"{place} by {self._target.lines.place(access.pc)}{values}")

    def _events(self, number: int, before: _Before) -> list[tuple[str, int | None, str]]:
        machine = self.machine
        hart = machine.harts[number]
        found: list[tuple[str, int | None, str]] = []
        for code, (old, new) in enumerate(zip(before.traps, hart.h.trap_counts, strict=True)):
            if new > old:
                cause = code if code < INTERRUPT_COUNTS else (code - INTERRUPT_COUNTS) | INTERRUPT
                found.append((ANY_INTERRUPT if cause & INTERRUPT else TRAP, cause, describe(cause)))
        if hart.mode != before.mode:
            found.append((MODE, None, f"mode {MODE_NAMES[before.mode]} -> {MODE_NAMES[hart.mode]}"))
        if machine.engine.real:
            for cause, (old, new) in enumerate(zip(before.exits, machine.engine.real[number].exits, strict=True)):
                if new > old:
                    found.append((EXIT, cause, f"exit to the hypervisor: {describe(cause)}"))
        return found

    # Backward

    def back(self, count: int) -> bool:
        """Go back by so many instructions of all harts; whether that is not beyond the beginning."""
        now = self.machine.cycle
        self._target.go_to(max(self._target.begin, now - count))
        return now - count >= self._target.begin

    def go_back(self) -> Why:
        """Go back to the last moment at which something was met; to the beginning where there is none."""
        begin, end, piece = self._target.begin, self.machine.cycle, FIRST_PIECE
        inside = end - 1
        self._counting = False
        try:
            while end > begin:
                start = max(begin, end - piece)
                self._target.go_to(start)
                found = self._last_met(inside)
                if found is not None:
                    self._target.go_to(found[0])
                    return found[1]
                end, inside, piece = start, start, 2 * piece
            self._target.go_to(begin)
            return self._here() or Exit(ExitReason.BEGIN, self.machine.current.pc)
        finally:
            self._counting = True

    def _last_met(self, end: int) -> tuple[int, Met] | None:
        """The last thing that is met from here to `end`, and when."""
        found = None
        while self.machine.cycle < end:
            before = self.machine.cycle
            why = self.go(end - before)
            if isinstance(why, Met):
                found = self.machine.cycle, why
            elif isinstance(why, Exit) and why.reason is ExitReason.INTERRUPTED:
                raise KeyboardInterrupt
            elif isinstance(why, Ended) or self.machine.cycle == before:
                break
        return found

    def _here(self) -> Met | None:
        """A breakpoint before the next instruction."""
        here = self.machine.current.pc
        found = (self._met(stop) for stop in self._stops.breakpoints if stop.address == here)
        return next((met for met in found if met is not None), None)


def _number(data: bytes) -> str:
    return f"{int.from_bytes(data, 'little'):#x}"


def is_call(machine: Machine, hart: Hart) -> bool:
    """Whether the instruction at pc is a call: a jump that leaves its return address in ra or t0."""
    word = memory.instruction(machine, hart, hart.pc)
    instruction = None if word is None else decode(word)
    if word is None or instruction is None or instruction.kind is not Kind.JUMP:
        return False
    return ABI_NAMES[instruction.pattern.extract(word)["rd"]] in ("ra", "t0")
