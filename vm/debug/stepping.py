"""Steps of a person: by instruction and by source line, over calls and traps, out of a function, up to a place."""

from trapline.isa.word import MASK
from trapline.vm.debug.frames import Frame, frames
from trapline.vm.debug.mistake import Mistake
from trapline.vm.debug.running import Runner, Why, is_call
from trapline.vm.debug.target import Target
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.registers import Hart

WORD = 4
TURNS = 20_000
"""Instructions of other harts that a step of one hart waits for, at most."""


class Stepper:
    """Steps of one hart of a target."""

    def __init__(self, target: Target, runner: Runner) -> None:
        self._target, self._runner = target, runner

    def instruction(self, number: int) -> Why:
        """One instruction of the hart of this number; the others take their turns meanwhile."""
        machine = self._target.machine
        cycle = machine.harts[number].h.cycle
        for _ in range(TURNS):
            why = self._runner.go(1)
            if not is_limit(why) or machine.harts[number].h.cycle != cycle:
                return why
        raise Mistake(f"hart {number} waits: it did no instruction while the others did {TURNS:,}")

    def line(self, number: int, over: bool) -> Why:
        """Up to another source line; one instruction where the source is not known. over: also over calls and traps."""
        lines, hart = self._target.lines, self._hart(number)
        here = lines.line_range(hart.pc)
        start = lines.place(hart.pc)
        while True:
            why = self._one(number, over, bool(here))
            pc = self._hart(number).pc
            place = lines.place(pc)
            again = pc in here or (here and (place.file, place.line) == (start.file, start.line) and pc != here.start)
            if not is_limit(why) or not again:
                return why

    def _one(self, number: int, over: bool, by_line: bool) -> Why:
        """One instruction, or the call that it is: one without source is passed by a step by line."""
        hart = self._hart(number)
        pc, sp, mode, traps = hart.pc, hart.x["sp"], hart.mode, sum(hart.h.trap_counts)
        call = is_call(self._target.machine, hart)
        why = self.instruction(number)
        hart = self._hart(number)
        if not is_limit(why):
            return why
        if call and (over or (by_line and not self._target.lines.place(hart.pc).file)):
            return self._up_to(number, frozenset({(pc + WORD) & MASK}), sp)
        if over and sum(hart.h.trap_counts) != traps and hart.mode >= mode:
            return self._up_to(number, frozenset({pc, (pc + WORD) & MASK}), sp, mode)
        return why

    def _up_to(self, number: int, addresses: frozenset[int], sp: int, mode: int | None = None) -> Why:
        """On to one of these addresses, in a frame that is not below `sp`. mode: in which."""
        while True:
            why = self._runner.go(until=addresses)
            if not is_breakpoint(why):
                return why
            machine = self._target.machine
            hart = machine.harts[number]
            if machine.current is hart and hart.x["sp"] >= sp and mode in (None, hart.mode):
                return Exit(ExitReason.LIMIT, hart.pc)

    def finish(self, number: int) -> Why:
        """On until the function has returned. Raises Mistake where its caller is not known."""
        machine, hart = self._target.machine, self._hart(number)
        found = frames(machine, hart, self._target.lines)
        if len(found) == 1:
            raise Mistake("the caller is not known; `where` shows the frames that are")
        caller: Frame = found[1]
        return self._up_to(number, frozenset({caller.pc}), caller.sp)

    def until(self, addresses: frozenset[int]) -> Why:
        """On to one of these addresses, in any frame."""
        why = self._runner.go(until=addresses)
        return Exit(ExitReason.LIMIT, why.pc) if isinstance(why, Exit) and is_breakpoint(why) else why

    def _hart(self, number: int) -> Hart:
        return self._target.machine.harts[number]


def is_limit(why: Why) -> bool:
    """Whether it has gone as far as it should, and nothing was met."""
    return isinstance(why, Exit) and why.reason is ExitReason.LIMIT


def is_breakpoint(why: Why) -> bool:
    """Whether it is at one of the addresses that were asked for."""
    return isinstance(why, Exit) and why.reason is ExitReason.BREAKPOINT
