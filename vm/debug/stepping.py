"""Steps of a person, forward and backward: by instruction and line, over calls and traps, out of functions, to places.

A step back by line ends where the line begins: it is where a step forward from the line before would have ended.
"""

from collections.abc import Callable
from dataclasses import dataclass

from trapline.isa.word import MASK, WORD
from trapline.vm.debug import memory
from trapline.vm.debug.frames import Frame, frames
from trapline.vm.debug.mistake import Mistake
from trapline.vm.debug.running import Runner, Why, is_call
from trapline.vm.debug.target import Target
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.loader.source_lines import Place
from trapline.vm.registers import Hart

TURNS = 20_000
"""Instructions of other harts that a step of one hart waits for, at most."""
RETURNS = ("mret", "sret")


@dataclass(frozen=True)
class _Spot:
    """Where a hart stands. traps: how many it has taken."""

    pc: int
    sp: int
    mode: int
    traps: int

    @classmethod
    def of(cls, hart: Hart) -> "_Spot":
        return cls(hart.pc, hart.x["sp"], hart.mode, sum(hart.h.trap_counts))


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

    def over(self, number: int) -> Why:
        """One instruction, or all of the call, system call or interrupt that comes instead: gdb's `nexti`."""
        return self._one(number, over=True, by_line=False)

    def line(self, number: int, over: bool) -> Why:
        """Up to another source line; one instruction where the source is not known. over: also over calls and traps."""
        lines, hart = self._target.lines, self._hart(number)
        here = lines.line_range(hart.pc)
        start = lines.place(hart.pc)
        while True:
            why = self._one(number, over, bool(here))
            pc = self._hart(number).pc
            place = lines.place(pc)
            again = pc in here or (here and _same(place, start) and pc != here.start)
            if not is_limit(why) or not (again or self._inside(place)):
                return why

    def behind(self, number: int) -> Why:
        """On like `line`, over calls and traps, but past jumps back: out of a loop at its end."""
        lines, hart = self._target.lines, self._hart(number)
        here, function = lines.line_range(hart.pc), lines.function(hart.pc)
        if not here:
            return self._one(number, over=True, by_line=False)
        passed = range(here.start if function is None else function.start, here.stop)
        while True:
            why = self._one(number, over=True, by_line=True)
            if not is_limit(why) or not (hart.pc in passed or self._inside(lines.place(hart.pc))):
                return why

    def _inside(self, place: Place) -> bool:
        """Whether a place is within a line of the source, where no step by line ends."""
        return bool(place.file) and not self._target.lines.begins_statement(place.address)

    def _one(self, number: int, over: bool, by_line: bool) -> Why:
        """One instruction, or the call that it is: one without source is passed by a step by line."""
        machine, hart = self._target.machine, self._hart(number)
        before = _Spot.of(hart)
        call, behind = is_call(machine, hart, hart.pc), memory.behind(machine, hart, hart.pc)
        why = self.instruction(number)
        if not is_limit(why):
            return why
        if call and (over or (by_line and not self._target.lines.place(hart.pc).file)):
            return self._up_to(number, frozenset({behind}), before.sp)
        if over and _Spot.of(hart).traps != before.traps and hart.mode >= before.mode:
            return self._up_to(number, frozenset({before.pc, behind}), before.sp, before.mode)
        return why

    def _up_to(self, number: int, addresses: frozenset[int], sp: int, mode: int | None = None) -> Why:
        """On to one of these addresses, in a frame that is not below `sp`. mode: in which."""
        why = self._runner.go_to(addresses, self._within(number, sp, mode))
        return Exit(ExitReason.LIMIT, self._hart(number).pc) if is_breakpoint(why) else why

    def _within(self, number: int, sp: int, mode: int | None) -> Callable[[], bool]:
        """Whether the hart of this number is the one that stops, in a frame that is not below `sp`, and in a mode."""
        machine, hart = self._target.machine, self._hart(number)
        return lambda: machine.current is hart and hart.x["sp"] >= sp and mode in (None, hart.mode)

    def finish(self, number: int) -> Why:
        """On until the function has returned. Raises Mistake where its caller is not known."""
        caller = self._caller(number)
        return self._up_to(number, frozenset({caller.pc}), caller.sp)

    def _caller(self, number: int) -> Frame:
        found = frames(self._target.machine, self._hart(number), self._target.lines)
        if len(found) == 1:
            raise Mistake("the caller is not known; `where` shows the frames that are")
        return found[1]

    def until(self, addresses: frozenset[int]) -> Why:
        """On to one of these addresses, in any frame."""
        why = self._runner.go_to(addresses)
        return Exit(ExitReason.LIMIT, why.pc) if isinstance(why, Exit) and is_breakpoint(why) else why

    # Backward

    def instruction_back(self, number: int) -> Why:
        """Undo the last instruction of the hart of this number, and what the others have done since."""
        target, machine = self._target, self._target.machine
        h, now = machine.harts[number].h, machine.cycle
        cycle, late, early, distance = h.cycle, now, now, 1
        # Doubled steps back to where it had done less, then halves: the last moment of those is just before.
        while h.cycle == cycle and early > target.begin:
            late, early = early, max(target.begin, now - distance)
            target.go_to(early)
            distance *= 2
        if h.cycle == cycle:
            return Exit(ExitReason.BEGIN, machine.current.pc)
        while late - early > 1:
            middle = (early + late) // 2
            target.go_to(middle)
            if h.cycle == cycle:
                late = middle
            else:
                early = middle
        if machine.cycle != early:
            target.go_to(early)
        return Exit(ExitReason.LIMIT, machine.harts[number].pc)

    def over_back(self, number: int) -> Why:
        """Undo an instruction, or all of the call, system call or interrupt that has ended here."""
        return self._one_back(number, over=True, by_line=False)

    def line_back(self, number: int, over: bool) -> Why:
        """Back to where this line begins, if some of it is done; else to where the one before it does.

        One instruction where the source is not known. over: also over calls and traps.
        """
        lines, hart = self._target.lines, self._hart(number)
        known = bool(lines.line_range(hart.pc))
        while True:
            why = self._one_back(number, over, known)
            place = lines.place(hart.pc)
            begins = hart.pc == lines.line_range(hart.pc).start and not self._inside(place)
            if not is_limit(why) or not known or not place.file or begins:
                return why

    def _one_back(self, number: int, over: bool, by_line: bool) -> Why:
        """Undo an instruction, or the whole call or trap that has come back here."""
        machine, hart = self._target.machine, self._hart(number)
        behind = _Spot.of(hart)
        before = self._before(behind.pc)
        called = {address for address in before if is_call(machine, hart, address)}
        why = self.instruction_back(number)
        if not is_limit(why) or memory.behind(machine, hart, hart.pc) == behind.pc:
            return why
        if called and self._name(hart) == "jalr" and (over or (by_line and not self._target.lines.place(hart.pc).file)):
            return self._back_to(frozenset(called), self._within(number, behind.sp, None), number)
        if over and self._name(hart) in RETURNS:
            return self._before_trap(number, behind, before | {behind.pc})
        return why

    def _before(self, pc: int) -> frozenset[int]:
        """Where the instruction before an address may begin; one in the middle of another is never executed."""
        shortest = memory.shortest_instruction(self._target.machine)
        return frozenset((pc - length) & MASK for length in range(shortest, WORD + 1, shortest))

    def _back_to(self, addresses: frozenset[int], holds: Callable[[], bool], number: int) -> Why:
        why = self._runner.go_back_to(addresses, holds)
        return Exit(ExitReason.LIMIT, self._hart(number).pc) if is_breakpoint(why) else why

    def _before_trap(self, number: int, behind: _Spot, places: frozenset[int]) -> Why:
        """Back to where the trap was taken that has returned to a place: its instruction, or the one it came before."""
        hart = self._hart(number)
        while True:
            why = self._runner.go_back_to_trap(hart)
            if not is_limit(why):
                return why
            if hart.pc in places and (hart.x["sp"], hart.mode) == (behind.sp, behind.mode):
                return why

    def finish_back(self, number: int) -> Why:
        """Back to the call of the function. Raises Mistake where its caller is not known."""
        caller = self._caller(number)
        return self._back_to(self._before(caller.pc), self._within(number, caller.sp, None), number)

    def _name(self, hart: Hart) -> str:
        found = memory.decoded(self._target.machine, hart, hart.pc)
        return "" if found is None else found.instruction.name

    def _hart(self, number: int) -> Hart:
        return self._target.machine.harts[number]


def _same(place: Place, other: Place) -> bool:
    return (place.file, place.line) == (other.file, other.line)


def is_limit(why: Why) -> bool:
    """Whether it has gone as far as it should, and nothing was met."""
    return isinstance(why, Exit) and why.reason is ExitReason.LIMIT


def is_breakpoint(why: Why) -> bool:
    """Whether it is at one of the addresses that were asked for."""
    return isinstance(why, Exit) and why.reason is ExitReason.BREAKPOINT
