"""Lets guests run in pieces, forth and back, until one of them stops or the debugger interrupts them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from trapline.vm.exit import Exit, ExitReason
from trapline.vm.experiments.guests import WAITING, take_turn
from trapline.vm.gdb.actions import Back, Step
from trapline.vm.gdb.inferior import Inferior
from trapline.vm.machine import Machine

PIECE = 0.03
"""Seconds that a guest runs between two looks."""


class Interrupted(Exception):
    """Raised out of a way back that the debugger, or a limit, does not wait for."""


@dataclass(frozen=True)
class Stopped:
    """What came of a run.

    exit: why the guest stopped, None for Ctrl-C; hart: that this is about, None for the one in the exit; is_done:
    whether what was wanted is done, so that a LIMIT is no end.
    """

    inferior: Inferior
    exit: Exit | None
    hart: int | None = None
    is_done: bool = False


class Runner:
    """Runs guests.

    interrupted: whether the debugger wants them to stand still; look: lets come what comes within so many seconds.
    deadline: of `time.monotonic`.
    """

    def __init__(self, interrupted: Callable[[], bool], look: Callable[[float], None]) -> None:
        self._interrupted, self._look = interrupted, look
        self.deadline: float | None = None

    @property
    def is_late(self) -> bool:
        """Whether the time for all of them is over."""
        return self.deadline is not None and time.monotonic() >= self.deadline

    def attend(self, inferior: Inferior) -> None:
        """Now and then on a way back. Raises Interrupted, and ConnectionLost."""
        if self._interrupted() or self.is_late or inferior.machine.console.attend():
            raise Interrupted

    # Forth

    def go(self, inferiors: Sequence[Inferior]) -> Stopped:
        """Let guests take turns until something ends that."""
        while True:
            found = self._turns(inferiors)
            if found is not None:
                return found
            if all(inferior.guest.waiting for inferior in inferiors):
                self._look(WAITING)

    def _turns(self, inferiors: Sequence[Inferior]) -> Stopped | None:
        """A turn for each, and a look after each."""
        for inferior in inferiors:
            exit = self._turn(inferior) if len(inferiors) > 1 else self._piece(inferior, None)
            is_cut = exit is not None and exit.reason is ExitReason.TIMEOUT and not self.is_over(inferior)
            if exit is not None and not is_cut:
                return Stopped(inferior, exit)
            if self.is_late:
                return Stopped(inferior, Exit(ExitReason.TIMEOUT, inferior.machine.current.pc))
            if self._interrupted():
                return Stopped(inferior, None)
        return None

    def _turn(self, inferior: Inferior) -> Exit | None:
        """A turn beside others."""
        guest = inferior.guest
        if self.is_over(inferior):
            return Exit(ExitReason.LIMIT, inferior.machine.current.pc)
        with _stopping_before_accesses(inferior.machine):
            take_turn(guest, seconds=PIECE)
        exit, guest.end = guest.end, None
        return exit

    def _piece(self, inferior: Inferior, steps: int | None) -> Exit:
        """Run for a moment, and at most so many instructions."""
        machine, most = inferior.machine, inferior.guest.max_instructions
        if most is not None:
            left = max(0, most - machine.cycle)
            steps = left if steps is None else min(steps, left)
        seconds = PIECE
        if self.deadline is not None:
            seconds = min(seconds, max(0.0, self.deadline - time.monotonic()))
        with _stopping_before_accesses(machine):
            return machine.run(steps, seconds)

    @staticmethod
    def is_over(inferior: Inferior) -> bool:
        """Whether a guest has done all the instructions that it may."""
        most = inferior.guest.max_instructions
        return most is not None and inferior.machine.cycle >= most

    def step(self, action: Step, inferior: Inferior, others: Sequence[Inferior]) -> Stopped:
        """Let a hart do an instruction, or leave a range of them. others: guests that run if that takes long."""
        machine = inferior.machine
        number = inferior.current if action.hart is None else action.hart
        hart = machine.harts[number]
        while True:
            before = hart.h.cycle
            while hart.h.cycle == before:
                turn = machine.engine.m.slice_left
                its_own = machine.current is hart or len(machine.harts) == 1
                exit = self._piece(inferior, 1 if its_own else max(1, turn))
                if exit.reason is ExitReason.TIMEOUT and not self.is_late:
                    if (found := self._turns(others)) is not None:
                        return found
                    if self._interrupted():
                        return Stopped(inferior, None, number)
                elif exit.reason is not ExitReason.LIMIT or self.is_over(inferior):
                    return Stopped(inferior, exit)
            if not action.start <= hart.pc < action.end:
                return Stopped(inferior, Exit(ExitReason.LIMIT, hart.pc), number, is_done=True)
            if self._interrupted():
                return Stopped(inferior, None, number)

    # Back

    def back_to_stop(self, inferior: Inferior) -> Stopped:
        """Go back to where a run stops."""
        try:
            return Stopped(inferior, inferior.machine.remember().run_back(undoing=True))
        except Interrupted:
            return Stopped(inferior, None)

    def back(self, action: Back, inferior: Inferior) -> Stopped:
        """Undo the last instruction of a hart."""
        number = inferior.current if action.hart is None else action.hart
        try:
            exit = self._back(inferior, number)
        except Interrupted:
            return Stopped(inferior, None, number)
        return Stopped(inferior, exit, number, is_done=True)

    @staticmethod
    def _back(inferior: Inferior, number: int) -> Exit:
        machine = inferior.machine
        history, h = machine.remember(), machine.harts[number].h
        wanted = h.cycle - 1
        now, back = machine.cycle, 1
        late = early = now
        with history.returning():
            # Of the moments before the one that is looked for, all have that or fewer: doubled steps back, then halves.
            while h.cycle > wanted and early > history.begin:
                late, early = early, max(history.begin, now - back)
                history.go_to(early)
                back *= 2
            if h.cycle > wanted:
                return Exit(ExitReason.BEGIN, machine.current.pc)
            while late - early > 1:
                middle = (early + late) // 2
                history.go_to(middle)
                if h.cycle <= wanted:
                    early = middle
                else:
                    late = middle
            history.go_to(early)
        return Exit(ExitReason.LIMIT, machine.harts[number].pc)


@contextmanager
def _stopping_before_accesses(machine: Machine) -> Iterator[None]:
    """gdb and lldb take watchpoints of RISC-V for triggers before the access, and step over it themselves.

    They do so backward, too, where the access has to be done.
    """
    machine.stops.before_access = True
    try:
        yield
    finally:
        machine.stops.before_access = False
