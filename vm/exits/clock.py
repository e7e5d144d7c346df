"""How time passes while all harts idle: it is skipped, or follows the wall clock.

`mtime` counts ticks of 100 ns, one per STEPS_PER_TICK of a hart (`vm.core.loop`). The clock adds to it.
"""

import time

from trapline.vm.core.counters import FOREVER, STEPS_PER_TICK
from trapline.vm.core.loop import skip_time, ticks_to_wake
from trapline.vm.exits.clock_kinds import KINDS
from trapline.vm.exits.served_machine import ServedMachine, WaitingBoard
from trapline.vm.host.console import PATIENCE

TICKS = 10_000_000
"""Ticks of mtime per second."""
NANOSECONDS = 1_000_000_000 // TICKS
"""Nanoseconds of a tick."""
AHEAD = TICKS // 100
"""Ticks that a fast guest may be ahead of the wall before it has to wait."""


class Clock:
    """The clock of one machine (`vm.machine.Machine`).

    passed: ticks by which it has followed the host's.

    kind: `instructions` skips the time that all harts spend waiting; with `wall`, mtime follows the host's clock from
    the first step on. Raises ValueError for any other.

    Even with `instructions`, a guest that waits for a person to type waits in real time: its timer would otherwise
    tick as fast as the host can go.
    """

    def __init__(self, machine: ServedMachine, kind: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"clock must be 'instructions' or 'wall', not '{kind}'")
        self.wall = kind == "wall"
        self._machine = machine
        self._started: tuple[int, int] | None = None
        self.passed = 0

    def start(self) -> bool:
        """Begin a run: whether clock and terminal need attention while harts run, which then return when they idle."""
        attended = self.wall or self._machine.console.interactive
        self._machine.engine.m.idle_exits = int(attended)
        return attended

    def follow(self) -> None:
        """Let mtime catch up with the wall clock; a guest that is ahead of it waits."""
        if not self.wall:
            return
        engine = self._machine.engine
        now = time.monotonic_ns() // NANOSECONDS, max((h.cycle + h.idled) // STEPS_PER_TICK for h in engine.h)
        if self._started is None:
            self._started = now
        # A guest may set mtime, so elapsed time is added and mtime is never set.
        behind = (now[0] - self._started[0]) - (now[1] - self._started[1])
        if behind > 0:
            self._advance(behind)
            self._started = now
        elif behind < -AHEAD:
            self._machine.console.pause(min(-behind / TICKS, PATIENCE))

    def idle(self) -> bool:
        """All harts wait: let time pass until the next timer interrupt or input. False if there can be neither."""
        machine = self._machine
        board = machine.board
        if board is None:
            return False
        board.update()
        left = self._ticks_left()
        if board.woken() or board.busy:  # woken perhaps by a deadline that has passed meanwhile
            return True
        if left == FOREVER:
            return board.wait()
        if self.wall:
            machine.console.pause(min(left / TICKS, PATIENCE))
        elif machine.console.interactive and not machine.console.pending and self._awaited(board):
            before = time.monotonic_ns()
            machine.console.pause(min(left / TICKS, PATIENCE))
            board.update()
            if not board.woken() and not machine.console.pending:
                self._advance(min(left, (time.monotonic_ns() - before) // NANOSECONDS))
        else:
            skip_time(machine.engine.h, machine.engine.m, len(machine.engine.h))
        return True

    def _awaited(self, board: WaitingBoard) -> bool:
        return board.input_interrupts() or self._machine.console.awaited

    def _ticks_left(self) -> int:
        """Ticks until the next timer interrupt that would wake a hart; FOREVER if none."""
        engine = self._machine.engine
        return min((ticks_to_wake(h, engine.m) for h in engine.h if not h.stopped), default=FOREVER)

    def waits_outside(self) -> bool:
        """Whether what `idle` would do depends on when it is called, or on input."""
        machine, board = self._machine, self._machine.board
        if board is None:
            return False
        board.update()
        if board.woken() or board.busy:
            return False
        typed = machine.console.interactive and not machine.console.pending and self._awaited(board)
        return self.wall or typed or self._ticks_left() == FOREVER

    def _advance(self, ticks: int) -> None:
        self.passed += ticks
        self._machine.advance_time(ticks)
