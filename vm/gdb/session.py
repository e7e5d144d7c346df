"""Runs a machine for a debugger, who may come, interrupt it, ask, and go.

The machine runs in pieces; between two of them the debugger is looked at. So it computes what it would without one.
"""

import time
from collections.abc import Callable
from types import TracebackType

from trapline.vm.exit import Exit, ExitReason
from trapline.vm.gdb.actions import Action, Back, BackToStop, Detach, Go, Kill, Step
from trapline.vm.gdb.connection import Connection, ConnectionLost, Listener, readable
from trapline.vm.gdb.packets import Kind
from trapline.vm.gdb.stub import Stub
from trapline.vm.gdb.target_description import registers_of
from trapline.vm.machine import Machine

PIECE = 0.03
"""Seconds that the machine runs between two looks."""
WAIT = 0.05
"""Seconds between two looks at the keyboard while the machine stands still."""
STUCK = (ExitReason.TRAP_LOOP, ExitReason.ENDLESS_LOOP, ExitReason.IDLE)
"""Ends of a run after which a debugger wants to look around."""
STOPS = (ExitReason.BREAKPOINT, ExitReason.WATCHPOINT, ExitReason.CATCH, ExitReason.BEGIN)


class Interrupted(Exception):
    """Raised out of a way back that the debugger, or a limit, does not wait for."""


class Session:
    """A machine and its debugger.

    report: prints a line for the person at the terminal. waits: whether the machine stands still until a debugger has
    come and let it go. reversible: whether its history is kept.
    """

    def __init__(
        self, machine: Machine, listener: Listener, report: Callable[[str], None], waits: bool, reversible: bool = True
    ) -> None:
        self._machine, self._listener, self._report = machine, listener, report
        self._waits = waits
        self._reversible = reversible
        self._connection: Connection | None = None
        self._stub: Stub | None = None
        self._just_came = False
        self._end: int | None = None
        self._deadline: float | None = None
        self._registers = registers_of(machine.harts[0])  # now: it takes longer than gdb waits for its first answer
        if reversible:
            machine.remember().attend = self._attend

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()
        self._listener.close()

    def run(self, max_instructions: int | None = None, timeout: float | None = None) -> Exit:
        """As `Machine.run`, with the debugger. timeout: the time in which the machine stands still counts."""
        machine = self._machine
        self._end = None if max_instructions is None else machine.cycle + max_instructions
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._listener.listen()
        self._report(f"waiting for gdb at {self._listener.place}" if self._waits else f"gdb: {self._listener.place}")
        action: Action | None = None if self._waits else Go()
        while True:
            try:
                exit = self._converse() if action is None else self._do(action)
            except ConnectionLost:
                self._report("gdb is gone; the guest goes on")
                self._hang_up()
                action = Go()
                continue
            except KeyboardInterrupt:
                return Exit(ExitReason.INTERRUPTED, machine.current.pc)
            if isinstance(exit, Exit):
                return exit
            action = exit

    def end(self, status: int, signal: int = 0) -> None:
        """Tell the debugger that the guest has ended. signal: what killed a process."""
        try:
            if self._connection is not None:
                self._connection.send(Stub.ended(status, signal))
        except ConnectionLost:
            pass

    # While the machine stands still

    def _converse(self) -> Action | Exit:
        """Answer packets until one says what to do."""
        while True:
            self._just_came = False
            answered = self._answer()
            if answered is not None:
                return answered
            if self._machine.console.attend():
                return Exit(ExitReason.QUIT, self._machine.current.pc)
            if self._deadline is not None and time.monotonic() >= self._deadline:
                return Exit(ExitReason.TIMEOUT, self._machine.current.pc)
            self._look(WAIT)

    def _answer(self) -> Action | None:
        """Answer the packets that have come, until one says what to do."""
        connection, stub = self._connection, self._stub
        if connection is None or stub is None:
            return None
        for arrival in connection.arrivals():
            if arrival.kind is not Kind.PACKET:
                continue  # it is interrupted already
            answer = stub.answer(arrival.data)
            for packet in answer.packets:
                connection.send(packet)
            connection.acknowledges = stub.acknowledges
            if answer.action is not None:
                return answer.action
        return None

    def _look(self, seconds: float) -> None:
        """Let come what comes within so many seconds."""
        connection = self._connection
        places = [self._listener] if connection is None else [self._listener, connection]
        ready = readable(*places, seconds=seconds)
        if self._listener in ready and (came := self._listener.accept()) is not None:
            if connection is not None:
                came.close()  # one debugger at a time
            else:
                self._connection, self._stub = came, Stub(self._machine, self._registers, self._reversible)
                self._just_came = True
        if connection is not None and connection in ready:
            connection.receive()

    def _hang_up(self) -> None:
        if self._stub is not None:
            self._stub.leave()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._stub = None

    # While it runs

    def _do(self, action: Action) -> Exit | Action | None:
        """Do what the debugger wants: the end of the run, what to do next, or None where it stands still."""
        if isinstance(action, Kill):
            return Exit(ExitReason.KILLED, self._machine.current.pc)
        if isinstance(action, Detach):
            self._report("gdb has detached; the guest goes on")
            self._hang_up()
            return Go()
        if self._stub is not None:
            self._stub.settle()
        hart: int | None = None
        try:
            if isinstance(action, BackToStop):
                exit: Exit | None = self._machine.remember().run_back(undoing=True)
            elif isinstance(action, Back):
                exit, hart = self._back(action)
            elif isinstance(action, Step):
                exit, hart = self._step(action)
            else:
                exit = self._go()
        except Interrupted:
            exit = None
        if self._machine.history is not None:
            self._machine.history.renew()
        if exit is None or exit.reason in STOPS or self._is_at_limit_of(action, exit):
            self._say_stopped(exit, hart)
            return None
        if exit.reason in STUCK and self._connection is not None:
            for packet in Stub.printed(f"trapline: {exit}\n"):
                self._connection.send(packet)
            self._say_stopped(exit, hart)
            return None
        return exit

    def _is_at_limit_of(self, action: Action, exit: Exit) -> bool:
        """Whether the exit is only that what was wanted is done."""
        return exit.reason is ExitReason.LIMIT and not isinstance(action, Go) and not self._is_over()

    def _is_over(self) -> bool:
        return self._end is not None and self._machine.cycle >= self._end

    def _say_stopped(self, exit: Exit | None, hart: int | None) -> None:
        if self._connection is not None and self._stub is not None:
            reply = self._stub.stopped(exit, hart)
            if not self._just_came:  # else it is going to ask
                self._connection.send(reply)
        self._just_came = False

    def _piece(self, steps: int | None) -> Exit:
        """Run for a moment, and at most so many instructions."""
        machine = self._machine
        if self._end is not None:
            left = max(0, self._end - machine.cycle)
            steps = left if steps is None else min(steps, left)
        seconds = PIECE
        if self._deadline is not None:
            seconds = min(seconds, max(0.0, self._deadline - time.monotonic()))
        # gdb and lldb take watchpoints of RISC-V for triggers before the access, and step over it themselves.
        # They do so backward, too, where the access has to be done.
        machine.stops.before_access = True
        try:
            return machine.run(steps, seconds)
        finally:
            machine.stops.before_access = False

    def _go(self) -> Exit | None:
        """Run until something ends it; None for the debugger."""
        while True:
            exit = self._piece(None)
            if exit.reason is not ExitReason.TIMEOUT or self._is_late():
                return exit
            if self._interrupted():
                return None

    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _interrupted(self) -> bool:
        """Whether the debugger has come, or wants the machine to stand still; as for QEMU, each packet says so."""
        self._look(0)
        connection = self._connection
        if self._just_came:
            self._report("gdb has come")
            return True
        if connection is None:
            return False
        for arrival in connection.arrivals():
            if arrival.kind is Kind.PACKET:
                connection.put_back(arrival)
            return True
        return False

    def _attend(self) -> None:
        """Now and then on a way back. Raises Interrupted, and ConnectionLost."""
        if self._interrupted() or self._is_late() or self._machine.console.attend():
            raise Interrupted

    def _step(self, action: Step) -> tuple[Exit | None, int]:
        """Let a hart do an instruction, or leave a range of them: why it stands still, and which hart that is about."""
        machine = self._machine
        number = machine.harts.index(machine.current) if action.hart is None else action.hart
        hart = machine.harts[number]
        while True:
            before = hart.h.cycle
            while hart.h.cycle == before:
                turn = machine.engine.m.slice_left
                its_own = machine.current is hart or len(machine.harts) == 1
                exit = self._piece(1 if its_own else max(1, turn))
                if exit.reason is ExitReason.TIMEOUT and not self._is_late():
                    if self._interrupted():
                        return None, number
                elif exit.reason is not ExitReason.LIMIT or self._is_over():
                    return exit, machine.harts.index(machine.current)
            if not action.start <= hart.pc < action.end:
                return Exit(ExitReason.LIMIT, hart.pc), number
            if self._interrupted():
                return None, number

    def _back(self, action: Back) -> tuple[Exit, int]:
        """Undo the last instruction of a hart: why it stands still, and which hart that is about."""
        machine = self._machine
        history = machine.remember()
        number = machine.harts.index(machine.current) if action.hart is None else action.hart
        h = machine.harts[number].h
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
                return Exit(ExitReason.BEGIN, machine.current.pc), number
            while late - early > 1:
                middle = (early + late) // 2
                history.go_to(middle)
                if h.cycle <= wanted:
                    early = middle
                else:
                    late = middle
            history.go_to(early)
        return Exit(ExitReason.LIMIT, machine.harts[number].pc), number
